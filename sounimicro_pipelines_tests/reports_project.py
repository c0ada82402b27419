"""The reports' dbt project, read and compiled once for all workers of a test run, and a company with empty reports."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from filelock import FileLock

from sounimicro_pipelines.warehouse.reports import build_reports, prepare_manifest
from sounimicro_pipelines.warehouse.reports.steps import compile_steps
from sounimicro_pipelines_tests.reports.raw_tables import write_raw


@dataclass(frozen=True)
class ReadProject:
    """`target` is the folder of what was read, of this process alone; `empty` a company, alpha, that has no records."""

    target: Path
    empty: Path


def read_project(shared: Path, own: Path) -> ReadProject:
    """What stands in the folder `shared`, or is put there now; afterwards this process knows the project.

    Every other folder into which it reads the project, such as an installation's, then gets a copy.
    """
    made = shared / "made"
    with FileLock(shared / "made.lock"):
        if not made.is_dir():
            _make(shared / "making")
            (shared / "making").replace(made)
    shutil.copytree(made, own)
    return ReadProject(prepare_manifest(own / "dbt").target, own / "alpha.duckdb")


def _make(folder: Path) -> None:
    empty = folder / "alpha.duckdb"
    write_raw(empty, {})
    build_reports(empty, company="alpha", as_of=date(2026, 1, 1), target=folder / "dbt", log_dir=folder / "logs")
    compile_steps(prepare_manifest(folder / "dbt"), empty, folder / "logs")
