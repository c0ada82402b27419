"""httpx's requests straight over sockets: a pool of HTTP/1.1 connections without layers between socket and body.

httpx's own way hands every body through four layers, a copy and a dozen awaits for each 64 kB; for pages of a
megabyte this costs five times the CPU. Proxies are left to it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import httpx

from sounimicro_pipelines.transport.wire import Connection

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\x00\r\n]*")
_TARGET = re.compile(rb"[\x21-\x7e]+")

Origin: TypeAlias = tuple[str, str, int]


class DirectTransport(httpx.AsyncBaseTransport):
    """At most `connections` at once; an idle one is used again for `keep_alive` seconds.

    Raises httpx's transport errors: ConnectError and ConnectTimeout only when nothing was sent.
    """

    def __init__(self, tls: ssl.SSLContext, *, connections: int, keep_alive: float) -> None:
        self._tls = tls
        self._connections = connections
        self._keep_alive = keep_alive
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.Semaphore(connections)
        self._idle: dict[Origin, list[Connection]] = {}
        self._timers: dict[Connection, asyncio.TimerHandle] = {}
        self._busy: set[Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        head = _written(request)
        self._settle()
        waits = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(waits.get("pool")):
                await self._places.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection became free in time", request=request) from None
        origin = _origin(request.url)
        connection: Connection | None = None
        try:
            connection = self._take(origin) or await self._connect(origin, waits.get("connect"))
            self._busy.add(connection)
            await connection.begin(request.method, head, _body(request), waits.get("write"))
            answer = await connection.head(waits.get("read"))
        except BaseException:
            self._free(origin, connection, is_over=False)
            raise
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(self, origin, connection, waits.get("read")),
            extensions={
                "http_version": f"HTTP/{answer.version}".encode(),
                "reason_phrase": answer.reason,
            },
        )

    async def aclose(self) -> None:
        for connection in [*self._timers, *self._busy]:
            connection.abort()
        self._forget()

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """The answer on it has been read, or is not wanted any more."""
        if connection in self._busy:
            self._free(origin, connection, is_over=connection.is_free)

    def _free(self, origin: Origin, connection: Connection | None, *, is_over: bool) -> None:
        if connection is not None:
            self._busy.discard(connection)
            if is_over and self._loop is not None:
                self._idle.setdefault(origin, []).append(connection)
                self._timers[connection] = self._loop.call_later(self._keep_alive, self._retire, origin, connection)
            else:
                connection.abort()
        self._places.release()

    def _take(self, origin: Origin) -> Connection | None:
        waiting = self._idle.get(origin, [])
        while waiting:
            connection = waiting.pop()
            self._timers.pop(connection).cancel()
            if connection.is_free and not connection.has_news():
                return connection
            connection.abort()
        return None

    def _retire(self, origin: Origin, connection: Connection) -> None:
        self._timers.pop(connection)
        self._idle[origin].remove(connection)
        connection.close()

    async def _connect(self, origin: Origin, patience: float | None) -> Connection:
        scheme, host, port = origin
        is_secure = scheme == "https"
        loop = asyncio.get_running_loop()
        # Only asyncio's own loops race the addresses of a host; others, such as uvicorn's, try them in order.
        racing: dict[str, Any] = {"happy_eyeballs_delay": 0.25} if isinstance(loop, asyncio.BaseEventLoop) else {}
        try:
            async with asyncio.timeout(patience):
                _, connection = await loop.create_connection(
                    Connection,
                    host,
                    port,
                    ssl=self._tls if is_secure else None,
                    server_hostname=host if is_secure else None,
                    **racing,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except (OSError, ssl.SSLError) as error:
            raise httpx.ConnectError(f"no connection ({type(error).__name__})") from None
        return connection

    def _settle(self) -> None:
        """Connections belong to the event loop they were made in; those of one that has ended are gone."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._places = asyncio.Semaphore(self._connections)
            self._forget()

    def _forget(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._idle.clear()
        self._busy.clear()


class _Body(httpx.AsyncByteStream):
    def __init__(self, pool: DirectTransport, origin: Origin, connection: Connection, patience: float | None) -> None:
        self._pool, self._origin, self._connection, self._patience = pool, origin, connection, patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._connection.piece(self._patience)) is not None:
            yield piece

    async def aclose(self) -> None:
        self._pool.give_back(self._origin, self._connection)


def _origin(url: httpx.URL) -> Origin:
    if url.scheme not in _PORTS:
        raise httpx.UnsupportedProtocol("only http and https are spoken")
    return url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]


def _written(request: httpx.Request) -> bytes:
    """The request's head. Raises LocalProtocolError for what would not arrive as one request."""
    target = request.url.raw_path
    method = request.method.encode("ascii", "replace")
    parts = [b"%b %b HTTP/1.1\r\n" % (method, target)]
    well_formed = _NAME.fullmatch(method) and _TARGET.fullmatch(target)
    for name, value in request.headers.raw:
        well_formed = well_formed and _NAME.fullmatch(name) and _VALUE.fullmatch(value)
        parts.append(b"%b: %b\r\n" % (name, value))
    if not well_formed:
        raise httpx.LocalProtocolError("the request's target or a header holds what no request may hold")
    return b"".join([*parts, b"\r\n"])


async def _body(request: httpx.Request) -> AsyncIterator[bytes]:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    chunked = "transfer-encoding" in request.headers
    async for part in request.stream:
        if part:
            yield b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
    if chunked:
        yield b"0\r\n\r\n"
