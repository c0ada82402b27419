"""A link knows its party's organisation number, and what each attempt of its creation has sent.

By the number a CRM record is found that does not have it yet. What an unfinished creation of the version before has
sent is its first attempt; without it, its outcome would not be recognised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from sounimicro_pipelines.store.types import Document

revision = "0003"
down_revision = "0002"

tables = context.config.attributes["tables"]
LINKS, INTENTS = f"{tables.prefix}links", f"{tables.prefix}intents"
OF_AN_ATTEMPT = ("name", "org_number", "sent")


def upgrade() -> None:
    schema = tables.sync_schema
    op.add_column(LINKS, sa.Column("org_number", sa.String(length=20), nullable=True), schema=schema)
    op.create_index(f"{LINKS}_org_number", LINKS, ["tenant", "org_number"], unique=False, schema=schema)
    _rewrite(INTENTS, "body", _attempts)
    _rewrite(LINKS, "data", _made_of)


def _attempts(body: dict[str, Any]) -> dict[str, Any]:
    first = {name: body[name] for name in OF_AN_ATTEMPT}
    return {**{name: said for name, said in body.items() if name not in first}, "attempts": [first]}


def _made_of(data: dict[str, Any]) -> dict[str, Any]:
    return {**{name: said for name, said in data.items() if name != "sent"}, "made_of": [data["sent"]]}


def _rewrite(name: str, column: str, said_anew: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrites the documents that tell what was sent."""
    table = sa.table(name, sa.column("id"), sa.column(column, Document), schema=tables.sync_schema)
    connection = op.get_bind()
    for row in connection.execute(sa.select(table)).all():
        said = getattr(row, column)
        if isinstance(said, dict) and "sent" in said:
            connection.execute(table.update().where(table.c.id == row.id).values({column: said_anew(said)}))
