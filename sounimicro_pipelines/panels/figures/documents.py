"""Files that the ERP holds for an invoice or a voucher of a party, as published: nothing else can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.figures import invoices, vouchers
from sounimicro_pipelines.store import Transaction, reports

TABLE = "document_file"
OWNERS = ("invoice", "voucher")
_INVOICES = {"customer": "customer_invoice", "supplier": "supplier_invoice"}
_VOUCHERS = "journal_entry"


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A stored file. `size` in bytes, None when unknown; `storage_reference` is never told to a browser."""

    file_id: int
    name: str
    content_type: str
    size: int | None
    owner_type: str
    owner_id: int
    storage_reference: str = field(repr=False)


def documents(tx: Transaction, subject: Subject, owner: str, owner_id: int) -> list[DocumentFile]:
    """The files of an invoice or voucher, the PDFs first; none when files have not been published.

    An invoice has those of its voucher too, and the other way round, since the ERP keeps them on either. Raises
    NotFound when the invoice or voucher is not the party's.
    """
    if owner == "invoice":
        invoice = invoices.invoice(tx, subject, owner_id)
        owners = [(_INVOICES[subject.role], invoice.invoice_id)]
        owners += [(_VOUCHERS, invoice.voucher_id)] if invoice.voucher_id is not None else []
    else:
        vouchers.voucher(tx, subject, owner_id)
        owners = [(_VOUCHERS, owner_id)]
        owners += [(_INVOICES[subject.role], invoice_id) for invoice_id in _invoices_of(tx, subject, owner_id)]
    if TABLE not in reports.published(tx, subject.company):
        return []
    found: dict[int, DocumentFile] = {}
    for owner_type, number in owners:
        where = {"company": subject.company, "owner_type": owner_type, "owner_id": number}
        for row in reports.read_rows(tx, TABLE, where):
            file = _file(row)
            found.setdefault(file.file_id, file)
    return sorted(found.values(), key=lambda file: (not file.name.lower().endswith(".pdf"), -file.file_id))


def _invoices_of(tx: Transaction, subject: Subject, voucher_id: int) -> list[int]:
    """The party's own invoices that a voucher books."""
    if "invoice" not in reports.published(tx, subject.company):
        return []
    where = {"company": subject.company, "role": subject.role, "party_id": subject.party_id, "voucher_id": voucher_id}
    return [int(row["invoice_id"]) for row in reports.read_rows(tx, "invoice", where)]


def _file(row: Mapping[str, Any]) -> DocumentFile:
    size = row.get("size")
    return DocumentFile(
        file_id=int(row["file_id"]),
        name=str(row.get("name") or ""),
        content_type=str(row.get("content_type") or ""),
        size=int(size) if size is not None else None,
        owner_type=str(row["owner_type"]),
        owner_id=int(row["owner_id"]),
        storage_reference=str(row.get("storage_reference") or ""),
    )
