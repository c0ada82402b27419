"""Requests over HTTP/1.1 with keep-alive: one `Transport` per vendor system and limit scope.

Reads are repeated when the connection, the server or the answer failed; writes only when they surely did not
happen (429, no connection). Errors are those of `failures.py`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeAlias, TypeVar
from urllib.request import getproxies

import httpx
import msgspec

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.transport.direct import DirectTransport
from sounimicro_pipelines.transport.failures import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    Misdirected,
    NotFound,
    PreconditionFailed,
    RateLimited,
    ServerFailed,
    Unreachable,
    ValidationFailed,
    VendorError,
)
from sounimicro_pipelines.transport.pace import Bucket, Limits, Retries, retry_after_seconds
from sounimicro_pipelines.transport.redaction import quiet_http_logging

Authorize: TypeAlias = Callable[[bool], Awaitable[Mapping[str, str]]]
"""Gives the headers that authenticate a call. The argument is True when those it gave last were refused.

Make a new one for each call, so that it knows which credentials it gave and renews only those.
"""

Explain: TypeAlias = Callable[[httpx.Response], Sequence[str]]
"""Reads the system's own words from an answer that refuses a call; see `VendorError.messages`."""

T = TypeVar("T")

DEFAULT_TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=None)
DEADLINE = 300.0
"""Seconds that one attempt may take in all, so that an answer that drips in cannot hold a run for ever."""

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is used again: less than the five after which many servers close theirs, so that a
write does not meet a closing connection and leave its effect unknown."""

_PROXIED = frozenset({"http", "https", "all"})
_THIS_MACHINE = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BY_STATUS: dict[int, type[VendorError]] = {
    400: ValidationFailed,
    401: AuthenticationFailed,
    403: AccessDenied,
    404: NotFound,
    408: Unreachable,
    409: PreconditionFailed,
    410: NotFound,
    412: PreconditionFailed,
    421: Misdirected,
    422: ValidationFailed,
    429: RateLimited,
}
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 508, 520, 521, 522, 523, 524})
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Traffic:
    """What a transport has done so far. Sizes in bytes after decompression, waits in seconds."""

    requests: int = 0
    repeats: int = 0
    bytes_received: int = 0
    seconds_waited: float = 0.0


class Transport:
    """Calls to one vendor system within one limit scope (an ERP company, a CRM tenant).

    `http` may be shared between transports; otherwise the transport opens its own and `aclose` closes it. It may be
    used from one event loop after another, never from two at once.
    """

    def __init__(
        self,
        system: str,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        timeout: httpx.Timeout | float | None = None,
        http: httpx.AsyncClient | None = None,
        retries: Retries | None = None,
        explain: Explain | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self.system = system
        self.limits = limits or Limits()
        self.clock = clock or SystemClock()
        self.traffic = Traffic()
        self._timeout = DEFAULT_TIMEOUT if timeout is None else timeout
        self._retries = retries or Retries()
        self._explain = explain
        self._deadline = deadline
        self._given = http
        self._own: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._slots = asyncio.Semaphore(self.limits.max_in_flight)
        self._bucket = Bucket(self.limits, self.clock)

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections that this transport opened itself."""
        own, self._own = self._own, None
        if own is not None:
            await own.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        call: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        data: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        repeatable: bool | None = None,
        authorize: Authorize | None = None,
        accept_statuses: Collection[int] = (),
    ) -> httpx.Response:
        """The answer, read whole, when its status is 2xx or one of `accept_statuses`.

        `call` names the request in errors and logs; it must hold nothing personal. `repeatable` says that doing
        the call twice does no harm (None: GET and HEAD). `data` may be a function that makes the form anew for each
        attempt. Raises the VendorError family.
        """
        return await self.exchange(
            method,
            url,
            call=call,
            decode=lambda response: response,
            params=params,
            headers=headers,
            json=json,
            content=content,
            data=data,
            repeatable=repeatable,
            authorize=authorize,
            accept_statuses=accept_statuses,
        )

    async def request_json(self, method: str, url: str, *, call: str, **options: Any) -> Any:
        """The answer's JSON, None when it has no body (204). A read whose answer is no JSON is repeated."""
        return await self.exchange(
            method, url, call=call, decode=lambda response: decode_json(response, call, self.system), **options
        )

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        call: str,
        decode: Callable[[httpx.Response], T],
        repeatable: bool | None = None,
        authorize: Authorize | None = None,
        accept_statuses: Collection[int] = (),
        **parts: Any,
    ) -> T:
        """What `decode` makes of the answer; when it raises BadAnswer, a repeatable call is made again."""
        again = method.upper() in _SAFE_METHODS if repeatable is None else repeatable
        renewed = renew = False
        attempt = 0
        while True:
            attempt += 1
            credentials = await authorize(renew) if authorize is not None else {}
            try:
                async with self._sent(method, url, call, again, credentials, parts) as response:
                    await self._read(response, call, again)
                    if response.is_success or response.status_code in accept_statuses:
                        return decode(response)
                    raise self._refused(response, call, again)
            except VendorError as error:
                if error.status == 401 and authorize is not None and not renewed:
                    renewed = renew = True
                    attempt -= 1
                    continue
                renew = False
                if not self._may_repeat(error, again) or attempt >= self._retries.attempts:
                    if isinstance(error, BadAnswer) and not again and 200 <= (error.status or 0) < 300:
                        error.effect_unknown = True
                    raise
                await self._wait(error, attempt)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        call: str,
        authorize: Authorize | None = None,
        accept_statuses: Collection[int] = (),
        **parts: Any,
    ) -> AsyncIterator[httpx.Response]:
        """The answer with its body unread, for large files: `async for part in response.aiter_bytes()`.

        Repeated as reads are until the body begins. A body that is cut short raises BadAnswer.
        """
        renewed = renew = begun = False
        attempt = 0
        while True:
            attempt += 1
            credentials = await authorize(renew) if authorize is not None else {}
            try:
                async with self._sent(method, url, call, True, credentials, parts) as response:
                    if response.is_success or response.status_code in accept_statuses:
                        begun = True
                        try:
                            yield response
                        except (httpx.TransportError, httpx.DecodingError) as error:
                            raise self._cut_short(call, response.status_code, error) from None
                        return
                    await self._read(response, call, True)
                    raise self._refused(response, call, True)
            except VendorError as error:
                if begun:
                    raise
                if error.status == 401 and authorize is not None and not renewed:
                    renewed = renew = True
                    attempt -= 1
                    continue
                renew = False
                if not self._may_repeat(error, True) or attempt >= self._retries.attempts:
                    raise
                await self._wait(error, attempt)

    def _cut_short(self, call: str, status: int, error: Exception) -> BadAnswer:
        return BadAnswer(self.system, call, status=status, detail=f"it was cut short ({type(error).__name__})")

    @asynccontextmanager
    async def _sent(
        self,
        method: str,
        url: str,
        call: str,
        again: bool,
        credentials: Mapping[str, str],
        parts: dict[str, Any],
    ) -> AsyncIterator[httpx.Response]:
        headers = {**(parts.get("headers") or {}), **credentials}
        content = parts.get("content")
        if parts.get("json") is not None:
            content = encode_json(parts["json"])
            headers.setdefault("Content-Type", "application/json")
        data = parts.get("data")
        http = self._http()
        async with self._slots:
            await self._bucket.take()
            self.traffic.requests += 1
            try:
                request = http.build_request(
                    method,
                    url,
                    params=parts.get("params"),
                    headers=headers,
                    content=content,
                    data=data() if callable(data) else data,
                    timeout=self._timeout,
                )
                async with asyncio.timeout(self._deadline):
                    response = await http.send(request, stream=True, follow_redirects=False)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
                raise Unreachable(self.system, call, detail=_reason(error)) from None
            except (httpx.TransportError, TimeoutError) as error:
                raise Unreachable(self.system, call, detail=_reason(error), effect_unknown=not again) from None
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
                raise BadAnswer(
                    self.system, call, detail=f"the address is not valid ({type(error).__name__})"
                ) from None
            try:
                yield response
            finally:
                self.traffic.bytes_received += response.num_bytes_downloaded
                await response.aclose()

    async def _read(self, response: httpx.Response, call: str, again: bool) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                await response.aread()
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            if response.is_success:
                raise self._cut_short(call, response.status_code, error) from None
            raise self._refused(response, call, again, body=False) from None

    def _refused(self, response: httpx.Response, call: str, again: bool, *, body: bool = True) -> VendorError:
        status = response.status_code
        if 300 <= status < 400:
            return BadAnswer(self.system, call, status=status, detail="it points to another address")
        kind = _BY_STATUS.get(status, ServerFailed if status >= 500 else BadAnswer)
        messages: Sequence[str] = ()
        if body and self._explain is not None:
            try:
                messages = self._explain(response)
            except (ValueError, TypeError, KeyError, AttributeError):
                messages = ()
        return kind(
            self.system,
            call,
            status=status,
            messages=messages,
            effect_unknown=not again and (status >= 500 or status == 408),
            retry_after=retry_after_seconds(response.headers.get("retry-after"), self.clock.now()),
        )

    def _may_repeat(self, error: VendorError, again: bool) -> bool:
        if isinstance(error, RateLimited):
            return True
        if isinstance(error, Unreachable) and error.status is None:
            return again or not error.effect_unknown
        if isinstance(error, BadAnswer) and (error.status is None or 200 <= error.status < 300):
            return again and error.status is not None
        return again and error.status in _PASSING

    async def _wait(self, error: VendorError, attempt: int) -> None:
        wait = self._retries.wait(attempt, error.retry_after)
        if error.status in (429, 503) and error.retry_after is not None:
            self._bucket.hold_until(self.clock.monotonic() + min(error.retry_after, self._retries.retry_after_cap))
        self.traffic.repeats += 1
        self.traffic.seconds_waited += wait
        _log.info("%s Repeated in %.1f s (attempt %d).", error.message, wait, attempt + 1)
        await self.clock.sleep(wait)

    def _http(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Connections and semaphores belong to the loop they were made in; that loop is gone.
            self._loop = loop
            self._slots = asyncio.Semaphore(self.limits.max_in_flight)
            self._own = None
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = make_http(self.limits.max_in_flight)
        return self._own


def make_http(connections: int = 32) -> httpx.AsyncClient:
    """A client as both vendors want it: HTTP/1.1, keep-alive, no cookies kept, nothing logged.

    A proxy of the environment is used, but not for this machine; then httpx speaks itself, since it knows how.
    """
    quiet_http_logging()
    direct = DirectTransport(_tls(), connections=connections, keep_alive=KEEP_ALIVE)
    everywhere = () if _PROXIED & getproxies().keys() else ("all://",)
    return httpx.AsyncClient(
        http1=True,
        http2=False,
        verify=_tls(),
        follow_redirects=False,
        timeout=DEFAULT_TIMEOUT,
        limits=httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_ALIVE
        ),
        headers={"Accept": "application/json", "User-Agent": "sounimicro-pipelines"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        mounts=dict.fromkeys((*everywhere, *_THIS_MACHINE), direct),
    )


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificate authorities takes 30 ms; one reading serves all connections."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def decode_json(response: httpx.Response, call: str, system: str = "vendor") -> Any:
    """The answer's JSON, numbers with a point as Decimal, None for an empty body.

    Raises BadAnswer when it is a web page, cut short or no JSON.
    """
    body = response.content
    if not body.strip():
        return None
    ensure_not_html(response, call, system)
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise BadAnswer(system, call, status=response.status_code, detail="it is no valid JSON") from None


def encode_json(value: Any) -> bytes:
    """JSON as sent to a vendor: decimals as numbers, exactly."""
    return _ENCODER.encode(value)


def ensure_not_html(response: httpx.Response, call: str, system: str) -> None:
    """Raises BadAnswer when a web page stands where data was asked for, as gateways and sign-in pages send."""
    if response.content[:64].lstrip()[:1] == b"<":
        raise BadAnswer(system, call, status=response.status_code, detail="it is a web page, no data")


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.ConnectError):
        return "there is no connection to the host"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "it took too long"
    return f"the connection broke ({type(error).__name__})"
