"""`kill -9` in the middle of a run: the panels keep the last version, and the next run ends as if nothing had been."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster import DagsterRunStatus, RunsFilter
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.settings import load_settings
from sounimicro_pipelines.store import open_store, reports
from sounimicro_pipelines_tests import forked
from sounimicro_pipelines_tests.main_job.conftest import Small
from sounimicro_pipelines_tests.main_job.plant import OURS, Plant, environment

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")

PATIENCE = 240.0
POOLS = ("unimicro", "superoffice", "reports")
Sign = Callable[[], bool]


@dataclass
class Scene:
    """The installation under attack, and a panel that somebody keeps open."""

    plant: Plant
    panel: TestClient
    address: str
    answers: list[int] = field(default_factory=list)

    @property
    def warehouse(self) -> Path:
        return self.plant.home / "warehouse" / "nord.duckdb"

    def look(self, form: str = "html") -> str:
        """The open items of a customer, as a page or as a file (which does not tell the time)."""
        answer = self.panel.get(f"{self.address}&format={form}")
        self.answers.append(answer.status_code)
        return str(answer.text)

    def kill_when(self, sign: Sign, *arguments: str) -> None:
        """Starts `sounimicro run` and kills it and its children as soon as the sign is there."""
        log = self.plant.home.parent / f"{self.plant.home.name}.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        settings = clean | self.plant.environment
        run = forked.start(forked.command, settings, self.plant.home, "run", *arguments, log=log)
        deadline, looked = time.monotonic() + PATIENCE, 0.0
        try:
            while not sign():
                assert run.is_alive(), f"it ended before it could be killed: {log.read_text()}"
                assert time.monotonic() < deadline, f"it never came so far: {log.read_text()}"
                if time.monotonic() - looked > 0.2:
                    self.look()
                    looked = time.monotonic()
                time.sleep(0.003)
        finally:
            ended = forked.kill(run)
        assert ended == -signal.SIGKILL

    # the signs

    def a_landing_file(self) -> Sign:
        folder = self.plant.home / "landing" / "nord"
        before = set(folder.glob("*/*"))
        return lambda: any(any(run.glob("chunk-*")) for run in set(folder.glob("*/*")) - before)

    def the_warehouse_grows(self) -> Sign:
        wal = self.warehouse.with_name("nord.duckdb.wal")
        before = _shape(self.warehouse)
        return lambda: _shape(wal)[0] > 0 or _shape(self.warehouse) != before

    def dbt_has_built(self, models: int) -> Sign:
        log = self.plant.home / "logs" / "dbt" / "dbt.log"
        before = _shape(log)[0]

        def sign() -> bool:
            if _shape(log)[0] <= before:
                return False
            with log.open("rb") as file:
                file.seek(before)
                return file.read().count(b"OK created") >= models

        return sign

    def then(self, step: str, sign: Callable[[], Sign]) -> Sign:
        """`sign`, looked for since the step has begun."""
        events = self.plant.home / "dagster" / "events" / "event_log.db"
        known, later = _steps(events, step), list[Sign]()

        def both() -> bool:
            if not later:
                if _steps(events, step) == known:
                    return False
                later.append(sign())
            return later[0]()

        return both

    def the_store_grows(self) -> Sign:
        wal = self.plant.home / "state" / "sounimicro.db-wal"
        before = _shape(wal)
        return lambda: _shape(wal) != before


@pytest.fixture(scope="module")
def scene(small: Small) -> Iterator[Scene]:
    plant = small.plant()
    with environment(plant.environment):
        settings = load_settings(env_file=None)
        store = open_store(settings.database_url)
        with store.read() as tx:
            party = next(
                row
                for row in reports.read_rows(tx, "party", {"company": "nord", "role": "customer"})
                if row["open_amount"] not in (None, "0.00")
            )
        address = f"/panel/company?company=nord&role=customer&party={party['party_id']}&tab=open-items"
        with TestClient(create_app(settings, store), base_url="http://127.0.0.1") as panel:
            yield Scene(plant, panel, address)
        store.close()


def test_a_run_that_is_killed_at_any_stage_is_made_good_by_the_next(small: Small, scene: Scene) -> None:
    plant = scene.plant
    old, shown = plant.published(), scene.look("csv")
    small.people_work()
    undisturbed = small.plant()
    assert undisturbed.run().consistent
    new = undisturbed.published()
    assert new != old

    scene.kill_when(scene.a_landing_file(), "--full")
    assert plant.published() == old
    assert _places_held(plant)

    for sign in (
        scene.then("unimicro_registers", scene.the_warehouse_grows),
        scene.then("reports", scene.the_warehouse_grows),
    ):
        scene.kill_when(sign)
        assert plant.published() == old

    _pretend_that_reports_are_of_an_older_release(scene.warehouse)
    scene.kill_when(scene.dbt_has_built(models=5))
    assert plant.published() == old
    assert scene.look("csv") == shown

    scene.kill_when(scene.then("published_reports", scene.the_store_grows))
    assert plant.published() in (old, new)

    result = plant.run()
    assert result.consistent, result
    assert plant.published() == new
    assert not _places_held(plant)
    with _instance(plant) as instance:
        unfinished = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.QUEUED]
        assert not instance.get_runs(RunsFilter(statuses=unfinished))
        failed = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    assert len(failed) in (4, 5)  # the last may come to its end while it is being killed
    assert set(scene.answers) == {200}
    assert len(scene.answers) > 10


def _places_held(plant: Plant) -> dict[str, int]:
    """Places in Dagster's pools that some run holds, as they stand on the disk."""
    with _instance(plant) as instance:
        held = {pool: len(instance.event_log_storage.get_concurrency_info(pool).claimed_slots) for pool in POOLS}
    return {pool: count for pool, count in held.items() if count}


@contextmanager
def _instance(plant: Plant) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(plant.home / "dagster")) as instance:
        yield instance


def _pretend_that_reports_are_of_an_older_release(warehouse: Path) -> None:
    """What an upgrade of the package finds: the next build is a full one, by dbt."""
    with closing(duckdb.connect(str(warehouse))) as connection:
        connection.execute("UPDATE reports_state.build SET project = 'older'")


def _shape(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


def _steps(events: Path, step: str) -> int:
    """How many times a step has begun, by Dagster's record."""
    query = "SELECT count(*) FROM event_logs WHERE step_key = ? AND dagster_event_type = 'STEP_START'"
    try:
        with closing(sqlite3.connect(f"{events.as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            found: Any = connection.execute(query, [step]).fetchone()
    except sqlite3.OperationalError:
        return -1
    return int(found[0])
