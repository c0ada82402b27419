"""What to do about one field: pure, from what each side holds now and what it held at the last agreement.

Place 0 is the CRM; places 1 and up are the ERP's rows (two under the partner rule, the customer's first).

* Equal values need nothing; they become the new baseline.
* One new value, on one side or the same on several, travels to the rest.
* Different new values are a conflict, settled by the field's policy; the overwritten ones are kept as losers.
* Values that differ but have not changed since the last agreement are left: each side holds it in its own way.
* At the first meeting nothing that is filled gives way to nothing that is empty, and nobody is asked about two ways of
  writing the same: each side keeps its own until somebody changes it.
* Where a row joins places that have agreed before, what stands at one of them since then has no say beside the row if
  something has been typed on it at another.
* A one-way field has one side that decides, at the first meeting as later. The policy settles what is left, which is
  two ERP rows that differ; what stood on the other side is kept as a loser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sounimicro_pipelines.rules.model import Direction, Policy
from sounimicro_pipelines.rules.values import Problem, Reading

Presence = Literal["present", "read_only", "required", "unreadable", "gone"]
"""`read_only`: cannot be written. `required`: cannot be emptied. `unreadable`: this answer does not hold the field."""
Kind = Literal["nothing", "write", "conflict", "held"]

CRM = 0
ERP = 1


@dataclass(frozen=True, slots=True)
class View:
    """One place of a field: what it holds now, and at the last agreement (None: there has been none).

    `stamp` is when a person last changed it there, as a number that grows with time; None when unknown. `spelling` is
    equal for two ways of writing the same; "" when it was not asked for. `filled` is false of a value that stands where
    nobody has put any.
    """

    now: Reading
    before: Reading | None
    presence: Presence = "present"
    stamp: float | None = None
    spelling: str = ""
    filled: bool = True

    @property
    def says_something(self) -> bool:
        """Whether it counts as filled at the first meeting."""
        return self.filled and not self.now.empty

    @property
    def changed(self) -> bool:
        return self.before is not None and self.before.key != self.now.key


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done: `source`'s value goes to `targets`; the values at `losers` were new and give way.

    `agreed`: the values as they stand become the baseline. `problem`: why a held value cannot travel.
    """

    kind: Kind
    reason: str
    source: int | None = None
    targets: tuple[int, ...] = ()
    losers: tuple[int, ...] = ()
    agreed: bool = False
    problem: Problem | None = None


def effective_direction(direction: Direction, *, owns: bool) -> Direction:
    """The direction of a field for one link: only the owner link writes the CRM."""
    if owns:
        return direction
    return "to_erp" if direction in ("both", "to_erp") else "none"


def decide(direction: Direction, policy: Policy, crm: View, erp: Sequence[View]) -> Decision:
    """The decision for one field of a CRM record and its ERP row (or its two rows, under the partner rule)."""
    views = (crm, *erp)
    if direction == "none":
        return Decision("nothing", "not_synchronized")
    for view in views:
        if view.presence in ("unreadable", "gone"):
            return Decision("nothing", view.presence)
    if len({view.now.key for view in views}) == 1:
        return Decision("nothing", "equal", agreed=True)
    if any(view.before is None for view in views):
        return _first_meeting(direction, policy, views)
    if not any(view.changed for view in views):
        return Decision("nothing", "settled")
    return _changed(direction, policy, views)


def _first_meeting(direction: Direction, policy: Policy, views: tuple[View, ...]) -> Decision:
    allowed = _sources(direction, views)
    changed = [place for place in allowed if views[place].changed]
    stale = {place for place in allowed if changed and views[place].before is not None and place not in changed}
    rivals = [place for place in allowed if place not in stale]
    filled = [place for place in rivals if views[place].now.key != "" and views[place].says_something]
    if not filled and stale:
        return _write(views, changed[0], direction, "one_side_changed", ())
    if not filled:
        return Decision("nothing", "source_empty", agreed=True)
    told = {place for place, view in enumerate(views) if view.says_something and place not in stale}
    if len({views[place].now.key for place in filled}) == 1:
        losers = tuple(sorted(told - set(filled)))
        return _write(views, filled[0], direction, "one_way" if losers else "first_meeting", losers)
    return _by_policy(direction, policy, views, filled, told)


