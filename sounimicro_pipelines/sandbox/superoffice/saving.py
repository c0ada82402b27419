"""From an incoming document to row changes: what differs is written, the rest is left alone (sections 2.1 to 2.3, 8.1).

Nothing here stamps, numbers or announces; the state does, from the changes returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import addresses, references, user_fields
from sounimicro_pipelines.sandbox.superoffice.errors import ApiError, bad_request
from sounimicro_pipelines.sandbox.superoffice.fields import ADDRESS_LINES, Elements, Entity, Field, UserField
from sounimicro_pipelines.sandbox.superoffice.options import CrmOptions
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.wire import Manner, find_key, format_phone, pick, strip_phone

_REFERENCE_KEYS = {"list": "Id", "associate": "AssociateId", "country": "CountryId", "contact": "ContactId"}
_TARGETS = {"associate": "associate", "country": "country", "contact": "contact"}


@dataclass(slots=True)
class ChildChange:
    """One row of a child table to insert (key 0), update, or delete (`values` None)."""

    table: str
    key: int
    values: dict[str, Any] | None


@dataclass(slots=True)
class Changes:
    """What a save asks for: columns of the entity's own row, and rows of its child tables."""

    root: dict[str, Any] = field(default_factory=dict)
    children: list[ChildChange] = field(default_factory=list)
    user_values: dict[str, Any] | None = None
    members: list[dict[str, Any]] | None = None

    def __bool__(self) -> bool:
        return bool(self.root or self.children or self.user_values is not None or self.members is not None)


