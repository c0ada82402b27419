"""Writing what is due of the marts into the store, within the publish's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb

from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.warehouse.changed import write_changes
from sounimicro_pipelines.warehouse.due import Due, PublishError, TableResult, stream
from sounimicro_pipelines.warehouse.rows import rows_of


def write(
    warehouse: duckdb.DuckDBPyConnection,
    tx: Transaction,
    schema: str,
    plans: Sequence[Due],
    company: str,
    *,
    when_read: Callable[[], None],
) -> dict[str, TableResult]:
    """Writes what marts differ in from what is published of them, and notes their digests; answers by mart.

    `when_read` is called, in whichever thread, as soon as the warehouse is needed no more. Raises PublishError when
    other rows came than were due.
    """
    written = {
        plan.table.name: _write_groups(warehouse, tx, schema, plan, company) for plan in plans if plan.changes is None
    }
    changed = [plan for plan in plans if plan.changes is not None]
    written |= write_changes(warehouse, tx, changed, company, when_read=when_read)
    for plan in plans:
        if written[plan.table.name] != plan.to_write:
            raise PublishError(
                f"{plan.table.name}: {written[plan.table.name]} rows were written where {plan.to_write} were due.",
                remedy="Publish again.",
            )
    return {plan.table.name: plan.result(plan.to_write) for plan in plans}


def _write_groups(warehouse: duckdb.DuckDBPyConnection, tx: Transaction, schema: str, plan: Due, company: str) -> int:
    """Whole groups of rows, or all; answers how many rows came."""
    is_new = not plan.is_as_it_was and reports.ensure(tx, plan.table)
    if not is_new and not plan.is_as_it_was:
        reports.ensure_indexes(tx, plan.table)
    written = _replace(warehouse, tx, schema, plan, company, is_new=is_new)
    reports.set_digests(tx, company, plan.table.name, plan.changed)
    if is_new:
        reports.ensure_indexes(tx, plan.table)
    return written


def _replace(
    warehouse: duckdb.DuckDBPyConnection, tx: Transaction, schema: str, plan: Due, company: str, *, is_new: bool
) -> int:
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
    rows = stream(warehouse.execute(rows_of(plan, f"{source} AS t{limit}", company, postgres=tx.is_postgres)))
    if tx.is_postgres:
        return reports.copy_lines(tx, table, (row[0] for row in rows))
    return reports.insert_tuples(tx, table, rows)
