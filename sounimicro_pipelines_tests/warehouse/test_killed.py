"""A run that is killed at any moment is made good by the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = [("full", "first"), ("full", "next"), ("incremental", "next")]


@pytest.mark.skipif(os.name != "posix", reason="forks")
@pytest.mark.parametrize(("mode", "which"), CASES)
def test_a_run_killed_at_many_a_moment_is_made_good_by_the_next(tmp_path: Path, mode: str, which: str) -> None:
    _kill(tmp_path, mode, which, every=9)


@pytest.mark.nightly
@pytest.mark.parametrize(("mode", "which"), CASES)
def test_a_run_killed_at_any_moment_is_made_good_by_the_next(tmp_path: Path, mode: str, which: str) -> None:
    _kill(tmp_path, mode, which, every=1)


def _kill(folder: Path, mode: str, which: str, *, every: int) -> None:
    command = [
        sys.executable,
        "-m",
        "sounimicro_pipelines_tests.warehouse.killed",
        str(folder),
        mode,
        which,
        str(every),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    *differences, last = done.stdout.splitlines()
    assert not differences, done.stdout
    moments = int(last.split()[0])
    assert moments > 30
