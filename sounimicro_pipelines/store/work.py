"""The durable work list: which records somebody must look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Update, bindparam, case, func, or_, select, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.prepared import Prepared
from sounimicro_pipelines.store.rows import build, insert_or, maybe
from sounimicro_pipelines.store.statements import change, find_one, kept, named, remove, value_of
from sounimicro_pipelines.store.tables import StoreTables

RECORD = ("rule", "side", "company_key", "entity", "record_id")
"""What an item is about: one on the list for each rule and record."""


@dataclass(frozen=True, slots=True)
class Poke:
    """That a record may have changed. `company_key` is '' for a CRM record. A low `priority` number comes first."""

    rule: str
    side: str
    entity: str
    record_id: int
    origin: str
    company_key: str = ""
    priority: int = 5
    hint: dict[str, Any] | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A record on the list; see `tables.work_items`."""

    id: int
    rule: str
    side: str
    company_key: str
    entity: str
    record_id: int
    state: str
    origin: str
    priority: int
    version: int
    hint: dict[str, Any] | None
    attempts: int
    not_before: datetime
    first_at: datetime
    last_at: datetime
    holder: str | None
    held_until: datetime | None


def poke(tx: Transaction, pokes: Iterable[Poke], now: datetime) -> int:
    """Put records on the list, or poke again those that are on it (a dead one comes alive); answers how many."""
    count = 0
    for item in pokes:
        count += 1
        values = {
            **_record(item),
            "origin": item.origin,
            "priority": item.priority,
            "hint": item.hint,
            "not_before": item.not_before or now,
            "first_at": now,
            "last_at": now,
        }
        statement = _poke(tx.tables, tx.is_postgres, item.not_before is not None, item.hint is not None)
        tx.change(statement, named("v_", values))
    return count


@cache
def _poke(tables: StoreTables, on_postgres: bool, later: bool, hinted: bool) -> Prepared:
    """`later`: the poke says from when on the record is due; `hinted`: it brings a hint."""
    table = tables.work_items
    names = (*RECORD, "origin", "priority", "hint", "not_before", "first_at", "last_at")
    statement = insert_or(table, on_postgres, names)
    new = statement.excluded
    is_dead, is_held = table.c.state == "dead", table.c.state == "held"
    due = case((is_dead, new.not_before), (table.c.attempts > 0, new.not_before), else_=table.c.not_before)
    changes: dict[str, Any] = {
        "version": table.c.version + 1,
        "last_at": new.last_at,
        "origin": new.origin,
        "priority": case((table.c.priority < new.priority, table.c.priority), else_=new.priority),
        "state": case((is_dead, "ready"), else_=table.c.state),
        "not_before": new.not_before if later else due,
        "attempts": case((is_held, table.c.attempts), else_=0),
    }
    if hinted:
        changes["hint"] = new.hint
    return Prepared(statement.on_conflict_do_update(index_elements=list(RECORD), set_=changes))


def take(
    tx: Transaction, rule: str, *, holder: str, now: datetime, hold: timedelta, limit: int = 100
) -> list[WorkItem]:
    """Take due items, most urgent first. What a holder does not give back in time may be taken by another."""
    values = {"the_rule": rule, "now": now, "most": limit, "the_holder": holder, "until": now + hold}
    taken = [build(WorkItem, row) for row in tx.rows(_take(tx), values)]
    return sorted(taken, key=lambda item: (item.priority, item.not_before, item.id))


@kept
def _take(tables: StoreTables) -> Any:
    table = tables.work_items
    urgent = (table.c.priority, table.c.not_before, table.c.id)
    due = select(table.c.id).where(_is_due(tables)).order_by(*urgent).limit(bindparam("most"))
    return _hold(tables).where(table.c.id.in_(due.with_for_update(skip_locked=True)))


def _hold(tables: StoreTables) -> Update:
    table = tables.work_items
    held = {"state": "held", "holder": bindparam("the_holder"), "held_until": bindparam("until")}
    return update(table).values(**held).returning(*table.c)


def _is_due(tables: StoreTables) -> Any:
    table = tables.work_items
    return (table.c.rule == bindparam("the_rule")) & or_(
        (table.c.state == "ready") & (table.c.not_before <= bindparam("now")),
        (table.c.state == "held") & (table.c.held_until <= bindparam("now")),
    )


def take_one(tx: Transaction, poke: Poke, *, holder: str, now: datetime, hold: timedelta) -> WorkItem | None:
    """Take the item of one record, due or not; None when it is not on the list, or another holder works on it."""
    values = {**named("w_", _record(poke)), "now": now, "the_holder": holder, "until": now + hold}
    return maybe(WorkItem, tx.row(_take_one(tx), values))


@kept
def _take_one(tables: StoreTables) -> Any:
    table = tables.work_items
    here = [table.c[name] == value_of(table.c[name], "w_" + name) for name in RECORD]
    return _hold(tables).where(*here, or_(table.c.state != "held", table.c.held_until <= bindparam("now")))


def _record(poke: Poke) -> dict[str, Any]:
    return {name: getattr(poke, name) for name in RECORD}


