"""The story that the product is about, both ways, on the demo's world over real HTTP: slides 1 to 22."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from sounimicro_pipelines.store import history, issues, links, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines_tests.sync.systems import Systems
from sounimicro_pipelines_tests.sync.test_requests import ABB, fresh_org_number
from sounimicro_pipelines_tests.sync.worlds import Bench

DEMO_SEED = 1
POSTAL = "Address.Postal.Address1"
POSTBOKS_123 = 2
"""The party of the register that has this address."""
EXPECTED_ISSUES = {"conflict", "possible_duplicate", "number_taken"}
"""Names that differ since before the link, duplicates within a system, and numbers that two companies both allotted."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The demo's world, smaller unless it is night, linked and in agreement."""
    parties = 60 if os.environ.get("SOUNIMICRO_TEST_NIGHTLY") else 20
    systems = Systems(parties=parties, seed=DEMO_SEED)
    with systems.sandbox:
        bench = Bench(systems, tmp_path_factory.mktemp("story"))
        bench.settle()
        yield bench
        bench.store.close()


def carry(bench: Bench) -> None:
    """What the sensors and runs of one round do, some minutes later."""
    bench.systems.later(200)
    bench.synchronize()


def linked(bench: Bench, rule: str, company: int = 1) -> list[Link]:
    with bench.store.read() as tx:
        return [one for one in links.of_rule(tx, rule) if one.company_key == bench.key(company)]


def abb_as(bench: Bench, role: str) -> Link:
    with bench.store.read() as tx:
        found = links.for_crm_place(tx, bench.tenant, "contact", ABB.id, bench.key(), role)
    assert found is not None, role
    return found


def postal(bench: Bench, contact: int) -> dict[str, Any]:
    held: dict[str, Any] = bench.sandbox.crm.read("contact", contact)["Address"]["Postal"]
    return held


def test_at_rest_nothing_is_written_and_no_work_is_left(bench: Bench) -> None:
    mark = bench.sandbox.journal.mark()
    for _ in range(2):
        bench.systems.later(200)
        reports = bench.synchronize()
        assert [one.counts["in"] for one in reports] == [0] * len(reports)
    assert bench.sandbox.journal.writes(since=mark) == []
    with bench.store.read() as tx:
        assert work.listing(tx) == []


def test_every_open_issue_is_one_that_a_person_would_expect(bench: Bench) -> None:
    with bench.store.read() as tx:
        found = issues.listing(tx, limit=1000)
    assert {one.kind for one in found} <= EXPECTED_ISSUES
    for one in found:
        assert one.cause
        assert one.remedy
        if one.kind == "conflict":
            assert one.field == "Name"


def test_a_project_whose_number_another_project_has_is_in_step_all_the_same(bench: Bench) -> None:
    with bench.store.read() as tx:
        noted = issues.listing(tx, kind="number_taken", limit=100)
    assert noted, "the companies share no project number in this world"
    note = noted[0]
    assert note.severity == "info"
    with bench.store.read() as tx:
        link = links.for_erp(tx, str(note.company_key), "Project", int(note.erp_id or 0))
    assert link is not None
    index = next(one.index for one in bench.sandbox.register.companies if one.key == link.company_key)
    theirs = bench.sandbox.erp.read(index, "Project", link.erp_id)
    ours = bench.sandbox.crm.read("project", link.crm_id)
    assert ours["Name"] == theirs["Name"]
    assert ours["ProjectNumber"] != theirs["ProjectNumber"]
    bench.sandbox.erp.edit(index, "Project", link.erp_id, {"Description": "Fremdriftsplan er sendt"})
    carry(bench)
    assert bench.sandbox.crm.read("project", link.crm_id)["Description"] == "Fremdriftsplan er sendt"
    holder = next(
        row["project_id"]
        for row in bench.sandbox.crm.db["project"]
        if row["project_number"] == theirs["ProjectNumber"] and row["project_id"] != link.crm_id
    )
    bench.sandbox.erp.edit(index, "Project", link.erp_id, {"ProjectNumber": "P-77777"})
    carry(bench)
    assert bench.sandbox.crm.read("project", link.crm_id)["ProjectNumber"] == "P-77777"
    assert bench.sandbox.crm.read("project", holder)["ProjectNumber"] == theirs["ProjectNumber"]
    with bench.store.read() as tx:
        still = issues.get(tx, note.id)
    assert still is not None
    assert still.state == "solved"


