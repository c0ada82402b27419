"""A plain client of the simulated ERP, made of nothing but httpx, and one sandbox that reading tests share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12

from sounimicro_pipelines.sandbox import Sandbox


class Erp:
    """Requests as the vendor reference describes them."""

    def __init__(self, sandbox: Sandbox, company: int = 1) -> None:
        self.sandbox = sandbox
        self.base = sandbox.environment["UNIMICRO_API_URL"]
        self.http = httpx.Client(timeout=10)
        self.headers = {"CompanyKey": sandbox.erp.key(company)}
        self.sign_in()

    def assertion(self, **claims: Any) -> str:
        env = self.sandbox.environment
        now = int(time.time())
        client = env["UNIMICRO_CLIENT_ID"]
        values = {
            "iss": client,
            "sub": client,
            "aud": f"{env['UNIMICRO_IDENTITY_URL']}/connect/token",
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            **claims,
        }
        return jwt.encode(values, private_key(self.sandbox), algorithm="RS256")

    def ask_token(self, assertion: str | None = None, **form: str) -> httpx.Response:
        env = self.sandbox.environment
        return self.http.post(
            f"{env['UNIMICRO_IDENTITY_URL']}/connect/token",
            data={
                "grant_type": "client_credentials",
                "scope": "AppFramework",
                "client_id": env["UNIMICRO_CLIENT_ID"],
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion or self.assertion(),
                **form,
            },
        )

    def sign_in(self) -> None:
        self.headers["Authorization"] = f"Bearer {self.ask_token().json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None, **parameters: Any) -> httpx.Response:
        return self.http.request(
            method, f"{self.base}{path}", params=parameters or None, json=body, headers=self.headers
        )

    def get(self, route: str, **parameters: Any) -> Any:
        answer = self.call("GET", f"/api/biz/{route}", **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json(parse_float=Decimal)

    def post(self, route: str, body: Any = None, **parameters: Any) -> httpx.Response:
        return self.call("POST", f"/api/biz/{route}", body, **parameters)

    def put(self, route: str, body: Any = None, **parameters: Any) -> httpx.Response:
        return self.call("PUT", f"/api/biz/{route}", body, **parameters)

    def statistics(self, **parameters: Any) -> httpx.Response:
        return self.call("GET", "/api/statistics", **{"wrap": "false", **parameters})


def private_key(sandbox: Sandbox) -> RSAPrivateKey:
    env = sandbox.environment
    content = Path(env["UNIMICRO_CERTIFICATE_FILE"]).read_bytes()
    key, _, _ = pkcs12.load_key_and_certificates(content, env["UNIMICRO_CERTIFICATE_PASSWORD"].encode())
    assert isinstance(key, RSAPrivateKey)
    return key


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """For tests that only read."""
    with Sandbox(seed=5, parties=40, today=date(2026, 11, 20)) as sandbox:
        yield sandbox


@pytest.fixture
def reading(shared_sandbox: Sandbox) -> Erp:
    return Erp(shared_sandbox)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """For tests that write or switch something."""
    with Sandbox(seed=5, parties=10, today=date(2026, 11, 20)) as sandbox:
        yield sandbox


@pytest.fixture
def erp(sandbox: Sandbox) -> Erp:
    return Erp(sandbox)
