"""What pressing ERP does, as JSON: the same requests as on the screens, with the same checks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sounimicro_pipelines.panels.address import Address
from sounimicro_pipelines.panels.api.answers import ALWAYS, ErrorAnswer, encoded
from sounimicro_pipelines.panels.erp_tab import requests
from sounimicro_pipelines.panels.erp_tab.record import PANELS, Case, admitted
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.panels.words import choose_language, words
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.finding import Candidate
from sounimicro_pipelines.sync.requests import Outcome

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

ERRORS: dict[int | str, dict[str, Any]] = ALWAYS | {
    400: {"model": ErrorAnswer, "description": "A role or a record that cannot be meant"},
    403: {"model": ErrorAnswer, "description": "Not for this person, or no CSRF token in the header X-CSRF-Token"},
    404: {"model": ErrorAnswer, "description": "No such company, or the record is gone"},
    409: {"model": ErrorAnswer, "description": "Linked already, not linked, not gone live, or busy now"},
    422: {
        "model": ErrorAnswer,
        "description": "Fields that are missing or unfit (`fields`), or another shape",
    },
    502: {"model": ErrorAnswer, "description": "One of the two systems denies a right"},
    503: {"model": ErrorAnswer, "description": "One of the two systems does not answer; may be repeated"},
}
router = APIRouter(prefix="/api/v1/requests", tags=["requests"], responses=ERRORS)

_WHOLE = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=_WHOLE, strict=True)]
Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Text = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
Search = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f]*$")]


class Record(BaseModel):
    """A record of the CRM."""

    model_config = ConfigDict(extra="forbid")
    entity: Literal["contact", "person", "project"]
    id: Id


class AboutRecord(BaseModel):
    """Whom a request is about. `tenant` may be left out; another than ours is refused."""

    model_config = ConfigDict(extra="forbid")
    record: Record
    tenant: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] | None = None


class AboutPlace(AboutRecord):
    """The ERP company by its alias, and the role; a person's follows from the company, a project has none."""

    company: Alias
    role: Literal["customer", "supplier"] | None = None


class CandidatesRequest(AboutPlace):
    """With `search` the ERP is searched for a name, number or organisation number; without, for what looks the same."""

    search: Search = ""


class LinkRequest(AboutPlace):
    """`choices` say by field key whose value is right where both sides have one; `candidates` names the ERP record."""

    erp_id: Id
    choices: Annotated[dict[Name, Literal["crm", "erp"]], Field(max_length=200)] = {}


class CreateRequest(AboutPlace):
    """`answers` are by field key or path. `customer` is the CRM company that a project is for."""

    answers: Annotated[dict[Name, Text], Field(max_length=200)] = {}
    customer: Id | None = None


class DifferencesRequest(AboutPlace):
    erp_id: Id


class CandidateAnswer(BaseModel):
    """An ERP record that may be the same. `score` is 0 to 1; `certain` ones would link by themselves."""

    erp_id: int
    name: str
    number: str
    org_number: str
    postcode: str
    score: float
    reasons: list[str]
    certain: bool
    is_linked: bool


class CandidatesAnswer(BaseModel):
    """Most likely first."""

    candidates: list[CandidateAnswer]


class ListItem(BaseModel):
    id: str
    name: str


class QuestionAnswer(BaseModel):
    """What is asked before a record is created. `items` are what a list may hold, empty where any text will do."""

    key: str
    crm_path: str
    erp_path: str
    required: bool
    proposed: str
    items: list[ListItem]
    max_length: int | None


class QuestionsAnswer(BaseModel):
    """In the rule's order."""

    questions: list[QuestionAnswer]


class DifferenceAnswer(BaseModel):
    """One field on both sides, and what the rule would do; `choices` are the sides that a person may choose."""

    key: str
    crm_path: str
    erp_path: str
    crm: str
    erp: str
    would: Literal["equal", "to_crm", "to_erp", "ask", "stuck", "left", "shown"]
    choices: list[Literal["crm", "erp"]]


class DifferencesAnswer(BaseModel):
    """In the rule's order."""

    differences: list[DifferenceAnswer]


class WrittenField(BaseModel):
    side: Literal["crm", "erp"]
    field: str


class OutcomeAnswer(BaseModel):
    """What a request came to. `waiting` is a word for why something is left to the sync, null when nothing is.

    `run` can be undone as a whole.
    """

    action: Literal["link", "create", "unlink", "sync"]
    run: str
    rule: str
    company: str | None
    record: Record
    erp_entity: str | None
    erp_id: int | None
    number: str | None
    fields: list[WrittenField]
    conflicts: int
    held: int
    waiting: str | None
    waits_until: datetime | None


@router.post("/candidates", response_model=CandidatesAnswer)
async def candidates(request: Request, body: CandidatesRequest) -> Response:
    """ERP records that may be the same as a CRM record, or that a search finds."""
    case, company = await _at_place(request, body)
    _, found = await requests.candidates(case, company, _role(body), body.search.strip())
    return _json({"candidates": [_candidate(one) for one in found]})


