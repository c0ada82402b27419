"""Opening a warehouse file: waiting for its lock, and one clear error for each way in which it cannot be used.

DuckDB lets one process use a file at a time, readers included. Whoever opens a warehouse closes it again soon.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import duckdb

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.warehouse.handing_on import hand_on, let_go, take

WAIT_SECONDS = 60.0
MEMORY_LIMIT = "256MB"
STORAGE = "v1.5.0"
"""The format of new files: a log knows which file it is of. An older format's would be played back on any other."""

_ABOUT_FILES = (
    duckdb.IOException,
    duckdb.SerializationException,
    duckdb.ConnectionException,
    duckdb.BinderException,
    duckdb.FatalException,
    duckdb.OutOfMemoryException,
    duckdb.InternalException,
    duckdb.InvalidInputException,
    duckdb.PermissionException,
    duckdb.TransactionException,
)
_LOCKED = (
    "could not set lock",
    "conflicting lock",
    "being used by another process",
    "different configuration than existing",
    "unique file handle conflict",
)
_FOREIGN = ("not a valid duckdb database file", "file is encrypted", "encryption key")
_OTHER_VERSION = ("can only read versions between", "newer version of duckdb", "older version of duckdb")
_FULL = ("no space left", "file too large", "disk quota", "not enough space on the disk", "max_temp_directory_size")
_FORBIDDEN = ("permission denied", "read-only file system", "access is denied")
_MISSING = ("no such file or directory", "is a directory", "not a directory", "file exists")
_OTHER_LOG = ("wal does not match", "wal was created for", "replaying wal")
_DAMAGED = ("corrupt", "checksum", "truncated", "could not read enough bytes")


class WarehouseError(SounimicroError):
    """A warehouse file that cannot be used, with what to do about it."""


class WarehouseLocked(WarehouseError):
    """Another process held the file for the whole wait."""


class NotAWarehouse(WarehouseError):
    """The file is no DuckDB database, is damaged, is of another version, or belongs to another company."""


class WarehouseUnreachable(WarehouseError):
    """The file or its folder cannot be opened for writing."""


class DiskFull(WarehouseError):
    """There is no room for the warehouse or for landing files."""


