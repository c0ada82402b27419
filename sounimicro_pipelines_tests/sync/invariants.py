"""What must hold after any schedule; each has a name, by which a caught mutant is told."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from sounimicro_pipelines.store import conflicts, history, intents, issues
from sounimicro_pipelines.sync.translate import reread
from sounimicro_pipelines_tests.sync.scenario import Broken, Scenario, links_of
from sounimicro_pipelines_tests.sync.simulated import Row

PAIRS = {
    "customer": (
        ("Name", "Info.Name"),
        ("OrgNr", "OrgNumber"),
        ("Address.Postal.Address1", "Info.InvoiceAddress.AddressLine1"),
        ("Address.Postal.City", "Info.InvoiceAddress.City"),
        ("Urls[first].Value", "WebUrl"),
    ),
    "person": (("Lastname", "Info.Name"), ("Title", "Role")),
    "project": (("Name", "Name"),),
}
PAIRS["supplier"] = PAIRS["customer"]


def check_all(scenario: Scenario) -> None:
    """Raises Broken for the first invariant that does not hold."""
    created_once(scenario)
    deletes_stay(scenario)
    merges_move_links(scenario)
    parents_first(scenario)
    forgotten(scenario)
    quiet_kept(scenario)
    only_mapped_fields(scenario)
    walls_hold(scenario)
    sides_agree(scenario)
    no_update_lost(scenario)
    own_writes_are_not_news(scenario)
    policy_decides(scenario)
    everyone_served(scenario)
    numbers_come_back(scenario)
    nothing_unfinished(scenario)
    nothing_unforeseen(scenario)
    counts_add_up(scenario)
    nothing_lost_at_once(scenario)
    zero_writes_at_rest(scenario)


def created_once(scenario: Scenario) -> None:
    """I2: no record of one side has two on the other.

    Whoever merges two companies gives the one's number to what was made for the other, which makes nothing twice.
    """
    for system, key in ((scenario.crm, "OrgNr"), *((erp, "OrgNumber") for erp in scenario.erp.values())):
        seen: Counter[tuple[str, str]] = Counter()
        ours: Counter[tuple[str, str]] = Counter()
        for row in system.rows.values():
            number = row.values.get(key)
            if number and row.deleted is None and not _by_merge(scenario, row, key):
                seen[(row.entity, number)] += 1
                ours[(row.entity, number)] += row.created_by == "us"
        for place, count in seen.items():
            if count > 1 and ours[place]:
                raise Broken("created exactly once", f"{system.name} has {count} records of {place}")
        lines: Counter[tuple[str, str]] = Counter()
        for row in system.rows.values():
            name = row.values.get("Name" if key == "OrgNr" else "Info.Name")
            if row.entity in ("contact", "Customer", "Supplier") and name and row.deleted is None:
                first = _first(scenario, name)
                lines[(row.entity, first)] += 1
                ours[(row.entity, first)] += row.created_by == "us"
        for place, count in lines.items():
            if count > 1 and ours[place]:
                raise Broken("created exactly once", f"{system.name} has {count} records that began as {place}")
    names: Counter[tuple[str, int | None, str]] = Counter()
    for row in scenario.crm.rows.values():
        if row.entity == "person" and row.created_by == "us" and row.values.get("Lastname"):
            names[(row.entity, row.parent, row.values["Lastname"])] += 1
    for person, count in names.items():
        if count > 1:
            raise Broken("created exactly once", f"{count} persons {person}")


def _first(scenario: Scenario, text: str) -> str:
    """What a name was when it was typed first."""
    parents = scenario.hostile.parents
    seen: set[str] = set()
    while parents.get(text) and text not in seen:
        seen.add(text)
        text = parents[text]
    return text


def _by_merge(scenario: Scenario, row: Row, key: str) -> bool:
    """Whether a record may have its number from a merge: it was made without it."""
    return bool(scenario.crm.merge_log) and row.born.get(key) != row.values.get(key)


def deletes_stay(scenario: Scenario) -> None:
    """I5, I6: the engine deletes nothing, and does not make anew what a person deleted."""
    for system, key in ((scenario.crm, "OrgNr"), *((erp, "OrgNumber") for erp in scenario.erp.values())):
        gone = {(r.entity, r.values.get(key)): r for r in system.rows.values() if r.deleted and r.values.get(key)}
        for row in system.rows.values():
            old = gone.get((row.entity, row.values.get(key)))
            if old is None or row is old or row.created_by != "us" or old.deleted is None:
                continue
            same = _partners(scenario, system.name, row) & _partners(scenario, system.name, old, "deleted")
            if row.created > old.deleted and same and not _by_merge(scenario, row, key):
                raise Broken("a deleted record stays deleted", f"{row.entity} {row.id} is {old.id} again")


def _partners(scenario: Scenario, name: str, row: Row, reason: str = "") -> set[tuple[str, str, int]]:
    """The records of the other side that a record is or was linked with; with `reason`, whose link ended by it."""
    if scenario.hostile.counts["old_database_restored"]:
        return set()
    stones = scenario.store.tables.tombstones
    with scenario.store.read() as tx:
        ended = tx.rows(select(stones))
        known: list[Any] = [one for one in ended if not reason or one.reason == reason]
        known += [] if reason else links_of(tx)
    if name == "crm":
        mine = [one for one in known if (one.crm_entity, one.crm_id) == (row.entity, row.id)]
        return {(one.company_key, one.erp_entity, one.erp_id) for one in mine}
    mine = [one for one in known if (one.company_key, one.erp_entity, one.erp_id) == (name, row.entity, row.id)]
    return {("crm", one.crm_entity, one.crm_id) for one in mine}


def merges_move_links(scenario: Scenario) -> None:
    """I5: a record that was merged is not taken for deleted; its links follow it."""
    sources = {one.source for one in scenario.crm.merge_log}
    table = scenario.store.tables.tombstones
    with scenario.store.read() as tx:
        for row in tx.rows(select(table).where(table.c.crm_entity == "contact", table.c.side == "crm")):
            if row.reason == "deleted" and row.crm_id in sources:
                raise Broken("a merge moves its links", f"contact {row.crm_id} was merged, and its link ended")


def parents_first(scenario: Scenario) -> None:
    """I8: whoever we created belongs to somebody who was there before."""
    relations = {(key, row.relation) for key, erp in scenario.erp.items() for row in erp.rows.values()}
    for name, entity, record_id in scenario.hostile.creates:
        system = scenario.crm if name == "crm" else scenario.erp[name]
        row = system.rows.get((entity, record_id))
        if row is None or entity not in ("person", "Contact"):
            continue
        gone = {one.source for one in scenario.crm.merge_log}
        known = (
            (name, row.parent) in relations
            if entity == "Contact"
            else (("contact", row.parent) in system.rows or row.parent in gone)
        )
        if row.parent is None or not known:
            raise Broken("parents before children", f"{name} {entity} {record_id} was created under {row.parent}")


def forgotten(scenario: Scenario) -> None:
    """I6: of a person that was erased nothing but ids is kept, whether it was linked then or had been before."""
    tables = scenario.store.tables
    stones = tables.tombstones
    with scenario.store.read() as tx:
        ended = tx.rows(select(stones).where(stones.c.crm_entity == "person"))
        told = {row.crm_id for row in ended if (row.reason, row.side) == ("deleted", "crm")}
        erased = told | {row.crm_id for row in ended if _is_deleted(scenario, row.crm_id)}
        if not erased:
            return
        kept = "\n".join(
            str(tuple(row))  # a row's own text is cut short
            for table in (tables.baselines, tables.history, tables.conflicts, tables.issues, tables.intents)
            for row in tx.rows(select(table))
        )
    words = set(re.findall(r"\w+", kept))
    for token, (side, entity, record_id, _path) in scenario.hostile.typed.items():
        mine = (side, entity) == ("crm", "person") and record_id in erased
        if mine and token in words:
            raise Broken("an erased person is forgotten", f"{token} of person {record_id} is still in the store")


def _is_deleted(scenario: Scenario, crm_id: int) -> bool:
    row = scenario.crm.rows.get(("person", crm_id))
    return row is not None and row.deleted is not None


def quiet_kept(scenario: Scenario) -> None:
    """A person's value travels only when the person has let it rest for the rule's quiet period."""
    hostile = scenario.hostile
    if not scenario.quiet or hostile.trouble.skew or hostile.counts["timeout_late_effect"]:
        return
    for (name, entity, record_id, path, _old, new), at in zip(hostile.writes, hostile.written_at, strict=True):
        typed = hostile.typed_at.get(new)
        if typed is None or entity in ("person", "Contact"):
            continue
        rested = (at - typed).total_seconds()
        if rested < scenario.quiet - 1:
            raise Broken(
                "the quiet period is kept",
                f"{new} was written to {name} {entity} {record_id} {path} {rested:.1f} s after it was typed",
            )
        hostile.counts["quiet_period"] += 1


def guard_holds(scenario: Scenario, stopped: Sequence[Any]) -> None:
    """I5: a stopped register has lost no more links than it may."""
    stones = scenario.store.tables.tombstones
    with scenario.store.read() as tx:
        rows = tx.rows(select(stones).where(stones.c.reason == "deleted"))
    for one in stopped:
        entity = "crm_entity" if one.side == "crm" else "erp_entity"
        ended = [r for r in rows if r.side == one.side and getattr(r, entity) == one.entity]
        ended = [r for r in ended if one.side == "crm" or r.company_key == one.company_key]
        if len(ended) > 3:
            raise Broken("the guard stops a mass deletion", f"{len(ended)} links of {one.side} {one.entity} ended")


def nothing_lost_at_once(scenario: Scenario) -> None:
    """I5: where many were deleted at once, some register was stopped."""
    if scenario.hostile.counts["mass_delete"] and not scenario.hostile.counts["guard_stopped"]:
        stones = scenario.store.tables.tombstones
        with scenario.store.read() as tx:
            ended = Counter(
                (r.side, r.company_key) for r in tx.rows(select(stones).where(stones.c.reason == "deleted"))
            )
        if any(count > 3 for count in ended.values()):
            raise Broken("the guard stops a mass deletion", f"links ended without a question: {dict(ended)}")


def only_mapped_fields(scenario: Scenario) -> None:
    """I4: every write is to a field that a rule writes there."""
    allowed: dict[str, set[str]] = {}
    for rule in scenario.rules.active():
        for one in rule.fields:
            if one.writes_crm:
                allowed.setdefault(rule.crm, set()).update(one.crm)
            for entity in rule.erp if one.writes_erp else ():
                allowed.setdefault(entity, set()).update(one.erp)
    for _system, entity, record_id, path, _old, _new in scenario.hostile.writes:
        if not path.startswith("marker:") and path not in allowed[entity]:
            raise Broken("nothing outside the mapped fields", f"{entity} {record_id} {path}")


def walls_hold(scenario: Scenario) -> None:
    """I11: what is written to a company belongs to a link with that company."""
    with scenario.store.read() as tx:
        known = {(link.company_key, link.erp_entity, link.erp_id) for link in links_of(tx)}
        stones = scenario.store.tables.tombstones
        known |= {(row.company_key, row.erp_entity, row.erp_id) for row in tx.rows(select(stones))}
    if scenario.hostile.counts["old_database_restored"]:
        return
    for system, entity, record_id, _path, _old, _new in scenario.hostile.writes:
        if system != "crm" and (system, entity, record_id) not in known:
            raise Broken("company walls", f"{system} {entity} {record_id} was written without a link")
    _values_stay_in_the_family(scenario)


def _values_stay_in_the_family(scenario: Scenario) -> None:
    """What was typed in one company reaches another only through a CRM record that both are linked with.

    A link that was moved by a merge was one of another CRM record before, of which only the journal tells.
    """
    tables = scenario.store.tables
    with scenario.store.read() as tx:
        rows = [*links_of(tx), *tx.rows(select(tables.tombstones)), *tx.rows(select(tables.history))]
    homes: dict[tuple[str, str, int], set[int]] = {}
    for row in rows:
        if row.crm_id is not None:
            homes.setdefault((row.company_key, row.erp_entity, row.erp_id), set()).add(row.crm_id)
    for system, entity, record_id, _path, _old, new in scenario.hostile.writes:
        typed = scenario.hostile.typed.get(new)
        if system == "crm" or typed is None or typed[0] in ("crm", system):
            continue
        if not homes.get((system, entity, record_id), set()) & homes.get(typed[:3], set()):
            raise Broken("company walls", f"{new} was typed in {typed[0]} and written to {system} {entity} {record_id}")


def sides_agree(scenario: Scenario) -> None:
    """I1: what is linked is equal, or a person has been asked."""
    for link, crm, erp in _linked(scenario):
        for crm_path, erp_path in PAIRS[link.rule]:
            one = next(f for f in scenario.rules.get(link.rule).fields if f.crm == (crm_path,))
            if not _owns(scenario, link, one.key):
                continue
            left = reread(one, "crm", crm.values.get(crm_path, ""), "NO", {})
            right = reread(one, "erp", erp.values.get(erp_path, ""), "NO", {})
            spelt = scenario.crm.spelt(crm_path, right.text)
            if left.key == right.key or left.text == spelt or _asked(scenario, link, one.key):
                continue
            raise Broken("both sides agree", f"{link.rule} {link.id} {one.key}: {left.text!r} and {right.text!r}")


def policy_decides(scenario: Scenario) -> None:
    """I3: a conflict is decided as its field's policy says."""
    with scenario.store.read() as tx:
        decided = conflicts.listing(tx, state="decided", limit=100_000)
        between_rows = {row.id for row in decided if _gave_way_to_a_row(tx, row)}
    for row in decided:
        by = str(row.decided_by)
        won = "erp" if row.id in between_rows else row.winner
        wrong = by.startswith("policy_") and (by != f"policy_{row.policy}" or won != row.policy)
        if row.policy == "newest" and by == "newest" and row.crm_at and row.erp_at:
            newer = "crm" if row.crm_at > row.erp_at else "erp"
            wrong = row.winner != newer
        if wrong:
            raise Broken("the policy decides", f"{row.field} ({row.policy}) was decided by {by} for {row.winner}")


