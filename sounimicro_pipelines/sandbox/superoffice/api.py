"""The tenant's API as an ASGI application: host and tenant checks, authorization, metering, errors, then a route."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from sounimicro_pipelines.sandbox.journal import Write
from sounimicro_pipelines.sandbox.superoffice import (
    routes_agents,
    routes_entities,
    routes_foreign,
    routes_lists,
    routes_users,
)
from sounimicro_pipelines.sandbox.superoffice.delivery import Deliverer
from sounimicro_pipelines.sandbox.superoffice.errors import ApiError, not_found
from sounimicro_pipelines.sandbox.superoffice.routes_archives import ArchiveRoutes
from sounimicro_pipelines.sandbox.superoffice.routes_webhooks import WebhookRoutes
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Router
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.wire import Manner

_MAINTENANCE = (
    "<!DOCTYPE html><html><body><h1>We are upgrading</h1><p>Please come back in a few minutes.</p></body></html>"
)
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Api:
    """Everything below `/{host}/{tenant}/api`."""

    def __init__(self, state: CrmState) -> None:
        self.state = state
        self.deliverer = Deliverer(state.webhooks)
        self.router = Router()
        archives = ArchiveRoutes(state)
        WebhookRoutes(state, self.deliverer).add_routes(self.router)
        archives.add_routes(self.router)
        routes_entities.add_routes(self.router)
        routes_foreign.add_routes(self.router)
        routes_lists.add_routes(self.router)
        routes_agents.add_routes(self.router)
        routes_users.add_routes(self.router)

    async def answer(self, request: Request, host: str, tenant: str, path: str) -> Response:
        """`path` is what follows `/api`, still percent-encoded."""
        state = self.state
        self.deliverer.ensure_running()
        if host != state.host:
            return Response("Wrong subdomain used to access tenant", status_code=421, media_type="text/plain")
        if not state.is_running:
            return Response(_MAINTENANCE, status_code=503, media_type="text/html")
        base = f"{str(request.base_url).rstrip('/')}/{host}/{tenant}"
        try:
            if tenant.lower() != state.options.tenant.lower():
                raise not_found(f"tenant '{tenant}'")
            if path.strip("/") == "":
                return _json(Answer(routes_users.version_document(base)), request.headers)
            answer = await self._run(request, base, path.strip("/"))
        except ApiError as error:
            self._refused(request, error)
            return _json(Answer(error.document(), error.status), request.headers)
        return _json(answer, request.headers)

    async def _run(self, request: Request, base: str, path: str) -> Answer:
        state = self.state
        version, _, rest = path.replace("%24", "$").partition("/")
        if version.lower() != "v1":
            raise not_found(f"version '{version}'")
        content = await request.body()
        found = self.router.find(request.method, rest)
        with state.lock:
            associate_id = state.credentials.authorize(request.headers)
            state.metering.calls[f"{request.method} {found[0].template if found else rest}"] += 1
            if found is None:
                methods = self.router.methods(rest)
                raise ApiError(405, f"{request.method} is not allowed") if methods else not_found(f"'{rest}'")
            state.purge()
            state.before_request(request.method, rest)
            route, params = found
            call = Call(
                state=state,
                method=request.method,
                path=request.url.path,
                base=base,
                headers=request.headers,
                query=_query(request),
                content=content,
                associate_id=associate_id,
                manner=Manner.from_headers(request.headers),
                params=params,
            )
            outcome = route.handler(call)
        return await outcome if isinstance(outcome, Awaitable) else outcome

    def _refused(self, request: Request, error: ApiError) -> None:
        if request.method in _WRITES:
            scope, now = self.state.options.tenant, self.state.clock.now()
            line = f"{request.method} {request.url.path}"
            self.state.journal.record(Write(now, "crm", "api", scope, "refused", "", 0, {}, {}, line, error.status))


def _query(request: Request) -> Mapping[str, str]:
    return dict(parse_qsl(request.scope.get("query_string", b"").decode(), keep_blank_values=True))


def _json(answer: Answer, headers: Mapping[str, str]) -> Response:
    if answer.status in (204, 304):
        return Response(status_code=answer.status, headers=dict(answer.headers))
    accept = headers.get("accept", "").lower()
    if accept and "json" not in accept and "*/*" not in accept:
        body = f'<?xml version="1.0" encoding="utf-8"?>{_xml("Response", answer.body)}'
        return Response(body, status_code=answer.status, headers=dict(answer.headers), media_type="application/xml")
    text = json.dumps(answer.body, ensure_ascii=False)
    return Response(text, status_code=answer.status, headers=dict(answer.headers), media_type="application/json")


def _xml(name: str, value: Any) -> str:
    """A plain rendition for callers that did not ask for JSON."""
    if isinstance(value, dict):
        cells = (f"<Key>{escape(str(key))}</Key>{_xml('Value', item)}" for key, item in value.items())
        inner = "".join(f"<Item>{cell}</Item>" for cell in cells)
    elif isinstance(value, list):
        inner = "".join(_xml("Element", item) for item in value)
    else:
        inner = "" if value is None else escape(str(value))
    return f"<{name}>{inner}</{name}>"
