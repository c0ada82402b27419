"""What random schedules have found, each as a short story of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest

from sounimicro_pipelines.rules.values import Scalar
from sounimicro_pipelines.store import conflicts, intents, issues, links, work
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync import answering, feeds
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.ports import GuidOf, Record, Written
from sounimicro_pipelines.sync.requests import ErpButton, RequestRefused
from sounimicro_pipelines.transport import RateLimited, ServerFailed, Unreachable
from sounimicro_pipelines_tests.sync.scenario import Broken, Scenario, StorePool, open_issues
from sounimicro_pipelines_tests.sync.simulated import Crash, Row, System, Trouble

SIDES = ("crm", "erp")
OTHER = {
    "Name": "Info.Name",
    "Address.Postal.Address1": "Info.InvoiceAddress.AddressLine1",
    "Address.Postal.City": "Info.InvoiceAddress.City",
    "Urls[first].Value": "WebUrl",
}


@pytest.mark.parametrize("path", ["Address.Postal.City", "Urls[first].Value", "Name"])
def test_an_edit_while_the_record_is_created_elsewhere_travels_after_it(path: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(edit_between=1.0), active=("customer",))
    crm = scenario.company(scenario.crm, "contact")
    scenario.crm.person_types(crm, path)
    typed: list[str] = []

    def once() -> None:
        """Somebody types as soon as the customer is there."""
        if scenario.erp["K1"].living("Customer") and not typed:
            typed.append(scenario.crm.person_types(crm, path))

    scenario.hostile.person_edit = once
    scenario.polling_always = True
    scenario.run_engines()
    scenario.settle()
    scenario.check()
    (customer,) = scenario.erp["K1"].living("Customer")
    assert typed
    assert crm.values[path] == typed[0]
    assert typed[0] in customer.values.values()


def test_an_edit_rests_also_when_we_wrote_the_record_after_it() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True, quiet=30)
    crm = scenario.company(scenario.crm, "contact")
    scenario.settle()
    scenario.polling = True
    (customer,) = scenario.erp["K1"].living("Customer")
    address = scenario.erp["K1"].person_types(customer, "Info.InvoiceAddress.AddressLine1")
    scenario.hostile.clock.advance(40)
    typed = scenario.crm.person_types(crm, "Urls[first].Value")
    for _ in range(2):
        scenario.run_engines()
        scenario.hostile.clock.advance(12)
    assert crm.values["Address.Postal.Address1"] == address
    assert customer.values.get("WebUrl") != typed
    scenario.settle()
    scenario.check()
    assert customer.values["WebUrl"] == typed


def test_an_engine_that_never_rests_is_told() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",))
    scenario.company(scenario.crm, "contact")
    scenario.hostile.writes += [("crm", "contact", 1, "Name", "", "")] * 1000
    with pytest.raises(Broken, match="it comes to rest"):
        scenario.settle()


def test_a_value_that_reached_one_row_of_a_partner_goes_on_to_the_other_after_an_interruption() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "supplier", "partner"), polling_always=True)
    erp = scenario.erp["K1"]
    crm = scenario.company(scenario.crm, "contact", "923609016")
    customer = scenario.company(erp, "Customer", "923609016")
    supplier = scenario.company(erp, "Supplier", "923609016")
    for row in (customer, supplier):
        row.values["Info.Name"] = crm.values["Name"]
    rest_for_minutes(scenario)
    typed = scenario.crm.person_types(crm, "Address.Postal.City")
    write = erp.write
    refused: list[int] = []

    async def once_broken(record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        if record.entity == "Supplier" and not refused:
            refused.append(record.id)
            raise ServerFailed("Sim", "write", status=500)
        return await write(record, changes, guid_of)

    erp.write = once_broken  # type: ignore[method-assign]
    scenario.run_engines()
    assert refused == [supplier.id]
    assert customer.values["Info.InvoiceAddress.City"] == typed
    scenario.settle()
    scenario.check()
    assert supplier.values["Info.InvoiceAddress.City"] == typed


def test_an_issue_whose_cause_has_changed_tells_the_kind_of_what_is_the_matter_now() -> None:
    scenario = Scenario(1, StorePool(), Trouble())
    said: dict[str, Any] = {
        "fingerprint": "record:customer:erp:K1:Customer:1",
        "remedy": "",
        "now": scenario.hostile.at(),
    }
    with scenario.store.transaction() as tx:
        issues.report(tx, kind="serverfailed", cause="The call failed.", **said)
        again = issues.report(tx, kind="create_unknown", cause="It may have been created.", **said)
    assert (again.kind, again.cause, again.occurrences) == ("create_unknown", "It may have been created.", 2)


@pytest.mark.parametrize("made_in", ["crm", "erp"])
def test_what_was_made_after_the_backup_and_is_not_marked_yet_is_asked_about_and_not_made_again(made_in: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    source = scenario.company(erp, "Customer", "") if made_in == "crm" else scenario.company(crm, "contact", "")
    made = crm if made_in == "crm" else erp
    scenario.back_up()
    scenario.hostile.clock.advance(70)
    create = made.create

    async def then_die(*args: Any, **more: Any) -> int:
        await create(*args, **more)
        raise Crash

    made.create = then_die  # type: ignore[method-assign]
    scenario.run_engines()
    made.create = create  # type: ignore[method-assign]
    scenario.restore_old()
    scenario.settle()
    scenario.check()
    assert len(crm.living("contact")) == len(erp.living("Customer")) == 1
    assert len(scenario.hostile.creates) == 1
    (there,) = made.living("contact" if made_in == "crm" else "Customer")
    asked = {(one.side, one.kind): one.details["candidates"] for one in open_issues(scenario.store) if one.details}
    for side, candidate in ((source, there), (there, source)):
        name = "erp" if side.entity == "Customer" else "crm"
        assert [one["id"] for one in asked[name, "possible_duplicate"]] == [candidate.id]


def test_what_was_made_after_the_backup_goes_on_when_a_person_has_said_that_it_is_another() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    customer = scenario.company(scenario.erp["K1"], "Customer", "")
    scenario.crm.person_creates(
        "contact", {"Name": customer.values["Info.Name"]}, created_by="us", facts={"category_group": "customer"}
    )
    scenario.settle()
    assert scenario.hostile.creates == []
    for issue in open_issues(scenario.store):
        other = (issue.details or {})["candidates"][0]["id"]
        with scenario.store.transaction() as tx:
            answering.not_the_same(tx, issue, other, by="person:1", now=scenario.hostile.at())
    scenario.settle()
    made = sorted((name, entity) for name, entity, _ in scenario.hostile.creates)
    assert made == [("K1", "Customer"), ("crm", "contact")]
    assert open_issues(scenario.store) == []


@pytest.mark.parametrize("made_in", ["crm", "erp"])
def test_a_person_whose_company_went_while_it_was_made_is_told_and_waited_for_no_more(made_in: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "person"), polling_always=True)
    company, customer = pair(scenario)
    rest_for_minutes(scenario)
    system: System = scenario.crm if made_in == "crm" else scenario.erp["K1"]
    if made_in == "crm":
        scenario.contact_of("K1", customer)
    else:
        scenario.person_of(company)
    create = system.create

    async def unheard(*args: Any, **more: Any) -> int:
        await create(*args, **more)
        raise Unreachable("Sim", "create", effect_unknown=True)

    system.create = unheard  # type: ignore[method-assign]
    scenario.run_engines()
    system.create = create  # type: ignore[method-assign]
    assert [entity for _, entity, _ in scenario.hostile.creates] == ["person" if made_in == "crm" else "Contact"]
    scenario.crm.person_deletes(company)
    scenario.settle()
    scenario.check()
    assert len(scenario.hostile.creates) == 1
    assert {"deleted", "orphan"} <= {one.kind for one in open_issues(scenario.store)}
    with scenario.store.read() as tx:
        assert intents.living(tx) == []


@pytest.mark.parametrize("made_in", ["crm", "erp"])
def test_a_person_of_a_customer_and_supplier_that_share_their_contacts_is_made_once(made_in: str) -> None:
    active = ("customer", "supplier", "partner", "person")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    company, customer = pair(scenario)
    supplier = scenario.company(erp, "Supplier", customer.values["OrgNumber"])
    supplier.values["Info.Name"], supplier.relation = customer.values["Info.Name"], customer.relation
    scenario.settle()
    assert set(company.markers) == {("K1", "customer"), ("K1", "supplier")}
    scenario.polling = True
    scenario.hostile.clock.advance(200)
    person = scenario.person_of(company) if made_in == "crm" else None
    contact = scenario.contact_of("K1", customer) if made_in == "erp" else None
    scenario.settle()
    assert ([person] if person else crm.living("person")) == crm.living("person")
    assert ([contact] if contact else erp.living("Contact")) == erp.living("Contact")
    assert (len(crm.living("person")), len(erp.living("Contact"))) == (1, 1)
    with scenario.store.transaction() as tx:
        work.poke(tx, [Poke("person", "crm", "person", crm.living("person")[0].id, "webhook")], scenario.hostile.at())
    scenario.settle()
    scenario.check()
    address = CrmAddress("person", crm.living("person")[0].id)
    for role in ("customer", "supplier"):
        with pytest.raises(RequestRefused, match="is linked with Contact"):
            asyncio.run(ErpButton(scenario.world()).create(address, "K1", role))
    assert (len(crm.living("person")), len(erp.living("Contact"))) == (1, 1)


def test_a_contact_that_we_made_and_that_moves_in_the_erp_is_told() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "person"), polling_always=True)
    company, _ = pair(scenario)
    _, other = pair(scenario)
    person = scenario.person_of(company)
    rest_for_minutes(scenario)
    (contact,) = scenario.erp["K1"].living("Contact")
    contact.parent, contact.updated, contact.updated_by = other.relation, scenario.hostile.at(), "person"
    scenario.settle()
    scenario.check()
    assert ("moved", person.id) in {(one.kind, one.crm_id) for one in open_issues(scenario.store)}


def test_what_was_made_for_one_customer_and_is_linked_with_another_is_asked_about() -> None:
    scenario, company, _ = minutes_after_a_pair()
    customer = scenario.company(scenario.erp["K1"], "Customer")
    with never(scenario.crm):
        scenario.run_engines()
    company.markers["K1", "customer"] = customer.id  # the two were merged in the CRM
    scenario.settle()
    asked = {(one.kind, one.erp_id) for one in open_issues(scenario.store)}
    assert asked == {("create_unknown", customer.id)}
    assert scenario.hostile.creates == []


@pytest.mark.parametrize("alike", [True, False], ids=["same_name", "other_name"])
def test_a_create_that_waited_is_not_repeated_where_its_record_came_to_be_for_the_supplier(alike: bool) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "supplier", "partner"), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    customer = scenario.company(erp, "Customer", "961589304")
    with never(crm):
        scenario.run_engines()
    scenario.hostile.clock.advance(100)
    supplier = scenario.company(erp, "Supplier", "961589304")
    if alike:
        supplier.values["Info.Name"] = customer.values["Info.Name"]
    scenario.active = ("supplier", "partner")
    scenario.run_engines()
    assert len(crm.living("contact")) == 1
    scenario.active = ("customer", "supplier", "partner")
    scenario.settle()
    scenario.check()
    (company,) = crm.living("contact")
    with scenario.store.read() as tx:
        linked = {one.role for one in links.for_crm(tx, crm.tenant, "contact", company.id)}
    asked = {(one.kind, one.erp_entity) for one in open_issues(scenario.store)}
    assert (linked, asked) == (
        ({"customer", "supplier"}, set()) if alike else ({"supplier"}, {("possible_duplicate", "Customer")})
    )


def test_a_field_goes_on_from_the_link_that_comes_to_own_it() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), companies=2, active=("customer",), polling_always=True)
    company, first = pair(scenario)
    scenario.settle()
    second = scenario.company(scenario.erp["K2"], "Customer", company.values["OrgNr"])
    second.values["Info.Name"] = company.values["Name"]
    street = scenario.erp["K2"].person_types(second, "Info.InvoiceAddress.AddressLine1")
    scenario.settle()
    assert company.markers == {("K1", "customer"): first.id, ("K2", "customer"): second.id}
    assert not company.values.get("Address.Postal.Address1")
    scenario.erp["K1"].person_deletes(first)
    with scenario.store.transaction() as tx:
        work.poke(tx, [Poke("customer", "erp", "Customer", first.id, "webhook", "K1")], scenario.hostile.at())
    scenario.settle()
    scenario.check()
    assert company.values["Address.Postal.Address1"] == street


def test_a_customer_that_was_made_anew_after_its_deletion_is_offered_to_the_company_it_left() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    company, customer = pair(scenario)
    scenario.settle()
    scenario.erp["K1"].person_deletes(customer)
    scenario.poke_everything()
    scenario.settle()
    anew = scenario.company(scenario.erp["K1"], "Customer", company.values["OrgNr"])
    anew.values["Info.Name"] = company.values["Name"]
    scenario.settle()
    scenario.check()
    (asked,) = [one for one in open_issues(scenario.store) if one.kind == "possible_duplicate"]
    assert (asked.erp_id, [one["id"] for one in (asked.details or {})["candidates"]]) == (anew.id, [company.id])


def test_what_is_typed_on_a_value_that_we_are_known_to_have_written_is_news_though_the_other_write_failed() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    company, customer = pair(scenario)
    crm, erp = scenario.crm, scenario.erp["K1"]
    crm.person_types(company, "Address.Postal.City")
    crm.person_types(company, "Urls[first].Value")
    ours = erp.person_types(customer, "Info.InvoiceAddress.City")
    with patch.object(erp, "write", side_effect=Unreachable("Sim", "write", effect_unknown=True)):
        scenario.run_engines()
    assert company.values["Address.Postal.City"] == ours
    scenario.hostile.clock.advance(200)
    typed = crm.person_types(company, "Address.Postal.City")
    scenario.settle()
    scenario.check()
    assert company.values["Address.Postal.City"] == customer.values["Info.InvoiceAddress.City"] == typed


@pytest.mark.parametrize("typed_at_once", [False, True])
def test_what_is_typed_on_a_value_that_the_erp_has_answered_for_is_news_though_the_mark_was_refused(
    typed_at_once: bool,
) -> None:
    """`typed_at_once`: before we read back what the write has left, so that only what we sent is known."""
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, customer = pair(scenario)
    erp = scenario.erp["K1"]
    scenario.crm.person_types(crm, "Urls[first].Value")
    read, typed = erp.read, []

    async def after_an_edit(entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        if customer.touched.get("WebUrl", (None, ""))[1] == "us" and typed_at_once and not typed:
            typed.append(erp.person_types(customer, "WebUrl"))
        return await read(entity, record_id, paths)

    refused = AsyncMock(side_effect=RateLimited("Sim", "mark", status=429))
    with patch.object(scenario.crm, "mark", refused), patch.object(erp, "read", after_an_edit):
        scenario.run_engines()
    refused.assert_awaited()
    scenario.hostile.clock.advance(70)
    typed = typed or [erp.person_types(customer, "WebUrl")]
    scenario.settle()
    scenario.check()
    assert crm.values["Urls[first].Value"] == customer.values["WebUrl"] == typed[-1]


def test_what_our_mark_names_is_asked_about_where_the_restored_store_has_linked_it_with_another() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    merged, kept = pair(scenario)
    scenario.settle()
    scenario.back_up()
    customer = scenario.company(erp, "Customer", "")
    scenario.settle()
    (made,) = [row for row in crm.living("contact") if row.markers["K1", "customer"] == customer.id]
    crm.person_types(made, "Name")
    crm.person_merges(merged, made)
    scenario.restore_old()
    scenario.settle()
    scenario.check()
    assert crm.living("contact") == [made]
    (asked,) = [one for one in open_issues(scenario.store) if one.kind == "possible_duplicate"]
    (candidate,) = (asked.details or {})["candidates"]
    assert (asked.erp_id, candidate["id"], candidate["reasons"][0]) == (customer.id, made.id, "same_mark")
    with scenario.store.transaction() as tx:
        answering.not_the_same(tx, asked, made.id, by="person:1", now=scenario.hostile.at())
    scenario.settle()
    (other,) = [row for row in crm.living("contact") if row is not made]
    assert other.markers == {("K1", "customer"): customer.id}
    with scenario.store.read() as tx:
        assert links.for_erp(tx, "K1", "Customer", kept.id).crm_id == made.id  # type: ignore[union-attr]


def test_a_mark_that_names_a_customer_of_another_company_is_asked_about_and_gives_way_to_the_answer() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    _, customer = pair(scenario)
    scenario.settle()
    rival = scenario.company(scenario.crm, "contact")
    rival.markers["K1", "customer"] = customer.id  # a person had connected this one after the backup
    scenario.settle()
    scenario.check()
    assert scenario.hostile.creates == []
    (asked,) = open_issues(scenario.store)
    assert (asked.kind, asked.crm_id) == ("possible_duplicate", rival.id)
    assert [one["id"] for one in (asked.details or {})["candidates"]] == [customer.id]
    with scenario.store.transaction() as tx:
        answering.not_the_same(tx, asked, customer.id, by="person:1", now=scenario.hostile.at())
    scenario.settle()
    scenario.check()
    ((_, _, made),) = scenario.hostile.creates
    assert rival.markers == {("K1", "customer"): made}
    assert open_issues(scenario.store) == []


@pytest.mark.parametrize("gone_from", ["crm", "erp"])
def test_what_was_linked_after_the_backup_and_deleted_since_is_told_and_not_made_again(gone_from: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    scenario.back_up()
    company, customer = pair(scenario)
    scenario.settle()
    assert company.markers == {("K1", "customer"): customer.id}
    if gone_from == "crm":
        crm.person_deletes(company)
    else:
        erp.person_deletes(customer)
    scenario.restore_old()
    with patch.object(crm, "marked", AsyncMock(return_value=company.id)):  # a mark may outlive its record
        scenario.settle()
    scenario.check()
    assert scenario.hostile.creates == []
    assert [one.kind for one in open_issues(scenario.store)] == ["deleted"]


def unheard(system: System) -> AbstractContextManager[object]:
    """Every create takes effect, and none is answered."""
    create = system.create

    async def without_answer(*args: Any, **more: Any) -> int:
        await create(*args, **more)
        raise Unreachable("Sim", "create", effect_unknown=True)

    return patch.object(system, "create", without_answer)


def test_what_was_made_for_one_customer_and_took_up_another_by_a_merge_is_asked_about() -> None:
    scenario, company, other = minutes_after_a_pair()
    customer = scenario.company(scenario.erp["K1"], "Customer")
    with unheard(scenario.crm):
        scenario.run_engines()
    (made,) = [row for row in scenario.crm.living("contact") if row is not company]
    scenario.crm.person_merges(company, made)
    scenario.settle()
    scenario.check()
    assert made.markers == {("K1", "customer"): other.id}
    assert [(name, entity) for name, entity, _ in scenario.hostile.creates] == [("crm", "contact")]
    assert ("create_unknown", customer.id) in {(one.kind, one.erp_id) for one in open_issues(scenario.store)}


def test_what_was_made_and_renamed_before_it_took_up_another_customer_by_a_merge_is_asked_about() -> None:
    scenario, company, _ = minutes_after_a_pair()
    customer = scenario.company(scenario.erp["K1"], "Customer", "")
    with unheard(scenario.crm):
        scenario.run_engines()
    (made,) = [row for row in scenario.crm.living("contact") if row is not company]
    scenario.crm.person_types(made, "Name")
    scenario.crm.person_merges(company, made)
    scenario.settle()
    scenario.check()
    assert scenario.crm.living("contact") == [made]
    assert ("create_unknown", customer.id) in {(one.kind, one.erp_id) for one in open_issues(scenario.store)}


def test_what_was_made_for_a_company_that_took_up_another_customer_meanwhile_is_told_and_given_no_company() -> None:
    scenario, company, _ = minutes_after_a_pair()
    fresh = scenario.company(scenario.crm, "contact")
    with unheard(scenario.erp["K1"]):
        scenario.run_engines()
    ((_, _, made),) = scenario.hostile.creates
    scenario.crm.person_merges(company, fresh)
    scenario.settle()
    scenario.check()
    assert len(scenario.hostile.creates) == 1
    assert ("orphan", made) in {(one.kind, one.erp_id) for one in open_issues(scenario.store)}
    with scenario.store.read() as tx:
        assert intents.living(tx) == []


def test_what_was_made_for_a_company_that_took_up_one_of_ours_without_a_number_is_told() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    other = scenario.company(scenario.crm, "contact", "")
    rest_for_minutes(scenario)
    company = scenario.company(scenario.crm, "contact")
    with unheard(scenario.erp["K1"]):
        scenario.run_engines()
    (_, _, kept), (_, _, left) = scenario.hostile.creates
    scenario.crm.person_merges(other, company)
    scenario.settle()
    scenario.check()
    assert company.markers == {("K1", "customer"): kept}
    assert [("orphan", left)] == [(one.kind, one.erp_id) for one in open_issues(scenario.store) if one.kind == "orphan"]


def test_a_value_that_a_write_without_answer_replaced_is_kept_when_the_person_has_moved_since() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "person"), polling_always=True)
    company, customer = pair(scenario)
    person = scenario.person_of(company)
    elsewhere = scenario.company(scenario.crm, "contact")
    scenario.settle()
    scenario.polling = True
    (contact,) = scenario.erp["K1"].living("Contact")
    lost = scenario.erp["K1"].person_types(contact, "Role")
    scenario.hostile.clock.advance(200)
    scenario.crm.person_types(person, "Title")
    write = scenario.erp["K1"].write

    async def without_answer(*args: Any, **more: Any) -> Written:
        await write(*args, **more)
        raise Unreachable("Sim", "write", effect_unknown=True)

    with patch.object(scenario.erp["K1"], "write", without_answer):
        scenario.run_engines()
    assert contact.values["Role"] == person.values["Title"]
    person.parent = elsewhere.id
    person.updated, person.updated_by = scenario.hostile.at(), "person"
    scenario.settle()
    scenario.check()
    assert customer.relation == contact.parent
    with scenario.store.read() as tx:
        (kept,) = conflicts.listing(tx, state="decided")
        assert intents.living(tx) == []
    assert (kept.field, kept.erp_value, kept.winner) == ("Title", lost, "crm")


def test_what_was_made_after_the_backup_is_asked_about_also_when_a_merge_has_given_it_another_link() -> None:
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    company, _ = pair(scenario)
    scenario.settle()
    scenario.polling = True
    scenario.back_up()
    scenario.hostile.clock.advance(200)
    supplier = scenario.company(scenario.erp["K1"], "Supplier", "")
    with unheard(scenario.crm):
        scenario.run_engines()
    (made,) = [row for row in scenario.crm.living("contact") if row is not company]
    scenario.crm.person_merges(company, made)
    scenario.restore_old()
    scenario.settle()
    scenario.check()
    assert scenario.crm.living("contact") == [made]
    asked = {(one.kind, one.erp_entity, one.erp_id) for one in open_issues(scenario.store)}
    assert ("possible_duplicate", "Supplier", supplier.id) in asked


def test_a_customer_that_gets_its_number_by_a_merge_after_a_restored_backup_makes_nothing_twice() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    erp = scenario.erp["K1"]
    without = scenario.company(erp, "Customer", "")
    scenario.settle()
    scenario.polling = True
    scenario.back_up()
    scenario.hostile.clock.advance(200)
    (source,) = scenario.crm.living("contact")
    company = scenario.company(scenario.crm, "contact")
    with patch.object(scenario.crm, "mark", side_effect=Unreachable("Sim", "mark")):
        scenario.run_engines()
    (made,) = [row for row in erp.living("Customer") if row is not without]
    scenario.crm.person_merges(source, company)
    scenario.restore_old()
    scenario.settle()
    scenario.check()
    assert [row.values["OrgNumber"] for row in (without, made)] == [company.values["OrgNr"]] * 2
    asked = {(one.kind, one.erp_id) for one in open_issues(scenario.store)}
    assert ("possible_duplicate", made.id) in asked


@pytest.mark.parametrize("made_in", ["crm", "erp"])
def test_what_was_made_after_the_backup_and_looks_like_nothing_any_more_is_told_and_given_no_other_half(
    made_in: str,
) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    scenario.company(crm, "contact", "")
    scenario.settle()
    scenario.polling = True
    scenario.back_up()
    scenario.hostile.clock.advance(200)
    before = len(scenario.hostile.creates)
    source = scenario.company(erp, "Customer", "") if made_in == "crm" else scenario.company(crm, "contact", "")
    made_by: System = crm if made_in == "crm" else erp
    with unheard(made_by):
        scenario.run_engines()
    ((_, entity, made),) = scenario.hostile.creates[before:]
    made_by.person_types(made_by.rows[(entity, made)], "Name" if made_in == "crm" else "Info.Name")
    scenario.restore_old()
    (crm if source.entity == "contact" else erp).person_deletes(source)
    scenario.settle()
    scenario.check()
    assert len(scenario.hostile.creates) == before + 1
    told = {(one.kind, one.crm_id if made_in == "crm" else one.erp_id) for one in open_issues(scenario.store)}
    assert told == {("orphan", made)}


@pytest.mark.parametrize("what", ["company", "person"])
def test_what_was_made_in_the_crm_after_the_backup_and_deleted_there_stays_deleted(what: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "person"), polling_always=True)
    company, customer = pair(scenario)
    scenario.settle()
    scenario.back_up()
    if what == "company":
        source = scenario.company(scenario.erp["K1"], "Customer", "")
    else:
        source = scenario.contact_of("K1", customer)
    scenario.settle()
    ((_, entity, made),) = scenario.hostile.creates
    scenario.crm.person_deletes(scenario.crm.rows[(entity, made)])
    scenario.restore_old()
    scenario.settle()
    scenario.check()
    assert len(scenario.hostile.creates) == 1
    assert [(one.kind, one.erp_id) for one in open_issues(scenario.store)] == [("deleted", source.id)]
    assert company.deleted is None


@pytest.mark.parametrize("what", ["company", "person"])
def test_what_was_made_without_an_answer_and_deleted_before_it_was_found_stays_deleted(what: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "person"), polling_always=True)
    _, customer = pair(scenario)
    rest_for_minutes(scenario)
    if what == "company":
        source = scenario.company(scenario.erp["K1"], "Customer", "")
    else:
        source = scenario.contact_of("K1", customer)
    with unheard(scenario.crm):
        scenario.run_engines()
    ((_, entity, made),) = scenario.hostile.creates
    scenario.crm.person_deletes(scenario.crm.rows[(entity, made)])
    scenario.settle()
    scenario.check()
    assert len(scenario.hostile.creates) == 1
    assert [(one.kind, one.erp_id) for one in open_issues(scenario.store)] == [("deleted", source.id)]
    with scenario.store.read() as tx:
        assert intents.living(tx) == []


@pytest.mark.parametrize("what", ["company", "person"])
def test_what_was_made_without_an_answer_and_merged_before_it_was_found_is_asked_about(what: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "person"), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    company, customer = pair(scenario)
    other = crm.person_creates("contact", {"Name": "Annet"}) if what == "company" else scenario.person_of(company)
    rest_for_minutes(scenario)
    scenario.hostile.creates.clear()
    source = scenario.company(erp, "Customer") if what == "company" else scenario.contact_of("K1", customer)
    with unheard(crm):
        scenario.run_engines()
    ((_, entity, made),) = scenario.hostile.creates
    crm.person_merges(crm.rows[(entity, made)], other)
    scenario.settle()
    scenario.check()
    assert len(scenario.hostile.creates) == 1
    (told,) = open_issues(scenario.store)
    assert (told.kind, told.erp_id) == ("create_unknown", source.id)
    assert told.cause == "What was created has perhaps been merged into another record since."


@pytest.mark.parametrize("seen", [True, False], ids=["linked_before", "of_before"])
def test_a_merge_of_what_was_there_before_keeps_no_creation_from_being_repeated(seen: bool) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    kept, old = (crm.person_creates("contact", {"Name": name}) for name in ("Annet", "Noe"))
    linked, _ = pair(scenario)
    rest_for_minutes(scenario)
    scenario.company(erp, "Customer")
    with never(crm):
        scenario.run_engines()
    crm.person_merges(linked if seen else old, kept)
    scenario.settle()
    scenario.check()
    assert len(crm.living("contact")) == 3
    assert "create_unknown" not in {one.kind for one in open_issues(scenario.store)}


def test_a_create_whose_outcome_was_linked_by_another_way_and_deleted_then_is_unfinished_no_longer() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), companies=2, polling_always=True)
    here, there = scenario.erp["K1"], scenario.erp["K2"]
    first = scenario.company(there, "Customer")
    with unheard(scenario.crm):
        scenario.run_engines()
    (made,) = scenario.crm.living("contact")
    second = scenario.company(here, "Customer", first.values["OrgNumber"])
    second.values["Info.Name"] = first.values["Info.Name"]
    for _ in range(3):
        scenario.run_engines()
        scenario.hostile.clock.advance(20)
    scenario.run_engines()
    with scenario.store.read() as tx:
        linked = links.for_crm(tx, scenario.crm.tenant, "contact", made.id)
        unfinished = [one.kind for one in intents.living(tx)]
    assert ({one.company_key for one in linked}, unfinished) == ({"K1", "K2"}, ["create"])
    scenario.crm.person_deletes(made)
    with scenario.store.transaction() as tx:
        work.poke(tx, [Poke("customer", "crm", "contact", made.id, "webhook")], scenario.hostile.at())
    scenario.run_engines()
    with scenario.store.read() as tx:
        assert links.for_crm(tx, scenario.crm.tenant, "contact", made.id) == []
    scenario.settle()
    scenario.check()
    with scenario.store.read() as tx:
        assert intents.living(tx) == []
    assert len(scenario.hostile.creates) == 1


@pytest.mark.parametrize("made_in", ["crm", "erp"])
def test_what_is_typed_on_what_a_repeated_create_has_sent_is_news(made_in: str) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    path, other = "Address.Postal.City", "Info.InvoiceAddress.City"
    system, made_by = (erp, crm) if made_in == "crm" else (crm, erp)
    source = scenario.company(system, "Customer" if made_in == "crm" else "contact")
    mine, theirs = (other, path) if made_in == "crm" else (path, other)
    system.person_types(source, mine)
    with never(made_by):
        scenario.run_engines()
    sent = system.person_types(source, mine)
    scenario.hostile.clock.advance(200)
    with unheard(made_by):
        scenario.run_engines()
    ((_, entity, record_id),) = scenario.hostile.creates
    made = made_by.rows[(entity, record_id)]
    assert made.values[theirs] == sent
    typed = system.person_types(source, mine)
    scenario.settle()
    scenario.check()
    assert source.values[mine] == made.values[theirs] == typed
    with scenario.store.read() as tx:
        assert conflicts.listing(tx, state=None) == []


def test_a_repeated_create_is_found_by_the_name_of_each_attempt() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    company = scenario.company(crm, "contact", "")
    with never(erp):
        scenario.run_engines()
    crm.person_types(company, "Name")
    scenario.hostile.clock.advance(200)
    with unheard(erp):
        scenario.run_engines()
    name = crm.person_types(company, "Name")
    scenario.settle()
    scenario.check()
    (customer,) = erp.living("Customer")
    assert customer.values["Info.Name"] == name
    assert open_issues(scenario.store) == []


def test_what_was_typed_before_a_partners_second_row_joined_does_not_give_way_to_what_it_was_typed_on() -> None:
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    company, customer = pair(scenario)
    path, other = "Address.Postal.City", "Info.InvoiceAddress.City"
    scenario.crm.person_types(company, path)
    rest_for_minutes(scenario)
    supplier = scenario.company(scenario.erp["K1"], "Supplier", company.values["OrgNr"])
    supplier.values["Info.Name"] = company.values["Name"]
    typed = scenario.crm.person_types(company, path)
    scenario.active = active[1:]
    scenario.run_engines()
    scenario.active = active
    scenario.settle()
    scenario.check()
    assert company.values[path] == customer.values[other] == supplier.values[other] == typed


def test_who_was_asked_about_a_record_of_ours_is_looked_at_when_it_is_known_to_be_anothers() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    scenario.company(crm, "contact", "")
    scenario.settle()
    scenario.polling = True
    scenario.back_up()
    scenario.hostile.clock.advance(200)
    source = scenario.company(crm, "contact", "")
    with unheard(erp):
        scenario.run_engines()
    (_, entity, made) = scenario.hostile.creates[-1]
    erp.person_types(erp.rows[(entity, made)], "Info.Name")
    scenario.restore_old()
    scenario.hostile.clock.advance(200)
    asked = scenario.company(crm, "contact", "")
    scenario.settle()
    told = {one.crm_id for one in open_issues(scenario.store) if one.kind == "possible_duplicate"}
    assert {source.id, asked.id} <= told
    world = scenario.world()
    asyncio.run(ErpButton(world).link(CrmAddress("contact", source.id), "K1", "customer", made))
    scenario.polling = False
    scenario.run_engines()
    with scenario.store.read() as tx:
        assert links.for_crm(tx, crm.tenant, "contact", asked.id)
    assert not [one for one in open_issues(scenario.store) if one.kind == "possible_duplicate"]


def test_a_customer_is_not_made_beside_what_its_supplier_was_merged_into_just_before() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("supplier", "customer"), polling_always=True)
    kept = scenario.company(scenario.crm, "contact", "")
    supplier = scenario.company(scenario.erp["K1"], "Supplier")
    scenario.settle()
    scenario.polling = True
    (made,) = [row for row in scenario.crm.living("contact") if row is not kept]
    scenario.hostile.clock.advance(200)
    scenario.crm.person_merges(made, kept)
    customer = scenario.company(scenario.erp["K1"], "Customer", supplier.values["OrgNumber"])
    with scenario.store.transaction() as tx:
        work.poke(tx, [Poke("customer", "erp", "Customer", customer.id, "feed", "K1")], scenario.hostile.at())
    scenario.active, scenario.polling = ("customer",), False
    scenario.run_engines()
    scenario.active = ("customer", "supplier", "partner")
    scenario.settle()
    scenario.check()
    assert scenario.crm.living("contact") == [kept]
    with scenario.store.read() as tx:
        assert {link.crm_id for link in links.of_org_number(tx, "Cust1", supplier.values["OrgNumber"])} == {kept.id}


@pytest.mark.parametrize(
    ("path", "other"), [("Address.Postal.City", "Info.InvoiceAddress.City"), ("Urls[first].Value", "WebUrl")]
)
def test_what_is_typed_on_what_a_supplier_has_agreed_on_does_not_give_way_to_it_when_a_customer_joins(
    path: str, other: str
) -> None:
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    erp = scenario.erp["K1"]
    company = scenario.company(scenario.crm, "contact")
    number, name = company.values["OrgNr"], company.values["Name"]
    supplier, customer = scenario.company(erp, "Supplier", number), scenario.company(erp, "Customer", number)
    supplier.values["Info.Name"] = customer.values["Info.Name"] = name
    scenario.crm.person_types(company, path)
    scenario.active = ("supplier",)
    scenario.run_engines()
    scenario.hostile.clock.advance(200)
    wins = scenario.rules.get("partner").field(path)
    assert wins is not None
    typed = scenario.crm.person_types(company, path) if wins.conflict == "erp" else erp.person_types(supplier, other)
    scenario.active = active
    scenario.settle()
    scenario.check()
    assert company.values[path] == customer.values[other] == supplier.values[other] == typed


@pytest.mark.parametrize("repeated", [False, True], ids=["first", "repeated"])
@pytest.mark.parametrize("companies", [1, 2], ids=["one_company", "two_companies"])
def test_a_company_is_known_by_its_customers_number_while_that_is_on_its_way_to_it(
    repeated: bool, companies: int
) -> None:
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), companies=companies, active=active, polling_always=True)
    crm = scenario.crm
    number = next(scenario._orgs)
    merged, kept = scenario.company(crm, "contact", number), scenario.company(crm, "contact", "")
    kept.facts = {"category_group": "other"}  # nobody makes a customer of it
    customer = scenario.company(scenario.erp["K1"], "Customer", number)
    customer.values["Info.Name"] = merged.values["Name"]
    entity = "Supplier" if companies == 1 else "Customer"
    there = scenario.erp[f"K{companies}"]
    if repeated:
        party = scenario.company(there, entity, number)
        party.values["Info.Name"] = customer.values["Info.Name"]
        with (
            patch.object(crm, "look_up", AsyncMock(return_value=[])),
            never(crm),
        ):
            scenario.run_engines()
        scenario.hostile.clock.advance(200)
    else:
        scenario.settle()
        scenario.polling = True
        scenario.hostile.clock.advance(200)
    crm.person_merges(merged, kept)
    if not repeated:
        party = scenario.company(there, entity, number)
        party.values["Info.Name"] = customer.values["Info.Name"]
    with patch.object(crm, "write", side_effect=ServerFailed("Sim", "write", status=500)):
        scenario.run_engines()
    assert not kept.values["OrgNr"]
    scenario.settle()
    scenario.check()
    assert crm.living("contact") == [kept]
    assert scenario.hostile.creates == []
    assert kept.values["OrgNr"] == number


def late(system: System, seconds: float) -> AbstractContextManager[object]:
    """Every create takes effect when its caller has long given up."""

    async def without_answer(entity: str, values: Mapping[str, Scalar], **more: Any) -> int:
        sent = {path: str(value) for path, value in values.items()}

        def effect() -> None:
            system.person_creates(entity, sent, created_by="us")

        system.world.clock.later(seconds, effect)
        raise Unreachable("Sim", "create", effect_unknown=True)

    return patch.object(system, "create", without_answer)


def test_what_was_made_for_a_customer_that_was_connected_otherwise_is_not_said_to_be_of_one_that_is_gone() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    customer = scenario.company(scenario.erp["K1"], "Customer", "961589304")
    with late(scenario.crm, 60):
        scenario.run_engines()
    scenario.hostile.clock.advance(20)
    by_hand = scenario.company(scenario.crm, "contact", "961589304")
    by_hand.values["Name"] = customer.values["Info.Name"]
    scenario.run_engines()
    assert by_hand.markers == {("K1", "customer"): customer.id}
    scenario.settle()
    (told,) = open_issues(scenario.store)
    (made,) = (row for row in scenario.crm.living("contact") if row is not by_hand)
    assert (told.kind, told.crm_id) == ("orphan", made.id)
    assert told.cause == "A record was created in the CRM for one that was connected with another one at that moment."


@pytest.mark.parametrize("waiting", ["nobody", "itself", "other"])
def test_a_create_waits_while_that_of_another_party_of_its_number_may_still_take_effect(waiting: str) -> None:
    """Whether it is the first attempt, and whether the other's is."""
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    crm, erp, clock = scenario.crm, scenario.erp["K1"], scenario.hostile.clock
    customer = scenario.company(erp, "Customer", "961589304")
    if waiting != "nobody":
        with never(crm):
            scenario.run_engines()
        clock.advance(100)
    if waiting != "itself":
        with late(crm, 60):
            scenario.run_engines()
        clock.advance(40)
    supplier = scenario.company(erp, "Supplier", "961589304")
    supplier.values["Info.Name"] = customer.values["Info.Name"]
    if waiting == "itself":
        scenario.active = active[1:]
        with late(crm, 60):
            scenario.run_engines()
        scenario.active = active
        clock.advance(20)
    scenario.run_engines()
    scenario.settle()
    scenario.check()
    (company,) = crm.living("contact")
    assert company.markers == {("K1", "customer"): customer.id, ("K1", "supplier"): supplier.id}


