"""The simulated world on a quiet day: no faults, for tests of what a person asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from sounimicro_pipelines.store import companies, links
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines_tests.sync.scenario import Scenario, StorePool
from sounimicro_pipelines_tests.sync.simulated import Row, Trouble

T = TypeVar("T")


class Calm(Scenario):
    """A scenario that is asked questions; every question is a run of its own. What the guard stops stays stopped."""

    def _confirm_stopped(self) -> None:
        pass

    def ask(self, work: Callable[[World], Awaitable[T]]) -> T:
        async def main() -> T:
            return await work(self.world())

        return asyncio.run(main())

    def sync(self) -> str:
        """Poll and work until nothing is left; answers the last run that worked for customers."""
        self.settle()
        return next((report.run_id for report in reversed(self.reports) if report.rule == "customer"), "")

    def linked_company(self) -> tuple[Row, Row, Link]:
        """A company of the CRM, its customer in the ERP, and their link."""
        crm = self.company(self.crm, "contact")
        self.sync()
        with self.store.read() as tx:
            (link,) = links.for_crm(tx, self.crm.tenant, "contact", crm.id)
        return crm, self.erp["K1"].rows[("Customer", link.erp_id)], link

    def also_supplier(self, erp: Row) -> Row:
        """The customer's company becomes a supplier too, of the same name; both rows are linked then."""
        values = {name: erp.values[name] for name in ("Info.Name", "OrgNumber")}
        supplier = self.erp["K1"].person_creates("Supplier", values, facts={"status": "active"})
        self.sync()
        with self.store.read() as tx:
            assert links.for_erp(tx, "K1", "Supplier", supplier.id) is not None
        return supplier

    def later(self, seconds: float = 30.0) -> None:
        self.hostile.clock.advance(seconds)

    def name_companies(self) -> None:
        with self.store.transaction() as tx:
            companies.remember(
                tx,
                [
                    CompanyRow(key, key.lower(), f"Firma {key}", None, False, True, self.hostile.at())
                    for key in self.erp
                ],
            )


@pytest.fixture(scope="module")
def pool() -> StorePool:
    return StorePool()


@pytest.fixture
def calm(pool: StorePool) -> Calm:
    scenario = Calm(1, pool, Trouble(), active=("customer", "supplier", "partner", "person"))
    scenario.name_companies()
    return scenario
