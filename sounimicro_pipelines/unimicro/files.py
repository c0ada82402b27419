"""Documents that the ERP has stored: finding them on a record, choosing the invoice's PDF, downloading (reference, 7).

The ERP renders no document on demand. Where none is stored, `invoice_link` leads a person to the invoice itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import Any

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.transport import AuthenticationFailed, BadAnswer, NotFound, Unavailable
from sounimicro_pipelines.unimicro.company import SYSTEM, CompanyClient
from sounimicro_pipelines.unimicro.expressions import parse_moment, where
from sounimicro_pipelines.unimicro.model import entity as model_of
from sounimicro_pipelines.unimicro.query import Query

PDF = "application/pdf"
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on a record. `size` in bytes, None when unknown; `storage_reference` is what a download asks for."""

    id: int
    name: str
    content_type: str
    size: int | None
    storage_reference: str
    created: datetime | None

    @property
    def is_pdf(self) -> bool:
        return self.content_type.lower().startswith(PDF) or self.name.lower().endswith(".pdf")


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way: its type, its name, its size in bytes if announced, and its content in parts."""

    content_type: str
    name: str
    size: int | None
    parts: AsyncIterator[bytes]


async def files_of(company: CompanyClient, entity: str, record_id: int) -> list[StoredFile]:
    """Files on a record (`CustomerInvoice`, `JournalEntry`, `SupplierInvoice`, …), newest first.

    Vouchers have theirs on JournalEntry, incoming invoices usually on SupplierInvoice: look at both.
    """
    model_of(entity)
    try:
        rows = await company.send(
            "GET", f"files/{entity}/{record_id}", call=f"GET files/{entity}", params={"hateoas": "false"}
        )
    except (NotFound, AuthenticationFailed):  # 401 is the other answer to a route that is not there
        query = Query(
            "File",
            where("EntityLinks.EntityType").eq(entity) & where("EntityLinks.EntityID").eq(record_id),
            expand=("EntityLinks",),
        )
        rows = [row async for row in company.list_all(query)]
    found = [_stored(row) for row in rows or () if isinstance(row, dict) and not row.get("Deleted")]
    return sorted((one for one in found if one is not None), key=lambda one: one.created or _EARLIEST, reverse=True)


def choose_pdf(files: Sequence[StoredFile], number: str | None) -> StoredFile | None:
    """The file that is most likely the invoice: a PDF named by its number, else the newest PDF, else None."""
    newest_first = sorted(
        (one for one in files if one.is_pdf and one.storage_reference),
        key=lambda one: (one.created or _EARLIEST, one.id),
        reverse=True,
    )
    if number:
        for one in newest_first:
            if number in one.name:
                return one
    return next(iter(newest_first), None)


def invoice_link(company: CompanyClient, invoice_id: int) -> str:
    """The address of an invoice in the ERP's own screens (reference, 7.4)."""
    return f"{company.client.settings.api_url}/#/sales/invoices/{invoice_id}"


@asynccontextmanager
async def download(company: CompanyClient, storage_reference: str) -> AsyncIterator[Download]:
    """A stored file, in parts as it arrives. Raises Unavailable when no files service is known, NotFound, BadAnswer.

    The company's key goes under both names that the service is known to take.
    """
    call = "GET file"
    hosts = await company.client.hosts()
    if hosts.files is None:
        raise Unavailable(SYSTEM, call, detail="no files service is named", remedy="Set UNIMICRO_FILES_URL.")
    tokens = await company.client.token_source()
    key = company.company.key
    async with company.transport.stream(
        "GET",
        f"{hosts.files}/api/download",
        call=call,
        params={"id": storage_reference, "key": key},
        headers={"Key": key, "CompanyKey": key, "Accept": "*/*"},
        authorize=tokens.authorizer(),
    ) as response:
        content_type = response.headers.get("content-type", "application/octet-stream")
        name = _file_name(response.headers.get("content-disposition"))
        if content_type.lower().startswith("text/html") and not name.lower().endswith((".html", ".htm")):
            raise BadAnswer(SYSTEM, call, status=response.status_code, detail="it is a web page, no file")
        length = response.headers.get("content-length", "")
        plain = "content-encoding" not in response.headers
        yield Download(content_type, name, int(length) if length.isdigit() and plain else None, response.aiter_bytes())


def _stored(row: dict[str, Any]) -> StoredFile | None:
    try:
        file_id = int(row["ID"])
        size = int(row["Size"]) if row.get("Size") not in (None, "") else None
    except (KeyError, TypeError, ValueError):
        return None
    return StoredFile(
        id=file_id,
        name=str(row.get("Name") or ""),
        content_type=str(row.get("ContentType") or ""),
        size=size,
        storage_reference=str(row.get("StorageReference") or ""),
        created=parse_moment(row.get("CreatedAt")),
    )


def _file_name(disposition: str | None) -> str:
    if not disposition:
        return ""
    message = Message()
    message["content-disposition"] = disposition
    name = message.get_filename() or ""
    return name.replace("\\", "/").rpartition("/")[2]
