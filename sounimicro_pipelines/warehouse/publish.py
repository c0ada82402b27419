"""From the marts of one company's DuckDB file to the store's report tables, one version after the other.

Only groups of rows that changed (usually one party's) are written, all of them in one transaction: readers see the old
version or the new one. After builds by parts only what they made anew is looked at. A publish that is killed leaves the
old version, and the next writes what this one would have.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import xxhash

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.store import Store, Transaction, reports
from sounimicro_pipelines.store.reports import GroupCondition, Published, PublishedBuild, ReportColumn, ReportTable
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.groups import (
    BUCKET,
    INTEGERS,
    Changes,
    Groups,
    Suspects,
    changes_since,
    finished_builds,
    suspects_since,
)
from sounimicro_pipelines.warehouse.hashes import FORMULA, row_hashes
from sounimicro_pipelines.warehouse.leisure import at_leisure

FETCH_ROWS = 5000
ATTEMPTS = 5

_ALIAS = re.compile(r"[a-z0-9_-]{1,40}")
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
class TieOut:
    """Whether a table agrees with the ledger (None: not checked), and what does not."""

    ties_out: bool | None = None
    finding: str | None = None


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
class PublishResult:
    """What one publish did."""

    company: str
    seconds: float
    tables: tuple[TableResult, ...] = field(default=())

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def written_rows(self) -> int:
        return sum(table.written_rows for table in self.tables)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One mart and what must be written of it."""

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


def publish(
    source: Path | str | AbstractContextManager[duckdb.DuckDBPyConnection],
    store: Store,
    *,
    company: str,
    as_of: date,
    fetched_at: datetime,
    run_id: str,
    tie_out: TieOut | Mapping[str, TieOut] | None,
    publish_meta: Mapping[str, PublishMeta | tuple[Sequence[str], Sequence[Any]]],
    schema: str = "reports",
) -> PublishResult:
    """Publish a company's marts.

    `source` is its warehouse file, or what opens a connection to the database that holds the marts. `company` is
    the alias, `as_of` the Oslo day that the marts were built for, `fetched_at` when the ERP was read (the oldest
    feed). `tie_out` is one verdict for all tables or one for each. Raises PublishError for a mart that is missing,
    lacks a key column or holds floating-point numbers; WarehouseError and StoreError as their rooms do.
    """
    started = time.perf_counter()
    if not _ALIAS.fullmatch(company):
        raise PublishError(f"«{company}» is no alias of a company.", remedy="Use 1 to 40 of a–z, 0–9, - and _.")
    metas = {
        name: meta if isinstance(meta, PublishMeta) else PublishMeta.of(*meta)
        for name, meta in sorted(publish_meta.items())
    }
    opening = Warehouse(Path(source)) if isinstance(source, (str, Path)) else source
    with ExitStack() as stack:
        # Comparing is most of the work, and holds no lock.
        warehouse = at_leisure(lambda: stack.enter_context(opening))
        builds = finished_builds(warehouse)

        def compare() -> tuple[dict[str, Published], list[_Plan]]:
            with store.read() as tx:
                plans = [_plan(warehouse, tx, schema, name, meta, company, builds) for name, meta in metas.items()]
                return reports.published(tx, company), plans

        for _ in range(ATTEMPTS):
            version, plans = at_leisure(compare)
            with store.transaction() as tx:
                reports.hold_company(tx, company)
                if reports.published(tx, company) != version:
                    continue
                results = tuple(_write(warehouse, tx, schema, plan, company) for plan in plans)
                stand = {plan.table.name: PublishedBuild(plan.shape, builds[-1]) for plan in plans if builds}
                reports.set_published_builds(tx, company, stand)
                for result in results:
                    verdict = tie_out if isinstance(tie_out, TieOut) else (tie_out or {}).get(result.table, TieOut())
                    reports.set_published(
                        tx,
                        Published(
                            company=company,
                            table_name=result.table,
                            fetched_at=fetched_at,
                            erp_as_of=as_of,
                            rows=result.rows,
                            run_id=run_id,
                            ties_out=verdict.ties_out,
                            finding=verdict.finding,
                        ),
                    )
            return PublishResult(company, time.perf_counter() - started, results)
    raise PublishError(
        f"Another publish of «{company}» got in between {ATTEMPTS} times.",
        remedy="Let one run publish a company at a time.",
    )