def test_what_was_made_minutes_before_and_is_known_for_what_is_not_taken_for_a_later_unanswered_creation() -> None:
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    customer = scenario.company(erp, "Customer", "")
    scenario.settle()
    scenario.polling = True
    (first,) = crm.living("contact")
    scenario.hostile.clock.advance(300)
    supplier = scenario.company(erp, "Supplier", "")
    with unheard(crm):
        scenario.run_engines()
    (second,) = (row for row in crm.living("contact") if row is not first)
    crm.person_types(first, "Name", supplier.values["Info.Name"])
    scenario.hostile.clock.advance(100)
    scenario.run_engines()
    assert open_issues(scenario.store) == []
    assert (first.markers, second.markers) == ({("K1", "customer"): customer.id}, {("K1", "supplier"): supplier.id})
    scenario.settle()
    assert len(scenario.hostile.creates) == 2


def test_what_is_made_while_ours_are_listed_is_not_said_to_be_for_nothing() -> None:
    scenario = minutes_after_a_customer()
    active, crm, erp = scenario.active, scenario.crm, scenario.erp["K1"]
    scenario.company(erp, "Customer")
    scenario.company(erp, "Supplier")
    created_by_us, asked = crm.created_by_us, 0

    async def meanwhile(*args: Any) -> list[Record]:
        """While the supplier's engine asks what we have made, another one makes the customer's company."""
        nonlocal asked
        asked += 1
        if asked == 1:
            scenario.active = active[:1]
            with unheard(crm):
                await scenario.once()
            scenario.active = active[1:]
        return await created_by_us(*args)

    scenario.active = active[1:]
    with patch.object(crm, "created_by_us", meanwhile):
        scenario.run_engines()
    assert len(scenario.hostile.creates) > 1
    assert open_issues(scenario.store) == []
    scenario.active = active
    scenario.settle()
    scenario.check()
    assert open_issues(scenario.store) == []
    assert len(crm.living("contact")) == 3


