"""Writing what is due of a mart into the store, within the publish's transaction.

After a build whose changes are known row by row, a row whose key stays and whose indexed columns do is changed where it
stands: taken out and put in again it would touch three places of the store's file instead of one.
"""

from __future__ import annotations

import duckdb

from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import GroupCondition
from sounimicro_pipelines.warehouse.due import Due, PublishError, TableResult, stream
from sounimicro_pipelines.warehouse.rows import rows_of

STAYS = "stays_in_place"
"""The temporary table of the keys of rows that are changed where they stand."""


def write(warehouse: duckdb.DuckDBPyConnection, tx: Transaction, schema: str, plan: Due, company: str) -> TableResult:
    """Writes what a mart differs in from what is published of it, and notes its digests.

    Raises PublishError when other rows came than were due.
    """
    table = plan.table
    is_new = not plan.is_as_it_was and reports.ensure(tx, table)
    if not is_new and not plan.is_as_it_was:
        reports.ensure_indexes(tx, table)
    if plan.changes is None:
        written = _write_groups(warehouse, tx, schema, plan, company, is_new=is_new)
    else:
        written = _write_changes(warehouse, tx, plan, company)
    reports.set_digests(tx, company, table.name, plan.changed)
    if is_new:
        reports.ensure_indexes(tx, table)
    if written != plan.to_write:
        raise PublishError(
            f"{table.name}: {written} rows were written where {plan.to_write} were due.", remedy="Publish again."
        )
    return plan.result(written)


def _write_groups(
    warehouse: duckdb.DuckDBPyConnection, tx: Transaction, schema: str, plan: Due, company: str, *, is_new: bool
) -> int:
    """Whole groups of rows, or all; answers how many rows came."""
    table, source = plan.table, f'"{schema}"."{plan.table.name}"'
    whole = plan.is_first or (plan.suspects is None and len(plan.changed) == plan.groups)
    limit = ""
    if not whole:
        gone = [plan.groups_of.condition(name) for name in (*plan.changed, *plan.removed)]
        reports.delete_groups(tx, table.name, company, gone)
        reports.drop_digests(tx, company, table.name, plan.removed)
    elif not is_new:
        reports.delete_company(tx, table.name, company)
        reports.drop_digests(tx, company, table.name)
    if not plan.to_write:
        return 0
    if not whole:
        suspected = plan.suspects.source if plan.suspects is not None else source
        plan.groups_of.pick(warehouse, suspected, "changed_groups", [*plan.changed])
        limit = plan.groups_of.only("changed_groups", nulls=plan.suspects is None)
        limit += plan.suspects.limit if plan.suspects is not None else ""
    return _insert(warehouse, tx, plan, company, f"{source} AS t{limit}")


def _write_changes(warehouse: duckdb.DuckDBPyConnection, tx: Transaction, plan: Due, company: str) -> int:
    """The rows that went and came; answers how many came."""
    table, changes = plan.table, plan.changes.table if plan.changes is not None else None
    if changes is None:
        return 0
    key = ", ".join(f'"{column}"' for column in plan.key)
    staying = _staying(warehouse, plan, changes) if not tx.is_postgres else 0
    same = " AND ".join(f't."{column}" IS NOT DISTINCT FROM s."{column}"' for column in plan.key)
    others = f" ANTI JOIN {STAYS} AS s ON {same}" if staying else ""
    went = warehouse.execute(f"SELECT {key} FROM {changes} AS t{others} WHERE NOT is_new ORDER BY ALL").fetchall()
    reports.delete_groups(tx, table.name, company, [GroupCondition(plan.key, row) for row in went])
    reports.drop_digests(tx, company, table.name, plan.removed)
    written = 0
    if staying:
        rows = f"(FROM {changes} AS t SEMI JOIN {STAYS} AS s ON {same} WHERE is_new ORDER BY {key}) AS t"
        new = stream(warehouse.execute(rows_of(plan, rows, company, postgres=False)))
        written = reports.update_tuples(tx, table, plan.key, _fixed(plan), new)
    came = f"(FROM {changes} AS t{others} WHERE is_new ORDER BY {key}) AS t"
    return written + _insert(warehouse, tx, plan, company, came)


def _staying(warehouse: duckdb.DuckDBPyConnection, plan: Due, changes: str) -> int:
    """Finds the keys of which one row went and one came, alike in all indexed columns; answers how many."""
    key = ", ".join(f'"{column}"' for column in plan.key)
    alike = "".join(
        f' AND (count("{column}") = 0 OR count("{column}") = 2 AND min("{column}") = max("{column}"))'
        for column in _fixed(plan)
        if column not in plan.key
    )
    made = warehouse.execute(
        f"CREATE OR REPLACE TEMP TABLE {STAYS} AS SELECT {key} FROM {changes} GROUP BY {key}"
        f" HAVING count(*) = 2 AND count(*) FILTER (WHERE is_new) = 1{alike}"
    ).fetchone()
    return int(made[0]) if made else 0


def _fixed(plan: Due) -> tuple[str, ...]:
    """The columns of the key and of the indexes."""
    return tuple(dict.fromkeys((*plan.key, *(column for index in plan.table.indexes for column in index))))


def _insert(warehouse: duckdb.DuckDBPyConnection, tx: Transaction, plan: Due, company: str, source: str) -> int:
    rows = stream(warehouse.execute(rows_of(plan, source, company, postgres=tx.is_postgres)))
    if tx.is_postgres:
        return reports.copy_lines(tx, plan.table, (row[0] for row in rows))
    return reports.insert_tuples(tx, plan.table, rows)
