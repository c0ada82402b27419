"""A link knows its party's organisation number, by which a CRM record is found that does not have it yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0003"
down_revision = "0002"

tables = context.config.attributes["tables"]
NAME = f"{tables.prefix}links"


def upgrade() -> None:
    schema = tables.sync_schema
    op.add_column(NAME, sa.Column("org_number", sa.String(length=20), nullable=True), schema=schema)
    op.create_index(f"{NAME}_org_number", NAME, ["tenant", "org_number"], unique=False, schema=schema)
