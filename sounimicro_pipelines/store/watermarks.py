"""How far each change feed has been read, and who reads it now; leases for what only one may do at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.rows import build, maybe, upsert
from sounimicro_pipelines.store.statements import change, find, find_one, kept, remove
from sounimicro_pipelines.store.tables import StoreTables


@dataclass(frozen=True, slots=True)
class Feed:
    """One change feed; see `tables.feeds`."""

    name: str
    watermark: datetime | None
    cursor: dict[str, Any] | None
    polled_at: datetime | None
    full_at: datetime | None
    state: str
    message: str | None
    failures: int
    holder: str | None
    held_until: datetime | None


def get(tx: Transaction, name: str) -> Feed | None:
    return maybe(Feed, find_one(tx, tx.tables.feeds, name=name))


def by_name(tx: Transaction, names: Collection[str]) -> dict[str, Feed]:
    """Those of these feeds that have been leased or read before."""
    return {row.name: build(Feed, row) for row in find(tx, tx.tables.feeds) if row.name in names}


def listing(tx: Transaction, prefix: str = "") -> list[Feed]:
    """Feeds by name."""
    table = tx.tables.feeds
    statement = select(table).where(table.c.name.startswith(prefix, autoescape=True)).order_by(table.c.name)
    return [build(Feed, row) for row in tx.rows(statement)]


def lease(tx: Transaction, name: str, *, holder: str, now: datetime, hold: timedelta, every: timedelta) -> Feed | None:
    """The feed, leased, when it is due (last polled at least `every` ago) and nobody else has it; else None."""
    values = {"the_name": name, "the_holder": holder, "now": now, "due": now - every, "until": now + hold}
    taken = tx.row(_take_feed(tx), values)
    if taken is None and upsert(tx, tx.tables.feeds, {"name": name}, keys=["name"], update={}):
        taken = tx.row(_take_feed(tx), values)
    return maybe(Feed, taken)


@kept
def _take_feed(tables: StoreTables) -> Any:
    table = tables.feeds
    return (
        update(table)
        .where(
            table.c.name == bindparam("the_name"),
            or_(
                table.c.held_until.is_(None),
                table.c.held_until <= bindparam("now"),
                table.c.holder == bindparam("the_holder"),
            ),
            or_(table.c.polled_at.is_(None), table.c.polled_at <= bindparam("due")),
        )
        .values(holder=bindparam("the_holder"), held_until=bindparam("until"))
        .returning(*table.c)
    )


def advance(
    tx: Transaction,
    name: str,
    *,
    holder: str,
    now: datetime,
    watermark: datetime | None,
    cursor: dict[str, Any] | None = None,
    full: bool = False,
) -> None:
    """Move the watermark and give the lease back, in the transaction that makes the work durable.

    A watermark never moves backwards; None leaves it. Raises Outdated when the lease was lost to another poller.
    """
    before = get(tx, name)
    values: dict[str, Any] = {
        "polled_at": now,
        "state": "ok",
        "message": None,
        "failures": 0,
        "holder": None,
        "held_until": None,
    }
    if watermark is not None and (before is None or before.watermark is None or before.watermark < watermark):
        values["watermark"] = watermark
    if cursor is not None:
        values["cursor"] = cursor
    if full:
        values["full_at"] = now
    if not change(tx, tx.tables.feeds, values, name=name, holder=holder):
        raise Outdated(f"Another poller has taken the feed {name}.", remedy="It will go on from the same place.")


def fail(tx: Transaction, name: str, *, holder: str, now: datetime, state: str, message: str) -> None:
    """The poll did not succeed: the watermark stays, the lease goes back. state: no_access, unavailable, failed."""
    table = tx.tables.feeds
    tx.execute(
        update(table)
        .where(table.c.name == name, table.c.holder == holder)
        .values(
            polled_at=now,
            state=state,
            message=message,
            failures=table.c.failures + 1,
            holder=None,
            held_until=None,
        )
    )


def rewind(tx: Transaction, name: str, watermark: datetime | None) -> None:
    """Set a watermark back by hand, so that the feed is read again from there."""
    change(tx, tx.tables.feeds, {"watermark": watermark, "polled_at": None}, name=name)


def first_listing(tx: Transaction) -> datetime | None:
    """When a register was read in full first, as far as is remembered."""
    table = tx.tables.feeds
    found = tx.row(select(table.c.full_at).where(table.c.full_at.is_not(None)).order_by(table.c.full_at).limit(1))
    return None if found is None else found.full_at


def note(tx: Transaction, name: str, moment: datetime) -> None:
    """Remember until when something has been looked through that nobody polls."""
    upsert(tx, tx.tables.feeds, {"name": name, "watermark": moment}, keys=["name"])


def hurry(tx: Transaction, prefix: str) -> int:
    """Let feeds be due at once, without moving their watermarks; answers how many."""
    table = tx.tables.feeds
    return tx.change(update(table).where(table.c.name.startswith(prefix, autoescape=True)).values(polled_at=None))


def take_lease(tx: Transaction, name: str, *, holder: str, now: datetime, hold: timedelta) -> bool:
    """Take or renew a named lease; False when another holds it."""
    values = {"name": name, "holder": holder, "held_until": now + hold}
    if upsert(tx, tx.tables.leases, values, keys=["name"], update={}):
        return True
    return bool(tx.change(_take_over(tx), {"the_name": name, "the_holder": holder, "now": now, "until": now + hold}))


@kept
def _take_over(tables: StoreTables) -> Any:
    table = tables.leases
    free = or_(table.c.holder == bindparam("the_holder"), table.c.held_until <= bindparam("now"))
    taken = update(table).where(table.c.name == bindparam("the_name"), free)
    return taken.values(holder=bindparam("the_holder"), held_until=bindparam("until"))


def held_until(tx: Transaction, name: str) -> datetime | None:
    """When a named lease runs out; None when nobody holds it."""
    found = find_one(tx, tx.tables.leases, name=name)
    return None if found is None else found.held_until


def give_lease(tx: Transaction, name: str, *, holder: str) -> None:
    remove(tx, tx.tables.leases, name=name, holder=holder)
