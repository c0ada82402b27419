"""Two years of trade, day by day: quotes, orders, invoices, credit notes, payments of every kind, purchases, reminders.

What happens on a day is drawn from a seed; what follows from it later waits in a queue. The same engine can go on
after the history ends, one day or one step at a time.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.clock import OSLO
from sounimicro_pipelines.sandbox.unimicro.documents import attach_invoice
from sounimicro_pipelines.sandbox.unimicro.money_flows import MoneyFlows
from sounimicro_pipelines.sandbox.unimicro.sales import Sales
from sounimicro_pipelines.sandbox.unimicro.seed.purchases import Purchases
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import money, stamp

_EURO_RATES = (Decimal("11.4210"), Decimal("11.6215"), Decimal("11.7350"), Decimal("11.8040"))


@dataclass(slots=True)
class Manner:
    """How a customer pays: days after the due date, their spread, and the share of invoices that are never paid."""

    late: int
    spread: int
    never: float


class Trade:
    """The trade of one company. `rate` is how many sales a customer starts a month.

    What happens on `last_day` is stamped right after midnight, so that it lies in the past whenever the day is today.
    """

    def __init__(
        self, sales: Sales, flows: MoneyFlows, rng: random.Random, *, projects: dict[int, list[int]], rate: float = 0.8
    ) -> None:
        self.sales = sales
        self.flows = flows
        self.store: CompanyStore = sales.store
        self.books = sales.books
        self.rng = rng
        self.rate = rate
        self.projects = projects
        self.products: list[Row] = []
        self.purchases = Purchases(flows, rng, projects, self.later)
        self.last_day: date | None = None
        self._queue: list[tuple[int, int, Callable[[date], None]]] = []
        self._order = 0
        self._milliseconds = 0
        self._manners: dict[int, Manner] = {}
        self._customers: list[int] = []
        self._suppliers: list[int] = []

    def run(self, first: date, last: date) -> None:
        """Lets the days from `first` to `last` pass."""
        self._customers = [row["ID"] for row in self.store.rows("Customer") if row.get("StatusCode") == 30001]
        self._suppliers = [row["ID"] for row in self.store.rows("Supplier")]
        day = first
        while day <= last:
            self._milliseconds = 0
            self._due(day)
            if day.weekday() < 5:
                self._day(day)
            day += timedelta(days=1)

    def at(self, day: date) -> str:
        """The next moment of a day, in working hours."""
        self._milliseconds += 731
        offset = timedelta(milliseconds=self._milliseconds % 30_000_000)
        start = time(0) if day == self.last_day else time(8)
        return stamp(datetime.combine(day, start, OSLO) + offset)

    def later(self, day: date, action: Callable[[date], None]) -> None:
        """Puts something off to a day."""
        self._order += 1
        heapq.heappush(self._queue, (day.toordinal(), self._order, action))

    def _due(self, day: date) -> None:
        while self._queue and self._queue[0][0] <= day.toordinal():
            action = heapq.heappop(self._queue)[2]
            with self.store.at(self.at(day)):
                action(day)

    def _day(self, day: date) -> None:
        rng = self.rng
        chance = self.rate / 21
        for customer in self._customers:
            if rng.random() < chance:
                with self.store.at(self.at(day)):
                    self.sell(customer, day)
        for supplier in self._suppliers:
            if rng.random() < 0.75 / 21:
                with self.store.at(self.at(day)):
                    self.purchases.buy(supplier, day)

    # sales

    def sell(self, customer_id: int, day: date) -> None:
        """Something is sold to a customer: a quote, an order or an invoice straight away."""
        customer = self.store.table("Customer").rows[customer_id]
        draw = self.rng.random()
        if draw < 0.18:
            self._quote(customer, day)
        elif draw < 0.72:
            self.order(customer, day)
        else:
            self.invoice(customer, day)

    def _head(self, customer: Row, day: date) -> tuple[dict[str, Any], Decimal]:
        head = self.sales.head(customer)
        rate = Decimal(1)
        if customer.get("CurrencyCodeID") == 2:
            rate = self.rng.choice(_EURO_RATES)
            head |= {"CurrencyCodeID": 2, "CurrencyExchangeRate": rate}
        running = [
            project
            for project in self.projects.get(customer["ID"], ())
            if self.store.table("Project").rows[project]["StartDate"] <= day.isoformat()
        ]
        project = self.rng.choice(running) if running and self.rng.random() < 0.6 else None
        department = self.rng.choice((None, 1, 2))
        head["DefaultDimensionsID"] = self.books.dimensions(project, department)
        if self.rng.random() < 0.5:
            head["Requisition"] = f"PO-{self.rng.randint(10_000, 99_999)}"
        return head, rate

    def _lines(self, rate: Decimal) -> list[dict[str, Any]]:
        rng = self.rng
        lines = []
        for product in rng.sample(self.products, rng.choice((1, 1, 2, 2, 3, 4))):
            hours = product["Unit"] in ("t", "km")
            quantity = Decimal(rng.randint(2, 60)) / 2 if hours else Decimal(rng.randint(1, 12))
            factor = Decimal(rng.choice(("1", "1", "1", "0.95", "1.08")))
            price = money(product["PriceExVat"] * factor / rate)
            lines.append(
                self.sales.line(product, quantity, price, discount=rng.choice((0, 0, 0, 5, 10, 15)), rate=rate)
            )
        if rng.random() < 0.15:
            text = {
                **self.sales.line(None, Decimal(0), Decimal(0), rate=rate),
                "ItemText": "Levering etter avtale med byggeleder",
            }
            lines.append(text)
        return lines

    def _sellers(self, customer: Row) -> list[tuple[int, int]]:
        first = customer.get("DefaultSellerID") or 1
        if self.rng.random() < 0.1:
            return [(first, 60), (first % 5 + 1, 40)]
        return [(first, 100)]

    def _quote(self, customer: Row, day: date) -> None:
        head, rate = self._head(customer, day)
        values = {
            **head,
            "QuoteNumber": self.books.take_number("Customer Quote number series"),
            "QuoteDate": day.isoformat(),
            "ValidUntilDate": (day + timedelta(days=30)).isoformat(),
            "StatusCode": self.rng.choice((40101, 40102, 40103)),
        }
        lines = self._lines(rate)
        quote, _ = self.sales.document(
            "CustomerQuote", values, lines, item_status=None, sellers=self._sellers(customer)
        )

        def answer(on: date) -> None:
            if self.rng.random() < 0.55:
                self.store.change("CustomerQuote", quote["ID"], {"StatusCode": 40105})
                self.order(self.store.table("Customer").rows[customer["ID"]], on)
            else:
                self.store.change("CustomerQuote", quote["ID"], {"StatusCode": 40107})

        if values["StatusCode"] != 40101:
            self.later(day + timedelta(days=self.rng.randint(5, 40)), answer)

    def order(self, customer: Row, day: date) -> Row:
        """An order, and what becomes of it."""
        head, rate = self._head(customer, day)
        draft = self.rng.random() < 0.03
        lines = self._lines(rate)
        values = {
            **head,
            "OrderNumber": self.books.take_number("Customer Order number series"),
            "OrderDate": day.isoformat(),
            "DeliveryDate": (day + timedelta(days=self.rng.randint(3, 30))).isoformat(),
            "ReadyToInvoice": False,
            "StatusCode": 41001 if draft else 41002,
        }
        order, items = self.sales.document(
            "CustomerOrder",
            values,
            lines,
            item_status=41101 if draft else 41102,
            sellers=self._sellers(customer),
        )
        self.store.change("CustomerOrder", order["ID"], self.sales.order_rest(order["ID"]), touch=False)
        if draft:
            if self.rng.random() < 0.3:
                self.later(day + timedelta(days=5), lambda on: self._drop_order(order["ID"]))
            return order
        fate = self.rng.random()
        ids = [item["ID"] for item in items]
        deliver = day + timedelta(days=self.rng.randint(2, 25))
        if fate < 0.04:
            self.later(deliver, lambda on: self._close(order["ID"]))
        elif fate < 0.24 and len(ids) > 1:
            first, rest = ids[: len(ids) // 2], ids[len(ids) // 2 :]
            self.later(deliver, lambda on: self._deliver(order["ID"], first, on))
            after = deliver + timedelta(days=self.rng.randint(10, 60))
            if self.rng.random() < 0.2:
                self.later(after, lambda on: self._close(order["ID"]))
            else:
                self.later(after, lambda on: self._deliver(order["ID"], rest, on))
        elif fate < 0.29:
            self.later(deliver, lambda on: self._deliver(order["ID"], ids, on, factor=Decimal("1.5")))
        elif fate < 0.33:
            self.later(deliver, lambda on: self._deliver(order["ID"], ids[:1], on, factor=Decimal("0.5")))
        elif fate < 0.93:
            self.later(deliver, lambda on: self._deliver(order["ID"], ids, on))
        return order

    def _drop_order(self, order_id: int) -> None:
        for item in self.store.find("CustomerOrderItem", CustomerOrderID=order_id):
            self.store.remove("CustomerOrderItem", item["ID"])
        self.store.remove("CustomerOrder", order_id)

    def _close(self, order_id: int) -> None:
        for item in self.store.find("CustomerOrderItem", CustomerOrderID=order_id):
            if item["StatusCode"] == 41102:
                self.store.change("CustomerOrderItem", item["ID"], {"StatusCode": 41104})
        self.store.change("CustomerOrder", order_id, {**self.sales.order_rest(order_id), "StatusCode": 41005})

    def _deliver(self, order_id: int, items: list[int], day: date, factor: Decimal = Decimal(1)) -> None:
        rows = self.store.table("CustomerOrderItem").rows
        quantities = {
            item: None if factor == 1 else rows[item]["NumberOfItems"] * factor
            for item in items
            if rows[item]["StatusCode"] == 41102
        }
        if quantities:
            draft = self.sales.transfer(order_id, quantities, day)
            self._issue(draft["ID"], day)

    def invoice(self, customer: Row, day: date) -> Row:
        """An invoice without an order; now and then it stays a draft, and a draft may be deleted."""
        head, rate = self._head(customer, day)
        rounded = customer["ID"] % 7 == 0 and rate == 1
        draft, _ = self.sales.document(
            "CustomerInvoice",
            {**head, "InvoiceType": 0, "StatusCode": 42001, "InvoiceDate": day.isoformat()},
            self._lines(rate),
            item_status=41301,
            sellers=self._sellers(customer),
            round_to_kroner=rounded,
        )
        if self.rng.random() < 0.03:
            if self.rng.random() < 0.5:
                self.later(day + timedelta(days=3), lambda on: self._drop_draft(draft["ID"]))
            return draft
        return self._issue(draft["ID"], day)

    def _drop_draft(self, invoice_id: int) -> None:
        if self.store.table("CustomerInvoice").rows[invoice_id]["StatusCode"] == 42001:
            for item in self.store.find("CustomerInvoiceItem", CustomerInvoiceID=invoice_id):
                self.store.remove("CustomerInvoiceItem", item["ID"])
            self.store.remove("CustomerInvoice", invoice_id)

    def _issue(self, invoice_id: int, day: date) -> Row:
        invoice = self.sales.issue(invoice_id, day)
        if self.rng.random() < 0.85:
            attach_invoice(self.store, invoice, voucher=self.rng.random() < 0.3)
        due = date.fromisoformat(invoice["PaymentDueDate"])
        self._plan_payment(invoice, day, due)
        if self.rng.random() < 0.85:
            for step, wait in ((1, 14), (2, 30), (3, 60)):
                self.later(due + timedelta(days=wait), lambda on, step=step: self._remind(invoice_id, step, on))  # type: ignore[misc]
        return invoice

    # money from customers

    def _manner(self, customer_id: int) -> Manner:
        found = self._manners.get(customer_id)
        if found is None:
            found = self._manners[customer_id] = self.rng.choices(
                (Manner(0, 3, 0.01), Manner(18, 14, 0.03), Manner(45, 30, 0.15), Manner(-6, 3, 0.0)), (60, 24, 9, 7)
            )[0]
        return found

    def _plan_payment(self, invoice: Row, day: date, due: date) -> None:
        rng = self.rng
        manner = self._manner(invoice["CustomerID"])
        number, gross, customer = invoice["ID"], invoice["TaxInclusiveAmount"], invoice["CustomerID"]
        when = max(
            day + timedelta(days=1), due + timedelta(days=manner.late + rng.randint(-manner.spread, manner.spread))
        )
        if rng.random() < manner.never:
            return
        if invoice["CurrencyCodeID"] != 1:
            rate = rng.choice(_EURO_RATES)
            self.later(when, lambda on: self._pay_currency(number, on, rate))
            return
        fate = rng.random()
        half = money(gross * Decimal(rng.choice(("0.25", "0.5", "0.6"))))
        if fate < 0.04:
            partly = money(Decimal(rng.choice(("0.3", "1"))))
            self.later(day + timedelta(days=rng.randint(2, 45)), lambda on: self._credit(number, partly, on))
            if partly != 1:
                self.later(when + timedelta(days=45), lambda on: self._pay(customer, number, None, on))
        elif fate < 0.05:
            self.later(when, lambda on: self._pay(customer, number, gross, on))
            self.later(when + timedelta(days=rng.randint(10, 90)), lambda on: self._credit(number, Decimal("0.5"), on))
        elif fate < 0.12:
            self.later(when, lambda on: self._pay(customer, number, half, on))
            if rng.random() < 0.8:
                self.later(when + timedelta(days=rng.randint(5, 50)), lambda on: self._pay(customer, number, None, on))
        elif fate < 0.14:
            extra = money(rng.choice((100, 500, 1250)))
            self.later(when, lambda on: self._pay(customer, number, gross + extra, on))
        elif fate < 0.17:
            self.later(when, lambda on: self._pay_unallocated(customer, number, gross, on))
        else:
            self.later(when, lambda on: self._pay(customer, number, None, on))

    def _pay(self, customer: int, invoice: int, amount: Decimal | None, day: date) -> None:
        rest = self.store.table("CustomerInvoice").rows[invoice]["RestAmount"]
        wanted = rest if amount is None else amount
        if wanted > 0:
            self.flows.receive(customer, wanted, day, invoice_id=invoice)

    def _pay_currency(self, invoice: int, day: date, rate: Decimal) -> None:
        if self.store.table("CustomerInvoice").rows[invoice]["RestAmount"] > 0:
            self.flows.receive_currency(invoice, day, rate)

    def _pay_unallocated(self, customer: int, invoice: int, amount: Decimal, day: date) -> None:
        line = self.flows.receive(customer, amount, day, invoice_id=invoice, match=False)
        if self.rng.random() < 0.55:
            later = day + timedelta(days=self.rng.randint(3, 25))
            self.later(later, lambda on: self.flows.allocate(line["ID"], invoice, on))
            if self.rng.random() < 0.25:
                self.later(later + timedelta(days=4), lambda on: self.flows.withdraw(line["ID"], invoice))

    def _credit(self, invoice: int, share: Decimal, day: date) -> None:
        row = self.store.table("CustomerInvoice").rows[invoice]
        if row["StatusCode"] in (42002, 42003, 42004) and not row.get("Credited"):
            attach_invoice(self.store, self.sales.credit(invoice, day, share=share), voucher=False)

    def _remind(self, invoice_id: int, step: int, day: date) -> None:
        invoice = self.store.table("CustomerInvoice").rows[invoice_id]
        customer = self.store.table("Customer").rows[invoice["CustomerID"]]
        if invoice["RestAmount"] <= 0 or customer.get("DontSendReminders") or invoice["StatusCode"] == 42006:
            return
        self.flows.remind(invoice_id, day, step, fee=step == 2 and self.rng.random() < 0.5)
        if step == 3 and self.rng.random() < 0.2:
            self.store.change("CustomerInvoice", invoice_id, {"CollectorStatusCode": self.rng.choice((42503, 42504))})
