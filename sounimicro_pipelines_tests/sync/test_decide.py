"""Every combination that a field can be in, against a short reference that was written apart from the planner."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from sounimicro_pipelines.rules.values import Problem, Reading
from sounimicro_pipelines.sync.decide import Decision, Presence, View, decide, effective_direction

DIRECTIONS: Any = ("both", "to_crm", "to_erp", "none")
POLICIES: Any = ("erp", "crm", "newest", "ask")
PRESENCES: Any = ("present", "read_only", "required", "unreadable", "gone")
STAMPS = ((2.0, 1.0), (1.0, 2.0), (1.0, 1.0), (None, 1.0))
BAD = Problem("invalid_value", "bad", "fix")
VALUES = (Reading("", ""), Reading("a", "a"), Reading("b", "b"), Reading("A", "a"), Reading("x", "!x", BAD))
BEFORE = (None, VALUES[0], VALUES[1], VALUES[2], VALUES[4])


def reference(
    direction: str, policy: str, c: Reading, e: Reading, bc: Reading | None, be: Reading | None,
    pc: str, pe: str, sc: float | None, se: float | None,
) -> tuple[str, str, str]:  # fmt: skip
    """What happens, from which side, and whose value is kept as a loser ("" for none), for one ERP row."""
    if direction == "none" or {pc, pe} & {"unreadable", "gone"} or c.key == e.key:
        return ("nothing", "", "")
    met = bc is not None and be is not None
    c_new = met and bc.key != c.key  # type: ignore[union-attr]
    e_new = met and be.key != e.key  # type: ignore[union-attr]
    if met and not c_new and not e_new:
        return ("nothing", "", "")
    if direction == "to_erp":
        winner = "" if c.text == "" and (not met or not c_new) else "c"
    elif direction == "to_crm":
        winner = "" if e.text == "" and (not met or not e_new) else "e"
    elif not met and (c.text == "" or e.text == ""):
        winner = "e" if c.text == "" else "c"
    elif c_new != e_new:
        winner = "c" if c_new else "e"
    elif policy == "newest":
        winner = "?" if sc is None or se is None or sc == se else ("c" if sc > se else "e")
    else:
        winner = {"crm": "c", "erp": "e", "ask": "?"}[policy]
    if winner == "":
        return ("nothing", "", "")
    if winner == "?":
        return ("conflict", "", "")
    source, target, loser_new, presence = (c, e, e_new, pe) if winner == "c" else (e, c, c_new, pc)
    loses = loser_new if met else target.text != ""
    loser = ("e" if winner == "c" else "c") if loses else ""
    if source.problem or presence == "read_only" or (presence == "required" and source.text == ""):
        return ("held", winner, loser)
    return ("write", winner, loser)


def told(decision: Decision) -> tuple[str, str, str]:
    if decision.kind in ("nothing", "conflict"):
        return (decision.kind, "", "")
    return (
        decision.kind,
        "c" if decision.source == 0 else "e",
        {(): "", (0,): "c", (1,): "e"}[decision.losers],
    )


def cases() -> Iterator[tuple[Any, ...]]:
    return product(DIRECTIONS, POLICIES, VALUES, VALUES, BEFORE, BEFORE, PRESENCES, PRESENCES, STAMPS)


def test_every_case_is_decided_as_the_reference_says() -> None:
    count = 0
    for direction, policy, c, e, bc, be, pc, pe, (sc, se) in cases():
        decision = decide(direction, policy, View(c, bc, pc, sc), (View(e, be, pe, se),))
        if told(decision) != reference(direction, policy, c, e, bc, be, pc, pe, sc, se):
            pytest.fail(f"{direction} {policy} {c} {e} {bc} {be} {pc} {pe} {sc} {se}: {decision}")
        count += 1
    print(f"planner table: {count} cases")
    assert count >= 200_000


def _partner_cases() -> Iterator[tuple[Any, ...]]:
    values = VALUES[:3]
    return product(DIRECTIONS[:3], POLICIES, product(values, repeat=3), product((None, *values), repeat=3))


def test_three_values_settle_in_one_decision() -> None:
    """After the writes of a decision the same question has the answer: nothing to do."""
    stamps = (3.0, 1.0, 2.0)
    for direction, policy, now, before in _partner_cases():
        views = [View(n, b, "present", s) for n, b, s in zip(now, before, stamps, strict=True)]
        decision = decide(direction, policy, views[0], views[1:])
        if decision.kind != "write":
            continue
        assert decision.source is not None
        value = views[decision.source].now
        after = [value if place in decision.targets else view.now for place, view in enumerate(views)]
        for place, view in enumerate(views):
            overwritten = place in decision.targets and view.changed and view.now.key != value.key
            emptied_at_first_meeting = None in before and view.now.empty
            assert (place in decision.losers) or not overwritten or emptied_at_first_meeting
        settled = [View(reading, reading) for reading in after]
        assert decide(direction, policy, settled[0], settled[1:]).kind == "nothing"
        if before == (None, None, None):
            assert not value.empty


def test_the_customer_row_speaks_for_the_erp_when_both_rows_changed() -> None:
    old, one, two = VALUES[0], VALUES[1], VALUES[2]
    views = (View(old, old), View(one, old), View(two, old))
    by_erp = decide("both", "erp", views[0], views[1:])
    assert (by_erp.source, by_erp.targets, by_erp.losers) == (1, (0, 2), (2,))
    by_crm = decide("both", "crm", views[0], views[1:])
    assert (by_crm.source, by_crm.targets, by_crm.losers) == (0, (1, 2), (1, 2))
    assert decide("both", "ask", views[0], views[1:]).kind == "conflict"
    one_row = (View(old, old), View(old, old), View(two, old))
    assert decide("both", "ask", one_row[0], one_row[1:]).targets == (0, 1)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_row_that_joins_a_pair_does_not_bring_back_what_was_typed_over_in_it(policy: Any) -> None:
    old, typed, empty = VALUES[1], VALUES[2], VALUES[0]
    pair = (View(typed, old, "present", 1.0), View(old, old, "present", 2.0))
    bare = decide("both", policy, pair[0], (pair[1], View(empty, None)))
    assert (bare.kind, bare.source, bare.targets, bare.losers) == ("write", 0, (1, 2), ())
    filled = decide("both", policy, pair[0], (pair[1], View(Reading("c", "c"), None, "present", 3.0)))
    told = {"erp": (2, (0,)), "newest": (2, (0,)), "crm": (0, (2,)), "ask": (None, ())}
    assert (filled.source, filled.losers) == told[policy]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_was_emptied_in_a_pair_stays_empty_when_a_row_joins_that_has_nothing_either(policy: Any) -> None:
    old, empty = VALUES[1], VALUES[0]
    decision = decide("both", policy, View(empty, old), (View(old, old), View(empty, None)))
    assert (decision.kind, decision.source, decision.targets) == ("write", 0, (1,))


@pytest.mark.parametrize(
    ("direction", "owns", "effective"),
    [("both", True, "both"), ("both", False, "to_erp"), ("to_crm", False, "none"), ("to_erp", False, "to_erp")],
)
def test_only_the_owner_link_writes_the_crm(direction: Any, owns: bool, effective: str) -> None:
    assert effective_direction(direction, owns=owns) == effective


def test_a_value_that_one_system_spells_its_own_way_does_not_travel_back_and_forth() -> None:
    crm, erp = Reading("OSLO S", "oslos"), Reading("Oslo Sentrum", "oslosentrum")
    assert decide("both", "newest", View(crm, crm), (View(erp, erp),)).kind == "nothing"


def test_presence_covers_every_word() -> None:
    assert set(PRESENCES) == set(Presence.__args__)  # type: ignore[attr-defined]
