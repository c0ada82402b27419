"""The jobs of the etl location and when they run. Everything can be started from Dagster's screens as it stands."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sounimicro_pipelines.orchestration.extraction import (
    ERP_GROUP,
    ExtractConfig,
    Listing,
    superoffice_registers,
    unimicro_registers,
)
from sounimicro_pipelines.orchestration.partitions import COMPANY, file_tag
from sounimicro_pipelines.orchestration.reports import PUBLISHED, incremental_equals_full_refresh

OSLO = "Europe/Oslo"
WORKING_HOURS = ["*/15 7-17 * * 1-5"]
OTHER_HOURS = ["0 18-23,0-6 * * 1-5", "0 * * * 0,6"]
NIGHTLY = "30 2 * * *"
CALENDAR = "5 0 * * *"
COMPARISON = "30 3 * * *"

_FULL = dg.RunConfig(ops={"unimicro_registers": ExtractConfig(listing=Listing.full)})
_CRM_FULL = dg.RunConfig(ops={"superoffice_registers": ExtractConfig(listing=Listing.full)})

_comparison = dg.AssetSelection.checks(*incremental_equals_full_refresh.check_keys)
_figures = (dg.AssetSelection.groups(ERP_GROUP) | dg.AssetSelection.assets(PUBLISHED).upstream()) - _comparison
_reports = _figures - dg.AssetSelection.groups(ERP_GROUP)

figures = dg.define_asset_job(
    "figures",
    selection=_figures,
    executor_def=dg.in_process_executor,
    description="One company from the ERP to the panels: registers, reports, publication.",
)
reports_only = dg.define_asset_job(
    "reports_only",
    selection=_reports,
    executor_def=dg.in_process_executor,
    description="One company's reports anew from the rows that are here already, and their publication.",
)
crm_registers = dg.define_asset_job(
    "crm_registers",
    selection=dg.AssetSelection.assets(superoffice_registers),
    executor_def=dg.in_process_executor,
    tags=file_tag("crm"),
    description="The CRM's registers into the warehouse.",
)
erp_registers = dg.define_asset_job(
    "erp_registers",
    selection=dg.AssetSelection.assets(unimicro_registers),
    executor_def=dg.in_process_executor,
    description="One company's ERP registers into the warehouse, without the reports.",
)
compare_reports = dg.define_asset_job(
    "compare_reports",
    selection=_comparison,
    executor_def=dg.in_process_executor,
    description="One company's reports held against a full refresh, on a copy: built by parts, they must be the same.",
)

JOBS = [figures, reports_only, crm_registers, erp_registers, compare_reports]


def _for_each_company(
    name: str,
    job: UnresolvedAssetJobDefinition,
    cron: str | list[str],
    description: str,
    run_config: dg.RunConfig | None = None,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=OSLO,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        aliases = context.instance.get_dynamic_partitions(COMPANY)
        if not aliases:
            return dg.SkipReason("No ERP company is known yet.")
        tick = context.scheduled_execution_time.isoformat()
        return [
            dg.RunRequest(
                run_key=f"{name}:{alias}:{tick}",
                partition_key=alias,
                tags=file_tag(alias),
                run_config=run_config or dg.RunConfig(),
            )
            for alias in aliases
        ]

    return scheduled


SCHEDULES = [
    _for_each_company(
        "figures_working_hours", figures, WORKING_HOURS, "Every 15 minutes while people work (Europe/Oslo)."
    ),
    _for_each_company("figures_other_hours", figures, OTHER_HOURS, "Every hour outside working hours."),
    _for_each_company(
        "figures_nightly", figures, NIGHTLY, "Every register listed in full: finds deletes and what was missed.", _FULL
    ),
    _for_each_company(
        "figures_new_day", reports_only, CALENDAR, "What the calendar changes: overdue, aging, the new year."
    ),
    _for_each_company(
        "reports_compared", compare_reports, COMPARISON, "Built by parts is the same as built anew, checked each night."
    ),
    dg.ScheduleDefinition(
        name="crm_registers_hourly",
        job=crm_registers,
        cron_schedule="20 * * * *",
        execution_timezone=OSLO,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="What changed in the CRM, every hour.",
    ),
    dg.ScheduleDefinition(
        name="crm_registers_nightly",
        job=crm_registers,
        cron_schedule="0 2 * * *",
        execution_timezone=OSLO,
        run_config=_CRM_FULL,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The CRM's registers listed in full.",
    ),
]
