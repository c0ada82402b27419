"""The jobs of the sync location: one for each rule, all of them in order, one record, and watching all the time.

Annotations are not postponed here: Dagster reads them when an op is declared.
"""

import asyncio

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import engine_room
from sounimicro_pipelines.orchestration.failing import plainly
from sounimicro_pipelines.orchestration.golive_job import go_live_report
from sounimicro_pipelines.orchestration.reconciling import reconcile_nightly, reconcile_registers
from sounimicro_pipelines.orchestration.resources import InstallationResource
from sounimicro_pipelines.orchestration.sync_assets import (
    AT_ONCE,
    GROUP,
    RULE_ASSETS,
    Log,
    job_name,
    metadata_of,
    pace_of,
    part_of,
    rule_key,
)
from sounimicro_pipelines.orchestration.undoing import parts_of, undo_metadata
from sounimicro_pipelines.rules.model import RULE_NAMES, RuleName
from sounimicro_pipelines.store import work
from sounimicro_pipelines.sync.addresses import parse_address
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.feeds import Polled, poll, rewind_company
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.requests import resync
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.undo import UndoReport, undo

WATCH = "watch"
FEEDS_SECONDS = 0.5
"""How often the watcher looks whether a feed is due."""
Part = tuple[RunReport, Polled]
"""What one rule's part of a run did, and what was polled for it."""


class LoadConfig(dg.Config):
    """`company`: the alias of the ERP company; empty means all that have gone live."""

    company: str = ""


class RecordConfig(dg.Config):
    """`record`: crm:contact:1041, or erp:<company>:Customer:79."""

    record: str


class UndoConfig(dg.Config):
    """`run`: the id of the run to undo."""

    run: str


class WatchConfig(dg.Config):
    """How long to watch, in minutes, and how often to look at the work list, in seconds."""

    minutes: float = 15.0
    every: float = 0.1


def _tell(context: dg.OpExecutionContext, installation: Installation, parts: list[Part]) -> None:
    """Each rule's part of the run as a materialisation of the rule's asset, with its counts and changes."""
    for report, polled in parts:
        if report.rule is not None:
            metadata = metadata_of(report, polled, installation)
            context.log_event(dg.AssetMaterialization(rule_key(report.rule), metadata=metadata))


@dg.op(pool="sync_load", description="List every register anew, and work off what that brings.")
def load_registers(
    context: dg.OpExecutionContext, config: LoadConfig, installation: dg.ResourceParam[Installation]
) -> None:
    async def load(connection: Connection) -> list[Part]:
        alias = config.company or None
        world = await connection.world(run_id=context.run_id, company=alias, live_only=True)
        if not world.erp:
            raise dg.Failure(
                "No such ERP company has gone live: accept its go-live report first, or check the alias.",
                allow_retries=False,
            )
        with connection.store.transaction() as tx:
            for key in world.erp:
                rewind_company(tx, world, key)
        parts = []
        for rule in world.rules.active():
            part = await connection.world(
                run_id=part_of(context.run_id, rule.rule), reporter=Log(context.log), company=alias, live_only=True
            )
            polled = await poll(part, rule.rule, pace_of(installation.settings), now_due=True)
            parts.append((await drain(part, rule.rule, kind="initial_load", at_once=AT_ONCE), polled))
        return parts

    with plainly():
        _tell(context, installation, engine_room(installation).run(load))


@dg.op(pool="sync_record", description="Look at one record now, whatever the feeds say.")
def look_at_record(
    context: dg.OpExecutionContext, config: RecordConfig, installation: dg.ResourceParam[Installation]
) -> None:
    async def look(connection: Connection) -> RunReport:
        with connection.store.read() as tx:
            address = parse_address(tx, config.record)
        world = await connection.world(run_id=context.run_id, by="person", reporter=Log(context.log), live_only=True)
        return await resync(world, address)

    with plainly():
        report = engine_room(installation).run(look)
    context.add_output_metadata(metadata_of(report, Polled(), installation))


