"""SQL that reads landed records with the columns of their spec, so that every way of loading reads them alike."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from sounimicro_pipelines.records import ChildTable, Column, EntitySpec
from sounimicro_pipelines.warehouse.schema import (
    DELETED,
    TYPES,
    child_columns,
    deleted_column,
    head_columns,
    key_column,
    literal,
    quoted,
)
from sounimicro_pipelines.warehouse.sift import Chunk

UNREADABLE = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)
"""What DuckDB raises for JSON or values that it cannot read into the columns."""
_READ_BYTES = 2 * 1024 * 1024
"""DuckDB takes twice this for each file it reads at once; its default costs more CPU. A longer record needs more."""


def records(chunks: Sequence[Chunk], spec: EntitySpec, *, scalars: bool, children: Sequence[ChildTable]) -> str:
    """A `read_json(…)` of the chunks' files: the head's scalars (or its key alone) and the children asked for."""
    columns = spec.columns if scalars else (key_column(spec),)
    parts = [f"{literal(column.name)}: {literal(_json_type(column))}" for column in columns]
    for child in children:
        fields = ", ".join(f"{quoted(column.name)} {_json_type(column)}" for column in child.columns)
        parts.append(f"{literal(child.path)}: {literal(f'STRUCT({fields})[]')}")
    files = ", ".join(literal(str(chunk.file)) for chunk in chunks)
    longest = max(_READ_BYTES, *(2 * chunk.longest for chunk in chunks))
    return (
        f"read_json([{files}], format = 'newline_delimited', columns = {{{', '.join(parts)}}},"
        f" maximum_object_size = {longest})"
    )


def scalar(column: Column, record: str = "") -> str:
    """The expression of a column of `record`, in the type of the raw table. Times become UTC whatever their offset."""
    name = f"{record}.{quoted(column.name)}" if record else quoted(column.name)
    return f"{name}::TIMESTAMP" if column.kind == "datetime" else name


def head_values(spec: EntitySpec, values: dict[str, str], digest: str) -> str:
    """The select list of a head's raw table: `values` by raw name, and the columns of `digest` (an alias).

    The statement takes the moment of fetching as its one parameter.
    """
    mark = f"coalesce({values[DELETED]}, false)" if deleted_column(spec) else "false"
    ours = {DELETED: mark, "_fetched_at": "?", "_digest": f"{digest}.high", "_digest_low": f"{digest}.low"}
    return ", ".join((values | ours)[name] for name, _ in head_columns(spec))


def child_values(child: ChildTable, part: str, parent: str) -> str:
    """The select list of a child's raw table from the struct `part`, with the key of its `parent` (an expression).

    The statement takes the moment of fetching as its one parameter.
    """
    values = {column.raw_name: scalar(column, part) for column in child.columns}
    mark = f"coalesce({values[DELETED]}, false)" if deleted_column(child) else "false"
    values |= {child.parent_column: parent, DELETED: mark, "_fetched_at": "?"}
    return ", ".join(f"{values[name]} AS {quoted(name)}" for name, _ in child_columns(child))


def _json_type(column: Column) -> str:
    return "TIMESTAMPTZ" if column.kind == "datetime" else TYPES[column.kind]
