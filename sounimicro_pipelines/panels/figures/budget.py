"""Budget and actual figures of a customer per period and year: what was invoiced, excluding VAT."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.figures.party import ZERO, money
from sounimicro_pipelines.store import Transaction, reports

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


def customer_years(tx: Transaction, company: str, party_id: int) -> dict[int, list[BudgetPeriod]]:
    """Year → its periods, newest year first."""
    rows = reports.read_rows(tx, "budget_actual", {"company": company, "scope": "customer", "scope_id": party_id})
    return _years(rows)


def _years(rows: list[dict[str, Any]]) -> dict[int, list[BudgetPeriod]]:
    sums: dict[tuple[int, int], list[Decimal]] = {}
    for row in rows:
        pair = sums.setdefault((int(row["year"]), int(row["period"])), [ZERO, ZERO])
        pair[0] += money(row, "budget_amount")
        pair[1] += money(row, "actual_amount")
    years: dict[int, list[BudgetPeriod]] = {}
    for (year, period), (budget, actual) in sorted(sums.items(), key=lambda entry: (-entry[0][0], entry[0][1])):
        years.setdefault(year, []).append(
            BudgetPeriod(year, period, budget, actual, actual - budget, actual >= budget if budget else None)
        )
    return years
