"""How far each change feed has been read, and who reads it now; leases for what only one may do at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.rows import build, maybe, upsert


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
    table = tx.tables.feeds
    return maybe(Feed, tx.row(select(table).where(table.c.name == name)))


def listing(tx: Transaction, prefix: str = "") -> list[Feed]:
    """Feeds by name."""
    table = tx.tables.feeds
    statement = select(table).where(table.c.name.startswith(prefix, autoescape=True)).order_by(table.c.name)
    return [build(Feed, row) for row in tx.rows(statement)]


def lease(tx: Transaction, name: str, *, holder: str, now: datetime, hold: timedelta, every: timedelta) -> Feed | None:
    """The feed, leased, when it is due (last polled at least `every` ago) and nobody else has it; else None."""
    table = tx.tables.feeds
    upsert(tx, table, {"name": name}, keys=["name"], update={})
    taken = tx.change(
        update(table)
        .where(
            table.c.name == name,
            or_(table.c.held_until.is_(None), table.c.held_until <= now, table.c.holder == holder),
            or_(table.c.polled_at.is_(None), table.c.polled_at <= now - every),
        )
        .values(holder=holder, held_until=now + hold)
    )
    return get(tx, name) if taken else None


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
    table = tx.tables.feeds
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
    if not tx.change(update(table).where(table.c.name == name, table.c.holder == holder).values(**values)):
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
    table = tx.tables.feeds
    tx.execute(update(table).where(table.c.name == name).values(watermark=watermark, polled_at=None))


def hurry(tx: Transaction, prefix: str) -> int:
    """Let feeds be due at once, without moving their watermarks; answers how many."""
    table = tx.tables.feeds
    return tx.change(update(table).where(table.c.name.startswith(prefix, autoescape=True)).values(polled_at=None))


def take_lease(tx: Transaction, name: str, *, holder: str, now: datetime, hold: timedelta) -> bool:
    """Take or renew a named lease; False when another holds it."""
    table = tx.tables.leases
    upsert(tx, table, {"name": name, "holder": holder, "held_until": now + hold}, keys=["name"], update={})
    return bool(
        tx.change(
            update(table)
            .where(table.c.name == name, or_(table.c.holder == holder, table.c.held_until <= now))
            .values(holder=holder, held_until=now + hold)
        )
    )


def give_lease(tx: Transaction, name: str, *, holder: str) -> None:
    table = tx.tables.leases
    tx.execute(delete(table).where(table.c.name == name, table.c.holder == holder))
