"""Building one company's reports: when a full refresh is needed, and what a finished build tells."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.reports.by_dbt import build_by_dbt
from sounimicro_pipelines.warehouse.reports.finished import identities
from sounimicro_pipelines.warehouse.reports.project import LOCK, PreparedProject, prepare_manifest
from sounimicro_pipelines.warehouse.reports.result import ModelResult, ReportRun

MEMORY_LIMIT = "1GB"
SCOPES = ("party", "voucher", "project", "budget", "file")


def build_reports(
    db_path: Path,
    *,
    company: str,
    as_of: date,
    target: Path,
    full_refresh: bool = False,
    project_dir: Path | None = None,
    log_dir: Path | None = None,
    memory_limit: str = MEMORY_LIMIT,
    clock: Clock | None = None,
) -> ReportRun:
    """Builds the schema `reports` of a company's warehouse file; the raw tables must be there.

    `as_of` is the Oslo day that counts as today. `target` is a folder of our own for the manifest, shared by all
    companies; logs go to `log_dir`, or into it. A first build, another version of the project and a build that was
    broken off lead to a full refresh by themselves. One build at a time in a process; others wait.

    Raises ReportBuildFailed when a model fails, ReportProjectBroken when the project cannot be read, and what
    `Warehouse` raises when the file cannot be used.
    """
    clock = clock or SystemClock()
    started = clock.monotonic()
    with LOCK:
        prepared = prepare_manifest(target, project_dir=project_dir)
        log = log_dir or prepared.target / "logs"
        log.mkdir(parents=True, exist_ok=True)
        with Warehouse(db_path, clock=clock, memory_limit=memory_limit) as connection:
            last = _last_build(connection)
        is_full = full_refresh or last is None or last[1] != prepared.digest or last[2] != company
        build = max(int(clock.now().timestamp() * 1_000_000), (last[0] if last else 0) + 1)
        way: Literal["dbt", "compiled"] = "dbt"
        seconds, tests = build_by_dbt(
            prepared,
            db_path,
            company=company,
            as_of=as_of,
            build=build,
            is_full=is_full,
            log=log,
            memory_limit=memory_limit,
        )
        with Warehouse(db_path, clock=clock, memory_limit=memory_limit) as connection:
            models = _models(connection, prepared, seconds)
            checks = identities(connection)
            touched = {} if is_full else _touched(connection)
    return ReportRun(
        company=company,
        as_of=as_of,
        build=build,
        is_full=is_full,
        way=way,
        seconds=clock.monotonic() - started,
        models=models,
        checks=checks,
        tests=tests,
        touched=touched,
    )


def _last_build(connection: duckdb.DuckDBPyConnection) -> tuple[int, str, str] | None:
    """Number, project and company of the last build when it was finished, else None."""
    tables = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'reports_state'"
    ).fetchall()
    if not {("this_build",), ("build",), ("seen",)} <= set(tables):
        return None
    row = connection.execute(
        "select build, project, company from reports_state.build"
        " where build = (select build from reports_state.this_build) order by build desc limit 1"
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]), str(row[2]))


def _models(
    connection: duckdb.DuckDBPyConnection, prepared: PreparedProject, seconds: dict[str, float]
) -> tuple[ModelResult, ...]:
    rows = {
        (schema, name): int(count)
        for schema, name, count in connection.execute(
            "select schema_name, table_name, estimated_size from duckdb_tables()"
            " where schema_name in ('reports', 'intermediate')"
        ).fetchall()
    }
    nodes = sorted(
        (node for node in prepared.manifest.nodes.values() if node.resource_type == "model"), key=lambda one: one.name
    )
    return tuple(
        ModelResult(node.name, node.schema, rows.get((node.schema, node.name)), seconds.get(node.name, 0.0))
        for node in nodes
        if node.config.materialized != "ephemeral"
    )


def _touched(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = {}
    for scope in SCOPES:
        row = connection.execute(f"select count(*) from reports_state.touched_{scope}").fetchone()
        counts[scope] = int(row[0]) if row else 0
    return counts
