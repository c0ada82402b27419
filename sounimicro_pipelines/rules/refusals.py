"""What a rule may not say: unknown fields, read-only ones written, two writers of one field, lossy two-way fields."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sounimicro_pipelines.rules.model import (
    CONDITIONS,
    CRM_ENTITY,
    ERP_ENTITIES,
    MATCH_KEYS,
    Rule,
    RuleField,
)
from sounimicro_pipelines.rules.registry import Registry
from sounimicro_pipelines.rules.transforms import BY_KIND, TRANSFORMS

Place = tuple[str | int, ...]


class Refusal(NamedTuple):
    """Where in the document, the reason, and what to write instead; `kind` and `words` tell it in another language."""

    place: Place
    reason: str
    remedy: str
    kind: str
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Registries:
    """The fields of both systems."""

    crm: Registry
    erp: Registry


def check_rule(rule: Rule, registries: Registries | None) -> list[Refusal]:
    """Everything that is refused in a rule of the right shape. Names of fields are checked against the registries."""
    found = [*_check_head(rule), *_check_writers(rule)]
    for index, field in enumerate(rule.fields):
        found += _check_field(rule, field, ("fields", index))
        if registries is not None:
            found += _check_names(rule, field, ("fields", index), registries)
    return found


def settle(rule: Rule, registries: Registries) -> Rule:
    """The rule with a transform on each field: the named one, or the one for the field's kind."""
    fields = []
    for field in rule.fields:
        transform = field.transform or ("list" if field.list else _by_kind(rule, field, registries))
        fields.append(field.model_copy(update={"transform": transform}))
    return rule.model_copy(update={"fields": tuple(fields)})


def _by_kind(rule: Rule, field: RuleField, registries: Registries) -> str:
    kinds = []
    if field.erp and (fact := registries.erp.find(rule.erp[0], field.erp[0])) is not None:
        kinds.append(fact.kind)
    if field.crm and (fact := registries.crm.find(rule.crm, field.crm[0])) is not None:
        kinds.append(fact.kind)
    if "text" in kinds or not kinds:
        return "text"
    return BY_KIND.get(kinds[0], "text")


def _check_head(rule: Rule) -> Iterator[Refusal]:
    if rule.crm != CRM_ENTITY[rule.rule]:
        right = CRM_ENTITY[rule.rule]
        reason = f"The rule {rule.rule} is about the CRM's {right}, not «{rule.crm}»."
        yield Refusal(("crm",), reason, f"Write crm: {right}.", "wrong_entity", {"name": rule.crm, "right": right})
    if rule.erp != ERP_ENTITIES[rule.rule]:
        right, told = ", ".join(ERP_ENTITIES[rule.rule]), ", ".join(rule.erp)
        reason = f"The rule {rule.rule} is about the ERP's {right}, not «{told}»."
        yield Refusal(("erp",), reason, f"Write {right}.", "wrong_entity", {"name": told, "right": right})
    known = MATCH_KEYS[rule.rule]
    for index, step in enumerate(rule.match):
        if step.by not in known:
            hint = _nearest(step.by, known) or f"Use one of {', '.join(known)}."
            reason = f"The rule {rule.rule} cannot match by «{step.by}»."
            yield Refusal(("match", index), reason, hint, "match", _choice(step.by, known))
    yield from _check_taking_part(rule)


def _check_taking_part(rule: Rule) -> Iterator[Refusal]:
    for side, conditions, entities in (
        ("crm", rule.takes_part.crm, (CRM_ENTITY[rule.rule],)),
        ("erp", rule.takes_part.erp, ERP_ENTITIES[rule.rule]),
    ):
        for name, values in conditions.items():
            allowed = CONDITIONS[entities[0]]
            place: Place = ("takes_part", side, name)
            if name not in allowed:
                hint = _nearest(name, tuple(allowed)) or (f"Use one of {', '.join(allowed)}." if allowed else "")
                reason = f"Taking part cannot depend on «{name}»."
                yield Refusal(place, reason, hint, "condition", _choice(name, tuple(allowed)))
                continue
            words = allowed[name]
            for value in values:
                if words is not None and value not in words:
                    hint = _nearest(value, words) or f"Use one of {', '.join(words)}."
                    yield Refusal(place, f"«{value}» is no {name}.", hint, "condition_value", _choice(value, words))
                elif words is None and not (value.isdigit() or value in ("true", "false")):
                    reason = f"«{value}» is a tenant's text, which may change."
                    yield Refusal(place, reason, "Use the item's id.", "condition_text", {"name": value})


