"""Landing files: private, whole only with a manifest, kept for some days."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.warehouse.landing import MANIFEST, LandingRun, run_folders, run_name, sweep

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def landed(company_dir: Path, started: datetime, *, whole: bool) -> LandingRun:
    run = LandingRun(company_dir, "Customer", run_name(started, "ab12"))
    with run.new_chunk() as chunk:
        chunk.write(b'{"ID":1}\n')
    run.close_chunk(1)
    if whole:
        run.finish({"entity": "Customer"})
    return run


def test_landed_records_and_their_manifest_are_for_their_owner_alone(tmp_path: Path) -> None:
    run = landed(tmp_path / "acme", NOW, whole=True)
    assert {path.stat().st_mode & 0o777 for path in run.folder.iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (run.folder, run.folder.parent, tmp_path / "acme")} == {0o700}
    manifest = json.loads((run.folder / MANIFEST).read_text())
    assert manifest["chunks"] == [{"file": "chunk-00001.ndjson", "rows": 1, "bytes": 9}]
    assert not list(run.folder.glob("*.partial"))


def test_a_run_without_a_manifest_is_swept_and_a_whole_one_kept_for_some_days(tmp_path: Path) -> None:
    broken = landed(tmp_path, NOW - timedelta(hours=1), whole=False)
    old = landed(tmp_path, NOW - timedelta(days=15), whole=True)
    recent = landed(tmp_path, NOW - timedelta(days=13), whole=True)
    stage = recent.write_stage(b"{}\n")
    (tmp_path / "Customer" / "something-else").mkdir()
    assert sweep(tmp_path, now=NOW, keep_days=14) == 2
    assert not broken.folder.exists()
    assert not old.folder.exists()
    assert recent.folder.exists()
    assert not stage.exists()
    assert len(list(run_folders(tmp_path))) == 2


def test_sweeping_a_company_that_never_landed_anything_does_nothing(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none", now=NOW, keep_days=14) == 0
