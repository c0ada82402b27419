"""What a change leaves behind: audit log, status log, and the journal that tests read."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.journal import Action, Write, WriteJournal
from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES
from sounimicro_pipelines.sandbox.unimicro.store import API_USER, Change, CompanyStore

_NOT_AUDITED = frozenset({"AuditLog", "StatusLog", "NumberSeries", "DimensionsInfo", "Tracelink"})
_STAMPS = frozenset({"ID", "CreatedAt", "CreatedBy", "UpdatedAt", "UpdatedBy"})


class Trail:
    """Listens to one company's changes. `request` is what the journal names as the cause."""

    def __init__(self, store: CompanyStore, journal: WriteJournal, client_id: str) -> None:
        self.store = store
        self.journal = journal
        self.client_id = client_id
        self.request = ""
        store.listeners.append(self.changed)

    def changed(self, changes: list[Change], actor: str) -> None:
        """Writes the logs for the changes of one transaction."""
        merged = merge(changes)
        transaction = str(uuid.uuid4())
        for change in merged:
            if change.entity in _NOT_AUDITED:
                continue
            action: Action = "create" if change.before is None else "update"
            if change.before is not None and change.after.get("Deleted"):
                action = "delete"
            self._audit(change, action, actor, transaction)
            self._status(change, actor)
            self.journal.record(
                Write(
                    at=self.store.clock.now(),
                    system="erp",
                    actor="api" if actor == API_USER else "person",
                    scope=self.store.key,
                    action=action,
                    entity=change.entity,
                    id=change.id,
                    before=dict(change.before or {}),
                    after={name: value for name, value in change.after.items() if name not in _STAMPS},
                    request=self.request,
                )
            )

    def untouched(self, entity: str, row_id: int) -> None:
        """Notes a write request that changed nothing: it was a write all the same."""
        self.journal.record(
            Write(self.store.clock.now(), "erp", "api", self.store.key, "update", entity, row_id, {}, {}, self.request)
        )

    def refused(self, entity: str, row_id: int, status: int) -> None:
        """Notes a write request that was refused."""
        now = self.store.clock.now()
        self.journal.record(
            Write(now, "erp", "api", self.store.key, "refused", entity, row_id, {}, {}, self.request, status)
        )

    def _audit(self, change: Change, action: Action, actor: str, transaction: str) -> None:
        common = {
            "Action": action.capitalize(),
            "ClientID": self.client_id if actor == API_USER else "frontend",
            "EntityID": change.id,
            "EntityType": change.entity,
            "Verb": {"create": "POST", "delete": "DELETE"}.get(action, "PUT"),
            "Route": ENTITIES[change.entity].route,
            "Transaction": transaction,
            "CreatedBy": actor,
        }
        if change.before is None:
            self.store.insert("AuditLog", common)
            return
        for name, value in change.after.items():
            if name not in _STAMPS:
                old = _text(change.before.get(name))
                self.store.insert("AuditLog", {**common, "Field": name, "OldValue": old, "NewValue": _text(value)})

    def _status(self, change: Change, actor: str) -> None:
        if change.before is None or "StatusCode" not in change.after:
            return
        self.store.insert(
            "StatusLog",
            {
                "EntityType": change.entity,
                "EntityID": change.id,
                "FromStatus": change.before.get("StatusCode"),
                "ToStatus": change.after["StatusCode"],
                "CreatedBy": actor,
            },
        )


def merge(changes: list[Change]) -> list[Change]:
    """The changes of a transaction, one per row: first value before, last value after."""
    merged: dict[tuple[str, int], Change] = {}
    for change in changes:
        key = (change.entity, change.id)
        known = merged.get(key)
        if known is None:
            merged[key] = change
            continue
        before = None if known.before is None else {**(change.before or {}), **known.before}
        merged[key] = Change(change.entity, change.id, before, {**known.after, **change.after})
    return [change for change in merged.values() if change.before is None or not _unchanged(change)]


def _unchanged(change: Change) -> bool:
    before = change.before or {}
    return all(before.get(name) == value for name, value in change.after.items() if name not in _STAMPS)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)
