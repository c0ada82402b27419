"""Go-live reports that a person asks for on a screen.

The panels put the wish on the work list, a run of Dagster's makes the report (which reads the warehouse, and panels
never open that), and the store says how far it has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.store import Transaction, companies, runs, work
from sounimicro_pipelines.store.work import Poke, WorkItem
from sounimicro_pipelines.sync.world import World

KIND = "go_live_report"
"""The kind of the run that makes a report; wishes for one are listed under the same word in place of a rule."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a report has come. `error` names the kind of the error that it failed by, `said` is its text."""

    state: Literal["asked", "making", "failed"]
    at: datetime
    error: str = ""
    said: str = ""


def ask(tx: Transaction, company_key: str, now: datetime) -> None:
    """Ask for a company's report; asking again while it waits changes nothing."""
    work.poke(tx, [_poke(company_key)], now)


def asked(tx: Transaction, now: datetime) -> Sequence[str]:
    """The aliases of companies in use whose report somebody waits for, oldest wish first."""
    aliases = {one.company_key: one.alias for one in companies.all_companies(tx)}
    due = [one for one in work.listing(tx, KIND) if one.not_before <= now]
    return [aliases[one.company_key] for one in due if one.company_key in aliases]


def progress(tx: Transaction, company_key: str) -> Progress | None:
    """How far a company's report has come; None when nobody waits for one, and the last was made."""
    last = runs.newest(tx, KIND, company_key)
    if last is not None and last.state == "running":
        return Progress("making", last.started_at)
    waiting = [one for one in work.listing(tx, KIND) if one.company_key == company_key]
    if waiting:
        return Progress("asked", waiting[0].first_at)
    if last is not None and last.state == "failed":
        error, _, said = (last.message or "").partition(": ")
        return Progress("failed", last.finished_at or last.started_at, error, said)
    return None


class Making:
    """A company's report while it is being made: a run of the store's that ends as the block ends.

    A wish for it is answered by the end, whichever it is; a process that dies leaves it on the list.
    """

    def __init__(self, world: World, company_key: str) -> None:
        self._world, self._key = world, company_key
        self._item: WorkItem | None = None

    def __enter__(self) -> None:
        world = self._world
        with world.store.transaction() as tx:
            lease = timedelta(seconds=world.patience.lease)
            poke = _poke(self._key)
            self._item = work.take_one(tx, poke, holder=world.holder, now=world.now(), hold=lease)
            runs.start(tx, world.run_id, kind=KIND, by=world.by, now=world.now(), company_key=self._key)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, Exception):
            return
        message = ""
        if isinstance(error, SounimicroError):
            message = f"{type(error).__name__}: {error.message} {error.remedy}".strip()
        elif error is not None:
            message = f"{type(error).__name__}: "
        with self._world.store.transaction() as tx:
            now, state = self._world.now(), "failed" if error is not None else "done"
            runs.finish(tx, self._world.run_id, now=now, counts={}, state=state, message=message)
            if self._item is not None:
                work.finish(tx, self._item, now)


def _poke(company_key: str) -> Poke:
    return Poke(KIND, "erp", "report", 0, "person", company_key=company_key, priority=1)
