"""Both sandbox systems with the sides over them, for tests that want real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeVar

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.sandbox import FaultPlan, Sandbox
from sounimicro_pipelines.sandbox.superoffice import CrmOptions
from sounimicro_pipelines.sandbox.unimicro.options import ErpOptions
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.superoffice import SuperOfficeClient
from sounimicro_pipelines.sync.crm_side import CrmSide
from sounimicro_pipelines.sync.erp_side import ErpSide
from sounimicro_pipelines.transport import Limits, Retries
from sounimicro_pipelines.unimicro.client import UnimicroClient
from sounimicro_pipelines.unimicro.companies import choose

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
T = TypeVar("T")


@dataclass
class Sides:
    """The sides of one run; `erps` in the order of the companies."""

    crm: CrmSide
    erps: list[ErpSide]
    client: SuperOfficeClient

    @property
    def erp(self) -> ErpSide:
        return self.erps[0]


class Systems:
    """A sandbox on simulated time. `sandbox.crm` and `sandbox.erp` act as persons."""

    def __init__(
        self,
        *,
        parties: int = 20,
        seed: int = 5,
        companies: int = 2,
        crm: CrmOptions | None = None,
        erp: ErpOptions | None = None,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.faults = FaultPlan(slow_seconds=0.05, retry_after=0.05)
        self.sandbox = Sandbox(
            seed=seed,
            parties=parties,
            companies=companies,
            today=TODAY,
            clock=self.clock,
            faults=self.faults,
            crm_options=crm,
            erp_options=erp,
        )

    @property
    def settings(self) -> Settings:
        return _settings(frozenset(self.sandbox.environment.items()))

    def run(self, work: Callable[[Sides], Awaitable[T]]) -> T:
        """Open the sides, do the work, close them."""

        async def main() -> T:
            limits, retries = Limits(8, 0), Retries(attempts=4, base=0.01, cap=0.05, retry_after_cap=0.05)
            crm = SuperOfficeClient(self.settings.require_superoffice(), limits=limits, clock=self.clock)
            erp = UnimicroClient(
                self.settings.require_unimicro(), limits=limits, clock=self.clock, retries=retries, timeout=5.0
            )
            async with crm, erp:
                used, _ = choose(await erp.companies(), self.settings)
                return await work(Sides(CrmSide(crm), [ErpSide(erp.company(one)) for one in used], crm))

        return asyncio.run(main())

    def later(self, seconds: float = 60.0) -> None:
        self.clock.advance(seconds)


@lru_cache(maxsize=4)
def _settings(environment: frozenset[tuple[str, str]]) -> Settings:
    """Every opening of the sides asks for them three times."""
    values: dict[str, Any] = {name.lower(): value for name, value in environment}
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def guids(prefix: str) -> Callable[[str], str]:
    """Idempotency keys that tests can repeat."""
    import uuid

    base = uuid.uuid5(uuid.NAMESPACE_DNS, prefix)
    return lambda place: str(uuid.uuid5(base, place)) if place else str(base)
