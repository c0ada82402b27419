"""Reading rules from YAML: every mistake with its file, its line, the reason and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.refusals import Place, Refusal, Registries, check_rule

Lines = dict[Place, int]

DEEPEST = 20
"""Nothing in a rule stands deeper within other things than a few."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a rule. `line` counts from 1; `place` is where in the document, from outside in.

    `kind` and `words` say the same for other languages; "" where there is only the reason.
    """

    file: str
    line: int
    reason: str
    suggestion: str = ""
    place: Place = ()
    kind: str = ""
    words: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" + (f" {self.suggestion}" if self.suggestion else "")


class RuleError(SounimicroError):
    """A rule that cannot be used; one line for each mistake."""

    exit_code = 2

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


def read_rule(text: str, file: str, registries: Registries | None = None) -> Rule:
    """The rule that a YAML document says. Fields are checked when registries are given.

    Raises RuleError with every mistake that was found.
    """
    rule, lines = _shaped(text, file)
    problems = check_rule(rule, registries)
    if problems:
        raise RuleError([_mistake(file, _line(lines, one.place), one) for one in problems])
    return rule


@lru_cache(maxsize=32)
def _shaped(text: str, file: str) -> tuple[Rule, Lines]:
    """A rule of the right shape, and the lines of its parts. Kept, since every run and every view reads all rules."""
    data, lines = _parse(text, file)
    if not isinstance(data, dict):
        reason = "A rule is a list of names and values, beginning with «rule: customer»."
        raise RuleError([Mistake(file, 1, reason, kind="no_rule")])
    try:
        return Rule.model_validate(data), lines
    except ValidationError as error:
        raise RuleError(list(_shape_mistakes(error, file, lines))) from None


def _mistake(file: str, line: int, refused: Refusal) -> Mistake:
    return Mistake(file, line, refused.reason, refused.remedy, refused.place, refused.kind, refused.words)


def read_rule_file(path: Path, registries: Registries | None = None) -> Rule:
    """The rule in a file. Raises RuleError, also when the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError([Mistake(path.name, 1, f"The file cannot be read: {type(error).__name__}.")]) from None
    return read_rule(text, path.name, registries)


class _Loader(yaml.SafeLoader):
    """Reads what is written once and shallow: a few aliases of aliases are more than a machine can hold."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _Refused("alias", "An alias is not read here.", "Write out what it stands for.", event)
        if self._depth == DEEPEST:
            raise _Refused("yaml", "This is nested too deeply for a rule.", "Check indentation and quotes.", event)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class _Refused(Exception):
    def __init__(self, kind: str, reason: str, remedy: str, event: yaml.Event) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.remedy = kind, reason, remedy
        self.line = event.start_mark.line + 1 if event.start_mark is not None else 1


def _parse(text: str, file: str) -> tuple[Any, Lines]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: Lines = {}
        if node is not None:
            duplicates = list(_collect(node, (), lines))
            if duplicates:
                raise RuleError(
                    [
                        Mistake(file, line, f"«{key}» stands twice.", kind="twice", words={"name": key})
                        for key, line in duplicates
                    ]
                )
        return (None if node is None else loader.construct_document(node)), lines
    except _Refused as error:
        raise RuleError([Mistake(file, error.line, error.reason, error.remedy, kind=error.kind)]) from None
    except (yaml.YAMLError, ValueError) as error:  # the latter for a number or a date that is none
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        what = getattr(error, "problem", None) or "it cannot be read"
        reason = f"This is no YAML: {what}."
        raise RuleError([Mistake(file, line, reason, "Check indentation and quotes.", kind="yaml")]) from None


def _collect(node: yaml.Node, place: Place, lines: Lines) -> Iterator[tuple[str, int]]:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield name, key.start_mark.line + 1
            seen.add(name)
            yield from _collect(value, (*place, name), lines)
            lines[(*place, name)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _collect(item, (*place, index), lines)


def _shape_mistakes(error: ValidationError, file: str, lines: Lines) -> Iterator[Mistake]:
    for part in error.errors(include_input=True, include_url=False):
        place = tuple(part["loc"])
        kind, context = part["type"], part.get("ctx") or {}
        name = str(place[-1]) if place else ""
        line = _line(lines, place)
        if kind == "extra_forbidden":
            close = nearest(name, _known_names(place))
            yield Mistake(file, line, f"«{name}» is not known here.", close, place, "unknown_key", {"name": name})
        elif kind == "missing":
            yield Mistake(file, line, f"«{name}» is missing.", "Add it.", place, "missing", {"name": name})
        elif kind == "literal_error":
            choices = str(context.get("expected", ""))
            told = [word.strip("' ") for word in choices.replace(" or ", ",").split(",")]
            hint = nearest(str(part["input"]), told) or f"Use {choices}."
            words = {"name": str(part["input"]), "known": ", ".join(told)}
            yield Mistake(file, line, f"«{part['input']}» is no valid {name}.", hint, place, "choice", words)
        else:
            message = str(part["msg"]).removeprefix("Value error, ")
            reason = f"«{name}»: {message[:1].lower()}{message[1:]}.".replace("..", ".")
            yield Mistake(file, line, reason, "", place, "value", {"name": name})


def _known_names(place: tuple[Any, ...]) -> list[str]:
    from sounimicro_pipelines.rules import model

    if len(place) >= 3 and place[0] == "fields" and "on_create" in place[:-1]:
        return list(model.OnCreate.model_fields)
    if len(place) >= 2 and place[0] == "fields":
        return [name for name in model.RuleField.model_fields if name != "key"]
    by_head: dict[str, type[BaseModel]] = {
        "create": model.Create,
        "takes_part": model.TakesPart,
        "match": model.MatchStep,
    }
    if len(place) >= 2 and place[0] in by_head:
        return list(by_head[place[0]].model_fields)
    return list(model.Rule.model_fields)


def _line(lines: Lines, place: tuple[Any, ...]) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def nearest(name: str, known: Sequence[str]) -> str:
    """«Did you mean …?» for the nearest known names, or ""."""
    folded = {word.casefold(): word for word in known if word}
    close = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=2, cutoff=0.5)]
    return f"Did you mean {' or '.join(close)}?" if close else ""