def _gave_way_to_a_row(tx: Any, row: Any) -> bool:
    """Whether an ERP row's value gave way to that of the partner's other row, by the journal or by what was sent.

    The loser is kept on the ERP's side then, and what won stands on the CRM's, which has it too. What a write replaced
    that was never answered is in no journal where somebody has typed on it since.
    """
    if (row.rule, row.winner) != ("partner", "crm") or not row.run_id:
        return False
    gave_way = (row.erp_value, row.crm_value, "erp")
    journal = (one for one in history.of_run(tx, row.run_id) if (one.link_id, one.side) == (row.link_id, "erp"))
    if any(one.field == row.field and (one.old_value, one.new_value, one.source_side) == gave_way for one in journal):
        return True
    table = tx.tables.intents
    bodies = tx.rows(select(table.c.body).where(table.c.link_id == row.link_id, table.c.side == "erp"))
    sent = (body.get(row.field) or {} for (body,) in bodies)
    return any((one.get("old"), one.get("to"), one.get("source_side")) == gave_way for one in sent)


def everyone_served(scenario: Scenario) -> None:
    """I1, I7: a customer of the ERP is linked, was kept apart, or a person has been asked about it."""
    with scenario.store.read() as tx:
        linked = {(link.company_key, link.erp_entity, link.erp_id) for link in links_of(tx)}
        stones = scenario.store.tables.tombstones
        apart = {(row.company_key, row.erp_entity, row.erp_id) for row in tx.rows(select(stones))}
        said = issues.listing(tx, state=None, limit=100_000)
    asked = {(one.company_key, one.erp_entity, one.erp_id) for one in said}
    unsure = any((one.kind, one.state) == ("create_unknown", "open") for one in said)
    for key, erp in scenario.erp.items():
        for row in erp.living("Customer"):
            place = (key, "Customer", row.id)
            if place not in linked | apart | asked and not (unsure and row.created_by == "us"):
                raise Broken("nobody is forgotten", f"customer {row.id} of {key} is neither linked nor told")


