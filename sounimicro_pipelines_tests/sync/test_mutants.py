"""The invariants find what they are for: every mutant of the engine is caught, and the real engine is not."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sounimicro_pipelines_tests.sync.mutants import MUTANTS, Mutant
from sounimicro_pipelines_tests.sync.scenario import Broken, StorePool

SEEDS = 20
"""So many schedules a mutant is looked for in; most are caught by the first ones."""


@pytest.fixture(scope="module")
def pool() -> StorePool:
    return StorePool()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_a_mutant_is_caught_by_the_invariant_that_forbids_it(
    mutant: Mutant, pool: StorePool, record_property: Callable[[str, object], None]
) -> None:
    began = time.process_time()
    caught: Broken | None = None
    seeds = iter(range(mutant.first, mutant.first + SEEDS))
    others: set[str] = set()
    with mutant.bug():
        for seed in seeds:
            try:
                mutant.play(seed, pool)
            except Broken as broken:
                if broken.invariant == mutant.invariant:
                    caught = broken
                    break
                others.add(broken.invariant)
    assert caught is not None, f"{mutant.name} lives after {SEEDS} schedules; broken was {others or 'nothing'}"
    mutant.play(seed, pool)
    record_property(
        "printed",
        f"mutant caught: {mutant.name}, by «{caught.invariant}», seed {seed}, schedule {seed - mutant.first + 1}, "
        f"{time.process_time() - began:.1f} s of CPU",
    )


def test_there_are_enough_mutants() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
