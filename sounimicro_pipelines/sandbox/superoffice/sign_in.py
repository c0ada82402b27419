"""User sign-in (section 1.2): discovery, keys, the page where one picks a user, and tokens. Pages refuse frames."""

from __future__ import annotations

import base64
import html
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
from jwt.algorithms import RSAAlgorithm
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from sounimicro_pipelines.sandbox.superoffice import references
from sounimicro_pipelines.sandbox.superoffice.credentials import Code, claims_prefix
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.tables import Row

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PAGE_HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'; form-action *",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_PARAMETERS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "acr_values",
    "login_hint",
)


class SignIn:
    """The environment's identity provider, for one tenant and application."""

    def __init__(self, state: CrmState) -> None:
        self.state = state

    async def discovery(self, request: Request) -> Response:
        origin = _origin(request)
        login = f"{origin}/login"
        return JSONResponse(
            {
                "issuer": origin,
                "authorization_endpoint": f"{login}/common/oauth/authorize",
                "token_endpoint": f"{login}/common/oauth/tokens",
                "jwks_uri": f"{login}/.well-known/jwks",
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256", "plain"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    async def jwks(self, request: Request) -> Response:
        key: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self.state.identity.signing_key.public_key()))
        key |= {"kid": self.state.identity.key_id, "use": "sig", "alg": "RS256", "key_ops": ["verify"]}
        return JSONResponse({"keys": [key]})

    async def authorize(self, request: Request) -> Response:
        """The page (GET), and the user's choice on it (POST)."""
        asked = {name: request.query_params.get(name, "") for name in _PARAMETERS}
        problem = self._problem(asked)
        if problem:
            return HTMLResponse(_page("Innlogging", f"<p>{html.escape(problem)}</p>"), 400, headers=_PAGE_HEADERS)
        if request.method == "POST":
            form = await request.form()
            if form.get("cancel"):
                return _back(asked, {"error": "access_denied", "error_description": "The user refused"})
            return self._signed_in(asked, str(form.get("user", "")))
        return HTMLResponse(self._choice(request, asked), headers=_PAGE_HEADERS)

    def _problem(self, asked: Mapping[str, str]) -> str:
        """What is wrong enough that nobody may be sent back."""
        if asked["client_id"] != self.state.application.client_id:
            return "The application is unknown (client_id)."
        if not self._redirect_known(asked["redirect_uri"]):
            return "The redirect address is not registered for the application (redirect_uri)."
        if asked["response_type"] != "code":
            return "Only the code flow is supported (response_type)."
        if "openid" not in asked["scope"].split():
            return "The scope must be openid."
        tenant = asked["acr_values"].partition("tenant:")[2].split(" ")[0]
        if tenant and tenant.lower() != self.state.options.tenant.lower():
            return "The tenant is unknown (acr_values)."
        return ""

    def _redirect_known(self, address: str) -> bool:
        known = self.state.application.redirect_uris
        if known is not None:
            return address in known
        parts = urlsplit(address)
        return parts.hostname in _LOOPBACK and parts.path.endswith("/auth/callback")

    def _choice(self, request: Request, asked: Mapping[str, str]) -> str:
        rows = self.state.users()
        hinted = asked["login_hint"].lower()
        rows.sort(key=lambda row: row["userName"].lower() != hinted)
        buttons = "".join(
            f'<li><button name="user" value="{html.escape(row["userName"])}">'
            f"{html.escape(references.associate_name(self.state.db, row['associate_id']))}</button>"
            f" <small>{html.escape(row['userName'])} · {html.escape(row['role'])}</small></li>"
            for row in rows
        )
        action = html.escape(f"{request.url.path}?{request.url.query}")
        return _page(
            "Velg bruker",
            f"<p>{html.escape(self.state.options.company_name)} ({html.escape(self.state.options.tenant)})</p>"
            f'<form method="post" action="{action}"><ul>{buttons}</ul>'
            '<button name="cancel" value="1">Avbryt</button></form>',
        )

    def _signed_in(self, asked: Mapping[str, str], user: str) -> Response:
        row = self._user(user)
        if row is None:
            return HTMLResponse(_page("Innlogging", "<p>Ukjent bruker.</p>"), 400, headers=_PAGE_HEADERS)
        credentials = self.state.credentials
        code = credentials.code(
            Code(
                associate_id=row["associate_id"],
                expires=credentials.code_expiry(),
                client_id=asked["client_id"],
                redirect_uri=asked["redirect_uri"],
                challenge=asked["code_challenge"],
                method=asked["code_challenge_method"] or "plain",
                nonce=asked["nonce"],
            )
        )
        return _back(asked, {"code": code})

    def _user(self, name: str) -> Row | None:
        wanted = name.lower()
        return next(
            (row for row in self.state.users() if wanted in (row["userName"].lower(), row["name"].lower())), None
        )

    async def tokens(self, request: Request) -> Response:
        """The token endpoint: codes and refresh tokens become access tokens."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        client, secret = _client(request, form)
        application = self.state.application
        if client != application.client_id or not secrets.compare_digest(secret, application.client_secret):
            return _token_error("invalid_client", 401)
        credentials = self.state.credentials
        match form.get("grant_type"):
            case "authorization_code":
                code = credentials.redeem(
                    form.get("code", ""), client, form.get("redirect_uri", ""), form.get("code_verifier", "")
                )
                if code is None:
                    return _token_error("invalid_grant")
                answer = self._tokens(request, code.associate_id, code.nonce)
                return JSONResponse(answer | {"refresh_token": credentials.refresh_token(code.associate_id)})
            case "refresh_token":
                grant = credentials.refresh.get(form.get("refresh_token", ""))
                if grant is None:
                    return _token_error("invalid_grant")
                return JSONResponse(self._tokens(request, grant.associate_id, ""))
            case _:
                return _token_error("unsupported_grant_type")

    def _tokens(self, request: Request, associate_id: int, nonce: str) -> dict[str, Any]:
        state = self.state
        return {
            "token_type": "Bearer",
            "access_token": state.credentials.access_token(associate_id),
            "expires_in": state.options.access_token_seconds,
            "id_token": self._id_token(_origin(request), associate_id, nonce),
        }

    def _id_token(self, origin: str, associate_id: int, nonce: str) -> str:
        state, now = self.state, int(self.state.clock.now().timestamp())
        row = state.db["associate"].rows[associate_id]
        base = f"{origin}/{state.host}/{state.options.tenant}"
        identity = {
            "associateid": str(associate_id),
            "ctx": state.options.tenant,
            "company_name": state.options.company_name,
            "email": row["userName"],
            "upn": row["userName"],
            "is_administrator": str(bool(row["administrator"])),
            "serial": state.options.serial,
            "netserver_url": f"{base}/remote/services84/",
            "webapi_url": f"{base}/api/",
            "initials": row["name"],
            "so_primary_email_address": row["userName"],
        }
        if row["administrator"]:
            identity["system_token"] = state.application.system_user_token
        claims = {
            "iss": origin,
            "aud": state.application.client_id,
            "sub": row["userName"],
            "iat": now,
            "nbf": now,
            "exp": now + state.options.access_token_seconds,
            **({"nonce": nonce} if nonce else {}),
            **claims_prefix(identity),
        }
        return jwt.encode(claims, state.identity.signing_key, algorithm="RS256", headers={"kid": state.identity.key_id})


def _origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _back(asked: Mapping[str, str], values: dict[str, str]) -> Response:
    """Send the browser back to the application, in the response mode it asked for."""
    given = {**values, "state": asked["state"]} if asked["state"] else values
    address = asked["redirect_uri"]
    if asked["response_mode"] == "form_post":
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in given.items()
        )
        form = f'<form method="post" action="{html.escape(address)}">{fields}<button>Fortsett</button></form>'
        return HTMLResponse(
            _page("Fortsett", form + "<script>document.forms[0].submit()</script>"), headers=_PAGE_HEADERS
        )
    mark = "#" if asked["response_mode"] == "fragment" else "&" if "?" in address else "?"
    return RedirectResponse(f"{address}{mark}{urlencode(given)}", 302, headers=_PAGE_HEADERS)


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Client id and secret, from the body or the Basic header."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return "", ""
        return client, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _token_error(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status)


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="nb"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<style>body{font:16px system-ui;margin:2rem auto;max-width:30rem;padding:0 1rem}li{margin:.5rem 0;"
        "list-style:none}ul{padding:0}button{font:inherit;padding:.4rem 1rem}</style></head>"
        f"<body><h1>{title}</h1>{body}</body></html>"
    )