def test_what_is_being_made_for_a_supplier_is_not_said_to_be_for_nothing_when_customers_are_looked_for() -> None:
    scenario = minutes_after_a_customer()
    active, crm, erp = scenario.active, scenario.crm, scenario.erp["K1"]
    supplier = scenario.company(erp, "Supplier")
    scenario.active = ("supplier",)
    with unheard(crm):
        scenario.run_engines()
    made = next(row for row in crm.living("contact") if not row.markers)
    made.facts["category_group"] = "customer"
    scenario.active = ("customer",)
    scenario.hostile.clock.advance(30)
    scenario.run_engines()
    assert open_issues(scenario.store) == []
    scenario.active = active
    scenario.settle()
    scenario.check()
    assert made.markers[("K1", "supplier")] == supplier.id


@pytest.mark.parametrize("found", ["customer", "supplier"])
def test_what_was_made_for_a_supplier_without_an_answer_is_not_taken_for_what_a_customer_has_become(found: str) -> None:
    """Of two creates that nobody answered one took effect; which rule looks for its own first must not matter."""
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    customer, supplier = scenario.company(erp, "Customer"), scenario.company(erp, "Supplier")
    scenario.active = ("supplier",) if found == "supplier" else ("customer",)
    with late(crm, 1):
        scenario.run_engines()
    scenario.active = ("customer",) if found == "supplier" else ("supplier",)
    with never(crm):
        scenario.run_engines()
    scenario.hostile.clock.advance(100)
    scenario.run_engines()
    assert open_issues(scenario.store) == []
    scenario.active = active
    scenario.settle()
    scenario.check()
    expected = [{("K1", "customer"): customer.id}, {("K1", "supplier"): supplier.id}]
    assert sorted((one.markers for one in crm.living("contact")), key=str) == expected


