"""Where a tenant is served now: the environment's state document, kept until it says to ask again."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.superoffice.failures import SYSTEM, TenantNotRunning
from sounimicro_pipelines.superoffice.locks import LoopLock
from sounimicro_pipelines.superoffice.tokens import checked_address
from sounimicro_pipelines.superoffice.values import as_bool, member, parse_moment
from sounimicro_pipelines.transport import BadAnswer, NotFound, ServerFailed, Transport, Unreachable

_STATES: Final = {
    0: "Unknown",
    1: "Provisioning",
    2: "Running",
    3: "Deleted",
    4: "Suspended",
    5: "OnlineMaintenance",
    6: "OfflineMaintenance",
    8: "ProvisioningFailed",
    10: "Deleting",
    11: "DeleteFailed",
    12: "MigrationPending",
}
_WORKING = frozenset({"Running", "OnlineMaintenance"})
_LIFE_WITHOUT_WORD = timedelta(hours=1)
_SHORTEST_LIFE = timedelta(seconds=15)
_LONGEST_LIFE = timedelta(hours=24)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TenantState:
    """A tenant's state. `api` is the address up to and with `/api/v1`, without a slash at its end."""

    name: str
    running: bool
    api: str
    valid_until: datetime


def api_address(api: object, endpoint: object, call: str) -> str:
    """The address up to `/api/v1` from `Api`, else `Endpoint` + `/api`; with or without slash or `/v1` (1.1)."""
    given = api if isinstance(api, str) and api.strip() else endpoint
    address = checked_address(given.strip() if isinstance(given, str) else given, call).split("?")[0].rstrip("/")
    address = re.sub(r"/v1$", "", address, flags=re.IGNORECASE).rstrip("/")
    if not re.search(r"/api$", address, flags=re.IGNORECASE):
        address += "/api"
    return f"{address}/v1"


class TenantAddress:
    """Looks the tenant's address up, once for all who wait, and again when it is stale or was wrong (421)."""

    def __init__(self, environment_url: str, tenant: str, transport: Transport, clock: Clock) -> None:
        self._environment = environment_url.rstrip("/")
        self._tenant = tenant
        self._transport = transport
        self._clock = clock
        self._state: TenantState | None = None
        self._lock = LoopLock()

    async def current(self, *, wrong: str | None = None) -> str:
        """The address of the API. `wrong` is the address that a call found to be wrong.

        Raises TenantNotRunning, NotFound for an unknown tenant, or the transport's errors.
        """
        async with self._lock:
            held = self._state
            fresh = held is not None and self._clock.now() < held.valid_until
            if held is not None and fresh and held.api != wrong:
                return held.api
            try:
                self._state = await self.look_up()
            except (Unreachable, ServerFailed, BadAnswer) as error:
                if held is None or held.api == wrong:
                    raise
                _log.warning("%s The address known so far is used on.", error.message)
                self._state = TenantState(held.name, True, held.api, self._clock.now() + timedelta(minutes=1))
            return self._state.api

    async def look_up(self) -> TenantState:
        """The state document, read now. Raises as `current`."""
        call = f"GET state of {self._tenant}"
        url = f"{self._environment}/api/state/{quote(self._tenant, safe='')}"
        try:
            document: Any = await self._transport.request_json("GET", url, call=call)
        except NotFound:
            raise NotFound(
                SYSTEM,
                call,
                status=404,
                detail="the environment knows no such tenant",
                remedy="Check SUPEROFFICE_TENANT and SUPEROFFICE_ENVIRONMENT_URL.",
            ) from None
        if not isinstance(document, dict):
            raise BadAnswer(SYSTEM, call, detail="it is no state document")
        context = member(document, "ContextIdentifier")
        if isinstance(context, str) and context and context.lower() != self._tenant.lower():
            raise BadAnswer(SYSTEM, call, detail="it is about another tenant")
        name = _state_name(member(document, "State"))
        running = as_bool(member(document, "IsRunning"))
        if running is None:
            running = name in _WORKING
        if not running:
            raise TenantNotRunning(SYSTEM, call, detail=f"its state is {name}")
        now = self._clock.now()
        until = parse_moment(member(document, "ValidUntil")) or now + _LIFE_WITHOUT_WORD
        return TenantState(
            name=name,
            running=True,
            api=api_address(member(document, "Api"), member(document, "Endpoint"), call),
            valid_until=min(max(until, now + _SHORTEST_LIFE), now + _LONGEST_LIFE),
        )


def _state_name(state: object) -> str:
    if isinstance(state, int) and not isinstance(state, bool):
        return _STATES.get(state, "Unknown")
    if isinstance(state, str):
        if state.isdigit():
            return _STATES.get(int(state), "Unknown")
        return next((name for name in _STATES.values() if name.lower() == state.strip().lower()), "Unknown")
    return "Unknown"
