"""Whether building by parts has come to what building everything anew comes to, row by row.

Everything happens on a copy of the company's file, so that nobody waits for it and nothing that is read in the meantime
disturbs the comparison: the copy is brought up to date by parts, its reports are set aside, and then they are all built
anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.warehouse.connection import Warehouse, explained
from sounimicro_pipelines.warehouse.hashes import described, row_hashes
from sounimicro_pipelines.warehouse.reports.project import prepare_manifest
from sounimicro_pipelines.warehouse.reports.run import MEMORY_LIMIT, build_reports

SCHEMAS = ("intermediate", "reports")
SHOWN_KEYS = 20
_TEXTS = {"role", "scope", "kind", "document_type", "owner_type", "check_name"}


@dataclass(frozen=True, slots=True)
class TableDifference:
    """A table in which the two ways differ: how many rows only one of them has, and a sample of keys (never names)."""

    table: str
    only_by_parts: int
    only_anew: int
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table}: {self.only_by_parts} rows only by parts, {self.only_anew} only anew"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many tables and rows were compared, and where they differ."""

    tables: int
    rows: int
    differences: tuple[TableDifference, ...]

    @property
    def ok(self) -> bool:
        return not self.differences

    @property
    def finding(self) -> str:
        """What differs, in one line; empty when nothing does."""
        told = "; ".join(map(str, self.differences))
        return f"reports built by parts are not what a full refresh makes ({told})" if told else ""


def compare_with_full_refresh(
    db_path: Path,
    *,
    company: str,
    as_of: date,
    target: Path,
    log_dir: Path | None = None,
    scratch: Path | None = None,
    clock: Clock | None = None,
) -> Compared:
    """Compares every table of a company's reports with what a full refresh makes of the same raw rows.

    The parameters are those of `build_reports`; `scratch` is where the copy lies meanwhile (the file's own folder when
    None) and needs as much room as the file twice. Raises what `build_reports` and `Warehouse` raise.
    """
    with explained(db_path):
        folder = Path(tempfile.mkdtemp(prefix=f".{db_path.stem}-compared-", dir=scratch or db_path.parent))
    try:
        copy = folder / db_path.name
        _copy(db_path, copy, clock)
        build_reports(copy, company=company, as_of=as_of, target=target, log_dir=log_dir, clock=clock)
        with Warehouse(copy, clock=clock, memory_limit=MEMORY_LIMIT) as connection:
            _set_aside(connection)
        build_reports(
            copy, company=company, as_of=as_of, target=target, log_dir=log_dir, clock=clock, full_refresh=True,
            data_tests=False,
        )  # fmt: skip
        with Warehouse(copy, clock=clock, memory_limit=MEMORY_LIMIT) as connection:
            return _compared(connection, _keys(target))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def demand_full_refresh(db_path: Path, *, clock: Clock | None = None) -> None:
    """Lets the next build of a company make everything anew."""
    with Warehouse(db_path, clock=clock) as connection:
        connection.execute("update reports_state.build set project = 'none'")


def _copy(db_path: Path, copy: Path, clock: Clock | None) -> None:
    """The file as it stands after its last transaction; under its own name, which its views carry."""
    with Warehouse(db_path, clock=clock, memory_limit=MEMORY_LIMIT) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"attach '{str(copy).replace(chr(39), chr(39) * 2)}' as copied")
        connection.execute(f'copy from database "{db_path.stem}" to copied')


def _set_aside(connection: duckdb.DuckDBPyConnection) -> None:
    for schema, name in _tables(connection, SCHEMAS):
        connection.execute(f'create schema if not exists "by_parts_{schema}"')
        connection.execute(f'create or replace table "by_parts_{schema}"."{name}" as from "{schema}"."{name}"')


def _compared(connection: duckdb.DuckDBPyConnection, keys: dict[str, Sequence[str]]) -> Compared:
    found: list[TableDifference] = []
    rows = 0
    tables = sorted({*_tables(connection, SCHEMAS), *_aside(connection)})
    for schema, name in tables:
        parts, anew = f'"by_parts_{schema}"."{name}"', f'"{schema}"."{name}"'
        count, digest = _digest(connection, anew)
        rows += count
        if (count, digest) != _digest(connection, parts):
            found.append(_difference(connection, name, parts, anew, keys.get(name, ())))
    return Compared(len(tables), rows, tuple(found))


def _difference(
    connection: duckdb.DuckDBPyConnection, name: str, parts: str, anew: str, keys: Sequence[str]
) -> TableDifference:
    columns = [column for column in keys if column.endswith(("_id", "year", "month", "period")) or column in _TEXTS]
    shown = " || ' ' || ".join(f"'{column}=' || coalesce(\"{column}\"::varchar, '')" for column in columns) or "''"
    counts: list[int] = []
    sample: set[str] = set()
    for one, other in ((parts, anew), (anew, parts)):
        connection.execute(f"create or replace temp table apart as (from {one} except all from {other})")
        counts.append(_number(connection, "select count(*) from apart"))
        sample |= {
            key for (key,) in connection.execute(f"select distinct {shown} from apart order by 1 limit 20").fetchall()
        }
    connection.execute("drop table apart")
    return TableDifference(name, counts[0], counts[1], tuple(sorted(sample)[:SHOWN_KEYS]))


def _digest(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int, Any]:
    one, two = row_hashes("r", described(connection.execute(f"from {table} limit 0").description))
    row = connection.execute(f"select count(*), sum({one}::hugeint), sum({two}::hugeint) from {table} as r").fetchone()
    return (int(row[0]), row[1:]) if row else (0, None)


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _tables(connection: duckdb.DuckDBPyConnection, schemas: Sequence[str]) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() where list_contains(?, schema_name) order by all",
        [list(schemas)],
    ).fetchall()


def _aside(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    aside = _tables(connection, [f"by_parts_{schema}" for schema in SCHEMAS])
    return [(schema.removeprefix("by_parts_"), name) for schema, name in aside]


def _keys(target: Path) -> dict[str, Sequence[str]]:
    """The columns that make a row its own, by mart."""
    return {model.name: model.meta.get("publish", {}).get("key", ()) for model in prepare_manifest(target).models}
