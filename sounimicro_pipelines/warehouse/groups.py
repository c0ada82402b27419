"""Groups of a mart's rows, by which it is compared with what is published and replaced there.

A group is one party's rows (or one scope's), or, where there is neither, those of some neighbouring ids. After a build
by parts only the groups of what was made anew can differ from what the last publish left: these are the suspects. Where
the last publish was of the build before, the rows that changed since are known one by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import duckdb

from sounimicro_pipelines.store.reports import GroupCondition

BUCKET = 256
"""How many neighbouring ids make a group where rows belong to nothing larger."""
_CHANGES = "changes_"
"""Begins the names of the tables of the rows that a build took from a table and put there: `is_new` says which, the
other columns are the table's. A table without such a one stayed as it was. They are temporary: they are there for who
is handed the build's connection."""
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}


@dataclass(frozen=True, slots=True)
class Groups:
    """The columns that name a group; the last of them is taken in buckets of ids if `bucketed`."""

    columns: tuple[str, ...]
    bucketed: bool

    @classmethod
    def of(cls, key: Sequence[str], types: Mapping[str, str]) -> Groups:
        """By a mart's key and the DuckDB types of its columns."""
        if "role" in key and "party_id" in key:
            return cls(("role", "party_id"), False)
        for place, column in enumerate(key[:3]):
            if types[column] in INTEGERS:
                return cls(tuple(key[: place + 1]), bucketed=place == 0)
        return cls(tuple(key[:1]), False)

    def parts(self, alias: str) -> list[str]:
        """The SQL of what names a row's group, column by column."""
        found = [f'{alias}."{column}"' for column in self.columns]
        return [*found[:-1], f"{found[-1]} // {BUCKET}"] if self.bucketed else found

    def name(self, alias: str) -> str:
        """The SQL of a row's group as text."""
        return self.name_of(self.parts(alias))

    @staticmethod
    def name_of(parts: Sequence[str]) -> str:
        """The SQL of the name of a group with these parts."""
        return f"CAST(json_array({', '.join(parts)}) AS VARCHAR)"

    def condition(self, name: str) -> GroupCondition:
        """Which published rows belong to a group."""
        values: list[Any] = json.loads(name)
        if self.bucketed and values[-1] is not None:
            values[-1] = (values[-1] * BUCKET, (values[-1] + 1) * BUCKET)
        return GroupCondition(self.columns, tuple(values))

    def pick(
        self, warehouse: duckdb.DuckDBPyConnection, source: str, table: str, names: Sequence[str] | None = None
    ) -> None:
        """Makes a temporary table of the groups that the rows `t` of `source` are in; of those named only, if any."""
        listed = ", ".join(f"{part} AS part_{place}" for place, part in enumerate(self.parts("t")))
        statement = f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT DISTINCT {listed} FROM {source} AS t"
        if names is None:
            warehouse.execute(statement)
            return
        named = f"{self.name('t')} IN (SELECT unnest(from_json(?, '[\"VARCHAR\"]')))"
        warehouse.execute(f"{statement} WHERE {named}", [json.dumps([*names])])

    def only(self, table: str, *, nulls: bool) -> str:
        """The SQL that limits the mart `t` to the groups in a temporary table; `nulls`: whether a part may be null."""
        same = "IS NOT DISTINCT FROM" if nulls else "="
        parts = [f"picked.part_{place} {same} {part}" for place, part in enumerate(self.parts("t"))]
        return f" SEMI JOIN {table} AS picked ON {' AND '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Suspects:
    """What was made anew since a build, and may differ from what was published of it.

    `source` is the SQL of what was made anew, `names` the groups that it is in, `limit` the SQL of a condition that
    their rows all meet.
    """

    source: str
    names: tuple[str, ...]
    limit: str


@dataclass(frozen=True, slots=True)
class Changes:
    """The table of the rows that went and that came (`is_new`) with a build; None where there were none."""

    table: str | None


