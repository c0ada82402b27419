"""Faktura historikk: invoices and credit notes, per product, per seller, and one invoice with everything about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels import drawing
from sounimicro_pipelines.panels.document_links import document_links
from sounimicro_pipelines.panels.figures import invoices as figures
from sounimicro_pipelines.panels.figures import orders, turnover, vouchers
from sounimicro_pipelines.panels.grid import Column, Grid, Row, as_row
from sounimicro_pipelines.panels.tabs.statement import chosen_period, period_menu
from sounimicro_pipelines.panels.visit import MenuItem, Screen, Tab, Visit, view_menu
from sounimicro_pipelines.panels.words import Words

_YEARS = {"all": None, "this-year": 0, "last-year": -1, "year-before-last": -2}
_NEEDS = {"per-product": "turnover_product", "per-seller": "turnover_seller"}


def build(visit: Visit) -> Screen:
    view = visit.address.choice("view", (*figures.VIEWS, "invoice", "product"), "all")
    if view == "invoice":
        return _invoice(visit)
    if view == "product":
        return _product(visit)
    return _sums(visit, view) if view in _NEEDS else _list(visit, view)


def _views(visit: Visit) -> tuple[str, ...]:
    return tuple(view for view in figures.VIEWS if _NEEDS.get(view, "invoice") in visit.version.tables)


def _list(visit: Visit, view: str) -> Screen:
    period = chosen_period(visit)
    found = [
        as_row(invoice)
        for invoice in figures.invoices(visit.tx, visit.subject, view)
        if period.holds(invoice.invoice_date)
    ]
    months: list[tuple[date, Decimal]] = []
    if "turnover_month" in visit.version.tables:
        months = turnover.by_month(visit.tx, visit.subject, visit.today)
    return Screen(
        template="invoices.html",
        title=visit.words("tabs.invoices"),
        menu=view_menu(visit, "invoices", _views(visit), view),
        menu_label=visit.words("invoices.menu"),
        grid=Grid("invoices", LIST_COLUMNS, found, visit.address, visit.words),
        caption=visit.words(f"invoices.caption.{view}", name=visit.party.name),
        empty=visit.words("invoices.empty"),
        data={"period": period, "periods": period_menu(visit, "invoices", period.name, view=view), **_turnover(months)},
    )


def _sums(visit: Visit, view: str) -> Screen:
    """Per product and per seller are kept by whole years."""
    period = visit.address.choice("period", tuple(_YEARS), "all")
    offset = _YEARS[period]
    year = visit.today.year + offset if offset is not None else None
    rows: list[Any] = []
    if view == "per-product":
        rows = [as_row(row) for row in turnover.by_product(visit.tx, visit.subject, year)]
    else:
        rows = [as_row(row) for row in turnover.by_seller(visit.tx, visit.subject, year)]
    return Screen(
        template="invoices.html",
        title=visit.words("tabs.invoices"),
        menu=view_menu(visit, "invoices", _views(visit), view),
        menu_label=visit.words("invoices.menu"),
        grid=Grid(
            f"invoices-{view}",
            PRODUCT_COLUMNS if view == "per-product" else seller_columns(period),
            rows,
            visit.address,
            visit.words,
        ),
        caption=visit.words(f"invoices.caption.{view}", name=visit.party.name),
        empty=visit.words("invoices.empty"),
        data={
            "period": None,
            "periods": [
                MenuItem(
                    visit.words(f"periods.{name}"),
                    visit.address.to(tab="invoices", view=view, period=name),
                    name == period,
                )
                for name in _YEARS
            ],
            **_turnover([]),
        },
    )


def _product(visit: Visit) -> Screen:
    lines = figures.lines_with_product(visit.tx, visit.subject, visit.address.identifier("product") or 0)
    name = f"{lines[0].product_number or ''} {lines[0].product_name or ''}".strip()
    return Screen(
        template="list.html",
        title=visit.words("invoices.product", name=name),
        grid=Grid("invoice-product", HOLDING_COLUMNS, [as_row(line) for line in lines], visit.address, visit.words),
        caption=visit.words("invoices.product", name=name),
        back=visit.address.back(tab="invoices", view="per-product"),
    )


def _invoice(visit: Visit) -> Screen:
    invoice = figures.invoice(visit.tx, visit.subject, visit.address.identifier("invoice") or 0)
    tables = visit.version.tables
    lines = figures.invoice_lines(visit.tx, visit.subject, invoice.invoice_id) if "invoice_line" in tables else None
    payments = []
    if {"matching", "statement_line"} <= tables:
        payments = figures.payments(visit.tx, visit.subject, invoice.invoice_id)
    voucher = voucher_number = None
    if invoice.voucher_id and "voucher_line" in tables:
        voucher = visit.onward(tab="statement", view="voucher", voucher=invoice.voucher_id)
        voucher_number = vouchers.number_of(visit.tx, visit.subject.company, invoice.voucher_id)
    grid = None
    if lines is not None:
        grid = Grid("invoice-lines", LINE_COLUMNS, [as_row(line) for line in lines], visit.address, visit.words)
    days = (visit.today - invoice.due_date).days if invoice.due_date is not None else 0
    is_overdue = invoice.kind == "invoice" and invoice.remaining_amount > 0 and days > 0
    return Screen(
        template="invoice.html",
        title=visit.words(f"invoices.one.{invoice.kind}", number=invoice.number or invoice.invoice_id),
        grid=grid,
        caption=visit.words("invoices.caption.lines"),
        empty=visit.words("invoices.no_lines"),
        back=visit.address.back(tab="invoices"),
        data={
            "invoice": invoice,
            "overdue_days": days if is_overdue else None,
            "payments": [
                {
                    "payment": payment,
                    "href": visit.onward(tab="statement", view="voucher", voucher=payment.voucher_id)
                    if payment.voucher_id and "voucher_line" in tables
                    else None,
                }
                for payment in payments
            ],
            "voucher_href": voucher,
            "voucher_number": voucher_number,
            "orders": _orders(visit, invoice.order_number or ""),
            "documents": document_links(visit, "invoice", invoice.invoice_id),
        },
    )


def _orders(visit: Visit, numbers: str) -> list[tuple[str, str | None]]:
    """The orders behind an invoice: number and address, None for one that is not shown."""
    named = [number.strip() for number in numbers.split(",") if number.strip()]
    known: dict[str | None, int] = {}
    if named and "sales_document" in visit.version.tables and visit.subject.role == "customer":
        known = {one.number: one.document_id for one in orders.documents(visit.tx, visit.subject, "order")}
    return [
        (
            number,
            visit.onward(tab="orders", view="document", type="order", document=known[number])
            if number in known
            else None,
        )
        for number in named
    ]


def _turnover(months: Sequence[tuple[date, Decimal]]) -> dict[str, Any]:
    """What was invoiced month by month: drawn, and in figures."""
    named = [drawing.Value(place, f"{first:%m.%y}", amount) for place, (first, amount) in enumerate(months)]
    return {"months": named, "drawing": drawing.columns(named)}


def seller_columns(period: str) -> list[Column]:
    """A seller leads to the invoices that name them, of the same period."""

    def link(row: Row) -> Mapping[str, Any] | None:
        return {"tab": "invoices", "view": "all", "period": period, "q": row["seller"]} if row["seller"] else None

    return [
        Column("seller", link=link, words=lambda row, words: str(row["seller"] or words("invoices.no_seller"))),
        Column("invoice_count", "integer"),
        Column("net_amount", "money", total=True),
    ]


def _invoice_link(row: Row) -> Mapping[str, Any]:
    return {"tab": "invoices", "view": "invoice", "invoice": row["invoice_id"]}


def _product_link(row: Row) -> Mapping[str, Any] | None:
    if row["product_id"] is None:
        return None
    return {"tab": "invoices", "view": "product", "product": row["product_id"]}


def _number(row: Row, words: Words) -> str:
    return str(row["number"] or row["invoice_id"])


def line_name(row: Row, words: Words) -> str:
    """The product's name, or what a line without product is."""
    return str(row["product_name"] or words.or_raw("line_kinds", row["kind"]))


