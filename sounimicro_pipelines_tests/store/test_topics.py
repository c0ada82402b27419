"""The store's topics: links, baselines, intents, work, feeds, issues, conflicts, rules, runs, web, erasure."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sounimicro_pipelines.store import (
    Outdated,
    Store,
    Transaction,
    baselines,
    companies,
    conflicts,
    erasure,
    history,
    intents,
    issues,
    links,
    rule_versions,
    runs,
    watermarks,
    web,
    work,
)

NOW = datetime(2026, 11, 23, 5, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_link(**values: Any) -> links.Link:
    given: dict[str, Any] = {
        "rule": "customer",
        "tenant": "Cust1",
        "crm_entity": "contact",
        "crm_id": 1041,
        "company_key": "K1",
        "role": "customer",
        "erp_entity": "Customer",
        "erp_id": 79,
        "generation": 1,
        "origin": "matched",
        "created_at": NOW,
        "created_by": "sync",
    }
    return links.Link(**{**given, **values})


def an_intent(**values: Any) -> intents.Intent:
    given: dict[str, Any] = {
        "kind": "create",
        "side": "erp",
        "rule": "customer",
        "tenant": "Cust1",
        "crm_entity": "contact",
        "crm_id": 1041,
        "company_key": "K1",
        "role": "customer",
        "erp_entity": "Customer",
        "erp_id": None,
        "generation": 1,
        "body": {"Info.Name": [None, "ABB"]},
        "holder": "engine-1",
        "created_at": NOW,
    }
    return intents.Intent(**{**given, **values})


def a_conflict(**values: Any) -> conflicts.Conflict:
    given: dict[str, Any] = {
        "rule": "customer",
        "tenant": "Cust1",
        "crm_entity": "contact",
        "crm_id": 1041,
        "company_key": "K1",
        "role": "customer",
        "erp_entity": "Customer",
        "erp_id": 79,
        "field": "Name",
        "policy": "ask",
        "baseline_crm": "A",
        "baseline_erp": "A",
        "crm_value": "B",
        "erp_value": "C",
        "found_at": NOW,
        "link_id": 1,
    }
    return conflicts.Conflict(**{**given, **values})


def an_entry(**values: Any) -> history.Entry:
    given: dict[str, Any] = {
        "at": NOW,
        "rule": "customer",
        "kind": "update",
        "tenant": "Cust1",
        "crm_entity": "contact",
        "crm_id": 1041,
        "company_key": "K1",
        "role": "customer",
        "erp_entity": "Customer",
        "erp_id": 79,
        "reason": "one_side_changed",
        "run_id": "r1",
        "field": "Name",
        "old_value": "A",
        "new_value": "B",
    }
    return history.Entry(**{**given, **values})


def test_a_crm_record_has_one_link_per_company_and_role_and_an_erp_record_has_one_link(store: Store) -> None:
    with store.transaction() as tx:
        first = links.add(tx, a_link())
        assert first.id
        with pytest.raises(Outdated):
            links.add(tx, a_link(erp_id=80))
        with pytest.raises(Outdated):
            links.add(tx, a_link(crm_id=1042))
        links.add(tx, a_link(role="supplier", erp_entity="Supplier"))
        links.add(tx, a_link(company_key="K2"))
        assert [link.company_key for link in links.for_crm(tx, "Cust1", "contact", 1041)] == ["K1", "K1", "K2"]
        assert links.for_erp(tx, "K1", "Customer", 79) == first
        assert links.for_crm_place(tx, "Cust1", "contact", 1041, "K1", "customer") == first


def test_an_ended_link_leaves_a_tombstone_and_raises_the_generation(store: Store) -> None:
    with store.transaction() as tx:
        link = links.add(tx, a_link())
        child = links.add(tx, a_link(crm_entity="person", crm_id=5, erp_id=6, parent_link_id=link.id))
        baselines.save(tx, baselines.Baseline(link.id, {"Name": "A"}, {"Info.Name": "A"}, 1, NOW))
        links.set_owner(tx, "Cust1", "contact", 1041, "Name", link.id, by="sync", at=NOW)
        assert links.children(tx, link.id) == [child]
        assert links.generation(tx, "Cust1", "contact", 1041, "K1", "customer") == 1
        links.end(tx, link, reason="deleted", side="erp", at=NOW, by="sync", run_id="r1")
    with store.transaction() as tx:
        assert links.get(tx, link.id) is None
        assert baselines.get(tx, link.id) is None
        assert links.owners(tx, "Cust1", "contact", 1041) == {}
        assert links.children(tx, link.id) == []
        assert links.generation(tx, "Cust1", "contact", 1041, "K1", "customer") == 2
        (tombstone,) = links.tombstones_for_crm(tx, "Cust1", "contact", 1041)
        assert (tombstone.reason, tombstone.link_id) == ("deleted", link.id)
        assert links.tombstones_for_erp(tx, "K1", "Customer", 79) == [tombstone]
        links.wake(tx, tombstone.id)
        assert links.tombstones_for_crm(tx, "Cust1", "contact", 1041) == []
        with pytest.raises(Outdated):
            links.end(tx, link, reason="deleted", side="erp", at=NOW, by="sync", run_id="r1")


def test_of_two_engines_that_store_a_baseline_one_must_read_again(store: Store) -> None:
    with store.transaction() as tx:
        link = links.add(tx, a_link())
        first = baselines.save(tx, baselines.Baseline(link.id, {"Name": "A"}, {"N": "A"}, 1, NOW))
        assert baselines.get(tx, link.id) == first
        second = baselines.save(tx, dataclasses.replace(first, crm={"Name": "B"}))
        assert second.revision == 2
        assert second.crm_digest != first.crm_digest
        with pytest.raises(Outdated):
            baselines.save(tx, dataclasses.replace(first, crm={"Name": "C"}))
        with pytest.raises(Outdated):
            baselines.save(tx, baselines.Baseline(link.id, {}, {}, 1, NOW))
        kept = baselines.get(tx, link.id)
        assert kept is not None
        assert kept.crm == {"Name": "B"}


def test_at_most_one_create_lives_per_place(store: Store) -> None:
    with store.transaction() as tx:
        first = intents.add(tx, an_intent())
        with pytest.raises(Outdated):
            intents.add(tx, an_intent(holder="engine-2"))
        intents.add(tx, an_intent(side="crm", crm_id=None, erp_id=81))
        with pytest.raises(Outdated):
            intents.add(tx, an_intent(side="crm", crm_id=None, erp_id=81))
        intents.mark(tx, first.id, "unknown", not_before=NOW + MINUTE)
        with pytest.raises(Outdated):
            intents.add(tx, an_intent())
        assert [i.id for i in intents.living_for(tx, tenant="Cust1", crm=("contact", 1041))] == [first.id]
        intents.mark(tx, first.id, "done", outcome={"erp_id": 80}, finished_at=NOW)
        with pytest.raises(Outdated):
            intents.mark(tx, first.id, "abandoned")
        intents.add(tx, an_intent(generation=2))
        assert len(intents.living(tx, rule="customer")) == 2
        done = intents.get(tx, first.id)
        assert done is not None
        assert done.outcome == {"erp_id": 80}


def take_one(tx: Transaction, now: datetime = NOW, holder: str = "h") -> work.WorkItem:
    (item,) = work.take(tx, "customer", holder=holder, now=now, hold=MINUTE)
    return item


def test_a_change_that_comes_while_the_item_is_worked_on_is_not_lost(store: Store) -> None:
    poke = work.Poke("customer", "crm", "contact", 1041, "feed")
    with store.transaction() as tx:
        work.poke(tx, [poke], NOW)
        item = take_one(tx)
        work.poke(tx, [poke], NOW)
        assert work.finish(tx, item, NOW) is False
        again = take_one(tx)
        assert work.finish(tx, again, NOW) is True
        assert work.listing(tx) == []


def test_a_record_is_on_a_rules_list_once(store: Store) -> None:
    with store.transaction() as tx:
        poke = work.Poke("customer", "crm", "contact", 1041, "feed")
        assert work.poke(tx, [poke, poke, work.Poke("person", "crm", "contact", 1041, "feed")], NOW) == 3
        assert work.due_count(tx, "customer", NOW) == 1
        urgent = dataclasses.replace(poke, origin="person", priority=1, hint={"by": "person"})
        work.poke(tx, [urgent], NOW)
        item = take_one(tx)
        assert (item.priority, item.origin, item.hint) == (1, "person", {"by": "person"})


def test_what_a_dead_engine_held_is_taken_by_another(store: Store) -> None:
    with store.transaction() as tx:
        work.poke(tx, [work.Poke("customer", "erp", "Customer", 79, "feed", "K1")], NOW)
        item = take_one(tx)
        assert work.take(tx, "customer", holder="other", now=NOW, hold=MINUTE) == []
        stolen = take_one(tx, NOW + 2 * MINUTE, "other")
        assert work.finish(tx, item, NOW) is False
        assert work.finish(tx, stolen, NOW) is True


def test_failures_wait_and_end_dead_until_somebody_pokes(store: Store) -> None:
    poke = work.Poke("customer", "erp", "Customer", 79, "feed", "K1")
    with store.transaction() as tx:
        work.poke(tx, [poke], NOW)
        work.postpone(tx, take_one(tx), NOW + MINUTE, failed=True)
        assert work.due_count(tx, "customer", NOW) == 0
        assert work.next_due(tx, "customer") == NOW + MINUTE
        item = take_one(tx, NOW + MINUTE)
        assert item.attempts == 1
        work.give_up(tx, item)
        assert work.due_count(tx, "customer", NOW + 99 * MINUTE) == 0
        work.poke(tx, [poke], NOW + 2 * MINUTE)
        assert take_one(tx, NOW + 2 * MINUTE).attempts == 0


def test_a_feed_is_polled_by_one_and_only_when_due(store: Store) -> None:
    def lease(tx: Transaction, holder: str, now: datetime) -> watermarks.Feed | None:
        return watermarks.lease(tx, "crm:T:contact", holder=holder, now=now, hold=MINUTE, every=MINUTE)

    with store.transaction() as tx:
        assert lease(tx, "a", NOW) is not None
        assert lease(tx, "b", NOW) is None
        watermarks.advance(tx, "crm:T:contact", holder="a", now=NOW, watermark=NOW, cursor={"id": 7})
        assert lease(tx, "b", NOW) is None
        feed = lease(tx, "b", NOW + MINUTE)
        assert feed is not None
        assert (feed.watermark, feed.cursor) == (NOW, {"id": 7})
        watermarks.advance(tx, "crm:T:contact", holder="b", now=NOW + MINUTE, watermark=NOW - MINUTE)
        kept = watermarks.get(tx, "crm:T:contact")
        assert kept is not None
        assert kept.watermark == NOW


def test_a_poller_that_lost_its_lease_cannot_move_the_watermark(store: Store) -> None:
    with store.transaction() as tx:
        options: dict[str, Any] = {"hold": MINUTE, "every": timedelta(0)}
        watermarks.lease(tx, "f", holder="slow", now=NOW, **options)
        assert watermarks.lease(tx, "f", holder="fast", now=NOW + 2 * MINUTE, **options) is not None
        with pytest.raises(Outdated):
            watermarks.advance(tx, "f", holder="slow", now=NOW, watermark=NOW)
        watermarks.fail(tx, "f", holder="fast", now=NOW, state="no_access", message="No right to read Customer.")
        feed = watermarks.get(tx, "f")
        assert feed is not None
        assert (feed.state, feed.failures, feed.watermark, feed.holder) == ("no_access", 1, None, None)


def test_a_named_lease_has_one_holder(store: Store) -> None:
    with store.transaction() as tx:
        assert watermarks.take_lease(tx, "record:1", holder="a", now=NOW, hold=MINUTE)
        assert not watermarks.take_lease(tx, "record:1", holder="b", now=NOW, hold=MINUTE)
        assert watermarks.take_lease(tx, "record:1", holder="a", now=NOW, hold=MINUTE)
        assert watermarks.take_lease(tx, "record:1", holder="b", now=NOW + 2 * MINUTE, hold=MINUTE)
        watermarks.give_lease(tx, "record:1", holder="b")
        assert watermarks.take_lease(tx, "record:1", holder="c", now=NOW, hold=MINUTE)


def test_the_same_trouble_is_one_issue_until_it_is_solved(store: Store) -> None:
    def report(tx: Transaction, now: datetime) -> issues.Issue:
        return issues.report(
            tx,
            fingerprint="too_long:crm:contact:1041:Name",
            kind="too_long",
            cause="The name has 120 characters; the ERP takes 100.",
            remedy="Shorten it in the CRM.",
            now=now,
            tenant="Cust1",
            crm_entity="contact",
            crm_id=1041,
        )

    with store.transaction() as tx:
        first = report(tx, NOW)
        second = report(tx, NOW + MINUTE)
        assert (second.id, second.occurrences, second.first_at, second.last_at) == (first.id, 2, NOW, NOW + MINUTE)
        assert issues.counts(tx) == {"error": 1}
        assert issues.of_record(tx, tenant="Cust1", crm=("contact", 1041)) == [second]
        assert issues.untold(tx) == [second]
        issues.mark_told(tx, [second.id], NOW)
        assert issues.untold(tx) == []
        assert issues.solve(tx, first.fingerprint, now=NOW) is True
        assert issues.solve(tx, first.fingerprint, now=NOW) is False
        assert report(tx, NOW).id != first.id
        assert issues.solve_prefix(tx, "too_long:", now=NOW) == 1
        assert issues.listing(tx) == []


def test_an_open_conflict_takes_newer_values_and_is_decided_once(store: Store) -> None:
    with store.transaction() as tx:
        first = conflicts.record(tx, a_conflict())
        second = conflicts.record(tx, a_conflict(crm_value="D"))
        assert (second.id, second.crm_value) == (first.id, "D")
        conflicts.settle(tx, first.id, state="decided", winner="crm", by="person:1", now=NOW)
        with pytest.raises(Outdated):
            conflicts.settle(tx, first.id, state="decided", winner="erp", by="person:2", now=NOW)
        conflicts.settle(tx, first.id, state="restored", winner=None, by="person:2", now=NOW)
        kept = conflicts.get(tx, first.id)
        assert kept is not None
        assert (kept.state, kept.winner, kept.erp_value) == ("restored", "crm", "C")
        assert conflicts.listing(tx) == []


def test_a_rule_keeps_every_version_and_can_go_back(store: Store) -> None:
    with store.transaction() as tx:
        one = rule_versions.save(tx, "customer", "rule: customer\n", by="sync", now=NOW, expected=0)
        two = rule_versions.save(tx, "customer", "rule: customer\nactive: no\n", by="p", now=NOW, expected=1)
        assert (one.version, two.version) == (1, 2)
        same = rule_versions.save(tx, "customer", two.document, by="p", now=NOW, expected=2)
        assert same == two
        with pytest.raises(Outdated, match="Somebody has changed"):
            rule_versions.save(tx, "customer", "rule: x\n", by="p", now=NOW, expected=1)
        three = rule_versions.revert(tx, "customer", 1, by="p", now=NOW, expected=2)
        assert (three.version, three.document, three.reverts) == (3, one.document, 1)
        assert rule_versions.current(tx, "customer") == three
        assert len(rule_versions.versions(tx, "customer")) == 3


def test_going_live_is_accepted_once(store: Store) -> None:
    with store.transaction() as tx:
        report = runs.save_go_live_report(
            tx, tenant="T", company_key="K1", now=NOW, run_id=None, counts={"matched": 3}, body={}
        )
        assert not runs.is_live(tx, "T", "K1")
        runs.accept_go_live(tx, tenant="T", company_key="K1", report_id=report, by="person:1", now=NOW)
        runs.accept_go_live(tx, tenant="T", company_key="K1", report_id=None, by="person:2", now=NOW + MINUTE)
        assert runs.is_live(tx, "T", "K1")
        assert not runs.is_live(tx, "T", "K2")
        found = runs.go_live_report(tx, "T", "K1")
        assert found is not None
        assert found.counts == {"matched": 3}


def test_a_run_that_starts_again_is_the_same_run(store: Store) -> None:
    with store.transaction() as tx:
        runs.start(tx, "r1", kind="sync", by="sync", now=NOW, rule="customer")
        runs.start(tx, "r1", kind="sync", by="sync", now=NOW + MINUTE, rule="customer")
        runs.finish(tx, "r1", now=NOW + MINUTE, counts={"in": 2, "applied": 2})
        run = runs.get(tx, "r1")
        assert run is not None
        assert (run.started_at, run.state, run.counts) == (NOW, "done", {"in": 2, "applied": 2})
        assert runs.listing(tx, rule="customer") == [run]


def test_an_alias_may_move_to_another_company(store: Store) -> None:
    def row(key: str, alias: str) -> companies.CompanyRow:
        return companies.CompanyRow(key, alias, f"Company {key}", None, False, True, NOW)

    with store.transaction() as tx:
        companies.remember(tx, [row("K1", "north"), row("K2", "south")])
        companies.remember(tx, [row("K2", "north")])
        assert [c.company_key for c in companies.all_companies(tx)] == ["K2"]
        found = companies.by_alias(tx, "north")
        assert found is not None
        assert found.company_key == "K2"
        old = companies.by_key(tx, "K1")
        assert old is not None
        assert not old.active


def test_a_webhook_delivery_counts_once(store: Store) -> None:
    with store.transaction() as tx:
        call: dict[str, Any] = {"vendor": "superoffice", "scope": "T", "delivery": "d1", "event": "contact.changed"}
        assert web.record_delivery(tx, **call, verdict="accepted", now=NOW) is True
        assert web.record_delivery(tx, **call, verdict="accepted", now=NOW) is False
        assert web.delivery_counts(tx, NOW) == {("superoffice", "accepted"): 1}
        assert web.forget_deliveries(tx, NOW + MINUTE) == 1


def test_a_one_time_code_works_once_and_not_for_long(store: Store) -> None:
    with store.transaction() as tx:
        web.add_code(tx, "abc", purpose="hand_over", body={"session": 1}, expires_at=NOW + MINUTE)
        assert web.use_code(tx, "abc", purpose="pkce", now=NOW) is None
        assert web.use_code(tx, "abc", purpose="hand_over", now=NOW) == {"session": 1}
        assert web.use_code(tx, "abc", purpose="hand_over", now=NOW) is None
        web.add_code(tx, "old", purpose="hand_over", body={}, expires_at=NOW)
        assert web.use_code(tx, "old", purpose="hand_over", now=NOW) is None


def test_a_session_is_found_by_its_token_alone_and_ends(store: Store) -> None:
    session = web.Session(
        web.secret_digest("token"), "T", "crm:12", 12, True, "nb", [1], None, NOW, NOW, NOW + 60 * MINUTE
    )
    with store.transaction() as tx:
        web.add_session(tx, session)
        assert web.session(tx, "token", NOW) == session
        assert web.session(tx, "guess", NOW) is None
        assert web.session(tx, "token", NOW + 61 * MINUTE) is None
        web.end_session(tx, session.token_digest)
        assert web.session(tx, "token", NOW) is None


def test_the_audit_log_says_who_did_what(store: Store) -> None:
    with store.transaction() as tx:
        web.audit(tx, tenant="T", actor="crm:12", action="document_shown", subject="erp:demo:file:4", now=NOW)
        (line,) = web.audit_log(tx, subject="erp:demo:file:4")
    assert (line["actor"], line["action"]) == ("crm:12", "document_shown")


def test_an_erased_person_leaves_ids_alone(store: Store) -> None:
    secret = "Kari Nordmann"
    about: dict[str, Any] = {"crm_entity": "person", "crm_id": 5, "erp_entity": "Contact", "erp_id": 6}
    with store.transaction() as tx:
        link = links.add(tx, a_link(**about, rule="person", data={"seen": secret}))
        baselines.save(tx, baselines.Baseline(link.id, {"Name": secret}, {"Name": secret}, 1, NOW))
        history.add(tx, [an_entry(**about, old_value=secret, new_value=secret)])
        conflicts.record(tx, a_conflict(**about, crm_value=secret, link_id=link.id))
        intent = intents.add(tx, an_intent(**about, body={"Name": [None, secret]}))
        intents.mark(tx, intent.id, "done", outcome={"Name": secret})
        issues.report(
            tx,
            fingerprint="x",
            kind="x",
            cause="c",
            remedy="r",
            now=NOW,
            tenant="Cust1",
            crm_entity="person",
            crm_id=5,
            details={"value": secret},
        )
        assert erasure.forget_record(tx, tenant="Cust1", crm=("person", 5)) == 6
        everything = [str(tuple(row)) for table in tx.tables.metadata.sorted_tables for row in tx.rows(select(table))]
    assert len(everything) == 5
    assert not [line for line in everything if secret in line]


def test_what_gave_way_in_the_crm_outlives_the_erp_record_that_it_gave_way_to(store: Store) -> None:
    about: dict[str, Any] = {"crm_entity": "person", "crm_id": 5, "erp_entity": "Contact", "erp_id": 6}
    with store.transaction() as tx:
        kept = conflicts.record(tx, a_conflict(**about, crm_value="Innkjøper", erp_value="Daglig leder"))
        erasure.forget_record(tx, tenant="Cust1", erp=(kept.company_key, "Contact", 6))
        (found,) = conflicts.listing(tx, state=None)
        assert (found.crm_value, found.erp_value, found.baseline_erp) == ("Innkjøper", None, None)
        erasure.forget_record(tx, tenant="Cust1", crm=("person", 5))
        (found,) = conflicts.listing(tx, state=None)
        assert (found.crm_value, found.baseline_crm) == (None, None)


def test_values_leave_the_journal_when_their_time_is_over_and_the_lines_stay(store: Store) -> None:
    with store.transaction() as tx:
        history.add(tx, [an_entry(at=NOW - MINUTE), an_entry(field="Phone")])
        assert history.forget_values(tx, NOW) == 1
        assert history.forget_values(tx, NOW) == 0
        newest, oldest = history.of_run(tx, "r1")
        assert (newest.new_value, oldest.new_value, oldest.field) == ("B", None, "Name")
        history.mark_undone(tx, [newest.id], "r2")
        found = history.of_record(tx, tenant="Cust1", crm=("contact", 1041), field="Phone")
        assert [entry.undone_by_run for entry in found] == ["r2"]


def test_list_items_map_per_company_with_a_way_back(store: Store) -> None:
    def pair(crm: str, erp: str, way_back: bool) -> rule_versions.ListPair:
        return rule_versions.ListPair("K1", "payment_terms", crm, erp, way_back, "p", NOW)

    with store.transaction() as tx:
        for item in (pair("1", "30", True), pair("2", "30", False), pair("1", "30", False)):
            rule_versions.set_list_pair(tx, item)
        assert [(p.crm_item, p.way_back) for p in rule_versions.list_pairs(tx, "K1")] == [("1", False), ("2", False)]
        assert rule_versions.list_pairs(tx, "K2") == []
        rule_versions.remove_list_pair(tx, "K1", "payment_terms", "1", "30")
        assert len(rule_versions.list_pairs(tx, "K1", "payment_terms")) == 1


def test_a_stopped_register_stays_stopped_until_confirmed(store: Store) -> None:
    stopped = runs.Guard("erp", "K1", "Customer", "stopped", 100, 40, NOW, None, None)
    with store.transaction() as tx:
        assert runs.guard(tx, "erp", "K1", "Customer") is None
        runs.set_guard(tx, stopped)
        assert runs.guard(tx, "erp", "K1", "Customer") == stopped
        confirmed = dataclasses.replace(stopped, state="confirmed", confirmed_by="person:1", confirmed_at=NOW)
        runs.set_guard(tx, confirmed)
        assert runs.guard(tx, "erp", "K1", "Customer") == confirmed