@dg.op(pool="sync_record", description="Put back what a run has written, as far as nobody has edited it since.")
def put_back(context: dg.OpExecutionContext, config: UndoConfig, installation: dg.ResourceParam[Installation]) -> None:
    async def restore(connection: Connection) -> list[UndoReport]:
        reports = []
        for number, run_id in enumerate(parts_of(connection.store, config.run), start=1):
            mine = context.run_id if number == 1 else part_of(context.run_id, number)
            world = await connection.world(run_id=mine, by="person", reporter=Log(context.log), live_only=True)
            reports.append(await undo(world, run_id))
        return reports

    with plainly():
        reports = engine_room(installation).run(restore)
    context.add_output_metadata(undo_metadata(reports, installation.store))


@dg.op(pool="sync_watch", description="Look at the feeds and the work list all the time, for a while.")
def watch_registers(
    context: dg.OpExecutionContext, config: WatchConfig, installation: dg.ResourceParam[Installation]
) -> None:
    clock = installation.clock
    until = clock.monotonic() + config.minutes * 60
    pace = pace_of(installation.settings)

    async def read_feeds(connection: Connection) -> None:
        while True:
            world = await connection.world(holder=f"watch:{context.run_id}", live_only=True)
            for rule in world.rules.active() if world.erp else ():
                await poll(world, rule.rule, pace)
            await clock.sleep(FEEDS_SECONDS)

    async def work_off(connection: Connection, rule: RuleName) -> None:
        number = 0
        while clock.monotonic() < until:
            with connection.store.read() as tx:
                due = work.due_count(tx, rule, clock.now())
            world = (
                await connection.world(
                    run_id=part_of(context.run_id, f"{number}.{rule}"),
                    holder=f"watch:{context.run_id}:{rule}",
                    reporter=Log(context.log),
                    live_only=True,
                )
                if due
                else None
            )
            if world is None or not world.erp or not world.rules.get(rule).active:
                await clock.sleep(config.every)
                continue
            number += 1
            report = await drain(world, rule, at_once=AT_ONCE, until=until)
            _tell(context, installation, [(report, Polled())])

    async def watch(connection: Connection) -> None:
        # A feed that answers slowly, or a rule with a long list, keeps no change of another rule waiting.
        feeds = asyncio.ensure_future(read_feeds(connection))
        lists = asyncio.gather(*(work_off(connection, rule) for rule in RULE_NAMES))
        try:
            await asyncio.wait((feeds, lists), return_when=asyncio.FIRST_COMPLETED)
            await (feeds if feeds.done() else lists)
        finally:
            feeds.cancel()
            lists.cancel()
            await asyncio.gather(feeds, lists, return_exceptions=True)

    with plainly():
        engine_room(installation).run(watch)


@dg.job(
    name="initial_load",
    executor_def=dg.in_process_executor,
    description="List every register of a company that has gone live, and link, create and write as the rules say.",
)
def initial_load() -> None:
    load_registers()


@dg.job(
    name="resync_record",
    executor_def=dg.in_process_executor,
    description="Look at one record now: crm:contact:1041, or erp:<company>:Customer:79.",
)
def resync_record() -> None:
    look_at_record()


@dg.job(
    name="undo_run",
    executor_def=dg.in_process_executor,
    description="Put back what a run has written, as far as nobody has edited it since; the rest is listed.",
)
def undo_run() -> None:
    put_back()


@dg.job(
    name=WATCH,
    executor_def=dg.in_process_executor,
    description="Changes travel within a second: watches for some minutes, and keep_watching starts it again.",
)
def watch() -> None:
    watch_registers()


RULE_JOBS: list[UnresolvedAssetJobDefinition] = [
    dg.define_asset_job(
        job_name(rule),
        selection=dg.AssetSelection.assets(rule_key(rule)),
        executor_def=dg.in_process_executor,
        description=f"Read the feeds of the rule {rule}, and work off its list.",
    )
    for rule in RULE_NAMES
]
sync_all = dg.define_asset_job(
    "sync_all",
    selection=dg.AssetSelection.groups(GROUP),
    executor_def=dg.in_process_executor,
    description="All five rules, parents before children.",
)

JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    *RULE_JOBS,
    sync_all,
    initial_load,
    resync_record,
    undo_run,
    watch,
    go_live_report,
    reconcile_registers,
]
SCHEDULES = [reconcile_nightly]
ASSETS = RULE_ASSETS


def definitions_of_jobs() -> dg.Definitions:
    """The assets and jobs alone, for a process that runs one of them itself and hands in the installation."""
    return dg.Definitions(assets=ASSETS, jobs=JOBS, resources={"installation": InstallationResource()})