def meta_from_manifest(manifest: Mapping[str, Any], schema: str = "reports") -> dict[str, PublishMeta]:
    """The tables to publish, as a dbt manifest names them (`meta.publish` of the models in the schema)."""
    found: dict[str, PublishMeta] = {}
    for node in manifest.get("nodes", {}).values():
        meta = node.get("config", {}).get("meta", {}) or node.get("meta", {})
        wish = meta.get("publish")
        if node.get("resource_type") == "model" and wish and node.get("schema") == schema:
            scope = meta.get("scope") or {}
            found[node.get("alias") or node["name"]] = replace(
                PublishMeta.of(wish["key"], wish.get("index", ())),
                rebuilt=f"rebuilt_{scope.get('rebuilt', scope['touched'])}" if scope else "",
            )
    return found


def _plan(
    warehouse: duckdb.DuckDBPyConnection,
    tx: Transaction,
    schema: str,
    name: str,
    meta: PublishMeta,
    company: str,
    builds: Sequence[int],
) -> _Plan:
    described = warehouse.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?"
        " AND database_name = current_database() ORDER BY column_index",
        [schema, name],
    ).fetchall()
    described = [(column, kind) for column, kind in described if column != "company"]
    if not described:
        raise PublishError(f"There is no mart {schema}.{name} in the warehouse.", remedy="Build the reports first.")
    types = dict(described)
    missing = [column for column in meta.key if column not in types]
    if missing or not meta.key:
        raise PublishError(
            f"The mart {name} has no key column {', '.join(missing) or 'at all'}.", remedy="Correct its meta.publish."
        )
    columns = tuple(_column(name, column, kind) for column, kind in described)
    groups = Groups.of(meta.key, types)
    indexes = (meta.key[:4], *meta.indexes)
    table = ReportTable(name, columns, tuple(dict.fromkeys(indexes)))
    shape = xxhash.xxh3_64_hexdigest(repr((described, indexes, groups, BUCKET, FORMULA)).encode())
    source = f'"{schema}"."{name}"'

    suspects, changes = None, None
    changed: dict[str, tuple[str, int]] = {}
    removed: list[str] = []
    groups_seen = to_write = 0
    standing = reports.published_build(tx, company, name)
    is_first = False
    if meta.rebuilt and standing is not None and standing.shape == shape and standing.build in builds:
        changes = changes_since(warehouse, name, standing.build, builds)
        found = _changed(warehouse, tx, company, table, meta, groups, changes, shape)
        if found is None:
            changes = None
            suspects = suspects_since(warehouse, groups, meta.rebuilt, standing.build)
        else:
            changed, removed, to_write = found
            groups_seen = len(changed)
    if changes is None:
        rows_of = f"{source} AS t"
        if suspects is not None:
            groups.pick(warehouse, suspects.source, "suspects")
            rows_of += groups.only("suspects", nulls=False) + suspects.limit
        now = _digests(warehouse, rows_of, columns, groups, shape)
        before = reports.digests(tx, company, name, suspects.names if suspects is not None else None)
        changed = {key: value for key, value in now.items() if before.get(key) != value[0]}
        removed = [key for key in before if key not in now]
        to_write = sum(count for _, count in changed.values())
        groups_seen, is_first = len(now), suspects is None and not before
    counted = warehouse.execute(f"SELECT count(*) FROM {source}").fetchone()
    return _Plan(
        table=table,
        key=meta.key,
        duckdb_types=tuple(kind for _, kind in described),
        groups_of=groups,
        suspects=suspects,
        changes=changes,
        shape=shape,
        rows=int(counted[0]) if counted else 0,
        groups=groups_seen,
        changed=changed,
        removed=removed,
        to_write=to_write,
        is_first=is_first,
    )


