"""The database driver's own connection under SQLAlchemy's, and its errors as SQLAlchemy raises them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sounimicro_pipelines.store.errors import StoreError


def raw_connection(connection: Connection) -> Any:
    """The driver's connection. Raises StoreError when it was closed."""
    found = connection.connection.driver_connection
    if found is None:
        raise StoreError("The connection to the store was closed.", remedy="Try again.")
    return found


def raw_error(connection: Connection) -> type[Exception]:
    """What the driver's errors have in common."""
    kind: type[Exception] = connection.dialect.loaded_dbapi.Error
    return kind


def as_sqlalchemy(connection: Connection, error: Exception, cursor: Any = None) -> Exception:
    """A driver's error as SQLAlchemy would raise it, so that whoever knows the one knows the other."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)  # type: ignore[arg-type]
    return DBAPIError.instance(
        None,
        None,
        error,
        raw_error(connection),
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
