"""Production on one machine: Dagster's daemon and webserver with their code, and the panels, under one supervisor."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.errors import SettingsError, SounimicroError
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration import tether
from sounimicro_pipelines.orchestration.code_servers import CodeServers
from sounimicro_pipelines.orchestration.leftovers import open_cleared
from sounimicro_pipelines.orchestration.webhooks import register_at_start

Service = Literal["daemon", "webserver", "panels"]
SERVICES: tuple[Service, ...] = ("daemon", "webserver", "panels")
LONGEST_PAUSE = 60.0
STEADY_SECONDS = 120.0
GRACE_SECONDS = 20.0


class CannotListen(SounimicroError):
    """An address that a service is to listen on cannot be had."""

    exit_code = 2


@dataclass(slots=True)
class _Child:
    service: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    due: float = 0.0


class Supervisor:
    """Keeps the services running: one that ends is started again, with a growing pause while it keeps ending."""

    def __init__(
        self, installation: Installation, services: Sequence[Service] = SERVICES, *, folder: Path | None = None
    ) -> None:
        """`folder` is where the children run; relative settings and `.env` are read from there."""
        self._installation = installation
        self._clock: Clock = installation.clock
        self._folder = folder or Path.cwd()
        self._code = CodeServers() if {"daemon", "webserver"} & set(services) else None
        self._servers = (
            [_Child(f"code-{one.location}", one.command) for one in self._code.servers] if self._code else []
        )
        self._children = [_Child(service, self._command(service)) for service in services]
        self._stop_asked = threading.Event()

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where the services that are kept running can be reached in a browser."""
        settings = self._installation.settings
        found = {"webserver": ("Dagster", settings.dagster_bind), "panels": ("panels", settings.panels_bind)}
        asked = [found[child.service] for child in self._children if child.service in found]
        return {name: f"http://{bind}" for name, bind in asked}

    def start(self) -> None:
        """Prepares the data folder, the store and Dagster's home, and starts every service.

        Raises CannotListen before anything is started, HomeUnusable and the store's errors.
        """
        settings = self._installation.settings
        for child in self._children:
            if child.service == "webserver":
                demand_free("DAGSTER_BIND", settings.dagster_bind)
            elif child.service == "panels":
                demand_free("PANELS_BIND", settings.panels_bind)
        self._installation.prepare_home()
        open_cleared(self._installation).dispose()
        for child in self._servers:
            self._launch(child)
        if self._code is not None:
            self._code.wait(self._clock, self._stop_asked.wait)
        for child in self._children:
            self._launch(child)

    def run(self, on_event: Callable[[str], None]) -> None:
        """Watches over the services until a signal (SIGINT, SIGTERM) asks to stop."""
        threading.Thread(target=self._register_webhooks, args=(on_event,), name="webhooks", daemon=True).start()
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._stop_asked.is_set():
                self.watch(on_event)
                self._stop_asked.wait(0.5)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            self.stop()

    def _register_webhooks(self, on_event: Callable[[str], None]) -> None:
        if any(child.service == "panels" for child in self._children):
            said = register_at_start(self._installation)
            if said:
                on_event(said)

    def watch(self, on_event: Callable[[str], None]) -> None:
        """One look at every service."""
        now = self._clock.monotonic()
        for child in (*self._servers, *self._children):
            if child.process is None:
                if now >= child.due:
                    self._launch(child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            child.pause = 1.0 if now - child.started > STEADY_SECONDS else min(child.pause * 2, LONGEST_PAUSE)
            child.process, child.due = None, now + child.pause
            on_event(
                f"{child.service} ended with {code}; starting it again in {child.pause:.0f} s. "
                f"Its log is {self._log(child.service)}."
            )

    def stop(self) -> None:
        """Asks every service to end, and ends those that have not done so after the same seconds for all."""
        children = (*self._children, *self._servers)
        for child in children:
            if child.process is not None:
                _ask_to_end(child.process)
        until = self._clock.monotonic() + GRACE_SECONDS
        for child in children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.0, until - self._clock.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            _end_what_is_left(child.process)
            child.process = None
        if self._code is not None:
            self._code.close()

    def _launch(self, child: _Child) -> None:
        log = self._log(child.service)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            child.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                _tethered(child.command),
                cwd=self._folder,
                env={
                    **os.environ,
                    "DAGSTER_HOME": str(self._installation.settings.dagster_home),
                    "SOUNIMICRO_HOME": str(self._installation.settings.home),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started = self._clock.monotonic()

    def _command(self, service: Service) -> list[str]:
        settings = self._installation.settings
        if service == "panels":
            return [sys.executable, "-m", "sounimicro_pipelines.panels"]
        workspace = str(self._code.workspace) if self._code is not None else ""
        if service == "daemon":
            return [sys.executable, "-m", "dagster._daemon", "run", "-w", workspace]
        host, port = host_and_port("DAGSTER_BIND", settings.dagster_bind)
        return [sys.executable, "-m", "dagster_webserver", "-h", host, "-p", str(port), "-w", workspace]

    def _log(self, service: str) -> Path:
        return self._installation.settings.log_dir / f"{service}.log"

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop_asked.set()


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Asks a service, and the runs that a code server has at work: it waits for them, and would leave them behind."""
    if os.name != "posix":
        process.terminate()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def _end_what_is_left(process: subprocess.Popen[bytes]) -> None:
    """Ends what a service that has ended had started; a run that is killed loses nothing."""
    if os.name != "posix":
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tethered(command: Sequence[str]) -> list[str]:
    """The command as one that ends when it is asked to, and with this process, where the system can do that."""
    if os.name != "posix":
        return list(command)
    return [sys.executable, "-I", tether.__file__, str(os.getpid()), *command]


def host_and_port(name: str, bind: str) -> tuple[str, int]:
    """Splits `host:port`. Raises SettingsError naming the setting."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) < 65536:
        raise SettingsError([f"{name}: «{bind}» is no host:port, such as 127.0.0.1:3000."])
    return host.strip("[]"), int(port)


def demand_free(name: str, bind: str) -> None:
    """Raises CannotListen when nothing can listen on `bind` (`host:port`), the value of the setting `name`."""
    host, port = host_and_port(name, bind)
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name == "posix":  # as the servers do; on Windows it would let two listen on one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"{name}: something else listens on {bind} already.",
                remedy=f"Stop it, perhaps another `sounimicro serve`, or set {name} to another port.",
            ) from None
        raise CannotListen(
            f"{name}: this user cannot listen on {bind} ({error.strerror}).",
            remedy=f"Set {name} to an address of this machine and a port above 1023.",
        ) from None
