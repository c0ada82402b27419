"""Open items, balances and aging in plain Python over the ERP's own rows: no SQL, nothing shared with the product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

CREDITED = 31004


@dataclass
class PartyFigures:
    """One customer or supplier: amounts in company currency, positive = the party owes (customer) or is owed."""

    balance: Decimal = Decimal(0)
    overdue: Decimal = Decimal(0)
    open_lines: dict[int, Decimal] = field(default_factory=dict)
    buckets: dict[str, Decimal] = field(default_factory=dict)


def party_figures(
    rows: Callable[[str], Iterable[Mapping[str, Any]]], today: date
) -> dict[tuple[str, int], PartyFigures]:
    """Every party's figures by (role, id) from live (not deleted) rows."""
    figures: dict[tuple[str, int], PartyFigures] = {}
    for role, entity in (("customer", "Customer"), ("supplier", "Supplier")):
        for row in rows(entity):
            figures[(role, row["ID"])] = PartyFigures()
    owner: dict[int, tuple[str, int]] = {}
    for account in rows("Account"):
        if account.get("CustomerID"):
            owner[account["ID"]] = ("customer", account["CustomerID"])
        elif account.get("SupplierID"):
            owner[account["ID"]] = ("supplier", account["SupplierID"])
    for line in rows("JournalEntryLine"):
        key = owner.get(line.get("SubAccountID") or 0)
        if key is None or key not in figures:
            continue
        sign = 1 if key[0] == "customer" else -1
        party = figures[key]
        party.balance += sign * _money(line["Amount"])
        rest = sign * _money(line["RestAmount"])
        if rest == 0 or line.get("StatusCode") == CREDITED:
            continue
        party.open_lines[line["ID"]] = rest
        bucket = _bucket(line, rest, today)
        party.buckets[bucket] = party.buckets.get(bucket, Decimal(0)) + rest
        if bucket not in {"not_due", "unallocated"}:
            party.overdue += rest
    for party in figures.values():
        party.buckets = {bucket: amount for bucket, amount in party.buckets.items() if amount}
    return figures


def _bucket(line: Mapping[str, Any], rest: Decimal, today: date) -> str:
    if rest < 0:
        return "unallocated"
    due = _day(line.get("DueDate")) or _day(line["FinancialDate"])
    assert due is not None
    late = (today - due).days
    for limit, name in ((0, "not_due"), (30, "1_30"), (60, "31_60"), (90, "61_90")):
        if late <= limit:
            return name
    return "over_90"


def _money(value: Any) -> Decimal:
    return Decimal(str(value or 0)).quantize(Decimal("0.01"))


def _day(value: Any) -> date | None:
    if value is None:
        return None
    return date.fromisoformat(str(value)[:10])
