"""A whole engine over the sandbox: the real sides, a real store, the shipped rules."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.rules.versions import load_rules
from sounimicro_pipelines.store import companies, open_store, runs
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.feeds import poll
from sounimicro_pipelines.sync.opening import plain_registries
from sounimicro_pipelines.sync.ports import Reporter, Silent
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.world import Patience, World
from sounimicro_pipelines_tests.sync.systems import Sides, Systems

T = TypeVar("T")
TENANT_WIDE = Patience(late_effect=90, search_lag=30)


class Bench:
    """Both systems with a store of its own; `do` runs work with a new world each time."""

    def __init__(self, systems: Systems, folder: Path, *, live: bool = True) -> None:
        self.systems = systems
        self.store = open_store(f"sqlite:///{folder / 'state' / 'store.db'}")
        self.live = live
        self._runs = itertools.count(1)
        self.reporter: Reporter = Silent()

    @property
    def sandbox(self) -> Any:
        return self.systems.sandbox

    @property
    def tenant(self) -> str:
        return self.systems.settings.require_superoffice().tenant

    def key(self, index: int = 1) -> str:
        """The CompanyKey of a company of the register."""
        return next(str(one.key) for one in self.sandbox.register.companies if one.index == index)

    def do(self, work: Callable[[World], Awaitable[T]]) -> T:
        """Do some work as a person does, in a run of its own."""

        async def main(sides: Sides) -> T:
            return await work(self.world(sides))

        return self.systems.run(main)

    def synchronize(self) -> list[RunReport]:
        """What the sensors and their runs do: every feed read and every list worked off, parents before children."""

        async def main(world: World) -> list[RunReport]:
            reports = []
            for name in RULE_NAMES:
                await poll(world, name, now_due=True)
                reports.append(await drain(replace(world, run_id=f"{world.run_id}.{name}"), name, at_once=4))
            return reports

        return self.do(main)

    def settle(self, rounds: int = 6) -> None:
        """Synchronize until nothing is left to do; the clock goes on, so that what waits is looked at again."""
        for _ in range(rounds):
            self.systems.later(200)
            if not any(report.counts["in"] for report in self.synchronize()):
                return

    def world(self, sides: Sides, *, by: str = "crm:7") -> World:
        with self.store.transaction() as tx:
            if not companies.all_companies(tx):
                self._remember_companies(tx, sides.crm.tenant)
            rules = load_rules(tx, plain_registries())
        number = next(self._runs)
        return World(
            store=self.store,
            crm=sides.crm,
            erp={one.company_key: one for one in sides.erps},
            rules=rules,
            clock=self.systems.clock,
            holder=f"test-{number}",
            run_id=f"run-{number}",
            by=by,
            patience=TENANT_WIDE,
            reporter=self.reporter,
        )

    def _remember_companies(self, tx: Any, tenant: str) -> None:
        used = [one for one in self.sandbox.register.companies if not one.is_test]
        companies.remember(
            tx,
            [
                CompanyRow(
                    one.key, f"firma{one.index}", one.name, one.org_number, False, True, self.systems.clock.now()
                )
                for one in used
            ],
        )
        for one in used if self.live else ():
            now = self.systems.clock.now()
            runs.accept_go_live(tx, tenant=tenant, company_key=one.key, report_id=None, by="cli", now=now)

    # -- people and what stands there

    def company(self, name: str, **values: Any) -> CrmAddress:
        """A company that a person has just made in the CRM."""
        fields = {"Name": name, "Category": {"Id": self.customers()}, **values}
        return CrmAddress("contact", self.sandbox.crm.create("contact", fields))

    def customers(self) -> int:
        """The category of customers."""
        rows = self.sandbox.crm.db["contact"]
        return int(next(row["category_idx"] for row in rows if not row["isOwner"] and row.get("category_idx")))

    def contact(self, record: CrmAddress) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.crm.read(record.entity, record.id)
        return found
