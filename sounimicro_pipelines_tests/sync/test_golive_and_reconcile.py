"""The go-live report and the nightly comparison, over registers that were really read from both simulated systems."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sounimicro_pipelines.rules.versions import default_document, save_rule
from sounimicro_pipelines.store import history, links, runs, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.superoffice.bulk import SuperOfficeBulkReader
from sounimicro_pipelines.sync import engine, golive
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.ending import allowed
from sounimicro_pipelines.sync.golive import NoReport, RuleReport
from sounimicro_pipelines.sync.opening import plain_registries
from sounimicro_pipelines.sync.reconcile import Compared, Reconciled, reconcile
from sounimicro_pipelines.sync.registers import Files, Register, open_crm, open_erp
from sounimicro_pipelines.sync.requests import ErpButton, RequestRefused
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.warehouse import extract
from sounimicro_pipelines_tests.sync.systems import Sides, Systems
from sounimicro_pipelines_tests.sync.test_requests import ABB
from sounimicro_pipelines_tests.sync.worlds import Bench

T = TypeVar("T")
NUMBERS = {"contact": "Number2", "project": "ProjectNumber"}
ERP = ("BusinessRelation", "Customer", "Supplier", "Contact", "Project")
CRM = ("list_item", "contact", "person", "project")


class Warehoused(Bench):
    """A bench with a warehouse."""

    def __init__(self, systems: Systems, folder: Path, *, live: bool = True) -> None:
        super().__init__(systems, folder, live=live)
        self.folder = folder
        self.files = Files(folder / "crm.duckdb", {self.key(1): folder / "firma1.duckdb"})

    def extract(self) -> None:
        """List every register in full."""

        async def main(sides: Sides) -> None:
            erp = UnimicroBulkReader(sides.erps[0]._company)
            crm = SuperOfficeBulkReader(sides.client)
            for reader, path, names in (
                (crm, self.files.crm, CRM),
                (erp, self.files.erp[self.key(1)], ERP),
            ):
                specs = [one for one in reader.specs if one.entity in names]
                found = await extract(
                    reader, path, self.folder / "landing", specs, mode="full", clock=self.systems.clock
                )
                assert [one.state for one in found] == ["ok"] * len(specs)

        self.systems.later(3600)
        self.systems.run(main)

    def over(self, work: Callable[[World, Register, Register], T]) -> T:
        """Do something with both systems' registers."""

        async def main(world: World) -> T:
            with ExitStack() as stack:
                crm = stack.enter_context(open_crm(self.files, self.systems.clock, NUMBERS))
                erp = stack.enter_context(open_erp(self.files, self.key(1), self.systems.clock))
                return work(world, crm, erp)

        return self.do(main)

    def drain(self) -> int:
        """Work everything off; answers how many items there were."""
        count = 0
        for name in ("customer", "supplier", "partner", "person", "project"):

            async def main(world: World, rule: str = name) -> int:
                return (await engine.drain(world, rule)).counts["in"]

            count += self.do(main)
        return count

    def save(self, name: str, document: str) -> None:
        """Somebody changes a rule."""
        save_rule(self.store, name, document, plain_registries(), by="person", now=self.systems.clock.now())

    def reconcile(self) -> dict[str, Compared]:
        found: Reconciled = self.over(lambda world, crm, erp: reconcile(world, [crm, erp]))
        return {one.entity: one for one in found.registers}


@pytest.fixture(scope="module")
def systems() -> Iterator[Systems]:
    shared = Systems(parties=14, companies=1)
    with shared.sandbox:
        yield shared


@pytest.fixture
def bench(systems: Systems, tmp_path: Path) -> Iterator[Warehoused]:
    bench = Warehoused(systems, tmp_path, live=False)
    yield bench
    bench.store.close()


