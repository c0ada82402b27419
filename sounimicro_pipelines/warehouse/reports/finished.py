"""What a finished build says about its figures: as of which day, when the ERP was read, and what does not tie out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from sounimicro_pipelines.clock import UTC, Clock
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.reports.errors import ReportsMissing
from sounimicro_pipelines.warehouse.reports.result import CheckResult


@dataclass(frozen=True, slots=True)
class FinishedBuild:
    """The last finished build of a company.

    `as_of` is the Oslo day that counted as today, `fetched_at` (UTC) the oldest moment among the feeds that could be
    read, `checks` the identities, `feeds` those feeds that could not be read, with the reason.
    """

    as_of: date
    fetched_at: datetime
    checks: tuple[CheckResult, ...]
    feeds: tuple[str, ...]

    @property
    def ties_out(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def finding(self) -> str:
        """What does not tie out, in one line; empty when all does."""
        return "; ".join(check.finding or check.name for check in self.checks if not check.ok)


@dataclass(frozen=True, slots=True)
class LastBuild:
    """The number of a finished build, and the version of the project and the company that it was made for."""

    build: int
    project: str
    company: str

    def is_of(self, project: str, company: str) -> bool:
        return (self.project, self.company) == (project, company)


def last_build(connection: duckdb.DuckDBPyConnection) -> LastBuild | None:
    """The last build that was begun, when it was also finished; else None."""
    try:
        row = connection.execute(
            "select build, project, company from reports_state.build"
            " where build = (select build from reports_state.this_build)"
            " and exists (select 1 from reports_state.seen) order by build desc limit 1"
        ).fetchone()
    except duckdb.CatalogException:
        return None
    return None if row is None else LastBuild(int(row[0]), str(row[1]), str(row[2]))


def finished_build(path: Path, *, hands_on: bool = False, clock: Clock | None = None) -> FinishedBuild:
    """Reads the state of a company's file, which is handed on to who reads it at once.

    Raises ReportsMissing when nothing was built yet, and WarehouseError.
    """
    with Warehouse(path, clock=clock, checkpoint=False, hands_on=hands_on) as connection:
        try:
            day = connection.execute("select as_of from reports_state.build order by build desc limit 1").fetchone()
            checks = identities(connection)
        except duckdb.CatalogException:
            day, checks = None, ()
        if day is None:
            raise ReportsMissing(f"There are no reports in {path.name} yet.", remedy="Run the figures first.")
        oldest = connection.execute("select min(fetched_at) from raw._feed where state = 'ok'").fetchone()
        feeds = connection.execute(
            "select entity, state, coalesce(message, '') from raw._feed where state <> 'ok' order by entity"
        ).fetchall()
    moment = oldest[0] if oldest and oldest[0] is not None else None
    return FinishedBuild(
        as_of=date.fromisoformat(str(day[0])[:10]),
        fetched_at=moment.replace(tzinfo=UTC) if moment else datetime(1970, 1, 1, tzinfo=UTC),
        checks=checks,
        feeds=tuple(f"{entity}: {state}. {message}".strip() for entity, state, message in feeds),
    )


def identities(connection: duckdb.DuckDBPyConnection) -> tuple[CheckResult, ...]:
    """The identities as the mart `tie_out` has them."""
    found = connection.execute(
        "select check_name, ok, offence_count, finding, offending_keys from reports.tie_out order by check_name"
    ).fetchall()
    return tuple(
        CheckResult(name, ok, count, finding or "", tuple(keys.split("; ")) if keys else ())
        for name, ok, count, finding, keys in found
    )
