"""Column types that mean the same on SQLite and on Postgres."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits; on SQLite the only type that can be its row id."""


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC: `timestamptz` on Postgres, `2026-11-23T05:08:00.000000Z` on SQLite.

    The text has a fixed width, so that it sorts as time does. A naive datetime is refused with ValueError.
    """

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the store wants aware datetimes")
        return value.astimezone(UTC) if dialect.name == "postgresql" else moment_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromisoformat(value).astimezone(UTC)


class Document(TypeDecorator[Any]):
    """JSON: objects, arrays and scalars. Python None is SQL NULL; decimals travel as text."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(JSON(none_as_null=True))


def moment_text(value: datetime) -> str:
    """A moment as SQLite keeps it."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
