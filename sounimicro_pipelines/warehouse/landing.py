"""Landing files: what the vendor sent, one raw record a line, kept for some days.

`<landing_dir>/<alias>/<entity>/<run>/chunk-00001.ndjson …`, and `manifest.json` once the listing is whole. They hold
personal data, so only their owner may read them. They are evidence and a buffer on the way to the warehouse, never
a source to load from later: what was not loaded is fetched again, because the watermark has not moved.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.warehouse.connection import explained

MANIFEST = "manifest.json"
_RUN = re.compile(r"(\d{8}T\d{6})Z-\w+")


def run_name(moment: datetime, suffix: str) -> str:
    """The folder of one run; sorts by time."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S}Z-{suffix}"


class LandingRun:
    """The landing folder of one entity in one run. Raises DiskFull or WarehouseUnreachable."""

    def __init__(self, company_dir: Path, entity: str, run: str) -> None:
        self.folder = entity_dir(company_dir, entity) / run
        self.chunks: list[dict[str, object]] = []

    @contextmanager
    def new_chunk(self) -> Iterator[IO[bytes]]:
        """The next file of raw records, one a line; told of by `close_chunk`."""
        with explained(self.folder):
            _make_private(self.folder)
            with _open_private(self._chunk_path()) as file:
                yield file

    def close_chunk(self, rows: int) -> Path:
        """Counts the file just written as part of the listing; its path."""
        path = self._chunk_path()
        self.chunks.append({"file": path.name, "rows": rows, "bytes": path.stat().st_size})
        return path

    def write_stage(self, lines: bytes) -> Path:
        """Writes a passing file: the records of the last chunk as they shall be loaded. The loader removes it."""
        return write_private(self.folder / f"stage-{len(self.chunks):05}.ndjson", lines)

    def finish(self, facts: dict[str, object]) -> None:
        """Marks the listing as whole: the manifest comes last, at once, and is on disk when this returns."""
        with explained(self.folder):
            _make_private(self.folder)
            partial = self.folder / f"{MANIFEST}.partial"
            with _open_private(partial) as file:
                file.write(json.dumps({**facts, "chunks": self.chunks}, indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.folder / MANIFEST)
            _sync_folder(self.folder)

    def _chunk_path(self) -> Path:
        return self.folder / f"chunk-{len(self.chunks) + 1:05}.ndjson"


def write_private(path: Path, content: bytes) -> Path:
    """Writes a file that only its owner may read. Raises DiskFull or WarehouseUnreachable."""
    with explained(path), _open_private(path) as file:
        file.write(content)
    return path


def sweep(company_dir: Path, *, now: datetime, keep_days: int) -> int:
    """Removes runs without a manifest and runs older than `keep_days`; how many went.

    Only one extraction of a company may be under way when this is called.
    """
    removed = 0
    oldest = now.astimezone(UTC) - timedelta(days=keep_days)
    for folder in run_folders(company_dir):
        found = _RUN.fullmatch(folder.name)
        if found is None:
            continue
        started = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        if not (folder / MANIFEST).is_file() or started < oldest:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        else:
            for stage in folder.glob("stage-*.ndjson"):
                stage.unlink(missing_ok=True)
    return removed


def entity_dir(company_dir: Path, entity: str) -> Path:
    """The landing folder of one entity, with a folder for each run."""
    return company_dir / re.sub(r"[^A-Za-z0-9_-]", "_", entity)


def run_folders(company_dir: Path) -> Iterator[Path]:
    """Every run of every entity that is still there."""
    if company_dir.is_dir():
        for entity in sorted(company_dir.iterdir()):
            if entity.is_dir():
                yield from sorted(path for path in entity.iterdir() if path.is_dir())


def _make_private(folder: Path) -> None:
    missing = [folder]
    while not missing[-1].parent.is_dir():
        missing.append(missing[-1].parent)
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def _open_private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
