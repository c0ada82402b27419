"""A build by dbt, in this process and without a word on the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from sounimicro_pipelines.warehouse.reports.errors import ReportBuildFailed
from sounimicro_pipelines.warehouse.reports.project import PreparedProject, bind, common_flags, dbt_on
from sounimicro_pipelines.warehouse.reports.result import CheckResult


def build_by_dbt(
    prepared: PreparedProject,
    db_path: Path,
    *,
    company: str,
    as_of: date,
    build: int,
    is_full: bool,
    log: Path,
    memory_limit: str,
    data_tests: bool,
    lake: Mapping[str, str] | None = None,
) -> tuple[dict[str, float], tuple[CheckResult, ...]]:
    """Runs every model, and the data tests if wanted; unit tests belong to the test suite. Seconds per model, results.

    `lake` is what the profile's target `lake` reads from the environment; without it the target is the file.
    Raises ReportBuildFailed when a model, or dbt itself, fails.
    """
    from dbt.cli.main import dbtRunner

    values = {"company": company, "as_of": as_of.isoformat(), "build": str(build), "project": prepared.digest}
    arguments = ["build", *common_flags(prepared, log), "--vars", json.dumps(values), "--no-write-json"]
    arguments += ["--exclude-resource-type", "unit_test"] if data_tests else ["--resource-type", "model"]
    if is_full:
        arguments.append("--full-refresh")
    if lake is not None:
        arguments += ["--target", "lake"]
    bind(prepared.manifest, db_path.stem if lake is None else "lake")
    with dbt_on(db_path, SOUNIMICRO_DBT_MEMORY=memory_limit, **(lake or {})):
        outcome = dbtRunner(manifest=prepared.manifest).invoke(arguments)
    results = list(getattr(outcome.result, "results", None) or [])
    broken = [
        (result.node.name, _first_line(result.message))
        for result in results
        if str(result.status) == "error" and result.node.resource_type != "test"
    ]
    if broken or not results:
        reason = _first_line(str(outcome.exception)) if outcome.exception else "dbt built nothing"
        raise ReportBuildFailed(company, broken or [("dbt", reason)], log / "dbt.log")
    seconds = {
        result.node.name: float(result.execution_time) for result in results if result.node.resource_type == "model"
    }
    return seconds, tuple(_test(result) for result in results if result.node.resource_type == "test")


def _test(result: Any) -> CheckResult:
    status = str(result.status)
    ok = status == "pass"
    return CheckResult(
        name=result.node.name,
        ok=ok,
        failures=int(result.failures or 0) if status != "error" else 1,
        finding="" if ok else _first_line(result.message),
    )


def _first_line(message: str | None) -> str:
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    return " ".join(lines[:3])[:500] if lines else "no reason given"
