"""A plan writes nothing, and says exactly what the sync then does."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from sounimicro_pipelines.store import Store, history, links, runs
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync import engine, feeds
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.overlay import copy_store
from sounimicro_pipelines.sync.plan import NEW, Plan, plan
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.scenario import StorePool
from sounimicro_pipelines_tests.sync.simulated import START, Trouble

__all__ = ["calm", "pool"]


def planned(calm: Calm, **options: Any) -> Plan:
    return calm.ask(lambda world: plan(world, calm.active, **options))


def written(calm: Calm) -> int:
    return len(calm.hostile.writes) + len(calm.hostile.creates)


def really(calm: Calm) -> Counter[tuple[str, ...]]:
    """Sync as the plan does, and tell what the journal says."""
    last = last_entry(calm)
    known = {(one.entity, one.id) for system in (calm.crm, *calm.erp.values()) for one in system.rows.values()}

    async def main(world: Any) -> None:
        for name in calm.active:
            await feeds.poll(world, name, now_due=True)
        for _ in range(6):
            for name in calm.active:
                await engine.drain(world, name)

    calm.ask(main)
    found: Counter[tuple[str, ...]] = Counter()
    with calm.store.read() as tx:
        for one in history.after(tx, last):
            crm = one.crm_id if (one.crm_entity, one.crm_id) in known else NEW
            erp = one.erp_id if (one.erp_entity, one.erp_id) in known else NEW
            places = (f"{one.crm_entity}:{crm}", f"{one.erp_entity}:{erp}")
            found[(one.kind, one.rule, one.company_key, *places, one.side or "", one.field or "", one.reason)] += 1
    return found


def last_entry(calm: Calm) -> int:
    with calm.store.read() as tx:
        return max((one.id for one in history.after(tx, 0)), default=0)


def as_told(found: Plan) -> Counter[tuple[str, ...]]:
    return Counter(
        (one.kind, one.rule, one.company_key, one.crm, one.erp, one.side, one.field, one.reason)
        for one in found.changes
    )


@pytest.mark.parametrize("seed", range(25))
def test_the_plan_is_what_the_sync_then_does_and_writes_nothing(pool: StorePool, seed: int) -> None:
    rng = random.Random(seed)
    companies = 1 if seed % 3 else 2
    world = Calm(seed, pool, Trouble(), companies=companies, active=("customer", "supplier", "partner", "person"))
    world.name_companies()
    for _ in range(rng.randrange(2, 9)):
        world.any_event()
    if seed % 2:
        world.sync()
        world.later(60)
        for _ in range(rng.randrange(1, 9)):
            world.any_event()
    world.hostile.calm = True
    world.later(60)
    before, entries, clock = written(world), last_entry(world), world.hostile.clock.now()
    found = planned(world)
    assert written(world) == before
    assert last_entry(world) == entries
    assert world.hostile.clock.now() > clock
    assert as_told(found) == really(world)


def test_a_plan_tells_old_and_new_values_and_what_would_be_asked(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    calm.crm.person_types(crm, "Address.Postal.Address1", "Postboks 123 Sentrum")
    calm.crm.person_types(crm, "Name", "Navn A")
    calm.erp["K1"].person_types(erp, "Info.Name", "Navn B")
    fresh = calm.company(calm.crm, "contact")
    calm.later(60)
    found = planned(calm)
    (address,) = [one for one in found.changes if one.field == "Address.Postal.Address1"]
    assert (address.side, address.old, address.new) == ("erp", "", "Postboks 123 Sentrum")
    assert [(one.kind, one.field) for one in found.findings] == [("conflict", "Name")]
    assert found.findings[0].crm.startswith("contact:")
    assert found.findings[0].erp.startswith("Customer:")
    new = [one for one in found.changes if one.crm == f"contact:{fresh.id}"]
    assert [(one.kind, one.erp, one.field, one.new) for one in new] == [
        ("create", "Customer:new", "", ""),
        ("update", "Customer:new", "Number2", ""),
    ]
    alone = planned(calm, records=[CrmAddress("contact", fresh.id)])
    assert {one.crm for one in alone.changes} == {f"contact:{fresh.id}"}
    calm.sync()
    assert planned(calm).is_empty


def test_a_planned_write_is_as_new_as_the_real_one_would_be(calm: Calm) -> None:
    """A customer's new address, and then a supplier of the same company with another one, both since the last sync."""
    line = "Info.InvoiceAddress.AddressLine1"
    _, customer, _ = calm.linked_company()
    erp = calm.erp["K1"]
    erp.person_types(customer, line, "Kaia 1")
    calm.sync()
    calm.later(60)
    erp.person_types(customer, line, "Kaia 2")
    calm.later(60)
    values = {"Info.Name": customer.values["Info.Name"], "OrgNumber": customer.values["OrgNumber"], line: "Kaia 3"}
    supplier = erp.person_creates("Supplier", values, facts={"status": "active"})
    calm.later(60)
    found = planned(calm)
    assert as_told(found) == really(calm)
    assert [one.values[line] for one in (customer, supplier)] == ["Kaia 2", "Kaia 2"]


def test_a_store_is_copied_whole_from_either_kind_of_database(store: Store, tmp_path: Any) -> None:
    with store.transaction() as tx:
        link = links.add(
            tx,
            Link("customer", "Cust1", "contact", 1, "K1", "customer", "Customer", 7, 1, "chosen", START, "cli"),
        )
        runs.accept_go_live(tx, tenant="Cust1", company_key="K1", report_id=None, by="cli", now=START)
    copy = copy_store(store, tmp_path)
    with copy.transaction() as tx:
        assert links.get(tx, link.id) == link
        assert runs.is_live(tx, "Cust1", "K1")
        links.change(tx, link.id, state="held")
    with store.read() as tx:
        assert links.get(tx, link.id) == link
    copy.close()
