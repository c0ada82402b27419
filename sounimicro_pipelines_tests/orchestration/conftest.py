"""An installation on a sandbox, and Dagster without a daemon."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sounimicro_pipelines.clock import SystemClock
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import leave
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.settings import Settings


class ShiftingClock(SystemClock):
    """The machine's clock, put forward when a test does not want to wait. Both systems and we go by it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()

    def skip(self, seconds: float) -> None:
        """Put the clock forward."""
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("dagster").setLevel(logging.CRITICAL + 1)


@pytest.fixture(scope="module")
def clock() -> ShiftingClock:
    return ShiftingClock()


@pytest.fixture(scope="module")
def sandbox(clock: ShiftingClock) -> Iterator[Sandbox]:
    with Sandbox(seed=4, parties=5, companies=1, clock=clock) as running:
        yield running


def installation_on(sandbox: Sandbox, home: Path, **more: Any) -> Installation:
    """An installation with settings of its own, on a running sandbox."""
    values: dict[str, Any] = {name.lower(): value for name, value in sandbox.environment.items()}
    values |= {"sounimicro_home": home, "sounimicro_go_live": "all", "sounimicro_requests_per_second": 0}
    values |= {f"sounimicro_poll_{feed}_seconds": 1 for feed in ("erp", "crm", "children")}
    installation = Installation(Settings(_env_file=None, **{**values, **more}), clock=sandbox.clock)
    installation.prepare_home()
    return installation


@pytest.fixture(scope="module")
def installation(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    opened = installation_on(sandbox, tmp_path_factory.mktemp("home"))
    yield opened
    leave(opened)
    opened.store.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made
