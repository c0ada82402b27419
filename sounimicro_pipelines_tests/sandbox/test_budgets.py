"""The demo's budget file is one that the product's own import would take."""

from __future__ import annotations

from pathlib import Path

from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.budgets import write_budget
from sounimicro_pipelines.warehouse.budget import read_budget


def test_every_customer_who_buys_has_twelve_months_in_two_years(tmp_path: Path) -> None:
    with Sandbox(parties=12, serve=False) as sandbox:
        store, file = sandbox.erp.store(1), tmp_path / "budget.csv"
        written = write_budget(store, file, sandbox.clock.today())
        rows = read_budget(file, customers={str(row["CustomerNumber"]) for row in store.rows("Customer")})
    assert len(rows) == written > 24
    assert written % 24 == 0
    assert all(row.amount > 0 for row in rows)
