"""The door that every request comes through: who is it, may they ask again so soon, and did our own page send it.

What is not named here as open wants a session, so a route that is added is closed until somebody decides otherwise.
After it the request's state holds `viewer`, and `session` when somebody has signed in.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sounimicro_pipelines.panels.errors import Forbidden, PanelError, SignInNeeded, TooMany
from sounimicro_pipelines.panels.signin.bodies import IN_PARTS, TYPED, form_of, replayed
from sounimicro_pipelines.panels.signin.cookies import Cookies
from sounimicro_pipelines.panels.signin.kept_form import kept_form
from sounimicro_pipelines.panels.signin.pace import ADDRESS, DOCUMENTS, SESSION, Pace
from sounimicro_pipelines.panels.signin.sessions import Session, Sessions
from sounimicro_pipelines.panels.signin.viewer import Viewer, local_viewer, open_to_all
from sounimicro_pipelines.settings import is_loopback
from sounimicro_pipelines.store import StoreError

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
LARGEST_FORM = 20 * 1024 * 1024

_OPEN = ("/static/", "/hooks/", "/favicon.ico")
"""Nothing of anybody's; webhooks prove their sender by a signature."""
_SIGN_IN = "/auth/"
_DOCUMENTS = "/panel/document"
_ADMINISTRATION = ("/admin", "/api/v1/admin")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WITHOUT_SESSION = frozenset({"/auth/exchange"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_ROTATION_PATIENCE = 2.0
_log = logging.getLogger(__name__)

Answer = Callable[[Request, PanelError], Response]


class Door:
    """ASGI middleware; `answer` makes the page or JSON of a refusal."""

    def __init__(self, app: ASGIApp, *, panels: Panels, answer: Answer) -> None:
        self._app = app
        self._store = panels.store
        self._walls = panels.walls
        self._parts = panels.sign_in
        self._answer = answer
        self._local = local_viewer(panels.settings.superoffice_tenant or "")
        self._session_pace = Pace(panels.clock, SESSION)
        self._document_pace = Pace(panels.clock, DOCUMENTS)
        self._address_pace = Pace(panels.clock, ADDRESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path == "/healthz" or path.startswith(_OPEN):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        parts = self._parts
        open_to_all.set(parts is None)
        try:
            if parts is None:
                _come_in(scope, self._local, None)
                _require_no_proxy(request)
                _require_own_page(request, _origin_asked(scope))
                await self._app(scope, receive, send)
                return
            await parts.crm.learn_origin()
            found = await self._session(request, parts.sessions, parts.cookies)
            receive = await self._let_in(request, receive, found.session if found else None, parts.settings.origin)
        except PanelError as error:
            if parts is not None and isinstance(error, (SignInNeeded, _NoToken)):
                sent = Request(scope, error.receive) if isinstance(error, _NoToken) else request
                request.state.kept_form = await kept_form(sent, parts.settings.origin, CSRF_FIELD)
            response = self._answer(request, error)
            if isinstance(error, TooMany):
                response.headers["Retry-After"] = str(error.parameters["seconds"])
            await response(scope, receive, send)
            return
        if found is None:
            await self._app(scope, receive, send)
            return
        if not path.startswith(_SIGN_IN):
            send = await self._rotating(found, send, parts.sessions, parts.cookies)
        await self._app(scope, receive, send)
        await self._note(found.session, parts.sessions)

    async def _let_in(self, request: Request, receive: Receive, session: Session | None, origin: str) -> Receive:
        """Decide who may come in; answers where the rest of the request is to be read from. Raises PanelError."""
        path: str = request.scope["path"]
        _come_in(request.scope, None, session)
        if path == "/metrics":
            _require_this_machine(request)
            _come_in(request.scope, self._local, None)
            return receive
        if session is None and not path.startswith(_SIGN_IN):
            raise SignInNeeded
        if session is None:
            _take(self._address_pace, request.client.host if request.client is not None else "")
        else:
            _take(self._session_pace, session.sign_in)
            if path.startswith(_DOCUMENTS):
                _take(self._document_pace, session.sign_in)
            is_signing_in = path.startswith(_SIGN_IN)
            viewer = session.viewer if is_signing_in else await self._walls.standing(session)
            _come_in(request.scope, viewer, session)
            if path.startswith(_ADMINISTRATION):
                self._walls.require_administrator(viewer)
        _require_own_page(request, origin)
        if request.method in _SAFE or path in _WITHOUT_SESSION:
            return receive
        return await _with_token(request, receive, session)

    async def _session(self, request: Request, sessions: Sessions, cookies: Cookies) -> _Found | None:
        def find() -> _Found | None:
            with self._store.read() as tx:
                for name, token in cookies.tokens(request.cookies):
                    session = sessions.find(tx, token)
                    if session is not None:
                        return _Found(session, name)
            return None

        return await run_in_threadpool(find) if self._store.is_postgres else find()

    async def _rotating(self, found: _Found, send: Send, sessions: Sessions, cookies: Cookies) -> Send:
        """Hands the browser a new token with the answer when it is time; the old one serves if that cannot be done."""
        if not sessions.is_due_for_rotation(found.session):
            return send
        token: str | None = None
        with anyio.move_on_after(_ROTATION_PATIENCE):
            try:
                token = await anyio.to_thread.run_sync(sessions.rotate, found.session, abandon_on_cancel=True)
            except StoreError as error:
                _log.warning("A session keeps its token for now: %s", error)
        if token is None:
            return send
        renewed = cookies.renewed(found.cookie, token)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("Set-Cookie", renewed)
            await send(message)

        return sending

    async def _note(self, session: Session, sessions: Sessions) -> None:
        try:
            await run_in_threadpool(sessions.note, session)
        except StoreError as error:
            _log.warning("That a session is in use could not be noted: %s", error)


@dataclass(frozen=True, slots=True)
class _Found:
    """A living session, and the cookie that named it."""

    session: Session
    cookie: str


class _NoToken(Forbidden):
    """Something that changes something, without the session's token; the body can be read again from `receive`."""

    def __init__(self, receive: Receive) -> None:
        super().__init__("not_from_our_page")
        self.receive = receive


def _come_in(scope: Scope, viewer: Viewer | None, session: Session | None) -> None:
    state: dict[str, Any] = scope.setdefault("state", {})
    state["viewer"], state["session"] = viewer, session


async def _with_token(request: Request, receive: Receive, session: Session | None) -> Receive:
    """Want the session's own CSRF token, from the header or the form. Raises _NoToken, Forbidden."""
    if session is None:
        raise SignInNeeded
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").lower().startswith((TYPED, IN_PARTS)):
        body = await _body(request)
        form = await form_of(request.scope, body)
        field = form.get(CSRF_FIELD) if form is not None else None
        given = field if isinstance(field, str) else None
        receive = replayed(body)
    if given is None or not hmac.compare_digest(given.encode(), session.viewer.csrf.encode()):
        raise _NoToken(receive)
    return receive


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_FORM:
            raise Forbidden("form_too_large")
        parts.append(part)
    return b"".join(parts)


def _require_own_page(request: Request, origin: str) -> None:
    """What changes something must come from a page of ours, as browsers say. Raises Forbidden."""
    if request.method in _SAFE:
        return
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("not_from_our_page")
    if request.headers.get("origin", origin).lower() != origin:
        raise Forbidden("not_from_our_page")


def _require_this_machine(request: Request) -> None:
    client = request.client.host if request.client is not None else ""
    if not is_loopback(client) or not is_loopback(request.url.hostname):
        raise SignInNeeded


def _require_no_proxy(request: Request) -> None:
    """Where nobody signs in, a web server in front would show every figure to its own visitors. Raises Forbidden."""
    if any(name in request.headers for name in _FORWARDED):
        raise Forbidden("through_a_proxy")


def _origin_asked(scope: Scope) -> str:
    """Our own origin by the name that was asked for; the names of other machines have been refused before."""
    return f"{scope.get('scheme', 'http')}://{Headers(scope=scope).get('host', '')}".lower()


def _take(pace: Pace, visitor: str) -> None:
    seconds = pace.wait(visitor)
    if seconds > 0:
        raise TooMany(seconds)
