"""A few rows of raw tables for people to look at, without anything personal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.schema import key_column, quoted, table_name


def previews(
    warehouse_path: Path, specs: Sequence[EntitySpec], *, rows: int = 5, clock: Clock | None = None
) -> dict[str, list[dict[str, object]]]:
    """Table → its last `rows` records by key, without personal columns and without ours. Raises WarehouseError."""
    found = {}
    with Warehouse(warehouse_path, clock=clock) as connection:
        for spec in specs:
            columns = [column.raw_name for column in spec.columns if not column.personal]
            records = connection.execute(
                f"SELECT {', '.join(map(quoted, columns))} FROM {table_name(spec.table)}"
                f" ORDER BY {quoted(key_column(spec).raw_name)} DESC LIMIT ?",
                [rows],
            ).fetchall()
            found[spec.table] = [dict(zip(columns, record, strict=True)) for record in records]
    return found
