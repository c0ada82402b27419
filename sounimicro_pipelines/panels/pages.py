"""The pages: the company panel with its tabs, files of what a tab shows, the chooser, and error pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import escape
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from sounimicro_pipelines.panels import exports
from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.cache import FETCHED
from sounimicro_pipelines.panels.erp_tab import pages as erp_pages
from sounimicro_pipelines.panels.erp_tab.record import PANELS
from sounimicro_pipelines.panels.errors import BadRequest, NotFound
from sounimicro_pipelines.panels.figures import party as party_figures
from sounimicro_pipelines.panels.figures import tie_out
from sounimicro_pipelines.panels.grid import PAGE, PRINTED
from sounimicro_pipelines.panels.rendering import asset, render, static_files, static_type
from sounimicro_pipelines.panels.signin.viewer import Viewer
from sounimicro_pipelines.panels.tab_bar import ERP, IN_CRM, erp_link, tab_bar, tab_for
from sounimicro_pipelines.panels.tabs import DEFAULT_TAB, TABS
from sounimicro_pipelines.panels.visit import Screen, Visit
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.panels.words import Words, choose_language, words
from sounimicro_pipelines.store import Transaction

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

__all__ = ["asset", "error_page", "render", "router", "subject_of"]

router = APIRouter(include_in_schema=False)
_OF_A_VIEW = frozenset(
    (
        "not_a_choice",
        "not_a_number",
        "not_a_date",
        "too_long",
        "period_backwards",
        "no_file",
        "only_for_customer",
        "unknown_item",
        "unknown_invoice",
        "unknown_voucher",
        "unknown_document",
        "unknown_project",
        "unknown_product",
        "unknown_file",
        "no_erp_page",
    )
)
"""Errors of one view of somebody whose other views are well."""
_OF_AN_ERP_VIEW = frozenset({"not_changeable", "no_place", "not_a_role", "not_a_company", "unknown_company"})
_TIE_OUT = {True: "ties_out", False: "does_not_tie_out", None: "not_checked"}
_ABOUT_A_PARTY = ("/panel/company", "/panel/document", "/panel/in-erp")
TAKE_OUTS = ("csv", "xlsx", "print")
"""How the table of a view is taken out, `format` of the address."""
_NO_ENTRY = frozenset({"not_administrator", "sign_in", "no_sign_in"})


@router.get("/panel/company")
async def company_panel(request: Request) -> Response:
    panels: Panels = request.app.state.panels
    address = Address(request.url.path, dict(request.query_params))
    language = words(choose_language(address.get("lang"), request.headers.get("accept-language")))
    viewer = viewer_of(request)
    tab = address.word("tab", "")
    if tab == ERP:
        return await erp_pages.show(request, address, language)
    await panels.walls.admit(request, address)
    is_open = bool(tab) or address.crm is None or address.subject() is not None
    if not is_open and await panels.read(lambda tx: _has_no_figures(panels, tx, address, viewer)):
        return await erp_pages.show(request, address, language)
    read = panels.read_aside if address.get("format") else panels.read
    answer = await read(lambda tx: _company(panels, tx, address, language, viewer))
    return answer if isinstance(answer, Response) else await run_in_threadpool(answer)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """Our own style, by name; kept by browsers for as long as its address stays."""
    known = static_files()
    if name not in known:
        raise HTTPException(404)
    content, _ = known[name]
    return Response(
        content, media_type=static_type(name), headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


@router.get("/favicon.ico")
async def icon() -> Response:
    """Asked for by browsers where a document of its own is shown, which names no icon."""
    return await static("icon.svg")


def error_page(request: Request, status: int, key: str, parameters: dict[str, Any]) -> HTMLResponse:
    """A clear page: what is wrong, and what to do."""
    language = words(choose_language(request.query_params.get("lang"), request.headers.get("accept-language")))
    page = render(
        "error.html",
        language,
        title=language(f"errors.{key}.title", **parameters),
        advice=language(f"errors.{key}.advice", **parameters),
        links=_ways_on(request, status, key, language),
    )
    return HTMLResponse(page, status)


def _ways_on(request: Request, status: int, key: str, language: Words) -> list[tuple[str, str]]:
    """Where an error page leads: a panel stands in a frame, which has no button to go back with."""
    path = request.url.path
    if path == "/admin" or path.startswith("/admin/"):
        return [(language("admin.home"), "/admin")] if key not in _NO_ENTRY else []
    if status >= 500 and request.method == "GET":
        return [(language("documents.try_again"), f"{path}?{request.url.query}" if request.url.query else path)]
    if path in PANELS.values() and (path != "/panel/company" or request.query_params.get("tab") == ERP):
        return _to_the_erp_tab(request, key, language)
    if path not in _ABOUT_A_PARTY:
        return []
    try:
        address = Address("/panel/company", dict(request.query_params))
        if address.crm is None and address.subject() is None:
            return []
    except BadRequest:
        return []
    if key == "not_fetched_yet":
        again = f"{path}?{request.url.query}"
        return [
            (language("documents.try_again"), again),
            *([(language("tabs.erp"), address.to(tab=ERP))] if address.crm else []),
        ]
    if key == "not_linked" and path == "/panel/company":
        return [(language("erp.overview.place"), address.to(tab=ERP, company=None, role=None, party=None))]
    if key not in _OF_A_VIEW:
        return []
    if address.get("via"):
        return [(language("layout.back"), address.back())]
    tab = tab_for(address.get("tab") or "", address.role)
    return [(language("layout.back_to", name=language(f"tabs.{tab}")), address.to(tab=tab))]


def _to_the_erp_tab(request: Request, key: str, language: Words) -> list[tuple[str, str]]:
    """The record's ERP tab, from one of its views that cannot be shown."""
    try:
        address = Address(request.url.path, dict(request.query_params))
        if address.crm is None or key not in _OF_A_VIEW | _OF_AN_ERP_VIEW:
            return []
    except BadRequest:
        return []
    overview = address.to(tab=ERP, company=None, role=None, party=None)
    return [(language("layout.back_to", name=language("tabs.erp")), overview)]


