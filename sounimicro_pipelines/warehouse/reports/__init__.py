"""Building a company's reports from its raw tables with the dbt project `dbt_reports`."""

from __future__ import annotations

from sounimicro_pipelines.warehouse.reports.errors import ReportBuildFailed, ReportProjectBroken
from sounimicro_pipelines.warehouse.reports.project import PreparedProject, prepare_manifest, project_folder
from sounimicro_pipelines.warehouse.reports.result import CheckResult, ModelResult, ReportRun
from sounimicro_pipelines.warehouse.reports.run import build_reports

__all__ = [
    "CheckResult",
    "ModelResult",
    "PreparedProject",
    "ReportBuildFailed",
    "ReportProjectBroken",
    "ReportRun",
    "build_reports",
    "prepare_manifest",
    "project_folder",
]
