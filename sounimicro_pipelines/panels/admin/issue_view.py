"""An issue or conflict as the reader sees it: in words, with what may be answered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.panels.admin.frame import Desk
from sounimicro_pipelines.panels.admin.known import Known
from sounimicro_pipelines.panels.admin.naming import FieldNames, Named, named_by
from sounimicro_pipelines.panels.field_names import problem_text
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Transaction, links
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.sync import answering, deciding

_PASSING = frozenset({"feed", "unreachable", "serverfailed", "ratelimited", "preconditionfailed"})
"""Troubles that the engine gets over by itself, as long as it tries."""


@dataclass(frozen=True, slots=True)
class Value:
    """One side of a conflict. `by` and `at` are words, "" where the system does not tell."""

    side: Side
    text: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class ShownConflict:
    """A conflict with what its two systems hold. `seen` names the values, so that nobody decides on others."""

    id: int
    before: str | None
    values: tuple[Value, ...]
    seen: str


@dataclass(frozen=True, slots=True)
class ShownIssue:
    """An issue in the reader's language. `fields` are those that are wrong, with what is.

    `decided` says that a decision waits to be carried out.
    """

    issue: Issue
    title: str
    advice: str
    about: Named
    company: str
    field: str
    fields: tuple[str, ...]
    conflict: ShownConflict | None
    decided: str
    answers: tuple[str, ...]
    state: str

    @property
    def is_serious(self) -> bool:
        return self.issue.severity == "error"


def shown_issue(
    desk: Desk, tx: Transaction, issue: Issue, seen: Mapping[str, CompanyRow], names: FieldNames, known: Known
) -> ShownIssue:
    words = desk.words
    row = seen.get(issue.company_key or "")
    alias = row.alias if row is not None else ""
    title, advice = texts_of(words, issue)
    conflict = deciding.conflict_of(tx, issue)
    decided = _decided(words, tx, issue) if issue.kind == "conflict" and issue.state == "open" else ""
    answers = tuple(one for one in answering.answers_to(issue) if one != "decide" or conflict is not None)
    return ShownIssue(
        issue=issue,
        title=title,
        advice=advice,
        about=named_by(
            words,
            tx,
            desk.viewer.tenant,
            alias,
            link_id=issue.link_id,
            crm=(issue.crm_entity, issue.crm_id),
            erp=(issue.erp_entity, issue.erp_id),
        ),
        company=row.name or alias if row is not None else "",
        field=names(issue.rule, issue.field),
        fields=tuple(_wrong_fields(words, issue, names)),
        conflict=_conflict(known, conflict) if conflict is not None else None,
        decided=decided,
        answers=answers,
        state=_state(known, issue),
    )


def texts_of(words: Words, issue: Issue) -> tuple[str, str]:
    """What is wrong and what to do, in the reader's language; the issue's own words where the catalogue has none."""
    title = words(f"issue_kinds.{issue.kind if words.has(f'issue_kinds.{issue.kind}') else 'other'}")
    if words.has(f"issue_advice.{issue.kind}"):
        goes_on = issue.kind in _PASSING and not issue.dead
        advice = words(f"issue_advice.{issue.kind}")
        return title, f"{advice} {words('issues.by_itself')}" if goes_on else advice
    own = f"{issue.cause} {issue.remedy}".strip()
    return title, problem_text(words, issue.kind, otherwise=own)


def _wrong_fields(words: Words, issue: Issue, names: FieldNames) -> Iterator[str]:
    for key, wrong in ((issue.details or {}).get("fields") or {}).items():
        own = f"{wrong.get('cause', '')} {wrong.get('remedy', '')}".strip()
        yield f"{names(issue.rule, key)}: {problem_text(words, wrong.get('kind', ''), otherwise=own)}"


def _decided(words: Words, tx: Transaction, issue: Issue) -> str:
    """That somebody has decided, and that it is not carried out yet."""
    link = links.get(tx, issue.link_id) if issue.link_id is not None else None
    side = ((link.data or {}).get("choices") or {}).get(issue.field) if link is not None else None
    return words("issues.decided", system=words(f"systems.{side}")) if side in ("crm", "erp") else ""


def _state(known: Known, issue: Issue) -> str:
    if issue.state == "open":
        return ""
    words = known.words
    return words(f"issues.{issue.state}", by=known.who(issue.solved_by), moment=words.moment(issue.solved_at))


def _conflict(known: Known, conflict: Conflict) -> ShownConflict:
    moment = known.words.moment

    def text(side: Side, value: Any) -> str:
        return known.value(conflict.rule, conflict.field, side, conflict.company_key, value)

    base: Side = "crm" if conflict.baseline_crm is not None else "erp"
    before = conflict.baseline_crm if base == "crm" else conflict.baseline_erp
    return ShownConflict(
        id=conflict.id,
        before=None if before is None else text(base, before),
        values=(
            Value("crm", text("crm", conflict.crm_value), known.who(conflict.crm_by), moment(conflict.crm_at)),
            Value("erp", text("erp", conflict.erp_value), known.who(conflict.erp_by), moment(conflict.erp_at)),
        ),
        seen=seen_as(conflict),
    )


def seen_as(conflict: Conflict) -> str:
    """A name for the two values that somebody was shown."""
    shown = json.dumps([conflict.id, conflict.crm_value, conflict.erp_value], sort_keys=True, default=str)
    return hashlib.sha256(shown.encode()).hexdigest()[:16]
