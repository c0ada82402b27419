"""What a person answers to an issue without asking either system, on the simulated systems."""

from __future__ import annotations

import pytest

from sounimicro_pipelines.store import Outdated, issues, links, runs, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.sync import answering
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]


def only(calm: Calm, kind: str, state: str = "open") -> Issue:
    with calm.store.read() as tx:
        (found,) = issues.listing(tx, kind=kind, state=state)
    return found


def namesake(calm: Calm) -> Row:
    """A company of the CRM that is no customer yet."""
    ours = calm.company(calm.crm, "contact", "")
    ours.facts["category_group"] = "prospect"
    calm.crm.person_types(ours, "Name", "Nordlys Bakeri AS")
    calm.crm.person_types(ours, "Emails[first].Value", "post@nordlys.no")
    return ours


def alike(calm: Calm) -> tuple[Row, Row, Issue]:
    """A customer of the ERP that has its name and e-mail in common with a company of the CRM, and no number at all."""
    ours = namesake(calm)
    theirs = calm.company(calm.erp["K1"], "Customer", "")
    calm.erp["K1"].person_types(theirs, "Info.Name", "Nordlys Bakeri")
    calm.erp["K1"].person_types(theirs, "Info.DefaultEmail.EmailAddress", "post@nordlys.no")
    calm.sync()
    return ours, theirs, only(calm, "possible_duplicate")


def look_again(calm: Calm, issue: Issue) -> None:
    with calm.store.transaction() as tx:
        answering.retry(tx, issue, now=calm.hostile.at())
    calm.sync()


def test_records_that_a_person_tells_apart_are_not_offered_again_and_the_rule_goes_on(calm: Calm) -> None:
    ours, theirs, issue = alike(calm)
    assert [one["id"] for one in (issue.details or {})["candidates"]] == [ours.id]
    assert answering.answers_to(issue) == ("candidates", "retry", "dismiss")
    with calm.store.transaction() as tx:
        last = answering.not_the_same(tx, issue, ours.id, by="person:crm:associate:11", now=calm.hostile.at())
    assert last
    calm.sync()
    with calm.store.read() as tx:
        link = links.for_erp(tx, "K1", "Customer", theirs.id)
        assert issues.listing(tx, kind="possible_duplicate") == []
    assert link is not None
    assert link.crm_id != ours.id
    assert link.origin == "created_in_crm"
    with calm.store.transaction() as tx, pytest.raises(Outdated):
        answering.not_the_same(
            tx, only(calm, "possible_duplicate", "dismissed"), ours.id, by="x", now=calm.hostile.at()
        )


def test_the_other_candidates_are_still_asked_about_when_the_trouble_is_met_again(calm: Calm) -> None:
    ours, theirs, issue = alike(calm)
    second = namesake(calm)
    look_again(calm, issue)
    issue = only(calm, "possible_duplicate")
    assert len((issue.details or {})["candidates"]) == 2
    with calm.store.transaction() as tx:
        assert not answering.not_the_same(tx, issue, ours.id, by="x", now=calm.hostile.at())
    look_again(calm, issue)
    fresh = only(calm, "possible_duplicate")
    assert [one["id"] for one in (fresh.details or {})["candidates"]] == [second.id]
    assert (fresh.details or {})["apart"] == [ours.id]
    with calm.store.read() as tx:
        assert links.for_erp(tx, "K1", "Customer", theirs.id) is None


def test_a_dead_record_is_tried_again_at_once_and_a_closed_issue_cannot_be_answered(calm: Calm) -> None:
    with calm.store.transaction() as tx:
        issue = issues.report(
            tx,
            fingerprint="record:customer:erp:K1:Customer:999",
            kind="serverfailed",
            cause="x",
            remedy="y",
            now=calm.hostile.at(),
            dead=True,
            rule="customer",
            side="erp",
            company_key="K1",
            erp_entity="Customer",
            erp_id=999,
        )
        assert answering.answers_to(issue) == ("retry", "dismiss")
        answering.retry(tx, issue, now=calm.hostile.at())
        assert work.due_count(tx, "customer", calm.hostile.at()) == 1
        answering.dismiss(tx, issue, by="x", now=calm.hostile.at())
        with pytest.raises(Outdated):
            answering.dismiss(tx, issue, by="x", now=calm.hostile.at())
        closed = issues.get(tx, issue.id)
    assert closed is not None
    assert answering.answers_to(closed) == ()


def test_a_stopped_register_goes_on_at_once_when_a_person_confirms(calm: Calm) -> None:
    companies = [calm.company(calm.crm, "contact") for _ in range(5)]
    calm.sync()
    with calm.store.read() as tx:
        linked = [links.for_crm(tx, calm.crm.tenant, "contact", one.id)[0].erp_id for one in companies]
    for erp_id in linked:
        calm.erp["K1"].rows[("Customer", erp_id)].deleted = calm.hostile.at()
    calm.poke_everything()
    calm.sync()
    issue = only(calm, "mass_delete")
    assert answering.answers_to(issue) == ("confirm",)
    with calm.store.transaction() as tx:
        answering.confirm(tx, issue, by="person:crm:associate:11", now=calm.hostile.at())
        assert work.due_count(tx, "customer", calm.hostile.at()) > 0
    with calm.store.transaction() as tx, pytest.raises(Outdated):
        answering.confirm(tx, only(calm, "mass_delete", "solved"), by="x", now=calm.hostile.at())
    calm.sync()
    with calm.store.read() as tx:
        guard = runs.guard(tx, "erp", "K1", "Customer")
        left = [links.for_crm(tx, calm.crm.tenant, "contact", one.id) for one in companies]
    assert guard is not None
    assert guard.confirmed_by == "person:crm:associate:11"
    assert left == [[]] * 5
