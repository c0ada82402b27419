"""The CRM as the panels ask it: with the viewer's own rights, and without letting a person wait long."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice import SuperOfficeClient, Tokens, UserSession
from sounimicro_pipelines.transport import Limits, Retries, Transport, VendorError

LIMITS = Limits(max_in_flight=8, requests_per_second=20.0)
RETRIES = Retries(attempts=3, base=0.2, cap=1.0, retry_after_cap=2.0)
TIMEOUT = httpx.Timeout(connect=3.0, read=8.0, write=8.0, pool=None)
DEADLINE = 10.0
"""Seconds that one attempt may take: somebody is looking at an empty frame meanwhile."""

_ORIGIN_LIFE = timedelta(minutes=10)
_ORIGIN_PAUSE = timedelta(seconds=30)
_ORIGIN_PATIENCE = 4.0
_log = logging.getLogger(__name__)


class Crm:
    """One client for all viewers. `origins` are where the CRM's own pages come from, as far as it is known by now."""

    def __init__(self, settings: SuperOfficeSettings, clock: Clock) -> None:
        transport = Transport(
            "SuperOffice", limits=LIMITS, clock=clock, timeout=TIMEOUT, retries=RETRIES, deadline=DEADLINE
        )
        self.client = SuperOfficeClient(settings, clock=clock, transport=transport)
        self.people = self.client.people
        self.origins: tuple[str, ...] = ()
        self._clock = clock
        self._ask_again: datetime | None = None

    def as_person(self, tokens: Tokens) -> UserSession:
        """The tenant's API with the rights of somebody who has signed in."""
        return self.client.as_person(tokens)

    async def learn_origin(self) -> None:
        """Look up where the tenant is served now, if that has not been done lately. What it was stays known."""
        now = self._clock.now()
        if self._ask_again is not None and now < self._ask_again:
            return
        self._ask_again = now + _ORIGIN_PAUSE
        try:
            async with asyncio.timeout(_ORIGIN_PATIENCE):
                base = await self.client.address.current()
        except (VendorError, TimeoutError) as error:
            _log.warning("The CRM's address is not known now: %s", error)
            return
        parts = urlsplit(base)
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        self.origins = tuple(dict.fromkeys((origin, *self.origins)))[:4]
        self._ask_again = now + _ORIGIN_LIFE

    async def aclose(self) -> None:
        await self.client.aclose()
