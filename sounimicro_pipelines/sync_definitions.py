"""The door for Dagster, code location `sync`: the five rules. It never imports dbt, so that its runs start quickly."""

from __future__ import annotations

import dagster as dg

from sounimicro_pipelines.orchestration.resources import InstallationResource
from sounimicro_pipelines.orchestration.sync_jobs import ASSETS, JOBS, SCHEDULES
from sounimicro_pipelines.orchestration.sync_sensors import SENSORS

defs = dg.Definitions(
    assets=ASSETS,
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources={"installation": InstallationResource()},
)
