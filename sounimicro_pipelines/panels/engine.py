"""The sync engine as the panels ask it: both systems open in a thread of its own, and patient as a person is.

What a person does reads and writes the store many times; in a loop of its own it keeps no reader of figures waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import EngineRoom, TookTooLong
from sounimicro_pipelines.panels.crm import Crm
from sounimicro_pipelines.panels.erp import Erp
from sounimicro_pipelines.panels.lookups import Lookups
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import Store
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.requests import Outcome

T = TypeVar("T")
Tell = Callable[[Outcome], None]
READING = 15.0
"""Seconds that somebody waits for a screen."""


class Engine:
    """Opens both systems when it is first asked. `tell` hears of every outcome, for an event in Dagster."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, tell: Tell | None = None) -> None:
        self._installation = Installation(settings, clock, store)
        self._room: EngineRoom | None = None
        self.lookups = Lookups(clock)
        self.tell = tell

    @property
    def installation(self) -> Installation:
        """The installation that the panels are a door of, with their own store."""
        return self._installation

    async def ask(self, work: Callable[[Connection], Awaitable[T]], *, seconds: float = READING) -> T:
        """Do work that only reads.

        Raises TookTooLong, SettingsError, RuleError, the VendorError family and whatever the work raises.
        """
        try:
            return await asyncio.wait_for(self._open().do(work), seconds)
        except TimeoutError:
            raise TookTooLong("The two systems took too long to answer.", remedy="Try again in a moment.") from None

    async def act(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do work that changes something; it is done to its end, also when whoever asked has gone. Raises as `ask`."""
        return await asyncio.shield(self._open().do(work))

    async def aclose(self) -> None:
        """Close the connections, if there are any."""
        room, self._room = self._room, None
        if room is not None:
            await asyncio.to_thread(room.close)

    def _open(self) -> EngineRoom:
        if self._room is None:
            self._room = EngineRoom(self._installation, self._connect)
        return self._room

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Connection]:
        """Clients of their own, which wait for an answer no longer than a person does."""
        it = self._installation
        crm, erp = Crm(it.settings.require_superoffice(), it.clock), Erp(it.settings, it.clock)
        try:
            used, _ = await it.companies(erp.client)
            yield Connection(it.store, crm.client, erp.client, used, clock=it.clock, go_live=it.settings.go_live)
        finally:
            await crm.aclose()
            await erp.aclose()
