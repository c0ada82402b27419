"""The code locations as servers of their own, shared by daemon and webserver.

Left to itself Dagster's daemon starts its code servers anew every minute, and the webserver has another pair: for some
seconds of each minute no sensor ticks, and what a sensor keeps open (sign-ins, connections) is lost.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sounimicro_pipelines.clock import Clock

LOCATIONS: Mapping[str, str] = {
    "etl": "sounimicro_pipelines.definitions",
    "sync": "sounimicro_pipelines.sync_definitions",
}
"""Module by location; workspace.yaml says the same to Dagster's own commands."""

READY_SECONDS = 120.0


@dataclass(frozen=True)
class CodeServer:
    """Where one location is served: a socket in a folder of this user's alone, or a port of loopback on Windows."""

    location: str
    address: Mapping[str, str | int]

    @property
    def command(self) -> list[str]:
        """What starts it."""
        options = [part for name, value in self.address.items() for part in (f"--{name}", str(value))]
        module = ("-m", LOCATIONS[self.location])
        named = ("--location-name", self.location, "--lazy-load-user-code", "--use-python-environment-entry-point")
        return [sys.executable, "-m", "dagster", "api", "grpc", *module, *options, *named]

    def answers(self) -> bool:
        """Whether it can be asked."""
        from dagster._grpc.client import DagsterGrpcClient

        client = DagsterGrpcClient(host="localhost", **self.address)  # type: ignore[arg-type]
        try:
            client.ping("")
        except Exception:
            return False
        return True


class CodeServers:
    """Both locations' servers, and the workspace by which daemon and webserver find them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sounimicro-")
        self.servers: Sequence[CodeServer] = [CodeServer(name, self._address(name)) for name in LOCATIONS]
        self.workspace = Path(self._folder.name) / "workspace.yaml"
        listed = [
            {"grpc_server": {**one.address, "host": "localhost", "location_name": one.location}} for one in self.servers
        ]
        self.workspace.write_text(yaml.safe_dump({"load_from": listed}), encoding="utf-8")

    def wait(self, clock: Clock, pause: Callable[[float], object]) -> None:
        """Until both can be asked, or for as long as makes sense: what is wrong then stands in Dagster's screens."""
        until = clock.monotonic() + READY_SECONDS
        while clock.monotonic() < until and not all(one.answers() for one in self.servers):
            pause(0.1)

    def close(self) -> None:
        """Take the folder away."""
        self._folder.cleanup()

    def _address(self, location: str) -> Mapping[str, str | int]:
        if os.name == "nt":
            with socket.create_server(("localhost", 0)) as probe:
                return {"port": int(probe.getsockname()[1])}
        return {"socket": str(Path(self._folder.name) / location)}
