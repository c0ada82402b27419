"""Invoices and credit notes of a party, their lines, payments and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.panels.figures.party import money
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import as_date, as_decimal

VIEWS = ("all", "invoices", "credit-notes", "per-product", "per-seller")
TABLES = ("party", "invoice")


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice or credit note; a credit note's amounts are negative."""

    invoice_id: int
    number: str | None
    kind: str
    invoice_date: date | None
    due_date: date | None
    net_amount: Decimal
    vat_amount: Decimal
    gross_amount: Decimal
    remaining_amount: Decimal
    currency: str | None
    gross_amount_currency: Decimal | None
    status: str | None
    order_number: str | None
    requisition: str | None
    our_reference: str | None
    your_reference: str | None
    seller: str | None
    voucher_id: int | None
    collection_state: str
    reminder_count: int | None
    reminded_date: date | None


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line; unit price excludes VAT."""

    invoice_id: int
    invoice_number: str | None
    invoice_date: date | None
    line_id: int
    kind: str
    product_id: int | None
    product_number: str | None
    product_name: str | None
    quantity: Decimal | None
    unit_price: Decimal | None
    discount_percent: Decimal | None
    net_amount: Decimal
    vat_amount: Decimal
    gross_amount: Decimal
    seller: str | None


@dataclass(frozen=True, slots=True)
class Payment:
    """What was set off against an invoice, and when."""

    settled_on: date | None
    amount: Decimal
    voucher_number: str | None
    voucher_id: int | None
    kind: str
    text: str | None


def invoices(tx: Transaction, subject: Subject, view: str = "all") -> list[Invoice]:
    """Newest first."""
    kind = {"invoices": "invoice", "credit-notes": "credit_note"}.get(view)
    where = _whose(subject)
    if kind is not None:
        where["kind"] = kind
    found = [_invoice(row) for row in reports.read_rows(tx, "invoice", where)]
    return sorted(found, key=lambda i: (i.invoice_date or date.min, i.invoice_id), reverse=True)


def invoice(tx: Transaction, subject: Subject, invoice_id: int) -> Invoice:
    """Raises NotFound when the party has no such invoice."""
    rows = reports.read_rows(tx, "invoice", {**_whose(subject), "invoice_id": invoice_id}, limit=1)
    if not rows:
        raise NotFound("unknown_invoice")
    return _invoice(rows[0])


def invoice_lines(tx: Transaction, subject: Subject, invoice_id: int | None = None) -> list[InvoiceLine]:
    """The lines of an invoice in their order, or of all the party's invoices."""
    where = _whose(subject)
    if invoice_id is not None:
        where["invoice_id"] = invoice_id
    rows = reports.read_rows(tx, "invoice_line", where)
    last = 2**31
    ordered = sorted(rows, key=lambda row: (row["invoice_id"], row.get("sort_index") or last, row["line_id"] or last))
    return [_line(row) for row in ordered]


def payments(tx: Transaction, subject: Subject, invoice_id: int) -> list[Payment]:
    """What was matched with the invoice's ledger lines, oldest first."""
    lines = {int(row["journal_entry_line_id"]): row for row in reports.read_rows(tx, "statement_line", _whose(subject))}
    own = {line_id for line_id, row in lines.items() if row.get("invoice_id") == invoice_id}
    found: list[Payment] = []
    for row in reports.read_rows(tx, "matching", _whose(subject)):
        if int(row["journal_entry_line_id"]) not in own:
            continue
        counter = lines.get(int(row["counter_line_id"] or 0), {})
        found.append(
            Payment(
                settled_on=as_date(row.get("date")),
                amount=money(row, "amount"),
                voucher_number=counter.get("voucher_number"),
                voucher_id=counter.get("voucher_id"),
                kind=str(counter.get("kind") or "other"),
                text=counter.get("text"),
            )
        )
    return sorted(found, key=lambda payment: payment.settled_on or date.min)


def lines_with_product(tx: Transaction, subject: Subject, product_id: int) -> list[InvoiceLine]:
    """Every invoice line of the party with a product, newest first. Raises NotFound when there is none."""
    rows = reports.read_rows(tx, "invoice_line", {**_whose(subject), "product_id": product_id})
    if not rows:
        raise NotFound("unknown_product")
    return sorted(
        (_line(row) for row in rows), key=lambda line: (line.invoice_date or date.min, line.line_id), reverse=True
    )


def _whose(subject: Subject) -> dict[str, Any]:
    return {"company": subject.company, "role": subject.role, "party_id": subject.party_id}


def _invoice(row: Mapping[str, Any]) -> Invoice:
    values = dict(row)
    voucher = values.get("voucher_id")
    return Invoice(
        invoice_id=int(values["invoice_id"]),
        number=values.get("number"),
        kind=str(values.get("kind") or "invoice"),
        invoice_date=as_date(values.get("invoice_date")),
        due_date=as_date(values.get("due_date")),
        net_amount=money(values, "net_amount"),
        vat_amount=money(values, "vat_amount"),
        gross_amount=money(values, "gross_amount"),
        remaining_amount=money(values, "remaining_amount"),
        currency=values.get("currency"),
        gross_amount_currency=as_decimal(values.get("gross_amount_currency")),
        status=values.get("status"),
        order_number=values.get("order_number"),
        requisition=values.get("requisition"),
        our_reference=values.get("our_reference"),
        your_reference=values.get("your_reference"),
        seller=values.get("seller"),
        voucher_id=int(voucher) if voucher else None,
        collection_state=str(values.get("collection_state") or "none"),
        reminder_count=int(values["reminder_count"]) if values.get("reminder_count") else None,
        reminded_date=as_date(values.get("reminded_date")),
    )


def _line(row: Mapping[str, Any]) -> InvoiceLine:
    values = dict(row)
    product = values.get("product_id")
    return InvoiceLine(
        invoice_id=int(values["invoice_id"]),
        invoice_number=values.get("invoice_number"),
        invoice_date=as_date(values.get("invoice_date")),
        line_id=int(values["line_id"]),
        kind=str(values.get("kind") or "product"),
        product_id=int(product) if product is not None else None,
        product_number=values.get("product_number"),
        product_name=values.get("product_name"),
        quantity=as_decimal(values.get("quantity")),
        unit_price=as_decimal(values.get("unit_price")),
        discount_percent=as_decimal(values.get("discount_percent")),
        net_amount=money(values, "net_amount"),
        vat_amount=money(values, "vat_amount"),
        gross_amount=money(values, "gross_amount"),
        seller=values.get("seller"),
    )
