"""A lock that survives a change of event loop, since a client may serve one `asyncio.run` after another."""

from __future__ import annotations

import asyncio


class LoopLock:
    """`asyncio.Lock`, made anew when the loop it belongs to is gone."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._lock = loop, asyncio.Lock()
        await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
