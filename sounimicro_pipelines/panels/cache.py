"""Answers kept for as long as the figures behind them stand: readers ask for the same few screens again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from sqlalchemy import select

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.store import Transaction

SECONDS = 60.0
"""An answer is never kept longer, whatever stands: it says how old its figures are, and names may change."""
MAX_BYTES = 64 * 1024 * 1024


class AnswerCache:
    """Bodies by key; the least recently asked for go first when there are too many. Safe between threads."""

    def __init__(self, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._bodies: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            found = self._bodies.get(key)
            if found is None or self._clock.monotonic() >= found[0]:
                return None
            self._bodies.move_to_end(key)
            return found[1]

    def put(self, key: Hashable, body: bytes) -> None:
        with self._lock:
            old = self._bodies.pop(key, None)
            self._bytes += len(body) - (len(old[1]) if old else 0)
            self._bodies[key] = (self._clock.monotonic() + SECONDS, body)
            while self._bytes > self._max_bytes:
                _, (_, dropped) = self._bodies.popitem(last=False)
                self._bytes -= len(dropped)


def standing(tx: Transaction, company: str) -> Hashable | None:
    """What changes whenever a company's figures do: all its tables are published in one transaction."""
    table = tx.tables.published
    row = tx.row(
        select(table.c.run_id, table.c.fetched_at, table.c.erp_as_of, table.c.ties_out).where(
            table.c.company == company, table.c.table_name == "party"
        )
    )
    return tuple(row) if row is not None else None
