"""Loading judged records into the raw tables: stage, compare, then delete and insert in one transaction.

Tables have no primary key, which would cost many times as much; that a key stands once is seen to in the stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import numpy as np

from sounimicro_pipelines.records import Column, EntitySpec
from sounimicro_pipelines.warehouse.digests import Digests, Keys
from sounimicro_pipelines.warehouse.salvage import salvaged
from sounimicro_pipelines.warehouse.schema import (
    DELETED,
    TYPES,
    FeedState,
    child_columns,
    deleted_column,
    head_columns,
    key_column,
    literal,
    quoted,
    stamp_columns,
    table_name,
    write_feed,
)
from sounimicro_pipelines.warehouse.sift import Chunk, Quarantined
from sounimicro_pipelines.warehouse.validate import Validator

ROW_GROUP = 122_880
"""Records in one load when there are that many: less goes through DuckDB's log and is written twice."""
EMPTY_LISTING_FLOOR = 3
"""A full listing may come back empty where at most this many rows live, without being doubted."""
_UNREADABLE = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)
_READ_BYTES = 2 * 1024 * 1024
"""DuckDB takes twice this for each file it reads at once; a longer record needs more."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a listing ended: what belongs into the transaction of its last rows.

    `present` are all keys of a full listing, None when it was none or when keys were unreadable; `removed` are keys
    that the vendor reports as deleted.
    """

    feed: FeedState
    is_full: bool
    is_empty: bool
    message: str = ""
    present: Keys | None = None
    removed: Keys | None = None


@dataclass(slots=True)
class Loaded:
    """What a load did, in records of the entity."""

    changed: int = 0
    deleted: int = 0
    quarantined: int = 0
    refusal: str = ""


def load(
    connection: duckdb.DuckDBPyConnection,
    spec: EntitySpec,
    chunks: Sequence[Chunk],
    *,
    fetched_at: datetime,
    ending: Ending | None = None,
) -> Loaded:
    """Loads chunks in one transaction; with an `ending` also what was deleted and the feed's state.

    `fetched_at` (UTC without zone) is the same for all loads of a run. Removes the chunks' stage files.
    """
    loaded = Loaded()
    quarantined = [record for chunk in chunks for record in chunk.quarantined]
    filled = [chunk for chunk in chunks if chunk.file is not None]
    if filled:
        try:
            _stage(connection, spec, filled)
        except _UNREADABLE:
            filled, refused = salvaged(filled, Validator(spec), lambda chunk: _loads(connection, spec, chunk))
            quarantined += refused
            if filled:
                _stage(connection, spec, filled)
    with _transaction(connection):
        if filled:
            _pick(connection, spec, filled, fetched_at)
            loaded.changed = _replace(connection, spec, fetched_at)
            _forgive(connection, spec)
        loaded.quarantined = _quarantine(connection, spec, quarantined, fetched_at)
        if ending is not None:
            _end(connection, spec, ending, fetched_at, loaded)
    for chunk in chunks:
        if chunk.is_stage and chunk.file is not None:
            chunk.file.unlink(missing_ok=True)
    connection.execute("DROP TABLE IF EXISTS _stage")
    return loaded


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        try:
            connection.execute("ROLLBACK")
        except duckdb.Error:
            connection.close()
        raise


def _json_type(column: Column) -> str:
    return "TIMESTAMPTZ" if column.kind == "datetime" else TYPES[column.kind]


def json_columns(spec: EntitySpec) -> str:
    """The `columns` argument of read_json: only what the raw tables keep, under the vendor's names."""
    parts = [f"{literal(column.name)}: {literal(_json_type(column))}" for column in spec.columns]
    for child in spec.children:
        fields = ", ".join(f"{quoted(column.name)} {_json_type(column)}" for column in child.columns)
        parts.append(f"{literal(child.path)}: {literal(f'STRUCT({fields})[]')}")
    return "{" + ", ".join(parts) + "}"


def _stage(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunks: Sequence[Chunk]) -> None:
    names = [f"{_typed(quoted(c.name), c)} AS {quoted(c.raw_name)}" for c in spec.columns]
    names += [f"{quoted(child.path)} AS _child_{place}" for place, child in enumerate(spec.children)]
    files = ", ".join(literal(str(chunk.file)) for chunk in chunks)
    longest = max(_READ_BYTES, *(2 * chunk.longest for chunk in chunks))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _stage AS SELECT {', '.join(names)} FROM read_json([{files}],"
        f" format = 'newline_delimited', columns = {json_columns(spec)}, maximum_object_size = {longest})"
    )


