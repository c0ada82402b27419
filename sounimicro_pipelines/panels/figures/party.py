"""Whom the figures are about, which version of them stands, and the summary over every tab."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.errors import NotFound, NotReady
from sounimicro_pipelines.store import Transaction, companies, links, reports
from sounimicro_pipelines.store.reports import Published, as_date, as_decimal

ZERO = Decimal("0.00")
BUCKETS = ("not_due", "1_30", "31_60", "61_90", "over_90", "unallocated")
_BUCKET_COLUMNS = {
    "not_due": "not_due_amount",
    "1_30": "overdue_1_30_amount",
    "31_60": "overdue_31_60_amount",
    "61_90": "overdue_61_90_amount",
    "over_90": "overdue_over_90_amount",
    "unallocated": "unallocated_amount",
}
_ROLE_OF_ENTITY = {"Customer": "customer", "Supplier": "supplier"}


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of the figures is shown, over all tables that a screen takes."""

    fetched_at: datetime
    as_of: date
    ties_out: bool | None
    finding: str | None
    tables: frozenset[str]


@dataclass(frozen=True, slots=True)
class Party:
    """A customer or supplier as published; amounts in company currency, which `currency` names, VAT included."""

    subject: Subject
    number: str
    name: str
    org_number: str | None
    currency: str
    balance: Decimal
    open_amount: Decimal
    overdue_amount: Decimal
    unallocated_amount: Decimal
    oldest_due_date: date | None
    overdue_count: int
    credit_days: int | None
    actual_credit_days: Decimal | None
    average_days_late: Decimal | None
    paid_invoice_count: int | None
    last_payment_date: date | None
    invoiced_this_year: Decimal
    invoiced_last_year: Decimal
    collection_state: str
    aging: dict[str, Decimal] | None


def version_of(tx: Transaction, company: str, tables: tuple[str, ...]) -> Version:
    """The version of the tables that a screen needs: the oldest fetch, and every verdict.

    Raises NotFound for a company that nobody knows, NotReady when a table has not been published.
    """
    published = reports.published(tx, company)
    if not published and companies.by_alias(tx, company) is None:
        raise NotFound("unknown_company")
    if any(name not in published for name in tables):
        raise NotReady("not_published")
    return _version([published[name] for name in tables], frozenset(published))


def load_party(tx: Transaction, subject: Subject) -> Party:
    """Raises NotFound when the ERP company has no such customer or supplier, or it is too new to have figures."""
    rows = reports.read_rows(
        tx, "party", {"company": subject.company, "role": subject.role, "party_id": subject.party_id}, limit=1
    )
    if not rows:
        raise NotFound("not_fetched_yet" if _is_linked(tx, subject) else "unknown_party", role=subject.role)
    return _party(tx, subject, rows[0])


def _is_linked(tx: Transaction, subject: Subject) -> bool:
    company = companies.by_alias(tx, subject.company)
    entity = next(entity for entity, role in _ROLE_OF_ENTITY.items() if role == subject.role)
    return company is not None and links.for_erp(tx, company.company_key, entity, subject.party_id) is not None


def is_published(tx: Transaction, subject: Subject) -> bool:
    """Whether there are figures of a customer or supplier; one that has just been created has none yet."""
    key = {"company": subject.company, "role": subject.role, "party_id": subject.party_id}
    return "party" in reports.published(tx, subject.company) and bool(reports.read_rows(tx, "party", key, limit=1))


def subjects_of_crm_company(tx: Transaction, tenant: str, contact_id: int) -> list[Subject]:
    """The customers and suppliers that a CRM company is linked with, in the order of linking."""
    found: list[Subject] = []
    for link in links.for_crm(tx, tenant, "contact", contact_id):
        company = companies.by_key(tx, link.company_key)
        role = _ROLE_OF_ENTITY.get(link.erp_entity)
        if company is not None and role is not None:
            found.append(Subject(company.alias, role, link.erp_id))
    return found


def company_name(tx: Transaction, alias: str) -> str:
    company = companies.by_alias(tx, alias)
    return company.name if company is not None else alias


def money(row: dict[str, Any], column: str) -> Decimal:
    """A money column; nothing is 0.00."""
    return as_decimal(row.get(column)) or ZERO


def _version(entries: list[Published], tables: frozenset[str]) -> Version:
    verdicts = [entry.ties_out for entry in entries]
    ties_out = False if False in verdicts else True if verdicts and all(verdicts) else None
    findings = [entry.finding for entry in entries if entry.finding]
    return Version(
        fetched_at=min(entry.fetched_at for entry in entries),
        as_of=min(entry.erp_as_of for entry in entries),
        ties_out=ties_out,
        finding="; ".join(dict.fromkeys(findings)) or None,
        tables=tables,
    )


def _party(tx: Transaction, subject: Subject, row: dict[str, Any]) -> Party:
    return Party(
        subject=subject,
        number=str(row.get("number") or ""),
        name=str(row.get("name") or ""),
        org_number=row.get("org_number") or None,
        currency=str(row.get("company_currency") or "NOK"),
        balance=money(row, "balance"),
        open_amount=money(row, "open_amount"),
        overdue_amount=money(row, "overdue_amount"),
        unallocated_amount=money(row, "unallocated_amount"),
        oldest_due_date=as_date(row.get("oldest_due_date")),
        overdue_count=int(row.get("overdue_count") or 0),
        credit_days=_integer(row.get("credit_days")),
        actual_credit_days=as_decimal(row.get("actual_credit_days")),
        average_days_late=as_decimal(row.get("average_days_late")),
        paid_invoice_count=_integer(row.get("paid_invoice_count")),
        last_payment_date=as_date(row.get("last_payment_date")),
        invoiced_this_year=money(row, "invoiced_this_year"),
        invoiced_last_year=money(row, "invoiced_last_year"),
        collection_state=str(row.get("collection_state") or "none"),
        aging={b: money(row, c) for b, c in _BUCKET_COLUMNS.items()} if "not_due_amount" in row else None,
    )


def in_other_role(tx: Transaction, party: Party) -> Subject | None:
    """The same organisation in the other role of the same ERP company, when there is exactly one.

    Read aside: an answer about a party is not made anew because another party has changed.
    """
    subject, org_number = party.subject, party.org_number
    if not org_number:
        return None
    other = "supplier" if subject.role == "customer" else "customer"
    rows = reports.read_rows(
        tx, "party", {"company": subject.company, "org_number": org_number, "role": other}, limit=2, aside=True
    )
    return Subject(subject.company, other, int(rows[0]["party_id"])) if len(rows) == 1 else None


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)