def _changed(
    warehouse: duckdb.DuckDBPyConnection,
    tx: Transaction,
    company: str,
    table: ReportTable,
    meta: PublishMeta,
    groups: Groups,
    changes: Changes | None,
    shape: str,
) -> tuple[dict[str, tuple[str, int]], list[str], int] | None:
    """The groups that a build's changes leave with other rows, those that they leave with none, and how many rows came.

    A group's digest is a sum over its rows, so that it follows from the one before and the rows that went and came.
    None when it does not: nothing is known of the changes, or they do not fit what was published.
    """
    kinds = {column.name: column.kind for column in table.columns}
    if changes is None or any(kinds[column] not in ("integer", "text") for column in meta.key):
        return None
    if changes.table is None:
        return {}, [], 0
    went, came = (
        _sums(warehouse, f"{changes.table} AS t WHERE {which}", table.columns, groups)
        for which in ("NOT is_new", "is_new")
    )
    names = sorted({*went, *came})
    before = reports.digests(tx, company, table.name, names)
    changed: dict[str, tuple[str, int]] = {}
    removed: list[str] = []
    for name in names:
        said, *numbers = before.get(name, f"{shape} 0 0 0").split(" ")
        if said != shape or len(numbers) != 3:
            return None
        minus, plus = went.get(name, (0, 0, 0)), came.get(name, (0, 0, 0))
        rows, one, two = (
            int(was, 16) - less + more for was, less, more in zip(reversed(numbers), minus, plus, strict=True)
        )
        if min(one, two, rows) < 0 or (rows == 0) != (one == two == 0):
            return None
        if rows:
            changed[name] = _digest(shape, rows, one, two), rows
        else:
            removed.append(name)
    return changed, removed, sum(rows for rows, _, _ in came.values())


def _digests(
    warehouse: duckdb.DuckDBPyConnection, source: str, columns: Sequence[ReportColumn], groups: Groups, shape: str
) -> dict[str, tuple[str, int]]:
    """Group → digest and number of rows."""
    return {
        name: (_digest(shape, rows, one, two), rows)
        for name, (rows, one, two) in _sums(warehouse, source, columns, groups).items()
    }


def _digest(shape: str, rows: int, one: int, two: int) -> str:
    return f"{shape} {two:x} {one:x} {rows:x}"


def _sums(
    warehouse: duckdb.DuckDBPyConnection, source: str, columns: Sequence[ReportColumn], groups: Groups
) -> dict[str, tuple[int, int, int]]:
    """Group → number of rows, and the sums of two hashes of each."""
    one, two = row_hashes("t", [(column.name, _typed(column)) for column in columns])
    parts = groups.parts("t")
    named = ", ".join(f"{part} AS part_{place}" for place, part in enumerate(parts))
    cursor = warehouse.execute(
        f"SELECT {groups.name_of([f'part_{place}' for place in range(len(parts))])}, n, one, two FROM ("
        f"SELECT {named}, count(*) AS n, sum({one}::HUGEINT) AS one, sum({two}::HUGEINT) AS two"
        f" FROM {source} GROUP BY {', '.join(parts)})"
    )
    return {name: (rows, one, two) for name, rows, one, two in _stream(cursor)}


def _typed(column: ReportColumn) -> str:
    return f"DECIMAL({column.precision},{column.scale})" if column.kind == "decimal" else column.kind