def _check_writers(rule: Rule) -> Iterator[Refusal]:
    for side in ("crm", "erp"):
        writers: dict[str, int] = {}
        for index, field in enumerate(rule.fields):
            writes, paths = (field.writes_crm, field.crm) if side == "crm" else (field.writes_erp, field.erp)
            for path in paths if writes else ():
                if path in writers:
                    away = "to_erp" if side == "crm" else "to_crm"
                    yield Refusal(
                        ("fields", index),
                        f"Two rows write the {side.upper()} field {path} (see also row {writers[path] + 1}).",
                        f"Let one of them write it, and give the other direction: {away}.",
                        "two_writers",
                        {"side": side, "path": path, "row": str(writers[path] + 1), "away": away},
                    )
                writers.setdefault(path, index)


def _check_field(rule: Rule, field: RuleField, place: Place) -> Iterator[Refusal]:
    if not field.erp and not field.crm:
        remedy = "Name a field of the ERP, of the CRM, or of both."
        yield Refusal(place, "The row names no field.", remedy, "no_field", {})
        return
    if field.direction != "none" and not (field.erp and field.crm):
        missing = "erp" if not field.erp else "crm"
        reason = f"{field.name} travels {field.direction}, but has no {missing} field."
        yield Refusal(place, reason, "Use direction: none.", "one_sided", {"path": field.name, "side": missing})
    name = field.transform or ("list" if field.list else None)
    if name is None:
        if len(field.erp) > 1 or len(field.crm) > 1:
            side = "crm" if len(field.crm) > 1 else "erp"
            yield Refusal((*place, side), "Several fields need a transform.", "Name one.", "needs_transform", {})
        return
    transform = TRANSFORMS.get(name)
    if transform is None:
        hint = _nearest(name, tuple(TRANSFORMS)) or f"Use one of {', '.join(TRANSFORMS)}."
        reason = f"There is no transform «{name}»."
        yield Refusal((*place, "transform"), reason, hint, "transform", _choice(name, tuple(TRANSFORMS)))
        return
    if field.direction == "both" and not transform.lossless:
        yield Refusal(
            (*place, "transform"),
            f"The transform {name} loses something ({transform.says}), so {field.name} cannot travel both ways.",
            "Use to_crm or to_erp, or a transform without loss.",
            "lossy",
            {"transform": name, "path": field.name},
        )
    if name == "list" and not field.list:
        remedy = "Add list: payment_terms, for example."
        yield Refusal((*place, "transform"), "The transform list needs the list's name.", remedy, "no_list", {})
    for side, paths, allowed in (("crm", field.crm, transform.crm_parts), ("erp", field.erp, transform.erp_parts)):
        if paths and len(paths) not in allowed:
            wanted = " or ".join(str(count) for count in allowed)
            yield Refusal(
                (*place, side),
                f"The transform {name} takes {wanted} {side.upper()} field(s), not {len(paths)}.",
                "",
                "parts",
                {"transform": name, "side": side, "wanted": "/".join(map(str, allowed)), "count": str(len(paths))},
            )


def _check_names(rule: Rule, field: RuleField, place: Place, registries: Registries) -> Iterator[Refusal]:
    sides: Sequence[tuple[str, Registry, tuple[str, ...], tuple[str, ...], bool]] = (
        ("erp", registries.erp, ERP_ENTITIES[rule.rule], field.erp, field.writes_erp),
        ("crm", registries.crm, (CRM_ENTITY[rule.rule],), field.crm, field.writes_crm),
    )
    for side, registry, entities, paths, written in sides:
        for path in paths:
            for entity in entities:
                facts = registry.find(entity, path)
                words = {"side": side, "entity": entity, "path": path}
                if facts is None:
                    told = registry.suggest(entity, path)
                    reason = told or f"The {side.upper()}'s {entity} has no field «{path}»."
                    yield Refusal((*place, side), reason, "", "unknown_field", words)
                    break
                if written and not facts.writable:
                    both = field.direction == "both"
                    right = ("to_crm" if side == "erp" else "to_erp") if both else "none"
                    yield Refusal(
                        (*place, "direction") if both else (*place, side),
                        f"The {side.upper()} field {path} is read-only there, so nothing can be written to it.",
                        f"Use direction: {right}.",
                        "read_only",
                        {**words, "right": right},
                    )


def _choice(name: str, known: Sequence[str]) -> dict[str, str]:
    """A name that is none, and the nearest of those that are (or all of them)."""
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    return {"name": name, "known": ", ".join(close or known)}


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    return f"Did you mean {' or '.join(close)}?" if close else ""
