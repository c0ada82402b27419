"""Writing into the store what a build has changed, where that is known row by row.

In SQLite a row whose key stays and whose indexed columns do is changed where it stands: taken out and put in again it
would touch three places of the store's file instead of one. DuckDB answers with the next rows meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import duckdb

from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import GroupCondition
from sounimicro_pipelines.warehouse.due import FETCH_ROWS, Due, stream
from sounimicro_pipelines.warehouse.meanwhile import read_ahead
from sounimicro_pipelines.warehouse.rows import rows_of

Row = tuple[Any, ...]
AHEAD = 4
"""Parts of FETCH_ROWS rows: most changes are read as a whole long before they are written, and the warehouse let go."""


def write_changes(
    warehouse: duckdb.DuckDBPyConnection,
    tx: Transaction,
    plans: Sequence[Due],
    company: str,
    *,
    when_read: Callable[[], None],
) -> dict[str, int]:
    """Writes the rows that went and came, and notes the digests of their groups; how many came, by mart.

    `when_read` is called, in whichever thread, when all rows are read.
    """
    written = {plan.table.name: 0 for plan in plans}
    changed = [(plan, plan.changes.table) for plan in plans if plan.changes is not None and plan.changes.table]

    def parts() -> Iterator[_Lines | _Rows]:
        yield from (_lines if tx.is_postgres else _rows)(warehouse, changed, company)
        when_read()

    with closing(read_ahead(parts(), AHEAD)) as coming:
        for part in coming:
            written[part.plan.table.name] += part.write(tx, company)
    for plan, _ in changed:
        reports.drop_digests(tx, company, plan.table.name, plan.removed)
        reports.set_digests(tx, company, plan.table.name, plan.changed)
    return written


@dataclass(frozen=True, slots=True)
class _Rows:
    """Some of a mart's rows as SQLite keeps them: keys that are taken out, rows that stay in their place, new ones."""

    plan: Due
    went: Sequence[Row]
    stays: Sequence[Row]
    came: Sequence[Row]

    def write(self, tx: Transaction, company: str) -> int:
        table, key = self.plan.table, self.plan.key
        _delete(tx, self.plan, company, self.went)
        stayed = reports.update_tuples(tx, table, key, _fixed(self.plan), iter(self.stays)) if self.stays else 0
        return stayed + (reports.insert_tuples(tx, table, iter(self.came)) if self.came else 0)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Some of a mart's rows as Postgres takes them: keys that are taken out, then lines of new rows."""

    plan: Due
    went: Sequence[Row]
    came: Sequence[str]

    def write(self, tx: Transaction, company: str) -> int:
        _delete(tx, self.plan, company, self.went)
        return reports.copy_lines(tx, self.plan.table, iter(self.came)) if self.came else 0


def _delete(tx: Transaction, plan: Due, company: str, keys: Sequence[Row]) -> None:
    reports.delete_groups(tx, plan.table.name, company, [GroupCondition(plan.key, key) for key in keys])


def _fixed(plan: Due) -> tuple[str, ...]:
    """The columns of the key and of the indexes."""
    return tuple(dict.fromkeys((*plan.key, *(column for index in plan.table.indexes for column in index))))


def _lines(warehouse: duckdb.DuckDBPyConnection, changed: Sequence[tuple[Due, str]], company: str) -> Iterator[_Lines]:
    for plan, changes in changed:
        key = ", ".join(f'"{column}"' for column in plan.key)
        went = warehouse.execute(f"SELECT {key} FROM {changes} WHERE NOT is_new ORDER BY ALL").fetchall()
        yield _Lines(plan, went, ())
        came = f"(FROM {changes} WHERE is_new ORDER BY {key}) AS t"
        rows = stream(warehouse.execute(rows_of(plan, came, company, postgres=True)))
        while some := [line for (line,) in islice(rows, FETCH_ROWS)]:
            yield _Lines(plan, (), some)


def _rows(warehouse: duckdb.DuckDBPyConnection, changed: Sequence[tuple[Due, str]], company: str) -> Iterator[_Rows]:
    for plan, changes in changed:
        names = ["company", *(column.name for column in plan.table.columns)]
        fixed = _fixed(plan)
        others = (f'CASE WHEN is_new THEN "{name}" END AS "{name}"' for name in names[1:] if name not in fixed)
        needed = ", ".join((*(f'"{name}"' for name in fixed), *others, "is_new"))
        in_order = ", ".join(f'"{name}"' for name in plan.key)
        source = f"(SELECT {needed} FROM {changes} ORDER BY {in_order}, is_new) AS t"
        rows = stream(warehouse.execute(rows_of(plan, source, company, postgres=False, behind="is_new")))
        key_of, fixed_of = (itemgetter(0, *(names.index(name) for name in columns)) for columns in (plan.key, fixed))
        of_keys = (tuple(same) for _, same in groupby(rows, key_of))
        while some := tuple(islice(of_keys, FETCH_ROWS)):
            went: list[Row] = []
            stays: list[Row] = []
            came: list[Row] = []
            for same in some:
                if [row[-1] for row in same] == [False, True] and fixed_of(same[0]) == fixed_of(same[1]):
                    stays.append(same[1][:-1])
                    continue
                came.extend(row[:-1] for row in same if row[-1])
                if not same[0][-1]:
                    went.append(key_of(same[0])[1:])
            yield _Rows(plan, went, stays, came)
