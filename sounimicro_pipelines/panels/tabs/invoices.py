"""Faktura historikk: invoices and credit notes, per product, per seller, and one invoice with everything about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sounimicro_pipelines.panels.figures import invoices as figures
from sounimicro_pipelines.panels.grid import Column, Grid, Row
from sounimicro_pipelines.panels.tabs.statement import chosen_period, period_menu
from sounimicro_pipelines.panels.visit import Screen, Tab, Visit, view_menu


def build(visit: Visit) -> Screen:
    view = visit.address.choice("view", (*figures.VIEWS, "invoice"), "all")
    if view == "invoice":
        return _invoice(visit)
    period = chosen_period(visit)
    found = [
        invoice
        for invoice in figures.invoices(visit.tx, visit.subject, view)
        if (period.start is None or (invoice.invoice_date is not None and invoice.invoice_date >= period.start))
        and (period.end is None or (invoice.invoice_date is not None and invoice.invoice_date <= period.end))
    ]
    if view in ("per-product", "per-seller"):
        ids = {invoice.invoice_id for invoice in found}
        lines = []
        if "invoice_line" in visit.version.tables:
            lines = [line for line in figures.invoice_lines(visit.tx, visit.subject) if line.invoice_id in ids]
        rows: list[Any] = figures.sums_by_product(lines) if view == "per-product" else figures.sums_by_seller(lines)
        columns = PRODUCT_COLUMNS if view == "per-product" else SELLER_COLUMNS
    else:
        rows, columns = [asdict(invoice) for invoice in found], list_columns()
    return Screen(
        template="invoices.html",
        title=visit.words("tabs.invoices"),
        menu=view_menu(visit, "invoices", figures.VIEWS, view),
        menu_label=visit.words("invoices.menu"),
        grid=Grid("invoices", columns, rows, visit.address, visit.words),
        caption=visit.words(f"invoices.caption.{view}", name=visit.party.name),
        empty=visit.words("invoices.empty"),
        data={
            "periods": period_menu(visit, "invoices", period.name, view=view),
            "months": _months(visit, found) if view not in ("per-product", "per-seller") else [],
        },
    )


def list_columns() -> list[Column]:
    def link(row: Row) -> Mapping[str, Any]:
        return {"tab": "invoices", "view": "invoice", "invoice": row["invoice_id"]}

    return [
        Column("number", link=link, words=lambda row, words: str(row["number"] or row["invoice_id"])),
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
    Column("product_number"),
    Column("product_name"),
    Column("invoice_count", "integer", wide=True),
    Column("quantity", "quantity"),
    Column("net_amount", "money", total=True),
]
SELLER_COLUMNS = [
    Column("seller"),
    Column("invoice_count", "integer"),
    Column("net_amount", "money", total=True),
]
LINE_COLUMNS = [
    Column("product_number", wide=True),
    Column("product_name"),
    Column("quantity", "quantity"),
    Column("unit_price", "quantity", wide=True),
    Column("discount_percent", "quantity", wide=True),
    Column("net_amount", "money", total=True),
    Column("vat_amount", "money", total=True, wide=True),
    Column("gross_amount", "money", total=True, wide=True),
]


def _invoice(visit: Visit) -> Screen:
    invoice = figures.invoice(visit.tx, visit.subject, visit.address.identifier("invoice") or 0)
    tables = visit.version.tables
    lines = figures.invoice_lines(visit.tx, visit.subject, invoice.invoice_id) if "invoice_line" in tables else None
    payments = (
        figures.payments(visit.tx, visit.subject, invoice.invoice_id)
        if {"matching", "statement_line"} <= tables
        else []
    )
    voucher = None
    if invoice.voucher_id and "voucher_line" in tables:
        voucher = visit.address.to(tab="statement", view="voucher", voucher=invoice.voucher_id)
    grid = None
    if lines is not None:
        grid = Grid("invoice-lines", LINE_COLUMNS, [asdict(line) for line in lines], visit.address, visit.words)
    days = (visit.today - invoice.due_date).days if invoice.due_date is not None else None
    overdue = bool(invoice.kind == "invoice" and invoice.remaining_amount > 0 and days is not None and days > 0)
    return Screen(
        template="invoice.html",
        title=visit.words(f"invoices.one.{invoice.kind}", number=invoice.number or invoice.invoice_id),
        grid=grid,
        caption=visit.words("invoices.caption.lines"),
        empty=visit.words("invoices.no_lines"),
        back=visit.address.to(tab="invoices"),
        data={
            "invoice": invoice,
            "overdue_days": days if overdue else None,
            "payments": payments,
            "voucher_href": voucher,
        },
    )


def _months(visit: Visit, found: list[figures.Invoice]) -> list[dict[str, Any]]:
    months = figures.turnover_by_month(found, visit.today, 12)
    highest = max((amount for _, amount in months if amount > 0), default=0)
    if not highest:
        return []
    return [
        {
            "month": f"{first:%m.%y}",
            "amount": amount,
            "height": max(0.0, round(float(amount / highest) * 80, 1)),
            "x": index * 30,
        }
        for index, (first, amount) in enumerate(months)
    ]


TAB = Tab("invoices", figures.TABLES, build)
