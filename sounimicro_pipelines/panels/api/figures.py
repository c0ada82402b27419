"""The figures as JSON, one address for each screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.api.answers import (
    ERRORS,
    Company,
    Head,
    Limit,
    Offset,
    PartyId,
    Role,
    encoded,
    head,
)
from sounimicro_pipelines.panels.cache import FETCHED
from sounimicro_pipelines.panels.document_links import DocumentLink, party_documents, party_in_erp
from sounimicro_pipelines.panels.errors import BadRequest
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
from sounimicro_pipelines.panels.figures.party import Version, load_party, version_of
from sounimicro_pipelines.store import Transaction

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

router = APIRouter(prefix="/api/v1", tags=["figures"], responses=ERRORS)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Year = Annotated[int | None, Query(ge=1900, le=2999)]
From = Annotated[date | None, Query(alias="from")]
To = Annotated[date | None, Query(alias="to")]


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


@router.get("/open-items", response_model=OpenItemsAnswer)
async def get_open_items(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    view: Annotated[Literal["all", "overdue", "not-overdue"], Query()] = "all",
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Open items of a customer or supplier, the oldest overdue first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        everything = open_items.open_items(tx, subject)
        wanted = {"all": (True, False), "overdue": (True,), "not-overdue": (False,)}[view]
        items = [item for item in everything if item.is_overdue in wanted]
        return {
            "aging": open_items.aging(everything),
            "view": view,
            "total": open_items.total(items),
            **_page("items", items, limit, offset),
        }

    return await _about(request, Subject(company, role, party), open_items.TABLES, body)


@router.get("/statement", response_model=StatementAnswer)
async def get_statement(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    start: From = None,
    end: To = None,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """The account statement for a period, both days included."""
    period = _period(start, end)

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = statement.statement(tx, subject, period)
        return {
            "start": start,
            "end": end,
            "opening": found.opening,
            "closing": found.closing,
            **_page("lines", found.lines, limit, offset),
        }

    return await _about(request, Subject(company, role, party), statement.TABLES, body)


@router.get("/invoices", response_model=InvoicesAnswer)
async def get_invoices(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    view: Annotated[Literal["all", "invoices", "credit-notes"], Query()] = "all",
    start: From = None,
    end: To = None,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Invoices and credit notes, newest first; those of a period, both days included."""
    period = _period(start, end)

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = [one for one in invoices.invoices(tx, subject, view) if period.holds(one.invoice_date)]
        return _page("invoices", found, limit, offset)

    return await _about(request, Subject(company, role, party), invoices.TABLES, body)


@router.get("/invoices/{invoice}", response_model=InvoiceAnswer)
async def get_invoice(request: Request, invoice: Id, company: Company, role: Role, party: PartyId) -> Response:
    """One invoice with its lines and what was set off against it."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return {
            "invoice": invoices.invoice(tx, subject, invoice),
            "lines": invoices.invoice_lines(tx, subject, invoice),
            "payments": invoices.payments(tx, subject, invoice),
            "documents": party_documents(tx, subject, "invoice", invoice),
            "in_erp": party_in_erp(subject, "invoice", invoice),
        }

    tables = (*invoices.TABLES, "invoice_line", "matching", "statement_line")
    return await _about(request, Subject(company, role, party), tables, body)


@router.get("/invoiced-products", response_model=ProductsAnswer)
async def get_products(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    year: Year = None,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Invoiced per product, of a year or of all history."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return _page("products", turnover.by_product(tx, subject, year), limit, offset)

    return await _about(request, Subject(company, role, party), ("party", "turnover_product"), body)


@router.get("/invoiced-products/{product}", response_model=ProductInvoicesAnswer)
async def get_product(
    request: Request,
    product: Id,
    company: Company,
    role: Role,
    party: PartyId,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """The invoices that hold a product."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return _page("lines", invoices.lines_with_product(tx, subject, product), limit, offset)

    return await _about(request, Subject(company, role, party), (*invoices.TABLES, "invoice_line"), body)


@router.get("/turnover", response_model=TurnoverAnswer)
async def get_turnover(request: Request, company: Company, role: Role, party: PartyId) -> Response:
    """Invoiced per month of the last twelve, excluding VAT, the oldest first."""

    tables = ("party", "turnover_month")

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        months = turnover.by_month(tx, subject, version_of(tx, subject.company, tables).as_of)
        return {"months": [{"month": month, "net_amount": amount} for month, amount in months]}

    return await _about(request, Subject(company, role, party), tables, body)


