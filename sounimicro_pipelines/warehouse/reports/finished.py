"""What a finished build says about its figures: as of which day, when the ERP was read, and what does not tie out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from sounimicro_pipelines.clock import UTC, Clock
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.reports.errors import ReportsMissing
from sounimicro_pipelines.warehouse.reports.result import CheckResult

_MOST_KEYS = 20


@dataclass(frozen=True, slots=True)
class FinishedBuild:
    """The last finished build of a company.

    `as_of` is the Oslo day that counted as today, `fetched_at` (UTC) the oldest moment at which a register was read
    that the figures rest on, `checks` the identities, `unread` the essential registers that could never be read, and
    `unusable` the keys of the ledger's records that are in quarantine.
    """

    as_of: date
    fetched_at: datetime
    checks: tuple[CheckResult, ...]
    unread: tuple[str, ...] = ()
    unusable: tuple[int | None, ...] = ()

    @property
    def ties_out(self) -> bool:
        return not self.unread and not self.unusable and all(check.ok for check in self.checks)

    @property
    def finding(self) -> str:
        """What does not tie out, in one line; empty when all does."""
        found = [f"the ERP has not let {entity} be read" for entity in self.unread]
        if self.unusable:
            keys = ", ".join("?" if key is None else str(key) for key in self.unusable[:_MOST_KEYS])
            found.append(f"posted lines are in quarantine and in no figure as they are now ({keys})")
        return "; ".join([*found, *(check.finding or check.name for check in self.checks if not check.ok)])


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


def finished_build(
    path: Path,
    *,
    essential: Collection[str] = (),
    ledger: str = "",
    hands_on: bool = False,
    clock: Clock | None = None,
) -> FinishedBuild:
    """Reads the state of a company's file, which is handed on to who reads it at once.

    Without one of the `essential` registers the figures are wrong, so they are as old as what was last read of it,
    though the ERP refuses it now; another register that is refused is only lacked. `ledger` is the register of posted
    lines, of which none may be missing. Raises ReportsMissing when nothing was built yet, and WarehouseError.
    """
    with Warehouse(path, clock=clock, checkpoint=False, hands_on=hands_on) as connection:
        try:
            day = connection.execute("select as_of from reports_state.build order by build desc limit 1").fetchone()
            checks = identities(connection)
        except duckdb.CatalogException:
            day, checks = None, ()
        if day is None:
            raise ReportsMissing(f"There are no reports in {path.name} yet.", remedy="Run the figures first.")
        feeds = connection.execute("select entity, state, fetched_at from raw._feed order by entity").fetchall()
        unusable = connection.execute(
            "select key from raw._quarantine where entity = ? order by key nulls last", [ledger]
        ).fetchall()
    moments = [
        fetched_at
        for entity, state, fetched_at in feeds
        if fetched_at is not None and (state in ("ok", "failed") or entity in essential)
    ]
    return FinishedBuild(
        as_of=date.fromisoformat(str(day[0])[:10]),
        fetched_at=min(moments).replace(tzinfo=UTC) if moments else datetime(1970, 1, 1, tzinfo=UTC),
        checks=checks,
        unread=tuple(entity for entity, _, fetched_at in feeds if fetched_at is None and entity in essential),
        unusable=tuple(key for (key,) in unusable),
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
