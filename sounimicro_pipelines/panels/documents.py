"""The copy of an invoice or voucher, fetched from the ERP's file service and passed on.

The address names an invoice or voucher of the party and one of its files; what is fetched is the published row's
storage reference, never anything from the address. PDF and images are shown when their first bytes say so too; all
else is downloaded. Where there is no copy, a link leads to the invoice or voucher in the ERP itself.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.panels import pages
from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.document_links import DOCUMENT_PATH, in_erp_link
from sounimicro_pipelines.panels.errors import BadRequest, NotFound
from sounimicro_pipelines.panels.figures.documents import OWNERS, DocumentFile, documents
from sounimicro_pipelines.panels.filenames import clean_name, disposition
from sounimicro_pipelines.panels.signin.viewer import Viewer
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.panels.words import Words, choose_language, words
from sounimicro_pipelines.store import Transaction, companies, web
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, VendorError
from sounimicro_pipelines.transport import NotFound as NoSuchFile
from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines.unimicro.downloads import Download, download
from sounimicro_pipelines.unimicro.files import StoredFile

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

router = APIRouter(include_in_schema=False)

LARGEST = 50 * 1024 * 1024
WHOLE = 4 * 1024 * 1024
"""Up to this size a document is fetched whole before it is sent on, so that one that breaks off is said to."""

_SHOWN = {
    b"%PDF-": ("application/pdf", ".pdf"),
    b"\x89PNG\r\n\x1a\n": ("image/png", ".png"),
    b"\xff\xd8\xff": ("image/jpeg", ".jpg"),
    b"GIF87a": ("image/gif", ".gif"),
    b"GIF89a": ("image/gif", ".gif"),
}
_ALSO_CALLED = {".jpg": (".jpg", ".jpeg"), ".png": (".png",), ".gif": (".gif",), ".pdf": (".pdf",)}
_log = logging.getLogger(__name__)


class DocumentTooLarge(Exception):
    """More bytes than are passed on."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for, found among what is published."""

    subject: Subject
    company: CompanyRow
    owner: str
    owner_id: int
    file: DocumentFile | None


@router.get(DOCUMENT_PATH)
async def document(request: Request) -> Response:
    """One file of an invoice or voucher: `owner`, `of` and `file` beside whom it is about."""
    panels: Panels = request.app.state.panels
    address, asked = await _asked(request)
    if asked.file is None:
        raise NotFound("unknown_file")
    language = words(choose_language(address.get("lang"), request.headers.get("accept-language")))
    try:
        response = await _fetched(panels, asked.company, asked.file)
    except DocumentTooLarge:
        return _problem(language, 413, "document_too_large", asked, address)
    except NoSuchFile:
        return _problem(language, 404, "document_gone", asked, address)
    except (AuthenticationFailed, AccessDenied) as error:
        _log.warning("A document was refused: %s", error)
        return _problem(language, 502, "document_refused", asked, address)
    except (VendorError, SettingsError) as error:
        _log.warning("A document could not be fetched: %s", error)
        return _problem(language, 503, "erp_down", asked, address)
    await run_in_threadpool(_note, panels, viewer_of(request), asked)
    return response


async def _asked(request: Request) -> tuple[Address, _Asked]:
    panels: Panels = request.app.state.panels
    address = Address(DOCUMENT_PATH, dict(request.query_params))
    await panels.walls.admit(request, address)
    viewer = viewer_of(request)
    return address, await panels.read(lambda tx: _find(tx, panels, address, viewer))


def _find(tx: Transaction, panels: Panels, address: Address, viewer: Viewer) -> _Asked:
    """Raises NotFound for what is not published for this party."""
    subject = pages.subject_of(tx, address, lambda company: panels.walls.sees_company(viewer, company))
    if isinstance(subject, list):
        raise BadRequest("nobody_named")
    company = companies.by_alias(tx, subject.company)
    if company is None:
        raise NotFound("unknown_company")
    owner, owner_id = address.choice("owner", OWNERS, "invoice"), address.identifier("of") or 0
    wanted = address.identifier("file")
    file = next((one for one in documents(tx, subject, owner, owner_id) if one.file_id == wanted), None)
    return _Asked(subject, company, owner, owner_id, file)


