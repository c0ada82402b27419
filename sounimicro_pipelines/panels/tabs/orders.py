"""Tilbud/Ordre: quotes and orders, per product, per requisition, and one document with what remains of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sounimicro_pipelines.panels.figures import orders as figures
from sounimicro_pipelines.panels.grid import Column, Grid, Row, as_row
from sounimicro_pipelines.panels.visit import Screen, Tab, Visit, view_menu
from sounimicro_pipelines.panels.words import Words

_NEEDS = {"per-product": "order_product", "per-requisition": "order_requisition"}
VIEWS = ("all", "orders", "quotes", "per-product", "per-requisition")


def build(visit: Visit) -> Screen:
    view = visit.address.choice("view", (*VIEWS, "document", "product"), "all")
    if view == "document":
        return _document(visit)
    if view == "product":
        return _product(visit)
    rows: list[Any]
    if view == "per-product":
        rows, columns = figures.products(visit.tx, visit.subject), PRODUCT_COLUMNS
    elif view == "per-requisition":
        rows, columns = figures.requisitions(visit.tx, visit.subject), REQUISITION_COLUMNS
    else:
        wanted = {"orders": "order", "quotes": "quote"}.get(view)
        rows = figures.documents(visit.tx, visit.subject, wanted)
        columns = LIST_COLUMNS if wanted is None else [replace(c, total=c.kind == "money") for c in LIST_COLUMNS]
    views = tuple(name for name in VIEWS if _NEEDS.get(name, "sales_document") in visit.version.tables)
    return Screen(
        template="list.html",
        title=visit.words("tabs.orders"),
        menu=view_menu(visit, "orders", views, view),
        menu_label=visit.words("orders.menu"),
        grid=Grid(f"orders-{view}", columns, [as_row(row) for row in rows], visit.address, visit.words),
        caption=visit.words(f"orders.caption.{view}", name=visit.party.name),
        empty=visit.words(f"orders.empty.{view}"),
    )


def _document(visit: Visit) -> Screen:
    kind = visit.address.choice("type", figures.TYPES, "order")
    document = figures.document(visit.tx, visit.subject, kind, visit.address.identifier("document") or 0)
    grid = None
    if "sales_line" in visit.version.tables:
        lines = figures.lines(visit.tx, visit.subject, kind, document.document_id)
        hidden = () if kind == "order" else _DELIVERY
        columns = [column for column in _telling(LINE_COLUMNS, lines) if column.key not in hidden]
        grid = Grid("order-lines", columns, [as_row(line) for line in lines], visit.address, visit.words)
    return Screen(
        template="order.html",
        title=visit.words(f"orders.one.{kind}", number=document.number or document.document_id),
        grid=grid,
        caption=visit.words("orders.caption.lines"),
        empty=visit.words("orders.empty.lines"),
        back=visit.address.back(tab="orders"),
        data={"document": document},
    )


def _product(visit: Visit) -> Screen:
    lines = figures.lines_with_product(visit.tx, visit.subject, visit.address.identifier("product") or 0)
    name = f"{lines[0].product_number or ''} {lines[0].product_name or ''}".strip()
    return Screen(
        template="list.html",
        title=visit.words("orders.product", name=name),
        grid=Grid(
            "order-product",
            _telling(HOLDING_COLUMNS, lines),
            [as_row(line) for line in lines],
            visit.address,
            visit.words,
        ),
        caption=visit.words("orders.product", name=name),
        back=visit.address.back(tab="orders", view="per-product"),
    )


def _telling(columns: Sequence[Column], lines: Sequence[figures.SalesLine]) -> list[Column]:
    """The columns without what was delivered beyond the order, where nothing was."""
    beyond = any(line.over_delivered_quantity for line in lines)
    return [column for column in columns if beyond or column.key != "over_delivered_quantity"]


def _document_link(row: Row) -> Mapping[str, Any]:
    return {"tab": "orders", "view": "document", "type": row["document_type"], "document": row["document_id"]}


def _product_link(row: Row) -> Mapping[str, Any] | None:
    if row["product_id"] is None:
        return None
    return {"tab": "orders", "view": "product", "product": row["product_id"]}


def _requisition_link(row: Row) -> Mapping[str, Any] | None:
    return {"tab": "orders", "view": "orders", "q": row["requisition"]} if row["requisition"] else None


def _number(row: Row, words: Words) -> str:
    return str(row["number"] or row["document_id"])


def _remains(row: Row) -> str:
    return "open" if row["remaining_net_amount"] else ""


_DELIVERY = ("delivered_quantity", "remaining_quantity", "remaining_net_amount")
LIST_COLUMNS = [
    Column("number", link=_document_link, words=_number),
    Column("document_type", codes="document_types"),
    Column("order_date", "date"),
    Column("delivery_date", "date", wide=True),
    Column("status", codes="sales_status", wide=True),
    Column("requisition", wide=True),
    Column("seller", wide=True),
    Column("net_amount", "money"),
    Column("delivered_share", "percent", wide=True),
    Column("remaining_net_amount", "money", tone=_remains),
]
PRODUCT_COLUMNS = [
    Column(
        "product_number", link=_product_link, words=lambda row, words: str(row["product_number"] or row["product_id"])
    ),
    Column("product_name", wide=True),
    Column("document_count", "integer", wide=True),
    Column("quantity", "quantity"),
    Column("delivered_quantity", "quantity", wide=True),
    Column("remaining_quantity", "quantity", tone=_remains),
    Column("net_amount", "money", total=True, wide=True),
    Column("remaining_net_amount", "money", total=True, tone=_remains),
]
REQUISITION_COLUMNS = [
    Column(
        "requisition", link=_requisition_link, words=lambda row, words: str(row["requisition"] or words("orders.none"))
    ),
    Column("document_count", "integer"),
    Column("last_order_date", "date", wide=True),
    Column("net_amount", "money", total=True),
    Column("remaining_net_amount", "money", total=True, tone=_remains),
]
HOLDING_COLUMNS = [
    Column(
        "document_number",
        link=_document_link,
        words=lambda row, words: str(row["document_number"] or row["document_id"]),
    ),
    Column("order_date", "date"),
    Column("quantity", "quantity"),
    Column("delivered_quantity", "quantity", wide=True),
    Column("remaining_quantity", "quantity", tone=_remains),
    Column("over_delivered_quantity", "quantity"),
    Column("net_amount", "money", total=True),
]
LINE_COLUMNS = [
    Column("product_number", wide=True),
    Column("product_name"),
    Column("quantity", "quantity"),
    Column("delivered_quantity", "quantity"),
    Column("remaining_quantity", "quantity", tone=_remains),
    Column("over_delivered_quantity", "quantity"),
    Column("net_amount", "money", total=True, wide=True),
    Column("remaining_net_amount", "money", total=True, wide=True, tone=_remains),
]
TAB = Tab("orders", figures.TABLES, build, only_for="customer")
