"""Writing a rule as the shipped documents are written: a line for each setting, a line for each field.

What is written may be wrong; whoever reads it says so. So a person's unfinished work has a document too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sounimicro_pipelines.rules.model import MatchStep, OnCreate, Rule, RuleField

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*|\d+(\.\d+)?[smhd]")
_NOT_TEXT = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def as_data(rule: Rule) -> dict[str, Any]:
    """A rule as the data of its document."""
    data: dict[str, Any] = {
        "rule": rule.rule,
        "active": rule.active,
        "erp": rule.erp[0] if len(rule.erp) == 1 else list(rule.erp),
        "crm": rule.crm,
    }
    sides = {"crm": rule.takes_part.crm, "erp": rule.takes_part.erp}
    if any(sides.values()):
        data["takes_part"] = {
            side: {name: _condition(values) for name, values in conditions.items()}
            for side, conditions in sides.items()
            if conditions
        }
    data["match"] = [_step(one) for one in rule.match]
    data["create"] = {"in_erp": rule.create.in_erp, "in_crm": rule.create.in_crm}
    data["quiet_period"] = quiet_text(rule.quiet_period)
    data["fields"] = [_row(one) for one in rule.fields]
    return data


def quiet_text(seconds: float) -> str:
    """A quiet period in its largest whole unit: `0s`, `90s`, `5m`."""
    for size, unit in _UNITS:
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def write_rule(data: Mapping[str, Any], comment: str = "") -> str:
    """The document; `comment` are lines that stand before it, each with its #."""
    lines = [*comment.splitlines()]
    for name, value in data.items():
        if name == "fields":
            lines.append("fields:")
            lines += [f"  - {_flow(row)}" for row in value]
        elif name == "takes_part":
            lines.append("takes_part:")
            lines += [f"  {side}: {_flow(conditions)}" for side, conditions in value.items()]
        else:
            lines.append(f"{name}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def leading_comment(document: str) -> str:
    """The lines of comment that a document begins with."""
    found = []
    for line in document.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        found.append(line)
    return "\n".join(found)


def _condition(values: Sequence[str]) -> Any:
    found = [read_word(value) for value in values]
    return found[0] if len(found) == 1 and isinstance(found[0], bool) else found


def read_word(text: str) -> str | int | bool:
    """A written word as a document would have it: yes and no, whole numbers, text."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"0|-?[1-9]\d{0,17}", text) else text


def _step(step: MatchStep) -> Any:
    named = step.by.startswith("name")
    if not named and step.min_score == MatchStep.model_fields["min_score"].default:
        return step.by
    return {step.by: {"min_score": step.min_score}}


def _row(one: RuleField) -> dict[str, Any]:
    row: dict[str, Any] = {"erp": _paths(one.erp), "crm": _paths(one.crm), "direction": one.direction}
    created = _on_create(one.on_create)
    if created is not None:
        row["on_create"] = created
    if one.direction == "both" or one.conflict != RuleField.model_fields["conflict"].default:
        row["conflict"] = one.conflict
    for name in ("transform", "list"):
        if getattr(one, name) is not None:
            row[name] = getattr(one, name)
    for name in ("show_in_search", "show_in_erp_tab"):
        if getattr(one, name):
            row[name] = True
    return row


def _on_create(one: OnCreate) -> Any:
    """What a document says of a field when a record is created; None when that is nothing."""
    said: dict[str, Any] = {}
    if one.required:
        said["required"] = True
    if one.ask:
        said["ask"] = True
    if one.default is not None:
        said["default"] = one.default
    return "required" if said == {"required": True} else said or None


def _paths(paths: Sequence[str]) -> Any:
    if not paths:
        return None
    return paths[0] if len(paths) == 1 else list(paths)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(name)}: {_flow(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
