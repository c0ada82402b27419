"""Where a process keeps both systems open for the sync: one event loop in a thread, shared by all that it does.

A sensor ticks every few seconds, and people press ERP as they please; signing in anew each time would cost more calls
than the work itself, and clients that are shared keep to one limit of calls.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime, timedelta
from typing import TypeVar

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.sync.opening import Connection

T = TypeVar("T")
KEPT = timedelta(minutes=5)
"""The ERP companies in use are asked for anew after this."""

_rooms: dict[tuple[str, str], EngineRoom] = {}
_lock = threading.Lock()


class TookTooLong(SounimicroError):
    """Work that was cut off because the tick that asked for it may not take longer."""


class EngineRoom:
    """Both systems, open in a loop of their own. Dagster's processes get theirs from `engine_room`."""

    def __init__(
        self,
        installation: Installation,
        opening: Callable[[], AbstractAsyncContextManager[Connection]] | None = None,
    ) -> None:
        """`opening` makes the connection; without one it is `Installation.sync_connection`."""
        self.installation = installation
        self._make = opening or installation.sync_connection
        self._loop = asyncio.new_event_loop()
        self._stack: AsyncExitStack | None = None
        self._connection: Connection | None = None
        self._opened_at: datetime | None = None
        self._opening = asyncio.Lock()
        threading.Thread(target=self._loop.run_forever, name="sounimicro-sync", daemon=True).start()

    def run(self, work: Callable[[Connection], Awaitable[T]], *, seconds: float | None = None) -> T:
        """Do the work in the room and answer its result. Raises TookTooLong, and whatever the work raises."""
        future = asyncio.run_coroutine_threadsafe(self._do(work), self._loop)
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise TookTooLong(
                f"It was not done within {seconds:.0f} s.", remedy="It goes on at the next tick."
            ) from None
        except BaseException:
            future.cancel()
            raise

    async def do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """The same for somebody in another loop: cancelling this cancels the work."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(work), self._loop))

    def close(self) -> None:
        """Close the connections and end the loop."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        return await work(await self._open())

    async def _open(self) -> Connection:
        async with self._opening:
            now = self.installation.clock.now()
            if self._connection is not None and self._opened_at is not None and now - self._opened_at < KEPT:
                return self._connection
            if self._connection is None:
                stack = AsyncExitStack()
                try:
                    self._connection = await stack.enter_async_context(self._make())
                except BaseException:
                    await stack.aclose()
                    raise
                self._stack = stack
            else:
                self._connection.companies, _ = await self.installation.companies(self._connection.erp)
            self._opened_at = now
            return self._connection

    async def _close(self) -> None:
        if self._stack is not None:
            await self._stack.aclose()
        self._stack = self._connection = None


def engine_room(installation: Installation) -> EngineRoom:
    """The room of this process for an installation."""
    with _lock:
        key = _key(installation)
        if key not in _rooms:
            _rooms[key] = EngineRoom(installation)
        return _rooms[key]


def leave(installation: Installation) -> None:
    """Close the room of this process, if there is one."""
    with _lock:
        room = _rooms.pop(_key(installation), None)
    if room is not None:
        room.close()


def _key(installation: Installation) -> tuple[str, str]:
    return str(installation.settings.home), installation.settings.database_url
