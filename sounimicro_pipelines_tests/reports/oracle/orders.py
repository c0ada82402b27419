"""Quotes and orders, what was delivered of them and what remains."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sounimicro_pipelines_tests.reports.oracle.basics import (
    MICRO,
    ZERO,
    Record,
    World,
    day,
    ident,
    micro,
    ore,
    text,
    total,
)
from sounimicro_pipelines_tests.reports.oracle.invoices import counts, is_credit_note, sign_of

ORDER = {
    41001: "draft", 41002: "registered", 41003: "partly_transferred_to_invoice", 41004: "transferred_to_invoice",
    41005: "completed",
}  # fmt: skip
QUOTE = {
    40101: "draft", 40102: "registered", 40103: "shipped_to_customer", 40104: "customer_accepted",
    40105: "transferred_to_order", 40106: "transferred_to_invoice", 40107: "completed",
}  # fmt: skip
LINE = {41101: "draft", 41102: "registered", 41103: "transferred_to_invoice", 41104: "completed"}


def order_figures(world: World) -> dict[str, list[dict[str, Any]]]:
    delivered = _delivered(world)
    documents, lines = [], []
    for kind, entity, number, moment, status in (
        ("order", "CustomerOrder", "OrderNumber", "OrderDate", ORDER),
        ("quote", "CustomerQuote", "QuoteNumber", "QuoteDate", QUOTE),
    ):
        for raw in world.live(entity):
            if not ident(raw.get("CustomerID")):
                continue
            own = [
                _line(world, kind, raw, item, delivered) | {"order_date": day(raw.get(moment))}
                for item in raw.get("Items") or ()
                if not item.get("Deleted")
            ]
            for line in own:
                line["document_number"] = text(raw.get(number))
                line["document_status"] = status.get(raw.get("StatusCode") or 0)
            lines += own
            net = ore(raw.get("TaxExclusiveAmount"))
            rest = total(line["remaining_net_amount"] for line in own) if kind == "order" else None
            share = None
            if rest is not None and net:
                share = ((net - rest) / net).quantize(MICRO, ROUND_HALF_UP)
            documents.append(
                {
                    "role": "customer",
                    "document_type": kind,
                    "document_id": raw["ID"],
                    "number": text(raw.get(number)),
                    "party_id": raw["CustomerID"],
                    "order_date": day(raw.get(moment)),
                    "delivery_date": day(raw.get("DeliveryDate")),
                    "status": status.get(raw.get("StatusCode") or 0),
                    "status_code": raw.get("StatusCode"),
                    "requisition": raw.get("Requisition"),
                    "our_reference": raw.get("OurReference"),
                    "your_reference": raw.get("YourReference"),
                    "seller_id": ident(raw.get("DefaultSellerID")),
                    "seller": world.name("Seller", raw.get("DefaultSellerID")),
                    "net_amount": net,
                    "gross_amount": ore(raw.get("TaxInclusiveAmount")),
                    "remaining_net_amount": rest,
                    "delivered_share": share,
                    "currency": world.currency(raw.get("CurrencyCodeID")),
                    "net_amount_currency": ore(raw.get("TaxExclusiveAmountCurrency")),
                    "gross_amount_currency": ore(raw.get("TaxInclusiveAmountCurrency")),
                    "line_count": len(own),
                    "project_id": world.dimension(raw.get("DefaultDimensionsID"), "ProjectID"),
                }
            )
    return {
        "sales_document": documents,
        "sales_line": lines,
        "order_product": _by_product(lines),
        "order_requisition": _by_requisition(documents),
    }


def _delivered(world: World) -> dict[int, Decimal]:
    """Order line → quantity on invoices that are no drafts and not credited; partial credits taken off."""

    def stands(invoice: Record | None) -> bool:
        return (
            invoice is not None
            and counts("customer", invoice)
            and not is_credit_note(invoice)
            and invoice.get("StatusCode") != 42006
        )

    sums: dict[int, Decimal] = defaultdict(lambda: micro(0))
    for invoice in world.all("CustomerInvoice"):
        if is_credit_note(invoice):
            original = world.get("CustomerInvoice", invoice.get("InvoiceReferenceID"))
            if not counts("customer", invoice) or not stands(original):
                continue
        elif not stands(invoice):
            continue
        for item in invoice.get("Items") or ():
            if ident(item.get("OrderItemId")) and not item.get("Deleted"):
                sums[item["OrderItemId"]] += sign_of(invoice) * micro(item.get("NumberOfItems"))
    return sums


def _line(world: World, kind: str, raw: Record, item: Record, delivered: dict[int, Decimal]) -> dict[str, Any]:
    product = world.get("Product", item.get("ProductID"))
    name = product.get("Name") if product else None
    quantity = micro(item.get("NumberOfItems"))
    line: dict[str, Any] = {
        "role": "customer",
        "document_type": kind,
        "document_id": raw["ID"],
        "line_id": item["ID"],
        "party_id": raw["CustomerID"],
        "sort_index": item.get("SortIndex"),
        "status": LINE.get(item.get("StatusCode") or 0) if kind == "order" else None,
        "product_id": ident(item.get("ProductID")),
        "product_number": product.get("PartName") if product else None,
        "product_name": name if name is not None else item.get("ItemText"),
        "text": item.get("ItemText"),
        "unit": item.get("Unit"),
        "quantity": quantity,
        "unit_price": micro(item.get("PriceExVat")),
        "discount_percent": micro(item.get("DiscountPercent")),
        "net_amount": ore(item.get("SumTotalExVat")),
        "gross_amount": ore(item.get("SumTotalIncVat")),
        "currency": world.currency(raw.get("CurrencyCodeID")),
        "net_amount_currency": ore(item.get("SumTotalExVatCurrency")),
        "project_id": world.dimension(item.get("DimensionsID"), "ProjectID")
        or world.dimension(raw.get("DefaultDimensionsID"), "ProjectID"),
        "delivered_quantity": None,
        "remaining_quantity": None,
        "over_delivered_quantity": None,
        "remaining_net_amount": None,
    }
    if kind == "order":
        done, rest = delivered.get(item["ID"], micro(0)), micro(0)
        if item.get("StatusCode") == 41102 and raw.get("StatusCode") in (41002, 41003):
            rest = max(micro(0), quantity - done)
        elif item.get("StatusCode") == 41103 and done == 0:
            done = quantity
        line["delivered_quantity"] = done
        line["remaining_quantity"] = rest
        line["over_delivered_quantity"] = max(micro(0), done - max(micro(0), quantity))
        line["remaining_net_amount"] = ore(micro(item.get("SumTotalExVat")) * rest / quantity) if quantity else ZERO
    return line


def _sum(rows: list[dict[str, Any]], name: str) -> Decimal | None:
    values = [row[name] for row in rows if row[name] is not None]
    return sum(values[1:], values[0]) if values else None


def _dates(rows: list[dict[str, Any]]) -> dict[str, Any]:
    dates = [row["order_date"] for row in rows if row["order_date"]]
    return {"first_order_date": min(dates, default=None), "last_order_date": max(dates, default=None)}


def _by_product(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    keys = ("role", "party_id", "document_type", "product_id", "product_number")
    for line in lines:
        if line["product_id"] is not None:
            groups[tuple(line[key] for key in keys)].append(line)
    sums = ("quantity", "delivered_quantity", "remaining_quantity", "net_amount", "remaining_net_amount")
    return [
        dict(zip(keys, key, strict=True))
        | {name: _sum(many, name) for name in sums}
        | _dates(many)
        | {
            "product_name": max((line["product_name"] for line in many if line["product_name"]), default=None),
            "document_count": len({line["document_id"] for line in many}),
        }
        for key, many in groups.items()
    ]


def _by_requisition(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for one in documents:
        groups[one["role"], one["party_id"], one["document_type"], (one["requisition"] or "").strip() or None].append(
            one
        )
    return [
        dict(zip(("role", "party_id", "document_type", "requisition"), key, strict=True))
        | {name: _sum(many, name) for name in ("net_amount", "gross_amount", "remaining_net_amount")}
        | _dates(many)
        | {"document_count": len(many)}
        for key, many in groups.items()
    ]
