"""Fixtures that several rooms share: a store on both kinds of database, a browser."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, make_url, text
from xdist.scheduler import LoadFileScheduling

from sounimicro_pipelines.store import Store, open_store
from sounimicro_pipelines_tests import machines

if TYPE_CHECKING:
    from sounimicro_pipelines_tests.reports_project import ReadProject

MEMORY = Path("/dev/shm")
ROOM = 8_000_000_000
"""Bytes; the files of a whole run are a third of it."""


def pytest_configure() -> None:
    """Lets tests keep their files in memory where there is plenty: half of their time at the store went to the disk."""
    if MEMORY.is_dir() and MEMORY.is_mount() and shutil.disk_usage(MEMORY).free > ROOM and _memory_to_spare() > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _memory_to_spare() -> int:
    """Bytes, as Linux estimates them."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests have recorded as `printed`, whichever worker ran them."""
    told = {
        (report.nodeid, str(value)): None
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "printed"
    }
    for _, line in told:
        terminalreporter.write_line(line)


LONGEST = (
    "sync/test_schedules.py",
    "sync/test_schedules_of_two_companies.py",
    "main_job/test_faults.py",
    "reports/test_properties.py",
    "sync/test_crashes.py",
    "main_job/test_demo.py",
    "main_job/test_main_job.py",
    "panels/admin/test_operations_browser.py",
    "warehouse/test_publish.py",
    "panels/signin/test_pop_up.py",
    "main_job/test_odd_erp.py",
    "sync/test_mutants.py",
    "orchestration/test_killed_sync.py",
    "panels/admin/test_operations.py",
    "panels/admin/test_rules_browser.py",
    "orchestration/test_sync_location.py",
    "sync/test_golive_and_reconcile.py",
    "panels/erp_tab/test_story.py",
    "warehouse/test_sandbox.py",
    "elsewhere/test_elsewhere.py",
    "warehouse/test_killed.py",
    "panels/test_accessibility.py",
)
"""Files that take ten seconds and more, begun first: a worker that begins one last is alone for as long."""

TOGETHER = {
    f"{folder}/{name}": folder
    for folder, names in {
        "main_job": ("bad_input", "faults", "golive", "killed", "screens"),
        "reports": ("budget", "budget_command", "build", "dbt_project", "hard_cases", "properties", "published",
                    "vendor_cases"),
    }.items()
    for name in (f"test_{one}.py" for one in names)
}  # fmt: skip
"""Files of one worker, which makes once what they share: a finished installation, a company with empty reports."""


class ByWorld(LoadFileScheduling):
    """Files are handed out whole, and those that share a world to the same worker."""

    def _split_scope(self, nodeid: str) -> str:
        path = str(super()._split_scope(nodeid))
        return TOGETHER.get("/".join(path.split("/")[1:]), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByWorld | None:
    return ByWorld(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the files. What is marked as nightly takes minutes, or repeats in another way what every run shows."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    assert not [name for name in (*LONGEST, *TOGETHER) if not (here / name).is_file()]
    items.sort(key=lambda item: places.get(item.path, len(places)))
    if not os.environ.get("SOUNIMICRO_TEST_NIGHTLY"):
        for item in items:
            if item.get_closest_marker("nightly"):
                item.add_marker(pytest.mark.skip(reason="waits for the night"))


@pytest.fixture(scope="session")
def reports_project(tmp_path_factory: pytest.TempPathFactory) -> ReadProject:
    """The reports' project, known to this process without dbt's having read it in each."""
    from sounimicro_pipelines_tests.reports_project import read_project

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return read_project(shared, tmp_path_factory.mktemp("reports") / "project")


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """A temporary Postgres cluster for the whole session."""
    binaries = machines.postgres_bin()
    if binaries is None:
        machines.missing("postgres", "install the package postgresql, or set SOUNIMICRO_TEST_PG_BIN")
        return
    with machines.postgres_server(binaries) as address:
        yield address


@pytest.fixture
def postgres_url(postgres_address: str) -> Iterator[str]:
    """An empty database in the temporary cluster, dropped afterwards."""
    name = f"t_{uuid.uuid4().hex}"
    engine = create_engine(
        make_url(postgres_address).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_address).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store: each test runs once on SQLite and once on Postgres."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'store.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store, open."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on SQLite alone, for tests of what lies above it."""
    opened = open_store(f"sqlite:///{tmp_path / 'state' / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser (Playwright's), on Debian's Chromium.

    One for each module: while it is open, Playwright keeps an event loop running in this thread, in which no other test
    could run its own.
    """
    path = machines.chromium_path()
    if path is None:
        machines.missing("chromium", "install the package chromium, or set SOUNIMICRO_TEST_CHROMIUM")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()
