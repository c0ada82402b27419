"""The one clock. Nothing else in the package asks the machine for the time, so tests can own it."""

from __future__ import annotations

import asyncio
import time
from datetime import date, datetime, timedelta
from datetime import timezone as _timezone
from typing import Protocol
from zoneinfo import ZoneInfo

UTC = _timezone.utc  # noqa: UP017 - the name `datetime.UTC` reads worse in signatures
OSLO = ZoneInfo("Europe/Oslo")


class Clock(Protocol):
    """What the package may ask about time."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""

    def today(self) -> date:
        """The calendar day in Europe/Oslo, by which due dates are judged."""

    def monotonic(self) -> float:
        """Seconds that never go backwards, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking others."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self.now().astimezone(OSLO).date()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to; sleeping moves it at once."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("ManualClock wants an aware datetime")
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def today(self) -> date:
        return self._now.astimezone(OSLO).date()

    def monotonic(self) -> float:
        return self._now.timestamp()

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)
