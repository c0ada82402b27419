"""Rows of report tables, written and removed: by company, by group, streaming."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import text

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.reports.driver import cursor, many, mark
from sounimicro_pipelines.store.reports.groups import groups_table
from sounimicro_pipelines.store.reports.tables import ReportTable, qualified


@dataclass(frozen=True, slots=True)
class GroupCondition:
    """Which rows belong to a group: columns and values. None means null, a pair means from (incl.) to (excl.)."""

    columns: tuple[str, ...]
    values: tuple[Any, ...]


def delete_company(tx: Transaction, name: str, company: str) -> None:
    """Remove all rows of a company."""
    tx.execute(text(f"DELETE FROM {qualified(tx, name)} WHERE company = :company"), {"company": company})  # noqa: S608


def delete_some(tx: Transaction, name: str, company: str, most: int) -> int:
    """Remove so many rows of a company, and groups of them, at most; answers how many. SQLite only."""
    of_table = f"FROM {groups_table(tx)} WHERE company = ? AND table_name = ?"
    rows = f"DELETE FROM {qualified(tx, name)} WHERE rowid IN (SELECT rowid FROM {qualified(tx, name)}"  # noqa: S608
    with cursor(tx) as told:
        told.execute(
            f"DELETE {of_table} AND group_key IN (SELECT group_key {of_table} LIMIT ?)",
            (company, name, company, name, most),
        )
        done = int(told.rowcount)
        told.execute(f"{rows} WHERE company = ? LIMIT ?)", (company, most))
        return done + int(told.rowcount)


def delete_groups(tx: Transaction, name: str, company: str, groups: Iterable[GroupCondition]) -> None:
    """Remove the rows of some groups of a company."""
    one = mark(tx)
    batches: dict[str, list[tuple[Any, ...]]] = {}
    for group in groups:
        conditions: list[str] = [f"company = {one}"]
        values: list[Any] = [company]
        for column, value in zip(group.columns, group.values, strict=True):
            if value is None:
                conditions.append(f'"{column}" IS NULL')
            elif isinstance(value, tuple):
                conditions.append(f'"{column}" >= {one} AND "{column}" < {one}')
                values.extend(value)
            else:
                conditions.append(f'"{column}" = {one}')
                values.append(value)
        batches.setdefault(" AND ".join(conditions), []).append(tuple(values))
    for condition, parameters in batches.items():
        many(tx, f"DELETE FROM {qualified(tx, name)} WHERE {condition}", parameters)  # noqa: S608 - names are checked


def insert_tuples(tx: Transaction, table: ReportTable, rows: Iterator[tuple[Any, ...]]) -> int:
    """Insert rows (company first, values as SQLite keeps them), streaming; answers how many. SQLite only."""
    marks = ", ".join("?" for _ in range(len(table.columns) + 1))
    with cursor(tx) as told:
        told.executemany(f"INSERT INTO {qualified(tx, table.name)} ({_names(table)}) VALUES ({marks})", rows)  # noqa: S608
        return max(int(told.rowcount), 0)


def update_tuples(
    tx: Transaction, table: ReportTable, key: Sequence[str], fixed: Sequence[str], rows: Iterator[tuple[Any, ...]]
) -> int:
    """Give the rows with these keys the values of rows as `insert_tuples` takes them; answers how many. SQLite only.

    `fixed` are columns that are known to stay as they are: an index is written for every column that is set.
    """
    names = ("company", *(column.name for column in table.columns))
    given = [name for name in names[1:] if name not in fixed]
    values = ", ".join(f'"{name}" = ?' for name in given)
    same = " AND ".join(f'"{name}" IS ?' for name in key)
    in_order = itemgetter(*(names.index(name) for name in (*given, "company", *key)))
    with cursor(tx) as told:
        told.executemany(
            f"UPDATE {qualified(tx, table.name)} SET {values} WHERE company = ? AND {same}",  # noqa: S608
            map(in_order, rows),
        )
        return max(int(told.rowcount), 0)


def copy_lines(tx: Transaction, table: ReportTable, lines: Iterator[str]) -> int:
    """Insert lines of Postgres' COPY text format (company first), streaming; answers how many. Postgres only."""
    with cursor(tx) as told:
        told.copy_expert(f"COPY {qualified(tx, table.name)} ({_names(table)}) FROM STDIN", _Lines(lines))
        return int(told.rowcount)


class _Lines(io.TextIOBase):
    """A readable file over an iterator of lines (each with its line end)."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = ""

    def read(self, size: int | None = -1) -> str:
        wanted = 65536 if size is None or size < 0 else size
        parts, length = [self._rest], len(self._rest)
        while length < wanted:
            line = next(self._lines, None)
            if line is None:
                break
            parts.append(line)
            length += len(line)
        whole = "".join(parts)
        self._rest = whole[wanted:]
        return whole[:wanted]


def _names(table: ReportTable) -> str:
    return ", ".join(f'"{name}"' for name in ("company", *(column.name for column in table.columns)))
