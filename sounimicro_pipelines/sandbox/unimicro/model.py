"""The ERP's entities as the vendor's tables list them: fields, relations, routes. Parsed once from the model texts.

A model text has one block per entity: a line `Entity route VERBS` (route `-` when there is none), field lines
`Name type, Name type, …` and relation lines: `> Name:Target.Field` (to one, through an own key), `< Name:Target.Field`
(to one, through the target's key), `* Name:Target.Field` (to many, through the target's key).
Type codes: i int32, n decimal, s string (s255 = at most 255), b boolean, d date, dt date-time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sounimicro_pipelines.sandbox.unimicro.model_accounting import ACCOUNTING
from sounimicro_pipelines.sandbox.unimicro.model_registers import REGISTERS
from sounimicro_pipelines.sandbox.unimicro.model_sales import SALES

FieldType = Literal["i", "n", "s", "b", "d", "dt"]

_COMMON_FIRST = "ID i"
_COMMON_LAST = "CreatedAt dt, CreatedBy s, UpdatedAt dt, UpdatedBy s, Deleted b"
_WITHOUT_STATUS = {"CurrencyCode"}
SYSTEM_FIELDS = frozenset({"ID", "CreatedAt", "CreatedBy", "UpdatedAt", "UpdatedBy", "Deleted"})


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One scalar of an entity; `length` is the most characters a string may have, 0 when unlimited."""

    name: str
    type: FieldType
    length: int = 0


@dataclass(frozen=True, slots=True)
class Relation:
    """A way from one entity to another. `key` stands on the owner when `kind` is "one", else on the target."""

    name: str
    kind: Literal["one", "reverse", "many"]
    target: str
    key: str


@dataclass
class EntityDef:
    """One entity: its fields and relations by lower-case name, since requests may spell them in any case."""

    name: str
    route: str | None
    verbs: frozenset[str]
    fields: dict[str, FieldDef] = field(default_factory=dict)
    relations: dict[str, Relation] = field(default_factory=dict)

    def field(self, name: str) -> FieldDef | None:
        return self.fields.get(name.lower())

    def relation(self, name: str) -> Relation | None:
        return self.relations.get(name.lower())

    @cached_property
    def blank(self) -> dict[str, Any]:
        """Every scalar with null, as an answer carries them."""
        return {definition.name: None for definition in self.fields.values()} | {"Deleted": False, "CustomValues": {}}

    @cached_property
    def stamp_fields(self) -> tuple[str, ...]:
        return tuple(definition.name for definition in self.fields.values() if definition.type == "dt")

    @cached_property
    def date_fields(self) -> tuple[str, ...]:
        return tuple(definition.name for definition in self.fields.values() if definition.type == "d")


def _parse(text: str) -> dict[str, EntityDef]:
    entities: dict[str, EntityDef] = {}
    current: EntityDef | None = None
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            current = None
        elif current is None:
            name, route, verbs = line.split()
            current = EntityDef(name, None if route == "-" else route, frozenset(verbs.split(",")))
            entities[name] = current
            _add_fields(current, _COMMON_FIRST)
        elif line[0] in "><*":
            kind: Literal["one", "reverse", "many"] = {">": "one", "<": "reverse", "*": "many"}[line[0]]  # type: ignore[assignment]
            for part in line[1:].split(","):
                label, _, goal = part.strip().partition(":")
                target, _, key = goal.partition(".")
                current.relations[label.lower()] = Relation(label, kind, target, key)
        else:
            _add_fields(current, line)
    for entity in entities.values():
        if entity.name not in _WITHOUT_STATUS:
            _add_fields(entity, "StatusCode i")
        _add_fields(entity, _COMMON_LAST)
    return entities


def _add_fields(entity: EntityDef, line: str) -> None:
    for part in line.split(","):
        if not part.strip():
            continue
        name, code = part.split()
        kind: FieldType = "s" if code[0] == "s" else code  # type: ignore[assignment]
        entity.fields[name.lower()] = FieldDef(name, kind, int(code[1:]) if code[0] == "s" and len(code) > 1 else 0)


ENTITIES: dict[str, EntityDef] = _parse("\n\n".join((REGISTERS, SALES, ACCOUNTING)))
BY_LOWER_NAME: dict[str, EntityDef] = {name.lower(): entity for name, entity in ENTITIES.items()}
BY_ROUTE: dict[str, EntityDef] = {entity.route.lower(): entity for entity in ENTITIES.values() if entity.route}


def check_model() -> list[str]:
    """What is inconsistent in the model texts: relations to entities or keys that do not exist."""
    problems = []
    for entity in ENTITIES.values():
        for relation in entity.relations.values():
            holder = entity if relation.kind == "one" else ENTITIES.get(relation.target)
            if relation.target not in ENTITIES or holder is None or holder.field(relation.key) is None:
                problems.append(f"{entity.name}.{relation.name} → {relation.target}.{relation.key}")
    return problems
