"""Invoices of both roles, their lines, and turnover by month, product and seller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sounimicro_pipelines_tests.reports.oracle.basics import (
    CENT,
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

STATUS = {
    "customer": {
        42001: "draft", 42002: "invoiced", 42003: "partly_paid", 42004: "paid", 42005: "sold", 42006: "credited",
        42007: "partly_credited", 42008: "waiting_for_offer", 42009: "offer_accepted", 42010: "offer_received",
        42011: "offer_request_rejected",
    },
    "supplier": {30102: "for_approval", 30103: "approved", 30104: "journaled", 40001: "archived"},
}  # fmt: skip
PAYMENT_STATUS = {
    30109: "unpaid",
    30110: "transferred_to_bank",
    30111: "partly_paid",
    30112: "paid",
    30113: "in_payment_list",
}
GRAVITY = ["none", "reminded", "collection", "factoring", "third_party"]


def is_credit_note(invoice: Record) -> bool:
    return invoice.get("InvoiceType") == 1


def sign_of(invoice: Record) -> int:
    """A credit note is negative, however it is kept."""
    return -1 if is_credit_note(invoice) and Decimal(str(invoice.get("TaxInclusiveAmount") or 0)) > 0 else 1


def counts(role: str, invoice: Record) -> bool:
    left_out = {"customer": {42001, 90001}, "supplier": {30101, 30108, 90001}}[role]
    return not invoice.get("Deleted") and invoice.get("StatusCode") not in left_out


def collection_state(world: World, invoice: Record) -> str:
    code = invoice.get("CollectorStatusCode")
    state = "none"
    if code is not None and 42500 <= code <= 42507:
        state = {42501: "reminded", 42502: "collection", 42503: "factoring", 42504: "factoring"}.get(
            code, "third_party"
        )
    elif invoice.get("StatusCode") == 42005:
        state = "factoring"
    latest = latest_reminder(world, invoice)
    return max(state, said_by(latest), key=GRAVITY.index) if latest is not None else state


def latest_reminder(world: World, invoice: Record) -> Record | None:
    """The latest of the invoice's reminders that were sent."""
    reminders = [one for one in world.live("CustomerInvoiceReminder") if one.get("CustomerInvoiceID") == invoice["ID"]]
    sent = [one for one in reminders if said_by(one) != "none"]
    return max(sent, key=lambda one: (one.get("ReminderNumber") or 0, one["ID"]), default=None)


def said_by(reminder: Record) -> str:
    """What a reminder says of collection; "none" for one that was not sent."""
    code = reminder.get("StatusCode") or 0
    if code in (42106, 42107):
        return "collection"
    return "reminded" if code in (42102, 42103, 42104, 42108) else "none"


def invoice_figures(world: World) -> dict[str, list[dict[str, Any]]]:
    invoices, lines = [], []
    order_of_item = {item["ID"]: order for order, item in world.children("CustomerOrder", "Items")}
    for role, entity, party_field in (
        ("customer", "CustomerInvoice", "CustomerID"),
        ("supplier", "SupplierInvoice", "SupplierID"),
    ):
        for raw in world.all(entity):
            if not counts(role, raw) or not ident(raw.get(party_field)):
                continue
            invoice = _invoice(world, role, raw, raw[party_field], order_of_item)
            invoices.append(invoice)
            lines += _lines(world, raw, invoice)
    return {
        "invoice": invoices,
        "invoice_line": lines,
        "turnover_month": _by_month(invoices),
        "turnover_product": _by_product(invoices, lines),
        "turnover_seller": _by_seller(world, invoices),
    }


