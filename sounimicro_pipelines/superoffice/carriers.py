"""What a create sends: the tenant's blank entity with the fields filled in (vendor reference 2.1, 8.2)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.superoffice.field_table import CUSTOM_DICTIONARIES
from sounimicro_pipelines.superoffice.fields import FieldRegistry, Scalar
from sounimicro_pipelines.superoffice.values import member

_NUMBERS: Mapping[str, str] = {"contact": "Number2", "person": "PersonNumber", "project": "ProjectNumber"}
_COMPANIONS = (":DisplayText", ":DisplayTooltip", ":org")
_NOT_SENT = ("_Links", "TableRight", "FieldProperties")


def new_entity(
    registry: FieldRegistry, entity_name: str, default: Mapping[str, Any], values: Mapping[str, Scalar]
) -> dict[str, Any]:
    """The body of a create from `client.default(entity_name)`; blank values leave the default as it is, but dates.

    Raises UnknownName, FieldProblem and ValueTooLong as `FieldRegistry.patch`.
    """
    document: dict[str, Any] = copy.deepcopy(dict(default))
    filled = {
        path: value
        for path, value in values.items()
        if value not in (None, "") or _is_date(registry, entity_name, path)
    }
    for operation in registry.patch(entity_name, document, filled, creating=True):
        _replace(document, operation["path"], operation["value"])
    address = document.get("Address")
    if isinstance(address, dict) and any(path.replace("/", ".").startswith("Address.") for path in filled):
        # The localized form would win over the structured one that was just filled in (2.3).
        address.pop("LocalizedAddress", None)
    _settle_custom_fields(document, {path.split("[")[0] for path in filled if "[" in path})
    for name in _NOT_SENT:
        document.pop(name, None)
    return document


def _is_date(registry: FieldRegistry, entity_name: str, path: str) -> bool:
    found = registry.find(entity_name, path)
    return found is not None and found.kind in ("date", "datetime")


def _settle_custom_fields(document: dict[str, Any], named: set[str]) -> None:
    """The same field stands in two dictionaries (2.3); only those that were filled in may speak, without texts."""
    if not named & set(CUSTOM_DICTIONARIES):
        return
    for name in CUSTOM_DICTIONARIES:
        held = document.get(name)
        if name not in named:
            document.pop(name, None)
        elif isinstance(held, dict):
            document[name] = {key: value for key, value in held.items() if not key.endswith(_COMPANIONS)}


def allotted_number(entity_name: str, default: Mapping[str, Any]) -> str:
    """The number that the tenant itself allots to a new record, "" when it allots none (8.2)."""
    return str(member(default, _NUMBERS[entity_name]) or "")


def is_own_number(entity_name: str, path: str) -> bool:
    """Whether a field is the record's number, which the tenant may allot by itself and keep unique (8.2)."""
    return _NUMBERS.get(entity_name) == path


def _replace(document: dict[str, Any], pointer: str, value: Any) -> None:
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    at: Any = document
    for part in parents:
        at = member(at, part)
    held = at.get(last)
    if isinstance(held, dict) and isinstance(value, dict):
        held.update(value)
    else:
        at[last] = value
