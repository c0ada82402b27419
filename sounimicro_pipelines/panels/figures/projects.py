"""Projects of a customer, from the project's sums down to the posted line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.panels.figures.party import ZERO, money
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import as_date

TABLES = ("party", "project")


@dataclass(frozen=True, slots=True)
class Project:
    """A project's sums; income positive, cost positive, margin = income − cost."""

    project_id: int
    number: str | None
    name: str | None
    status: str | None
    start_date: date | None
    end_date: date | None
    income: Decimal
    cost: Decimal
    margin: Decimal
    budget: Decimal
    order_reserve: Decimal
    invoiced: Decimal


@dataclass(frozen=True, slots=True)
class ProjectAccount:
    """What is posted on one account of a project."""

    account_number: str | None
    account_name: str | None
    kind: str
    line_count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """One posted line of a project."""

    journal_entry_line_id: int
    financial_date: date | None
    account_number: str | None
    account_name: str | None
    voucher_id: int | None
    voucher_number: str | None
    text: str | None
    kind: str
    amount: Decimal


def projects(tx: Transaction, subject: Subject) -> list[Project]:
    """The customer's projects, the newest first."""
    rows = reports.read_rows(tx, "project", {"company": subject.company, "party_id": subject.party_id})
    found = [_project(row) for row in rows] if subject.role == "customer" else []
    return sorted(found, key=lambda p: (p.start_date or date.min, p.project_id), reverse=True)


def project(tx: Transaction, subject: Subject, project_id: int) -> Project:
    """Raises NotFound when the customer has no such project."""
    where = {"company": subject.company, "project_id": project_id, "party_id": subject.party_id}
    rows = reports.read_rows(tx, "project", where, limit=1)
    if not rows or subject.role != "customer":
        raise NotFound("unknown_project")
    return _project(rows[0])


def project_lines(tx: Transaction, company: str, project_id: int, account: str | None = None) -> list[ProjectLine]:
    """Posted lines of a project, or of one of its accounts, oldest first."""
    where: dict[str, Any] = {"company": company, "project_id": project_id}
    if account is not None:
        where["account_number"] = account
    found = [_line(row) for row in reports.read_rows(tx, "project_line", where)]
    return sorted(found, key=lambda line: (line.financial_date or date.min, line.journal_entry_line_id))


def accounts(lines: list[ProjectLine]) -> list[ProjectAccount]:
    """Sums per account, in the order of the chart of accounts."""
    groups: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    for line in lines:
        key = (line.account_number or "", line.account_name or "", line.kind)
        count, amount = groups.get(key, (0, ZERO))
        groups[key] = (count + 1, amount + line.amount)
    return [
        ProjectAccount(number or None, name or None, kind, count, amount)
        for (number, name, kind), (count, amount) in sorted(groups.items())
    ]


def _project(row: Mapping[str, Any]) -> Project:
    values = dict(row)
    return Project(
        project_id=int(values["project_id"]),
        number=values.get("number"),
        name=values.get("name"),
        status=values.get("status"),
        start_date=as_date(values.get("start_date")),
        end_date=as_date(values.get("end_date")),
        income=money(values, "income"),
        cost=money(values, "cost"),
        margin=money(values, "margin"),
        budget=money(values, "budget"),
        order_reserve=money(values, "order_reserve"),
        invoiced=money(values, "invoiced"),
    )


def _line(row: Mapping[str, Any]) -> ProjectLine:
    values = dict(row)
    voucher = values.get("voucher_id")
    return ProjectLine(
        journal_entry_line_id=int(values["journal_entry_line_id"]),
        financial_date=as_date(values.get("financial_date")),
        account_number=values.get("account_number"),
        account_name=values.get("account_name"),
        voucher_id=int(voucher) if voucher else None,
        voucher_number=values.get("voucher_number"),
        text=values.get("text"),
        kind=str(values.get("kind") or "cost"),
        amount=money(values, "amount"),
    )
