"""Connections and health: the checks of `sounimicro doctor` on screen, how fresh everything is, and our panels in the
CRM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from sounimicro_pipelines.doctor import examine
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.findings import Finding
from sounimicro_pipelines.panels.admin.acting import Trouble, trouble
from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk, Desk
from sounimicro_pipelines.panels.admin.naming import company_rows, hidden_companies
from sounimicro_pipelines.panels.admin.placing import Placed, placed, put_in_place
from sounimicro_pipelines.panels.diagnosis import tell
from sounimicro_pipelines.panels.figures import tie_out
from sounimicro_pipelines.store import Transaction, issues, reports, runs, watermarks
from sounimicro_pipelines.superoffice import WebPanel
from sounimicro_pipelines.sync.opening import Connection

router = APIRouter()
PAGE = AdminPage("health", "/admin/health", router)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the doctor found, and when."""

    at: datetime
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the figures of a company are, and whether they tie out (None: not checked); `untied` says what not."""

    company: str
    fetched: str
    age: str
    ties_out: bool | None
    untied: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ShownFeed:
    """A feed that cannot be read now."""

    name: str
    message: str
    failures: int


@router.get("/admin/health")
async def page(desk: AtDesk) -> Response:
    """What is known without asking anybody, and the last check."""
    return await _show(desk)


@router.post("/admin/health/check")
async def check(desk: AtDesk) -> Response:
    """Ask the doctor now."""
    installation = desk.panels.engine.installation
    found = await run_in_threadpool(examine, installation)
    _keep(desk.request, Checked(desk.panels.clock.now(), found))
    return desk.redirect(PAGE.path, done="checked")


@router.post("/admin/health/panels")
async def place_panels(desk: AtDesk) -> Response:
    """Put those of our panels into the CRM's list that are missing there, and right the addresses of the others."""
    origin = _origin(desk)
    if origin is None:
        words = desk.words
        return await _show(desk, Trouble(words("placing.no_address.title"), words("placing.no_address.advice"), 409))
    try:
        made, turned = await desk.panels.engine.act(lambda connection: put_in_place(connection.crm, origin, desk.words))
    except SounimicroError as error:
        return await _show(desk, trouble(desk.words, error))
    await desk.change(lambda tx: desk.audit(tx, "panels_placed", "crm:web_panels", made=made, turned=turned))
    return desk.redirect(PAGE.path, done="placed" if made else "placed_again" if turned else "placed_before")


async def _show(desk: Desk, problem: Trouble | None = None) -> Response:
    words = desk.words
    origin = _origin(desk)
    places: list[Placed] | None = None
    unread: Trouble | None = None
    try:
        found = await desk.panels.engine.ask(_list_panels, seconds=6)
        places = placed(found[0], origin or "", found[1])
    except SounimicroError as error:
        unread = trouble(words, error)

    def read(tx: Transaction) -> tuple[list[Freshness], list[ShownFeed], int, str]:
        seen, hidden = company_rows(desk, tx), hidden_companies(desk, tx)
        fresh = [_fresh(desk, tx, row.alias, row.name) for row in seen.values() if row.active]
        feeds = [
            ShownFeed(one.name, one.message or "", one.failures)
            for one in watermarks.listing(tx)
            if one.failures and not any(key in one.name for key in hidden)
        ]
        last = runs.listing(tx, limit=1)
        return fresh, feeds, issues.count(tx, without=hidden), words.moment(last[0].started_at) if last else ""

    fresh, feeds, waiting, last_run = await desk.panels.read(read)
    checked = _kept(desk.request)
    findings = [(one.level, tell(words, one)) for one in checked.findings] if checked else []
    return desk.show(
        "admin_health.html",
        PAGE.name,
        title=words("health.title"),
        problem=problem,
        places=places,
        unread=unread,
        has_address=origin is not None,
        fresh=fresh,
        feeds=feeds,
        waiting=waiting,
        issues_href=desk.to("/admin/issues"),
        runs_href=desk.to("/admin/runs"),
        last_run=last_run,
        checked_at=words.moment(checked.at) if checked else "",
        findings=findings,
        bad=sum(level == "bad" for level, _ in findings),
    )


async def _list_panels(connection: Connection) -> tuple[list[WebPanel], str]:
    return await connection.crm.web_panels.list(), connection.crm.tenant


def _origin(desk: Desk) -> str | None:
    url = desk.panels.settings.panels_public_url
    return str(url).rstrip("/") if url else None


def _fresh(desk: Desk, tx: Transaction, alias: str, name: str) -> Freshness:
    published = list(reports.published(tx, alias).values())
    if not published:
        return Freshness(name, "", "", None, [])
    fetched = min(one.fetched_at for one in published)
    verdicts = [one.ties_out for one in published]
    ties_out = False if False in verdicts else True if all(verdicts) else None
    words = desk.words
    untied = tie_out.told(words, tie_out.failed(tx, alias)) if ties_out is False else []
    return Freshness(name, words.moment(fetched), words.age(fetched, desk.panels.clock.now()), ties_out, untied)


def _keep(request: Request, checked: Checked) -> None:
    request.app.state.checked = checked


def _kept(request: Request) -> Checked | None:
    found: Checked | None = getattr(request.app.state, "checked", None)
    return found
