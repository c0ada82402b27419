"""The rules of keeping records: stamps, numbers, deletes, merges, and what is announced (2.1, 5.2, 8.2, 8.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.sandbox.superoffice import patching, user_fields
from sounimicro_pipelines.sandbox.superoffice.carriers import Carriers
from sounimicro_pipelines.sandbox.superoffice.errors import ApiError, bad_request, not_found
from sounimicro_pipelines.sandbox.superoffice.fields import ENTITIES, Entity
from sounimicro_pipelines.sandbox.superoffice.options import SOFT_DELETE_KEPT, CrmOptions
from sounimicro_pipelines.sandbox.superoffice.saving import Changes, ChildChange, Saver
from sounimicro_pipelines.sandbox.superoffice.tables import BY_NAME, MERGE, MOVE, Database, Row
from sounimicro_pipelines.sandbox.superoffice.webhooks import Webhooks
from sounimicro_pipelines.sandbox.superoffice.wire import Manner, pick

NORWAY = 578
_STAMP_COLUMNS = ["updated", "updated_associate_id", "updatedCount"]
_OWNED: dict[str, tuple[tuple[str, str], ...]] = {
    "contact": (("phone", "owner_id"), ("address", "owner_id"), ("email", "contact_id"), ("url", "contact_id")),
    "person": (("phone", "owner_id"), ("address", "owner_id"), ("email", "person_id"), ("url", "person_id")),
    "project": (("url", "project_id"),),
}
_PERSON_TYPES = 16384
_MEMBER_COLUMN = {"contact": "contact_id", "person": "person_id", "project": "project_id"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an associate, over the API or in person, and by which request."""

    associate_id: int
    via: Literal["api", "person"] = "person"
    request: str = ""


