"""The ERP's entities and their fields, as its vendor documents them (reference, section 6).

What may be named in a query, a rule or a write is what stands here; everything else is refused before it is sent,
since the ERP ignores unknown names silently. The tables themselves are in `model_tables.py`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.records import Kind

_KINDS: dict[str, Kind] = {"i": "int", "n": "decimal", "s": "text", "b": "bool", "d": "date", "dt": "datetime"}
_FIELD = re.compile(r"(\w+):(dt|[inbd]|s)(\d*)([*!-]*)")
_COMMON = "ID:i!- CreatedAt:dt- CreatedBy:s- UpdatedAt:dt- UpdatedBy:s- Deleted:b- StatusCode:i-"


class UnknownName(SounimicroError):
    """A query, rule or write names something that the ERP's model does not have."""


@dataclass(frozen=True, slots=True)
class Field:
    """One scalar of an entity. `length` is the most characters it holds, 0 when unknown."""

    name: str
    kind: Kind
    length: int = 0
    required: bool = False
    personal: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A path to another entity; `many` when it is an array."""

    name: str
    entity: str
    many: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of the ERP: `name` for statistics, links and logs, `route` under `/api/biz/` ("" when it has none)."""

    name: str
    route: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    relations: Mapping[str, Relation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Path:
    """A checked dotted path: the relations walked, and the field they lead to."""

    steps: tuple[Relation, ...]
    field: Field

    def __str__(self) -> str:
        return ".".join([step.name for step in self.steps] + [self.field.name])


def build(name: str, route: str, fields: str, relations: str = "", *, status: bool = True) -> Entity:
    """An entity from the compact notation of `model_tables.py`.

    A field is `Name:type` with the reference's type codes (`s255` = at most 255 characters), followed by `*` when it
    is personal, `-` when the ERP alone sets it, `!` when it is never null. A relation is `Name:Entity` or
    `Name:Entity[]`.
    """
    common = _COMMON if status else _COMMON.removesuffix(" StatusCode:i-")
    parsed: dict[str, Field] = {}
    for word in f"{common} {fields}".split():
        match = _FIELD.fullmatch(word)
        if match is None:
            raise ValueError(f"{name}: «{word}» is no field")
        title, code, length, marks = match.groups()
        parsed[title] = Field(title, _KINDS[code], int(length or 0), "!" in marks, "*" in marks, "-" in marks)
    walks: dict[str, Relation] = {}
    for word in relations.split():
        title, _, target = word.partition(":")
        walks[title] = Relation(title, target.removesuffix("[]"), target.endswith("[]"))
    return Entity(name, route, parsed, walks)


def entity(name: str) -> Entity:
    """The entity of that name. Raises UnknownName with the nearest ones."""
    from sounimicro_pipelines.unimicro.model_tables import ENTITIES

    found = ENTITIES.get(name)
    if found is None:
        raise UnknownName(f"The ERP has no entity «{name}».", remedy=_nearest(name, ENTITIES))
    return found


def resolve(entity_name: str, path: str) -> Path:
    """The field that a dotted path leads to, such as `Info.InvoiceAddress.City` from Customer.

    Raises UnknownName with the nearest valid names.
    """
    *walk, last = path.split(".")
    at, steps = walk_relations(entity_name, walk)
    found = at.fields.get(last)
    if found is None:
        hint = f"«{last}» is a relation; name one of its fields." if last in at.relations else _nearest(last, at.fields)
        raise UnknownName(f"{at.name} has no field «{last}» (in «{path}»).", remedy=hint)
    return Path(tuple(steps), found)


def walk_relations(entity_name: str, names: list[str]) -> tuple[Entity, list[Relation]]:
    """Where a chain of relations leads. Raises UnknownName with the nearest valid names."""
    at = entity(entity_name)
    steps: list[Relation] = []
    for name in names:
        step = at.relations.get(name)
        if step is None:
            raise UnknownName(f"{at.name} has no relation «{name}».", remedy=_nearest(name, at.relations))
        steps.append(step)
        at = entity(step.entity)
    return at, steps


def _nearest(name: str, known: Mapping[str, object]) -> str:
    lower = {key.lower(): key for key in known}
    close = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    return f"Did you mean {' or '.join(close)}?" if close else ""