class Saver:
    """Compares an incoming document with what is stored."""

    def __init__(self, db: Database, options: CrmOptions, fields: Sequence[UserField]) -> None:
        self.db = db
        self.options = options
        self.user_fields = fields

    def changes(self, entity: Entity, row: Row, document: Mapping[str, Any], manner: Manner, *, whole: bool) -> Changes:
        """The changes that make `row` into `document`.

        `whole`: absent properties are reset, as PUT does; otherwise they keep their value. Raises ApiError 400 on
        values that cannot be stored.
        """
        changes = Changes()
        key = int(row.get(entity.pk, 0))
        for item in entity.fields:
            if not item.writable:
                continue
            present = find_key(document, item.name) is not None
            if not present and not whole:
                continue
            value = self._value(item, pick(document, item.name), manner)
            if value != row[item.column]:
                changes.root[item.column] = value
        for elements in entity.elements:
            if whole or find_key(document, elements.name) is not None:
                changes.children += self._elements(elements, key, pick(document, elements.name) or [])
        if entity.addresses and (whole or pick(document, "Address") is not None):
            changes.children += self._addresses(entity, key, pick(document, "Address"))
        self._user_values(entity, key, document, changes, whole)
        if entity.table == "project" and (whole or find_key(document, "ProjectMembers") is not None):
            self._members(key, pick(document, "ProjectMembers") or [], changes)
        return changes

    def _value(self, item: Field, raw: Any, manner: Manner) -> Any:
        match item.kind:
            case "text":
                return self.clamp(item.name, "" if raw is None else str(raw), item.length)
            case "int":
                return self._int(item.name, raw)
            case "bool":
                return bool(raw)
            case "local":
                return manner.local(raw)
            case "day":
                return manner.day(raw)
            case "stamp":
                return manner.moment(raw)
            case _:
                return self._reference(item, raw)

    def clamp(self, name: str, value: str, length: int) -> str:
        """An over-long text, by the tenant's way: refused (400), failed (500) or cut."""
        if not length or len(value) <= length:
            return value
        if self.options.overlong == "truncate":
            return value[:length]
        message = f"The value of '{name}' is longer than {length} characters"
        if self.options.overlong == "fail":
            raise ApiError(500, message, "SoException")
        raise bad_request(message)

    def _reference(self, item: Field, raw: Any) -> int:
        if raw is None:
            return 0
        key = _REFERENCE_KEYS[item.kind]
        number = self._int(item.name, pick(raw, key) if isinstance(raw, Mapping) else raw)
        if number and self.db[item.table or _TARGETS[item.kind]].get(number) is None:
            raise bad_request(f"'{item.name}' has no item {number}")
        return number

    @staticmethod
    def _int(name: str, raw: Any) -> int:
        try:
            return int(raw or 0)
        except (TypeError, ValueError):
            raise bad_request(f"'{name}' must be a number") from None

    def _elements(self, elements: Elements, key: int, wanted: Any) -> list[ChildChange]:
        """Rows that carry an unchanged value keep their key; the others are re-used in order, then added or deleted."""
        if not isinstance(wanted, list):
            raise bad_request(f"'{elements.name}' must be an array")
        stored = references.elements(self.db, elements.table, elements.owner, key, elements.ptype) if key else []
        pk = self.db[elements.table].pk
        rows = [self._element(elements, item) for item in wanted if isinstance(item, Mapping)]
        rows = [row for row in rows if row[elements.value]]
        left = list(stored)
        matched: list[Row | None] = []
        for row in rows:
            same = next((old for old in left if old[elements.value] == row[elements.value]), None)
            if same is not None:
                left.remove(same)
            matched.append(same)
        changes: list[ChildChange] = []
        for rank, (row, found) in enumerate(zip(rows, matched, strict=True), start=1):
            old = found if found is not None else (left.pop(0) if left else None)
            row["rank"] = rank
            if old is None:
                row[elements.owner] = key
                changes.append(ChildChange(elements.table, 0, row))
            else:
                different = {column: value for column, value in row.items() if old[column] != value}
                if different:
                    changes.append(ChildChange(elements.table, old[pk], different))
        return changes + [ChildChange(elements.table, old[pk], None) for old in left]

    def _element(self, elements: Elements, item: Mapping[str, Any]) -> dict[str, Any]:
        value = self.clamp(elements.name, str(pick(item, "Value", "") or "").strip(), elements.length)
        row: dict[str, Any] = {
            elements.value: value,
            "description": self.clamp("Description", str(pick(item, "Description", "") or ""), 99),
        }
        if elements.table == "phone":
            row[elements.value] = format_phone(value) if self.options.format_phones else value
            row |= {"ptype_idx": elements.ptype, "search_phone": strip_phone(value)}
        return row

    def _addresses(self, entity: Entity, key: int, address: Any) -> list[ChildChange]:
        before = addresses.stored(self.db, entity, key)
        asked = addresses.wanted(
            entity,
            before if address is not None else {kind: {} for kind in before},
            address,
            localized_present_wins=self.options.localized_address_wins == "present",
        )
        lengths = dict(ADDRESS_LINES.values())
        changes: list[ChildChange] = []
        for kind, lines in asked.items():
            full = {column: self.clamp(column, lines.get(column, ""), length) for column, length in lengths.items()}
            if full == before[kind]:
                continue
            row = references.address_row(self.db, key, kind) if key else None
            if row is None:
                changes.append(ChildChange("address", 0, {"owner_id": key, "atype_idx": kind, **full}))
            else:
                different = {column: value for column, value in full.items() if row[column] != value}
                changes.append(ChildChange("address", row["address_id"], different))
        return changes

    def _user_values(
        self, entity: Entity, key: int, document: Mapping[str, Any], changes: Changes, whole: bool
    ) -> None:
        blank = user_fields.blank(self.user_fields, entity.table)
        before = user_fields.stored(self.db, self.user_fields, entity.table, key) if key else blank
        names = ("CustomFields", "UserDefinedFields", "ExtraFields")
        dictionaries = [pick(document, name) for name in names]
        if whole and not any(dictionaries):
            after = blank
        else:
            after = user_fields.wanted(self.user_fields, entity.table, before, dictionaries)
        if after != before:
            changes.user_values = after

    def _members(self, key: int, wanted: Any, changes: Changes) -> None:
        if not isinstance(wanted, list):
            raise bad_request("'ProjectMembers' must be an array")
        members = [
            {
                "person_id": int(pick(item, "PersonId", 0) or 0),
                "mtype_idx": int(pick(item, "ProjectMemberTypeId", 0) or 0),
                "text": str(pick(item, "Comment", "") or ""),
            }
            for item in wanted
        ]
        columns = ("person_id", "mtype_idx", "text")
        stored = self.db["projectmember"].where("project_id", key) if key else []
        if members != [{column: row[column] for column in columns} for row in stored]:
            changes.members = members
