"""Digests of raw records: which records the warehouse already holds as they are, told without parsing them."""

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


def each_once(keys: Keys) -> bool:
    """Whether no key stands twice. Sorting what a listing has sorted is free; numpy's own `unique` hashes every key."""
    ordered = np.sort(keys, kind="stable")
    return bool((ordered[1:] != ordered[:-1]).all())


@dataclass(frozen=True, slots=True)
class Digests:
    """xxh3-128 digests as two columns of 64 bits."""

    high: Halves
    low: Halves

    @staticmethod
    def of(rows: Sequence[bytes]) -> Digests:
        halves = np.frombuffer(b"".join(map(xxh3_128_digest, rows)), dtype=">u8").astype(np.uint64).reshape(-1, 2)
        return Digests(np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1]))

    def __getitem__(self, places: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Digests:
        return Digests(self.high[places], self.low[places])

    @staticmethod
    def joined(parts: Sequence[Digests]) -> Digests:
        if not parts:
            return Digests(np.empty(0, np.uint64), np.empty(0, np.uint64))
        return Digests(np.concatenate([p.high for p in parts]), np.concatenate([p.low for p in parts]))


class KnownDigests:
    """The digests that a table holds, with the key of each record. About 24 bytes a record."""

    def __init__(self, keys: Keys, digests: Digests) -> None:
        order = np.argsort(digests.high, kind="stable")
        self._keys = keys[order]
        self._digests = digests[order]

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
        places = np.minimum(np.searchsorted(self._digests.high, digests.high), len(self._keys) - 1)
        known = (self._digests.high[places] == digests.high) & (self._digests.low[places] == digests.low)
        return known, self._keys[places[known]]
