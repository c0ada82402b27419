"""Links that wait for a person, that end, and that are made anew: nothing of the earlier ones is left behind."""

from __future__ import annotations

from dataclasses import replace

from sounimicro_pipelines.store import history, issues, links
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.marks import asked_about_half, half_in_erp
from sounimicro_pipelines.sync.meeting import meet_erp
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]


def moved(calm: Calm) -> tuple[Row, Row, Link]:
    """A person that has changed company in the CRM, and the contact that it is linked with."""
    _, erp, _ = calm.linked_company()
    other, _, _ = calm.linked_company()
    contact = calm.contact_of("K1", erp)
    calm.sync()
    with calm.store.read() as tx:
        link = links.for_erp(tx, "K1", "Contact", contact.id)
    assert link is not None
    person = calm.crm.rows[("person", link.crm_id)]
    calm.later()
    calm.crm.person_types(person, "Title", "Innkjøper")
    calm.sync()
    calm.later()
    person.parent, person.updated, person.updated_by = other.id, calm.hostile.at(), "person"
    calm.sync()
    assert open_kinds(calm) == ["moved"]
    return person, contact, link


def open_kinds(calm: Calm) -> list[str]:
    with calm.store.read() as tx:
        return [one.kind for one in issues.listing(tx)]


def kept_values(calm: Calm, link: Link) -> list[object]:
    with calm.store.read() as tx:
        entries = history.of_record(tx, tenant=link.tenant, crm=(link.crm_entity, link.crm_id))
        return [value for one in entries for value in (one.old_value, one.new_value) if value is not None]


def test_what_is_linked_while_it_is_looked_at_is_not_asked_about(calm: Calm) -> None:
    """One task finishes a creation that was cut short while another meets the record that it had made."""
    crm, erp, link = calm.linked_company()

    async def meet(world: World) -> list[Link]:
        rule = world.rules.get("customer")
        made = await meet_erp(world, rule, "K1", "Customer", erp.id)
        record = await world.crm.read("contact", crm.id, rule.crm_paths())
        assert record is not None
        half = await half_in_erp(world, rule, record, "K1", "customer")
        assert half is not None
        assert not half.is_free
        asked_about_half(world, rule, replace(record, company_key="K1"), half)
        return made

    assert calm.ask(meet) == []
    assert open_kinds(calm) == []
    with calm.store.read() as tx:
        assert links.get(tx, link.id) == link
    assert len(calm.crm.living("contact")) == 1


def test_a_person_that_waits_is_forgotten_when_it_is_deleted_in_the_crm(calm: Calm) -> None:
    person, contact, link = moved(calm)
    assert kept_values(calm, link)
    calm.later()
    calm.crm.person_deletes(person)
    calm.sync()
    with calm.store.read() as tx:
        assert links.get(tx, link.id) is None
    assert kept_values(calm, link) == []
    assert open_kinds(calm) == ["deleted"]
    assert contact.deleted is None
    assert len(calm.crm.living("person")) == 0


def test_a_link_that_waits_ends_when_its_erp_record_is_deleted(calm: Calm) -> None:
    person, contact, link = moved(calm)
    calm.later()
    calm.erp["K1"].person_deletes(contact)
    calm.sync()
    with calm.store.read() as tx:
        assert links.get(tx, link.id) is None
    assert open_kinds(calm) == ["deleted"]
    assert person.deleted is None
    assert person.markers == {}


def test_what_a_link_waited_for_is_solved_when_a_person_disconnects_it(calm: Calm) -> None:
    person, _, link = moved(calm)
    calm.ask(lambda world: ErpButton(world).unlink(CrmAddress("person", person.id), "K1", link.role))
    assert open_kinds(calm) == []


def test_what_was_told_of_an_ended_link_is_solved_when_the_record_is_connected_anew(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    calm.erp["K1"].person_deletes(erp)
    calm.sync()
    assert open_kinds(calm) == ["deleted"]
    again = calm.company(calm.erp["K1"], "Customer", erp.values["OrgNumber"])
    record = CrmAddress("contact", crm.id)
    calm.ask(lambda world: ErpButton(world).link(record, "K1", "customer", again.id, {"Name": "crm"}))
    assert open_kinds(calm) == []


def test_persons_that_were_disconnected_with_their_company_come_back_with_it(calm: Calm) -> None:
    crm, erp, _ = calm.linked_company()
    apart, together = calm.contact_of("K1", erp), calm.contact_of("K1", erp)
    calm.sync()
    record = CrmAddress("contact", crm.id)
    calm.ask(lambda world: ErpButton(world).unlink(_person_of(calm, apart), "K1"))
    person = _person_of(calm, together)
    calm.ask(lambda world: ErpButton(world).unlink(record, "K1", "customer"))
    calm.sync()
    assert not _is_linked(calm, together)
    calm.ask(lambda world: ErpButton(world).link(record, "K1", "customer", erp.id, {}))
    calm.later()
    calm.sync()
    assert _person_of(calm, together) == person
    assert not _is_linked(calm, apart)
    assert len(calm.crm.living("person")) == 2


def _person_of(calm: Calm, contact: Row) -> CrmAddress:
    with calm.store.read() as tx:
        link = links.for_erp(tx, "K1", "Contact", contact.id)
    assert link is not None
    return CrmAddress("person", link.crm_id)


def _is_linked(calm: Calm, contact: Row) -> bool:
    with calm.store.read() as tx:
        return links.for_erp(tx, "K1", "Contact", contact.id) is not None
