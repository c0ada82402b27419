"""A whole installation for tests: the sandbox, a data folder, and the main job run in this process."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sounimicro_pipelines.clock import SystemClock
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.main_job import MainJobResult, run_main_job
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.settings import load_settings
from sounimicro_pipelines.store import open_store, reports

OURS = ("SOUNIMICRO_", "SUPEROFFICE_", "UNIMICRO_", "PANELS_", "DAGSTER_")
VOLATILE = {"fetched_at", "run_id"}


class HurriedClock(SystemClock):
    """The machine's clock, but nobody waits: sleeping only moves the seconds by which durations are measured."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        await asyncio.sleep(0)


class Plant:
    """One installation against one sandbox. `alias(1)` is the alias of the sandbox's first company."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.sandbox = sandbox
        self.home = home
        self.clock = HurriedClock()
        self.companies = [company for company in sandbox.register.companies if not company.is_test]
        self.environment = sandbox.environment | {
            "SOUNIMICRO_HOME": str(home),
            "SOUNIMICRO_REQUESTS_PER_SECOND": "0",
            "SOUNIMICRO_COMPANIES": ",".join(f"{self.alias(one.index)}={one.key}" for one in self.companies),
        }

    @staticmethod
    def alias(index: int) -> str:
        return ("nord", "sor", "vest", "ost")[index - 1]

    @property
    def installation(self) -> Installation:
        """By the environment as it stands."""
        return Installation(load_settings(env_file=None), self.clock)

    def copy(self, home: Path) -> Plant:
        """The same installation in another place, from where this one stands."""
        shutil.copytree(self.home, home)
        return type(self)(self.sandbox, home)

    def run(self, *, only: str | None = None, full: bool = False) -> MainJobResult:
        """The main job in this process."""
        from sounimicro_pipelines.definitions import defs

        with environment(self.environment):
            installation = self.installation
            try:
                return run_main_job(installation, defs(), only=only, full=full)
            finally:
                installation.store.close()

    def published(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every published table, without what differs from run to run."""
        with environment(self.environment):
            return published_tables(load_settings(env_file=None).database_url)


def published_tables(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every published table of a store with its rows in order, without what differs from run to run."""
    store = open_store(url)
    try:
        with store.read() as tx:
            versions = tx.rows(tx.tables.published.select())
            names = sorted({row.table_name for row in versions})
            tables: dict[str, list[tuple[Any, ...]]] = {}
            for company in sorted({row.company for row in versions}):
                for name in names:
                    for row in reports.read_rows(tx, name, {"company": company}):
                        plain = tuple((key, str(value)) for key, value in row.items() if key not in VOLATILE)
                        tables.setdefault(name, []).append(plain)
            return {name: sorted(rows) for name, rows in tables.items()}
    finally:
        store.close()


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """This process sees these settings and no others of ours."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith(OURS) and not name.startswith("SOUNIMICRO_TEST_"):
            patch.delenv(name)
    for name, value in values.items():
        patch.setenv(name, value)
    try:
        yield
    finally:
        patch.undo()