class Warehouse:
    """One DuckDB file, open only inside `with`.

    `memory_limit` bounds DuckDB's own memory, in DuckDB's spelling; `threads` are as many as it likes when None. While
    another process holds the file, opening is tried again for `wait_seconds` on the clock, with jitter. Without
    `checkpoint` closing leaves what is in the log beside the file, as safe there and soon written, for the next one who
    closes: that spares small changes the time to write whole pieces of many tables anew. With `hands_on`, which may be
    set while it is open, closing leaves it to the next one without `checkpoint` in this process, who must come at once
    and finds it as it was left: with its memory limit, its threads and its temporary tables.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        memory_limit: str = MEMORY_LIMIT,
        threads: int | None = None,
        checkpoint: bool = True,
        hands_on: bool = False,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self.path = Path(path)
        self._clock = clock or SystemClock()
        self._memory_limit = memory_limit
        self._threads = threads
        self._checkpoint = checkpoint
        self.hands_on = hands_on
        self._wait_seconds = wait_seconds
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        """Raises WarehouseLocked, NotAWarehouse, WarehouseUnreachable or DiskFull."""
        self._connection = self.open()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self.hands_on and value is None:
            hand_on(self.path, connection)
        elif connection is not None:
            connection.close()
        if isinstance(value, duckdb.Error) and (known := explain(value, self.path)) is not None:
            raise known from None

    def open(self) -> duckdb.DuckDBPyConnection:
        """A connection that the caller closes. Raises as `with` does."""
        with explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        deadline = self._clock.monotonic() + self._wait_seconds
        delay = 0.05
        while True:
            try:
                return self._connect()
            except duckdb.Error as error:
                known = explain(error, self.path)
                if known is None:
                    raise
                if not isinstance(known, WarehouseLocked) or self._clock.monotonic() >= deadline:
                    raise known from None
            _pause(self._clock, delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            delay = min(delay * 2, 2.0)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if not self.path.exists():
            self._make()
        if self._checkpoint:
            let_go(self.path)
        elif (held := take(self.path)) is not None:
            return held
        self._check_kind()
        connection = duckdb.connect(str(self.path))
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET autoinstall_known_extensions = false")
            connection.execute(f"SET memory_limit = '{self._memory_limit}'")
            connection.execute("SET allocator_bulk_deallocation_flush_threshold = '16MB'")
            if not self._checkpoint:
                connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            if self._threads is not None:
                connection.execute(f"SET threads = {int(self._threads)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self) -> None:
        """Makes the file under another name first, so that one whose making was cut short is never met.

        The log of a file that was moved away is not this one's.
        """
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        try:
            duckdb.connect(str(fresh), config={"storage_compatibility_version": STORAGE}).close()
            with explained(self.path):
                fresh.chmod(0o600)
                if not self.path.exists():
                    self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)
                    fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)

    def _check_kind(self) -> None:
        """DuckDB would fetch an extension from the network to read another kind of database."""
        with explained(self.path), self.path.open("rb") as file:
            head = file.read(12)
        if head and head[8:] != b"DUCK":
            raise _foreign(self.path)


def _foreign(path: Path) -> NotAWarehouse:
    return NotAWarehouse(
        f"The file {path} is not a DuckDB database.",
        remedy="Move it away: the next run builds the warehouse anew from the vendor.",
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what DuckDB and the operating system say about `path` into this module's errors."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        known = explain(error, path)
        if known is None:
            raise
        raise known from error


def explain(error: BaseException, path: Path) -> WarehouseError | None:
    """The error in our words, or None when it is not about the file."""
    text = str(error).lower()
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
        text = "no space left"
    is_log = any(part in text for part in _OTHER_LOG)
    if isinstance(error, duckdb.Error) and not isinstance(error, _ABOUT_FILES) and not is_log:
        return None
    if any(part in text for part in _LOCKED):
        return WarehouseLocked(
            f"The warehouse file {path} is in use by another process.",
            remedy="Wait for the other run to end, or close the program that has the file open, and start again.",
        )
    if any(part in text for part in _FULL):
        return DiskFull(
            f"There is no room left on the disk for {path}.",
            remedy="Free some space, or move SOUNIMICRO_HOME to a larger disk, and start again; nothing is lost.",
        )
    if any(part in text for part in _OTHER_VERSION):
        return NotAWarehouse(
            f"The file {path} was written by another version of DuckDB than {duckdb.__version__}.",
            remedy="Install the pinned version, or move the file away: the next run builds it anew from the vendor.",
        )
    if any(part in text for part in _FOREIGN):
        return _foreign(path)
    if any(part in text for part in _FORBIDDEN):
        return WarehouseUnreachable(
            f"The warehouse file {path} may not be written by this user.",
            remedy="Give the user that runs the product write access to the file and its folder.",
        )
    if isinstance(error, (OSError, duckdb.IOException)) and any(part in text for part in _MISSING):
        return WarehouseUnreachable(
            f"The warehouse file {path} cannot be made there.", remedy="Check that SOUNIMICRO_HOME names a folder."
        )
    if isinstance(error, (duckdb.IOException, duckdb.SerializationException)) and any(p in text for p in _DAMAGED):
        return NotAWarehouse(
            f"The warehouse file {path} is damaged.",
            remedy="Move it away: the next run builds the warehouse anew from the vendor.",
        )
    if is_log:
        return NotAWarehouse(
            f"The warehouse file {path} has the log of another state beside it: one was moved without the other.",
            remedy="Put back what belongs together, or move both away: the next run builds the warehouse anew.",
        )
    return None


def _pause(clock: Clock, seconds: float) -> None:
    """Waits on the clock from a thread that runs no event loop; a thread that runs one is blocked, as opening does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(clock.sleep(seconds))
    else:
        time.sleep(seconds)
