"""The hard cases by hand: one company, a party for each, figures that were worked out on paper."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sounimicro_pipelines.warehouse.budget import BudgetRow, fill_register
from sounimicro_pipelines.warehouse.reports import ReportRun, build_reports
from sounimicro_pipelines_tests.reports.book import Book
from sounimicro_pipelines_tests.reports.compare import differences
from sounimicro_pipelines_tests.reports.conftest import NewCompany
from sounimicro_pipelines_tests.reports.ledgers import Record
from sounimicro_pipelines_tests.reports.oracle import figures
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

TODAY = date(2026, 3, 30)
BUDGET = [("100009", 2026, 1, Decimal("-50.00")), ("100009", 2026, 2, Decimal("1000.00"))]
Ask = Callable[..., list[tuple[Any, ...]]]


def _trade(book: Book) -> None:
    party = book.party("øre")
    book.invoice(party, date(2026, 3, 2), [book.item("99.99", "24.9975") for _ in range(3)])

    party = book.party("rounded")
    book.invoice(party, date(2026, 3, 2), [book.item("10.00", "2.50")], PayableRoundingAmount=Decimal("0.50"))

    party = book.party("across years")
    invoice = book.invoice(party, date(2025, 12, 30), [book.item("1000", "250")])
    note = book.invoice(party, date(2026, 1, 2), [book.item("-1000", "-250")], InvoiceReferenceID=invoice["ID"])
    party.match(invoice["_line"], note["_line"], Decimal(1250), date(2026, 1, 2))
    invoice["StatusCode"] = 42006

    party = book.party("paid before")
    payment = book.payment(party, "500", date(2026, 1, 20))
    invoice = book.invoice(party, date(2026, 2, 1), [book.item("400", "100")])
    party.match(invoice["_line"], payment, Decimal(500), date(2026, 2, 1))

    party = book.party("unallocated")
    book.invoice(party, date(2026, 1, 1), [book.item("800", "200")])
    book.payment(party, "300", date(2026, 2, 1))

    party = book.party("currency gain")
    invoice = book.invoice(party, date(2026, 2, 2), [book.item("1000")], CurrencyCodeID=2)
    payment = book.payment(party, "1010", date(2026, 2, 20), CurrencyCodeID=2, AmountCurrency=Decimal("-90"))
    gain = party.post(Decimal(10), date(2026, 2, 20), 9, JournalEntryTypeID=None)
    party.match(invoice["_line"], payment, Decimal(1000), date(2026, 2, 20))
    party.match(gain, payment, Decimal(10), date(2026, 2, 20))

    party = book.party("leap day")
    book.invoice(party, date(2024, 2, 15), [book.item("100")])

    party = book.party("clock change")
    book.invoice(party, date(2026, 3, 15), [book.item("100")])
    book.invoice(party, date(2026, 3, 16), [book.item("100")])

    party = book.party("budgeted")
    book.invoice(party, date(2026, 1, 31), [book.item("100")])

    book.party("empty")
    party = book.party("empty supplier", "supplier")


def _orders(book: Book) -> None:
    party, company = book.party("deliveries"), book.company
    items = [
        {"ID": 900 + place, "ProductID": 1, "NumberOfItems": 4, "SumTotalExVat": 400, "StatusCode": 41102}
        for place in range(4)
    ]
    company.add(
        "CustomerOrder", CustomerID=party.id, StatusCode=41003, OrderNumber=700, OrderDate="2026-01-05", Items=items,
        TaxExclusiveAmount=1600, TaxInclusiveAmount=2000,
    )  # fmt: skip
    for quantities in ([1, 2, 6], [0, 1, 0]):
        lines = [
            book.item("100", NumberOfItems=quantity, OrderItemId=901 + place)
            for place, quantity in enumerate(quantities)
            if quantity
        ]
        book.invoice(party, date(2026, 2, 2), lines)


def _accounts(book: Book) -> None:
    company = book.company
    project = company.records["Project"][2]
    company.add("Dimensions", ProjectID=project["ID"])
    dimensions = company.records["Dimensions"][-1]["ID"]
    lines: list[Record] = [
        {"AccountID": 7, "Amount": Decimal(place), "DimensionsID": dimensions} for place in range(1, 40)
    ]
    lines.append({"AccountID": 2, "Amount": Decimal(-780)})
    party = book.party("vouchers")
    party.voucher(lines, date(2026, 3, 3))
    closing = next(one for one in company.records["Period"] if one["No"] == 13 and one["AccountYear"] == 2025)
    party.voucher(
        [{"AccountID": 8, "Amount": Decimal(77), "PeriodID": closing["ID"]}, {"AccountID": 2, "Amount": Decimal(-77)}],
        date(2025, 12, 31),
    )
    party.voucher([{"AccountID": 8, "Amount": Decimal(5)}, {"AccountID": 2, "Amount": Decimal(-5)}], date(2031, 5, 5))
    budget = company.add("Budget", Name="2026", AccountingYear=2026, StatusCode=47002)
    company.add("BudgetEntry", BudgetID=budget["ID"], AccountID=8, PeriodNumber=1, Amount=Decimal(-100))
    company.add("BudgetEntry", BudgetID=budget["ID"], AccountID=5, PeriodNumber=1, Amount=Decimal(250))


def _many_lines(book: Book) -> None:
    party = book.party("ten thousand lines")
    for place in range(6668):
        moment = date(2024, 1, 1) + timedelta(days=place % 800)
        line = party.post(Decimal(place + 1) / 100, moment, 5, JournalEntryTypeID=8)
        if place % 2:
            payment = book.payment(party, str(Decimal(place + 1) / 100), moment)
            party.match(line, payment, Decimal(place + 1) / 100, moment)


@pytest.fixture(scope="module")
def built(new_company: NewCompany, dbt_target: Path) -> tuple[Book, Path, ReportRun]:
    book = Book()
    for write in (_trade, _orders, _accounts, _many_lines):
        write(book)
    path = new_company("hard")
    write_raw(path, book.company.records)
    with duckdb.connect(str(path)) as connection:
        fill_register(connection, [BudgetRow(*row) for row in BUDGET])
    run = build_reports(path, company="alpha", as_of=TODAY, target=dbt_target)
    return book, path, run


@pytest.fixture
def ask(built: tuple[Book, Path, ReportRun]) -> Ask:
    """Rows of a party by its name; `$party` is its id."""
    book, path, _ = built

    def query(name: str, sql: str) -> list[tuple[Any, ...]]:
        party = book.parties[name]
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(
                sql.replace("$party", f"role = '{party.role}' and party_id = {party.id}")
            ).fetchall()

    return query


def test_all_of_it_agrees_with_the_oracle_and_ties_out(built: tuple[Book, Path, ReportRun]) -> None:
    book, path, run = built
    assert differences(path, figures(book.company.records, TODAY, BUDGET)) == []
    assert run.ties_out, run.finding


def test_three_times_99_99_adds_up_to_its_header(ask: Ask) -> None:
    assert ask("øre", "select net_amount, vat_amount, gross_amount from reports.invoice where $party") == [
        (Decimal("299.97"), Decimal("74.99"), Decimal("374.96"))
    ]
    lines = ask("øre", "select kind, sum(vat_amount), sum(gross_amount) from reports.invoice_line where $party group by 1 order by 1")  # fmt: skip  # noqa: E501
    assert lines == [
        ("product", Decimal("75.00"), Decimal("374.97")),
        ("rounding", Decimal("-0.01"), Decimal("-0.01")),
    ]


def test_a_header_rounding_is_a_line_without_product(ask: Ask) -> None:
    rows = ask("rounded", "select product_id, kind, net_amount, gross_amount from reports.invoice_line where $party order by 2")  # fmt: skip  # noqa: E501
    assert rows == [
        (1, "product", Decimal("10.00"), Decimal("12.50")),
        (None, "rounding", Decimal("0.00"), Decimal("0.50")),
    ]


def test_a_credit_note_counts_in_its_own_year(ask: Ask) -> None:
    rows = ask("across years", "select invoiced_this_year, invoiced_last_year, balance, open_amount, paid_invoice_count from reports.party where $party")  # fmt: skip  # noqa: E501
    assert rows == [(Decimal(-1000), Decimal(1000), Decimal(0), Decimal(0), 0)]


def test_a_payment_before_its_invoice_is_not_late(ask: Ask) -> None:
    rows = ask("paid before", "select actual_credit_days, average_days_late, paid_invoice_count, last_payment_date from reports.party where $party")  # fmt: skip  # noqa: E501
    assert rows == [(Decimal("0.00"), Decimal("0.00"), 1, date(2026, 1, 20))]


def test_an_unallocated_payment_is_never_netted_into_a_bucket(ask: Ask) -> None:
    rows = ask("unallocated", "select balance, open_amount, overdue_amount, overdue_61_90_amount, unallocated_amount from reports.party where $party")  # fmt: skip  # noqa: E501
    assert rows == [(Decimal(700), Decimal(1000), Decimal(1000), Decimal(1000), Decimal(-300))]


def test_a_currency_gain_settles_to_the_ore(ask: Ask) -> None:
    assert ask("currency gain", "select balance, open_count from reports.party where $party") == [(Decimal(0), 0)]
    rows = ask("currency gain", "select sum(amount) from reports.matching where $party")
    assert rows == [(Decimal(0),)]


def test_a_due_date_on_29_february_is_counted_in_calendar_days(ask: Ask) -> None:
    assert ask("leap day", "select due_date, days_overdue, bucket from reports.open_item where $party") == [
        (date(2024, 2, 29), 760, "over_90")
    ]


def test_due_on_the_sunday_of_the_clock_change_is_one_day_overdue_on_monday(ask: Ask) -> None:
    rows = ask("clock change", "select due_date, days_overdue, is_overdue from reports.open_item where $party order by 1")  # fmt: skip  # noqa: E501
    assert rows == [(date(2026, 3, 29), 1, True), (date(2026, 3, 30), 0, False)]


def test_no_delivery_one_or_many_never_multiply_a_line(ask: Ask) -> None:
    rows = ask("deliveries", "select delivered_quantity, remaining_quantity, over_delivered_quantity, remaining_net_amount from reports.sales_line where $party order by line_id")  # fmt: skip  # noqa: E501
    assert [tuple(map(int, row)) for row in rows] == [(0, 4, 0, 400), (1, 3, 0, 300), (3, 1, 0, 100), (6, 0, 2, 0)]
    document = ask("deliveries", "select remaining_net_amount, delivered_share from reports.sales_document where $party")  # fmt: skip  # noqa: E501
    assert document == [(Decimal(800), Decimal("0.500000"))]
    assert ask("deliveries", "select distinct order_number from reports.invoice where $party") == [("700",)]


def test_an_empty_customer_and_an_empty_supplier_stand_with_zeros(ask: Ask) -> None:
    for name in ("empty", "empty supplier"):
        rows = ask(name, "select balance, open_amount, overdue_count, oldest_due_date, average_days_late, invoiced_this_year from reports.party where $party")  # fmt: skip  # noqa: E501
        assert rows == [(Decimal(0), Decimal(0), 0, None, None, Decimal(0))]


def test_a_customers_budget_may_be_negative_and_stands_beside_what_was_invoiced(ask: Ask) -> None:
    rows = ask("budgeted", "select year, period, budget_amount, actual_amount, variance_amount, favourable from reports.budget_actual where scope = 'customer' and scope_id = 9 order by 1, 2")  # fmt: skip  # noqa: E501
    assert rows == [
        (2026, 1, Decimal(-50), Decimal(100), Decimal(150), True),
        (2026, 2, Decimal(1000), Decimal(0), Decimal(-1000), False),
    ]


def test_period_13_and_a_missing_financial_year_are_kept_apart(ask: Ask) -> None:
    rows = ask("vouchers", "select year, period, budget_amount, actual_amount, favourable from reports.budget_actual where scope = 'account' and account_number = '6800' order by 1, 2")  # fmt: skip  # noqa: E501
    assert rows == [
        (2025, 13, Decimal(0), Decimal(77), False),
        (2026, 1, Decimal(-100), Decimal(0), False),
        (2031, 5, Decimal(0), Decimal(5), False),
    ]


def test_a_voucher_of_forty_lines_is_all_of_a_projects_cost(ask: Ask) -> None:
    rows = ask("vouchers", "select sum(amount), count(*) from reports.voucher_line where voucher_number = (select min(voucher_number) from reports.project_line where project_id = 3 and account_number = '4300' and amount = 39)")  # fmt: skip  # noqa: E501
    assert rows == [(Decimal(0), 40)]
    drilled = ask("vouchers", "select p.cost - sum(l.amount) from reports.project p join reports.project_line l using (project_id) where project_id = 3 and l.kind = 'cost' group by p.cost")  # fmt: skip  # noqa: E501
    assert drilled == [(Decimal(0),)]


def test_ten_thousand_lines_of_one_customer_add_up(ask: Ask) -> None:
    rows = ask("ten thousand lines", "select (select count(*) from reports.statement_line where $party), (select sum(amount) from reports.statement_line where $party), balance, open_count from reports.party where $party")  # fmt: skip  # noqa: E501
    open_lines = [Decimal(place + 1) / 100 for place in range(6668) if not place % 2]
    assert rows == [(10002, sum(open_lines), sum(open_lines), 3334)]


@pytest.mark.parametrize("day", [date(2026, 1, 15), date(2026, 2, 1), date(2026, 2, 25), TODAY])
def test_open_as_of_a_past_day_is_what_was_posted_less_what_was_paired(ask: Ask, day: date) -> None:
    sql = f"""
        select coalesce(sum(line.amount - coalesce(paired.amount, 0)), 0)
        from reports.statement_line as line
        left join (
            select journal_entry_line_id, sum(amount) as amount
            from reports.matching
            where date <= '{day}'
            group by 1
        ) as paired using (journal_entry_line_id)
        where $party and line.financial_date <= '{day}'
    """
    expected = {date(2026, 1, 15): 0, date(2026, 2, 1): 0, date(2026, 2, 25): 0, TODAY: 0}
    assert ask("paid before", sql) == [(Decimal(expected[day]),)]
    unallocated = {date(2026, 1, 15): 1000, date(2026, 2, 1): 700, date(2026, 2, 25): 700, TODAY: 700}
    assert ask("unallocated", sql) == [(Decimal(unallocated[day]),)]


def test_a_company_with_nothing_in_it_has_empty_reports(new_company: NewCompany, dbt_target: Path) -> None:
    path = new_company("nothing")
    run = build_reports(path, company="alpha", as_of=TODAY, target=dbt_target)
    assert run.ties_out
    assert {model.rows for model in run.models if model.schema == "reports" and model.name != "tie_out"} == {0}


@pytest.fixture(scope="module")
def crooked(new_company: NewCompany, dbt_target: Path) -> tuple[dict[str, int], ReportRun]:
    """A voucher that does not sum to zero, and those on sub-accounts not listed or nobody's; and their build."""
    book = Book()
    party = book.party("crooked")
    ledger_account = 2

    def on(sub_account: int) -> int:
        line = {"AccountID": 1, "SubAccountID": sub_account, "Amount": Decimal(75)}
        return party.voucher([line, {"AccountID": 2, "Amount": Decimal(-75)}], TODAY)

    vouchers = {
        "unbalanced": party.voucher(
            [{"AccountID": 8, "Amount": Decimal(5)}, {"AccountID": 2, "Amount": Decimal("-4.99")}], TODAY
        ),
        "unlisted": on(999999),
        "nobody's": on(ledger_account),
    }
    path = new_company("crooked")
    write_raw(path, book.company.records)
    return vouchers, build_reports(path, company="alpha", as_of=TODAY, target=dbt_target)


@pytest.mark.parametrize(
    ("check", "wrong", "figure"),
    [
        ("voucher_sums_to_zero", ["unbalanced"], "0.01"),
        ("ledger_party_is_known", ["unlisted", "nobody's"], "75.00"),
    ],
)
def test_a_voucher_that_does_not_tie_out_is_reported_not_repaired(
    crooked: tuple[dict[str, int], ReportRun], check: str, wrong: list[str], figure: str
) -> None:
    vouchers, run = crooked
    failed = {one.name: one.keys for one in run.checks if not one.ok}
    assert set(failed) == {"voucher_sums_to_zero", "ledger_party_is_known"}
    assert len(failed[check]) == len(wrong)
    for name, key in zip(wrong, failed[check], strict=True):
        assert key.startswith(f"voucher_id={vouchers[name]} ")
        assert f"0.00 <> {figure}" in key
    assert not run.ties_out
