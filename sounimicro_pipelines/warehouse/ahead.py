"""The first version of a company's large tables, written before the moment from which it is shown.

SQLite has one writer at a time, and would keep all others waiting while it takes in millions of rows. So they are
written in many short transactions. Nobody is shown a table before `published` names it, which the publisher writes
last. What a publish that was killed has left is cleared by the next.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import duckdb

from sounimicro_pipelines.store import Store, Transaction, reports
from sounimicro_pipelines.warehouse.due import Due, PublishError
from sounimicro_pipelines.warehouse.rows import rows_of

LARGE = 20_000
"""Rows that are written within a second, whatever else the machine does."""
STEP = 1000
HOLD = 0.3
"""Seconds after which the lock is let go, at the end of a step."""
LET_GO = 0.11
"""Seconds between two transactions: SQLite lets those who wait look for the lock every 100 ms."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """The tables that were written ahead, and the claim of the publish that wrote them."""

    company: str
    tables: frozenset[str] = frozenset()
    claim: str = ""

    def stands(self, tx: Transaction) -> bool:
        """Whether nobody else has begun to write the company's tables ahead since."""
        return not self.tables or reports.claim(tx, self.company) == self.claim


def write_ahead(
    warehouse: duckdb.DuckDBPyConnection, store: Store, schema: str, plans: Sequence[Due], company: str
) -> Ahead:
    """Writes the large tables of which the company has no version yet.

    Raises PublishError when somebody else begins to do the same.
    """
    due = [plan for plan in plans if plan.is_first and plan.to_write > LARGE]
    if store.is_postgres or not due:
        return Ahead(company)
    claim = uuid.uuid4().hex
    with store.transaction(durable=False) as tx:
        reports.set_claim(tx, company, claim)
        for plan in due:
            reports.ensure(tx, plan.table)
            reports.ensure_indexes(tx, plan.table)
    for plan in due:
        order = ", ".join(f'"{column}"' for column in plan.key)
        ordered = f'(FROM "{schema}"."{plan.table.name}" ORDER BY {order}) AS t'
        _in_turns(store, company, claim, partial(_clear, company=company, plan=plan))
        cursor = warehouse.execute(rows_of(plan, ordered, company, postgres=False))
        _in_turns(store, company, claim, partial(_insert, plan=plan, cursor=cursor))
        groups = iter(plan.changed.items())
        _in_turns(store, company, claim, partial(_note, company=company, plan=plan, groups=groups))
    return Ahead(company, frozenset(plan.table.name for plan in due), claim)


def _in_turns(store: Store, company: str, claim: str, step: Callable[[Transaction], bool]) -> None:
    """Takes steps until one answers that nothing is left, and lets others write in between."""
    while True:
        with store.transaction(durable=False) as tx:
            if reports.claim(tx, company) != claim:
                raise PublishError(
                    f"Another publish of «{company}» has begun.", remedy="Let one run publish a company at a time."
                )
            until = time.perf_counter() + HOLD
            while is_more := step(tx):
                if time.perf_counter() > until:
                    break
        if not is_more:
            return
        time.sleep(LET_GO)


def _clear(tx: Transaction, *, company: str, plan: Due) -> bool:
    return reports.delete_some(tx, plan.table.name, company, STEP) > 0


def _insert(tx: Transaction, *, plan: Due, cursor: duckdb.DuckDBPyConnection) -> bool:
    rows = cursor.fetchmany(STEP)
    return reports.insert_tuples(tx, plan.table, iter(rows)) > 0 if rows else False


def _note(tx: Transaction, *, company: str, plan: Due, groups: Iterator[tuple[str, tuple[str, int]]]) -> bool:
    some = dict(islice(groups, STEP))
    reports.set_digests(tx, company, plan.table.name, some)
    return bool(some)
