"""Webhooks (section 5): subscriptions, events and the outbox, with levers to lose, repeat and reorder deliveries."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sounimicro_pipelines.clock import UTC, Clock
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request, not_found
from sounimicro_pipelines.sandbox.superoffice.options import CrmOptions
from sounimicro_pipelines.sandbox.superoffice.tables import Row
from sounimicro_pipelines.sandbox.superoffice.wire import BASE_ZONE, NO_DATE, Manner, pick

STATES = ("Unknown", "Active", "Stopped", "TooManyErrors")
_FIELD_VALUES = (
    "associate_id",
    "category_idx",
    "business_idx",
    "country_id",
    "status_idx",
    "type_idx",
    "contact_id",
    "person_id",
    "project_id",
    "deleted",
    "deletedDate",
    "registered",
    "updated",
    "userdef_id",
)


@dataclass(slots=True)
class Hook:
    """One subscription, with what its deliveries have met."""

    webhook_id: int
    name: str = ""
    events: list[str] = field(default_factory=list)
    target_url: str = ""
    secret: str = ""
    state: str = "Active"
    kind: str = "webhook"
    headers: dict[str, str] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    error_emails: list[str] = field(default_factory=list)
    registered: datetime | None = None
    registered_by: int = 0
    updated: datetime | None = None
    updated_by: int = 0
    total_calls: int = 0
    total_errors: int = 0
    consecutive_errors: int = 0
    last_error: str = ""

    def carrier(self, manner: Manner) -> dict[str, Any]:
        return {
            "WebhookId": self.webhook_id,
            "Name": self.name,
            "Events": list(self.events),
            "TargetUrl": self.target_url,
            "Secret": self.secret,
            "State": self.state,
            "Type": self.kind,
            "Headers": dict(self.headers),
            "Properties": dict(self.properties),
            "Registered": manner.stamp(self.registered),
            "RegisteredAssociate": {"AssociateId": self.registered_by},
            "Updated": manner.stamp(self.updated),
            "UpdatedAssociate": {"AssociateId": self.updated_by},
            "ErrorsEmail": "",
            "ErrorEmails": list(self.error_emails),
            "ErrorAssociates": [],
            "Description": self.description,
            "NotifyVia": 0,
            "NotifyWhen": 0,
            "TotalCalls": self.total_calls,
            "TotalErrors": self.total_errors,
            "ConsecutiveErrors": self.consecutive_errors,
            "LastError": self.last_error,
        }

    def take(self, document: Mapping[str, Any]) -> None:
        """Set what a client may set; absent properties are reset to their defaults. Raises ApiError 400."""
        events = pick(document, "Events") or []
        state = pick(document, "State", "Active") or "Active"
        state = STATES[state] if isinstance(state, int) and 0 <= state < len(STATES) else state
        if not isinstance(events, list) or state not in STATES:
            raise bad_request("A webhook wants an array of Events and a known State")
        self.name = str(pick(document, "Name", "") or "")
        self.events = [str(event) for event in events]
        self.target_url = str(pick(document, "TargetUrl", "") or "")
        self.secret = str(pick(document, "Secret", "") or "")
        self.kind = str(pick(document, "Type", "webhook") or "webhook")
        self.headers = {str(key): str(value) for key, value in (pick(document, "Headers") or {}).items()}
        self.properties = dict(pick(document, "Properties") or {})
        self.description = str(pick(document, "Description", "") or "")
        self.error_emails = [str(item) for item in pick(document, "ErrorEmails") or []]
        if state == "Active" and self.state != "Active":
            self.consecutive_errors = 0
        self.state = state


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one subscription."""

    hook_id: int
    payload: dict[str, Any]


