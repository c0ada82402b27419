"""What was created lately is found without reading every intent there has been: before each create it is asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"

tables = context.config.attributes["tables"]
INTENTS = f"{tables.prefix}intents"


def upgrade() -> None:
    creates = sa.text("kind = 'create'")
    op.create_index(
        f"{INTENTS}_ended_creates",
        INTENTS,
        ["side", "finished_at"],
        unique=False,
        schema=tables.sync_schema,
        sqlite_where=creates,
        postgresql_where=creates,
    )