@pytest.mark.parametrize("waiting", ["customer", "supplier"])
def test_what_the_other_role_of_its_number_has_sent_is_no_edit_on_what_a_creation_itself_has_sent(waiting: str) -> None:
    """Of two creates that nobody answered one took effect; the other finds what it made, and nobody's value is lost."""
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    number = next(scenario._orgs)
    rows = {name: scenario.company(erp, name.capitalize(), number) for name in ("customer", "supplier")}
    for row in rows.values():
        row.values["Info.Name"] = "Fossheim AS"
        erp.person_types(row, "WebUrl")
    made = "supplier" if waiting == "customer" else "customer"
    scenario.active = (waiting,)
    with never(crm):
        scenario.run_engines()
    scenario.hostile.clock.advance(200)
    scenario.active = (made,)
    with unheard(crm):
        scenario.run_engines()
    scenario.hostile.clock.advance(100)
    scenario.active = (waiting,)
    scenario.run_engines()
    scenario.active = active
    scenario.settle()
    scenario.check()
    (company,) = crm.living("contact")
    assert company.markers == {("K1", name): row.id for name, row in rows.items()}


@pytest.mark.parametrize("made_in", SIDES)
@pytest.mark.parametrize("path", OTHER)
def test_what_one_role_has_agreed_on_is_news_to_the_other_whose_create_waited(path: str, made_in: str) -> None:
    scenario, company, row = made_unheard(made_in)
    typed = scenario.crm.person_types(company, path)
    other = joins_meanwhile(scenario, company, row)
    scenario.settle()
    scenario.check()
    assert company.values[path] == row.values[OTHER[path]] == other.values[OTHER[path]] == typed


