"""Purchases: suppliers' invoices that wait, are booked, credited and paid."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from sounimicro_pipelines.sandbox.unimicro.documents import attach_supplier_invoice
from sounimicro_pipelines.sandbox.unimicro.money_flows import MoneyFlows
from sounimicro_pipelines.sandbox.unimicro.store import Row
from sounimicro_pipelines.sandbox.unimicro.values import money

_COSTS = (4300, 4300, 4300, 4500, 6340, 6540, 6800, 6900, 7000, 7320, 7500)


class Purchases:
    """Buys for one company. `later` puts something off to a day."""

    def __init__(
        self,
        flows: MoneyFlows,
        rng: random.Random,
        projects: dict[int, list[int]],
        later: Callable[[date, Callable[[date], None]], None],
    ) -> None:
        self.flows = flows
        self.store = flows.store
        self.books = flows.books
        self.rng = rng
        self.projects = projects
        self.later = later

    def buy(self, supplier_id: int, day: date) -> Row:
        """A supplier's invoice, perhaps waiting for approval, mostly booked and paid; now and then credited."""
        rng = self.rng
        supplier = self.store.table("Supplier").rows[supplier_id]
        every = [project for projects in self.projects.values() for project in projects]
        project = rng.choice(every) if every and rng.random() < 0.3 else None
        dimensions = self.books.dimensions(project, rng.choice((None, 1, 2, 3)))
        costs = [
            (rng.choice(_COSTS), money(Decimal(rng.randint(20_000, 2_000_000)) / 100), dimensions)
            for _ in range(rng.choice((1, 1, 2)))
        ]
        number = str(rng.randint(100_000, 9_999_999))
        draw = rng.random()
        if draw < 0.04:
            status = rng.choice((30101, 30102, 30103, 30108))
            waiting = self.flows.supplier_invoice(supplier, number, day, costs, status=status, project=project)
            attach_supplier_invoice(self.store, waiting)
            return waiting
        invoice = self.flows.supplier_invoice(supplier, number, day, costs, project=project)
        if rng.random() < 0.9:
            attach_supplier_invoice(self.store, invoice)
        due = date.fromisoformat(invoice["PaymentDueDate"])
        if draw < 0.08:
            half = [(account, money(amount / 2), kind) for account, amount, kind in costs]
            self.later(
                day + timedelta(days=10), lambda on: self._credited_by(supplier_id, invoice["ID"], number, half, on)
            )
        if draw < 0.94:
            late = due + timedelta(days=rng.choice((0, 0, 0, 1, 5, 20)))
            self.later(
                late, lambda on: self._pay_supplier(invoice["ID"], on, Decimal(rng.choice(("1", "1", "1", "0.5"))))
            )
        return invoice

    def _credited_by(
        self, supplier_id: int, invoice: int, number: str, costs: list[tuple[int, Decimal, int | None]], day: date
    ) -> None:
        supplier = self.store.table("Supplier").rows[supplier_id]
        note = self.flows.supplier_invoice(supplier, f"K{number}", day, costs, credit_of=invoice)
        self.flows.match_supplier(self.flows.payable(note["ID"])["ID"], invoice, day)
        self.flows.refresh_supplier(note["ID"])

    def _pay_supplier(self, invoice: int, day: date, share: Decimal) -> None:
        rest = self.store.table("SupplierInvoice").rows[invoice]["RestAmount"]
        if rest > 0:
            self.flows.pay_supplier(invoice, money(rest * share), day)
