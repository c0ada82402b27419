"""Quotes and orders of a customer: what was ordered, what has been delivered, and what remains."""

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

TYPES = ("quote", "order")
TABLES = ("party", "sales_document")


@dataclass(frozen=True, slots=True)
class SalesDocument:
    """A quote or order. Remaining and delivered are null for quotes; `delivered_share` 1 = everything."""

    document_type: str
    document_id: int
    number: str | None
    order_date: date | None
    delivery_date: date | None
    status: str | None
    requisition: str | None
    our_reference: str | None
    seller: str | None
    net_amount: Decimal
    gross_amount: Decimal
    remaining_net_amount: Decimal | None
    delivered_share: Decimal | None
    currency: str | None
    net_amount_currency: Decimal | None
    gross_amount_currency: Decimal | None


@dataclass(frozen=True, slots=True)
class SalesLine:
    """A line of a quote or order; `over_delivered_quantity` is what was delivered beyond what was ordered."""

    document_type: str
    document_id: int
    document_number: str | None
    order_date: date | None
    line_id: int
    product_id: int | None
    product_number: str | None
    product_name: str | None
    quantity: Decimal | None
    delivered_quantity: Decimal | None
    remaining_quantity: Decimal | None
    over_delivered_quantity: Decimal | None
    net_amount: Decimal
    remaining_net_amount: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderedProduct:
    """What a customer has on orders of one product."""

    product_id: int
    product_number: str | None
    product_name: str | None
    document_count: int
    quantity: Decimal | None
    delivered_quantity: Decimal | None
    remaining_quantity: Decimal | None
    net_amount: Decimal
    remaining_net_amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Requisition:
    """What a customer has on orders under one requisition number (null: those without)."""

    requisition: str | None
    document_count: int
    last_order_date: date | None
    net_amount: Decimal
    remaining_net_amount: Decimal | None


def documents(tx: Transaction, subject: Subject, document_type: str | None = None) -> list[SalesDocument]:
    """Newest first."""
    where = _whose(subject)
    if document_type is not None:
        where["document_type"] = document_type
    found = [_document(row) for row in reports.read_rows(tx, "sales_document", where)]
    return sorted(found, key=lambda d: (d.order_date or date.min, d.document_id), reverse=True)


def document(tx: Transaction, subject: Subject, document_type: str, document_id: int) -> SalesDocument:
    """Raises NotFound when the customer has no such quote or order."""
    where = {**_whose(subject), "document_type": document_type, "document_id": document_id}
    rows = reports.read_rows(tx, "sales_document", where, limit=1)
    if not rows:
        raise NotFound("unknown_document")
    return _document(rows[0])


def lines(tx: Transaction, subject: Subject, document_type: str, document_id: int) -> list[SalesLine]:
    """The lines of a quote or order, in their order."""
    where = {**_whose(subject), "document_type": document_type, "document_id": document_id}
    rows = reports.read_rows(tx, "sales_line", where)
    ordered = sorted(rows, key=lambda row: (row.get("sort_index") or 0, row["line_id"]))
    return [_line(row) for row in ordered]


def lines_with_product(tx: Transaction, subject: Subject, product_id: int) -> list[SalesLine]:
    """Every order line of the customer that holds a product, newest first. Raises NotFound when there is none."""
    where = {**_whose(subject), "document_type": "order", "product_id": product_id}
    found = [_line(row) for row in reports.read_rows(tx, "sales_line", where)]
    if not found:
        raise NotFound("unknown_product")
    return sorted(found, key=lambda line: (line.order_date or date.min, line.line_id), reverse=True)


def products(tx: Transaction, subject: Subject) -> list[OrderedProduct]:
    """Orders per product, the largest remainder first."""
    found = [
        OrderedProduct(
            product_id=int(row["product_id"]),
            product_number=row.get("product_number"),
            product_name=row.get("product_name"),
            document_count=int(row.get("document_count") or 0),
            quantity=as_decimal(row.get("quantity")),
            delivered_quantity=as_decimal(row.get("delivered_quantity")),
            remaining_quantity=as_decimal(row.get("remaining_quantity")),
            net_amount=money(row, "net_amount"),
            remaining_net_amount=as_decimal(row.get("remaining_net_amount")),
        )
        for row in reports.read_rows(tx, "order_product", {**_whose(subject), "document_type": "order"})
    ]
    return sorted(found, key=lambda p: (-(p.remaining_net_amount or 0), -p.net_amount, p.product_id))


def requisitions(tx: Transaction, subject: Subject) -> list[Requisition]:
    """Orders per requisition number, the latest first; those without come last."""
    found = [
        Requisition(
            requisition=row.get("requisition"),
            document_count=int(row.get("document_count") or 0),
            last_order_date=as_date(row.get("last_order_date")),
            net_amount=money(row, "net_amount"),
            remaining_net_amount=as_decimal(row.get("remaining_net_amount")),
        )
        for row in reports.read_rows(tx, "order_requisition", {**_whose(subject), "document_type": "order"})
    ]
    return sorted(
        found,
        key=lambda r: (r.requisition is None, -(r.last_order_date or date.min).toordinal(), r.requisition or ""),
    )


def _whose(subject: Subject) -> dict[str, Any]:
    return {"company": subject.company, "role": subject.role, "party_id": subject.party_id}


def _document(row: Mapping[str, Any]) -> SalesDocument:
    values = dict(row)
    return SalesDocument(
        document_type=str(values["document_type"]),
        document_id=int(values["document_id"]),
        number=values.get("number"),
        order_date=as_date(values.get("order_date")),
        delivery_date=as_date(values.get("delivery_date")),
        status=values.get("status"),
        requisition=values.get("requisition"),
        our_reference=values.get("our_reference"),
        seller=values.get("seller"),
        net_amount=money(values, "net_amount"),
        gross_amount=money(values, "gross_amount"),
        remaining_net_amount=as_decimal(values.get("remaining_net_amount")),
        delivered_share=as_decimal(values.get("delivered_share")),
        currency=values.get("currency"),
        net_amount_currency=as_decimal(values.get("net_amount_currency")),
        gross_amount_currency=as_decimal(values.get("gross_amount_currency")),
    )


def _line(row: Mapping[str, Any]) -> SalesLine:
    values = dict(row)
    product = values.get("product_id")
    return SalesLine(
        document_type=str(values["document_type"]),
        document_id=int(values["document_id"]),
        document_number=values.get("document_number"),
        order_date=as_date(values.get("order_date")),
        line_id=int(values["line_id"]),
        product_id=int(product) if product is not None else None,
        product_number=values.get("product_number"),
        product_name=values.get("product_name"),
        quantity=as_decimal(values.get("quantity")),
        delivered_quantity=as_decimal(values.get("delivered_quantity")),
        remaining_quantity=as_decimal(values.get("remaining_quantity")),
        over_delivered_quantity=as_decimal(values.get("over_delivered_quantity")),
        net_amount=money(values, "net_amount"),
        remaining_net_amount=as_decimal(values.get("remaining_net_amount")),
    )
