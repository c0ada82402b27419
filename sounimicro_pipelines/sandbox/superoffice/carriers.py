"""Entities as JSON: a company, person or project row with everything the vendor nests in it (sections 2.3 to 2.6)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import addresses, references, rights, user_fields
from sounimicro_pipelines.sandbox.superoffice.fields import Elements, Entity, Field, UserField
from sounimicro_pipelines.sandbox.superoffice.options import CrmOptions
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.wire import Manner


class Carriers:
    """Builds entity documents from one tenant's database."""

    def __init__(self, db: Database, options: CrmOptions, fields: Sequence[UserField]) -> None:
        self.db = db
        self.options = options
        self.user_fields = fields

    def entity(self, entity: Entity, row: Row, manner: Manner) -> dict[str, Any]:
        """The whole document, without rights and links. A row without key is a blank one."""
        key = row.get(entity.pk, 0)
        document: dict[str, Any] = {entity.key: key}
        for field in entity.fields:
            document[field.name] = self._value(field, row, manner)
        for elements in entity.elements:
            document[elements.name] = self._elements(elements, key) if key else []
        document |= copy.deepcopy(entity.constants)
        if entity.addresses:
            values = addresses.stored(self.db, entity, key)
            country = self.db["country"].get(self.country_of(entity, row))
            document["Address"] = addresses.carrier(entity, values, country, manner)
        values_before = (
            user_fields.stored(self.db, self.user_fields, entity.table, key)
            if key
            else user_fields.blank(self.user_fields, entity.table)
        )
        document |= user_fields.carrier(self.db, self.user_fields, entity.table, values_before, manner)
        document |= getattr(self, f"_{entity.table}")(row, key, manner)
        return document

    def country_of(self, entity: Entity, row: Row) -> int:
        """The country whose address layout counts: a person without its own has that of the company."""
        own = int(row["country_id"] or 0)
        if entity.table == "person" and not own:
            contact = self.db["contact"].get(row["contact_id"])
            return int(contact["country_id"]) if contact else 0
        return own

    def with_rights(self, document: dict[str, Any], entity: Entity, granted: frozenset[str]) -> dict[str, Any]:
        """Adds `TableRight` and `FieldProperties`, unless the tenant is set to leave them out."""
        if not self.options.rights_in_carriers:
            return document | {"TableRight": None, "FieldProperties": {}}
        read_only = self.options.numbers[entity.table].read_only
        return document | {
            "TableRight": rights.table_right(granted),
            "FieldProperties": rights.field_properties(entity, read_only, self.user_fields),
        }

    def _value(self, field: Field, row: Row, manner: Manner) -> Any:
        value = row[field.column]
        match field.kind:
            case "stamp" | "local" | "day":
                return manner.stamp(value)
            case "list":
                return references.list_value(self.db, field.table, value, manner)
            case "associate":
                return references.associate(self.db, value)
            case "country":
                return references.country(self.db, value, manner)
            case "contact":
                return references.slim_contact(self.db, value, manner)
            case _:
                return value

    def _elements(self, elements: Elements, key: int) -> list[dict[str, Any]]:
        rows = references.elements(self.db, elements.table, elements.owner, key, elements.ptype)
        return [
            {
                "Value": row[elements.value],
                "StrippedValue": row["search_phone"] if elements.table == "phone" else row[elements.value],
                "Description": row["description"],
                "TableRight": None,
                "FieldProperties": {},
            }
            for row in rows
        ]

    def _contact(self, row: Row, key: int, manner: Manner) -> dict[str, Any]:
        persons = self.db["person"].where("contact_id", key) if key else []
        return {
            "Persons": [
                references.slim_person(self.db, person, manner) for person in persons if person["deletedDate"] is None
            ]
        }

    def _person(self, row: Row, key: int, manner: Manner) -> dict[str, Any]:
        contact = self.db["contact"].get(row["contact_id"])
        users = self.db["associate"].where("person_id", key) if key else []
        user = users[0]["associate_id"] if users else 0
        return {
            "FullName": references.full_name(row),
            "FormalName": references.formal_name(row),
            "IsAssociate": bool(users),
            "CorrespondingAssociate": references.associate(self.db, user),
            "Category": references.list_value(self.db, "category", contact["category_idx"], manner)
            if contact
            else None,
            "Business": references.list_value(self.db, "business", contact["business_idx"], manner)
            if contact
            else None,
            "Associate": references.associate(self.db, contact["associate_id"]) if contact else None,
        }

    def _project(self, row: Row, key: int, manner: Manner) -> dict[str, Any]:
        members = self.db["projectmember"].where("project_id", key) if key else []
        return {"ProjectMembers": [references.project_member(self.db, member, manner) for member in members]}
