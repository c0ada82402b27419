"""The ERP tab's addresses: screens by GET, and what a person asks for by POST, which then leads to a screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.erp_tab import forms, requests, screens
from sounimicro_pipelines.panels.erp_tab.record import Case, case_of
from sounimicro_pipelines.panels.erp_tab.refusals import Refused
from sounimicro_pipelines.panels.errors import BadRequest, NotFound, SystemDown
from sounimicro_pipelines.panels.first_sight import first_sight, is_first_sight
from sounimicro_pipelines.panels.tab_bar import erp_link
from sounimicro_pipelines.panels.words import Words, choose_language, words
from sounimicro_pipelines.rules import Side
from sounimicro_pipelines.store import Transaction
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.sync.requests import Outcome

router = APIRouter(include_in_schema=False)

Form = Mapping[str, str]


@router.get("/panel/person")
async def person_panel(request: Request) -> Response:
    """A contact person: the ERP tab alone."""
    return await _shown(request)


@router.get("/panel/project")
async def project_panel(request: Request) -> Response:
    """A project: the ERP tab alone."""
    return await _shown(request)


@router.post("/panel/company")
@router.post("/panel/person")
@router.post("/panel/project")
async def submit(request: Request) -> Response:
    """Carry out what a form asks for (`action`) and lead to the overview, or show the form again with what is wrong."""
    address, language = _address(request)
    form = await _form(request)
    action = form.get("action", "")
    if action != LOOK and action not in ACTIONS:
        raise BadRequest("not_a_choice", name="action")
    try:
        case = await case_of(request, address, language, change=True)
    except SystemDown:
        case = await case_of(request, address, language)
        return await _again(request, case, action, form, Refused("crm_silent", 503))
    if action == LOOK:
        return await screens.create_screen(request, case, *await _place(case), form=form)
    try:
        outcome, company = await ACTIONS[action](request, case, form)
    except Refused as refused:
        return await _again(request, case, action, form, refused)
    parts = {"company": company.alias, "role": address.role} if company is not None and action != "unlink" else {}
    cleared = {"company": None, "role": None} | parts
    return RedirectResponse(case.at(run=outcome.run_id, did=action, **cleared), 303)


async def show(request: Request, address: Address, language: Words) -> Response:
    """The screen that an address names. What leads to a change is for those who may change the record in the CRM."""
    if is_first_sight(request):
        return first_sight(language)
    if address.crm is None:
        subject = address.subject()
        if subject is not None:
            return await _from_party(request, address, subject)
    view = address.choice("view", tuple(VIEWS), "overview")
    case = await case_of(request, address, language, change=view != "overview")
    return await VIEWS[view](request, case)


async def _shown(request: Request) -> Response:
    address, language = _address(request)
    return await show(request, address, language)


async def _from_party(request: Request, address: Address, subject: Subject) -> Response:
    """The ERP tab of a customer or supplier is that of the CRM company it is linked with."""
    panels = request.app.state.panels
    await panels.walls.admit(request, address)
    href = await panels.read(lambda tx: erp_link(tx, address, subject))
    if href is None:
        raise NotFound("party_unlinked")
    return RedirectResponse(href, 303)


# -- screens -----------------------------------------------------------------------------------------------------------


async def _overview(request: Request, case: Case) -> Response:
    return await screens.overview_screen(request, case)


async def _find(request: Request, case: Case) -> Response:
    company, role = await _place(case)
    return await screens.find_screen(request, case, company, role, case.address.get("find") or "")


async def _compare(request: Request, case: Case) -> Response:
    company, role = await _place(case)
    return await screens.compare_screen(request, case, company, role, _erp_id(case))


async def _create(request: Request, case: Case) -> Response:
    company, role = await _place(case)
    return await screens.create_screen(request, case, company, role)


async def _unlink(request: Request, case: Case) -> Response:
    company, role = await _place(case)
    return await screens.unlink_screen(request, case, company, role)


VIEWS: dict[str, Callable[[Request, Case], Awaitable[Response]]] = {
    "overview": _overview,
    "find": _find,
    "compare": _compare,
    "create": _create,
    "unlink": _unlink,
}


# -- what is asked for ------------------------------------------------------------------------------------------------


async def _do_link(request: Request, case: Case, form: Form) -> tuple[Outcome, CompanyRow | None]:
    company, role = await _place(case)
    chosen = forms.given(form, forms.CHOICE)
    _, found = await requests.comparison(case, company, role, _erp_id(case))
    missing = forms.unanswered(found, chosen)
    if missing:
        raise Refused("erp_choices", 422, missing)
    sides: dict[str, Side] = {key: "crm" if side == "crm" else "erp" for key, side in chosen.items() if side}
    return await requests.link(case, company, role, _erp_id(case), sides), company


async def _do_create(request: Request, case: Case, form: Form) -> tuple[Outcome, CompanyRow | None]:
    company, role = await _place(case)
    answers = forms.given(form, forms.ANSWER)
    customer = await screens.chosen_customer(request, case, form.get("customer"))
    return await requests.create(case, company, role, answers, customer), company


async def _do_unlink(request: Request, case: Case, form: Form) -> tuple[Outcome, CompanyRow | None]:
    company, role = await _place(case)
    return await requests.unlink(case, company, role), company


async def _do_sync(request: Request, case: Case, form: Form) -> tuple[Outcome, CompanyRow | None]:
    return await requests.sync_now(case), None


LOOK = "look"
"""For a project's customer, with what the form holds so far."""
ACTIONS: dict[str, Callable[[Request, Case, Form], Awaitable[tuple[Outcome, CompanyRow | None]]]] = {
    "link": _do_link,
    "create": _do_create,
    "unlink": _do_unlink,
    "sync": _do_sync,
}