def test_abb_installasjon_is_linked_as_customer_and_as_supplier(bench: Bench) -> None:
    customer, supplier = abb_as(bench, "customer"), abb_as(bench, "supplier")
    assert (customer.erp_entity, supplier.erp_entity) == ("Customer", "Supplier")
    for link in (customer, supplier):
        row = bench.sandbox.erp.read(1, link.erp_entity, link.erp_id, expand="Info")
        assert row["Info"]["Name"] == "ABB Installasjon AS"


def test_the_postal_address_changed_in_the_erp_is_in_the_crm(bench: Bench) -> None:
    customer = bench.sandbox.erp.customer_id(1, POSTBOKS_123)
    with bench.store.read() as tx:
        link = links.for_erp(tx, bench.key(), "Customer", customer)
    assert link is not None
    assert postal(bench, link.crm_id)["Address1"] == "Postboks 123"
    path = "Info.InvoiceAddress.AddressLine1"
    bench.sandbox.erp.edit(1, "Customer", customer, {path: "Postboks 123 Sentrum"})
    carry(bench)
    assert postal(bench, link.crm_id)["Address1"] == "Postboks 123 Sentrum"


def test_the_postal_address_changed_in_the_crm_is_in_the_erp_for_customer_and_supplier(bench: Bench) -> None:
    bench.sandbox.crm.edit("contact", ABB.id, {"Address": {"Postal": {"Address1": "Postboks 321"}}})
    carry(bench)
    for role in ("customer", "supplier"):
        link = abb_as(bench, role)
        row = bench.sandbox.erp.read(1, link.erp_entity, link.erp_id, expand="Info.InvoiceAddress")
        assert row["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 321", role


def test_of_two_addresses_the_one_typed_last_wins_though_it_moves_no_stamp_of_its_company(bench: Bench) -> None:
    customer = bench.sandbox.erp.customer_id(1, POSTBOKS_123)
    with bench.store.read() as tx:
        link = links.for_erp(tx, bench.key(), "Customer", customer)
    assert link is not None
    for last in ("crm", "erp"):
        for system in ("erp", "crm") if last == "crm" else ("crm", "erp"):
            bench.systems.later(5)
            if system == "erp":
                bench.sandbox.erp.edit(1, "Customer", customer, {"Info.InvoiceAddress.AddressLine1": f"ERP {last}"})
            else:
                bench.sandbox.crm.edit("contact", link.crm_id, {"Address": {"Postal": {"Address1": f"CRM {last}"}}})
        typed = bench.systems.clock.now()
        bench.systems.later(5)
        bench.sandbox.crm.edit("contact", link.crm_id, {"Department": f"later {last}"})
        carry(bench)
        assert postal(bench, link.crm_id)["Address1"] == f"{last.upper()} {last}"
        with bench.store.read() as tx:
            told = history.of_record(tx, tenant=bench.tenant, crm=("contact", link.crm_id), field=POSTAL)[0]
        assert (told.source_side, told.source_at) == (last, typed)
        assert (told.source_by is None) is (last == "crm")


def test_a_mobile_number_travels_both_ways(bench: Bench) -> None:
    person, mobile = next(
        (link, phones[0]["Value"])
        for link in linked(bench, "person")
        if (phones := bench.sandbox.crm.read("person", link.crm_id)["MobilePhones"])
    )
    path = "Info.Phones[Type=150102].Number"
    assert mobile
    bench.sandbox.erp.edit(1, "Contact", person.erp_id, {path: "90112233"})
    carry(bench)
    held = bench.sandbox.crm.read("person", person.crm_id)["MobilePhones"][0]["Value"]
    assert held.replace(" ", "").endswith("90112233")
    bench.sandbox.crm.edit("person", person.crm_id, {"MobilePhones": [{"Value": "+47 911 22 334"}]})
    carry(bench)
    phones = bench.sandbox.erp.read(1, "Contact", person.erp_id, expand="Info.Phones")["Info"]["Phones"]
    (number,) = [one["Number"] for one in phones if one["Type"] == 150102]
    assert number.replace(" ", "").endswith("91122334")


def test_the_end_date_of_a_project_travels_both_ways(bench: Bench) -> None:
    project = linked(bench, "project")[0]
    bench.sandbox.erp.edit(1, "Project", project.erp_id, {"EndDate": "2026-09-30"})
    carry(bench)
    assert bench.sandbox.crm.read("project", project.crm_id)["EndDate"].startswith("2026-09-30")
    bench.sandbox.crm.edit("project", project.crm_id, {"EndDate": "2026-10-31T00:00:00+01:00"})
    carry(bench)
    assert str(bench.sandbox.erp.read(1, "Project", project.erp_id)["EndDate"]).startswith("2026-10-31")


def test_a_new_company_of_the_crm_becomes_a_customer_and_its_number_is_back(bench: Bench) -> None:
    record = bench.company("Solvind Energi AS", OrgNr=fresh_org_number(bench))
    outcome = bench.do(lambda world: ErpButton(world).create(record, bench.key(), "customer"))
    assert outcome.erp_id is not None
    customer = bench.sandbox.erp.read(1, "Customer", outcome.erp_id, expand="Info")
    assert customer["Info"]["Name"] == "Solvind Energi AS"
    assert bench.contact(record)["Number2"] == str(customer["CustomerNumber"])
    carry(bench)
    mark = bench.sandbox.journal.mark()
    bench.systems.later(200)
    bench.synchronize()
    assert bench.sandbox.journal.writes(since=mark) == []


def test_a_customer_created_in_the_erp_appears_in_the_crm(bench: Bench) -> None:
    values = {
        "OrgNumber": fresh_org_number(bench),
        "Info": {"Name": "Fjellvarme Drift AS", "InvoiceAddress": {"AddressLine1": "Fjellveien 7", "City": "GOL"}},
    }
    made = bench.sandbox.erp.add(1, "Customer", values)
    carry(bench)
    with bench.store.read() as tx:
        link = links.for_erp(tx, bench.key(), "Customer", made)
    assert link is not None
    company = bench.contact(CrmAddress("contact", link.crm_id))
    assert (company["Name"], company["OrgNr"]) == ("Fjellvarme Drift AS", values["OrgNumber"])
    assert company["Address"]["Postal"]["Address1"] == "Fjellveien 7"
    assert company["Number2"] == str(bench.sandbox.erp.read(1, "Customer", made)["CustomerNumber"])


def test_projects_of_two_companies_are_one_only_if_a_person_says_so(bench: Bench) -> None:
    made = {
        index: bench.sandbox.erp.add(index, "Project", {"Name": "Internt arbeid", "EndDate": f"2027-0{index}-01"})
        for index in (1, 2)
    }
    for _ in range(2):
        carry(bench)
    with bench.store.read() as tx:
        linked = [links.for_erp(tx, bench.key(index), "Project", made[index]) for index in (1, 2)]
        asked = [one for one in issues.listing(tx, kind="possible_duplicate", limit=100) if one.rule == "project"]
    assert sum(link is None for link in linked) == 1
    assert [(one.company_key, one.erp_id) for one in asked] == [
        (bench.key(index), made[index]) for index, link in zip((1, 2), linked, strict=True) if link is None
    ]
    for index in (1, 2):
        assert bench.sandbox.erp.read(index, "Project", made[index])["EndDate"].startswith(f"2027-0{index}-01")


def test_a_number_that_one_company_gave_says_nothing_of_the_customers_of_another(bench: Bench) -> None:
    def customer(postcode: str) -> dict[str, Any]:
        return {"Info": {"Name": "Tindvik Kjøreskole", "InvoiceAddress": {"PostalCode": postcode}}}

    first = bench.sandbox.erp.add(1, "Customer", customer("5003"))
    carry(bench)
    number = bench.sandbox.erp.read(1, "Customer", first)["CustomerNumber"]
    other = bench.sandbox.erp.add(2, "Customer", customer("5402"))
    bench.sandbox.erp.edit(2, "Customer", other, {"CustomerNumber": number})
    carry(bench)
    carry(bench)
    with bench.store.read() as tx:
        ours = links.for_erp(tx, bench.key(1), "Customer", first)
        theirs = links.for_erp(tx, bench.key(2), "Customer", other)
    assert ours is not None
    assert theirs is None or theirs.crm_id != ours.crm_id
    assert postal(bench, ours.crm_id)["Zipcode"] == "5003"
