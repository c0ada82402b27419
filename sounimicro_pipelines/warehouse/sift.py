"""What happens to fetched records before the database sees them: landed, digested, sifted and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from sounimicro_pipelines.records import EntitySpec, Newest
from sounimicro_pipelines.warehouse.digests import Digests, Keys, KnownDigests
from sounimicro_pipelines.warehouse.landing import LandingRun
from sounimicro_pipelines.warehouse.validate import Refused, Validator

_SLICE = 500
"""Records judged in one go, without letting the thread that fetches have its turn."""


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
    line in bytes, `newest` the newest stamp among the records that were not skipped, when it was to be found.
    """

    file: Path | None
    is_stage: bool
    keys: Keys
    digests: Digests
    known_keys: Keys
    child_keys: tuple[Keys, ...] | None = None
    longest: int = 0
    newest: datetime | None = None
    quarantined: Sequence[Quarantined] = field(default_factory=tuple)


class Sieve:
    """Lands and judges the records of one entity in one run. Not for two threads at once."""

    def __init__(self, spec: EntitySpec, landing: LandingRun, known: KnownDigests) -> None:
        self._spec = spec
        self._validator = Validator(spec)
        self._landing = landing
        self._known = known

    def sift(self, rows: Sequence[bytes], newest_stamp: Newest | None = None) -> Chunk:
        """Records that the warehouse holds byte for byte are not landed again, nor looked at for `newest_stamp`.

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
        keys: list[int] = []
        child_keys: list[list[int]] = [[] for _ in self._spec.children]
        accepted: list[int] = []
        refused: list[Quarantined] = []
        stamps: list[datetime] = []
        anew: dict[int, list[bytes]] = {}
        with self._landing.new_chunk() as chunk:
            for start in range(0, len(rows), _SLICE):
                part = rows[start : start + _SLICE]
                lines = b"\n".join(part) + b"\n"
                chunk.write(lines)
                if newest_stamp is not None and (stamp := newest_stamp(lines)) is not None:
                    stamps.append(stamp)
                judged = self._validator.strict(lines)
                if judged is not None and len(judged.keys) == len(part):
                    keys += judged.keys
                    accepted += range(start, start + len(part))
                    for found, more in zip(child_keys, judged.child_keys, strict=True):
                        found += more
                else:
                    anew[start] = self._one_by_one(part, start, keys, accepted, refused)
        is_stage = bool(anew)
        file: Path | None = self._landing.close_chunk(len(rows))
        if is_stage:
            content = [
                row for start in range(0, len(rows), _SLICE) for row in anew.get(start, rows[start : start + _SLICE])
            ]
            file = self._landing.write_stage(b"".join(row + b"\n" for row in content)) if content else None
            longest = max(map(len, content), default=0)
        else:
            longest = max(map(len, rows))
        return Chunk(
            file=file,
            is_stage=is_stage,
            keys=np.array(keys, dtype=np.int64),
            digests=digests[np.array(accepted, dtype=np.int64)] if refused else digests,
            known_keys=known_keys,
            child_keys=None if is_stage else tuple(np.array(found, dtype=np.int64) for found in child_keys),
            longest=longest,
            newest=max(stamps, default=None),
            quarantined=tuple(refused),
        )

    def _one_by_one(
        self, rows: Sequence[bytes], start: int, keys: list[int], accepted: list[int], refused: list[Quarantined]
    ) -> list[bytes]:
        written: list[bytes] = []
        for place, row in enumerate(rows, start):
            try:
                key, line = self._validator.one(row)
            except Refused as refusal:
                refused.append(Quarantined(refusal.key, refusal.reason, bytes(row)))
            else:
                keys.append(key)
                accepted.append(place)
                written.append(bytes(line))
        return written