def hints(tx: Transaction, rule: str) -> dict[tuple[str, str, int], dict[str, Any]]:
    """The hints of a rule's items by company, register and record."""
    table = tx.tables.work_items
    here = (table.c.rule == rule, table.c.hint.is_not(None))
    rows = tx.rows(select(table.c.company_key, table.c.entity, table.c.record_id, table.c.hint).where(*here))
    return {(row.company_key, row.entity, row.record_id): row.hint for row in rows if row.hint}


def is_listed(tx: Transaction, poke: Poke) -> bool:
    """Whether the record is on the list, waiting, held or at rest until a person has looked at it."""
    return find_one(tx, tx.tables.work_items, **_record(poke)) is not None


def finish(tx: Transaction, item: WorkItem, now: datetime) -> bool:
    """The item has been dealt with. If it was poked meanwhile it stays on the list, ready; then the answer is False."""
    if remove(tx, tx.tables.work_items, id=item.id, version=item.version, holder=item.holder):
        return True
    ready = {"state": "ready", "holder": None, "held_until": None, "attempts": 0, "not_before": now}
    change(tx, tx.tables.work_items, ready, id=item.id, holder=item.holder)
    return False


def postpone(tx: Transaction, item: WorkItem, until: datetime, *, failed: bool) -> None:
    """Give the item back for later. `failed` counts the attempt; a quiet period or a missing parent does not."""
    _give_back(tx, item, "ready", until, failed=failed)


def give_up(tx: Transaction, item: WorkItem) -> None:
    """No more attempts until somebody pokes the record."""
    _give_back(tx, item, "dead", None, failed=True)


def put_away(tx: Transaction, item: WorkItem) -> None:
    """The item rests, at no cost, until its ERP company is in use again; see `bring_back`."""
    _give_back(tx, item, "away", None, failed=False)


def bring_back(tx: Transaction, rule: str, company_keys: Iterable[str]) -> int:
    """Let what rests for these ERP companies be worked on; answers how many items there were."""
    return sum(
        change(tx, tx.tables.work_items, {"state": "ready"}, rule=rule, state="away", company_key=key)
        for key in company_keys
    )


def any_away(tx: Transaction, rule: str) -> bool:
    """Whether anything rests because its ERP company was not in use."""
    return find_one(tx, tx.tables.work_items, rule=rule, state="away") is not None


def _give_back(tx: Transaction, item: WorkItem, state: str, until: datetime | None, *, failed: bool) -> None:
    values: dict[str, Any] = {"the_id": item.id, "the_holder": item.holder, "more": int(failed), "the_state": state}
    if until is not None:
        values["until"] = until
    tx.change(_back_on_the_list(tx.tables, until is not None), values)


@cache
def _back_on_the_list(tables: StoreTables, later: bool) -> Prepared:
    table = tables.work_items
    changes: dict[str, Any] = {
        "state": bindparam("the_state"),
        "holder": None,
        "held_until": None,
        "attempts": table.c.attempts + value_of(table.c.attempts, "more"),
    }
    if later:
        changes["not_before"] = bindparam("until")
    here = (table.c.id == bindparam("the_id"), table.c.holder == bindparam("the_holder"))
    return Prepared(update(table).where(*here).values(**changes))


def hasten(tx: Transaction, side: str, company_key: str, entity: str, now: datetime) -> int:
    """Let every waiting item of a register be due now; answers how many there were."""
    table = tx.tables.work_items
    return tx.change(
        update(table)
        .where(
            table.c.side == side,
            table.c.company_key == company_key,
            table.c.entity == entity,
            table.c.state == "ready",
            table.c.not_before > now,
        )
        .values(not_before=now)
    )


def due_count(tx: Transaction, rule: str, now: datetime) -> int:
    """How many items a run could take now."""
    return int(tx.scalar(_count_due(tx), {"the_rule": rule, "now": now}))


@kept
def _count_due(tables: StoreTables) -> Any:
    return select(func.count()).select_from(tables.work_items).where(_is_due(tables))


def batch(tx: Transaction, rule: str, now: datetime) -> str:
    """What names the items that a run could take now: another name as soon as one comes, goes or is poked again."""
    table = tx.tables.work_items
    found = tx.row(
        select(
            func.min(table.c.id).label("first"),
            func.max(table.c.id).label("last"),
            func.sum(table.c.version).label("v"),
        )
        .select_from(table)
        .where(table.c.rule == rule, table.c.state == "ready", table.c.not_before <= now)
    )
    return f"{found.first}:{found.last}:{found.v}" if found is not None and found.first is not None else "none"


def next_due(tx: Transaction, rule: str) -> datetime | None:
    """When the next item of the rule is due, or None when the list is empty."""
    table = tx.tables.work_items
    found = tx.row(
        select(table.c.not_before)
        .where(table.c.rule == rule, table.c.state == "ready")
        .order_by(table.c.not_before)
        .limit(1)
    )
    return found.not_before if found is not None else None


def listing(tx: Transaction, rule: str | None = None, *, state: str | None = None, limit: int = 500) -> list[WorkItem]:
    """Items on the list, oldest first."""
    table = tx.tables.work_items
    statement = select(table).order_by(table.c.first_at, table.c.id).limit(limit)
    if rule is not None:
        statement = statement.where(table.c.rule == rule)
    if state is not None:
        statement = statement.where(table.c.state == state)
    return [build(WorkItem, row) for row in tx.rows(statement)]
