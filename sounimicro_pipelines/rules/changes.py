"""What differs between two versions of a rule, setting by setting; and two people's changes put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sounimicro_pipelines.rules.model import MatchStep, Rule, RuleField

ROW_SETTINGS = (
    "erp",
    "crm",
    "direction",
    "conflict",
    "transform",
    "required",
    "ask",
    "default",
    "list",
    "show_in_search",
    "show_in_erp_tab",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `field` is the row's field, "" for a setting of the rule itself; `setting` is "" for a whole row.

    `order`: the rows that both have stand in another order.
    """

    kind: Literal["added", "removed", "changed", "order"]
    field: str = ""
    setting: str = ""
    before: Any = None
    after: Any = None

    @property
    def subject(self) -> tuple[str, str]:
        """What the change is about: two changes of the same subject are made to the same thing."""
        return self.field, "" if self.kind in ("added", "removed") else self.setting


def settings_of(rule: Rule) -> dict[str, Any]:
    """The rule's settings besides its fields."""
    found: dict[str, Any] = {"active": rule.active}
    for side, conditions in (("crm", rule.takes_part.crm), ("erp", rule.takes_part.erp)):
        found |= {f"takes_part.{side}.{name}": values for name, values in conditions.items()}
    found["match"] = tuple((one.by, one.min_score if one.by.startswith("name") else None) for one in rule.match)
    found |= {"create.in_erp": rule.create.in_erp, "create.in_crm": rule.create.in_crm}
    found["quiet_period"] = rule.quiet_period
    return found


def row_settings(one: RuleField) -> dict[str, Any]:
    """A row's settings by their names in `ROW_SETTINGS`."""
    made = one.on_create
    found = {name: getattr(one, name) for name in ROW_SETTINGS if name not in ("required", "ask", "default")}
    return found | {"required": made.required, "ask": made.ask, "default": made.default}


def changes(before: Rule, after: Rule) -> list[Change]:
    """Every difference, the rule's own settings first."""
    found = _differing("", settings_of(before), settings_of(after))
    old, new = rows_by_name(before), rows_by_name(after)
    found += [Change("removed", name) for name in old if name not in new]
    for name, one in new.items():
        if name not in old:
            found.append(Change("added", name, after=one))
        else:
            found += _differing(name, row_settings(old[name]), row_settings(one))
    if [name for name in old if name in new] != [name for name in new if name in old]:
        found.append(Change("order"))
    return found


def rows_by_name(rule: Rule) -> dict[str, RuleField]:
    """The rows by what stays the same about them: the fields of both sides; a second one of the same is numbered."""
    found: dict[str, RuleField] = {}
    for one in rule.fields:
        name = base = " ↔ ".join(filter(None, (" + ".join(one.erp), " + ".join(one.crm))))
        count = 1
        while name in found:
            count += 1
            name = f"{base} ({count})"
        found[name] = one
    return found


def merge(base: Rule, mine: Rule, theirs: Rule) -> tuple[Rule, list[Change]]:
    """Both people's changes since `base`; where they changed the same thing, mine stands and theirs is told."""
    ours, others = changes(base, mine), changes(base, theirs)
    touched = {one.subject for one in ours} | {(one.field, "") for one in ours if one.kind in ("added", "removed")}
    edited = {one.field for one in ours if one.kind == "changed"}
    kept_out = [
        one
        for one in others
        if one not in ours
        and (
            one.subject in touched
            or (one.field and (one.field, "") in touched)
            or (one.kind == "removed" and one.field in edited)
        )
    ]
    gone = {one.field for one in others if one.kind == "removed" and one not in kept_out}
    old, new = rows_by_name(mine), rows_by_name(theirs)
    rows = dict(old)
    for name in gone:
        rows.pop(name, None)
    for change in others:
        if change in kept_out:
            continue
        if change.kind == "added":
            rows[change.field] = new[change.field]
        elif change.kind == "changed" and change.field in rows:
            rows[change.field] = _with(rows[change.field], change.setting, change.after)
    moved = any(one.kind == "order" for one in others) and not any(one.kind == "order" for one in ours)
    ordered = _ordered(list(rows), list(new) if moved else list(old), list(new))
    data = _head(mine, [one for one in others if not one.field and one.kind == "changed" and one not in kept_out])
    return data.model_copy(update={"fields": tuple(rows[name] for name in ordered)}), kept_out


def _differing(field: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    return [
        Change("changed", field, name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _with(row: RuleField, setting: str, value: Any) -> RuleField:
    if setting in ("required", "ask", "default"):
        return row.model_copy(update={"on_create": row.on_create.model_copy(update={setting: value})})
    return row.model_copy(update={setting: value})


def _head(rule: Rule, theirs: Sequence[Change]) -> Rule:
    """The rule with these settings of its own as the other person left them."""
    update: dict[str, Any] = {}
    taking: dict[str, dict[str, Any]] = {"crm": dict(rule.takes_part.crm), "erp": dict(rule.takes_part.erp)}
    create = rule.create
    for one in theirs:
        parts = one.setting.split(".")
        if parts[0] == "takes_part":
            if one.after is None:
                taking[parts[1]].pop(parts[2], None)
            else:
                taking[parts[1]][parts[2]] = one.after
        elif parts[0] == "create":
            create = create.model_copy(update={parts[1]: one.after})
        elif parts[0] == "match":
            update["match"] = tuple(
                MatchStep(by=by) if score is None else MatchStep(by=by, min_score=score) for by, score in one.after
            )
        else:
            update[one.setting] = one.after
    takes_part = rule.takes_part.model_copy(update=taking)
    return rule.model_copy(update={**update, "takes_part": takes_part, "create": create})


def _ordered(names: list[str], leading: list[str], other: list[str]) -> list[str]:
    """The rows in the leading order; one that it does not know comes behind the one it follows in the other."""
    found = [name for name in leading if name in names]
    for name in names:
        if name in found:
            continue
        before = other[: other.index(name)] if name in other else []
        places = [found.index(one) + 1 for one in before if one in found]
        found.insert(places[-1] if places else len(found), name)
    return found
