"""Random schedules in a hostile world with one ERP company: all invariants hold after each."""

from __future__ import annotations

from sounimicro_pipelines_tests.sync.campaign import FIRST_SEED, Campaign, Schedules
from sounimicro_pipelines_tests.sync.scenario import StorePool, run_schedule


class TestOneCompany(Schedules):
    campaign = Campaign("one company", companies=1, first=FIRST_SEED, also=("partner",))


def test_the_same_seed_gives_the_same_trace() -> None:
    pool = StorePool()
    first, second = run_schedule(42, pool), run_schedule(42, pool)
    assert first.hostile.writes == second.hostile.writes
    assert first.hostile.counts == second.hostile.counts
    assert first.hostile.at() == second.hostile.at()