class Records:
    """Every change to the tenant's rows goes through here."""

    def __init__(
        self, db: Database, options: CrmOptions, clock: Clock, carriers: Carriers, saver: Saver, webhooks: Webhooks
    ) -> None:
        self.db = db
        self.options = options
        self.clock = clock
        self.carriers = carriers
        self.saver = saver
        self.webhooks = webhooks

    def get(self, entity: Entity, key: int) -> Row:
        """A row that is not deleted. Raises ApiError 404; a softly deleted one by the tenant's way."""
        row = self.db[entity.table].get(key)
        if row is None or (self._is_deleted(row) and self.options.deleted_read == "404"):
            raise not_found(f"{entity.name} with id {key}")
        return row

    @staticmethod
    def _is_deleted(row: Row) -> bool:
        return row.get("deletedDate") is not None

    def default(self, entity: Entity, actor: Actor) -> Row:
        """A blank row with the tenant's preferences; it may already use up a number."""
        row: Row = {entity.pk: 0, **BY_NAME[entity.table].columns}
        if "associate_id" in row:
            row["associate_id"] = actor.associate_id
        if "country_id" in row:
            row["country_id"] = NORWAY
        for field in entity.fields:
            if field.kind == "list" and field.mandatory:
                row[field.column] = next((item[self.db[field.table].pk] for item in self.db[field.table]), 0)
        if entity.table == "project":
            today = self.clock.today()
            row["status_idx"] = next((item["projstatus_id"] for item in self.db["projstatus"]), 0)
            row["endDate"] = Manner().local((today + timedelta(days=90)).isoformat())
        series = self.options.numbers[entity.table]
        if series.allocate:
            row[entity.number] = str(series.next_number)
            if self.options.default_consumes_number:
                series.next_number += 1
        return row

    def create(self, entity: Entity, document: Mapping[str, Any], manner: Manner, actor: Actor) -> Row:
        """A new record; the number is allotted where the tenant does so. Raises ApiError 400."""
        blank: Row = {entity.pk: 0, **BY_NAME[entity.table].columns}
        changes = self.saver.changes(entity, blank, document, manner, whole=True)
        values = {**blank, **changes.root}
        if "associate_id" in values and not values["associate_id"]:
            values["associate_id"] = changes.root["associate_id"] = actor.associate_id
        if self.options.mandatory_on_create:
            problems = self.problems(entity, values)
            if problems:
                raise bad_request("; ".join(f"{name}: {text}" for name, text in problems.items()))
        changes.root[entity.number] = self._number(entity, str(values[entity.number]), 0)
        now = self.clock.now()
        stamps = {
            "registered": now,
            "registered_associate_id": actor.associate_id,
            "updated": now,
            "updated_associate_id": actor.associate_id,
        }
        row = self.db[entity.table].insert({**changes.root, **stamps})
        self._children(entity, row[entity.pk], changes, actor)
        self._announce("created", entity.table, row, [*changes.root, *stamps], actor)
        return row

    def problems(self, entity: Entity, values: Mapping[str, Any]) -> dict[str, str]:
        """What the rules for obligatory fields find missing, by property name."""
        found = {
            field.name: "A value is required" for field in entity.fields if field.mandatory and not values[field.column]
        }
        if entity.table == "person":
            if not values["contact_id"] and not self.options.persons_without_company:
                found["Contact"] = "A value is required"
            if values["lastname"]:
                found.pop("Firstname", None)
        return found

    def replace(
        self, entity: Entity, key: int, document: Mapping[str, Any], manner: Manner, actor: Actor, *, whole: bool = True
    ) -> Row:
        """PUT: the whole record is replaced, what is missing is reset (with `whole` False it is kept)."""
        row = self.get(entity, key)
        self.commit(entity, row, self.saver.changes(entity, row, document, manner, whole=whole), actor)
        return row

    def patch(self, entity: Entity, key: int, body: Any, manner: Manner, actor: Actor) -> Row:
        """PATCH of either kind. Raises ApiError 400, 404, 409."""
        row = self.get(entity, key)
        document = self.carriers.entity(entity, row, manner)
        patch = patching.operations(body, document)
        patched = patching.apply(document, patch, manner)
        address = pick(patched, "Address")
        if isinstance(address, dict) and not patching.touches(patch, "Address", "LocalizedAddress"):
            address.pop("LocalizedAddress", None)
        self.commit(entity, row, self.saver.changes(entity, row, patched, manner, whole=True), actor)
        return row

    def commit(self, entity: Entity, row: Row, changes: Changes, actor: Actor) -> None:
        """Write the changes of one save. A save without changes leaves no trace."""
        if not changes:
            return
        if entity.number in changes.root:
            changes.root[entity.number] = self._number(entity, changes.root[entity.number], row[entity.pk])
        if changes.root or self.options.child_edits_touch_root:
            self.touch(entity.table, row, changes.root, actor)
        self._children(entity, row[entity.pk], changes, actor)

    def touch(self, table: str, row: Row, values: Mapping[str, Any], actor: Actor) -> None:
        """Update one root row with its stamps, and announce it."""
        key = row[self.db[table].pk]
        stamps = {
            "updated": self.clock.now(),
            "updated_associate_id": actor.associate_id,
            "updatedCount": row["updatedCount"] + 1,
        }
        self.db[table].update(key, {**values, **stamps})
        self._announce("changed", table, row, [*values, *_STAMP_COLUMNS], actor)

    def delete(self, entity: Entity, key: int, actor: Actor) -> None:
        """Soft for companies and persons (undeletable for 14 days), final for projects."""
        row = self.get(entity, key)
        if not entity.soft:
            self.remove(entity, row, actor)
            return
        stamps = {"updated": self.clock.now(), "updated_associate_id": actor.associate_id}
        self.db[entity.table].update(key, {"deleted": 1, "deletedDate": self.clock.now(), **stamps})
        self._announce("softdeleted", entity.table, row, ["deleted", "deletedDate", *_STAMP_COLUMNS], actor)

    def undelete(self, entity: Entity, key: int, actor: Actor) -> None:
        row = self.db[entity.table].get(key)
        if row is None or not self._is_deleted(row):
            raise not_found(f"deleted {entity.name} with id {key}")
        self.touch(entity.table, row, {"deleted": 0, "deletedDate": None}, actor)

    def remove(self, entity: Entity, row: Row, actor: Actor) -> None:
        """Take a row and all that belongs to it out for good."""
        key = row[entity.pk]
        for table, column in _OWNED[entity.table]:
            for child in self.db[table].where(column, key):
                if _belongs(entity.table, child):
                    self.db[table].delete(child[self.db[table].pk])
        values = user_fields.values_row(self.db, entity.table, key)
        if values is not None:
            self.db["udvalue"].delete(values["udvalue_id"])
        for link in self.db["foreignkey"].where("record_id", key):
            if link["table"] == entity.table:
                self.db["foreignkey"].delete(link["foreignkey_id"])
        for member in self.db["projectmember"].where(_MEMBER_COLUMN[entity.table], key):
            self.remove_member(member, actor)
        self.db[entity.table].delete(key)
        self._announce("deleted", entity.table, row, [], actor)

    def purge(self, system: Actor) -> None:
        """Remove what has been deleted for 14 days, as the vendor's nightly job does."""
        limit = self.clock.now() - SOFT_DELETE_KEPT
        for entity in ENTITIES.values():
            if entity.soft:
                for row in self.db[entity.table]:
                    if row["deletedDate"] is not None and row["deletedDate"] <= limit:
                        self.remove(entity, row, system)

    def merge(self, entity: Entity, source: int, destination: int, actor: Actor) -> None:
        """Merge two records of a kind: the source's id vanishes, what hung on it moves, and the log tells."""
        old, kept = self.get(entity, source), self.get(entity, destination)
        if source == destination:
            raise bad_request("A record cannot be merged into itself")
        if entity.table == "contact":
            for person in self.db["person"].where("contact_id", source):
                self.touch("person", person, {"contact_id": destination}, actor)
        for member in self.db["projectmember"].where(_MEMBER_COLUMN[entity.table], source):
            self.touch("projectmember", member, {_MEMBER_COLUMN[entity.table]: destination}, actor)
        self._log(entity.table, MERGE, source, destination, actor)
        self.remove(entity, old, actor)
        self.touch(entity.table, kept, {}, actor)

    def move(self, person_id: int, contact_id: int, actor: Actor) -> None:
        """Move a person to another company."""
        person = self.get(ENTITIES["person"], person_id)
        self.get(ENTITIES["contact"], contact_id)
        self.touch("person", person, {"contact_id": contact_id}, actor)
        for member in self.db["projectmember"].where("person_id", person_id):
            self.touch("projectmember", member, {"contact_id": contact_id}, actor)
        self._log("person", MOVE, person_id, contact_id, actor)

    def add_member(self, project_id: int, person_id: int, kind: int, comment: str, actor: Actor) -> Row:
        person = self.get(ENTITIES["person"], person_id)
        values = {
            "project_id": project_id,
            "person_id": person_id,
            "contact_id": person["contact_id"],
            "mtype_idx": kind or 1,
            "text": comment,
        }
        row = self.insert("projectmember", values, actor)
        self._announce("created", "projectmember", row, list(values), actor)
        return row

    def remove_member(self, member: Row, actor: Actor) -> None:
        self.db["projectmember"].delete(member["projectmember_id"])
        self._announce("deleted", "projectmember", member, [], actor)

    def insert(self, table: str, values: Mapping[str, Any], actor: Actor) -> Row:
        """Add a stamped row of any table, without announcing it."""
        now = self.clock.now()
        who = {"registered_associate_id": actor.associate_id, "updated_associate_id": actor.associate_id}
        return self.db[table].insert({**values, "registered": now, "updated": now, **who})

    def update_child(self, table: str, row: Row, values: Mapping[str, Any], actor: Actor) -> None:
        """Update a child row with its own stamps, without announcing it."""
        stamps = {"updated": self.clock.now(), "updated_associate_id": actor.associate_id}
        count = {"updatedCount": row["updatedCount"] + 1}
        self.db[table].update(row[self.db[table].pk], {**values, **stamps, **count})

    def announce_list(self, list_name: str, verb: str, row: Row, table: str, actor: Actor) -> None:
        self.webhooks.announce(
            f"list.{list_name}.{verb}", list_name, row[self.db[table].pk], ["name"], actor.associate_id
        )

    def _children(self, entity: Entity, key: int, changes: Changes, actor: Actor) -> None:
        for change in changes.children:
            self._child(change, entity, key, actor)
        if changes.user_values is not None:
            row = user_fields.values_row(self.db, entity.table, key)
            if row is None:
                owner = {"owner_table": entity.table, "owner_id": key}
                self.insert("udvalue", {**owner, "values": changes.user_values}, actor)
            else:
                self.update_child("udvalue", row, {"values": changes.user_values}, actor)
        if changes.members is not None:
            for member in self.db["projectmember"].where("project_id", key):
                self.remove_member(member, actor)
            for wanted in changes.members:
                self.add_member(key, wanted["person_id"], wanted["mtype_idx"], wanted["text"], actor)

    def _child(self, change: ChildChange, entity: Entity, key: int, actor: Actor) -> None:
        table = self.db[change.table]
        if change.values is None:
            table.delete(change.key)
        elif change.key:
            self.update_child(change.table, table.rows[change.key], change.values, actor)
        else:
            owner = next(column for name, column in _OWNED[entity.table] if name == change.table)
            self.insert(change.table, {**change.values, owner: key}, actor)

    def _number(self, entity: Entity, number: str, key: int) -> str:
        series = self.options.numbers[entity.table]
        if not number and series.allocate and not key:
            number = str(series.next_number)
            series.next_number += 1
        if series.unique and (number or not series.allow_blank):
            table = self.db[entity.table]
            for row in table:
                if row[table.pk] != key and row[entity.number] == number:
                    raise ApiError(400, f"The number '{number}' is in use", "SoNumberNotUniqueException")
        return number

    def _log(self, table: str, operation: int, source: int, destination: int, actor: Actor) -> None:
        values = {
            "tableNumber": self.options.table_numbers[table],
            "operation": operation,
            "sourceRecord": source,
            "destinationRecord": destination,
        }
        self.insert("mergemovelog", values, actor)

    def _announce(self, verb: str, table: str, row: Row, columns: list[str], actor: Actor) -> None:
        pk = self.db[table].pk
        changes = [pk, *dict.fromkeys(column for column in columns if column != pk)] if columns else []
        self.webhooks.announce(f"{table}.{verb}", table, row[pk], changes, actor.associate_id, row)


def _belongs(table: str, child: Row) -> bool:
    """Phones and addresses of companies and persons share one owner column; their type tells them apart."""
    kind = child.get("ptype_idx", child.get("atype_idx"))
    return kind is None or (kind >= _PERSON_TYPES) == (table == "person")
