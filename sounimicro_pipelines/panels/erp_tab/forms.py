"""The form before a record is created, and the choices before two are linked: fields as a browser shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sounimicro_pipelines.panels.erp_tab.overview import shown
from sounimicro_pipelines.panels.erp_tab.requests import Asked, Compared
from sounimicro_pipelines.panels.field_names import field_name, problem_text
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.rules import Problem

ANSWER = "answer."
CHOICE = "choice."
_TYPES = {"email": "email", "phone": "tel", "url": "text", "date": "date", "integer": "text", "decimal": "text"}
_MODES = {"org_number": "numeric", "integer": "numeric", "decimal": "decimal", "postcode": "numeric"}
_COMPLETE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class FormField:
    """One question. `check` names what our script validates by while the person types, and the server anyway."""

    key: str
    name: str
    id: str
    label: str
    value: str
    type: str
    mode: str
    check: str
    required: bool
    max_length: int | None
    options: tuple[tuple[str, str], ...]
    hint: str
    error: str
    wrong: str
    from_crm: bool


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """One field of two records that are to be linked. `chosen` is the side that is preselected, "" for none.

    `error` says what is wrong with the person's choice, `note` why the value cannot travel as it is.
    """

    key: str
    name: str
    id: str
    label: str
    crm: str
    erp: str
    would: str
    choices: tuple[str, ...]
    chosen: str
    error: str
    note: str

    @property
    def is_choice(self) -> bool:
        return len(self.choices) > 1

    @property
    def is_equal(self) -> bool:
        return self.would == "equal" or not (self.crm or self.erp)


def form_fields(
    words: Words, asked: Sequence[Asked], given: Mapping[str, str] | None, problems: Mapping[str, Problem]
) -> list[FormField]:
    """The questions in the rule's order, with what the person has answered (or else what is proposed)."""
    return [_form_field(words, place, one, given, problems) for place, one in enumerate(asked)]


def choice_rows(
    words: Words, found: Sequence[Compared], given: Mapping[str, str] | None, problems: Mapping[str, Problem]
) -> list[ChoiceRow]:
    """Both sides field by field, in the rule's order."""
    rows: list[ChoiceRow] = []
    for place, one in enumerate(found):
        difference = one.difference
        proposed = {"to_crm": "erp", "to_erp": "crm"}.get(difference.would, "")
        chosen = proposed if given is None else given.get(difference.key, "")
        problem = problems.get(difference.key)
        stuck = difference.problem if difference.would == "stuck" else None
        rows.append(
            ChoiceRow(
                key=difference.key,
                name=CHOICE + difference.key,
                id=f"choice-{place}",
                label=field_name(words, one.crm, one.erp),
                crm=shown(words, one, "crm"),
                erp=shown(words, one, "erp"),
                would=difference.would,
                choices=tuple(difference.choices),
                chosen=chosen if chosen in difference.choices else "",
                error=_text(words, problem, one.transform) if problem is not None else "",
                note=_text(words, stuck, one.transform) if stuck is not None else "",
            )
        )
    return rows


def unanswered(found: Sequence[Compared], given: Mapping[str, str]) -> dict[str, Problem]:
    """Fields where a person must choose and has not."""
    return {
        one.difference.key: Problem("unchosen", "Nobody has said whose value counts.", "Choose a side.")
        for one in found
        if one.difference.would == "ask"
        and len(one.difference.choices) > 1
        and given.get(one.difference.key) not in one.difference.choices
    }


def given(form: Mapping[str, object], prefix: str) -> dict[str, str]:
    """What a form says, by field key."""
    return {
        name.removeprefix(prefix): value.strip()
        for name, value in form.items()
        if name.startswith(prefix) and isinstance(value, str)
    }


def _form_field(
    words: Words, place: int, one: Asked, given: Mapping[str, str] | None, problems: Mapping[str, Problem]
) -> FormField:
    question = one.question
    check = _check(one)
    value = question.proposed if given is None else given.get(question.key, "")
    problem = problems.get(question.key) or (question.problem if given is None else None)
    options = tuple((item.id, item.name) for item in one.items)
    if check == "boolean":
        options = (("true", words("erp.true")), ("false", words("erp.false")))
    kind = _TYPES.get(check, "text")
    if kind == "date" and value and not _COMPLETE.fullmatch(value):
        kind = "text"
    hint = words(f"erp.create.hints.{check}") if words.has(f"erp.create.hints.{check}") else ""
    return FormField(
        key=question.key,
        name=ANSWER + question.key,
        id=f"answer-{place}",
        label=field_name(words, one.crm, one.erp),
        value=value,
        type=kind,
        mode=_MODES.get(check, ""),
        check=check,
        required=question.required,
        max_length=question.max_length,
        options=options,
        hint=hint,
        error=_text(words, problem, one.transform, question.max_length) if problem is not None else "",
        wrong=problem_text(words, "invalid_value", check),
        from_crm=given is None and bool(value) and bool(one.crm),
    )


def _check(one: Asked) -> str:
    if any(path.endswith(("Zipcode", "PostalCode")) for path in (*one.crm, *one.erp)):
        return "postcode"
    return one.transform


def _text(words: Words, problem: Problem, transform: str, max_length: int | None = None) -> str:
    if problem.kind == "unchosen":
        return words("erp.compare.choose")
    if problem.kind == "too_long" and max_length is not None:
        return words("value_problems.too_long_for", count=max_length)
    return problem_text(words, problem.kind, transform, otherwise=f"{problem.cause} {problem.remedy}")
