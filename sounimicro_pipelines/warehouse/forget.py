"""Erasing what the warehouse holds of a person: values in raw tables, quarantined records and landing files.

Keys stay, marked as deleted, so that what refers to them still adds up. Published copies are not this module's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.connection import STORAGE, Warehouse, explained
from sounimicro_pipelines.warehouse.groups import forget_last_build
from sounimicro_pipelines.warehouse.landing import entity_dir, write_private
from sounimicro_pipelines.warehouse.schema import DELETED, count, key_column, literal, quoted, table_name


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows of raw tables, quarantined records and landed records were erased."""

    rows: int
    quarantined: int
    landed: int


def forget(
    warehouse_path: Path,
    landing_dir: Path,
    records: Sequence[tuple[EntitySpec, int]],
    *,
    clock: Clock | None = None,
) -> Forgotten:
    """Erases the personal values of records, each named by its spec and key, and of their children.

    The file is written anew afterwards, since freed parts of a database file keep their content. A record that the
    vendor still lists comes back with the next full listing: it is to be erased there first. `landing_dir` is that of
    all companies. Raises WarehouseError.
    """
    keys: dict[str, tuple[EntitySpec, list[int]]] = {}
    for spec, key in records:
        keys.setdefault(spec.table, (spec, []))[1].append(key)
    rows = quarantined = landed = 0
    company_dir = Path(landing_dir) / Path(warehouse_path).stem
    for spec, wanted in keys.values():
        landed += _forget_landed(entity_dir(company_dir, spec.entity), spec, frozenset(wanted))
    with Warehouse(warehouse_path, clock=clock) as connection:
        connection.execute("BEGIN")
        for spec, wanted in keys.values():
            rows += _forget_rows(connection, spec, wanted)
            quarantined += count(connection, f"SELECT count(*) FROM raw._quarantine WHERE {_is_one_of(spec, wanted)}")
            connection.execute(f"DELETE FROM raw._quarantine WHERE {_is_one_of(spec, wanted)}")
        if rows:
            forget_last_build(connection)
        connection.execute("COMMIT")
    if rows or quarantined:
        rewrite(warehouse_path, clock=clock)
    return Forgotten(rows, quarantined, landed)


def rewrite(warehouse_path: Path, *, clock: Clock | None = None) -> None:
    """Copies the file to a new one that takes its place, so that nothing is left of erased rows."""
    fresh = warehouse_path.with_name(f"{warehouse_path.name}.fresh")
    fresh.unlink(missing_ok=True)
    try:
        with Warehouse(warehouse_path, clock=clock) as connection:
            connection.execute("CHECKPOINT")
            name = quoted(str((connection.execute("SELECT current_database()").fetchone() or ("",))[0]))
            connection.execute(f"ATTACH {literal(str(fresh))} AS fresh_copy (STORAGE_VERSION '{STORAGE}')")
            connection.execute(f"COPY FROM DATABASE {name} TO fresh_copy")
            connection.execute("DETACH fresh_copy")
        fresh.chmod(0o600)
        with explained(warehouse_path):
            fresh.replace(warehouse_path)
    finally:
        fresh.unlink(missing_ok=True)


def _is_one_of(spec: EntitySpec, keys: Sequence[int]) -> str:
    return f"entity = {literal(spec.entity)} AND key IN ({', '.join(str(int(key)) for key in keys)})"


def _forget_rows(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, keys: Sequence[int]) -> int:
    wanted = ", ".join(str(int(key)) for key in keys)
    table, key = table_name(spec.table), quoted(key_column(spec).raw_name)
    found = count(connection, f"SELECT count(*) FROM {table} WHERE {key} IN ({wanted})")
    blanks = "".join(f", {quoted(column.raw_name)} = NULL" for column in spec.columns if column.personal)
    connection.execute(
        f"UPDATE {table} SET {quoted(DELETED)} = true, _digest = NULL, _digest_low = NULL{blanks}"
        f" WHERE {key} IN ({wanted})"
    )
    for child in spec.children:
        blanks = "".join(f", {quoted(column.raw_name)} = NULL" for column in child.columns if column.personal)
        of_parent = f"{quoted(child.parent_column)} IN ({wanted})"
        found += count(connection, f"SELECT count(*) FROM {table_name(child.table)} WHERE {of_parent}")
        connection.execute(f"UPDATE {table_name(child.table)} SET {quoted(DELETED)} = true{blanks} WHERE {of_parent}")
    return found


def _forget_landed(folder: Path, spec: EntitySpec, keys: frozenset[int]) -> int:
    key = key_column(spec).name
    removed = 0
    for file in sorted(folder.glob("*/*.ndjson")):
        with explained(file):
            lines = file.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if not _has_key(line, key, keys)]
            if len(kept) < len(lines):
                write_private(file.with_suffix(".partial"), b"".join(kept)).replace(file)
                removed += len(lines) - len(kept)
    return removed


def _has_key(line: bytes, key: str, keys: frozenset[int]) -> bool:
    """A line that cannot be read is not kept either."""
    try:
        record: Any = msgspec.json.decode(line)
        return not isinstance(record, Mapping) or int(record.get(key) or 0) in keys
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError):
        return True
