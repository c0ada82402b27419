"""Who may do what (TableRight, FieldProperties, sentry): roles of ordinary users; the system user has no limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sounimicro_pipelines.sandbox.superoffice.fields import ADDRESS_LINES, Entity, Field, UserField
from sounimicro_pipelines.sandbox.superoffice.tables import Database

READ, WRITE, INSERT, DELETE = "Select", "Update", "Insert", "Delete"
ALL = frozenset({READ, WRITE, INSERT, DELETE})
SYSTEM_TYPE = 4
_MASK_BITS = {READ: 1, WRITE: 2, INSERT: 4, DELETE: 8}

_ROLES = {
    "Administrator": ALL,
    "User level 1": frozenset({READ, WRITE, INSERT}),
    "Guest": frozenset({READ}),
}
_TYPES = {"int": "System.Int32", "bool": "System.Boolean", "stamp": "System.DateTime", "local": "System.DateTime"}


@dataclass(slots=True)
class Sentry:
    """Rights by role, and single records that single associates must not see or change."""

    denied: dict[tuple[int, str, int], frozenset[str]] = field(default_factory=dict)

    def deny(self, associate_id: int, table: str, record_id: int, *rights: str) -> None:
        """Take rights from one associate on one record; without any named, all of them."""
        self.denied[(associate_id, table, record_id)] = frozenset(rights) or ALL

    def rights(self, db: Database, associate_id: int, table: str, record_id: int) -> frozenset[str]:
        row = db["associate"].get(associate_id)
        if row is None:
            return frozenset()
        if row["type"] == SYSTEM_TYPE:
            return ALL
        granted = _ROLES.get(row["role"], _ROLES["User level 1"])
        if table == "contact" and record_id:
            contact = db["contact"].get(record_id)
            if contact and contact["isOwner"] and not row["administrator"]:
                granted = granted & {READ}
        return granted - self.denied.get((associate_id, table, record_id), frozenset())

    def may(self, db: Database, associate_id: int, table: str, record_id: int, right: str) -> bool:
        return right in self.rights(db, associate_id, table, record_id)


def table_right(rights: frozenset[str]) -> dict[str, str]:
    """The carrier's `TableRight`: FULL, or the names of what is granted."""
    if rights == ALL:
        return {"Mask": "FULL", "Reason": ""}
    names = [name for name in (READ, WRITE, INSERT, DELETE) if name in rights]
    return {"Mask": ", ".join(names) or "None", "Reason": "SR_ACCESS_ROLE"}


def mask_number(rights: frozenset[str]) -> int:
    """The same as a number, as archive rows in Full mode carry it."""
    return sum(_MASK_BITS[name] for name in rights)


def field_properties(entity: Entity, read_only_number: bool, user_fields: Sequence[UserField]) -> dict[str, Any]:
    """Rights, type and length per property; hints are for user interfaces, the server does not enforce them."""
    found = {item.name: _property(item, item.column == entity.number and read_only_number) for item in entity.fields}
    if entity.table == "person":
        found |= {f"Address.{name}": _text_property(length) for name, (_, length) in ADDRESS_LINES.items()}
        mirrored = {"FieldRight": {"Mask": "Read", "Reason": "SR_ACCESS_PERSONONCOMPANY"}, "FieldType": "System.Int32"}
        found |= {name: {**mirrored, "FieldLength": 0} for name in ("Category", "Business", "Associate")}
    for item in user_fields:
        if item.owner == entity.table:
            names = ("CustomFields", "ExtraFields" if item.extra else "UserDefinedFields")
            length = item.length if item.kind == "text" else 0
            found |= {f"{name}.{item.key}": _text_property(length) for name in names}
    return found


def _text_property(length: int) -> dict[str, Any]:
    return {"FieldRight": {"Mask": "Update", "Reason": ""}, "FieldType": "System.String", "FieldLength": length}


def _property(item: Field, hint_read_only: bool) -> dict[str, Any]:
    mask = "Read" if not item.writable else "Update"
    if item.mandatory:
        mask += ", UIHintMandatory"
    if hint_read_only:
        mask += ", UIHintReadOnly"
    return {
        "FieldRight": {"Mask": mask, "Reason": "" if item.writable else "SR_ACCESS_READONLY"},
        "FieldType": _TYPES.get(item.kind, "System.String"),
        "FieldLength": item.length,
    }
