"""Random schedules in a hostile world with one ERP company: all invariants hold after each."""

from __future__ import annotations

import pytest

from sounimicro_pipelines_tests.sync.campaign import AT_LEAST, CAMPAIGNS, CHUNKS, FIRST_SEED, NIGHTLY, Campaign
from sounimicro_pipelines_tests.sync.scenario import StorePool, run_schedule


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return Campaign("one company", companies=1, first=FIRST_SEED)


@pytest.mark.nightly
@pytest.mark.skipif(not NIGHTLY, reason="takes minutes")
@pytest.mark.parametrize("number", range(CHUNKS))
def test_every_invariant_holds_after_any_schedule(number: int, campaign: Campaign, pytestconfig: pytest.Config) -> None:
    campaign.chunk(number, pytestconfig.cache.mkdir("schedules"))


@pytest.mark.nightly
@pytest.mark.skipif(not NIGHTLY, reason="takes minutes")
def test_every_invariant_holds_while_there_is_time(
    campaign: Campaign, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    if len(campaign.chunks) < CHUNKS:
        pytest.skip("only part of the schedules was played")
    campaign.more(pytestconfig.cache.mkdir("schedules"))
    with capsys.disabled():
        print(f"\n{campaign.report()}")
    assert campaign.done >= AT_LEAST // CAMPAIGNS
    assert campaign.missing() == []
    assert campaign.counts["partner"] > 0


def test_the_same_seed_gives_the_same_trace() -> None:
    pool = StorePool()
    first, second = run_schedule(42, pool), run_schedule(42, pool)
    assert first.hostile.writes == second.hostile.writes
    assert first.hostile.counts == second.hostile.counts
    assert first.hostile.at() == second.hostile.at()
