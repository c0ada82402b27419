"""A generated ledger in raw tables, made by DuckDB itself: customers, invoices with lines, payments, matchings.

Trade is skewed: a few customers have most of it. Amounts are whole kroner, so that everything ties out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from sounimicro_pipelines.unimicro.entities import SPECS
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.schema import Owner, claim, prepare

LINES = 4
FETCHED = "timestamp '2026-01-02'"


@dataclass(frozen=True)
class Size:
    """Each invoice has four lines, a voucher of three, and nine of ten a payment with a voucher of two."""

    customers: int
    invoices: int
    projects: int = 200


@dataclass(frozen=True)
class Rows:
    """Rows of one raw table: the expression of each column, and where they come from."""

    table: str
    columns: dict[str, str]
    source: str


SIZES = {"small": Size(10_000, 40_000), "full": Size(50_000, 2_000_000)}


def make(path: Path, size: Size) -> None:
    """Writes the whole ledger into a new warehouse file."""
    with Warehouse(path, memory_limit="2GB") as connection:
        connection.execute("set preserve_insertion_order = false")
        prepare(connection, SPECS)
        claim(connection, Owner("bench", "bench-key", "Bench AS"), path)
        skew = f"1 + cast(floor(pow((hash(i) % 1000000) / 1e6, 2) * {size.customers}) as bigint)"
        trade = f"(select i + 1 as i, {skew} as c from range({size.invoices}) as t(i))"
        for rows in (*_registers(size), *_trade(trade)):
            _insert(connection, rows, FETCHED)


def pay(path: Path, parties: int, minute: int) -> None:
    """A new invoice, and mostly its payment, for each of so many customers, fetched so many minutes later.

    The customers lie evenly over the register, so that they have their part of the trade and no more; what is new is of
    one month.
    """
    with duckdb.connect(str(path)) as connection:
        row = connection.execute('select max("ID") from raw.customer_invoice').fetchone()
        first = int(row[0]) + 1 if row else 1
        customer = f"1 + i * ((select count(*) from raw.customer) // {parties})"
        trade = f"(select {first} + i as i, {customer} as c from range({parties}) as t(i))"
        for rows in _trade(trade, "date '2026-03-01' + cast(i % 28 as integer)"):
            _insert(connection, rows, f"{FETCHED} + interval {minute} minute")


def _insert(connection: duckdb.DuckDBPyConnection, rows: Rows, fetched: str) -> None:
    names = ", ".join(f'"{name}"' for name in rows.columns)
    values = ", ".join(rows.columns.values())
    connection.execute(
        f"insert into raw.{rows.table} ({names}, _fetched_at) select {values}, {fetched} from {rows.source}"
    )


def _registers(size: Size) -> list[Rows]:
    customers = f"range(1, {size.customers + 1}) as t(i)"
    projects = f"range(1, {size.projects + 1}) as t(i)"
    accounts = "(values (1, 1500, 'Kunder', 1), (2, 1920, 'Bank', 1), (3, 3000, 'Salg', 3), (4, 2700, 'Mva', 2)) as t(i, n, a, g)"  # fmt: skip  # noqa: E501
    month = "date '2021-01-01' + to_months(cast(i as integer))"
    return [
        Rows("currency_code", {"ID": "1", "Code": "'NOK'"}, "range(1)"),
        Rows("company_settings", {"ID": "1", "BaseCurrencyCodeID": "1"}, "range(1)"),
        Rows("account_group", {"ID": "i", "GroupNumber": "cast(i as varchar)"}, "range(1, 9) as t(i)"),
        Rows("account", {"ID": "i", "AccountNumber": "n", "AccountName": "a", "TopLevelAccountGroupID": "g"}, accounts),
        Rows("account", {"ID": "1000 + i", "AccountNumber": "100000 + i", "CustomerID": "i"}, customers),
        Rows("business_relation", {"ID": "i", "Name": "'Kunde ' || i"}, customers),
        Rows(
            "customer",
            {
                "ID": "i",
                "CustomerNumber": "100000 + i",
                "BusinessRelationID": "i",
                "StatusCode": "30001",
                "CreditDays": "14",
                "DefaultSellerID": "1 + i % 20",
            },
            customers,
        ),
        Rows("seller", {"ID": "i", "Name": "'Selger ' || i"}, "range(1, 21) as t(i)"),
        Rows("product", {"ID": "i", "PartName": "'P' || i", "Name": "'Vare ' || i"}, "range(1, 501) as t(i)"),
        Rows("project", {"ID": "i", "ProjectNumber": "'P' || i", "Name": "'Prosjekt ' || i"}, projects),
        Rows("dimensions", {"ID": "i", "ProjectID": "i"}, projects),
        Rows(
            "period",
            {
                "ID": "i + 1",
                "No": "1 + i % 12",
                "AccountYear": "2021 + i // 12",
                "FromDate": month,
                "ToDate": f"{month} + interval 1 month - interval 1 day",
                "PeriodSeriesID": "1",
            },
            "range(72) as t(i)",
        ),
    ]


def _trade(source: str, day: str = "date '2021-01-01' + cast(i * 37 % 1900 as integer)") -> list[Rows]:
    paid_day = f"{day} + cast(i % 40 as integer)"
    net = "cast(400 + i % 4000 * 4 as decimal(19, 6))"
    gross = f"({net} * 1.25)"
    paid = "i % 10 <> 0"
    project = "case when i % 3 = 0 then 1 + i % 200 end"
    return [
        Rows(
            "customer_invoice",
            {
                "ID": "i",
                "CustomerID": "c",
                "InvoiceNumber": "cast(i as varchar)",
                "InvoiceType": "0",
                "StatusCode": f"case when {paid} then 42004 else 42002 end",
                "InvoiceDate": day,
                "PaymentDueDate": f"{day} + 14",
                "TaxExclusiveAmount": net,
                "VatTotalsAmount": f"{net} * 0.25",
                "TaxInclusiveAmount": gross,
                "RestAmount": f"case when {paid} then 0 else {gross} end",
                "DefaultSellerID": "1 + c % 20",
                "JournalEntryID": "i * 2",
                "CurrencyCodeID": "1",
            },
            source,
        ),
        Rows(
            "customer_invoice_item",
            {
                "ID": f"i * {LINES} + n",
                "CustomerInvoiceID": "i",
                "ProductID": f"1 + hash(i * {LINES} + n) % 500",
                "NumberOfItems": "1",
                "PriceExVat": f"{net} / {LINES}",
                "SumTotalExVat": f"{net} / {LINES}",
                "SumVat": f"{net} / {LINES} * 0.25",
                "SumTotalIncVat": f"{gross} / {LINES}",
                "DimensionsID": project,
            },
            f"{source} cross join range({LINES}) as lines(n)",
        ),
        Rows(
            "journal_entry_line",
            {
                "ID": "i * 5 + n",
                "JournalEntryID": "case when n < 3 then i * 2 else i * 2 + 1 end",
                "JournalEntryNumber": "cast(i as varchar) || '-2026'",
                "JournalEntryTypeID": "case n when 0 then 8 when 3 then 9 end",
                "AccountID": "case n when 0 then 1 when 1 then 3 when 2 then 4 when 3 then 1 else 2 end",
                "SubAccountID": "case when n in (0, 3) then 1000 + c end",
                "Amount": f"case n when 0 then {gross} when 1 then -{net} when 2 then -{net} * 0.25"
                f" when 3 then -{gross} else {gross} end",
                "RestAmount": f"case when n = 0 and not ({paid}) then {gross} else 0 end",
                "FinancialDate": f"case when n > 2 then {paid_day} else {day} end",
                "DueDate": f"case when n = 0 then {day} + 14 end",
                "PeriodID": f"(year({day}) - 2021) * 12 + month({day})",
                "CustomerInvoiceID": "case when n = 0 then i end",
                "DimensionsID": f"case when n = 1 then {project} end",
                "StatusCode": f"case when n = 0 and {paid} then 31003 end",
            },
            f"{source} cross join range(5) as lines(n) where n < 3 or {paid}",
        ),
        Rows(
            "post_post",
            {
                "ID": "i",
                "JournalEntryLine1ID": "i * 5",
                "JournalEntryLine2ID": "i * 5 + 3",
                "Amount": gross,
                "Date": paid_day,
            },
            f"{source} where {paid}",
        ),
    ]
