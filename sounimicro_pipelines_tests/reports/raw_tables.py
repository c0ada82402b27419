"""Puts vendor records into the raw tables of a warehouse file, as the loader would, for tests of the reports."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.unimicro.entities import SPECS, spec_of
from sounimicro_pipelines.warehouse.schema import TYPES, Owner, claim, prepare, quoted

Record = dict[str, Any]
Records = Mapping[str, Sequence[Record]]
"""Entity name → records as the vendor's JSON has them, children inside their parents."""

FIRST_FETCH = datetime(2026, 1, 2, 6, 0, tzinfo=UTC)


def write_raw(path: Path, records: Records, *, fetched_at: datetime = FIRST_FETCH, alias: str = "alpha") -> None:
    """Makes every raw table and upserts the records by their ID; children are replaced with their parent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(path))
    try:
        prepare(connection, SPECS)
        claim(connection, Owner(alias, f"key-of-{alias}", alias.title()), path)
        for entity, rows in records.items():
            if rows:
                _upsert(connection, entity, rows, fetched_at.astimezone(UTC).replace(tzinfo=None))
    finally:
        connection.close()


def _upsert(connection: duckdb.DuckDBPyConnection, entity: str, rows: Sequence[Record], fetched_at: datetime) -> None:
    spec = spec_of(entity)
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson", delete=False) as file:
        file.writelines(json.dumps(row, default=str) + "\n" for row in rows)
    connection.execute("begin")
    connection.execute(
        f"create or replace temp table stage as select * from read_json('{file.name}',"
        f" format = 'newline_delimited', columns = {_json_columns(spec)})"
    )
    connection.execute(f'delete from raw.{quoted(spec.table)} where "ID" in (select "ID" from stage)')
    names = [quoted(column.raw_name) for column in spec.columns]
    connection.execute(
        f"insert into raw.{quoted(spec.table)} ({', '.join(names)}, _fetched_at)"
        f" select {', '.join(names)}, ? from stage",
        [fetched_at],
    )
    for child in spec.children:
        fields = [quoted(column.raw_name) for column in child.columns]
        picked = [
            f"coalesce(child.{name}, parent)" if name == quoted(child.parent_column) else f"child.{name}"
            for name in fields
        ]
        connection.execute(
            f'delete from raw.{quoted(child.table)} where {quoted(child.parent_column)} in (select "ID" from stage)'
        )
        connection.execute(
            f"insert into raw.{quoted(child.table)} ({', '.join(fields)}, _fetched_at)"
            f" select {', '.join(picked)}, ?"
            f' from (select "ID" as parent, unnest({quoted(child.path)}) as child from stage)',
            [fetched_at],
        )
    connection.execute("drop table stage")
    connection.execute("commit")
    Path(file.name).unlink()


def _json_columns(spec: EntitySpec) -> str:
    parts = [f"'{column.name}': '{TYPES[column.kind]}'" for column in spec.columns]
    for child in spec.children:
        fields = ", ".join(f"{quoted(column.name)} {TYPES[column.kind]}" for column in child.columns)
        parts.append(f"'{child.path}': 'STRUCT({fields})[]'")
    return "{" + ", ".join(parts) + "}"
