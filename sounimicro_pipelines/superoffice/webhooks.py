"""The CRM's webhooks: our subscriptions, and what a delivery says once its signature holds (vendor reference 5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from sounimicro_pipelines.superoffice.failures import SYSTEM
from sounimicro_pipelines.superoffice.session import MERGE_PATCH, Session
from sounimicro_pipelines.superoffice.values import as_int, member, parse_moment
from sounimicro_pipelines.transport import BadAnswer

EVENTS: Final[tuple[str, ...]] = (
    "contact.created",
    "contact.changed",
    "contact.softdeleted",
    "contact.deleted",
    "person.created",
    "person.changed",
    "person.softdeleted",
    "person.deleted",
    "project.created",
    "project.changed",
    "project.deleted",
    "projectmember.created",
    "projectmember.changed",
    "projectmember.deleted",
    "list.category.changed",
    "list.business.changed",
)
"""What the sync wants to be poked about."""

SIGNATURE_HEADER: Final = "x-superoffice-signature"
_ID_BITS = 63
"""An id is a signed number of at most 64 bits; a longer one names no record."""
_STATES = ("Unknown", "Active", "Stopped", "TooManyErrors")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription. `state` is Unknown, Active, Stopped or TooManyErrors."""

    id: int
    name: str
    state: str
    target_url: str
    events: tuple[str, ...]
    consecutive_errors: int = 0
    last_error: str = ""

    @property
    def active(self) -> bool:
        return self.state == "Active"


@dataclass(frozen=True, slots=True)
class CrmEvent:
    """A delivery. It is a poke: read the record; what changed is not to be trusted (5.3)."""

    id: str
    name: str
    entity: str
    record_id: int
    tenant: str
    at: datetime | None
    changed_by: int | None

    @property
    def is_test(self) -> bool:
        """The call that the CRM makes when a subscription is saved."""
        return self.name == "test"


class Webhooks:
    """Our subscriptions; online an app sees only its own."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self) -> list[Webhook]:
        call = "GET Webhook"
        answer = await self._session.json("GET", ("Webhook",), call=call)
        listed = answer if isinstance(answer, list) else member(answer, "value")
        if not isinstance(listed, list):
            raise BadAnswer(SYSTEM, call, detail="it holds no list of webhooks")
        return [hook for raw in listed if (hook := _webhook(raw)) is not None]

    async def ensure(
        self, name: str, target_url: str, secret: str, events: Collection[str] = EVENTS, *, new_secret: bool = False
    ) -> Webhook:
        """The subscription of that name, created, or repaired and set to Active, where it is not as it should be.

        The CRM does not show the secret; say `new_secret` when it has changed.
        The CRM posts a test to the address while it saves; it must be answered 200. Raises ValidationFailed if not.
        """
        same_name = [hook for hook in await self.list() if hook.name == name]
        wanted = {"TargetUrl": target_url, "Events": sorted(events), "Secret": secret, "State": "Active"}
        for hook in same_name:
            if hook.active and hook.target_url == target_url and set(hook.events) == set(events) and not new_secret:
                return hook
        if same_name:
            return await self._patch(same_name[0], wanted)
        body = {"Name": name, **wanted, "Type": "webhook", "Headers": {}, "Properties": {}}
        call = "POST Webhook"
        created = _webhook(await self._session.json("POST", ("Webhook",), call=call, json=body))
        if created is None:
            raise BadAnswer(SYSTEM, call, detail="it is no webhook", effect_unknown=True)
        return created

    async def reactivate(self, hook: Webhook) -> Webhook:
        """Set a stopped subscription to Active again, as after TooManyErrors (5.4). Events meanwhile are lost."""
        return hook if hook.active else await self._patch(hook, {"State": "Active"})

    async def _patch(self, hook: Webhook, body: Mapping[str, Any]) -> Webhook:
        answer = await self._session.json(
            "PATCH",
            ("Webhook", hook.id),
            call="PATCH Webhook",
            json=dict(body),
            content_type=MERGE_PATCH,
            repeatable=True,
        )
        patched = _webhook(answer)
        if patched is not None:
            return patched
        return next((found for found in await self.list() if found.id == hook.id), hook)


def signature_holds(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether `X-SuperOffice-Signature` is Base64(HMAC-SHA256(secret, raw body)); compared in constant time (5.3)."""
    given = next((value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER), "")
    if not secret or not given:
        return False
    expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    return hmac.compare_digest(expected, given.strip().encode("utf-8", "replace"))


def parse_event(body: bytes) -> CrmEvent | None:
    """The delivery in a body; None when it is none."""
    try:
        raw: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    name, key = member(raw, "Event"), as_int(member(raw, "PrimaryKey"))
    if not isinstance(name, str) or not name or key is None or key.bit_length() > _ID_BITS:
        return None
    return CrmEvent(
        id=str(member(raw, "EventId") or ""),
        name=name,
        entity=str(member(raw, "Entity") or name.split(".")[0]).lower(),
        record_id=key,
        tenant=str(member(raw, "ContextIdentifier") or ""),
        at=parse_moment(member(raw, "Timestamp")),
        changed_by=as_int(member(raw, "ChangedByAssociateId")),
    )


def _webhook(raw: Any) -> Webhook | None:
    number = as_int(member(raw, "WebhookId"))
    if not number:
        return None
    events, state = member(raw, "Events"), member(raw, "State")
    code = as_int(state)
    if code is not None:
        state = _STATES[code] if 0 <= code < len(_STATES) else "Unknown"
    return Webhook(
        id=number,
        name=str(member(raw, "Name") or ""),
        state=str(state or "Unknown"),
        target_url=str(member(raw, "TargetUrl") or ""),
        events=tuple(str(event) for event in events) if isinstance(events, list) else (),
        consecutive_errors=as_int(member(raw, "ConsecutiveErrors")) or 0,
        last_error=str(member(raw, "LastError") or ""),
    )