def test_the_report_says_what_would_be_linked_suggested_and_left_and_nothing_is_written(bench: Warehoused) -> None:
    alone = bench.sandbox.crm.create("project", {"Name": "Fjøs i Førde, bare i CRM"})
    bridge = bench.sandbox.crm.create("project", {"Name": "Brua over Ånda"})
    theirs = bench.sandbox.erp.add(1, "Project", {"Name": "Brua over Ånda"})
    mark = bench.sandbox.journal.mark()
    bench.extract()
    found: dict[str, RuleReport] = bench.over(golive.report)
    parties = [one for one in bench.sandbox.register.parties if 1 in one.customer_of]
    customer = found["customer"]
    true = {
        (ids_of(bench, party.crm_name), bench.sandbox.erp.customer_id(1, party.key))
        for party in parties
        if party.in_crm
    }
    assert {(crm, erp) for crm, erp, _ in customer.matched} <= true
    assert (ABB.id, bench.sandbox.erp.customer_id(1, 1), "org_number") in customer.matched
    told = {crm for crm, _, _ in customer.matched} | set(customer.suggested) | set(customer.only_crm)
    assert ABB.id in told
    in_erp = {bench.sandbox.erp.customer_id(1, party.key) for party in parties}
    hinted = {one.id for each in customer.suggested.values() for one in each}
    assert {erp for _, erp, _ in customer.matched} | hinted | set(customer.only_erp) >= in_erp
    assert customer.creates_in_crm == len(customer.only_erp)
    assert customer.creates_in_erp == 0
    assert found["supplier"].only_crm == []
    assert ABB.id in {crm for crm, _, _ in found["supplier"].matched}
    assert found["person"].names == {}
    assert {"customer", "supplier", "person", "project"} == set(found)
    assert len(found["project"].matched) + len(found["project"].suggested) + len(found["project"].only_erp) > 0
    assert alone in found["project"].only_crm
    assert found["project"].body["names"][f"crm:{alone}"] == "Fjøs i Førde, bare i CRM"
    assert found["project"].creates_in_erp == 0
    assert (bridge, theirs, "name") in found["project"].matched
    with bench.store.transaction() as tx:
        now = bench.systems.clock.now()
        elsewhere = ("project", bench.tenant, "project", bridge, "another", "project", "Project", 1, 1, "matched")
        links.add(tx, links.Link(*elsewhere, now, "test"))
    again: dict[str, RuleReport] = bench.over(golive.report)
    assert bridge not in {crm for crm, _, _ in again["project"].matched}
    assert [one.id for one in again["project"].suggested[bridge]] == [theirs]
    assert found["person"].matched
    assert bench.sandbox.journal.writes("erp", since=mark) == []
    assert bench.sandbox.journal.writes("crm", since=mark) == []


def ids_of(bench: Bench, name: str) -> int:
    rows = bench.sandbox.crm.db["contact"]
    return next((int(row["contact_id"]) for row in rows if row["name"] == name), 0)


def test_the_sync_writes_only_after_somebody_has_accepted_the_report(bench: Warehoused) -> None:
    key = bench.key()

    async def accept(world: World) -> Any:
        return golive.accept(world, key, by="cli")

    async def press(world: World) -> Any:
        return await ErpButton(world).link(ABB, key, "customer", bench.sandbox.erp.customer_id(1, 1))

    async def gate(world: World) -> bool:
        return golive.may_write(world, key)

    with pytest.raises(NoReport):
        bench.do(accept)
    bench.extract()
    bench.over(lambda world, crm, erp: golive.save(world, key, golive.report(world, crm, erp)))
    with pytest.raises(RequestRefused) as refused:
        bench.do(press)
    assert refused.value.kind == "not_live"
    assert not bench.do(gate)
    kept = bench.do(accept)
    assert kept.counts["customer.matched"] == len(kept.body["customer"]["matched"])
    assert kept.body["customer"]["names"][f"crm:{ABB.id}"] == "ABB Installasjon AS"
    assert bench.do(gate)
    assert bench.do(accept).id == kept.id
    assert bench.do(press).erp_id == bench.sandbox.erp.customer_id(1, 1)
    again = bench.over(golive.report)
    assert again["customer"].linked == 1
    assert ABB.id not in {crm for crm, _, _ in again["customer"].matched}


