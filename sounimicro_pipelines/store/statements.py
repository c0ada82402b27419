"""Statements that are made once and kept prepared: making one costs many times as much as running it on SQLite.

`find`, `change` and `remove` are for conditions of equality; `kept` is for every other statement that runs often. Their
values come as parameters, so that one statement serves every record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Column, Executable, Table, and_, bindparam, delete, or_, select, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.prepared import Prepared
from sounimicro_pipelines.store.tables import StoreTables


def kept(make: Callable[[StoreTables], Executable]) -> Callable[[Transaction], Prepared]:
    """A statement with `bindparam`s in place of its values, made once for each of the two kinds of database."""
    once = cache(lambda tables: Prepared(make(tables)))
    return lambda tx: once(tx.tables)


def find(tx: Transaction, table: Table, order_by: str = "", **equal: Any) -> list[Any]:
    """The rows whose columns have these values; `order_by` names a column, with a minus for falling."""
    return tx.rows(_select(table, order_by, tuple(equal)), named("w_", equal))


def find_one(tx: Transaction, table: Table, **equal: Any) -> Any | None:
    """A row whose columns have these values, or None."""
    return tx.row(_select(table, "", tuple(equal)), named("w_", equal))


def change(tx: Transaction, table: Table, values: Mapping[str, Any], **equal: Any) -> int:
    """Set columns of the rows whose columns have these values; answers how many there were."""
    parameters = {**named("v_", values), **named("w_", equal)}
    return tx.change(_update(table, tuple(values), tuple(equal)), parameters)


def remove(tx: Transaction, table: Table, **equal: Any) -> int:
    """Delete the rows whose columns have these values; answers how many there were."""
    return tx.change(_delete(table, tuple(equal)), named("w_", equal))


def about_record(table: Table, in_crm: bool, in_erp: bool) -> Any:
    """That a row is about a CRM record or an ERP record, by the columns that tables name them by (prefix `the_`)."""
    about = []
    if in_crm:
        about.append(("tenant", "crm_entity", "crm_id"))
    if in_erp:
        about.append(("company_key", "erp_entity", "erp_id"))
    return or_(*(and_(*(table.c[name] == bindparam("the_" + name) for name in names)) for names in about))


def record_values(tenant: str, crm: tuple[str, int] | None, erp: tuple[str, str, int] | None) -> dict[str, Any]:
    """The parameters of `about_record`."""
    values: dict[str, Any] = {}
    if crm is not None:
        values = {"the_tenant": tenant, "the_crm_entity": crm[0], "the_crm_id": crm[1]}
    if erp is not None:
        values |= {"the_company_key": erp[0], "the_erp_entity": erp[1], "the_erp_id": erp[2]}
    return values


def value_of(column: Column[Any], name: str) -> BindParameter[Any]:
    """A parameter of the column's type."""
    return bindparam(name, type_=column.type)


def named(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters for `columns` with the same prefix."""
    return {prefix + name: value for name, value in values.items()}


def columns(table: Table, prefix: str, names: Sequence[str]) -> dict[str, BindParameter[Any]]:
    """Columns that take parameters of their own type."""
    return {name: value_of(table.c[name], prefix + name) for name in names}


@cache
def _select(table: Table, order_by: str, names: tuple[str, ...]) -> Prepared:
    statement = select(table).where(*_equal(table, names))
    if order_by:
        column = table.c[order_by.removeprefix("-")]
        statement = statement.order_by(column.desc() if order_by.startswith("-") else column)
    return Prepared(statement)


@cache
def _update(table: Table, names: tuple[str, ...], equal: tuple[str, ...]) -> Prepared:
    return Prepared(update(table).where(*_equal(table, equal)).values(columns(table, "v_", names)))


@cache
def _delete(table: Table, names: tuple[str, ...]) -> Prepared:
    return Prepared(delete(table).where(*_equal(table, names)))


def _equal(table: Table, names: Sequence[str]) -> list[Any]:
    return [table.c[name] == value_of(table.c[name], "w_" + name) for name in names]
