"""Undoing a run, and why a field has its value, on the simulated systems."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from unittest.mock import patch

import pytest

from sounimicro_pipelines.rules.values import Scalar
from sounimicro_pipelines.store import conflicts, history, intents, links, runs, work
from sounimicro_pipelines.store.erasure import forget_record
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.addresses import (
    BadAddress,
    CrmAddress,
    ErpAddress,
    parse_address,
    parse_crm_address,
)
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.explain import Explanation, NothingKnown, address_of, explain
from sounimicro_pipelines.sync.ports import GuidOf, Record, Written
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines.sync.undo import NoSuchRun, UndoReport, undo
from sounimicro_pipelines.transport import Unreachable
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]
STREET, LINE = "Address.Postal.Address1", "Info.InvoiceAddress.AddressLine1"


def undone(calm: Calm, run_id: str) -> UndoReport:
    return calm.ask(lambda world: undo(world, run_id))


def moved(calm: Calm, crm: Row) -> str:
    """Somebody types an address in the CRM, and a run brings it to the ERP."""
    calm.crm.person_types(crm, STREET, "Postboks 123")
    calm.sync()
    calm.later()
    calm.crm.person_types(crm, STREET, "Postboks 123 Sentrum")
    calm.later()
    return sync_once(calm)


def sync_once(calm: Calm) -> str:
    before = len(calm.reports)
    calm.sync()
    for report in calm.reports[before:]:
        if report.changes:
            return report.run_id
    raise AssertionError("nothing was written")


def test_an_undone_run_gives_back_what_it_overwrote_and_nothing_travels(calm: Calm) -> None:
    crm, erp, link = calm.linked_company()
    run_id = moved(calm, crm)
    assert erp.values[LINE] == "Postboks 123 Sentrum"
    report = undone(calm, run_id)
    assert [(one.side, one.field) for one in report.restored] == [("erp", STREET)]
    assert report.left == []
    assert erp.values[LINE] == "Postboks 123"
    assert crm.values[STREET] == "Postboks 123 Sentrum"
    calm.poke_everything()
    calm.sync()
    assert erp.values[LINE] == "Postboks 123"
    with calm.store.read() as tx:
        run = runs.get(tx, report.run_id)
        assert run is not None
        assert (run.kind, run.undo_of, run.counts["applied"]) == ("undo", run_id, 1)
        (entry,) = history.of_run(tx, report.run_id)
        assert (entry.kind, entry.old_value, entry.new_value) == ("undo", "Postboks 123 Sentrum", "Postboks 123")
        assert [one.undone_by_run for one in history.of_run(tx, run_id) if one.field == STREET] == [report.run_id]
        assert intents.living(tx) == []
        fresh = links.get(tx, link.id)
        assert fresh is not None
        assert "wishes" not in (fresh.data or {})
    calm.later()
    calm.crm.person_types(crm, STREET, "Storgata 1")
    calm.sync()
    assert erp.values[LINE] == "Storgata 1"


def test_an_undo_can_be_undone(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    first = undone(calm, moved(calm, crm))
    second = undone(calm, first.run_id)
    assert len(second.restored) == 1
    assert erp.values[LINE] == "Postboks 123 Sentrum"


def test_what_was_edited_or_written_since_stands_and_is_listed(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    run_id = moved(calm, crm)
    calm.erp["K1"].person_types(erp, LINE, "Postboks 124")
    report = undone(calm, run_id)
    assert report.restored == []
    assert [one.why for one in report.left] == ["edited_since"]
    assert report.left[0].text
    assert erp.values[LINE] == "Postboks 124"
    calm.sync()
    calm.later()
    calm.crm.person_types(crm, STREET, "Postboks 125")
    calm.sync()
    assert [one.why for one in undone(calm, run_id).left] == ["written_since"]
    assert erp.values[LINE] == "Postboks 125"


def test_what_a_run_wrote_before_the_company_became_a_partner_is_put_back(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    run_id = moved(calm, crm)
    supplier = calm.also_supplier(erp)
    assert supplier.values[LINE] == "Postboks 123 Sentrum"
    report = undone(calm, run_id)
    assert [(one.side, one.field) for one in report.restored] == [("erp", STREET)]
    assert report.left == []
    calm.poke_everything()
    calm.sync()
    assert (erp.values[LINE], supplier.values[LINE]) == ("Postboks 123", "Postboks 123 Sentrum")


def test_a_run_tells_which_row_of_a_partner_it_has_written(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    supplier = calm.also_supplier(erp)
    calm.later()
    calm.crm.person_types(crm, STREET, "Postboks 123")
    before = len(calm.reports)
    calm.sync()
    told = [(one.side, one.erp, one.field) for report in calm.reports[before:] for one in report.changes]
    assert told == [("erp", f"Customer:{erp.id}", STREET), ("erp", f"Supplier:{supplier.id}", STREET)]


def test_the_rows_of_a_partner_are_told_apart_though_they_have_one_number(calm: Calm) -> None:
    """Customers and suppliers are numbered each by themselves, so that a partner's rows may have the same id."""
    crm, erp, _ = calm.linked_company()
    with patch.object(calm.erp["K1"], "_new_id", return_value=erp.id):
        supplier = calm.also_supplier(erp)
    calm.later()
    calm.erp["K1"].person_types(supplier, LINE, "Postboks 123")
    calm.sync()
    assert (crm.values[STREET], erp.values[LINE]) == ("Postboks 123", "Postboks 123")
    sides = {
        one.link.role: [change.side for change in one.changes]
        for one in told(calm, f"crm:contact:{crm.id}", STREET).fields
    }
    assert sides == {"customer": ["erp", "crm"], "supplier": ["crm"]}


