"""User-defined and extra fields (section 2.3): encoded dictionaries out, partial dictionaries in, and their layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sounimicro_pipelines.sandbox.superoffice.errors import bad_request
from sounimicro_pipelines.sandbox.superoffice.fields import UserField
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.wire import Manner, decode, encode

_COMPANIONS = (":displaytext", ":displaytooltip", ":org")
_BLANK: dict[str, Any] = {"text": "", "int": 0, "decimal": Decimal(0), "date": None, "checkbox": False, "list": 0}
_TYPES = {
    "text": "ShortText",
    "int": "Number",
    "decimal": "Decimal",
    "date": "Date",
    "checkbox": "Checkbox",
    "list": "List",
}


def fields_of(fields: Sequence[UserField], owner: str) -> list[UserField]:
    return [field for field in fields if field.owner == owner]


def values_row(db: Database, owner: str, owner_id: int) -> Row | None:
    return next((row for row in db["udvalue"].where("owner_id", owner_id) if row["owner_table"] == owner), None)


def stored(db: Database, fields: Sequence[UserField], owner: str, owner_id: int) -> dict[str, Any]:
    """Typed values by key; fields never set are blank."""
    row = values_row(db, owner, owner_id)
    values: dict[str, Any] = (row["values"] if row else None) or {}
    return {field.key: values.get(field.key, _BLANK[field.kind]) for field in fields_of(fields, owner)}


def carrier(
    db: Database, fields: Sequence[UserField], owner: str, values: Mapping[str, Any], manner: Manner
) -> dict[str, dict[str, str]]:
    """The three dictionaries `CustomFields`, `UserDefinedFields` and `ExtraFields`."""
    custom: dict[str, str] = {}
    user: dict[str, str] = {}
    extra: dict[str, str] = {}
    for field in fields_of(fields, owner):
        shown = _shown(field, values[field.key])
        target = extra if field.extra else user
        target[field.key] = custom[field.key] = shown
        if field.kind == "list":
            item = db["udlist"].get(int(values[field.key] or 0))
            companion = {
                f"{field.key}:DisplayText": manner.text(item["name"]) if item else "",
                f"{field.key}:DisplayTooltip": manner.text(item["tooltip"]) if item else "",
            }
            target.update(companion)
            custom.update(companion)
    return {"CustomFields": custom, "UserDefinedFields": user, "ExtraFields": extra}


def wanted(
    fields: Sequence[UserField], owner: str, before: Mapping[str, Any], dictionaries: Sequence[Mapping[str, Any] | None]
) -> dict[str, Any]:
    """The values after an incoming save.

    Each dictionary may be partial: absent keys keep their value. A key counts where it differs from what is stored;
    the first dictionary that changes it wins. Companion keys and unknown keys are ignored.
    """
    by_key = {field.key.lower(): field for field in fields_of(fields, owner)}
    after = dict(before)
    done: set[str] = set()
    for dictionary in dictionaries:
        for key, raw in (dictionary or {}).items():
            field = by_key.get(str(key).lower())
            if field is None or str(key).lower().endswith(_COMPANIONS) or field.key in done:
                continue
            value = _typed(field, raw)
            if value != before[field.key]:
                after[field.key] = value
                done.add(field.key)
    return after


def blank(fields: Sequence[UserField], owner: str) -> dict[str, Any]:
    return {field.key: _BLANK[field.kind] for field in fields_of(fields, owner)}


def layout(fields: Sequence[UserField], owner: str, manner: Manner) -> list[dict[str, Any]]:
    """Definitions in force; the id changes on every publish, `ProgId` and `UDefIdentity` do not."""
    return [
        {
            "UDefFieldId": 1000 + field.identity,
            "UDefIdentity": field.identity,
            "ProgId": field.prog_id or f"SuperOffice:{field.identity}",
            "FieldLabel": manner.text(field.label),
            "FieldType": _TYPES[field.kind],
            "TextLength": field.length if field.kind == "text" else 0,
            "ListTableId": field.list_id,
            "UDListDefinitionId": field.list_id,
            "TemplateVariableName": field.variable,
            "IsMandatory": False,
            "IsReadOnly": False,
            "ColumnId": field.identity,
        }
        for field in fields_of(fields, owner)
        if not field.extra
    ]


def custom_fields(fields: Sequence[UserField], owner: str, manner: Manner) -> list[dict[str, Any]]:
    """User-defined and extra fields in one listing."""
    return [
        {
            "FieldName": field.key,
            "DisplayName": manner.text(field.label),
            "FieldType": _TYPES[field.kind],
            "IsExtraField": field.extra,
            "MaxLength": field.length if field.kind == "text" else 0,
        }
        for field in fields_of(fields, owner)
    ]


def _shown(field: UserField, value: Any) -> str:
    if field.kind == "date" and value is None:
        return "[D:01/01/0001 00:00:00.0000000]"
    if field.kind == "checkbox" and field.extra:
        return f"[I:{int(bool(value))}]"
    return encode(value)


def _typed(field: UserField, raw: Any) -> Any:
    value = decode(raw)
    try:
        if value is None or value == "":
            return _BLANK[field.kind]
        if field.kind == "text":
            text = str(value)
            if len(text) > field.length:
                raise bad_request(f"The value of '{field.key}' is longer than {field.length} characters")
            return text
        if field.kind == "checkbox":
            return value if isinstance(value, bool) else str(value).lower() in ("true", "1")
        if field.kind == "decimal":
            return Decimal(str(value))
        if field.kind == "date":
            if isinstance(value, datetime):
                return value.date()
            return value if isinstance(value, date) else datetime.fromisoformat(str(value).replace("Z", "")).date()
        return int(value)
    except (ValueError, InvalidOperation):
        raise bad_request(f"'{raw}' is no value for '{field.key}'") from None
