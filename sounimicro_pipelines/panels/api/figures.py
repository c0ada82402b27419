"""The figures as JSON, one address for each screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.api.answers import ERRORS, encoded, head
from sounimicro_pipelines.panels.api.figure_answers import (
    BudgetAnswer,
    InvoiceAnswer,
    InvoicesAnswer,
    OpenItemsAnswer,
    OrderAnswer,
    OrderedProductsAnswer,
    OrdersAnswer,
    ProductInvoicesAnswer,
    ProductOrdersAnswer,
    ProductsAnswer,
    ProjectAnswer,
    ProjectsAnswer,
    RequisitionsAnswer,
    SellersAnswer,
    StatementAnswer,
    TurnoverAnswer,
    VoucherAnswer,
)
from sounimicro_pipelines.panels.api.queries import (
    InvoicesQuery,
    OpenItemsQuery,
    OrdersQuery,
    PageQuery,
    PartyQuery,
    PeriodQuery,
    YearPageQuery,
    YearQuery,
)
from sounimicro_pipelines.panels.cache import FETCHED
from sounimicro_pipelines.panels.document_links import party_documents, party_in_erp
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


@router.get("/open-items", response_model=OpenItemsAnswer)
async def get_open_items(request: Request, asked: Annotated[OpenItemsQuery, Query()]) -> Response:
    """Open items of a customer or supplier, the oldest overdue first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        everything = open_items.open_items(tx, subject)
        wanted = {"all": (True, False), "overdue": (True,), "not-overdue": (False,)}[asked.view]
        items = [item for item in everything if item.is_overdue in wanted]
        return {
            "aging": open_items.aging(everything),
            "view": asked.view,
            "total": open_items.total(items),
            **asked.page("items", items),
        }

    return await _about(request, asked.subject, open_items.TABLES, body)


@router.get("/statement", response_model=StatementAnswer)
async def get_statement(request: Request, asked: Annotated[PeriodQuery, Query()]) -> Response:
    """The account statement for a period, both days included."""
    period = asked.period()

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = statement.statement(tx, subject, period)
        return {
            "start": asked.start,
            "end": asked.end,
            "opening": found.opening,
            "closing": found.closing,
            **asked.page("lines", found.lines),
        }

    return await _about(request, asked.subject, statement.TABLES, body)


@router.get("/invoices", response_model=InvoicesAnswer)
async def get_invoices(request: Request, asked: Annotated[InvoicesQuery, Query()]) -> Response:
    """Invoices and credit notes, newest first; those of a period, both days included."""
    period = asked.period()

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = [one for one in invoices.invoices(tx, subject, asked.view) if period.holds(one.invoice_date)]
        return asked.page("invoices", found)

    return await _about(request, asked.subject, invoices.TABLES, body)


@router.get("/invoices/{invoice}", response_model=InvoiceAnswer)
async def get_invoice(request: Request, invoice: Id, asked: Annotated[PartyQuery, Query()]) -> Response:
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
    return await _about(request, asked.subject, tables, body)


@router.get("/invoiced-products", response_model=ProductsAnswer)
async def get_products(request: Request, asked: Annotated[YearPageQuery, Query()]) -> Response:
    """Invoiced per product, of a year or of all history."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return asked.page("products", turnover.by_product(tx, subject, asked.year))

    return await _about(request, asked.subject, ("party", "turnover_product"), body)


@router.get("/invoiced-products/{product}", response_model=ProductInvoicesAnswer)
async def get_product(request: Request, product: Id, asked: Annotated[PageQuery, Query()]) -> Response:
    """The invoices that hold a product."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return asked.page("lines", invoices.lines_with_product(tx, subject, product))

    return await _about(request, asked.subject, (*invoices.TABLES, "invoice_line"), body)


@router.get("/turnover", response_model=TurnoverAnswer)
async def get_turnover(request: Request, asked: Annotated[PartyQuery, Query()]) -> Response:
    """Invoiced per month of the last twelve, excluding VAT, the oldest first."""

    tables = ("party", "turnover_month")

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        months = turnover.by_month(tx, subject, version_of(tx, subject.company, tables).as_of)
        return {"months": [{"month": month, "net_amount": amount} for month, amount in months]}

    return await _about(request, asked.subject, tables, body)


