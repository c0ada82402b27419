"""Undoing a run as work of its own: who asked for it sees how far it has come, and it goes on when they have left."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.admin.frame import Desk
from sounimicro_pipelines.store import history
from sounimicro_pipelines.store.history import Entry
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.requests import Outcome
from sounimicro_pipelines.sync.undo import UndoReport, undo

AT_ONCE = 3.0
"""Seconds that an answer waits for the work; most runs are undone by then."""
TOLD = 50
"""Records of an undo that Dagster hears of one by one."""
REMEMBERED = 20
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Undoing:
    """The undoing of a run. `run_id` is its own run, "" until that has begun."""

    task: asyncio.Task[UndoReport]
    run_id: str = ""

    @property
    def is_done(self) -> bool:
        return self.task.done()

    def report(self) -> UndoReport:
        """What it came to, when it is done. Raises what ended it: SounimicroError."""
        return self.task.result()


async def begin(desk: Desk, run: str) -> Undoing:
    """Undo a run, unless that goes on already; answers when it is done, or after a moment."""
    known = _known(desk)
    going = known.get(run)
    if going is None or going.is_done:
        going = known[run] = _start(desk, run)
        while len(known) > REMEMBERED and known[next(iter(known))].is_done:
            known.popitem(last=False)
    await asyncio.wait({going.task}, timeout=AT_ONCE)
    return going


def found(desk: Desk, run: str) -> Undoing | None:
    """The undoing of a run that this process has begun lately."""
    return _known(desk).get(run)


def _start(desk: Desk, run: str) -> Undoing:
    engine = desk.panels.engine

    async def work(connection: Connection) -> UndoReport:
        world = await connection.world(by=desk.viewer.actor)
        going.run_id = world.run_id
        report = await undo(world, run)
        if engine.tell is not None:
            with connection.store.read() as tx:
                written = history.of_run(tx, report.run_id)
            for outcome in _outcomes(report, written):
                engine.tell(outcome)
        return report

    async def whole() -> UndoReport:
        report = await engine.act(work)
        await desk.change(lambda tx: desk.audit(tx, "run_undone", f"run:{run}", by_run=report.run_id))
        return report

    going = Undoing(asyncio.create_task(whole()))
    going.task.add_done_callback(_note)
    return going


def _note(task: asyncio.Task[UndoReport]) -> None:
    """What ended an undo that nobody waits for any more stands in the log."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, SounimicroError):
        _log.warning("An undo was ended: %s", error.message)
    elif error is not None:
        _log.error("An undo failed.", exc_info=error)


def _outcomes(report: UndoReport, written: Sequence[Entry]) -> Iterator[Outcome]:
    """What Dagster is told of an undo: one event for each record, up to a point."""
    found: dict[tuple[str, str, int, str], list[Entry]] = {}
    for one in written:
        found.setdefault((one.rule, one.crm_entity, int(one.crm_id or 0), one.company_key), []).append(one)
    for (rule, entity, number, key), lines in list(found.items())[:TOLD]:
        yield Outcome(
            action="undo",
            run_id=report.run_id,
            rule=rule,
            company_key=key,
            record=CrmAddress(entity, number),
            erp_entity=lines[0].erp_entity,
            erp_id=lines[0].erp_id,
            fields=tuple((str(line.side), str(line.field)) for line in lines),
            counts=report.counts,
        )


def _known(desk: Desk) -> OrderedDict[str, Undoing]:
    state = desk.request.app.state
    if not hasattr(state, "undoing"):
        state.undoing = OrderedDict()
    known: OrderedDict[str, Undoing] = state.undoing
    return known