def _write(
    warehouse: duckdb.DuckDBPyConnection, tx: Transaction, schema: str, plan: _Plan, company: str
) -> TableResult:
    table = plan.table
    is_new = reports.ensure(tx, table)
    if not is_new:
        reports.ensure_indexes(tx, table)
    whole = plan.is_first or (plan.changes is None and plan.suspects is None and len(plan.changed) == plan.groups)
    if whole and not is_new:
        reports.delete_company(tx, table.name, company)
        reports.drop_digests(tx, company, table.name)
    elif not whole:
        reports.delete_groups(tx, table.name, company, _gone(warehouse, plan))
        reports.drop_digests(tx, company, table.name, plan.removed)
    written = 0
    if plan.to_write:
        cursor = warehouse.execute(_written(warehouse, schema, plan, company, whole=whole, postgres=tx.is_postgres))
        if tx.is_postgres:
            written = reports.copy_lines(tx, table, (row[0] for row in _stream(cursor)))
        else:
            written = reports.insert_tuples(tx, table, _stream(cursor))
    reports.set_digests(tx, company, table.name, plan.changed)
    if is_new:
        reports.ensure_indexes(tx, table)
    if written != plan.to_write:
        raise PublishError(
            f"{table.name}: {written} rows were written where {plan.to_write} were due.", remedy="Publish again."
        )
    return TableResult(table.name, plan.rows, plan.groups, len(plan.changed), len(plan.removed), written)


def _gone(warehouse: duckdb.DuckDBPyConnection, plan: _Plan) -> list[GroupCondition]:
    """What must be removed of a table that is not written as a whole: rows by their key, or groups of them."""
    if plan.changes is None:
        return [plan.groups_of.condition(name) for name in (*plan.changed, *plan.removed)]
    if plan.changes.table is None:
        return []
    listed = ", ".join(f'"{column}"' for column in plan.key)
    rows = warehouse.execute(f"SELECT {listed} FROM {plan.changes.table} WHERE NOT is_new").fetchall()
    return [GroupCondition(plan.key, row) for row in rows]


def _written(
    warehouse: duckdb.DuckDBPyConnection, schema: str, plan: _Plan, company: str, *, whole: bool, postgres: bool
) -> str:
    """The SQL of the rows to write."""
    if plan.changes is not None:
        return _select(plan, f"{plan.changes.table} AS t WHERE is_new", company, postgres=postgres)
    source = f'"{schema}"."{plan.table.name}"'
    select = _select(plan, f"{source} AS t", company, postgres=postgres)
    if whole:
        return select
    plan.groups_of.pick(
        warehouse, plan.suspects.source if plan.suspects is not None else source, "changed_groups", [*plan.changed]
    )
    select += plan.groups_of.only("changed_groups", nulls=plan.suspects is None)
    return select + (plan.suspects.limit if plan.suspects is not None else "")


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


def _select(plan: _Plan, source: str, company: str, *, postgres: bool) -> str:
    texts = [_as_text(column, kind) for column, kind in zip(plan.table.columns, plan.duckdb_types, strict=True)]
    if postgres:
        fields = ", ".join(
            f"coalesce({_escaped(expression) if column.kind == 'text' else expression}, '\\N')"
            for column, expression in zip(plan.table.columns, texts, strict=True)
        )
        return f"SELECT concat_ws(chr(9), '{company}', {fields}) || chr(10) FROM {source}"
    values = ", ".join(
        f'CAST("{column.name}" AS BIGINT)' if column.kind in ("integer", "boolean") else expression
        for column, expression in zip(plan.table.columns, texts, strict=True)
    )
    return f"SELECT '{company}', {values} FROM {source}"


def _as_text(column: ReportColumn, kind: str) -> str:
    quoted = f'"{column.name}"'
    if column.kind == "moment":
        zone = f"({quoted} AT TIME ZONE 'UTC')" if kind == "TIMESTAMP WITH TIME ZONE" else quoted
        return f"strftime({zone}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"CAST(to_json({quoted}) AS VARCHAR)"
    return f"CAST({quoted} AS VARCHAR)"


def _escaped(expression: str) -> str:
    for sign, escaped in (
        ("chr(92)", "chr(92) || chr(92)"),
        ("chr(9)", "'\\t'"),
        ("chr(10)", "'\\n'"),
        ("chr(13)", "'\\r'"),
    ):
        expression = f"replace({expression}, {sign}, {escaped})"
    return f"replace({expression}, chr(0), '')"


def _stream(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := cursor.fetchmany(FETCH_ROWS):
        yield from batch
