"""What to do when the database refuses records that the judges had let through: write them anew, find the bad ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sounimicro_pipelines.warehouse.landing import write_private
from sounimicro_pipelines.warehouse.sift import Chunk, Quarantined
from sounimicro_pipelines.warehouse.validate import Refused, Validator


def salvaged(
    chunks: Sequence[Chunk], validator: Validator, loads: Callable[[Chunk], bool]
) -> tuple[list[Chunk], list[Quarantined]]:
    """The chunks as the database will read them, when it refused something that the judges had let through.

    Chunks that load stay; the records of others are written anew in the plain form, and what still does not load is
    found by halving.
    """
    good: list[Chunk] = []
    refused: list[Quarantined] = []
    for chunk in chunks:
        if chunk.file is None or loads(chunk):
            good.append(chunk)
            continue
        lines: list[bytes] = []
        places: list[int] = []
        for place, row in enumerate(chunk.file.read_bytes().split(b"\n")[:-1]):
            try:
                lines.append(validator.rewritten(row)[1])
                places.append(place)
            except Refused as refusal:
                refused.append(Quarantined(refusal.key, refusal.reason, row))
        anew = _rewritten(chunk, chunk.file.with_name(f"stage-{chunk.file.stem}-anew.ndjson"), places, lines)
        if chunk.is_stage:
            chunk.file.unlink(missing_ok=True)
        good += _halved(loads, anew, lines, refused)
    return good, refused


def _halved(
    loads: Callable[[Chunk], bool],
    chunk: Chunk,
    lines: Sequence[bytes],
    refused: list[Quarantined],
) -> list[Chunk]:
    if not lines or loads(chunk):
        return [chunk] if lines else []
    assert chunk.file is not None
    if len(lines) == 1:
        refused.append(Quarantined(int(chunk.keys[0]), "the database cannot read the record", lines[0]))
        chunk.file.unlink(missing_ok=True)
        return []
    middle = len(lines) // 2
    found: list[Chunk] = []
    for name, part in (("a", range(middle)), ("b", range(middle, len(lines)))):
        some = [lines[place] for place in part]
        half = _rewritten(chunk, chunk.file.with_name(f"{chunk.file.stem}{name}.ndjson"), list(part), some)
        found += _halved(loads, half, some, refused)
    chunk.file.unlink(missing_ok=True)
    return found


def _rewritten(chunk: Chunk, file: Path, places: Sequence[int], lines: Sequence[bytes]) -> Chunk:
    write_private(file, b"".join(line + b"\n" for line in lines))
    some = np.array(places, dtype=np.int64)
    return Chunk(
        file,
        True,
        chunk.keys[some],
        chunk.digests[some],
        np.empty(0, np.int64),
        longest=max(map(len, lines), default=0),
    )
