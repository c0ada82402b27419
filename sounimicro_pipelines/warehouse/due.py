"""What of a mart must be written: its groups of rows held against those that were published.

A group is told apart by a digest of its rows. After builds by parts only what they made anew is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import xxhash

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import Published, PublishedBuild, ReportColumn, ReportTable
from sounimicro_pipelines.warehouse.groups import (
    BUCKET,
    INTEGERS,
    Changes,
    Groups,
    Stand,
    Suspects,
    changes_since,
    counted,
    suspects_since,
)
from sounimicro_pipelines.warehouse.hashes import FORMULA, row_hashes

FETCH_ROWS = 5000

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_MOMENTS = {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}


class PublishError(SounimicroError):
    """A mart that cannot be published."""


@dataclass(frozen=True, slots=True)
class PublishMeta:
    """What a model says in `meta.publish`: the columns that make a row its own, and the indexes that readers want.

    `rebuilt` is the table that tells what each build made anew of it; empty where a model tells nothing of the kind.
    """

    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    rebuilt: str = ""

    @classmethod
    def of(cls, key: Sequence[str], index: Sequence[str | Sequence[str]] = ()) -> PublishMeta:
        """`index` is a list of columns (one index) or a list of such lists."""
        if index and all(isinstance(part, str) for part in index):
            return cls(tuple(key), (tuple(str(part) for part in index),))
        return cls(tuple(key), tuple(tuple(part) if not isinstance(part, str) else (part,) for part in index))


@dataclass(frozen=True, slots=True)
class TableResult:
    """What publishing one table did."""

    table: str
    rows: int
    groups: int
    changed_groups: int
    removed_groups: int
    written_rows: int


@dataclass(frozen=True, slots=True)
class Due:
    """One mart and what must be written of it. `is_as_it_was` tells that its published table needs no other columns."""

    table: ReportTable
    key: tuple[str, ...]
    duckdb_types: tuple[str, ...]
    groups_of: Groups
    suspects: Suspects | None
    changes: Changes | None
    shape: str
    rows: int
    groups: int
    changed: dict[str, tuple[str, int]]
    removed: list[str]
    to_write: int
    is_first: bool
    is_as_it_was: bool

    def result(self, written: int) -> TableResult:
        """What was done when so many rows were written."""
        return TableResult(self.table.name, self.rows, self.groups, len(self.changed), len(self.removed), written)


def look_at(
    warehouse: duckdb.DuckDBPyConnection,
    tx: Transaction,
    schema: str,
    name: str,
    meta: PublishMeta,
    company: str,
    stand: Stand,
    last: Published | None,
    standing: PublishedBuild | None,
) -> Due:
    """What must be written of a mart for a company.

    `last` is what was published of it, and `standing` the build of it; where nothing was, rows that stand in the store
    all the same are of no version.

    Raises PublishError for a mart that is missing, lacks a key column or holds floating-point numbers.
    """
    described = _described(warehouse, stand, schema, name, meta)
    columns = tuple(_column(name, column, kind) for column, kind in described)
    groups = Groups.of(meta.key, dict(described))
    indexes = (meta.key[:4], *meta.indexes)
    table = ReportTable(name, columns, tuple(dict.fromkeys(indexes)))
    shape = xxhash.xxh3_64_hexdigest(repr((described, indexes, groups, BUCKET, FORMULA)).encode())
    source = f'"{schema}"."{name}"'

    suspects, changes = None, None
    changed: dict[str, tuple[str, int]] = {}
    removed: list[str] = []
    groups_seen = to_write = rows = 0
    is_as_it_was = last is not None and standing is not None and standing.shape == shape
    if meta.rebuilt and last is not None and standing is not None and is_as_it_was and standing.build in stand.builds:
        changes = changes_since(stand, name, standing.build)
        found = _changed(warehouse, tx, company, table, meta, groups, changes, shape)
        if found is None:
            changes = None
            suspects = suspects_since(warehouse, stand, groups, meta.rebuilt, standing.build)
        else:
            changed, removed, to_write, more = found
            groups_seen, rows = len(changed), last.rows + more
    if changes is None:
        rows_of = f"{source} AS t"
        if suspects is not None:
            groups.pick(warehouse, suspects.source, "suspects")
            rows_of += groups.only("suspects", nulls=False) + suspects.limit
        now = _digests(warehouse, rows_of, columns, groups, shape)
        among = suspects.names if suspects is not None else None
        before = {} if last is None else reports.digests(tx, company, name, among)
        changed = {key: value for key, value in now.items() if before.get(key) != value[0]}
        removed = [key for key in before if key not in now]
        to_write = sum(count for _, count in changed.values())
        groups_seen, rows = len(now), counted(warehouse, source)
    return Due(
        table=table,
        key=meta.key,
        duckdb_types=tuple(kind for _, kind in described),
        groups_of=groups,
        suspects=suspects,
        changes=changes,
        shape=shape,
        rows=rows,
        groups=groups_seen,
        changed=changed,
        removed=removed,
        to_write=to_write,
        is_first=last is None,
        is_as_it_was=is_as_it_was,
    )


def _described(
    warehouse: duckdb.DuckDBPyConnection, stand: Stand, schema: str, name: str, meta: PublishMeta
) -> list[tuple[str, str]]:
    """Name and type of each column of a mart."""
    described = [(column, kind) for column, kind in stand.columns(warehouse, schema, name) if column != "company"]
    if not described:
        raise PublishError(f"There is no mart {schema}.{name} in the warehouse.", remedy="Build the reports first.")
    missing = [column for column in meta.key if column not in dict(described)]
    if missing or not meta.key:
        raise PublishError(
            f"The mart {name} has no key column {', '.join(missing) or 'at all'}.", remedy="Correct its meta.publish."
        )
    return described


def _changed(
    warehouse: duckdb.DuckDBPyConnection,
    tx: Transaction,
    company: str,
    table: ReportTable,
    meta: PublishMeta,
    groups: Groups,
    changes: Changes | None,
    shape: str,
) -> tuple[dict[str, tuple[str, int]], list[str], int, int] | None:
    """The groups that a build's changes leave with other rows, those that they leave with none, how many rows came, and
    how many more that is than went.

    A group's digest is a sum over its rows, so that it follows from the one before and the rows that went and came.
    None when it does not: nothing is known of the changes, or they do not fit what was published.
    """
    kinds = {column.name: column.kind for column in table.columns}
    if changes is None or any(kinds[column] not in ("integer", "text") for column in meta.key):
        return None
    if changes.table is None:
        return {}, [], 0, 0
    moved = _sums(warehouse, f"{changes.table} AS t", table.columns, groups, sign="CASE WHEN is_new THEN 1 ELSE -1 END")
    before = reports.digests(tx, company, table.name, [*moved])
    changed: dict[str, tuple[str, int]] = {}
    removed: list[str] = []
    for name, (*by, _) in sorted(moved.items()):
        said, *numbers = before.get(name, f"{shape} 0 0 0").split(" ")
        if said != shape or len(numbers) != 3:
            return None
        rows, one, two = (int(was, 16) + more for was, more in zip(reversed(numbers), by, strict=True))
        if min(one, two, rows) < 0 or (rows == 0) != (one == two == 0):
            return None
        if rows:
            changed[name] = _digest(shape, rows, one, two), rows
        else:
            removed.append(name)
    return changed, removed, sum(came for *_, came in moved.values()), sum(more for more, *_ in moved.values())


def _digests(
    warehouse: duckdb.DuckDBPyConnection, source: str, columns: Sequence[ReportColumn], groups: Groups, shape: str
) -> dict[str, tuple[str, int]]:
    """Group → digest and number of rows."""
    return {
        name: (_digest(shape, rows, one, two), rows)
        for name, (rows, one, two, _) in _sums(warehouse, source, columns, groups).items()
    }


def _digest(shape: str, rows: int, one: int, two: int) -> str:
    return f"{shape} {two:x} {one:x} {rows:x}"


def _sums(
    warehouse: duckdb.DuckDBPyConnection,
    source: str,
    columns: Sequence[ReportColumn],
    groups: Groups,
    *,
    sign: str = "1",
) -> dict[str, tuple[int, int, int, int]]:
    """Group → number of rows, the sums of two hashes of each, and how many rows there are whose sign is not minus."""
    one, two = row_hashes("t", [(column.name, _typed(column)) for column in columns])
    parts = groups.parts("t")
    named = ", ".join(f"{part} AS part_{place}" for place, part in enumerate(parts))
    cursor = warehouse.execute(
        f"SELECT {groups.name_of([f'part_{place}' for place in range(len(parts))])}, n, one, two, came FROM ("
        f"SELECT {named}, sum({sign}) AS n, sum({one}::HUGEINT * {sign}) AS one, sum({two}::HUGEINT * {sign}) AS two,"
        f" count(*) FILTER (WHERE {sign} > 0) AS came"
        f" FROM {source} GROUP BY {', '.join(parts)})"
    )
    return {name: (int(rows), one, two, came) for name, rows, one, two, came in stream(cursor)}


def _typed(column: ReportColumn) -> str:
    return f"DECIMAL({column.precision},{column.scale})" if column.kind == "decimal" else column.kind


def _column(table: str, name: str, kind: str) -> ReportColumn:
    if kind in INTEGERS:
        return ReportColumn(name, "integer")
    if match := _DECIMAL.fullmatch(kind):
        return ReportColumn(name, "decimal", int(match[1]), int(match[2]))
    if kind in ("FLOAT", "DOUBLE"):
        raise PublishError(
            f"{table}.{name} is a floating-point number, which is never exact.",
            remedy="Cast it to a decimal in the model.",
        )
    plain: dict[str, Literal["boolean", "date"]] = {"BOOLEAN": "boolean", "DATE": "date"}
    if kind in plain:
        return ReportColumn(name, plain[kind])
    return ReportColumn(name, "moment" if kind in _MOMENTS else "text")


def stream(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := cursor.fetchmany(FETCH_ROWS):
        yield from batch