async def _again(request: Request, case: Case, action: str, form: Form, refused: Refused) -> Response:
    """The form as it was filled in, with what is wrong. Whoever pressed twice is led to what came of the first."""
    if action in ("create", "link") and refused.key == "erp_already_linked":
        company, role = await _place(case)
        if await case.panels.read(lambda tx: _is_linked(tx, case, company, role)):
            return RedirectResponse(case.at(did="already", company=company.alias, role=case.address.role), 303)
    if action in ("create", LOOK):
        company, role = await _place(case)
        return await screens.create_screen(request, case, company, role, form=form, refused=refused)
    if action == "link":
        company, role = await _place(case)
        return await screens.compare_screen(request, case, company, role, _erp_id(case), form=form, refused=refused)
    return await screens.overview_screen(request, case, refused=refused)


def _is_linked(tx: Transaction, case: Case, company: CompanyRow, role: str) -> bool:
    return any(link.company_key == company.company_key and role in ("", link.role) for link, _ in case.links(tx))


async def _place(case: Case) -> tuple[CompanyRow, str]:
    """The ERP company and role that the address names. Raises BadRequest, NotFound and Refused."""
    company = await requests.company_of(case)
    role = case.address.role or ""
    if case.record.entity == "contact" and not role:
        raise BadRequest("no_place")
    return company, role if case.record.entity != "project" else ""


def _erp_id(case: Case) -> int:
    erp_id = case.address.identifier("erp")
    if erp_id is None:
        raise BadRequest("not_a_number", name="erp")
    return erp_id


async def _form(request: Request) -> dict[str, str]:
    """The form's texts; a field that is sent twice counts once, a file not at all."""
    found: dict[str, str] = {}
    for name, value in (await request.form()).multi_items():
        if not isinstance(value, UploadFile):
            if len(value) > 10_000:
                raise BadRequest("too_long", name=name[:40])
            found[name] = value
    return found


def _address(request: Request) -> tuple[Address, Words]:
    address = Address(request.url.path, dict(request.query_params))
    return address, words(choose_language(address.get("lang"), request.headers.get("accept-language")))
