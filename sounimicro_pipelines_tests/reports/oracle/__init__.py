"""The reports once more, in plain Python with Decimal over the vendor's raw records: no SQL, nothing of the product.

`figures(records, as_of, budget)` answers every mart as rows with the marts' own column names. Definitions are taken
from the contract's words and the vendor reference, not from the models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines_tests.reports.oracle.accounts import accounts_figures
from sounimicro_pipelines_tests.reports.oracle.basics import World
from sounimicro_pipelines_tests.reports.oracle.invoices import invoice_figures
from sounimicro_pipelines_tests.reports.oracle.ledger import ledger_figures
from sounimicro_pipelines_tests.reports.oracle.orders import order_figures

Figures = dict[str, list[dict[str, Any]]]


def figures(
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    as_of: date,
    budget: Sequence[tuple[str, int, int, Decimal]] = (),
) -> Figures:
    """Every mart. `budget` is the register: customer number, year, period, amount."""
    world = World(records, as_of)
    found: Figures = {}
    found.update(invoice_figures(world))
    found.update(ledger_figures(world, found["invoice"]))
    found.update(order_figures(world))
    found.update(accounts_figures(world, found, budget))
    return found
