"""The sub-ledger: statement, matchings, open items, and the parties' own row."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sounimicro_pipelines_tests.reports.oracle.basics import CENT, World, day, ident, ore, text, total
from sounimicro_pipelines_tests.reports.oracle.invoices import GRAVITY

PAYMENT, CREDIT_NOTE, INVOICE, REMINDER = {1, 2, 7, 9, 12}, {4, 11, 14}, {3, 6, 8, 13, 15}, {5, 10}
PARTY_STATUS = {
    10001: "draft", 20001: "pending", 30001: "active", 40001: "completed", 50001: "inactive", 60001: "deviation",
    70001: "error", 90001: "deleted",
}  # fmt: skip
BUCKETS = ((90, "over_90"), (60, "61_90"), (30, "31_60"), (0, "1_30"))


def ledger_figures(world: World, invoices: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    entries = _entries(world, {(one["role"], one["party_id"], one["invoice_id"]): one for one in invoices})
    stated = [one for one in entries if not one["is_credited"]]
    matchings = _matchings(world, stated)
    items = [_open_item(world, one) for one in stated if one["remaining_amount"]]
    grouped = [_by_party(rows) for rows in (entries, items, matchings, invoices)]
    return {
        "statement_line": [_without(one, "is_credited", "collection_state", "invoice_date") for one in stated],
        "matching": matchings,
        "open_item": items,
        "party": [
            _party(world, role, raw, *(rows.get((role, raw["ID"]), []) for rows in grouped))
            for role, raw in _register(world)
        ],
    }


def _by_party(rows: list[dict[str, Any]]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    grouped: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["role"], row["party_id"]].append(row)
    return grouped


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _kind(line: Any, invoice: dict[str, Any] | None, amount: Decimal) -> str:
    code = line.get("JournalEntryTypeID")
    if code in PAYMENT:
        return "payment"
    if code in CREDIT_NOTE:
        return "credit_note"
    if code in REMINDER:
        return "other"
    if code in INVOICE:
        if invoice is not None:
            return str(invoice["kind"])
        return "credit_note" if amount < 0 else "invoice"
    if invoice is not None:
        with_the_document = amount <= 0 if invoice["kind"] == "credit_note" else amount >= 0
        return str(invoice["kind"]) if with_the_document else "payment"
    return "payment" if ident(line.get("PaymentReferenceID")) else "other"


def _entries(world: World, invoices: dict[tuple[str, int, int], dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for line in world.live("JournalEntryLine"):
        whose = world.sub_ledger.get(line.get("SubAccountID") or 0)
        if whose is None:
            continue
        role, party_id, sign = whose
        invoice_id = ident(line.get("CustomerInvoiceID" if role == "customer" else "SupplierInvoiceID"))
        invoice = invoices.get((role, party_id, invoice_id or 0))
        amount = sign * ore(line["Amount"])
        financial, due = day(line.get("FinancialDate")), day(line.get("DueDate"))
        found.append(
            {
                "role": role,
                "party_id": party_id,
                "journal_entry_line_id": line["ID"],
                "voucher_id": ident(line.get("JournalEntryID")),
                "financial_date": financial,
                "due_date": financial if due in (None, date(2099, 12, 31)) else due,
                "voucher_number": line.get("JournalEntryNumber"),
                "document_number": text(line.get("InvoiceNumber")) or (invoice["number"] if invoice else None),
                "invoice_id": invoice_id,
                "invoice_date": (invoice["invoice_date"] if invoice else None) or financial,
                "collection_state": invoice["collection_state"] if invoice else "none",
                "kind": _kind(line, invoice, amount),
                "text": line.get("Description"),
                "amount": amount,
                "remaining_amount": sign * ore(line.get("RestAmount")),
                "currency": world.currency(line.get("CurrencyCodeID")),
                "amount_currency": sign * ore(line.get("AmountCurrency")),
                "remaining_amount_currency": sign * ore(line.get("RestAmountCurrency")),
                "is_credited": line.get("StatusCode") == 31004,
            }
        )
    return found


def _matchings(world: World, stated: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = {one["journal_entry_line_id"]: one for one in stated}
    found = []
    for pair in world.live("PostPost"):
        one, two = ident(pair.get("JournalEntryLine1ID")), ident(pair.get("JournalEntryLine2ID"))
        for line_id, counter_id in ((one, two), (two, one)):
            line = lines.get(line_id or 0)
            if line is None:
                continue
            sign = (line["amount"] > 0) - (line["amount"] < 0)
            found.append(
                {
                    "role": line["role"],
                    "party_id": line["party_id"],
                    "matching_id": pair["ID"],
                    "journal_entry_line_id": line_id,
                    "counter_line_id": counter_id,
                    "date": day(pair.get("Date")),
                    "amount": sign * abs(ore(pair["Amount"])),
                    "currency": world.name("CurrencyCode", pair.get("CurrencyCodeID"), "Code") or line["currency"],
                    "amount_currency": sign * abs(ore(pair.get("AmountCurrency"))),
                }
            )
    return found


def _open_item(world: World, entry: dict[str, Any]) -> dict[str, Any]:
    days = (world.as_of - entry["due_date"]).days if entry["due_date"] else None
    aside = entry["remaining_amount"] < 0 or entry["kind"] in ("payment", "credit_note")
    overdue = not aside and days is not None and days > 0
    bucket = "unallocated" if aside else "not_due"
    if overdue:
        bucket = next(name for limit, name in BUCKETS if days is not None and days > limit)
    return _without(entry, "amount", "amount_currency", "financial_date", "is_credited") | {
        "original_amount": entry["amount"],
        "original_amount_currency": entry["amount_currency"],
        "days_overdue": days,
        "is_overdue": overdue,
        "bucket": bucket,
    }


def _register(world: World) -> list[tuple[str, Any]]:
    return [
        (role, one)
        for role, entity in (("customer", "Customer"), ("supplier", "Supplier"))
        for one in world.live(entity)
    ]


def _average(values: list[int]) -> Decimal | None:
    return (Decimal(sum(values)) / len(values)).quantize(CENT, ROUND_HALF_UP) if values else None


def _year_before(moment: date) -> date:
    return (
        moment.replace(year=moment.year - 1, day=28)
        if (moment.month, moment.day) == (2, 29)
        else moment.replace(year=moment.year - 1)
    )


def _party(
    world: World,
    role: str,
    raw: Any,
    entries: list[dict[str, Any]],
    items: list[dict[str, Any]],
    matchings: list[dict[str, Any]],
    invoices: list[dict[str, Any]],
) -> dict[str, Any]:
    kinds = {one["journal_entry_line_id"]: one["kind"] for one in entries}
    pairs: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for pair in matchings:
        pairs[pair["journal_entry_line_id"]].append(pair)
    taken, late = [], []
    for one in entries:
        paired = pairs[one["journal_entry_line_id"]]
        if one["kind"] != "invoice" or one["remaining_amount"] or one["is_credited"]:
            continue
        if not any(kinds.get(pair["counter_line_id"]) == "payment" for pair in paired):
            continue
        settled = max(pair["date"] for pair in paired if pair["date"])
        if _year_before(world.as_of) < settled <= world.as_of:
            taken.append((settled - one["invoice_date"]).days)
            late.append(max(0, (settled - one["due_date"]).days))
    allocated = [item for item in items if item["bucket"] != "unallocated"]
    by_bucket = {
        name: total(item["remaining_amount"] for item in items if item["bucket"] == bucket)
        for name, bucket in (
            ("unallocated_amount", "unallocated"),
            ("not_due_amount", "not_due"),
            ("overdue_1_30_amount", "1_30"),
            ("overdue_31_60_amount", "31_60"),
            ("overdue_61_90_amount", "61_90"),
            ("overdue_over_90_amount", "over_90"),
        )
    }
    states = [item["collection_state"] for item in items]
    payments = [
        one["financial_date"]
        for one in entries
        if one["kind"] == "payment" and one["amount"] < 0 and not one["is_credited"] and one["financial_date"]
    ]
    credit_days = raw.get("CreditDays")
    if credit_days is None and role == "customer":
        credit_days = world.name("Terms", raw.get("PaymentTermsID"), "CreditDays")
    return {
        "role": role,
        "party_id": raw["ID"],
        "number": text(raw.get("CustomerNumber" if role == "customer" else "SupplierNumber")),
        "name": world.name("BusinessRelation", raw.get("BusinessRelationID")),
        "org_number": text((raw.get("OrgNumber") or "").strip()),
        "status": PARTY_STATUS.get(raw.get("StatusCode") or 0),
        "status_code": raw.get("StatusCode"),
        "currency": world.currency(raw.get("CurrencyCodeID")),
        "company_currency": world.own_currency,
        "seller": world.name("Seller", raw.get("DefaultSellerID")) if role == "customer" else None,
        "balance": total(one["amount"] for one in entries),
        "open_amount": total(item["remaining_amount"] for item in allocated),
        "overdue_amount": total(item["remaining_amount"] for item in items if item["is_overdue"]),
        **by_bucket,
        "oldest_due_date": min((item["due_date"] for item in allocated if item["due_date"]), default=None),
        "open_count": len(items),
        "overdue_count": sum(item["is_overdue"] for item in items),
        "collection_state": max(states, key=GRAVITY.index, default="none"),
        **{f"{state}_count": states.count(state) for state in GRAVITY[1:]},
        "credit_days": credit_days,
        "actual_credit_days": _average(taken),
        "average_days_late": _average(late),
        "paid_invoice_count": len(taken),
        "last_payment_date": max(payments, default=None),
        "invoiced_this_year": _invoiced(invoices, world.as_of.year),
        "invoiced_last_year": _invoiced(invoices, world.as_of.year - 1),
    }


def _invoiced(invoices: list[dict[str, Any]], year: int) -> Decimal:
    return total(one["net_amount"] for one in invoices if one["invoice_date"] and one["invoice_date"].year == year)
