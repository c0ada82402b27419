"""Open items of a party: what is not settled, overdue first. Amounts include VAT, in company currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.panels.figures.party import BUCKETS, ZERO, money
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import as_bool, as_date, as_decimal

VIEWS = ("all", "overdue", "not-overdue")
TABLES = ("party", "open_item")
_RANK = {"overdue": 0, "open": 1, "unallocated": 2}


@dataclass(frozen=True, slots=True)
class OpenItem:
    """One open ledger entry. `state`: overdue, open, or unallocated (credit notes and payments not yet matched)."""

    journal_entry_line_id: int
    voucher_id: int | None
    voucher_number: str | None
    document_number: str | None
    invoice_id: int | None
    kind: str
    invoice_date: date | None
    due_date: date | None
    original_amount: Decimal
    remaining_amount: Decimal
    days_overdue: int | None
    is_overdue: bool
    bucket: str
    state: str
    collection_state: str
    text: str | None
    currency: str | None
    remaining_amount_currency: Decimal | None


def open_items(tx: Transaction, subject: Subject, view: str = "all") -> list[OpenItem]:
    """The items of a view, the oldest overdue first, what is not allocated last."""
    rows = reports.read_rows(
        tx, "open_item", {"company": subject.company, "role": subject.role, "party_id": subject.party_id}
    )
    items = [_item(row) for row in rows]
    if view == "overdue":
        items = [item for item in items if item.is_overdue]
    elif view == "not-overdue":
        items = [item for item in items if not item.is_overdue]
    return sorted(
        items, key=lambda i: (_RANK[i.state], i.due_date or i.invoice_date or date.max, i.journal_entry_line_id)
    )


def open_item(tx: Transaction, subject: Subject, line_id: int) -> OpenItem:
    """One item of the party. Raises NotFound when it is not open any more, or another's."""
    where = {
        "company": subject.company,
        "role": subject.role,
        "party_id": subject.party_id,
        "journal_entry_line_id": line_id,
    }
    rows = reports.read_rows(tx, "open_item", where, limit=1)
    if not rows:
        raise NotFound("unknown_item")
    return _item(rows[0])


def total(items: list[OpenItem]) -> Decimal:
    return sum((item.remaining_amount for item in items), ZERO)


def aging(items: list[OpenItem]) -> dict[str, Decimal]:
    """Bucket → remaining amount, for all items of a party."""
    sums = dict.fromkeys(BUCKETS, ZERO)
    for item in items:
        sums[item.bucket] = sums.get(item.bucket, ZERO) + item.remaining_amount
    return sums


def _item(row: dict[str, Any]) -> OpenItem:
    is_overdue = bool(as_bool(row.get("is_overdue")))
    bucket = str(row.get("bucket") or "not_due")
    days = row.get("days_overdue")
    voucher, invoice = row.get("voucher_id"), row.get("invoice_id")
    return OpenItem(
        journal_entry_line_id=int(row["journal_entry_line_id"]),
        voucher_id=int(voucher) if voucher is not None else None,
        voucher_number=row.get("voucher_number"),
        document_number=row.get("document_number"),
        invoice_id=int(invoice) if invoice is not None else None,
        kind=str(row.get("kind") or "other"),
        invoice_date=as_date(row.get("invoice_date")),
        due_date=as_date(row.get("due_date")),
        original_amount=money(row, "original_amount"),
        remaining_amount=money(row, "remaining_amount"),
        days_overdue=int(days) if days is not None else None,
        is_overdue=is_overdue,
        bucket=bucket,
        state="overdue" if is_overdue else "unallocated" if bucket == "unallocated" else "open",
        collection_state=str(row.get("collection_state") or "none"),
        text=row.get("text"),
        currency=row.get("currency"),
        remaining_amount_currency=as_decimal(row.get("remaining_amount_currency")),
    )
