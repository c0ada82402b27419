"""A CRM record as its ERP tab shows it: how it is linked, every field with its reason, and where it can be linked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.api.answers import encoded
from sounimicro_pipelines.panels.api.requests import ERRORS, Record
from sounimicro_pipelines.panels.erp_tab.overview import PARTY_ROLES, Card, Row, overview
from sounimicro_pipelines.panels.erp_tab.record import PANELS, Case, admitted
from sounimicro_pipelines.panels.figures.party import is_published
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.panels.words import choose_language, words
from sounimicro_pipelines.store import Transaction
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import CrmAddress

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

router = APIRouter(prefix="/api/v1/records", tags=["records"], responses=ERRORS)

Entity = Literal["contact", "person", "project"]
RecordId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Tenant = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,40}$", description="May be left out")]


class LinkAnswer(BaseModel):
    """An ERP record that the CRM record is linked with. `company` is the alias, and with `role` and `erp_id` names the
    party of a contact's figures, which are there when `has_figures`."""

    company: str
    company_name: str
    role: str
    erp_entity: str
    erp_id: int
    linked_at: datetime
    has_figures: bool


class LinksAnswer(BaseModel):
    """The oldest link first."""

    record: Record
    links: list[LinkAnswer]


class Reason(BaseModel):
    """Why a field has its value, in the language that was asked for. `before` are earlier changes, newest first."""

    because: str
    last: str
    before: list[str]
    needs_person: bool


class FieldAnswer(BaseModel):
    """One field on both sides. `would`: what the sync would do with it now; `stored` where nobody could be asked."""

    key: str
    name: str
    crm: str
    erp: str
    would: Literal["equal", "to_crm", "to_erp", "ask", "stuck", "left", "shown", "stored"]
    direction: str
    show_in_erp_tab: bool
    why: Reason | None


class LinkedAnswer(LinkAnswer):
    """`persons`: linked persons of the company. `problem` names the error that kept its values from being read."""

    number: str
    persons: int
    problem: str | None
    fields: list[FieldAnswer]


class PlaceAnswer(BaseModel):
    """An ERP company in which the record can be linked, in these roles; `waiting`: those where it is being created."""

    company: str
    company_name: str
    live: bool
    roles: list[str]
    waiting: list[str]


class RecordAnswer(BaseModel):
    """`problem` names the error that kept the two systems from being asked; values are then those agreed on last."""

    record: Record
    name: str
    may_change: bool
    locked: bool
    problem: str | None
    links: list[LinkedAnswer]
    places: list[PlaceAnswer]


@router.get("/{entity}/{record}/links", response_model=LinksAnswer)
async def get_links(request: Request, entity: Entity, record: RecordId, tenant: Tenant = None) -> Response:
    """What a CRM record is linked with, without asking either system about its values."""
    case = await _case(request, entity, record, tenant)

    def read(tx: Transaction) -> list[dict[str, Any]]:
        return [_link(link, company, _has_figures(tx, link, company)) for link, company in case.links(tx)]

    return _json({"record": _record(case), "links": await case.panels.read(read)})


@router.get("/{entity}/{record}", response_model=RecordAnswer)
async def get_record(request: Request, entity: Entity, record: RecordId, tenant: Tenant = None) -> Response:
    """The ERP tab: links with their values in both systems as they are now, and where the record can be linked."""
    case = await _case(request, entity, record, tenant)
    found = await overview(case)
    return _json(
        {
            "record": _record(case),
            "name": found.name,
            "may_change": case.may_change,
            "locked": found.locked,
            "problem": found.problem.key if found.problem is not None else None,
            "links": [_card(one) for one in found.cards],
            "places": [
                {
                    "company": one.company.alias,
                    "company_name": one.company.name,
                    "live": one.live,
                    "roles": list(one.roles),
                    "waiting": list(one.pending),
                }
                for one in found.choices
            ],
        }
    )


async def _case(request: Request, entity: Entity, record: int, tenant: str | None) -> Case:
    panels: Panels = request.app.state.panels
    whose = tenant or panels.settings.superoffice_tenant or ""
    language = words(choose_language(None, request.headers.get("accept-language")))
    address = Address(PANELS[entity], {"tenant": whose, "id": str(record)})
    viewer = viewer_of(request)
    return await admitted(request, language, address, viewer, whose, CrmAddress(entity, record), change=False)


def _has_figures(tx: Transaction, link: Link, company: CompanyRow) -> bool:
    return link.role in PARTY_ROLES and is_published(tx, Subject(company.alias, link.role, link.erp_id))


def _record(case: Case) -> dict[str, Any]:
    return {"entity": case.record.entity, "id": case.record.id}


def _link(link: Link, company: CompanyRow, has_figures: bool) -> dict[str, Any]:
    return {
        "company": company.alias,
        "company_name": company.name,
        "role": link.role,
        "erp_entity": link.erp_entity,
        "erp_id": link.erp_id,
        "linked_at": link.created_at,
        "has_figures": has_figures,
    }


def _card(card: Card) -> dict[str, Any]:
    return {
        **_link(card.link, card.company, card.figures is not None),
        "number": card.number,
        "persons": card.persons,
        "problem": card.problem.key if card.problem is not None else None,
        "fields": [_field(row) for row in card.rows],
    }


def _field(row: Row) -> dict[str, Any]:
    why = row.why
    return {
        "key": row.key,
        "name": row.name,
        "crm": row.crm,
        "erp": row.erp,
        "would": row.state,
        "direction": row.direction,
        "show_in_erp_tab": row.shown_first,
        "why": None
        if why is None
        else {"because": why.because, "last": why.last, "before": list(why.before), "needs_person": why.needs_person},
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(encoded(body), media_type="application/json")
