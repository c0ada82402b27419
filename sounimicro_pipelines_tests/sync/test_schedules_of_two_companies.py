"""Random schedules in a hostile world with two ERP companies, whose walls hold after each."""

from __future__ import annotations

from sounimicro_pipelines_tests.sync.campaign import FIRST_SEED, Campaign, Schedules


class TestTwoCompanies(Schedules):
    campaign = Campaign("two companies", companies=2, first=FIRST_SEED + 500_000, also=("customer_of_both",))
