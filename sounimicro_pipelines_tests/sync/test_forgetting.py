"""Who is deleted is forgotten, on the side that deletes; what the other side's record had and has is not."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from sounimicro_pipelines.store import conflicts, history, links, work
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.ports import Merged
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines_tests.sync.calm import Calm
from sounimicro_pipelines_tests.sync.scenario import StorePool, open_issues
from sounimicro_pipelines_tests.sync.simulated import Row, Trouble


@pytest.fixture(scope="module")
def pool() -> StorePool:
    return StorePool()


@pytest.fixture
def calm(pool: StorePool) -> Calm:
    """Two ERP companies, a customer of both, and who works there."""
    calm = Calm(1, pool, Trouble(), companies=2, active=("customer", "person"), polling_always=True)
    company = calm.company(calm.crm, "contact")
    for erp in calm.erp.values():
        customer = calm.company(erp, "Customer", company.values["OrgNr"])
        customer.values["Info.Name"] = company.values["Name"]
        erp.person_creates("Contact", {"Info.Name": "Kari Fossheim"}, parent=customer.relation)
    calm.sync()
    return calm


def test_what_gave_way_in_the_crm_is_kept_when_the_contact_is_deleted_in_the_erp(calm: Calm) -> None:
    person, contact, link = linked(calm)
    typed, won = gave_way(calm, person, contact)
    calm.erp["K1"].person_deletes(contact)
    calm.sync()
    calm.check()
    (kept,) = losers(calm)
    assert (kept.crm_value, kept.erp_value, kept.baseline_erp) == (typed, None, None)
    assert person.values["Title"] == won
    assert journal_values(calm, link) == []
    assert [one.kind for one in open_issues(calm.store)] == ["deleted"]


def test_an_edit_in_one_company_is_no_conflict_because_the_contact_was_deleted_in_another(calm: Calm) -> None:
    person, contact, _ = linked(calm)
    _, other, _ = linked(calm, "K2")
    calm.later()
    typed = calm.erp["K2"].person_types(other, "Info.Name")
    calm.erp["K1"].person_deletes(contact)
    with calm.store.transaction() as tx:
        work.poke(tx, [Poke("person", "erp", "Contact", contact.id, "webhook", "K1")], calm.hostile.at())
    calm.run_engines()
    calm.sync()
    calm.check()
    assert person.values["Lastname"] == typed
    assert losers(calm) == []


@pytest.mark.parametrize("ended", ["deleted_in_erp", "disconnected"])
def test_a_person_who_was_connected_once_is_forgotten_when_it_is_deleted_in_the_crm(calm: Calm, ended: str) -> None:
    person, contact = no_longer_linked(calm, ended)
    calm.crm.person_deletes(person)
    calm.sync()
    calm.check()
    assert all((one.crm_value, one.erp_value) == (None, None) for one in losers(calm))
    with calm.store.read() as tx:
        assert links.for_crm(tx, calm.crm.tenant, "person", person.id) == []
        entries = history.of_record(tx, tenant=calm.crm.tenant, crm=("person", person.id))
    assert [one for one in entries if (one.old_value, one.new_value) != (None, None)] == []
    assert (contact.deleted is None) == (ended == "disconnected")


def test_who_is_deleted_is_forgotten_also_where_the_rule_takes_up_nobody_from_the_crm(calm: Calm) -> None:
    calm.change_rule("person", calm.rules.document("person").replace("takes_part: {crm: {retired: false}}\n", ""))
    person, _ = no_longer_linked(calm, "deleted_in_erp")
    calm.crm.person_deletes(person)
    calm.sync()
    assert [one.crm_value for one in losers(calm)] == [None]


def test_a_person_who_was_connected_once_and_is_merged_is_not_forgotten(calm: Calm) -> None:
    person, _ = no_longer_linked(calm, "deleted_in_erp")
    calm.crm.person_deletes(person)
    with merged(calm, person):
        calm.sync()
    assert [one.crm_value for one in losers(calm)] != [None]


def linked(calm: Calm, key: str = "K1") -> tuple[Row, Row, Link]:
    """The person, its contact in an ERP company, and their link."""
    (person,), (contact,) = calm.crm.living("person"), calm.erp[key].living("Contact")
    with calm.store.read() as tx:
        link = links.for_erp(tx, key, "Contact", contact.id)
    assert link is not None
    return person, contact, link


def gave_way(calm: Calm, person: Row, contact: Row) -> tuple[str, str]:
    """A title that was typed in the CRM, and the newer one of the ERP that has replaced it."""
    calm.later()
    typed = calm.crm.person_types(person, "Title")
    calm.later()
    won = calm.erp["K1"].person_types(contact, "Role")
    calm.sync()
    assert [one.crm_value for one in losers(calm)] == [typed]
    return typed, won


def no_longer_linked(calm: Calm, ended: str) -> tuple[Row, Row]:
    """A person of whom a value is kept and whose links have ended while it lived, and its contact in the ERP."""
    person, contact, _ = linked(calm)
    gave_way(calm, person, contact)
    for erp in calm.erp.values():
        for row in erp.living("Contact"):
            if ended == "deleted_in_erp":
                erp.person_deletes(row)
            else:
                calm.ask(lambda world, key=erp.name: ErpButton(world).unlink(CrmAddress("person", person.id), key))  # type: ignore[misc]
    calm.sync()
    with calm.store.read() as tx:
        assert links.for_crm(tx, calm.crm.tenant, "person", person.id) == []
    assert any(one.crm_value is not None for one in losers(calm))
    calm.later()
    return person, contact


def merged(calm: Calm, person: Row) -> AbstractContextManager[Any]:
    """The merge log tells that a person who is gone lives on as another."""
    log = [Merged("person", person.id, person.id + 1, calm.hostile.at())]
    return patch.object(calm.crm, "merges", AsyncMock(return_value=log))


def losers(calm: Calm) -> list[Conflict]:
    with calm.store.read() as tx:
        return conflicts.listing(tx, state=None)


def journal_values(calm: Calm, link: Link) -> list[object]:
    """What the journal holds of values that came to or from the link's ERP record."""
    with calm.store.read() as tx:
        place = (link.company_key, link.erp_entity, link.erp_id)
        entries = history.of_record(tx, tenant=link.tenant, erp=place)
    return [value for one in entries for value in (one.old_value, one.new_value) if value is not None]
