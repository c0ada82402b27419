"""Opening the store, and its transactions. Everything that differs between SQLite and Postgres as such is here."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Executable,
    Result,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from sounimicro_pipelines.store import migrate
from sounimicro_pipelines.store.errors import (
    Foreign,
    Locked,
    StoreError,
    UnknownAddress,
    Unreachable,
    Unwritable,
)
from sounimicro_pipelines.store.prepared import Prepared
from sounimicro_pipelines.store.raw import as_sqlalchemy, raw_connection
from sounimicro_pipelines.store.tables import POSTGRES, SQLITE, StoreTables

BUSY_SECONDS = 60.0
"""How long a writer waits for another one before it gives up."""
LOG_PAGES = 1000
"""Of SQLite's log, after which a commit writes them back into the file: its own default."""


class Transaction:
    """One transaction on the store: everything in it happens, or nothing."""

    def __init__(self, connection: Connection, tables: StoreTables) -> None:
        self.connection = connection
        self.tables = tables
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        """The report tables that were read in it, and which of their rows: column → value."""

    @property
    def is_postgres(self) -> bool:
        return self.connection.dialect.name == "postgresql"

    def execute(self, statement: Executable, parameters: Any = None) -> Result[Any]:
        return self.connection.execute(statement, parameters)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """For one statement that may break a constraint: the transaction goes on without it.

        SQLite undoes a statement that fails by itself; Postgres refuses whatever follows it, without a savepoint.
        """
        if self.is_postgres:
            with self.connection.begin_nested():
                yield
        else:
            yield

    def change(self, statement: Executable | Prepared, parameters: Any = None) -> int:
        """Run an INSERT, UPDATE or DELETE; answers how many rows it touched."""
        if isinstance(statement, Prepared):
            return statement.change(self.connection, parameters or {})
        result = self.connection.execute(statement, parameters)
        return result.rowcount if isinstance(result, CursorResult) else 0

    def row(self, statement: Executable | Prepared, parameters: Any = None) -> Any | None:
        """The first row, its columns by name, or None."""
        if isinstance(statement, Prepared):
            return statement.first(self.connection, parameters or {})
        return self.connection.execute(statement, parameters).first()

    def rows(self, statement: Executable | Prepared, parameters: Any = None) -> list[Any]:
        """Every row, its columns by name."""
        if isinstance(statement, Prepared):
            return statement.rows(self.connection, parameters or {})
        return list(self.connection.execute(statement, parameters).all())

    def column(self, statement: Executable) -> list[Any]:
        """The first column of every row; for whole registers, where rows of their own would cost too much."""
        return list(self.connection.execute(statement).scalars())

    def scalar(self, statement: Executable | Prepared, parameters: Any = None) -> Any:
        """The first column of the first row, or None."""
        if isinstance(statement, Prepared):
            found = statement.first(self.connection, parameters or {})
            return found[0] if found is not None else None
        return self.connection.execute(statement, parameters).scalar()


