"""Budget and actual figures of a customer per period and year: what was invoiced, excluding VAT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.figures.party import ZERO, money
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.reports import as_date

TABLES = ("party", "budget_actual")


@dataclass(frozen=True, slots=True)
class BudgetPeriod:
    """One period. Variance = actual − budget; `favourable` is null where the word has no meaning."""

    year: int
    period: int
    budget_amount: Decimal
    actual_amount: Decimal
    variance_amount: Decimal
    favourable: bool | None


@dataclass(frozen=True, slots=True)
class BudgetYear:
    """A whole year. Variance = actual − budget; `favourable` is null where the word has no meaning."""

    year: int
    budget_amount: Decimal
    actual_amount: Decimal
    variance_amount: Decimal
    favourable: bool | None


def customer_years(tx: Transaction, company: str, party_id: int) -> dict[int, list[BudgetPeriod]]:
    """Year → its periods, newest year first."""
    rows = reports.read_rows(tx, "budget_actual", {"company": company, "scope": "customer", "scope_id": party_id})
    return _years(rows)


@dataclass(frozen=True, slots=True)
class FinancialYears:
    """The first and last day of each period of a company's financial years; the calendar's where none is known."""

    days: Mapping[tuple[int, int], tuple[date, date]]

    def start_of(self, year: int, period: int) -> date:
        """The day on which a period begins; one after the twelfth belongs to that."""
        place = max(1, min(period, 12))
        known = self.days.get((year, place))
        return known[0] if known else date(year, place, 1)

    def year_of(self, day: date) -> int:
        """The financial year that a day is in."""
        return next((year for (year, _), (start, end) in self.days.items() if start <= day <= end), day.year)


def financial_years(tx: Transaction, company: str) -> FinancialYears:
    """The company's own, as far as they are published."""
    if "accounting_period" not in reports.published(tx, company):
        return FinancialYears({})
    days: dict[tuple[int, int], tuple[date, date]] = {}
    for row in reports.read_rows(tx, "accounting_period", {"company": company}):
        start, end = as_date(row["start_date"]), as_date(row["end_date"])
        if start is not None and end is not None:
            days[int(row["year"]), int(row["period"])] = (start, end)
    return FinancialYears(days)


def by_year(years: Mapping[int, list[BudgetPeriod]]) -> list[BudgetYear]:
    """The sums of the years, in their order."""
    found = []
    for year, periods in years.items():
        budget = sum((one.budget_amount for one in periods), ZERO)
        actual = sum((one.actual_amount for one in periods), ZERO)
        found.append(BudgetYear(year, budget, actual, actual - budget, _favourable(budget, actual)))
    return found


def within(
    years: Mapping[int, list[BudgetPeriod]], calendar: FinancialYears, start: date | None, end: date | None
) -> list[BudgetPeriod]:
    """The periods that begin within some days, both included, the oldest first."""
    found = [
        one
        for periods in years.values()
        for one in periods
        if (start or date.min) <= calendar.start_of(one.year, one.period) <= (end or date.max)
    ]
    return sorted(found, key=lambda one: (one.year, one.period))


def _favourable(budget: Decimal, actual: Decimal) -> bool | None:
    return actual >= budget if budget else None


def _years(rows: list[dict[str, Any]]) -> dict[int, list[BudgetPeriod]]:
    sums: dict[tuple[int, int], list[Decimal]] = {}
    for row in rows:
        pair = sums.setdefault((int(row["year"]), int(row["period"])), [ZERO, ZERO])
        pair[0] += money(row, "budget_amount")
        pair[1] += money(row, "actual_amount")
    years: dict[int, list[BudgetPeriod]] = {}
    for (year, period), (budget, actual) in sorted(sums.items(), key=lambda entry: (-entry[0][0], entry[0][1])):
        years.setdefault(year, []).append(
            BudgetPeriod(year, period, budget, actual, actual - budget, _favourable(budget, actual))
        )
    return years
