"""The CRM's registers as the warehouse keeps them, for comparisons over all of their records.

Records come back as the archive's rows, so that the same traits are read from both. `connection` is one to the
tenant's warehouse file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import duckdb

from sounimicro_pipelines.superoffice.archive import Row
from sounimicro_pipelines.superoffice.columns import raw_column
from sounimicro_pipelines.superoffice.entities import entity_specs
from sounimicro_pipelines.superoffice.traits import group_word

_SPECS: Final = {spec.entity: spec for spec in entity_specs()}
_AT_ONCE: Final = 20_000


def listed_at(connection: duckdb.DuckDBPyConnection, entity: str) -> datetime | None:
    """When the register was last listed in full (UTC, without zone); None when it never was, or has failed since."""
    found = connection.execute(
        "SELECT full_at FROM raw._feed WHERE table_name = ? AND state = 'ok'", [entity]
    ).fetchone()
    return found[0] if found is not None else None


def newest(connection: duckdb.DuckDBPyConnection, entity: str) -> datetime | None:
    """When the newest of the register's rows was fetched (UTC, without zone)."""
    found = connection.execute(f'SELECT max(_fetched_at) FROM raw."{entity}"').fetchone()
    return found[0] if found is not None else None


def living_ids(connection: duckdb.DuckDBPyConnection, entity: str) -> set[int]:
    """Every record that is not deleted."""
    rows = connection.execute(f'SELECT "{_key(entity)}" FROM raw."{entity}" WHERE "Deleted" IS NOT TRUE').fetchall()
    return {int(row[0]) for row in rows}


def changed_ids(connection: duckdb.DuckDBPyConnection, entity: str, since: datetime | None) -> list[int]:
    """Living records that were loaded anew after a moment (UTC, without zone)."""
    query = f'SELECT "{_key(entity)}" FROM raw."{entity}" WHERE "Deleted" IS NOT TRUE'
    if since is not None:
        rows = connection.execute(f"{query} AND _fetched_at > $since", {"since": since}).fetchall()
    else:
        rows = connection.execute(query).fetchall()
    return sorted(int(row[0]) for row in rows)


def records(connection: duckdb.DuckDBPyConnection, entity: str, ids: Sequence[int]) -> Iterator[Row]:
    """These records with their columns by the archive's names."""
    named = {column.raw_name: column.name for column in _SPECS[entity].columns}
    key = _key(entity)
    for start in range(0, len(ids), _AT_ONCE):
        wanted = {"k": list(ids[start : start + _AT_ONCE])}
        connection.execute("CREATE OR REPLACE TEMP TABLE _wanted AS SELECT unnest($k) AS k", wanted)
        cursor = connection.execute(
            f'SELECT r.* FROM raw."{entity}" r SEMI JOIN _wanted w ON w.k = r."{key}" ORDER BY r."{key}"'
        )
        columns = [one[0] for one in cursor.description or ()]
        place = columns.index(key)
        for row in cursor.fetchall():
            values = {named.get(name, name): _aware(value) for name, value in zip(columns, row, strict=True)}
            yield Row(int(row[place]), entity, values)


def value_at(entity: str, row: Row, path: str) -> tuple[bool, Any]:
    """Whether the register holds a field at all, and its value."""
    column = raw_column(entity, path)
    if column is None:
        return False, None
    named = {one.raw_name: one.name for one in _SPECS[entity].columns}
    name = named.get(column)
    return (True, row.get(name)) if name is not None and name in row.values else (False, None)


def gone_persons(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Persons (entity, key) who are marked as deleted and of whom something is still held."""
    spec = _SPECS["person"]
    held = " OR ".join(f'"{column.raw_name}" IS NOT NULL' for column in spec.columns if column.personal)
    rows = connection.execute(f'SELECT "{spec.key}" FROM raw.person WHERE "Deleted" AND ({held})').fetchall()
    return [("person", int(row[0])) for row in rows]


def facts(entity: str, row: Row, category_groups: Mapping[str, str]) -> dict[str, str]:
    """What rules may choose records by."""
    if entity == "contact":
        category = str(row.get("category") or "")
        group = category_groups.get(category, "")
        found = {"category": category, "business": str(row.get("business") or "")}
        return {**found, "category_group": group} if group else found
    if entity == "person":
        return {"retired": _yes(row.get("retired")), "position": str(row.get("position") or "")}
    return {
        "status": str(row.get("status") or ""),
        "type": str(row.get("type") or ""),
        "completed": _yes(row.get("completed")),
    }


def groups(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The group of each category, as rules write it."""
    rows = connection.execute(
        """SELECT "itemId", "group" FROM raw.list_item WHERE list = 'category' AND "group" IS NOT NULL"""
    ).fetchall()
    return {str(item): group_word(group) for item, group in rows if group}


def _key(entity: str) -> str:
    return _SPECS[entity].key


def _yes(value: Any) -> str:
    return "true" if value else "false"


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
