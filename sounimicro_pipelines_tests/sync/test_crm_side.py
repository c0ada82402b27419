"""The CRM's side of the engine against the simulated CRM, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from unittest.mock import AsyncMock, patch

import pytest

from sounimicro_pipelines.sandbox import Fault
from sounimicro_pipelines.sandbox.superoffice import CrmOptions
from sounimicro_pipelines.superoffice import SuperOfficeClient
from sounimicro_pipelines.superoffice.entity import Entity
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.transport import BadAnswer, PreconditionFailed, ValidationFailed, VendorError
from sounimicro_pipelines_tests.sync.systems import Sides, Systems, guids

CONTACT = ("Name", "OrgNr", "Number2", "Address.Postal.Address1", "Phones[first].Value", "Emails[first].Value")
PERSON = ("Firstname", "MiddleName", "Lastname", "MobilePhones[first].Value", "Emails[first].Value", "Title")
PROJECT = ("Name", "ProjectNumber", "EndDate", "Description")


@pytest.fixture(scope="module")
def shared() -> Iterator[Systems]:
    systems = Systems()
    with systems.sandbox:
        yield systems


@pytest.fixture
def systems(shared: Systems) -> Iterator[Systems]:
    shared.later(86_400)
    yield shared
    shared.faults.clear()


def contacts(systems: Systems) -> list[int]:
    return sorted(row["contact_id"] for row in systems.sandbox.crm.db["contact"] if not row["isOwner"])


def persons(systems: Systems) -> list[int]:
    rows = systems.sandbox.crm.db["person"]
    return sorted(row["person_id"] for row in rows if row["contact_id"] in contacts(systems) and not row["retired"])


def projects(systems: Systems) -> list[int]:
    return sorted(row["project_id"] for row in systems.sandbox.crm.db["project"])


async def must(found: object) -> Record:
    assert isinstance(found, Record)
    return found


def test_a_company_is_read_with_its_facts_its_identity_and_who_touched_it(systems: Systems) -> None:
    key = contacts(systems)[3]
    phones = [{"Value": "22 33 44 55", "Description": ""}, {"Value": "+46 8 123 456", "Description": "Sverige"}]
    systems.sandbox.crm.edit("contact", key, {"Phones": phones, "OrgNr": "NO 974 760 673 MVA", "Number2": "10017"})

    async def work(sides: Sides) -> None:
        record = await must(await sides.crm.read("contact", key, CONTACT))
        assert record.values["Phones[first].Value"] == "22 33 44 55"
        assert record.identity.phones == {"+4722334455", "+468123456"}
        assert record.identity.org_number == "974760673"
        assert record.identity.number == "10017"
        assert record.country == "NO"
        assert record.facts["category_group"] in ("customer", "potential_customer", "partner", "other")
        assert record.facts["business"].isdigit()
        assert record.touch.at == systems.clock.now()
        assert record.touch.by_us is False
        assert not record.created_by_us
        assert record.locked is None
        assert record.markers == {}

    systems.run(work)


def test_a_person_and_a_project_are_read_with_parent_and_facts(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        key = persons(systems)[0]
        person = await must(await sides.crm.read("person", key, PERSON))
        assert person.parent == systems.sandbox.crm.db["person"].get(key)["contact_id"]
        assert person.facts["retired"] == "false"
        assert person.identity.name == " ".join(
            str(person.values[path] or "") for path in PERSON[:3] if person.values[path]
        )
        project = await must(await sides.crm.read("project", projects(systems)[0], PROJECT))
        assert isinstance(project.values["EndDate"], date)
        assert project.facts["completed"] in ("true", "false")
        assert project.identity.number == project.values["ProjectNumber"]

    systems.run(work)


def test_what_is_gone_is_nothing_and_what_only_seems_gone_is_an_error(systems: Systems) -> None:
    systems.sandbox.crm.delete("contact", contacts(systems)[-1])
    gone, there = contacts(systems)[-1], contacts(systems)[0]

    async def work(sides: Sides) -> None:
        assert await sides.crm.read("contact", gone, CONTACT) is None
        assert await sides.crm.read("contact", 999_999, CONTACT) is None
        systems.sandbox.crm.options.deleted_read = "200"
        assert await sides.crm.read("contact", gone, CONTACT) is None

    systems.run(work)
    systems.sandbox.crm.options.deleted_read = "404"

    async def lost(sides: Sides) -> None:
        client = sides.client
        await client.principal()
        read = client.session.request

        async def answer(method: str, segments: tuple[object, ...], **rest: object) -> object:
            wrong = segments == ("Contact", there)
            return await read(method, ("Contact", 999_998) if wrong else segments, **rest)  # type: ignore[arg-type]

        client.session.request = answer  # type: ignore[assignment, method-assign]
        with pytest.raises(BadAnswer):
            await sides.crm.read("contact", there, CONTACT)

    systems.run(lost)


def test_the_owners_own_company_and_the_users_of_the_crm_are_locked(systems: Systems) -> None:
    user = next(row for row in systems.sandbox.crm.db["associate"] if row["type"] == 0)

    async def work(sides: Sides) -> None:
        person = await must(await sides.crm.read("person", user["person_id"], PERSON))
        assert person.locked is not None
        own = await must(await sides.crm.read("contact", person.parent or 0, CONTACT))
        assert own.locked is not None

    systems.run(work)


def test_a_write_changes_the_asked_paths_alone_and_keeps_other_elements(systems: Systems) -> None:
    key = contacts(systems)[4]
    phones = [{"Value": "22 33 44 55", "Description": ""}, {"Value": "22 33 44 66", "Description": "Lager"}]
    systems.sandbox.crm.edit("contact", key, {"Phones": phones})

    async def work(sides: Sides) -> None:
        record = await must(await sides.crm.read("contact", key, CONTACT))
        mark = systems.sandbox.journal.mark()
        changes = {"Phones[first].Value": "+47 99 88 77 66", "Address.Postal.Address1": "Postboks 123 Sentrum"}
        written = await sides.crm.write(record, changes, guids("x"))
        assert written.exact
        assert written.record.values["Phones[first].Value"] == "+47 99 88 77 66"
        assert written.record.values["Name"] == record.values["Name"]
        assert written.record.touch.by_us or not systems.sandbox.crm.options.child_edits_touch_root
        (write,) = systems.sandbox.journal.writes("crm", since=mark)
        assert set(write.after) <= {"Phones.0.Value", "Address.Postal.Address1"}
        held = systems.sandbox.crm.read("contact", key)["Phones"]
        assert [(one["Value"], one["Description"]) for one in held] == [
            ("+47 99 88 77 66", ""),
            ("22 33 44 66", "Lager"),
        ]

    systems.run(work)


def test_a_persons_edit_between_reading_and_writing_refuses_the_write(systems: Systems) -> None:
    key = contacts(systems)[5]
    crm = systems.sandbox.crm

    async def work(sides: Sides) -> None:
        record = await must(await sides.crm.read("contact", key, CONTACT))
        crm.interpose("PATCH", "^Contact/", lambda: crm.edit("contact", key, {"Name": "Personens AS"}))
        with pytest.raises(PreconditionFailed):
            await sides.crm.write(record, {"Name": "Vårt AS"}, guids("x"))
        record = await must(await sides.crm.read("contact", key, CONTACT))
        assert record.values["Name"] == "Personens AS"
        phones = [{"Value": "11 11 11 11", "Description": ""}]
        crm.interpose("PATCH", "^Contact/", lambda: crm.edit("contact", key, {"Phones": phones}))
        with pytest.raises(PreconditionFailed):
            await sides.crm.write(record, {"Phones[first].Value": "22 22 22 22"}, guids("x"))
        assert crm.read("contact", key)["Phones"][0]["Value"] == "11 11 11 11"

    systems.run(work)


def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(systems: Systems) -> None:
    key = contacts(systems)[6]

    async def work(sides: Sides) -> None:
        record = await must(await sides.crm.read("contact", key, CONTACT))
        mark = systems.sandbox.journal.mark()
        with pytest.raises(ValidationFailed) as caught:
            await sides.crm.write(record, {"Address.Postal.Address1": "x" * 80}, guids("x"))
        assert not caught.value.effect_unknown
        assert "79" in str(caught.value)
        assert systems.sandbox.journal.mark() == mark
        assert sides.crm.max_length("contact", "Address.Postal.Address1") == 79
        assert sides.crm.is_required("contact", "Name")
        assert not sides.crm.is_required("contact", "OrgNr")

    systems.run(work)


def test_a_lost_answer_says_that_the_write_may_have_happened(systems: Systems) -> None:
    key = contacts(systems)[7]

    async def work(sides: Sides) -> None:
        record = await must(await sides.crm.read("contact", key, CONTACT))
        systems.faults.script(Fault("lost_after", system="crm", match="^PATCH"))
        with pytest.raises(VendorError) as caught:
            await sides.crm.write(record, {"Name": "Kom Frem AS"}, guids("x"))
        assert caught.value.effect_unknown
        again = await must(await sides.crm.read("contact", key, CONTACT))
        assert again.values["Name"] == "Kom Frem AS"
        assert again.touch.by_us

    systems.run(work)


def test_a_write_that_is_answered_without_having_changed_anything_is_not_taken_for_done(systems: Systems) -> None:
    key = contacts(systems)[7]

    async def work(sides: Sides) -> None:
        record = await must(await sides.crm.read("contact", key, CONTACT))
        change = {"Name": "Kom Ikke Frem AS", "Phones[first].Value": "22 33 44 77"}

        async def answer(self: SuperOfficeClient, entity: str, record_id: int, *_: object, **__: object) -> Entity:
            return await self.read(entity, record_id)

        with (
            patch.object(SuperOfficeClient, "patch", answer),
            pytest.raises(BadAnswer, match="the record is as it was before") as caught,
        ):
            await sides.crm.write(record, change, guids("x"))
        assert caught.value.effect_unknown
        written = await sides.crm.write(record, change, guids("x"))
        assert written.record.values["Name"] == "Kom Ikke Frem AS"

    systems.run(work)


def test_a_new_company_meets_the_rules_conditions_and_is_found_among_what_we_made(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        since = systems.clock.now()
        values = {"Name": "Nyopprettet AS", "OrgNr": "974760673", "Phones[first].Value": "+47 22 00 11 22"}
        conditions = {"category_group": ("customer", "potential_customer")}
        made = await sides.crm.create("contact", values, parent=None, conditions=conditions, guid_of=guids("x"))
        record = await must(await sides.crm.read("contact", made, CONTACT))
        assert record.values["Name"] == "Nyopprettet AS"
        assert record.facts["category_group"] == "customer"
        assert record.created_by_us
        person = await sides.crm.create(
            "person",
            {"Firstname": "Kari", "Lastname": "Nes", "MobilePhones[first].Value": "+47 900 11 222"},
            parent=made,
            conditions={"retired": ("false",)},
            guid_of=guids("x"),
        )
        assert (await must(await sides.crm.read("person", person, PERSON))).parent == made
        assert await sides.crm.children("contact", made) == [person]
        project = await sides.crm.create(
            "project", {"Name": "Nytt bygg", "EndDate": "2026-12-31"}, parent=None, conditions={}, guid_of=guids("x")
        )
        assert (await must(await sides.crm.read("project", project, PROJECT))).values["EndDate"] == date(2026, 12, 31)
        ours = await sides.crm.created_by_us("contact", since, CONTACT)
        assert [(one.id, one.values["OrgNr"]) for one in ours] == [(made, "974760673")]
        assert [one.id for one in await sides.crm.created_by_us("person", since, PERSON)] == [person]
        systems.sandbox.crm.create("contact", {"Name": "Personens egen AS"})
        assert [one.id for one in await sides.crm.created_by_us("contact", since, CONTACT)] == [made]

    systems.run(work)


def test_a_new_company_keeps_the_tenants_own_category_where_no_list_tells_its_group(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        conditions = {"category_group": ("customer", "potential_customer")}

        async def category(name: str) -> str:
            made = await sides.crm.create(
                "contact", {"Name": name}, parent=None, conditions=conditions, guid_of=guids("x")
            )
            return (await must(await sides.crm.read("contact", made, CONTACT))).facts["category"]

        usual = await category("Vanlig AS")
        lists = sides.crm._client.lists
        items = {name: await lists.items(name) for name in ("category", "business")}
        items["category"] = tuple(
            replace(one, group=None if str(one.id) == usual else one.group) for one in items["category"]
        )
        assert any(one.group == "PotentialCustomer" for one in items["category"])
        with patch.object(lists, "items", AsyncMock(side_effect=items.__getitem__)):
            assert await category("Likeså AS") == usual

    systems.run(work)


def test_what_people_have_deleted_is_known_by_its_name(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        crm, people = sides.crm, systems.sandbox.crm
        first = people.create("contact", {"Name": "Slettebakken Bygg AS", "OrgNr": "974760673"})
        other = people.create("contact", {"Name": "Slettebakken Bygg AS", "OrgNr": "923609016"})
        names = {"Firstname": "Ola", "Lastname": "Slettebakken"}
        person = await crm.create("person", names, parent=first, conditions={}, guid_of=guids("d"))
        company = Identity(0, "Slettebakken bygg AS", org_number="974760673")
        worker = Identity(0, "Ola Slettebakken", parent=first)
        assert await crm.deleted_alike("contact", company) == []
        assert await crm.deleted_alike("person", worker) == []
        for entity, key in (("person", person), ("contact", first), ("contact", other)):
            people.delete(entity, key)
        assert await crm.deleted_alike("contact", company) == [first]
        assert await crm.deleted_alike("contact", Identity(0, "Slettebakken Bygg")) == [first, other]
        assert await crm.deleted_alike("person", worker) == [person]
        assert await crm.deleted_alike("person", Identity(0, "Ola Slettebakken", parent=other)) == []
        assert await crm.deleted_alike("contact", Identity(0, "Slettebakken AS")) == []
        assert await crm.deleted_alike("project", company) == []

    systems.run(work)


def test_our_marker_is_put_found_and_taken_off_without_touching_the_record(systems: Systems) -> None:
    key = contacts(systems)[8]

    async def work(sides: Sides) -> None:
        before = await must(await sides.crm.read("contact", key, CONTACT))
        await sides.crm.mark("contact", key, "Key-A", "customer", 79)
        mark = systems.sandbox.journal.mark()
        await sides.crm.mark("contact", key, "Key-A", "customer", 79)
        assert systems.sandbox.journal.mark() == mark
        await sides.crm.mark("contact", key, "Key-A", "supplier", 12)
        await sides.crm.mark("contact", key, "Key-B", "customer", 79)
        record = await must(await sides.crm.read("contact", key, CONTACT))
        wanted = {("Key-A", "customer"): 79, ("Key-A", "supplier"): 12, ("Key-B", "customer"): 79}
        assert record.markers == wanted
        assert record.stamp == before.stamp
        written = await sides.crm.write(record, {"Name": "Merket AS"}, guids("x"))
        assert written.record.markers == wanted
        assert await sides.crm.marked("contact", "Key-A", "customer", 79) == key
        assert await sides.crm.marked("contact", "Key-A", "customer", 80) is None
        assert await sides.crm.marked("contact", "Key-C", "customer", 79) is None
        await sides.crm.unmark("contact", key, "Key-A", "customer")
        await sides.crm.unmark("contact", key, "Key-A", "customer")
        assert await sides.crm.marked("contact", "Key-A", "customer", 79) is None
        again = await must(await sides.crm.read("contact", key, CONTACT))
        assert set(again.markers) == {("Key-A", "supplier"), ("Key-B", "customer")}

    systems.run(work)


@pytest.mark.parametrize("by", ["org_number", "number", "email", "domain", "phone", "name"])
def test_a_company_is_found_by_each_thing_that_it_is_known_by(systems: Systems, by: str) -> None:
    key = contacts(systems)[9]
    systems.sandbox.crm.edit(
        "contact",
        key,
        {
            "Name": "Åsheim Rørlegger og Sønn AS",
            "OrgNr": "923 609 016",
            "Number2": "10900",
            "Emails": [{"Value": "Post@aasheim-ror.no", "Description": ""}],
            "Phones": [{"Value": "924 55 817", "Description": ""}],
        },
    )
    like = {
        "org_number": Identity(0, "Noe Helt Annet", org_number="923609016"),
        "number": Identity(0, "Noe Helt Annet", number="10900"),
        "email": Identity(0, "Noe Helt Annet", emails=frozenset({"post@aasheim-ror.no"})),
        "domain": Identity(0, "Noe Helt Annet", domains=frozenset({"aasheim-ror.no"})),
        "phone": Identity(0, "Noe Helt Annet", phones=frozenset({"+4792455817"})),
        "name": Identity(0, "ASHEIM RORLEGGER & SONN"),
    }[by]
    if by == "name":
        like = Identity(0, "Åsheim Rørlegger")

    async def work(sides: Sides) -> None:
        found = {one.id: one for one in await sides.crm.look_up("contact", like)}
        assert key in found
        assert found[key].org_number == "923609016"
        assert found[key].number == "10900"
        assert found[key].phones == {"+4792455817"}
        assert found[key].emails == {"post@aasheim-ror.no"}
        assert len(found) < 8

    systems.run(work)


def test_persons_are_looked_up_within_their_company_and_projects_by_number_and_name(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        person = await must(await sides.crm.read("person", persons(systems)[2], PERSON))
        within = await sides.crm.look_up("person", person.identity)
        assert {one.id for one in within} == set(await sides.crm.children("contact", person.parent or 0))
        assert all(one.parent == person.parent for one in within)
        alone = Identity(0, person.identity.name)
        assert person.id in {one.id for one in await sides.crm.look_up("person", alone)}
        project = await must(await sides.crm.read("project", projects(systems)[1], PROJECT))
        by_number = Identity(0, "Xyz", number=project.identity.number)
        numbered = await sides.crm.look_up("project", by_number)
        assert project.id in {one.id for one in numbered}
        assert {one.number for one in numbered} == {project.identity.number}
        assert project.id in {one.id for one in await sides.crm.look_up("project", Identity(0, project.identity.name))}

    systems.run(work)


def test_the_feeds_tell_of_edits_children_deletes_and_merges(systems: Systems) -> None:
    crm = systems.sandbox.crm
    first, second, third, fourth, fifth = contacts(systems)[10:15]
    move_who = persons(systems)[4]
    since = systems.clock.now()
    systems.later()
    crm.edit("contact", first, {"Name": "Endret AS"})
    crm.edit("contact", second, {"Phones": [{"Value": "22 00 11 22", "Description": ""}]})
    crm.delete("contact", third)
    crm.merge("contact", fourth, fifth)
    crm.move_person(move_who, first)

    async def work(sides: Sides) -> None:
        changed = await sides.crm.changed("contact", since)
        assert {one.id for one in changed.changed} >= {first, fifth}
        assert second not in {one.id for one in changed.changed}
        assert changed.high_water == systems.clock.now()
        touched = await sides.crm.touched("contact", since)
        assert touched is not None
        assert second in {one.id for one in touched.changed}
        assert await sides.crm.deleted("contact", since) == [third]
        assert await sides.crm.deleted("project", since) is None
        merges = await sides.crm.merges(since)
        assert merges is not None
        assert [(one.entity, one.source, one.destination) for one in merges] == [("contact", fourth, fifth)]
        assert move_who in {one.id for one in (await sides.crm.changed("person", since)).changed}
        assert (await sides.crm.changed("contact", systems.clock.now())).changed == []

    systems.run(work)


def test_of_several_addresses_and_phones_the_one_that_was_changed_last_tells_of_the_record(systems: Systems) -> None:
    contact = contacts(systems)[15]
    since = systems.clock.now()
    systems.later()
    systems.sandbox.crm.edit("contact", contact, {"Address": {"Postal": {"City": "Bodø"}}})
    systems.later()
    systems.sandbox.crm.edit("contact", contact, {"Address": {"Street": {"City": "Hamar"}}})

    async def work(sides: Sides) -> None:
        touched = await sides.crm.touched("contact", since)
        assert touched is not None
        assert {one.id: one.stamp for one in touched.changed}[contact] == systems.clock.now()
        assert touched.high_water == systems.clock.now()

    systems.run(work)


def test_what_stands_below_a_record_is_dated_by_its_own_row(systems: Systems) -> None:
    contact = contacts(systems)[16]
    systems.sandbox.crm.edit("contact", contact, {"Address": {"Postal": {"City": "Bodø"}}})
    moved = systems.clock.now()
    systems.later()
    systems.sandbox.crm.edit("contact", contact, {"Department": "Salg"})

    async def work(sides: Sides) -> None:
        record = await must(await sides.crm.read("contact", contact, CONTACT))
        dated = await sides.crm.dated(record, CONTACT)
        assert dated.touch_of("Address.Postal.Address1").at == moved
        assert dated.touch_of("Name").at == systems.clock.now()

    systems.run(work)


def test_a_listing_holds_every_living_record(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        for entity in ("contact", "person", "project"):
            listed = [one.id async for page in sides.crm.listing(entity) for one in page]
            rows = systems.sandbox.crm.db[entity]
            living = {row[f"{entity}_id"] for row in rows if not row.get("deleted")}
            assert sorted(listed) == sorted(living)

    systems.run(work)


def test_a_tenant_without_the_dynamic_archive_tells_neither_children_nor_merges() -> None:
    systems = Systems(parties=6, companies=1, crm=CrmOptions(dynamic_archive=False))
    with systems.sandbox:

        async def work(sides: Sides) -> None:
            assert await sides.crm.touched("contact", systems.clock.now()) is None
            assert await sides.crm.merges(systems.clock.now()) is None
            record = await must(await sides.crm.read("contact", contacts(systems)[0], CONTACT))
            assert await sides.crm.dated(record, CONTACT) == record

        systems.run(work)


def test_a_field_that_the_answer_leaves_out_is_not_taken_for_empty(systems: Systems) -> None:
    key = contacts(systems)[0]

    async def work(sides: Sides) -> None:
        entity = await sides.client.read("contact", key, foreign_keys=True)
        for name in ("OrgNr", "Phones", "CustomFields"):
            entity.data.pop(name, None)
        paths = ("Name", "OrgNr", "Phones[first].Value", "CustomFields[SuperOffice:1]")
        record = await sides.crm._record(entity, paths, {})
        assert set(record.values) == {"Name"}

    systems.run(work)


def test_reading_many_records_at_once_mixes_nothing(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        keys = contacts(systems)[:8]
        records = await asyncio.gather(*(sides.crm.read("contact", key, CONTACT) for key in keys))
        assert [record.id if record else 0 for record in records] == keys

    systems.run(work)