def _invoice(
    world: World, role: str, raw: Record, party_id: int, order_of_item: Mapping[int, Record]
) -> dict[str, Any]:
    sign = sign_of(raw)
    amounts = {
        f"{ours}{suffix.lower() and '_currency'}": sign * ore(raw.get(f"{theirs}{suffix}"))
        for ours, theirs in (
            ("net_amount", "TaxExclusiveAmount"),
            ("vat_amount", "VatTotalsAmount"),
            ("gross_amount", "TaxInclusiveAmount"),
        )
        for suffix in ("", "Currency")
    }
    for ours, theirs in (("remaining_amount", "RestAmount"), ("remaining_amount_currency", "RestAmountCurrency")):
        rest = ore(raw.get(theirs))
        amounts[ours] = -abs(rest) if is_credit_note(raw) else rest
    orders = {}
    if role == "customer":
        for item in raw.get("Items") or ():
            order = order_of_item.get(item.get("OrderItemId") or 0)
            if order is not None and not item.get("Deleted") and not order.get("Deleted"):
                orders[order["ID"]] = order.get("OrderNumber")
    numbers = [str(number) for _, number in sorted(orders.items()) if number is not None]
    sent = (latest_reminder(world, raw) if role == "customer" else None) or {}
    return {
        "role": role,
        "party_id": party_id,
        "invoice_id": raw["ID"],
        "number": text(raw.get("InvoiceNumber")),
        "kind": "credit_note" if is_credit_note(raw) else "invoice",
        "invoice_date": day(raw.get("InvoiceDate")),
        "due_date": day(raw.get("PaymentDueDate")),
        **amounts,
        "currency": world.currency(raw.get("CurrencyCodeID")),
        "status": STATUS[role].get(raw.get("StatusCode") or 0),
        "status_code": raw.get("StatusCode"),
        "payment_status": PAYMENT_STATUS.get(raw.get("PaymentStatus") or 0) if role == "supplier" else None,
        "collection_state": collection_state(world, raw) if role == "customer" else "none",
        "reminder_count": sent.get("ReminderNumber"),
        "reminded_date": day(sent.get("RemindedDate")),
        "order_number": ", ".join(numbers) or None,
        "requisition": raw.get("Requisition"),
        "our_reference": raw.get("OurReference"),
        "your_reference": raw.get("YourReference"),
        "payment_reference": raw.get("PaymentID"),
        "seller_id": ident(raw.get("DefaultSellerID")) if role == "customer" else None,
        "seller": world.name("Seller", raw.get("DefaultSellerID")) if role == "customer" else None,
        "project_id": world.dimension(raw.get("DefaultDimensionsID"), "ProjectID"),
        "voucher_id": ident(raw.get("JournalEntryID")),
        "credited_invoice_id": ident(raw.get("InvoiceReferenceID")),
    }


def _lines(world: World, raw: Record, invoice: dict[str, Any]) -> list[dict[str, Any]]:
    sign = sign_of(raw)
    shared = {
        "role": invoice["role"],
        "party_id": invoice["party_id"],
        "invoice_id": invoice["invoice_id"],
        "invoice_kind": invoice["kind"],
        "invoice_number": invoice["number"],
        "invoice_date": invoice["invoice_date"],
        "currency": invoice["currency"],
        "seller_id": invoice["seller_id"],
        "seller": invoice["seller"],
    }
    lines = []
    for item in raw.get("Items") or ():
        if item.get("Deleted"):
            continue
        product = world.get("Product", item.get("ProductID"))
        name = product.get("Name") if product else None
        lines.append(
            shared
            | {
                "line_id": item["ID"],
                "kind": "product" if ident(item.get("ProductID")) else "text",
                "order_line_id": ident(item.get("OrderItemId")) if invoice["role"] == "customer" else None,
                "product_id": ident(item.get("ProductID")),
                "product_number": product.get("PartName") if product else None,
                "product_name": name if name is not None else item.get("ItemText"),
                "text": item.get("ItemText"),
                "sort_index": item.get("SortIndex"),
                "unit": item.get("Unit"),
                "quantity": sign * micro(item.get("NumberOfItems")),
                "unit_price": micro(item.get("PriceExVat")),
                "discount_percent": micro(item.get("DiscountPercent")),
                "net_amount": sign * ore(item.get("SumTotalExVat")),
                "vat_amount": sign * ore(item.get("SumVat")),
                "gross_amount": sign * ore(item.get("SumTotalIncVat")),
                "net_amount_currency": sign * ore(item.get("SumTotalExVatCurrency")),
                "gross_amount_currency": sign * ore(item.get("SumTotalIncVatCurrency")),
                "project_id": world.dimension(item.get("DimensionsID"), "ProjectID") or invoice["project_id"],
            }
        )
    if lines:
        lines += _rounding(world, raw, invoice, lines, shared)
    return lines


def _rounding(
    world: World, raw: Record, invoice: dict[str, Any], lines: list[dict[str, Any]], shared: dict[str, Any]
) -> list[dict[str, Any]]:
    """The header's rounding and the lines' own, when they explain the difference; else the header's rounding alone."""
    header = sign_of(raw) * ore(raw.get("PayableRoundingAmount"))
    names = ("net_amount", "vat_amount", "gross_amount", "net_amount_currency", "gross_amount_currency")
    rest = {name: invoice[name] - total(line[name] for line in lines) for name in names}
    limit = abs(header) + CENT * (len(lines) + 1)
    if max(abs(rest[name]) for name in names[:3]) > limit:
        rest = dict.fromkeys(names, ZERO) | {"gross_amount": header}
    if not any(rest[name] for name in names[:3]):
        return []
    nothing = dict.fromkeys(
        ("order_line_id", "product_id", "product_number", "product_name", "text", "sort_index", "unit")
    )
    zero = dict.fromkeys(("quantity", "unit_price", "discount_percent"), micro(0))
    return [
        shared
        | nothing
        | zero
        | rest
        | {"line_id": 0, "kind": "rounding", "project_id": world.dimension(raw.get("DefaultDimensionsID"), "ProjectID")}
    ]


