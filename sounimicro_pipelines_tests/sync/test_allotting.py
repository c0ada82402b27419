"""A tenant that gives its companies numbers of its own: the ERP's are not written over them."""

from __future__ import annotations

import pytest

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import conflicts, issues, links
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.allotting import AGAIN, KIND, number_travels
from sounimicro_pipelines.sync.deciding import restore
from sounimicro_pipelines.sync.explain import explain
from sounimicro_pipelines.sync.plan import plan
from sounimicro_pipelines.sync.requests import ErpButton, RequestRefused
from sounimicro_pipelines.transport import Unreachable
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]
NUMBER = "Number2"


def notes(calm: Calm) -> list[Issue]:
    with calm.store.read() as tx:
        return issues.listing(tx, kind=KIND)


def link_of(calm: Calm, crm: Row) -> Link:
    with calm.store.read() as tx:
        (link,) = links.for_crm(tx, calm.crm.tenant, "contact", crm.id)
    return link


def customer_of(calm: Calm, crm: Row) -> Row:
    return calm.erp["K1"].rows[("Customer", link_of(calm, crm).erp_id)]


def rule_of(calm: Calm) -> Rule:
    return calm.world().rules.get("customer")


def written(calm: Calm) -> list[tuple[str, str, int, str, str, str]]:
    return [one for one in calm.hostile.writes if one[3] == NUMBER]


def test_the_crms_own_number_stays_and_one_note_says_what_an_administrator_can_do(calm: Calm) -> None:
    calm.crm.allots_number = True
    crm, other = calm.company(calm.crm, "contact"), calm.company(calm.crm, "contact")
    mine = crm.values[NUMBER]
    used = calm.crm.numbers_used
    calm.sync()
    assert customer_of(calm, crm).values["CustomerNumber"] != crm.values[NUMBER] == mine
    assert link_of(calm, other).state == "active"
    assert written(calm) == []
    assert calm.crm.numbers_used == used + 1
    (note,) = notes(calm)
    assert (note.severity, note.rule, note.field) == ("info", "customer", NUMBER)
    assert "turn allotting off" in note.remedy
    assert "another field" in note.remedy
    with calm.store.read() as tx:
        story = explain(tx, calm.crm.tenant, calm.world().rules, CrmAddress("contact", crm.id), NUMBER).fields[0]
        assert not number_travels(tx, calm.crm.tenant, rule_of(calm))
    assert "numbers of its own" in story.because


def test_a_record_that_we_create_keeps_the_number_that_the_crm_gives_it(calm: Calm) -> None:
    calm.crm.allots_number = True
    customer = calm.company(calm.erp["K1"], "Customer")
    calm.sync()
    with calm.store.read() as tx:
        link = links.for_erp(tx, "K1", "Customer", customer.id)
    assert link is not None
    made = calm.crm.rows[("contact", link.crm_id)]
    assert made.values[NUMBER].startswith("K-")
    assert written(calm) == []
    writes = len(calm.hostile.writes)
    calm.poke_everything()
    calm.sync()
    assert len(calm.hostile.writes) == writes


@pytest.mark.parametrize("told", [False, None])
def test_a_tenant_that_does_not_allot_or_does_not_say_gets_the_erps_number(calm: Calm, told: bool | None) -> None:
    calm.crm.allots_number = told
    crm = calm.company(calm.crm, "contact")
    calm.sync()
    assert crm.values[NUMBER] == customer_of(calm, crm).values["CustomerNumber"]
    assert notes(calm) == []
    with calm.store.read() as tx:
        assert number_travels(tx, calm.crm.tenant, rule_of(calm))


