"""Every night: the registers in the warehouse compared with what both sides agreed on last. Writes nothing but work.

The comparison is over sets in DuckDB: which rows were loaded anew since the last one, and which linked records are
missing from a full listing. Only those rows are looked at field by field, so the cost follows the changes; what
differs becomes an ordinary item on the work list, and the engine reads both sides again before it does anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import ItemMap
from sounimicro_pipelines.store import Transaction, baselines, issues, links, runs, watermarks, work
from sounimicro_pipelines.store.baselines import Baseline
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.rows import build
from sounimicro_pipelines.store.runs import Guard
from sounimicro_pipelines.sync.ending import allowed, confirm_register, stop_register
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.registers import Register
from sounimicro_pipelines.sync.routing import TOLD_DELETED, WHEN_IDLE, pokes_for
from sounimicro_pipelines.sync.translate import initiates, paths_of, read_field, reread, takes_part
from sounimicro_pipelines.sync.world import World

LEASE = timedelta(minutes=30)
_AT_ONCE = 500


@dataclass(slots=True)
class Compared:
    """One register. `looked_at` rows were loaded anew since the last comparison; `different` of them became work.

    `missing` linked records were not in the listing; `guard` is what that means: ok, stopped, or confirmed.
    """

    side: str
    company_key: str
    entity: str
    linked: int = 0
    looked_at: int = 0
    different: int = 0
    missing: int = 0
    guard: str = "ok"
    skipped: str = ""


@dataclass(slots=True)
class Reconciled:
    """What a comparison found, register by register."""

    registers: list[Compared] = field(default_factory=list)

    @property
    def items(self) -> int:
        return sum(one.different for one in self.registers)


def reconcile(world: World, registers: Iterable[Register], *, everything: bool = False) -> Reconciled:
    """Compare registers with the baselines and write what differs to the work list.

    `everything` looks at every row again, not only at those that were loaded anew.
    """
    result = Reconciled()
    for register in registers:
        for entity in _entities(world, register):
            result.registers.append(_compare(world, register, entity, everything))
    told = sum(bool(one.skipped) for one in result.registers)
    world.reporter.info(f"{len(result.registers)} registers compared, {result.items} differences, {told} left out")
    return result


def _entities(world: World, register: Register) -> list[str]:
    rules = [rule for rule in world.rules.active() if rule.rule != "partner"]
    names = [rule.crm for rule in rules] if register.side == "crm" else [rule.erp[0] for rule in rules]
    return list(dict.fromkeys(names))


def _compare(world: World, register: Register, entity: str, everything: bool) -> Compared:
    one = Compared(register.side, register.company_key, entity)
    listed_at, newest = register.listed_at(entity), register.newest(entity)
    if listed_at is None:
        one.skipped = "The register has not been listed in full."
        return one
    place = f"crm:{world.tenant}" if register.side == "crm" else f"erp:{register.company_key}"
    name = f"reconcile:{place}:{entity}"
    with world.store.transaction() as tx:
        feed = watermarks.lease(tx, name, holder=world.holder, now=world.now(), hold=LEASE, every=timedelta(0))
    if feed is None:
        one.skipped = "Another run is comparing it."
        return one
    with world.store.read() as tx:
        linked = _linked_ids(tx, world, register, entity)
        once_linked = _once_linked_ids(tx, world, entity)
    living = register.living(entity)
    missing = sorted(linked - living)
    one.linked, one.missing = len(linked), len(missing)
    since = None if everything else feed.watermark
    ids = register.changed(entity, since)
    one.looked_at = len(ids)
    different = _different(world, register, entity, ids)
    with world.store.transaction() as tx:
        one.guard = _watch(tx, world, register, entity, one, listed_at, empty=not living)
        if one.guard != "stopped":
            different += missing
        _poke(tx, world, register, entity, different)
        _poke(tx, world, register, entity, sorted(once_linked - living), hint=TOLD_DELETED)
        watermarks.advance(tx, name, holder=world.holder, now=world.now(), watermark=newest, full=everything)
    one.different = len(different)
    return one


def _poke(
    tx: Transaction,
    world: World,
    register: Register,
    entity: str,
    ids: Sequence[int],
    *,
    hint: dict[str, Any] | None = None,
) -> None:
    found = pokes_for(
        tx,
        world.rules,
        world.tenant,
        register.side,
        register.company_key,
        entity,
        ids,
        origin="nightly",
        priority=WHEN_IDLE,
        hint=hint,
    )
    work.poke(tx, found, world.now())


def _linked_ids(tx: Transaction, world: World, register: Register, entity: str) -> set[int]:
    table = tx.tables.links
    if register.side == "crm":
        query = select(table.c.crm_id).where(table.c.tenant == world.tenant, table.c.crm_entity == entity)
    else:
        query = select(table.c.erp_id).where(table.c.company_key == register.company_key, table.c.erp_entity == entity)
    return set(tx.column(query))


def _once_linked_ids(tx: Transaction, world: World, entity: str) -> set[int]:
    """Persons of the CRM whose links have ended: one that is gone since has to be forgotten."""
    ended = links.ended_while_in_crm(tx, world.tenant, entity) if entity == "person" else ()
    return {one.crm_id for one in ended if one.crm_id is not None}


def _watch(
    tx: Transaction, world: World, register: Register, entity: str, one: Compared, listed_at: datetime, *, empty: bool
) -> str:
    """Stop a register of which too much is missing; a second full listing that says the same confirms it."""
    side, key = register.side, register.company_key
    found = runs.guard(tx, side, key, entity)
    too_many = one.missing > allowed(one.linked) or (empty and one.linked > 0)
    if too_many:
        if found is not None and found.state == "confirmed":
            return "confirmed"
        if found is not None and found.state == "stopped":
            if listed_at <= found.listing_at:
                return "stopped"
            confirm_register(tx, side, key, entity, by="listing", now=world.now())
            return "confirmed"
        stop_register(tx, world, side, key, entity, linked=one.linked, missing=one.missing)
        return "stopped"
    if found is not None and found.state != "ok":
        if found.state == "stopped" and listed_at <= found.listing_at:
            return "stopped"
        runs.set_guard(tx, Guard(side, key, entity, "ok", one.linked, one.missing, listed_at, None, None))
        issues.solve(tx, f"guard:{side}:{key}:{entity}", now=world.now())
    return "ok"


def _different(world: World, register: Register, entity: str, ids: Sequence[int]) -> list[int]:
    """Of these records, those that do not hold what was agreed on, and those that are linked to nothing yet."""
    crm = register.side == "crm"
    rules = world.rules.for_crm(entity) if crm else world.rules.for_erp(entity)
    rules = [rule for rule in rules if rule.rule != "partner"]
    paths = tuple(dict.fromkeys(path for rule in rules for path in (rule.crm_paths() if crm else rule.erp_paths())))
    found: list[int] = []
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        with world.store.read() as tx:
            linked = _links_of(tx, world, register, entity, part)
            every = [link for each in linked.values() for link in each]
            kept = _baselines_of(tx, [link.id for link in every])
            items = {link.company_key: world.items(tx, link.company_key) for link in every}
        for record in register.records(entity, part, paths):
            mine = linked.get(record.id, [])
            if not mine:
                if any(takes_part(rule, record) and initiates(rule, register.side) for rule in rules):
                    found.append(record.id)
            elif any(_differs(world.rules.get(link.rule), link, kept.get(link.id), record, items) for link in mine):
                found.append(record.id)
    return found


def _links_of(
    tx: Transaction, world: World, register: Register, entity: str, ids: Sequence[int]
) -> Mapping[int, list[Link]]:
    table = tx.tables.links
    if register.side == "crm":
        query = select(table).where(
            table.c.tenant == world.tenant, table.c.crm_entity == entity, table.c.crm_id.in_(ids)
        )
    else:
        query = select(table).where(
            table.c.company_key == register.company_key, table.c.erp_entity == entity, table.c.erp_id.in_(ids)
        )
    found: dict[int, list[Link]] = {}
    for row in tx.rows(query):
        link = build(Link, row)
        found.setdefault(link.crm_id if register.side == "crm" else link.erp_id, []).append(link)
    return found


def _baselines_of(tx: Transaction, link_ids: Sequence[int]) -> dict[int, Baseline]:
    table = tx.tables.baselines
    rows = tx.rows(select(table).where(table.c.link_id.in_(link_ids))) if link_ids else []
    return {row.link_id: build(baselines.Baseline, row) for row in rows}


def _differs(
    rule: Rule, link: Link, kept: Baseline | None, record: Record, items_of: Mapping[str, Mapping[str, ItemMap]]
) -> bool:
    """Whether a record holds something else than at the last agreement, as far as the register can tell."""
    if kept is None:
        return True
    if link.state != "active":
        return False
    items = items_of[link.company_key]
    agreed = kept.crm if record.side == "crm" else kept.erp
    for one in rule.fields:
        paths = paths_of(one, record.side)
        if one.direction == "none" or not one.crm or not one.erp or one.key not in agreed:
            continue
        if any(path not in record.values for path in paths):
            continue
        now = read_field(one, record, items)
        before = reread(one, record.side, str(agreed[one.key]), record.country, items)
        if now.key != before.key:
            return True
    return False
