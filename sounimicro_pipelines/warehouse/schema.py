"""The raw tables of a warehouse file, made from the entity specs: their columns, their changes, and the state of feeds.

Everything here runs inside the caller's connection; nothing opens a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from sounimicro_pipelines.records import ChildTable, Column, EntitySpec, Kind
from sounimicro_pipelines.warehouse.connection import NotAWarehouse

TYPES: dict[Kind, str] = {
    "int": "BIGINT",
    "decimal": "DECIMAL(19,6)",
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}
DELETED = "Deleted"

_SYSTEM_TABLES = """
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE IF NOT EXISTS raw._feed (
    entity VARCHAR, table_name VARCHAR, state VARCHAR, message VARCHAR, watermark TIMESTAMP, full_at TIMESTAMP,
    fetched_at TIMESTAMP, rows BIGINT, empty_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS raw._company (
    alias VARCHAR, company_key VARCHAR, name VARCHAR, organization_number VARCHAR
);
CREATE TABLE IF NOT EXISTS raw._quarantine (
    entity VARCHAR, key BIGINT, reason VARCHAR, fetched_at TIMESTAMP, record VARCHAR
);
CREATE TABLE IF NOT EXISTS raw._schema (table_name VARCHAR, signature VARCHAR);
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """The company (or CRM tenant) that a warehouse file belongs to."""

    alias: str
    company_key: str
    name: str = ""
    organization_number: str = ""


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the file knows of one feed. Times are UTC without zone, as DuckDB keeps them.

    `empty_at`: when a full listing came back empty although the table has rows, until another one says the same.
    """

    watermark: datetime | None = None
    full_at: datetime | None = None
    empty_at: datetime | None = None


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def table_name(table: str) -> str:
    return f"raw.{quoted(table)}"


def key_column(spec: EntitySpec | ChildTable) -> Column:
    """The column that identifies a record; `key` may name it by the vendor's name or by ours."""
    for column in spec.columns:
        if spec.key in (column.name, column.raw_name):
            return column
    raise ValueError(f"{spec.entity} has no column {spec.key}")


def stamp_columns(spec: EntitySpec) -> list[str]:
    """Names in the raw table of the columns that say when a record was last touched, the strongest first."""
    found = []
    for name in (spec.updated, spec.created):
        for column in spec.columns:
            if name is not None and name in (column.name, column.raw_name) and column.kind == "datetime":
                found.append(column.raw_name)
    return found


def deleted_column(spec: EntitySpec | ChildTable) -> Column | None:
    """The record's own mark of deletion, or None when only our column holds it."""
    for column in spec.columns:
        if column.raw_name == DELETED:
            return column
    return None


def head_columns(spec: EntitySpec) -> list[tuple[str, str]]:
    """Name and type of each column of the entity's raw table."""
    columns = [(column.raw_name, TYPES[column.kind]) for column in spec.columns]
    if deleted_column(spec) is None:
        columns.append((DELETED, "BOOLEAN"))
    return [*columns, ("_fetched_at", "TIMESTAMP"), ("_digest", "UBIGINT"), ("_digest_low", "UBIGINT")]


def child_columns(child: ChildTable) -> list[tuple[str, str]]:
    """Name and type of each column of a child's raw table."""
    columns = [(column.raw_name, TYPES[column.kind]) for column in child.columns]
    if all(name != child.parent_column for name, _ in columns):
        columns.append((child.parent_column, "BIGINT"))
    if deleted_column(child) is None:
        columns.append((DELETED, "BOOLEAN"))
    return [*columns, ("_fetched_at", "TIMESTAMP")]


def signature(spec: EntitySpec) -> str:
    """Changes when what is kept of a record changes, children included."""
    parts: list[object] = [[(c.name, c.raw_name, c.kind) for c in spec.columns], spec.key]
    parts += [
        [child.table, child.path, [(c.name, c.raw_name, c.kind) for c in child.columns]] for child in spec.children
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def prepare(connection: duckdb.DuckDBPyConnection, specs: Sequence[EntitySpec]) -> None:
    """Makes every declared table, and brings older files up to the specs.

    A table whose spec changed gets the new columns and forgets its digests and its last full listing, so that the next
    run lists and loads it anew. Columns that a spec lost stay, without new values.
    """
    connection.execute(_SYSTEM_TABLES)
    known = dict(connection.execute("SELECT table_name, signature FROM raw._schema").fetchall())
    stale = [spec for spec in specs if known.get(spec.table) != signature(spec)]
    if not stale:
        return
    connection.execute("BEGIN")
    try:
        existing = _existing_columns(connection)
        for spec in stale:
            _bring_up(connection, existing, spec.table, head_columns(spec))
            for child in spec.children:
                _bring_up(connection, existing, child.table, child_columns(child))
            if spec.table in known:
                connection.execute(f"UPDATE {table_name(spec.table)} SET _digest = NULL, _digest_low = NULL")
                connection.execute("UPDATE raw._feed SET full_at = NULL WHERE table_name = ?", [spec.table])
            connection.execute("DELETE FROM raw._schema WHERE table_name = ?", [spec.table])
            connection.execute("INSERT INTO raw._schema VALUES (?, ?)", [spec.table, signature(spec)])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def claim(connection: duckdb.DuckDBPyConnection, owner: Owner, path: Path) -> None:
    """Writes whose file this is; to be done before anything else. Raises NotAWarehouse when it is another company's."""
    connection.execute(_SYSTEM_TABLES)
    found = connection.execute("SELECT company_key FROM raw._company").fetchall()
    if found and found[0][0].lower() != owner.company_key.lower():
        raise NotAWarehouse(
            f"The warehouse file {path} holds another company than the one now called «{owner.alias}».",
            remedy="Give the company an alias of its own in SOUNIMICRO_COMPANIES, or move the file away.",
        )
    wanted = (owner.alias, owner.company_key, owner.name, owner.organization_number)
    if connection.execute("SELECT * FROM raw._company").fetchall() != [wanted]:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM raw._company")
        connection.execute("INSERT INTO raw._company VALUES (?, ?, ?, ?)", wanted)
        connection.execute("COMMIT")


def feed_states(connection: duckdb.DuckDBPyConnection) -> dict[str, FeedState]:
    """By table name."""
    rows = connection.execute("SELECT table_name, watermark, full_at, empty_at FROM raw._feed").fetchall()
    return {table: FeedState(watermark, full_at, empty_at) for table, watermark, full_at, empty_at in rows}


def write_feed(
    connection: duckdb.DuckDBPyConnection,
    spec: EntitySpec,
    *,
    state: str,
    message: str,
    feed: FeedState,
    fetched_at: datetime | None,
) -> None:
    """Replaces the feed's row; `fetched_at` None keeps the old one. Part of the caller's transaction."""
    table = table_name(spec.table)
    old = connection.execute("SELECT fetched_at FROM raw._feed WHERE table_name = ?", [spec.table]).fetchone()
    fetched = fetched_at or (old[0] if old else None)
    connection.execute("DELETE FROM raw._feed WHERE table_name = ?", [spec.table])
    connection.execute(
        "INSERT INTO raw._feed SELECT ?, ?, ?, ?, ?, ?, ?,"
        f" (SELECT count(*) FROM {table} WHERE {quoted(DELETED)} IS NOT TRUE), ?",
        [spec.entity, spec.table, state, message, feed.watermark, feed.full_at, fetched, feed.empty_at],
    )


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query answers with."""
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0


def _existing_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'raw'"
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


def _bring_up(
    connection: duckdb.DuckDBPyConnection,
    existing: dict[str, dict[str, str]],
    table: str,
    columns: Iterable[tuple[str, str]],
) -> None:
    name = table_name(table)
    have = existing.get(table)
    if have is None:
        connection.execute(f"CREATE TABLE {name} ({', '.join(_declared(c, kind) for c, kind in columns)})")
        return
    for column, kind in columns:
        if column not in have:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {_declared(column, kind)}")
        elif have[column] != kind:
            cast = f"TRY_CAST({quoted(column)} AS {kind})"
            connection.execute(f"ALTER TABLE {name} ALTER {quoted(column)} SET DATA TYPE {kind} USING {cast}")


def _declared(column: str, kind: str) -> str:
    """A column as it is made. DuckDB is forty times as slow at unpacking 128-bit decimals as at reading them plain."""
    return f"{quoted(column)} {kind}{' USING COMPRESSION uncompressed' if kind.startswith('DECIMAL') else ''}"
