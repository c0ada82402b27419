"""Which version of its report tables stands for a company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select, text, update

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.reports.driver import fetched, mark
from sounimicro_pipelines.store.reports.tables import exists, qualified
from sounimicro_pipelines.store.reports.writing import delete_company
from sounimicro_pipelines.store.rows import build, upsert


@dataclass(frozen=True, slots=True)
class Published:
    """Which version of a report table stands for a company; see `tables.published`."""

    company: str
    table_name: str
    fetched_at: datetime
    erp_as_of: date
    rows: int
    run_id: str
    ties_out: bool | None
    finding: str | None


def hold_company(tx: Transaction, company: str) -> None:
    """Let one publisher at a time write a company's figures, until the transaction ends."""
    if tx.is_postgres:
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"sounimicro publish {company}"})


def set_published(tx: Transaction, entry: Published) -> None:
    """Say which version stands now."""
    upsert(
        tx,
        tx.tables.published,
        {
            "company": entry.company,
            "table_name": entry.table_name,
            "fetched_at": entry.fetched_at,
            "erp_as_of": entry.erp_as_of,
            "rows": entry.rows,
            "run_id": entry.run_id,
            "ties_out": entry.ties_out,
            "finding": entry.finding,
        },
        keys=["company", "table_name"],
    )


def mark_untied(tx: Transaction, company: str, finding: str) -> None:
    """Say of every table of a company that stands that it does not tie out, and why; the next publish says anew."""
    table = tx.tables.published
    tx.execute(update(table).where(table.c.company == company).values(ties_out=False, finding=finding))


def published(tx: Transaction, company: str) -> dict[str, Published]:
    """Table → the version that stands for a company."""
    table = tx.tables.published
    rows = tx.rows(select(table).where(table.c.company == company))
    return {row.table_name: build(Published, row) for row in rows}


def standing(tx: Transaction, company: str) -> tuple[Any, ...] | None:
    """What changes whenever a company's figures do: all its tables are published in one transaction."""
    _, rows = fetched(
        tx,
        f"SELECT run_id, fetched_at, erp_as_of, ties_out, finding FROM {qualified(tx, 'published')}"  # noqa: S608
        f" WHERE company = {mark(tx)} AND table_name = 'party'",
        (company,),
    )
    return rows[0] if rows else None


def published_companies(tx: Transaction) -> list[str]:
    """Aliases of companies that have figures."""
    table = tx.tables.published
    return [row.company for row in tx.rows(select(table.c.company).distinct().order_by(table.c.company))]


def forget_company(tx: Transaction, company: str) -> None:
    """Remove everything published for a company."""
    for name in published(tx, company):
        if exists(tx, name):
            delete_company(tx, name, company)
    tx.execute(delete(tx.tables.report_groups).where(tx.tables.report_groups.c.company == company))
    tx.execute(delete(tx.tables.published).where(tx.tables.published.c.company == company))
