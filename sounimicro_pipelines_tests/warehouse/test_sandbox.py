"""Both vendors' registers from the sandbox, through the real clients, into warehouse files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.sandbox import FaultPlan, Sandbox
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.superoffice import SuperOfficeBulkReader, SuperOfficeClient
from sounimicro_pipelines.transport import Limits
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.unimicro.client import UnimicroClient
from sounimicro_pipelines.warehouse import FeedResult, Mode, Owner, extract

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LIMITS = Limits(max_in_flight=4, requests_per_second=0)


class World:
    """A sandbox on a clock of its own, and a folder for the warehouse."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(NOW)
        self.faults = FaultPlan(slow_seconds=0.01, retry_after=0.01)
        self.sandbox = Sandbox(parties=20, companies=2, today=date(2026, 3, 2), clock=self.clock, faults=self.faults)

    def settings(self) -> Settings:
        return Settings(_env_file=None, **{name.lower(): value for name, value in self.sandbox.environment.items()})

    def erp(self, company: int = 1, *, mode: Mode = "incremental", file: str = "") -> dict[str, FeedResult]:
        async def read() -> list[FeedResult]:
            async with UnimicroClient(self.settings().require_unimicro(), limits=LIMITS, clock=self.clock) as client:
                key = self.sandbox.erp.key(company)
                (found,) = [one for one in await client.companies() if one.key == key]
                reader = UnimicroBulkReader(client.company(found))
                return await extract(
                    reader,
                    self.path(file or f"erp{company}"),
                    self.folder / "landing",
                    mode=mode,
                    clock=self.clock,
                    owner=Owner(f"erp{company}", key),
                )

        return {result.entity: result for result in asyncio.run(read())}

    def crm(self, *, mode: Mode = "incremental") -> dict[str, FeedResult]:
        async def read() -> list[FeedResult]:
            settings = self.settings().require_superoffice()
            async with SuperOfficeClient(settings, limits=LIMITS, clock=self.clock) as client:
                return await extract(
                    SuperOfficeBulkReader(client),
                    self.path("crm"),
                    self.folder / "landing",
                    mode=mode,
                    clock=self.clock,
                )

        return {result.entity: result for result in asyncio.run(read())}

    def path(self, name: str) -> Path:
        return self.folder / "warehouse" / f"{name}.duckdb"

    def rows(self, name: str, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path(name))) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    with world.sandbox:
        assert {result.state for result in world.erp().values()} <= {"ok", "unavailable"}
        yield world


def test_every_register_of_the_erp_arrives_whole_and_exact(world: World) -> None:
    found = world.erp(mode="full")
    assert {name: result.message for name, result in found.items() if result.state != "ok"} == {}
    assert sum(result.quarantined for result in found.values()) == 0
    for entity, table in (
        ("Customer", "customer"),
        ("CustomerInvoice", "customer_invoice"),
        ("CustomerInvoiceItem", "customer_invoice_item"),
        ("JournalEntryLine", "journal_entry_line"),
        ("Phone", "phone"),
        ("PostPost", "post_post"),
    ):
        wanted = len(world.sandbox.erp.rows(1, entity))
        assert world.rows("erp1", f"SELECT count(*) FROM raw.{table} WHERE NOT Deleted") == [(wanted,)], entity
    unbalanced = "SELECT JournalEntryID FROM raw.journal_entry_line GROUP BY 1 HAVING sum(Amount) <> 0"
    assert world.rows("erp1", unbalanced) == []
    invoices = world.sandbox.erp.rows(1, "CustomerInvoice")
    invoiced = sum((Decimal(str(row["TaxInclusiveAmount"])) for row in invoices), Decimal())
    total = "SELECT sum(TaxInclusiveAmount) FROM raw.customer_invoice WHERE NOT Deleted"
    assert world.rows("erp1", total) == [(invoiced,)]


def test_listing_everything_again_changes_nothing(world: World) -> None:
    world.erp(mode="full")
    again = world.erp(mode="full")
    assert [name for name, result in again.items() if result.changed or result.deleted] == []