class Store:
    """The store, open. Safe to share between threads; a forked process opens its own."""

    def __init__(self, engine: Engine, tables: StoreTables, shown_url: str) -> None:
        self.engine = engine
        self.tables = tables
        self.shown_url = shown_url

    def __repr__(self) -> str:
        return f"<Store {self.shown_url}>"

    @property
    def is_postgres(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def transaction(self, *, durable: bool = True, leaves_log: bool = False) -> Iterator[Transaction]:
        """A writing transaction, committed when the block ends, rolled back when it raises.

        On SQLite it holds the only write lock from its start, so keep calls to other systems out of it. A durable
        transaction is on the disk when the block has ended; one that is not may be lost when the power fails (never
        when the process dies), which is enough for what can be made again. After one that `leaves_log` SQLite's log is
        written back into the file by `write_log_back`, or by whoever commits next.

        Raises Locked, Unwritable or Unreachable.
        """
        with self._connection(write=True, durable=durable, leaves_log=leaves_log) as connection:
            yield Transaction(connection, self.tables)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A reading transaction: one unchanging picture of the whole store, that waits for no writer."""
        with self._connection(write=False, durable=False) as connection:
            yield Transaction(connection, self.tables)

    def write_log_back(self) -> None:
        """Let SQLite's log go into the file as far as no reader needs it. On Postgres there is nothing to do."""
        if self.is_postgres:
            return
        connection = self.engine.raw_connection()
        try:
            with suppress(sqlite3.OperationalError):  # then whoever commits next tries again
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _connection(self, *, write: bool, durable: bool, leaves_log: bool = False) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection, self._begun(connection, write, durable, leaves_log):
                yield connection
        except IntegrityError:
            raise
        except DBAPIError as error:
            known = explain(error, self.shown_url)
            if known is None:
                raise
            raise known from error

    def _begun(
        self, connection: Connection, write: bool, durable: bool, leaves_log: bool
    ) -> AbstractContextManager[None]:
        """A transaction on the connection."""
        if self.is_postgres:
            return _begun_on_postgres(connection, write, durable)
        return _begun_on_sqlite(connection, write, durable, leaves_log)


def open_store(url: str) -> Store:
    """The store at a database URL, made or upgraded if need be.

    `sqlite:///path` (the folder is made) or `postgresql://…` (gets the driver that is installed). Raises a StoreError
    with a remedy: UnknownAddress, Unreachable, Unwritable, Locked, Foreign, FromTheFuture.
    """
    parsed = _parse(url)
    shown = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() == "sqlite":
        engine, tables = _sqlite_engine(parsed), SQLITE
    else:
        engine, tables = _postgres_engine(parsed), POSTGRES
    store = Store(engine, tables, shown)
    try:
        if tables is SQLITE:
            with engine.connect() as connection:
                _check_sqlite_file(connection, shown)
        migrate.upgrade(engine, tables, shown)
    except DBAPIError as error:
        engine.dispose()
        known = explain(error, shown)
        raise known or StoreError(
            f"The store at {shown} could not be opened ({type(error.orig).__name__}).",
            remedy="Check SOUNIMICRO_DATABASE_URL.",
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return store


def explain(error: DBAPIError, shown: str) -> StoreError | None:
    """The trouble behind a database error in our terms, or None when it is not one of these."""
    message = str(error.orig).lower()
    if "locked" in message or "could not obtain lock" in message or "lock timeout" in message:
        return Locked(
            f"The store at {shown} is locked by another process.",
            remedy="Let that process finish or end it, and try again.",
        )
    if "not a database" in message or "malformed" in message:
        return Foreign(
            f"The file at {shown} is no SQLite database.",
            remedy="Let SOUNIMICRO_DATABASE_URL name another file, or restore this one from its backup.",
        )
    has_no_room = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_IOERR_SHMSIZE"
    if has_no_room or "disk is full" in message or "no space left" in message:
        return Unwritable(f"The disk with the store at {shown} is full.", remedy="Make room, and start again.")
    if any(t in message for t in ("readonly", "read-only", "unable to open", "permission denied", "disk i/o error")):
        return Unwritable(
            f"The store at {shown} cannot be written.",
            remedy="Give this user the right to write there, or let SOUNIMICRO_DATABASE_URL name another place.",
        )
    not_let_in = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "not permitted to log in")
    if any(t in message for t in not_let_in) or ("role" in message and "does not exist" in message):
        return Unreachable(
            f"The server at {shown} refuses the user name or password.", remedy="Correct SOUNIMICRO_DATABASE_URL."
        )
    if "does not exist" in message and "database" in message:
        return Unreachable(f"There is no database at {shown}.", remedy="Create it, or correct SOUNIMICRO_DATABASE_URL.")
    if error.connection_invalidated or any(
        t in message for t in ("connect", "could not translate", "server closed", "terminating", "timeout expired")
    ):
        return Unreachable(
            f"No database server answers at {shown}.", remedy="Start it, or correct SOUNIMICRO_DATABASE_URL."
        )
    return None


def _parse(url: str) -> URL:
    remedy = (
        "SOUNIMICRO_DATABASE_URL should look like sqlite:///path/to/file.db or postgresql://user:password@host/name."
    )
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UnknownAddress("The address of the store cannot be read.", remedy=remedy) from None
    kind = parsed.drivername.split("+")[0]
    if kind == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise UnknownAddress("The store must live in a file.", remedy=remedy)
        path = Path(parsed.database).expanduser().absolute()
        return parsed.set(drivername="sqlite+pysqlite", database=str(path))
    if kind in ("postgresql", "postgres"):
        if "@" in (parsed.host or ""):
            # What stands before it is the rest of a password, which is not to be shown.
            raise UnknownAddress(
                "The password in SOUNIMICRO_DATABASE_URL holds a character that ends it.",
                remedy="Write @ in it as %40, / as %2F, : as %3A, # as %23 and % as %25.",
            )
        if importlib.util.find_spec("psycopg2") is None:
            raise UnknownAddress(
                "No driver for Postgres is installed.", remedy="Install the package with its extra: [server]."
            )
        return parsed.set(drivername="postgresql+psycopg2")
    raise UnknownAddress(f"The store cannot live in «{kind}».", remedy=remedy)


def _sqlite_engine(url: URL) -> Engine:
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(
            f"The folder {path.parent} cannot be made ({error.strerror}).",
            remedy="Give this user the right to write there, or let SOUNIMICRO_DATABASE_URL name another place.",
        ) from None
    if path.is_dir():
        raise Unwritable(f"{path} is a folder.", remedy="Let SOUNIMICRO_DATABASE_URL name a file.")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, json_serializer=_json, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute("PRAGMA cache_size = -32000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if not raw_connection(connection).in_transaction:
            writes = connection.get_execution_options().get("sounimicro_write", True)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _begun_on_sqlite(connection: Connection, write: bool, durable: bool, leaves_log: bool) -> Iterator[None]:
    """A transaction of the driver's own: to begin and end one of SQLAlchemy's takes longer than SQLite does.

    What runs through SQLAlchemy takes part in it, and then ends it as well.
    """
    raw = raw_connection(connection)
    try:
        if write:
            level, pages = "FULL" if durable else "NORMAL", 0 if leaves_log else LOG_PAGES
            for setting, value in (("synchronous", level), ("wal_autocheckpoint", pages)):
                if connection.info.get(setting) != value:
                    raw.execute(f"PRAGMA {setting} = {value}")
                    connection.info[setting] = value
        raw.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    except sqlite3.Error as error:
        raise as_sqlalchemy(connection, error) from error
    try:
        yield
    except BaseException:
        if connection.in_transaction():
            connection.rollback()
        raw.rollback()
        raise
    if connection.in_transaction():
        connection.commit()
        return
    try:
        raw.execute("COMMIT")
    except sqlite3.Error as error:
        raise as_sqlalchemy(connection, error) from error


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_json,
        connect_args={"connect_timeout": 10, "application_name": "sounimicro"},
    )


@contextmanager
def _begun_on_postgres(connection: Connection, write: bool, durable: bool) -> Iterator[None]:
    if not write:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with connection.begin():
        if write and not durable:
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
        yield


def _check_sqlite_file(connection: Connection, shown: str) -> None:
    """Refuse a file of somebody else before anything is written to it; switch our own to WAL."""
    raw = connection.connection.dbapi_connection
    if raw is None:
        raise Unreachable(f"The store at {shown} was closed.")
    cursor = raw.cursor()
    try:
        cursor.execute("PRAGMA application_id")
        application = int((cursor.fetchone() or (0,))[0])
        cursor.execute("SELECT count(*) FROM sqlite_master")
        objects = int((cursor.fetchone() or (0,))[0])
        if application != migrate.APPLICATION_ID and (application or objects):
            raise Foreign(
                f"The file at {shown} belongs to another program.",
                remedy="Let SOUNIMICRO_DATABASE_URL name another file; this one was left as it was.",
            )
        cursor.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        known = explain(DBAPIError("PRAGMA", None, error), shown)
        if known is None:
            raise
        raise known from None
    finally:
        cursor.close()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
