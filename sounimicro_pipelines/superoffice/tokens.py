"""OpenID discovery, signing keys and the validation of signed tokens, for the system user and for people alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import jwt

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.settings import is_loopback
from sounimicro_pipelines.superoffice.failures import SYSTEM, TokenRejected
from sounimicro_pipelines.superoffice.locks import LoopLock
from sounimicro_pipelines.transport import BadAnswer, Transport

CLAIM_PREFIX: Final = "http://schemes.superoffice.net/identity/"
LEEWAY: Final = timedelta(minutes=5)
"""How far this machine's clock and the identity provider's may be apart."""

_CHECKED_HERE = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
"""Claims that the library would check by the machine's clock or more narrowly than the vendor writes them."""

_DOCUMENTED: Final = {
    "authorize": ("authorization_endpoint", "/common/oauth/authorize"),
    "token": ("token_endpoint", "/common/oauth/tokens"),
    "jwks": ("jwks_uri", "/.well-known/jwks"),
}
"""Each endpoint's name in the discovery document, and where it is under the environment's `/login` (1.2)."""

_DISCOVERY_LIFE = timedelta(hours=12)
_KEYS_LIFE = timedelta(hours=12)
_KEYS_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What discovery says (vendor reference 1.2)."""

    issuer: str
    authorize: str
    token: str
    jwks: str


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim of the CRM's own (`ctx`, `ticket`, `serial`), None when it is not there."""
    return claims.get(CLAIM_PREFIX + name)


def checked_address(address: object, call: str) -> str:
    """An address a document of the CRM names. Raises BadAnswer unless it is https, or http on this machine."""
    if isinstance(address, str):
        parts = urlsplit(address)
        if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))):
            return address
    raise BadAnswer(SYSTEM, call, detail="it names an address that is missing or not encrypted")


class IdentityProvider:
    """The CRM environment's identity provider: its endpoints and keys, fetched once and kept for hours."""

    def __init__(self, environment_url: str, transport: Transport, clock: Clock) -> None:
        self._environment = environment_url.rstrip("/")
        self._transport = transport
        self._clock = clock
        self._endpoints: tuple[Endpoints, datetime] | None = None
        self._keys: tuple[jwt.PyJWKSet, datetime] | None = None
        self._lock = LoopLock()

    async def endpoints(self) -> Endpoints:
        """Discovery under the environment's address. Raises the transport's errors, BadAnswer when it is unusable."""
        async with self._lock:
            return await self._discover()

    async def verified(
        self,
        token: str,
        *,
        call: str,
        issuer: str | None,
        audience: Callable[[Mapping[str, Any]], str],
        expires: bool,
    ) -> dict[str, Any]:
        """The claims of an RS256 token whose signature, issuer, audience and lifetime hold.

        `issuer` None means the one that discovery names; `expires` demands an end of life. Raises TokenRejected.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise TokenRejected(SYSTEM, call, detail="it is no signed token") from None
        if header.get("alg") != "RS256":
            raise TokenRejected(SYSTEM, call, detail="it is not signed with RS256")
        claims = await self._decoded(token, header.get("kid"), call)
        expected = issuer if issuer is not None else (await self.endpoints()).issuer
        found = claims.get("iss")
        if not isinstance(found, str) or found.rstrip("/") != expected.rstrip("/"):
            raise TokenRejected(SYSTEM, call, detail="its issuer is not the expected one")
        audiences = claims.get("aud")
        if audience(claims) not in (audiences if isinstance(audiences, list) else [audiences]):
            raise TokenRejected(SYSTEM, call, detail="it is meant for another audience")
        self._check_lifetime(claims, call, expires)
        return claims

    def _check_lifetime(self, claims: Mapping[str, Any], call: str, expires: bool) -> None:
        now, leeway = self._clock.now().timestamp(), LEEWAY.total_seconds()
        end, start = claims.get("exp"), claims.get("nbf")
        if isinstance(end, int | float) and not isinstance(end, bool):
            if end + leeway < now:
                raise TokenRejected(SYSTEM, call, detail="it has expired")
        elif expires or end is not None:
            raise TokenRejected(SYSTEM, call, detail="it does not say when it expires")
        if isinstance(start, int | float) and start - leeway > now:
            raise TokenRejected(SYSTEM, call, detail="it is not valid yet")

    async def _decoded(self, token: str, kid: object, call: str) -> dict[str, Any]:
        options: Any = dict.fromkeys((f"verify_{name}" for name in _CHECKED_HERE), False)
        for fresh in (False, True):
            async with self._lock:
                keys = await self._signing_keys(fresh)
            for key in keys.keys:
                if kid is not None and key.key_id is not None and key.key_id != kid:
                    continue
                try:
                    return jwt.decode(token, key=key, algorithms=["RS256"], options=options)
                except jwt.PyJWTError:
                    continue
        raise TokenRejected(SYSTEM, call, detail="its signature does not fit the identity provider's keys")

    async def _discover(self) -> Endpoints:
        now = self._clock.now()
        if self._endpoints is not None and now - self._endpoints[1] < _DISCOVERY_LIFE:
            return self._endpoints[0]
        call = "GET openid-configuration"
        login = f"{self._environment}/login"
        document = await self._transport.request_json("GET", f"{login}/.well-known/openid-configuration", call=call)
        if not isinstance(document, dict):
            raise BadAnswer(SYSTEM, call, detail="it is no discovery document")
        # What the document leaves out is where the vendor documents it; the background sync needs the keys alone.
        found = {
            field: checked_address(document.get(name) or f"{login}{path}", call)
            for field, (name, path) in _DOCUMENTED.items()
        }
        endpoints = Endpoints(issuer=str(document.get("issuer") or self._environment), **found)
        self._endpoints = (endpoints, now)
        return endpoints

    async def _signing_keys(self, fresh: bool) -> jwt.PyJWKSet:
        now = self._clock.now()
        if self._keys is not None:
            age = now - self._keys[1]
            if age < (_KEYS_PAUSE if fresh else _KEYS_LIFE):
                return self._keys[0]
        call = "GET jwks"
        document = await self._transport.request_json("GET", (await self._discover()).jwks, call=call)
        try:
            keys = jwt.PyJWKSet.from_dict(document)
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError, KeyError):
            raise BadAnswer(SYSTEM, call, detail="it holds no signing keys") from None
        self._keys = (keys, now)
        return keys