class Webhooks:
    """The tenant's subscriptions and the outbox that the delivery loop empties."""

    def __init__(self, options: CrmOptions, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.hooks: dict[int, Hook] = {}
        self.next_id = 1
        self.outbox: deque[Delivery] = deque()
        self.lost: list[dict[str, Any]] = []
        self.delivered: list[dict[str, Any]] = []
        self.wake: Callable[[], None] = lambda: None
        self.on_usage: Callable[[Hook], None] = lambda hook: None
        self._lock = threading.Lock()
        self._held: list[Delivery] | None = None
        self._lose = 0
        self._duplicate = 0

    def get(self, hook_id: int) -> Hook:
        hook = self.hooks.get(hook_id)
        if hook is None:
            raise not_found(f"Webhook with id {hook_id}")
        return hook

    def add(self, hook: Hook) -> None:
        self.hooks[hook.webhook_id] = hook
        self.next_id = max(self.next_id, hook.webhook_id + 1)

    def lose_next(self, count: int = 1) -> None:
        """The next deliveries vanish on the way."""
        self._lose += count

    def duplicate_next(self, count: int = 1) -> None:
        """The next deliveries are made twice, with the same EventId."""
        self._duplicate += count

    def hold(self) -> None:
        """Keep deliveries back until `release`."""
        with self._lock:
            self._held = self._held or []

    def release(self, *, reverse: bool = False) -> None:
        """Let the held deliveries go, newest first when reversed."""
        with self._lock:
            held = self._held or []
            self._held = None
            self.outbox.extend(reversed(held) if reverse else held)
        self.wake()

    def announce(
        self, event: str, entity: str, key: int, changes: list[str], associate_id: int, row: Row | None = None
    ) -> None:
        """Put an event in the outbox, once for each active subscription to it."""
        for hook in list(self.hooks.values()):
            if hook.state == "Active" and event.lower() in (name.lower() for name in hook.events):
                self._send(
                    Delivery(hook.webhook_id, self.payload(event, entity, key, changes, associate_id, hook, row))
                )

    def payload(
        self, event: str, entity: str, key: int, changes: list[str], associate_id: int, hook: Hook, row: Row | None
    ) -> dict[str, Any]:
        """The body of one event (section 5.3)."""
        body: dict[str, Any] = {
            "EventId": str(uuid.uuid4()),
            "Timestamp": self.clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "Event": event,
            "Entity": entity,
            "PrimaryKey": key,
            "Changes": changes,
            "ContextIdentifier": self.options.tenant,
            "ChangedByAssociateId": associate_id,
            "WebhookName": hook.name,
        }
        if row is not None and self.options.webhook_field_values:
            name = "Values" if event.endswith(".deleted") else "FieldValues"
            body[name] = {_event_name(column): _event_value(row[column]) for column in _FIELD_VALUES if column in row}
        return body

    def _send(self, delivery: Delivery) -> None:
        with self._lock:
            if self._lose > 0:
                self._lose -= 1
                self.lost.append(delivery.payload)
                return
            copies = 1
            if self._duplicate > 0:
                self._duplicate -= 1
                copies = 2
            (self.outbox if self._held is None else self._held).extend([delivery] * copies)
        self.wake()

    def succeeded(self, hook: Hook, payload: dict[str, Any]) -> None:
        hook.total_calls += 1
        hook.consecutive_errors = 0
        self.delivered.append(payload)
        self.on_usage(hook)

    def failed(self, hook: Hook, payload: dict[str, Any], error: str, *, gone: bool) -> None:
        """An event that could not be delivered is lost; too many in a row, or a 410, and the hook stops."""
        hook.total_calls += 1
        hook.total_errors += 1
        hook.consecutive_errors += 1
        hook.last_error = error
        self.lost.append(payload)
        if gone:
            hook.state = "Stopped"
        elif hook.consecutive_errors >= self.options.webhook_errors_allowed:
            hook.state = "TooManyErrors"
            self.announce(f"webhook{hook.webhook_id}.errors", "webhook", hook.webhook_id, [], 0)
        self.on_usage(hook)


def _event_name(column: str) -> str:
    return "DeletedDate" if column == "deletedDate" else column


def _event_value(value: Any) -> Any:
    if isinstance(value, datetime):
        local = value.astimezone(BASE_ZONE)
        offset = local.strftime("%z")
        return local.strftime("%Y-%m-%dT%H:%M:%S.%f0") + f"{offset[:3]}:{offset[3:]}"
    return NO_DATE if value is None else value