def test_what_a_person_does_arrives_with_the_next_incremental_run(world: World) -> None:
    world.erp()
    world.clock.advance(3600)
    erp = world.sandbox.erp
    first, second = sorted(row["ID"] for row in erp.rows(1, "Customer"))[:2]
    erp.edit(1, "Customer", first, {"CreditDays": 77, "Info.Name": "Nytt Navn AS"})
    invoice = erp.invoice(1, second, Decimal("1234.50"))
    found = world.erp()
    assert found["Customer"].mode == "incremental"
    assert world.rows("erp1", f"SELECT CreditDays FROM raw.customer WHERE ID = {first}") == [(77,)]
    assert world.rows("erp1", "SELECT count(*) FROM raw.business_relation WHERE Name = 'Nytt Navn AS'") == [(1,)]
    lines = f"SELECT sum(SumTotalExVat) FROM raw.customer_invoice_item WHERE CustomerInvoiceID = {invoice}"
    assert world.rows("erp1", lines) == [(Decimal("1234.500000"),)]
    world.clock.advance(3600)
    (contact, *_) = sorted(row["ID"] for row in erp.rows(1, "Contact"))
    erp.delete(1, "Contact", contact)
    assert world.erp()["Contact"].deleted == 1
    assert world.rows("erp1", f"SELECT Deleted FROM raw.contact WHERE ID = {contact}") == [(True,)]


def test_two_companies_of_one_erp_keep_to_their_own_files(world: World) -> None:
    world.erp(2)
    for company in (1, 2):
        wanted = {row["ID"]: row.get("CustomerNumber") for row in world.sandbox.erp.rows(company, "Customer")}
        query = "SELECT ID, CustomerNumber FROM raw.customer WHERE NOT Deleted"
        assert dict(world.rows(f"erp{company}", query)) == wanted


def test_with_faults_on_the_run_ends_right_or_with_reasons_and_nothing_is_lost(world: World) -> None:
    from sounimicro_pipelines.sandbox.faults import USUAL

    world.erp(mode="full")
    world.faults.probabilities = dict(USUAL)
    try:
        for _ in range(3):
            found = world.erp(mode="full", file="faulty")
            assert {result.state for result in found.values()} <= {"ok", "failed", "unavailable"}
            assert all(result.message for result in found.values() if result.state == "failed")
    finally:
        world.faults.probabilities = {}
    world.erp(mode="full", file="faulty")
    for table in ("customer", "customer_invoice", "customer_invoice_item", "journal_entry_line"):
        query = f"SELECT * EXCLUDE (_fetched_at) FROM raw.{table} WHERE NOT Deleted ORDER BY ID"
        assert world.rows("faulty", query) == world.rows("erp1", query), table


def test_a_missing_right_on_one_register_is_a_state_and_the_rest_runs(world: World) -> None:
    world.sandbox.erp.deny("Payment", 1)
    try:
        found = world.erp(mode="full")
    finally:
        world.sandbox.erp.allow("Payment", 1)
    assert found["Payment"].state == "no_access"
    assert {result.state for name, result in found.items() if name != "Payment"} <= {"ok", "unavailable"}
    assert world.rows("erp1", "SELECT state FROM raw._feed WHERE entity = 'Payment'") == [("no_access",)]
    assert world.erp(mode="full")["Payment"].state == "ok"


def test_every_register_of_the_crm_arrives(world: World) -> None:
    found = world.crm()
    assert {name: result.message for name, result in found.items() if result.state != "ok"} == {}
    assert sum(result.quarantined for result in found.values()) == 0
    for table in ("contact", "person", "project", "project_member", "associate", "list_item"):
        assert world.rows("crm", f"SELECT count(*) > 0 FROM raw.{table}") == [(True,)], table
    again = world.crm(mode="full")
    assert {name: result.changed for name, result in again.items() if result.changed} == {}
