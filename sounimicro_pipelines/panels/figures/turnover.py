"""What a party was invoiced, excluding VAT: per product, per seller, per month. The sums are the invoices' own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.figures.party import ZERO, money
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import as_decimal


@dataclass(frozen=True, slots=True)
class ProductTurnover:
    """One product; without one, `kind` says what it is: text, rounding, or unspecified (stands on no line)."""

    product_id: int | None
    product_number: str | None
    product_name: str | None
    kind: str
    invoice_count: int
    quantity: Decimal
    net_amount: Decimal


@dataclass(frozen=True, slots=True)
class SellerTurnover:
    """One seller's share of the invoices; null: invoices without a seller."""

    seller: str | None
    invoice_count: int
    net_amount: Decimal


def by_product(tx: Transaction, subject: Subject, year: int | None = None) -> list[ProductTurnover]:
    """Of a year or of all history, the largest first. An invoice counts once a year."""
    groups: dict[tuple[int | None, str], ProductTurnover] = {}
    for row in reports.read_rows(tx, "turnover_product", _where(subject, year)):
        product = int(row["product_id"]) if row.get("product_id") is not None else None
        kind = str(row.get("kind") or "product")
        old = groups.get((product, kind))
        groups[product, kind] = ProductTurnover(
            product_id=product,
            product_number=row.get("product_number"),
            product_name=row.get("product_name"),
            kind=kind,
            invoice_count=int(row.get("invoice_count") or 0) + (old.invoice_count if old else 0),
            quantity=(as_decimal(row.get("quantity")) or Decimal(0)) + (old.quantity if old else Decimal(0)),
            net_amount=money(row, "net_amount") + (old.net_amount if old else ZERO),
        )
    return sorted(groups.values(), key=lambda g: (-g.net_amount, g.product_number or "", g.kind))


def by_seller(tx: Transaction, subject: Subject, year: int | None = None) -> list[SellerTurnover]:
    """Of a year or of all history, the largest first."""
    groups: dict[object, SellerTurnover] = {}
    for row in reports.read_rows(tx, "turnover_seller", _where(subject, year)):
        old = groups.get(row.get("seller_id"))
        groups[row.get("seller_id")] = SellerTurnover(
            seller=row.get("seller"),
            invoice_count=int(row.get("invoice_count") or 0) + (old.invoice_count if old else 0),
            net_amount=money(row, "net_amount") + (old.net_amount if old else ZERO),
        )
    return sorted(groups.values(), key=lambda g: (-g.net_amount, g.seller or ""))


def by_month(tx: Transaction, subject: Subject, today: date, months: int = 12) -> list[tuple[date, Decimal]]:
    """First day of month → net amount, oldest first, months without invoices included.

    An invoice without a date is of no month.
    """
    last = today.year * 12 + today.month - 1
    sums = dict.fromkeys(range(last - months + 1, last + 1), ZERO)
    for row in reports.read_rows(tx, "turnover_month", _where(subject, None)):
        if row["year"] is None:
            continue
        month = int(row["year"]) * 12 + int(row["month"]) - 1
        if month in sums:
            sums[month] += money(row, "net_amount")
    return [(date(month // 12, month % 12 + 1, 1), amount) for month, amount in sums.items()]


def _where(subject: Subject, year: int | None) -> dict[str, object]:
    where: dict[str, object] = {"company": subject.company, "role": subject.role, "party_id": subject.party_id}
    if year is not None:
        where["year"] = year
    return where
