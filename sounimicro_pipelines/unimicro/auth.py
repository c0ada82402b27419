"""Sign-in to the ERP as a server client: client credentials with a signed assertion (reference, 1.2).

The client proves itself with the private key of its .p12 certificate; the token is kept until shortly before it
expires and fetched by one caller while the others wait.
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from pydantic import SecretStr

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.transport import (
    AuthenticationFailed,
    Authorize,
    BadAnswer,
    NotFound,
    Transport,
    ValidationFailed,
    decode_json,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME = timedelta(minutes=1)
_PORTAL = "Download it again, with its password, from the Unimicro developer portal."

_REFUSALS = {
    "invalid_client": (
        "the sign-in service does not accept the client or its certificate",
        "Check UNIMICRO_CLIENT_ID, that UNIMICRO_CERTIFICATE_FILE belongs to this client and that the clock is right.",
    ),
    "invalid_scope": (
        "the client has not been given the scope that was asked for",
        "Set UNIMICRO_SCOPE to scopes that the client has in the developer portal (usually AppFramework).",
    ),
    "unauthorized_client": (
        "the client may not sign in as a server",
        "Use a server client (not a web client) of the developer portal for UNIMICRO_CLIENT_ID.",
    ),
    "invalid_request": (
        "the sign-in service does not accept the form of the call",
        "Check UNIMICRO_IDENTITY_URL and UNIMICRO_CLIENT_ID.",
    ),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """The server client's key and certificate, ready to sign."""

    key: RSAPrivateKey
    x5c: str
    expires: datetime


def load_certificate(path: Path, password: SecretStr, clock: Clock) -> Certificate:
    """Reads the .p12. Raises SettingsError with one line when it cannot be opened or used, or has expired."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError([f"UNIMICRO_CERTIFICATE_FILE: {path} cannot be read ({reason}). {_PORTAL}"]) from None
    secret = password.get_secret_value().encode()
    try:
        key, certificate = _opened(content, secret)
    except (ValueError, TypeError):
        if _is_pkcs12(content):
            raise SettingsError(
                [f"UNIMICRO_CERTIFICATE_PASSWORD does not open {path}. Use the password that came with it. {_PORTAL}"]
            ) from None
        raise SettingsError([f"UNIMICRO_CERTIFICATE_FILE: {path} is no .p12 certificate. {_PORTAL}"]) from None
    if not isinstance(key, RSAPrivateKey) or certificate is None:
        raise SettingsError([f"UNIMICRO_CERTIFICATE_FILE: {path} holds no RSA key with its certificate. {_PORTAL}"])
    if certificate.not_valid_after_utc <= clock.now():
        raise SettingsError(
            [
                f"UNIMICRO_CERTIFICATE_FILE: {path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}. "
                "Make a new certificate for the client in the Unimicro developer portal."
            ]
        )
    return Certificate(key, _x5c(certificate), certificate.not_valid_after_utc)


@lru_cache(maxsize=4)
def _opened(content: bytes, secret: bytes) -> tuple[object, x509.Certificate | None]:
    """Kept, since a password is made slow to try and each run opens its own client."""
    key, certificate, _ = pkcs12.load_key_and_certificates(content, secret or None)
    return key, certificate


def _x5c(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _is_pkcs12(content: bytes) -> bool:
    """A PFX is a DER sequence that begins with version 3 (RFC 7292, 4)."""
    return content[:1] == b"\x30" and b"\x02\x01\x03" in content[:12]


class TokenSource:
    """Gives bearer tokens; renews them before they expire, and at once when one was refused."""

    def __init__(
        self,
        transport: Transport,
        *,
        identity_url: str,
        client_id: str,
        certificate: Certificate,
        scope: str,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._identity_url = identity_url.rstrip("/")
        self._client_id = client_id
        self._certificate = certificate
        self._scope = scope
        self._clock = clock
        self._endpoint: str | None = None
        self._token: str | None = None
        self._renew_at = clock.now()
        self._lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def authorizer(self) -> Authorize:
        """Credentials for one call; when they are refused, that token and no newer one is replaced."""
        given: str | None = None

        async def authorize(refused: bool) -> Mapping[str, str]:
            nonlocal given
            given = await self.token(refused=given if refused else None)
            return {"Authorization": f"Bearer {given}"}

        return authorize

    async def token(self, refused: str | None = None) -> str:
        """A token that is good for a while; never the one that was refused.

        Raises AuthenticationFailed when the sign-in service does not accept the client.
        """
        async with self._single_flight():
            if self._token is None or self._token == refused or self._clock.now() >= self._renew_at:
                self._token = None
                await self._fetch()
            if self._token is None:
                raise AuthenticationFailed(self._transport.system, "POST token", detail="no token was given")
            return self._token

    def _single_flight(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock

    async def token_endpoint(self) -> str:
        """Where tokens are given, by the sign-in service's own discovery document if it has one."""
        if self._endpoint is None:
            call = "GET openid-configuration"
            try:
                document = await self._transport.request_json(
                    "GET", f"{self._identity_url}/.well-known/openid-configuration", call=call
                )
            except NotFound:
                document = {"token_endpoint": f"{self._identity_url}/connect/token"}  # where it is documented to be
            endpoint = document.get("token_endpoint") if isinstance(document, dict) else None
            if not isinstance(endpoint, str):
                raise BadAnswer(
                    self._transport.system,
                    call,
                    detail="it names no token endpoint",
                    remedy="Check UNIMICRO_IDENTITY_URL.",
                )
            self._endpoint = endpoint
        return self._endpoint

    async def _fetch(self) -> None:
        endpoint = await self.token_endpoint()

        def form() -> Mapping[str, str]:
            return {
                "grant_type": "client_credentials",
                "scope": self._scope,
                "client_id": self._client_id,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self.assertion(endpoint),
            }

        call = "POST token"
        try:
            response = await self._transport.request(
                "POST", endpoint, call=call, data=form, repeatable=True, accept_statuses=(400, 401)
            )
        except NotFound as error:
            self._endpoint = None
            error.remedy = "Check UNIMICRO_IDENTITY_URL (or UNIMICRO_API_URL, by which it is discovered)."
            raise
        except ValidationFailed as error:
            raise AuthenticationFailed(error.system, call, status=error.status) from None
        self._accept(call, response)

    def _accept(self, call: str, response: httpx.Response) -> None:
        answer: Any = {}
        try:
            answer = decode_json(response, call, self._transport.system)
        except BadAnswer:
            if response.is_success:
                raise
        answer = answer if isinstance(answer, dict) else {}
        if not response.is_success:
            code = str(answer.get("error", ""))
            detail, remedy = _REFUSALS.get(code, ("the sign-in service refuses the client", ""))
            raise AuthenticationFailed(
                self._transport.system, call, status=response.status_code, detail=detail, remedy=remedy
            )
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise BadAnswer(self._transport.system, call, status=response.status_code, detail="it holds no token")
        try:
            lifetime = float(answer.get("expires_in") or 3600)
        except (TypeError, ValueError):
            lifetime = 3600.0
        self._token = token
        self._renew_at = self._clock.now() + timedelta(seconds=lifetime - min(120.0, lifetime * 0.2))

    def assertion(self, audience: str) -> str:
        """A signed statement of who we are, good for one call within a minute."""
        now = self._clock.now()
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "jti": str(uuid.uuid4()),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFETIME).timestamp()),
        }
        return jwt.encode(claims, self._certificate.key, algorithm="RS256", headers={"x5c": [self._certificate.x5c]})