@pytest.mark.parametrize("made_in", SIDES)
@pytest.mark.parametrize("path", OTHER)
def test_what_one_role_has_agreed_on_does_not_come_back_to_replace_what_was_typed_on_it(
    path: str, made_in: str
) -> None:
    scenario, company, row = made_unheard(made_in)
    scenario.crm.person_types(company, path)
    other = joins_meanwhile(scenario, company, row)
    typed = scenario.erp["K1"].person_types(other, OTHER[path])
    scenario.settle()
    scenario.check()
    assert company.values[path] == row.values[OTHER[path]] == other.values[OTHER[path]] == typed
    with scenario.store.read() as tx:
        assert conflicts.listing(tx, state=None) == []


@pytest.mark.parametrize("made_in", SIDES)
@pytest.mark.parametrize("path", OTHER)
def test_what_was_typed_on_what_a_waiting_create_has_sent_meets_what_the_other_role_has_agreed_on(
    path: str, made_in: str
) -> None:
    """Neither was typed on the other: the policy decides, and what gives way is kept."""
    scenario, company, row = made_unheard(made_in)
    in_crm, in_erp = scenario.crm.person_types(company, path), scenario.erp["K1"].person_types(row, OTHER[path])
    other = joins_meanwhile(scenario, company, row)
    scenario.settle()
    scenario.check()
    with scenario.store.read() as tx:
        (told,) = conflicts.listing(tx, state=None)
    assert (told.field, {told.crm_value, told.erp_value}) == (path, {in_crm, in_erp})
    held = (company.values[path], other.values[OTHER[path]], row.values[OTHER[path]])
    won = {"crm": (in_crm,) * 3, "erp": (in_erp,) * 3, None: (in_crm, in_crm, in_erp)}
    assert held == won[told.winner]


