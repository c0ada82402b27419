"""A few rows of a raw table for people to look at, without anything personal."""

from __future__ import annotations

from pathlib import Path

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.schema import key_column, quoted, table_name


def preview(
    warehouse_path: Path, spec: EntitySpec, *, rows: int = 5, clock: Clock | None = None
) -> list[dict[str, object]]:
    """The last `rows` records by key, without personal columns and without ours. Raises WarehouseError."""
    columns = [column.raw_name for column in spec.columns if not column.personal]
    with Warehouse(warehouse_path, clock=clock) as connection:
        found = connection.execute(
            f"SELECT {', '.join(map(quoted, columns))} FROM {table_name(spec.table)}"
            f" ORDER BY {quoted(key_column(spec).raw_name)} DESC LIMIT ?",
            [rows],
        ).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]
