"""Processes of their own that a test may kill.

They are forked from a server that has imported the product already: a process then costs what its work costs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

__all__ = ["BaseProcess", "command", "event", "kill", "start"]

_IMPORTED = [
    "sounimicro_pipelines.cli",
    "sounimicro_pipelines.definitions",
    "sounimicro_pipelines.orchestration.main_job",
    "sounimicro_pipelines.orchestration.sync_commands",
    "sounimicro_pipelines.sync_definitions",
    "sounimicro_pipelines.warehouse.reports",
    "sounimicro_pipelines_tests.orchestration.killed_run",
    "sounimicro_pipelines_tests.warehouse.killed_publish",
    "dbt.cli.main",
]
_CONTEXT = multiprocessing.get_context("forkserver") if os.name == "posix" else multiprocessing.get_context()


def event() -> Event:
    """By which a process tells how far it has come."""
    return _CONTEXT.Event()


def start(work: Callable[..., None], *arguments: Any, log: Path) -> BaseProcess:
    """`work(*arguments)` in a new process; what it says goes to the end of `log`.

    It has the environment of this moment, not the one in which the server began.
    """
    if hasattr(_CONTEXT, "set_forkserver_preload"):
        _CONTEXT.set_forkserver_preload(_IMPORTED)
    process = _CONTEXT.Process(target=_begin, args=(log, dict(os.environ), work, arguments))
    process.start()
    return process


def kill(process: BaseProcess) -> int | None:
    """Ends the process with all that it has started, as `kill -9` does; answers how it ended."""
    try:
        os.killpg(process.pid or 0, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join(30)
    return process.exitcode


def command(settings: Mapping[str, str], folder: Path, *words: str) -> None:
    """`sounimicro …` in a folder, with no other environment."""
    from sounimicro_pipelines.cli import main

    os.environ.clear()
    os.environ.update(settings)
    os.chdir(folder)
    main(list(words))


def _begin(log: Path, environment: Mapping[str, str], work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    work(*arguments)
