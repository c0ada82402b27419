"""The sync's jobs once, in this process and recorded in Dagster's instance: what the command line starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagster import DagsterEvent, DagsterEventType, ExecuteInProcessResult

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import leave
from sounimicro_pipelines.orchestration.event_storage import record_explained
from sounimicro_pipelines.orchestration.failing import EXIT_CODE
from sounimicro_pipelines.orchestration.instance import process_tag
from sounimicro_pipelines.orchestration.leftovers import open_cleared
from sounimicro_pipelines.orchestration.main_job import QUIET, quiet_libraries
from sounimicro_pipelines.orchestration.sync_assets import job_name
from sounimicro_pipelines.rules.model import RULE_NAMES

COUNTS = ("in", "applied", "unchanged", "held", "conflicts", "failed")


class RunFailed(SounimicroError):
    """A run that did not come to its end; it ends the command as what went wrong does."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(slots=True)
class Told:
    """What a run said of its work. `tables`: changes, issues, put_back, left. `unread`: feeds not read, and why."""

    run_id: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    tables: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    finding: str = ""
    unread: dict[str, str] = field(default_factory=dict)


def run_rules(installation: Installation, *, rule: str | None = None, company: str | None = None) -> Told:
    """Run one rule, or all of them with parents before children, over every feed. Raises RunFailed."""
    rules = [rule] if rule else list(RULE_NAMES)
    config = {"ops": {f"sync__{name}": {"config": {"company": company or "", "every_feed": True}} for name in rules}}
    return _run(installation, job_name(rule) if rule else "sync_all", config)


def run_record(installation: Installation, record: str) -> Told:
    """Look at one record now. Raises RunFailed."""
    return _run(installation, "resync_record", {"ops": {"look_at_record": {"config": {"record": record}}}})


def run_undo(installation: Installation, run_id: str) -> Told:
    """Undo a run. Raises RunFailed."""
    return _run(installation, "undo_run", {"ops": {"put_back": {"config": {"run": run_id}}}})


def _run(installation: Installation, job: str, config: Mapping[str, Any]) -> Told:
    from sounimicro_pipelines.orchestration.sync_jobs import definitions_of_jobs

    quiet_libraries()
    installation.prepare_home()
    home = installation.settings.dagster_home
    try:
        with record_explained(home), open_cleared(installation) as instance:
            result = (
                definitions_of_jobs()
                .resolve_job_def(job)
                .execute_in_process(
                    instance=instance,
                    raise_on_error=False,
                    tags=process_tag(),
                    run_config={**QUIET, **config},
                    resources={"installation": installation},
                )
            )
    finally:
        leave(installation)
    if not result.success:
        raise RunFailed(*_reason(result))
    return _told(result)


def _told(result: ExecuteInProcessResult) -> Told:
    told = Told(result.run_id)
    for metadata in _said(result.all_events):
        for name, entry in metadata.items():
            value: Any = getattr(entry, "value", None)
            if name in told.counts:
                told.counts[name] += int(value)
            elif name in ("changes", "issues", "put_back", "left"):
                told.tables.setdefault(name, []).extend(record.data for record in value.records)
            elif name == "feeds_not_read":
                told.unread |= value
            elif name == "finding":
                told.finding = str(value)
    return told


def _said(events: Sequence[DagsterEvent]) -> list[Mapping[str, Any]]:
    """What each step said of its work, once: an asset's materialisation says the same as the step's output."""
    made = [event for event in events if event.event_type == DagsterEventType.ASSET_MATERIALIZATION]
    assets = {event.step_key for event in made}
    put_out = [
        event.step_output_data.metadata
        for event in events
        if event.event_type == DagsterEventType.STEP_OUTPUT and event.step_key not in assets
    ]
    return [*(event.materialization.metadata for event in made), *put_out]


def _reason(result: ExecuteInProcessResult) -> tuple[str, int]:
    """The first failure in its own words, without the stack, and the exit code that goes with it."""
    for event in result.all_events:
        if event.event_type == DagsterEventType.STEP_FAILURE:
            failure = event.step_failure_data
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                told: Any = failure.user_failure_data.metadata.get(EXIT_CODE)
                return str(failure.user_failure_data.description), 1 if told is None else int(told.value)
            return str(failure.error.message).strip() if failure.error is not None else "No reason was given.", 1
    return "The run failed before it began.", 1
