"""The groups of published rows lie by party, not by table: a party that changed is one place of them and not twenty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"

tables = context.config.attributes["tables"]
NAME = f"{tables.prefix}report_groups"
FORMER = f"{NAME}_former"
COLUMNS = "company, group_key, table_name, digest, rows"


def upgrade() -> None:
    schema = tables.sync_schema
    place = f"{schema}." if schema else ""
    op.rename_table(NAME, FORMER, schema=schema)
    op.create_table(
        NAME,
        sa.Column("company", sa.String(length=40), nullable=False),
        sa.Column("group_key", sa.String(length=200), nullable=False),
        sa.Column("table_name", sa.String(length=60), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company", "group_key", "table_name"),
        sqlite_with_rowid=False,
        schema=schema,
    )
    op.execute(
        f"INSERT INTO {place}{NAME} ({COLUMNS}) SELECT {COLUMNS} FROM {place}{FORMER}"  # noqa: S608 - our own names
        " ORDER BY company, group_key, table_name"
    )
    op.drop_table(FORMER, schema=schema)
    op.create_index(f"{NAME}_of_table", NAME, ["company", "table_name"], unique=False, schema=schema)
