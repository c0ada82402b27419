"""The journal: every field written and every link made or ended, with its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import null, or_, select, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.rows import build, insert_id, values_of
from sounimicro_pipelines.store.statements import about_record, record_values


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal; see `tables.history`."""

    at: datetime
    rule: str
    kind: str
    tenant: str
    crm_entity: str
    crm_id: int | None
    company_key: str
    role: str
    erp_entity: str
    erp_id: int | None
    reason: str
    run_id: str | None = None
    intent_id: int | None = None
    link_id: int | None = None
    rule_version: int | None = None
    side: str | None = None
    field: str | None = None
    old_value: Any = None
    new_value: Any = None
    source_side: str | None = None
    source_by: str | None = None
    source_at: datetime | None = None
    undone_by_run: str | None = None
    id: int = 0


def add(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Write lines."""
    for entry in entries:
        insert_id(tx, tx.tables.history, values_of(entry))


def of_run(tx: Transaction, run_id: str) -> list[Entry]:
    """What a run wrote, newest first (the order in which it is undone)."""
    table = tx.tables.history
    return [
        build(Entry, row) for row in tx.rows(select(table).where(table.c.run_id == run_id).order_by(table.c.id.desc()))
    ]


def made_in_run(tx: Transaction, run_id: str, limit: int) -> list[Entry]:
    """The links that a run made, with the records that it created for them, in their order."""
    table = tx.tables.history
    made = (table.c.run_id == run_id, table.c.kind.in_(("create", "link")))
    return [build(Entry, row) for row in tx.rows(select(table).where(*made).order_by(table.c.id).limit(limit))]


def after(tx: Transaction, entry_id: int) -> list[Entry]:
    """Every line that was written after one, in their order."""
    table = tx.tables.history
    return [build(Entry, row) for row in tx.rows(select(table).where(table.c.id > entry_id).order_by(table.c.id))]


def of_record(
    tx: Transaction,
    *,
    tenant: str,
    crm: tuple[str, int] | None = None,
    erp: tuple[str, str, int] | None = None,
    field: str | None = None,
    limit: int = 200,
) -> list[Entry]:
    """Lines about a CRM record (entity, id) or an ERP record (CompanyKey, entity, id), newest first."""
    about = record_values(tenant, crm, erp)
    if not about:
        return []
    table = tx.tables.history
    here = about_record(table, crm is not None, erp is not None)
    statement = select(table).where(here).order_by(table.c.id.desc()).limit(limit)
    if field is not None:
        statement = statement.where(table.c.field == field)
    return [build(Entry, row) for row in tx.rows(statement, about)]


def mark_undone(tx: Transaction, entry_ids: Sequence[int], by_run: str) -> None:
    table = tx.tables.history
    tx.execute(update(table).where(table.c.id.in_(entry_ids)).values(undone_by_run=by_run))


def forget_values(tx: Transaction, before: datetime) -> int:
    """Empty the values of lines older than this; answers how many. The lines stay."""
    table = tx.tables.history
    return tx.change(
        update(table)
        .where(table.c.at < before, or_(table.c.old_value.is_not(None), table.c.new_value.is_not(None)))
        .values(old_value=null(), new_value=null())
    )
