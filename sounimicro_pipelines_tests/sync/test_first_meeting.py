"""Two records that meet for the first time: what a person is asked about, what each side keeps, and what gives way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sounimicro_pipelines.rules.model import Direction, OnCreate, Policy, RuleField
from sounimicro_pipelines.rules.transforms import Transform
from sounimicro_pipelines.rules.values import Reading
from sounimicro_pipelines.store import issues, links
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.decide import View, decide
from sounimicro_pipelines.sync.filling import new_values
from sounimicro_pipelines.sync.requests import ErpButton
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]
NAME, ERP_NAME = "Name", "Info.Name"


def met(calm: Calm, crm_name: str, erp_name: str) -> tuple[Row, Row]:
    """A company and a customer with one organisation number between them, found and linked by it."""
    number = next(calm._orgs)
    crm = calm.crm.person_creates("contact", {NAME: crm_name, "OrgNr": number}, facts={"category_group": "customer"})
    erp = calm.erp["K1"].person_creates(
        "Customer", {ERP_NAME: erp_name, "OrgNumber": number}, facts={"status": "active"}
    )
    calm.sync()
    with calm.store.read() as tx:
        (link,) = links.for_crm(tx, calm.crm.tenant, "contact", crm.id)
    assert link.erp_id == erp.id
    return crm, erp


def conflicting(calm: Calm) -> list[str | None]:
    with calm.store.read() as tx:
        return [one.field for one in issues.listing(tx, kind="conflict")]


@pytest.mark.parametrize(
    ("crm_name", "erp_name"),
    [
        ("ABB Installasjon AS", "ABB INSTALLASJON A/S"),
        ("Ås Rør  og Varme A/S", "ås rør og varme as"),
        ("Fjell Bygg A.S.", "Fjellbygg AS"),
    ],
)
def test_a_name_in_other_letters_is_nobodys_to_decide_and_each_side_keeps_its_own(
    calm: Calm, crm_name: str, erp_name: str
) -> None:
    crm, erp = met(calm, crm_name, erp_name)
    assert (crm.values[NAME], erp.values[ERP_NAME]) == (crm_name, erp_name)
    assert conflicting(calm) == []
    calm.later()
    corrected = calm.crm.person_types(crm, NAME, erp_name.title())
    calm.sync()
    assert crm.values[NAME] == erp.values[ERP_NAME] == corrected
    calm.later()
    corrected = calm.erp["K1"].person_types(erp, ERP_NAME, corrected.upper())
    calm.sync()
    assert crm.values[NAME] == erp.values[ERP_NAME] == corrected
    assert conflicting(calm) == []


def test_the_two_ways_of_writing_it_are_shown_and_a_person_may_choose_one(calm: Calm) -> None:
    crm, erp = met(calm, "Fjord Elektro AS", "FJORD ELEKTRO A/S")
    rows = calm.ask(lambda world: ErpButton(world).differences(CrmAddress("contact", crm.id), "K1", "customer", erp.id))
    (name,) = [one for one in rows if one.crm_path == NAME]
    assert (name.would, name.choices) == ("left", ("crm", "erp"))


@pytest.mark.parametrize("erp_name", ["ABB Installasjon ASA", "ABB Installasjon", "ABB Installasjoner AS"])
def test_a_name_that_says_something_else_is_a_persons_to_decide(calm: Calm, erp_name: str) -> None:
    crm, erp = met(calm, "ABB Installasjon AS", erp_name)
    assert (crm.values[NAME], erp.values[ERP_NAME]) == ("ABB Installasjon AS", erp_name)
    assert conflicting(calm) == [NAME]


@pytest.mark.parametrize("policy", ["ask", "crm", "newest", "erp"])
def test_a_field_that_goes_to_the_crm_alone_is_the_erps_at_the_first_meeting_as_later(policy: str) -> None:
    theirs, ours = Reading("K-1", "K-1"), Reading("700410", "700410")
    first = decide("to_crm", policy, View(theirs, None, stamp=9.0), (View(ours, None, stamp=1.0),))  # type: ignore[arg-type]
    assert (first.kind, first.source, first.targets, first.losers) == ("write", 1, (0,), (0,))
    assert first.reason == "one_way"
    later = decide("to_crm", policy, View(theirs, ours, stamp=9.0), (View(ours, ours, stamp=1.0),))  # type: ignore[arg-type]
    assert (later.kind, later.source, later.targets, later.losers) == ("write", 1, (0,), (0,))


def test_where_one_of_three_is_empty_the_other_two_are_still_asked_about() -> None:
    crm, one, other = Reading("", ""), Reading("Fjord AS", "Fjord AS"), Reading("FJORD A/S", "FJORD A/S")
    views = [View(each, None, spelling=Transform().spelling(each.text)) for each in (crm, one, other)]
    assert decide("both", "ask", views[0], views[1:]).kind == "conflict"


@pytest.mark.parametrize("policy", ["ask", "crm", "newest"])
def test_a_number_that_nobody_has_filled_in_gives_way_to_one_that_is(policy: Policy) -> None:
    never, days = Reading("0", "0"), Reading("14", "14")
    crm, erp = View(never, None, stamp=2.0, filled=False), View(days, None, stamp=1.0)
    decision = decide("both", policy, crm, (erp,))
    assert (decision.kind, decision.source, decision.losers) == ("write", 1, ())
    assert decide("to_erp", policy, crm, (erp,)).kind == "nothing"
    direction: Direction
    for direction in ("both", "to_erp"):
        zero_later = decide(direction, policy, View(never, days, filled=False), (View(days, days),))
        assert (zero_later.kind, zero_later.source) == ("write", 0)


def test_a_new_erp_record_gets_the_default_for_a_number_that_nobody_has_filled_in(calm: Calm) -> None:
    row = calm.company(calm.crm, "contact")
    row.values["CustomFields[acme:days]"] = "0"
    world, rule = calm.world(), calm.rules.get("customer")
    days = RuleField(
        erp="CreditDays", crm="CustomFields[acme:days]", on_create=OnCreate(default=14), transform="integer"
    )
    rule = rule.model_copy(update={"fields": (*rule.fields, days)})
    record = replace(calm.crm._record(row, rule.crm_paths()), company_key="K1")
    assert new_values(world, rule, record, "erp", {})["CreditDays"] == "0"
    unset = replace(record, unset=frozenset({"CustomFields[acme:days]"}))
    assert new_values(world, rule, unset, "erp", {})["CreditDays"] == "14"
