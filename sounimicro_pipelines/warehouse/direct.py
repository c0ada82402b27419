"""The fast way of loading: straight from the landed files into the raw tables, parsed once for each table.

It serves pieces in which every key stands once, every record is to be loaded, and nothing was loaded before in this
run; `staged.py` serves the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import numpy as np

from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.digests import Digests, Keys, each_once
from sounimicro_pipelines.warehouse.reading import child_values, head_values, records, scalar
from sounimicro_pipelines.warehouse.schema import (
    child_columns,
    count,
    head_columns,
    key_column,
    quoted,
    table_name,
)
from sounimicro_pipelines.warehouse.sift import Chunk


class NotDirect(Exception):
    """The piece must be staged; nothing has been changed."""


def load_directly(
    connection: duckdb.DuckDBPyConnection, spec: EntitySpec, chunks: Sequence[Chunk], fetched_at: datetime
) -> int:
    """Replaces what changed, inside the caller's transaction; how many records. Leaves their keys in `_pick`.

    Raises NotDirect before it has changed anything.
    """
    keys = np.concatenate([chunk.keys for chunk in chunks])
    digests = Digests.joined([chunk.digests for chunk in chunks])
    child_keys = _child_keys(spec, chunks)
    if not each_once(keys):
        raise NotDirect
    key, table = quoted(key_column(spec).raw_name), table_name(spec.table)
    lines = {"k": keys, "high": digests.high, "low": digests.low}  # noqa: F841 - read by name
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE _pick AS SELECT l.k, l.high, l.low, t._fetched_at IS NOT DISTINCT FROM ? AS again"
        f" FROM lines l LEFT JOIN {table} t ON t.{key} = l.k WHERE t.{key} IS NULL"
        " OR t._digest IS DISTINCT FROM l.high OR t._digest_low IS DISTINCT FROM l.low",
        [fetched_at],
    )
    if count(connection, "SELECT count(*) FROM _pick WHERE again"):
        raise NotDirect
    picked = count(connection, "SELECT count(*) FROM _pick")
    if not picked:
        return 0
    if picked < len(keys):
        raise NotDirect
    connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT k FROM _pick)")
    values = {column.raw_name: scalar(column, "r") for column in spec.columns}
    done = connection.execute(
        f"INSERT INTO {table} ({', '.join(quoted(name) for name, _ in head_columns(spec))})"
        f" SELECT {head_values(spec, values, 'p')} FROM {records(chunks, spec, scalars=True, children=())} r"
        f" JOIN _pick p ON p.k = r.{quoted(key_column(spec).name)}",
        [fetched_at],
    ).fetchone()
    if done != (picked,):
        raise RuntimeError(f"{spec.entity}: the loaded records are not those that were judged")
    for child, found in zip(spec.children, child_keys, strict=True):
        moved = {"k": found}  # noqa: F841 - read by name
        child_table, child_key = table_name(child.table), quoted(key_column(child).raw_name)
        connection.execute(f"DELETE FROM {child_table} WHERE {quoted(child.parent_column)} IN (SELECT k FROM _pick)")
        connection.execute(f"DELETE FROM {child_table} WHERE {child_key} IN (SELECT k FROM moved)")
        connection.execute(
            f"INSERT INTO {child_table} ({', '.join(quoted(name) for name, _ in child_columns(child))})"
            f" SELECT {child_values(child, 'c', 'k')} FROM (SELECT r.{quoted(key_column(spec).name)} AS k,"
            f" unnest(r.{quoted(child.path)}) AS c FROM {records(chunks, spec, scalars=False, children=(child,))} r)",
            [fetched_at],
        )
    return picked


def _child_keys(spec: EntitySpec, chunks: Sequence[Chunk]) -> list[Keys]:
    found = []
    for place in range(len(spec.children)):
        parts = [chunk.child_keys[place] for chunk in chunks if chunk.child_keys is not None]
        if len(parts) < len(chunks):
            raise NotDirect
        keys = np.concatenate(parts)
        if not each_once(keys):
            raise NotDirect
        found.append(keys)
    return found
