"""The tenant's user-defined fields, as rules may name them (vendor reference 2.1, 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.records import Kind
from sounimicro_pipelines.superoffice.field_table import FieldInfo
from sounimicro_pipelines.superoffice.session import Session
from sounimicro_pipelines.superoffice.values import as_bool, as_int, member
from sounimicro_pipelines.transport import AccessDenied, NotFound, ValidationFailed

_KINDS: Mapping[str, Kind] = {
    "number": "int",
    "shorttext": "text",
    "longtext": "text",
    "list": "int",
    "date": "date",
    "unlimiteddate": "date",
    "checkbox": "bool",
    "decimal": "decimal",
}
_SHORT_TEXT, _LONG_TEXT = 39, 199


async def read_custom_fields(session: Session, entity_name: str, route: str) -> list[FieldInfo] | None:
    """The published user-defined fields of an entity; None where the tenant does not tell."""
    try:
        answer = await session.json("GET", (route, "UdefLayout", "Published"), call=f"GET {route}/UdefLayout/Published")
    except (NotFound, AccessDenied, ValidationFailed):
        return None
    if not isinstance(answer, list):
        return None
    return [info for raw in answer if (info := _info(entity_name, raw)) is not None]


def _info(entity_name: str, raw: Any) -> FieldInfo | None:
    key, identity = member(raw, "ProgId"), as_int(member(raw, "UdefIdentity"))
    if not isinstance(key, str) or not key:
        if not identity:
            return None
        key = f"SuperOffice:{identity}"
    field_type = str(member(raw, "FieldType") or "").lower()
    kind = _KINDS.get(field_type)
    if kind is None:
        return None
    length = None
    if kind == "text":
        length = as_int(member(raw, "TextLength")) or (_SHORT_TEXT if field_type == "shorttext" else _LONG_TEXT)
    list_name = member(raw, "MdoListName") if field_type == "list" else None
    return FieldInfo(
        entity=entity_name,
        path=f"CustomFields[{key}]",
        kind=kind,
        writable=not as_bool(member(raw, "IsReadOnly")),
        max_length=length,
        list_name=list_name if isinstance(list_name, str) and list_name else None,
        personal=entity_name == "person",
        custom=True,
    )
