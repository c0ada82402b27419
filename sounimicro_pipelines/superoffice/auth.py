"""The system user flow: a signed token becomes a ticket, validated, cached, and renewed once for all who wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice.failures import SYSTEM, TokenRejected
from sounimicro_pipelines.superoffice.keys import load_private_key, signed_system_token
from sounimicro_pipelines.superoffice.locks import LoopLock
from sounimicro_pipelines.superoffice.tokens import IdentityProvider, claim
from sounimicro_pipelines.superoffice.values import as_bool, member
from sounimicro_pipelines.transport import AuthenticationFailed, Authorize, Transport

TICKET_ISSUER: Final = "SuperOffice AS"
TICKET_IDLE_LIFE: Final = timedelta(hours=5, minutes=45)
"""A ticket dies six hours after its last use (vendor reference 1.3); we give it up a little earlier."""


@dataclass(slots=True)
class _Ticket:
    value: str = field(repr=False)
    last_used: datetime


class SystemUser:
    """Who the background sync is in the CRM.

    The key is read at once, so that a wrong file is said before anything else happens (SettingsError).
    """

    def __init__(
        self,
        settings: SuperOfficeSettings,
        transport: Transport,
        clock: Clock,
        identity: IdentityProvider | None = None,
        key: rsa.RSAPrivateKey | None = None,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._identity = identity or IdentityProvider(settings.environment_url, transport, clock)
        self._key = key or load_private_key(settings.private_key_file)
        self._ticket: _Ticket | None = None
        self._lock = LoopLock()
        self.sign_ins = 0

    def authorizer(self) -> Authorize:
        """Headers for one call; when they are refused, only the ticket that this call used is given up."""
        used: str | None = None

        async def authorize(refused: bool) -> Mapping[str, str]:
            nonlocal used
            used = await self.ticket(refused=used if refused else None)
            return {
                "Authorization": f"SOTicket {used}",
                "SO-AppToken": self._settings.client_secret.get_secret_value(),
            }

        return authorize

    async def ticket(self, *, refused: str | None = None) -> str:
        """A ticket that should be good. `refused` is one that the API no longer takes.

        Raises AuthenticationFailed when the flow is refused, TokenRejected when its answer cannot be trusted.
        """
        async with self._lock:
            held = self._ticket
            now = self._clock.now()
            if held is None or held.value == refused or now - held.last_used >= TICKET_IDLE_LIFE:
                held = self._ticket = _Ticket(await self._sign_in(), now)
            held.last_used = now
            return held.value

    async def _sign_in(self) -> str:
        call = "POST PartnerSystemUser/Authenticate"
        settings = self._settings
        signed = signed_system_token(settings.system_user_token.get_secret_value(), self._key, self._clock.now())
        answer: Any = await self._transport.request_json(
            "POST",
            f"{settings.environment_url}/Login/api/PartnerSystemUser/Authenticate",
            call=call,
            json={
                "SignedSystemToken": signed,
                "ApplicationToken": settings.client_secret.get_secret_value(),
                "ContextIdentifier": settings.tenant,
                "ReturnTokenType": "JWT",
            },
            headers={"Accept": "application/json"},
            repeatable=True,
        )
        token = member(answer, "Token")
        if not as_bool(member(answer, "IsSuccessful")) or not isinstance(token, str) or not token:
            words = member(answer, "ErrorMessage")
            raise AuthenticationFailed(
                SYSTEM,
                call,
                detail="the system user was not accepted",
                remedy="Check SUPEROFFICE_TENANT, SUPEROFFICE_SYSTEM_USER_TOKEN (an administrator of the tenant must "
                "have approved the app), SUPEROFFICE_CLIENT_SECRET, SUPEROFFICE_PRIVATE_KEY_FILE and the clock.",
                messages=[words] if isinstance(words, str) and words else [],
            )
        claims = await self._identity.verified(
            token,
            call=call,
            issuer=TICKET_ISSUER,
            audience=lambda claims: f"spn:{claim(claims, 'serial')}",
            expires=False,
        )
        tenant, ticket = claim(claims, "ctx"), claim(claims, "ticket")
        if not isinstance(tenant, str) or tenant.lower() != settings.tenant.lower():
            raise TokenRejected(SYSTEM, call, detail="it is for another tenant")
        if not isinstance(ticket, str) or not ticket:
            raise TokenRejected(SYSTEM, call, detail="it holds no ticket")
        self.sign_ins += 1
        return ticket
