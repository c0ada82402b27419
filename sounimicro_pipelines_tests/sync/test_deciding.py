"""What a person decides about a conflict, and a loser that comes back, on the simulated systems."""

from __future__ import annotations

import pytest

from sounimicro_pipelines.store import conflicts, history, links, runs, work
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.connecting import RequestRefused
from sounimicro_pipelines.sync.deciding import decide, restore
from sounimicro_pipelines.sync.requests import ErpButton, Outcome
from sounimicro_pipelines.sync.undo import undo
from sounimicro_pipelines.transport import Unreachable
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.scenario import open_issues
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]
NAME = "Name"
CITY, ERP_CITY = "Address.Postal.City", "Info.InvoiceAddress.City"


def decided(calm: Calm, conflict: Conflict, side: str) -> Outcome:
    return calm.ask(lambda world: decide(ErpButton(world), conflict.id, side))  # type: ignore[arg-type]


def restored(calm: Calm, conflict: Conflict) -> Outcome:
    return calm.ask(lambda world: restore(ErpButton(world), conflict.id))


def asked(calm: Calm) -> tuple[Row, Row, Link, Conflict]:
    """Both sides renamed the company, and nobody has decided yet."""
    crm, erp, link = calm.linked_company()
    calm.later()
    calm.crm.person_types(crm, NAME, "Fjord Elektro AS")
    calm.erp["K1"].person_types(erp, "Info.Name", "Fjord Elektriske AS")
    calm.sync()
    with calm.store.read() as tx:
        (conflict,) = conflicts.listing(tx, link_id=link.id)
    return crm, erp, link, conflict


def overruled(calm: Calm) -> tuple[Row, Row, Conflict]:
    """Both sides changed the city; the rule let the ERP win, and the CRM's value is the kept loser."""
    crm, erp, link = calm.linked_company()
    calm.crm.person_types(crm, CITY, "Bergen")
    calm.sync()
    calm.later()
    calm.crm.person_types(crm, CITY, "Oslo")
    calm.erp["K1"].person_types(erp, ERP_CITY, "Stavanger")
    calm.sync()
    with calm.store.read() as tx:
        (loser,) = conflicts.listing(tx, state="decided", link_id=link.id, has_loser=True)
    assert (crm.values[CITY], erp.values[ERP_CITY]) == ("Stavanger", "Stavanger")
    return crm, erp, loser


def kept(calm: Calm, conflict: Conflict) -> Conflict:
    with calm.store.read() as tx:
        found = conflicts.get(tx, conflict.id)
    assert found is not None
    return found


def test_what_a_person_chooses_travels_and_is_kept_once_with_its_loser(calm: Calm) -> None:
    crm, erp, link, conflict = asked(calm)
    outcome = decided(calm, conflict, "erp")
    assert (outcome.action, outcome.fields, outcome.waiting) == ("decide", (("crm", NAME),), "")
    assert crm.values[NAME] == erp.values["Info.Name"] == "Fjord Elektriske AS"
    with calm.store.read() as tx:
        (one,) = conflicts.listing(tx, state=None, link_id=link.id)
        run = runs.get(tx, outcome.run_id)
        (entry,) = [line for line in history.of_run(tx, outcome.run_id) if line.field == NAME]
    assert (one.state, one.winner, one.decided_by, one.run_id) == ("decided", "erp", "sync", outcome.run_id)
    assert (one.crm_value, one.baseline_crm is not None) == ("Fjord Elektro AS", True)
    assert run is not None
    assert run.counts == {"in": 1, "applied": 1}
    assert entry.reason == "person"
    assert not open_issues(calm.store)
    calm.poke_everything()
    calm.sync()
    assert crm.values[NAME] == "Fjord Elektriske AS"


def test_a_decision_can_be_undone(calm: Calm) -> None:
    crm, erp, _, conflict = asked(calm)
    outcome = decided(calm, conflict, "erp")
    report = calm.ask(lambda world: undo(world, outcome.run_id))
    assert [(one.side, one.field) for one in report.restored] == [("crm", NAME)]
    assert (crm.values[NAME], erp.values["Info.Name"]) == ("Fjord Elektro AS", "Fjord Elektriske AS")


def test_a_second_person_is_told_that_it_has_been_decided(calm: Calm) -> None:
    crm, _, _, conflict = asked(calm)
    decided(calm, conflict, "crm")
    with pytest.raises(RequestRefused) as refused:
        decided(calm, conflict, "erp")
    assert refused.value.kind == "decided"
    assert crm.values[NAME] == "Fjord Elektro AS"