def _asked(scenario: Scenario, link: Any, key: str) -> bool:
    if link.state != "active":
        return True
    with scenario.store.read() as tx:
        ids = [link.id]
        for other in links_of(tx):
            if (other.crm_entity, other.crm_id, other.company_key) == (link.crm_entity, link.crm_id, link.company_key):
                ids.append(other.id)
        known = {one.fingerprint for one in issues.listing(tx, limit=100_000)}
    return any(f"field:{one}:{key}" in known for one in ids)


def _owns(scenario: Scenario, link: Any, key: str) -> bool:
    with scenario.store.read() as tx:
        first = min(
            (other.id for other in links_of(tx) if (other.crm_entity, other.crm_id) == (link.crm_entity, link.crm_id)),
            default=link.id,
        )
    return bool(first == link.id)


def no_update_lost(scenario: Scenario) -> None:
    """I3: what a person typed stands, was typed over by somebody who saw it, or is a kept loser."""
    hostile = scenario.hostile
    if hostile.counts["old_database_restored"]:
        return
    kept: set[str] = set()
    with scenario.store.read() as tx:
        for row in conflicts.listing(tx, state=None, limit=100_000):
            for value in (row.crm_value, row.erp_value):
                kept |= hostile.ancestors(str(value or ""))
    standing: dict[tuple[str, str, int], set[str]] = {}
    for link, crm, erp in _linked(scenario):
        found: set[str] = set()
        for row_values in (crm.values, erp.values):
            for value in row_values.values():
                found |= hostile.ancestors(value)
        for place in (("crm", link.crm_entity, link.crm_id), (link.company_key, link.erp_entity, link.erp_id)):
            standing.setdefault(place, set()).update(found)
    for token, (side, entity, record_id, path) in hostile.typed.items():
        place = (side, entity, record_id)
        if place not in standing or token in standing[place] or token in kept:
            continue
        if token in hostile.in_window:
            hostile.counts["lost_in_the_one_call_window"] += 1
            continue
        raise Broken("no person's update is lost", f"{token} typed at {side} {entity} {record_id} {path}")


