"""What must hold after any schedule; each has a name, by which a caught mutant is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import select

from sounimicro_pipelines.store import conflicts, intents, issues
from sounimicro_pipelines.sync.translate import reread
from sounimicro_pipelines_tests.sync.scenario import Broken, Scenario, links_of

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
    only_mapped_fields(scenario)
    walls_hold(scenario)
    sides_agree(scenario)
    no_update_lost(scenario)
    own_writes_are_not_news(scenario)
    numbers_come_back(scenario)
    nothing_unfinished(scenario)
    counts_add_up(scenario)
    zero_writes_at_rest(scenario)


def created_once(scenario: Scenario) -> None:
    """I2: no record of one side has two on the other."""
    for system, key in ((scenario.crm, "OrgNr"), *((erp, "OrgNumber") for erp in scenario.erp.values())):
        seen: Counter[tuple[str, str]] = Counter()
        ours: Counter[tuple[str, str]] = Counter()
        for row in system.rows.values():
            number = row.values.get(key)
            if number and row.deleted is None:
                seen[(row.entity, number)] += 1
                ours[(row.entity, number)] += row.created_by == "us"
        for place, count in seen.items():
            if count > 1 and ours[place]:
                raise Broken("created exactly once", f"{system.name} has {count} records of {place}")
    names: Counter[tuple[str, int | None, str]] = Counter()
    for row in scenario.crm.rows.values():
        if row.entity == "person" and row.created_by == "us" and row.values.get("Lastname"):
            names[(row.entity, row.parent, row.values["Lastname"])] += 1
    for person, count in names.items():
        if count > 1:
            raise Broken("created exactly once", f"{count} persons {person}")


def deletes_stay(scenario: Scenario) -> None:
    """I5, I6: the engine deletes nothing, and does not make anew what a person deleted."""
    for system, key in ((scenario.crm, "OrgNr"), *((erp, "OrgNumber") for erp in scenario.erp.values())):
        gone = {(r.entity, r.values.get(key)): r for r in system.rows.values() if r.deleted and r.values.get(key)}
        for row in system.rows.values():
            old = gone.get((row.entity, row.values.get(key)))
            if old is None or row is old or row.created_by != "us" or old.deleted is None:
                continue
            if row.created > old.deleted and _was_linked(scenario, system.name, old.entity, old.id):
                raise Broken("a deleted record stays deleted", f"{row.entity} {row.id} is {old.id} again")


def _was_linked(scenario: Scenario, system: str, entity: str, record_id: int) -> bool:
    if scenario.hostile.counts["old_database_restored"]:
        return False
    table = scenario.store.tables.tombstones
    with scenario.store.read() as tx:
        if system == "crm":
            query = select(table).where(table.c.crm_entity == entity, table.c.crm_id == record_id)
        else:
            query = select(table).where(table.c.erp_entity == entity, table.c.erp_id == record_id)
        return any(row.reason == "deleted" for row in tx.rows(query))


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


def sides_agree(scenario: Scenario) -> None:
    """I1: what is linked is equal, or a person has been asked."""
    for link, crm, erp in _linked(scenario):
        for crm_path, erp_path in PAIRS[link.rule]:
            one = next(f for f in scenario.rules.get(link.rule).fields if f.crm == (crm_path,))
            if not _owns(scenario, link, one.key):
                continue
            left = reread(one, "crm", crm.values.get(crm_path, ""), "NO", {})
            right = reread(one, "erp", erp.values.get(erp_path, ""), "NO", {})
            if left.key == right.key or _asked(scenario, link, one.key):
                continue
            raise Broken("both sides agree", f"{link.rule} {link.id} {one.key}: {left.text!r} and {right.text!r}")


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
    """I10: nothing that a person typed gives way to what it was typed over."""
    unheard = ("timeout_before_effect", "timeout_after_effect", "timeout_late_effect", "failed_500", "html_answer")
    blind = ("old_database_restored", "restart", "merge", *unheard)
    if scenario.companies > 1 or any(scenario.hostile.counts[name] for name in blind):
        return
    for system, entity, record_id, path, old, new in scenario.hostile.writes:
        if path.startswith("marker:") or not new or old not in scenario.hostile.typed:
            continue
        if new != old and new in scenario.hostile.ancestors(old) and not scenario.hostile.trouble.renormalise:
            raise Broken(
                "our own writes are not news", f"{system} {entity} {record_id} {path}: {old} gave way to {new}"
            )


def numbers_come_back(scenario: Scenario) -> None:
    """The ERP's number stands in the CRM, from the link that owns the field."""
    for link, crm, erp in _linked(scenario):
        if link.rule == "customer" and link.state == "active" and _owns(scenario, link, "Number2"):
            number = erp.values.get("CustomerNumber", "")
            if number and crm.values.get("Number2") != number and not _asked(scenario, link, "Number2"):
                raise Broken("the number comes back", f"contact {crm.id} has {crm.values.get('Number2')}, not {number}")


def nothing_unfinished(scenario: Scenario) -> None:
    """I7: no intent and no work is left without an issue that says so."""
    with scenario.store.read() as tx:
        known = {one.fingerprint for one in issues.listing(tx, limit=100_000)}
        left = intents.living(tx)
        table = scenario.store.tables.work_items
        rows = tx.rows(select(table))
    for row in rows:
        name = f"record:{row.rule}:{row.side}:{row.company_key}:{row.entity}:{row.record_id}"
        stopped = any(one.startswith("guard:") for one in known)
        if name not in known and not stopped:
            raise Broken("nothing is left without an issue", f"{name} is {row.state}")
    for intent in left:
        about = (f":{intent.crm_entity}:{intent.crm_id}", f":{intent.erp_entity}:{intent.erp_id}")
        if not any(name.endswith(about) or name.startswith("guard:") for name in known):
            raise Broken("nothing is left without an issue", f"intent {intent.kind} {intent.side} {intent.state}")


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