@pytest.fixture(scope="module")
def settled(systems: Systems, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is kept of everything linked that links by itself, compared once."""
    folder = tmp_path_factory.mktemp("settled")
    bench = Warehoused(systems, folder, live=True)
    bench.extract()
    for _ in range(3):
        bench.reconcile()
        bench.drain()
        bench.extract()
    bench.store.close()
    return folder


@pytest.fixture
def linked(systems: Systems, settled: Path, tmp_path: Path) -> Iterator[Warehoused]:
    shutil.copytree(settled, tmp_path, dirs_exist_ok=True)
    bench = Warehoused(systems, tmp_path, live=True)
    yield bench
    bench.store.close()


def test_the_night_finds_what_the_feeds_have_missed_and_nothing_else(linked: Warehoused) -> None:
    bench = linked
    erp = bench.sandbox.erp
    customer = erp.customer_id(1, 1)
    with bench.store.read() as tx:
        assert links.for_erp(tx, bench.key(), "Customer", customer) is not None
    rest = bench.reconcile()
    before = {name: one.different for name, one in rest.items()}
    bench.drain()
    bench.extract()
    quiet = bench.reconcile()
    assert sum(one.different for one in quiet.values()) <= sum(before.values())
    bench.drain()
    bench.extract()
    assert {name: one.looked_at for name, one in bench.reconcile().items()} == dict.fromkeys(quiet, 0)
    erp.edit(1, "Customer", customer, {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum"})
    bench.extract()
    mark = bench.sandbox.journal.mark()
    found = bench.reconcile()
    assert (found["Customer"].looked_at, found["Customer"].different) == (1, 1)
    assert found["contact"].looked_at == 0
    assert bench.sandbox.journal.writes("crm", since=mark) == []
    with bench.store.read() as tx:
        assert {(one.origin, one.priority) for one in work.listing(tx) if one.state == "ready"} >= {("nightly", 8)}
    bench.drain()
    assert bench.contact(ABB)["Address"]["Postal"]["Address1"] == "Postboks 123 Sentrum"


def test_an_edit_that_the_night_has_passed_over_while_its_rule_was_off_arrives_when_it_is_on(
    linked: Warehoused,
) -> None:
    bench = linked
    bench.settle()
    with bench.store.read() as tx:
        mine = links.of_rule(tx, "customer")
        link = next(one for one in mine if len(links.for_crm(tx, bench.tenant, "contact", one.crm_id)) == 1)

    def line() -> str:
        held = bench.sandbox.erp.read(1, "Customer", link.erp_id, expand="Info.InvoiceAddress")
        return str(held["Info"]["InvoiceAddress"]["AddressLine1"])

    rule = default_document("customer")
    bench.save("customer", rule.replace("active: true", "active: false"))
    bench.settle()
    bench.sandbox.crm.edit("contact", link.crm_id, {"Address": {"Postal": {"Address1": "Postboks 7"}}})
    bench.extract()
    assert bench.reconcile()["contact"].looked_at >= 1
    bench.settle()
    assert line() != "Postboks 7"
    bench.save("customer", rule)
    bench.settle()
    assert line() == "Postboks 7"
    mark = bench.sandbox.journal.mark()
    bench.settle()
    assert bench.sandbox.journal.writes(since=mark) == []


def test_the_night_forgets_who_was_disconnected_and_has_been_deleted_in_the_crm_since(linked: Warehoused) -> None:
    bench = linked
    bench.settle()
    with bench.store.read() as tx:
        mine = links.of_rule(tx, "person")
        link = next(one for one in mine if len(links.for_crm(tx, bench.tenant, "person", one.crm_id)) == 1)
    person = CrmAddress("person", link.crm_id)
    bench.sandbox.crm.edit("person", link.crm_id, {"Title": "Innkjøper"})
    bench.settle()
    assert _values(bench, link)
    bench.do(lambda world: ErpButton(world).unlink(person, link.company_key, link.role))
    bench.extract()
    bench.reconcile()
    bench.drain()
    assert _values(bench, link)
    bench.sandbox.crm.erase("person", link.crm_id)
    bench.extract()
    bench.reconcile()
    bench.drain()
    assert _values(bench, link) == []
    bench.reconcile()
    with bench.store.read() as tx:
        assert link.crm_id not in {one.record_id for one in work.listing(tx) if one.entity == "person"}


def test_too_many_missing_records_stop_a_register_until_a_second_listing(linked: Warehoused) -> None:
    bench = linked
    crm = bench.sandbox.crm
    backup = crm.backup()
    with bench.store.read() as tx:
        companies = {one.crm_id for one in links.of_rule(tx, "customer")}
    assert len(companies) > allowed(len(companies))
    for contact in companies:
        crm.delete("contact", contact)
    bench.extract()
    found = bench.reconcile()["contact"]
    assert (found.guard, found.missing) == ("stopped", len(companies))
    with bench.store.read() as tx:
        guard = runs.guard(tx, "crm", "", "contact")
        assert guard is not None
        assert guard.state == "stopped"
    bench.drain()
    with bench.store.read() as tx:
        assert {one.crm_id for one in links.of_rule(tx, "customer")} == companies
    assert bench.reconcile()["contact"].guard == "stopped"
    crm.restore(backup)
    bench.extract()
    assert bench.reconcile()["contact"].guard == "ok"
    for contact in companies:
        crm.delete("contact", contact)
    bench.extract()
    assert bench.reconcile()["contact"].guard == "stopped"
    bench.extract()
    assert bench.reconcile()["contact"].guard == "confirmed"
    crm.restore(backup)


def _values(bench: Warehoused, link: Link) -> list[object]:
    """What the journal still holds of a link's CRM record."""
    with bench.store.read() as tx:
        entries = history.of_record(tx, tenant=link.tenant, crm=(link.crm_entity, link.crm_id))
    return [value for one in entries for value in (one.old_value, one.new_value) if value is not None]
