"""What a record is filled with that is to be created for one of the other side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.transforms import CannotWrite
from sounimicro_pipelines.rules.values import Problem, Scalar, Side, text_of
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.translate import context_of, is_filled, missing_answers, paths_of, read_field
from sounimicro_pipelines.sync.world import World


class Incomplete(Exception):
    """A record cannot be created as it stands; `problems` are by field key."""

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        super().__init__(", ".join(problems))
        self.problems = dict(problems)


def new_values(world: World, rule: Rule, source: Record, side: Side, answers: Mapping[str, str]) -> dict[str, Scalar]:
    """The values of a new record on `side`: the source's, a person's answers (by field key), and defaults.

    Raises Incomplete when something that must be answered is missing or unfit. A value that is merely optional and
    unfit is left out; the agreement afterwards makes it an issue. A date that the source does not have is None in the
    CRM, which gives new projects end dates of its own (vendor reference 2.6) that would travel back as somebody's.
    """
    port = world.port(side, source.company_key) if side == "crm" else None
    values: dict[str, Scalar] = {}
    told: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    with world.store.read() as tx:
        items = world.items(tx, source.company_key) if source.company_key else {}
    for one in rule.fields:
        paths = paths_of(one, side)
        if not paths:
            continue
        answer = answers.get(one.key)
        if answer is None and one.on_create.default is not None and not _from_source(one, source, items):
            answer = text_of(one.on_create.default)
        try:
            if answer is not None:
                context = context_of(one, source, items)
                reading = one.transformer.read(side, (answer,), context) if one.crm and one.erp else None
                if reading is not None and reading.problem is not None:
                    raise CannotWrite(reading.problem)
                written: tuple[Scalar, ...] = (answer, *("" for _ in paths[1:]))
                if reading is not None and one.list is None:
                    written = one.transformer.write(side, reading, tuple(None for _ in paths), context)
                told[one.key] = answer
            else:
                travels = one.writes_crm if side == "crm" else one.writes_erp
                if not travels or not paths_of(one, source.side):
                    continue
                reading = read_field(one, source, items)
                if not is_filled(one, source, reading):
                    if side == "crm" and one.transformer.name == "date":
                        values.update(dict.fromkeys(paths))
                    continue
                if reading.problem is not None:
                    raise CannotWrite(reading.problem)
                context = context_of(one, source, items)
                written = one.transformer.write(side, reading, tuple(None for _ in paths), context)
                told[one.key] = reading.text
        except CannotWrite as error:
            if one.on_create.required or answer is not None:
                problems[one.key] = error.problem
            continue
        for path, value in zip(paths, written, strict=True):
            if port is not None:
                limit = port.max_length(rule.crm, path)
                if limit is not None and len(text_of(value)) > limit:
                    if one.on_create.required:
                        problems[one.key] = too_long(one.name, "CRM", limit)
                    continue
            if value not in (None, ""):
                values[path] = value
    if side == "erp":
        for one in missing_answers(rule.fields, told):
            problems.setdefault(
                one.key,
                Problem("missing", f"{one.name} must be answered.", "Fill it in on the record, or answer it here."),
            )
    elif not source.identity.name:
        problems[""] = Problem("missing", "The record has no name.", "Give it a name.")
    if problems:
        raise Incomplete(problems)
    return values


def too_long(name: str, system: str, limit: int) -> Problem:
    """Why a value does not fit into a field of the other side."""
    return Problem(
        "too_long",
        f"{name} is too long for the {system}, which holds {limit} characters.",
        "Shorten it; nothing is cut off by itself.",
    )


def _from_source(one: Any, source: Record, items: Mapping[str, Any]) -> bool:
    return bool(paths_of(one, source.side)) and is_filled(one, source, read_field(one, source, items))
