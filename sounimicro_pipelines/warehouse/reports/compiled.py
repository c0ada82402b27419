"""A build without dbt's start: the SQL that dbt compiled for an incremental build, run in one transaction.

dbt needs seconds to begin, and a second for twenty models that have nothing to do. What it compiles depends on nothing
but the project, once a company's tables stand, so it is kept in a file and run as it is.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from sounimicro_pipelines.warehouse.groups import CHANGES, forget_changes
from sounimicro_pipelines.warehouse.reports.errors import ReportBuildFailed, ReportProjectBroken
from sounimicro_pipelines.warehouse.reports.project import PreparedProject, bind, common_flags, dbt_on
from sounimicro_pipelines.warehouse.reports.replaced import replace, same_scope


@dataclass(frozen=True, slots=True)
class Step:
    """One model of an incremental build. `touched` names the table of what its scope must be made anew for, `made` the
    temporary table that holds what was made; `is_published` where the publisher asks what has changed; `of_parties`
    names the tables of which it needs the rows of the touched parties, in one temporary table each."""

    name: str
    schema: str
    materialized: str
    touched: str
    columns: tuple[str, ...]
    made: str
    is_published: bool
    of_parties: tuple[str, ...]
    sql: str


def kept_steps(prepared: PreparedProject) -> Sequence[Step] | None:
    """The steps that an earlier call kept, in order; None when there are none for this version of the project."""
    kept = _kept(prepared)
    known = _known.get(kept)
    if known is None and kept.is_file():
        tuples = ("columns", "of_parties")
        known = _known[kept] = [
            Step(**{**one, **{name: tuple(one[name]) for name in tuples}}) for one in json.loads(kept.read_text())
        ]
    return known


def compile_steps(prepared: PreparedProject, db_path: Path, log: Path) -> Sequence[Step]:
    """Compiles the steps against a company whose tables stand (and whose file nobody holds), and keeps them.

    Raises ReportProjectBroken when dbt cannot compile.
    """
    kept, steps = _kept(prepared), compile_project(prepared, db_path, log)
    for old in prepared.target.glob("compiled-*.json"):
        old.unlink(missing_ok=True)
    new = kept.with_suffix(".new")
    new.write_text(json.dumps([asdict(step) for step in steps]))
    new.replace(kept)
    _known[kept] = steps
    return steps


FORMAT = 4
"""Of the kept steps; another number makes them anew."""
_TOUCHED_OF_TABLE = re.compile(
    r'from "(?P<schema>reports|intermediate)"\."(?P<name>\w+)" as (?P<alias>\w+)\s+'
    r'semi join "reports_state"\."touched_(?P<scope>\w+)" as touched on[^\n]+'
)
_known: dict[Path, Sequence[Step]] = {}


def _kept(prepared: PreparedProject) -> Path:
    return prepared.target / f"compiled-{FORMAT}-{prepared.digest}.json"


def build_compiled(
    connection: duckdb.DuckDBPyConnection,
    steps: Sequence[Step],
    company: str,
    as_of: date,
    build: int,
    project: str,
    log: Path,
) -> dict[str, float]:
    """Runs the steps; seconds of each. Raises ReportBuildFailed, and then nothing has changed."""
    seconds: dict[str, float] = {}
    name = "this_build"
    connection.execute("set preserve_insertion_order = false")
    connection.execute("begin")
    try:
        connection.execute("delete from reports_state.this_build")
        connection.execute("insert into reports_state.this_build values (?, ?, ?, ?)", [company, as_of, build, project])
        forget_changes(connection)
        picked: set[str] = set()
        for step in steps:
            name = step.name
            started = time.perf_counter()
            for table in step.of_parties:
                if table not in picked:
                    _pick(connection, table, [one.sql for one in steps if table in one.of_parties])
                    picked.add(table)
            _run(connection, step)
            seconds[name] = time.perf_counter() - started
        connection.execute("create table reports_state.changed_build as select ?::bigint as build", [build])
        connection.execute("commit")
    except duckdb.Error as error:
        _roll_back(connection)
        reason = " ".join(str(error).split())[:500]
        raise ReportBuildFailed(company, [(name, reason)], log) from error
    except BaseException:
        _roll_back(connection)
        raise
    for step in steps:
        if step.touched:
            connection.execute(f"drop table if exists {step.made}")
    for table in picked:
        connection.execute(f"drop table {_of_parties(table)}")
    return seconds


def _pick(connection: duckdb.DuckDBPyConnection, table: str, asked_by: Sequence[str]) -> None:
    """Reads the rows of the touched parties once for all steps that ask for them, in the columns that they name."""
    named = set(re.findall(r"\w+", " ".join(asked_by)))
    columns = [column[0] for column in connection.execute(f"from {table} limit 0").description or ()]
    listed = ", ".join(f'whole."{column}"' for column in columns if column in named)
    connection.execute(
        f"create or replace temp table {_of_parties(table)} as select {listed} from {table} as whole"
        f" semi join reports_state.touched_party as touched on {same_scope(('role', 'party_id'), 'whole', 'touched')}"
    )


def _of_parties(table: str) -> str:
    return f'temp."of_parties_{table.rpartition(".")[2]}"'


def _run(connection: duckdb.DuckDBPyConnection, step: Step) -> None:
    table = f'"{step.schema}"."{step.name}"'
    if step.materialized == "table":
        connection.execute(f"create or replace table {table} as (\n{step.sql}\n)")
    elif not step.touched:
        connection.execute(f"insert into {table} by name (\n{step.sql}\n)")
    else:
        connection.execute(f"create or replace temp table {step.made} as from {table} limit 0")
        touched = f"reports_state.touched_{step.touched}"
        if not connection.execute(f"select 1 from {touched} limit 1").fetchall():
            return
        connection.execute(f"insert into {step.made} by name (\n{step.sql}\n)")
        of_scope = f"semi join {touched} as touched on {same_scope(step.columns, 'gone', 'touched')}"
        replace(connection, table, step.made, of_scope, f"{CHANGES}{step.name}" if step.is_published else None)


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error:
        connection.close()


def compile_project(
    prepared: PreparedProject, db_path: Path, log: Path, *, full_refresh: bool = False
) -> Sequence[Step]:
    """The models that are tables, in order, as dbt compiles them for an incremental build or for a full refresh."""
    from dbt.cli.main import dbtRunner

    bind(prepared.manifest, db_path.stem)
    arguments = ["compile", *common_flags(prepared, log), "--no-write-json", "--select", "resource_type:model"]
    arguments += ["--full-refresh"] if full_refresh else []
    with dbt_on(db_path):
        outcome = dbtRunner(manifest=prepared.manifest).invoke(arguments)
    if not outcome.success:
        raise ReportProjectBroken(
            f"The reports' dbt project in {prepared.folder} cannot be compiled: {outcome.exception}",
            remedy=f"Build with a full refresh; the log is {log / 'dbt.log'}.",
        )
    results: Any = outcome.result
    nodes = {result.node.unique_id: result.node for result in results.results}
    models = {key: node for key, node in nodes.items() if node.resource_type == "model"}
    made = {node.name: _made(node) for node in models.values()}
    scopes: dict[str, str] = {}
    if not full_refresh:
        scopes = {node.name: node.config.meta.get("scope", {}).get("touched", "") for node in models.values()}
    order = TopologicalSorter({key: _parents(key, prepared.manifest) for key in models}).static_order()
    return [_step(models[key], db_path.stem, scopes, made) for key in order if key in models and _is_table(models[key])]


def _parents(key: str, manifest: Any) -> list[str]:
    return [parent for parent in manifest.nodes[key].depends_on.nodes if parent.startswith("model.")]


def _is_table(node: Any) -> bool:
    return node.config.materialized in ("table", "incremental")


def _made(node: Any) -> str:
    return f'temp."made_{node.name}"'


def _step(node: Any, database: str, scopes: Mapping[str, str], made: Mapping[str, str]) -> Step:
    """What a model takes of another one of the same scope was made in this build, and is taken from there at once.

    What it takes of a smaller scope, for all that a touched party has, is read once for all models.
    """
    of_parties: list[str] = []

    def of_this_build(found: re.Match[str]) -> str:
        scope, of_table = found["scope"], scopes.get(found["name"])
        if of_table and of_table == scope:
            return f"from {made[found['name']]} as {found['alias']}"
        if of_table and scope == "party":
            of_parties.append(f"{found['schema']}.{found['name']}")
            return f"from {_of_parties(found['name'])} as {found['alias']}"
        return found[0]

    scope = node.config.meta.get("scope") or {}
    sql = node.compiled_code.replace(f'"{database}".', "").rstrip().rstrip(";")
    return Step(
        name=node.name,
        schema=node.schema,
        materialized=node.config.materialized,
        touched=scope.get("touched", ""),
        columns=tuple(scope.get("columns", ())),
        made=made[node.name],
        is_published="publish" in node.config.meta,
        sql=_TOUCHED_OF_TABLE.sub(of_this_build, sql),
        of_parties=tuple(dict.fromkeys(of_parties)),
    )
