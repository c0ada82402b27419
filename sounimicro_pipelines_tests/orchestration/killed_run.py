"""`sounimicro sync` in a process of its own, which a test may kill.

The processes are forked from a server that has imported the product already: a run then costs what the run costs.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration import sync_jobs
from sounimicro_pipelines.orchestration.sync_commands import run_rules
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines_tests.orchestration.conftest import ShiftingClock

__all__ = ["Run", "start", "sync_jobs"]


@dataclass(frozen=True)
class Run:
    """What the process is to do it with: settings by name, how far its clock is ahead, where its last words go."""

    settings: Mapping[str, Any]
    ahead: float
    log: Path


def start(run: Run) -> multiprocessing.process.BaseProcess:
    """Every rule, every feed, in a new process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_synchronize, args=(run,))
    process.start()
    return process


def _synchronize(run: Run) -> None:
    log = os.open(run.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    clock = ShiftingClock()
    clock.skip(run.ahead)
    run_rules(Installation(Settings(_env_file=None, **run.settings), clock=clock))
