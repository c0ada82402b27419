"""What waits for a person: issues and conflicts, and what can be decided about each with one click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form
from fastapi.responses import Response

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.admin import losers, suggestions
from sounimicro_pipelines.panels.admin.acting import Trouble, ask_engine, trouble
from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk, Desk
from sounimicro_pipelines.panels.admin.issue_view import ShownIssue, seen_as, shown_issue
from sounimicro_pipelines.panels.admin.known import known
from sounimicro_pipelines.panels.admin.naming import FieldNames, asked_page, company_rows, hidden_companies, run_href
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.panels.turning import page_links
from sounimicro_pipelines.rules import RULE_NAMES
from sounimicro_pipelines.store import Transaction, issues
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.sync import answering, deciding
from sounimicro_pipelines.sync.connecting import RequestRefused
from sounimicro_pipelines.sync.requests import ErpButton, Outcome

router = APIRouter()
router.include_router(losers.router)
PAGE = AdminPage("issues", "/admin/issues", router)
AT_ONCE = 25
VIEWS = ("open", "closed")


@router.get("/admin/issues")
async def listing(desk: AtDesk) -> Response:
    """The list, filtered by rule, company and kind."""
    return await _list(desk)


@router.get("/admin/issues/{issue_id}")
async def one_issue(desk: AtDesk, issue_id: int) -> Response:
    """One issue, with what it takes to answer it."""
    return await _one(desk, issue_id)


@router.post("/admin/issues/{issue_id}/decide")
async def decide(
    desk: AtDesk,
    issue_id: int,
    side: Annotated[Literal["crm", "erp"], Form()],
    conflict: Annotated[int, Form()],
    seen: Annotated[str, Form()],
) -> Response:
    """Let one side's value be the right one."""

    async def work(button: ErpButton) -> Outcome:
        with button.world.store.read() as tx:
            issue = issues.get(tx, issue_id)
            waiting = deciding.conflict_of(tx, issue) if issue is not None else None
        if waiting is not None and waiting.id == conflict and seen_as(waiting) != seen:
            raise RequestRefused("changed", "A value has been changed since it was shown here.")
        return await deciding.decide(button, conflict, side)

    await _demand_issue(desk, issue_id)
    try:
        outcome = await ask_engine(desk, work)
    except SounimicroError as error:
        return await _one(desk, issue_id, trouble(desk.words, error))
    await desk.change(lambda tx: desk.audit(tx, "conflict_decided", f"conflict:{conflict}", side=side))
    return desk.redirect("/admin/issues", done="decided_later" if outcome.waiting else "decided", run=outcome.run_id)


@router.post("/admin/issues/{issue_id}/retry")
async def retry(desk: AtDesk, issue_id: int) -> Response:
    """Let the engine look at the record again."""
    return await _answer(desk, issue_id, "retry")


@router.post("/admin/issues/{issue_id}/dismiss")
async def dismiss(desk: AtDesk, issue_id: int) -> Response:
    """Put an issue away."""
    return await _answer(desk, issue_id, "dismiss")


@router.post("/admin/issues/{issue_id}/confirm")
async def confirm(desk: AtDesk, issue_id: int) -> Response:
    """The missing records of a stopped register are really gone."""
    return await _answer(desk, issue_id, "confirm")


@router.post("/admin/issues/{issue_id}/link")
async def link(desk: AtDesk, issue_id: int, other: Annotated[int, Form()]) -> Response:
    """The record and a candidate are the same: link them."""
    issue = await _demand_issue(desk, issue_id)
    try:
        outcome = await ask_engine(desk, lambda button: suggestions.link(button, issue, other))
    except SounimicroError as error:
        return await _one(desk, issue_id, trouble(desk.words, error))
    await desk.change(lambda tx: desk.audit(tx, "suggestion_linked", f"issue:{issue_id}", other=other))
    return desk.redirect("/admin/issues", done="linked", run=outcome.run_id)


@router.post("/admin/issues/{issue_id}/apart")
async def apart(desk: AtDesk, issue_id: int, other: Annotated[int, Form()]) -> Response:
    """The record and a candidate are two."""
    issue = await _demand_issue(desk, issue_id)

    def work(tx: Transaction) -> bool:
        now = desk.panels.clock.now()
        desk.audit(tx, "suggestion_told_apart", f"issue:{issue_id}", other=other)
        return answering.not_the_same(tx, issues.get(tx, issue_id) or issue, other, by=desk.viewer.actor, now=now)

    try:
        last = await desk.change(work)
    except SounimicroError as error:
        return await _one(desk, issue_id, trouble(desk.words, error))
    if last:
        return desk.redirect("/admin/issues", done="apart")
    return desk.redirect(f"/admin/issues/{issue_id}", done="apart")


