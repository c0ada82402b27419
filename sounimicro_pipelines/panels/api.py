"""The JSON API: what the screens show, for others to build on. Money is decimal text, days are ISO."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.figures import open_items as open_item_figures
from sounimicro_pipelines.panels.figures import party as party_figures
from sounimicro_pipelines.panels.words import choose_language, words
from sounimicro_pipelines.store import Transaction

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels


class Problem(BaseModel):
    """What is wrong, and what to do."""

    code: str
    message: str
    remedy: str


class ErrorAnswer(BaseModel):
    error: Problem


class Whom(BaseModel):
    """Company (alias), role and the party's id in the ERP."""

    company: str
    role: Literal["customer", "supplier"]
    party_id: int


class Stand(BaseModel):
    """Which version of the figures this is. `ties_out`: agrees with the ledger; null when not checked."""

    fetched_at: datetime
    as_of: date
    ties_out: bool | None
    finding: str | None


class Summary(BaseModel):
    """Amounts in company currency, VAT included."""

    number: str
    name: str
    org_number: str | None
    currency: str
    balance: Decimal
    open_amount: Decimal
    overdue_amount: Decimal
    unallocated_amount: Decimal
    overdue_count: int
    oldest_due_date: date | None
    aging: dict[str, Decimal] = Field(description="not_due, 1_30, 31_60, 61_90, over_90, unallocated")


class OpenItemRow(BaseModel):
    """One open ledger entry; a credit note or payment is negative."""

    journal_entry_line_id: int
    voucher_id: int | None
    voucher_number: str | None
    document_number: str | None
    invoice_id: int | None
    kind: str
    invoice_date: date | None
    due_date: date | None
    original_amount: Decimal
    remaining_amount: Decimal
    days_overdue: int | None
    is_overdue: bool
    bucket: str
    state: Literal["overdue", "open", "unallocated"]
    collection_state: str
    text: str | None
    currency: str | None
    remaining_amount_currency: Decimal | None


class OpenItemsAnswer(BaseModel):
    whom: Whom
    stand: Stand
    summary: Summary
    view: Literal["all", "overdue", "not-overdue"]
    total: Decimal
    count: int
    items: list[OpenItemRow]


Company = Annotated[str, Query(pattern=r"^[a-z0-9_-]{1,40}$", description="Alias of the ERP company")]
Role = Annotated[Literal["customer", "supplier"], Query()]
PartyId = Annotated[int, Query(alias="party", ge=1, le=2**63 - 1, description="Id of the customer or supplier")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]

ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "No such company or party"},
    422: {"model": ErrorAnswer, "description": "A parameter that cannot be meant"},
    503: {"model": ErrorAnswer, "description": "Not published yet, or the store does not answer"},
}
router = APIRouter(prefix="/api/v1", tags=["figures"], responses=ERRORS)


@router.get("/open-items", response_model=OpenItemsAnswer)
async def open_items(
    request: Request,
    company: Company,
    role: Role,
    party: PartyId,
    view: Annotated[Literal["all", "overdue", "not-overdue"], Query()] = "all",
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Response:
    """Open items of a customer or supplier, the oldest overdue first. `total` and `count` are over the whole view."""
    panels: Panels = request.app.state.panels
    subject = Subject(company, role, party)

    def read(tx: Transaction) -> dict[str, Any]:
        version = party_figures.version_of(tx, company, open_item_figures.TABLES)
        card = party_figures.load_party(tx, subject)
        everything = open_item_figures.open_items(tx, subject)
        wanted = {"all": (True, False), "overdue": (True,), "not-overdue": (False,)}[view]
        items = [item for item in everything if item.is_overdue in wanted]
        return {
            **head(card, version, open_item_figures.aging(everything)),
            "view": view,
            "total": open_item_figures.total(items),
            "count": len(items),
            "items": [asdict(item) for item in items[offset : offset + limit]],
        }

    return answer(await panels.read(read))


def head(card: party_figures.Party, version: party_figures.Version, aging: dict[str, Decimal]) -> dict[str, Any]:
    """Whom, which version, and the summary: the beginning of every answer about a party."""
    return {
        "whom": asdict(card.subject),
        "stand": {
            "fetched_at": version.fetched_at,
            "as_of": version.as_of,
            "ties_out": version.ties_out,
            "finding": version.finding,
        },
        "summary": {
            "number": card.number,
            "name": card.name,
            "org_number": card.org_number,
            "currency": card.currency,
            "balance": card.balance,
            "open_amount": card.open_amount,
            "overdue_amount": card.overdue_amount,
            "unallocated_amount": card.unallocated_amount,
            "overdue_count": card.overdue_count,
            "oldest_due_date": card.oldest_due_date,
            "aging": aging,
        },
    }


def answer(body: dict[str, Any], status: int = 200) -> Response:
    """JSON without a detour over floats."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def error_answer(request: Request, status: int, key: str, parameters: dict[str, Any]) -> Response:
    language = words(choose_language(None, request.headers.get("accept-language")))
    return answer(
        {
            "error": {
                "code": key,
                "message": language(f"errors.{key}.title", **parameters),
                "remedy": language(f"errors.{key}.advice", **parameters),
            }
        },
        status,
    )
