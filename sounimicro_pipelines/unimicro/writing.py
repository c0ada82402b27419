"""What a write did beside what was sent: fields that were emptied, how they are put back, and a key used up."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.transport import ValidationFailed
from sounimicro_pipelines.unimicro.fields import FieldRegistry, Scalar

_NOT_COMPARED = frozenset(("ID", "CreatedAt", "CreatedBy", "UpdatedAt", "UpdatedBy", "Deleted"))


@dataclass(frozen=True, slots=True)
class Stray:
    """A field that a write has emptied without its having been sent; `path` is from the record."""

    path: str
    entity: str
    id: int
    field: str
    old: Any


def same_guid_refused(error: ValidationFailed) -> bool:
    """Whether the ERP refused an object because its `_createguid` has been used (reference, 5.2)."""
    return any("createguid" in message.replace(" ", "").lower() for message in error.messages) and not any(
        "unless" in message.lower() for message in error.messages
    )


def emptied_beside(
    registry: FieldRegistry,
    entity_name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changes: Mapping[str, Scalar],
) -> list[Stray]:
    """Fields of the objects that were sent which held something before and nothing after, though they were not sent."""
    found: dict[tuple[str, int, str], Stray] = {}
    sent: set[tuple[str, int, str]] = set()
    for path in changes:
        then = registry.holders(entity_name, before, path)
        now = {(one.entity, one.id): one.record for one in registry.holders(entity_name, after, path)}
        for holder in then:
            if holder.field:
                sent.add((holder.entity, holder.id, holder.field))
                if holder.entity == "Phone" and holder.field == "Number":
                    sent.add((holder.entity, holder.id, "CountryCode"))
            later = now.get((holder.entity, holder.id))
            for name, old in holder.record.items() if later is not None else ():
                if name in _NOT_COMPARED or name.startswith("_") or isinstance(old, Mapping | list) or not old:
                    continue
                if later is not None and not later.get(name):
                    key = (holder.entity, holder.id, name)
                    found[key] = Stray(f"{holder.prefix}{name}", *key, old)
    return [stray for key, stray in found.items() if key not in sent]


def put_back(record: Mapping[str, Any], strays: Iterable[Stray]) -> dict[str, Any]:
    """The record with these fields as they were; it is not sent by this."""
    restored = copy.deepcopy(dict(record))
    for stray in strays:
        _put_back(restored, stray, is_root="." not in stray.path)
    return restored


def _put_back(holder: dict[str, Any], stray: Stray, *, is_root: bool) -> None:
    if is_root:
        holder[stray.field] = stray.old
        return
    *steps, name = stray.path.split(".")
    at: Any = holder
    for step in steps:
        at = at.get(step.partition("[")[0])
        if isinstance(at, list):
            at = next((one for one in at if one.get("ID") == stray.id), None)
        if not isinstance(at, dict):
            return
    if at.get("ID") == stray.id:
        at[name] = stray.old