def test_a_value_that_changed_since_it_was_shown_is_shown_anew(calm: Calm) -> None:
    crm, erp, _, conflict = asked(calm)
    calm.later()
    calm.erp["K1"].person_types(erp, "Info.Name", "Fjord Energi AS")
    with pytest.raises(RequestRefused) as refused:
        decided(calm, conflict, "crm")
    assert refused.value.kind == "changed"
    assert erp.values["Info.Name"] == "Fjord Energi AS"
    fresh = kept(calm, conflict)
    assert (fresh.state, fresh.erp_value) == ("open", "Fjord Energi AS")
    decided(calm, fresh, "crm")
    assert erp.values["Info.Name"] == crm.values[NAME] == "Fjord Elektro AS"


def test_nothing_is_decided_while_a_system_does_not_answer(calm: Calm) -> None:
    _, erp, _, conflict = asked(calm)
    read = calm.erp["K1"].read

    async def down(*_: object) -> object:
        raise Unreachable("Unimicro", "GET Customer")

    calm.erp["K1"].read = down  # type: ignore[method-assign, assignment]
    with pytest.raises(Unreachable):
        decided(calm, conflict, "crm")
    assert kept(calm, conflict).state == "open"
    calm.erp["K1"].read = read  # type: ignore[method-assign]
    decided(calm, conflict, "crm")
    assert erp.values["Info.Name"] == "Fjord Elektro AS"


def test_a_decision_that_cannot_be_written_now_is_carried_out_later(calm: Calm) -> None:
    crm, erp, _, conflict = asked(calm)
    write = calm.erp["K1"].write

    async def down(*_: object) -> object:
        raise Unreachable("Unimicro", "PUT Customer")

    calm.erp["K1"].write = down  # type: ignore[method-assign, assignment]
    outcome = decided(calm, conflict, "crm")
    assert outcome.waiting
    assert (kept(calm, conflict).state, erp.values["Info.Name"]) == ("decided", "Fjord Elektriske AS")
    assert [issue.kind for issue in open_issues(calm.store)] == ["conflict"]
    calm.erp["K1"].write = write  # type: ignore[method-assign]
    calm.later(120)
    calm.sync()
    assert erp.values["Info.Name"] == crm.values[NAME] == "Fjord Elektro AS"
    assert not open_issues(calm.store)


def test_a_loser_comes_back_on_both_sides_and_the_winner_is_kept_then(calm: Calm) -> None:
    crm, erp, loser = overruled(calm)
    assert (loser.crm_value, loser.baseline_crm) == ("Oslo", "Bergen")
    outcome = restored(calm, loser)
    assert sorted(outcome.fields) == [("crm", CITY), ("erp", CITY)]
    assert (crm.values[CITY], erp.values[ERP_CITY]) == ("Oslo", "Oslo")
    assert kept(calm, loser).state == "restored"
    with calm.store.read() as tx:
        lines = history.of_run(tx, outcome.run_id)
        (newer,) = conflicts.listing(tx, state="decided", has_loser=True)
        fresh = links.get(tx, int(loser.link_id or 0))
    assert {(line.kind, line.side) for line in lines} == {("restore", "crm"), ("restore", "erp")}
    assert (newer.erp_value, newer.winner) == ("Stavanger", "crm")
    assert fresh is not None
    assert "wishes" not in (fresh.data or {})
    calm.poke_everything()
    calm.sync()
    assert (crm.values[CITY], erp.values[ERP_CITY]) == ("Oslo", "Oslo")
    with pytest.raises(RequestRefused, match="put back already"):
        restored(calm, loser)
    report = calm.ask(lambda world: undo(world, outcome.run_id))
    assert len(report.restored) == 2
    assert (crm.values[CITY], erp.values[ERP_CITY]) == ("Stavanger", "Stavanger")


def test_a_restored_value_can_give_way_again(calm: Calm) -> None:
    crm, erp, loser = overruled(calm)
    restored(calm, loser)
    with calm.store.read() as tx:
        (newer,) = conflicts.listing(tx, state="decided", has_loser=True)
    restored(calm, newer)
    assert (crm.values[CITY], erp.values[ERP_CITY]) == ("Stavanger", "Stavanger")


def test_a_field_that_was_edited_since_is_left_alone(calm: Calm) -> None:
    crm, _, loser = overruled(calm)
    calm.later()
    calm.crm.person_types(crm, CITY, "Trondheim")
    with pytest.raises(RequestRefused) as refused:
        restored(calm, loser)
    assert refused.value.kind == "edited_since"
    calm.sync()
    with pytest.raises(RequestRefused) as refused:
        restored(calm, loser)
    assert refused.value.kind == "edited_since"
    assert crm.values[CITY] == "Trondheim"


