"""The careful way of loading: through a staging table, for pieces in which a key stands twice or was loaded before.

Of a record that is seen twice in a run the newest stands, by its own stamps; among equals the one seen last.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import numpy as np

from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.digests import Digests, each_once
from sounimicro_pipelines.warehouse.reading import UNREADABLE, child_values, head_values, records, scalar
from sounimicro_pipelines.warehouse.salvage import salvaged
from sounimicro_pipelines.warehouse.schema import (
    child_columns,
    count,
    head_columns,
    key_column,
    quoted,
    stamp_columns,
    table_name,
)
from sounimicro_pipelines.warehouse.sift import Chunk, Quarantined
from sounimicro_pipelines.warehouse.validate import Validator


def stage(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunks: Sequence[Chunk]
) -> tuple[list[Chunk], list[Quarantined]]:
    """Reads the chunks into `_stage`, in their order; what is in there, and what the database could not read."""
    refused: list[Quarantined] = []
    try:
        _read(connection, spec, chunks)
    except UNREADABLE:
        chunks, refused = salvaged(chunks, Validator(spec), lambda chunk: _reads(connection, spec, chunk))
        if chunks:
            _read(connection, spec, chunks)
    return list(chunks), refused


def load_staged(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunks: Sequence[Chunk], fetched_at: datetime
) -> int:
    """Replaces what changed by `_stage`, inside the caller's transaction; how many records.

    Leaves their keys in `_pick`.
    """
    _pick(connection, spec, chunks, fetched_at)
    changed = count(connection, "SELECT count(*) FROM _pick")
    if changed:
        key, table = quoted(key_column(spec).raw_name), table_name(spec.table)
        values = {column.raw_name: f"s.{quoted(column.raw_name)}" for column in spec.columns}
        connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT k FROM _pick)")
        connection.execute(
            f"INSERT INTO {table} ({', '.join(quoted(name) for name, _ in head_columns(spec))})"
            f" SELECT {head_values(spec, values, 'p')} FROM _stage s JOIN _pick p ON p.n = s.rowid",
            [fetched_at],
        )
        for place in range(len(spec.children)):
            _replace_children(connection, spec, place, fetched_at)
    connection.execute("DROP TABLE _stage")
    return changed


def _read(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunks: Sequence[Chunk]) -> None:
    names = [f"{scalar(column, 'r')} AS {quoted(column.raw_name)}" for column in spec.columns]
    names += [f"r.{quoted(child.path)} AS _child_{place}" for place, child in enumerate(spec.children)]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _stage AS SELECT {', '.join(names)}"
        f" FROM {records(chunks, spec, scalars=True, children=spec.children)} r"
    )


def _reads(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunk: Chunk) -> bool:
    try:
        _read(connection, spec, [chunk])
    except UNREADABLE:
        return False
    return True


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
    if not each_once(keys):
        once = f"QUALIFY row_number() OVER (PARTITION BY l.k ORDER BY {newest} DESC NULLS LAST, l.n DESC) = 1"
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _pick AS
        WITH newest AS (
            SELECT l.n, l.k, l.high, l.low, {newest} AS stamp
            FROM _stage s JOIN lines l ON l.n = s.rowid {once}
        )
        SELECT n, k, high, low FROM newest LEFT JOIN {table} t ON t.{key} = k
        WHERE t.{key} IS NULL OR (
            (t._digest IS DISTINCT FROM high OR t._digest_low IS DISTINCT FROM low)
            AND NOT (t._fetched_at = ? AND coalesce({stored} > stamp, false))
        )
        """,
        [fetched_at],
    )


def _replace_children(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, place: int, fetched_at: datetime
) -> None:
    child = spec.children[place]
    table, parent = table_name(child.table), quoted(child.parent_column)
    child_key = quoted(key_column(child).raw_name)
    columns = [name for name, _ in child_columns(child)]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _child AS SELECT {child_values(child, 'c', 'k')}"
        f" FROM (SELECT p.k, unnest(s._child_{place}) AS c FROM _stage s JOIN _pick p ON p.n = s.rowid)",
        [fetched_at],
    )
    rows = count(connection, "SELECT count(*) FROM _child")
    distinct = count(connection, f"SELECT count(DISTINCT {child_key}) FROM _child")
    if distinct < rows:
        connection.execute(
            f"DELETE FROM _child WHERE rowid NOT IN (SELECT max(rowid) FROM _child GROUP BY {child_key})"
        )
    connection.execute(f"DELETE FROM {table} WHERE {parent} IN (SELECT k FROM _pick)")
    connection.execute(f"DELETE FROM {table} WHERE {child_key} IN (SELECT {child_key} FROM _child)")
    connection.execute(f"INSERT INTO {table} ({', '.join(map(quoted, columns))}) SELECT * FROM _child")
    connection.execute("DROP TABLE _child")