def test_the_crm_is_asked_once_a_day_and_gets_the_numbers_when_it_has_stopped_allotting(calm: Calm) -> None:
    calm.crm.allots_number = True
    crm = calm.company(calm.crm, "contact")
    calm.sync()
    used = calm.crm.numbers_used
    calm.poke_everything()
    calm.sync()
    assert calm.crm.numbers_used == used
    calm.later(AGAIN.total_seconds())
    other = calm.company(calm.crm, "contact")
    calm.sync()
    assert calm.crm.numbers_used == used + 2
    (note,) = notes(calm)
    assert calm.hostile.at() - note.last_at < AGAIN
    calm.crm.allots_number = False
    calm.later(AGAIN.total_seconds())
    calm.crm.person_types(other, "Address.Postal.City")
    calm.sync()
    assert crm.values[NUMBER] == customer_of(calm, crm).values["CustomerNumber"]
    assert notes(calm) == []


def test_a_crm_that_does_not_answer_when_it_is_asked_again_keeps_its_numbers(calm: Calm) -> None:
    calm.crm.allots_number = True
    crm = calm.company(calm.crm, "contact")
    calm.sync()
    mine = crm.values[NUMBER]

    async def down(*_: object) -> object:
        raise Unreachable("SuperOffice", "GET Contact/default")

    calm.crm.allots = down  # type: ignore[method-assign, assignment]
    calm.later(AGAIN.total_seconds())
    calm.poke_everything()
    calm.sync()
    assert crm.values[NUMBER] == mine
    assert len(notes(calm)) == 1


@pytest.mark.parametrize("allots", [True, None])
def test_a_plan_uses_no_number_up_and_says_when_it_does_not_know(calm: Calm, allots: bool | None) -> None:
    calm.crm.allots_number = allots
    calm.company(calm.crm, "contact")
    used = calm.crm.numbers_used
    planned = calm.ask(lambda world: plan(world))
    (unknown,) = planned.findings
    assert (unknown.kind, unknown.rule, unknown.field) == ("number_unasked", "customer", NUMBER)
    assert [one.kind for one in planned.changes if one.field == NUMBER] == ["update"]
    assert calm.crm.numbers_used == used
    assert notes(calm) == []
    calm.sync()
    calm.company(calm.erp["K1"], "Customer")
    used = calm.crm.numbers_used
    planned = calm.ask(lambda world: plan(world))
    assert planned.findings == []
    assert [one.kind for one in planned.changes if one.field == NUMBER] == []
    assert calm.crm.numbers_used == used


def test_a_plan_says_the_same_and_the_erp_button_offers_no_choice(calm: Calm) -> None:
    calm.crm.allots_number = True
    calm.company(calm.crm, "contact")
    calm.sync()
    assert len(notes(calm)) == 1
    crm = calm.company(calm.crm, "contact")
    planned = calm.ask(lambda world: plan(world))
    assert {(one.kind, one.crm) for one in planned.changes} == {("create", f"contact:{crm.id}")}
    assert planned.findings == []
    customer = calm.erp["K1"].person_creates("Customer", {"Info.Name": "Ukjent AS"})
    record = CrmAddress("contact", crm.id)
    rows = calm.ask(lambda world: ErpButton(world).differences(record, "K1", "customer", customer.id))
    (number,) = [one for one in rows if one.crm_path == NUMBER]
    assert (number.would, number.choices) == ("left", ())
    with pytest.raises(RequestRefused) as refused:
        calm.ask(lambda world: ErpButton(world).link(record, "K1", "customer", customer.id, {NUMBER: "erp"}))
    assert refused.value.problems


def test_a_number_that_was_replaced_before_can_be_put_back_and_stays(calm: Calm) -> None:
    crm = calm.company(calm.crm, "contact")
    calm.crm.person_types(crm, NUMBER, "K-345002")
    calm.sync()
    assert crm.values[NUMBER] == customer_of(calm, crm).values["CustomerNumber"]
    calm.crm.allots_number = True
    with calm.store.read() as tx:
        (loser,) = [one for one in conflicts.listing(tx, state=None) if one.field == NUMBER]
    calm.ask(lambda world: restore(ErpButton(world), loser.id))
    assert crm.values[NUMBER] == "K-345002"
    calm.poke_everything()
    calm.sync()
    assert crm.values[NUMBER] == "K-345002"
