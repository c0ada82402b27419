"""One run of all rules does what the plan says, also where one rule's writes are news for one before it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import engine_room, leave
from sounimicro_pipelines.orchestration.sync_commands import run_rules, run_undo
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.store import links
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.plan import Plan, plan
from sounimicro_pipelines.sync.routing import partner_pairs
from sounimicro_pipelines_tests.orchestration.conftest import ShiftingClock, installation_on

PATH = "Info.InvoiceAddress.AddressLine1"


@pytest.fixture(scope="module")
def sandbox(clock: ShiftingClock) -> Iterator[Sandbox]:
    with Sandbox(seed=4, parties=5, companies=2, clock=clock) as running:
        yield running


@pytest.fixture(scope="module")
def settled(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, clock: ShiftingClock) -> Iterator[Installation]:
    opened = installation_on(sandbox, tmp_path_factory.mktemp("home"))
    for _ in range(3):
        clock.skip(20)
        run_rules(opened)
    clock.skip(20)
    yield opened
    opened.store.close()


def planned(installation: Installation) -> Plan:
    async def ask(connection: Connection) -> Plan:
        return await plan(await connection.world(live_only=True))

    try:
        return engine_room(installation).run(ask)
    finally:
        leave(installation)


def partner_with_another_customer(installation: Installation) -> tuple[Link, Link]:
    """The supplier's link of a company that is both in one ERP company, and its customer's link in another one."""
    with installation.store.read() as tx:
        for link in links.of_rule(tx, "supplier"):
            linked = links.for_crm(tx, link.tenant, link.crm_entity, link.crm_id)
            others = [one for one in linked if one.company_key != link.company_key]
            if others and partner_pairs(linked):
                return link, others[0]
    raise AssertionError("There is no such company.")


def test_what_a_partner_writes_reaches_its_customer_in_another_company_in_the_same_run_as_planned(
    sandbox: Sandbox, settled: Installation, clock: ShiftingClock
) -> None:
    supplier, customer = partner_with_another_customer(settled)
    there = sandbox.erp.read(customer.company_key, "Customer", customer.erp_id, "Info.InvoiceAddress")
    before = there["Info"]["InvoiceAddress"]["AddressLine1"]
    sandbox.erp.edit(supplier.company_key, "Supplier", supplier.erp_id, {PATH: "Postboks 321 Sentrum"})
    clock.skip(20)
    foreseen = planned(settled)
    told = run_rules(settled)
    done = [(row["rule"], row["crm"], row["erp"], row["side"], row["field"]) for row in told.tables["changes"]]
    assert sorted(done) == sorted(
        (one.rule, f"crm:{one.crm}", one.erp, one.side, one.field) for one in foreseen.changes
    )
    assert ("customer", customer.erp_id) in {(one.rule, int(one.erp.split(":")[1])) for one in foreseen.changes}
    assert told.counts["applied"] == 2
    there = sandbox.erp.read(customer.company_key, "Customer", customer.erp_id, "Info.InvoiceAddress")
    assert there["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 321 Sentrum"
    mark = sandbox.journal.mark()
    assert run_rules(settled).counts["applied"] == 0
    assert not sandbox.journal.writes(since=mark)
    run_undo(settled, told.run_id)
    there = sandbox.erp.read(customer.company_key, "Customer", customer.erp_id, "Info.InvoiceAddress")
    assert there["Info"]["InvoiceAddress"]["AddressLine1"] == before
