"""The figures: a full build against its SQL run by hand, 500 changed parties against a full build, and memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import duckdb
import xxhash

from sounimicro_pipelines.warehouse.reports import build_reports, prepare_manifest
from sounimicro_pipelines.warehouse.reports.compiled import compile_project, compile_steps
from sounimicro_pipelines_tests.benchmarks import ledger
from sounimicro_pipelines_tests.benchmarks.harness import (
    Comparison,
    Figures,
    Scale,
    bench,
    compare,
    in_process,
    measured,
)

AS_OF = date(2026, 3, 30)
PARTIES = {10_000: 50, 50_000: 500}
"""How many of so many customers have something new."""


@bench("reports")
def reports(scale: Scale) -> Sequence[Comparison]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        base = folder / "bench.duckdb"
        ledger.make(base, ledger.SIZES[scale])
        build_reports(base, company="bench", as_of=AS_OF, target=folder / "dbt")
        compile_steps(prepare_manifest(folder / "dbt"), base, folder)
        small = scale == "small"
        return [
            compare(
                "reports: full build by dbt / the same SQL by hand",
                ours=_side("by_dbt", folder),
                theirs=_side("by_hand", folder),
                floor=8.0 if small else 1.5,
                aim=1.2,
                is_limit=True,
                note="at this scale dbt's own start is most of it" if small else "",
            ),
            compare(
                "reports: a full build / one of the changed parties (50 of 10,000, or 500 of 50,000)",
                ours=_side("touched", folder),
                theirs=_side("by_dbt", folder),
                floor=2.0 if small else 50.0,
                aim=100.0,
                same_result=False,
            ),
            compare(
                "reports: peak memory of a full build against 1.5 GB",
                ours=_side("by_dbt", folder),
                theirs=lambda: Figures(0, 0, 1500, 1, ""),
                measure="peak_mb",
                floor=1.0,
                aim=0.8,
                is_limit=True,
                rounds=1,
                same_result=False,
            ),
        ]


def by_dbt(folder: str) -> Figures:
    """A full refresh as the product makes it, in a process that has loaded nothing yet."""
    path = _copy(folder)

    def work() -> tuple[int, str]:
        build_reports(
            path, company="bench", as_of=AS_OF, target=Path(folder) / "dbt", full_refresh=True, data_tests=False
        )
        return 1, ""

    return _with_checksum(measured(work), path)


def by_hand(folder: str) -> Figures:
    """The SQL that dbt compiles for a full refresh, run table by table on one connection."""
    path = _copy(folder)
    steps = compile_project(prepare_manifest(Path(folder) / "dbt"), path, Path(folder), full_refresh=True)

    def work() -> tuple[int, str]:
        with duckdb.connect(str(path)) as connection:
            connection.execute("set preserve_insertion_order = false; set memory_limit = '1GB'")
            for step in steps:
                connection.execute(f'create or replace table "{step.schema}"."{step.name}" as ({step.sql}\n)')
        return 1, ""

    return _with_checksum(measured(work), path)


def touched(folder: str) -> Figures:
    """What changed for some hundred parties, built in a warm process and without dbt's start."""
    path, target = _copy(folder), Path(folder) / "dbt"
    warm_up = build_reports(path, company="bench", as_of=AS_OF, target=target)
    parties = PARTIES[sum(model.rows or 0 for model in warm_up.models if model.name == "party")]
    ledger.pay(path, parties, 1)

    def work() -> tuple[int, str]:
        run = build_reports(path, company="bench", as_of=AS_OF, target=target)
        assert run.way == "compiled"
        assert run.touched["party"] == parties
        return 1, ""

    return measured(work)


def _side(name: str, folder: Path) -> Callable[[], Figures]:
    return lambda: in_process(f"{__name__}:{name}", folder=str(folder))


def _copy(folder: str) -> Path:
    path = Path(folder) / "work" / "bench.duckdb"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(Path(folder) / "bench.duckdb", path)
    return path


def _with_checksum(figures: Figures, path: Path) -> Figures:
    with duckdb.connect(str(path)) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'reports' order by 1"
        ).fetchall()
        sums = [
            connection.execute(f'select count(*), hex(sum(hash(t)::hugeint)) from reports."{name}" as t').fetchone()
            for (name,) in tables
        ]
    return Figures(
        figures.seconds,
        figures.cpu_seconds,
        figures.peak_mb,
        figures.work,
        xxhash.xxh3_64_hexdigest(str(sums).encode()),
    )