async def _fetched(panels: Panels, row: CompanyRow, file: DocumentFile) -> Response:
    """The document on its way to the browser. Raises DocumentTooLarge, the VendorError family, SettingsError."""
    company: CompanyClient = panels.erp.company(row)
    if (file.size or 0) > LARGEST:
        raise DocumentTooLarge
    async with AsyncExitStack() as stack:
        stored = StoredFile(file.file_id, file.name, file.content_type, file.size, file.storage_reference)
        arriving = await stack.enter_async_context(download(company, stored))
        if (arriving.size or 0) > LARGEST:
            raise DocumentTooLarge
        first = b""
        parts = aiter(arriving.parts)
        async for part in parts:
            first += part
            if len(first) > WHOLE:
                return _Passing(arriving, first, parts, stack.pop_all(), _headers(panels, file, first))
    return Response(first, headers=_headers(panels, file, first))


class _Passing(StreamingResponse):
    """A large document, passed on as it arrives; the connection to the ERP ends with the answer."""

    def __init__(
        self,
        arriving: Download,
        first: bytes,
        parts: AsyncIterator[bytes],
        stack: AsyncExitStack,
        headers: dict[str, str],
    ) -> None:
        length = {"Content-Length": str(arriving.size)} if arriving.size is not None else {}
        super().__init__(limited(first, parts), headers={**headers, **length})
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stack.aclose()


async def limited(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Raises DocumentTooLarge in the middle: the browser then sees that the document broke off."""
    passed = len(first)
    yield first
    async for part in parts:
        passed += len(part)
        if passed > LARGEST:
            raise DocumentTooLarge
        yield part


def _headers(panels: Panels, file: DocumentFile, first: bytes) -> dict[str, str]:
    kind = next((kind for start, kind in _SHOWN.items() if first.startswith(start)), None)
    otherwise = f"document-{file.file_id}"
    ancestors = panels.framing.ancestors()
    if kind is None:
        name = clean_name(file.name, otherwise=otherwise)
        media_type, sandbox = "application/octet-stream", "; sandbox"
    else:
        media_type, ending = kind
        named_so = file.name.lower().endswith(_ALSO_CALLED[ending])
        name = clean_name(file.name, otherwise=otherwise + ending, extension="" if named_so else ending)
        # A browser's own PDF viewer does not open in a sandbox; it runs nothing of ours.
        sandbox = "" if media_type == "application/pdf" else "; sandbox"
    return {
        "Content-Type": media_type,
        "Content-Disposition": disposition(name, inline=kind is not None),
        "Content-Security-Policy": f"default-src 'none'{sandbox}; frame-ancestors {ancestors}",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "none",
    }


def _note(panels: Panels, viewer: Viewer, asked: _Asked) -> None:
    """Who saw which document, before they see it."""
    file = asked.file
    if file is None:
        return
    with panels.store.transaction() as tx:
        web.audit(
            tx,
            tenant=viewer.tenant,
            actor=viewer.actor,
            action="document_shown",
            subject=f"file:{file.file_id}",
            company_key=asked.company.company_key,
            details={
                "owner_type": file.owner_type,
                "owner_id": file.owner_id,
                "role": asked.subject.role,
                "party_id": asked.subject.party_id,
            },
            now=panels.clock.now(),
        )


def _problem(language: Words, status: int, key: str, asked: _Asked, address: Address) -> HTMLResponse:
    """A page that says what is wrong, with the ways that are left."""
    links = [(language("documents.try_again"), str(address))] if status == 503 else []
    links.append(in_erp_link(language, address, asked.owner, asked.owner_id))
    page = pages.render(
        "error.html",
        language,
        title=language(f"errors.{key}.title"),
        advice=language(f"errors.{key}.advice"),
        links=links,
    )
    return HTMLResponse(page, status)
