"""People signing in with their CRM account: authorization code with PKCE, validated id_token, their own API session.

The panels keep the state and the verifier between `start` and `finish`; nothing is kept here (vendor reference 1.2).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice.failures import SYSTEM, TokenRejected
from sounimicro_pipelines.superoffice.session import Session
from sounimicro_pipelines.superoffice.tenant import TenantAddress
from sounimicro_pipelines.superoffice.tokens import IdentityProvider, claim
from sounimicro_pipelines.superoffice.values import as_bool, as_int, member
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, Transport, ValidationFailed, VendorError

_EARLY: Final = timedelta(minutes=2)
_LIFE_WITHOUT_WORD: Final = 1200
_FRESH: Final = timedelta(minutes=5)
"""A token that is younger is not the reason of a 403: most are the person's rights, and each renewal is a call."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that has begun: send the person to `url`, keep `state`, `nonce` and `verifier` until they are back."""

    url: str = field(repr=False)
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Who has signed in. `associate_id` is their user in the CRM."""

    tenant: str
    associate_id: int
    login: str = field(repr=False)
    email: str = field(repr=False)
    is_administrator: bool
    company_name: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A person's credentials. `renew_at` is two minutes before the access token ends, `made_at` when it began."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    renew_at: datetime
    made_at: datetime | None = None


class UserSignIn:
    """Sign-in of the tenant's people through its environment's identity provider."""

    def __init__(
        self,
        settings: SuperOfficeSettings,
        transport: Transport,
        clock: Clock,
        identity: IdentityProvider | None = None,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._identity = identity or IdentityProvider(settings.environment_url, transport, clock)

    async def start(self, redirect_uri: str, *, login_hint: str = "") -> SignIn:
        """Begin: the address to open, with fresh state, nonce and PKCE verifier (S256)."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": self._settings.client_id,
            "scope": "openid",
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "state": state,
            "nonce": nonce,
            "acr_values": f"tenant:{self._settings.tenant}",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if login_hint:
            query["login_hint"] = login_hint
        authorize = (await self._identity.endpoints()).authorize
        joint = "&" if "?" in authorize else "?"
        return SignIn(f"{authorize}{joint}{urlencode(query)}", state, nonce, verifier)

    async def finish(self, code: str, sign_in: SignIn, redirect_uri: str) -> tuple[Person, Tokens]:
        """Exchange the code. The caller has compared the returned state with `sign_in.state`.

        Raises AuthenticationFailed when the code is refused, TokenRejected when the id_token cannot be trusted or is
        for another tenant.
        """
        answer = await self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": sign_in.verifier,
            }
        )
        call = "POST oauth/tokens"
        token = member(answer, "id_token")
        if not isinstance(token, str) or not token:
            raise TokenRejected(SYSTEM, call, detail="there is no id_token")
        claims = await self._identity.verified(
            token, call=call, issuer=None, audience=lambda _: self._settings.client_id, expires=True
        )
        nonce = claims.get("nonce")
        if nonce is not None and not secrets.compare_digest(str(nonce), sign_in.nonce):
            raise TokenRejected(SYSTEM, call, detail="it belongs to another sign-in")
        return self._person(claims, call), self._kept(answer, None)

    async def renew(self, tokens: Tokens) -> Tokens:
        """Fresh credentials from the refresh token, which stays the same when no new one comes (1.2)."""
        if tokens.refresh is None:
            raise AuthenticationFailed(SYSTEM, "POST oauth/tokens", detail="the session cannot be renewed")
        answer = await self._tokens({"grant_type": "refresh_token", "refresh_token": tokens.refresh})
        return self._kept(answer, tokens.refresh)

    def session(self, address: TenantAddress, tokens: Tokens) -> UserSession:
        """The tenant's API with this person's own rights."""
        return UserSession(self, address, tokens, self._transport, self._clock)

    async def _tokens(self, form: Mapping[str, str]) -> Any:
        call = "POST oauth/tokens"
        try:
            return await self._transport.request_json(
                "POST",
                (await self._identity.endpoints()).token,
                call=call,
                data={
                    **form,
                    "client_id": self._settings.client_id,
                    "client_secret": self._settings.client_secret.get_secret_value(),
                },
                headers={"Accept": "application/json"},
            )
        except ValidationFailed as error:
            raise AuthenticationFailed(
                SYSTEM, call, status=error.status, remedy="Sign in again; a code can be used once and lives 10 minutes."
            ) from None

    def _kept(self, answer: Any, refresh: str | None) -> Tokens:
        access, seconds, newer = (member(answer, name) for name in ("access_token", "expires_in", "refresh_token"))
        if not isinstance(access, str) or not access:
            raise TokenRejected(SYSTEM, "POST oauth/tokens", detail="there is no access token")
        life = timedelta(seconds=as_int(seconds) or _LIFE_WITHOUT_WORD)
        return Tokens(
            access=access,
            refresh=newer if isinstance(newer, str) and newer else refresh,
            renew_at=self._clock.now() + max(life - _EARLY, life / 2),
            made_at=self._clock.now(),
        )

    def _person(self, claims: Mapping[str, Any], call: str) -> Person:
        tenant, associate = claim(claims, "ctx"), as_int(claim(claims, "associateid"))
        if not isinstance(tenant, str) or tenant.lower() != self._settings.tenant.lower():
            raise TokenRejected(SYSTEM, call, detail="it is for another tenant")
        if not associate:
            raise TokenRejected(SYSTEM, call, detail="it names no user")
        return Person(
            tenant=tenant,
            associate_id=associate,
            login=str(claim(claims, "upn") or ""),
            email=str(claim(claims, "so_primary_email_address") or claim(claims, "email") or ""),
            is_administrator=bool(as_bool(claim(claims, "is_administrator"))),
            company_name=str(claim(claims, "company_name") or ""),
        )


class UserSession(Session):
    """Calls with a person's own token, renewed when it ends and once when it is refused."""

    def __init__(
        self, sign_in: UserSignIn, address: TenantAddress, tokens: Tokens, transport: Transport, clock: Clock
    ) -> None:
        super().__init__(address, None, transport, clock, authorizer=self._authorize)
        self._sign_in = sign_in
        self.tokens = tokens

    async def request(
        self, method: str, segments: Sequence[str | int], *, call: str, **options: Any
    ) -> tuple[Any, httpx.Response]:
        """As `Session.request`. A 403 may be the old token's alone (1.2): it is believed of a fresh one."""
        try:
            return await super().request(method, segments, call=call, **options)
        except AccessDenied as refusal:
            made_at = self.tokens.made_at
            is_fresh = made_at is not None and self.clock.now() - made_at < _FRESH
            if is_fresh or self.tokens.refresh is None:
                raise
            try:
                self.tokens = await self._sign_in.renew(self.tokens)
            except VendorError:
                raise refusal from None
        return await super().request(method, segments, call=call, **options)

    async def _authorize(self, refused: bool) -> Mapping[str, str]:
        if (refused or self.clock.now() >= self.tokens.renew_at) and self.tokens.refresh is not None:
            self.tokens = await self._sign_in.renew(self.tokens)
        return {"Authorization": f"Bearer {self.tokens.access}"}

    def with_tokens(self, tokens: Tokens) -> UserSession:
        """The same session with other credentials."""
        return self._sign_in.session(self.address, replace(tokens))
