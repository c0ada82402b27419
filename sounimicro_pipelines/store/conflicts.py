"""Both sides changed to different values: what was decided, by whom, and the loser that can be restored."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.rows import build, insert_id, maybe, values_of
from sounimicro_pipelines.store.statements import change, find_one


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that both sides changed; see `tables.conflicts`. `winner` None: a person is asked."""

    rule: str
    tenant: str
    crm_entity: str
    crm_id: int | None
    company_key: str
    role: str
    erp_entity: str
    erp_id: int | None
    field: str
    policy: str
    baseline_crm: Any
    baseline_erp: Any
    crm_value: Any
    erp_value: Any
    found_at: datetime
    state: str = "open"
    link_id: int | None = None
    rule_version: int | None = None
    crm_by: str | None = None
    crm_at: datetime | None = None
    erp_by: str | None = None
    erp_at: datetime | None = None
    winner: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    run_id: str | None = None
    id: int = 0


BY_PERSON = "person"
"""`decided_by` of a loser that gave way to what a person had chosen."""


def record(tx: Transaction, conflict: Conflict) -> Conflict:
    """Keep a conflict. An open one of the same field takes the new values instead of becoming two.

    What a person has decided is kept once: the loser that the engine then overwrites completes that row.
    """
    table = tx.tables.conflicts
    if conflict.state == "decided" and conflict.decided_by == BY_PERSON and conflict.link_id is not None:
        chosen = _chosen(tx, conflict)
        if chosen is not None:
            change(tx, table, {"run_id": conflict.run_id}, id=chosen.id)
            return get(tx, chosen.id) or chosen
    if conflict.state == "open" and conflict.link_id is not None:
        old = open_for(tx, conflict.link_id, conflict.field)
        if old is not None:
            names = ("crm_value", "erp_value", "crm_by", "crm_at", "erp_by", "erp_at", "run_id")
            change(tx, table, {name: getattr(conflict, name) for name in names}, id=old.id)
            return get(tx, old.id) or old
    return Conflict(**values_of(conflict), id=insert_id(tx, table, values_of(conflict)))


def _chosen(tx: Transaction, loser: Conflict) -> Conflict | None:
    """The newest conflict of a field, if a person has decided it so and the loser is the value that was shown."""
    table = tx.tables.conflicts
    statement = select(table).where(table.c.link_id == loser.link_id, table.c.field == loser.field)
    newest = maybe(Conflict, tx.row(statement.order_by(table.c.id.desc()).limit(1)))
    if newest is None or (newest.state, newest.winner) != ("decided", loser.winner) or newest.decided_by == BY_PERSON:
        return None
    same = newest.crm_value == loser.crm_value if loser.winner == "erp" else newest.erp_value == loser.erp_value
    return newest if same else None


def get(tx: Transaction, conflict_id: int) -> Conflict | None:
    return maybe(Conflict, find_one(tx, tx.tables.conflicts, id=conflict_id))


def open_for(tx: Transaction, link_id: int, field: str) -> Conflict | None:
    """The undecided conflict of a field."""
    return maybe(Conflict, find_one(tx, tx.tables.conflicts, link_id=link_id, field=field, state="open"))


def settle(tx: Transaction, conflict_id: int, *, state: str, winner: str | None, by: str, now: datetime) -> None:
    """Decide (`decided`) or put the loser back (`restored`). Raises Outdated when another person was faster."""
    from_state = "open" if state == "decided" else "decided"
    values: dict[str, Any] = {"state": state, "decided_at": now, "decided_by": by}
    if winner is not None:
        values["winner"] = winner
    if not change(tx, tx.tables.conflicts, values, id=conflict_id, state=from_state):
        raise Outdated("This conflict has been decided meanwhile.", remedy="Look at it again.")


def close_gone(tx: Transaction, link_id: int, field: str, *, winner: str | None, by: str, now: datetime) -> None:
    """The two sides agree again by themselves: an open conflict of the field is decided."""
    decided = {"state": "decided", "winner": winner, "decided_at": now, "decided_by": by}
    change(tx, tx.tables.conflicts, decided, link_id=link_id, field=field, state="open")


def listing(
    tx: Transaction,
    *,
    state: str | None = "open",
    link_id: int | None = None,
    company_key: str | None = None,
    rule: str | None = None,
    has_loser: bool = False,
    without: Collection[str] = (),
    limit: int = 200,
    offset: int = 0,
) -> list[Conflict]:
    """Newest first. `has_loser` leaves out those of which no value gave way, `without` companies."""
    table = tx.tables.conflicts
    statement = select(table).order_by(table.c.id.desc()).limit(limit).offset(offset)
    if state is not None:
        statement = statement.where(table.c.state == state)
    if rule is not None:
        statement = statement.where(table.c.rule == rule)
    if without:
        statement = statement.where(table.c.company_key.not_in(without))
    if has_loser:
        statement = statement.where(table.c.state != "open", table.c.winner.is_not(None))
    if link_id is not None:
        statement = statement.where(table.c.link_id == link_id)
    if company_key is not None:
        statement = statement.where(table.c.company_key == company_key)
    return [build(Conflict, row) for row in tx.rows(statement)]
