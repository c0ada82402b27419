"""What people and systems get wrong: each a clear issue with its remedy, nothing lost, and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sounimicro_pipelines.rules.versions import default_document, save_rule
from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES
from sounimicro_pipelines.store import issues, links, rule_versions
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.rule_versions import ListPair
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.crm_side import CrmSide
from sounimicro_pipelines.sync.opening import plain_registries
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines_tests.sync.systems import Systems
from sounimicro_pipelines_tests.sync.test_requests import ABB, fresh_org_number
from sounimicro_pipelines_tests.sync.worlds import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    systems = Systems(parties=6)
    with systems.sandbox:
        bench = Bench(systems, tmp_path_factory.mktemp("bad-input"))
        bench.settle()
        yield bench
        bench.store.close()


def carry(bench: Bench) -> None:
    bench.systems.later(400)
    bench.synchronize()


def abb(bench: Bench, company: int = 1) -> Link:
    with bench.store.read() as tx:
        found = links.for_crm_place(tx, bench.tenant, "contact", ABB.id, bench.key(company), "customer")
    assert found is not None
    return found


def open_issues(bench: Bench, kind: str) -> list[Issue]:
    with bench.store.read() as tx:
        found = issues.listing(tx, kind=kind, limit=200)
    assert all(one.cause and one.remedy for one in found)
    return found


def customer(bench: Bench, company: int = 1) -> dict[str, Any]:
    expand = "Info.InvoiceAddress,Info.DefaultPhone"
    held: dict[str, Any] = bench.sandbox.erp.read(company, "Customer", abb(bench, company).erp_id, expand)
    return held


def save(bench: Bench, name: str, document: str) -> None:
    with bench.store.read() as tx:
        current = rule_versions.current(tx, name)
    save_rule(
        bench.store,
        name,
        document,
        plain_registries(),
        by="test",
        now=bench.systems.clock.now(),
        expected=current.version if current else None,
    )


def pair(bench: Bench, crm: int, erp: int) -> ListPair:
    return ListPair(bench.key(), "terms", str(crm), str(erp), True, "test", bench.systems.clock.now())


def test_a_value_that_is_too_long_for_the_other_side_is_never_cut(bench: Bench) -> None:
    address = "Industriveien 17, inngang fra baksiden ved lasterampen, tredje port til venstre for vaktboden"
    assert 79 < len(address) < 255
    before = bench.contact(ABB)["Address"]["Postal"]
    changes = {"Info.InvoiceAddress.AddressLine1": address, "Info.InvoiceAddress.City": "ASKER"}
    bench.sandbox.erp.edit(1, "Customer", abb(bench).erp_id, changes)
    carry(bench)
    after = bench.contact(ABB)["Address"]["Postal"]
    assert after["Address1"] == before["Address1"]
    assert after["City"] == "ASKER"
    (told,) = open_issues(bench, "too_long")
    assert "79" in told.cause
    assert (told.crm_id, told.field) == (ABB.id, "Address.Postal.Address1")
    path = "Info.InvoiceAddress.AddressLine1"
    bench.sandbox.erp.edit(1, "Customer", abb(bench).erp_id, {path: "Industriveien 17"})
    values = {"OrgNumber": fresh_org_number(bench), "Info": {"Name": "Ø" * 240 + " AS"}}
    nameless = bench.sandbox.erp.add(1, "Customer", values)
    carry(bench)
    assert bench.contact(ABB)["Address"]["Postal"]["Address1"] == "Industriveien 17"
    assert open_issues(bench, "too_long") == []
    (told,) = [one for one in open_issues(bench, "incomplete") if one.erp_id == nameless]
    assert "too long for the CRM, which holds 219 characters" in told.cause


def test_an_invalid_organisation_number_or_phone_does_not_travel_and_the_rest_does(bench: Bench) -> None:
    before = customer(bench)
    bench.sandbox.crm.edit(
        "contact", ABB.id, {"OrgNr": "123456789", "Phones": [{"Value": "ring Kari"}], "Urls": [{"Value": "www.abb.no"}]}
    )
    carry(bench)
    after = customer(bench)
    assert after["OrgNumber"] == before["OrgNumber"]
    assert after["Info"]["DefaultPhone"] == before["Info"]["DefaultPhone"]
    assert "abb.no" in after["WebUrl"]
    with bench.store.read() as tx:
        told = {one.field: one for one in issues.of_record(tx, tenant=bench.tenant, crm=("contact", ABB.id))}
    assert {"OrgNr", "Phones[first].Value"} <= set(told)
    for field in ("OrgNr", "Phones[first].Value"):
        assert told[field].remedy
        assert "ring Kari" not in told[field].cause
        assert "123456789" not in told[field].cause
    number = fresh_org_number(bench)
    bench.sandbox.crm.edit("contact", ABB.id, {"OrgNr": number, "Phones": [{"Value": "55 10 20 30"}]})
    carry(bench)
    assert customer(bench)["OrgNumber"] == number
    with bench.store.read() as tx:
        left = {one.field for one in issues.of_record(tx, tenant=bench.tenant, crm=("contact", ABB.id))}
    assert not {"OrgNr", "Phones[first].Value"} & left


def test_what_the_erp_refuses_deep_inside_is_told_by_the_field_that_it_names(bench: Bench) -> None:
    definition = ENTITIES["Address"].field("AddressLine2")
    assert definition is not None
    shorter = definition.length
    object.__setattr__(definition, "length", 12)  # an installation that is stricter than its documentation
    try:
        bench.sandbox.crm.edit("contact", ABB.id, {"Address": {"Postal": {"Address2": "v/ økonomiavdelingen"}}})
        carry(bench)
        told = open_issues(bench, "validationfailed")
        assert any("InvoiceAddress.AddressLine2" in str((one.details or {}).get("messages")) for one in told)
    finally:
        object.__setattr__(definition, "length", shorter)
    for _ in range(3):  # the retries of both sides' items, each in its time
        carry(bench)
    assert customer(bench)["Info"]["InvoiceAddress"]["AddressLine2"] == "v/ økonomiavdelingen"
    assert open_issues(bench, "validationfailed") == []


def test_what_nobody_foresaw_in_one_record_is_told_and_the_others_get_their_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = CrmSide.read

    async def odd(self: CrmSide, entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        if (entity, record_id) == ("contact", ABB.id):
            raise TypeError("Kari Nordmann cannot be read")
        return await reads(self, entity, record_id, paths)

    with bench.store.read() as tx:
        others = [one for one in links.of_rule(tx, "customer") if one.crm_id != ABB.id]
    with monkeypatch.context() as patch:
        patch.setattr(CrmSide, "read", odd)
        for contact in (ABB.id, others[0].crm_id):
            bench.sandbox.crm.edit("contact", contact, {"Address": {"Street": {"City": "MOSS"}}})
        carry(bench)
    company = next(one.index for one in bench.sandbox.register.companies if one.key == others[0].company_key)
    held = bench.sandbox.erp.read(company, "Customer", others[0].erp_id, "Info.ShippingAddress")
    assert held["Info"]["ShippingAddress"]["City"] == "MOSS"
    (told,) = [one for one in open_issues(bench, "internal") if one.rule == "customer"]
    assert told.crm_id == ABB.id
    assert "TypeError at " in told.cause
    assert "Kari" not in told.cause
    for _ in range(2):
        carry(bench)
    expand = "Info.ShippingAddress"
    first = bench.sandbox.erp.read(1, "Customer", abb(bench).erp_id, expand)
    assert first["Info"]["ShippingAddress"]["City"] == "MOSS"
    assert open_issues(bench, "internal") == []


def test_a_company_without_access_is_told_once_and_the_other_goes_on(bench: Bench) -> None:
    for entity in ("Customer", "BusinessRelation"):
        bench.sandbox.erp.deny(entity, 2)
    try:
        bench.sandbox.crm.edit("contact", ABB.id, {"Address": {"Street": {"City": "DRAMMEN"}}})
        carry(bench)
        told = [one for one in open_issues(bench, "accessdenied") if one.company_key == bench.key(2)]
        told += [one for one in open_issues(bench, "feed") if one.company_key == bench.key(2)]
        assert told
        assert len({one.fingerprint for one in told}) == len(told)
        assert any("right" in one.remedy or "access" in one.remedy for one in told)
        first = bench.sandbox.erp.read(1, "Customer", abb(bench).erp_id, expand="Info.ShippingAddress")
        assert first["Info"]["ShippingAddress"]["City"] == "DRAMMEN"
    finally:
        for entity in ("Customer", "BusinessRelation"):
            bench.sandbox.erp.allow(entity, 2)
    for _ in range(2):  # what was refused is tried again in its time
        carry(bench)
    second = bench.sandbox.erp.read(2, "Customer", abb(bench, 2).erp_id, expand="Info.ShippingAddress")
    assert second["Info"]["ShippingAddress"]["City"] == "DRAMMEN"
    assert open_issues(bench, "accessdenied") == []


def test_a_required_answer_that_is_missing_keeps_a_record_from_being_created_by_itself(bench: Bench) -> None:
    document = default_document("customer")
    automatic = document.replace("in_erp: on_request", "in_erp: automatic").replace("potential_customer", "partner")
    save(bench, "customer", automatic)
    with bench.store.transaction() as tx:  # a tenant of one company, so that it is clear where a customer belongs
        tx.execute(tx.tables.go_live.delete().where(tx.tables.go_live.c.company_key == bench.key(2)))
    record = bench.company("Uten Orgnummer AS")
    carry(bench)
    told = [one for one in open_issues(bench, "incomplete") if one.crm_id == record.id]
    assert len(told) == 1
    assert "OrgNumber" in told[0].cause
    with bench.store.read() as tx:
        assert links.for_crm(tx, bench.tenant, "contact", record.id) == []
    number = fresh_org_number(bench)
    bench.sandbox.crm.edit("contact", record.id, {"OrgNr": number})
    carry(bench)
    carry(bench)
    with bench.store.read() as tx:
        (link,) = links.for_crm(tx, bench.tenant, "contact", record.id)
    made = bench.sandbox.erp.read(1, "Customer", link.erp_id)
    assert made["OrgNumber"] == number
    assert bench.contact(CrmAddress("contact", record.id))["Number2"] == str(made["CustomerNumber"])
    assert [one for one in open_issues(bench, "incomplete") if one.crm_id == record.id] == []
    save(bench, "customer", document)


def test_a_list_item_that_is_not_mapped_is_named_and_travels_once_it_is(bench: Bench) -> None:
    document = default_document("customer").replace(
        "  - {erp: CreditDays",
        "  - {erp: PaymentTermsID, crm: Business.Id, direction: to_erp, conflict: crm, list: terms}\n"
        "  - {erp: CreditDays",
    )
    document = "\n".join(line for line in document.splitlines() if "list: payment_terms" not in line) + "\n"
    save(bench, "customer", document)
    items = sorted({int(row["business_idx"]) for row in bench.sandbox.crm.db["contact"] if row.get("business_idx")})
    terms = [int(row["ID"]) for row in bench.sandbox.erp.rows(1, "Terms")]
    mapped, other = items[0], items[1]
    with bench.store.transaction() as tx:
        rule_versions.set_list_pair(tx, pair(bench, mapped, terms[0]))
    bench.sandbox.crm.edit("contact", ABB.id, {"Business": {"Id": other}})
    carry(bench)
    told = [one for one in open_issues(bench, "unmapped_list_item") if one.crm_id == ABB.id]
    assert len(told) == 1
    assert told[0].field == "Business.Id"
    with bench.store.transaction() as tx:
        rule_versions.set_list_pair(tx, pair(bench, other, terms[1]))
    bench.sandbox.crm.edit("contact", ABB.id, {"Department": "Hovedkontoret"})
    carry(bench)
    assert customer(bench)["PaymentTermsID"] == terms[1]
    assert [one for one in open_issues(bench, "unmapped_list_item") if one.crm_id == ABB.id] == []
