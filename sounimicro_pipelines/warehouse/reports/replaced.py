"""Putting what was made anew into a table, row by row only where it differs from what stood there.

Of a touched party hardly any row is another one than before. What stays is neither deleted nor written, so that a
commit costs what has changed; and what went and what came is kept for the publisher.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from sounimicro_pipelines.warehouse.hashes import row_hashes


def replace(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[tuple[str, str]],
    made: str,
    of_scope: Sequence[str],
    keep_as: str,
) -> None:
    """Makes the rows of a scope in `table` those of `made`, within the caller's transaction.

    `columns` are the names and types of the table's, `made` is the SQL of a relation that has them in any order,
    `of_scope` that of the parts that limit the table, called `gone`, to its rows of the scope; `keep_as` is the name of
    the temporary table of changes, which stands afterwards when there are any.
    """
    listed = ", ".join(f'"{name}"' for name, _ in columns)
    stood = " union all ".join(
        f"select false as is_new, gone.rowid as place, {_listed('gone', columns)} from {table} as gone {part}"
        for part in of_scope
    )
    one, two = row_hashes("side", columns)
    # Equal rows need not be as many on both sides: then all of them go, and all of them come.
    found = connection.execute(
        f"create or replace temp table {keep_as} as with"
        f" came as (select true as is_new, null::bigint as place, {as_in_table(columns)} from {made} as made),"
        f" side as (select * from ({stood}) union all select * from came),"
        f" told as materialized (select *, (({one}::uhugeint << 64) + {two}) as digest from side),"
        " other as (select digest from told group by digest"
        " having count(*) filter (where is_new) <> count(*) filter (where not is_new))"
        f" select is_new, place, {listed} from told semi join other on other.digest = told.digest"
    ).fetchone()
    if not found or not found[0]:
        connection.execute(f"drop table {keep_as}")
        return
    connection.execute(f"delete from {table} where rowid in (select place from {keep_as} where not is_new)")
    connection.execute(f"insert into {table} ({listed}) select {listed} from {keep_as} where is_new")


def _listed(alias: str, columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f'{alias}."{name}"' for name, _ in columns)


def as_in_table(columns: Sequence[tuple[str, str]]) -> str:
    """The SQL of a table's columns, out of a relation that has them in types of its own."""
    return ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns)


def of_scope(
    alias: str, touched: str, columns: Sequence[str], nullable: Sequence[str] = (), in_order_of: str = ""
) -> list[str]:
    """The SQL that limits a table to what was touched, as the macro `of_touched` does.

    A budget's entry may lack its period; of the other columns only the `nullable` may be null. A table that lies in the
    order of one of the columns is looked for by that first, and by itself where it is null.
    """
    near = [column for column in columns if column.endswith("_id") and column not in nullable]
    joins = [
        f"semi join {_sifted(touched, column)} as near_{place} on near_{place}.{column} = {alias}.{column}"
        for place, column in enumerate(near if len(columns) > 1 else ())
    ]
    same = " and ".join(
        f"touched.{column} {'is not distinct from' if column in {'period', *nullable} else '='} {alias}.{column}"
        for column in columns
    )
    limit = " ".join([*joins, f"semi join {touched} as touched on {same}"])
    if not in_order_of:
        return [limit]
    ordered = f"semi join {touched} as in_order on in_order.{in_order_of} = {alias}.{in_order_of} {limit}"
    return [ordered, f"{limit} where {alias}.{in_order_of} is null"] if in_order_of in nullable else [ordered]


def _sifted(relation: str, column: str) -> str:
    """As the macro `sifted`: only of ids that are filtered themselves does DuckDB make a scan's filter of them all."""
    return f"(select * from {relation} where hash({column}) is not null)"
