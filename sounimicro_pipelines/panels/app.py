"""The web app: its parts put together, and what happens when something goes wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.panels import admin, api, documents, hooks, in_crm, in_erp, pages
from sounimicro_pipelines.panels.admin.tenant import Tenant
from sounimicro_pipelines.panels.cache import AnswerCache
from sounimicro_pipelines.panels.crm import Crm
from sounimicro_pipelines.panels.engine import Engine, Tell
from sounimicro_pipelines.panels.erp import Erp
from sounimicro_pipelines.panels.erp_tab import pages as erp_pages
from sounimicro_pipelines.panels.errors import PanelError, SignInNeeded
from sounimicro_pipelines.panels.metrics import Metrics
from sounimicro_pipelines.panels.security import Framing, Guard, bind_address
from sounimicro_pipelines.panels.signin import routes as sign_in
from sounimicro_pipelines.panels.signin.configuration import sign_in_settings
from sounimicro_pipelines.panels.signin.door import Door
from sounimicro_pipelines.panels.walls import Walls
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import Store, StoreError, Transaction

T = TypeVar("T")
log = logging.getLogger(__name__)


class Panels:
    """What every handler needs; found at `request.app.state.panels`. `sign_in` is None where nobody can sign in."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, tell: Tell | None = None) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.metrics = Metrics()
        self.cache = AnswerCache(clock)
        known = sign_in_settings(settings)
        self.sign_in = sign_in.make_parts(known, Crm(known.superoffice, clock), store, clock) if known else None
        self.walls = Walls(
            store,
            clock,
            crm=self.sign_in.crm if self.sign_in else None,
            sessions=self.sign_in.sessions if self.sign_in else None,
            company_groups=settings.company_groups,
        )
        parts = self.sign_in
        self.framing = Framing(settings, lambda: parts.crm.origins if parts else ())
        self.erp = Erp(settings, clock)
        self.engine = Engine(settings, store, clock, tell)
        self.tenant = Tenant(self.engine, clock)

    async def aclose(self) -> None:
        """Close the connections to the two systems."""
        await self.engine.aclose()
        if self.sign_in is not None:
            await self.sign_in.crm.aclose()
        await self.erp.aclose()

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run a function on one picture of the store. SQLite answers faster than a thread could be woken."""
        return await self.read_aside(work) if self.store.is_postgres else self._read(work)

    async def read_aside(self, work: Callable[[Transaction], T]) -> T:
        """The same in a thread, for what would keep other readers waiting."""
        return await run_in_threadpool(self._read, work)

    def _read(self, work: Callable[[Transaction], T]) -> T:
        with self.store.read() as tx:
            return work(tx)


def create_app(settings: Settings, store: Store, *, clock: Clock | None = None, tell: Tell | None = None) -> FastAPI:
    """The panels on a store. `tell` hears of what people did, for Dagster.

    Raises SettingsError when the settings would show figures to other machines.
    """
    bind_address(settings)
    panels = Panels(settings, store, clock or SystemClock(), tell)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await panels.aclose()

    app = FastAPI(
        lifespan=lifespan,
        title="SuperOffice–Unimicro panels",
        version="1",
        description=(
            "What the panels show and what pressing ERP does, with the same checks. It is asked with the session cookie"
            " of somebody who has signed in at a panel; what changes something wants the session's token, which"
            " /auth/session tells, in the header X-CSRF-Token. Money is decimal text, days are ISO, texts are in the"
            " language of Accept-Language."
        ),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.panels = panels

    parts = panels.sign_in
    app.add_middleware(Door, panels=panels, answer=_refusal)
    app.add_middleware(Reception, panels=panels)
    app.add_middleware(
        Guard,
        framing=panels.framing,
        public_host=parts.settings.host if parts else "",
        is_encrypted=parts.settings.is_encrypted if parts else False,
    )
    app.include_router(api.router)  # the most asked for: every router before it is tried first
    app.include_router(sign_in.router)
    app.include_router(pages.router)
    app.include_router(erp_pages.router)
    app.include_router(documents.router)
    app.include_router(in_crm.router)
    app.include_router(in_erp.router)
    app.include_router(api.records_router)
    app.include_router(api.requests_router)
    app.include_router(hooks.router)
    app.include_router(admin.router)
    _add_service_routes(app, panels)
    _add_error_handlers(app)
    return app


class Reception:
    """Counts and times every answer, and turns a crash into a page that says so (the log has the details)."""

    def __init__(self, app: ASGIApp, *, panels: Panels) -> None:
        self._app = app
        self._metrics = panels.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("A request to %s failed.", scope["path"])
            if not status:
                await _answer(Request(scope), 500, "crash", {})(scope, receive, sending)
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.answered(str(route), status or 500, time.perf_counter() - started)


def _add_service_routes(app: FastAPI, panels: Panels) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        try:
            await panels.read(lambda tx: tx.scalar(tx.tables.published.select().limit(1)))
        except StoreError as error:
            return JSONResponse({"status": "unavailable", "reason": error.message, "remedy": error.remedy}, 503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        text = await panels.read(lambda tx: panels.metrics.text(tx, panels.clock.now()))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _add_error_handlers(app: FastAPI) -> None:
    async def panel_error(request: Request, error: Any) -> Response:
        return _refusal(request, error)

    async def http_error(request: Request, error: Any) -> Response:
        key = {404: "no_page", 405: "no_method"}.get(error.status_code, "no_page")
        return _answer(request, error.status_code, key, {})

    async def invalid(request: Request, error: Any) -> Response:
        names = ", ".join(sorted({str(part["loc"][-1]) for part in error.errors()}))
        return _answer(request, 422, "invalid", {"name": names})

    async def store_error(request: Request, error: Any) -> Response:
        return _answer(request, 503, "store", {})

    app.add_exception_handler(PanelError, panel_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(StoreError, store_error)


def _refusal(request: Request, error: PanelError) -> Response:
    if isinstance(error, SignInNeeded) and not request.url.path.startswith(("/api/", "/auth/")):
        return sign_in.sign_in_page(request)
    if error.key == "not_from_our_page" and getattr(request.state, "kept_form", []):
        return sign_in.send_again_page(request, error.status)
    return _answer(request, error.status, error.key, dict(error.parameters))


def _answer(request: Request, status: int, key: str, parameters: dict[str, Any]) -> Response:
    if request.url.path.startswith(("/api/", "/auth/")) and request.url.path not in sign_in.PAGES:
        return api.error_answer(request, status, key, parameters)
    return pages.error_page(request, status, key, parameters)