@router.get("/invoiced-sellers", response_model=SellersAnswer)
async def get_sellers(request: Request, asked: Annotated[YearPageQuery, Query()]) -> Response:
    """Invoiced per seller, of a year or of all history."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return asked.page("sellers", turnover.by_seller(tx, subject, asked.year))

    return await _about(request, asked.subject, ("party", "turnover_seller"), body)


@router.get("/orders", response_model=OrdersAnswer)
async def get_orders(request: Request, asked: Annotated[OrdersQuery, Query()]) -> Response:
    """Quotes and orders, newest first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = orders.documents(tx, subject, {"orders": "order", "quotes": "quote"}.get(asked.view))
        return asked.page("documents", found)

    return await _about(request, asked.subject, orders.TABLES, body)


@router.get("/orders/{kind}/{document}", response_model=OrderAnswer)
async def get_order(
    request: Request, kind: Literal["quote", "order"], document: Id, asked: Annotated[PartyQuery, Query()]
) -> Response:
    """One quote or order, with what is delivered and what remains of each line."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return {
            "document": orders.document(tx, subject, kind, document),
            "lines": orders.lines(tx, subject, kind, document),
        }

    return await _about(request, asked.subject, (*orders.TABLES, "sales_line"), body)


@router.get("/ordered-products", response_model=OrderedProductsAnswer)
async def get_ordered_products(request: Request, asked: Annotated[PageQuery, Query()]) -> Response:
    """Orders per product, the largest remainder first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return asked.page("products", orders.products(tx, subject))

    return await _about(request, asked.subject, ("party", "order_product"), body)


@router.get("/ordered-products/{product}", response_model=ProductOrdersAnswer)
async def get_ordered_product(request: Request, product: Id, asked: Annotated[PageQuery, Query()]) -> Response:
    """The orders that hold a product."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return asked.page("lines", orders.lines_with_product(tx, subject, product))

    return await _about(request, asked.subject, (*orders.TABLES, "sales_line"), body)


@router.get("/ordered-requisitions", response_model=RequisitionsAnswer)
async def get_requisitions(request: Request, asked: Annotated[PageQuery, Query()]) -> Response:
    """Orders per requisition number, the latest first; those without come last."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return asked.page("requisitions", orders.requisitions(tx, subject))

    return await _about(request, asked.subject, ("party", "order_requisition"), body)


@router.get("/budget", response_model=BudgetAnswer)
async def get_budget(request: Request, asked: Annotated[YearQuery, Query()]) -> Response:
    """A customer's budget against what was invoiced, per period; newest year first."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        years = budget.customer_years(tx, subject.company, subject.party_id) if asked.role == "customer" else {}
        periods = [row for known, rows in years.items() if asked.year in (None, known) for row in rows]
        return {"periods": periods}

    return await _about(request, asked.subject, budget.TABLES, body)


@router.get("/projects", response_model=ProjectsAnswer)
async def get_projects(request: Request, asked: Annotated[PageQuery, Query()]) -> Response:
    """A customer's projects."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return asked.page("projects", projects.projects(tx, subject))

    return await _about(request, asked.subject, projects.TABLES, body)


@router.get("/projects/{project}", response_model=ProjectAnswer)
async def get_project(request: Request, project: Id, asked: Annotated[PageQuery, Query()]) -> Response:
    """One project with its accounts and posted lines."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        found = projects.project(tx, subject, project)
        lines = projects.project_lines(tx, subject.company, project)
        return {
            "project": found,
            "accounts": projects.accounts(lines),
            **asked.page("lines", lines),
        }

    return await _about(request, asked.subject, (*projects.TABLES, "project_line"), body)


@router.get("/vouchers/{voucher}", response_model=VoucherAnswer)
async def get_voucher(request: Request, voucher: Id, asked: Annotated[PartyQuery, Query()]) -> Response:
    """All lines of a voucher that the party stands on."""

    def body(tx: Transaction, subject: Subject) -> dict[str, Any]:
        return {
            "lines": vouchers.voucher(tx, subject, voucher),
            "documents": party_documents(tx, subject, "voucher", voucher),
            "in_erp": party_in_erp(subject, "voucher", voucher),
        }

    return await _about(request, asked.subject, vouchers.TABLES, body)


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
