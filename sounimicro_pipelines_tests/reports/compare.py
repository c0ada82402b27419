"""Holds the marts of a warehouse file against the oracle, row by row and column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

Rows = Sequence[Mapping[str, Any]]
NOT_COMPARED = {"document_file": {"created_at"}}


def marts(path: Path, schema: str = "reports") -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    """Every table of a schema: its columns and its rows."""
    found = {}
    with duckdb.connect(str(path)) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = ? order by 1", [schema]
        ).fetchall()
        for (name,) in names:
            cursor = connection.execute(f'select * from "{schema}"."{name}"')
            found[name] = ([column[0] for column in cursor.description or ()], cursor.fetchall())
    return found


def differences(path: Path, expected: Mapping[str, Rows], limit: int = 3) -> list[str]:
    """What is in a mart and not in the oracle, or the other way round; empty when they agree on everything."""
    built = marts(path)
    said = [f"{name}: there is no such mart" for name in expected if name not in built]
    for name, rows in expected.items():
        if name not in built:
            continue
        columns, tuples = built[name]
        left_out = NOT_COMPARED.get(name, set())
        kept = [column for column in columns if column not in left_out]
        if rows and set(kept) != set(rows[0]):
            said.append(f"{name}: columns {sorted(set(kept) ^ set(rows[0]))}")
            continue
        places = [columns.index(column) for column in kept]
        ours = Counter(tuple(row[place] for place in places) for row in tuples)
        theirs = Counter(tuple(row[column] for column in kept) for row in rows)
        said += [_told(name, "only in the mart", kept, row, theirs) for row in list(ours - theirs)[:limit]]
        said += [_told(name, "only in the oracle", kept, row, ours) for row in list(theirs - ours)[:limit]]
    return said


def _told(name: str, what: str, columns: list[str], row: tuple[Any, ...], others: Counter[tuple[Any, ...]]) -> str:
    nearest = max(others, key=lambda other: sum(a == b for a, b in zip(row, other, strict=True)), default=None)
    if nearest is None:
        return f"{name}, {what}: {dict(zip(columns, row, strict=True))}"
    apart = {column: (mine, other) for column, mine, other in zip(columns, row, nearest, strict=True) if mine != other}
    return f"{name}, {what}: {dict(zip(columns[:4], row, strict=False))}, differs from the nearest in {apart}"
