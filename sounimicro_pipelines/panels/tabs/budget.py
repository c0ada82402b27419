"""Budsjetterte og virkelige tall: a customer's budget against what was invoiced, per period and per year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sounimicro_pipelines.panels import drawing
from sounimicro_pipelines.panels.figures import budget as figures
from sounimicro_pipelines.panels.figures.party import ZERO
from sounimicro_pipelines.panels.figures.statement import Period
from sounimicro_pipelines.panels.grid import Column, Grid, Row, as_row
from sounimicro_pipelines.panels.tabs.statement import chosen_period, period_menu
from sounimicro_pipelines.panels.visit import MenuItem, Screen, Tab, Visit

_YEARS = {"this-year": 0, "last-year": -1, "year-before-last": -2}
_MOST_YEARS = 8


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is shown: its name in the period menu, the year when it is a whole one, rows and the column before them."""

    period: Period
    year: int | None
    said: str
    rows: Sequence[figures.BudgetPeriod | figures.BudgetYear]
    first: Column


def build(visit: Visit) -> Screen:
    years = figures.customer_years(visit.tx, visit.subject.company, visit.subject.party_id)
    chosen = _chosen(visit, years)
    rows = chosen.rows
    budget = sum((row.budget_amount for row in rows), ZERO)
    actual = sum((row.actual_amount for row in rows), ZERO)
    return Screen(
        template="budget.html",
        title=visit.words("tabs.budget"),
        menu=period_menu(visit, "budget", chosen.period.name),
        menu_label=visit.words("periods.menu"),
        grid=Grid("budget", [chosen.first, *COLUMNS], [as_row(row) for row in rows], visit.address, visit.words),
        caption=visit.words("budget.caption", name=visit.party.name, period=chosen.said),
        empty=visit.words("budget.empty"),
        data={
            "budget": budget,
            "actual": actual,
            "variance": actual - budget,
            "share": actual / budget if budget > 0 else None,
            "has_budget": any(row.budget_amount for row in rows),
            "period": chosen.period,
            "years": [
                MenuItem(str(known), visit.address.to(tab="budget", year=known), known == chosen.year)
                for known in sorted({*years, *([chosen.year] if chosen.year else [])}, reverse=True)[:_MOST_YEARS]
            ],
            "drawing": _drawn(rows, visit, chosen.first),
        },
    )


def _chosen(visit: Visit, years: Mapping[int, list[figures.BudgetPeriod]]) -> _Choice:
    """A year, or one of the period choices; the newest year with figures when nothing is asked for.

    Years are the company's financial ones, and so are the periods within them.
    """
    calendar = figures.financial_years(visit.tx, visit.subject.company)
    this_year = calendar.year_of(visit.today)
    asked = any(visit.address.get(name) for name in ("period", "from", "to"))
    if not asked or visit.address.get("year"):
        newest = next((year for year in years if year <= this_year), next(iter(years), this_year))
        year = visit.address.number("year", newest, 1900, 2999)
        name = next((name for name, offset in _YEARS.items() if this_year + offset == year), "")
        return _Choice(Period(name, None, None), year, str(year), years.get(year, []), PERIOD)
    period = chosen_period(visit)
    if period.name in _YEARS:
        year = this_year + _YEARS[period.name]
        return _Choice(period, year, str(year), years.get(year, []), PERIOD)
    said = visit.words(f"periods.{period.name}")
    if period.name == "all":
        return _Choice(period, None, said, figures.by_year(years), YEAR)
    return _Choice(period, None, said, figures.within(years, calendar, period.start, period.end), MONTH)


def _drawn(
    rows: Sequence[figures.BudgetPeriod | figures.BudgetYear], visit: Visit, first: Column
) -> drawing.Drawing | None:
    """Actual as a column, budget as a line across it, the oldest first; the periods of a year have their places."""
    return drawing.columns(
        [
            drawing.Value(
                place=max(0, row.period - 1) if first is PERIOD and isinstance(row, figures.BudgetPeriod) else place,
                name=first.words(as_row(row), visit.words) if first.words else "",
                amount=row.actual_amount,
                mark=row.budget_amount or None,
            )
            for place, row in enumerate(sorted(rows, key=lambda row: row.year))
        ]
    )


def _tone(row: Row) -> str:
    return {True: "settled", False: "overdue"}.get(row["favourable"], "")


PERIOD = Column("period", words=lambda row, words: str(row["period"]))
MONTH = Column("period", words=lambda row, words: f"{row['year']}-{row['period']:02}")
YEAR = Column(
    "year", words=lambda row, words: str(row["year"]), link=lambda row: {"tab": "budget", "year": row["year"]}
)
COLUMNS = [
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