@router.post("/questions", response_model=QuestionsAnswer)
async def questions(request: Request, body: AboutPlace) -> Response:
    """What must or may be answered before the record is created in the ERP."""
    case, company = await _at_place(request, body)
    _, asked, _ = await requests.questions(case, company, _role(body))
    return _json(
        {
            "questions": [
                {
                    "key": one.question.key,
                    "crm_path": one.question.crm_path,
                    "erp_path": one.question.erp_path,
                    "required": one.question.required,
                    "proposed": one.question.proposed,
                    "items": [{"id": item.id, "name": item.name} for item in one.items],
                    "max_length": one.question.max_length,
                }
                for one in asked
            ]
        }
    )


@router.post("/differences", response_model=DifferencesAnswer)
async def differences(request: Request, body: DifferencesRequest) -> Response:
    """A CRM record beside an ERP record, field by field."""
    case, company = await _at_place(request, body)
    _, found = await requests.comparison(case, company, _role(body), body.erp_id)
    return _json(
        {
            "differences": [
                {
                    "key": one.difference.key,
                    "crm_path": one.difference.crm_path,
                    "erp_path": one.difference.erp_path,
                    "crm": one.difference.crm,
                    "erp": one.difference.erp,
                    "would": one.difference.would,
                    "choices": list(one.difference.choices),
                }
                for one in found
            ]
        }
    )


@router.post("/create", response_model=OutcomeAnswer)
async def create(request: Request, body: CreateRequest) -> Response:
    """Create the record in the ERP and bring its number back. Asked twice, it is created once (409 the second time)."""
    case, company = await _at_place(request, body)
    customer = body.customer if body.record.entity == "project" else None
    if customer is not None:
        await case.panels.walls.require_record(request, "contact", customer)
    return _outcome(body.company, await requests.create(case, company, _role(body), body.answers, customer))


@router.post("/link", response_model=OutcomeAnswer)
async def link(request: Request, body: LinkRequest) -> Response:
    """Link the record with an ERP record. Where both sides differ and nobody has chosen, the rule decides or asks."""
    case, company = await _at_place(request, body)
    return _outcome(body.company, await requests.link(case, company, _role(body), body.erp_id, body.choices))


@router.post("/unlink", response_model=OutcomeAnswer)
async def unlink(request: Request, body: AboutPlace) -> Response:
    """Disconnect the record; both sides stay as they are."""
    case, company = await _at_place(request, body)
    return _outcome(body.company, await requests.unlink(case, company, _role(body)))


@router.post("/sync", response_model=OutcomeAnswer)
async def sync(request: Request, body: AboutRecord) -> Response:
    """Look at the record at once, in every company that it is linked with."""
    return _outcome(None, await requests.sync_now(await _case(request, body, {})))


async def _at_place(request: Request, body: AboutPlace) -> tuple[Case, CompanyRow]:
    panels: Panels = request.app.state.panels
    panels.walls.require_company(viewer_of(request), body.company)
    case = await _case(request, body, {"company": body.company, "role": body.role or ""})
    return case, await requests.company_of(case)


async def _case(request: Request, body: AboutRecord, place: dict[str, str]) -> Case:
    panels: Panels = request.app.state.panels
    tenant = body.tenant or panels.settings.superoffice_tenant or ""
    language = words(choose_language(None, request.headers.get("accept-language")))
    address = Address(PANELS[body.record.entity], {"tenant": tenant, "id": str(body.record.id), **place})
    record = CrmAddress(body.record.entity, body.record.id)
    return await admitted(request, language, address, viewer_of(request), tenant, record, change=True)


def _role(body: AboutPlace) -> str:
    return "" if body.record.entity == "project" else body.role or ""


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "erp_id": one.erp_id,
        "name": one.name,
        "number": one.number,
        "org_number": one.org_number,
        "postcode": one.postcode,
        "score": one.score,
        "reasons": list(one.reasons),
        "certain": one.certain,
        "is_linked": one.linked_to is not None,
    }


def _outcome(alias: str | None, outcome: Outcome) -> Response:
    record = outcome.record
    return _json(
        {
            "action": outcome.action,
            "run": outcome.run_id,
            "rule": outcome.rule,
            "company": alias,
            "record": {"entity": record.entity, "id": record.id},
            "erp_entity": outcome.erp_entity or None,
            "erp_id": outcome.erp_id,
            "number": outcome.number or None,
            "fields": [{"side": side, "field": name} for side, name in outcome.fields],
            "conflicts": outcome.conflicts,
            "held": outcome.held,
            "waiting": outcome.reason or None,
            "waits_until": outcome.until,
        }
    )


def _json(body: dict[str, Any]) -> Response:
    return Response(encoded(body), media_type="application/json")
