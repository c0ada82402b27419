"""`/ForeignApp` (section 4.2)."""

from __future__ import annotations

from sounimicro_pipelines.sandbox.superoffice import foreign_keys as fk
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request, not_found
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Router
from sounimicro_pipelines.sandbox.superoffice.tables import Row
from sounimicro_pipelines.sandbox.superoffice.wire import pick


def add_routes(router: Router) -> None:
    root = "ForeignApp"
    router.add("GET", root, _apps)
    router.add("GET", f"{root}/default", lambda call: Answer({"ForeignAppId": 0, "Name": "", "Devices": []}))
    router.add("POST", root, _post_app)
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        router.add(method, f"{root}/{{id:int}}", _app_by_id)
    for method in ("GET", "POST", "PUT"):
        router.add(method, f"{root}/{{app}}", _app_by_name)
    router.add("GET", f"{root}/{{app}}/Devices", _devices)
    for method in ("POST", "PUT"):
        router.add(method, f"{root}/{{app}}/{{device}}/{{identifier}}/Key", _save_key)
    for place in (f"{root}/{{app}}/{{device}}", f"{root}/{{app}}/{{device}}/{{identifier}}"):
        router.add("GET", f"{place}/Key/{{key}}/{{table}}/{{record:int}}/Value", _key_value)
        router.add("GET", f"{place}/Key/{{key}}/{{table}}/{{record:int}}", _key)
        router.add("DELETE", f"{place}/Key/{{key}}/{{table}}/{{record:int}}", _delete_key)
        router.add("GET", f"{place}/Key/{{key}}/{{table}}", _reverse)
    for method in ("GET", "POST", "PUT", "DELETE"):
        router.add(method, f"{root}/{{app}}/{{device}}/{{identifier}}", _device)


def _apps(call: Call) -> Answer:
    return Answer([fk.app_carrier(call.state.db, row, call.manner) for row in call.state.db["foreignapp"]])


def _post_app(call: Call) -> Answer:
    return _create_app(call, str(pick(call.document, "Name", "") or ""))


def _create_app(call: Call, name: str) -> Answer:
    if not name:
        raise bad_request("A foreign app wants a name")
    db = call.state.db
    existing = next((row for row in db["foreignapp"] if row["name"].lower() == name.lower()), None)
    row = existing or call.state.records.insert("foreignapp", {"name": name}, call.actor)
    if existing is None:
        call.state.written("create", "foreignapp", row["foreignapp_id"], {}, {"Name": name}, call.actor)
    return Answer(fk.app_carrier(db, row, call.manner))


def _app_by_id(call: Call) -> Answer:
    db, key = call.state.db, call.number("id")
    row = db["foreignapp"].get(key)
    if row is None:
        raise not_found(f"ForeignApp {key}")
    if call.method == "DELETE":
        for device in db["foreigndevice"].where("foreignapp_id", key):
            _remove_device(call, device)
        db["foreignapp"].delete(key)
        call.state.written("delete", "foreignapp", key, {"Name": row["name"]}, {}, call.actor)
        return Answer(status=204)
    if call.method in ("PUT", "PATCH"):
        name = str(pick(call.document, "Name", row["name"]) or row["name"])
        call.state.records.update_child("foreignapp", row, {"name": name}, call.actor)
    return Answer(fk.app_carrier(db, row, call.manner))


def _app_by_name(call: Call) -> Answer:
    if call.method == "GET":
        return Answer(fk.app_carrier(call.state.db, fk.app_row(call.state.db, call.text("app")), call.manner))
    return _create_app(call, call.text("app"))


def _devices(call: Call) -> Answer:
    app = fk.app_row(call.state.db, call.text("app"))
    rows = call.state.db["foreigndevice"].where("foreignapp_id", app["foreignapp_id"])
    return Answer([fk.device_carrier(call.state.db, row, call.manner) for row in rows])


def _device(call: Call) -> Answer:
    db = call.state.db
    app, name, identifier = fk.app_row(db, call.text("app")), call.text("device"), call.text("identifier")
    rows = fk.device_rows(db, app, name, identifier)
    if call.method in ("POST", "PUT"):
        values = {"name": name, "device_identifier": identifier, "foreignapp_id": app["foreignapp_id"]}
        row = rows[0] if rows else call.state.records.insert("foreigndevice", values, call.actor)
        if not rows:
            call.state.written("create", "foreigndevice", row["foreigndevice_id"], {}, values, call.actor)
        return Answer(fk.device_carrier(db, row, call.manner))
    row = fk.device_row(db, app, name, identifier)
    if call.method == "DELETE":
        _remove_device(call, row)
        return Answer(status=204)
    return Answer(fk.device_carrier(db, row, call.manner))


def _remove_device(call: Call, device: Row) -> None:
    db, key = call.state.db, device["foreigndevice_id"]
    for row in db["foreignkey"].where("foreigndevice_id", key):
        db["foreignkey"].delete(row["foreignkey_id"])
    db["foreigndevice"].delete(key)
    call.state.written("delete", "foreigndevice", key, {"Name": device["name"]}, {}, call.actor)


def _places(call: Call) -> list[Row]:
    db = call.state.db
    app = fk.app_row(db, call.text("app"))
    identifier = call.text("identifier") if "identifier" in call.params else None
    rows = fk.device_rows(db, app, call.text("device"), identifier)
    if not rows:
        raise not_found(f"ForeignDevice '{call.text('device')}'")
    return rows


def _found(call: Call) -> Row:
    rows = fk.find(
        call.state.db, _places(call), call.text("key"), call.text("table").lower(), record_id=call.number("record")
    )
    if not rows:
        raise not_found("ForeignKey")
    return rows[0]


def _key(call: Call) -> Answer:
    call.read(1)
    return Answer(fk.key_carrier(call.state.db, _found(call), call.manner))


def _key_value(call: Call) -> Answer:
    return Answer(_found(call)["subvalue"])


def _reverse(call: Call) -> Answer:
    value = next((text for name, text in call.query.items() if name.lower() == "keyvalue"), None)
    if value is None:
        raise bad_request("The reverse lookup wants keyValue")
    rows = fk.find(call.state.db, _places(call), call.text("key"), call.text("table").lower(), value=value)
    if not rows:
        raise not_found("ForeignKey")
    call.read(1)
    return Answer(fk.key_carrier(call.state.db, rows[0], call.manner))


def _save_key(call: Call) -> Answer:
    db = call.state.db
    app = fk.app_row(db, call.text("app"))
    device = fk.device_row(db, app, call.text("device"), call.text("identifier"))
    document = call.document
    row, new = fk.save(call.state.records, device, document, call.actor)
    after = {"App": app["name"], "Device": device["name"], "Key": row["subkey"], "Value": row["subvalue"]}
    after |= {"TableName": row["table"], "RecordId": row["record_id"]}
    call.state.written("create" if new else "update", "foreignkey", row["foreignkey_id"], {}, after, call.actor)
    return Answer(fk.key_carrier(db, row, call.manner))


def _delete_key(call: Call) -> Answer:
    row = _found(call)
    before = {"Key": row["subkey"], "Value": row["subvalue"], "TableName": row["table"], "RecordId": row["record_id"]}
    call.state.db["foreignkey"].delete(row["foreignkey_id"])
    call.state.written("delete", "foreignkey", row["foreignkey_id"], before, {}, call.actor)
    return Answer(status=204)
