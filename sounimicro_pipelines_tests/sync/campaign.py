"""Random schedules as a test plays them: never too few, more while there is time; failures are shrunk and kept."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import pytest

from sounimicro_pipelines_tests.sync.scenario import Broken, StorePool, random_trouble, run_schedule
from sounimicro_pipelines_tests.sync.simulated import Trouble

NIGHTLY = bool(os.environ.get("SOUNIMICRO_TEST_NIGHTLY"))
AT_LEAST = int(os.environ.get("SOUNIMICRO_TEST_SCHEDULES", "200000" if NIGHTLY else "1000"))
"""Schedules of all campaigns together; each night begins at another seed."""
SECONDS = float(os.environ.get("SOUNIMICRO_TEST_SCHEDULE_SECONDS", "75"))
"""For so long each campaign goes on, if it has played its share before."""
CAMPAIGNS = 2
CHUNKS = 10
FIRST_SEED = int(
    os.environ.get("SOUNIMICRO_TEST_FIRST_SEED", int(time.time() // 86_400) * 1_000_000 if NIGHTLY else 1_000_000)
)
MENU = (
    "edit", "edit_between_calls", "timeout_before_effect", "timeout_after_effect", "timeout_late_effect",
    "throttled_429", "failed_500", "html_answer", "search_lag", "webhook_lost", "webhook_repeated", "webhook_reordered",
    "renormalised", "merge", "delete", "mass_delete", "guard_stopped", "person_moved", "person_erased",
    "new_company_in_crm", "new_party_in_erp", "new_person", "quiet_period", "restart", "two_engines",
    "old_database_restored", "coarse_stamps", "skewed_clock", "edit_in_window",
)  # fmt: skip


@dataclass
class Campaign:
    """One process's share of the schedules; `companies` is how many ERP companies their worlds have.

    `also` is what must occur in these worlds besides the menu.
    """

    name: str
    companies: int
    first: int
    also: tuple[str, ...] = ()
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    chunks: set[int] = field(default_factory=set)
    started: float = 0.0
    cpu: float = 0.0

    @cached_property
    def pool(self) -> StorePool:
        return StorePool()

    @property
    def share(self) -> int:
        return -(-AT_LEAST // CAMPAIGNS // CHUNKS)

    def chunk(self, number: int, keep: Path) -> None:
        """The schedules of one chunk. Fails with the shrunk schedule at the first invariant that does not hold."""
        self.started = self.started or time.monotonic()
        for seed in range(self.first + number * self.share, self.first + (number + 1) * self.share):
            self._play(seed, keep)
        self.chunks.add(number)

    def more(self, keep: Path) -> None:
        """Further schedules while there is time."""
        seed = self.first + CHUNKS * self.share
        while time.monotonic() - self.started < SECONDS and not NIGHTLY:
            self._play(seed, keep)
            seed += 1

    def _play(self, seed: int, keep: Path) -> None:
        trouble = random_trouble(seed)
        self.counts["coarse_stamps"] += trouble.coarse_stamps
        self.counts["skewed_clock"] += bool(trouble.skew)
        began = time.process_time()
        try:
            self.counts += run_schedule(seed, self.pool, companies=self.companies).hostile.counts
        except Broken as broken:
            smallest = shrink(seed, broken, self.pool, self.companies)
            kept = keep / f"{seed}.json"
            kept.write_text(json.dumps(smallest, indent=1))
            pytest.fail(f"seed {seed}: {broken}; shrunk to {smallest}, kept in {kept}")
        finally:
            self.cpu += time.process_time() - began
        self.done += 1

    def report(self) -> str:
        each = self.cpu / max(self.done, 1)
        return (
            f"{self.name}: {self.done} schedules from seed {self.first}, {self.cpu:.0f} s of CPU ({each:.2f} s each); "
            f"{dict(sorted(self.counts.items()))}"
        )

    def missing(self) -> list[str]:
        """What is on the menu and has not occurred."""
        return [name for name in (*MENU, *self.also) if not self.counts[name]]


class Schedules:
    """The tests of a campaign. Each kind of world is a file of its own, so that two workers can share the time."""

    campaign: Campaign

    @pytest.mark.parametrize("number", range(CHUNKS))
    def test_every_invariant_holds_after_any_schedule(self, number: int, pytestconfig: pytest.Config) -> None:
        self.campaign.chunk(number, pytestconfig.cache.mkdir("schedules"))

    def test_every_invariant_holds_while_there_is_time(
        self, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
    ) -> None:
        if len(self.campaign.chunks) < CHUNKS:
            pytest.skip("only part of the schedules was played")
        self.campaign.more(pytestconfig.cache.mkdir("schedules"))
        record_property("printed", self.campaign.report())
        assert self.campaign.done >= AT_LEAST // CAMPAIGNS
        assert self.campaign.missing() == []


def shrink(seed: int, broken: Broken, pool: StorePool, companies: int) -> dict[str, object]:
    """The fewest rounds and troubles with which the same invariant still breaks."""

    def breaks(rounds: int | None, trouble: Trouble) -> bool:
        try:
            run_schedule(seed, pool, rounds=rounds, trouble=trouble, companies=companies)
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
    return {
        "seed": seed,
        "companies": companies,
        "invariant": broken.invariant,
        "rounds": rounds,
        "trouble": asdict(trouble),
    }
