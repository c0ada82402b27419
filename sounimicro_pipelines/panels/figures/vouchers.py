"""One voucher with all its lines, as the ledger has it: debit positive, and the sum is 0.00."""

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
from sounimicro_pipelines.store.reports import as_date

TABLES = ("party", "voucher_line")


@dataclass(frozen=True, slots=True)
class VoucherLine:
    """One posted line, with the ledger's sign."""

    journal_entry_line_id: int
    voucher_number: str | None
    financial_date: date | None
    account_number: str | None
    account_name: str | None
    party: str | None
    party_role: str | None
    party_id: int | None
    project_id: int | None
    text: str | None
    amount: Decimal


def voucher(tx: Transaction, subject: Subject, voucher_id: int) -> list[VoucherLine]:
    """Raises NotFound when no line of such a voucher is the party's, or on a project of the party."""
    where = {"company": subject.company, "voucher_id": voucher_id}
    lines = sorted(
        map(_line, reports.read_rows(tx, "voucher_line", where)), key=lambda line: line.journal_entry_line_id
    )
    if not any((line.party_role, line.party_id) == (subject.role, subject.party_id) for line in lines):
        projects = {line.project_id for line in lines if line.project_id is not None}
        if subject.role != "customer" or not projects & _projects(tx, subject):
            raise NotFound("unknown_voucher")
    return lines


def number_of(tx: Transaction, company: str, voucher_id: int) -> str | None:
    """The voucher's number, as people know it."""
    rows = reports.read_rows(tx, "voucher_line", {"company": company, "voucher_id": voucher_id}, limit=1)
    return rows[0].get("voucher_number") if rows else None


def _projects(tx: Transaction, subject: Subject) -> set[int]:
    if "project" not in reports.published(tx, subject.company):
        return set()
    where = {"company": subject.company, "party_id": subject.party_id}
    return {int(row["project_id"]) for row in reports.read_rows(tx, "project", where)}


def _line(row: Mapping[str, Any]) -> VoucherLine:
    values = dict(row)
    party, project = values.get("party_id"), values.get("project_id")
    return VoucherLine(
        journal_entry_line_id=int(values["journal_entry_line_id"]),
        voucher_number=values.get("voucher_number"),
        financial_date=as_date(values.get("financial_date")),
        account_number=values.get("account_number"),
        account_name=values.get("account_name"),
        party=values.get("party"),
        party_role=values.get("party_role"),
        party_id=int(party) if party is not None else None,
        project_id=int(project) if project is not None else None,
        text=values.get("text"),
        amount=money(values, "amount"),
    )
