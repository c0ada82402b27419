"""The way through the identity provider and back: start, callback, exchange, session, sign-out.

The frame opens `/auth/start` in a pop-up, since identity pages refuse frames. The pop-up comes back to the callback and
hands a one-time code to its opener by postMessage, to our own origin alone; the frame exchanges the code, together with
a proof that only it knows, for its own cookie.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.panels import pages
from sounimicro_pipelines.panels.crm import Crm
from sounimicro_pipelines.panels.errors import BadRequest, Forbidden, SignInNeeded, SystemDown
from sounimicro_pipelines.panels.signin.configuration import SignInSettings
from sounimicro_pipelines.panels.signin.cookies import Cookies
from sounimicro_pipelines.panels.signin.hand_over import HandOver, Way
from sounimicro_pipelines.panels.signin.seal import Seal, new_token
from sounimicro_pipelines.panels.signin.sessions import Opening, Session, Sessions
from sounimicro_pipelines.panels.signin.viewer import actor_of
from sounimicro_pipelines.panels.walls import groups_of, viewer_of
from sounimicro_pipelines.panels.words import Words, choose_language, words
from sounimicro_pipelines.store import Store, web
from sounimicro_pipelines.superoffice import read_principal
from sounimicro_pipelines.transport import AuthenticationFailed, VendorError

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

router = APIRouter(prefix="/auth", include_in_schema=False)

PAGES = ("/auth/start", "/auth/callback")
"""What a person sees in the pop-up; the other addresses are for our scripts and answer JSON."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_BACK = re.compile(r"/(panel|admin)[A-Za-z0-9/_-]*(\?[A-Za-z0-9=&%+._~-]*)?")
_ALONE = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
"""The pop-up's pages are never framed, and tell nobody where they came from."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignInParts:
    """What the routes need; found at `request.app.state.panels.sign_in`, None where there is no sign-in."""

    settings: SignInSettings
    crm: Crm
    cookies: Cookies
    hand_over: HandOver
    sessions: Sessions


@router.get("/start")
async def start(request: Request) -> Response:
    """Send the pop-up to the identity provider. Raises BadRequest, SystemDown."""
    parts, panels = _parts(request), _panels(request)
    challenge, back = request.query_params.get("challenge", ""), request.query_params.get("back", "")
    if not _DIGEST.fullmatch(challenge):
        raise BadRequest("no_sign_in")
    try:
        begun = await parts.crm.people.start(parts.settings.redirect_uri)
    except VendorError as error:
        _log.warning("A sign-in cannot begin: %s", error)
        raise SystemDown("crm_down") from error
    held = parts.cookies.browser(request.cookies)
    browser = held if _TOKEN.fullmatch(held) else new_token()
    way = Way(
        nonce=begun.nonce,
        verifier=begun.verifier,
        browser=web.secret_digest(browser),
        challenge=challenge,
        back=back if _BACK.fullmatch(back) else "",
        language=_language(request).language,
    )

    def keep() -> None:
        with panels.store.transaction(durable=False) as tx:
            parts.hand_over.keep_way(tx, begun.state, way)

    await run_in_threadpool(keep)
    response = RedirectResponse(begun.url, 303, headers=_ALONE)
    response.headers.append("Set-Cookie", parts.cookies.for_sign_in(browser))
    return response


@router.get("/callback")
async def callback(request: Request) -> Response:
    """Back from the identity provider: check everything, and hand the one-time code to the opener."""
    parts, panels = _parts(request), _panels(request)
    state = request.query_params.get("state", "")
    now = panels.clock.now()

    def use_way() -> Way | None:
        with panels.store.transaction(durable=False) as tx:
            return parts.hand_over.use_way(tx, state)

    way = await run_in_threadpool(use_way) if _TOKEN.fullmatch(state) else None
    if way is None or not way.began_in(parts.cookies.browser(request.cookies)):
        return _closing_page(_language(request), "expired", 400)
    language = words(way.language)
    if "error" in request.query_params:
        return _closing_page(language, "cancelled", 403)
    try:
        person, tokens = await parts.crm.people.finish(
            request.query_params.get("code", ""), way.sign_in(state), parts.settings.redirect_uri
        )
        session = parts.crm.as_person(tokens)
        principal = await read_principal(session)
    except AuthenticationFailed as error:
        _log.warning("A sign-in was refused: %s", error)
        return _closing_page(language, "refused", 403)
    except VendorError as error:
        _log.warning("A sign-in could not be finished: %s", error)
        return _closing_page(language, "crm_down", 503)
    if principal.associate_id != person.associate_id:
        return _closing_page(language, "refused", 403)
    opening = Opening(
        associate_id=person.associate_id,
        is_administrator=person.is_administrator,
        groups=tuple(sorted(groups_of(principal.group_id))),
        name=principal.full_name,
        csrf=new_token(),
        tokens=session.tokens,
        signed_in_at=now,
    )

    def keep() -> tuple[str, str]:
        with panels.store.transaction() as tx:
            actor = actor_of(opening.associate_id)
            web.audit(tx, tenant=parts.settings.tenant, actor=actor, action="sign_in", subject=actor, now=now)
            return parts.hand_over.keep_opening(tx, opening, way.challenge), parts.sessions.begin(tx, opening)

    code, token = await run_in_threadpool(keep)
    response = _closing_page(language, "done", 200, code=code, back=way.back)
    response.headers.append("Set-Cookie", parts.cookies.for_window(token))
    return response


@router.post("/exchange")
async def exchange(request: Request) -> Response:
    """The frame's code becomes the frame's cookie. Raises Forbidden."""
    parts, panels = _parts(request), _panels(request)
    given = await _json(request)
    code, proof = given.get("code"), given.get("proof")
    if not isinstance(code, str) or not isinstance(proof, str) or not _TOKEN.fullmatch(code):
        raise Forbidden("code_refused")

    def use() -> str | None:
        with panels.store.transaction() as tx:
            opening = parts.hand_over.use_opening(tx, code, proof)
            return None if opening is None else parts.sessions.begin(tx, opening)

    token = await run_in_threadpool(use)
    if token is None:
        raise Forbidden("code_refused")
    response = JSONResponse({"signed_in": True}, headers=_ALONE)
    response.headers.append("Set-Cookie", parts.cookies.for_frame(token))
    return response


@router.get("/session")
async def session(request: Request) -> Response:
    """Who is signed in, and the CSRF token for what they change. Only our own pages can read the answer."""
    if _panels(request).sign_in is None:
        return JSONResponse({"sign_in": False})
    if request.state.session is None:
        return JSONResponse({"sign_in": True, "signed_in": False}, 401)
    viewer = viewer_of(request)
    return JSONResponse(
        {
            "sign_in": True,
            "signed_in": True,
            "name": viewer.name,
            "is_administrator": viewer.is_administrator,
            "csrf": viewer.csrf,
        }
    )


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End every session of this sign-in. Raises SignInNeeded when there is none."""
    parts = _parts(request)
    ended: Session | None = request.state.session
    if ended is None:
        raise SignInNeeded
    await run_in_threadpool(parts.sessions.end, ended)
    response = JSONResponse({"signed_in": False}, headers=_ALONE)
    for cookie in parts.cookies.ended():
        response.headers.append("Set-Cookie", cookie)
    return response


