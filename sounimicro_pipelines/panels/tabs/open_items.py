"""Åpne poster: what is not settled, and one item by itself when there is no invoice behind it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sounimicro_pipelines.panels.figures import open_items as figures
from sounimicro_pipelines.panels.figures.party import BUCKETS
from sounimicro_pipelines.panels.grid import Column, Grid, Row, as_row
from sounimicro_pipelines.panels.visit import Screen, Tab, Visit, view_menu
from sounimicro_pipelines.panels.words import Words

FEWEST_PAID = 3


def build(visit: Visit) -> Screen:
    view = visit.address.choice("view", (*figures.VIEWS, "item"), "all")
    return _item(visit) if view == "item" else _list(visit, view)


def _list(visit: Visit, view: str) -> Screen:
    everything = figures.open_items(visit.tx, visit.subject)
    if view == "overdue":
        items = [item for item in everything if item.is_overdue]
    elif view == "not-overdue":
        items = [item for item in everything if not item.is_overdue]
    else:
        items = everything
    grid = Grid("open-items", columns(visit), [as_row(item) for item in items], visit.address, visit.words)
    overdue = [item for item in everything if item.is_overdue]
    return Screen(
        template="open_items.html",
        title=visit.words("tabs.open-items"),
        menu=view_menu(visit, "open-items", figures.VIEWS, view),
        menu_label=visit.words("open_items.menu"),
        grid=grid,
        caption=visit.words(f"open_items.caption.{view}", name=visit.party.name),
        empty=visit.words(f"open_items.empty.{view}"),
        data={
            "overdue_count": len(overdue),
            "overdue_total": figures.total(overdue),
            "oldest_days": max((item.days_overdue or 0 for item in overdue), default=0),
            "overdue_href": visit.address.to(tab="open-items", view="overdue"),
            "has_items": bool(everything),
            "habit": payment_habit(visit),
            "habit_bars": habit_bars(visit),
            "aging": aging_bars(visit, figures.aging(everything)),
        },
    )


def _item(visit: Visit) -> Screen:
    line = visit.address.identifier("line") or 0
    item = figures.open_item(visit.tx, visit.subject, line)
    return Screen(
        template="open_item.html",
        title=visit.words("open_items.item", number=item.document_number or item.voucher_number or line),
        back=visit.address.back(tab="open-items"),
        data={"item": item, "status": status(as_row(item), visit.words)},
    )


def columns(visit: Visit) -> list[Column]:
    """The columns of the list; the document number leads to the invoice, or to the item itself."""
    knows_invoices = "invoice" in visit.version.tables

    def link(row: Row) -> Mapping[str, Any]:
        if row["invoice_id"] is not None and knows_invoices:
            return {"tab": "invoices", "view": "invoice", "invoice": row["invoice_id"]}
        return {"tab": "open-items", "view": "item", "line": row["journal_entry_line_id"]}

    return [
        Column("document_number", link=link, short=True, words=lambda row, words: _number(row)),
        Column("state", words=status, tone=tone, icon=lambda row: str(row["state"])),
        Column("kind", codes="kinds", wide=True),
        Column("invoice_date", "date", wide=True),
        Column("due_date", "date"),
        Column("collection_state", codes="collection", wide=True),
        Column("original_amount", "money", wide=True),
        Column("remaining_amount", "money", total=True, tone=tone),
    ]


def payment_habit(visit: Visit) -> str:
    """How the party pays, in words; too few paid invoices say nothing."""
    party, words = visit.party, visit.words
    if party.actual_credit_days is None:
        return ""
    if not payment_is_known(visit):
        return words("summary.too_few")
    late = party.average_days_late or Decimal(0)
    if late < 1:
        return words("summary.on_time")
    return words("summary.late", days=_days(visit, late))


def payment_is_known(visit: Visit) -> bool:
    """Whether enough invoices have been paid to tell how the party pays."""
    count = visit.party.paid_invoice_count
    return count is None or count >= FEWEST_PAID


def _days(visit: Visit, number: Decimal) -> str:
    return visit.words("summary.days", count=int(number.quantize(Decimal(1), ROUND_HALF_UP)))


def habit_bars(visit: Visit) -> list[dict[str, Any]]:
    """The days that are agreed on beside those that it takes, as bars; none where either cannot be said."""
    party = visit.party
    if party.credit_days is None or party.actual_credit_days is None or not payment_is_known(visit):
        return []
    agreed, taken = Decimal(party.credit_days), party.actual_credit_days
    longest = max(agreed, taken, Decimal(1))
    return [
        {
            "text": visit.words(f"summary.{name}"),
            "days": _days(visit, days),
            "share": round(float(max(days, Decimal(0)) / longest * 100), 1),
            "tone": tone,
        }
        for name, days, tone in (
            ("credit_days", agreed, "unallocated"),
            ("actual_credit_days", taken, "overdue" if taken > agreed else "open"),
        )
    ]


def status(row: Row, words: Words) -> str:
    """What a row's colour means, in words."""
    days = row["days_overdue"]
    if row["state"] == "overdue":
        return words("status.overdue", count=days or 0)
    if row["state"] == "unallocated":
        return words("status.unallocated")
    if days is None:
        return words("status.open")
    return words("status.due_today") if days == 0 else words("status.due_in", count=-days)


def tone(row: Row) -> str:
    return str(row["state"])


def aging_bars(visit: Visit, sums: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Bucket by bucket: its amount and the length of its bar, 0 to 100."""
    longest = max((abs(amount) for amount in sums.values()), default=0)
    bars = []
    for bucket in BUCKETS:
        amount = sums[bucket]
        share = round(float(abs(amount) / longest * 100), 1) if longest else 0
        tone = "open" if bucket == "not_due" else "unallocated" if bucket == "unallocated" else "overdue"
        bars.append(
            {"bucket": bucket, "text": visit.words(f"buckets.{bucket}"), "amount": amount, "share": share, "tone": tone}
        )
    return bars


def _number(row: Row) -> str:
    return str(row["document_number"] or row["voucher_number"] or row["journal_entry_line_id"])


TAB = Tab("open-items", figures.TABLES, build)