def test_what_a_suppliers_creation_may_have_come_to_is_no_new_customer_while_a_person_is_asked() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "supplier", "partner"), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    supplier = scenario.company(erp, "Supplier", "")
    with unheard(crm):
        scenario.run_engines()
    (made,) = crm.living("contact")
    crm.person_types(made, "Name")
    scenario.settle()
    scenario.check()
    (asked,) = open_issues(scenario.store)
    assert (asked.kind, asked.rule, asked.erp_id) == ("create_unknown", "supplier", supplier.id)
    assert (made.markers, erp.living("Customer")) == ({}, [])
    with scenario.store.read() as tx:
        assert ("customer", made.id) in {(one.rule, one.record_id) for one in work.listing(tx)}


def test_a_create_waits_where_its_search_was_too_early_though_what_was_hidden_would_be_found_by_now() -> None:
    active = ("customer", "supplier", "partner")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    crm, erp, clock = scenario.crm, scenario.erp["K1"], scenario.hostile.clock
    customer = scenario.company(erp, "Customer", "961589304")
    scenario.active = active[:1]
    scenario.run_engines()
    (company,) = crm.living("contact")
    company.visible_from = clock.now() + timedelta(seconds=25)
    supplier = scenario.company(erp, "Supplier", "961589304")
    supplier.values["Info.Name"] = customer.values["Info.Name"]
    look_up = crm.look_up

    async def slowly(entity: str, like: Identity) -> list[Identity]:
        """What comes after it has to wait."""
        found = await look_up(entity, like)
        clock.advance(35)
        return found

    scenario.active = active[1:]
    with patch.object(crm, "look_up", slowly):
        scenario.run_engines()
    scenario.active = active
    scenario.settle()
    scenario.check()
    assert crm.living("contact") == [company]
    assert company.markers == {("K1", "customer"): customer.id, ("K1", "supplier"): supplier.id}


