"""Rows as dataclasses, and the one statement that the two databases spell differently: insert or update."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.prepared import Prepared
from sounimicro_pipelines.store.statements import columns, named

T = TypeVar("T")


def build(kind: type[T], row: Any) -> T:
    """A dataclass from the columns that carry its fields' names."""
    return kind(*_reader(cast(Any, kind))(row))


@cache
def _reader(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*_field_names(kind))


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def maybe(kind: type[T], row: Any | None) -> T | None:
    return build(kind, row) if row is not None else None


def values_of(record: Any, *, without: Sequence[str] = ("id",)) -> dict[str, Any]:
    """A dataclass as column values; `without` leaves out what the database fills."""
    return {name: getattr(record, name) for name in _field_names(cast(Any, type(record))) if name not in without}


def insert_id(tx: Transaction, table: Table, values: Mapping[str, Any]) -> int:
    """Insert one row; answers its id."""
    return int(tx.scalar(_insert(table, tuple(values)), named("v_", values)))


def upsert(
    tx: Transaction,
    table: Table,
    values: Mapping[str, Any],
    *,
    keys: Sequence[str],
    update: Mapping[str, Any] | None = None,
) -> int:
    """Insert a row, or update the one with the same keys; answers how many rows that touched.

    `update` says which columns take which value then (default: every other column takes its new value; none: the row
    stays as it is).
    """
    changes = {name: value for name, value in values.items() if name not in keys} if update is None else update
    statement = _upsert(table, tx.is_postgres, tuple(values), tuple(keys), tuple(changes))
    return tx.change(statement, {**named("v_", values), **named("u_", changes)})


def insert_or(table: Table, on_postgres: bool, names: Sequence[str]) -> Any:
    """An INSERT of a row as `named("v_", …)` gives it, in the dialect that knows ON CONFLICT."""
    dialect: Any = postgresql if on_postgres else sqlite
    return dialect.insert(table).values(columns(table, "v_", names))


@cache
def _insert(table: Table, names: tuple[str, ...]) -> Prepared:
    return Prepared(table.insert().values(columns(table, "v_", names)).returning(table.c.id))


@cache
def _upsert(
    table: Table, on_postgres: bool, names: tuple[str, ...], keys: tuple[str, ...], changes: tuple[str, ...]
) -> Prepared:
    statement = insert_or(table, on_postgres, names)
    if not changes:
        return Prepared(statement.on_conflict_do_nothing(index_elements=list(keys)))
    return Prepared(statement.on_conflict_do_update(index_elements=list(keys), set_=columns(table, "u_", changes)))
