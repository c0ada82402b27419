"""Why a field has its value, in the reader's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sounimicro_pipelines.panels.field_names import problem_text
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.sync.explain import Change, FieldStory

Show = Callable[[str, str], str]
"""A side's value as the reader sees it: dates in their form, list items by name."""


@dataclass(frozen=True, slots=True)
class Why:
    """`last` is the last change in a few words ("" when nobody has changed it), `because` the whole answer.

    `before` are the changes before that, newest first, and values that gave way.
    """

    last: str
    because: str
    before: tuple[str, ...]
    needs_person: bool


def why(words: Words, story: FieldStory, people: Mapping[str, str], show: Show, transform: str = "") -> Why:
    """The story of one field; `transform` is the field's, where it is known."""
    changes = [_change(words, one, people, show) for one in story.changes]
    losers = [
        words(
            "erp.why.gave_way",
            value=show(one.side, one.value) or words("erp.empty"),
            side=words(f"erp.side_in.{one.side}"),
            who=_who(words, one.by, people),
            moment=words.moment(one.at or one.found_at),
        )
        for one in story.losers
    ]
    last = _last(words, story.changes[0]) if story.changes else ""
    if story.issue is not None:
        told = problem_text(words, story.issue.kind, transform, otherwise=f"{story.issue.cause} {story.issue.remedy}")
        return Why(last, told, (*changes, *losers), story.issue.severity != "info")
    if changes:
        return Why(last, changes[0], (*changes[1:], *losers), False)
    if story.crm is None and story.erp is None and story.direction != "none":
        because = words("erp.why.never_agreed")
    elif story.direction == "none":
        because = words("erp.why.only_shown")
    else:
        because = words("erp.why.untouched", moment=words.moment(story.link.created_at))
    return Why(last, because, tuple(losers), False)


def _last(words: Words, change: Change) -> str:
    return words(f"erp.why.last_{change.side}", moment=words.moment(change.at))


def _change(words: Words, change: Change, people: Mapping[str, str], show: Show) -> str:
    parts = {
        "value": show(change.side, change.value) or words("erp.empty"),
        "replaced": show(change.side, change.replaced) or words("erp.empty"),
        "to": words(f"erp.side_in.{change.side}"),
        "moment": words.moment(change.at),
        "rule": words.or_raw("erp.rules", change.rule),
        "reason": words.or_raw("erp.why.reasons", change.reason),
    }
    if change.reason in ("undo", "restore") or change.source_side is None:
        text = words("erp.why.put_back", **parts)
    else:
        source = words(f"erp.side_in.{change.source_side}")
        who = _who(words, change.source_by, people)
        when = words.moment(change.source_at) if change.source_at else ""
        key = "erp.why.came_from" if change.source_at else "erp.why.came"
        text = words(key, **parts, source=source, who=who, when=when)
    return text + (" " + words("erp.why.undone") if change.undone_by_run else "")


def _who(words: Words, by: str | None, people: Mapping[str, str]) -> str:
    """A person by name where the systems tell it."""
    if not by:
        return words("erp.why.somebody")
    name = by.removeprefix("crm:")
    if name in people:
        return people[name]
    return (
        words("erp.why.a_user", number=name.rpartition(":")[2])
        if name.startswith("associate:")
        else words("erp.why.somebody")
    )