def _loads(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunk: Chunk) -> bool:
    try:
        _stage(connection, spec, [chunk])
    except _UNREADABLE:
        return False
    return True


def _typed(expression: str, column: Column) -> str:
    return f"{expression}::TIMESTAMP" if column.kind == "datetime" else expression


def _pick(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunks: Sequence[Chunk], fetched_at: datetime
) -> None:
    """Chooses the staged records that shall replace what the table has: changed ones, each key once, the newest."""
    keys = np.concatenate([chunk.keys for chunk in chunks])
    digests = Digests.joined([chunk.digests for chunk in chunks])
    key, table = quoted(key_column(spec).raw_name), table_name(spec.table)
    lines = {"n": np.arange(len(keys)), "k": keys, "high": digests.high, "low": digests.low}  # noqa: F841 - read by name
    found = connection.execute(
        f"SELECT count(*) FILTER (s.{key} = l.k), (SELECT count(*) FROM _stage) FROM _stage s"
        " JOIN lines l ON l.n = s.rowid"
    ).fetchone()
    if found != (len(keys), len(keys)):
        raise RuntimeError(f"{spec.entity}: the staged records are not those that were judged")
    stamps = stamp_columns(spec)
    newest = f"coalesce({', '.join(f's.{quoted(name)}' for name in stamps)})" if stamps else "NULL"
    stored = f"coalesce({', '.join(f't.{quoted(name)}' for name in stamps)})" if stamps else "NULL"
    once = ""
    if len(np.unique(keys)) < len(keys):
        once = f"QUALIFY row_number() OVER (PARTITION BY l.k ORDER BY {newest} DESC NULLS LAST, l.n DESC) = 1"
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _pick AS
        WITH newest AS (
            SELECT l.n, l.k, l.high::UHUGEINT * 18446744073709551616 + l.low AS digest, {newest} AS stamp
            FROM _stage s JOIN lines l ON l.n = s.rowid {once}
        )
        SELECT n, k, digest FROM newest LEFT JOIN {table} t ON t.{key} = k
        WHERE t.{key} IS NULL OR (
            t._digest IS DISTINCT FROM digest AND NOT (t._fetched_at = ? AND coalesce({stored} > stamp, false))
        )
        """,
        [fetched_at],
    )


def _replace(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, fetched_at: datetime) -> int:
    key, table = quoted(key_column(spec).raw_name), table_name(spec.table)
    changed = _count(connection, "SELECT count(*) FROM _pick")
    if not changed:
        return 0
    columns = [name for name, _ in head_columns(spec)]
    mark = f"coalesce(s.{quoted(DELETED)}, false)" if deleted_column(spec) else "false"
    order = {c.raw_name: f"s.{quoted(c.raw_name)}" for c in spec.columns}
    order |= {DELETED: mark, "_fetched_at": "?", "_digest": "p.digest"}
    connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT k FROM _pick)")
    connection.execute(
        f"INSERT INTO {table} ({', '.join(map(quoted, columns))})"
        f" SELECT {', '.join(order[name] for name in columns)} FROM _stage s JOIN _pick p ON p.n = s.rowid",
        [fetched_at],
    )
    for place in range(len(spec.children)):
        _replace_children(connection, spec, place, fetched_at)
    return changed


def _replace_children(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, place: int, fetched_at: datetime
) -> None:
    child = spec.children[place]
    table, parent = table_name(child.table), quoted(child.parent_column)
    child_key = quoted(key_column(child).raw_name)
    columns = [name for name, _ in child_columns(child)]
    order = {c.raw_name: _typed(f"c.{quoted(c.name)}", c) for c in child.columns}
    order |= {
        child.parent_column: "k",
        DELETED: f"coalesce(c.{quoted(DELETED)}, false)" if deleted_column(child) else "false",
        "_fetched_at": "?",
    }
    select = ", ".join(f"{order[name]} AS {quoted(name)}" for name in columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _child AS SELECT {select} FROM (SELECT p.k, p.n, unnest(s._child_{place}) AS c"
        " FROM _stage s JOIN _pick p ON p.n = s.rowid)",
        [fetched_at],
    )
    rows = _count(connection, "SELECT count(*) FROM _child")
    distinct = _count(connection, f"SELECT count(DISTINCT {child_key}) FROM _child")
    if distinct < rows:
        connection.execute(
            f"DELETE FROM _child WHERE rowid NOT IN (SELECT max(rowid) FROM _child GROUP BY {child_key})"
        )
    connection.execute(f"DELETE FROM {table} WHERE {parent} IN (SELECT k FROM _pick)")
    connection.execute(f"DELETE FROM {table} WHERE {child_key} IN (SELECT {child_key} FROM _child)")
    connection.execute(f"INSERT INTO {table} ({', '.join(map(quoted, columns))}) SELECT * FROM _child")
    connection.execute("DROP TABLE _child")


def _forgive(connection: duckdb.DuckDBPyConnection, spec: EntitySpec) -> None:
    connection.execute("DELETE FROM raw._quarantine WHERE entity = ? AND key IN (SELECT k FROM _pick)", [spec.entity])


def _quarantine(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, refused: Sequence[Quarantined], fetched_at: datetime
) -> int:
    for record in refused:
        text = record.record.decode("utf-8", "replace")
        if record.key is None:
            connection.execute("DELETE FROM raw._quarantine WHERE entity = ? AND record = ?", [spec.entity, text])
        else:
            connection.execute("DELETE FROM raw._quarantine WHERE entity = ? AND key = ?", [spec.entity, record.key])
        connection.execute(
            "INSERT INTO raw._quarantine VALUES (?, ?, ?, ?, ?)",
            [spec.entity, record.key, record.reason, fetched_at, text],
        )
    return len(refused)


def _end(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, ending: Ending, fetched_at: datetime, loaded: Loaded
) -> None:
    table, key = table_name(spec.table), quoted(key_column(spec).raw_name)
    feed, message, state = ending.feed, ending.message, "ok"
    live = _count(connection, f"SELECT count(*) FROM {table} WHERE {quoted(DELETED)} IS NOT TRUE")
    if ending.is_full and ending.is_empty and live > EMPTY_LISTING_FLOOR and feed.empty_at is None:
        state = "failed"
        message = loaded.refusal = (
            f"{spec.entity}: the full listing came back empty although {live} records are known; they are kept."
            " If the next full listing is empty too, they are marked as deleted."
        )
        old = connection.execute(
            "SELECT watermark, full_at FROM raw._feed WHERE table_name = ?", [spec.table]
        ).fetchone() or (None, None)
        feed = FeedState(old[0], old[1], fetched_at)
    elif ending.is_full:
        feed = replace(feed, empty_at=None)
        if ending.present is not None:
            present = {"k": ending.present}  # noqa: F841 - read by name
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE _gone AS SELECT {key} AS k FROM {table}"
                f" WHERE {quoted(DELETED)} IS NOT TRUE AND {key} NOT IN (SELECT k FROM present)"
            )
            loaded.deleted += _mark_deleted(connection, spec, fetched_at)
        connection.execute("DELETE FROM raw._quarantine WHERE entity = ? AND fetched_at < ?", [spec.entity, fetched_at])
    if ending.removed is not None and len(ending.removed):
        removed = {"k": ending.removed}  # noqa: F841 - read by name
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE _gone AS SELECT {key} AS k FROM {table}"
            f" WHERE {quoted(DELETED)} IS NOT TRUE AND {key} IN (SELECT k FROM removed)"
        )
        loaded.deleted += _mark_deleted(connection, spec, fetched_at)
    write_feed(connection, spec, state=state, message=message, feed=feed, fetched_at=fetched_at)


def _mark_deleted(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, fetched_at: datetime) -> int:
    """Marks the records of _gone and their children; without a digest, so that one that comes back is loaded again."""
    gone = _count(connection, "SELECT count(*) FROM _gone")
    if gone:
        connection.execute(
            f"UPDATE {table_name(spec.table)} SET {quoted(DELETED)} = true, _digest = NULL, _fetched_at = ?"
            f" WHERE {quoted(key_column(spec).raw_name)} IN (SELECT k FROM _gone)",
            [fetched_at],
        )
        for child in spec.children:
            connection.execute(
                f"UPDATE {table_name(child.table)} SET {quoted(DELETED)} = true, _fetched_at = ?"
                f" WHERE {quoted(DELETED)} IS NOT TRUE AND {quoted(child.parent_column)} IN (SELECT k FROM _gone)",
                [fetched_at],
            )
    connection.execute("DROP TABLE _gone")
    return gone


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0