def own_writes_are_not_news(scenario: Scenario) -> None:
    """I10: nothing that a person typed gives way to what it was typed over.

    Where an answer was lost, nobody can say whether an edit came before or after our write; but even then a value never
    comes back to where it was typed to replace what was typed on it there. Where both rows of a partner were typed on
    and the policy gives the field to the CRM, what stands there is what they were typed on, and both give way to it.
    """
    hostile = scenario.hostile
    apart = _typed_apart(scenario)
    unheard = ("timeout_before_effect", "timeout_after_effect", "timeout_late_effect", "failed_500", "html_answer")
    unheard += ("read_back_failed",)
    if hostile.counts["old_database_restored"] or scenario.companies > 1 or hostile.counts["merge"]:
        return
    blind = any(hostile.counts[name] for name in ("restart", *unheard))
    for system, entity, record_id, path, old, new in hostile.writes:
        if path.startswith("marker:") or not new or old not in hostile.typed or new == old:
            continue
        came_back = hostile.typed.get(new) == (system, entity, record_id, path)
        if (blind and not came_back) or old in apart:
            continue
        if new in hostile.ancestors(old) and not hostile.trouble.renormalise:
            raise Broken(
                "our own writes are not news", f"{system} {entity} {record_id} {path}: {old} gave way to {new}"
            )


