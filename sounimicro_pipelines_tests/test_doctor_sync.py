"""What the doctor says of numbers, their series and webhooks, over a running sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sounimicro_pipelines.doctor_sync import (
    creation,
    crm_numbers,
    crm_webhook,
    erp_series,
    erp_webhook,
    webhook_settings,
)
from sounimicro_pipelines.findings import Finding
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.panels.diagnosis import tell
from sounimicro_pipelines.panels.words import words
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.superoffice.webhooks import Hook
from sounimicro_pipelines.store import companies, rule_versions
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.sync.hooks import NAME
from sounimicro_pipelines.unimicro.events import Plan, ensure_plan
from sounimicro_pipelines_tests.orchestration.conftest import installation_on

HERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=4, parties=4, companies=2) as running:
        yield running


@pytest.fixture
def installation(sandbox: Sandbox, tmp_path: Path) -> Iterator[Installation]:
    opened = installation_on(sandbox, tmp_path, panels_public_url=HERE)
    yield opened
    opened.store.close()


@dataclass(frozen=True)
class Shown:
    level: str
    text: str
    remedy: str


def shown(findings: list[Finding]) -> dict[str, Shown]:
    """Findings by their title, as the terminal tells them."""
    told = [(one, tell(words("en"), one)) for one in findings]
    return {one.title: Shown(finding.level, one.text, one.remedy) for finding, one in told}


def of_crm(installation: Installation, check: Any) -> dict[str, Shown]:
    async def main() -> list[Finding]:
        async with installation.superoffice() as client:
            return [one async for one in check(installation, client)]

    return shown(asyncio.run(main()))


def of_erp(installation: Installation) -> dict[str, Shown]:
    async def main() -> list[Finding]:
        async with installation.unimicro() as client:
            used, _ = await installation.companies(client)
            found: list[Finding] = []
            checks: list[AsyncIterator[Finding]] = [erp_series(client, used)]
            checks += [erp_webhook(installation, client.company(one), one) for one in used]
            for check in checks:
                found += [one async for one in check]
            return found

    return shown(asyncio.run(main()))


def test_a_number_that_the_crm_allots_itself_gets_another_field_proposed(
    sandbox: Sandbox, installation: Installation
) -> None:
    series = sandbox.crm.options.numbers["contact"]
    allots, series.allocate = series.allocate, True
    try:
        found = of_crm(installation, crm_numbers)["Number of a customer in the CRM"]
    finally:
        series.allocate = allots
    assert found.level == "note"
    assert "allots Number2 by itself" in found.text
    assert "the ERP's number is not written there" in found.text
    assert "crm: " in found.remedy
    assert "Number2" not in found.remedy.split("crm: ")[1]
    series.allocate = False
    try:
        quiet = of_crm(installation, crm_numbers)["Number of a customer in the CRM"]
    finally:
        series.allocate = allots
    assert (quiet.level, quiet.remedy) == ("ok", "")


def test_a_rule_that_cannot_know_in_which_company_to_create_is_told(installation: Installation) -> None:
    title = "Creation in the ERP by the rule customer"
    with installation.store.transaction() as tx:
        now = installation.clock.now()
        companies.remember(tx, [CompanyRow(key, key, f"Firma {key}", None, False, True, now) for key in ("k1", "k2")])
    assert title not in of_crm(installation, creation)
    document = default_document("customer").replace("in_erp: on_request", "in_erp: automatic")
    with installation.store.transaction() as tx:
        rule_versions.save(tx, "customer", document, by="test", now=now, expected=None)
    told = of_crm(installation, creation)[title]
    assert told.level == "note"
    assert "2 ERP companies have gone live" in told.text


def test_companies_that_allot_the_same_numbers_and_series_that_run_out_are_told(
    sandbox: Sandbox, installation: Installation
) -> None:
    found = of_erp(installation)
    shared = found["Number series of a project"]
    assert shared.level == "note"
    assert sandbox.erp.key(1).lower() in shared.text
    assert "do not overlap" in shared.remedy
    (row,) = [one for one in sandbox.erp.rows(1, "NumberSeries") if str(one["Name"]).startswith("Project")]
    sandbox.erp.edit(1, "NumberSeries", row["ID"], {"ToNumber": row["NextNumber"] + 9})
    other = next(one for one in sandbox.erp.rows(2, "NumberSeries") if str(one["Name"]).startswith("Project"))
    sandbox.erp.edit(2, "NumberSeries", other["ID"], {"FromNumber": 500_001, "ToNumber": 599_999})
    after = of_erp(installation)
    few = next(one for title, one in after.items() if title.endswith("number series of a project"))
    assert "10 numbers left" in few.text
    assert "Number series of a project" not in after


def test_webhooks_are_said_to_be_missing_registered_or_stopped(sandbox: Sandbox, installation: Installation) -> None:
    assert webhook_settings(installation) == []
    assert of_crm(installation, crm_webhook)["CRM webhook"].text == "Not registered yet."
    assert {one.text for title, one in of_erp(installation).items() if title.endswith("webhook")} == {
        "Not registered yet."
    }

    async def register() -> None:
        async with installation.unimicro() as client:
            used, _ = await installation.companies(client)
            key = installation.settings.unimicro_webhook_signing_key
            assert key is not None
            await ensure_plan(client.company(used[0]), Plan(NAME, ("Customer",), f"{HERE}/hooks/unimicro/x"), key)

    asyncio.run(register())
    at = sandbox.clock.now()
    url = f"{HERE}/hooks/superoffice/Cust12345"
    sandbox.crm.webhooks.add(Hook(1, NAME, ["contact.changed"], url, registered=at, updated=at))
    assert of_crm(installation, crm_webhook)["CRM webhook"].level == "ok"
    assert "Registered." in {one.text for one in of_erp(installation).values()}
    (hook,) = sandbox.crm.webhooks.hooks.values()
    hook.state, hook.last_error = "TooManyErrors", "HTTP 502"
    stopped = of_crm(installation, crm_webhook)["CRM webhook"]
    assert stopped.level == "bad"
    assert "TooManyErrors" in stopped.text
    assert "HTTP 502" in stopped.text
