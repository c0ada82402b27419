"""Putting what was made anew into a table, row by row only where it differs from what stood there.

Of a touched party hardly any row is another one than before. What stays is neither deleted nor written, so that a
commit costs what has changed; and what went and what came is kept for the publisher.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from sounimicro_pipelines.warehouse.hashes import described, row_hashes


def replace(
    connection: duckdb.DuckDBPyConnection, table: str, made: str, of_scope: str, keep_as: str | None = None
) -> None:
    """Makes the rows of a scope in `table` those of `made`, within the caller's transaction.

    `of_scope` is the SQL that limits the table, called `gone`, to its rows of the scope; `keep_as` the name of the
    table of changes, which is only made when there are any.
    """
    columns = described(connection.execute(f"from {made} limit 0").description)
    connection.execute(
        f"create or replace temp table stood as select gone.rowid as place, {_digest('gone', columns)} as digest"
        f" from {table} as gone {of_scope}"
    )
    # Equal rows need not be as many on both sides: then all of them go, and all of them come.
    digest = _digest("made", columns)
    apart = (
        "select digest from (select digest, 1 as side from stood"
        f" union all select {digest}, -1 from {made} as made) group by digest having sum(side) <> 0"
    )
    connection.execute(f"create or replace temp table apart as {apart}")
    if not _any(connection, "apart"):
        return
    changes = f"reports_state.{keep_as}" if keep_as else "temp.changes"
    listed = ", ".join(f'"{name}"' for name, _ in columns)
    goes = "where rowid in (select place from stood semi join apart using (digest))"
    connection.execute(
        f"create or replace {'table' if keep_as else 'temp table'} {changes} as"
        f" select false as is_new, {listed} from {table} {goes}"
        f" union all select true, {listed} from {made} as made semi join apart on apart.digest = {digest}"
    )
    connection.execute(f"delete from {table} {goes}")
    connection.execute(f"insert into {table} ({listed}) select {listed} from {changes} where is_new")


def same_scope(columns: Sequence[str], one: str, other: str) -> str:
    """The SQL by which a row is of a scope. A budget's entry may lack its period; the other columns are never null."""
    return " and ".join(
        f"{one}.{column} {'is not distinct from' if column == 'period' else '='} {other}.{column}" for column in columns
    )


def _digest(alias: str, columns: Sequence[tuple[str, str]]) -> str:
    """Both hashes of a row, as one number."""
    one, two = row_hashes(alias, columns)
    return f"(({one}::uhugeint << 64) + {two})"


def _any(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(connection.execute(f"select 1 from {table} limit 1").fetchall())
