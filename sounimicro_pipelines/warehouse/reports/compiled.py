"""A build without dbt's start: the steps that dbt compiled, run in one transaction.

dbt needs seconds to begin, and a second for twenty models that have nothing to do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from sounimicro_pipelines.warehouse.groups import changes_of, forget_changes, keep_changes
from sounimicro_pipelines.warehouse.reports.errors import ReportBuildFailed
from sounimicro_pipelines.warehouse.reports.replaced import as_in_table, of_scope, replace
from sounimicro_pipelines.warehouse.reports.steps import Step, of_parties, passing

_TOLD = {
    "feed_state": "select 'raw.' || table_name from temp.feed_state where again or fetched_at is distinct from since",
    "changed_record": "select distinct record from temp.changed_record",
    "calendar": "select 'new_day' from temp.calendar where is_new_day"
    " union all select 'new_year' from temp.calendar where is_new_year",
    "touched_year": "select 'undated' from temp.touched_year where year is null limit 1",
}
"""What of a build is known after a step: raw tables and records that changed, whether another day has come, and whether
a touched document has no day."""
SMALL = 50_000
"""Rows of anything that was touched, up to which a build is done sooner by one thread: two wait for each other longer
than they work."""
_LOOKS_AT_ALL = "feed_stamp"
"""The step that looks at every raw row, however little was touched."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did: seconds of each model, and how many rows each of the build's own tables got."""

    seconds: Mapping[str, float]
    rows: Mapping[str, int]


def build_compiled(
    connection: duckdb.DuckDBPyConnection,
    steps: Sequence[Step],
    company: str,
    as_of: date,
    build: int,
    project: str,
    log: Path,
) -> Built:
    """Runs the steps. Raises ReportBuildFailed, and then nothing has changed.

    The connection keeps the build's own temporary tables, such as `touched_party` and those of the rows that changed,
    until it is closed; and one thread, when little was touched.
    """
    seconds: dict[str, float] = {}
    name = "this_build"
    connection.execute("set preserve_insertion_order = false")
    connection.execute("begin")
    try:
        connection.execute("delete from reports_state.this_build")
        connection.execute("insert into reports_state.this_build values (?, ?, ?, ?)", [company, as_of, build, project])
        forget_changes(connection)
        running = _Build(connection, steps)
        for step in steps:
            name = step.name
            started = time.perf_counter()
            running.take(step)
            seconds[name] = time.perf_counter() - started
        keep_changes(connection, build)
        connection.execute("commit")
    except duckdb.Error as error:
        _roll_back(connection)
        reason = " ".join(str(error).split())[:500]
        raise ReportBuildFailed(company, [(name, reason)], log) from error
    except BaseException:
        _roll_back(connection)
        raise
    return Built(seconds, running.rows)


class _Build:
    """A build that is going on: which changes were found, how many rows its own tables have, what was picked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> None:
        self._connection = connection
        self._steps = steps
        self._changes: set[str] = set()
        self._picked: set[str] = set()
        self._threads = _threads(connection)
        self._works_with = self._threads
        self._is_large = False
        self.rows: dict[str, int] = {}

    def take(self, step: Step) -> None:
        self._work_with(self._threads if self._is_large or step.name == _LOOKS_AT_ALL else 1)
        is_due = not step.when or bool(self._changes & set(step.when))
        sql = step.sql_when(self._changes)
        if step.is_passing:
            self._note(step.name, self._create(step.table, f"as (\n{sql}\n)" if is_due else step.empty))
            if step.name in _TOLD:
                self._changes.update(name for (name,) in self._connection.execute(_TOLD[step.name]).fetchall())
        elif not is_due:
            return
        elif step.materialized == "table":
            self._connection.execute(f"create or replace table {step.table} as (\n{sql}\n)")
        elif not step.touched:
            self._connection.execute(f"insert into {step.table} by name (\n{sql}\n)")
        else:
            self._make_anew(step, sql)

    def _note(self, name: str, rows: int) -> None:
        """A table of the build's own that has rows is a change of which other models say that they depend on it."""
        self.rows[name] = rows
        if rows:
            self._changes.add(name)
        self._is_large = self._is_large or rows > SMALL

    def _work_with(self, threads: int) -> None:
        if self._works_with != threads:
            self._connection.execute(f"set threads = {threads}")
            self._works_with = threads

    def _create(self, table: str, what: str) -> int:
        """Makes a temporary table; answers how many rows it has."""
        counted = self._connection.execute(f"create or replace temp table {table} {what}").fetchone()
        return int(counted[0]) if counted else 0

    def _make_anew(self, step: Step, sql: str) -> None:
        if not self.rows[f"touched_{step.touched}"]:
            if step.made:
                self._create(step.made, step.empty)
            return
        for table in step.of_parties:
            if table not in self._picked:
                self._pick(table)
        made = f"(\n{sql}\n)"
        if step.made:
            self._create(step.made, f"as select {as_in_table(step.shape)} from {made} as made")
            made = step.made
        touched = passing(f"touched_{step.touched}")
        nullable = [column for column in step.nullable if column != step.in_order_of or self._has_null(touched, column)]
        of_touched = of_scope("gone", touched, step.columns, nullable, step.in_order_of)
        replace(self._connection, step.table, step.shape, made, of_touched, changes_of(step.name))

    def _has_null(self, table: str, column: str) -> bool:
        """A scan for what is null looks at everything, so it is not begun for nothing."""
        return bool(self._connection.execute(f"select 1 from {table} where {column} is null limit 1").fetchall())

    def _pick(self, table: str) -> None:
        """Reads the rows of the touched parties once for all steps that ask for them, in the columns that they name."""
        named = set(re.findall(r"\w+", " ".join(step.sql for step in self._steps if table in step.of_parties)))
        (shape,) = (step.shape for step in self._steps if f"{step.schema}.{step.name}" == table)
        listed = ", ".join(f'whole."{column}"' for column, _ in shape if column in named)
        (of_touched,) = of_scope("whole", passing("touched_party"), ("role", "party_id"))
        self._create(of_parties(table), f"as select {listed} from {table} as whole {of_touched}")
        self._picked.add(table)


def _threads(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("select current_setting('threads')").fetchone()
    return int(found[0]) if found else 1


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        connection.close()
