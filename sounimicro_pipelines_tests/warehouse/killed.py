"""A run that kills itself at the n-th dangerous moment: `python -m …killed FOLDER MODE first|next EVERY`.

Each EVERYth moment is tried in a forked process of its own: the run is killed there, repeated undisturbed, and the file
must then hold what a run that was never killed leaves. Prints what differed, and how many moments there were.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from sounimicro_pipelines.clock import UTC, ManualClock
from sounimicro_pipelines.warehouse import Warehouse, extract, landing
from sounimicro_pipelines_tests.warehouse.registers import INVOICE, Register, stamp

FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)
NEXT = FIRST + timedelta(hours=1)
EARLIER = FIRST + timedelta(minutes=15)
"""Before the overlap of a watermark that stands at NEXT: such a change is lost when a watermark moves too early."""
_module = sys.modules[extract.__module__]


def register(moment: datetime) -> Register:
    """The vendor at a moment: at NEXT some invoices are new, some changed, some gone, one is broken."""
    found = Register(specs=(INVOICE,), page_size=4)
    for key in range(1, 17):
        lines = [{"ID": key * 10 + place, "Text": f"Vare {place}", "Price": key + place} for place in range(3)]
        found.put("Invoice", ID=key, Amount=key * 1.25, CreatedAt=stamp(FIRST), UpdatedAt=None, Items=lines)
    if moment >= NEXT:
        for key in (2, 9, 13):
            found.records["Invoice"][key] |= {"Amount": 99.5, "UpdatedAt": stamp(EARLIER)}
            found.records["Invoice"][key]["Items"].pop()
        for key in range(17, 25):
            made = stamp(EARLIER if key > 21 else moment)
            found.put("Invoice", ID=key, Amount=key, CreatedAt=made, UpdatedAt=None, Items=[])
        del found.records["Invoice"][5], found.records["Invoice"][16]
        found.gone["Invoice"] = [5, 16]
        found.raw["Invoice"] = [b'{"ID":77,"Amount":"?"}']
    return found


class Bomb:
    """Counts dangerous moments and kills the process at one of them."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.count = 0

    def tick(self) -> None:
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


class Mined:
    """A connection that may kill the process before and after each statement that changes something."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, bomb: Bomb) -> None:
        connection.execute("SET python_scan_all_frames = true")
        self._connection = connection
        self._bomb = bomb

    def execute(self, query: str, *parameters: Any) -> Any:
        matters = not query.lstrip().upper().startswith(("SELECT", "SET"))
        if matters:
            self._bomb.tick()
        found = self._connection.execute(query, *parameters)
        if matters and query == "COMMIT":
            self._bomb.tick()
        return found

    def close(self) -> None:
        self._bomb.tick()
        self._connection.close()


def arm(bomb: Bomb) -> None:
    opened = Warehouse.open
    Warehouse.open = lambda self: Mined(opened(self), bomb)  # type: ignore[method-assign, assignment, return-value]
    for name in ("close_chunk", "finish", "write_stage"):
        setattr(landing.LandingRun, name, ticking(getattr(landing.LandingRun, name), bomb))


def ticking(function: Callable[..., Any], bomb: Bomb) -> Callable[..., Any]:
    def wrapped(*arguments: Any) -> Any:
        bomb.tick()
        found = function(*arguments)
        bomb.tick()
        return found

    return wrapped


def run(folder: Path, moment: datetime, mode: Any, bomb: Bomb | None = None) -> None:
    _module.ROW_GROUP, _module.CHUNK_BYTES = 9, 900  # type: ignore[attr-defined]
    if bomb is not None:
        arm(bomb)
    source = register(moment)
    on_page = (lambda entity, rows: bomb.tick()) if bomb else None
    results = asyncio.run(
        extract(source, folder / "a.duckdb", folder / "landing", mode=mode, clock=ManualClock(moment), on_page=on_page)
    )
    assert results[0].state == "ok", results[0].message


def state(folder: Path) -> str:
    """Everything in the raw tables, as text."""
    with Warehouse(folder / "a.duckdb") as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'").fetchall()
        found = {
            name: sorted(map(repr, connection.execute(f'SELECT * EXCLUDE (_fetched_at) FROM raw."{name}"').fetchall()))
            if name in {"invoice", "invoice_item"}
            else sorted(map(repr, connection.execute(f'SELECT * FROM raw."{name}"').fetchall()))
            for (name,) in tables
        }
    left = [str(path.relative_to(folder)) for path in folder.rglob("stage-*")]
    return json.dumps([found, left], indent=0, sort_keys=True)


def forked(work: Callable[[], None]) -> int:
    """Runs `work` in a forked process; its signal, 0 when it ended well. Raises RuntimeError when it failed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a run failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def finish(folder: Path, moment: datetime, mode: str, report: Path) -> None:
    run(folder, moment, mode)
    report.write_text(state(folder))


def main(folder: Path, mode: str, is_first: bool, every: int) -> None:
    base, wanted = folder / "base", folder / "wanted"
    base.mkdir()
    if not is_first:
        forked(lambda: run(base, FIRST, "full"))
    moment = FIRST if is_first else NEXT
    shutil.copytree(base, wanted)
    forked(lambda: finish(wanted, moment, mode, folder / "wanted.txt"))
    at = 0
    while True:
        tried = folder / f"tried-{at}"
        shutil.copytree(base, tried)
        here = at
        if forked(lambda: run(tried, moment, mode, Bomb(here))) == 0:  # noqa: B023 - forked at once
            break
        forked(lambda: finish(tried, moment, mode, folder / "tried.txt"))  # noqa: B023
        if (folder / "tried.txt").read_text() != (folder / "wanted.txt").read_text():
            print(f"killed at moment {at}: the state differs")
        shutil.rmtree(tried)
        at += every
    print(f"{at} moments")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "first", int(sys.argv[4]))
