"""One HTTP/1.1 connection over a plain socket: a request out, its answer in, with as few copies of a body as can be.

A body whose length is announced is received into one piece of memory and copied once; any other passes through the
parser. Errors are httpx's own: a WriteError, ReadError or RemoteProtocolError says that the request may have arrived.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import cast

import httptools
import httpx

HEAD_LIMIT = 128 * 1024
"""Bytes of a status line with its headers; more is no answer of a vendor."""
BLOCK_BYTES = 4 * 1024 * 1024
"""The largest piece in which a body is handed on: a page of records whole, a large file in parts."""
HELD_BYTES = 8 * 1024 * 1024
"""Received and not yet taken: above this the other side is made to wait."""
_SCRATCH_BYTES = 128 * 1024
_BODILESS = frozenset({204, 304})


@dataclass(slots=True)
class Head:
    """Status line and headers of an answer."""

    status: int = 0
    reason: bytes = b""
    version: str = "1.1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name]


class Connection(asyncio.BufferedProtocol):
    """Carries one exchange after another; `begin` opens one, `is_free` says that it ended well."""

    _head: Head
    _has_head: bool
    _head_bytes: int
    _pieces: deque[bytes]
    _held: int
    _left: int | None
    _block: memoryview | None
    _filled: int
    _failure: Exception | None
    _complete: bool
    _until_end: bool
    _surplus: bool
    _keeps_alive: bool

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._room = memoryview(b"")
        self._ended = self._is_full = self._is_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._patience = self._last = 0.0
        self._reset("GET")
        self._complete = True

    # An exchange, as its user sees it

    async def begin(self, method: str, head: bytes, body: AsyncIterable[bytes], patience: float | None) -> None:
        """Sends a request. `patience` is how many seconds the other side may take nothing."""
        self._reset(method)
        if self._transport is None or self._ended:
            raise httpx.WriteError("the server closed the connection")
        self._transport.write(head)
        async for part in body:
            self._transport.write(part)
            await self._taken(patience)
        await self._taken(patience)

    async def head(self, patience: float | None) -> Head:
        """The answer's head, once it is there. `patience` is how many seconds may pass without a byte."""
        while not self._has_head:
            self._raise_failure()
            await self._news(patience, httpx.ReadTimeout("no answer in time"))
        return self._head

    async def piece(self, patience: float | None) -> bytes | None:
        """The next piece of the body, None at its end."""
        while True:
            if self._pieces:
                piece = self._pieces.popleft()
                self._held -= len(piece)
                if self._is_paused and self._held <= HELD_BYTES:
                    self._pause(False)
                return piece
            if self._complete:
                return None
            self._raise_failure()
            await self._news(patience, httpx.ReadTimeout("the answer stopped coming"))

    @property
    def is_free(self) -> bool:
        """Whether another exchange may follow: this one is over, and the other side has not gone."""
        if self._transport is None or self._ended or self._transport.is_closing():
            return False
        taken = not (self._pieces or self._is_paused or self._is_full or self._surplus)
        return self._complete and self._keeps_alive and taken

    def has_news(self) -> bool:
        """Whether something waits unread on an idle connection: its end, as a rule."""
        assert self._transport is not None
        handle = self._transport.get_extra_info("socket")
        if handle is None or handle.fileno() < 0:
            return True
        if not hasattr(select, "poll"):
            return bool(select.select([handle], [], [], 0)[0])
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Ends an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends it at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Loops other than asyncio's have transports that are only like its own.
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._scratch if self._block is None else self._block[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._last = self._loop.time()
        if self._block is not None:
            self._filled += nbytes
            if self._filled == len(self._block):
                self._end_block()
        elif self._complete:
            self._surplus = True
            self.close()
        else:
            self._parse(self._scratch[:nbytes])

    def eof_received(self) -> bool:
        self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    # What the parser tells

    def on_message_begin(self) -> None:
        if self._complete:
            self._surplus = True
        else:
            self._head = Head()

    def on_status(self, status: bytes) -> None:
        self._head.reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        head, parser = self._head, self._parser
        head.status, head.version = parser.get_status_code(), parser.get_http_version()
        if head.status < 200:
            return
        self._has_head = True
        self._keeps_alive = parser.should_keep_alive()
        if self._method == "HEAD":
            self._complete, self._keeps_alive = True, False
        elif head.status not in _BODILESS:
            codings, announced = head.all(b"transfer-encoding"), head.all(b"content-length")
            if not codings and announced:
                self._left = int(announced[0])
            elif not codings or not codings[-1].lower().endswith(b"chunked"):
                self._until_end = True

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        if self._left is not None:
            self._left -= len(body)
        self._hold(body)

    def on_message_complete(self) -> None:
        if self._has_head:
            self._complete = True

    # How it goes

    def _reset(self, method: str) -> None:
        self._method = method
        self._parser = httptools.HttpResponseParser(self)
        self._head, self._has_head, self._head_bytes = Head(), False, 0
        self._pieces = deque()
        self._held = self._filled = 0
        self._left = self._block = self._failure = None
        self._complete = self._until_end = self._surplus = False
        self._keeps_alive = True

    def _parse(self, data: memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._fail(httpx.RemoteProtocolError(f"no HTTP answer ({type(error).__name__})"))
            self._surplus = True
        else:
            if not self._has_head:
                self._head_bytes += len(data)
                if self._head_bytes > HEAD_LIMIT:
                    self._fail(httpx.RemoteProtocolError("the headers do not end"))
            elif self._left and not self._complete:
                self._begin_block()
        self._wake()

    def _begin_block(self) -> None:
        assert self._left is not None
        # What came with the head goes before the rest: a page in one piece need not be put together again.
        begun = b"".join(self._pieces) if self._held + self._left <= BLOCK_BYTES else b""
        if begun:
            self._pieces.clear()
            self._held = 0
            self._left += len(begun)
        size = min(self._left, BLOCK_BYTES)
        if len(self._room) < size:
            # Kept for the pages to come, with some room to vary: fresh memory costs as much as copying it.
            self._room = memoryview(bytearray(min(size + size // 4, BLOCK_BYTES)))
        self._block, self._filled = self._room[:size], len(begun)
        self._block[: len(begun)] = begun

    def _end_block(self) -> None:
        assert self._block is not None
        assert self._left is not None
        whole = bytes(self._block)
        self._left -= len(whole)
        self._block = None
        self._hold(whole)
        if self._left:
            self._begin_block()
        else:
            self._complete = True
        self._wake()

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > HELD_BYTES and not self._is_paused:
            self._pause(True)

    def _pause(self, paused: bool) -> None:
        assert self._transport is not None
        self._is_paused = paused
        if not self._transport.is_closing():
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def _end(self, error: Exception | None) -> None:
        self._ended = True
        if not self._complete and self._failure is None:
            if self._until_end and error is None:
                self._complete = True
            elif error is not None:
                self._failure = httpx.ReadError(f"the connection was lost ({type(error).__name__})")
            else:
                self._failure = httpx.RemoteProtocolError("the server closed the connection before the answer's end")
        self._wake()

    def _fail(self, failure: Exception) -> None:
        self._failure = failure
        self.abort()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _taken(self, patience: float | None) -> None:
        """Waits while the other side takes nothing more, unless it has answered already."""
        while self._is_full and not self._has_head:
            self._raise_failure()
            await self._news(patience, httpx.WriteTimeout("the request was not taken in time"))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _news(self, patience: float | None, too_late: Exception) -> None:
        """Waits until something has happened; bytes of a block that is not full yet only prolong the wait."""
        self._waiter = self._loop.create_future()
        self._last = self._loop.time()
        if patience is not None:
            self._patience = patience
            self._timer = self._loop.call_later(patience, self._look_at_the_clock, too_late)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _look_at_the_clock(self, too_late: Exception) -> None:
        left = self._last + self._patience - self._loop.time()
        if left > 0.001:
            self._timer = self._loop.call_later(left, self._look_at_the_clock, too_late)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(too_late)
