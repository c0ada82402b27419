"""Stored documents: PDFs on invoices, vouchers and supplier invoices, made from the rows when they are asked for."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.pdf import make_pdf
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row

PDF = "application/pdf"


def add_file(
    store: CompanyStore,
    name: str,
    content: bytes,
    links: Sequence[tuple[str, int]],
    *,
    content_type: str = PDF,
    make: Callable[[], bytes] | None = None,
) -> Row:
    """A stored file linked to entities. With `make` the bytes are made again when wanted instead of kept."""
    reference = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{store.key}/{store.table('File').next_id}"))
    file = store.insert(
        "File",
        {
            "Name": name,
            "ContentType": content_type,
            "Size": len(content),
            "Pages": 1,
            "Md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "StorageReference": reference,
        },
    )
    store.blobs[reference] = make or content
    for entity, entity_id in links:
        store.insert(
            "FileEntityLink", {"FileID": file["ID"], "EntityType": entity, "EntityID": entity_id, "IsAttachment": False}
        )
    return file


def attach_invoice(store: CompanyStore, invoice: Row, *, voucher: bool) -> Row:
    """The PDF of an issued customer invoice, linked to the invoice and, with `voucher`, to its voucher too."""
    credit = invoice.get("InvoiceType") == 1
    number = invoice["InvoiceNumber"]
    title = f"{'Kreditnota' if credit else 'Faktura'} {number}"
    lines = [
        f"Til: {invoice.get('CustomerName', '')}",
        ", ".join(invoice.get(name, "") for name in ("InvoiceAddressLine1", "InvoicePostalCode", "InvoiceCity")),
        f"Fakturadato: {invoice['InvoiceDate']}    Forfall: {invoice['PaymentDueDate']}",
        f"KID: {invoice.get('PaymentID', '')}",
        f"Sum uten mva: {invoice['TaxExclusiveAmount']:.2f}",
        f"Mva: {invoice['VatTotalsAmount']:.2f}",
        f"Å betale: {invoice['TaxInclusiveAmount']:.2f}",
    ]
    links = [("CustomerInvoice", int(invoice["ID"]))]
    if voucher:
        links.append(("JournalEntry", int(invoice["JournalEntryID"])))
    return _add_pdf(store, f"{title}.pdf", title, lines, links)


def attach_supplier_invoice(store: CompanyStore, invoice: Row) -> Row:
    """The PDF of a supplier's invoice, linked to it and to its voucher when it has been booked;
    every fifth came as EHF and has that document too."""
    title = f"Inngående faktura {invoice['InvoiceNumber']}"
    lines = [
        f"Fra: {invoice.get('InvoiceReceiverName', '')}",
        f"Fakturadato: {invoice['InvoiceDate']}    Forfall: {invoice['PaymentDueDate']}",
        f"Sum: {invoice['TaxInclusiveAmount']:.2f}",
    ]
    links = [("SupplierInvoice", int(invoice["ID"]))]
    if invoice.get("JournalEntryID"):
        links.append(("JournalEntry", int(invoice["JournalEntryID"])))
    if invoice["ID"] % 5 == 0:
        number = invoice["InvoiceNumber"]
        xml = f'<?xml version="1.0" encoding="UTF-8"?><Invoice><ID>{number}</ID></Invoice>'.encode()
        add_file(store, f"{number}.xml", xml, links[:1], content_type="application/xml")
    return _add_pdf(store, f"{invoice['InvoiceNumber']}.pdf", title, lines, links)


def attach_voucher(store: CompanyStore, entry: Row) -> Row:
    """The PDF of a voucher that is nobody's invoice."""
    title = f"Bilag {entry['JournalEntryNumber']}"
    return _add_pdf(store, f"{title}.pdf", title, [entry.get("Description", "")], [("JournalEntry", int(entry["ID"]))])


def _add_pdf(store: CompanyStore, name: str, title: str, lines: list[str], links: list[tuple[str, int]]) -> Row:
    return add_file(store, name, make_pdf(title, lines), links, make=lambda: make_pdf(title, lines))


def content_of(store: CompanyStore, reference: str) -> tuple[Row, bytes] | None:
    """A file's row and bytes by its storage reference, or None."""
    blob: Any = store.blobs.get(reference)
    rows = store.find("File", StorageReference=reference)
    if blob is None or not rows:
        return None
    return rows[0], blob if isinstance(blob, bytes) else blob()
