"""A served tenant and a bare HTTP caller that knows nothing but the vendor's reference."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.sandbox.superoffice import Application, CrmOptions, CrmState, Identity, create_app, seed
from sounimicro_pipelines.sandbox.world import Register, build_register

IDENTITY = "http://schemes.superoffice.net/identity/"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_HTTP = httpx.Client(timeout=10, trust_env=False)
_APP_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_IDENTITY_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an ASGI application on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)


class Tenant:
    """A served tenant with an authorized caller."""

    def __init__(self, state: CrmState, url: str, clock: ManualClock, register: Register) -> None:
        self.state = state
        self.url = url
        self.clock = clock
        self.register = register
        self.http = _HTTP
        self.headers = {"Accept": "application/json", "SO-Language": "nb", "SO-TimeZone": "UTC, includeTZOffset"}
        self.sign_in()

    def signed_token(self, system_token: str = "", at: datetime | None = None, key: Any = None) -> str:
        stamp = (at or self.clock.now()).strftime("%Y%m%d%H%M")
        token = f"{system_token or self.state.application.system_user_token}.{stamp}"
        raw = (key or _APP_KEY).sign(token.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{token}.{base64.b64encode(raw).decode()}"

    def authenticate(self, **changes: Any) -> dict[str, Any]:
        body = {
            "SignedSystemToken": self.signed_token(),
            "ApplicationToken": "app-secret",
            "ContextIdentifier": "Cust12345",
            "ReturnTokenType": "JWT",
            **changes,
        }
        answer = self.http.post(f"{self.url}/Login/api/PartnerSystemUser/Authenticate", json=body)
        assert answer.status_code == 200
        result: dict[str, Any] = answer.json()
        return result

    def sign_in(self) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(self.authenticate()["Token"], options={"verify_signature": False})
        self.base = claims[IDENTITY + "webapi_url"].rstrip("/") + "/v1"
        self.headers |= {"Authorization": f"SOTicket {claims[IDENTITY + 'ticket']}", "SO-AppToken": "app-secret"}
        return claims

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        return self.http.request(method, f"{self.base}/{path}", headers={**self.headers, **(headers or {})}, **more)

    def get(self, path: str, headers: dict[str, str] | None = None, **params: str) -> Any:
        answer = self.call("GET", path, headers, params={name.replace("_", "$", 1): v for name, v in params.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, path: str, **params: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path, **params)["value"]
        return found

    def patch(self, path: str, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
        answer = self.call("PATCH", path, headers, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def register() -> Register:
    return build_register(seed=1, parties=25, companies=2, today=date(2026, 11, 20))


class _Switch:
    """One server for the whole session; the tenant made last is the one that answers."""

    def __init__(self) -> None:
        self.app: Any = None
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def switch() -> Iterator[_Switch]:
    made = _Switch()
    with served(made) as url:
        made.url = url
        yield made


@pytest.fixture
def make_tenant(register: Register, switch: _Switch) -> Callable[..., Tenant]:
    """Start a tenant; keyword arguments set options."""

    def make(**options: Any) -> Tenant:
        clock = ManualClock(START)
        state = CrmState(
            CrmOptions(**options),
            Application("client-1", "app-secret", "Sounimicro-abc.def", _APP_KEY.public_key()),
            Identity(_IDENTITY_KEY),
            clock=clock,
        )
        seed.fill(state, register)
        switch.app = create_app(state)
        return Tenant(state, switch.url, clock, register)

    return make


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant()
