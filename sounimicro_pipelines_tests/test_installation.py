"""The ERP companies that an installation works with, over a running sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.store import issues
from sounimicro_pipelines_tests.orchestration.conftest import installation_on


def in_use(installation: Installation) -> list[str]:
    async def read() -> list[str]:
        async with installation.unimicro() as client:
            used, _ = await installation.companies(client)
        return [one.alias for one in used]

    return asyncio.run(read())


def told(installation: Installation) -> list[tuple[str, str | None]]:
    with installation.store.read() as tx:
        return [(one.kind, one.company_key) for one in issues.listing(tx)]


def test_a_company_that_withdraws_is_told_while_it_is_away_and_the_others_go_on(tmp_path: Path) -> None:
    with Sandbox(seed=4, parties=4, companies=2) as sandbox:
        named = ",".join(f"{alias}={sandbox.erp.key(number)}" for alias, number in (("nord", 1), ("sor", 2)))
        installation = installation_on(sandbox, tmp_path, sounimicro_companies=named)
        try:
            assert in_use(installation) == ["nord", "sor"]
            sandbox.erp.withdraw_company(2)
            assert in_use(installation) == ["nord"]
            assert told(installation) == [("accessdenied", sandbox.erp.key(2))]
            sandbox.erp.options.no_company_access.clear()
            assert in_use(installation) == ["nord", "sor"]
            assert told(installation) == []
        finally:
            installation.store.close()
