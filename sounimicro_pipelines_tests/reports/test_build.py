"""The reports are built from raw tables, whole and by parts, for one company after the other in one process."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from sounimicro_pipelines.warehouse.reports import build_reports, prepare_manifest
from sounimicro_pipelines.warehouse.reports.compared import compare_with_full_refresh, demand_full_refresh
from sounimicro_pipelines.warehouse.reports.finished import last_build
from sounimicro_pipelines_tests.reports.conftest import NewCompany
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

AS_OF = date(2026, 9, 20)
LATER = datetime(2026, 9, 20, 12, tzinfo=UTC)

VENDOR_SAMPLE: dict[str, list[dict[str, Any]]] = {
    "CompanySettings": [{"ID": 1, "BaseCurrencyCodeID": 1}],
    "CurrencyCode": [{"ID": 1, "Code": "NOK"}],
    "BusinessRelation": [{"ID": 512, "Name": "Fjordvik Mekaniske AS"}],
    "Customer": [{"ID": 79, "CustomerNumber": 100079, "BusinessRelationID": 512, "StatusCode": 30001}],
    "Account": [
        {"ID": 33, "AccountNumber": 1500, "AccountName": "Kundefordringer"},
        {"ID": 40, "AccountNumber": 3000, "AccountName": "Salg"},
        {"ID": 42, "AccountNumber": 1920, "AccountName": "Bank"},
        {"ID": 5511, "AccountNumber": 100079, "CustomerID": 79, "AccountID": 33},
    ],
    "CustomerInvoice": [
        {
            "ID": 990, "InvoiceNumber": "50112", "InvoiceType": 0, "StatusCode": 42003, "CollectorStatusCode": 42501,
            "CustomerID": 79, "InvoiceDate": "2026-08-21", "PaymentDueDate": "2026-09-04", "JournalEntryID": 4410,
            "TaxExclusiveAmount": 10000.0, "TaxInclusiveAmount": 10000.0, "RestAmount": 4000.0,
        }
    ],
    "JournalEntryLine": [
        {
            "ID": 77120, "JournalEntryID": 4410, "JournalEntryNumber": "1204-2026", "JournalEntryTypeID": 8,
            "AccountID": 33, "SubAccountID": 5511, "FinancialDate": "2026-08-21", "DueDate": "2026-09-04",
            "InvoiceNumber": "50112", "CustomerInvoiceID": 990, "Amount": 10000, "RestAmount": 4000,
        },
        {"ID": 77121, "JournalEntryID": 4410, "AccountID": 40, "FinancialDate": "2026-08-21", "Amount": -10000},
        {
            "ID": 77130, "JournalEntryID": 4411, "JournalEntryTypeID": 9, "AccountID": 33, "SubAccountID": 5511,
            "FinancialDate": "2026-09-10", "Amount": -7000, "RestAmount": -1000,
        },
        {"ID": 77131, "JournalEntryID": 4411, "AccountID": 42, "FinancialDate": "2026-09-10", "Amount": 7000},
    ],
    "PostPost": [
        {"ID": 1, "JournalEntryLine1ID": 77120, "JournalEntryLine2ID": 77130, "Amount": 6000, "Date": "2026-09-10"}
    ],
}  # fmt: skip


def test_a_part_paid_invoice_and_the_rest_of_its_payment_stand_open(new_company: NewCompany, dbt_target: Path) -> None:
    path = new_company("sample")
    write_raw(path, VENDOR_SAMPLE)
    run = build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    assert run.ties_out, run.finding
    with duckdb.connect(str(path)) as connection:
        items = connection.execute(
            "select journal_entry_line_id, kind, remaining_amount, days_overdue, is_overdue, bucket, collection_state"
            " from reports.open_item order by 1"
        ).fetchall()
        party = connection.execute(
            "select name, balance, open_amount, overdue_amount, unallocated_amount, overdue_count from reports.party"
        ).fetchall()
    assert items == [
        (77120, "invoice", Decimal("4000.00"), 16, True, "1_30", "reminded"),
        (77130, "payment", Decimal("-1000.00"), 10, False, "unallocated", "none"),
    ]
    assert party == [
        ("Fjordvik Mekaniske AS", Decimal(3000), Decimal(4000), Decimal(4000), Decimal(-1000), 1),
    ]


def test_nothing_is_made_anew_when_nothing_changed(new_company: NewCompany, dbt_target: Path) -> None:
    path = new_company("unchanged")
    write_raw(path, VENDOR_SAMPLE)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    again = build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    assert not again.is_full
    assert set(again.touched.values()) == {0}


BY_PARTS = """
import sys
from datetime import date
from pathlib import Path
from sounimicro_pipelines.warehouse.reports import build_reports
path, target = map(Path, sys.argv[1:])
run = build_reports(path, company="alpha", as_of=date(2026, 9, 20), target=target)
print(run.way, run.touched["party"], len(run.models), "dbt.cli.main" in sys.modules)
"""


def test_a_build_by_parts_does_not_even_import_dbt(new_company: NewCompany, dbt_target: Path) -> None:
    """Every run is a process of its own, and dbt takes longer to come in than all that such a build does."""
    path = new_company("light")
    write_raw(path, VENDOR_SAMPLE)
    whole = build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    write_raw(path, {"Customer": [{**VENDOR_SAMPLE["Customer"][0], "StatusCode": 50001}]}, fetched_at=LATER)
    said = subprocess.run(
        [sys.executable, "-c", BY_PARTS, str(path), str(dbt_target)], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["compiled", "1", str(len(whole.models)), "False"]


def test_outside_the_known_years_the_financial_year_begins_as_in_them(
    new_company: NewCompany, dbt_target: Path
) -> None:
    """A year from July 2026 is the only known one: March 2026 is the ninth period of the one before, not its third."""
    path = new_company("before")
    month = [date(2026 + (place + 6) // 12, (place + 6) % 12 + 1, 1) for place in range(13)]
    periods = [
        {"ID": place + 1, "No": place + 1, "AccountYear": 2026, "FromDate": month[place], "ToDate": end}
        for place, end in enumerate(first - timedelta(days=1) for first in month[1:])
    ]
    invoices = [
        {"ID": place, "CustomerID": 79, "StatusCode": 42002, "InvoiceDate": moment, "TaxExclusiveAmount": 2**place}
        for place, moment in enumerate(["2026-03-15", "2026-09-15", "2024-02-29", "2027-07-01", "2026-06-30"])
    ]
    write_raw(path, {**VENDOR_SAMPLE, "Period": periods, "CustomerInvoice": invoices})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    with duckdb.connect(str(path)) as connection:
        found = connection.execute(
            "select year, period, actual_amount from reports.budget_actual where scope = 'customer' order by 1, 2"
        ).fetchall()
    assert found == [(2023, 8, 4), (2025, 9, 1), (2025, 12, 16), (2026, 3, 2), (2027, 1, 8)]


def test_the_days_of_the_financial_years_are_followed(new_company: NewCompany, dbt_target: Path) -> None:
    path = new_company("years")
    first = {"ID": 1, "No": 1, "AccountYear": 2026, "FromDate": "2026-07-01", "ToDate": "2026-07-31"}
    closing = {"ID": 13, "No": 13, "AccountYear": 2026, "FromDate": "2027-06-30", "ToDate": "2027-06-30"}
    write_raw(path, {**VENDOR_SAMPLE, "Period": [first, closing]})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    days = "select year, period, start_date, end_date from reports.accounting_period where year = 2026 order by 1, 2"
    with duckdb.connect(str(path)) as connection:
        assert connection.execute(days).fetchall() == [(2026, 1, date(2026, 7, 1), date(2026, 7, 31))]
    write_raw(path, {"Period": [{**first, "FromDate": "2026-05-01", "ToDate": "2026-05-31"}]}, fetched_at=LATER)
    run = build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    assert run.way == "compiled"
    with duckdb.connect(str(path)) as connection:
        assert connection.execute(days).fetchall() == [(2026, 1, date(2026, 5, 1), date(2026, 5, 31))]


def test_a_budget_entry_without_a_period_is_followed(new_company: NewCompany, dbt_target: Path) -> None:
    path = new_company("unperiodic")
    budget = {"ID": 1, "AccountingYear": 2026, "StatusCode": 47002}
    entry = {"ID": 2, "BudgetID": 1, "AccountID": 40, "PeriodNumber": None, "Amount": -100}
    write_raw(path, {**VENDOR_SAMPLE, "Budget": [budget], "BudgetEntry": [entry]})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    write_raw(path, {"BudgetEntry": [{**entry, "Amount": -250}]}, fetched_at=LATER)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    with duckdb.connect(str(path)) as connection:
        shown = connection.execute("select budget_amount from reports.budget_actual where period is null").fetchall()
    assert shown == [(Decimal(250),)]


def test_exact_decimals_are_kept_as_they_are_read(new_company: NewCompany, dbt_target: Path) -> None:
    """Packed into bits, a hundred million of them take half a minute to read."""
    path = new_company("plain")
    (line, *_) = VENDOR_SAMPLE["JournalEntryLine"]
    lines = [{**line, "ID": 80000 + place, "Amount": place * 7} for place in range(3000)]
    write_raw(path, {**VENDOR_SAMPLE, "JournalEntryLine": lines})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    with duckdb.connect(str(path)) as connection:
        kept = {
            table: connection.execute(
                f"select distinct compression from pragma_storage_info('{table}')"
                " where lower(column_name) = 'amount' and segment_type not in ('VALIDITY', 'BOOLEAN')"
            ).fetchall()
            for table in ("raw.journal_entry_line", "reports.statement_line", "reports.voucher_line")
        }
    assert kept == {table: [("Uncompressed",)] for table in kept}


def test_a_new_currency_code_reaches_the_orders_of_a_customer_who_is_deleted(
    new_company: NewCompany, dbt_target: Path
) -> None:
    path = new_company("renamed")
    order = {"ID": 3, "OrderNumber": 20003, "CustomerID": 79, "CurrencyCodeID": 1, "StatusCode": 41002}
    (customer,) = VENDOR_SAMPLE["Customer"]
    write_raw(path, {**VENDOR_SAMPLE, "Customer": [{**customer, "Deleted": True}], "CustomerOrder": [order]})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    write_raw(path, {"CurrencyCode": [{"ID": 1, "Code": "EUR"}]}, fetched_at=LATER)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    with duckdb.connect(str(path)) as connection:
        codes = connection.execute("select currency from reports.sales_document").fetchall()
    assert codes == [("EUR",)]


def test_what_was_built_by_parts_is_compared_with_a_full_refresh_and_a_difference_is_named(
    new_company: NewCompany, dbt_target: Path
) -> None:
    path = new_company("compared")
    write_raw(path, VENDOR_SAMPLE)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update reports.open_item set remaining_amount = 3999.99 where journal_entry_line_id = 77120"
        )
    compared = compare_with_full_refresh(path, company="alpha", as_of=AS_OF, target=dbt_target)
    assert compared.rows > compared.tables > 20
    assert [(one.table, one.only_by_parts, one.only_anew) for one in compared.differences] == [("open_item", 1, 1)]
    assert compared.differences[0].keys == ("role=customer party_id=79 journal_entry_line_id=77120",)
    assert "open_item" in compared.finding
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    demand_full_refresh(path)
    with duckdb.connect(str(path)) as connection:
        last = last_build(connection)
    assert last is not None
    assert not last.is_of(prepare_manifest(dbt_target).digest, "alpha")


def test_a_product_without_a_name_is_called_by_the_lines_that_are_left(
    new_company: NewCompany, dbt_target: Path
) -> None:
    def invoice(key: int, text: str, **values: Any) -> dict[str, Any]:
        item = {"ID": key * 10, "ProductID": 5, "ItemText": text, "NumberOfItems": 1, "SumTotalExVat": 100}
        return {
            "ID": key, "CustomerID": 79, "StatusCode": 42002, "InvoiceDate": "2026-02-02", "TaxExclusiveAmount": 100,
            "TaxInclusiveAmount": 100, "Items": [item], **values,
        }  # fmt: skip

    path = new_company("nameless")
    write_raw(path, {**VENDOR_SAMPLE, "CustomerInvoice": [invoice(901, "Pumpe"), invoice(902, "Rør")]})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    shown = "select product_name, net_amount, invoice_count from reports.turnover_product where product_id = 5"
    assert _ask(path, shown) == [("Rør", Decimal(200), 2)]
    write_raw(path, {"CustomerInvoice": [invoice(902, "Rør", Deleted=True)]}, fetched_at=LATER)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    assert _ask(path, shown) == [("Pumpe", Decimal(100), 1)]


def test_a_partys_account_that_is_posted_on_by_itself_shows_its_new_number(
    new_company: NewCompany, dbt_target: Path
) -> None:
    path = new_company("renumbered")
    account = {"ID": 77, "AccountNumber": 177, "AccountName": "Kunde", "CustomerID": 79}
    line = {"ID": 990, "JournalEntryID": 99, "AccountID": 77, "Amount": 5, "FinancialDate": "2026-02-02"}
    write_raw(path, {**VENDOR_SAMPLE, "Account": [account], "JournalEntryLine": [line]})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    write_raw(path, {"Account": [{**account, "AccountNumber": 178}]}, fetched_at=LATER)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    shown = "select account_number, actual_amount from reports.budget_actual where scope = 'account'"
    assert _ask(path, shown) == [("178", Decimal(5))]


def test_the_last_payment_is_the_one_before_when_it_is_deleted_or_moved(
    new_company: NewCompany, dbt_target: Path
) -> None:
    path = new_company("paid")
    payment = {
        "ID": 77140, "JournalEntryID": 4412, "JournalEntryTypeID": 9, "AccountID": 33, "SubAccountID": 5511,
        "FinancialDate": "2026-09-15", "Amount": -1000, "RestAmount": -1000,
    }  # fmt: skip
    write_raw(path, {**VENDOR_SAMPLE, "JournalEntryLine": [*VENDOR_SAMPLE["JournalEntryLine"], payment]})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    shown = "select last_payment_date, balance from reports.party"
    assert _ask(path, shown) == [(date(2026, 9, 15), Decimal(2000))]
    changes = [
        ({"FinancialDate": "2026-09-12"}, date(2026, 9, 12), 2000),
        ({"FinancialDate": "2025-12-31"}, date(2026, 9, 10), 2000),
        ({"FinancialDate": "2026-09-16"}, date(2026, 9, 16), 2000),
        ({"Deleted": True}, date(2026, 9, 10), 3000),
    ]
    for minutes, (change, last, balance) in enumerate(changes):
        write_raw(path, {"JournalEntryLine": [{**payment, **change}]}, fetched_at=LATER + timedelta(minutes=minutes))
        run = build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
        assert run.way == "compiled"
        assert _ask(path, shown) == [(last, Decimal(balance))]
    assert _ask(path, "select year, entry_count from intermediate.int_ledger_year") == [(2026, 2)]


def test_an_invoice_that_has_no_day_for_a_while_leaves_nothing_where_it_stood(
    new_company: NewCompany, dbt_target: Path
) -> None:
    path = new_company("undated")
    (invoice,) = VENDOR_SAMPLE["CustomerInvoice"]
    write_raw(path, VENDOR_SAMPLE)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    for minutes, (day, year) in enumerate([(None, None), ("2026-08-21", 2026), (None, None), ("2025-02-01", 2025)]):
        write_raw(
            path, {"CustomerInvoice": [{**invoice, "InvoiceDate": day}]}, fetched_at=LATER + timedelta(minutes=minutes)
        )
        run = build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
        assert (run.way, run.ties_out) == ("compiled", True)
        for name in ("month", "product", "seller"):
            found = _ask(path, f"select year, gross_amount from reports.turnover_{name}")
            assert found == [(year, Decimal(10000))], name


def test_a_full_refresh_asks_nothing_of_what_another_version_left(new_company: NewCompany, dbt_target: Path) -> None:
    """Its tables had other columns: the ledger's years came to be counted later than they were summed up."""
    path = new_company("older")
    write_raw(path, VENDOR_SAMPLE)
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    was = _ask(path, "from reports.party")
    with duckdb.connect(str(path)) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('reports', 'intermediate')"
            " or schema_name = 'reports_state' and table_name not in ('build', 'this_build')"
        ).fetchall()
        for schema, name in tables:
            connection.execute(f'create or replace table "{schema}"."{name}" as select 1 as older')
    run = build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target, full_refresh=True, data_tests=False)
    assert (run.is_full, run.ties_out) == (True, True)
    assert _ask(path, "from reports.party") == was


def _ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path)) as connection:
        return connection.execute(sql).fetchall()
