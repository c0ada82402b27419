"""How Alembic meets the store: on the connection, and inside the transaction, that migrate.py hands it."""

from __future__ import annotations

from alembic import context

_config = context.config
_tables = _config.attributes["tables"]

context.configure(
    connection=_config.attributes["connection"],
    target_metadata=_tables.metadata,
    version_table=_tables.prefix + "schema_version",
    version_table_schema=_tables.sync_schema,
    include_schemas=True,
)
context.run_migrations()
