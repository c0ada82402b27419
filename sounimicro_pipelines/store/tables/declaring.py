"""How a table of the store is declared, for either kind of database."""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint, text


class Declaring:
    """What names a table, an index and a reference on either kind of database."""

    def __init__(self, *, prefix: str, sync_schema: str | None, reports_schema: str | None) -> None:
        self.prefix = prefix
        self.sync_schema = sync_schema
        self.reports_schema = reports_schema
        self.metadata = MetaData()

    def _table(
        self, name: str, *parts: Column[object] | UniqueConstraint | Index, comment: str, in_order_of_key: bool = False
    ) -> Table:
        return Table(
            self.prefix + name,
            self.metadata,
            *parts,
            schema=self.sync_schema,
            comment=comment,
            sqlite_with_rowid=not in_order_of_key,
            sqlite_autoincrement=any(isinstance(p, Column) and p.name == "id" for p in parts),
        )

    def _index(self, name: str, *columns: str, unique: bool = False, where: str | None = None) -> Index:
        condition = text(where) if where else None
        return Index(self.prefix + name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)

    def _reference(self, target: str) -> str:
        return f"{self.sync_schema}.{target}" if self.sync_schema else self.prefix + target
