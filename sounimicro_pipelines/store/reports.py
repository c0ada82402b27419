"""The published report tables: made from their columns, written a group at a time, read by the panels.

A report table carries `company` (the alias) first and has the mart's columns after it. On SQLite decimals are text
(`-1234.50`), dates `YYYY-MM-DD`, booleans 0/1 and moments UTC ISO with `Z`; on Postgres they have native types and live
in schema `reports`. Readers get Decimal, date, bool and datetime whichever it is.
"""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import delete, inspect, select, text, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import StoreError
from sounimicro_pipelines.store.rows import build, upsert

Kind = Literal["integer", "decimal", "text", "boolean", "date", "moment"]

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,59}")
_BUILDS = "builds of tables"
"""Where it stands, beside the groups of tables, which build is published; no table can be called that."""
_CLAIM = "claim of a publish"
"""Where it stands which publish writes a company's first version; no table can be called that either."""
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


@dataclass(frozen=True, slots=True)
class Published:
    """Which version of a report table stands for a company; see `tables.published`."""

    company: str
    table_name: str
    fetched_at: datetime
    erp_as_of: date
    rows: int
    run_id: str
    ties_out: bool | None
    finding: str | None


@dataclass(frozen=True, slots=True)
class PublishedBuild:
    """A build of a company's reports as it was published: its number, and the shape in which its rows were compared."""

    shape: str
    build: int


@dataclass(frozen=True, slots=True)
class GroupCondition:
    """Which rows belong to a group: columns and values. None means null, a pair means from (incl.) to (excl.)."""

    columns: tuple[str, ...]
    values: tuple[Any, ...]


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


def delete_company(tx: Transaction, name: str, company: str) -> None:
    """Remove all rows of a company."""
    tx.execute(text(f"DELETE FROM {qualified(tx, name)} WHERE company = :company"), {"company": company})  # noqa: S608


def delete_some(tx: Transaction, name: str, company: str, most: int) -> int:
    """Remove so many rows of a company, and groups of them, at most; answers how many. SQLite only."""
    groups = f"DELETE FROM {_groups(tx)} WHERE rowid IN (SELECT rowid FROM {_groups(tx)}"  # noqa: S608 - our own name
    done = _driver(tx).execute(f"{groups} WHERE company = ? AND table_name = ? LIMIT ?)", (company, name, most))
    rows = f"DELETE FROM {qualified(tx, name)} WHERE rowid IN (SELECT rowid FROM {qualified(tx, name)}"  # noqa: S608
    also = _driver(tx).execute(f"{rows} WHERE company = ? LIMIT ?)", (company, most))
    return int(done.rowcount) + int(also.rowcount)


def delete_groups(tx: Transaction, name: str, company: str, groups: Iterable[GroupCondition]) -> None:
    """Remove the rows of some groups of a company."""
    mark = "%s" if tx.is_postgres else "?"
    batches: dict[str, list[tuple[Any, ...]]] = {}
    for group in groups:
        conditions: list[str] = [f"company = {mark}"]
        values: list[Any] = [company]
        for column, value in zip(group.columns, group.values, strict=True):
            if value is None:
                conditions.append(f'"{column}" IS NULL')
            elif isinstance(value, tuple):
                conditions.append(f'"{column}" >= {mark} AND "{column}" < {mark}')
                values.extend(value)
            else:
                conditions.append(f'"{column}" = {mark}')
                values.append(value)
        batches.setdefault(" AND ".join(conditions), []).append(tuple(values))
    for condition, parameters in batches.items():
        _many(tx, f"DELETE FROM {qualified(tx, name)} WHERE {condition}", parameters)  # noqa: S608 - names are checked


def insert_tuples(tx: Transaction, table: ReportTable, rows: Iterator[tuple[Any, ...]]) -> int:
    """Insert rows (company first, values as SQLite keeps them), streaming; answers how many. SQLite only."""
    marks = ", ".join("?" for _ in range(len(table.columns) + 1))
    cursor = _driver(tx).cursor()
    cursor.executemany(
        f"INSERT INTO {qualified(tx, table.name)} ({_names(table)}) VALUES ({marks})",  # noqa: S608
        rows,
    )
    count = int(cursor.rowcount)
    cursor.close()
    return max(count, 0)


def copy_lines(tx: Transaction, table: ReportTable, lines: Iterator[str]) -> int:
    """Insert lines of Postgres' COPY text format (company first), streaming; answers how many. Postgres only."""
    cursor = _driver(tx).cursor()
    cursor.copy_expert(f"COPY {qualified(tx, table.name)} ({_names(table)}) FROM STDIN", _Lines(lines))
    count = int(cursor.rowcount)
    cursor.close()
    return count