def _company(
    panels: Panels, tx: Transaction, address: Address, language: Words, viewer: Viewer
) -> Response | Callable[[], Response]:
    """A page, or what makes a file of what has been read: one of ten thousand rows takes seconds."""
    subject = subject_of(tx, address, lambda company: panels.walls.sees_company(viewer, company))
    if isinstance(subject, list):
        return HTMLResponse(_chooser(tx, address, language, subject))
    tab = TABS.get(address.word("tab", DEFAULT_TAB))
    if tab is None:
        raise BadRequest("not_a_choice", name="tab")
    if tab.only_for not in (None, subject.role):
        raise BadRequest(f"only_for_{tab.only_for}")
    address = address.opened(tab.name)
    others = _other_links(panels, tx, address, language, subject, viewer) if address.crm is not None else None
    now = panels.clock.now()

    def visit(version: party_figures.Version) -> Visit:
        party = party_figures.load_party(tx, subject)
        return Visit(tx, address, language, subject, party, version, now)

    wanted = address.choice("format", ("html", *TAKE_OUTS), "html")
    if wanted != "html":
        here = visit(party_figures.version_of(tx, subject.company, tab.tables))
        screen = tab.build(here)
        if wanted != "print":
            return partial(_file, here, screen, wanted)
        page = _page(here, screen, tab.name, others, printed=True)
        said = language("layout.fetched", moment=language.moment(here.version.fetched_at))
        return HTMLResponse(page.replace(FETCHED, escape(said)))

    def make(version: party_figures.Version) -> bytes:
        here = visit(version)
        return _page(here, tab.build(here), tab.name, others).encode()

    key = ("page", str(address), language.language, subject, others)
    body, version = panels.cache.answer(tx, subject, key, tab.tables, make)
    return HTMLResponse(body.replace(FETCHED.encode(), _fetched(language, version, now).encode()))


def _fetched(language: Words, version: party_figures.Version, now: datetime) -> str:
    """When the figures were fetched, as the head of a page says it."""
    moment, age = escape(language.moment(version.fetched_at)), language.age(version.fetched_at, now)
    said = escape(language("layout.fetched", moment=age))
    return f'<time datetime="{version.fetched_at.isoformat()}" title="{moment}">{said}</time>'


def _has_no_figures(panels: Panels, tx: Transaction, address: Address, viewer: Viewer) -> bool:
    """Whether the CRM company that the address names has no figures yet: nothing in particular of it is its ERP tab."""
    found = party_figures.subjects_of_crm_company(tx, *address.crm) if address.crm is not None else []
    seen = [one for one in found if panels.walls.sees_company(viewer, one.company)]
    return not any(party_figures.is_published(tx, one) for one in seen)


def subject_of(tx: Transaction, address: Address, sees: Callable[[str], bool]) -> Subject | list[Subject]:
    """The party that the address names, or several to choose from, in ERP companies that the viewer `sees`.

    Raises BadRequest or NotFound.
    """
    subject = address.subject()
    crm = address.crm
    if crm is None:
        if subject is None:
            raise BadRequest("nobody_named")
        return subject
    found = [one for one in party_figures.subjects_of_crm_company(tx, *crm) if sees(one.company)]
    if not found:
        raise NotFound("not_linked")
    matching = [s for s in found if address.company in (None, s.company) and address.role in (None, s.role)]
    if subject is not None:
        matching = [s for s in matching if s == subject]
    if not matching:
        raise NotFound("not_linked")
    return matching[0] if len(matching) == 1 else matching


