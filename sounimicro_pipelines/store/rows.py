"""Rows as dataclasses, and the one statement that the two databases spell differently: insert or update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from sounimicro_pipelines.store.database import Transaction

T = TypeVar("T")


def build(kind: type[T], row: Row[Any]) -> T:
    """A dataclass from the columns that carry its fields' names."""
    values = row._mapping
    return kind(**{name: values[name] for name in _field_names(cast(Any, kind))})


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def maybe(kind: type[T], row: Row[Any] | None) -> T | None:
    return build(kind, row) if row is not None else None


def values_of(record: Any, *, without: Sequence[str] = ("id",)) -> dict[str, Any]:
    """A dataclass as column values; `without` leaves out what the database fills."""
    return {name: value for name, value in asdict(record).items() if name not in without}


def insert_id(tx: Transaction, table: Table, values: Mapping[str, Any]) -> int:
    """Insert one row; answers its id."""
    return int(tx.execute(table.insert().values(**values).returning(table.c.id)).scalar_one())


def upsert(
    tx: Transaction,
    table: Table,
    values: Mapping[str, Any],
    *,
    keys: Sequence[str],
    update: Mapping[str, Any] | None = None,
    where: Any = None,
) -> None:
    """Insert a row, or update the one with the same keys.

    `update` says which columns take which value then (default: every other column takes its new value). `where` is the
    condition of the partial unique index that `keys` belong to.
    """
    changes = {name: value for name, value in values.items() if name not in keys} if update is None else dict(update)
    dialect: Any = postgresql if tx.is_postgres else sqlite
    statement = dialect.insert(table).values(**values)
    options: dict[str, Any] = {"index_elements": list(keys)}
    if where is not None:
        options["index_where"] = where
    if changes:
        tx.execute(statement.on_conflict_do_update(**options, set_=changes))
    else:
        tx.execute(statement.on_conflict_do_nothing(**options))
