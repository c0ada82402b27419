"""What the rules editor shows around its inputs: names and facts of fields, the choices, the fields to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sounimicro_pipelines.panels.admin.frame import Desk
from sounimicro_pipelines.panels.admin.rule_form import Row, RuleForm
from sounimicro_pipelines.panels.admin.tenant import Fields
from sounimicro_pipelines.panels.field_names import field_name
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.rules import Registries
from sounimicro_pipelines.rules.model import CONDITIONS, CRM_ENTITY, ERP_ENTITIES, Creation, Direction, Policy, RuleName
from sounimicro_pipelines.rules.transforms import TRANSFORMS

SIDES = ("erp", "crm")
YES_OR_NO = frozenset(("retired", "completed"))
_LISTS = {
    ("contact", "category"): "category",
    ("contact", "business"): "business",
    ("person", "position"): "perspos",
    ("project", "status"): "projectstatus",
    ("project", "type"): "projecttype",
}
"""Conditions whose ids are items of a list of the CRM."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An item to choose; `text` is for people."""

    value: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    """A row with the names of its fields and what is known of them."""

    row: Row
    name: str
    erp_name: str
    crm_name: str
    erp_facts: str
    crm_facts: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of taking part. `kind`: words, yes_no, items (ids with names), ids (ids alone)."""

    key: str
    name: str
    kind: str
    chosen: tuple[str, ...]
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything around the inputs; `found` are the fields to choose from, by side, as far as a search lets them."""

    rows: tuple[RowView, ...]
    directions: tuple[Choice, ...]
    policies: tuple[Choice, ...]
    transforms: tuple[Choice, ...]
    creations: tuple[Choice, ...]
    units: tuple[Choice, ...]
    lists: tuple[str, ...]
    taking: Mapping[str, tuple[Condition, ...]]
    found: Mapping[str, tuple[Choice, ...]]


async def screen(desk: Desk, form: RuleForm, known: Fields, search: Mapping[str, str]) -> Screen:
    """The screen of a form."""
    words = desk.words
    all_fields = {side: fields_of(words, known.registries, form.name, side) for side in SIDES}
    return Screen(
        rows=tuple(_row(words, known.registries, form.name, one) for one in form.rows),
        directions=_worded(words, "rules.directions", get_args(Direction)),
        policies=_worded(words, "rules.policies", get_args(Policy)),
        transforms=_worded(words, "rules.transforms", tuple(TRANSFORMS)),
        creations=_worded(words, "rules.creations", get_args(Creation)),
        units=_worded(words, "rules.units", ("s", "m", "h", "d")),
        lists=tuple(sorted({one.list for one in form.rows if one.list} | _list_names(known.registries, form.name))),
        taking={
            "crm": await _conditions(desk, form, "crm", CRM_ENTITY[form.name]),
            "erp": await _conditions(desk, form, "erp", ERP_ENTITIES[form.name][0]),
        },
        found={side: _searched(all_fields[side], search.get(side, "")) for side in SIDES},
    )


def facts(registries: Registries, name: RuleName, side: str, path: str) -> Any:
    """What the registry knows of a field of the rule's records, or None."""
    if side == "crm":
        return registries.crm.find(CRM_ENTITY[name], path)
    found = [registries.erp.find(entity, path) for entity in ERP_ENTITIES[name]]
    return found[0] if all(one is not None for one in found) else None


def fields_of(words: Words, registries: Registries, name: RuleName, side: str) -> tuple[Choice, ...]:
    """Every field of one side that the rule may name, by what people call it."""
    registry: Any = registries.crm if side == "crm" else registries.erp
    entities = (CRM_ENTITY[name],) if side == "crm" else ERP_ENTITIES[name]
    shared = set.intersection(*({one.path for one in registry.fields(entity)} for entity in entities))
    found = [
        Choice(one.path, _name(words, side, (one.path,)), facts_text(words, one))
        for one in registry.fields(entities[0])
        if one.path in shared
    ]
    return tuple(sorted(found, key=lambda one: one.text.casefold()))


def facts_text(words: Words, info: Any) -> str:
    """Kind, length, and whether it can be written."""
    told = [words(f"rules.kinds.{info.kind}")]
    if info.list_name:
        told = [words("rules.kinds.list")]
    if info.max_length:
        told.append(words("rules.max_length", count=info.max_length))
    if not info.writable:
        told.append(words("rules.read_only"))
    return ", ".join(told)


def _row(words: Words, registries: Registries, name: RuleName, row: Row) -> RowView:
    erp, crm = row.paths("erp"), row.paths("crm")
    return RowView(
        row,
        field_name(words, crm, erp) or words("rules.new_row"),
        _name(words, "erp", erp),
        _name(words, "crm", crm),
        _facts(words, registries, name, "erp", erp),
        _facts(words, registries, name, "crm", crm),
    )


def _name(words: Words, side: str, paths: Sequence[str]) -> str:
    return field_name(words, paths, ()) if side == "crm" else field_name(words, (), paths)


def _facts(words: Words, registries: Registries, name: RuleName, side: str, paths: Sequence[str]) -> str:
    info = facts(registries, name, side, paths[0]) if paths else None
    return "" if info is None else facts_text(words, info)


def _worded(words: Words, key: str, values: Sequence[str]) -> tuple[Choice, ...]:
    return tuple(Choice(value, words(f"{key}.{value}")) for value in values)


def _list_names(registries: Registries, name: RuleName) -> set[str]:
    registry: Any = registries.erp
    return {one.list_name for one in registry.fields(ERP_ENTITIES[name][0]) if one.list_name}


async def _conditions(desk: Desk, form: RuleForm, side: str, entity: str) -> tuple[Condition, ...]:
    words, found = desk.words, []
    for name, allowed in CONDITIONS[entity].items():
        key, chosen = f"taking.{side}.{name}", form.taking.get((side, name), ())
        label = words(f"rules.conditions.{name}")
        if allowed is not None:
            choices = _worded(words, f"rules.condition_values.{name}", allowed)
            found.append(Condition(key, label, "words", chosen, _with_unknown(choices, chosen)))
        elif name in YES_OR_NO:
            found.append(Condition(key, label, "yes_no", chosen))
        else:
            items = await _items(desk, entity, name)
            choices = tuple(Choice(value, text) for value, text in (items or {}).items())
            kind = "ids" if items is None else "items"
            found.append(Condition(key, label, kind, chosen, _with_unknown(choices, chosen)))
    return tuple(found)


async def _items(desk: Desk, entity: str, name: str) -> Mapping[str, str] | None:
    listed = _LISTS.get((entity, name))
    return None if listed is None else await desk.panels.tenant.crm_items(listed)


def _with_unknown(choices: tuple[Choice, ...], chosen: Sequence[str]) -> tuple[Choice, ...]:
    """What was chosen before and is none of the choices stays visible."""
    known = {one.value for one in choices}
    return (*choices, *(Choice(one, one) for one in chosen if one not in known))


def _searched(choices: Sequence[Choice], text: str) -> tuple[Choice, ...]:
    parts = text.casefold().split()
    return tuple(
        one for one in choices if all(part in f"{one.text} {one.value} {one.note}".casefold() for part in parts)
    )
