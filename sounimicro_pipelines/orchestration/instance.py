"""Dagster's own home: its configuration, and letting go of what a killed run still holds."""

from __future__ import annotations

import os
import platform
import uuid
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

import dagster as dg
import yaml
from dagster import DagsterRunStatus, RunsFilter
from filelock import FileLock

from sounimicro_pipelines.clock import UTC, SystemClock

OUR_MARK = "# Written by sounimicro at start. Take this line out to keep your own changes.\n"

CONFIGURATION = {
    "telemetry": {"enabled": False},
    "run_queue": {"dequeue_interval_seconds": 1, "dequeue_use_threads": True, "dequeue_num_workers": 2},
    "concurrency": {
        "pools": {"default_limit": 2, "granularity": "op"},
        "runs": {
            "max_concurrent_runs": 4,
            # One company's file is one process's at a time; different companies run side by side.
            "tag_concurrency_limits": [
                {"key": "sounimicro/file", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
            ],
        },
    },
    "sensors": {"use_threads": True, "num_workers": 4, "num_submit_workers": 2},
    "run_retries": {"enabled": True, "max_retries": 2},
    "run_monitoring": {"enabled": True, "free_slots_after_run_end_seconds": 1},
    "freshness": {"enabled": True},
    "retention": {"sensor": {"purge_after_days": {"skipped": 1, "failure": 30, "success": 30}}},
}

PROCESS_TAG = "sounimicro/process"
"""On runs: which process runs them, so that a killed one is recognised."""

CLAIMED_TAG = "sounimicro/claimed"
"""The run that the process tag speaks of, where it is put on a run that exists: a retry inherits its parent's tags."""


CLAIMED_WITHIN = timedelta(minutes=5)
"""A run claims itself before its first step, within a second of its start."""


def write_configuration(dagster_home: Path) -> None:
    """Writes dagster.yaml unless a person keeps one of their own."""
    path = dagster_home / "dagster.yaml"
    held = path.read_text(encoding="utf-8") if path.is_file() else None
    if held is not None and not held.startswith(OUR_MARK):
        return
    # One event database instead of one for each run: a third of the time for runs of many assets.
    events = {
        "module": "sounimicro_pipelines.orchestration.event_storage",
        "class": "EventStorage",
        "config": {"base_dir": str(dagster_home / "events")},
    }
    configuration = {**CONFIGURATION, "event_log_storage": events}
    text = OUR_MARK + yaml.safe_dump(configuration, sort_keys=False)
    if held == text:
        return
    draft = path.with_suffix(f".{uuid.uuid4().hex}.draft")  # each process has its own: several may start at once
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def open_configured(dagster_home: Path) -> dg.DagsterInstance:
    """The instance in this home, which is made and configured if need be.

    One process at a time: Dagster makes and upgrades its databases at the first opening, and does not see to it that
    no other process does so as well.
    """
    dagster_home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(dagster_home / "opening.lock"):
        write_configuration(dagster_home)
        return dg.DagsterInstance.from_config(str(dagster_home))


def open_instance(dagster_home: Path) -> dg.DagsterInstance:
    """The instance in this home, configured, with nothing held by dead runs."""
    instance = open_configured(dagster_home)
    let_go_of_dead_runs(instance)
    return instance


def process_tag() -> dict[str, str]:
    """Names this process on a run."""
    process = os.getpid()
    return {PROCESS_TAG: f"{process}@{_birth(process)}@{platform.node()}"}


def claim(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Says on a run that the daemon has started that it is this process that runs it."""
    if PROCESS_TAG not in run.tags or run.tags.get(CLAIMED_TAG, run.run_id) != run.run_id:
        instance.add_run_tags(run.run_id, process_tag() | {CLAIMED_TAG: run.run_id})


def let_go_of_dead_runs(instance: dg.DagsterInstance, job: str | None = None) -> bool:
    """A run whose process was killed on this machine is marked as failed, and its places in pools are freed.

    `job`: only its runs. Answers whether there was one. Without this a run that the machine took down with it is in
    flight for ever, and the others of its rule wait for it.
    """
    running = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.CANCELING]
    found = False
    for record in instance.get_run_records(RunsFilter(job_name=job, statuses=running)):
        run = record.dagster_run
        owner = run.tags.get(PROCESS_TAG)
        if owner is None or run.tags.get(CLAIMED_TAG, run.run_id) != run.run_id:
            if not _is_overdue(record):
                continue
        elif _is_alive(owner):
            continue
        instance.report_run_failed(run, "The process that ran this was ended from outside; nothing is lost.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        found = True
    return found


def _is_overdue(record: dg.RunRecord) -> bool:
    """Whether a run has started and its process has not said since that it is there, by the machine's clock.

    One that does not even start is the daemon's to give up.
    """
    if record.dagster_run.status != DagsterRunStatus.STARTED or record.start_time is None:
        return False
    return SystemClock().now() - datetime.fromtimestamp(record.start_time, UTC) > CLAIMED_WITHIN


def _is_alive(owner: str) -> bool:
    """Whether the process still runs; one on another machine is that machine's to judge."""
    process, birth, machine = [*owner.split("@", 2), "", ""][:3]
    if machine and machine != platform.node():
        return True
    return process.isdigit() and birth == _birth(int(process))


def _birth(process: int) -> str | None:
    """When a process began, as far as the system says: tells it from others with its number. None when it has ended."""
    if os.name == "nt":
        psutil = import_module("psutil")  # Dagster brings it there; asking by signal would end the process
        return str(psutil.Process(process).create_time()) if psutil.pid_exists(process) else None
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        state, *after = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        return None if state in (b"Z", b"X") else f"{boot}.{after[18].decode()}"
    except OSError:
        return "running" if _answers(process) else None


def _answers(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
