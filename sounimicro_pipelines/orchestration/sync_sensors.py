"""The sync's sensors: each rule's poller, one that keeps the watcher going, one for the reports that people ask for.

A poller only reads, and is bounded in time. What it finds and the feed's watermark become durable in one transaction of
our store; Dagster's cursor is not used. While the rule's list is not empty it asks for one run, never for one a change.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from sounimicro_pipelines.clock import UTC, SystemClock
from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import TookTooLong, engine_room
from sounimicro_pipelines.orchestration.golive_job import GO_LIVE, OP
from sounimicro_pipelines.orchestration.instance import let_go_of_dead_runs
from sounimicro_pipelines.orchestration.sync_assets import job_name, pace_of
from sounimicro_pipelines.orchestration.sync_jobs import WATCH
from sounimicro_pipelines.orchestration.webhooks import webhooks_watchdog
from sounimicro_pipelines.rules.model import RULE_NAMES, RuleName
from sounimicro_pipelines.store import watermarks, work
from sounimicro_pipelines.sync.feeds import Polled, feeds_of, poll
from sounimicro_pipelines.sync.golive_asked import asked
from sounimicro_pipelines.sync.opening import Connection

TICK_SECONDS = 3
"""The daemon looks every 5 s. A sensor that may tick every 5 s has often ticked a hair less than that ago, and is left
out until the next time: it ticks every 10 s."""
POLL_SECONDS = 40.0
"""A sensor that takes a minute is cut off by Dagster; ours stops before."""
PAUSE_AFTER_FAILURE = timedelta(seconds=60)
IN_FLIGHT = frozenset(
    (
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    )
)


class _First(Exception):
    """A register has never been read: listing it is the work of a run, which may take its time."""


def _sensor(rule: RuleName) -> dg.SensorDefinition:
    @dg.sensor(
        name=job_name(rule),
        job_name=job_name(rule),
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Polls the feeds of the rule {rule} when they are due, and asks for a run while there is work.",
    )
    def poller(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        if _in_flight(_last_runs(context.instance, WATCH)):
            return dg.SkipReason("The watcher is at work, and looks after every rule.")
        last = _last_runs(context.instance, job_name(rule))
        try:
            found = engine_room(installation).run(lambda one: _poll(one, rule, installation), seconds=POLL_SECONDS)
        except SettingsError as error:
            return dg.SkipReason("; ".join(error.problems))
        except _First:
            if _in_flight(last):
                return dg.SkipReason("A run lists the registers for the first time.")
            return dg.RunRequest(run_key=f"{rule}:first:{_name_of(last)}")
        except TookTooLong as error:
            return dg.SkipReason(str(error))
        if found is None:
            return dg.SkipReason("No ERP company has gone live: accept a go-live report first.")
        with installation.store.read() as tx:
            now = installation.clock.now()
            due, batch = work.due_count(tx, rule, now), work.batch(tx, rule, now)
        told = f"{found.items} items from {len(found.feeds)} feeds; {due} are due."
        if found.failed:
            told += f" Not read: {', '.join(sorted(found.failed))}."
        if not due:
            return dg.SkipReason(told)
        wait = _must_wait(last, f"{told} A run of the rule is in flight and takes them along.", told)
        return wait or dg.RunRequest(run_key=f"{rule}:{batch}:{_name_of(last)}", tags={"sounimicro/rule": rule})

    return poller


async def _poll(connection: Connection, rule: RuleName, installation: Installation) -> Polled | None:
    """Read what is due; None when no company has gone live. Raises _First when a register has never been read."""
    world = await connection.world(holder=f"sensor:{rule}", live_only=True)
    if not world.erp:
        return None
    if not world.rules.get(rule).active:
        return Polled()
    pace = pace_of(installation.settings)
    with connection.store.read() as tx:
        for feed in feeds_of(world, rule, pace):
            stored = watermarks.get(tx, feed.name)
            if (
                feed.kind == "own"
                and (stored is None or stored.watermark is None)
                and not _given_up(stored, world.now())
            ):
                raise _First
    return await poll(world, rule, pace)


def _given_up(stored: watermarks.Feed | None, now: datetime) -> bool:
    """Whether the first reading has failed just now; it is tried again in its turn."""
    return stored is not None and stored.polled_at is not None and now - stored.polled_at < PAUSE_AFTER_FAILURE


def _last_runs(instance: dg.DagsterInstance, job: str) -> Sequence[RunRecord]:
    """The newest runs of a job, newest first; none that is in flight has lost its process."""
    found = instance.get_run_records(RunsFilter(job_name=job), limit=3)
    if _in_flight(found) and let_go_of_dead_runs(instance, job):
        return instance.get_run_records(RunsFilter(job_name=job), limit=3)
    return found


def _must_wait(last: Sequence[RunRecord], busy: str, told: str = "") -> dg.SkipReason | None:
    """Why no run follows the last ones of its job yet: one is at work (`busy`), or has failed just now."""
    if _in_flight(last):
        return dg.SkipReason(busy)
    if _failed_lately(last):
        return dg.SkipReason(f"{told} The last run failed; the next one waits a minute.".strip())
    return None


def _in_flight(records: Sequence[RunRecord]) -> bool:
    return any(record.dagster_run.status in IN_FLIGHT for record in records)


def _failed_lately(records: Sequence[RunRecord]) -> bool:
    """Whether the newest run failed within the last minute, by the machine's clock, which Dagster goes by."""
    if not records or records[0].dagster_run.status != DagsterRunStatus.FAILURE or records[0].end_time is None:
        return False
    return SystemClock().now() - datetime.fromtimestamp(records[0].end_time, UTC) < PAUSE_AFTER_FAILURE


def _name_of(records: Sequence[RunRecord]) -> str:
    """Part of a run's key: another one once a run has ended, so that work it left behind is not taken for done."""
    return records[0].dagster_run.run_id[:8] if records else "none"


@dg.sensor(
    name="keep_watching",
    job_name=WATCH,
    minimum_interval_seconds=TICK_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Turn this on for changes that travel within a second: starts the watcher again when it has ended.",
)
def keep_watching(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.RunRequest | dg.SkipReason:
    last = _last_runs(context.instance, WATCH)
    return _must_wait(last, "The watcher is at work.") or dg.RunRequest(run_key=f"watch:{_name_of(last)}")


@dg.sensor(
    name="go_live_reports",
    job_name=GO_LIVE,
    minimum_interval_seconds=TICK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes the go-live reports that somebody has asked for in the administration.",
)
def go_live_reports(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.RunRequest | dg.SkipReason:
    with installation.store.read() as tx:
        wanted = asked(tx, installation.clock.now())
    if not wanted:
        return dg.SkipReason("Nobody waits for a report.")
    last = _last_runs(context.instance, GO_LIVE)
    config = {"ops": {OP: {"config": {"company": wanted[0]}}}}
    request = dg.RunRequest(run_key=f"{GO_LIVE}:{wanted[0]}:{_name_of(last)}", run_config=config)
    return _must_wait(last, "A report is being made.") or request


SENSORS = [
    *(_sensor(rule) for rule in RULE_NAMES),
    keep_watching,
    go_live_reports,
    webhooks_watchdog,
]
