"""The rules editor's form: a rule as the texts of its inputs, right or wrong, so that nothing written is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.datastructures import FormData

from sounimicro_pipelines.rules.model import CONDITIONS, CRM_ENTITY, ERP_ENTITIES, MATCH_KEYS, Rule, RuleField, RuleName
from sounimicro_pipelines.rules.writing import quiet_text, read_word, write_rule

_ROW = re.compile(r"[a-z0-9]{1,12}")
LONGEST = 500
"""Characters that are kept of any one input; rows beyond as many are left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the rule, as its inputs hold it. `id` names the row while the form is open."""

    id: str
    erp: str = ""
    crm: str = ""
    direction: str = "both"
    conflict: str = "ask"
    transform: str = ""
    required: bool = False
    ask: bool = False
    default: str = ""
    list: str = ""
    show_in_search: bool = False
    show_in_erp_tab: bool = False

    def paths(self, side: str) -> tuple[str, ...]:
        return _paths(self.erp if side == "erp" else self.crm)


@dataclass(frozen=True, slots=True)
class Step:
    """One way to recognise a record. `score` is in per cent, "" where the way has none."""

    by: str
    used: bool
    score: str = ""


@dataclass(frozen=True, slots=True)
class RuleForm:
    """The whole form. `taking` is (side, condition) → its values; `base` the version that the form was made from."""

    name: RuleName
    base: int
    active: bool = True
    taking: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    in_erp: str = "on_request"
    in_crm: str = "on_request"
    quiet: str = "0"
    quiet_unit: str = "s"
    rows: tuple[Row, ...] = ()
    comment: str = ""

    def document(self) -> str:
        """The rule as YAML, right or wrong."""
        erp = ERP_ENTITIES[self.name]
        data: dict[str, Any] = {
            "rule": self.name,
            "active": self.active,
            "erp": erp[0] if len(erp) == 1 else list(erp),
            "crm": CRM_ENTITY[self.name],
        }
        taking: dict[str, dict[str, Any]] = {}
        for (side, name), values in self.taking.items():
            if values:
                words = [read_word(value) for value in values]
                single = len(words) == 1 and isinstance(words[0], bool)
                taking.setdefault(side, {})[name] = words[0] if single else words
        if taking:
            data["takes_part"] = taking
        data["match"] = [_step_data(one) for one in self.steps if one.used]
        data["create"] = {"in_erp": self.in_erp, "in_crm": self.in_crm}
        data["quiet_period"] = f"{self.quiet.strip().replace(',', '.')}{self.quiet_unit}"
        data["fields"] = [_row_data(one) for one in self.rows]
        return write_rule(data, self.comment)

    def moved(self, row_id: str, by: int) -> RuleForm:
        """With a row so many places further down; at the ends it stays."""
        rows = list(self.rows)
        at = self._place(row_id)
        if at is None:
            return self
        row = rows.pop(at)
        rows.insert(max(0, min(len(rows), at + by)), row)
        return replace(self, rows=tuple(rows))

    def step_moved(self, by_name: str, by: int) -> RuleForm:
        """With a way of matching so many places further down."""
        steps = list(self.steps)
        at = next((index for index, one in enumerate(steps) if one.by == by_name), None)
        if at is None:
            return self
        step = steps.pop(at)
        steps.insert(max(0, min(len(steps), at + by)), step)
        return replace(self, steps=tuple(steps))

    def without(self, row_id: str) -> RuleForm:
        return replace(self, rows=tuple(one for one in self.rows if one.id != row_id))

    def with_row(self, erp: str, crm: str, direction: str) -> tuple[RuleForm, Row]:
        """With one more row at the end."""
        taken = {one.id for one in self.rows}
        number = next(n for n in range(len(taken) + 1) if f"n{n}" not in taken)
        row = Row(f"n{number}", erp=erp, crm=crm, direction=direction)
        return replace(self, rows=(*self.rows, row)), row

    def _place(self, row_id: str) -> int | None:
        return next((index for index, one in enumerate(self.rows) if one.id == row_id), None)


def form_of(rule: Rule, base: int, comment: str = "") -> RuleForm:
    """The form of a rule that is in order."""
    used = [Step(one.by, True, _percent(one.min_score) if _scored(one.by) else "") for one in rule.match]
    unused = [name for name in MATCH_KEYS[rule.rule] if all(one.by != name for one in used)]
    quiet = quiet_text(rule.quiet_period)
    return RuleForm(
        name=rule.rule,
        base=base,
        active=rule.active,
        taking={
            (side, name): values
            for side, conditions in (("crm", rule.takes_part.crm), ("erp", rule.takes_part.erp))
            for name, values in conditions.items()
        },
        steps=(*used, *(Step(name, False, "92" if _scored(name) else "") for name in unused)),
        in_erp=rule.create.in_erp,
        in_crm=rule.create.in_crm,
        quiet=quiet[:-1],
        quiet_unit=quiet[-1],
        rows=tuple(_row_of(f"r{index}", one) for index, one in enumerate(rule.fields)),
        comment=comment,
    )


def form_from(name: RuleName, sent: FormData) -> RuleForm:
    """The form as it was sent; what nobody could have chosen is kept too, and refused when the rule is read."""

    def text(key: str, otherwise: str = "") -> str:
        value = sent.get(key, otherwise)
        return value[:LONGEST] if isinstance(value, str) else otherwise

    def several(key: str) -> tuple[str, ...]:
        words = [part.strip() for value in sent.getlist(key) if isinstance(value, str) for part in value.split(",")]
        return tuple(dict.fromkeys(word[:LONGEST] for word in words if word))

    sides = (("crm", CRM_ENTITY[name]), ("erp", ERP_ENTITIES[name][0]))
    steps = [one for one in several("step") if one in MATCH_KEYS[name]]
    steps += [one for one in MATCH_KEYS[name] if one not in steps]
    base = text("base", "0")
    return RuleForm(
        name=name,
        base=int(base) if re.fullmatch(r"\d{1,9}", base) else 0,
        active="active" in sent,
        taking={(side, one): several(f"taking.{side}.{one}") for side, entity in sides for one in CONDITIONS[entity]},
        steps=tuple(Step(one, f"step.{one}" in sent, text(f"score.{one}") if _scored(one) else "") for one in steps),
        in_erp=text("in_erp", "on_request"),
        in_crm=text("in_crm", "on_request"),
        quiet=text("quiet", "0"),
        quiet_unit=text("quiet_unit", "s"),
        rows=tuple(_row_from(one, text, sent) for one in several("row")[:LONGEST] if _ROW.fullmatch(one)),
    )


def _row_from(row_id: str, text: Callable[..., str], sent: FormData) -> Row:
    return Row(
        id=row_id,
        erp=text(f"{row_id}.erp").strip(),
        crm=text(f"{row_id}.crm").strip(),
        direction=text(f"{row_id}.direction", "both"),
        conflict=text(f"{row_id}.conflict", "ask"),
        transform=text(f"{row_id}.transform"),
        required=f"{row_id}.required" in sent,
        ask=f"{row_id}.ask" in sent,
        default=text(f"{row_id}.default").strip(),
        list=text(f"{row_id}.list").strip(),
        show_in_search=f"{row_id}.show_in_search" in sent,
        show_in_erp_tab=f"{row_id}.show_in_erp_tab" in sent,
    )


def _row_of(row_id: str, one: RuleField) -> Row:
    made = one.on_create
    default = {True: "true", False: "false"}.get(made.default) if isinstance(made.default, bool) else made.default
    return Row(
        id=row_id,
        erp=" + ".join(one.erp),
        crm=" + ".join(one.crm),
        direction=one.direction,
        conflict=one.conflict,
        transform=one.transform or "",
        required=made.required,
        ask=made.ask,
        default="" if default is None else str(default),
        list=one.list or "",
        show_in_search=one.show_in_search,
        show_in_erp_tab=one.show_in_erp_tab,
    )


def _row_data(one: Row) -> dict[str, Any]:
    data: dict[str, Any] = {"erp": _one_or_more(one.paths("erp")), "crm": _one_or_more(one.paths("crm"))}
    data["direction"] = one.direction
    made: dict[str, Any] = {}
    if one.required:
        made["required"] = True
    if one.ask:
        made["ask"] = True
    if one.default:
        made["default"] = read_word(one.default)
    if made:
        data["on_create"] = "required" if made == {"required": True} else made
    if one.direction == "both" or one.conflict != "ask":
        data["conflict"] = one.conflict
    data |= {name: getattr(one, name) for name in ("transform", "list") if getattr(one, name)}
    data |= {name: True for name in ("show_in_search", "show_in_erp_tab") if getattr(one, name)}
    return data


def _step_data(one: Step) -> Any:
    if not _scored(one.by):
        return one.by
    try:
        score = Decimal(one.score.strip().replace(",", ".").removesuffix("%").strip()) / 100
    except InvalidOperation:
        return {one.by: {"min_score": one.score}}
    return {one.by: {"min_score": float(score) if score.is_finite() else one.score}}


def _scored(by: str) -> bool:
    return by.startswith("name")


def _percent(score: float) -> str:
    return f"{(Decimal(str(score)) * 100).normalize():f}"


def _paths(text: str) -> tuple[str, ...]:
    return tuple(part for part in (one.strip() for one in text.split(" + ")) if part)


def _one_or_more(paths: Sequence[str]) -> Any:
    return None if not paths else paths[0] if len(paths) == 1 else list(paths)