@dataclass(frozen=True, slots=True)
class Stand:
    """What stands in a warehouse: tables with their schema, temporary ones, and its reports' builds.

    `builds` are the finished ones since the last full refresh, which is the first of them; none where nobody counts
    builds. `changed` is the one of which the changes were kept, if any.
    """

    tables: Set[tuple[str, str]]
    temporary: Set[str]
    builds: Sequence[int]
    changed: int | None

    @classmethod
    def of(cls, warehouse: duckdb.DuckDBPyConnection) -> Stand:
        found = warehouse.execute(
            "SELECT schema_name, table_name, temporary FROM duckdb_tables()"
            " WHERE temporary OR database_name = current_database()"
        ).fetchall()
        tables = {(of_schema, name) for of_schema, name, is_temporary in found if not is_temporary}
        builds = _ask(warehouse, "SELECT build FROM reports_state.build ORDER BY build")
        changed = _ask(warehouse, "SELECT build FROM temp.changed_build")
        return cls(
            tables,
            {name for _, name, is_temporary in found if is_temporary},
            [build for (build,) in builds],
            changed[0][0] if len(changed) == 1 else None,
        )

    def columns(self, warehouse: duckdb.DuckDBPyConnection, schema: str, name: str) -> list[tuple[str, str]]:
        """Name and type of each column of a table; none when there is no such table."""
        if (schema, name) not in self.tables:
            return []
        table = warehouse.table(f'"{schema}"."{name}"')
        return [(column, str(kind)) for column, kind in zip(table.columns, table.types, strict=True)]


def counted(warehouse: duckdb.DuckDBPyConnection, source: str) -> int:
    """How many rows there are."""
    row = warehouse.execute(f"SELECT count(*) FROM {source}").fetchone()
    return int(row[0]) if row else 0


def suspects_since(
    warehouse: duckdb.DuckDBPyConnection, stand: Stand, groups: Groups, rebuilt: str, build: int
) -> Suspects | None:
    """What may differ from what was published of `build`, a finished one; None when nothing tells.

    `rebuilt` is the table of what each build made anew.
    """
    columns = {column for column, _ in stand.columns(warehouse, "reports_state", rebuilt)}
    if not {*groups.columns, "build"} <= columns:
        return None
    source = f'(SELECT * FROM reports_state."{rebuilt}" WHERE build > {int(build)})'
    names = warehouse.execute(f"SELECT DISTINCT {groups.name('t')} FROM {source} AS t ORDER BY 1").fetchall()
    return Suspects(source, tuple(name for (name,) in names), _range(warehouse, groups, source))


def changes_since(stand: Stand, mart: str, build: int) -> Changes | None:
    """What the last finished build changed in a mart, if `build` is the one before it; else None."""
    if list(stand.builds[-2:]) != [build, stand.changed]:
        return None
    return Changes(changes_of(mart) if f"{_CHANGES}{mart}" in stand.temporary else None)


def changes_of(table: str) -> str:
    """The name in SQL of the table of what a build changed in a table."""
    return f'temp."{_CHANGES}{table}"'


def keep_changes(warehouse: duckdb.DuckDBPyConnection, build: int) -> None:
    """Says of which build the changes are."""
    warehouse.execute("CREATE OR REPLACE TEMP TABLE changed_build AS SELECT ?::BIGINT AS build", [build])


def forget_changes(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Drops what an earlier build on this connection changed."""
    if not _ask(warehouse, "SELECT build FROM temp.changed_build"):
        return
    for name in _tables(warehouse, "temp", _CHANGES, "changed_build"):
        warehouse.execute(f'DROP TABLE temp."{name}"')


def forget_last_build(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Empties what the last build left beside the reports with values of records."""
    for name in _tables(warehouse, "reports_state", "fresh_", _CHANGES):
        warehouse.execute(f'DELETE FROM reports_state."{name}"')


def _tables(warehouse: duckdb.DuckDBPyConnection, place: str, *beginnings: str) -> list[str]:
    """Tables with such names in a schema of the file, or the temporary ones."""
    found = warehouse.execute(
        "SELECT table_name FROM duckdb_tables() WHERE CASE WHEN temporary THEN 'temp'"
        " WHEN database_name = current_database() THEN schema_name END = ?",
        [place],
    ).fetchall()
    return [name for (name,) in found if name.startswith(beginnings)]


def _range(warehouse: duckdb.DuckDBPyConnection, groups: Groups, source: str) -> str:
    """Where the groups' ids lie, so that most of a table in the order of its ids need not be read."""
    if not groups.bucketed:
        return ""
    column = f't."{groups.columns[-1]}"'
    ends = warehouse.execute(
        f"SELECT min({column} // {BUCKET}) * {BUCKET}, (max({column} // {BUCKET}) + 1) * {BUCKET} FROM {source} AS t"
    ).fetchone()
    return "" if ends is None or ends[0] is None else f" WHERE {column} >= {ends[0]} AND {column} < {ends[1]}"


def _ask(warehouse: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """Rows; none when there is no such table."""
    try:
        return warehouse.execute(sql).fetchall()
    except duckdb.CatalogException:
        return []
