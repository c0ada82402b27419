"""A warehouse that one step of a run leaves open for the next: opening it anew would play back its log once more.

With its connection come its temporary tables and its settings. It is held by nobody for longer than SECONDS, so that
other processes get it soon where no next step comes.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock, Timer

import duckdb

SECONDS = 3.0

_held: dict[Path, tuple[duckdb.DuckDBPyConnection, Timer]] = {}
_lock = Lock()


def hand_on(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Keeps a connection until somebody takes it or lets it go, or for a moment."""
    let_go(path)
    timer = Timer(SECONDS, let_go, [path, connection])
    timer.daemon = True
    with _lock:
        _held[path] = (connection, timer)
    timer.start()


def take(path: Path, only: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyConnection | None:
    """What is held of a file, if anything is (and it is `only` that); the caller closes it or hands it on."""
    with _lock:
        held = _held.get(path)
        if held is None or only not in (None, held[0]):
            return None
        del _held[path]
    connection, timer = held
    timer.cancel()
    return connection


def let_go(path: Path, only: duckdb.DuckDBPyConnection | None = None) -> None:
    """Closes what `take` takes."""
    connection = take(path, only)
    if connection is not None:
        connection.close()
