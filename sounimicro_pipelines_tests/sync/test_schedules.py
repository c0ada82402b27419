"""Random schedules in a hostile world: as many as fit in the time, and never too few; all invariants after each."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import asdict, fields, replace

import pytest

from sounimicro_pipelines_tests.sync.scenario import Broken, StorePool, random_trouble, run_schedule
from sounimicro_pipelines_tests.sync.simulated import Trouble

CHUNKS = 8
AT_LEAST = int(os.environ.get("SOUNIMICRO_TEST_SCHEDULES", "1000")) // CHUNKS
SECONDS = float(os.environ.get("SOUNIMICRO_TEST_SCHEDULE_SECONDS", "120")) * 2 / CHUNKS
MENU = (
    "edit", "edit_between_calls", "timeout_before_effect", "timeout_after_effect", "timeout_late_effect",
    "throttled_429", "failed_500", "html_answer", "search_lag", "webhook_lost", "webhook_repeated_or_reordered",
    "renormalised", "merge", "delete", "person_moved", "new_company_in_crm", "new_party_in_erp", "new_person",
    "partner", "restart", "two_engines", "old_database_restored", "coarse_stamps", "skewed_clock",
)  # fmt: skip


@pytest.mark.nightly
@pytest.mark.skipif(not os.environ.get("SOUNIMICRO_TEST_NIGHTLY"), reason="takes minutes")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_invariant_holds_after_any_schedule(chunk: int, pytestconfig: pytest.Config) -> None:
    pool = StorePool()
    counts: Counter[str] = Counter()
    started, done = time.monotonic(), 0
    first = 1_000_000 * (chunk + 1)
    while done < AT_LEAST or time.monotonic() - started < SECONDS:
        seed = first + done
        trouble = random_trouble(seed)
        counts["coarse_stamps"] += trouble.coarse_stamps
        counts["skewed_clock"] += bool(trouble.skew)
        try:
            counts += run_schedule(seed, pool).hostile.counts
        except Broken as broken:
            smallest = shrink(seed, broken, pool)
            kept = pytestconfig.cache.mkdir("schedules") / f"{seed}.json"
            kept.write_text(json.dumps(smallest, indent=1))
            pytest.fail(f"seed {seed}: {broken}; shrunk to {smallest}, kept in {kept}")
        done += 1
    print(f"schedules {first} to {first + done - 1}: {done}; {dict(sorted(counts.items()))}")
    assert not [name for name in MENU if not counts[name]]


def shrink(seed: int, broken: Broken, pool: StorePool) -> dict[str, object]:
    """The fewest rounds and troubles with which the same invariant still breaks."""

    def breaks(rounds: int | None, trouble: Trouble) -> bool:
        try:
            run_schedule(seed, pool, rounds=rounds, trouble=trouble)
        except Broken as again:
            return again.invariant == broken.invariant
        except Exception:
            return False
        return False

    trouble = random_trouble(seed)
    rounds = next((count for count in range(1, 7) if breaks(count, trouble)), None)
    for one in fields(Trouble):
        milder = replace(trouble, **{one.name: type(one.default)(0)})
        if milder != trouble and breaks(rounds, milder):
            trouble = milder
    return {"seed": seed, "invariant": broken.invariant, "rounds": rounds, "trouble": asdict(trouble)}


def test_the_same_seed_gives_the_same_trace() -> None:
    pool = StorePool()
    first, second = run_schedule(42, pool), run_schedule(42, pool)
    assert first.hostile.writes == second.hostile.writes
    assert first.hostile.counts == second.hostile.counts
    assert first.hostile.at() == second.hostile.at()
