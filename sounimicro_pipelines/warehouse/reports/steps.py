"""The steps of a build without dbt's start: the SQL that dbt compiled for an incremental build, kept in a file.

What dbt compiles depends on nothing but the project, once a company's tables stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from graphlib import TopologicalSorter
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.reports.errors import ReportProjectBroken
from sounimicro_pipelines.warehouse.reports.project import PreparedProject, bind, common_flags, dbt_on


@dataclass(frozen=True, slots=True)
class Step:
    """One model of an incremental build.

    `touched` names the table of what its scope must be made anew for, `columns` the scope's columns, `nullable` those
    of them that may be null, `in_order_of` the one in whose order the table lies, and `made` the temporary table that
    holds what was made, if other models read it (else none). `is_passing` is true of a table that nobody reads after
    the build. `of_parties` names the tables of which the model needs the rows of the touched parties, in one temporary
    table each; `when` names changes of which there must be one for the model to be another one than before, or to have
    rows at all if it is passing (none: always). `shape` has the name and type of each column of the table.
    """

    name: str
    schema: str
    materialized: str
    touched: str
    columns: tuple[str, ...]
    nullable: tuple[str, ...]
    in_order_of: str
    made: str
    is_passing: bool
    of_parties: tuple[str, ...]
    when: tuple[str, ...]
    shape: tuple[tuple[str, str], ...]
    sql: str

    @property
    def table(self) -> str:
        """The model's own table, quoted."""
        return passing(self.name) if self.is_passing else f'"{self.schema}"."{self.name}"'

    @property
    def empty(self) -> str:
        """The SQL of what a table like it is made with when it has no rows."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.shape)
        return f"({columns})"

    def sql_when(self, changes: Set[str]) -> str:
        """The model's SQL without the parts that can have no rows when only these changes were found."""
        return _WHEN.sub(lambda part: part[2] if changes & set(part[1].split()) else "", self.sql)


def kept_steps(prepared: PreparedProject) -> Sequence[Step] | None:
    """The steps that an earlier call kept, in order; None when there are none for this version of the project."""
    kept = _kept(prepared)
    known = _known.get(kept)
    if known is None and kept.is_file():
        known = _known[kept] = [
            Step(**{name: _with_tuples(value) for name, value in one.items()}) for one in json.loads(kept.read_text())
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


FORMAT = 9
"""Of the kept steps; another number makes them anew."""
_TOUCHED_OF_TABLE = re.compile(
    r'from "(?P<schema>reports|intermediate)"\."(?P<name>\w+)" as (?P<alias>\w+)\s+'
    r'(?:semi join \(select \* from "reports_state"\."touched_\w+" where [^\n]+\) as near_\d+ on[^\n]+\s+)*'
    r'semi join "reports_state"\."touched_(?P<scope>\w+)" as touched on[^\n]+'
)
_MADE = re.compile(r'temp\."made_\w+"')
_WHEN = re.compile(r"/\* when ([\w. ]+) \*/(.*?)/\* end \*/", re.DOTALL)
_known: dict[Path, Sequence[Step]] = {}


def _kept(prepared: PreparedProject) -> Path:
    return prepared.target / f"compiled-{FORMAT}-{prepared.digest}.json"


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
    scopes: dict[str, str] = {}
    passed: list[str] = []
    if not full_refresh:
        scopes = {node.name: node.config.meta.get("scope", {}).get("touched", "") for node in models.values()}
        passed = [node.name for node in models.values() if _is_passing(node)]
    order = TopologicalSorter({key: _parents(key, prepared.manifest) for key in models}).static_order()
    shapes = _shapes(db_path)
    steps = [
        _step(models[key], db_path.stem, scopes, passed, shapes)
        for key in order
        if key in models and _is_table(models[key])
    ]
    read = set(_MADE.findall(" ".join(step.sql for step in steps)))
    return [step if step.made in read else replace(step, made="") for step in steps]


def passing(name: str) -> str:
    """A table of the build's own, which is temporary: a commit costs some milliseconds for every table that stays."""
    return f'temp."{name}"'


def of_parties(table: str) -> str:
    """The temporary table of the touched parties' rows of a table."""
    return f'temp."of_parties_{table.rpartition(".")[2]}"'


def _parents(key: str, manifest: Any) -> list[str]:
    return [parent for parent in manifest.nodes[key].depends_on.nodes if parent.startswith("model.")]


def _is_table(node: Any) -> bool:
    return node.config.materialized in ("table", "incremental")


def _is_passing(node: Any) -> bool:
    return (
        node.schema == "reports_state" and node.config.materialized == "table" and not node.config.meta.get("is_kept")
    )


def _shapes(db_path: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """Name and type of each column of the company's tables, by table with its schema."""
    with Warehouse(db_path, checkpoint=False) as connection:
        found = connection.execute(
            "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns()"
            " where database_name = current_database() order by 1, column_index"
        ).fetchall()
    return {table: tuple(column[1:] for column in columns) for table, columns in groupby(found, itemgetter(0))}


def _with_tuples(value: Any) -> Any:
    """What JSON has made lists of."""
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def _step(
    node: Any,
    database: str,
    scopes: Mapping[str, str],
    passed: Sequence[str],
    shapes: Mapping[str, tuple[tuple[str, str], ...]],
) -> Step:
    """What a model takes of another one of the same scope was made in this build, and is taken from there at once.

    What it takes of a smaller scope, for all that a touched party has, is read once for all models. What it takes of a
    table as the last build left it, which is then none that it waits for, stays as it is.
    """
    needed: list[str] = []
    parents = {key.rpartition(".")[2] for key in node.depends_on.nodes}

    def of_this_build(found: re.Match[str]) -> str:
        scope, of_table = found["scope"], scopes.get(found["name"]) if found["name"] in parents else None
        if of_table and of_table == scope:
            return f'from temp."made_{found["name"]}" as {found["alias"]}'
        if of_table and scope == "party":
            needed.append(f"{found['schema']}.{found['name']}")
            return f"from {of_parties(found['name'])} as {found['alias']}"
        return found[0]

    meta = node.config.meta
    scope = meta.get("scope") or {}
    sql = node.compiled_code.replace(f'"{database}".', "").rstrip().rstrip(";")
    sql = _TOUCHED_OF_TABLE.sub(of_this_build, sql)
    for name in passed:
        sql = sql.replace(f'"reports_state"."{name}"', passing(name))
    return Step(
        name=node.name,
        schema=node.schema,
        materialized=node.config.materialized,
        touched=scope.get("touched", ""),
        columns=tuple(scope.get("columns", ())),
        nullable=tuple(scope.get("nullable", ())),
        in_order_of=scope.get("in_order_of", ""),
        made=f'temp."made_{node.name}"',
        is_passing=node.name in passed,
        of_parties=tuple(dict.fromkeys(needed)),
        when=tuple(meta.get("when", ())),
        shape=shapes.get(f"{node.schema}.{node.name}", ()),
        sql=sql,
    )