def digests(tx: Transaction, company: str, table_name: str, keys: Sequence[str] | None = None) -> dict[str, str]:
    """Group → digest, as last published: of the groups named, or of all."""
    table = tx.tables.report_groups
    statement = select(table.c.group_key, table.c.digest).where(
        table.c.company == company, table.c.table_name == table_name
    )
    if keys is None:
        return {row.group_key: row.digest for row in tx.execute(statement)}
    among = "group_key = ANY(%s)" if tx.is_postgres else "group_key IN (SELECT value FROM json_each(?))"
    mark = "%s" if tx.is_postgres else "?"
    cursor = _driver(tx).cursor()  # thousands of keys: the driver's own rows take half the time
    cursor.execute(
        f"SELECT group_key, digest FROM {_groups(tx)} WHERE company = {mark} AND table_name = {mark} AND {among}",  # noqa: S608
        (company, table_name, [*keys] if tx.is_postgres else json.dumps([*keys])),
    )
    found = dict(cursor.fetchall())
    cursor.close()
    return found


def set_digests(tx: Transaction, company: str, table_name: str, changed: Mapping[str, tuple[str, int]]) -> None:
    """Note the digest and row count of groups that were written."""
    mark = "%s" if tx.is_postgres else "?"
    _many(
        tx,
        f"INSERT INTO {_groups(tx)} (company, table_name, group_key, digest, rows) "  # noqa: S608 - our own name
        f"VALUES ({mark}, {mark}, {mark}, {mark}, {mark}) ON CONFLICT (company, table_name, group_key) "
        "DO UPDATE SET digest = excluded.digest, rows = excluded.rows",
        [(company, table_name, key, digest, rows) for key, (digest, rows) in changed.items()],
    )


def drop_digests(tx: Transaction, company: str, table_name: str, keys: Sequence[str] | None = None) -> None:
    """Forget groups: those named, or all of the company's."""
    table = tx.tables.report_groups
    statement = delete(table).where(table.c.company == company, table.c.table_name == table_name)
    if keys is None:
        tx.execute(statement)
        return
    for start in range(0, len(keys), 500):
        tx.execute(statement.where(table.c.group_key.in_(keys[start : start + 500])))


def published_build(tx: Transaction, company: str, table_name: str) -> PublishedBuild | None:
    """Which build of the reports stands in a table for a company; None when that was never said."""
    said = digests(tx, company, _BUILDS, [table_name]).get(table_name, "")
    shape, _, build = said.partition(" ")
    return PublishedBuild(shape, int(build)) if build else None


def set_published_builds(tx: Transaction, company: str, builds: Mapping[str, PublishedBuild]) -> None:
    """Say which build stands in each table; of the company's other tables nothing is known from now on."""
    drop_digests(tx, company, _BUILDS)
    set_digests(tx, company, _BUILDS, {name: (f"{one.shape} {one.build}", 0) for name, one in builds.items()})


def claim(tx: Transaction, company: str) -> str:
    """The publish that writes the company's first version, or wrote it last; empty when there was none."""
    return digests(tx, company, _CLAIM, [_CLAIM]).get(_CLAIM, "")


def set_claim(tx: Transaction, company: str, said: str) -> None:
    """Let one publish write the company's first version, and whoever did so before know that it is not theirs now."""
    set_digests(tx, company, _CLAIM, {_CLAIM: (said, 0)})


def hold_company(tx: Transaction, company: str) -> None:
    """Let one publisher at a time write a company's figures, until the transaction ends."""
    if tx.is_postgres:
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"sounimicro publish {company}"})


def set_published(tx: Transaction, entry: Published) -> None:
    """Say which version stands now."""
    upsert(
        tx,
        tx.tables.published,
        {
            "company": entry.company,
            "table_name": entry.table_name,
            "fetched_at": entry.fetched_at,
            "erp_as_of": entry.erp_as_of,
            "rows": entry.rows,
            "run_id": entry.run_id,
            "ties_out": entry.ties_out,
            "finding": entry.finding,
        },
        keys=["company", "table_name"],
    )


def mark_untied(tx: Transaction, company: str, finding: str) -> None:
    """Say of every table of a company that stands that it does not tie out, and why; the next publish says anew."""
    table = tx.tables.published
    tx.execute(update(table).where(table.c.company == company).values(ties_out=False, finding=finding))


def published(tx: Transaction, company: str) -> dict[str, Published]:
    """Table → the version that stands for a company."""
    table = tx.tables.published
    rows = tx.rows(select(table).where(table.c.company == company))
    return {row.table_name: build(Published, row) for row in rows}