def _changed(direction: Direction, policy: Policy, views: tuple[View, ...]) -> Decision:
    allowed = _sources(direction, views)
    new = [place for place in allowed if views[place].changed]
    if not new:
        return _restore(direction, policy, views, allowed)
    if len({views[place].now.key for place in new}) == 1:
        source = new[0]
        losers = _changed_losers(views, source)
        return _write(views, source, direction, "both_changed" if losers else "one_side_changed", losers)
    return _by_policy(direction, policy, views, new)


def _restore(direction: Direction, policy: Policy, views: tuple[View, ...], allowed: list[int]) -> Decision:
    """Only a place that does not decide has changed: it gets the value of the one that does, if there is any."""
    if len({views[place].now.key for place in allowed}) > 1:
        return _by_policy(direction, policy, views, allowed)
    source = allowed[0]
    if views[source].now.empty:
        return Decision("nothing", "source_empty")
    return _write(views, source, direction, "one_way", _changed_losers(views, source))


def _by_policy(
    direction: Direction, policy: Policy, views: tuple[View, ...], rivals: list[int], told: set[int] | None = None
) -> Decision:
    """The policy's choice between rivals. At a first meeting `told` are the places whose values are somebody's."""
    winner: int | None = None
    if policy == "crm":
        winner = CRM if direction != "to_crm" and (CRM in rivals or told is None) else None
    elif policy == "erp":
        winner = min((place for place in rivals if place >= ERP), default=None)
    elif policy == "newest":
        stamps = [view.stamp for view in (views[place] for place in rivals)]
        newest = max((stamp for stamp in stamps if stamp is not None), default=None)
        if newest is not None and None not in stamps and stamps.count(newest) == 1:
            winner = rivals[stamps.index(newest)]
    if winner is None:
        if told is not None and views[CRM].spelling and len({view.spelling for view in views}) == 1:
            return Decision("nothing", "same_in_words", agreed=True)
        return Decision("conflict", "ask")
    if told is not None:
        losers = tuple(place for place in sorted(told) if views[place].now.key != views[winner].now.key)
    else:
        losers = _changed_losers(views, winner)
    return _write(views, winner, direction, "newest" if policy == "newest" else f"policy_{policy}", losers)


def _write(
    views: tuple[View, ...], source: int, direction: Direction, reason: str, losers: tuple[int, ...]
) -> Decision:
    value = views[source].now
    targets = tuple(
        place
        for place, view in enumerate(views)
        if view.now.key != value.key and (direction != "to_crm" or place == CRM) and (direction != "to_erp" or place)
    )
    losers = tuple(place for place in losers if place in targets)
    if not targets:
        return Decision("nothing", "equal_where_written")
    if value.problem is not None:
        return Decision("held", "invalid_source", source, targets, losers, problem=value.problem)
    blocked = {views[place].presence for place in targets}
    if "read_only" in blocked:
        return Decision("held", "read_only", source, targets, losers, problem=_READ_ONLY)
    if value.empty and "required" in blocked:
        return Decision("held", "required", source, targets, losers, problem=_REQUIRED)
    return Decision("write", reason, source, targets, losers)


def _sources(direction: Direction, views: tuple[View, ...]) -> list[int]:
    if direction == "to_erp":
        return [CRM]
    first = ERP if direction == "to_crm" else CRM
    return list(range(first, len(views)))


def _changed_losers(views: tuple[View, ...], source: int) -> tuple[int, ...]:
    key = views[source].now.key
    return tuple(place for place, view in enumerate(views) if view.changed and view.now.key != key)


_READ_ONLY = Problem(
    "read_only",
    "The value cannot be written on the other side: the record or field is read-only there.",
    "Change it there by hand, or change the field's direction.",
)
_REQUIRED = Problem(
    "required",
    "The value was emptied, but the other side must have one.",
    "Fill it in again, or choose the other side's value.",
)
