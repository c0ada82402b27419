"""Sensors of the etl location: which companies there are, and telling people about runs that failed."""

import asyncio

import dagster as dg

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.leftovers import end_left_runs
from sounimicro_pipelines.orchestration.notify import Notice, send
from sounimicro_pipelines.orchestration.partitions import keep_partitions


@dg.sensor(
    name="companies",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the partitions equal to the ERP companies in use.",
)
def companies_sensor(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SkipReason:
    async def read() -> list[str]:
        async with installation.unimicro() as client:
            used, _ = await installation.companies(client)
        return [company.alias for company in used]

    came, went = keep_partitions(context.instance, asyncio.run(read()))
    if not came and not went:
        return dg.SkipReason("The companies are the same as before.")
    return dg.SkipReason(f"New: {', '.join(came) or 'none'}. Gone: {', '.join(went) or 'none'}.")


@dg.run_failure_sensor(
    name="tell_about_failures",
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="Tells SOUNIMICRO_NOTIFY_URL and SOUNIMICRO_NOTIFY_EMAIL when a run fails, and clears up after it.",
)
def tell_about_failures(
    context: dg.RunFailureSensorContext, installation: dg.ResourceParam[Installation]
) -> dg.SkipReason | None:
    end_left_runs(context.instance, installation)
    settings = installation.settings
    if not (settings.sounimicro_notify_url or settings.sounimicro_notify_email):
        return dg.SkipReason("Nobody is to be told: SOUNIMICRO_NOTIFY_URL and SOUNIMICRO_NOTIFY_EMAIL are not set.")
    run = context.dagster_run
    send(
        Notice(
            title=f"The run of {run.job_name} failed",
            text=context.failure_event.message or "No reason was given.",
            job=run.job_name,
            company=run.tags.get("dagster/partition", ""),
            run_id=run.run_id,
            address=f"http://{settings.dagster_bind}/runs/{run.run_id}",
        ),
        settings,
        clock=installation.clock,
    )
    return None


SENSORS = [companies_sensor, tell_about_failures]
