"""Loading judged records into the raw tables: what changed is deleted and inserted, digests and all, in a transaction.

Tables have no primary key, which would cost many times as much; that a key stands once is seen to before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.digests import Keys
from sounimicro_pipelines.warehouse.direct import NotDirect, load_directly
from sounimicro_pipelines.warehouse.reading import UNREADABLE
from sounimicro_pipelines.warehouse.schema import (
    DELETED,
    FeedState,
    count,
    key_column,
    quoted,
    table_name,
    write_feed,
)
from sounimicro_pipelines.warehouse.sift import Chunk, Quarantined
from sounimicro_pipelines.warehouse.staged import load_staged, stage

ROW_GROUP = 122_880
"""Records in one load when there are that many: less goes through DuckDB's log and is written twice."""
LEAST_LOAD = ROW_GROUP // 2
"""Enough for a load when none is under way: it costs 3 % more CPU, and idle hands cost more."""
_WIDE_MEMORY_LIMIT = "2GB"
"""For the rare piece of very wide records that does not fit into the usual limit."""
EMPTY_LISTING_FLOOR = 3
"""A full listing may come back empty where at most this many rows live, without being doubted."""


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
    try:
        return _load(connection, spec, chunks, fetched_at, ending)
    except duckdb.OutOfMemoryException:
        connection.execute(f"SET memory_limit = '{_WIDE_MEMORY_LIMIT}'")
        return _load(connection, spec, chunks, fetched_at, ending)


def _load(
    connection: duckdb.DuckDBPyConnection,
    spec: EntitySpec,
    chunks: Sequence[Chunk],
    fetched_at: datetime,
    ending: Ending | None,
) -> Loaded:
    loaded = Loaded()
    refused = [record for chunk in chunks for record in chunk.quarantined]
    filled = [chunk for chunk in chunks if chunk.file is not None]
    try:
        with _transaction(connection):
            if filled:
                loaded.changed = load_directly(connection, spec, filled, fetched_at)
            _end(connection, spec, refused, ending, fetched_at, loaded)
    except (NotDirect, *UNREADABLE):
        loaded = Loaded()
        staged, unreadable = stage(connection, spec, filled)
        with _transaction(connection):
            if staged:
                loaded.changed = load_staged(connection, spec, staged, fetched_at)
            _end(connection, spec, [*refused, *unreadable], ending, fetched_at, loaded)
        filled = staged
    for chunk in filled:
        if chunk.is_stage and chunk.file is not None:
            chunk.file.unlink(missing_ok=True)
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


def _end(
    connection: duckdb.DuckDBPyConnection,
    spec: EntitySpec,
    refused: Sequence[Quarantined],
    ending: Ending | None,
    fetched_at: datetime,
    loaded: Loaded,
) -> None:
    if loaded.changed:
        connection.execute(
            "DELETE FROM raw._quarantine WHERE entity = ? AND key IN (SELECT k FROM _pick)", [spec.entity]
        )
    loaded.quarantined = _quarantine(connection, spec, refused, fetched_at)
    if ending is not None:
        _close(connection, spec, ending, fetched_at, loaded)


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


def _close(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, ending: Ending, fetched_at: datetime, loaded: Loaded
) -> None:
    table, key = table_name(spec.table), quoted(key_column(spec).raw_name)
    feed, message, state = ending.feed, ending.message, "ok"
    live = count(connection, f"SELECT count(*) FROM {table} WHERE {quoted(DELETED)} IS NOT TRUE")
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
    gone = count(connection, "SELECT count(*) FROM _gone")
    if gone:
        connection.execute(
            f"UPDATE {table_name(spec.table)}"
            f" SET {quoted(DELETED)} = true, _digest = NULL, _digest_low = NULL, _fetched_at = ?"
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
