"""What the figures are answered with, one shape for each screen."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field

from sounimicro_pipelines.panels.api.answers import Head
from sounimicro_pipelines.panels.document_links import DocumentLink
from sounimicro_pipelines.panels.figures import (
    budget,
    invoices,
    open_items,
    orders,
    projects,
    statement,
    turnover,
    vouchers,
)


class OpenItemsAnswer(Head):
    """`total` and `count` are over the whole view; `aging` is over all items."""

    aging: dict[str, Decimal] = Field(description="not_due, 1_30, 31_60, 61_90, over_90, unallocated")
    view: Literal["all", "overdue", "not-overdue"]
    total: Decimal
    count: int
    items: list[open_items.OpenItem]


class StatementAnswer(Head):
    """opening + Σ amount = closing."""

    start: date | None
    end: date | None
    opening: Decimal
    closing: Decimal
    count: int
    lines: list[statement.StatementLine]


class InvoicesAnswer(Head):
    count: int
    invoices: list[invoices.Invoice]


class InvoiceAnswer(Head):
    invoice: invoices.Invoice
    lines: list[invoices.InvoiceLine]
    payments: list[invoices.Payment]
    documents: list[DocumentLink]
    in_erp: str = Field(description="Where the invoice stands in the ERP's own screens")


class ProductsAnswer(Head):
    count: int
    products: list[turnover.ProductTurnover]


class SellersAnswer(Head):
    count: int
    sellers: list[turnover.SellerTurnover]


class ProductInvoicesAnswer(Head):
    """Every invoice line that holds the product, newest first."""

    count: int
    lines: list[invoices.InvoiceLine]


class MonthTurnover(BaseModel):
    """`month` is its first day."""

    month: date
    net_amount: Decimal


class TurnoverAnswer(Head):
    months: list[MonthTurnover]


class OrdersAnswer(Head):
    count: int
    documents: list[orders.SalesDocument]


class OrderAnswer(Head):
    document: orders.SalesDocument
    lines: list[orders.SalesLine]


class OrderedProductsAnswer(Head):
    count: int
    products: list[orders.OrderedProduct]


class ProductOrdersAnswer(Head):
    """Every order line that holds the product, newest first."""

    count: int
    lines: list[orders.SalesLine]


class RequisitionsAnswer(Head):
    count: int
    requisitions: list[orders.Requisition]


class BudgetAnswer(Head):
    periods: list[budget.BudgetPeriod]


class ProjectsAnswer(Head):
    count: int
    projects: list[projects.Project]


class ProjectAnswer(Head):
    """`count` is that of the lines; `accounts` are over all of them."""

    project: projects.Project
    count: int
    accounts: list[projects.ProjectAccount]
    lines: list[projects.ProjectLine]


class VoucherAnswer(Head):
    """The lines sum to 0.00."""

    lines: list[vouchers.VoucherLine]
    documents: list[DocumentLink]
    in_erp: str = Field(description="Where the voucher stands in the ERP's own screens")
