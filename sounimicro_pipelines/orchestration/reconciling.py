"""The nightly comparison as a job: registers in the warehouse against what both sides agreed on last.

What differs becomes work; each rule's sensor has it done. Annotations are not postponed here: Dagster reads them when
an op is declared.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any

import dagster as dg

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import engine_room
from sounimicro_pipelines.orchestration.failing import plainly
from sounimicro_pipelines.orchestration.partitions import file_tag
from sounimicro_pipelines.orchestration.sync_assets import Log, shown_alias, table
from sounimicro_pipelines.store import Store, companies
from sounimicro_pipelines.sync.crm_side import numbers_of
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.reconcile import Reconciled, reconcile
from sounimicro_pipelines.sync.registers import Files, Register, open_crm, open_erp
from sounimicro_pipelines.sync.world import World

RECONCILE = "reconcile"
OP = "compare_registers"
AFTER_THE_LISTINGS = "30 4 * * *"


class Side(Enum):
    """Whose registers are compared."""

    all = "all"
    crm = "crm"
    erp = "erp"


class ReconcileConfig(dg.Config):
    """`company`: the alias of the ERP company; empty means all that have gone live.

    `everything`: look at every row again, not only at those that were loaded anew since the last comparison.
    """

    side: Side = Side.all
    company: str = ""
    everything: bool = False


@dg.op(
    name=OP, pool="sync_reconcile", description="Compare the registers with what was agreed on; write work, no more."
)
def compare_registers(
    context: dg.OpExecutionContext, config: ReconcileConfig, installation: dg.ResourceParam[Installation]
) -> None:
    async def compare(connection: Connection) -> Reconciled | None:
        world = await connection.world(
            run_id=context.run_id, reporter=Log(context.log), company=config.company or None, live_only=True
        )
        if not world.erp:
            return None
        files = installation.warehouse_files(connection.companies)
        found = Reconciled()
        for opened in _registers(world, files, config.side):
            with opened as register:  # one file at a time, and no longer than it takes
                found.registers += reconcile(world, [register], everything=config.everything).registers
        return found

    with plainly():
        found = engine_room(installation).run(compare)
    if found is None:
        raise dg.Failure(
            "No such ERP company has gone live: accept its go-live report first, or check the alias.",
            allow_retries=False,
        )
    context.add_output_metadata(reconcile_metadata(found, installation.store))


def _registers(world: World, files: Files, side: Side) -> Iterator[AbstractContextManager[Register]]:
    """The registers one after the other; a file that does not exist yet has nothing to compare."""
    if side is not Side.erp and files.crm.is_file():
        yield open_crm(files, world.clock, numbers_of(world.rules))
    for key in world.erp if side is not Side.crm else ():
        if files.erp[key].is_file():
            yield open_erp(files, key, world.clock)


def reconcile_metadata(found: Reconciled, store: Store) -> dict[str, Any]:
    """Counts of each register, and those that were stopped because too much is missing."""
    stopped = [one for one in found.registers if one.guard == "stopped"]
    metadata: dict[str, Any] = {
        "linked": sum(one.linked for one in found.registers),
        "looked_at": sum(one.looked_at for one in found.registers),
        "different": found.items,
        "missing": sum(one.missing for one in found.registers),
        "registers": table(
            ("side", "company", "register", "linked", "looked_at", "different", "missing", "guard", "left_out"),
            [
                {
                    "side": one.side,
                    "company": shown_alias(store, one.company_key) if one.company_key else "",
                    "register": one.entity,
                    "linked": str(one.linked),
                    "looked_at": str(one.looked_at),
                    "different": str(one.different),
                    "missing": str(one.missing),
                    "guard": one.guard,
                    "left_out": one.skipped,
                }
                for one in found.registers
            ],
        ),
    }
    if stopped:
        names = ", ".join(f"{one.side} {one.entity}" for one in stopped)
        metadata["finding"] = f"Too many linked records are missing, so these are stopped: {names}. See the issues."
    return metadata


@dg.job(
    name=RECONCILE,
    executor_def=dg.in_process_executor,
    description="Compare both systems' registers with what was agreed on last; what differs is looked at by the sync.",
)
def reconcile_registers() -> None:
    compare_registers()


@dg.schedule(
    name="reconcile_nightly",
    job=reconcile_registers,
    cron_schedule=AFTER_THE_LISTINGS,
    execution_timezone="Europe/Oslo",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="When every register has been listed in full: finds what feeds and webhooks have missed.",
)
def reconcile_nightly(
    context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
) -> list[dg.RunRequest] | dg.SkipReason:
    with installation.store.read() as tx:
        known = companies.all_companies(tx)
    try:
        aliases = [one.alias for one in known if installation.is_live(one)]
    except SettingsError as error:
        return dg.SkipReason("; ".join(error.problems))
    if not aliases:
        return dg.SkipReason("No ERP company has gone live.")
    tick = context.scheduled_execution_time.isoformat()
    # One run for each warehouse file, so that none waits for a file that another run is loading.
    crm = _request(f"{RECONCILE}:crm:{tick}", "crm", ReconcileConfig(side=Side.crm))
    return [
        crm,
        *(
            _request(f"{RECONCILE}:erp:{alias}:{tick}", alias, ReconcileConfig(side=Side.erp, company=alias))
            for alias in aliases
        ),
    ]


def _request(run_key: str, file: str, config: ReconcileConfig) -> dg.RunRequest:
    return dg.RunRequest(run_key=run_key, run_config=dg.RunConfig(ops={OP: config}), tags=file_tag(file))
