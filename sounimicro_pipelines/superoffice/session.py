"""Calls to one tenant's REST API: address, credentials, headers and path in one place, moved tenants included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.superoffice.auth import SystemUser
from sounimicro_pipelines.superoffice.failures import SYSTEM
from sounimicro_pipelines.superoffice.tenant import TenantAddress
from sounimicro_pipelines.superoffice.values import LANGUAGE, member
from sounimicro_pipelines.transport import Authorize, Misdirected, Transport, ValidationFailed, decode_json

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


class Session:
    """One tenant's REST API, as the system user or, with `authorizer`, as somebody else."""

    def __init__(
        self,
        address: TenantAddress,
        user: SystemUser | None,
        transport: Transport,
        clock: Clock,
        *,
        language: str = LANGUAGE,
        authorizer: Authorize | None = None,
    ) -> None:
        self.address = address
        self.transport = transport
        self.clock = clock
        self._user = user
        self._language = language
        self._authorizer = authorizer

    async def request(
        self,
        method: str,
        segments: Sequence[str | int],
        *,
        call: str,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = JSON,
        repeatable: bool | None = None,
        accept_statuses: Sequence[int] = (),
    ) -> tuple[Any, httpx.Response]:
        """The answer's JSON and the answer. `segments` and the query's values are encoded here.

        After a 421 the tenant's address is looked up again and the call is made once more (vendor reference 1.1).
        Raises the VendorError family; an error object in a 200 is a ValidationFailed (1.7).
        """
        path = "/".join(quote(str(segment), safe="$") for segment in segments)
        if query:
            path += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        sent = {
            "Accept": JSON,
            "Accept-Language": self._language,
            "SO-TimeZone": "UTC, includeTZOffset",
            **(headers or {}),
        }
        if json is not None:
            sent["Content-Type"] = content_type

        async def once(base: str) -> tuple[Any, httpx.Response]:
            return await self.transport.exchange(
                method,
                f"{base}/{path}",
                call=call,
                decode=lambda response: (decode_json(response, call, SYSTEM), response),
                json=json,
                headers=sent,
                repeatable=repeatable,
                authorize=self._authorizer or (self._user.authorizer() if self._user else None),
                accept_statuses=accept_statuses,
            )

        base = await self.address.current()
        if self._user is not None:
            # Signing in here, not within the call, keeps its repeats from multiplying with the call's own.
            await self._user.ticket()
        try:
            answer, response = await once(base)
        except Misdirected:
            answer, response = await once(await self.address.current(wrong=base))
        if isinstance(answer, dict) and member(answer, "Error") is True and response.status_code < 400:
            words = [member(answer, name) for name in ("ErrorMessage", "Message")]
            raise ValidationFailed(
                SYSTEM,
                call,
                status=response.status_code,
                detail="it is an error object",
                messages=[word for word in words if isinstance(word, str) and word],
            )
        return answer, response

    async def json(self, method: str, segments: Sequence[str | int], *, call: str, **options: Any) -> Any:
        """The answer's JSON alone; see `request`."""
        return (await self.request(method, segments, call=call, **options))[0]