def _typed_apart(scenario: Scenario) -> set[str]:
    """What was typed differently on both rows of a partner, and gave way to the CRM's value by its policy."""
    lost: defaultdict[tuple[int | None, str, datetime], set[tuple[str, str]]] = defaultdict(set)
    with scenario.store.read() as tx:
        for one in conflicts.listing(tx, state=None, rule="partner", limit=100_000):
            if one.policy == "crm" and one.winner == "crm":
                lost[(one.crm_id, one.field, one.found_at)].add((one.erp_entity, one.erp_value))
    return {value for rows in lost.values() if len({value for _, value in rows}) > 1 for _, value in rows}


def numbers_come_back(scenario: Scenario) -> None:
    """The ERP's number stands in the CRM, from the link that owns the field."""
    for link, crm, erp in _linked(scenario):
        if link.rule == "customer" and link.state == "active" and _owns(scenario, link, "Number2"):
            number = erp.values.get("CustomerNumber", "")
            if number and crm.values.get("Number2") != number and not _asked(scenario, link, "Number2"):
                raise Broken("the number comes back", f"contact {crm.id} has {crm.values.get('Number2')}, not {number}")


def nothing_unfinished(scenario: Scenario) -> None:
    """I7: no intent and no work is left without an issue that says so.

    What we made waits while a person is asked which of it a creation has come to: by any rule in the CRM, where the
    rules for customers and suppliers share a register.
    """
    with scenario.store.read() as tx:
        said = issues.listing(tx, limit=100_000)
        known = {one.fingerprint for one in said}
        unsure = {one.rule for one in said if one.kind == "create_unknown" and one.rule is not None}
        registers = {scenario.rules.get(rule).crm for rule in unsure}
        left = intents.living(tx)
        table = scenario.store.tables.work_items
        rows = tx.rows(select(table))
    for row in rows:
        name = f"record:{row.rule}:{row.side}:{row.company_key}:{row.entity}:{row.record_id}"
        stopped = any(one.startswith("guard:") for one in known)
        system = scenario.crm if row.side == "crm" else scenario.erp[row.company_key]
        record = system.rows.get((row.entity, row.record_id))
        asked = row.entity in registers if row.side == "crm" else row.rule in unsure
        waits = asked and record is not None and record.created_by == "us"
        if name not in known and not stopped and not waits:
            raise Broken("nothing is left without an issue", f"{name} is {row.state}")
    for intent in left:
        about = (f":{intent.crm_entity}:{intent.crm_id}", f":{intent.erp_entity}:{intent.erp_id}")
        if f"link:{intent.link_id}" in known:
            continue
        if not any(name.endswith(about) or name.startswith("guard:") for name in known):
            raise Broken("nothing is left without an issue", f"intent {intent.kind} {intent.side} {intent.state}")


