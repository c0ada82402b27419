"""`/Contact`, `/Person`, `/Project`: the verbs of section 2.1, duplicates, merge and move."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import foreign_keys, references, user_fields
from sounimicro_pipelines.sandbox.superoffice.fields import ENTITIES, Entity
from sounimicro_pipelines.sandbox.superoffice.rights import DELETE, INSERT, READ, WRITE
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Handler, Router, last_modified
from sounimicro_pipelines.sandbox.superoffice.tables import BY_NAME, Row
from sounimicro_pipelines.sandbox.superoffice.wire import find_key

_ALWAYS_SELECTED = ("TableRight", "FieldProperties", "_Links")


def add_routes(router: Router) -> None:
    for entity in ENTITIES.values():
        _add_entity(router, entity)
    contact, person = ENTITIES["contact"], ENTITIES["person"]
    router.add("POST", "Person/{id:int}/MoveTo/{contact:int}", _move)
    for entity in (contact, ENTITIES["project"]):
        router.add("GET", f"{entity.name}/Duplicates/{{name}}", _bind(_duplicates, entity))
        router.add("GET", f"{entity.name}/DuplicateRules", lambda call: Answer(_duplicate_rules()))
    router.add("GET", "Contact/DuplicateDomains/{domain}", _duplicate_domains)
    for entity in (contact, person, ENTITIES["project"]):
        router.add("POST", f"{entity.name}/{{id:int}}/MergeTo/{{destination:int}}", _bind(_merge, entity))


def _add_entity(router: Router, entity: Entity) -> None:
    name = entity.name
    router.add("GET", f"{name}/default", _bind(_default, entity))
    router.add("POST", f"{name}/Validate", _bind(_validate, entity))
    router.add("GET", f"{name}/UdefLayout/Published", _bind(_layout, entity))
    router.add("GET", f"{name}/CustomField", _bind(_custom_fields, entity))
    router.add("POST", name, _bind(_create, entity))
    router.add("GET", f"{name}/{{id:int}}", _bind(_get, entity))
    router.add("PUT", f"{name}/{{id:int}}", _bind(_put, entity))
    router.add("PATCH", f"{name}/{{id:int}}", _bind(_patch, entity))
    router.add("DELETE", f"{name}/{{id:int}}", _bind(_delete, entity))
    router.add("GET", f"{name}/{{id:int}}/Simple", _bind(_simple, entity))
    router.add("GET", f"{name}/{{id:int}}/ForeignKey", _bind(_foreign_keys, entity))


def _bind(handler: Callable[[Call, Entity], Answer], entity: Entity) -> Handler:
    return lambda call: handler(call, entity)


def document(call: Call, entity: Entity, row: Row) -> dict[str, Any]:
    """The entity as it is answered: with rights and links."""
    state, key = call.state, row[entity.pk]
    found = state.carriers.entity(entity, row, call.manner)
    granted = state.sentry.rights(state.db, call.associate_id, entity.table, key)
    found = state.carriers.with_rights(found, entity, granted)
    if state.options.links_in_carriers:
        base = f"{call.base}/api/v1/{entity.name}"
        found["_Links"] = {"Self": f"{base}/{key}", "Archive": base} if key else {"Archive": base}
    return found


def _answer(call: Call, entity: Entity, row: Row) -> Answer:
    call.read(1)
    return Answer(document(call, entity, row), headers=last_modified(row["updated"]))


def _default(call: Call, entity: Entity) -> Answer:
    return Answer(document(call, entity, call.state.records.default(entity, call.actor)))


def _get(call: Call, entity: Entity) -> Answer:
    row = call.state.records.get(entity, call.number("id"))
    call.require(READ, entity.table, row[entity.pk])
    call.unmodified(row["updated"])
    if call.not_modified(row["updated"]):
        return Answer(status=304, headers=last_modified(row["updated"]))
    answer = _answer(call, entity, row)
    if call.flag("fk"):
        links = foreign_keys.of_record(call.state.db, entity.table, row[entity.pk])
        answer.body["ExtraFields"] = {**answer.body["ExtraFields"], **links}
    return Answer(_selected(call, entity, answer.body), headers=answer.headers)


def _selected(call: Call, entity: Entity, found: dict[str, Any]) -> dict[str, Any]:
    """`$select` on an entity: the other properties are null."""
    wanted = [name.strip() for name in call.query.get("$select", "").split(",") if name.strip()]
    if not wanted:
        return found
    kept = {find_key(found, name) for name in wanted} | {entity.key, *_ALWAYS_SELECTED}
    return {name: value if name in kept else None for name, value in found.items()}


def _create(call: Call, entity: Entity) -> Answer:
    call.require(INSERT, entity.table)
    key = call.state.insert(entity, call.document, call.manner, call.actor)
    return _answer(call, entity, call.state.db[entity.table].rows[key])


def _put(call: Call, entity: Entity) -> Answer:
    row = _writable(call, entity, WRITE)
    call.state.put(entity, row[entity.pk], call.document, call.manner, call.actor)
    return _answer(call, entity, row)


def _patch(call: Call, entity: Entity) -> Answer:
    row = _writable(call, entity, WRITE)
    call.state.patch(entity, row[entity.pk], call.body, call.manner, call.actor)
    return _answer(call, entity, row)


def _delete(call: Call, entity: Entity) -> Answer:
    row = _writable(call, entity, DELETE)
    call.state.remove(entity, row[entity.pk], call.actor)
    return Answer(status=204)


def _writable(call: Call, entity: Entity, right: str) -> Row:
    row = call.state.records.get(entity, call.number("id"))
    call.require(right, entity.table, row[entity.pk])
    call.unmodified(row["updated"])
    return row


def _simple(call: Call, entity: Entity) -> Answer:
    row = call.state.records.get(entity, call.number("id"))
    call.require(READ, entity.table, row[entity.pk])
    call.read(1)
    if entity.table == "contact":
        return Answer(references.slim_contact(call.state.db, row["contact_id"], call.manner))
    if entity.table == "person":
        return Answer(references.slim_person(call.state.db, row, call.manner))
    found = call.state.carriers.entity(entity, row, call.manner)
    return Answer({name: value for name, value in found.items() if not isinstance(value, list | dict)})


def _foreign_keys(call: Call, entity: Entity) -> Answer:
    row = call.state.records.get(entity, call.number("id"))
    return Answer(foreign_keys.of_record(call.state.db, entity.table, row[entity.pk]))


def _validate(call: Call, entity: Entity) -> Answer:
    saver = call.state.records.saver
    blank: Row = {entity.pk: 0, **BY_NAME[entity.table].columns}
    values = {**blank, **saver.changes(entity, blank, call.document, call.manner, whole=True).root}
    return Answer(call.state.records.problems(entity, values))


def _layout(call: Call, entity: Entity) -> Answer:
    return Answer(user_fields.layout(call.state.user_fields, entity.table, call.manner))


def _custom_fields(call: Call, entity: Entity) -> Answer:
    return Answer(user_fields.custom_fields(call.state.user_fields, entity.table, call.manner))


def _merge(call: Call, entity: Entity) -> Answer:
    source, destination = call.number("id"), call.number("destination")
    call.require(DELETE, entity.table, source)
    call.require(WRITE, entity.table, destination)
    call.state.merge_records(entity, source, destination, call.actor)
    return _answer(call, entity, call.state.db[entity.table].rows[destination])


def _move(call: Call) -> Answer:
    entity = ENTITIES["person"]
    row = _writable(call, entity, WRITE)
    call.state.move_record(row["person_id"], call.number("contact"), call.actor)
    return _answer(call, entity, row)


def _duplicates(call: Call, entity: Entity) -> Answer:
    wanted, department = _normal(call.text("name")), call.query.get("department", "")
    found = [
        _duplicate("name", entity, row)
        for row in call.state.db[entity.table]
        if row.get("deletedDate") is None
        and wanted
        and _normal(row["name"]).startswith(wanted)
        and (not department or row.get("department", "").lower() == department.lower())
    ]
    call.read(len(found))
    return Answer(found)


def _duplicate_domains(call: Call) -> Answer:
    entity, db = ENTITIES["contact"], call.state.db
    wanted = call.text("domain").lower()
    keys: set[int] = set()
    for row in db["email"]:
        if row["email_address"].lower().rpartition("@")[2] == wanted:
            person = db["person"].get(row["person_id"])
            keys.add(row["contact_id"] or (person["contact_id"] if person else 0))
    for row in db["url"]:
        if row["contact_id"] and wanted in row["url_address"].lower():
            keys.add(row["contact_id"])
    rows = [db["contact"].rows[key] for key in sorted(keys) if key in db["contact"].rows]
    call.read(len(rows))
    return Answer([_duplicate("domain", entity, row) for row in rows if row["deletedDate"] is None])


def _duplicate(rule: str, entity: Entity, row: Row) -> dict[str, Any]:
    shown = references.name_department(row) if entity.table == "contact" else row["name"]
    return {
        "RuleName": rule,
        "SoPrimaryKey": str(row[entity.pk]),
        "EntryName": shown,
        "EntryIdentifier": row[entity.number],
        "RuleDisplayName": {"name": "Navn", "domain": "Domene"}[rule],
    }


def _duplicate_rules() -> list[dict[str, Any]]:
    return [
        {"Name": "name", "DisplayName": "Navn", "IsActive": True},
        {"Name": "domain", "DisplayName": "Domene", "IsActive": True},
    ]


def _normal(name: str) -> str:
    return re.sub(r"\b(as|asa|ans|da|sa)\b|[^0-9a-zæøå]", "", name.lower())
