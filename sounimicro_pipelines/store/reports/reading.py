"""Rows of report tables, read; and the values of their columns, the same from either database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.reports.driver import fetched, mark
from sounimicro_pipelines.store.reports.tables import qualified


def read_rows(
    tx: Transaction,
    name: str,
    where: Mapping[str, Any],
    *,
    order: str = "",
    limit: int | None = None,
    aside: bool = False,
) -> list[dict[str, Any]]:
    """Rows of a report table whose columns have these values (all rows when none is named).

    `order` is SQL of our own, never a visitor's. What is read `aside` is not noted in the transaction's `asked`.
    """
    if not aside:
        tx.asked.append((name, where))
    one = mark(tx)
    conditions = " AND ".join(f'"{column}" = {one}' for column in where) or "1 = 1"
    statement = f"SELECT * FROM {qualified(tx, name)} WHERE {conditions}"  # noqa: S608 - names are ours, values are bound
    if order:
        statement += f" ORDER BY {order}"
    if limit is not None:
        statement += f" LIMIT {int(limit)}"
    columns, rows = fetched(tx, statement, tuple(where.values()))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def as_decimal(value: Any) -> Decimal | None:
    """A decimal column's value."""
    return None if value is None else value if isinstance(value, Decimal) else Decimal(str(value))


def as_date(value: Any) -> date | None:
    """A date column's value."""
    return None if value is None else value if isinstance(value, date) else date.fromisoformat(value)


def as_moment(value: Any) -> datetime | None:
    """A moment column's value, aware."""
    return None if value is None else value if isinstance(value, datetime) else datetime.fromisoformat(value)


def as_bool(value: Any) -> bool | None:
    """A boolean column's value."""
    return None if value is None else bool(value)
