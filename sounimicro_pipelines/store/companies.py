"""ERP companies: the alias that people see, the CompanyKey that everything is keyed by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import false, select, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.rows import build, maybe, upsert
from sounimicro_pipelines.store.statements import find_one


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """One ERP company as the store knows it. `active`: in use now."""

    company_key: str
    alias: str
    name: str
    organization_number: str | None
    is_test: bool
    active: bool
    seen_at: datetime


def remember(tx: Transaction, companies: Sequence[CompanyRow]) -> None:
    """Take note of the companies in use; all others become inactive. An alias may move from one to another."""
    table = tx.tables.companies
    keys = [company.company_key for company in companies]
    tx.execute(update(table).where(table.c.company_key.not_in(keys)).values(active=False))
    for company in companies:
        tx.execute(
            update(table)
            .where(table.c.alias == company.alias, table.c.company_key != company.company_key)
            .values(alias="was:" + table.c.company_key)
        )
        upsert(
            tx,
            table,
            {
                "company_key": company.company_key,
                "alias": company.alias,
                "name": company.name,
                "organization_number": company.organization_number,
                "is_test": company.is_test,
                "active": company.active,
                "seen_at": company.seen_at,
            },
            keys=["company_key"],
        )


def touch(tx: Transaction) -> None:
    """A write that changes nothing: raises Unwritable where the store can only be read."""
    table = tx.tables.companies
    tx.execute(update(table).where(false()).values(active=True))


def by_alias(tx: Transaction, alias: str) -> CompanyRow | None:
    return maybe(CompanyRow, find_one(tx, tx.tables.companies, alias=alias))


def by_key(tx: Transaction, company_key: str) -> CompanyRow | None:
    return maybe(CompanyRow, find_one(tx, tx.tables.companies, company_key=company_key))


def all_companies(tx: Transaction, *, active_only: bool = True) -> list[CompanyRow]:
    """By alias."""
    table = tx.tables.companies
    statement = select(table).order_by(table.c.alias)
    if active_only:
        statement = statement.where(table.c.active)
    return [build(CompanyRow, row) for row in tx.rows(statement)]
