"""What a person should know or do: one open row per trouble, visible until solved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Table, func, or_, select, text, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.prepared import Prepared
from sounimicro_pipelines.store.rows import build, insert_or, maybe
from sounimicro_pipelines.store.statements import about_record, change, columns, find, find_one, named, record_values
from sounimicro_pipelines.store.tables import StoreTables


@dataclass(frozen=True, slots=True)
class Issue:
    """One trouble; see `tables.issues`."""

    id: int
    fingerprint: str
    state: str
    severity: str
    kind: str
    cause: str
    remedy: str
    rule: str | None
    side: str | None
    tenant: str | None
    crm_entity: str | None
    crm_id: int | None
    company_key: str | None
    erp_entity: str | None
    erp_id: int | None
    link_id: int | None
    field: str | None
    details: dict[str, Any] | None
    occurrences: int
    first_at: datetime
    last_at: datetime
    retry_at: datetime | None
    dead: bool
    run_id: str | None
    told_at: datetime | None
    solved_at: datetime | None
    solved_by: str | None


def report(
    tx: Transaction,
    *,
    fingerprint: str,
    kind: str,
    cause: str,
    remedy: str,
    now: datetime,
    severity: str = "error",
    dead: bool = False,
    retry_at: datetime | None = None,
    run_id: str | None = None,
    **about: Any,
) -> Issue:
    """Open an issue, or count the same trouble again; an open one tells what is the matter now.

    `fingerprint` says what makes two troubles the same (kind, record, field). `about`: rule, side, tenant, crm_entity,
    crm_id, company_key, erp_entity, erp_id, link_id, field, details.
    """
    changing = {
        "kind": kind,
        "severity": severity,
        "cause": cause,
        "remedy": remedy,
        "last_at": now,
        "retry_at": retry_at,
        "dead": dead,
        "run_id": run_id,
        **about,
    }
    new = {"fingerprint": fingerprint, "state": "open", "first_at": now, "occurrences": 1, **changing}
    statement = _open_or_count(tx.tables, tx.is_postgres, tuple(new), tuple(changing))
    found = tx.row(statement, {**named("v_", new), **named("u_", changing)})
    if found is None:
        raise LookupError(fingerprint)
    return build(Issue, found)


@cache
def _open_or_count(
    tables: StoreTables, on_postgres: bool, names: tuple[str, ...], changing: tuple[str, ...]
) -> Prepared:
    table = tables.issues
    return Prepared(
        insert_or(table, on_postgres, names)
        .on_conflict_do_update(
            index_elements=["fingerprint"],
            index_where=text("state = 'open'"),
            set_={**columns(table, "u_", changing), "occurrences": table.c.occurrences + 1},
        )
        .returning(*table.c)
    )


def get(tx: Transaction, issue_id: int) -> Issue | None:
    return maybe(Issue, find_one(tx, tx.tables.issues, id=issue_id))


def open_one(tx: Transaction, fingerprint: str) -> Issue | None:
    """The open issue of this trouble."""
    return maybe(Issue, find_one(tx, tx.tables.issues, fingerprint=fingerprint, state="open"))


def solve(tx: Transaction, fingerprint: str, *, now: datetime, by: str = "sync") -> bool:
    """The trouble is gone; False when there was none."""
    solved = {"state": "solved", "solved_at": now, "solved_by": by}
    return bool(change(tx, tx.tables.issues, solved, fingerprint=fingerprint, state="open"))


def solve_prefix(tx: Transaction, prefix: str, *, now: datetime, by: str = "sync") -> int:
    """Every trouble whose fingerprint starts so is gone; answers how many there were."""
    table = tx.tables.issues
    return tx.change(
        update(table)
        .where(table.c.fingerprint.startswith(prefix, autoescape=True), table.c.state == "open")
        .values(state="solved", solved_at=now, solved_by=by)
    )


def dismiss(tx: Transaction, issue_id: int, *, now: datetime, by: str) -> bool:
    """A person has seen it and wants it gone; False when it was not open any more."""
    dismissed = {"state": "dismissed", "solved_at": now, "solved_by": by}
    return bool(change(tx, tx.tables.issues, dismissed, id=issue_id, state="open"))


def tell_apart(tx: Transaction, issue: Issue, other_id: int) -> Issue:
    """A person says that a candidate of a possible duplicate is another record. Raises Outdated when it is closed."""
    details = dict(issue.details or {})
    details["apart"] = sorted({*details.get("apart", ()), other_id})
    details["candidates"] = [one for one in details.get("candidates", ()) if one.get("id") != other_id]
    table = tx.tables.issues
    if not tx.change(update(table).where(table.c.id == issue.id, table.c.state == "open").values(details=details)):
        raise Outdated("This issue has been dealt with meanwhile.", remedy="Look at the list again.")
    return get(tx, issue.id) or issue


def told_apart(tx: Transaction, fingerprint: str, **about: Any) -> set[int]:
    """The records of which a person has said, in this or an earlier issue, that they are not the same.

    `about` are the columns by which the issue's record is found: tenant, crm_entity and crm_id, or company_key,
    erp_entity and erp_id.
    """
    rows = find(tx, tx.tables.issues, fingerprint=fingerprint, **about)
    return {int(one) for row in rows for one in (row.details or {}).get("apart", ())}


CLOSED = "closed"
"""As a `state` to list by: solved or dismissed."""


def listing(
    tx: Transaction,
    *,
    state: str | None = "open",
    rule: str | None = None,
    company_key: str | None = None,
    kind: str | None = None,
    run_id: str | None = None,
    without: Collection[str] = (),
    limit: int = 200,
    offset: int = 0,
) -> list[Issue]:
    """Newest trouble first. `run_id` is the run that met it last; `without` are companies that are left out."""
    table = tx.tables.issues
    where = _where(table, {"state": state, "rule": rule, "company_key": company_key, "kind": kind, "run_id": run_id})
    statement = select(table).where(*where, *_beyond(table, without))
    statement = statement.order_by(table.c.last_at.desc(), table.c.id.desc()).limit(limit).offset(offset)
    return [build(Issue, row) for row in tx.rows(statement)]


def count(
    tx: Transaction,
    *,
    state: str | None = "open",
    rule: str | None = None,
    company_key: str | None = None,
    kind: str | None = None,
    without: Collection[str] = (),
) -> int:
    """How many `listing` would tell of."""
    table = tx.tables.issues
    where = _where(table, {"state": state, "rule": rule, "company_key": company_key, "kind": kind})
    return int(tx.scalar(select(func.count()).select_from(table).where(*where, *_beyond(table, without))))


def is_open(tx: Transaction, kind: str) -> bool:
    """Whether there is an open issue of this kind."""
    return find_one(tx, tx.tables.issues, state="open", kind=kind) is not None


def _where(table: Table, equal: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    conditions = {name: value for name, value in equal.items() if value is not None}
    if conditions.get("state") == CLOSED:
        del conditions["state"]
        return [table.c.state != "open", *_where(table, conditions)]
    return [table.c[name] == value for name, value in conditions.items()]


def _beyond(table: Table, without: Collection[str]) -> list[ColumnElement[bool]]:
    return [or_(table.c.company_key.is_(None), table.c.company_key.not_in(without))] if without else []


def of_record(
    tx: Transaction,
    *,
    tenant: str,
    crm: tuple[str, int] | None = None,
    erp: tuple[str, str, int] | None = None,
) -> list[Issue]:
    """Open issues of a CRM record (entity, id) or an ERP record (CompanyKey, entity, id), newest trouble first."""
    about = record_values(tenant, crm, erp)
    if not about:
        return []
    statement = _of_record(tx.tables, crm is not None, erp is not None)
    found = (build(Issue, row) for row in tx.rows(statement, about))
    return sorted(found, key=attrgetter("last_at"), reverse=True)


@cache
def _of_record(tables: StoreTables, in_crm: bool, in_erp: bool) -> Prepared:
    table = tables.issues
    here = about_record(table, in_crm, in_erp)
    return Prepared(select(table).where(table.c.state == "open", here))


def counts(tx: Transaction) -> dict[str, int]:
    """Open issues by severity."""
    table = tx.tables.issues
    rows = tx.rows(
        select(table.c.severity, func.count().label("n")).where(table.c.state == "open").group_by("severity")
    )
    return {row.severity: int(row.n) for row in rows}


def kinds(tx: Transaction, *, state: str = "open") -> dict[str, int]:
    """Issues by kind."""
    table = tx.tables.issues
    rows = tx.rows(select(table.c.kind, func.count().label("n")).where(table.c.state == state).group_by(table.c.kind))
    return {row.kind: int(row.n) for row in rows}


def untold(tx: Transaction, limit: int = 100) -> list[Issue]:
    """Open errors and warnings that nobody has been notified of."""
    table = tx.tables.issues
    statement = (
        select(table)
        .where(table.c.state == "open", table.c.told_at.is_(None), table.c.severity != "info")
        .order_by(table.c.id)
        .limit(limit)
    )
    return [build(Issue, row) for row in tx.rows(statement)]


def mark_told(tx: Transaction, issue_ids: list[int], now: datetime) -> None:
    table = tx.tables.issues
    tx.execute(update(table).where(table.c.id.in_(issue_ids)).values(told_at=now))
