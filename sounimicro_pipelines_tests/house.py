"""The whole product as it is served, over a sandbox: daemon, webserver and panels as processes of their own."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
from dagster import DagsterRunStatus, RunsFilter

from sounimicro_pipelines.demo import free_port
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.instance import PROCESS_TAG
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import work

OURS = ("SOUNIMICRO_", "SUPEROFFICE_", "UNIMICRO_", "PANELS_", "DAGSTER_")
ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


@dataclass
class House:
    """A served installation. `installation` looks into the same store; Dagster is asked over its webserver."""

    sandbox: Sandbox
    home: Path
    environment: dict[str, str]
    installation: Installation
    process: subprocess.Popen[bytes]

    @property
    def dagster(self) -> str:
        return f"http://{self.environment['DAGSTER_BIND']}"

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """What Dagster's own screens ask. Raises AssertionError for an error."""
        answer = httpx.post(f"{self.dagster}/graphql", json={"query": query, "variables": variables}, timeout=60)
        found: dict[str, Any] = answer.json()
        assert "errors" not in found, found
        return dict(found["data"])

    def runs(self, job: str | None = None) -> list[Any]:
        """Runs of a job, newest first."""
        with dg.DagsterInstance.from_config(str(self.installation.settings.dagster_home)) as instance:
            return list(instance.get_run_records(RunsFilter(job_name=job)))

    def due(self) -> int:
        """Items that wait on the lists."""
        now = self.installation.clock.now()
        with self.installation.store.read() as tx:
            return len([one for one in work.listing(tx) if one.state != "dead" and one.not_before <= now])

    def wait(self, what: str, until: Callable[[], bool], seconds: float, every: float = 0.5) -> float:
        """Seconds until something is so. Raises AssertionError with the end of the logs when it never is."""
        started = time.monotonic()
        while not until():
            assert self.process.poll() is None, f"the house fell down: {self.logs()}"
            assert time.monotonic() - started < seconds, f"{what}: not within {seconds:.0f} s\n{self.logs()}"
            time.sleep(every)
        return time.monotonic() - started

    def settle(self, seconds: float = 300.0, quiet: float = 12.0) -> None:
        """Until every list has been empty, and no run in flight, for a while."""
        calm_since = time.monotonic()

        def calm() -> bool:
            nonlocal calm_since
            working = [one for one in self.runs() if one.dagster_run.status not in ENDED]
            if self.due() or any(one.dagster_run.job_name != "watch" for one in working):
                calm_since = time.monotonic()
            return time.monotonic() - calm_since >= quiet

        self.wait("the house at rest", calm, seconds, every=1.0)

    def turn_on(self, sensor: str, location: str = "sync") -> None:
        """As a person does in Dagster's screens."""
        said = self.graphql(
            "mutation($s: SensorSelector!) { startSensor(sensorSelector: $s)"
            " { __typename ... on PythonError { message } } }",
            s={"sensorName": sensor, "repositoryName": "__repository__", "repositoryLocationName": location},
        )
        assert said["startSensor"]["__typename"] == "Sensor", said

    def launch(self, job: str, config: dict[str, Any], location: str = "sync") -> str:
        """Start a job as a person does in Dagster's screens; answers the run's id."""
        said = self.graphql(
            "mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename"
            " ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }"
            " ... on RunConfigValidationInvalid { errors { message } } } }",
            p={
                "selector": {
                    "jobName": job,
                    "repositoryName": "__repository__",
                    "repositoryLocationName": location,
                },
                "runConfigData": config,
            },
        )
        assert said["launchRun"]["__typename"] == "LaunchRunSuccess", said
        return str(said["launchRun"]["run"]["runId"])

    def status(self, run_id: str) -> str:
        said = self.graphql("query($r: ID!) { runOrError(runId: $r) { __typename ... on Run { status } } }", r=run_id)
        return str(said["runOrError"]["status"])

    def kill_with_its_code_server(self, job: str) -> str:
        """`kill -9` of a job's run and of the code server that has started it, at once; answers the run's id."""
        (record,) = [one for one in self.runs(job) if one.dagster_run.status == DagsterRunStatus.STARTED]
        run = int(record.dagster_run.tags[PROCESS_TAG].split("@")[0])
        server = _parent_of(run)
        assert b"grpc" in Path(f"/proc/{server}/cmdline").read_bytes()
        for process in (server, run):
            os.kill(process, signal.SIGKILL)
        return str(record.dagster_run.run_id)

    def logs(self) -> str:
        """The last lines of every service's log."""
        parts = []
        for path in sorted(self.installation.settings.log_dir.glob("*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            parts.append(f"--- {path.name}\n" + "\n".join(lines))
        return "\n".join(parts)


@contextmanager
def served(sandbox: Sandbox, home: Path, *, webhooks: bool = True, **settings: str) -> Iterator[House]:
    """`sounimicro serve` over a running sandbox, for the length of the block."""
    dagster_bind, panels_bind = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    environment = sandbox.environment | {
        "SOUNIMICRO_HOME": str(home),
        "SOUNIMICRO_GO_LIVE": "all",
        "SOUNIMICRO_REQUESTS_PER_SECOND": "0",
        "DAGSTER_BIND": dagster_bind,
        "PANELS_BIND": panels_bind,
    }
    if webhooks:
        environment |= {
            "PANELS_PUBLIC_URL": f"http://{panels_bind}",
            "PANELS_SESSION_SECRET": secrets.token_urlsafe(32),
        }
    environment |= settings
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    values: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
    installation = Installation(Settings(_env_file=None, **values), sandbox.clock)
    installation.prepare_home()
    with (home / "serve.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sounimicro_pipelines.cli", "serve"],
            cwd=home,
            env=plain | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    house = House(sandbox, home, environment, installation, process)
    try:
        house.wait("Dagster's screens", lambda: _answers(f"{house.dagster}/server_info"), 600)
        house.wait("the panels", lambda: _answers(f"http://{panels_bind}/healthz"), 300)
        yield house
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        installation.store.close()


def _parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[1])


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
