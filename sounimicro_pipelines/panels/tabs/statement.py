"""Kontoutskrift: the ledger of a party for a period of choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.panels.document_links import document_links
from sounimicro_pipelines.panels.errors import BadRequest
from sounimicro_pipelines.panels.figures import statement as figures
from sounimicro_pipelines.panels.figures import vouchers
from sounimicro_pipelines.panels.grid import Column, Grid, Row, as_row
from sounimicro_pipelines.panels.visit import MenuItem, Screen, Tab, Visit


def chosen_period(visit: Visit, default: str = "all") -> figures.Period:
    """The period that the address asks for. Raises BadRequest when it ends before it begins."""
    start, end = visit.address.day("from"), visit.address.day("to")
    if start is not None and end is not None and end < start:
        raise BadRequest("period_backwards")
    name = visit.address.choice("period", figures.PERIODS, "own" if start or end else default)
    return figures.period(name, visit.today, start, end)


def period_menu(visit: Visit, tab: str, current: str, **more: Any) -> list[MenuItem]:
    """The period choices as links."""
    return [
        MenuItem(visit.words(f"periods.{name}"), visit.address.to(tab=tab, period=name, **more), name == current)
        for name in figures.PERIODS
        if name != "own"
    ]


def build(visit: Visit) -> Screen:
    view = visit.address.choice("view", ("list", "voucher"), "list")
    return _voucher(visit) if view == "voucher" else _list(visit)


def _list(visit: Visit) -> Screen:
    period = chosen_period(visit)
    found = figures.statement(visit.tx, visit.subject, period)
    knows_vouchers = "voucher_line" in visit.version.tables
    knows_invoices = "invoice" in visit.version.tables

    def voucher(row: Row) -> Mapping[str, Any] | None:
        if not knows_vouchers or not row["voucher_id"]:
            return None
        return {"tab": "statement", "view": "voucher", "voucher": row["voucher_id"]}

    def invoice(row: Row) -> Mapping[str, Any] | None:
        if not knows_invoices or row["invoice_id"] is None:
            return None
        return {"tab": "invoices", "view": "invoice", "invoice": row["invoice_id"]}

    grid = Grid(
        "statement",
        [
            Column("financial_date", "date"),
            Column("voucher_number", link=voucher, short=True),
            Column("document_number", link=invoice, short=True),
            Column("text", wide=True),
            Column("due_date", "date", wide=True),
            Column("amount", "money", total=True),
            Column("balance", "money"),
        ],
        [as_row(line) for line in found.lines],
        visit.address,
        visit.words,
    )
    return Screen(
        template="statement.html",
        title=visit.words("tabs.statement"),
        menu=period_menu(visit, "statement", period.name),
        menu_label=visit.words("periods.menu"),
        grid=grid,
        caption=visit.words("statement.caption", name=visit.party.name),
        empty=visit.words("statement.empty"),
        data={"statement": found, "period": period},
    )


def _voucher(visit: Visit) -> Screen:
    number = visit.address.identifier("voucher") or 0
    lines = vouchers.voucher(visit.tx, visit.subject, number)
    return Screen(
        template="voucher.html",
        title=visit.words("statement.voucher", number=lines[0].voucher_number or number),
        grid=Grid("voucher", VOUCHER_COLUMNS, [as_row(line) for line in lines], visit.address, visit.words),
        caption=visit.words("statement.voucher_caption"),
        back=visit.address.back(tab="statement"),
        data={"documents": document_links(visit, "voucher", number)},
    )


VOUCHER_COLUMNS = [
    Column("account_number", short=True),
    Column("account_name"),
    Column("party", wide=True),
    Column("text", wide=True),
    Column("financial_date", "date", wide=True),
    Column("amount", "money", total=True),
]
TAB = Tab("statement", figures.TABLES, build)
