"""The newcomer's minute: `sounimicro demo --once`, against only loading the libraries that it stands on."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sounimicro_pipelines_tests.benchmarks.harness import (
    Comparison,
    Figures,
    Scale,
    bench,
    compare,
    in_process,
    measured,
)

LIBRARIES = "import dagster, dbt.cli.main, duckdb, sqlalchemy, uvicorn, pandas"


@bench("demo")
def demo(scale: Scale) -> Sequence[Comparison]:
    return [
        compare(
            "demo --once",
            ours=lambda: in_process(f"{__name__}:run_demo"),
            theirs=lambda: in_process(f"{__name__}:load_libraries"),
            floor=15,
            aim=8,
            is_limit=True,
            rounds=1 if scale == "small" else 3,
            same_result=False,
            note="whole demo ÷ loading its libraries; the seconds are what a newcomer waits",
        )
    ]


def run_demo() -> Figures:
    with tempfile.TemporaryDirectory() as home:
        return measured(lambda: _finish([sys.executable, "-m", "sounimicro_pipelines.cli", "demo", "--once"], home))


def load_libraries() -> Figures:
    with tempfile.TemporaryDirectory() as home:
        return measured(lambda: _finish([sys.executable, "-c", LIBRARIES], home))


def _finish(command: list[str], home: str) -> tuple[int, str]:
    environment = {**os.environ, "SOUNIMICRO_HOME": str(Path(home) / "data")}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return 1, ""
