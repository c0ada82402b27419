"""The process dies at every durable point, before and after each call and each commit, and recovers."""

from __future__ import annotations

import os
import random

import pytest

from sounimicro_pipelines_tests.sync.scenario import Broken, StorePool, run_crash

SCHEDULES = int(os.environ.get("SOUNIMICRO_TEST_CRASHES", "16"))
CHUNKS = 4
DOUBLE = bool(os.environ.get("SOUNIMICRO_TEST_DOUBLE_CRASHES"))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_crash_at_any_point_loses_and_doubles_nothing(chunk: int) -> None:
    pool = StorePool()
    crashes = 0
    seeds = range(chunk, SCHEDULES, CHUNKS)
    for seed in seeds:
        points = run_crash(seed, pool, crash_at=None).hostile.points_of_first
        assert points > 10
        for at in range(1, points + 1):
            again = random.Random(seed * 1000 + at).randrange(1, points) if DOUBLE else None
            try:
                run_crash(seed, pool, crash_at=at, again_at=again)
            except Broken as broken:
                pytest.fail(f"schedule {seed}, crash at {at} of {points}, again at {again}: {broken}")
            crashes += 1
    print(f"crash schedules {list(seeds)}: {crashes} crashes")