def nothing_unforeseen(scenario: Scenario) -> None:
    """The engine has an answer of its own to all that the world does."""
    with scenario.store.read() as tx:
        told = issues.listing(tx, kind="internal", state=None, limit=1)
    if told:
        raise Broken("nothing is unforeseen", told[0].cause)


def counts_add_up(scenario: Scenario) -> None:
    """I7: in = applied + unchanged + held + conflicts + failed."""
    for report in scenario.reports:
        parts = sum(count for word, count in report.counts.items() if word != "in")
        if report.counts["in"] != parts:
            raise Broken("the counts add up", str(report.counts))


def zero_writes_at_rest(scenario: Scenario) -> None:
    """I1: looking at everything once more writes nothing."""
    before = len(scenario.hostile.writes), len(scenario.hostile.creates)
    scenario.poke_everything()
    scenario.polling = False
    scenario.run_engines()
    after = len(scenario.hostile.writes), len(scenario.hostile.creates)
    if before != after:
        raise Broken(
            "zero writes at rest", f"{after[0] - before[0]} writes: {scenario.hostile.writes[before[0] :][:3]}"
        )


def _linked(scenario: Scenario) -> list[tuple[Any, Any, Any]]:
    found = []
    with scenario.store.read() as tx:
        current = links_of(tx)
    for link in current:
        crm = scenario.crm.rows.get((link.crm_entity, link.crm_id))
        erp = scenario.erp[link.company_key].rows.get((link.erp_entity, link.erp_id))
        if crm is not None and erp is not None and crm.deleted is None and erp.deleted is None:
            found.append((link, crm, erp))
    return found
