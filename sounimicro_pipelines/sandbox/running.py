"""The sandbox as a command: starts both systems, says how to reach them, and stays until it is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from sounimicro_pipelines.sandbox.faults import FaultPlan
from sounimicro_pipelines.sandbox.server import Sandbox


def dotenv(environment: Mapping[str, str]) -> str:
    """Settings as dotenv lines, values in single quotes, names in order."""
    return "".join(f"{name}='{value}'\n" for name, value in sorted(environment.items()))


def run_sandbox(
    *,
    ports: Mapping[str, int] | None = None,
    env_file: Path | None = None,
    live: float = 0.0,
    faults: bool = False,
    seed: int = 1,
    parties: int = 60,
    tell: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> None:
    """Runs both systems until `stop` is set or the process is interrupted or terminated.

    `ports` may name `erp` and `crm`. The settings are told as dotenv lines, and written to `env_file` when given (for
    the owner alone, since they hold the sandbox's passwords). `live` is how many things people do a minute, 0 for
    none; `faults` switches the usual mixture on. Raises PortTaken.
    """
    ended = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    plan = FaultPlan.usual(seed) if faults else None
    with Sandbox(seed=seed, parties=parties, ports=ports, faults=plan, live=live) as sandbox:
        lines = dotenv(sandbox.environment)
        if env_file is not None:
            env_file.touch(mode=0o600)
            env_file.write_text(lines, encoding="utf-8")
        tell(lines)
        try:
            while not ended.wait(0.5):
                pass
        except KeyboardInterrupt:
            return
