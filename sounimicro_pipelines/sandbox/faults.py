"""Everything that goes wrong between a client and a vendor, switched on by probability or by a scripted list.

Both servers are wrapped in `FaultyApp`, which asks one `FaultPlan` about every request. Faults that need a server's own
knowledge (a tenant that really moves) are that server's; here is what any server can do to any request.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import threading
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sounimicro_pipelines.sandbox.journal import Request, System, WriteJournal

FaultKind = Literal[
    "unauthorized",  # 401
    "throttled",  # 429 with Retry-After, as a storm of several in a row
    "server_error",  # 500
    "html_error",  # 502 with an HTML page
    "html_ok",  # 200 with an HTML page
    "truncated",  # 200, complete by its Content-Length, but the JSON breaks off
    "cut_off",  # 200, the connection breaks in the middle of the body
    "slow",  # the right answer, late
    "misdirected",  # 421
    "unavailable",  # 503 with Retry-After
    "lost_before",  # connection broken, nothing was done
    "lost_after",  # connection broken, the request took effect
    "hang_before",  # no answer for `hang_seconds`, nothing was done
    "hang_after",  # no answer for `hang_seconds`, the request took effect
]

USUAL: Mapping[FaultKind, float] = {
    "unauthorized": 0.01,
    "throttled": 0.01,
    "server_error": 0.02,
    "html_error": 0.01,
    "html_ok": 0.005,
    "truncated": 0.01,
    "cut_off": 0.01,
    "slow": 0.02,
    "lost_before": 0.01,
    "lost_after": 0.01,
}
"""What `--faults` switches on: one request in ten or so goes wrong."""

_HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>"


@dataclass(slots=True)
class Fault:
    """One scripted fault: played on the next `times` requests that match, after letting `skip` of them pass.

    `match` is a regular expression searched in `METHOD /path?query`; `system` None means both.
    """

    kind: FaultKind
    system: System | None = None
    match: str = ""
    times: int = 1
    skip: int = 0
    retry_after: float | None = None

    def takes(self, system: System, request: str) -> bool:
        if self.times <= 0 or (self.system is not None and self.system != system):
            return False
        return re.search(self.match, request) is not None


@dataclass(slots=True)
class FaultPlan:
    """What is to go wrong. Without arguments nothing does.

    `probabilities` are per request; `scripted` faults come first. `latency` is the range of seconds that every answer
    is delayed by. `retry_after` is what 429 and 503 ask for, in seconds; a storm is `storm` refusals in a row.
    """

    seed: int = 0
    probabilities: Mapping[FaultKind, float] = field(default_factory=dict)
    scripted: list[Fault] = field(default_factory=list)
    latency: tuple[float, float] = (0.0, 0.0)
    retry_after: float = 1.0
    storm: int = 5
    slow_seconds: float = 2.0
    hang_seconds: float = 60.0
    enabled: bool = True
    played: list[tuple[System, FaultKind, str]] = field(default_factory=list)
    _rng: random.Random = field(init=False)
    _storms: MutableMapping[System, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        unknown = set(self.probabilities) - set(get_args(FaultKind))
        if unknown:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")

    @classmethod
    def usual(cls, seed: int = 0) -> FaultPlan:
        """The mixture that `--faults` means."""
        return cls(seed=seed, probabilities=USUAL, slow_seconds=1.0)

    def script(self, *faults: Fault) -> None:
        """Adds faults to be played, in this order of precedence."""
        with self._lock:
            self.scripted.extend(faults)

    def clear(self) -> None:
        """Nothing goes wrong any more; latency stays."""
        with self._lock:
            self.scripted.clear()
            self.probabilities = {}
            self._storms.clear()

    def decide(self, system: System, request: str) -> Fault | None:
        """The fault to play on this request (`METHOD /path?query`), or None."""
        if not self.enabled:
            return None
        with self._lock:
            fault = self._scripted(system, request) or self._by_chance(system)
            if fault is not None:
                self.played.append((system, fault.kind, request))
            return fault

    def delay(self) -> float:
        """Seconds by which this answer is delayed."""
        low, high = self.latency
        if high <= 0:
            return 0.0
        with self._lock:
            return self._rng.uniform(low, high)

    def _scripted(self, system: System, request: str) -> Fault | None:
        for fault in self.scripted:
            if fault.takes(system, request):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def _by_chance(self, system: System) -> Fault | None:
        if self._storms.get(system, 0) > 0:
            self._storms[system] -= 1
            return Fault("throttled")
        if not self.probabilities:
            return None
        draw = self._rng.random()
        for kind, chance in self.probabilities.items():
            draw -= chance
            if draw < 0:
                if kind == "throttled":
                    self._storms[system] = self.storm - 1
                return Fault(kind)
        return None


class FaultyApp:
    """An ASGI application that lets a FaultPlan spoil some of the answers of another, and notes the traffic."""

    def __init__(self, app: ASGIApp, system: System, plan: FaultPlan, journal: WriteJournal) -> None:
        self.app = app
        self.system = system
        self.plan = plan
        self.journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        request = f"{scope['method']} {scope['path']}{'?' + query if query else ''}"
        fault = self.plan.decide(self.system, request)
        seconds = self.plan.delay()
        if seconds > 0:
            await asyncio.sleep(seconds)
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if fault is None:
                await self.app(scope, receive, noting)
            else:
                await self._play(fault, scope, receive, noting)
        finally:
            self.journal.arrived(
                Request(self.system, scope["method"], scope["path"], query, status, fault.kind if fault else "")
            )

    async def _play(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        wait = str(math.ceil(self.plan.retry_after if fault.retry_after is None else fault.retry_after))
        match fault.kind:
            case "unauthorized":
                await _answer(send, 401, b'"Authorization has been denied for this request"', "application/json")
            case "throttled":
                await _answer(send, 429, b"Too many requests", "text/plain", {"retry-after": wait})
            case "unavailable":
                await _answer(send, 503, b"Service unavailable", "text/plain", {"retry-after": wait})
            case "server_error":
                await _answer(send, 500, b'{"Message":"An error has occurred."}', "application/json")
            case "html_error":
                await _answer(send, 502, _HTML, "text/html")
            case "html_ok":
                await _answer(send, 200, _HTML, "text/html")
            case "misdirected":
                await _answer(send, 421, b"Wrong subdomain used to access tenant", "text/plain")
            case "slow":
                await asyncio.sleep(self.plan.slow_seconds)
                await self.app(scope, receive, send)
            case "truncated" | "cut_off":
                start, body = await self._collect(scope, receive)
                await self._halve(fault.kind, start, body, receive, send)
            case "lost_before" | "hang_before":
                await self._vanish(fault.kind == "hang_before", receive)
            case "lost_after" | "hang_after":
                await self._collect(scope, receive)
                await self._vanish(fault.kind == "hang_after", receive)

    async def _collect(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        start: Message = {"type": "http.response.start", "status": 500, "headers": []}
        body = bytearray()

        async def keep(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self.app(scope, receive, keep)
        return start, bytes(body)

    async def _halve(self, kind: FaultKind, start: Message, body: bytes, receive: Receive, send: Send) -> None:
        half = body[: len(body) // 2]
        length = len(half) if kind == "truncated" else max(len(body), 2)
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": start["status"], "headers": headers})
        await send({"type": "http.response.body", "body": half, "more_body": kind == "cut_off"})
        if kind == "cut_off":
            await asyncio.sleep(0.01)
            await _break_connection(receive)

    async def _vanish(self, hang: bool, receive: Receive) -> None:
        if hang:
            await asyncio.sleep(self.plan.hang_seconds)
        await _break_connection(receive)


async def _answer(
    send: Send, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
) -> None:
    fields = {"content-type": content_type, "content-length": str(len(body)), **(headers or {})}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def _break_connection(receive: Receive) -> None:
    """Closes the socket without an answer: uvicorn's request cycle, whose method `receive` is, knows its transport."""
    transport: Any = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
    await asyncio.sleep(0.01)