def test_created_and_linked_records_are_left_and_said(calm: Calm) -> None:
    record = CrmAddress("contact", calm.company(calm.crm, "contact").id)
    outcome = calm.ask(lambda world: ErpButton(world).create(record, "K1", "customer"))
    report = undone(calm, outcome.run_id)
    assert {(one.field, one.why) for one in report.left} == {(None, "created")}
    assert {one.field for one in report.restored} == {"Number2"}
    assert calm.erp["K1"].rows[("Customer", outcome.erp_id or 0)].deleted is None
    with pytest.raises(NoSuchRun):
        undone(calm, "no such run")


def test_what_is_ended_forgotten_or_not_live_is_left(calm: Calm) -> None:
    crm, erp, link = calm.linked_company()
    run_id = moved(calm, crm)
    with calm.store.transaction() as tx:
        forget_record(tx, tenant=link.tenant, crm=("contact", crm.id))
    assert [one.why for one in undone(calm, run_id).left] == ["forgotten"]
    calm.ask(lambda world: ErpButton(world).unlink(CrmAddress("contact", crm.id), "K1", "customer"))
    assert [one.why for one in undone(calm, run_id).left] == ["link_ended"]
    assert erp.values[LINE] == "Postboks 123 Sentrum"


def test_an_edit_in_the_moment_of_undoing_is_not_overwritten(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    run_id = moved(calm, crm)
    calls = 0
    read = calm.erp["K1"].read

    async def interrupted(entity: str, record_id: int, paths: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            calm.erp["K1"].person_types(erp, LINE, "Midt imellom 1")
        return await read(entity, record_id, paths)  # type: ignore[arg-type]

    calm.erp["K1"].read = interrupted  # type: ignore[method-assign, assignment]
    report = undone(calm, run_id)
    assert erp.values[LINE] == "Midt imellom 1"
    assert [one.why for one in report.left] == ["refused"]


@pytest.mark.parametrize("happened", [True, False], ids=["it_happened", "it_did_not"])
def test_what_nobody_answers_is_not_said_to_have_been_refused(calm: Calm, happened: bool) -> None:
    crm, erp, _ = calm.linked_company()
    run_id = moved(calm, crm)
    write = calm.erp["K1"].write

    async def unanswered(record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        if happened:
            await write(record, changes, guid_of)
        raise Unreachable("Sim", "write", effect_unknown=True)

    with patch.object(calm.erp["K1"], "write", unanswered):
        report = undone(calm, run_id)
    assert [(one.why, report.restored) for one in report.left] == [("unanswered", [])]
    assert (report.counts["held"], report.counts["failed"], report.counts["in"]) == (1, 0, 1)
    calm.later(200)
    calm.sync()
    assert erp.values[LINE] == ("Postboks 123" if happened else "Postboks 123 Sentrum")
    assert crm.values[STREET] == "Postboks 123 Sentrum"
    with calm.store.read() as tx:
        assert intents.living(tx) == []


def test_a_write_that_was_not_answered_is_undone_with_the_run_that_sent_it(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    moved(calm, crm)
    write = calm.erp["K1"].write

    async def unanswered(record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        await write(record, changes, guid_of)
        raise Unreachable("Sim", "write", effect_unknown=True)

    calm.crm.person_types(crm, STREET, "Postboks 9")
    with calm.store.transaction() as tx:
        work.poke(tx, [Poke("customer", "crm", "contact", crm.id, "feed")], calm.hostile.at())
    sender = calm.world()
    with patch.object(calm.erp["K1"], "write", unanswered):
        asyncio.run(drain(sender, "customer"))
    assert erp.values[LINE] == "Postboks 9"
    assert [(one.field, one.why) for one in undone(calm, sender.run_id).left] == [(STREET, "unsettled")]
    calm.later(200)
    calm.sync()
    (story,) = told(calm, f"crm:contact:{crm.id}", STREET).fields
    assert story.changes[0].run_id == sender.run_id
    report = undone(calm, sender.run_id)
    assert ([one.field for one in report.restored], report.left) == ([STREET], [])
    assert erp.values[LINE] == "Postboks 123 Sentrum"


def told(calm: Calm, address: str, field: str | None = None) -> Explanation:
    with calm.store.read() as tx:
        return explain(tx, calm.crm.tenant, calm.rules, parse_address(tx, address), field)


def test_a_field_is_explained_by_rule_side_time_person_and_what_it_replaced(calm: Calm) -> None:
    crm, erp, link = calm.linked_company()
    run_id = moved(calm, crm)
    for address in (f"crm:contact:{crm.id}", f"erp:k1:Customer:{erp.id}", f"erp:K1:customer:{erp.id}"):
        for name in (STREET, LINE, LINE.lower()):
            (story,) = told(calm, address, name).fields
            assert (story.crm, story.erp) == ("Postboks 123 Sentrum", "Postboks 123 Sentrum")
            assert (story.rule, story.rule_version, story.policy, story.owner) == ("customer", 1, "newest", True)
            last = story.changes[0]
            assert (last.side, last.source_side, last.source_by) == ("erp", "crm", "person")
            assert (last.value, last.replaced, last.run_id) == ("Postboks 123 Sentrum", "Postboks 123", run_id)
            assert last.source_at is not None
            assert last.source_at < last.at
            assert "it replaced «Postboks 123»" in story.because
    whole = told(calm, f"crm:contact:{crm.id}")
    assert [one.key for one in whole.fields] == [one.key for one in calm.rules.get("customer").fields]
    assert "Nobody has changed it" in next(one for one in whole.fields if one.key == "OrgNr").because
    with calm.store.read() as tx:
        assert address_of(tx, link) == (
            CrmAddress("contact", crm.id),
            ErpAddress("K1", "Customer", erp.id, "k1"),
        )
    report = undone(calm, run_id)
    (story,) = told(calm, f"crm:contact:{crm.id}", STREET).fields
    assert (story.crm, story.erp) == ("Postboks 123 Sentrum", "Postboks 123")
    assert "undid a run" in story.because
    assert story.changes[1].undone_by_run == report.run_id


def test_a_conflict_and_a_kept_loser_are_part_of_the_story(calm: Calm) -> None:
    crm, erp, link = calm.linked_company()
    calm.crm.person_types(crm, "Name", "Navn A")
    calm.crm.person_types(crm, "Address.Postal.City", "By A")
    calm.erp["K1"].person_types(erp, "Info.Name", "Navn B")
    calm.erp["K1"].person_types(erp, "Info.InvoiceAddress.City", "By B")
    calm.sync()
    (name,) = told(calm, f"crm:contact:{crm.id}", "Name").fields
    assert name.issue is not None
    assert "Both systems changed" in name.because
    (city,) = told(calm, f"crm:contact:{crm.id}", "Address.Postal.City").fields
    assert crm.values["Address.Postal.City"] == "By B"
    (loser,) = city.losers
    assert (loser.side, loser.value, loser.decided) == ("crm", "By A", "policy_erp")
    with calm.store.read() as tx:
        assert len(conflicts.listing(tx, link_id=link.id)) == 1


def test_an_edit_that_gave_way_since_its_field_goes_one_way_is_not_said_to_have_been_the_same(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    calm.later()
    calm.erp["K1"].person_types(erp, "CustomerNumber", "20001")
    calm.crm.person_types(crm, "Number2", "30001")
    calm.sync()
    (story,) = told(calm, f"crm:contact:{crm.id}", "Number2").fields
    assert (story.crm, story.erp) == ("20001", "20001")
    assert "because both sides were changed, and the field goes this way only; it replaced «30001»" in story.because
    assert [one.value for one in story.losers] == ["30001"]


def test_what_is_not_known_is_said_with_a_remedy(calm: Calm) -> None:
    crm, _, _ = calm.linked_company()
    with pytest.raises(NothingKnown):
        told(calm, "crm:contact:999999")
    with pytest.raises(NothingKnown) as wrong:
        told(calm, f"crm:contact:{crm.id}", "Nam")
    assert "Did you mean Name?" in str(wrong.value)
    calm.ask(lambda world: ErpButton(world).unlink(CrmAddress("contact", crm.id), "K1", "customer"))
    story = told(calm, f"crm:contact:{crm.id}")
    assert [one.reason for one in story.ended] == ["unlinked"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("crm:contact", "Write crm:contact:1041"),
        ("crm:firma:1", "It has contact, person, project"),
        ("crm:contacts:1", "Did you mean contact?"),
        ("crm:contact:x1", "does not end with a record's id"),
        ("crm:contact:0", "does not end with a record's id"),
        ("erp:k1:Costumer:7", "Did you mean Customer?"),
        ("erp:kk1:Customer:7", "Did you mean k1?"),
        ("erp:Customer:7", "names no record"),
        ("", "names no record"),
    ],
)
def test_an_address_that_names_no_record_is_refused_with_the_nearest_one(calm: Calm, text: str, says: str) -> None:
    with calm.store.read() as tx, pytest.raises(BadAddress) as refused:
        parse_address(tx, text)
    assert says in str(refused.value)
    with calm.store.read() as tx:
        assert str(parse_address(tx, " CRM:Contact:0041 ")) == "crm:contact:41"
        assert str(parse_address(tx, "erp:K1:supplier:9")) == "erp:k1:Supplier:9"
        with pytest.raises(BadAddress):
            parse_crm_address(tx, "erp:k1:Customer:9")
