"""The whole simulated environment as one ASGI application: sign-in, tenant state, and the tenant's API.

The vendor tells its hosts apart by number (`sod2.superoffice.com`); here the host is the first path segment
(`/sandbox2/Cust12345/api/v1/…`), so that one loopback port serves all and a tenant can move. Paths without a host
belong to the environment itself, where the API answers 421.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.sandbox.superoffice import system_user
from sounimicro_pipelines.sandbox.superoffice.api import Api
from sounimicro_pipelines.sandbox.superoffice.errors import not_found
from sounimicro_pipelines.sandbox.superoffice.sign_in import SignIn
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.web_client import WebClient

_HOSTED_API = re.compile(r"/([a-z]+\d+)/([^/]+)/api(/.*)?", re.IGNORECASE)
_WEB_CLIENT = re.compile(r"/([a-z]+\d+)/([^/]+)/(?:default\.aspx)?", re.IGNORECASE)
_UNHOSTED_API = re.compile(r"/[^/]+/api(/.*)?", re.IGNORECASE)
_STATE = re.compile(r"/api/state/([^/]+)/?", re.IGNORECASE)
_STATE_VALID = timedelta(hours=1)


def create_app(state: CrmState) -> ASGIApp:
    """The environment that serves this one tenant."""
    return _Environment(state)


class _Environment:
    def __init__(self, state: CrmState) -> None:
        self.state = state
        self.api = Api(state)
        self.web_client = WebClient(state)
        sign_in = SignIn(state)
        self.fixed: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "/login/.well-known/openid-configuration"): sign_in.discovery,
            ("GET", "/login/.well-known/jwks"): sign_in.jwks,
            ("GET", "/login/common/oauth/authorize"): sign_in.authorize,
            ("POST", "/login/common/oauth/authorize"): sign_in.authorize,
            ("POST", "/login/common/oauth/tokens"): sign_in.tokens,
            ("POST", "/login/api/partnersystemuser/authenticate"): self._authenticate,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1").partition("?")[0]
        fixed = self.fixed.get((request.method, path.rstrip("/").lower()))
        if fixed is not None:
            answer: Response = await fixed(request)
            return answer
        tenant = _STATE.fullmatch(path)
        if tenant is not None and request.method == "GET":
            return self._tenant_state(request, unquote(tenant[1]))
        hosted = _HOSTED_API.fullmatch(path)
        if hosted is not None:
            return await self.api.answer(request, hosted[1].lower(), hosted[2], hosted[3] or "")
        if _UNHOSTED_API.fullmatch(path):
            return _misdirected()
        client = _WEB_CLIENT.fullmatch(path)
        if client is not None and client[2].lower() == self.state.options.tenant.lower():
            if client[1].lower() != self.state.host:
                return _misdirected()
            return self.web_client.page(unquote(request.url.query))
        return JSONResponse(not_found(f"'{path}'").document(), 404)

    def _tenant_state(self, request: Request, tenant: str) -> Response:
        """Section 1.1; needs no credentials."""
        state, options = self.state, self.state.options
        if tenant.lower() != options.tenant.lower():
            return JSONResponse(not_found(f"tenant '{tenant}'").document(), 404)
        endpoint = f"{str(request.base_url).rstrip('/')}/{state.host}/{options.tenant}"
        valid = (state.clock.now() + _STATE_VALID).astimezone(UTC)
        body: dict[str, Any] = {
            "ContextIdentifier": options.tenant,
            "Endpoint": endpoint,
            "State": state.tenant_state,
            "IsRunning": state.is_running,
            "ValidUntil": valid.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if options.state_api_form != "missing":
            body["Api"] = f"{endpoint}/{options.state_api_form}"
        return JSONResponse(body)

    async def _authenticate(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return JSONResponse({"Message": "The request is invalid."}, 400)
        with self.state.lock:
            return JSONResponse(system_user.authenticate(self.state, body, str(request.base_url).rstrip("/")))


def _misdirected() -> Response:
    return Response("Wrong subdomain used to access tenant", 421, media_type="text/plain")
