"""The account statement of a party for a period: opening balance, every posted line, closing balance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.figures.party import ZERO, money
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import as_date

PERIODS = ("all", "this-period", "last-3-months", "this-year", "last-year", "year-before-last", "own")
TABLES = ("party", "statement_line")


@dataclass(frozen=True, slots=True)
class Period:
    """From and to, both included; None is open."""

    name: str
    start: date | None
    end: date | None

    def holds(self, day: date | None) -> bool:
        """Whether a day is within; what has no day is within all history alone."""
        if day is None:
            return self.start is None and self.end is None
        return (self.start is None or day >= self.start) and (self.end is None or day <= self.end)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One posted line and the balance after it."""

    journal_entry_line_id: int
    voucher_id: int | None
    financial_date: date
    due_date: date | None
    voucher_number: str | None
    document_number: str | None
    invoice_id: int | None
    kind: str
    text: str | None
    amount: Decimal
    remaining_amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """opening + lines = closing, always."""

    period: Period
    opening: Decimal
    lines: list[StatementLine]
    closing: Decimal


def period(name: str, today: date, start: date | None = None, end: date | None = None) -> Period:
    """The days that a choice means, seen from today."""
    if name == "this-period":
        return Period(name, today.replace(day=1), _month_end(today))
    if name == "last-3-months":
        months = today.year * 12 + today.month - 1 - 3
        first = date(months // 12, months % 12 + 1, 1)
        return Period(name, min(first + timedelta(days=today.day - 1), _month_end(first)), today)
    if name == "this-year":
        return Period(name, date(today.year, 1, 1), date(today.year, 12, 31))
    if name == "last-year":
        return Period(name, date(today.year - 1, 1, 1), date(today.year - 1, 12, 31))
    if name == "year-before-last":
        return Period(name, date(today.year - 2, 1, 1), date(today.year - 2, 12, 31))
    if name == "own":
        return Period(name, start, end)
    return Period("all", None, None)


def statement(tx: Transaction, subject: Subject, wanted: Period) -> Statement:
    """Sums are made here: the database keeps money as text."""
    where = {"company": subject.company, "role": subject.role, "party_id": subject.party_id}
    rows = reports.read_rows(tx, "statement_line", where)
    dated = sorted(
        ((as_date(row.get("financial_date")) or date.min, int(row["journal_entry_line_id"]), row) for row in rows),
        key=lambda entry: entry[:2],
    )
    balance = opening = ZERO
    lines: list[StatementLine] = []
    for day, line_id, row in dated:
        if wanted.end is not None and day > wanted.end:
            break
        balance += money(row, "amount")
        if wanted.start is not None and day < wanted.start:
            opening = balance
            continue
        lines.append(_line(line_id, day, row, balance))
    return Statement(wanted, opening, lines, balance)


def _line(line_id: int, day: date, row: dict[str, Any], balance: Decimal) -> StatementLine:
    invoice, voucher = row.get("invoice_id"), row.get("voucher_id")
    return StatementLine(
        journal_entry_line_id=line_id,
        voucher_id=int(voucher) if voucher else None,
        financial_date=day,
        due_date=as_date(row.get("due_date")),
        voucher_number=row.get("voucher_number"),
        document_number=row.get("document_number"),
        invoice_id=int(invoice) if invoice is not None else None,
        kind=str(row.get("kind") or "other"),
        text=row.get("text"),
        amount=money(row, "amount"),
        remaining_amount=money(row, "remaining_amount"),
        balance=balance,
    )


def _month_end(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)
