"""Documents that the ERP has stored: finding them on a record, and choosing the invoice's PDF (reference, 7).

The ERP renders no document on demand. Where none is stored, `invoice_link`, `bill_link` and `voucher_link` lead a
person to the ERP's own screens. No document of the vendor's tells these addresses: they are those that its public web
client used in 2021. `downloads.py` fetches the documents that are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.transport import AuthenticationFailed, NotFound
from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines.unimicro.expressions import parse_moment, where
from sounimicro_pipelines.unimicro.model import entity as model_of
from sounimicro_pipelines.unimicro.query import Query

PDF = "application/pdf"
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on a record. `size` in bytes, None when unknown; `storage_reference` is its name at the files service."""

    id: int
    name: str
    content_type: str
    size: int | None
    storage_reference: str
    created: datetime | None = None

    @property
    def is_pdf(self) -> bool:
        return self.content_type.lower().startswith(PDF) or self.name.lower().endswith(".pdf")

    @property
    def is_page(self) -> bool:
        """Whether a web page is what it is: elsewhere one that comes is a sign-in or an error."""
        return self.content_type.lower().startswith("text/html") or self.name.lower().endswith((".html", ".htm"))


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


def invoice_link(company: CompanyClient, record_id: int) -> str:
    """The address of a customer invoice (reference, 7.4)."""
    return f"{company.client.settings.api_url}/#/sales/invoices/{record_id}"


def bill_link(company: CompanyClient, record_id: int) -> str:
    """The address of a supplier invoice."""
    return f"{company.client.settings.api_url}/#/accounting/bills/{record_id}"


def voucher_link(company: CompanyClient, number: str, day: date) -> str:
    """The address of a voucher's lines, by its number as the ERP writes it (`8-2026`), else with the year of `day`."""
    plain, _, year = number.rpartition("-")
    if not plain or len(year) != 4:
        plain, year = number, str(day.year)
    asked = urlencode({"JournalEntryNumber": plain, "AccountYear": year})
    return f"{company.client.settings.api_url}/#/accounting/transquery?{asked}"


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