def _chooser(tx: Transaction, address: Address, language: Words, subjects: list[Subject]) -> str:
    choices = [
        {
            "company": party_figures.company_name(tx, subject.company),
            "role": language(f"roles.{subject.role}"),
            "href": address.here(company=subject.company, role=subject.role),
        }
        for subject in subjects
    ]
    return render(
        "chooser.html", language, title=language("chooser.title"), choices=choices, erp_href=address.to(tab=ERP)
    )


def _other_links(
    panels: Panels, tx: Transaction, address: Address, language: Words, shown: Subject, viewer: Viewer
) -> tuple[tuple[str, str], ...]:
    """What else the CRM company is linked with, as far as the viewer sees it: text and address."""
    found = [one for one in party_figures.subjects_of_crm_company(tx, *(address.crm or ("", 0))) if one != shown]
    return tuple(
        (
            language(f"roles.see_{one.role}")
            if one.company == shown.company
            else language(f"roles.see_{one.role}_in", company=party_figures.company_name(tx, one.company)),
            address.to(company=one.company, role=one.role, party=None, tab=tab_for(address.word("tab", ""), one.role)),
        )
        for one in found
        if panels.walls.sees_company(viewer, one.company)
    )


def _in_other_role(visit: Visit, tab: str) -> tuple[tuple[str, str], ...]:
    """The same organisation in the other role of the ERP company: text and address."""
    same = party_figures.in_other_role(visit.tx, visit.party)
    if same is None:
        return ()
    href = visit.address.to(role=same.role, party=same.party_id, tab=tab_for(tab, same.role))
    return ((visit.words(f"roles.see_{same.role}"), href),)


def _page(
    visit: Visit, screen: Screen, tab: str, others: tuple[tuple[str, str], ...] | None, *, printed: bool = False
) -> str:
    """The page; `printed` with every row of its table, for paper."""
    address, language, party = visit.address, visit.words, visit.party
    shown = screen.grid.show(screen.caption, PRINTED if printed else PAGE) if screen.grid is not None else None
    erp = erp_link(visit.tx, address, visit.subject)
    tabs = tab_bar(language, address, visit.subject, visit.version.tables, tab, erp)
    unfiltered, whole = address.here(q=None, page=None), address.here(format=None, page=None)
    return render(
        screen.template,
        language,
        visit=visit,
        party=party,
        company_name=party_figures.company_name(visit.tx, party.subject.company),
        version=visit.version,
        screen=screen,
        data=screen.data,
        grid=shown,
        filter_text=address.get("q") or "",
        hidden=_query(unfiltered),
        clear_href=unfiltered,
        take_outs=[(way, f"{whole}&format={way}") for way in TAKE_OUTS],
        printed=printed,
        tabs=tabs,
        untied=_untied(visit),
        crm_href=address.at(IN_CRM).to() if erp is not None else None,
        others=_in_other_role(visit, tab) if others is None else others,
        fetched=FETCHED,
        title=f"{screen.title} – {party.name}",
    )


def _untied(visit: Visit) -> list[dict[str, Any]]:
    """What does not tie out, where something does not."""
    if visit.version.ties_out is not False:
        return []
    return tie_out.told(visit.words, tie_out.failed(visit.tx, visit.subject.company), visit.subject)


def _file(visit: Visit, screen: Screen, wanted: str) -> Response:
    if screen.grid is None:
        raise BadRequest("no_file")
    name = f"{screen.grid.name}-{visit.subject.company}-{visit.party.number or visit.subject.party_id}"
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "_" for sign in name)
    if wanted == "csv":
        content, media_type = exports.to_csv(screen.grid, visit.words), exports.CSV_TYPE
    else:
        stand = visit.words(
            "export.stand",
            name=visit.party.name,
            title=screen.title,
            as_of=visit.words.date(visit.version.as_of),
            fetched=visit.words.moment(visit.version.fetched_at),
            tie_out=visit.words(f"layout.{_TIE_OUT[visit.version.ties_out]}"),
        )
        content, media_type = exports.to_xlsx(screen.grid, screen.title, stand), exports.XLSX_TYPE
    return Response(
        content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{safe}.{wanted}"'}
    )


def _query(address: str) -> list[tuple[str, str]]:
    return parse_qsl(address.partition("?")[2])
