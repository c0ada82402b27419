"""The database driver itself, under SQLAlchemy: rows cost half as much, of which there may be thousands."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.raw import as_sqlalchemy, raw_connection, raw_error

Rows = list[tuple[Any, ...]]


def mark(tx: Transaction) -> str:
    """What stands for a value in the driver's SQL."""
    return "%s" if tx.is_postgres else "?"


@contextmanager
def cursor(tx: Transaction) -> Iterator[Any]:
    """A cursor of the driver's, whose errors are raised as SQLAlchemy's, so that the store explains them."""
    found = raw_connection(tx.connection).cursor()
    try:
        yield found
    except raw_error(tx.connection) as error:
        raise as_sqlalchemy(tx.connection, error, found) from error
    finally:
        found.close()


def fetched(tx: Transaction, statement: str, values: Sequence[Any] = ()) -> tuple[tuple[str, ...], Rows]:
    """The columns and rows of a query, as the driver tells them."""
    with cursor(tx) as asked:
        asked.execute(statement, values)
        return tuple(column[0] for column in asked.description), asked.fetchall()


def many(tx: Transaction, statement: str, parameters: Iterable[tuple[Any, ...]]) -> None:
    """A statement for each of these values."""
    with cursor(tx) as told:
        if tx.is_postgres:
            importlib.import_module("psycopg2.extras").execute_batch(told, statement, parameters, page_size=500)
        else:
            told.executemany(statement, parameters)