LIST_COLUMNS = [
    Column("number", link=_invoice_link, words=_number),
    Column("kind", codes="kinds"),
    Column("invoice_date", "date"),
    Column("due_date", "date", wide=True),
    Column("status", codes="invoice_status", wide=True),
    Column("seller", wide=True),
    Column("net_amount", "money", total=True, wide=True),
    Column("gross_amount", "money", total=True),
    Column("remaining_amount", "money", total=True, wide=True),
]
PRODUCT_COLUMNS = [
    Column("product_number", link=_product_link),
    Column("product_name", words=line_name),
    Column("invoice_count", "integer", wide=True),
    Column("quantity", "quantity"),
    Column("net_amount", "money", total=True),
]
HOLDING_COLUMNS = [
    Column(
        "invoice_number", link=_invoice_link, words=lambda row, words: str(row["invoice_number"] or row["invoice_id"])
    ),
    Column("invoice_date", "date"),
    Column("quantity", "quantity"),
    Column("unit_price", "price", wide=True),
    Column("net_amount", "money", total=True),
]
LINE_COLUMNS = [
    Column("product_number", wide=True),
    Column("product_name", words=line_name),
    Column("quantity", "quantity"),
    Column("unit_price", "price", wide=True),
    Column("discount_percent", "quantity", wide=True),
    Column("net_amount", "money", total=True),
    Column("vat_amount", "money", total=True, wide=True),
    Column("gross_amount", "money", total=True, wide=True),
]
TAB = Tab("invoices", figures.TABLES, build)
