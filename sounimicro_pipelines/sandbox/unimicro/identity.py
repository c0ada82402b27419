"""The identity server: discovery, and client credentials with a private_key_jwt checked by the certificate."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.sandbox.keys import SandboxKeys
from sounimicro_pipelines.sandbox.unimicro.options import ErpOptions

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SKEW = timedelta(minutes=5)
_LONGEST_ASSERTION = timedelta(minutes=15)


class TokenRefused(Exception):
    """The token endpoint's refusal: an OAuth error code."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(description or error)
        self.error = error
        self.description = description


@dataclass
class Identity:
    """Issues and checks access tokens. `issuer` is the identity URL."""

    issuer: str
    api_url: str
    client_id: str
    keys: SandboxKeys
    clock: Clock
    options: ErpOptions
    issued: int = 0
    _seen_assertions: dict[str, datetime] = field(default_factory=dict)
    _live: set[str] = field(default_factory=set)
    _checked: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/connect/token"

    def discovery(self) -> dict[str, Any]:
        """The OpenID configuration document."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/.well-known/openid-configuration/jwks",
            "authorization_endpoint": f"{self.issuer}/connect/authorize",
            "token_endpoint": self.token_endpoint,
            "scopes_supported": [*sorted(self.options.scopes), "openid", "profile", "offline_access"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def jwks(self) -> dict[str, Any]:
        """The public half of the signing key."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.keys.erp_identity_key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.keys.erp_identity_key_id, "use": "sig", "alg": "RS256"}]}

    def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a token request. Raises TokenRefused."""
        if form.get("grant_type") != "client_credentials":
            raise TokenRefused("unsupported_grant_type")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise TokenRefused("invalid_client", "client_assertion_type")
        self._check_assertion(form.get("client_assertion", ""), form.get("client_id"))
        scopes = form.get("scope", "").split()
        if not scopes or not set(scopes) <= self.options.scopes:
            raise TokenRefused("invalid_scope")
        now = self.clock.now()
        identifier = uuid.uuid4().hex
        claims = {
            "iss": self.issuer,
            "aud": ["AppFramework", f"{self.issuer}/resources"],
            "client_id": self.client_id,
            "nbf": int(now.timestamp()),
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + self.options.token_seconds,
            "jti": identifier,
            "scope": scopes,
            "AppFramework": self.api_url,
        }
        self.issued += 1
        self._live.add(identifier)
        token = jwt.encode(
            claims, self.keys.erp_identity_key, algorithm="RS256", headers={"kid": self.keys.erp_identity_key_id}
        )
        return {
            "access_token": token,
            "expires_in": self.options.token_seconds,
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }

    def _check_assertion(self, assertion: str, client_id: str | None) -> None:
        now = self.clock.now()
        try:
            claims = jwt.decode(
                assertion,
                self.keys.erp_client_key.public_key(),
                algorithms=["RS256"],
                audience=[self.token_endpoint, self.issuer],
                options={
                    "require": ["exp", "iss", "sub", "jti", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as problem:
            raise TokenRefused("invalid_client", str(problem)) from None
        if (
            claims["iss"] != self.client_id
            or claims["sub"] != self.client_id
            or client_id not in (None, self.client_id)
        ):
            raise TokenRefused("invalid_client", "unknown client")
        expires = datetime.fromtimestamp(claims["exp"], tz=now.tzinfo)
        if expires + _SKEW < now or expires > now + _LONGEST_ASSERTION + _SKEW:
            raise TokenRefused("invalid_client", "assertion is expired or lives too long")
        if datetime.fromtimestamp(claims.get("nbf", 0), tz=now.tzinfo) > now + _SKEW:
            raise TokenRefused("invalid_client", "assertion is not yet valid")
        for jti in [jti for jti, until in self._seen_assertions.items() if until + _SKEW < now]:
            del self._seen_assertions[jti]
        if str(claims["jti"]) in self._seen_assertions:
            raise TokenRefused("invalid_client", "assertion was used before")
        self._seen_assertions[str(claims["jti"])] = expires

    def accepts(self, authorization: str | None) -> bool:
        """Whether an Authorization header carries a token of ours that is still good."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        known = self._checked.get(token)
        if known is None:
            known = self._check(token)
            if known is None:
                return False
            self._checked[token] = known
        expires, identifier = known
        return expires > self.clock.now().timestamp() and identifier in self._live

    def _check(self, token: str) -> tuple[int, str] | None:
        """Expiry and id of a token whose signature is ours, else None."""
        try:
            claims = jwt.decode(
                token,
                self.keys.erp_identity_key.public_key(),
                algorithms=["RS256"],
                audience="AppFramework",
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        return int(claims["exp"]), str(claims["jti"])

    def revoke_all(self) -> None:
        """Every token handed out so far is refused from now on: the 401 in the middle of a run."""
        self._live.clear()
        self._checked.clear()
