"""A changed rule takes effect for every link of its register, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from sounimicro_pipelines.rules.model import RuleName
from sounimicro_pipelines.store import baselines, conflicts, rule_versions, watermarks, work
from sounimicro_pipelines.store.rule_versions import ListPair
from sounimicro_pipelines.sync import engine, feeds
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.feeds import rewind_company
from sounimicro_pipelines.sync.plan import plan
from sounimicro_pipelines.sync.rule_changes import names_of, poke_changed
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.scenario import StorePool, run_schedule
from sounimicro_pipelines_tests.sync.simulated import Crash, Trouble
from sounimicro_pipelines_tests.sync.test_plan import as_told, really

__all__ = ["calm", "pool"]
LINE = "  - {erp: Info.InvoiceAddress.AddressLine1, crm: Address.Postal.Address1, direction: both, conflict: newest}\n"
SCHEDULES = 500 if os.environ.get("SOUNIMICRO_TEST_NIGHTLY") else 25
CRM_LINE, ERP_LINE = "Address.Postal.Address1", "Info.InvoiceAddress.AddressLine1"


def change(calm: Calm, name: RuleName, edit: Callable[[str], str]) -> None:
    calm.change_rule(name, edit(calm.rules.document(name)))


def off(document: str) -> str:
    return document.replace("rule: ", "active: false\nrule: ", 1)


def on(document: str) -> str:
    return document.replace("active: false\n", "")


def poll(calm: Calm, name: str = "customer") -> int:
    async def main(world: Any) -> int:
        return (await feeds.poll(world, name, now_due=True)).items

    return calm.ask(main)


def waiting(calm: Calm) -> list[work.WorkItem]:
    with calm.store.read() as tx:
        return work.listing(tx)


def written(calm: Calm) -> int:
    return len(calm.hostile.writes) + len(calm.hostile.creates)


def in_a_while(calm: Calm) -> None:
    """Later than the overlap with which feeds are read."""
    calm.later(400)
    poll(calm)
    calm.sync()


def seen_by_others(calm: Calm) -> None:
    """The other rules' feeds go on while the customer rule is off, and tell of the same register."""
    calm.sync()
    in_a_while(calm)