async def _answer(desk: Desk, issue_id: int, answer: Literal["retry", "dismiss", "confirm"]) -> Response:
    await _demand_issue(desk, issue_id)

    def work(tx: Transaction) -> None:
        issue, now = issues.get(tx, issue_id), desk.panels.clock.now()
        if issue is None or answer not in answering.answers_to(issue):
            raise RequestRefused("outdated", "This issue has been dealt with meanwhile.")
        if answer == "retry":
            answering.retry(tx, issue, now=now)
        elif answer == "dismiss":
            answering.dismiss(tx, issue, by=desk.viewer.actor, now=now)
        else:
            answering.confirm(tx, issue, by=desk.viewer.actor, now=now)
        desk.audit(tx, f"issue_{answer}", f"issue:{issue_id}", company_key=issue.company_key or None)

    try:
        await desk.change(work)
    except SounimicroError as error:
        return await _one(desk, issue_id, trouble(desk.words, error))
    return desk.redirect("/admin/issues", done=f"issue_{answer}")


async def _demand_issue(desk: Desk, issue_id: int) -> Issue:
    """Raises NotFound for an issue that is not there, or not for the reader."""

    def find(tx: Transaction) -> Issue | None:
        found = issues.get(tx, issue_id)
        return found if found is not None and found.company_key not in hidden_companies(desk, tx) else None

    issue = await desk.panels.read(find)
    if issue is None:
        raise NotFound("unknown_issue")
    return issue


async def _list(desk: Desk) -> Response:
    query = desk.request.query_params
    view = query.get("view", "open")
    view = view if view in VIEWS else "open"
    page, called = asked_page(desk), await known(desk)

    def read(tx: Transaction) -> dict[str, Any]:
        seen, hidden = company_rows(desk, tx), hidden_companies(desk, tx)
        rule = query.get("rule") if query.get("rule") in RULE_NAMES else None
        company = next((key for key, row in seen.items() if row.alias == query.get("company")), None)
        kinds = issues.kinds(tx)
        kind = query.get("kind") or None
        chosen: dict[str, Any] = {"rule": rule, "company_key": company, "kind": kind, "without": hidden}
        found = _in_view(tx, view, chosen, page)
        names = FieldNames(tx, desk.words)
        return {
            "shown": [shown_issue(desk, tx, one, seen, names, called) for one in found],
            "count": _count(tx, view, chosen),
            "waiting": issues.count(tx, without=hidden),
            "companies": sorted(row.alias for row in seen.values() if row.active),
            "kinds": sorted(kinds, key=lambda one: desk.words.or_raw("issue_kinds", one)),
            "chosen": {"rule": rule or "", "company": query.get("company") if company else "", "kind": kind or ""},
        }

    found = await desk.panels.read(read)
    filters = {name: value or None for name, value in found["chosen"].items()}
    pages = max(1, -(-found["count"] // AT_ONCE))
    address = {"view": None if view == "open" else view, **filters}
    return desk.show(
        "admin_issues.html",
        PAGE.name,
        title=desk.words("issues.title"),
        view=view,
        views=[(one, desk.to("/admin/issues", view=None if one == "open" else one), one == view) for one in VIEWS],
        losers_href=desk.to("/admin/losers"),
        run_href=run_href(desk),
        is_filtered=any(filters.values()),
        clear_href=desk.to("/admin/issues", view=address["view"]),
        rules=RULE_NAMES,
        here=page,
        page_links=page_links(page, pages, lambda number: desk.to("/admin/issues", page=number, **address)),
        **found,
    )


def _in_view(tx: Transaction, view: str, chosen: Mapping[str, Any], page: int) -> list[Issue]:
    offset = (page - 1) * AT_ONCE
    if view == "open":
        return issues.listing(tx, **chosen, limit=AT_ONCE, offset=offset)
    return issues.listing(tx, state=issues.CLOSED, **chosen, limit=AT_ONCE, offset=offset)


def _count(tx: Transaction, view: str, chosen: Mapping[str, Any]) -> int:
    return issues.count(tx, state="open" if view == "open" else issues.CLOSED, **chosen)


async def _one(desk: Desk, issue_id: int, problem: Trouble | None = None) -> Response:
    issue, called = await _demand_issue(desk, issue_id), await known(desk)

    def read(tx: Transaction) -> ShownIssue:
        now, names = issues.get(tx, issue_id) or issue, FieldNames(tx, desk.words)
        return shown_issue(desk, tx, now, company_rows(desk, tx), names, called)

    shown = await desk.panels.read(read)
    candidates = await suggestions.shown(desk, shown.issue) if "candidates" in shown.answers else None
    return desk.show(
        "admin_issue.html",
        PAGE.name,
        title=shown.title,
        one=shown,
        problem=problem,
        candidates=candidates,
        back_href=desk.to("/admin/issues"),
    )
