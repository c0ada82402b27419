"""Dagster's own record of runs and events in SQLite: its connections, and what can be wrong with its files."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError

from sounimicro_pipelines.errors import SounimicroError

NO_ROOM_BYTES = 1_000_000
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class RecordUnusable(SounimicroError):
    """Dagster's record of runs cannot be written or read, so nothing may run."""


class EventStorage(ConsolidatedSqliteEventLogStorage):
    """All runs' events in one database.

    Dagster's own class makes an engine for each of the thousand statements of a run, which compiles each of them anew
    and takes more time than what the run is about, and it asks for every event whether its tables and columns are
    there. An event is safe when the process dies; one of the last seconds may be lost when the power fails, and the
    next run does not depend on it.
    """

    @cached_property
    def _engine(self) -> Engine:
        wait = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        engine = create_engine(self._conn_string, connect_args=wait, hide_parameters=True)

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA synchronous = NORMAL")

        return engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with record_explained(Path(self._base_dir)), self._engine.connect() as connection, connection.begin():
            yield connection

    @cached_property
    def _seen(self) -> set[str]:
        """Tables that are there; none goes while a process has the storage open."""
        return set()

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._seen:
            with self._connect() as connection:
                if not inspect(connection).has_table(table_name):
                    return False
            self._seen.add(table_name)
        return True

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        return self._has_asset_index_columns

    @cached_property
    def _has_asset_index_columns(self) -> bool:
        return self.has_asset_key_col("last_materialization_timestamp")

    def dispose(self) -> None:
        self._engine.dispose()
        super().dispose()  # type: ignore[no-untyped-call]


@contextmanager
def record_explained(folder: Path) -> Iterator[None]:
    """Turns what SQLite and the operating system say about Dagster's files in `folder` into RecordUnusable."""
    try:
        yield
    except (DBAPIError, OSError) as error:
        reason = str(error.orig).lower() if isinstance(error, DBAPIError) else ""
        if isinstance(error, OSError) and error.errno not in _FULL | {errno.EACCES, errno.EROFS}:
            raise
        raise _explain(reason, error, folder) from error


def _explain(reason: str, error: DBAPIError | OSError, folder: Path) -> RecordUnusable:
    no_room = "disk is full" in reason or (isinstance(error, OSError) and error.errno in _FULL)
    if no_room or shutil.disk_usage(folder).free < NO_ROOM_BYTES:
        return RecordUnusable(
            f"There is no room left on the disk for the record of runs in {folder}.",
            remedy="Free some space, or move SOUNIMICRO_HOME to a larger disk, and start again; nothing is lost.",
        )
    if "locked" in reason:
        return RecordUnusable(
            f"The record of runs in {folder} is locked by another process.",
            remedy="Let that process finish or end it, and try again.",
        )
    if "not a database" in reason or "malformed" in reason:
        return RecordUnusable(
            f"The record of runs in {folder} is damaged.",
            remedy="Move the folder away: a new one is made, and no figure depends on it.",
        )
    return RecordUnusable(
        f"The record of runs in {folder} cannot be written.",
        remedy="Give the user that runs the product write access to the folder and its files.",
    )
