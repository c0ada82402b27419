"""What happens to fetched records before the database sees them: landed, digested, sifted and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.warehouse.digests import Digests, Keys, KnownDigests
from sounimicro_pipelines.warehouse.landing import LandingRun
from sounimicro_pipelines.warehouse.validate import Refused, Validator


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that was refused; `key` is None when it could not be read."""

    key: int | None
    reason: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Judged records on disk: a file of those to load, with their keys and digests line by line.

    `is_stage` says that the file serves the loading alone. `known_keys` are the records that were skipped; `child_keys`
    those of the children, by child table, or None when they were not gathered. `longest` is the size of the longest
    line in bytes.
    """

    file: Path | None
    is_stage: bool
    keys: Keys
    digests: Digests
    known_keys: Keys
    child_keys: tuple[Keys, ...] | None = None
    longest: int = 0
    quarantined: Sequence[Quarantined] = field(default_factory=tuple)


class Sieve:
    """Lands and judges the records of one entity in one run. Not for two threads at once."""

    def __init__(self, spec: EntitySpec, landing: LandingRun, known: KnownDigests) -> None:
        self._validator = Validator(spec)
        self._landing = landing
        self._known = known

    def sift(self, rows: Sequence[bytes]) -> Chunk:
        """Records that the warehouse holds byte for byte are not landed again.

        Raises DiskFull or WarehouseUnreachable when the others cannot be landed.
        """
        digests = Digests.of(rows)
        known, known_keys = self._known.find(digests)
        if len(known_keys):
            fresh = np.flatnonzero(~known)
            rows = [rows[place] for place in fresh.tolist()]
            digests = digests[fresh]
        if not rows:
            return Chunk(None, False, np.empty(0, np.int64), digests, known_keys)
        lines = b"\n".join(rows) + b"\n"
        longest = max(map(len, rows))
        file = self._landing.write_chunk(lines, len(rows))
        judged = self._validator.strict(lines)
        refused: list[Quarantined] = []
        child_keys: tuple[Keys, ...] | None = None
        if judged is not None and len(judged.keys) == len(rows):
            keys = np.array(judged.keys, dtype=np.int64)
            child_keys = tuple(np.array(found, dtype=np.int64) for found in judged.child_keys)
        else:
            accepted, refused = self._one_by_one(rows)
            keys = np.array([key for _, key, _ in accepted], dtype=np.int64)
            digests = digests[np.array([place for place, _, _ in accepted], dtype=np.int64)]
            lines = b"".join(row + b"\n" for _, _, row in accepted)
            longest = max((len(row) for _, _, row in accepted), default=0)
            if len(keys):
                file = self._landing.write_stage(file.stem, lines)
        return Chunk(
            file=file if len(keys) else None,
            is_stage=child_keys is None,
            keys=keys,
            digests=digests,
            known_keys=known_keys,
            child_keys=child_keys,
            longest=longest,
            quarantined=tuple(refused),
        )

    def _one_by_one(self, rows: Sequence[bytes]) -> tuple[list[tuple[int, int, bytes]], list[Quarantined]]:
        accepted: list[tuple[int, int, bytes]] = []
        refused: list[Quarantined] = []
        for place, row in enumerate(rows):
            try:
                accepted.append((place, *self._validator.one(row)))
            except Refused as refusal:
                refused.append(Quarantined(refusal.key, refusal.reason, row))
        return accepted, refused
