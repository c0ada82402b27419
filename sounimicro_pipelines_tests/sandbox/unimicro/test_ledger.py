"""The seeded ledger: it balances, its open amounts are explained, and it holds the cases that reports stumble over."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest

from sounimicro_pipelines.clock import SystemClock
from sounimicro_pipelines.sandbox.unimicro.model import check_model
from sounimicro_pipelines.sandbox.unimicro.seed.company import SeededCompany, build_company
from sounimicro_pipelines.sandbox.world import build_register

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module", params=[1, 2, 9])
def company(request: pytest.FixtureRequest) -> SeededCompany:
    return build_company(build_register(request.param, 60, today=TODAY), 1, SystemClock())


def test_the_model_texts_agree_with_each_other() -> None:
    assert check_model() == []


def test_every_voucher_sums_to_zero(company: SeededCompany) -> None:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for line in company.store.rows("JournalEntryLine"):
        sums[line["JournalEntryID"]] += line["Amount"]
    assert set(sums.values()) == {Decimal("0.0000")}


def test_matchings_explain_every_remaining_amount_exactly(company: SeededCompany) -> None:
    matched: dict[int, Decimal] = defaultdict(Decimal)
    for pairing in company.store.rows("PostPost"):
        matched[pairing["JournalEntryLine1ID"]] += pairing["Amount"]
        matched[pairing["JournalEntryLine2ID"]] += pairing["Amount"]
    for line in company.store.rows("JournalEntryLine"):
        sign = 1 if line["Amount"] > 0 else -1
        expected = line["Amount"] - sign * matched[line["ID"]] if line.get("SubAccountID") else 0
        assert line["RestAmount"] == expected


def test_the_ledger_lines_of_invoices_say_what_the_invoices_say(company: SeededCompany) -> None:
    for invoice in company.store.rows("CustomerInvoice"):
        if invoice["StatusCode"] == 42001:
            assert invoice.get("InvoiceNumber") is None
            continue
        line = company.trade.sales.receivable(invoice["ID"])
        assert (line["Amount"], line["RestAmount"]) == (invoice["TaxInclusiveAmount"], invoice["RestAmount"])
        items = company.store.find("CustomerInvoiceItem", CustomerInvoiceID=invoice["ID"])
        assert sum(item["SumTotalExVat"] for item in items) == invoice["TaxExclusiveAmount"]
    for bill in company.store.rows("SupplierInvoice"):
        if bill["StatusCode"] == 30104:
            assert company.trade.flows.payable(bill["ID"])["RestAmount"] == -bill["RestAmount"]


def test_nothing_happens_after_today_and_dates_lie_in_their_periods(company: SeededCompany) -> None:
    for line in company.store.rows("JournalEntryLine"):
        period = company.store.table("Period").rows[line["PeriodID"]]
        assert period["FromDate"] <= line["FinancialDate"] <= period["ToDate"]
        assert line["FinancialDate"] <= TODAY.isoformat()


def test_the_awkward_cases_are_all_there() -> None:
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    deleted = 0
    for seed in (1, 2):
        for index in (1, 2):
            store = build_company(build_register(seed, 60, today=TODAY), index, SystemClock()).store
            for name in (
                "CustomerInvoice",
                "CustomerOrder",
                "CustomerOrderItem",
                "SupplierInvoice",
                "JournalEntryLine",
            ):
                rows[name] += list(store.rows(name))
                table = store.table(name)
                deleted += sum(bool(row.get("Deleted")) for row in table.rows.values())
    invoices = rows["CustomerInvoice"]
    assert {42001, 42002, 42003, 42004, 42006, 42007} <= {row["StatusCode"] for row in invoices}
    assert {42501, 42502} <= {row.get("CollectorStatusCode") for row in invoices}
    assert any(row["CurrencyCodeID"] == 2 for row in invoices)
    assert any(row.get("PayableRoundingAmount") for row in invoices)
    years = {row["ID"]: str(row.get("InvoiceDate"))[:4] for row in invoices}
    assert any(row.get("InvoiceReferenceID") in years for row in invoices if row.get("InvoiceType") == 1)
    assert {41001, 41002, 41003, 41004, 41005} <= {row["StatusCode"] for row in rows["CustomerOrder"]}
    assert {41102, 41103, 41104} <= {row["StatusCode"] for row in rows["CustomerOrderItem"]}
    assert {30101, 30104} <= {row["StatusCode"] for row in rows["SupplierInvoice"]}
    lines = rows["JournalEntryLine"]
    open_lines = [row for row in lines if row.get("SubAccountID") and row["RestAmount"]]
    assert any(row.get("StatusCode") is None for row in open_lines)
    assert any(row["RestAmount"] < 0 and row["JournalEntryTypeID"] == 9 for row in open_lines)  # type: ignore[operator]
    assert any(row.get("StatusCode") == 31004 for row in lines)
    assert deleted > 0


def test_the_same_seed_gives_the_same_company() -> None:
    one, two = (build_company(build_register(4, 20, today=TODAY), 1, SystemClock()).store for _ in range(2))
    assert {name: table.rows for name, table in one.tables.items()} == {name: t.rows for name, t in two.tables.items()}