def standing(tx: Transaction, company: str) -> tuple[Any, ...] | None:
    """What changes whenever a company's figures do: all its tables are published in one transaction."""
    mark = "%s" if tx.is_postgres else "?"
    row = tx.connection.exec_driver_sql(
        f"SELECT run_id, fetched_at, erp_as_of, ties_out, finding FROM {qualified(tx, 'published')}"  # noqa: S608
        f" WHERE company = {mark} AND table_name = 'party'",
        (company,),
    ).first()
    return tuple(row) if row is not None else None


def digests_of_party(
    tx: Transaction, company: str, role: str, party_id: int, tables: Iterable[str]
) -> dict[str, str | None]:
    """Table → digest of the party's rows, of tables with `role` and `party_id` in their key; None for no rows."""
    found: dict[str, str | None] = dict.fromkeys(tables)
    if found:
        mark = "%s" if tx.is_postgres else "?"
        rows = tx.connection.exec_driver_sql(
            f"SELECT table_name, digest FROM {_groups(tx)} WHERE company = {mark} AND group_key = {mark}"  # noqa: S608
            f" AND table_name IN ({', '.join(mark for _ in found)})",
            (company, f'["{role}",{int(party_id)}]', *found),
        )
        found.update((str(table), str(digest)) for table, digest in rows)
    return found


def read_rows(
    tx: Transaction,
    name: str,
    where: Mapping[str, Any],
    *,
    order: str = "",
    limit: int | None = None,
    aside: bool = False,
) -> list[dict[str, Any]]:
    """Rows of a report table whose columns have these values (all rows when none is named).

    `order` is SQL of our own, never a visitor's. What is read `aside` is not noted in the transaction's `asked`.
    """
    if not aside:
        tx.asked.append((name, where))
    mark = "%s" if tx.is_postgres else "?"
    conditions = " AND ".join(f'"{column}" = {mark}' for column in where) or "1 = 1"
    statement = f"SELECT * FROM {qualified(tx, name)} WHERE {conditions}"  # noqa: S608 - names are ours, values are bound
    if order:
        statement += f" ORDER BY {order}"
    if limit is not None:
        statement += f" LIMIT {int(limit)}"
    result = tx.connection.exec_driver_sql(statement, tuple(where.values()))
    columns = tuple(result.keys())
    rows = result.cursor.fetchall() if result.cursor is not None else ()  # of the driver's own: half the time
    result.close()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def published_companies(tx: Transaction) -> list[str]:
    """Aliases of companies that have figures."""
    table = tx.tables.published
    return [row.company for row in tx.rows(select(table.c.company).distinct().order_by(table.c.company))]


def forget_company(tx: Transaction, company: str) -> None:
    """Remove everything published for a company."""
    for name in published(tx, company):
        if exists(tx, name):
            delete_company(tx, name, company)
    tx.execute(delete(tx.tables.report_groups).where(tx.tables.report_groups.c.company == company))
    tx.execute(delete(tx.tables.published).where(tx.tables.published.c.company == company))


def as_decimal(value: Any) -> Decimal | None:
    """A decimal column's value."""
    return None if value is None else value if isinstance(value, Decimal) else Decimal(str(value))


def as_date(value: Any) -> date | None:
    """A date column's value."""
    return None if value is None else value if isinstance(value, date) else date.fromisoformat(value)


def as_moment(value: Any) -> datetime | None:
    """A moment column's value, aware."""
    return None if value is None else value if isinstance(value, datetime) else datetime.fromisoformat(value)


def as_bool(value: Any) -> bool | None:
    """A boolean column's value."""
    return None if value is None else bool(value)


class _Lines(io.TextIOBase):
    """A readable file over an iterator of lines (each with its line end)."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = ""

    def read(self, size: int | None = -1) -> str:
        wanted = 65536 if size is None or size < 0 else size
        parts, length = [self._rest], len(self._rest)
        while length < wanted:
            line = next(self._lines, None)
            if line is None:
                break
            parts.append(line)
            length += len(line)
        whole = "".join(parts)
        self._rest = whole[wanted:]
        return whole[:wanted]


def _names(table: ReportTable) -> str:
    return ", ".join(f'"{name}"' for name in ("company", *(column.name for column in table.columns)))


def _groups(tx: Transaction) -> str:
    schema = tx.tables.sync_schema
    return f"{schema}.report_groups" if schema else f"{tx.tables.prefix}report_groups"


def _driver(tx: Transaction) -> Any:
    connection = tx.connection.connection.driver_connection
    if connection is None:
        raise StoreError("The connection to the store was closed.", remedy="Try again.")
    return connection


def _many(tx: Transaction, statement: str, parameters: list[tuple[Any, ...]]) -> None:
    if not parameters:
        return
    cursor = _driver(tx).cursor()
    if tx.is_postgres:
        importlib.import_module("psycopg2.extras").execute_batch(cursor, statement, parameters, page_size=500)
    else:
        cursor.executemany(statement, parameters)
    cursor.close()
