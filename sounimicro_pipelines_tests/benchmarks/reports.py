"""The figures: a full build against its SQL run by hand, changed parties against a full build, memory, and readers."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import xxhash

from sounimicro_pipelines.store import Store, open_store
from sounimicro_pipelines.store import reports as published
from sounimicro_pipelines.warehouse.publish import PublishMeta, PublishResult, TieOut, meta_from_manifest, publish
from sounimicro_pipelines.warehouse.reports import build_reports, prepare_manifest
from sounimicro_pipelines.warehouse.reports.steps import compile_project, compile_steps
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
READERS = 50
PAUSE = 0.2
"""Seconds between two pages of one reader: people look at what they asked for."""
QUIET = 15.0


@bench("reports")
def reports(scale: Scale) -> Sequence[Comparison]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        in_process(f"{__name__}:prepared", folder=temporary, scale=scale)
        small = scale == "small"
        changed = _side("touched", folder)
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
                "reports: a full build / the changed parties built and published (50 of 10,000, or 500 of 50,000)",
                ours=changed,
                theirs=_side("by_dbt", folder),
                floor=2.0 if small else 50.0,
                aim=100.0,
                same_result=False,
            ),
            compare(
                "reports: the changed parties built and published, against a second",
                ours=changed,
                theirs=lambda: Figures(1.0, 1.0, 0, 1, ""),
                floor=1.0,
                aim=0.5,
                is_limit=True,
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
            compare(
                f"reports: {READERS} readers while figures are published, the slowest one's page / its usual p99",
                ours=_side("readers_disturbed", folder),
                theirs=_side("readers_alone", folder),
                floor=1.0,
                aim=0.5,
                is_limit=True,
                rounds=1,
                same_result=False,
            ),
        ]


def prepared(folder: str, scale: Scale) -> Figures:
    """The ledger, built and published for the first time. A process is told its parent's peak memory as its own."""
    base = Path(folder) / "bench.duckdb"

    def work() -> tuple[int, str]:
        ledger.make(base, ledger.SIZES[scale])
        build_reports(base, company="bench", as_of=AS_OF, target=Path(folder) / "dbt")
        compile_steps(prepare_manifest(Path(folder) / "dbt"), base, Path(folder))
        _publish(base, Path(folder))
        return 1, ""

    return measured(work)


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
    """The SQL that dbt compiles for a full refresh, run table by table on one connection into like tables."""
    path = _copy(folder)
    steps = compile_project(prepare_manifest(Path(folder) / "dbt"), path, Path(folder), full_refresh=True)

    def work() -> tuple[int, str]:
        with duckdb.connect(str(path)) as connection:
            connection.execute("set preserve_insertion_order = false; set memory_limit = '1GB'")
            for step in steps:
                table = f'"{step.schema}"."{step.name}"'
                described = connection.execute(f"describe ({step.sql}\n)").fetchall()
                columns = [
                    f'"{name}" {kind} {"using compression uncompressed" if kind.startswith("DECIMAL") else ""}'
                    for name, kind, *_ in described
                ]
                connection.execute(f"create or replace table {table} ({', '.join(columns)})")
                connection.execute(f"insert into {table} ({step.sql}\n)")
        return 1, ""

    return _with_checksum(measured(work), path)


def touched(folder: str) -> Figures:
    """What changed for some hundred parties, built and published in a warm process and without dbt's start.

    As in the product, the process has its store open and knows what is published; the first change warms it up.
    """
    path, target = _copy(folder), Path(folder) / "dbt"
    metas, store = _metas(Path(folder)), _store(path)
    parties = 0

    def work() -> tuple[int, str]:
        run = build_reports(path, company="bench", as_of=AS_OF, target=target, hands_on=True)
        assert run.way == "compiled"
        assert run.touched["party"] == parties
        assert bool(_publish_to(store, path, metas).written_rows) == bool(parties)
        return 1, ""

    work()
    with duckdb.connect(str(path)) as connection:
        (count,) = connection.execute("select count(*) from reports.party").fetchone() or (0,)
    parties = PARTIES[count]
    for minute in (1, 2):
        ledger.pay(path, parties, minute)
        figures = measured(work)
    store.close()
    return figures


def readers_alone(folder: str) -> Figures:
    """Readers that open one party after the other; `seconds` is the worst of their usual p99."""
    store = _store(_copy(folder))
    pages = _read_pages(store, time.monotonic() + QUIET)
    store.close()
    return Figures(max(_p99(mine) for mine in pages), 0, 0, 1, "")


def readers_disturbed(folder: str) -> Figures:
    """The same readers while a whole new version is published; `seconds` is the slowest one's median page."""
    path = _copy(folder)
    store = _store(path)
    with duckdb.connect(str(path)) as connection:  # every party has another name, so that every party is written
        connection.execute("update reports.party set name = name || ' AS'")
        connection.execute("update reports.invoice set our_reference = 'Ny'")
        connection.execute("update reports_state.build set build = build + 1")
    publisher = multiprocessing.get_context("spawn").Process(target=_publish, args=(path, Path(folder)))
    publisher.start()
    pages = _read_pages(store, time.monotonic() + QUIET, publisher.is_alive)
    publisher.join()
    store.close()
    assert publisher.exitcode == 0
    return Figures(max(sorted(mine)[len(mine) // 2] for mine in pages), 0, 0, 1, "")


def _read_pages(store: Store, until: float, going_on: Callable[[], bool] = lambda: False) -> list[list[float]]:
    """Seconds of each page of each reader: a party with its open items and invoices."""
    pages: list[list[float]] = [[] for _ in range(READERS)]

    def read(reader: int) -> None:
        party = reader
        while time.monotonic() < until or going_on():
            party = party * 7 % 9973 + 1
            whose = {"company": "bench", "role": "customer", "party_id": party}
            started = time.perf_counter()
            with store.read() as tx:
                assert published.published(tx, "bench")
                for table in ("party", "open_item", "invoice"):
                    published.read_rows(tx, table, whose)
            pages[reader].append(time.perf_counter() - started)
            time.sleep(PAUSE)

    threads = [threading.Thread(target=read, args=(reader,)) for reader in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return pages


def _p99(values: list[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]


def _store(path: Path) -> Store:
    return open_store(f"sqlite:///{path.parent / 'state' / 'store.db'}")


def _publish(path: Path, folder: Path) -> PublishResult:
    store = _store(path)
    try:
        return _publish_to(store, path, _metas(folder))
    finally:
        store.close()


def _publish_to(store: Store, path: Path, metas: Mapping[str, PublishMeta]) -> PublishResult:
    return publish(
        path, store, company="bench", as_of=AS_OF, fetched_at=datetime(2026, 1, 2, tzinfo=UTC), run_id="bench",
        tie_out=TieOut(True), publish_meta=metas,
    )  # fmt: skip


def _metas(folder: Path) -> dict[str, PublishMeta]:
    return meta_from_manifest(json.loads((folder / "dbt" / "manifest.json").read_text()))


def _side(name: str, folder: Path) -> Callable[[], Figures]:
    return lambda: in_process(f"{__name__}:{name}", folder=str(folder))


def _copy(folder: str) -> Path:
    """The company's file and store as the first publish left them, for one side to change."""
    path = Path(folder) / "work" / "bench.duckdb"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir()
    shutil.copy(Path(folder) / "bench.duckdb", path)
    shutil.copytree(Path(folder) / "state", path.parent / "state")
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
