"""Fetching a stored file, by whichever of the documented ways the installation answers (reference, 7.2).

The files service takes the file's storage reference with our credentials in headers. Where it is not named or refuses,
the ERP itself is asked for an address to fetch the file's ID from; the last resort is the token in the address, as
older callers send it, since addresses end up in logs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email.message import Message

import httpx
import msgspec

from sounimicro_pipelines.transport import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    Unavailable,
    ValidationFailed,
    VendorError,
)
from sounimicro_pipelines.unimicro.client import may_be_called
from sounimicro_pipelines.unimicro.company import SYSTEM, CompanyClient
from sounimicro_pipelines.unimicro.files import StoredFile

_CALL = "GET file"
_REFUSALS = (AccessDenied, AuthenticationFailed, BadAnswer, NotFound, Unavailable, ValidationFailed)
"""What another way may still get past. That nothing answers, or answers that it is overloaded, is the same for all."""
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_HOPS = 3
_PEEKED = 16
_PAGES = (b"<!doctype html", b"<html")
_MESSAGES = b'<{["'


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way: its type, its name, its size in bytes if announced, and its content in parts.

    Taking the parts raises BadAnswer when the file is cut short.
    """

    content_type: str
    name: str
    size: int | None
    parts: AsyncIterator[bytes]


@asynccontextmanager
async def download(company: CompanyClient, file: StoredFile) -> AsyncIterator[Download]:
    """A stored file, in parts as it arrives.

    Raises what the first way was refused with (Unavailable when no files service is known, NotFound, AccessDenied),
    and BadAnswer when a web page, a message or nothing comes in its place.
    """
    async with AsyncExitStack() as stack:
        refusal: VendorError | None = None
        for way in (_by_reference, _by_address, _by_token):
            if way is _by_token and not isinstance(refusal, (AccessDenied, AuthenticationFailed)):
                continue
            try:
                found = await stack.enter_async_context(way(company, file))
            except _REFUSALS as error:
                refusal = refusal or error
            else:
                yield found
                return
        assert refusal is not None
        raise refusal


def _by_reference(company: CompanyClient, file: StoredFile) -> AbstractAsyncContextManager[Download]:
    return _from_service(company, file, token=False)


def _by_token(company: CompanyClient, file: StoredFile) -> AbstractAsyncContextManager[Download]:
    return _from_service(company, file, token=True)


@asynccontextmanager
async def _from_service(company: CompanyClient, file: StoredFile, *, token: bool) -> AsyncIterator[Download]:
    hosts = await company.client.hosts()
    if hosts.files is None:
        raise Unavailable(SYSTEM, _CALL, detail="no files service is named", remedy="Set UNIMICRO_FILES_URL.")
    if not file.storage_reference:
        raise NotFound(SYSTEM, _CALL, detail="the ERP names no storage reference for the file")
    params = {"id": file.storage_reference, "key": company.company.key}
    if token:
        params["token"] = await (await company.client.token_source()).token()
    address = httpx.URL(f"{hosts.files}/api/download", params=params)
    async with _fetched(company, file, address, with_credentials=not token) as found:
        yield found


@asynccontextmanager
async def _by_address(company: CompanyClient, file: StoredFile) -> AsyncIterator[Download]:
    call = "GET files/ID?action=download"
    named = await company.exchange(
        "GET",
        f"files/{file.id}",
        call=call,
        decode=lambda response: _named(response, call),
        params={"action": "download"},
    )
    hosts = await company.client.hosts()
    try:
        address = httpx.URL(f"{hosts.files or hosts.api}/").join(named)
    except (httpx.InvalidURL, UnicodeError):
        raise BadAnswer(SYSTEM, call, status=200, detail="it names no address that can be called") from None
    async with _fetched(company, file, address, with_credentials=True) as found:
        yield found


def _named(response: httpx.Response, call: str) -> str:
    """The address in an answer: a JSON string, or the same without its quotes."""
    try:
        found = msgspec.json.decode(response.content, type=str)
    except (msgspec.MsgspecError, UnicodeError):
        found = response.text.strip().strip('"')
    if not found or found[0] in "<{[":
        raise BadAnswer(SYSTEM, call, status=response.status_code, detail="it names no address")
    return found


@asynccontextmanager
async def _fetched(
    company: CompanyClient, file: StoredFile, address: httpx.URL, *, with_credentials: bool
) -> AsyncIterator[Download]:
    """What is at an address, wherever it leads on to. Our credentials go to the installation's own services alone."""
    hosts = await company.client.hosts()
    ours = {_origin(httpx.URL(host)) for host in (hosts.api, hosts.files) if host}
    key = company.company.key
    for _ in range(_HOPS):
        if not may_be_called(str(address)):
            raise BadAnswer(SYSTEM, _CALL, detail="it leads to an address that may not be called")
        headers, authorize = {"Accept": "*/*"}, None
        if with_credentials and _origin(address) in ours:
            headers |= {"Key": key, "CompanyKey": key}
            authorize = (await company.client.token_source()).authorizer()
        async with company.transport.stream(
            "GET", str(address), call=_CALL, headers=headers, authorize=authorize, accept_statuses=_ELSEWHERE
        ) as response:
            if response.status_code not in _ELSEWHERE or "location" not in response.headers:
                yield await _checked(response, file)
                return
            address = address.join(response.headers["location"])
    raise BadAnswer(SYSTEM, _CALL, detail="it leads from one address to the next")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _checked(response: httpx.Response, file: StoredFile) -> Download:
    """The file, when its first bytes are not those of something else."""

    def refuse(what: str) -> BadAnswer:
        return BadAnswer(SYSTEM, _CALL, status=response.status_code, detail=what)

    content_type = response.headers.get("content-type", "application/octet-stream")
    name = _file_name(response.headers.get("content-disposition"))
    arriving = response.aiter_bytes()
    first = b""
    while len(first) < _PEEKED and (part := await anext(arriving, None)) is not None:
        first += part
    announced = response.headers.get("content-length", "")
    size = int(announced) if announced.isdigit() and "content-encoding" not in response.headers else None
    begins = first.lstrip().lower()
    if size is None or size != file.size:  # of that size it is the file, whatever somebody stored under its name
        is_page = file.is_page or name.lower().endswith((".html", ".htm"))
        if not is_page and (content_type.lower().startswith("text/html") or begins.startswith(_PAGES)):
            raise refuse("it is a web page, no file")
        if file.is_pdf and begins[:1] and begins[:1] in _MESSAGES:
            raise refuse("it is a message, no file")
        if not first and file.size != 0:
            raise refuse("it is empty")
    ends_by_itself = announced or "transfer-encoding" in response.headers
    least = 0 if ends_by_itself else file.size or 0

    async def parts() -> AsyncIterator[bytes]:
        received = len(first)
        yield first
        async for part in arriving:
            received += len(part)
            yield part
        if received < least:
            raise refuse("it was cut short")

    return Download(content_type, name, size, parts())


def _file_name(disposition: str | None) -> str:
    if not disposition:
        return ""
    message = Message()
    message["content-disposition"] = disposition
    name = message.get_filename() or ""
    return name.replace("\\", "/").rpartition("/")[2]
