"""Bringing a store to the version that this code speaks, at open, by one process at a time."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.schema import SetTableComment

from sounimicro_pipelines.store.errors import Foreign, FromTheFuture, Unwritable
from sounimicro_pipelines.store.tables import StoreTables

HEAD = "0004"
"""The newest version; a test holds it against the files in migrations/versions."""

APPLICATION_ID = 0x536F556E
"""Marks a SQLite file as ours ("SoUn")."""

_LOCK = 0x536F556E0001
_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, tables: StoreTables, shown: str, *, target: str = HEAD) -> None:
    """Make or upgrade the store in one transaction, so that a crash leaves the version that was.

    Raises Foreign when the schemas hold tables of somebody else, FromTheFuture when the store is newer than this code,
    and Unwritable when the user may not create tables.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.execution_options(sounimicro_write=False)
        with connection.begin():
            if _version(connection, tables) == target:
                return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        version = _version(connection, tables)
        if version == target:
            return
        if version is None:
            _prepare(connection, tables, shown)
        elif version not in known_versions():
            raise FromTheFuture(
                f"The store at {shown} was upgraded to version {version} by a newer release.",
                remedy="Install that release, or restore the store from before it.",
            )
        _run_alembic(connection, tables, target)


def known_versions() -> list[str]:
    """All versions that this code can upgrade from, oldest first."""
    return [path.stem.split("_")[0] for path in sorted((_MIGRATIONS / "versions").glob("[0-9]*.py"))]


def _version(connection: Connection, tables: StoreTables) -> str | None:
    name = tables.prefix + "schema_version"
    if not inspect(connection).has_table(name, schema=tables.sync_schema):
        return None
    qualified = f"{tables.sync_schema}.{name}" if tables.sync_schema else name
    found: Any = connection.execute(text(f"SELECT version_num FROM {qualified}")).scalar()  # noqa: S608 - our own name
    return str(found) if found is not None else None


def _prepare(connection: Connection, tables: StoreTables, shown: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        return
    inspector = inspect(connection)
    schemas = [s for s in (tables.sync_schema, tables.reports_schema) if s]
    for schema in schemas:
        if inspector.has_schema(schema) and inspector.get_table_names(schema=schema):
            raise Foreign(
                f"The database at {shown} already has a schema «{schema}» with tables of another program.",
                remedy="Give this product a database of its own, and let SOUNIMICRO_DATABASE_URL name it.",
            )
    may_create = bool(
        connection.execute(text("SELECT has_database_privilege(current_user, current_database(), 'CREATE')")).scalar()
    )
    for schema in schemas:
        if not inspector.has_schema(schema):
            if not may_create:
                raise Unwritable(
                    f"The user may not create schemas in the database at {shown}.",
                    remedy="GRANT CREATE ON DATABASE … TO the user, or create the schemas sync and reports for it.",
                )
            connection.execute(text(f"CREATE SCHEMA {schema}"))


def _run_alembic(connection: Connection, tables: StoreTables, target: str) -> None:
    from alembic import command  # imported only when there is something to do: it takes longer than the check
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["tables"] = tables
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        command.upgrade(config, target)
    if connection.dialect.supports_comments and target == HEAD:
        for table in tables.metadata.tables.values():
            connection.execute(SetTableComment(table))
