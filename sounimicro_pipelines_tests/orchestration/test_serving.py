"""The supervisor of the services, over processes that are nothing of the product's."""

from __future__ import annotations

import os
import signal
import subprocess
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


@pytest.mark.skipif(os.name != "posix", reason="a signal that can be ignored")
def test_services_hear_a_stop_although_the_shell_lets_them_ignore_ctrl_c(tmp_path: Path) -> None:
    """`serve &` in a script: Dagster's code servers treat SIGTERM as SIGINT, and were killed after twenty seconds."""
    installation = Installation(Settings(_env_file=None, sounimicro_home=tmp_path))
    supervisor = Supervisor(installation, [])
    said = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    child = _Child("code-sync", [sys.executable, "-c", said])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        supervisor._launch(child)
    finally:
        signal.signal(signal.SIGINT, before)
    assert child.process is not None
    assert child.process.wait(30) == 0
    assert (installation.settings.log_dir / "code-sync.log").read_text().strip() == "True"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_run_at_work_is_asked_to_end_with_its_code_server_and_is_not_left_behind(tmp_path: Path) -> None:
    """Dagster's code server waits for its runs: it was killed after the grace, and the watcher worked on alone."""
    installation = Installation(Settings(_env_file=None, sounimicro_home=tmp_path))
    supervisor = Supervisor(installation, [])
    run = "import time; time.sleep(60)"
    waits = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {run!r}]); print(p.pid, flush=True)"
    waiting = f"{waits}; import signal; signal.signal(signal.SIGTERM, lambda *_: None); p.wait()"
    child = _Child("code-sync", [sys.executable, "-c", waiting])
    supervisor._children = [child]
    supervisor._launch(child)
    log = installation.settings.log_dir / "code-sync.log"
    until = time.monotonic() + 30
    while not log.read_text().strip() and time.monotonic() < until:
        time.sleep(0.01)
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < serving.GRACE_SECONDS / 2
    assert not _runs(Path("/proc") / log.read_text().strip() / "stat")


SUPERVISED = """
import signal
import sys
from pathlib import Path
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.serving import Supervisor, _Child
from sounimicro_pipelines.settings import Settings

signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as it may be inherited
installation = Installation(Settings(_env_file=None, sounimicro_home=Path(sys.argv[1])))
installation.prepare_home()
supervisor = Supervisor(installation, [])
child = _Child("asleep", [sys.executable, "-c", "import time; time.sleep(60)"])
supervisor._launch(child)
print(child.process.pid, flush=True)
child.process.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_services_end_with_a_supervisor_that_is_killed_outright(tmp_path: Path) -> None:
    """They worked on, and the next `serve` found its ports taken by what nobody looked after."""
    with subprocess.Popen([sys.executable, "-c", SUPERVISED, str(tmp_path)], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        service = Path("/proc") / supervisor.stdout.readline().decode().strip() / "stat"
        supervisor.kill()
    until = time.monotonic() + 30
    while _runs(service) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _runs(service)


def _runs(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