def sign_in_page(request: Request, status: int = 401) -> HTMLResponse:
    """What a frame shows to somebody who has not signed in: a button, and why, or what they have typed."""
    proof = new_token()
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = back if _BACK.fullmatch(back) else ""
    language = _language(request)
    query = urlencode({"challenge": web.secret_digest(proof), "back": back, "lang": language.language})
    title = language("sign_in.title")
    kept = getattr(request.state, "kept_form", [])
    page = pages.render("sign_in.html", language, title=title, proof=proof, query=query, back=back, kept=kept)
    return HTMLResponse(page, status)


def send_again_page(request: Request, status: int) -> HTMLResponse:
    """What has come from a page of a sign-in that is over, to be sent again by who is signed in now."""
    language, csrf = _language(request), viewer_of(request).csrf
    title = language("sign_in.older.title")
    page = pages.render("send_again.html", language, title=title, kept=request.state.kept_form, csrf=csrf)
    return HTMLResponse(page, status)


def make_parts(settings: SignInSettings, crm: Crm, store: Store, clock: Clock) -> SignInParts:
    """The parts by the settings."""
    seal = Seal(settings.secret)
    sessions = Sessions(store, seal, clock, settings.tenant)
    return SignInParts(settings, crm, Cookies(settings), HandOver(seal, clock), sessions)


def _closing_page(language: Words, outcome: str, status: int, *, code: str = "", back: str = "") -> HTMLResponse:
    title = language(f"signed_in.{outcome}.title")
    page = pages.render("signed_in.html", language, title=title, outcome=outcome, code=code, back=back)
    return HTMLResponse(page, status, headers=_ALONE)


def _panels(request: Request) -> Panels:
    panels: Panels = request.app.state.panels
    return panels


def _parts(request: Request) -> SignInParts:
    parts = _panels(request).sign_in
    if parts is None:
        raise BadRequest("no_sign_in")
    return parts


def _language(request: Request) -> Words:
    return words(choose_language(request.query_params.get("lang"), request.headers.get("accept-language")))


async def _json(request: Request) -> dict[str, Any]:
    """The body, when it is a small JSON object that says so: other sites cannot send that without asking first."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Forbidden("code_refused")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > 4096:
            raise Forbidden("code_refused")
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise Forbidden("code_refused") from None
    if not isinstance(given, dict):
        raise Forbidden("code_refused")
    return given
