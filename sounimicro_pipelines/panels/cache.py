"""Answers kept for as long as the figures in them stand: readers ask for the same few screens again and again.

A publish changes the figures of a few parties and says of all when they were fetched. So an answer is made without
that moment, which is put in for each reader, and stands until rows that it was made of are replaced.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.figures.party import Version, version_of
from sounimicro_pipelines.store import Transaction, reports

SECONDS = 60.0
"""An answer is never kept longer, whatever stands: names and links may change."""
MAX_BYTES = 64 * 1024 * 1024
MOST_FACTS = 1000
FETCHED = secrets.token_hex(16)
"""Stands in an answer where it says when the figures were fetched; nobody's data can hold it."""

T = TypeVar("T")


@dataclass(slots=True)
class _Kept:
    """An answer; `stands` is the publish for which it was last found good.

    `said` is what it says of the version, `digests` those of the rows that it was made of; None when it was made of
    more than its party's own, and is good for one publish alone.
    """

    until: float
    body: bytes
    stands: Hashable
    said: Hashable
    digests: Mapping[str, str | None] | None


class AnswerCache:
    """Answers by key; the least recently asked for go first when there are too many. Safe between threads."""

    def __init__(self, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._answers: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._facts: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._lock = Lock()

    def answer(
        self,
        tx: Transaction,
        subject: Subject,
        key: Hashable,
        tables: tuple[str, ...],
        make: Callable[[Version], bytes],
    ) -> tuple[bytes, Version]:
        """The answer about a party, kept or made, and the version of the tables that it shows.

        Holds FETCHED where it says when that version was fetched. Raises what `make` raises, and NotFound or NotReady
        when there is no such version; keeps nothing then, nor where nothing is published.
        """
        stands = reports.standing(tx, subject.company)
        version = self.known(
            stands, ("version", subject.company, tables), lambda: version_of(tx, subject.company, tables)
        )
        said = (version.as_of, version.ties_out, version.finding, version.tables)
        kept = self._get(key)
        if kept is not None and kept.stands == stands:
            return kept.body, version
        digests = kept.digests if kept is not None and kept.said == said else None
        if kept is not None and digests is not None and _digests(tx, subject, digests) == digests:
            kept.stands = stands
            return kept.body, version
        tx.asked.clear()
        body = make(version)
        if stands is not None:
            own = _own_tables(tx, subject)
            digests = _digests(tx, subject, own) if own is not None else None
            self._put(key, _Kept(self._clock.monotonic() + SECONDS, body, stands, said, digests))
        return body, version

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

    def _get(self, key: Hashable) -> _Kept | None:
        with self._lock:
            found = self._answers.get(key)
            if found is None or self._clock.monotonic() >= found.until:
                return None
            self._answers.move_to_end(key)
            return found

    def _put(self, key: Hashable, kept: _Kept) -> None:
        with self._lock:
            old = self._answers.pop(key, None)
            self._bytes += len(kept.body) - (len(old.body) if old else 0)
            self._answers[key] = kept
            while self._bytes > self._max_bytes:
                _, dropped = self._answers.popitem(last=False)
                self._bytes -= len(dropped.body)


def _digests(tx: Transaction, subject: Subject, tables: Iterable[str]) -> Mapping[str, str | None]:
    return reports.digests_of_party(tx, subject.company, subject.role, subject.party_id, tables)


def _own_tables(tx: Transaction, subject: Subject) -> frozenset[str] | None:
    """The tables whose rows of the party the transaction read; None when it read other rows than the party's."""
    whose = {"company": subject.company, "role": subject.role, "party_id": subject.party_id}
    if not all(whose.items() <= where.items() for _, where in tx.asked):
        return None
    return frozenset(name for name, _ in tx.asked)
