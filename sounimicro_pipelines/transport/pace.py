"""How fast and how often: limits per ERP company or CRM tenant, waits between repeats, `Retry-After`."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from sounimicro_pipelines.clock import UTC, Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """At most this many calls at once, and this many a second on average (0: no limit on the rate)."""

    max_in_flight: int = 4
    requests_per_second: float = 20.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call that is safe to repeat is made in all, and the waits between, in seconds."""

    attempts: int = 6
    base: float = 0.4
    cap: float = 20.0
    retry_after_cap: float = 120.0

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """Full jitter: anything up to the doubled base. A wait that the system asked for is kept, up to its cap."""
        # Spreads load; no secret depends on it.
        jitter = random.uniform(0, min(self.cap, self.base * 2 ** (attempt - 1)))  # noqa: S311
        if retry_after is None:
            return jitter
        return min(retry_after, self.retry_after_cap) + min(jitter, 1.0)


class Bucket:
    """Lets calls through at the limit's rate, a burst of as many as may be in flight first."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._interval = 1 / limits.requests_per_second if limits.requests_per_second > 0 else 0.0
        self._burst = self._interval * max(limits.max_in_flight - 1, 0)
        self._clock = clock
        self._due = 0.0
        self._closed_until = 0.0

    def hold_until(self, moment: float) -> None:
        """No call before this moment of the clock's monotonic seconds: the system asked all of us to wait."""
        self._closed_until = max(self._closed_until, moment)

    async def take(self) -> None:
        """Wait for the next free place."""
        while (wait := self._closed_until - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait)
        if self._interval:
            now = self._clock.monotonic()
            due = max(self._due, now)
            self._due = due + self._interval
            if (wait := due - now - self._burst) > 0:
                await self._clock.sleep(wait)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """`Retry-After` as seconds from now: a number or an HTTP date (RFC 9110 10.2.3); None when absent or unreadable."""
    if not value:
        return None
    text = value.strip()
    if text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
