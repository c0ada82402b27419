"""What a person gets by pressing ERP, against both simulated systems over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sounimicro_pipelines.sandbox import Fault
from sounimicro_pipelines.store import history, intents, links, runs, work
from sounimicro_pipelines.sync import engine
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.requests import ErpButton, Outcome, RequestRefused
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines_tests.sync.systems import Systems
from sounimicro_pipelines_tests.sync.worlds import Bench

ABB = CrmAddress("contact", 1001)


@pytest.fixture(scope="module")
def systems() -> Iterator[Systems]:
    shared = Systems(parties=12)
    with shared.sandbox:
        yield shared


@pytest.fixture
def bench(systems: Systems, tmp_path: Path) -> Iterator[Bench]:
    systems.later(86_400)
    bench = Bench(systems, tmp_path)
    yield bench
    systems.faults.clear()
    bench.store.close()


def erp_writes(bench: Bench, mark: int) -> list[Any]:
    return list(bench.sandbox.journal.writes("erp", since=mark))


def create(bench: Bench, record: CrmAddress, answers: dict[str, str] | None = None, role: str = "customer") -> Outcome:
    return bench.do(lambda world: ErpButton(world).create(record, bench.key(), role, answers))


def new_company(bench: Bench, name: str, **more: Any) -> CrmAddress:
    return bench.company(name, OrgNr=fresh_org_number(bench), **more)


def fresh_org_number(bench: Bench) -> str:
    taken = {party.org_number for party in bench.sandbox.register.parties}
    taken |= {str(row["orgNr"]) for row in bench.sandbox.crm.db["contact"]}
    for stem in range(97_000_000, 97_999_999):
        digits = [int(letter) for letter in str(stem)]
        check = 11 - sum(d * w for d, w in zip(digits, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        number = f"{stem}{0 if check == 11 else check}"
        if check != 10 and number not in taken:
            return number
    raise AssertionError("no number is left")


def test_a_new_company_is_created_in_the_erp_and_its_number_is_back_at_once(bench: Bench) -> None:
    record = new_company(bench, "Nordlys Kabel AS", Address={"Postal": {"Address1": "Postboks 123"}})
    told: list[Outcome] = []

    async def press(world: World) -> Outcome:
        button = ErpButton(world, tell=told.append)
        assert [(one.alias, one.linked) for one in button.companies(record)] == [("firma1", {}), ("firma2", {})]
        assert await button.candidates(record, bench.key(), "customer") == []
        asked = await button.questions(record, bench.key(), "customer")
        assert [(one.erp_path, one.required) for one in asked][:3] == [
            ("Info.Name", True),
            ("OrgNumber", True),
            ("PaymentTermsID", False),
        ]
        assert asked[0].proposed == "Nordlys Kabel AS"
        return await button.create(record, bench.key(), "customer")

    outcome = bench.do(press)
    assert outcome.erp_id is not None
    customer = bench.sandbox.erp.read(1, "Customer", outcome.erp_id, expand="Info,Info.InvoiceAddress")
    assert customer["Info"]["Name"] == "Nordlys Kabel AS"
    assert customer["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 123"
    assert outcome.number == str(customer["CustomerNumber"])
    assert bench.contact(record)["Number2"] == outcome.number
    assert ("crm", "Number2") in outcome.fields
    assert told == [outcome]
    with bench.store.read() as tx:
        run = runs.get(tx, outcome.run_id)
        assert run is not None
        assert (run.kind, run.state, run.by) == ("request", "done", "crm:7")
        assert run.counts["in"] == 1
        kinds = {one.kind for one in history.of_run(tx, outcome.run_id)}
    assert kinds == {"create", "update"}
    mark = bench.sandbox.journal.mark()
    bench.do(lambda world: engine.drain(world, "customer"))
    assert erp_writes(bench, mark) == []
    assert bench.sandbox.journal.writes("crm", since=mark) == []


def test_pressing_create_twice_makes_one_record(bench: Bench) -> None:
    record = new_company(bench, "Dobbelttrykk AS")
    create(bench, record)
    with pytest.raises(RequestRefused) as refused:
        create(bench, record)
    assert refused.value.kind == "already_linked"
    names = [row for row in bench.sandbox.erp.rows(1, "BusinessRelation") if row["Name"] == "Dobbelttrykk AS"]
    assert len(names) == 1


def test_a_lost_answer_is_looked_for_and_the_answers_of_the_person_are_kept(bench: Bench) -> None:
    record = new_company(bench, "Tapt Svar AS")
    bench.systems.faults.script(Fault("lost_before", system="erp", match="POST /api/biz/customers"))
    outcome = create(bench, record, {"PaymentTermsID": "1"})
    assert "never created twice" in outcome.waiting
    assert outcome.until is not None
    with bench.store.read() as tx:
        (left,) = intents.living_for(tx, tenant=bench.tenant, crm=("contact", record.id))
    assert left.body["answers"] == {"PaymentTermsID": "1"}
    bench.systems.later(200)
    report = bench.do(lambda world: engine.drain(world, "customer"))
    assert report.counts["applied"] >= 1
    with bench.store.read() as tx:
        (link,) = links.for_crm(tx, bench.tenant, "contact", record.id)
    assert bench.sandbox.erp.read(1, "Customer", link.erp_id)["PaymentTermsID"] == 1
    rows = [row for row in bench.sandbox.erp.rows(1, "BusinessRelation") if row["Name"] == "Tapt Svar AS"]
    assert len(rows) == 1


def test_what_must_be_answered_is_named_by_field(bench: Bench) -> None:
    record = bench.company("Uten Nummer AS")
    with pytest.raises(RequestRefused) as missing:
        create(bench, record)
    assert list(missing.value.problems) == ["OrgNr"]
    assert "OrgNumber" in str(missing.value)
    with pytest.raises(RequestRefused) as invalid:
        create(bench, record, {"OrgNumber": "123456789"})
    assert invalid.value.problems["OrgNr"].kind == "invalid_value"
    with pytest.raises(RequestRefused) as unknown:
        create(bench, record, {"PaymentTermID": "1"})
    assert "PaymentTermsID" in str(unknown.value)
    with pytest.raises(RequestRefused) as by_name:
        create(bench, record, {"OrgNumber": fresh_org_number(bench), "PaymentTermsID": "30 dager"})
    assert by_name.value.problems["PaymentTermsID"].kind == "no_such_item"
    with pytest.raises(RequestRefused) as own:
        create(bench, record, {"CustomerNumber": "7"})
    assert own.value.problems["Number2"].kind == "not_written"
    number = fresh_org_number(bench)
    outcome = create(bench, record, {"OrgNumber": number})
    assert outcome.erp_id is not None
    assert bench.sandbox.erp.read(1, "Customer", outcome.erp_id)["OrgNumber"] == number
    assert bench.contact(record)["OrgNr"] == number


def test_an_answer_that_differs_from_the_crm_stands_in_both(bench: Bench) -> None:
    record = new_company(bench, "Skrivefel AS")
    outcome = create(bench, record, {"Name": "Skrivefeil AS"})
    assert bench.contact(record)["Name"] == "Skrivefeil AS"
    assert outcome.conflicts == 0
    bench.sandbox.crm.edit("contact", record.id, {"Name": "Skrivefeil Norge AS"})
    bench.systems.later()
    bench.do(lambda world: ErpButton(world).sync_now(record))
    customer = bench.sandbox.erp.read(1, "Customer", outcome.erp_id, expand="Info")
    assert customer["Info"]["Name"] == "Skrivefeil Norge AS"


def test_linking_takes_the_side_that_was_chosen_for_each_field(bench: Bench) -> None:
    party = next(one for one in bench.sandbox.register.parties if one.in_crm and 1 in one.customer_of and one.key > 1)
    customer = bench.sandbox.erp.customer_id(1, party.key)
    record = next(
        CrmAddress("contact", row["contact_id"])
        for row in bench.sandbox.crm.db["contact"]
        if row["name"] == party.crm_name
    )
    bench.sandbox.crm.edit("contact", record.id, {"Name": "Navnet i CRM AS", "Emails": [{"Value": "crm@her.example"}]})
    bench.sandbox.erp.edit(1, "Customer", customer, {"Info.Name": "Navnet i ERP AS"})
    bench.sandbox.erp.edit(1, "Customer", customer, {"Info.DefaultEmail.EmailAddress": "erp@der.example"})
    bench.systems.later()

    async def press(world: World) -> Outcome:
        button = ErpButton(world)
        (first, *_) = await button.candidates(record, bench.key(), "customer")
        assert first.erp_id == customer
        assert first.linked_to is None
        assert "same_phone" in first.reasons
        rows = {one.key: one for one in await button.differences(record, bench.key(), "customer", customer)}
        assert list(rows)[:3] == ["Name", "OrgNr", "Number2"]
        assert (rows["Name"].crm, rows["Name"].erp) == ("Navnet i CRM AS", "Navnet i ERP AS")
        assert rows["Name"].would == "ask"
        assert rows["Name"].choices == ("crm", "erp")
        assert rows["Number2"].would == "to_crm"
        assert rows["PaymentTermsID"].would == "shown"
        assert rows["Emails[first].Value"].would in ("to_crm", "to_erp", "ask")
        with pytest.raises(RequestRefused) as refused:
            await button.link(record, bench.key(), "customer", customer, {"Number2": "crm", "Navn": "erp"})
        assert set(refused.value.problems) == {"Number2", "Navn"}
        return await button.link(
            record, bench.key(), "customer", customer, {"Info.Name": "erp", "Emails[first].Value": "crm"}
        )

    outcome = bench.do(press)
    assert outcome.conflicts == 0
    assert bench.contact(record)["Name"] == "Navnet i ERP AS"
    held = bench.sandbox.erp.read(1, "Customer", customer, expand="Info,Info.DefaultEmail")
    assert held["Info"]["DefaultEmail"]["EmailAddress"] == "crm@her.example"
    with bench.store.read() as tx:
        (link,) = links.for_crm(tx, bench.tenant, "contact", record.id)
    assert "choices" not in (link.data or {})
    with pytest.raises(RequestRefused) as again:
        bench.do(lambda world: ErpButton(world).link(ABB, bench.key(), "customer", customer))
    assert again.value.kind == "already_linked"
    assert str(record) in str(again.value)


def test_abb_is_customer_and_supplier_in_one_company_and_customer_in_another(bench: Bench) -> None:
    erp = bench.sandbox.erp
    places = [
        (bench.key(1), "customer", erp.customer_id(1, 1)),
        (bench.key(1), "supplier", erp.supplier_id(1, 1)),
        (bench.key(2), "customer", erp.customer_id(2, 1)),
    ]
    for key, role, erp_id in places:
        bench.do(lambda world, k=key, r=role, e=erp_id: ErpButton(world).link(ABB, k, r, e))  # type: ignore[misc]
    with bench.store.read() as tx:
        linked = links.for_crm(tx, bench.tenant, "contact", ABB.id)
    assert [(one.company_key, one.role, one.erp_id) for one in linked] == places
    bench.sandbox.crm.edit("contact", ABB.id, {"Address": {"Postal": {"Address1": "Postboks 123 Sentrum"}}})
    bench.systems.later()
    outcome = bench.do(lambda world: ErpButton(world).sync_now(ABB))
    assert outcome.conflicts == 0
    for index, entity, erp_id in (
        (1, "Customer", places[0][2]),
        (1, "Supplier", places[1][2]),
        (2, "Customer", places[2][2]),
    ):
        held = erp.read(index, entity, erp_id, expand="Info,Info.InvoiceAddress")
        assert held["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 123 Sentrum"

    async def ambiguous(world: World) -> Outcome:
        return await ErpButton(world).unlink(ABB, bench.key(1))

    with pytest.raises(RequestRefused) as refused:
        bench.do(ambiguous)
    assert refused.value.kind == "which_role"
    for key, role, _ in places:
        bench.do(lambda world, k=key, r=role: ErpButton(world).unlink(ABB, k, r))  # type: ignore[misc]


def test_a_disconnected_record_stays_as_it_is_and_is_not_made_anew(bench: Bench) -> None:
    record = new_company(bench, "Koblet Fra AS")
    made = create(bench, record)
    mark = bench.sandbox.journal.mark()
    bench.do(lambda world: ErpButton(world).unlink(record, bench.key(), "customer"))
    assert erp_writes(bench, mark) == []
    with bench.store.transaction() as tx:
        assert links.for_crm(tx, bench.tenant, "contact", record.id) == []
        here = work.Poke("customer", "erp", "Customer", made.erp_id or 0, "feed", bench.key())
        work.poke(tx, [here, work.Poke("customer", "crm", "contact", record.id, "feed")], bench.systems.clock.now())
    report = bench.do(lambda world: engine.drain(world, "customer"))
    assert report.counts["applied"] == 0
    assert len([one for one in bench.sandbox.crm.db["contact"] if one["name"] == "Koblet Fra AS"]) == 1
    again = bench.do(lambda world: ErpButton(world).link(record, bench.key(), "customer", made.erp_id or 0))
    assert again.erp_id == made.erp_id
    with bench.store.read() as tx:
        assert links.tombstones_for_crm(tx, bench.tenant, "contact", record.id) == []


def test_a_persons_mobile_number_comes_from_the_erp_once_the_company_is_linked(bench: Bench) -> None:
    register, erp = bench.sandbox.register, bench.sandbox.erp
    elin = next(one for one in register.parties[0].persons if one.in_crm and 1 in one.in_erp and one.mobile)
    row = next(
        one
        for one in bench.sandbox.crm.db["person"]
        if one["lastname"] == elin.last_name and one["firstname"] == elin.first_name
    )
    person = CrmAddress("person", row["person_id"])
    with pytest.raises(RequestRefused) as refused:
        bench.do(lambda world: ErpButton(world).candidates(person, bench.key()))
    assert refused.value.kind == "no_parent"
    bench.do(lambda world: ErpButton(world).link(ABB, bench.key(), "customer", erp.customer_id(1, 1)))
    contact = erp.contact_id(1, elin.key)

    async def press(world: World) -> Outcome:
        (first, *_) = await ErpButton(world).candidates(person, bench.key())
        assert first.erp_id == contact
        return await ErpButton(world).link(person, bench.key(), "", contact)

    assert bench.do(press).erp_entity == "Contact"
    assert (row["contact_id"], person.entity) == (ABB.id, "person")
    phones = erp.read(1, "Contact", contact, expand="Info,Info.Phones")["Info"]["Phones"]
    mobile = next(one for one in phones if one["Type"] == 150102)
    bench.systems.later()
    erp.edit(1, "Phone", mobile["ID"], {"Number": "99887766"})
    bench.systems.later()
    outcome = bench.do(lambda world: ErpButton(world).sync_now(person))
    assert ("crm", "MobilePhones[first].Value") in outcome.fields
    assert bench.contact(person)["MobilePhones"][0]["Value"].replace(" ", "").endswith("99887766")
    bench.do(lambda world: ErpButton(world).unlink(ABB, bench.key(), "customer"))
    with bench.store.read() as tx:
        assert links.for_crm(tx, bench.tenant, "person", person.id) == []


def test_a_project_is_created_for_a_chosen_customer_and_gets_its_end_date_from_the_erp(bench: Bench) -> None:
    bench.do(lambda world: ErpButton(world).link(ABB, bench.key(), "customer", bench.sandbox.erp.customer_id(1, 1)))
    project = CrmAddress("project", bench.sandbox.crm.create("project", {"Name": "Ny transformatorstasjon"}))

    async def press(world: World) -> Outcome:
        return await ErpButton(world).create(project, bench.key(), customer=ABB.id)

    outcome = bench.do(press)
    made = bench.sandbox.erp.read(1, "Project", outcome.erp_id)
    assert made["ProjectCustomerID"] == bench.sandbox.erp.customer_id(1, 1)
    assert outcome.number == str(made["ProjectNumber"])
    assert bench.contact(project)["ProjectNumber"] == outcome.number
    bench.systems.later()
    bench.sandbox.erp.edit(1, "Project", outcome.erp_id, {"EndDate": "2026-12-31"})
    bench.systems.later()
    bench.do(lambda world: ErpButton(world).sync_now(project))
    assert str(bench.contact(project)["EndDate"]).startswith("2026-12-31")
    other = CrmAddress("project", bench.sandbox.crm.create("project", {"Name": "Uten kunde"}))
    with pytest.raises(RequestRefused) as refused:
        bench.do(lambda world: ErpButton(world).create(other, bench.key(), customer=1002))
    assert refused.value.kind == "no_parent"
    bench.do(lambda world: ErpButton(world).unlink(ABB, bench.key(), "customer"))


def test_nothing_is_written_for_a_company_that_has_not_gone_live(systems: Systems, tmp_path: Path) -> None:
    bench = Bench(systems, tmp_path, live=False)
    record = new_company(bench, "For Tidlig AS")
    mark = bench.sandbox.journal.mark()
    with pytest.raises(RequestRefused) as refused:
        create(bench, record)
    assert refused.value.kind == "not_live"
    assert erp_writes(bench, mark) == []
    bench.store.close()


def test_wrong_companies_roles_and_records_are_refused_in_words(bench: Bench) -> None:
    async def wrong(world: World) -> list[str]:
        button, key = ErpButton(world), bench.key()
        kinds = []
        for record, company, role in (
            (ABB, "nowhere", "customer"),
            (ABB, key, "partner"),
            (CrmAddress("contact", 999_999), key, "customer"),
        ):
            with pytest.raises(RequestRefused) as refused:
                await button.candidates(record, company, role)
            assert refused.value.remedy
            kinds.append(refused.value.kind)
        with pytest.raises(RequestRefused) as refused:
            await button.link(ABB, key, "customer", 999_999)
        with pytest.raises(RequestRefused):
            await button.unlink(ABB, key, "customer")
        return [*kinds, refused.value.kind]

    assert bench.do(wrong) == ["no_such_company", "no_such_role", "gone", "gone"]
