"""Both vendors' webhooks registered, kept and repaired on the sandbox, and a change that arrives by them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from pydantic import SecretStr

from sounimicro_pipelines.clock import SystemClock
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import issues, watermarks, work
from sounimicro_pipelines.sync.hooks import NAME, HookState, ensure_hooks, wanted
from sounimicro_pipelines.sync.opening import Connection

T = TypeVar("T")


@dataclass
class Served:
    """A sandbox and the panels that it calls."""

    sandbox: Sandbox
    installation: Installation

    def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def main() -> T:
            async with self.installation.sync_connection() as connection:
                return await work(connection)

        return asyncio.run(main())

    def ensure(self, settings: Settings | None = None) -> list[HookState]:
        given = settings or self.installation.settings
        return self.run(lambda one: ensure_hooks(one, given, self.installation.clock.now()))

    def items(self) -> set[tuple[str, str, int]]:
        with self.installation.store.read() as tx:
            return {(one.side, one.entity, one.record_id) for one in work.listing(tx)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    with Sandbox(seed=6, parties=5, companies=1) as sandbox:
        values: dict[str, Any] = {name.lower(): value for name, value in sandbox.environment.items()}
        values |= {"sounimicro_home": home, "sounimicro_requests_per_second": 0}
        installation = Installation(Settings(_env_file=None, **values))
        installation.prepare_home()
        app = create_app(installation.settings, installation.store, clock=SystemClock())
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        values["panels_public_url"] = f"http://127.0.0.1:{port}"
        opened = Installation(Settings(_env_file=None, **values))
        yield Served(sandbox, opened)
        server.should_exit = True
        thread.join(10)
        opened.store.close()
        installation.store.close()


def until(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_hooks_are_made_once_and_a_change_arrives_by_them(served: Served) -> None:
    assert [(one.vendor, one.state) for one in served.ensure()] == [
        ("superoffice", "repaired"),
        ("unimicro", "repaired"),
    ]
    mark = served.sandbox.journal.mark()
    assert [one.state for one in served.ensure()] == ["active", "active"]
    assert served.sandbox.journal.mark() == mark
    assert len(served.sandbox.crm.webhooks.hooks) == 1
    crm_id = next(row["contact_id"] for row in served.sandbox.crm.db["contact"] if not row["isOwner"])
    erp_id = served.sandbox.erp.rows(1, "Customer")[0]["ID"]
    served.sandbox.crm.edit("contact", crm_id, {"Name": "Endret i CRM AS"})
    served.sandbox.erp.edit(1, "Customer", erp_id, {"CreditDays": 45})
    assert until(lambda: {("crm", "contact", crm_id), ("erp", "Customer", erp_id)} <= served.items())
    with served.installation.store.read() as tx:
        assert not issues.listing(tx)


def test_a_new_secret_is_written_and_the_old_one_no_longer_signs(served: Served) -> None:
    served.ensure()
    changed = served.installation.settings.model_copy(
        update={
            "superoffice_webhook_secret": SecretStr("ny-hemmelighet-1"),
            "unimicro_webhook_signing_key": SecretStr("ny-hemmelighet-2"),
        }
    )
    assert [one.state for one in served.ensure(changed)] == ["repaired", "repaired"]
    (hook,) = served.sandbox.crm.webhooks.hooks.values()
    assert hook.secret == "ny-hemmelighet-1"
    assert [row["SigningKey"] for row in served.sandbox.erp.rows(1, "Eventplan")] == ["ny-hemmelighet-2"]
    assert [one.state for one in served.ensure(changed)] == ["active", "active"]
    assert [one.state for one in served.ensure()] == ["repaired", "repaired"]


def test_a_hook_that_the_crm_has_stopped_is_set_going_and_what_was_missed_is_polled(served: Served) -> None:
    served.ensure()
    name = f"crm:{served.sandbox.crm.options.tenant}:contact"
    now = served.installation.clock.now()
    with served.installation.store.transaction() as tx:
        from datetime import timedelta

        watermarks.lease(tx, name, holder="x", now=now, hold=timedelta(0), every=timedelta(0))
        watermarks.advance(tx, name, holder="x", now=now, watermark=now)
    (hook,) = served.sandbox.crm.webhooks.hooks.values()
    hook.state = "TooManyErrors"
    assert served.ensure()[0].state == "repaired"
    assert hook.state == "Active"
    with served.installation.store.read() as tx:
        feed = watermarks.get(tx, name)
    assert feed is not None
    assert feed.polled_at is None


def test_a_hook_that_points_elsewhere_is_turned_to_us(served: Served) -> None:
    served.ensure()
    (hook,) = served.sandbox.crm.webhooks.hooks.values()
    hook.target_url = "http://127.0.0.1:9/elsewhere"
    plan = served.sandbox.erp.rows(1, "EventSubscriber")[0]
    served.sandbox.erp.edit(1, "EventSubscriber", plan["ID"], {"Endpoint": "http://127.0.0.1:9/elsewhere"})
    assert [one.state for one in served.ensure()] == ["repaired", "repaired"]
    assert "/hooks/superoffice/" in hook.target_url
    assert "/hooks/unimicro/" in served.sandbox.erp.rows(1, "EventSubscriber")[0]["Endpoint"]


def test_a_system_that_refuses_is_an_issue_and_the_other_goes_on(served: Served) -> None:
    served.sandbox.erp.deny("Eventplan")
    try:
        states = served.ensure()
        assert [one.state for one in states] == ["active", "refused"]
        with served.installation.store.read() as tx:
            (issue,) = [one for one in issues.listing(tx) if one.kind == "webhook_refused"]
        assert issue.company_key == served.sandbox.erp.key(1)
        assert "polling" in issue.remedy
    finally:
        served.sandbox.erp.allow("Eventplan")
    served.ensure()
    with served.installation.store.read() as tx:
        assert not [one for one in issues.listing(tx) if one.kind == "webhook_refused"]


def test_without_an_address_or_a_secret_nothing_is_registered(tmp_path: Path, served: Served) -> None:
    plain = served.installation.settings.model_copy(update={"panels_public_url": None})
    assert served.ensure(plain) == []
    assert any("PANELS_PUBLIC_URL" in line for line in wanted(plain))
    open_http = plain.model_copy(update={"panels_public_url": "http://panels.example.no"})
    assert served.ensure(open_http) == []
    half = served.installation.settings.model_copy(update={"superoffice_webhook_secret": None})
    assert [one.vendor for one in served.ensure(half)] == ["unimicro"]
    assert wanted(served.installation.settings) == []
    assert NAME == "sounimicro"
