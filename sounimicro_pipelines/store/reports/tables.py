"""How a report table stands in the store: its columns, its indexes, its name in SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import inspect, text

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import StoreError

Kind = Literal["integer", "decimal", "text", "boolean", "date", "moment"]
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,59}")
_DDL_LOCK = 0x536F556E0002
_SQLITE_TYPES: dict[Kind, str] = {
    "integer": "INTEGER",
    "decimal": "TEXT",
    "text": "TEXT",
    "boolean": "INTEGER",
    "date": "TEXT",
    "moment": "TEXT",
}
_POSTGRES_TYPES: dict[Kind, str] = {
    "integer": "BIGINT",
    "decimal": "NUMERIC",
    "text": "TEXT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "moment": "TIMESTAMPTZ",
}


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column of a report table. `precision` and `scale` are for decimals."""

    name: str
    kind: Kind
    precision: int = 38
    scale: int = 6


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A report table as it should stand in the store. `indexes` are lists of columns; `company` is put before each."""

    name: str
    columns: tuple[ReportColumn, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *(column.name for column in self.columns)):
            if not _NAME.fullmatch(name):
                raise StoreError(f"«{name}» cannot be the name of a report table or column.", remedy="Rename it.")


def qualified(tx: Transaction, name: str) -> str:
    """The table's name in SQL."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"«{name}» is no report table.", remedy="Use a name that stands in `published`.")
    return f'reports."{name}"' if tx.is_postgres else f'"{name}"'


def exists(tx: Transaction, name: str) -> bool:
    return inspect(tx.connection).has_table(name, schema=tx.tables.reports_schema)


def ensure(tx: Transaction, table: ReportTable) -> bool:
    """Make the table, or add the columns that it lacks; true when it is new (its indexes are then made at the end)."""
    inspector = inspect(tx.connection)
    types = _POSTGRES_TYPES if tx.is_postgres else _SQLITE_TYPES
    if tx.is_postgres and not exists(tx, table.name):
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _DDL_LOCK})
        inspector.clear_cache()

    def declared(column: ReportColumn) -> str:
        kind = types[column.kind]
        size = f"({column.precision},{column.scale})" if kind == "NUMERIC" else ""
        return f'"{column.name}" {kind}{size}'

    if not inspector.has_table(table.name, schema=tx.tables.reports_schema):
        columns = ", ".join(["company TEXT NOT NULL", *(declared(column) for column in table.columns)])
        tx.connection.exec_driver_sql(f"CREATE TABLE {qualified(tx, table.name)} ({columns})")
        return True
    there = {c["name"] for c in inspector.get_columns(table.name, schema=tx.tables.reports_schema)}
    if "company" not in there:
        raise StoreError(
            f"The store has a table «{table.name}» that is no report of ours.",
            remedy="Give this product a database of its own.",
        )
    for column in table.columns:
        if column.name not in there:
            tx.connection.exec_driver_sql(f"ALTER TABLE {qualified(tx, table.name)} ADD COLUMN {declared(column)}")
    return False


def ensure_indexes(tx: Transaction, table: ReportTable) -> None:
    """Make the indexes that are missing."""
    for columns in dict.fromkeys(table.indexes):
        name = "_".join(("ix", table.name, *columns))[:60]
        listed = ", ".join(f'"{column}"' for column in ("company", *columns))
        tx.connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {name} ON {qualified(tx, table.name)} ({listed})")
