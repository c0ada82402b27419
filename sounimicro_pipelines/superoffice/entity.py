"""The entities we read and write, as they were read, and who the credentials belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.superoffice.foreign_keys import keys_on
from sounimicro_pipelines.superoffice.values import as_int, http_date, member, parse_moment

ENTITIES: Mapping[str, str] = {"contact": "Contact", "person": "Person", "project": "Project"}
"""Our name → the route's."""

MERGED_TABLES: Mapping[int, str] = {5: "contact", 6: "person", 11: "project"}
"""The numbers of the database's tables, as its vendor documents them, in the merge log."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A contact, person or project as it was read.

    `last_modified` is the answer's header, sent back word for word as the condition of a change. `written`: this is
    the answer of a write itself, so that nobody can have changed the record in between.
    """

    name: str
    id: int
    data: dict[str, Any] = field(repr=False)
    last_modified: str | None = None
    written: bool = False

    @property
    def updated(self) -> datetime | None:
        """When it was changed last, in UTC."""
        return parse_moment(self.data.get("UpdatedDate"))

    @property
    def updated_by(self) -> int | None:
        """The associate who changed it last."""
        return as_int(member(self.data.get("UpdatedBy"), "AssociateId"))

    @property
    def created(self) -> datetime | None:
        """When it was created, in UTC."""
        return parse_moment(self.data.get("CreatedDate"))

    @property
    def created_by(self) -> int | None:
        return as_int(member(self.data.get("CreatedBy"), "AssociateId"))

    @property
    def deleted(self) -> bool:
        """Soft-deleted but still shown (vendor reference 9, no. 5)."""
        return bool(as_int(self.data.get("Deleted"))) or parse_moment(self.data.get("DeletedDate")) is not None

    @property
    def condition(self) -> str | None:
        """What `If-Unmodified-Since` should say for a change based on this reading."""
        if self.last_modified:
            return self.last_modified
        updated = self.updated
        return None if updated is None else http_date(updated + timedelta(seconds=1 if updated.microsecond else 0))

    @property
    def may_update(self) -> bool:
        """Whether the one who read it may change it, by its table right (2.3); True where it says nothing."""
        mask = member(self.data.get("TableRight"), "Mask")
        if not isinstance(mask, str):
            return True
        rights = {right.strip().lower() for right in mask.split(",")}
        return bool(rights & {"full", "update"})

    @property
    def member_companies(self) -> tuple[int, ...]:
        """The companies that a project's members belong to, in the members' order."""
        members = self.data.get("ProjectMembers") or ()
        companies = (as_int(member(one, "ContactId")) for one in members)
        return tuple(dict.fromkeys(one for one in companies if one))

    def foreign_keys(self, app: str) -> dict[tuple[str, str], str]:
        """(device, key) → value, when the entity was read with its foreign keys."""
        return keys_on(self.data, app)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who the credentials belong to (1.2)."""

    associate_id: int
    login: str = field(repr=False)
    full_name: str = field(repr=False)
    person_id: int | None
    contact_id: int | None
    group_id: int | None
    user_type: str
    tenant: str
    function_rights: frozenset[str]


@dataclass(frozen=True, slots=True)
class Merge:
    """A line of the merge log: what was `source` is now `destination` (3.3).

    `entity` is None for a table number we do not know.
    """

    entity: str | None
    operation: int | None
    source: int
    destination: int
    registered: datetime | None
