"""The panels with sign-in over a sandbox that is really synchronized, with one ERP company that is live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any, TypeVar

import dagster as dg

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import leave
from sounimicro_pipelines.orchestration.golive_job import GO_LIVE
from sounimicro_pipelines.orchestration.sync_jobs import definitions_of_jobs
from sounimicro_pipelines.orchestration.sync_sensors import go_live_reports
from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import conflicts, issues, links, open_store, runs
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync import engine, feeds
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.requests import Outcome
from sounimicro_pipelines_tests.panels.signed_world import SECRET, SignedWorld, served

T = TypeVar("T")
START = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
NAME, CITY = "Name", "Address.Postal.City"


class OperatedWorld(SignedWorld):
    """`told` are the outcomes that Dagster would hear of."""

    installation: Installation
    told: list[Outcome]

    @property
    def key(self) -> str:
        return self.sandbox.erp.key(1)

    def ask(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do some work over both systems, as another process would."""

        async def main() -> T:
            async with self.installation.sync_connection() as connection:
                return await work(connection)

        with ThreadPoolExecutor(1) as aside:
            return aside.submit(asyncio.run, main()).result()

    def sync(self) -> str:
        """Poll and work off every rule once; answers the id of the customers' run."""

        async def work(connection: Connection) -> str:
            first = ""
            for rule in RULE_NAMES:
                world = await connection.world()
                first = first or world.run_id
                await feeds.poll(world, rule, now_due=True)
                await engine.drain(world, rule)
            return first

        self.clock.advance(120)
        return self.ask(work)

    def customers(self) -> list[Link]:
        """Linked customers, by id."""
        with self.store.read() as tx:
            return links.of_rule(tx, "customer")

    def disagree(self, link: Link, crm: str, erp: str) -> tuple[Issue, Conflict]:
        """Both sides rename a customer."""
        self.sandbox.crm.edit("contact", link.crm_id, {"Name": crm})
        self.sandbox.erp.edit(1, "Customer", link.erp_id, {"Info.Name": erp})
        self.sync()
        with self.store.read() as tx:
            issue = next(one for one in issues.listing(tx, kind="conflict") if one.link_id == link.id)
            conflict = conflicts.open_for(tx, link.id, NAME)
        assert conflict is not None
        return issue, conflict

    def names(self, link: Link) -> tuple[str, str]:
        """What the two systems call a customer now."""
        erp = self.sandbox.erp.read(1, "Customer", link.erp_id, "Info")["Info"]["Name"]
        return str(self.sandbox.crm.read("contact", link.crm_id)["Name"]), str(erp)


@contextmanager
def operated_world(folder: Path, *, live: bool = True, **extra: Any) -> Iterator[OperatedWorld]:
    """Serve the panels on a free port; with `live` the company has gone live and its registers are in step."""
    clock = ManualClock(START)
    with Sandbox(seed=5, parties=7, companies=1, rate=0.2, clock=clock) as sandbox:
        store = open_store(f"sqlite:///{folder / 'state' / 'store.db'}")
        told: list[Outcome] = []
        with socket() as listening:
            listening.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            sandbox.crm.application.redirect_uris = [f"{url}/auth/callback"]
            values: dict[str, Any] = {name.lower(): value for name, value in sandbox.environment.items()}
            settings = Settings(
                _env_file=None,  # type: ignore[call-arg]
                **values,
                **{
                    "sounimicro_home": folder,
                    "sounimicro_companies": f"demo={sandbox.erp.key(1)}",
                    "sounimicro_requests_per_second": 0,
                    "panels_public_url": url,
                    "panels_session_secret": SECRET,
                    **extra,
                },
            )
            app = create_app(settings, store, clock=clock, tell=told.append)
            with served(app, listening):
                world = OperatedWorld(sandbox, store, clock, folder, settings, app, url)
                world.installation, world.told = Installation(settings, clock, store), told
                if live:
                    _go_live(world)
                yield world
        store.close()


def _go_live(world: OperatedWorld) -> None:
    async def note(connection: Connection) -> None:
        """Asking for the companies remembers them."""

    world.ask(note)
    with world.store.transaction() as tx:
        runs.accept_go_live(
            tx, tenant=world.tenant, company_key=world.key, report_id=None, by="cli", now=world.clock.now()
        )
    world.sync()


def dagster_makes_the_report(world: OperatedWorld) -> bool:
    """The sensor ticks and the run that it asks for is done; answers whether the report was made."""

    def work() -> bool:
        with dg.DagsterInstance.ephemeral() as instance:
            given = {"installation": world.installation}
            asked = go_live_reports.evaluate_tick(dg.build_sensor_context(instance=instance, resources=given))
            (request,) = asked.run_requests or []
            job = definitions_of_jobs().resolve_job_def(GO_LIVE)
            config: Any = request.run_config
            return job.execute_in_process(
                run_config=config, instance=instance, resources=given, raise_on_error=False
            ).success

    with ThreadPoolExecutor(1) as aside:
        made = aside.submit(work).result()
    leave(world.installation)
    return made
