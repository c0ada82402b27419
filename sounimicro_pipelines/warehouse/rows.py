"""What the rows of a mart look like in the store, as SQL that DuckDB answers with them."""

from __future__ import annotations

from sounimicro_pipelines.store.reports import ReportColumn
from sounimicro_pipelines.warehouse.due import Due


def rows_of(plan: Due, source: str, company: str, *, postgres: bool, behind: str = "") -> str:
    """The rows of `source` with the company before them: tuples as SQLite keeps them, or lines of Postgres' COPY.

    `behind` is the SQL of a last element of such a tuple.
    """
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
    return f"SELECT '{company}', {values}{behind and f', {behind}'} FROM {source}"


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
