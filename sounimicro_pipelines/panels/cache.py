"""Answers kept for as long as the figures behind them stand: readers ask for the same few screens again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.store import Transaction
from sounimicro_pipelines.store.statements import find_one

SECONDS = 60.0
"""An answer is never kept longer, whatever stands: it says how old its figures are, and names may change."""
MAX_BYTES = 64 * 1024 * 1024
MOST_FACTS = 1000

T = TypeVar("T")


class AnswerCache:
    """Bodies by key; the least recently asked for go first when there are too many. Safe between threads."""

    def __init__(self, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._bodies: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()
        self._facts: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
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

    def known(self, stands: Hashable | None, key: Hashable, make: Callable[[], T]) -> T:
        """What is the same for every reader of the version that `stands`: made once, kept as long as an answer.

        Raises what `make` raises, and keeps nothing then, nor where no version stands.
        """
        if stands is None:
            return make()
        key, now = (stands, key), self._clock.monotonic()
        with self._lock:
            found = self._facts.get(key)
        if found is not None and now < found[0]:
            return found[1]  # type: ignore[no-any-return]
        made = make()
        with self._lock:
            self._facts[key] = (now + SECONDS, made)
            while len(self._facts) > MOST_FACTS:
                self._facts.popitem(last=False)
        return made


def standing(tx: Transaction, company: str) -> Hashable | None:
    """What changes whenever a company's figures do: all its tables are published in one transaction."""
    row = find_one(tx, tx.tables.published, company=company, table_name="party")
    return (row.run_id, row.fetched_at, row.erp_as_of, row.ties_out) if row is not None else None
