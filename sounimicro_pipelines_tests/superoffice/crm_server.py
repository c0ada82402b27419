"""A small CRM over a real socket, for tests: signs tokens, keeps tickets, answers what a test tells it to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sounimicro_pipelines_tests.wire import Call, Reply, Wire

PREFIX = "http://schemes.superoffice.net/identity/"
TENANT = "Cust26759"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Answer(Reply):
    """An answer by its status first; `raw` is sent as it is."""

    def __init__(
        self,
        status: int = 200,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        raw: bytes | None = None,
        cut: int = 0,
    ) -> None:
        super().__init__(body if raw is None else raw, status, headers or {}, cut)


Handler = Callable[[Call], Any]


class CrmServer(Wire):
    """`routes` maps (method, path below /api/v1) to a handler; `before` may answer instead of it."""

    def __init__(self, app_key: rsa.RSAPrivateKey, idp_key: rsa.RSAPrivateKey) -> None:
        self.app_key, self.idp_key = app_key, idp_key
        self.client_secret = "canary-secret-4711"
        self.system_token = "Unimicro-canaryTOKEN99"
        self.routes: dict[tuple[str, str], Handler] = {}
        self.before: Callable[[Call], Any] | None = None
        self.tickets: set[str] = set()
        self.sign_ins = 0
        self.claims: dict[str, Any] = {}
        self.jwt_key = idp_key
        self.kid = "idp-1"
        self.state: dict[str, Any] = {}
        self.state_lookups = 0
        self.authenticate: Handler | None = None
        self.tenant_path = TENANT
        super().__init__(self.answer)

    def calls_to(self, method: str, ending: str) -> list[Call]:
        return [call for call in self.calls if call.method == method and call.path.endswith(ending)]

    def answer(self, call: Call) -> Reply:
        result = self.before(call) if self.before else None
        if result is None:
            result = self._route(call)
        return result if isinstance(result, Reply) else Reply(result)

    def _route(self, call: Call) -> Any:
        if call.path == f"/api/state/{TENANT}":
            self.state_lookups += 1
            return {
                "ContextIdentifier": TENANT,
                "Endpoint": f"{self.url}/{self.tenant_path}",
                "State": "Running",
                "IsRunning": True,
                "ValidUntil": (NOW + timedelta(days=1)).isoformat(),
                "Api": f"{self.url}/{self.tenant_path}/api",
            } | self.state
        if call.path == "/login/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/login/common/oauth/authorize",
                "token_endpoint": f"{self.url}/login/common/oauth/tokens",
                "jwks_uri": f"{self.url}/login/.well-known/jwks",
            }
        if call.path == "/login/.well-known/jwks":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.idp_key.public_key()))
            return {"keys": [key | {"kid": self.kid, "use": "sig", "alg": "RS256"}]}
        if call.path == "/Login/api/PartnerSystemUser/Authenticate":
            return self.authenticate(call) if self.authenticate else self._authenticate(call)
        base = f"/{self.tenant_path}/api/v1"
        if call.path.startswith(base + "/"):
            scheme, _, ticket = call.headers.get("authorization", "").partition(" ")
            bearer = scheme == "Bearer" and ticket.startswith("8A:")
            signed = scheme == "SOTicket" and call.headers.get("so-apptoken") == self.client_secret
            if not bearer and not (signed and ticket in self.tickets):
                return Answer(401, {"Error": True, "ErrorType": "SoUnauthorized", "ErrorMessage": "expired"})
            handler = self.routes.get((call.method, call.path[len(base) :]))
            if handler is not None:
                return handler(call)
        elif (call.method, call.path) in self.routes:
            return self.routes[call.method, call.path](call)
        return Answer(404, {"Error": True, "ErrorType": "SoNotFoundException", "ErrorMessage": "canary-person Ola"})

    def _authenticate(self, call: Call) -> Any:
        sent = call.json
        plain, _, signature = sent["SignedSystemToken"].rpartition(".")
        self.app_key.public_key().verify(
            base64.b64decode(signature), plain.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        token, _, minute = plain.rpartition(".")
        assert token == self.system_token
        assert len(minute) == 12
        if sent["ApplicationToken"] != self.client_secret or sent["ReturnTokenType"] != "JWT":
            return {"IsSuccessful": False, "Token": None, "ErrorMessage": f"no {self.client_secret}"}
        self.sign_ins += 1
        ticket = f"7T:canaryticket{self.sign_ins}=="
        self.tickets.add(ticket)
        return {"IsSuccessful": True, "Token": self.token(ticket), "ErrorMessage": None}

    def token(self, ticket: str = "7T:x", **more: Any) -> str:
        claims = {
            "iss": "SuperOffice AS",
            "aud": "spn:1234567890",
            "exp": int((NOW + timedelta(hours=8)).timestamp()),
            "nbf": int((NOW - timedelta(minutes=1)).timestamp()),
            PREFIX + "serial": "1234567890",
            PREFIX + "ctx": TENANT,
            PREFIX + "ticket": ticket,
            PREFIX + "webapi_url": f"{self.url}/{TENANT}/api/",
        }
        claims |= self.claims | more
        return jwt.encode(claims, self.jwt_key, algorithm="RS256", headers={"kid": self.kid})


def rows_by_key(rows: list[dict[str, Any]], key: str) -> Handler:
    """An archive that honours `key gt n`, `$top` and nothing else."""

    def handler(call: Call) -> Any:
        bound = 0
        for part in call.query.get("$filter", "").split(" and "):
            words = part.split()
            if words[:2] == [key, "gt"]:
                bound = int(words[2])
        top = int(call.query["$top"])
        return {"odata.nextLink": None, "value": [row for row in rows if row[key] > bound][:top]}

    return handler
