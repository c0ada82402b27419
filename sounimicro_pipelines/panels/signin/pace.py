"""How often one visitor may ask: a bucket of tokens for each, refilled steadily."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from sounimicro_pipelines.clock import Clock

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many at once, and so many a second for as long as one likes."""

    burst: int
    per_second: float


SESSION = Allowance(burst=120, per_second=10.0)
"""Far more than a person clicks; a script that reads the API is slowed to this."""
DOCUMENTS = Allowance(burst=30, per_second=1.0)
"""Each document is a download from the ERP."""
ADDRESS = Allowance(burst=300, per_second=5.0)
"""Sign-ins from one address, behind which a whole office may sit."""


class Pace:
    """Counts for many visitors; the one seen longest ago is forgotten first."""

    def __init__(self, clock: Clock, allowance: Allowance) -> None:
        self._clock = clock
        self._allowance = allowance
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, visitor: str) -> float:
        """Takes a place and answers 0, or answers how many seconds are left until there is one."""
        now, interval = self._clock.monotonic(), 1 / self._allowance.per_second
        full_at = max(self._full_at.pop(visitor, now), now) + interval
        late = full_at - now - self._allowance.burst * interval
        self._full_at[visitor] = full_at - interval if late > 0 else full_at
        if len(self._full_at) > _REMEMBERED:
            self._full_at.popitem(last=False)
        return max(0.0, late)