@pytest.mark.parametrize("alike", [True, False], ids=["same_name", "other_name"])
def test_a_create_in_the_erp_that_waited_is_not_repeated_where_a_person_has_made_the_customer(alike: bool) -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    company = scenario.company(crm, "contact", "961589304")
    with never(erp):
        scenario.run_engines()
    scenario.hostile.clock.advance(200)
    customer = scenario.company(erp, "Customer", "961589304")
    if alike:
        customer.values["Info.Name"] = company.values["Name"]
    scenario.polling_always = scenario.polling = False
    scenario.run_engines()
    assert erp.living("Customer") == [customer]
    scenario.settle()
    scenario.check()
    assert scenario.hostile.creates == []
    with scenario.store.read() as tx:
        linked = links.for_erp(tx, "K1", "Customer", customer.id) is not None
        assert intents.living(tx) == []
    asked = {(one.kind, one.side) for one in open_issues(scenario.store)}
    assert (linked, asked) == ((True, set()) if alike else (False, {("possible_duplicate", side) for side in SIDES}))


@pytest.mark.parametrize("known", [True, False])
def test_who_works_for_a_company_that_takes_up_a_customer_by_a_merge_becomes_its_contact(known: bool) -> None:
    active = ("customer", "supplier", "partner", "person")
    scenario = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    company, customer = pair(scenario)
    scenario.settle()
    scenario.polling = True
    if known:
        scenario.company(scenario.erp["K1"], "Supplier")
        scenario.settle()
        (other,) = [row for row in scenario.crm.living("contact") if row is not company]
    else:
        other = prospect(scenario)
    person = scenario.person_of(other)
    scenario.settle()
    assert set(person.markers) == ({("K1", "supplier")} if known else set())
    scenario.polling = True
    scenario.hostile.clock.advance(200)
    scenario.crm.person_merges(company, other)
    scenario.settle()
    scenario.check()
    assert ("K1", "customer") in person.markers
    assert customer.relation in {row.parent for row in scenario.erp["K1"].living("Contact")}


