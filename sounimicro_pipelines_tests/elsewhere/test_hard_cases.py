"""What goes wrong in registers, on the other servers: deletions, mandatory fields, partners, webhooks, and the logs."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import work
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.deliveries import Deliveries, Poked
from sounimicro_pipelines.sync.ending import confirm_register
from sounimicro_pipelines.sync.hooks import HookState, ensure_hooks
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.requests import ErpButton, Outcome
from sounimicro_pipelines_tests.elsewhere.crm import SECRET, SYSTEM_TOKEN, TENANT
from sounimicro_pipelines_tests.elsewhere.erp import KEY
from sounimicro_pipelines_tests.elsewhere.place import Elsewhere, elsewhere
from sounimicro_pipelines_tests.elsewhere.test_elsewhere import KEY_ACCOUNT, check_journal, org_numbers
from sounimicro_pipelines_tests.unimicro.fake_erp import PASSWORD

CANARIES = ("Kanarifugl", "Gulspurv", "gulspurv@kanari.example", "93939393", "Fuglekongveien")
ERP_KEY = "erp-canary-key-77"


@dataclass
class Hard:
    """Both systems after they have met. `logged` is everything that was logged meanwhile, at every level."""

    place: Elsewhere
    logged: list[str]
    companies: list[int]
    customers: list[int]
    partner: int
    supplier: int
    person: int
    contact: int
    nameless: int

    def poke(self, *records: int) -> None:
        async def put(connection: Connection) -> None:
            world = await connection.world(run_id="poked")
            with world.store.transaction() as tx:
                found = [work.Poke("customer", "crm", "contact", one, "test") for one in records]
                work.poke(tx, found, world.now())

        self.place.connected(put)

    def kinds(self) -> set[str]:
        return {one.kind for one in self.place.open_issues()}


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hard]:
    logged: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(f"{record.name} {record.getMessage()} {record.exc_info or ''}")

    listener, root = Listener(logging.DEBUG), logging.getLogger()
    level = root.level
    crm_options = {"shows_deleted": True, "demands_org_number": True}
    with elsewhere(tmp_path_factory.mktemp("hard"), crm=crm_options) as place:
        crm, erp = place.crm, place.erp
        numbers = org_numbers()
        companies, customers = [], []
        for name in ("Alm", "Bjerk", "Dunhammer", "Einer", "Furu", "Gran", "Hassel"):
            number = next(numbers)
            companies.append(crm.people_make("contact", Name=f"{name} AS", OrgNr=number, Category={"Id": KEY_ACCOUNT}))
            customers.append(erp.people_make("Customer", OrgNumber=number, Info={"Name": f"{name} AS"}))
        relation = erp.tables["Customer"][customers[0]]["BusinessRelationID"]
        supplier = erp.people_make("Supplier", OrgNumber=crm.entities["contact"][companies[0]]["OrgNr"])
        erp.tables["Supplier"][supplier]["BusinessRelationID"] = relation
        nameless = erp.people_make("Customer", Info={"Name": "Uten Orgnummer ENK"})
        person = crm.people_make(
            "person",
            Firstname="Kanarifugl",
            Lastname="Gulspurv",
            Contact={"ContactId": companies[1]},
            Emails=[{"Value": "gulspurv@kanari.example"}],
            MobilePhones=[{"Value": "93939393"}],
            Address={"Street": {"Address1": "Fuglekongveien 3"}},
        )
        contact = erp.people_make(
            "Contact",
            ParentBusinessRelationID=erp.tables["Customer"][customers[1]]["BusinessRelationID"],
            Info={"Name": "Kanarifugl Gulspurv", "DefaultEmail": {"EmailAddress": "gulspurv@kanari.example"}},
        )
        root.addHandler(listener)
        root.setLevel(logging.DEBUG)
        try:
            place.settle(3)
            yield Hard(place, logged, companies, customers, companies[0], supplier, person, contact, nameless)
        finally:
            root.removeHandler(listener)
            root.setLevel(level)


def test_a_company_that_the_crm_does_not_take_is_told_and_made_as_soon_as_it_does(hard: Hard) -> None:
    place = hard.place
    (told,) = [one for one in place.open_issues() if one.erp_id == hard.nameless]
    assert told.kind == "validationfailed"
    assert "SoValidationException" in f"{told.cause} {told.details}"
    assert told.remedy
    assert all(place.linked("Customer", one) is not None for one in hard.customers)
    place.erp.people_edit("Customer", hard.nameless, OrgNumber="974760673")
    place.settle(2, rules=["customer"])
    link = place.linked("Customer", hard.nameless)
    assert link is not None
    assert place.crm.entities["contact"][link.crm_id]["OrgNr"] == "974760673"
    assert hard.nameless not in {one.erp_id for one in place.open_issues()}


def test_a_partner_is_written_once_on_the_relation_that_both_rows_share(hard: Hard) -> None:
    place = hard.place

    async def press(connection: Connection) -> Outcome:
        button = ErpButton(await connection.world(run_id="partner", by="crm:502"))
        return await button.link(CrmAddress("contact", hard.partner), KEY, "supplier", hard.supplier)

    if place.linked("Supplier", hard.supplier) is None:
        place.connected(press)
    place.settle(1, rules=["customer", "supplier", "partner"])
    customer, supplier = (place.linked("Customer", hard.customers[0]), place.linked("Supplier", hard.supplier))
    assert customer is not None
    assert supplier is not None
    assert customer.crm_id == supplier.crm_id == hard.partner
    before = len(place.erp.written)
    place.crm.people_edit("contact", hard.partner, Name="Alm Partner AS")
    place.settle(1, rules=["customer", "supplier", "partner"])
    renamed = [one for one in place.erp.written[before:] if "Name" in one[3]]
    assert [one[:2] for one in renamed] == [("PUT", "BusinessRelation")]
    relation = place.erp.tables["Customer"][hard.customers[0]]["BusinessRelationID"]
    place.erp.people_edit("BusinessRelation", relation, Name="Alm Partner ASA")
    place.settle(1, rules=["customer", "supplier", "partner"])
    assert place.crm.entities["contact"][hard.partner]["Name"] == "Alm Partner ASA"
    writes = place.writes()
    place.settle(1, rules=["customer", "supplier", "partner"])
    assert place.writes() == writes
    check_journal(place)


def test_a_person_who_is_still_answered_after_the_deletion_is_gone_and_stays_gone(hard: Hard) -> None:
    place = hard.place
    link = place.linked("Contact", hard.contact)
    assert link is not None
    assert link.crm_id == hard.person
    place.crm.people_delete("person", hard.person)
    place.settle(1, rules=["person"])
    assert place.linked("Contact", hard.contact) is None
    assert not place.erp.tables["Contact"][hard.contact]["Deleted"]
    people = len(place.crm.entities["person"])
    place.erp.people_edit("Contact", hard.contact, Role="Fortsatt her")
    place.settle(1, rules=["person"])
    assert place.linked("Contact", hard.contact) is None
    assert len(place.crm.entities["person"]) == people


def test_webhooks_are_registered_where_there_is_a_route_and_poke_what_is_signed(hard: Hard) -> None:
    place = hard.place
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        panels_public_url="https://panels.example",
        superoffice_webhook_secret=SecretStr("crm-canary-hook-1"),
        unimicro_webhook_signing_key=SecretStr(ERP_KEY),
    )

    async def ensured(connection: Connection) -> list[HookState]:
        return await ensure_hooks(connection, settings, place.clock.now())

    assert [one.state for one in place.connected(ensured)] == ["repaired", "refused"]
    assert [one.state for one in place.connected(ensured)] == ["active", "refused"]
    assert place.crm.hooks[0]["TargetUrl"] == f"https://panels.example/hooks/superoffice/{TENANT}"
    (refused,) = [one for one in place.open_issues() if one.kind == "webhook_refused"]
    assert refused.company_key == KEY
    assert "polling" in refused.remedy
    customer, company = hard.customers[2], hard.companies[3]
    place.crm.people_edit("contact", company, Urls=[{"Value": "https://einer.example"}])
    body = json.dumps({"EntityName": "Customer", "EntityID": customer, "CompanyKey": KEY, "EventType": "Update"})
    stamp = int(place.clock.now().timestamp())
    digest = hmac.new(ERP_KEY.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()

    async def called(connection: Connection) -> tuple[list[Poked], set[tuple[str, str, int]]]:
        takes = Deliveries(
            connection.store,
            place.clock,
            tenant=TENANT,
            crm_secret=settings.superoffice_webhook_secret,
            erp_key=settings.unimicro_webhook_signing_key,
        )
        headers, raw = place.crm.delivery("contact.changed", company)
        found = [takes.superoffice(TENANT, headers, raw), takes.superoffice(TENANT, headers, raw + b" ")]
        signed = {"SOFTRIG-SIGNATURE": f"t={stamp}, v1={digest}"}
        found += [takes.unimicro("fjell", signed, body.encode()), takes.unimicro("fjell", signed, b"{}")]
        with connection.store.read() as tx:
            return found, {(one.side, one.entity, one.record_id) for one in work.listing(tx)}

    poked, listed = place.connected(called)
    assert [one.verdict for one in poked] == ["accepted", "bad_signature", "accepted", "bad_signature"]
    assert {("crm", "contact", company), ("erp", "Customer", customer)} <= listed
    place.settle(1, rules=["customer"])
    assert place.erp.tables["Customer"][hard.customers[3]]["WebUrl"] == "https://einer.example"


def test_many_deletions_at_once_stop_the_register_until_a_person_confirms(hard: Hard) -> None:
    place = hard.place
    gone, kept = hard.companies[1:6], hard.companies[6]
    for one in gone:
        place.crm.people_delete("contact", one)
    place.settle(2, rules=["customer"])
    assert "mass_delete" in hard.kinds()
    left = [one for one in hard.customers[1:6] if place.linked("Customer", one) is not None]
    assert left
    writes = place.writes()
    place.crm.people_edit("contact", kept, Urls=[{"Value": "https://hassel.example"}])
    place.settle(1, rules=["customer"])
    assert place.writes() == writes

    async def confirmed(connection: Connection) -> None:
        with connection.store.transaction() as tx:
            confirm_register(tx, "crm", "", "contact", by="crm:502", now=place.clock.now())

    place.connected(confirmed)
    place.settle(2, rules=["customer"])
    assert [one for one in left if place.linked("Customer", one) is not None] == []
    assert place.erp.tables["Customer"][hard.customers[6]]["WebUrl"] == "https://hassel.example"
    assert not any(place.erp.tables["Customer"][one]["Deleted"] for one in hard.customers)
    assert not [
        call for call in (*place.crm.calls, *place.erp.calls) if call.method == "DELETE" and "Foreign" not in call.path
    ]
    names = [one["Name"] for one in place.crm.entities["contact"].values() if not one.get("_deleted")]
    assert not {"Bjerk AS", "Dunhammer AS", "Einer AS"} & set(names)


def test_nothing_personal_and_no_secret_is_in_any_line_that_was_logged(hard: Hard) -> None:
    assert len(hard.logged) > 50
    told = "\n".join(hard.logged)
    for canary in (*CANARIES, SECRET, SYSTEM_TOKEN, PASSWORD, ERP_KEY, "canary"):
        assert canary not in told, [line for line in hard.logged if canary in line][:3]
