"""Every write before it is sent, so that a crash or a lost answer can be cleared up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.rows import build, insert_id, maybe, values_of

LIVING = ("open", "sent", "unknown")


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that is about to happen or may have happened; see `tables.intents`."""

    kind: str
    side: str
    rule: str
    tenant: str
    crm_entity: str
    crm_id: int | None
    company_key: str
    role: str
    erp_entity: str
    erp_id: int | None
    generation: int
    body: dict[str, Any]
    holder: str
    created_at: datetime
    state: str = "open"
    link_id: int | None = None
    guid: str | None = None
    outcome: dict[str, Any] | None = None
    attempts: int = 0
    not_before: datetime | None = None
    sent_at: datetime | None = None
    finished_at: datetime | None = None
    run_id: str | None = None
    id: int = 0


def add(tx: Transaction, intent: Intent) -> Intent:
    """Store an intent before its call. Raises Outdated when another create for the same place lives already."""
    try:
        with tx.connection.begin_nested():
            intent_id = insert_id(tx, tx.tables.intents, values_of(intent))
    except IntegrityError:
        raise Outdated("Another create for this record is under way.", remedy="Wait for it to end.") from None
    return Intent(**values_of(intent), id=intent_id)


def get(tx: Transaction, intent_id: int) -> Intent | None:
    table = tx.tables.intents
    return maybe(Intent, tx.row(select(table).where(table.c.id == intent_id)))


def mark(tx: Transaction, intent_id: int, state: str, **values: Any) -> None:
    """Move a living intent on: sent, unknown, done, abandoned. Raises Outdated when it has been finished meanwhile."""
    table = tx.tables.intents
    if not tx.change(
        update(table).where(table.c.id == intent_id, table.c.state.in_(LIVING)).values(state=state, **values)
    ):
        raise Outdated(f"Intent {intent_id} has been finished by another engine.", remedy="Read the record again.")


def living(tx: Transaction, *, rule: str | None = None, holder: str | None = None) -> list[Intent]:
    """Intents that are not finished, oldest first: what a restart must clear up."""
    table = tx.tables.intents
    statement = select(table).where(table.c.state.in_(LIVING)).order_by(table.c.id)
    if rule is not None:
        statement = statement.where(table.c.rule == rule)
    if holder is not None:
        statement = statement.where(table.c.holder == holder)
    return [build(Intent, row) for row in tx.rows(statement)]


def living_for(
    tx: Transaction,
    *,
    tenant: str,
    crm: tuple[str, int] | None = None,
    erp: tuple[str, str, int] | None = None,
) -> list[Intent]:
    """Unfinished intents about a CRM record (entity, id) or an ERP record (CompanyKey, entity, id), oldest first."""
    table = tx.tables.intents
    about = []
    if crm is not None:
        about.append((table.c.tenant == tenant) & (table.c.crm_entity == crm[0]) & (table.c.crm_id == crm[1]))
    if erp is not None:
        about.append((table.c.company_key == erp[0]) & (table.c.erp_entity == erp[1]) & (table.c.erp_id == erp[2]))
    if not about:
        return []
    statement = select(table).where(table.c.state.in_(LIVING), or_(*about)).order_by(table.c.id)
    return [build(Intent, row) for row in tx.rows(statement)]


def recent(tx: Transaction, *, kind: str, side: str, since: datetime) -> list[Intent]:
    """Intents of a kind that were made or finished since a moment, oldest first."""
    table = tx.tables.intents
    lately = or_(table.c.created_at >= since, table.c.finished_at >= since)
    statement = select(table).where(table.c.kind == kind, table.c.side == side, lately).order_by(table.c.id)
    return [build(Intent, row) for row in tx.rows(statement)]