def test_a_company_that_a_merge_makes_a_partner_is_looked_at_as_one_though_its_merge_is_told_last() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "supplier", "partner"), polling_always=True)
    company, _ = pair(scenario)
    supplier = scenario.company(scenario.erp["K1"], "Supplier")
    scenario.settle()
    (other,) = [row for row in scenario.crm.living("contact") if row is not company]
    scenario.polling = True
    scenario.hostile.clock.advance(200)
    scenario.run_engines()
    scenario.hostile.clock.advance(25)
    scenario.crm.person_merges(other, company)
    scenario.hostile.clock.advance(20)
    scenario.run_engines()
    assert set(company.markers) == {("K1", "customer")}
    scenario.settle()
    scenario.check()
    assert company.markers[("K1", "supplier")] == supplier.id
    assert {(one.kind, one.rule) for one in open_issues(scenario.store)} == {("conflict", "partner")}


def test_who_works_for_a_company_that_takes_up_a_customer_while_its_persons_are_listed_becomes_its_contact() -> None:
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "person"), polling_always=True)
    crm = scenario.crm
    other = prospect(scenario)
    person = scenario.person_of(other)
    rest_for_minutes(scenario)
    company, _ = pair(scenario)
    children = crm.children

    async def meanwhile(entity: str, record_id: int) -> list[int]:
        """The merge is told before the answer comes."""
        found = await children(entity, record_id)
        if company.deleted is None:
            crm.person_merges(company, other)
            await feeds.poll(scenario.world(), "customer", now_due=True)
        return found

    with patch.object(crm, "children", meanwhile):
        scenario.run_engines()
    scenario.settle()
    scenario.check()
    assert set(person.markers) == {("K1", "customer")}


def test_what_was_typed_on_both_rows_of_a_partner_gives_way_to_the_crm_by_its_policy_and_is_kept() -> None:
    scenario = minutes_after_a_customer()
    erp = scenario.erp["K1"]
    (customer,) = erp.living("Customer")
    supplier = scenario.company(erp, "Supplier", customer.values["OrgNumber"])
    supplier.values["Info.Name"] = customer.values["Info.Name"]
    first = erp.person_types(customer, "WebUrl")
    scenario.run_engines()
    scenario.hostile.clock.advance(200)
    scenario.run_engines()
    (company,) = scenario.crm.living("contact")
    assert company.values["Urls[first].Value"] == supplier.values["WebUrl"] == first
    scenario.hostile.clock.advance(200)
    typed = {erp.person_types(row, "WebUrl") for row in (customer, supplier)}
    scenario.settle()
    scenario.check()
    assert company.values["Urls[first].Value"] == customer.values["WebUrl"] == supplier.values["WebUrl"] == first
    with scenario.store.read() as tx:
        assert {one.erp_value for one in conflicts.listing(tx, state=None)} == typed


def never(system: System) -> AbstractContextManager[object]:
    """No create takes effect, and none is answered."""
    return patch.object(system, "create", side_effect=Unreachable("Sim", "create", effect_unknown=True))


def made_unheard(made_in: str) -> tuple[Scenario, Row, Row]:
    """A supplier has become a company of the CRM, or a company a customer of the ERP; nobody has heard of it yet.

    Answers the company and its row in the ERP.
    """
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "supplier", "partner"), polling_always=True)
    crm, erp = scenario.crm, scenario.erp["K1"]
    source, made = (crm, erp) if made_in == "erp" else (erp, crm)
    row = scenario.company(source, "contact" if made_in == "erp" else "Supplier")
    for paths in OTHER.items():
        source.person_types(row, paths[SIDES.index(source.side)])
    with unheard(made):
        scenario.run_engines()
    scenario.hostile.clock.advance(30)
    (company,), (party,) = crm.living("contact"), (*erp.living("Customer"), *erp.living("Supplier"))
    return scenario, company, party


def joins_meanwhile(scenario: Scenario, company: Row, waiting: Row) -> Row:
    """The company's row in the other role, which agrees with it before the one whose create waits."""
    entity = "Supplier" if waiting.entity == "Customer" else "Customer"
    row = scenario.company(scenario.erp["K1"], entity, company.values["OrgNr"])
    row.values["Info.Name"] = company.values["Name"]
    active, scenario.active = scenario.active, (entity.lower(),)
    scenario.run_engines()
    assert company.markers == {("K1", entity.lower()): row.id}
    scenario.active = active
    return row


def rest_for_minutes(scenario: Scenario) -> None:
    """Everything is at rest, and nothing happens for a while."""
    scenario.settle()
    scenario.polling = True
    scenario.hostile.clock.advance(200)


def minutes_after_a_pair() -> tuple[Scenario, Row, Row]:
    """A company and its customer were linked, and nothing has happened since."""
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer",), polling_always=True)
    company, customer = pair(scenario)
    rest_for_minutes(scenario)
    return scenario, company, customer


def minutes_after_a_customer() -> Scenario:
    """A customer has become a company of the CRM, and nothing has happened since."""
    scenario = Scenario(1, StorePool(), Trouble(), active=("customer", "supplier", "partner"), polling_always=True)
    scenario.company(scenario.erp["K1"], "Customer")
    scenario.settle()
    scenario.polling = True
    scenario.hostile.clock.advance(300)
    return scenario


def prospect(scenario: Scenario) -> Row:
    """A company of the CRM that no rule takes up."""
    company = scenario.company(scenario.crm, "contact")
    company.facts["category_group"] = "prospect"
    return company


def pair(scenario: Scenario) -> tuple[Row, Row]:
    """A company of the CRM and the customer that is the same."""
    org_number = next(scenario._orgs)
    company = scenario.company(scenario.crm, "contact", org_number)
    customer = scenario.company(scenario.erp["K1"], "Customer", org_number)
    customer.values["Info.Name"] = company.values["Name"]
    return company, customer
