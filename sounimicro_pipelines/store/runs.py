"""Runs of the sync, the go-live gate, and the guard against mass deletes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.rows import build, insert_id, maybe, upsert
from sounimicro_pipelines.store.statements import change, find_one


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the sync; see `tables.runs`."""

    run_id: str
    kind: str
    rule: str | None
    company_key: str | None
    state: str
    started_at: datetime
    finished_at: datetime | None
    by: str
    counts: dict[str, int]
    message: str | None
    undo_of: str | None


@dataclass(frozen=True, slots=True)
class GoLiveReport:
    """What the first write to a company would mean."""

    id: int
    tenant: str
    company_key: str
    made_at: datetime
    run_id: str | None
    counts: dict[str, int]
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether a register may be synchronized after its last full listing; state: ok, stopped, confirmed."""

    side: str
    company_key: str
    entity: str
    state: str
    linked: int
    missing: int
    listing_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None


def start(
    tx: Transaction,
    run_id: str,
    *,
    kind: str,
    by: str,
    now: datetime,
    rule: str | None = None,
    company_key: str | None = None,
    undo_of: str | None = None,
) -> None:
    """Record that a run began; beginning again after a crash is the same run."""
    upsert(
        tx,
        tx.tables.runs,
        {
            "run_id": run_id,
            "kind": kind,
            "rule": rule,
            "company_key": company_key,
            "state": "running",
            "started_at": now,
            "by": by,
            "counts": {},
            "undo_of": undo_of,
        },
        keys=["run_id"],
        update={"state": "running", "finished_at": None, "message": None},
    )


def finish(
    tx: Transaction, run_id: str, *, now: datetime, counts: dict[str, int], state: str = "done", message: str = ""
) -> None:
    """Record that a run ended, with its counts."""
    values = {"state": state, "finished_at": now, "counts": counts, "message": message or None}
    change(tx, tx.tables.runs, values, run_id=run_id)


def get(tx: Transaction, run_id: str) -> Run | None:
    return maybe(Run, find_one(tx, tx.tables.runs, run_id=run_id))


def starting_with(tx: Transaction, prefix: str) -> list[Run]:
    """Runs whose id starts so, newest first."""
    table = tx.tables.runs
    statement = select(table).where(table.c.run_id.startswith(prefix, autoescape=True))
    return [build(Run, row) for row in tx.rows(statement.order_by(table.c.started_at.desc(), table.c.run_id.desc()))]


def first_at(tx: Transaction) -> datetime | None:
    """When the first run began that the store knows of; None before there was any."""
    table = tx.tables.runs
    found = tx.row(select(table.c.started_at).order_by(table.c.started_at).limit(1))
    return None if found is None else found.started_at


def running(tx: Transaction) -> list[Run]:
    """Runs that have not ended, as far as the store knows, oldest first."""
    table = tx.tables.runs
    return [
        build(Run, row) for row in tx.rows(select(table).where(table.c.state == "running").order_by(table.c.started_at))
    ]


def newest(tx: Transaction, kind: str, company_key: str) -> Run | None:
    """The run of a kind that began last for a company."""
    table = tx.tables.runs
    here = (table.c.kind == kind, table.c.company_key == company_key)
    return maybe(Run, tx.row(select(table).where(*here).order_by(table.c.started_at.desc()).limit(1)))


def listing(
    tx: Transaction, *, rule: str | None = None, changed_only: bool = False, limit: int = 100, offset: int = 0
) -> list[Run]:
    """Newest first. `changed_only` leaves out runs that wrote nothing, linked nothing and created nothing."""
    table, lines = tx.tables.runs, tx.tables.history
    statement = select(table).order_by(table.c.started_at.desc(), table.c.run_id.desc()).limit(limit).offset(offset)
    if rule is not None:
        statement = statement.where(table.c.rule == rule)
    if changed_only:
        statement = statement.where(exists().where(lines.c.run_id == table.c.run_id))
    return [build(Run, row) for row in tx.rows(statement)]


def save_go_live_report(
    tx: Transaction,
    *,
    tenant: str,
    company_key: str,
    now: datetime,
    run_id: str | None,
    counts: dict[str, int],
    body: dict[str, Any],
) -> int:
    """Keep a go-live report; answers its id."""
    return insert_id(
        tx,
        tx.tables.go_live_reports,
        {
            "tenant": tenant,
            "company_key": company_key,
            "made_at": now,
            "run_id": run_id,
            "counts": counts,
            "body": body,
        },
    )


def go_live_report(tx: Transaction, tenant: str, company_key: str) -> GoLiveReport | None:
    """The newest report of a company."""
    table = tx.tables.go_live_reports
    return maybe(
        GoLiveReport,
        tx.row(
            select(table)
            .where(table.c.tenant == tenant, table.c.company_key == company_key)
            .order_by(table.c.id.desc())
            .limit(1)
        ),
    )


def accept_go_live(
    tx: Transaction, *, tenant: str, company_key: str, report_id: int | None, by: str, now: datetime
) -> None:
    """From now on the sync may write to the company; the first acceptance stands."""
    upsert(
        tx,
        tx.tables.go_live,
        {
            "tenant": tenant,
            "company_key": company_key,
            "report_id": report_id,
            "accepted_at": now,
            "accepted_by": by,
        },
        keys=["tenant", "company_key"],
        update={},
    )


@dataclass(frozen=True, slots=True)
class LiveSince:
    """When a company went live, and who accepted which report; None for one that was accepted without."""

    accepted_at: datetime
    accepted_by: str
    report_id: int | None


def live_since(tx: Transaction, tenant: str, company_key: str) -> LiveSince | None:
    """The acceptance of a company's go-live report, None while there is none."""
    table = tx.tables.go_live
    columns = (table.c.accepted_at, table.c.accepted_by, table.c.report_id)
    return maybe(
        LiveSince, tx.row(select(*columns).where(table.c.tenant == tenant, table.c.company_key == company_key))
    )


def is_live(tx: Transaction, tenant: str, company_key: str) -> bool:
    """Whether somebody has accepted the go-live report of the company."""
    return find_one(tx, tx.tables.go_live, tenant=tenant, company_key=company_key) is not None


def guard(tx: Transaction, side: str, company_key: str, entity: str) -> Guard | None:
    return maybe(Guard, find_one(tx, tx.tables.register_guards, side=side, company_key=company_key, entity=entity))


def set_guard(tx: Transaction, value: Guard) -> None:
    """Store what a full listing showed, or what a person confirmed."""
    upsert(
        tx,
        tx.tables.register_guards,
        {
            "side": value.side,
            "company_key": value.company_key,
            "entity": value.entity,
            "state": value.state,
            "linked": value.linked,
            "missing": value.missing,
            "listing_at": value.listing_at,
            "confirmed_by": value.confirmed_by,
            "confirmed_at": value.confirmed_at,
        },
        keys=["side", "company_key", "entity"],
    )