def _by_month(invoices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for one in invoices:
        moment = one["invoice_date"]
        groups[one["role"], one["party_id"], moment.year if moment else None, moment.month if moment else None].append(
            one
        )
    return [
        dict(zip(("role", "party_id", "year", "month"), key, strict=True))
        | {name: total(one[name] for one in many) for name in ("net_amount", "vat_amount", "gross_amount")}
        | {
            "invoice_count": sum(one["kind"] == "invoice" for one in many),
            "credit_note_count": sum(one["kind"] == "credit_note" for one in many),
        }
        for key, many in groups.items()
    ]


def _by_product(invoices: list[dict[str, Any]], lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("net_amount", "vat_amount", "gross_amount")
    parts = list(lines)
    of_invoice: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        of_invoice[line["role"], line["invoice_id"]].append(line)
    for one in invoices:
        known = of_invoice[one["role"], one["invoice_id"]]
        rest = {name: one[name] - total(line[name] for line in known) for name in names}
        if any(rest.values()):
            parts.append(
                {
                    "role": one["role"],
                    "party_id": one["party_id"],
                    "invoice_id": one["invoice_id"],
                    "kind": "unspecified",
                }
                | {"product_id": None, "product_number": None, "product_name": None, "quantity": micro(0)}
                | {"invoice_date": one["invoice_date"]}
                | rest
            )
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for part in parts:
        year = part["invoice_date"].year if part["invoice_date"] else None
        groups[part["role"], part["party_id"], part["product_id"], part["product_number"], part["kind"], year].append(
            part
        )
    keys = ("role", "party_id", "product_id", "product_number", "kind", "year")
    found = []
    for key, many in groups.items():
        named = [part["product_name"] for part in many if key[2] is not None and part["product_name"] is not None]
        found.append(
            dict(zip(keys, key, strict=True))
            | {name: total(part[name] for part in many) for name in names}
            | {
                "product_name": max(named) if named else None,
                "quantity": sum((part["quantity"] for part in many), micro(0)),
                "invoice_count": len({part["invoice_id"] for part in many}),
            }
        )
    return found


def split(amount: Decimal, weights: list[Decimal]) -> list[Decimal]:
    """Largest remainder to the øre; the first in a tie."""
    cents = int(abs(amount) * 100)
    whole = sum(weights)
    exact = [Decimal(cents) * weight / whole for weight in weights]
    floors = [int(part) for part in exact]
    order = sorted(range(len(weights)), key=lambda place: -(exact[place] - floors[place]))
    for place in order[: cents - sum(floors)]:
        floors[place] += 1
    return [(Decimal(part) / 100).copy_sign(amount) for part in floors]


def _by_seller(world: World, invoices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shares: dict[int, dict[int | None, Decimal]] = defaultdict(dict)
    for link in sorted(world.live("SellerLink"), key=lambda one: one["ID"]):
        invoice_id, percent = ident(link.get("CustomerInvoiceID")), Decimal(str(link.get("Percent") or 0))
        if invoice_id and percent > 0:
            seller = ident(link.get("SellerID"))
            shares[invoice_id][seller] = shares[invoice_id].get(seller, Decimal(0)) + percent
    sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [ZERO, ZERO, set()])
    for one in invoices:
        weights = shares.get(one["invoice_id"], {}) if one["role"] == "customer" else {}
        parts = weights or {one["seller_id"]: Decimal(1)}
        nets = split(one["net_amount"], list(parts.values()))
        grosses = split(one["gross_amount"], list(parts.values()))
        for seller, net, gross in zip(parts, nets, grosses, strict=True):
            year = one["invoice_date"].year if one["invoice_date"] else None
            entry = sums[one["role"], one["party_id"], seller, year]
            entry[0] += net
            entry[1] += gross
            entry[2].add(one["invoice_id"])
    return [
        {
            "role": role,
            "party_id": party_id,
            "seller_id": seller,
            "seller": world.name("Seller", seller),
            "year": year,
            "net_amount": net,
            "gross_amount": gross,
            "invoice_count": len(ids),
        }
        for (role, party_id, seller, year), (net, gross, ids) in sums.items()
    ]
