"""The supervisor of the services, over processes that are nothing of the product's."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration import serving
from sounimicro_pipelines.orchestration.serving import Supervisor, _Child
from sounimicro_pipelines.settings import Settings

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="a signal that can be ignored")
def test_services_that_do_not_end_are_waited_for_together_not_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who presses Ctrl-C waited a minute: three times as long as the longest may take."""
    monkeypatch.setattr(serving, "GRACE_SECONDS", 0.8)
    installation = Installation(Settings(_env_file=None, sounimicro_home=tmp_path))
    installation.prepare_home()
    supervisor = Supervisor(installation, [])
    children = [_Child(f"deaf-{number}", [sys.executable, "-c", DEAF]) for number in range(4)]
    supervisor._children = children
    for child in children:
        supervisor._launch(child)
    processes = [child.process for child in children]
    until = time.monotonic() + 30
    logs = [installation.settings.log_dir / f"{child.service}.log" for child in children]
    while not all("deaf" in log.read_text() for log in logs) and time.monotonic() < until:
        time.sleep(0.01)
    began = time.monotonic()
    supervisor.stop()
    assert 0.7 < time.monotonic() - began < 2.4
    assert [process.returncode for process in processes if process is not None] == [-9] * 4
