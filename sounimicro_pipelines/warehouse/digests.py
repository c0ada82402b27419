"""Digests of raw records: which records the warehouse already holds as they are, told without parsing them.

A digest is 104 bits of xxh3-128 and the record's size in bytes. The size tells where a record that has not changed
ends, so that a list is told apart without looking at what stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_digest

from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.schema import key_column, quoted, table_name

Keys = npt.NDArray[np.int64]
Halves = npt.NDArray[np.uint64]

_SIZE_BITS = 24
_LARGEST = (1 << _SIZE_BITS) - 1
"""Larger records all show this size; they are told by the digest alone."""
_DIGEST_BYTES = 16 - _SIZE_BITS // 8
_AHEAD = 64
"""Records whose sizes are looked up in one go."""
_COMMA, _LIST_END = b",]"


def each_once(keys: Keys) -> bool:
    """Whether no key stands twice. Sorting what a listing has sorted is free; numpy's own `unique` hashes every key."""
    ordered = np.sort(keys, kind="stable")
    return bool((ordered[1:] != ordered[:-1]).all())


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests as two columns of 64 bits; the size is the end of the lower one."""

    high: Halves
    low: Halves

    @staticmethod
    def of(rows: Sequence[bytes]) -> Digests:
        halves = np.frombuffer(b"".join(map(xxh3_128_digest, rows)), dtype=">u8").astype(np.uint64).reshape(-1, 2)
        sizes = np.minimum(np.fromiter(map(len, rows), np.uint64, len(rows)), np.uint64(_LARGEST))
        return Digests(np.ascontiguousarray(halves[:, 0]), (halves[:, 1] & ~np.uint64(_LARGEST)) | sizes)

    def __getitem__(self, places: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Digests:
        return Digests(self.high[places], self.low[places])

    @staticmethod
    def joined(parts: Sequence[Digests]) -> Digests:
        if not parts:
            return Digests(np.empty(0, np.uint64), np.empty(0, np.uint64))
        return Digests(np.concatenate([p.high for p in parts]), np.concatenate([p.low for p in parts]))


class KnownDigests:
    """The digests that a table holds, with the key of each record; a `records.Held`. Some 50 bytes a record."""

    def __init__(self, keys: Keys, digests: Digests) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._digests = digests[order]
        self._sizes = (self._digests.low & np.uint64(_LARGEST)).astype(np.uint32)
        self._bytes = np.stack((self._digests.high, self._digests.low), axis=1).astype(">u8").tobytes()
        self._by_digest: Keys | None = None

    @staticmethod
    def nothing() -> KnownDigests:
        return KnownDigests(np.empty(0, np.int64), Digests.joined([]))

    @staticmethod
    def of_table(connection: duckdb.DuckDBPyConnection, spec: EntitySpec) -> KnownDigests:
        found = connection.execute(
            f"SELECT {quoted(key_column(spec).raw_name)} AS key, _digest AS high, _digest_low AS low"
            f" FROM {table_name(spec.table)} WHERE _digest IS NOT NULL"
        ).fetchnumpy()
        keys, high, low = (np.ma.filled(found[name]) for name in ("key", "high", "low"))
        return KnownDigests(keys.astype(np.int64), Digests(high.astype(np.uint64), low.astype(np.uint64)))

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, digests: Digests) -> tuple[npt.NDArray[np.bool_], Keys]:
        """Which of the digests are known, and the keys of those that are."""
        if not len(self._keys):
            return np.zeros(len(digests.high), np.bool_), np.empty(0, np.int64)
        if self._by_digest is None:
            self._by_digest = np.argsort(self._digests.high, kind="stable")
        places = np.searchsorted(self._digests.high, digests.high, sorter=self._by_digest)
        places = self._by_digest[np.minimum(places, len(self._keys) - 1)]
        known = (self._digests.high[places] == digests.high) & (self._digests.low[places] == digests.low)
        return known, self._keys[places[known]]

    def behind(self, key: int) -> int:
        return int(np.searchsorted(self._keys, key, side="right"))

    def keys(self, places: range) -> list[int]:
        found: list[int] = self._keys[places.start : places.stop].tolist()
        return found

    def keys_of(self, parts: Sequence[range]) -> Keys:
        """As `keys`, of several ranges of places."""
        return np.concatenate([self._keys[part.start : part.stop] for part in parts])

    def size(self, place: int) -> int:
        return int(self._sizes[place])

    def run(self, body: bytes, before: int, place: int) -> tuple[int, int]:
        view, last, known = memoryview(body), len(body) - 1, self._bytes
        while sizes := self._sizes[place : place + _AHEAD].tolist():
            for size in sizes:
                end = before + 1 + size
                if (
                    end > last
                    or xxh3_128_digest(view[before + 1 : end])[:_DIGEST_BYTES]
                    != (known[16 * place : 16 * place + _DIGEST_BYTES])
                ):
                    return before, place
                if body[end] != _COMMA:
                    return (end, place + 1) if body[end] == _LIST_END else (before, place)
                before = end
                place += 1
        return before, place
