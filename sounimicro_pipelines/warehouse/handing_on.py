"""A warehouse that one step of a run leaves open for the next: opening it anew would play back its log once more.

It is held by nobody for longer than SECONDS, so that other processes get it soon where no next step comes.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock, Timer

import duckdb

SECONDS = 3.0

_held: dict[Path, tuple[duckdb.DuckDBPyConnection, Timer]] = {}
_lock = Lock()


def hand_on(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Keeps a database open by one of its connections until `let_go`, or for a moment."""
    let_go(path)
    timer = Timer(SECONDS, let_go, [path, connection])
    timer.daemon = True
    with _lock:
        _held[path] = (connection, timer)
    timer.start()


def is_held(path: Path) -> bool:
    """Whether a database is open in this process for who comes next."""
    with _lock:
        return path in _held


def let_go(path: Path, only: duckdb.DuckDBPyConnection | None = None) -> None:
    """Closes what is held of a file, if anything is (and it is `only` that)."""
    with _lock:
        held = _held.get(path)
        if held is None or only not in (None, held[0]):
            return
        del _held[path]
    connection, timer = held
    timer.cancel()
    connection.close()
