"""From the vendor's rows to what stands on the screens: every menu and drill-down against the plain-Python oracle."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import uvicorn

from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines_tests.main_job.conftest import Small
from sounimicro_pipelines_tests.main_job.plant import environment
from sounimicro_pipelines_tests.reports.compare import differences
from sounimicro_pipelines_tests.reports.oracle import Figures, figures

ROWS = """() => [...document.querySelector('table.grid')?.tBodies[0].rows ?? []]
    .map(row => [...row.cells].map(cell => cell.innerText.trim()))"""
"""The cells of the first table; a page without rows has none."""
Amounts = Counter[Decimal]


@pytest.fixture(scope="module")
def oracle(small: Small) -> Figures:
    return figures(small.records, small.sandbox.clock.today())


def test_every_report_equals_the_oracle(small: Small, oracle: Figures) -> None:
    assert differences(small.finished.home / "warehouse" / "nord.duckdb", oracle) == []


@dataclass
class Screens:
    """One party's screens in a browser, and what the oracle says of it."""

    page: Any
    base: str
    oracle: Figures
    role: str
    party: int

    def rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        wanted = {"role": self.role, "party_id": self.party, **equal}
        return [row for row in self.oracle[table] if all(row[name] == value for name, value in wanted.items())]

    def open(self, query: str) -> None:
        answer = self.page.goto(f"{self.base}/panel/company?company=nord&role={self.role}&party={self.party}&{query}")
        assert answer.status == 200, query

    def table(self) -> list[list[str]]:
        found: list[list[str]] = self.page.evaluate(ROWS)
        return found

    def amounts(self, column: int) -> Amounts:
        return Counter(_amount(row[column]) for row in self.table())

    def follow(self, text: str) -> None:
        self.page.get_by_role("link", name=text, exact=True).first.click()


def _amount(text: str) -> Decimal:
    plain = text.replace("\N{NO-BREAK SPACE}", "").replace(" ", "").replace("\N{MINUS SIGN}", "-").replace(",", ".")
    return Decimal(plain or "0")


def _sums(rows: list[dict[str, Any]], name: str) -> Amounts:
    return Counter(row[name] or Decimal(0) for row in rows)


def _by(rows: list[dict[str, Any]], key: str, name: str) -> Amounts:
    sums: dict[Any, Decimal] = {}
    for row in rows:
        sums[row[key]] = sums.get(row[key], Decimal(0)) + row[name]
    return Counter(sums.values())


@pytest.fixture(scope="module")
def address(small: Small) -> Iterator[str]:
    with environment(small.finished.environment):
        installation = small.finished.installation
        app = create_app(installation.settings, installation.store, clock=installation.clock)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    installation.store.close()


@pytest.fixture(params=["customer", "supplier"])
def screens(request: pytest.FixtureRequest, chromium: Any, address: str, oracle: Figures) -> Iterator[Screens]:
    """The party of each role with most on its account."""
    busiest = Counter(row["party_id"] for row in oracle["statement_line"] if row["role"] == request.param)
    ((party, _),) = busiest.most_common(1)
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, locale="nb-NO")
    yield Screens(context.new_page(), address, oracle, request.param, party)
    context.close()


@pytest.mark.chromium
def test_the_ledger_stands_on_the_screens(screens: Screens) -> None:
    (party,) = screens.rows("party")
    items = screens.rows("open_item")
    for view, wanted in (
        ("all", items),
        ("overdue", [item for item in items if item["is_overdue"]]),
        ("not-overdue", [item for item in items if not item["is_overdue"]]),
    ):
        screens.open(f"tab=open-items&view={view}")
        assert screens.amounts(7) == _sums(wanted, "remaining_amount"), view
    assert _amount(screens.page.locator("#balance").inner_text()) == party["balance"]
    lines = screens.rows("statement_line")
    screens.open("tab=statement")
    assert screens.amounts(5) == _sums(lines, "amount")
    assert _amount(screens.page.locator("#closing").inner_text()) == party["balance"]
    last_year = max(row["year"] for row in screens.oracle["turnover_month"]) - 1
    screens.open("tab=statement&period=last-year")
    assert screens.amounts(5) == _sums([row for row in lines if row["financial_date"].year == last_year], "amount")
    voucher = next(row for row in lines if row["voucher_number"])
    screens.open("tab=statement")
    screens.follow(voucher["voucher_number"])
    posted = [row for row in screens.oracle["voucher_line"] if row["voucher_id"] == voucher["voucher_id"]]
    assert screens.amounts(5) == _sums(posted, "amount")
    assert sum(row["amount"] for row in posted) == 0


@pytest.mark.chromium
def test_invoices_stand_on_the_screens(screens: Screens) -> None:
    invoices = screens.rows("invoice")
    for view, kinds in (
        ("all", ("invoice", "credit_note")),
        ("invoices", ("invoice",)),
        ("credit-notes", ("credit_note",)),
    ):
        screens.open(f"tab=invoices&view={view}")
        assert screens.amounts(7) == _sums([one for one in invoices if one["kind"] in kinds], "gross_amount"), view
    products = screens.rows("turnover_product")
    screens.open("tab=invoices&view=per-product")
    assert sum(screens.amounts(4).elements()) == sum(row["net_amount"] for row in products)
    if screens.role == "customer":
        screens.open("tab=invoices&view=per-seller")
        assert screens.amounts(2) == _by(screens.rows("turnover_seller"), "seller_id", "net_amount")
    invoice = max(invoices, key=lambda one: one["invoice_id"])
    screens.open("tab=invoices")
    screens.follow(invoice["number"])
    assert screens.amounts(5) == _sums(screens.rows("invoice_line", invoice_id=invoice["invoice_id"]), "net_amount")


@pytest.mark.chromium
def test_quotes_orders_and_projects_stand_on_the_screens(screens: Screens) -> None:
    if screens.role == "supplier":
        screens.open("tab=open-items")
        assert screens.page.get_by_role("link", name="Tilbud/Ordre").count() == 0
        return
    documents = screens.rows("sales_document")
    for view, kinds in (("all", ("order", "quote")), ("orders", ("order",)), ("quotes", ("quote",))):
        screens.open(f"tab=orders&view={view}")
        wanted = [one for one in documents if one["document_type"] in kinds]
        assert screens.amounts(7) == _sums(wanted, "net_amount"), view
        assert screens.amounts(9) == _sums(wanted, "remaining_net_amount"), view
    for view, table, column in (("per-requisition", "order_requisition", 3), ("per-product", "order_product", 6)):
        screens.open(f"tab=orders&view={view}")
        wanted = screens.rows(table, document_type="order")
        assert sum(screens.amounts(column).elements()) == sum(row["net_amount"] for row in wanted), view
    order = max((one for one in documents if one["document_type"] == "order"), key=lambda one: one["document_id"])
    screens.open("tab=orders&view=orders")
    screens.follow(order["number"])
    lines = screens.rows("sales_line", document_type="order", document_id=order["document_id"])
    assert screens.amounts(4) == _sums(lines, "remaining_quantity")
    mine = [one for one in screens.oracle["project"] if one["party_id"] == screens.party]
    screens.open("tab=projects")
    assert screens.amounts(7) == _sums(mine, "margin")
