"""Tickets, access and refresh tokens, codes: what is in force, for whom, and for how long (sections 1.2, 1.3)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.sandbox.superoffice.errors import ApiError
from sounimicro_pipelines.sandbox.superoffice.options import Application, CrmOptions


@dataclass(slots=True)
class Grant:
    """A credential of one associate. `expires` None lasts until revoked."""

    associate_id: int
    expires: datetime | None


@dataclass(slots=True)
class Code:
    """An authorization code: used once, bound to client, address and PKCE challenge."""

    associate_id: int
    expires: datetime
    client_id: str
    redirect_uri: str
    challenge: str
    method: str
    nonce: str


@dataclass(slots=True)
class Credentials:
    """Everything that has been issued."""

    options: CrmOptions
    application: Application
    clock: Clock
    tickets: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)

    def ticket(self, associate_id: int) -> str:
        """A new ticket; its life starts anew with each use."""
        token = "7T:" + secrets.token_urlsafe(30)
        self.tickets[token] = Grant(associate_id, self._in(self.options.ticket_seconds))
        return token

    def access_token(self, associate_id: int) -> str:
        token = f"8A:{self.options.tenant}.{secrets.token_urlsafe(30)}"
        self.access[token] = Grant(associate_id, self._in(self.options.access_token_seconds))
        return token

    def refresh_token(self, associate_id: int) -> str:
        token = secrets.token_urlsafe(30)
        self.refresh[token] = Grant(associate_id, None)
        return token

    def code(self, code: Code) -> str:
        token = secrets.token_urlsafe(24)
        self.codes[token] = code
        return token

    def code_expiry(self) -> datetime:
        return self._in(self.options.code_seconds)

    def authorize(self, headers: Mapping[str, str]) -> int:
        """The associate a request speaks for. Raises ApiError 401."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        value = value.strip()
        match scheme.lower():
            case "bearer":
                return self._in_force(self.access, value).associate_id
            case "soticket":
                if headers.get("so-apptoken", "") != self.application.client_secret:
                    raise _refused("A ticket wants the application's token in SO-AppToken")
                grant = self._in_force(self.tickets, value)
                grant.expires = self._in(self.options.ticket_seconds)
                return grant.associate_id
            case _:
                raise _refused("Authentication is required")

    def revoke(self) -> None:
        """Make every ticket and access token invalid at once, as an operator's restart does; refresh tokens stay."""
        self.tickets.clear()
        self.access.clear()

    def redeem(self, token: str, client_id: str, redirect_uri: str, verifier: str) -> Code | None:
        """The code, if everything about it fits; it cannot be used again in any case."""
        code = self.codes.pop(token, None)
        if code is None or code.expires <= self.clock.now():
            return None
        if code.client_id != client_id or code.redirect_uri != redirect_uri:
            return None
        if code.challenge and not _challenge_fits(code, verifier):
            return None
        return code

    def _in_force(self, grants: Mapping[str, Grant], token: str) -> Grant:
        grant = grants.get(token)
        if grant is None or (grant.expires is not None and grant.expires <= self.clock.now()):
            raise _refused("The credential is unknown or has expired")
        return grant

    def _in(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


def _challenge_fits(code: Code, verifier: str) -> bool:
    if code.method.upper() == "S256":
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return secrets.compare_digest(digest, code.challenge)
    return secrets.compare_digest(verifier, code.challenge)


def _refused(message: str) -> ApiError:
    return ApiError(401, message, "SoAuthenticationException")


def claims_prefix(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Claims under the vendor's own prefix."""
    return {f"http://schemes.superoffice.net/identity/{name}": value for name, value in claims.items()}
