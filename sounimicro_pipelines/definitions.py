"""The door for Dagster, code location `etl`: registers, reports and their publication."""

from __future__ import annotations

import dagster as dg

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.extraction import superoffice_registers, unimicro_registers
from sounimicro_pipelines.orchestration.jobs import JOBS, SCHEDULES
from sounimicro_pipelines.orchestration.reports import incremental_equals_full_refresh, report_assets
from sounimicro_pipelines.orchestration.resources import InstallationResource
from sounimicro_pipelines.orchestration.sensors import SENSORS
from sounimicro_pipelines.warehouse.reports import prepare_manifest


@dg.definitions
def defs() -> dg.Definitions:
    """The manifest is made once and kept in the data folder; making it anew takes some seconds."""
    installation = Installation.of_this_process()
    installation.prepare_home()
    manifest = prepare_manifest(installation.dbt_dir).manifest_path
    return dg.Definitions(
        assets=[unimicro_registers, superoffice_registers, *report_assets(manifest)],
        asset_checks=[incremental_equals_full_refresh],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={"installation": InstallationResource()},
    )
