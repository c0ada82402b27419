"""The few agent methods that REST lacks or that are cheaper (sections 2.1, 4.2). "Not found" is 200 with null."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import foreign_keys, references
from sounimicro_pipelines.sandbox.superoffice.errors import ApiError, bad_request
from sounimicro_pipelines.sandbox.superoffice.fields import ENTITIES, Entity
from sounimicro_pipelines.sandbox.superoffice.rights import WRITE
from sounimicro_pipelines.sandbox.superoffice.routes_entities import document
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Handler, Router
from sounimicro_pipelines.sandbox.superoffice.wire import pick


def add_routes(router: Router) -> None:
    for entity in ENTITIES.values():
        agent, name = f"Agents/{entity.name}", f"{entity.name}Entity"
        router.add("POST", f"{agent}/CreateDefault{name}", _bind(_create_default, entity))
        router.add("POST", f"{agent}/Get{name}", _bind(_get, entity))
        router.add("POST", f"{agent}/Merge", _bind(_merge, entity))
        if entity.soft:
            router.add("POST", f"{agent}/Undelete", _bind(_undelete, entity))
    router.add("POST", "Agents/Contact/IsNumberValid", _is_number_valid)
    router.add("POST", "Agents/Project/AddProjectMembers", _add_members)
    router.add("POST", "Agents/Project/DeleteProjectMembers", _delete_members)
    router.add("POST", "Agents/ForeignSystem/GetDeviceKeysOnDeviceIdentifierTable", _device_keys)
    router.add("POST", "Agents/ForeignSystem/GetAllForeignKeysOnEntity", _entity_keys)
    router.add("POST", "Agents/ForeignSystem/GetKeyByValue", _key_by_value)


def _bind(handler: Callable[[Call, Entity], Answer], entity: Entity) -> Handler:
    return lambda call: handler(call, entity)


def _argument(call: Call, *names: str) -> Any:
    """An argument by any of its names, from the query or the body."""
    body = call.body if call.content else {}
    for name in names:
        for source in (call.query, body):
            value = pick(source, name)
            if value is not None:
                return value
    raise bad_request(f"The method wants {names[0]}")


def _number(call: Call, *names: str) -> int:
    try:
        return int(_argument(call, *names))
    except (TypeError, ValueError):
        raise bad_request(f"{names[0]} must be a number") from None


def _create_default(call: Call, entity: Entity) -> Answer:
    return Answer(document(call, entity, call.state.records.default(entity, call.actor)))


def _get(call: Call, entity: Entity) -> Answer:
    key = _number(call, f"{entity.table}EntityId", entity.key, "Id")
    try:
        row = call.state.records.get(entity, key)
    except ApiError:
        return Answer(None)
    call.read(1)
    return Answer(document(call, entity, row) if call.may_read(entity.table, key) else None)


def _merge(call: Call, entity: Entity) -> Answer:
    source = _number(call, f"Source{entity.key}", "SourceId")
    destination = _number(call, f"Destination{entity.key}", "DestinationId")
    call.require(WRITE, entity.table, destination)
    call.state.merge_records(entity, source, destination, call.actor)
    return Answer(None)


def _undelete(call: Call, entity: Entity) -> Answer:
    key = _number(call, "Id", entity.key)
    call.require(WRITE, entity.table, key)
    with call.state.recorded("update", entity, key, call.actor) as actor:
        call.state.records.undelete(entity, key, actor)
    return Answer(None)


def _is_number_valid(call: Call) -> Answer:
    number, key = str(_argument(call, "Number", "ContactNumber")), int(pick(call.document, "ContactId", 0) or 0)
    taken = any(row["number2"] == number and row["contact_id"] != key for row in call.state.db["contact"])
    return Answer(not (taken and call.state.options.numbers["contact"].unique))


def _add_members(call: Call) -> Answer:
    project = call.state.records.get(ENTITIES["project"], _number(call, "ProjectId"))
    call.require(WRITE, "project", project["project_id"])
    members = _argument(call, "ProjectMembers")
    added = []
    for member in members if isinstance(members, list) else []:
        person, kind = int(pick(member, "PersonId", 0) or 0), int(pick(member, "ProjectMemberTypeId", 0) or 0)
        comment = str(pick(member, "Comment", "") or "")
        row = call.state.records.add_member(project["project_id"], person, kind, comment, call.actor)
        added.append(references.project_member(call.state.db, row, call.manner))
        values = {"ProjectId": row["project_id"], "PersonId": person}
        call.state.written("create", "projectmember", row["projectmember_id"], {}, values, call.actor)
    return Answer(added)


def _delete_members(call: Call) -> Answer:
    for key in _argument(call, "ProjectMemberIds", "ProjectMembers"):
        number = int(pick(key, "ProjectmemberId", 0)) if isinstance(key, dict) else int(key)
        row = call.state.db["projectmember"].get(number)
        if row is not None:
            call.state.records.remove_member(row, call.actor)
            before = {"ProjectId": row["project_id"], "PersonId": row["person_id"]}
            call.state.written("delete", "projectmember", number, before, {}, call.actor)
    return Answer(None)


def _device_keys(call: Call) -> Answer:
    """All keys of one table for a device: one call rebuilds a link table."""
    db = call.state.db
    try:
        app = foreign_keys.app_row(db, str(_argument(call, "ApplicationName", "AppName")))
        identifier = str(_argument(call, "DeviceIdentifier"))
        device = foreign_keys.device_row(db, app, str(_argument(call, "DeviceName")), identifier)
    except ApiError as error:
        if error.status != 404:
            raise
        return Answer(None)
    table = str(_argument(call, "TableName")).lower()
    rows = db["foreignkey"].where("foreigndevice_id", device["foreigndevice_id"])
    found = [foreign_keys.key_carrier(db, row, call.manner) for row in rows if row["table"] == table]
    call.read(len(found))
    return Answer(found)


def _entity_keys(call: Call) -> Answer:
    table, key = str(_argument(call, "TableName")).lower(), _number(call, "RecordId")
    rows = [row for row in call.state.db["foreignkey"].where("record_id", key) if row["table"] == table]
    return Answer([foreign_keys.key_carrier(call.state.db, row, call.manner) for row in rows])


def _key_by_value(call: Call) -> Answer:
    db = call.state.db
    try:
        app = foreign_keys.app_row(db, str(_argument(call, "ApplicationName", "AppName")))
        devices = [foreign_keys.device_row(db, app, str(_argument(call, "DeviceName")), None)]
    except ApiError as error:
        if error.status != 404:
            raise
        return Answer(None)
    key, value = str(_argument(call, "KeyName", "Key")), str(_argument(call, "KeyValue", "Value"))
    table = str(_argument(call, "TableName")).lower()
    rows = foreign_keys.find(db, devices, key, table, value=value)
    return Answer(foreign_keys.key_carrier(db, rows[0], call.manner) if rows else None)
