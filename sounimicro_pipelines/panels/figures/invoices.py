"""Invoices and credit notes of a party, their lines, payments and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.panels.figures.party import ZERO, money
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


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line; unit price excludes VAT."""

    invoice_id: int
    line_id: int
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

    date: date | None
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
    rows = [_line(row) for row in reports.read_rows(tx, "invoice_line", where)]
    return sorted(rows, key=lambda line: (line.invoice_id, line.line_id))


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
                date=as_date(row.get("date")),
                amount=money(row, "amount"),
                voucher_number=counter.get("voucher_number"),
                voucher_id=counter.get("voucher_id"),
                kind=str(counter.get("kind") or "other"),
                text=counter.get("text"),
            )
        )
    return sorted(found, key=lambda payment: payment.date or date.min)


def documents(tx: Transaction, company: str, owner_type: str, owner_id: int) -> list[Mapping[str, Any]]:
    """Files that the ERP holds for an invoice or voucher."""
    rows = reports.read_rows(tx, "document_file", {"company": company, "owner_type": owner_type, "owner_id": owner_id})
    return sorted(rows, key=lambda row: row["file_id"])


def sums_by_product(lines: list[InvoiceLine]) -> list[dict[str, Any]]:
    """Product → quantity and net amount, the largest first."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in lines:
        key = (line.product_id, line.product_number, line.product_name if line.product_id is None else None)
        group = groups.setdefault(
            key,
            {
                "product_id": line.product_id,
                "product_number": line.product_number,
                "product_name": line.product_name,
                "quantity": Decimal(0),
                "net_amount": ZERO,
                "invoices": set(),
            },
        )
        group["quantity"] += line.quantity or 0
        group["net_amount"] += line.net_amount
        group["invoices"].add(line.invoice_id)
    for group in groups.values():
        group["invoice_count"] = len(group.pop("invoices"))
    return sorted(groups.values(), key=lambda g: (-g["net_amount"], str(g["product_number"])))


def sums_by_seller(lines: list[InvoiceLine]) -> list[dict[str, Any]]:
    """Seller → net amount, the largest first."""
    groups: dict[str | None, dict[str, Any]] = {}
    for line in lines:
        group = groups.setdefault(line.seller, {"seller": line.seller, "net_amount": ZERO, "invoices": set()})
        group["net_amount"] += line.net_amount
        group["invoices"].add(line.invoice_id)
    for group in groups.values():
        group["invoice_count"] = len(group.pop("invoices"))
    return sorted(groups.values(), key=lambda g: (-g["net_amount"], str(g["seller"])))


def turnover_by_month(found: list[Invoice], today: date, months: int = 24) -> list[tuple[date, Decimal]]:
    """First day of month → net amount invoiced, oldest first, months without invoices included."""
    first = today.year * 12 + today.month - months
    sums = {first + offset: ZERO for offset in range(months)}
    for item in found:
        if item.invoice_date is not None:
            month = item.invoice_date.year * 12 + item.invoice_date.month - 1
            if month in sums:
                sums[month] += item.net_amount
    return [(date(month // 12, month % 12 + 1, 1), amount) for month, amount in sums.items()]


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
    )


def _line(row: Mapping[str, Any]) -> InvoiceLine:
    values = dict(row)
    product = values.get("product_id")
    return InvoiceLine(
        invoice_id=int(values["invoice_id"]),
        line_id=int(values["line_id"]),
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
