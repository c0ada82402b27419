"""Every write before it is sent, so that a crash or a lost answer can be cleared up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.prepared import Prepared
from sounimicro_pipelines.store.rows import build, insert_id, maybe, values_of
from sounimicro_pipelines.store.statements import about_record, columns, find_one, named, record_values
from sounimicro_pipelines.store.tables import StoreTables

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
        with tx.attempt():
            intent_id = insert_id(tx, tx.tables.intents, values_of(intent))
    except IntegrityError:
        raise Outdated("Another create for this record is under way.", remedy="Wait for it to end.") from None
    return Intent(**values_of(intent), id=intent_id)


def get(tx: Transaction, intent_id: int) -> Intent | None:
    return maybe(Intent, find_one(tx, tx.tables.intents, id=intent_id))


def mark(tx: Transaction, intent_id: int, state: str, **values: Any) -> None:
    """Move a living intent on: sent, unknown, done, abandoned. Raises Outdated when it has been finished meanwhile."""
    values["state"] = state
    if not tx.change(_move(tx.tables, tuple(values)), {"the_id": intent_id, **named("v_", values)}):
        raise Outdated(f"Intent {intent_id} has been finished by another engine.", remedy="Read the record again.")


@cache
def _move(tables: StoreTables, names: tuple[str, ...]) -> Prepared:
    table = tables.intents
    here = update(table).where(table.c.id == bindparam("the_id"), _is_living(tables))
    return Prepared(here.values(columns(table, "v_", names)))


def living(tx: Transaction, *, rule: str | None = None, holder: str | None = None) -> list[Intent]:
    """Intents that are not finished, oldest first: what a restart must clear up."""
    wanted = {name: value for name, value in (("rule", rule), ("holder", holder)) if value is not None}
    return [build(Intent, row) for row in tx.rows(_living(tx.tables, tuple(wanted)), named("the_", wanted))]


@cache
def _living(tables: StoreTables, names: tuple[str, ...]) -> Prepared:
    table = tables.intents
    wanted = [table.c[name] == bindparam("the_" + name) for name in names]
    return Prepared(select(table).where(_is_living(tables), *wanted).order_by(table.c.id))


def living_for(
    tx: Transaction,
    *,
    tenant: str,
    crm: tuple[str, int] | None = None,
    erp: tuple[str, str, int] | None = None,
) -> list[Intent]:
    """Unfinished intents about a CRM record (entity, id) or an ERP record (CompanyKey, entity, id), oldest first."""
    about = record_values(tenant, crm, erp)
    if not about:
        return []
    statement = _living_for(tx.tables, crm is not None, erp is not None)
    return [build(Intent, row) for row in tx.rows(statement, about)]


@cache
def _living_for(tables: StoreTables, in_crm: bool, in_erp: bool) -> Prepared:
    table = tables.intents
    here = about_record(table, in_crm, in_erp)
    return Prepared(select(table).where(_is_living(tables), here).order_by(table.c.id))


def _is_living(tables: StoreTables) -> ColumnElement[bool]:
    return or_(*(tables.intents.c.state == state for state in LIVING))


def ended_creates(tx: Transaction, *, side: str, register: tuple[str, str], since: datetime) -> list[Intent]:
    """Creates in a register (company, "" for the CRM, and entity) that ended since a moment, oldest first."""
    company_key, entity = register
    values = {"the_company_key": company_key, "the_entity": entity, "since": since}
    return [build(Intent, row) for row in tx.rows(_ended_creates(tx.tables, side), values)]


@cache
def _ended_creates(tables: StoreTables, side: str) -> Prepared:
    table = tables.intents
    entity = table.c[f"{side}_entity"] == bindparam("the_entity")
    register = (entity, table.c.company_key == bindparam("the_company_key")) if side == "erp" else (entity,)
    lately = (text("kind = 'create'"), table.c.side == side, table.c.finished_at >= bindparam("since"))
    return Prepared(select(table).where(*lately, *register).order_by(table.c.id))
