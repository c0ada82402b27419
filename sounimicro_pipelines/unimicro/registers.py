"""The ERP's registers as the warehouse keeps them, for comparisons over all of their records.

Records come back in the shape in which the API serves them, so that the same traits and fields are read from both.
`connection` is one to the company's warehouse file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import duckdb

from sounimicro_pipelines.unimicro.entities import table_name

_RELATION: Final[Mapping[str, str]] = {
    "Customer": "BusinessRelationID",
    "Supplier": "BusinessRelationID",
    "Contact": "InfoID",
}
"""The column that points at the business relation which holds name, addresses, phones and e-mail."""
_DELETED_STATUS: Final = 90001
_AT_ONCE: Final = 20_000


def listed_at(connection: duckdb.DuckDBPyConnection, entity: str) -> datetime | None:
    """When the register was last listed in full (UTC, without zone); None when it never was, or has failed since."""
    found = connection.execute(
        "SELECT full_at FROM raw._feed WHERE table_name = ? AND state = 'ok'", [table_name(entity)]
    ).fetchone()
    return found[0] if found is not None else None


def newest(connection: duckdb.DuckDBPyConnection, entity: str) -> datetime | None:
    """When the newest of the register's rows was fetched (UTC, without zone)."""
    tables = [table_name(entity)] + (["business_relation"] if entity in _RELATION else [])
    moments = [connection.execute(f'SELECT max(_fetched_at) FROM raw."{name}"').fetchone() for name in tables]
    return max((found[0] for found in moments if found and found[0] is not None), default=None)


def living_ids(connection: duckdb.DuckDBPyConnection, entity: str) -> set[int]:
    """Every record that people have not deleted."""
    return {int(row[0]) for row in connection.execute(_living(entity)).fetchall()}


def changed_ids(connection: duckdb.DuckDBPyConnection, entity: str, since: datetime | None) -> list[int]:
    """Living records that were loaded anew after a moment (UTC, without zone), themselves or what they point at."""
    if since is None:
        return sorted(living_ids(connection, entity))
    pointer = _RELATION.get(entity)
    query = f'SELECT r."ID" FROM raw."{table_name(entity)}" r WHERE r._fetched_at > $since'
    if pointer is not None:
        query += (
            f' UNION SELECT r."ID" FROM raw."{table_name(entity)}" r'
            f' JOIN raw.business_relation b ON b."ID" = r."{pointer}" WHERE b._fetched_at > $since'
        )
    rows = connection.execute(f"SELECT * FROM ({query}) INTERSECT {_living(entity)}", {"since": since}).fetchall()
    return sorted(int(row[0]) for row in rows)


def gone_persons(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Contacts who are marked as deleted, and the relations that were theirs alone, where something is still held.

    A contact's name, phones and e-mails stand on its relation, which nobody may have marked. None where one of the
    registers that tell this has never been read.
    """
    needed = ("contact", "business_relation", "customer", "supplier")
    there = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw'").fetchall()
    if not {(name,) for name in needed} <= set(there):
        return []
    contacts = connection.execute(
        'SELECT "ID" FROM raw.contact WHERE "Deleted" AND ("Role" IS NOT NULL OR "Comment" IS NOT NULL)'
    ).fetchall()
    relations = connection.execute(
        """
        SELECT DISTINCT b."ID"
        FROM raw.business_relation b
        JOIN raw.contact c ON c."InfoID" = b."ID" AND c."Deleted"
        WHERE (b."Name" IS NOT NULL OR NOT b."Deleted")
          AND NOT EXISTS (SELECT 1 FROM raw.contact o WHERE o."InfoID" = b."ID" AND o."Deleted" IS NOT TRUE)
          AND NOT EXISTS (SELECT 1 FROM raw.customer o WHERE o."BusinessRelationID" = b."ID")
          AND NOT EXISTS (SELECT 1 FROM raw.supplier o WHERE o."BusinessRelationID" = b."ID")
        """
    ).fetchall()
    return [("Contact", int(row[0])) for row in contacts] + [("BusinessRelation", int(row[0])) for row in relations]


def records(
    connection: duckdb.DuckDBPyConnection, entity: str, ids: Sequence[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """These records with their business relation under `Info`, as the API shows them."""
    for start in range(0, len(ids), _AT_ONCE):
        wanted = list(ids[start : start + _AT_ONCE])
        found = _rows(connection, table_name(entity), "ID", wanted)
        pointer = _RELATION.get(entity)
        related = _relations(connection, [row[pointer] for row in found if row[pointer]]) if pointer else {}
        for row in found:
            if pointer is not None:
                row["Info"] = related.get(row[pointer] or 0)
            yield int(row["ID"]), row


def _living(entity: str) -> str:
    query = f'SELECT "ID" FROM raw."{table_name(entity)}" WHERE "Deleted" IS NOT TRUE'
    if entity in ("Customer", "Supplier"):
        query += f' AND "StatusCode" IS DISTINCT FROM {_DELETED_STATUS}'
    return query


def _relations(connection: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    found = {int(row["ID"]): row for row in _rows(connection, "business_relation", "ID", list(ids))}
    for table, name in (("address", "Addresses"), ("phone", "Phones"), ("email", "Emails")):
        for row in found.values():
            row[name] = []
        for child in _rows(connection, table, "BusinessRelationID", list(found)):
            found[int(child["BusinessRelationID"])][name].append(child)
    for row in found.values():
        for pointer, name in (
            ("InvoiceAddress", "Addresses"),
            ("ShippingAddress", "Addresses"),
            ("DefaultPhone", "Phones"),
            ("DefaultEmail", "Emails"),
        ):
            row[pointer] = next((one for one in row[name] if one["ID"] == row[f"{pointer}ID"]), None)
    return found


def _rows(connection: duckdb.DuckDBPyConnection, table: str, column: str, ids: list[int]) -> list[dict[str, Any]]:
    if not ids:
        return []
    wanted = {"k": ids}
    connection.execute("CREATE OR REPLACE TEMP TABLE _wanted AS SELECT unnest($k) AS k", wanted)
    cursor = connection.execute(
        f'SELECT r.* FROM raw."{table}" r SEMI JOIN _wanted w ON w.k = r."{column}"'
        ' WHERE r."Deleted" IS NOT TRUE ORDER BY r."ID"'
    )
    names = [one[0] for one in cursor.description or ()]
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    """Stamps and days as the API writes them."""
    return value.isoformat() if isinstance(value, (datetime, date)) else value
