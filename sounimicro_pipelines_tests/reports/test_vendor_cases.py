"""What the ERP's rows may look like and what the figures then are, case by case, worked out on paper."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sounimicro_pipelines.warehouse.reports import ReportRun, build_reports
from sounimicro_pipelines_tests.reports.book import Book
from sounimicro_pipelines_tests.reports.compare import differences
from sounimicro_pipelines_tests.reports.conftest import NewCompany
from sounimicro_pipelines_tests.reports.oracle import figures
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

TODAY = date(2026, 3, 30)
Ask = Callable[..., list[tuple[Any, ...]]]


def _vouchers(book: Book) -> None:
    party = book.party("reversed")
    line = party.post(Decimal(400), date(2026, 1, 5), 5, StatusCode=31004, RestAmount=0, JournalEntryTypeID=8)
    back = {"StatusCode": 31004, "RestAmount": 0, "OriginalReferencePostID": line["ID"], "JournalEntryTypeID": 8}
    party.post(Decimal(-400), date(2026, 1, 9), 5, **back)
    party.post(Decimal(450), date(2026, 1, 9), 5, StatusCode=None, JournalEntryTypeID=8, DueDate=date(2026, 1, 23))

    party = book.party("opening balance")
    party.post(Decimal(900), date(2026, 1, 1), 9, JournalEntryTypeID=25, DueDate=date(2025, 12, 1))

    party = book.party("creditor", "supplier")
    invoice = book.invoice(party, date(2026, 2, 2), [book.item("1000", "250")])
    book.invoice(party, date(2026, 2, 3), [book.item("-200", "-50")], InvoiceReferenceID=invoice["ID"])
    payment = book.payment(party, "500", date(2026, 2, 20))
    party.match(invoice["_line"], payment, Decimal(500), date(2026, 2, 20))

    party = book.party("paid in kroner")
    owed = party.post(Decimal(1150), date(2026, 2, 2), 5, JournalEntryTypeID=8, CurrencyCodeID=2, AmountCurrency=100)
    paid = book.payment(party, "1150", date(2026, 2, 20))
    party.match(owed, paid, Decimal(1150), date(2026, 2, 20))
    book.company.records["PostPost"][-1] |= {"CurrencyCodeID": 2, "AmountCurrency": 100}


def _documents(book: Book) -> None:
    party = book.party("taken back")
    book.invoice(party, date(2026, 2, 2), [book.item("100", "25")])
    for left_out in ({"StatusCode": 42001}, {"StatusCode": 90001}, {"StatusCode": 42002, "Deleted": True}):
        book.company.add(
            "CustomerInvoice", CustomerID=party.id, InvoiceDate="2026-02-02", TaxInclusiveAmount=5, **left_out
        )

    party = book.party("kept positive")
    invoice = book.invoice(party, date(2026, 2, 2), [book.item("100", "25", NumberOfItems=4)])
    note = {
        "InvoiceType": 1,
        "TaxExclusiveAmount": 50,
        "VatTotalsAmount": Decimal("12.5"),
        "RestAmount": Decimal("62.5"),
    }
    book.company.add(
        "CustomerInvoice", CustomerID=party.id, StatusCode=42002, InvoiceDate="2026-02-03", Deleted=False,
        InvoiceReferenceID=invoice["ID"], TaxInclusiveAmount=Decimal("62.5"),
        Items=[book.item("50", "12.5", NumberOfItems=2)], **note,
    )  # fmt: skip

    party = book.party("abroad")
    book.invoice(
        party, date(2026, 2, 2), [book.item("1150", SumTotalExVatCurrency=100, SumTotalIncVatCurrency=100)],
        CurrencyCodeID=2, CurrencyExchangeRate=Decimal("11.5"), TaxExclusiveAmountCurrency=100,
        TaxInclusiveAmountCurrency=100, RestAmountCurrency=100,
    )  # fmt: skip
    book.company.add(
        "CustomerOrder", CustomerID=party.id, StatusCode=41002, OrderNumber=801, OrderDate="2026-02-02",
        CurrencyCodeID=2, TaxExclusiveAmount=1150, TaxExclusiveAmountCurrency=100, Items=[
            {"ID": 800, "ProductID": 1, "NumberOfItems": 1, "SumTotalExVat": 1150, "SumTotalExVatCurrency": 100,
             "StatusCode": 41102},
        ],
    )  # fmt: skip

    party = book.party("two sellers")
    invoice = book.invoice(party, date(2026, 2, 2), [book.item("100.01")])
    for seller in (2, 3):
        book.company.add("SellerLink", SellerID=seller, Percent=50, CustomerInvoiceID=invoice["ID"])

    for name, fields, reminders in (
        ("reminded", {}, [42102]),
        ("not yet sent", {}, [42101]),
        ("next not sent", {}, [42102, 42101]),
        ("collected", {"CollectorStatusCode": 42501}, [42106]),
        ("sold", {"StatusCode": 42005}, []),
        ("with others", {"CollectorStatusCode": 42505}, [42102]),
    ):
        party = book.party(name)
        invoice = book.invoice(party, date(2026, 1, 2), [book.item("100")], **fields)
        for number, status in enumerate(reminders, start=1):
            book.company.add(
                "CustomerInvoiceReminder",
                CustomerInvoiceID=invoice["ID"],
                ReminderNumber=number,
                RemindedDate=f"2026-02-{19 + number}",
                StatusCode=status,
            )


def _orders(book: Book) -> None:
    party, company = book.party("orders"), book.company
    lines = [(41102, 41003), (41103, 41004), (41104, 41003), (41101, 41001), (41102, 41005), (41102, 41003)]
    for place, (line_status, order_status) in enumerate(lines):
        item = {"ID": 700 + place, "ProductID": 1, "NumberOfItems": 4, "SumTotalExVat": 400, "StatusCode": line_status}
        company.add(
            "CustomerOrder", CustomerID=party.id, StatusCode=order_status, OrderNumber=700 + place,
            OrderDate="2026-01-05", TaxExclusiveAmount=400, Items=[item],
        )  # fmt: skip
    invoice = book.invoice(party, date(2026, 2, 2), [book.item("400", NumberOfItems=4, OrderItemId=700)])
    invoice["StatusCode"] = 42007
    book.invoice(
        party, date(2026, 2, 3), [book.item("-100", NumberOfItems=-1, OrderItemId=700)],
        InvoiceReferenceID=invoice["ID"],
    )  # fmt: skip
    invoice = book.invoice(party, date(2026, 2, 2), [book.item("400", NumberOfItems=4, OrderItemId=705)])
    invoice["StatusCode"] = 42006
    book.invoice(
        party, date(2026, 2, 3), [book.item("-400", NumberOfItems=-4, OrderItemId=705)],
        InvoiceReferenceID=invoice["ID"],
    )  # fmt: skip
    quote = [{"ID": 790, "ProductID": 1, "NumberOfItems": 4, "SumTotalExVat": 400}]
    company.add("CustomerQuote", CustomerID=party.id, StatusCode=40102, QuoteDate="2026-01-05", Items=quote)


@pytest.fixture(scope="module")
def built(new_company: NewCompany, dbt_target: Path) -> tuple[Book, Path, ReportRun]:
    book = Book()
    for write in (_vouchers, _documents, _orders):
        write(book)
    path = new_company("vendor")
    write_raw(path, book.company.records)
    return book, path, build_reports(path, company="alpha", as_of=TODAY, target=dbt_target)


@pytest.fixture
def ask(built: tuple[Book, Path, ReportRun]) -> Ask:
    """Rows of a party by its name, from a table of the reports."""
    book, path, _ = built

    def query(name: str, what: str, order: str = "all") -> list[tuple[Any, ...]]:
        party = book.parties[name]
        columns, _, table = what.partition(" of ")
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(
                f"select {columns} from reports.{table} where role = ? and party_id = ? order by {order}",
                [party.role, party.id],
            ).fetchall()

    return query


def test_all_of_it_agrees_with_the_oracle_and_ties_out(built: tuple[Book, Path, ReportRun]) -> None:
    book, path, run = built
    assert differences(path, figures(book.company.records, TODAY)) == []
    assert run.ties_out, run.finding


def test_a_voucher_and_its_reversal_leave_the_statement_and_the_balance_stands(ask: Ask) -> None:
    assert ask("reversed", "amount, remaining_amount of statement_line") == [(Decimal(450), Decimal(450))]
    assert ask("reversed", "balance, open_amount, overdue_amount of party") == [(Decimal(450),) * 3]


def test_an_opening_balance_is_open_and_aged_by_its_due_date(ask: Ask) -> None:
    assert ask("opening balance", "kind, bucket, is_overdue of open_item") == [("other", "over_90", True)]


def test_what_is_owed_a_supplier_is_positive_and_what_was_paid_or_credited_negative(ask: Ask) -> None:
    amounts = [(Decimal(-500),), (Decimal(-250),), (Decimal(1250),)]
    assert ask("creditor", "amount of statement_line") == amounts
    assert ask("creditor", "kind, gross_amount of invoice") == [
        ("credit_note", Decimal(-250)),
        ("invoice", Decimal(1250)),
    ]
    assert ask("creditor", "balance, open_amount, unallocated_amount of party") == [
        (Decimal(500), Decimal(750), Decimal(-250))
    ]
    assert ask("creditor", "amount of matching") == [(Decimal(-500),), (Decimal(500),)]


def test_drafts_and_invoices_deleted_by_flag_or_by_status_are_left_out(ask: Ask) -> None:
    assert ask("taken back", "gross_amount of invoice") == [(Decimal(125),)]


def test_a_credit_note_that_the_erp_keeps_positive_is_negative_with_its_lines(ask: Ask) -> None:
    assert ask("kept positive", "kind, net_amount, gross_amount, remaining_amount of invoice", "kind")[0] == (
        "credit_note", Decimal(-50), Decimal("-62.5"), Decimal("-62.5"),
    )  # fmt: skip
    assert ask("kept positive", "quantity, net_amount of invoice_line")[0] == (Decimal(-2), Decimal(-50))


def test_the_documents_currency_stands_beside_and_is_never_the_amount(ask: Ask) -> None:
    for what in (
        "net_amount, currency, net_amount_currency of invoice",
        "net_amount, currency, net_amount_currency of invoice_line",
        "net_amount, currency, net_amount_currency of sales_document",
        "net_amount, currency, net_amount_currency of sales_line",
    ):
        assert ask("abroad", what) == [(Decimal(1150), "EUR", Decimal(100))], what


def test_a_pairing_is_in_its_own_currency_on_the_line_that_is_in_kroner_too(ask: Ask) -> None:
    assert ask("paid in kroner", "amount, currency, amount_currency of matching", "amount") == [
        (Decimal(-1150), "EUR", Decimal(-100)),
        (Decimal(1150), "EUR", Decimal(100)),
    ]
    assert ask("paid in kroner", "currency of statement_line", "amount") == [("NOK",), ("EUR",)]


def test_an_uneven_split_between_sellers_gives_the_first_the_last_ore(ask: Ask) -> None:
    assert ask("two sellers", "seller, net_amount of turnover_seller", "seller_id") == [
        ("Selger 1", Decimal("50.01")),
        ("Selger 2", Decimal("50.00")),
    ]
    assert ask("two sellers", "seller of invoice") == [("Selger 0",)]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("reminded", "reminded"),
        ("not yet sent", "none"),
        ("next not sent", "reminded"),
        ("collected", "collection"),
        ("sold", "factoring"),
        ("with others", "third_party"),
    ],
)
def test_collection_is_the_graver_of_the_invoices_state_and_its_last_reminder(ask: Ask, name: str, state: str) -> None:
    assert ask(name, "collection_state of invoice") == [(state,)]
    assert ask(name, "collection_state of open_item") == [(state,)]
    assert ask(name, "collection_state of party") == [(state,)]


@pytest.mark.parametrize(
    ("name", "reminder"),
    [
        ("reminded", (1, date(2026, 2, 20))),
        ("not yet sent", (None, None)),
        ("next not sent", (1, date(2026, 2, 20))),
        ("sold", (None, None)),
    ],
)
def test_an_invoice_tells_its_last_reminder_that_was_sent(
    ask: Ask, name: str, reminder: tuple[int | None, date | None]
) -> None:
    assert ask(name, "reminder_count, reminded_date of invoice") == [reminder]


def test_what_was_delivered_follows_the_line_the_order_and_what_was_credited(ask: Ask) -> None:
    rows = ask(
        "orders", "line_id, delivered_quantity, remaining_quantity, remaining_net_amount of sales_line", "line_id"
    )
    assert rows == [
        (700, Decimal(3), Decimal(1), Decimal(100)),  # four invoiced, one credited again
        (701, Decimal(4), Decimal(0), Decimal(0)),  # transferred as a whole, without a trace of the invoice
        (702, Decimal(0), Decimal(0), Decimal(0)),  # the rest was cancelled
        (703, Decimal(0), Decimal(0), Decimal(0)),  # a draft
        (704, Decimal(0), Decimal(0), Decimal(0)),  # registered on an order that was closed
        (705, Decimal(0), Decimal(4), Decimal(400)),  # invoiced and credited as a whole
        (790, None, None, None),  # a quote
    ]