@router.get("/invoiced-sellers", response_model=SellersAnswer)
async def get_sellers(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    year: Year = None,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Invoiced per seller, of a year or of all history."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return _page("sellers", turnover.by_seller(tx, subject, year), limit, offset)

    return await _about(request, Subject(company, role, party), ("party", "turnover_seller"), body)


@router.get("/orders", response_model=OrdersAnswer)
async def get_orders(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    view: Annotated[Literal["all", "orders", "quotes"], Query()] = "all",
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Quotes and orders, newest first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = orders.documents(tx, subject, {"orders": "order", "quotes": "quote"}.get(view))
        return _page("documents", found, limit, offset)

    return await _about(request, Subject(company, role, party), orders.TABLES, body)


@router.get("/orders/{kind}/{document}", response_model=OrderAnswer)
async def get_order(
    request: Request, kind: Literal["quote", "order"], document: Id, company: Company, role: Role, party: PartyId
) -> Response:
    """One quote or order, with what is delivered and what remains of each line."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return {
            "document": orders.document(tx, subject, kind, document),
            "lines": orders.lines(tx, subject, kind, document),
        }

    return await _about(request, Subject(company, role, party), (*orders.TABLES, "sales_line"), body)


@router.get("/ordered-products", response_model=OrderedProductsAnswer)
async def get_ordered_products(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Orders per product, the largest remainder first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return _page("products", orders.products(tx, subject), limit, offset)

    return await _about(request, Subject(company, role, party), ("party", "order_product"), body)


@router.get("/ordered-products/{product}", response_model=ProductOrdersAnswer)
async def get_ordered_product(
    request: Request,
    product: Id,
    company: Company,
    role: Role,
    party: PartyId,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """The orders that hold a product."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return _page("lines", orders.lines_with_product(tx, subject, product), limit, offset)

    return await _about(request, Subject(company, role, party), (*orders.TABLES, "sales_line"), body)


@router.get("/ordered-requisitions", response_model=RequisitionsAnswer)
async def get_requisitions(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Orders per requisition number, the latest first; those without come last."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return _page("requisitions", orders.requisitions(tx, subject), limit, offset)

    return await _about(request, Subject(company, role, party), ("party", "order_requisition"), body)


@router.get("/budget", response_model=BudgetAnswer)
async def get_budget(request: Request, company: Company, role: Role, party: PartyId, year: Year = None) -> Response:
    """A customer's budget against what was invoiced, per period; newest year first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        years = budget.customer_years(tx, subject.company, subject.party_id) if role == "customer" else {}
        periods = [row for known, rows in years.items() if year in (None, known) for row in rows]
        return {"periods": periods}

    return await _about(request, Subject(company, role, party), budget.TABLES, body)


@router.get("/projects", response_model=ProjectsAnswer)
async def get_projects(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """A customer's projects."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return _page("projects", projects.projects(tx, subject), limit, offset)

    return await _about(request, Subject(company, role, party), projects.TABLES, body)


@router.get("/projects/{project}", response_model=ProjectAnswer)
async def get_project(
    request: Request,
    project: Id,
    company: Company,
    role: Role,
    party: PartyId,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """One project with its accounts and posted lines."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = projects.project(tx, subject, project)
        lines = projects.project_lines(tx, subject.company, project)
        return {
            "project": found,
            "accounts": projects.accounts(lines),
            **_page("lines", lines, limit, offset),
        }

    return await _about(request, Subject(company, role, party), (*projects.TABLES, "project_line"), body)


@router.get("/vouchers/{voucher}", response_model=VoucherAnswer)
async def get_voucher(request: Request, voucher: Id, company: Company, role: Role, party: PartyId) -> Response:
    """All lines of a voucher that the party stands on."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return {
            "lines": vouchers.voucher(tx, subject, voucher),
            "documents": party_documents(tx, subject, "voucher", voucher),
            "in_erp": party_in_erp(subject, "voucher", voucher),
        }

    return await _about(request, Subject(company, role, party), vouchers.TABLES, body)


def _period(start: date | None, end: date | None) -> statement.Period:
    """Raises BadRequest for one that ends before it begins."""
    if start is not None and end is not None and end < start:
        raise BadRequest("period_backwards")
    return statement.Period("own", start, end)


def _page(name: str, rows: Sequence[Any], limit: int, offset: int) -> dict[str, Any]:
    """Some of the rows under a name, and how many there are."""
    return {"count": len(rows), name: rows[offset : offset + limit]}


async def _about(
    request: Request,
    subject: Subject,
    tables: tuple[str, ...],
    body: Callable[[Transaction, Subject], dict[str, Any]],
) -> Response:
    panels: Panels = request.app.state.panels
    await panels.walls.see(request, subject)

    def read(tx: Transaction) -> bytes:
        def make(version: Version) -> bytes:
            return encoded({**head(load_party(tx, subject), version), **body(tx, subject)})

        key = ("api", request.url.path, request.url.query)
        answer, version = panels.cache.answer(tx, subject, key, tables, make)
        return answer.replace(encoded(FETCHED), encoded(version.fetched_at))

    return Response(await panels.read(read), media_type="application/json")