def test_an_edit_made_while_the_rule_was_off_arrives_when_it_is_on_again(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    change(calm, "customer", off)
    seen_by_others(calm)
    calm.crm.person_types(crm, CRM_LINE, "Kaia 7")
    seen_by_others(calm)
    assert erp.values.get(ERP_LINE) != "Kaia 7"
    change(calm, "customer", on)
    calm.sync()
    assert erp.values[ERP_LINE] == "Kaia 7"
    assert waiting(calm) == []


def test_off_and_on_again_between_two_looks_is_seen_as_a_change(calm: Calm) -> None:
    calm.linked_company()
    change(calm, "customer", off)
    change(calm, "customer", on)
    assert poll(calm) == 1


def test_an_edit_made_while_a_field_was_off_arrives_when_it_is_back(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    calm.crm.person_types(crm, CRM_LINE, "Kaia 1")
    calm.sync()
    change(calm, "customer", lambda document: document.replace(LINE, ""))
    calm.sync()
    calm.crm.person_types(crm, CRM_LINE, "Kaia 2")
    in_a_while(calm)
    assert erp.values[ERP_LINE] == "Kaia 1"
    change(calm, "customer", lambda document: document + LINE)
    calm.sync()
    assert erp.values[ERP_LINE] == "Kaia 2"


def test_a_new_field_becomes_equal_in_records_that_nobody_touches(calm: Calm) -> None:
    """What is filled goes where nothing is; what both have is the policy's to settle, and the loser is kept."""
    change(calm, "customer", lambda document: document.replace(LINE, ""))
    first, second, third = (calm.linked_company() for _ in range(3))
    calm.crm.person_types(first[0], CRM_LINE, "Kaia 1")
    calm.erp["K1"].person_types(second[1], ERP_LINE, "Torget 2")
    calm.crm.person_types(third[0], CRM_LINE, "Eldre 3")
    calm.later(60)
    calm.erp["K1"].person_types(third[1], ERP_LINE, "Nyere 3")
    in_a_while(calm)
    change(calm, "customer", lambda document: document + LINE)
    assert poll(calm) == 3
    assert {(one.origin, one.side, one.priority) for one in waiting(calm)} == {("rule", "erp", 8)}
    calm.sync()
    pairs = [(crm.values[CRM_LINE], erp.values[ERP_LINE]) for crm, erp, _ in (first, second, third)]
    assert pairs == [("Kaia 1",) * 2, ("Torget 2",) * 2, ("Nyere 3",) * 2]
    with calm.store.read() as tx:
        (kept,) = [one for one in conflicts.listing(tx, state=None) if one.link_id == third[2].id]
    assert (kept.field, kept.crm_value) == (CRM_LINE, "Eldre 3")
    before = written(calm)
    in_a_while(calm)
    assert (written(calm), poll(calm), waiting(calm)) == (before, 0, [])


def test_another_direction_settles_what_was_left_different_before(calm: Calm) -> None:
    """The ERP had nothing to say, so the CRM's own value was left alone; now it may travel."""
    one_way = LINE.replace("direction: both", "direction: to_crm")
    change(calm, "customer", lambda document: document.replace(LINE, one_way))
    crm, erp, link = calm.linked_company()
    calm.crm.person_types(crm, CRM_LINE, "Kaia 1")
    calm.sync()
    assert not erp.values.get(ERP_LINE)
    change(calm, "customer", lambda document: document.replace(one_way, LINE))
    calm.sync()
    assert (crm.values[CRM_LINE], erp.values[ERP_LINE]) == ("Kaia 1", "Kaia 1")
    with calm.store.read() as tx:
        kept = baselines.get(tx, link.id)
    assert kept is not None
    assert kept.erp[CRM_LINE] == "Kaia 1"


def test_a_redefined_field_that_a_person_must_decide_waits_for_the_person(calm: Calm) -> None:
    one_way = LINE.replace("both, conflict: newest", "to_crm")
    asked = LINE.replace("newest", "ask")
    change(calm, "customer", lambda document: document.replace(LINE, one_way))
    crm, erp, _ = calm.linked_company()
    calm.crm.person_types(crm, CRM_LINE, "Kaia 1")
    calm.sync()
    change(calm, "customer", lambda document: document.replace(one_way, ""))
    calm.sync()
    calm.erp["K1"].person_types(erp, ERP_LINE, "Torget 2")
    in_a_while(calm)
    change(calm, "customer", lambda document: document + asked)
    calm.sync()
    for _ in range(2):
        with calm.store.read() as tx:
            (found,) = conflicts.listing(tx)
        assert (found.state, found.crm_value, found.erp_value) == ("open", "Kaia 1", "Torget 2")
        calm.poke_everything()
        calm.sync()


def test_another_mapping_of_a_list_takes_effect_in_its_company_alone(pool: StorePool) -> None:
    calm = Calm(3, pool, Trouble(), companies=2, active=("customer", "supplier", "partner", "person"))
    calm.name_companies()
    field = "  - {erp: PaymentTermsID, crm: Category.Id, direction: to_erp, list: terms}\n"
    change(calm, "customer", lambda document: document + field)
    customers = [calm.company(calm.erp[key], "Customer") for key in ("K1", "K2")]
    calm.sync()
    for one in calm.crm.living("contact"):
        calm.crm.person_types(one, "Category.Id", "1")
    in_a_while(calm)
    for term, terms in (("7", [None, "7"]), ("8", [None, "8"])):
        map_list(calm, "K2", "1", term)
        assert poll(calm) == 1
        assert {one.company_key for one in waiting(calm)} == {"K2"}
        calm.sync()
        assert [one.values.get("PaymentTermsID") for one in customers] == terms
    assert poll(calm) == 0


def map_list(calm: Calm, key: str, crm: str, erp: str) -> None:
    """Somebody maps an item of the CRM's to one of the ERP's, in place of what it was mapped to."""
    with calm.store.transaction() as tx:
        for pair in rule_versions.list_pairs(tx, key):
            rule_versions.remove_list_pair(tx, key, pair.list, pair.crm_item, pair.erp_item)
        rule_versions.set_list_pair(tx, ListPair(key, "terms", crm, erp, True, "person", calm.hostile.at()))


def test_where_nothing_was_changed_that_concerns_links_there_is_no_work(calm: Calm) -> None:
    calm.linked_company()
    in_a_while(calm)
    before, calls = written(calm), calm.hostile.points
    assert poll(calm) == 0
    at_rest = calm.hostile.points - calls
    shown = LINE.replace("newest}", "newest, show_in_search: true}")
    change(calm, "customer", lambda document: document.replace(LINE, shown) + "# a remark\n")
    assert poll(calm) == 0
    calls = calm.hostile.points
    assert poll(calm) == 0
    assert calm.hostile.points - calls == at_rest
    assert (written(calm), waiting(calm)) == (before, [])


def test_values_that_agree_already_are_not_written(calm: Calm) -> None:
    calm.linked_company()
    in_a_while(calm)
    before = written(calm)
    change(calm, "customer", off)
    change(calm, "customer", on)
    calm.sync()
    assert (written(calm), waiting(calm)) == (before, [])


def test_the_first_listing_and_one_after_going_live_do_not_do_the_work_twice(calm: Calm) -> None:
    _, erp, _ = calm.linked_company()
    in_a_while(calm)
    with calm.store.transaction() as tx:
        rewind_company(tx, calm.world(), "K1")
    change(calm, "customer", off)
    change(calm, "customer", on)
    poll(calm)
    assert {one.origin for one in waiting(calm)} == {"listing"}
    calm.sync()
    assert poll(calm) == 0
    assert erp.deleted is None


def test_an_installation_of_before_compares_once(calm: Calm) -> None:
    calm.linked_company()
    in_a_while(calm)
    with calm.store.transaction() as tx:
        table = tx.tables.feeds
        assert tx.change(table.delete().where(table.c.name.startswith("rule:"))) > 0
    before = written(calm)
    assert poll(calm) == 1
    calm.sync()
    assert (poll(calm), written(calm)) == (0, before)


def test_a_crash_leaves_either_the_work_with_the_note_of_it_or_neither(
    calm: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, erp, _ = calm.linked_company()
    change(calm, "customer", off)
    calm.crm.person_types(crm, CRM_LINE, "Kaia 7")
    seen_by_others(calm)
    change(calm, "customer", on)
    with monkeypatch.context() as patched:
        patched.setattr(work, "poke", _dies)
        with pytest.raises(Crash):
            poll(calm)
    assert waiting(calm) == []
    with monkeypatch.context() as patched:
        patched.setattr(watermarks, "advance", _dies)
        with pytest.raises(Crash):
            poll(calm)
    assert waiting(calm) == []
    calm.sync()
    assert erp.values[ERP_LINE] == "Kaia 7"


def _dies(*_: Any, **__: Any) -> None:
    raise Crash


def test_a_run_with_the_old_rule_leaves_the_work_to_one_with_the_new(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    change(calm, "customer", lambda document: document.replace(LINE, ""))
    calm.sync()
    calm.crm.person_types(crm, CRM_LINE, "Kaia 7")
    in_a_while(calm)
    old = calm.world()
    change(calm, "customer", lambda document: document + LINE)

    async def late(_: Any) -> tuple[int, int]:
        told = (await feeds.poll(old, "customer", now_due=True)).items
        return told, (await engine.drain(old, "customer")).counts["in"]

    assert poll(calm) == 1
    assert calm.ask(late) == (0, 0)
    assert len(waiting(calm)) == 1
    calm.sync()
    assert erp.values[ERP_LINE] == "Kaia 7"


def test_partners_are_compared_under_the_rules_that_govern_them_now(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    supplier = calm.also_supplier(erp)
    calm.linked_company()
    change(calm, "partner", lambda document: document.replace(LINE, ""))
    change(calm, "customer", lambda document: document.replace(LINE, ""))
    change(calm, "supplier", lambda document: document.replace(LINE, ""))
    calm.sync()
    calm.crm.person_types(crm, CRM_LINE, "Kaia 7")
    in_a_while(calm)
    change(calm, "partner", lambda document: document + LINE)
    assert [poll(calm, name) for name in ("customer", "supplier", "partner")] == [1, 1, 1]
    assert {(one.rule, one.record_id) for one in waiting(calm)} == {
        ("customer", erp.id),
        ("supplier", supplier.id),
        ("partner", crm.id),
    }
    calm.sync()
    assert [one.values[ERP_LINE] for one in (erp, supplier)] == ["Kaia 7", "Kaia 7"]


def test_a_company_that_has_not_gone_live_waits_for_it(calm: Calm) -> None:
    calm.linked_company()
    in_a_while(calm)
    change(calm, "customer", off)
    change(calm, "customer", on)

    async def not_live(world: Any) -> int:
        world.live = None
        return (await feeds.poll(world, "customer", now_due=True)).items

    assert calm.ask(not_live) == 0
    assert poll(calm) == 1


def test_a_quiet_period_holds_for_what_a_changed_rule_finds(pool: StorePool) -> None:
    calm = Calm(4, pool, Trouble(), quiet=300, active=("customer", "supplier", "partner", "person"))
    calm.name_companies()
    change(calm, "customer", lambda document: document.replace(LINE, ""))
    crm, erp, _ = calm.linked_company()
    in_a_while(calm)
    calm.crm.person_types(crm, CRM_LINE, "Kaia 7")
    change(calm, "customer", lambda document: document + LINE)
    poll(calm)

    async def work_off(world: Any) -> int:
        return (await engine.drain(world, "customer")).counts["held"]

    assert calm.ask(work_off) >= 1
    assert not erp.values.get(ERP_LINE)
    calm.later(400)
    calm.sync()
    assert erp.values[ERP_LINE] == "Kaia 7"


def test_a_plan_tells_what_the_sync_does_after_a_change(calm: Calm) -> None:
    one_way = LINE.replace("direction: both", "direction: to_crm")
    change(calm, "customer", lambda document: document.replace(LINE, one_way))
    companies = [calm.linked_company() for _ in range(3)]
    for crm, _, _ in companies:
        calm.crm.person_types(crm, CRM_LINE)
    in_a_while(calm)
    change(calm, "customer", lambda document: document.replace(one_way, LINE))
    calm.hostile.calm = True
    found = calm.ask(lambda world: plan(world, calm.active))
    assert [one.side for one in found.changes] == ["erp"] * 3
    alone = calm.ask(lambda world: plan(world, calm.active, records=[CrmAddress("contact", companies[0][0].id)]))
    assert [one.crm for one in alone.changes] == [f"contact:{companies[0][0].id}"]
    assert waiting(calm) == []
    assert as_told(found) == really(calm)


def test_two_engines_that_have_both_seen_a_change_compare_once(calm: Calm) -> None:
    calm.linked_company()
    in_a_while(calm)
    change(calm, "customer", off)
    change(calm, "customer", on)
    with calm.store.read() as tx:
        known = watermarks.by_name(tx, names_of(calm.world(), "customer"))
    assert [poke_changed(calm.world(), "customer", known) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("companies", [1, 2])
def test_whatever_happens_while_rules_are_changed_every_invariant_holds(pool: StorePool, companies: int) -> None:
    changed = 0
    for seed in range(SCHEDULES):
        changed += run_schedule(seed, pool, companies=companies, often="rule_changed").hostile.counts["rule_changed"]
    assert changed > SCHEDULES
