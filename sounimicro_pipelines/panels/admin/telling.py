"""What the rules' pages say in words: what is wrong with a rule, what differs between two, and who did it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.field_names import field_name
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.rules import Mistake, Registries
from sounimicro_pipelines.rules.changes import Change
from sounimicro_pipelines.rules.model import RuleField
from sounimicro_pipelines.rules.writing import quiet_text
from sounimicro_pipelines.sync.plan import NEW, Finding, PlannedChange

_ACTORS = {"terminal": "terminal", "sync": "shipped", "local": "local"}
_WORDED = {
    "direction": "rules.directions",
    "conflict": "rules.policies",
    "transform": "rules.transforms",
    "create.in_erp": "rules.creations",
    "create.in_crm": "rules.creations",
}


def mistake_text(words: Words, mistake: Mistake, registries: Registries) -> str:
    """One sentence or two: the reason, and what to write instead."""
    key = f"rules.refusals.{mistake.kind}"
    if mistake.kind == "value" and words.has(f"{key}_{mistake.words['name']}"):
        key = f"{key}_{mistake.words['name']}"
    if not mistake.kind or not words.has(key):
        return f"{mistake.reason} {mistake.suggestion}".strip()
    told = dict(mistake.words)
    for name in ("right", "away"):
        if name in told:
            told[name] = words.or_raw("rules.directions", told[name])
    if "transform" in told:
        told["transform"] = words.or_raw("rules.transforms", told["transform"])
    if "side" in told:
        told["system"] = words(f"rules.systems.{told['side']}")
    text = words(key, **told)
    if mistake.kind == "unknown_field":
        near = nearest_fields(registries, told["side"], told["entity"], told["path"])
        text += " " + words("rules.did_you_mean", names=words("rules.or").join(near)) if near else ""
    return text


def nearest_fields(registries: Registries, side: str, entity: str, path: str) -> list[str]:
    """The valid names that are nearest to one that is none."""
    registry: Any = registries.erp if side == "erp" else registries.crm
    known = {one.path.casefold(): one.path for one in registry.fields(entity)}
    return [known[one] for one in difflib.get_close_matches(path.casefold(), known, n=1, cutoff=0.5)]


def change_text(words: Words, change: Change) -> str:
    """One difference between two rules, as a person would say it."""
    if change.kind == "order":
        return words("rules.changes.order")
    if not change.field:
        return words("rules.changes.setting", what=_setting(words, change.setting), **_values(words, change))
    name = row_name(words, change.field)
    if change.kind != "changed":
        row: RuleField | None = change.after
        direction = words(f"rules.directions.{row.direction}") if row is not None else ""
        return words(f"rules.changes.{change.kind}", field=name, direction=direction)
    return words("rules.changes.changed", field=name, what=_setting(words, change.setting), **_values(words, change))


def row_name(words: Words, row: str) -> str:
    """A row of a rule by the names of its fields: `Info.Name ↔ Name` is «Navn»."""
    paths = [path for side in row.split(" ↔ ") for path in (side.split(" + "),)]
    told = list(dict.fromkeys(field_name(words, (), side) for side in paths))
    return " ↔ ".join(told)


@dataclass(frozen=True, slots=True)
class PlannedView:
    """A planned change as a line of a table."""

    place: str
    what: str
    before: str
    after: str


def planned_views(words: Words, changes: Sequence[PlannedChange], companies: Mapping[str, str]) -> list[PlannedView]:
    """What a sync would do, line by line; `companies` are the names of ERP companies by their key."""
    found = []
    for one in changes:
        place = words(
            "rules.preview.place",
            crm=_record(words, one.crm),
            erp=_record(words, one.erp),
            company=companies.get(one.company_key, one.company_key),
        )
        what = words.or_raw("rules.preview.kinds", one.kind)
        if one.kind == "update":
            paths = one.field.split("+")
            name = field_name(words, paths if one.side == "crm" else (), paths if one.side == "erp" else ())
            what = words("rules.preview.written", field=name, system=words(f"rules.systems.{one.side}"))
        found.append(PlannedView(place[:1].upper() + place[1:], what, one.old, one.new))
    return found


def finding_texts(words: Words, findings: Sequence[Finding], companies: Mapping[str, str]) -> list[str]:
    """What a sync would ask of a person, line by line: of which records, about which field, and what."""
    told = []
    for one in findings:
        company = companies.get(one.company_key, one.company_key)
        records = [_record(words, record) for record in (one.crm, one.erp) if record]
        if len(records) == 2:
            place = words("rules.preview.place", crm=records[0], erp=records[1], company=company)
        else:
            place = ", ".join([*records, *([company] if company else [])])
        paths = one.field.split("+") if one.field else []
        parts = [place, field_name(words, paths, paths) if paths else "", words.or_raw("rules.preview.kinds", one.kind)]
        text = ": ".join(part for part in parts if part)
        told.append(text[:1].upper() + text[1:])
    return told


def _record(words: Words, record: str) -> str:
    """`contact:1041` is «firma 1041»."""
    entity, _, number = record.partition(":")
    key = "new" if number == NEW else "known"
    return words(f"rules.preview.records.{key}", entity=words.or_raw("rules.preview.entities", entity), id=number)


def actor_text(words: Words, actor: str, people: Mapping[str, str] | None = None) -> str:
    """Who changed something; a CRM user by name where the CRM told it."""
    if actor in _ACTORS:
        return words(f"rules.actors.{_ACTORS[actor]}")
    number = actor.removeprefix("crm:associate:")
    if number == actor:
        return actor
    return (people or {}).get(number) or words("rules.actors.crm", id=number)


def _setting(words: Words, name: str) -> str:
    if name.startswith("takes_part."):
        _, side, condition = name.split(".")
        return words(
            "rules.changes.takes_part", system=words(f"rules.systems.{side}"), what=_condition(words, condition)
        )
    return words(f"rules.settings.{name}")


def _condition(words: Words, name: str) -> str:
    return words.or_raw("rules.conditions", name)


def _values(words: Words, change: Change) -> dict[str, str]:
    return {
        "before": value_text(words, change.setting, change.before),
        "after": value_text(words, change.setting, change.after),
    }


def value_text(words: Words, setting: str, value: Any) -> str:
    """A setting's value in words."""
    if value is None or value == () or value == "":
        return words("rules.nothing")
    if isinstance(value, bool):
        return words("rules.yes" if value else "rules.no")
    if setting in _WORDED:
        return words.or_raw(_WORDED[setting], str(value))
    if setting == "match":
        return ", ".join(_step(words, by, score) for by, score in value)
    if setting == "quiet_period":
        text = quiet_text(value)
        return words(f"rules.units_told.{text[-1]}", number=text[:-1])
    if setting.startswith("takes_part."):
        condition = setting.split(".")[-1]
        return ", ".join(words.or_raw(f"rules.condition_values.{condition}", one) for one in value)
    return " + ".join(value) if isinstance(value, tuple) else str(value)


def _step(words: Words, by: str, score: float | None) -> str:
    told = words(f"rules.match.{by}")
    return told if score is None else f"{told} ({words.percent(Decimal(str(score)), 0)})"
