"""Event plans: which changes are announced, and their delivery as signed webhooks that can be lost or blocked."""

from __future__ import annotations

import hashlib
import hmac
import queue
import random
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES
from sounimicro_pipelines.sandbox.unimicro.options import ErpOptions
from sounimicro_pipelines.sandbox.unimicro.store import Change, CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.trail import merge

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SILENT = frozenset({"AuditLog", "StatusLog", "NumberSeries", "DimensionsInfo", "Eventplan", "EventSubscriber"})
_UPDATED = re.compile(r'updated\(\s*(\w+)\s*,\s*"(\w+)"\s*\)', re.IGNORECASE)
_EQUALS = re.compile(r"(\w+)\.(\w+)\s*=\s*(\S+)")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one URL."""

    url: str
    body: bytes
    signing_key: str
    headers: dict[str, str]


@dataclass
class Deliverer:
    """Sends events from a thread of its own. `sent` and `blocked` can be read by tests."""

    options: ErpOptions
    clock_seconds: Callable[[], int]
    seed: int = 0
    sent: list[tuple[str, int]] = field(default_factory=list)
    lost: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    _queue: queue.Queue[Delivery | None] = field(default_factory=queue.Queue)
    _thread: threading.Thread | None = None
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def put(self, delivery: Delivery) -> None:
        """Queues a delivery; the thread starts with the first."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sandbox-erp-events", daemon=True)
            self._thread.start()
        self._queue.put(delivery)

    def stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=5)
            self._thread = None

    def drain(self) -> None:
        """Waits until everything that was queued has been tried."""
        self._queue.join()

    def _run(self) -> None:
        with httpx.Client(timeout=5) as client:
            while (delivery := self._queue.get()) is not None:
                try:
                    self._deliver(client, delivery)
                finally:
                    self._queue.task_done()
            self._queue.task_done()

    def _deliver(self, client: httpx.Client, delivery: Delivery) -> None:
        """Up to three tries. A refusal counts against the exact URL; too many in a row block it for good."""
        if self._rng.random() < self.options.webhooks_lost:
            self.lost += 1
            return
        for _ in range(3):
            if delivery.url in self.blocked:
                return
            moment = self.clock_seconds()
            digest = hmac.new(delivery.signing_key.encode(), f"{moment}.".encode() + delivery.body, hashlib.sha256)
            headers = {
                "Content-Type": "application/json",
                self.options.signature_header: f"t={moment},v1={digest.hexdigest()}",
                **delivery.headers,
            }
            try:
                status = client.post(delivery.url, content=delivery.body, headers=headers).status_code
            except httpx.HTTPError:
                status = 0
            self.sent.append((delivery.url, status))
            if 200 <= status < 300:
                self.failures[delivery.url] = 0
                return
            self.failures[delivery.url] = self.failures.get(delivery.url, 0) + 1
            if self.failures[delivery.url] >= self.options.webhook_failures_before_block:
                self.blocked.add(delivery.url)


class Announcer:
    """Turns one company's changes into deliveries, by its active event plans of type webhook."""

    def __init__(self, store: CompanyStore, deliverer: Deliverer, render: Callable[[str, Row], dict[str, Any]]) -> None:
        self.store = store
        self.deliverer = deliverer
        self.render = render
        store.listeners.append(self.changed)

    def changed(self, changes: list[Change], actor: str) -> None:
        """Announces the changes of one transaction."""
        plans = [
            plan
            for plan in self.store.rows("Eventplan")
            if plan.get("Active") and plan.get("PlanType", 0) == 0 and plan.get("ModelFilter")
        ]
        if not plans:
            return
        for change in merge(changes):
            if change.entity in _SILENT:
                continue
            kind = "Create" if change.before is None else "Delete" if change.after.get("Deleted") else "Update"
            for plan in plans:
                if self._wanted(plan, change, kind):
                    self._announce(plan, change, kind)

    def _wanted(self, plan: Row, change: Change, kind: str) -> bool:
        models = {model.strip().lower() for model in plan["ModelFilter"].split(",")}
        if "*" not in models and change.entity.lower() not in models:
            return False
        if kind[0] not in (plan.get("OperationFilter") or "").upper():
            return False
        expressions = [
            row["Expression"]
            for row in self.store.find("ExpressionFilter", EventplanID=plan["ID"])
            if row.get("EntityName") == change.entity and row.get("Expression")
        ]
        return all(self._fulfils(text, change) for text in expressions)

    def _fulfils(self, expression: str, change: Change) -> bool:
        row = self.store.get(change.entity, change.id) or {}
        for entity, name in _UPDATED.findall(expression):
            if entity == change.entity and name not in change.after:
                return False
        return all(
            str(row.get(name)) == value.strip("\"'")
            for entity, name, value in _EQUALS.findall(expression)
            if entity == change.entity
        )

    def _announce(self, plan: Row, change: Change, kind: str) -> None:
        row = self.store.get(change.entity, change.id)
        body = {
            "EventType": kind,
            "EntityName": change.entity,
            "EntityType": change.entity,
            "EntityID": change.id,
            "CompanyKey": self.store.key,
            "MessageID": str(uuid.uuid4()),
            "TimeStamp": self.store.now(),
            "Entity": None if kind == "Delete" or row is None else self.render(change.entity, row),
        }
        for subscriber in self.store.find("EventSubscriber", EventplanID=plan["ID"]):
            if subscriber.get("Active") and subscriber.get("Endpoint"):
                headers = {"Authorization": subscriber["Authorization"]} if subscriber.get("Authorization") else {}
                self.deliverer.put(
                    Delivery(subscriber["Endpoint"], _ENCODER.encode(body), plan.get("SigningKey") or "", headers)
                )


def known_models(text: str) -> bool:
    """Whether a ModelFilter names entities that exist."""
    return text == "*" or all(name.strip() in ENTITIES for name in text.split(","))
