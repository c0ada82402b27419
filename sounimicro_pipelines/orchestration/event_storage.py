"""Dagster's record of events in SQLite, with connections that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event


class EventStorage(ConsolidatedSqliteEventLogStorage):
    """All runs' events in one database.

    Dagster's own class makes an engine for each of the thousand statements of a run, which compiles each of them anew
    and takes more time than what the run is about. An event is safe when the process dies; one of the last seconds may
    be lost when the power fails, and the next run does not depend on it.
    """

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(self._conn_string, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA synchronous = NORMAL")

        return engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()
        super().dispose()  # type: ignore[no-untyped-call]
