"""Budsjetterte og virkelige tall: a customer's budget against what was invoiced, per period of a year."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.figures import budget as figures
from sounimicro_pipelines.panels.figures.party import ZERO
from sounimicro_pipelines.panels.grid import Column, Grid, Row, as_row
from sounimicro_pipelines.panels.visit import MenuItem, Screen, Tab, Visit


def build(visit: Visit) -> Screen:
    years = figures.customer_years(visit.tx, visit.subject.company, visit.subject.party_id)
    newest = next((year for year in years if year <= visit.today.year), next(iter(years), visit.today.year))
    year = visit.address.number("year", newest, 1900, 2999)
    periods = years.get(year, [])
    budget = sum((p.budget_amount for p in periods), ZERO)
    actual = sum((p.actual_amount for p in periods), ZERO)
    return Screen(
        template="budget.html",
        title=visit.words("tabs.budget"),
        menu=[
            MenuItem(str(known), visit.address.to(tab="budget", year=known), known == year)
            for known in sorted({*years, year}, reverse=True)[:8]
        ],
        menu_label=visit.words("budget.years"),
        grid=Grid("budget", COLUMNS, [as_row(period) for period in periods], visit.address, visit.words),
        caption=visit.words("budget.caption", name=visit.party.name, year=year),
        empty=visit.words("budget.empty"),
        data={
            "budget": budget,
            "actual": actual,
            "variance": actual - budget,
            "share": actual / budget if budget > 0 else None,
            "has_budget": any(p.budget_amount for p in periods),
            "bars": bars(periods),
        },
    )


def bars(periods: list[figures.BudgetPeriod]) -> list[dict[str, Any]]:
    """Actual as a bar, budget as a line across it, per period."""
    highest = max((max(p.budget_amount, p.actual_amount) for p in periods), default=ZERO)
    if highest <= 0:
        return []
    width = Decimal(360) / max(12, *(period.period for period in periods))
    drawn = []
    for period in periods:
        level = round(84 - max(0.0, float(period.budget_amount / highest)) * 80, 1)
        drawn.append(
            {
                "period": period.period,
                "actual": period.actual_amount,
                "budget": period.budget_amount,
                "x": float(round(max(0, period.period - 1) * width, 2)),
                "width": float(round(width, 2)),
                "height": max(0.0, round(float(period.actual_amount / highest) * 80, 1)),
                "level": level if period.budget_amount else None,
            }
        )
    return drawn


def _tone(row: Row) -> str:
    return {True: "settled", False: "overdue"}.get(row["favourable"], "")


COLUMNS = [
    Column("period", words=lambda row, words: str(row["period"])),
    Column("budget_amount", "money", total=True),
    Column("actual_amount", "money", total=True),
    Column("variance_amount", "money", total=True, tone=_tone),
    Column(
        "favourable",
        wide=True,
        words=lambda row, words: (
            "" if row["favourable"] is None else words(f"budget.favourable.{str(row['favourable']).lower()}")
        ),
    ),
]
TAB = Tab("budget", figures.TABLES, build, only_for="customer")
