"""`sounimicro sync` in a process of its own, which a test may kill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.sync_commands import run_rules
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines_tests.orchestration.conftest import ShiftingClock


def synchronize(settings: Mapping[str, Any], ahead: float) -> None:
    """Every rule, every feed, by settings by name; the clock is `ahead` by so many seconds."""
    clock = ShiftingClock()
    clock.skip(ahead)
    run_rules(Installation(Settings(_env_file=None, **settings), clock=clock))