def test_a_restore_that_broke_off_after_the_first_write_goes_on(calm: Calm) -> None:
    crm, erp, loser = overruled(calm)
    write = calm.erp["K1"].write

    async def down(*_: object) -> object:
        raise Unreachable("Unimicro", "PUT Customer")

    calm.erp["K1"].write = down  # type: ignore[method-assign, assignment]
    with pytest.raises(Unreachable):
        restored(calm, loser)
    assert (crm.values[CITY], erp.values[ERP_CITY]) == ("Oslo", "Stavanger")
    calm.erp["K1"].write = write  # type: ignore[method-assign]
    calm.later(200)
    restored(calm, loser)
    assert (crm.values[CITY], erp.values[ERP_CITY]) == ("Oslo", "Oslo")


def test_an_open_or_forgotten_or_ended_conflict_has_nothing_to_restore(calm: Calm) -> None:
    crm, _, _, conflict = asked(calm)
    with pytest.raises(RequestRefused) as refused:
        restored(calm, conflict)
    assert refused.value.kind == "no_loser"
    with pytest.raises(RequestRefused) as refused:
        calm.ask(lambda world: decide(ErpButton(world), 10_000, "crm"))
    assert refused.value.kind == "no_such_conflict"
    with calm.store.transaction() as tx:
        links.end(
            tx,
            links.for_crm(tx, calm.crm.tenant, "contact", crm.id)[0],
            reason="unlinked",
            side=None,
            at=calm.hostile.at(),
            by="cli",
            run_id=None,
        )
    with pytest.raises(RequestRefused) as refused:
        decided(calm, conflict, "crm")
    assert refused.value.kind == "not_linked"


def test_a_conflict_of_a_company_that_has_become_a_partner_since_can_be_decided(calm: Calm) -> None:
    crm, erp, _, conflict = asked(calm)
    assert conflict.rule == "customer"
    supplier = calm.also_supplier(erp)
    with calm.store.read() as tx:
        assert [one.id for one in conflicts.listing(tx)] == [conflict.id]
    decided(calm, conflict, "erp")
    names = {crm.values[NAME], erp.values["Info.Name"], supplier.values["Info.Name"]}
    assert names == {"Fjord Elektriske AS"}
    with calm.store.read() as tx:
        assert conflicts.listing(tx) == []
    assert [one for one in open_issues(calm.store) if one.kind == "conflict"] == []


def test_what_gave_way_before_a_company_became_a_partner_can_be_restored(calm: Calm) -> None:
    crm, erp, loser = overruled(calm)
    supplier = calm.also_supplier(erp)
    assert supplier.values[ERP_CITY] == "Stavanger"
    restored(calm, loser)
    assert {crm.values[CITY], erp.values[ERP_CITY], supplier.values[ERP_CITY]} == {"Oslo"}


def test_under_the_partner_rule_the_row_that_was_shown_is_the_one_that_wins(calm: Calm) -> None:
    crm, erp, link = calm.linked_company()
    supplier = calm.company(calm.erp["K1"], "Supplier", erp.values["OrgNumber"])
    calm.ask(
        lambda world: ErpButton(world).link(
            CrmAddress("contact", crm.id), "K1", "supplier", supplier.id, {"Name": "crm"}
        )
    )
    calm.sync()
    assert supplier.values["Info.Name"] == erp.values["Info.Name"]
    calm.later()
    calm.crm.person_types(crm, NAME, "Partner Nord AS")
    calm.erp["K1"].person_types(supplier, "Info.Name", "Partner Sør AS")
    calm.sync()
    with calm.store.read() as tx:
        (conflict,) = conflicts.listing(tx)
        assert work.due_count(tx, "partner", calm.hostile.at()) == 0
    assert (conflict.rule, conflict.erp_value) == ("partner", "Partner Sør AS")
    assert conflict.link_id == link.id
    decided(calm, conflict, "erp")
    names = {crm.values[NAME], erp.values["Info.Name"], supplier.values["Info.Name"]}
    assert names == {"Partner Sør AS"}


def test_a_number_that_stood_in_the_crm_before_the_link_is_kept_and_can_be_put_back(calm: Calm) -> None:
    crm = calm.company(calm.crm, "contact")
    calm.crm.person_types(crm, "Number2", "K-345002")
    calm.sync()
    with calm.store.read() as tx:
        (link,) = links.for_crm(tx, calm.crm.tenant, "contact", crm.id)
    erp = calm.erp["K1"].rows[("Customer", link.erp_id)]
    assert crm.values["Number2"] == erp.values["CustomerNumber"]
    with calm.store.read() as tx:
        (loser,) = [one for one in conflicts.listing(tx, state=None, link_id=link.id) if one.field == "Number2"]
    assert (loser.state, loser.crm_value) == ("decided", "K-345002")
    restored(calm, loser)
    assert crm.values["Number2"] == "K-345002"
