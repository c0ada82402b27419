"""The company panel: what it shows, what it refuses, and how it says so."""

from __future__ import annotations

import html
import io
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.panels import create_app, drawing, pages
from sounimicro_pipelines.panels.kept_names import kept_name
from sounimicro_pipelines.panels.words import words
from sounimicro_pipelines.store import Store, links
from sounimicro_pipelines.warehouse.publish import TieOut
from sounimicro_pipelines_tests.panels import world
from sounimicro_pipelines_tests.panels.conftest import client_of

ABB = {"company": "demo", "role": "customer", "party": "79"}
NBSP = "\N{NO-BREAK SPACE}"


def get(client: TestClient, **query: Any) -> str:
    response = client.get("/panel/company", params={key: value for key, value in query.items() if value is not None})
    assert response.status_code == 200, response.text
    return response.text


def rows_of(page: str) -> list[list[str]]:
    """The texts of the first grid's body."""
    table = page.split('<table class="grid">')[1].split("</table>")[0].split("<tbody>")[1].split("</tbody>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in table.split("<tr>")[1:]]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_open_items_come_oldest_overdue_first_then_open_then_unallocated(client: TestClient) -> None:
    rows = rows_of(get(client, **ABB))
    assert [row[0] for row in rows] == ["30411", "30502", "30510", "30520", "2026-99"]
    assert [row[1] for row in rows] == [
        "Forfalt 145 dager",
        "Forfalt 2 dager",
        "Forfaller i dag",
        "Forfaller om 27 dager",
        "Ikke plassert",
    ]
    assert [row[-1] for row in rows][:2] == [f"10{NBSP}000,00", f"3{NBSP}750,50"]


def test_the_menu_choices_have_addresses_of_their_own(client: TestClient) -> None:
    page = get(client, **ABB)
    for view in ("all", "overdue", "not-overdue"):
        assert f"tab=open-items&amp;view={view}" in page
    assert [row[0] for row in rows_of(get(client, **ABB, tab="open-items", view="overdue"))] == ["30411", "30502"]
    not_overdue = rows_of(get(client, **ABB, tab="open-items", view="not-overdue"))
    assert [row[0] for row in not_overdue] == ["30510", "30520", "2026-99"]


def test_the_summary_is_the_partys_and_says_how_old_it_is(client: TestClient) -> None:
    page = get(client, **ABB)
    for element, amount in (("balance", "21 500,00"), ("overdue", "13 750,50"), ("unallocated", "−2 500,00")):
        shown = re.search(rf'id="{element}">([^<]*)<', page)
        assert shown is not None
        assert shown[1].replace(NBSP, " ") == amount
    assert "Hentet for 12 minutter siden" in page
    assert "Per 23.11.2026" in page
    assert "Stemmer med reskontro" in page
    assert "2 poster er forfalt" in page


def test_payment_habits_are_said_in_words_and_drawn(client: TestClient) -> None:
    page = get(client, **ABB)
    assert "Betaler i snitt 12 dager etter forfall" in page
    assert "Pays 12 days after the due date on average" in get(client, **ABB, lang="en")
    drawn = re.findall(r'<rect class="fill-(\w+)" width="([\d.]+)"', page.split('id="habits-title"')[1])
    assert drawn == [("unallocated", "72.3"), ("overdue", "100.0")]
    assert "30 dager" in page
    assert "42 dager" in page


def test_months_of_more_credit_than_sales_are_drawn_below_the_line() -> None:
    values = [drawing.Value(0, "1", Decimal(100), Decimal(60)), drawing.Value(2, "3", Decimal(-100))]
    found = drawing.columns(values)
    assert found is not None
    assert found.zero == 44
    assert [(bar.y, bar.height, bar.level) for bar in found.bars] == [(4, 40, 20), (44, 40, None)]
    assert [bar.x for bar in found.bars] == [0, 60]
    assert drawing.columns([drawing.Value(0, "1", Decimal(0))]) is None


def test_english_is_complete(client: TestClient) -> None:
    page = get(client, **ABB, lang="en")
    assert "Overdue 145 days" in page
    assert "Ties out with the ledger" in page
    assert "lang=en" in page
    assert not re.search(r"Forfal|Åpne|Saldo|Hentet", page)


def test_a_column_sorts_both_ways_and_says_so(client: TestClient) -> None:
    page = get(client, **ABB, sort="remaining_amount", dir="desc")
    assert [row[0] for row in rows_of(page)] == ["30411", "30520", "30502", "30510", "2026-99"]
    assert page.count('aria-sort="descending"') == 1
    assert "sort=remaining_amount&amp;dir=asc" in page


def test_the_filter_keeps_matching_rows_and_their_sum(client: TestClient) -> None:
    page = get(client, **ABB, q="purret")
    assert [row[0] for row in rows_of(page)] == ["30502"]
    assert f"3{NBSP}750,50</td>" in page.split("<tfoot>")[1]
    assert "Ingen rader passer til «zebra»" in get(client, **ABB, q="zebra")


def test_an_invoice_number_leads_to_the_invoice_with_its_lines_and_payments(client: TestClient) -> None:
    page = get(client, **ABB)
    assert "tab=invoices&amp;view=invoice&amp;invoice=411" in page
    detail = get(client, **ABB, tab="invoices", view="invoice", invoice=411)
    assert "Faktura 30411" in detail
    assert [row[1] for row in rows_of(detail)] == ["Kabel 3x2,5", "Montering"]
    assert "15.08.2026" in detail
    assert "REK-7" in detail
    assert "2. purring, 20.08.2026" in detail
    assert "Forfalt 145 dager" in detail


def test_an_item_without_an_invoice_leads_to_what_is_posted(client: TestClient) -> None:
    assert "view=item&amp;line=1004" in get(client, **ABB)
    detail = get(client, **ABB, tab="open-items", view="item", line=1004)
    assert "Manuell post" in detail
    assert "Forfaller om 27 dager" in detail


def test_without_published_invoices_every_number_leads_to_the_item(tmp_path: Path, sqlite_store: Store) -> None:
    client = client_of(sqlite_store, tmp_path, tables=("party", "open_item"))
    page = get(client, **ABB)
    assert "view=item&amp;line=1001" in page
    assert "tab=invoices" not in page
    assert "tab=statement" not in page


def test_a_party_without_open_items_is_told_that_all_is_settled(client: TestClient) -> None:
    page = get(client, company="demo", role="customer", party=80)
    assert "Alt er gjort opp" in page
    assert "er forfalt, til sammen" not in page


def test_a_company_that_is_both_can_be_seen_as_the_other(client: TestClient) -> None:
    page = get(client, **ABB)
    assert "Se som leverandør" in page
    assert "role=supplier&amp;party=12" in page
    supplier = get(client, company="demo", role="supplier", party=12)
    assert [row[0] for row in rows_of(supplier)] == ["L-77"]
    assert "Se som kunde" in supplier


def test_the_crm_company_finds_its_links(client: TestClient) -> None:
    chooser = get(client, tenant="Cust1", id=1041)
    assert "Velg firma" in chooser
    assert "role=supplier" in chooser
    page = get(client, tenant="Cust1", id=1041, company="demo", role="customer")
    assert "30411" in page
    assert "tenant=Cust1&amp;id=1041" in page
    assert "Tomt &amp; Greit AS" in get(client, tenant="Cust1", id=1042)


def test_amounts_are_in_the_companys_currency_whatever_the_customer_is_invoiced_in(client: TestClient) -> None:
    assert "Beløp i NOK" in get(client, **ABB)
    order = get(client, **ABB, tab="orders", view="document", type="order", document=55)
    assert f"12{NBSP}500,00 NOK" in order
    assert f"1{NBSP}094,10 EUR" in order
    assert client.get("/api/v1/open-items", params=ABB).json()["summary"]["currency"] == "NOK"


def test_a_record_that_was_never_agreed_on_is_called_as_in_the_figures(tmp_path: Path, sqlite_store: Store) -> None:
    """A conflict about the name itself, at the first meeting, was told of «company 1007» alone."""
    world.publish_world(tmp_path, sqlite_store)
    with sqlite_store.read() as tx:
        found = links.for_crm(tx, "Cust1", "contact", 1041)
        assert [kept_name(tx, link) for link in found] == ["ABB Installasjon AS"] * 2


def test_a_customer_that_is_linked_and_new_is_not_said_to_be_missing(tmp_path: Path, sqlite_store: Store) -> None:
    client = client_of(sqlite_store, tmp_path)
    new = (
        "customer",
        "Cust1",
        "contact",
        1043,
        "key-1",
        "customer",
        "Customer",
        4711,
        1,
        "created",
        world.NOW,
        "crm:7",
    )
    with sqlite_store.transaction() as tx:
        links.add(tx, links.Link(*new))
    for whom in ({**ABB, "party": 4711}, {"tenant": "Cust1", "id": 1043, "tab": "statement"}):
        answer = client.get("/panel/company", params=whom)
        assert answer.status_code == 404
        assert "Tallene er ikke hentet ennå" in answer.text
        assert ">Prøv igjen</a>" in answer.text


def test_a_finding_is_shown_where_the_figures_do_not_tie_out(tmp_path: Path, sqlite_store: Store) -> None:
    client = client_of(sqlite_store, tmp_path, tie_out=TieOut(False, "kunde 7: 1,00"))
    page = get(client, **ABB)
    assert "Stemmer ikke med reskontro" in page
    assert "Kontrollen av tallene fant avvik." in page
    assert '<span lang="en">kunde 7: 1,00</span>' in page


def test_what_does_not_tie_out_is_told_in_words_with_the_partys_own_places_alone(
    tmp_path: Path, sqlite_store: Store
) -> None:
    check = (
        "open_items_equal_ledger",
        False,
        2,
        "customer 79: 21500.00 <> 21499.00; customer 790 30999: 5.00 <> 6.00",
        "open items do not add up to the ledger balance (2)",
    )
    client = client_of(sqlite_store, tmp_path, tie_out=TieOut(False, check[-1]), checks=[check])
    page = get(client, **ABB)
    assert "Åpne poster er ikke det samme som saldoen i reskontro (2 steder)" in page
    assert f"21{NBSP}500,00 mot 21{NBSP}499,00" in page
    assert "do not add up" not in page
    assert "30999" not in page, "what another party owes is nobody else's"
    assert "30999" in client.get("/admin/health").text


def test_every_check_of_the_reports_has_its_words() -> None:
    checks = Path("dbt_reports/macros/checks.sql").read_text(encoding="utf-8")
    names = re.findall(r"'(\w+)': '", checks.split("tie_out_checks()")[1].split("endmacro")[0])
    assert len(names) >= 10
    assert [name for name in names if not words("nb").has(f"tie_out.checks.{name}")] == []


def test_the_statement_opens_moves_and_closes(client: TestClient) -> None:
    def figures(**query: Any) -> list[str]:
        page = get(client, **ABB, tab="statement", **query)
        found = [re.search(rf'id="{name}">([^<]*)<', page) for name in ("opening", "movement", "closing")]
        return [match[1].replace(NBSP, " ") for match in found if match]

    assert figures() == ["0,00", "21 500,00", "21 500,00"]
    assert figures(period="this-year") == ["0,00", "21 500,00", "21 500,00"]
    assert figures(period="last-year") == ["0,00", "0,00", "0,00"]
    assert figures(**{"from": "2026-08-15", "to": "2026-10-22"}) == ["12 000,00", "1 750,50", "13 750,50"]
    assert figures(period="last-3-months") == ["10 000,00", "11 500,00", "21 500,00"]


def test_statement_lines_carry_the_balance_after_them(client: TestClient) -> None:
    rows = rows_of(get(client, **ABB, tab="statement"))
    assert [row[-1].replace(NBSP, " ") for row in rows][-3:] == ["14 000,00", "11 500,00", "21 500,00"]


def test_a_voucher_is_shown_whole_and_only_to_its_party(client: TestClient) -> None:
    rows = rows_of(get(client, **ABB, tab="statement", view="voucher", voucher=501))
    assert [row[0] for row in rows] == ["1500", "3000", "2701"]
    refused = client.get("/panel/company", params={**ABB, "tab": "statement", "view": "voucher", "voucher": 777})
    assert refused.status_code == 404
    assert "Hemmelig" not in refused.text


def test_invoice_history_by_kind_product_and_seller(client: TestClient) -> None:
    assert [r[0] for r in rows_of(get(client, **ABB, tab="invoices"))] == ["30510", "30502", "30411", "30400"]
    assert [r[0] for r in rows_of(get(client, **ABB, tab="invoices", view="credit-notes"))] == ["30400"]
    products = rows_of(get(client, **ABB, tab="invoices", view="per-product"))
    assert [(r[0], r[1], r[-1].replace(NBSP, " ")) for r in products] == [
        ("P-7", "Kabel 3x2,5", "9 800,40"),
        ("P-8", "Montering", "2 199,60"),
        ("", "Avrunding", "−0,40"),
    ]
    last_year = rows_of(get(client, **ABB, tab="invoices", view="per-product", period="last-year"))
    assert [(r[0], r[-1]) for r in last_year] == [("P-7", "−800,00")]
    sellers = rows_of(get(client, **ABB, tab="invoices", view="per-seller"))
    assert [(r[0], r[-1].replace(NBSP, " ")) for r in sellers] == [
        ("Kari Selger", "8 999,60"),
        ("Ola Selger", "3 000,40"),
    ]
    of_a_year = get(client, **ABB, tab="invoices", view="per-seller", period="this-year")
    found = re.search(r'href="([^"]*q=Kari\+Selger[^"]*)"', of_a_year)
    assert found is not None
    assert {(r[2][-4:], r[5]) for r in rows_of(client.get(html.unescape(found[1])).text)} == {("2026", "Kari Selger")}
    holding = rows_of(get(client, **ABB, tab="invoices", view="product", product=8))
    assert {r[0] for r in holding} == {"411", "510"}


def test_quotes_and_orders_say_what_is_delivered_and_what_remains(client: TestClient) -> None:
    assert [(r[0], r[1]) for r in rows_of(get(client, **ABB, tab="orders"))] == [
        ("4401", "Tilbud"),
        ("8812", "Ordre"),
        ("8813", "Ordre"),
    ]
    assert [r[0] for r in rows_of(get(client, **ABB, tab="orders", view="quotes"))] == ["4401"]
    orders = rows_of(get(client, **ABB, tab="orders", view="orders"))
    assert [(r[0], r[-2], r[-1].replace(NBSP, " ")) for r in orders] == [
        ("8812", f"75{NBSP}%", "2 500,00"),
        ("8813", f"100{NBSP}%", "0,00"),
    ]
    page = get(client, **ABB, tab="orders", view="document", type="order", document=55)
    assert [r[2:5] for r in rows_of(page)] == [["100", "100", "0"], ["4", "0", "4"]]
    assert f"Rest 2{NBSP}500,00 NOK" in page
    quote = get(client, **ABB, tab="orders", view="document", type="quote", document=55)
    assert "Tilbud 4401" in quote
    assert "Levert" not in quote


def test_orders_per_product_lead_to_every_order_that_holds_it(client: TestClient) -> None:
    page = get(client, **ABB, tab="orders", view="per-product")
    assert [(r[0], r[5]) for r in rows_of(page)] == [("P-8", "4"), ("P-7", "0")]
    assert "view=product&amp;product=7" in page
    assert [r[0] for r in rows_of(get(client, **ABB, tab="orders", view="product", product=7))] == ["8812", "8813"]


def test_orders_per_requisition_lead_to_its_orders(client: TestClient) -> None:
    page = get(client, **ABB, tab="orders", view="per-requisition")
    assert [r[0] for r in rows_of(page)] == ["REK-7", "Uten rekvisisjon"]
    assert [r[0] for r in rows_of(get(client, **ABB, tab="orders", view="orders", q="REK-7"))] == ["8812"]


def test_budget_and_actual_per_period_and_year(client: TestClient) -> None:
    page = get(client, **ABB, tab="budget")
    assert [[cell.replace(NBSP, " ") for cell in r] for r in rows_of(page)] == [
        ["6", "9 000,00", "9 600,00", "600,00", "Over budsjett"],
        ["10", "9 000,00", "3 200,00", "−5 800,00", "Under budsjett"],
    ]
    assert f"71{NBSP}% av budsjettet" in page
    last = get(client, **ABB, tab="budget", year=2025)
    assert "Kunden har ikke noe budsjett" in last
    assert [r[2] for r in rows_of(last)] == ["−800,00"]


def test_budget_and_actual_of_the_choices_of_period(client: TestClient) -> None:
    months = get(client, **ABB, tab="budget", **{"from": "2025-12-01", "to": "2026-06-30"})
    assert [r[0] for r in rows_of(months)] == ["2025-12", "2026-06"]
    assert [r[0] for r in rows_of(get(client, **ABB, tab="budget", period="last-3-months"))] == ["2026-10"]
    assert [r[0] for r in rows_of(get(client, **ABB, tab="budget", period="last-year"))] == ["12"]
    assert "Ingen tall for dette tidsrommet" in get(client, **ABB, tab="budget", period="this-period")
    years = get(client, **ABB, tab="budget", period="all")
    assert [[cell.replace(NBSP, " ") for cell in r] for r in rows_of(years)] == [
        ["2026", "18 000,00", "12 800,00", "−5 200,00", "Under budsjett"],
        ["2025", "0,00", "−800,00", "−800,00", ""],
    ]
    assert "tab=budget&amp;year=2026" in years


def test_a_financial_year_that_begins_in_july_is_shown_by_its_own_days(tmp_path: Path, sqlite_store: Store) -> None:
    """Today is in November: the fifth period of the financial year 2026, whose tenth is next April."""
    months = [(year, month) for year in (2025, 2026) for month in range(1, 13)]
    periods = [
        (
            year,
            month,
            date(year + (month + 5) // 12, (month + 5) % 12 + 1, 1),
            date(year + (month + 6) // 12, (month + 6) % 12 + 1, 1) - timedelta(days=1),
        )
        for year, month in months
    ]
    client = client_of(sqlite_store, tmp_path, periods=periods)

    def shown(**query: str) -> list[str]:
        page = get(client, **ABB, tab="budget", **query)
        return [row[0] for row in rows_of(page)] if '<table class="grid">' in page else []

    assert shown(period="last-3-months") == []
    assert shown(**{"from": "2026-06-01", "to": "2026-06-30"}) == ["2025-12"]
    assert shown(**{"from": "2026-12-01", "to": "2026-12-31"}) == ["2026-06"]
    assert shown(**{"from": "2027-04-01", "to": "2027-04-30"}) == ["2026-10"]
    assert shown(period="this-year") == ["6", "10"]


def test_this_year_is_the_financial_year_that_today_is_in(tmp_path: Path, sqlite_store: Store) -> None:
    client = client_of(sqlite_store, tmp_path, periods=[(2025, 12, date(2026, 11, 1), date(2026, 11, 30))])
    assert [row[0] for row in rows_of(get(client, **ABB, tab="budget"))] == ["12"]
    assert [row[0] for row in rows_of(get(client, **ABB, tab="budget", period="this-year"))] == ["12"]
    assert [row[0] for row in rows_of(get(client, **ABB, tab="budget", period="this-period"))] == ["2025-12"]


def test_back_leads_to_where_one_came_from_as_it_was_there(client: TestClient) -> None:
    def opened(page: str, number: str) -> str:
        found = re.search(rf'<a href="([^"]*)">{number}</a>', page)
        assert found is not None, page
        return client.get(html.unescape(found[1])).text

    def back(page: str) -> str:
        found = re.search(r'<p class="back"><a href="([^"]*)"', page)
        assert found is not None, page
        return html.unescape(found[1])

    overdue = get(client, **ABB, tab="open-items", view="overdue", sort="due_date", dir="desc")
    invoice = opened(overdue, "30411")
    voucher = opened(invoice, "2026-88")
    assert "Bilag 2026-88" in voucher
    assert client.get(back(voucher)).text == invoice
    assert rows_of(client.get(back(invoice)).text) == rows_of(overdue)
    account = get(client, **ABB, tab="projects", view="account", project=31, account="3000")
    assert "Prosjekt P31 Nytt lager · 3000" in client.get(back(opened(account, "2026-20"))).text
    assert "tab=invoices" in back(get(client, **ABB, tab="invoices", view="invoice", invoice=411))


@pytest.mark.parametrize(
    "via", ["tab=//evil.example", "company=other&tab=statement", "self=1&path=2", "=&=", "tab=x" * 30]
)
def test_back_never_leads_to_anything_else_than_a_view_of_the_same_party(client: TestClient, via: str) -> None:
    page = get(client, **ABB, tab="invoices", view="invoice", invoice=411, via=via)
    found = re.search(r'<p class="back"><a href="([^"]*)"', page)
    assert found is not None
    assert found[1].startswith("/panel/company?company=demo&amp;role=customer&amp;party=79&amp;tab=")


def test_an_order_of_an_invoice_is_one_click_away(client: TestClient) -> None:
    page = get(client, **ABB, tab="invoices", view="invoice", invoice=411)
    assert re.search(r'view=document&amp;type=order&amp;document=55[^"]*">8812</a>', page)


def test_both_sides_of_a_company_lead_to_each_other_and_to_a_tab_that_is_there(client: TestClient) -> None:
    in_crm = {"tenant": "Cust1", "id": "1041", "company": "demo"}
    for whom in (ABB, {**in_crm, "role": "customer"}):
        page = get(client, **whom, tab="orders")
        found = re.search(r'<a href="([^"]*)">Se som leverandør</a>', page)
        assert found is not None
        other = client.get(html.unescape(found[1]))
        assert other.status_code == 200
        assert "Leverandør 20012" in other.text
        assert "Se som kunde" in other.text


@pytest.mark.parametrize(
    ("query", "leads"),
    [
        ({**ABB, "tab": "invoices", "view": "invoice", "invoice": "900"}, "Til Faktura historikk"),
        ({**ABB, "tab": "statement", "from": "2026-05-02", "to": "2026-05-01"}, "Til Kontoutskrift"),
        ({**ABB, "tab": "orders", "role": "supplier", "party": "12"}, "Til Åpne poster"),
        (
            {**ABB, "tab": "statement", "view": "voucher", "voucher": "1", "via": "tab=open-items&view=overdue"},
            "Tilbake",
        ),
    ],
)
def test_a_view_that_cannot_be_shown_leads_back_to_those_that_can(
    client: TestClient, query: dict[str, Any], leads: str
) -> None:
    page = client.get("/panel/company", params=query).text
    found = re.search(rf'<a href="([^"]*)">{leads}</a>', page)
    assert found is not None, page
    assert client.get(html.unescape(found[1])).status_code == 200


def test_a_project_leads_to_accounts_lines_and_voucher(client: TestClient) -> None:
    assert [r[0] for r in rows_of(get(client, **ABB, tab="projects"))] == ["P31"]
    page = get(client, **ABB, tab="projects", view="project", project=31)
    assert [(r[0], r[-1].replace(NBSP, " ")) for r in rows_of(page)] == [("3000", "5 000,00"), ("4300", "1 200,00")]
    account = get(client, **ABB, tab="projects", view="account", project=31, account="3000")
    assert [r[0] for r in rows_of(account)] == ["2026-20"]
    assert "view=voucher&amp;voucher=601" in account
    voucher = rows_of(get(client, **ABB, tab="statement", view="voucher", voucher=601))
    assert [r[0] for r in voucher] == ["3000", "1920"]


def test_a_supplier_has_no_orders_budget_or_projects(client: TestClient) -> None:
    supplier = {"company": "demo", "role": "supplier", "party": "12"}
    page = get(client, **supplier)
    assert "tab=orders" not in page
    assert "tab=projects" not in page
    for tab in ("orders", "budget", "projects"):
        response = client.get("/panel/company", params={**supplier, "tab": tab})
        assert response.status_code == 400
        assert "Denne visningen finnes bare for kunder" in response.text


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({}, 400, "Adressen sier ikke hvem det gjelder"),
        ({"company": "demo"}, 400, "Adressen sier ikke hvem det gjelder"),
        ({**ABB, "party": "abc"}, 400, "et tall (party)"),
        ({**ABB, "party": "-1"}, 400, "annet enn et tall"),
        ({**ABB, "party": "9" * 30}, 400, "annet enn et tall"),
        ({**ABB, "party": "٣"}, 400, "annet enn et tall"),
        ({**ABB, "party": "999"}, 404, "ingen slik kunde eller leverandør"),
        ({**ABB, "role": "partner"}, 400, "verken en kunde eller en leverandør"),
        ({**ABB, "company": "../etc"}, 400, "firma i regnskapet som ikke kan finnes"),
        ({**ABB, "company": "nobody"}, 404, "Ukjent firma"),
        ({**ABB, "tab": "nothing"}, 400, "visning som ikke finnes"),
        ({**ABB, "tab": "open-items", "view": "some"}, 400, "visning som ikke finnes"),
        ({**ABB, "tab": "open-items", "view": "item", "line": "77"}, 404, "ikke åpen lenger"),
        ({**ABB, "tab": "open-items", "view": "item", "line": "1010"}, 404, "ikke åpen lenger"),
        ({**ABB, "tab": "invoices", "view": "invoice", "invoice": "900"}, 404, "ingen slik faktura"),
        ({**ABB, "tab": "statement", "from": "2026-02-30"}, 400, "Datoen kan ikke leses"),
        ({**ABB, "tab": "statement", "from": "2026-05-02", "to": "2026-05-01"}, 400, "slutter før den begynner"),
        ({**ABB, "q": "x" * 300}, 400, "for lang"),
        ({**ABB, "tab": "orders", "view": "document", "document": "57"}, 404, "ingen slik ordre"),
        ({**ABB, "tab": "orders", "view": "product", "product": "99"}, 404, "ingen linjer med produktet"),
        ({**ABB, "tab": "projects", "view": "project", "project": "32"}, 404, "ikke noe slikt prosjekt"),
        ({**ABB, "tab": "invoices", "view": "product", "product": "99"}, 404, "ingen linjer med produktet"),
        ({"tenant": "Cust1", "id": "5", "tab": "open-items"}, 404, "Trykk ERP"),
        ({"tenant": "Cust2", "id": "1041", "tab": "open-items"}, 404, "Trykk ERP"),
        ({"tenant": "Cust1", "id": "5"}, 503, "ikke satt opp"),
        ({"tenant": "Cust1", "id": "1042", **ABB}, 404, "Trykk ERP"),
        ({"tenant": "Cust1"}, 400, "hvilken post i CRM"),
    ],
)
def test_bad_input_is_a_clear_page(client: TestClient, query: dict[str, str], status: int, text: str) -> None:
    response = client.get("/panel/company", params=query)
    assert response.status_code == status
    assert text in response.text
    assert response.headers["content-type"].startswith("text/html")


def test_figures_that_are_not_published_yet_are_an_honest_page(tmp_path: Path, sqlite_store: Store) -> None:
    client = client_of(sqlite_store, tmp_path, tables=("party",))
    response = client.get("/panel/company", params=ABB)
    assert response.status_code == 503
    assert "Tallene er ikke klare ennå" in response.text


def test_names_and_texts_from_the_vendors_are_harmless(client: TestClient) -> None:
    evil = {"company": "demo", "role": "customer", "party": "81"}
    page = get(client, **evil)
    assert "<script" not in page.replace('<script src="/static/', "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    detail = get(client, **evil, tab="open-items", view="item", line=1020)
    assert "<img src=x" not in detail
    assert "<script>" not in client.get("/panel/company", params={**ABB, "q": world.EVIL}).text


def test_csv_is_what_is_shown_and_no_formula(client: TestClient) -> None:
    response = client.get("/panel/company", params={**ABB, "view": "overdue", "tab": "open-items", "format": "csv"})
    assert response.headers["content-disposition"] == 'attachment; filename="open-items-demo-10079.csv"'
    lines = response.content.decode("utf-8-sig").splitlines()
    assert response.content.startswith(b"\xef\xbb\xbf")
    assert lines[1] == "30411;Forfalt 145 dager;Faktura;2026-06-01;2026-07-01;Inkasso;12000,00;10000,00"
    assert len(lines) == 3
    english = client.get("/panel/company", params={**ABB, "format": "csv", "lang": "en"}).content.decode("utf-8-sig")
    assert english.splitlines()[-1] == "2026-99,Unallocated,Payment,2026-11-02,2026-11-02,–,-2500.00,-2500.00"
    evil = client.get("/panel/company", params={"company": "demo", "role": "customer", "party": 81, "format": "csv"})
    assert "'=HYPERLINK" in evil.text
    assert "=1" not in evil.headers["content-disposition"]


def test_every_row_goes_on_paper(tmp_path: Path, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is shown in pages; who prints a statement wants all of it, and is told when they have not got that."""
    monkeypatch.setattr(pages, "PAGE", 3)
    with client_of(sqlite_store, tmp_path) as client:
        shown = client.get("/panel/company", params={**ABB, "tab": "statement", "lang": "nb"}).text
        assert (len(rows_of(shown)), "Side 1 av 3 av tabellen" in shown) == (3, True)
        link = html.unescape(shown.split(">Skriv ut</a>")[0].rpartition('href="')[2].partition('"')[0])
        paper = client.get(link)
    assert paper.status_code == 200
    assert (len(rows_of(paper.text)), "av tabellen." in paper.text, "print.js" in paper.text) == (8, False, True)
    assert "<time" not in paper.text, "paper grows older than it says"


def test_excel_has_real_numbers_and_days_and_no_formula(client: TestClient) -> None:
    response = client.get("/panel/company", params={**ABB, "format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert str(rows[0][0]).startswith("Åpne poster – ABB Installasjon AS. Per 23.11.2026")
    assert str(rows[0][0]).endswith("Stemmer med reskontro.")
    assert rows[2][0] == "30411"
    assert rows[2][-1] == 10000
    assert getattr(rows[2][4], "isoformat", str)().startswith("2026-07-01")
    assert sheet.freeze_panes == "A3"
    evil = client.get("/panel/company", params={"company": "demo", "role": "customer", "party": 81, "format": "xlsx"})
    cell = openpyxl.load_workbook(io.BytesIO(evil.content)).active["A3"]  # type: ignore[index]
    assert (cell.data_type, cell.value) == ("s", '\'=HYPERLINK("x")')


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(client: TestClient) -> None:
    for path in ("/panel/company", "/nothing", "/healthz", "/api/v1/open-items", "/static/panel.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert client.get("/panel/company", params=ABB).headers["cache-control"] == "no-store"


def test_a_page_names_no_other_host_and_no_inline_code(client: TestClient) -> None:
    page = get(client, **ABB)
    assert not re.findall(r"https?://", page)
    assert "style=" not in page
    assert "<script" not in page.replace('<script src="/static/', "")
    assert " onclick" not in page


def test_a_web_server_in_front_does_not_show_the_figures_where_nobody_signs_in(client: TestClient) -> None:
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"):
        for path in ("/panel/company", "/api/v1/open-items", "/admin", "/metrics"):
            refused = client.get(path, params=ABB, headers={name: "203.0.113.7"})
            assert refused.status_code == 403, (name, path)
            assert "ABB" not in refused.text


def test_hosts_that_are_not_this_machine_are_refused(client: TestClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "10.0.0.4:80", "[", "", "localhost@evil.example"):
        assert client.get("/healthz", headers={"host": host}).status_code == 421
    assert client.get("/healthz", headers={"host": "localhost:8420"}).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"panels_bind": "0.0.0.0:8420"},
        {"panels_bind": "192.168.1.4:8420"},
        {"panels_bind": "localhost"},
        {"panels_public_url": "https://panels.example.no"},
        {"panels_frame_ancestors": "https://online.superoffice.com; script-src *"},
        {"panels_frame_ancestors": "*"},
    ],
)
def test_settings_that_would_show_figures_to_others_are_refused(values: dict[str, str], sqlite_store: Store) -> None:
    with pytest.raises(SettingsError):
        create_app(world.settings(**values), sqlite_store)


def test_the_crm_may_frame_the_panel_when_named(sqlite_store: Store) -> None:
    settings = world.settings(panels_frame_ancestors="https://online.superoffice.com")
    client = TestClient(create_app(settings, sqlite_store), base_url="http://127.0.0.1")
    policy = client.get("/healthz").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://online.superoffice.com")


def test_unknown_pages_and_methods_are_clear(client: TestClient) -> None:
    assert "Siden finnes ikke" in client.get("/nothing").text
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e%2fapp.py").status_code == 404
    assert client.post("/panel/document").status_code == 405


def test_health_and_metrics(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    client.get("/panel/company", params=ABB)
    text = client.get("/metrics").text
    assert 'sounimicro_panel_answers_total{route="/panel/company",status="200"}' in text
    assert 'sounimicro_figures_age_seconds{company="demo"} 720' in text
    assert "ABB" not in text


def test_a_crash_is_a_clear_page_with_all_headers_and_no_details(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(sqlite_store, tmp_path)

    def crash(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("sounimicro_pipelines.panels.figures.party.load_party", crash)
    response = client.get("/panel/company", params=ABB, headers={"accept-language": "en"})
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text
    assert "secret detail" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_what_was_delivered_beyond_an_order_is_shown_where_anything_was(client: TestClient) -> None:
    beyond = get(client, **ABB, tab="orders", view="document", type="order", document=56)
    assert "Levert for mye" in beyond
    assert rows_of(beyond)[0][2:6] == ["5", "6", "0", "1"]
    assert "Levert for mye" not in get(client, **ABB, tab="orders", view="document", type="order", document=55)
