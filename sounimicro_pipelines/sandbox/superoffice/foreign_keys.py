"""Foreign apps, devices and keys (section 4.2): other systems' ids on our records, with reverse lookup."""

from __future__ import annotations

from typing import Any

from sounimicro_pipelines.sandbox.superoffice import references
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request, not_found
from sounimicro_pipelines.sandbox.superoffice.records import Actor, Records
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.wire import Manner, pick

_LONGEST = 239
TABLES = ("contact", "person", "project", "sale", "associate")


def of_record(db: Database, table: str, record_id: int) -> dict[str, str]:
    """All keys of a record as `app.device.key` → value."""
    found: dict[str, str] = {}
    for key in db["foreignkey"].where("record_id", record_id):
        device = db["foreigndevice"].get(key["foreigndevice_id"])
        app = db["foreignapp"].get(device["foreignapp_id"]) if device else None
        if key["table"] == table and device and app:
            found[f"{app['name']}.{device['name']}.{key['subkey']}"] = key["subvalue"]
    return found


def app_row(db: Database, name: str) -> Row:
    """An app by its name in any case. Raises ApiError 404."""
    row = next((row for row in db["foreignapp"] if row["name"].lower() == name.lower()), None)
    if row is None:
        raise not_found(f"ForeignApp '{name}'")
    return row


def device_rows(db: Database, app: Row, name: str, identifier: str | None) -> list[Row]:
    """Devices of an app by name, and identifier where one is given."""
    return [
        row
        for row in db["foreigndevice"].where("foreignapp_id", app["foreignapp_id"])
        if row["name"].lower() == name.lower()
        and (identifier is None or row["device_identifier"].lower() == identifier.lower())
    ]


def device_row(db: Database, app: Row, name: str, identifier: str | None) -> Row:
    """Raises ApiError 404."""
    rows = device_rows(db, app, name, identifier)
    if not rows:
        raise not_found(f"ForeignDevice '{name}'")
    return rows[0]


def find(
    db: Database, devices: list[Row], key: str, table: str, *, record_id: int | None = None, value: str | None = None
) -> list[Row]:
    """Keys by record, or by value (the reverse lookup)."""
    ids = {row["foreigndevice_id"] for row in devices}
    return [
        row
        for row in (db["foreignkey"].where("record_id", record_id) if record_id is not None else db["foreignkey"])
        if row["foreigndevice_id"] in ids
        and row["subkey"].lower() == key.lower()
        and row["table"] == table.lower()
        and (value is None or row["subvalue"] == value)
    ]


def save(records: Records, device: Row, document: dict[str, Any], actor: Actor) -> tuple[Row, bool]:
    """Add a key, or set the value of the one the record has under that name. Returns the row and whether it is new.

    Nothing keeps two records from having the same value. Raises ApiError 400.
    """
    name, value = str(pick(document, "Key", "") or ""), str(pick(document, "Value", "") or "")
    table = str(pick(document, "TableName", "") or "").lower()
    record_id = pick(document, "RecordId", 0)
    if not name or table not in TABLES or not isinstance(record_id, int) or record_id <= 0:
        raise bad_request("A foreign key wants Key, TableName and RecordId")
    if len(name) > _LONGEST or len(value) > _LONGEST:
        raise bad_request(f"Key and Value hold at most {_LONGEST} characters")
    found = find(records.db, [device], name, table, record_id=record_id)
    if found:
        if found[0]["subvalue"] != value:
            records.update_child("foreignkey", found[0], {"subvalue": value}, actor)
        return found[0], False
    values = {"subkey": name, "subvalue": value, "table": table, "record_id": record_id}
    return records.insert("foreignkey", {**values, "foreigndevice_id": device["foreigndevice_id"]}, actor), True


def app_carrier(db: Database, row: Row, manner: Manner) -> dict[str, Any]:
    devices = db["foreigndevice"].where("foreignapp_id", row["foreignapp_id"])
    return {
        "ForeignAppId": row["foreignapp_id"],
        "Name": row["name"],
        **_stamps(db, row, manner),
        "Devices": [device_carrier(db, device, manner) for device in devices],
    }


def device_carrier(db: Database, row: Row, manner: Manner) -> dict[str, Any]:
    return {
        "ForeignDeviceId": row["foreigndevice_id"],
        "Name": row["name"],
        "DeviceIdentifier": row["device_identifier"],
        "ForeignAppId": row["foreignapp_id"],
        **_stamps(db, row, manner),
    }


def key_carrier(db: Database, row: Row, manner: Manner) -> dict[str, Any]:
    return {
        "Key": row["subkey"],
        "Value": row["subvalue"],
        "RecordId": row["record_id"],
        "TableName": row["table"],
        **_stamps(db, row, manner),
    }


def _stamps(db: Database, row: Row, manner: Manner) -> dict[str, Any]:
    return {
        "CreatedDate": manner.stamp(row["registered"]),
        "UpdatedDate": manner.stamp(row["updated"]),
        "CreatedBy": references.associate(db, row["registered_associate_id"]),
        "UpdatedBy": references.associate(db, row["updated_associate_id"]),
        "TableRight": None,
        "FieldProperties": {},
    }
