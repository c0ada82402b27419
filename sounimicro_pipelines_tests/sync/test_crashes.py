"""The process dies at every durable point, before and after each call and each commit, and recovers."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Iterator

import pytest

from sounimicro_pipelines_tests.sync.scenario import Broken, Pool, PostgresPool, StorePool, run_crash

NIGHTLY = bool(os.environ.get("SOUNIMICRO_TEST_NIGHTLY"))
SCHEDULES = int(os.environ.get("SOUNIMICRO_TEST_CRASHES", "500" if NIGHTLY else "15"))
ON_POSTGRES = int(os.environ.get("SOUNIMICRO_TEST_CRASHES_ON_POSTGRES", "50" if NIGHTLY else "1"))
CHUNKS = 5
AGAIN = 1 if NIGHTLY else 10
"""Of so many crashes one is followed by another, while it is cleared up."""


def crash_everywhere(seeds: Collection[int], pool: Pool) -> tuple[int, int]:
    """Every schedule dies at each of its points; answers how many crashes, and how many double ones, there were.

    A schedule in which hardly anything happens has a few points only.
    """
    crashes = doubles = 0
    for seed in seeds:
        points = run_crash(seed, pool, crash_at=None).hostile.points_of_first
        assert points
        for at in range(1, points + 1):
            twice: list[int | None] = [None]
            if at % AGAIN == 0:
                twice.append(random.Random(seed * 1000 + at).randrange(1, points))
            for again in twice:
                try:
                    run_crash(seed, pool, crash_at=at, again_at=again)
                except Broken as broken:
                    pytest.fail(f"schedule {seed}, crash at {at} of {points}, again at {again}: {broken}")
                crashes += 1
                doubles += again is not None
    assert crashes > 10 * len(seeds)
    return crashes, doubles


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_crash_at_any_point_loses_and_doubles_nothing(
    chunk: int, record_property: Callable[[str, object], None]
) -> None:
    seeds = range(chunk, SCHEDULES, CHUNKS)
    crashes, doubles = crash_everywhere(seeds, StorePool())
    record_property("printed", f"crash schedules {list(seeds)}: {crashes} crashes, {doubles} of them double")


@pytest.fixture
def postgres_pool(postgres_url: str) -> Iterator[PostgresPool]:
    pool = PostgresPool(postgres_url)
    yield pool
    pool.close()


@pytest.mark.postgres
def test_a_crash_on_postgres_loses_and_doubles_nothing(
    postgres_pool: PostgresPool, record_property: Callable[[str, object], None]
) -> None:
    crashes, doubles = crash_everywhere(range(ON_POSTGRES), postgres_pool)
    assert doubles > 0
    record_property(
        "printed", f"{ON_POSTGRES} crash schedules on Postgres: {crashes} crashes, {doubles} of them double"
    )
