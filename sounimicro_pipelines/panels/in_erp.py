"""The way from our screens to an invoice or voucher in the ERP's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from sounimicro_pipelines.panels import pages
from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.document_links import ERP_PATH
from sounimicro_pipelines.panels.errors import BadRequest, NotFound
from sounimicro_pipelines.panels.figures import invoices, vouchers
from sounimicro_pipelines.panels.figures.documents import OWNERS
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.store import Transaction, companies
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines.unimicro.files import bill_link, invoice_link, voucher_link

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

router = APIRouter(include_in_schema=False)

Link = Callable[[CompanyClient], str]


@router.get(ERP_PATH)
async def in_erp(request: Request) -> Response:
    """Leads to an invoice or voucher of the party (`owner` and `of` beside whom it is about)."""
    panels: Panels = request.app.state.panels
    address = Address(ERP_PATH, dict(request.query_params))
    await panels.walls.admit(request, address)
    viewer = viewer_of(request)

    def find(tx: Transaction) -> tuple[CompanyRow, Link]:
        subject = pages.subject_of(tx, address, lambda company: panels.walls.sees_company(viewer, company))
        if isinstance(subject, list):
            raise BadRequest("nobody_named")
        row = companies.by_alias(tx, subject.company)
        if row is None:
            raise NotFound("unknown_company")
        owner = address.choice("owner", OWNERS, "invoice")
        return row, _link(tx, subject, owner, address.identifier("of") or 0)

    row, link = await panels.read(find)
    company = panels.erp.company_or_none(row)
    if company is None:
        raise NotFound("no_erp_page")
    return RedirectResponse(link(company), 303, headers={"Referrer-Policy": "no-referrer"})


def _link(tx: Transaction, subject: Subject, owner: str, owner_id: int) -> Link:
    """Raises NotFound for what is not the party's, and for a voucher that cannot be named in an address."""
    if owner == "invoice":
        invoices.invoice(tx, subject, owner_id)
        return partial(invoice_link if subject.role == "customer" else bill_link, record_id=owner_id)
    first = vouchers.voucher(tx, subject, owner_id)[0]
    if first.voucher_number is None or first.financial_date is None:
        raise NotFound("no_erp_page")
    return partial(voucher_link, number=first.voucher_number, day=first.financial_date)
