"""Building one company's reports: when a full refresh is needed, and what a finished build tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.warehouse.budget import fill_register, read_register
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.reports.by_dbt import build_by_dbt
from sounimicro_pipelines.warehouse.reports.compiled import build_compiled
from sounimicro_pipelines.warehouse.reports.finished import identities, last_build
from sounimicro_pipelines.warehouse.reports.project import LOCK, PreparedProject, prepare_manifest
from sounimicro_pipelines.warehouse.reports.result import CheckResult, ModelResult, ReportRun
from sounimicro_pipelines.warehouse.reports.steps import compile_steps, kept_steps

MEMORY_LIMIT = "900MB"
SCOPES = ("party", "voucher", "project", "budget", "file")


def build_reports(
    db_path: Path,
    *,
    company: str,
    as_of: date,
    target: Path,
    full_refresh: bool = False,
    by_dbt: bool = False,
    data_tests: bool | None = None,
    project_dir: Path | None = None,
    log_dir: Path | None = None,
    budget_register: Path | None = None,
    memory_limit: str = MEMORY_LIMIT,
    hands_on: bool = False,
    clock: Clock | None = None,
) -> ReportRun:
    """Builds the schema `reports` of a company's warehouse file; the raw tables must be there.

    `as_of` is the Oslo day that counts as today. `target` is a folder of our own for the manifest, shared by all
    companies; logs go to `log_dir`, or into it. `budget_register` is the company's file of customer budgets (None: what
    the warehouse has). Only what was touched since the last build is made anew, by the SQL that dbt compiled, without
    starting dbt; `by_dbt` starts it all the same. A first build, another version of the project and a build that was
    broken off lead to a full refresh by themselves. `data_tests` run in builds by dbt, and unless told otherwise only
    in those that were asked for. `hands_on` leaves the file open to who publishes it at once in this process. One build
    at a time in a process; others wait.

    Raises ReportBuildFailed when a model fails, ReportProjectBroken when the project cannot be read, and what
    `Warehouse` raises when the file cannot be used.
    """
    clock = clock or SystemClock()
    started = clock.monotonic()
    with LOCK:
        prepared = prepare_manifest(target, project_dir=project_dir)
        log = log_dir or prepared.target / "logs"
        log.mkdir(parents=True, exist_ok=True)
        warehouse = Warehouse(db_path, clock=clock, memory_limit=memory_limit, checkpoint=False)
        tests: tuple[CheckResult, ...] = ()
        with warehouse as connection:
            if budget_register is not None:
                fill_register(connection, read_register(budget_register))
            last = last_build(connection)
            build = max(int(clock.now().timestamp() * 1_000_000), (last.build if last else 0) + 1)
            is_full = full_refresh or last is None or not last.is_of(prepared.digest, company)
            steps = None if is_full or by_dbt else kept_steps(prepared)
            if steps is not None:
                built = build_compiled(connection, steps, company, as_of, build, prepared.digest, log / "dbt.log")
                outcome = _outcome(connection, prepared, built.seconds, built.rows)
                warehouse.hands_on = hands_on
        if steps is None and not is_full and not by_dbt:
            steps = compile_steps(prepared, db_path, log)
            with warehouse as connection:
                built = build_compiled(connection, steps, company, as_of, build, prepared.digest, log / "dbt.log")
                outcome = _outcome(connection, prepared, built.seconds, built.rows)
                warehouse.hands_on = hands_on
        if steps is None:
            seconds, tests = build_by_dbt(
                prepared,
                db_path,
                company=company,
                as_of=as_of,
                build=build,
                is_full=is_full,
                log=log,
                memory_limit=memory_limit,
                data_tests=(full_refresh or by_dbt) if data_tests is None else data_tests,
            )
            with warehouse as connection:
                outcome = _outcome(connection, prepared, seconds, {} if is_full else _rows_touched(connection))
    return ReportRun(
        company=company,
        as_of=as_of,
        build=build,
        is_full=is_full,
        way="dbt" if steps is None else "compiled",
        seconds=clock.monotonic() - started,
        tests=tests,
        models=outcome.models,
        checks=outcome.checks,
        touched=outcome.touched,
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    models: tuple[ModelResult, ...]
    checks: tuple[CheckResult, ...]
    touched: Mapping[str, int]


def _outcome(
    connection: duckdb.DuckDBPyConnection,
    prepared: PreparedProject,
    seconds: Mapping[str, float],
    rows: Mapping[str, int],
) -> _Outcome:
    """`rows` are those of the models that say what was touched; none in a full refresh."""
    touched = {scope: rows[f"touched_{scope}"] for scope in SCOPES} if rows else {}
    return _Outcome(_models(connection, prepared, seconds), identities(connection), touched)


def _models(
    connection: duckdb.DuckDBPyConnection, prepared: PreparedProject, seconds: Mapping[str, float]
) -> tuple[ModelResult, ...]:
    models = [model for model in prepared.models if model.materialized != "ephemeral"]
    tables = [model for model in models if model.schema in ("reports", "intermediate")]
    rows = _counted(connection, {model.name: f'"{model.schema}"."{model.name}"' for model in tables})
    return tuple(
        ModelResult(model.name, model.schema, rows.get(model.name), seconds.get(model.name, 0.0)) for model in models
    )


def _rows_touched(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """After a build by dbt."""
    return _counted(connection, {f"touched_{scope}": f"reports_state.touched_{scope}" for scope in SCOPES})


def _counted(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> dict[str, int]:
    """How many rows there are in tables, by whichever name."""
    counts = ", ".join(f"(select count(*) from {table})" for table in tables.values())
    found = connection.execute(f"select {counts}").fetchone() or ()
    return {name: int(count) for name, count in zip(tables, found, strict=True)}
