"""The ERP's side of the engine against the simulated ERP, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from sounimicro_pipelines.sandbox import Fault
from sounimicro_pipelines.sandbox.unimicro.options import ErpOptions
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.ports import AlreadyThere, Record
from sounimicro_pipelines.transport import BadAnswer, NotFound, PreconditionFailed, ValidationFailed, VendorError
from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines_tests.sync.systems import Sides, Systems, guids

CUSTOMER = (
    "Info.Name",
    "OrgNumber",
    "CustomerNumber",
    "Info.InvoiceAddress.AddressLine1",
    "Info.InvoiceAddress.PostalCode",
    "Info.DefaultPhone.Number",
    "Info.DefaultEmail.EmailAddress",
    "WebUrl",
    "CreditDays",
)
CONTACT = ("Info.Name", "Info.Phones[Type=150102].Number", "Info.DefaultEmail.EmailAddress", "Role")
PROJECT = ("Name", "ProjectNumber", "EndDate", "PlannedEnddate", "Description")
ACTIVE = {"status": ("active", "pending")}


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


def ids(systems: Systems, entity: str, company: int = 1) -> list[int]:
    rows = systems.sandbox.erp.rows(company, entity)
    return [row["ID"] for row in rows if row.get("StatusCode") in (None, 30001, 42202, 42203, 42204)]


def whole(systems: Systems) -> dict[str, dict[int, dict[str, Any]]]:
    """Every row of the registers that a write could touch."""
    entities = ("Customer", "Supplier", "BusinessRelation", "Address", "Phone", "Email", "Contact", "Project")
    return {one: {row["ID"]: row for row in systems.sandbox.erp.rows(1, one, deleted=True)} for one in entities}


async def read(sides: Sides, entity: str, record_id: int, paths: tuple[str, ...] = CUSTOMER) -> Record:
    record = await sides.erp.read(entity, record_id, paths)
    assert record is not None
    return record


def test_records_that_are_read_at_once_all_know_who_we_are(systems: Systems) -> None:
    """The first asks the ERP; a second that did not wait took people's new records for ours, and ours for people's."""
    keys = ids(systems, "Customer")[:4]

    async def work(sides: Sides) -> None:
        found = await asyncio.gather(*(read(sides, "Customer", key) for key in keys))
        assert [one.touch.by_us for one in found] == [False] * len(keys)

    systems.run(work)


def test_a_customer_is_read_with_facts_identity_and_who_touched_each_object(systems: Systems) -> None:
    key = ids(systems, "Customer")[2]
    before = systems.clock.now()
    systems.later()
    systems.sandbox.erp.edit(1, "Customer", key, {"Info.InvoiceAddress.AddressLine1": "Postboks 123"})

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", key)
        row = systems.sandbox.erp.read(1, "Customer", key, "Info")
        assert record.company_key == systems.sandbox.erp.key(1)
        assert record.relation == row["BusinessRelationID"]
        assert record.facts["status"] == "active"
        assert record.identity.name == row["Info"]["Name"]
        assert record.identity.number == str(row["CustomerNumber"])
        assert record.values["Info.InvoiceAddress.AddressLine1"] == "Postboks 123"
        address = record.touch_of("Info.InvoiceAddress.AddressLine1")
        assert address.at == systems.clock.now()
        assert address.by_us is False
        name = record.touch_of("Info.Name").at
        assert name is not None
        assert name < before
        assert record.stamp == systems.clock.now().isoformat()
        assert not record.created_by_us

    systems.run(work)


def test_a_contact_and_a_project_are_read_with_their_parents(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        contact = await read(sides, "Contact", ids(systems, "Contact")[0], CONTACT)
        row = systems.sandbox.erp.read(1, "Contact", contact.id)
        assert contact.parent == row["ParentBusinessRelationID"]
        assert contact.identity.parent == contact.parent
        assert contact.relation is None
        ((entity, party),) = [one for one in await sides.erp.parties(contact.parent or 0) if one[0] == "Customer"] or [
            (await sides.erp.parties(contact.parent or 0))[0]
        ]
        assert contact.id in await sides.erp.children(entity, party)
        project = await read(sides, "Project", ids(systems, "Project")[0], PROJECT)
        assert project.parent == systems.sandbox.erp.read(1, "Project", project.id)["ProjectCustomerID"]
        assert project.facts["status"] in ("in_progress", "completed", "offer")

    systems.run(work)


def test_what_is_gone_is_nothing_and_a_wrong_address_is_an_error(systems: Systems) -> None:
    deleted, blocked, there = ids(systems, "Customer")[-1], ids(systems, "Customer")[-2], ids(systems, "Customer")[0]
    systems.sandbox.erp.delete(1, "Customer", deleted)
    systems.sandbox.erp.edit(1, "Customer", blocked, {"StatusCode": 90001})

    async def work(sides: Sides) -> None:
        assert await sides.erp.read("Customer", deleted, CUSTOMER) is None
        assert await sides.erp.read("Customer", blocked, CUSTOMER) is None
        assert await sides.erp.read("Customer", 999_999, CUSTOMER) is None
        listed = [one.id async for page in sides.erp.listing("Customer") for one in page]
        assert there in listed
        assert not {deleted, blocked} & set(listed)
        assert len(listed) == len(set(listed))

    systems.run(work)

    async def wrong(sides: Sides) -> None:
        sides.erp._company.client.settings = sides.erp._company.client.settings.__class__(
            **{
                **{name: getattr(sides.erp._company.client.settings, name) for name in _settings_names(sides)},
                "api_url": sides.erp._company.client.settings.api_url + "/elsewhere",
            }
        )
        with pytest.raises(VendorError):
            await sides.erp.read("Customer", there, CUSTOMER)

    systems.run(wrong)


def _settings_names(sides: Sides) -> list[str]:
    return list(type(sides.erp._company.client.settings).__dataclass_fields__)


def test_a_write_changes_the_asked_paths_alone_and_keeps_other_elements(systems: Systems) -> None:
    key = ids(systems, "Customer")[3]
    systems.sandbox.erp.edit(1, "Customer", key, {"Info.InvoiceAddress.AddressLine1": "Postboks 123"})

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", key)
        before = whole(systems)
        written = await sides.erp.write(
            record,
            {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum", "Info.DefaultPhone.Number": "+4799887766"},
            guids("a"),
        )
        assert not written.exact
        assert not written.overwritten
        assert not written.strayed
        assert written.record.values["Info.InvoiceAddress.AddressLine1"] == "Postboks 123 Sentrum"
        assert written.record.touch_of("Info.InvoiceAddress.AddressLine1").by_us
        after = whole(systems)
        stamps = {"UpdatedAt", "UpdatedBy"}
        changed = {
            (entity, row_id, name)
            for entity, rows in after.items()
            for row_id, row in rows.items()
            for name in row
            if row.get(name) != before[entity].get(row_id, {}).get(name) and name not in stamps
        }
        info = systems.sandbox.erp.read(1, "Customer", key, "Info")["Info"]
        assert changed == {
            ("Address", info["InvoiceAddressID"], "AddressLine1"),
            ("Phone", info["DefaultPhoneID"], "Number"),
        }

    systems.run(work)


def test_a_missing_child_is_made_once_also_when_the_answer_is_lost(systems: Systems) -> None:
    bare = systems.sandbox.erp.add(1, "Customer", {"Info": {"Name": "Uten Adresse AS"}})

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", bare)
        assert record.values["Info.InvoiceAddress.AddressLine1"] is None
        change = {"Info.InvoiceAddress.AddressLine1": "Storgata 1"}
        systems.faults.script(Fault("lost_after", system="erp", match="^PUT"))
        with pytest.raises(VendorError) as caught:
            await sides.erp.write(record, change, guids("b"))
        assert caught.value.effect_unknown
        with pytest.raises(PreconditionFailed):
            await sides.erp.write(record, change, guids("b"))
        again = await read(sides, "Customer", bare)
        assert again.values["Info.InvoiceAddress.AddressLine1"] == "Storgata 1"
        relation = again.relation
        addresses = [row for row in systems.sandbox.erp.rows(1, "Address") if row.get("BusinessRelationID") == relation]
        assert len(addresses) == 1
        systems.sandbox.erp.delete(1, "Address", addresses[0]["ID"])
        systems.sandbox.erp.edit(1, "BusinessRelation", relation or 0, {"InvoiceAddressID": None})
        emptied = await read(sides, "Customer", bare)
        assert emptied.values["Info.InvoiceAddress.AddressLine1"] is None
        written = await sides.erp.write(emptied, {"Info.InvoiceAddress.AddressLine1": "Storgata 2"}, guids("b"))
        assert written.record.values["Info.InvoiceAddress.AddressLine1"] == "Storgata 2"

    systems.run(work)


def test_a_write_whose_reading_back_fails_may_have_happened(systems: Systems) -> None:
    customer = ids(systems, "Customer")[0]

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", customer)
        change = {"WebUrl": "https://www.lest-tilbake.no"}
        systems.faults.script(Fault("html_error", system="erp", match="^GET /api/biz/customers", skip=1, times=20))
        with pytest.raises(VendorError) as caught:
            await sides.erp.write(record, change, guids("readback"))
        systems.faults.scripted.clear()
        assert caught.value.effect_unknown
        again = await read(sides, "Customer", customer)
        assert again.values["WebUrl"] == "https://www.lest-tilbake.no"

    systems.run(work)
    systems.later(1 - systems.clock.now().microsecond / 1e6)  # the waits between repeats are no whole milliseconds


@pytest.mark.parametrize("path", ["Info.Name", "WebUrl", "Info.InvoiceAddress.AddressLine2"])
def test_a_write_that_is_answered_without_having_changed_anything_is_not_taken_for_done(
    systems: Systems, path: str
) -> None:
    """What the record still holds would be taken for an edit, and travel over the one that was to be written."""
    customer = ids(systems, "Customer")[1]

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", customer, (*CUSTOMER, path))
        with (
            patch.object(CompanyClient, "update", AsyncMock(return_value=None)),
            pytest.raises(BadAnswer, match="the record is as it was before") as caught,
        ):
            await sides.erp.write(record, {path: "Et annet sted"}, guids(path))
        assert caught.value.effect_unknown
        written = await sides.erp.write(record, {path: "Et annet sted"}, guids(path))
        assert written.record.values[path] == "Et annet sted"

    systems.run(work)


def test_a_contacts_mobile_is_written_beside_the_other_numbers(systems: Systems) -> None:
    phones = [
        {"Number": "22334455", "Type": 150101, "_createguid": "p1"},
        {"Number": "90011222", "Type": 150102, "_createguid": "p2"},
        {"Number": "90011333", "Type": 150102, "_createguid": "p3"},
    ]
    parent = systems.sandbox.erp.read(1, "Customer", ids(systems, "Customer")[0])["BusinessRelationID"]
    key = systems.sandbox.erp.add(
        1, "Contact", {"ParentBusinessRelationID": parent, "Info": {"Name": "Kari Nes", "Phones": phones}}
    )

    async def work(sides: Sides) -> None:
        record = await read(sides, "Contact", key, CONTACT)
        assert record.identity.phones == {"+4722334455", "+4790011222", "+4790011333"}
        await sides.erp.write(record, {"Info.Phones[Type=150102].Number": "+4799999999"}, guids("c"))
        row = systems.sandbox.erp.read(1, "Contact", key, "Info.Phones")
        assert [one["Number"] for one in row["Info"]["Phones"]] == ["22334455", "99999999", "90011333"]

    systems.run(work)


def test_an_edit_before_the_last_reading_refuses_the_write(systems: Systems) -> None:
    key = ids(systems, "Customer")[4]

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", key)
        systems.sandbox.erp.edit(1, "Customer", key, {"Info.Name": "Personens AS"})
        mark = systems.sandbox.journal.mark()
        with pytest.raises(PreconditionFailed):
            await sides.erp.write(record, {"Info.Name": "Vårt AS"}, guids("d"))
        assert systems.sandbox.journal.mark() == mark
        systems.sandbox.erp.delete(1, "Customer", key)
        with pytest.raises(NotFound):
            await sides.erp.write(record, {"Info.Name": "Vårt AS"}, guids("d"))

    systems.run(work)


def test_an_edit_in_the_last_moment_is_told_from_the_audit_log(systems: Systems) -> None:
    key = ids(systems, "Customer")[5]
    erp = systems.sandbox.erp

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", key)
        systems.later(1)
        erp.interpose(
            "PUT", f"customers/{key}", lambda: erp.edit(1, "Customer", key, {"Info.Name": "I Siste Liten AS"})
        )
        written = await sides.erp.write(record, {"Info.Name": "Vårt AS"}, guids("e"))
        assert written.record.values["Info.Name"] == "Vårt AS"
        (edit,) = written.overwritten
        assert (edit.path, edit.value) == ("Info.Name", "I Siste Liten AS")
        assert edit.by is not None
        assert edit.at is not None
        systems.later(1)
        quiet = await sides.erp.write(written.record, {"Info.Name": "Vårt Nye AS"}, guids("e"))
        assert not quiet.overwritten

    systems.run(work)


def test_a_put_that_empties_more_than_was_sent_is_undone_and_told() -> None:
    systems = Systems(parties=8, companies=1, erp=ErpOptions(put_clears_omitted=True))
    with systems.sandbox:
        key = ids(systems, "Customer")[1]
        systems.sandbox.erp.edit(
            1, "Customer", key, {"CreditDays": 30, "WebUrl": "https://x.no", "GLN": "7080000000000"}
        )

        async def work(sides: Sides) -> None:
            record = await read(sides, "Customer", key)
            before = whole(systems)
            written = await sides.erp.write(record, {"Info.InvoiceAddress.AddressLine1": "Nygata 1"}, guids("f"))
            assert "CreditDays" in written.strayed
            assert "Info.InvoiceAddress.PostalCode" in written.strayed
            after = whole(systems)
            kept = {"CreditDays", "WebUrl", "GLN", "OrgNumber", "CustomerNumber", "PaymentTermsID"}
            for name in kept:
                assert after["Customer"][key].get(name) == before["Customer"][key].get(name), name
            assert written.record.values["Info.InvoiceAddress.AddressLine1"] == "Nygata 1"
            assert (
                written.record.values["Info.InvoiceAddress.PostalCode"]
                == record.values["Info.InvoiceAddress.PostalCode"]
            )
            again = await sides.erp.write(written.record, {"Info.Name": "Helt Nytt AS"}, guids("f"))
            assert not again.strayed
            assert again.record.values["CreditDays"] == 30

        systems.run(work)


@pytest.mark.parametrize("takes_whole", [True, False])
def test_an_erp_that_refuses_a_part_of_an_entity_gets_the_whole_once(
    systems: Systems, monkeypatch: pytest.MonkeyPatch, takes_whole: bool
) -> None:
    key = ids(systems, "Customer")[7]
    sent: list[bool] = []
    update = CompanyClient.update

    async def strict(
        client: CompanyClient, entity: str, record_id: int, body: Mapping[str, Any], *, whole: bool = False
    ) -> dict[str, Any] | None:
        sent.append(whole)
        if not (whole and takes_whole):
            raise ValidationFailed("Unimicro", "PUT customers/ID", status=400, messages=[f"whole: {whole}"])
        return await update(client, entity, record_id, body, whole=whole)

    monkeypatch.setattr(CompanyClient, "update", strict)

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", key)
        if not takes_whole:
            for _ in range(2):
                with pytest.raises(ValidationFailed) as caught:
                    await sides.erp.write(record, {"WebUrl": "https://helt.example"}, guids("part 1"))
                assert caught.value.messages == ("whole: False",)
            assert sent == [False, True] * 2
            return
        before = whole(systems)
        written = await sides.erp.write(record, {"WebUrl": "https://helt.example"}, guids("part 1"))
        await sides.erp.write(written.record, {"Info.DefaultPhone.Number": "22334455"}, guids("part 2"))
        assert sent == [False, True, True]
        after = whole(systems)
        assert after["Customer"][key]["WebUrl"] == "https://helt.example"
        touched = {"WebUrl", "UpdatedAt", "UpdatedBy"}
        changed = {name for name, value in before["Customer"][key].items() if after["Customer"][key][name] != value}
        assert changed <= touched

    systems.run(work)


def test_a_field_that_a_person_emptied_meanwhile_is_not_put_back(systems: Systems) -> None:
    key = ids(systems, "Customer")[6]
    erp = systems.sandbox.erp
    erp.edit(1, "Customer", key, {"Info.InvoiceAddress.AddressLine2": "Oppgang B"})

    async def work(sides: Sides) -> None:
        record = await read(sides, "Customer", key)
        systems.later(1)
        empty = {"Info.InvoiceAddress.AddressLine2": ""}
        erp.interpose("PUT", f"customers/{key}", lambda: erp.edit(1, "Customer", key, empty))
        written = await sides.erp.write(record, {"Info.InvoiceAddress.AddressLine1": "Nygata 9"}, guids("g"))
        assert not written.strayed
        row = erp.read(1, "Customer", key, "Info.InvoiceAddress")
        assert not row["Info"]["InvoiceAddress"]["AddressLine2"]

    systems.run(work)


def test_without_an_audit_log_and_without_a_session_writes_still_go_through() -> None:
    systems = Systems(parties=6, companies=1, erp=ErpOptions(audit=False, metadata=False))
    with systems.sandbox:
        key = ids(systems, "Customer")[0]

        async def work(sides: Sides) -> None:
            record = await read(sides, "Customer", key)
            assert record.touch.by_us is None
            written = await sides.erp.write(record, {"Info.Name": "Nytt Navn AS"}, guids("h"))
            assert written.record.values["Info.Name"] == "Nytt Navn AS"
            since = systems.clock.now()
            made = await sides.erp.create(
                "Customer", {"Info.Name": "Ny Kunde AS"}, parent=None, conditions=ACTIVE, guid_of=guids("h")
            )
            found = await sides.erp.created_by_us("Customer", since, CUSTOMER)
            assert made in {one.id for one in found}
            assert next(one for one in found if one.id == made).created_by_us

        systems.run(work)


def test_a_customer_a_contact_and_a_project_are_created_once_under_their_parents(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        since = systems.clock.now()
        values = {
            "Info.Name": "Nyopprettet AS",
            "OrgNumber": "974760673",
            "Info.InvoiceAddress.AddressLine1": "Storgata 1",
            "Info.DefaultPhone.Number": "+4722001122",
            "Info.DefaultEmail.EmailAddress": "post@nyopprettet.no",
        }
        made = await sides.erp.create("Customer", values, parent=None, conditions=ACTIVE, guid_of=guids("i"))
        with pytest.raises(AlreadyThere):
            await sides.erp.create("Customer", values, parent=None, conditions=ACTIVE, guid_of=guids("i"))
        customer = await read(sides, "Customer", made)
        assert customer.values["CustomerNumber"]
        assert customer.values["Info.DefaultPhone.Number"] == "+47 22001122"
        assert customer.created_by_us
        contact = await sides.erp.create(
            "Contact",
            {"Info.Name": "Kari Nes", "Info.Phones[Type=150102].Number": "+4790011222"},
            parent=customer.relation,
            conditions={},
            guid_of=guids("j"),
        )
        assert await sides.erp.children("Customer", made) == [contact]
        assert (await read(sides, "Contact", contact, CONTACT)).parent == customer.relation
        assert await sides.erp.parties(customer.relation or 0) == [("Customer", made)]
        project = await sides.erp.create(
            "Project",
            {"Name": "Nytt bygg", "PlannedEnddate": "2026-12-31"},
            parent=made,
            conditions={},
            guid_of=guids("k"),
        )
        held = await read(sides, "Project", project, PROJECT)
        assert held.parent == made
        assert held.values["ProjectNumber"]
        supplier = await sides.erp.create(
            "Supplier", {"Info.Name": "Leverandør AS"}, parent=None, conditions=ACTIVE, guid_of=guids("l")
        )
        for entity, key, paths in (
            ("Customer", made, CUSTOMER),
            ("Contact", contact, CONTACT),
            ("Project", project, PROJECT),
            ("Supplier", supplier, ("Info.Name",)),
        ):
            assert [one.id for one in await sides.erp.created_by_us(entity, since, paths)] == [key]

    systems.run(work)


def test_a_create_whose_answer_is_lost_is_found_again(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        since = systems.clock.now()
        systems.faults.script(Fault("lost_after", system="erp", match="^POST /api/biz/customers"))
        with pytest.raises(VendorError) as caught:
            await sides.erp.create(
                "Customer", {"Info.Name": "Borte AS"}, parent=None, conditions=ACTIVE, guid_of=guids("m")
            )
        assert caught.value.effect_unknown
        assert [one.identity.name for one in await sides.erp.created_by_us("Customer", since, CUSTOMER)] == ["Borte AS"]
        with pytest.raises(AlreadyThere):
            await sides.erp.create(
                "Customer", {"Info.Name": "Borte AS"}, parent=None, conditions=ACTIVE, guid_of=guids("m")
            )

    systems.run(work)


def test_what_the_erp_does_not_accept_is_told_in_its_own_words(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        with pytest.raises(ValidationFailed) as caught:
            await sides.erp.create(
                "Customer", {"OrgNumber": "974760673"}, parent=None, conditions={}, guid_of=guids("n")
            )
        assert any("Info" in message for message in caught.value.messages)
        key = ids(systems, "Customer")[7]
        record = await read(sides, "Customer", key)
        with pytest.raises(ValidationFailed):
            await sides.erp.write(record, {"Info.Name": "x" * 300}, guids("n"))
        with pytest.raises(ValidationFailed):
            await sides.erp.write(record, {"CustomerNumber": 7}, guids("n"))
        assert sides.erp.max_length("Customer", "Info.Name") == 255
        assert sides.erp.is_required("Customer", "Info.Name")
        assert sides.erp.is_shared("Info.Name")
        assert not sides.erp.is_shared("OrgNumber")

    systems.run(work)


@pytest.mark.parametrize("by", ["org_number", "number", "email", "domain", "phone", "name"])
def test_a_customer_is_found_by_each_thing_that_it_is_known_by(systems: Systems, by: str) -> None:
    known = {
        "OrgNumber": "923609016",
        "Info": {
            "Name": "Åsheim Rørlegger og Sønn AS",
            "DefaultPhone": {"Number": "92455817", "CountryCode": "+47", "_createguid": f"{by}1"},
            "DefaultEmail": {"EmailAddress": "Post@aasheim-ror.no", "_createguid": f"{by}2"},
        },
    }
    key = systems.sandbox.erp.add(1, "Customer", known)
    number = str(systems.sandbox.erp.read(1, "Customer", key)["CustomerNumber"])
    like = {
        "org_number": Identity(0, "Noe Annet", org_number="923609016"),
        "number": Identity(0, "Noe Annet", number=number),
        "email": Identity(0, "Noe Annet", emails=frozenset({"post@aasheim-ror.no"})),
        "domain": Identity(0, "Noe Annet", domains=frozenset({"aasheim-ror.no"})),
        "phone": Identity(0, "Noe Annet", phones=frozenset({"+4792455817"})),
        "name": Identity(0, "Åsheim Rørlegger"),
    }[by]

    async def work(sides: Sides) -> None:
        found = {one.id: one for one in await sides.erp.look_up("Customer", like)}
        assert key in found
        assert found[key].org_number == "923609016"
        assert found[key].number == number
        assert found[key].phones == {"+4792455817"}

    systems.run(work)
    systems.sandbox.erp.delete(1, "Customer", key)


def test_contacts_are_looked_up_within_their_party_and_projects_by_number_and_name(systems: Systems) -> None:
    async def work(sides: Sides) -> None:
        contact = await read(sides, "Contact", ids(systems, "Contact")[0], CONTACT)
        within = await sides.erp.look_up("Contact", contact.identity)
        assert contact.id in {one.id for one in within}
        assert {one.parent for one in within} == {contact.parent}
        project = await read(sides, "Project", ids(systems, "Project")[0], PROJECT)
        by_number = Identity(0, "Xyz", number=project.identity.number)
        assert [one.id for one in await sides.erp.look_up("Project", by_number)] == [project.id]
        assert project.id in {one.id for one in await sides.erp.look_up("Project", Identity(0, project.identity.name))}

    systems.run(work)


def test_the_feeds_tell_of_edits_children_and_deletes(systems: Systems) -> None:
    erp = systems.sandbox.erp
    first, second, third = ids(systems, "Customer")[-3:]
    contact = ids(systems, "Contact")[1]
    systems.later(3600)
    since = systems.clock.now()
    systems.later()
    erp.edit(1, "Customer", first, {"CreditDays": 21})
    erp.edit(1, "Customer", second, {"Info.InvoiceAddress.AddressLine1": "Flyttet 1"})
    erp.delete(1, "Customer", third)
    erp.edit(1, "Contact", contact, {"Info.Name": "Nytt Etternavn"})

    async def work(sides: Sides) -> None:
        changed = await sides.erp.changed("Customer", since)
        assert first in {one.id for one in changed.changed}
        assert second not in {one.id for one in changed.changed}
        assert changed.high_water == systems.clock.now()
        assert {one.id: one.stamp for one in changed.changed}[first] == systems.clock.now()
        touched = await sides.erp.touched("Customer", since)
        assert touched is not None
        assert second in {one.id for one in touched.changed}
        persons = await sides.erp.touched("Contact", since)
        assert persons is not None
        assert [one.id for one in persons.changed] == [contact]
        assert await sides.erp.deleted("Customer", since) == [third]
        nothing = await sides.erp.touched("Project", since)
        assert nothing is not None
        assert not nothing.changed
        other = await sides.erps[1].changed("Customer", since)
        assert not other.changed

    systems.run(work)


def test_an_object_that_was_not_expanded_is_not_taken_for_empty(systems: Systems) -> None:
    key = ids(systems, "Customer")[0]

    async def work(sides: Sides) -> None:
        found = await sides.erp._get("Customer", key, CUSTOMER)
        assert found is not None
        found["Info"]["InvoiceAddress"] = None
        found["Info"].pop("Phones", None)
        paths = ("Info.Name", "Info.InvoiceAddress.City", "Info.Phones[Type=150102].Number", "OrgNumber")
        record = await sides.erp._record("Customer", found, paths)
        assert set(record.values) == {"Info.Name", "OrgNumber"}
        found["Info"] = None
        assert set((await sides.erp._record("Customer", found, paths)).values) == {"OrgNumber"}

    systems.run(work)
