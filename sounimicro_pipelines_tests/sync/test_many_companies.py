"""One CRM record with links into several ERP companies: what is wrong with one keeps no other from its news."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from sounimicro_pipelines.store import issues, links, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import AccessDenied, Unreachable
from sounimicro_pipelines_tests.sync.calm import Calm, pool
from sounimicro_pipelines_tests.sync.scenario import StorePool, rules
from sounimicro_pipelines_tests.sync.simulated import Row, Trouble

__all__ = ["pool"]
CITY, ERP_CITY = "Address.Postal.City", "Info.InvoiceAddress.City"


@pytest.fixture
def both(pool: StorePool) -> Calm:
    scenario = Calm(1, pool, Trouble(), active=("customer",), companies=2)
    scenario.name_companies()
    return scenario


def customers(calm: Calm) -> tuple[Row, dict[str, Row]]:
    """A CRM company that is a customer of both companies, in the order of its links."""
    crm = calm.company(calm.crm, "contact")
    made = {
        key: erp.person_creates(
            "Customer",
            {"Info.Name": crm.values["Name"], "OrgNumber": crm.values["OrgNr"]},
            facts={"status": "active"},
        )
        for key, erp in calm.erp.items()
    }
    calm.sync()
    with calm.store.read() as tx:
        linked = links.for_crm(tx, calm.crm.tenant, "contact", crm.id)
    assert len(linked) == 2
    return crm, {link.company_key: made[link.company_key] for link in linked}


def denied(calm: Calm, key: str) -> object:
    """The company lets nobody read its customers; answers what lets them again."""
    read = calm.erp[key].read

    async def refuse(entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        raise AccessDenied("Unimicro", "GET customers/ID", status=403)

    calm.erp[key].read = refuse  # type: ignore[method-assign]
    return read


def refusals(calm: Calm) -> list[Issue]:
    with calm.store.read() as tx:
        return issues.listing(tx, kind="accessdenied")


def test_a_company_without_access_keeps_no_other_from_a_change_and_is_told_as_itself(both: Calm) -> None:
    crm, erp = customers(both)
    first, second = erp
    read = denied(both, first)
    both.crm.person_types(crm, CITY, "Drammen")
    both.sync()
    assert erp[second].values[ERP_CITY] == "Drammen"
    assert erp[first].values.get(ERP_CITY) != "Drammen"
    (told,) = refusals(both)
    assert told.company_key == first
    both.erp[first].read = read  # type: ignore[method-assign, assignment]
    both.poke_everything()
    both.sync()
    assert erp[first].values[ERP_CITY] == "Drammen"
    assert refusals(both) == []


@pytest.mark.parametrize("partner", [False, True], ids=["customer", "partner"])
def test_what_changes_while_a_company_is_not_in_use_reaches_it_when_it_is_again(pool: StorePool, partner: bool) -> None:
    active = ("customer", "supplier", "partner")
    both = Calm(1, pool, Trouble(), active=active, companies=2)
    both.name_companies()
    crm, erp = customers(both)
    away = list(erp)[1]
    rows = [erp[away]]
    if partner:
        values = {name: crm.values[other] for name, other in (("Info.Name", "Name"), ("OrgNumber", "OrgNr"))}
        rows.append(both.erp[away].person_creates("Supplier", values, facts={"status": "active"}))
        both.sync()
    companies, both.erp = both.erp, {key: one for key, one in both.erp.items() if key != away}
    both.crm.person_types(crm, CITY, "Drammen")
    both.sync()
    assert [row.values.get(ERP_CITY) == "Drammen" for row in (*erp.values(), *rows[1:])].count(True) == 1
    runs_before = len(both.reports)
    both.later(3600)
    both.polling = False
    both.run_engines()
    assert len(both.reports) == runs_before
    both.erp = companies
    both.sync()
    assert {row.values[ERP_CITY] for row in rows} == {"Drammen"}
    both.check()


def test_a_record_that_is_refused_stays_told_until_it_is_dealt_with_whatever_else_succeeds(both: Calm) -> None:
    refused, erp = customers(both)
    other, _ = customers(both)
    key, row = next(iter(erp.items()))
    read = both.erp[key].read

    async def refuse(entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        if record_id == row.id:
            raise AccessDenied("Unimicro", "GET customers/ID", status=403)
        return await read(entity, record_id, paths)

    for one in (refused, other):
        both.crm.person_types(one, CITY)
    with both.store.transaction() as tx:
        pokes = [
            Poke("customer", "crm", "contact", one.id, "feed", priority=place)
            for place, one in enumerate((refused, other), start=1)
        ]
        work.poke(tx, pokes, both.hostile.at())
    with patch.object(both.erp[key], "read", refuse):
        asyncio.run(drain(both.world(), "customer"))
    assert [(one.company_key, one.crm_id) for one in refusals(both)] == [(key, refused.id)]
    both.poke_everything()
    both.sync()
    assert row.values[ERP_CITY] == refused.values[CITY]
    assert refusals(both) == []


def test_of_several_companies_none_gets_a_customer_that_nobody_has_chosen_it_for(both: Calm) -> None:
    both.rules = rules("automatic")
    first, second = both.erp.values()
    both.company(first, "Customer")
    both.company(both.crm, "contact")
    both.sync()
    assert len(both.crm.living("contact")) == 2
    assert (len(first.living("Customer")), len(second.living("Customer"))) == (1, 0)

    async def drained(world: World) -> RunReport:
        world.erp, world.companies = {"K1": first}, frozenset(both.erp)
        return await drain(world, "customer")

    both.poke_everything()
    both.ask(drained)
    assert len(first.living("Customer")) == 1


def test_a_company_that_is_out_of_use_for_a_while_gives_its_customers_to_no_other(both: Calm) -> None:
    both.rules = rules("automatic")
    first, second = both.erp.values()
    both.company(second, "Customer")
    both.sync()
    both.company(both.crm, "contact")
    both.erp = {"K1": first}
    both.sync()
    both.poke_everything()
    both.sync()
    assert first.living("Customer") == []


def test_a_person_of_a_customer_of_two_companies_is_made_in_both(pool: StorePool) -> None:
    both = Calm(1, pool, Trouble(), active=("customer", "person"), companies=2)
    both.name_companies()
    both.rules = rules("automatic")
    crm, erp = customers(both)
    person = both.person_of(crm)
    both.sync()
    both.check()
    made = {key: [row.values["Info.Name"] for row in one.living("Contact")] for key, one in both.erp.items()}
    assert made == {key: [person.values["Lastname"]] for key in erp}


def test_items_about_one_record_are_dealt_with_in_one_run_whatever_goes_in_parallel(both: Calm) -> None:
    crm, erp = customers(both)
    for key in erp:
        both.crm.person_types(crm, CITY)
        both.erp[key].person_types(erp[key], "WebUrl")
    with both.store.transaction() as tx:
        pokes = [Poke("customer", "crm", "contact", crm.id, "feed")]
        pokes += [Poke("customer", "erp", "Customer", row.id, "feed", key) for key, row in erp.items()]
        work.poke(tx, pokes, both.hostile.at())

    async def drained() -> RunReport:
        return await drain(both.world(), "customer", at_once=4)

    report = asyncio.run(drained())
    assert report.counts["held"] == 0
    assert report.counts["in"] >= 3


def test_customers_of_two_companies_of_whom_the_name_alone_is_known_are_not_made_twice(both: Calm) -> None:
    for erp in both.erp.values():
        erp.person_creates("Customer", {"Info.Name": "Ås & Sønn «Rør»"}, facts={"status": "active"})
        both.sync()
    named = [
        row for row in both.crm.rows.values() if row.entity == "contact" and row.values["Name"] == "Ås & Sønn «Rør»"
    ]
    assert len(named) == 1
    with both.store.read() as tx:
        linked = links.for_crm(tx, both.crm.tenant, "contact", named[0].id)
        asked = issues.listing(tx, kind="possible_duplicate")
    assert len(linked) + len(asked) == 2


@pytest.mark.parametrize("since", [True, False], ids=["made_since", "there_before"])
def test_what_a_person_asked_to_create_is_not_made_beside_what_a_colleague_has_made_meanwhile(
    both: Calm, since: bool
) -> None:
    erp = both.erp["K1"]
    crm = both.company(both.crm, "contact")

    def colleague() -> Row:
        named = {"Info.Name": "Avdeling nord", "OrgNumber": crm.values["OrgNr"]}
        return erp.person_creates("Customer", named, facts={"status": "active"})

    there = [] if since else [colleague()]
    both.later(300)
    with patch.object(erp, "create", side_effect=Unreachable("Sim", "create", effect_unknown=True)):
        outcome = both.ask(lambda world: ErpButton(world).create(CrmAddress("contact", crm.id), "K1", "customer"))
    assert outcome.waiting
    both.later(200)
    there += [colleague()] if since else []
    both.polling = False
    both.run_engines()
    assert [row for row in erp.living("Customer") if row.created_by == "person"] == there
    assert len(both.hostile.creates) == (0 if since else 1)
    with both.store.read() as tx:
        assert len(issues.listing(tx, kind="create_unknown")) == (1 if since else 0)
