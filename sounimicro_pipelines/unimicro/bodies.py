"""Checks of what is written to the ERP, before it is sent: known names only, and the rules for children."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.unimicro.expressions import QueryError
from sounimicro_pipelines.unimicro.model import UnknownName, entity, resolve

_ALWAYS = frozenset({"ID", "Deleted", "_createguid", "CustomValues", "StatusCode"})


def check_body(entity_name: str, body: Mapping[str, Any], *, update: bool, at: str = "", whole: bool = False) -> None:
    """Raises UnknownName for a name that the entity does not have, QueryError for a body that the ERP would refuse.

    A field that the ERP alone sets is refused. In an update a new child needs `_createguid` (reference, 5.2). With
    `whole` the body holds objects as they were read, and scalars are not judged.
    """
    model = entity(entity_name)
    for name, value in body.items():
        if name in _ALWAYS:
            continue
        if name in model.relations:
            _check_children(model.relations[name].entity, value, update, f"{at}{name}", whole)
            continue
        if whole:
            continue
        field = model.fields.get(name)
        if field is None:
            resolve(entity_name, name)
            raise UnknownName(f"{entity_name} has no field «{name}».")
        if field.read_only:
            raise QueryError(f"{at}{name} is set by the ERP alone; leave it out.")
        if isinstance(value, str) and field.length and len(value) > field.length:
            raise QueryError(f"{at}{name} holds at most {field.length} characters, not {len(value)}.")


def _check_children(entity_name: str, value: Any, update: bool, at: str, whole: bool) -> None:
    for child in value if isinstance(value, list) else [value]:
        if child is None:
            continue
        if not isinstance(child, Mapping):
            raise QueryError(f"{at} is a relation; give it as an object.")
        if not child.get("ID") and "_createguid" not in child:
            raise QueryError(f"A new record in {at} needs its `_createguid`, so that it is never made twice.")
        check_body(entity_name, child, update=update, at=f"{at}.", whole=whole)
