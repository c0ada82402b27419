"""What the sandbox remembers of how it was used: every write with before and after, and the traffic of requests."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

System = Literal["erp", "crm"]
Action = Literal["create", "update", "delete", "action", "refused"]


@dataclass(frozen=True, slots=True)
class Write:
    """One write to one record, or one write request that was refused.

    `actor` is "api" for what came over HTTP and "person" for what a test or the living world did as a user.
    `scope` is the ERP company's key or the CRM tenant. `before` and `after` hold only the fields that changed (the
    whole record for creates and deletes). `request` is `METHOD path`, "" for persons.
    """

    at: datetime
    system: System
    actor: Literal["api", "person"]
    scope: str
    action: Action
    entity: str
    id: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    request: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived and what it was answered. `fault` names the fault that was played, or ""."""

    system: System
    method: str
    path: str
    query: str
    status: int
    fault: str = ""


@dataclass(slots=True)
class WriteJournal:
    """All writes in order, safe to read from a test while the servers run."""

    _writes: list[Write] = field(default_factory=list)
    _requests: deque[Request] = field(default_factory=lambda: deque(maxlen=20_000))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    request_count: int = 0

    def record(self, write: Write) -> None:
        with self._lock:
            self._writes.append(write)

    def arrived(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)
            self.request_count += 1

    def writes(
        self, system: System | None = None, *, actor: str | None = "api", entity: str | None = None, since: int = 0
    ) -> list[Write]:
        """Writes that took effect, oldest first; by default those of API clients. `since` is a value of `mark()`."""
        with self._lock:
            return [
                write
                for write in self._writes[since:]
                if write.action != "refused"
                and (system is None or write.system == system)
                and (actor is None or write.actor == actor)
                and (entity is None or write.entity == entity)
            ]

    def refused(self, since: int = 0) -> list[Write]:
        """Write requests that were answered with an error and changed nothing."""
        with self._lock:
            return [write for write in self._writes[since:] if write.action == "refused"]

    def mark(self) -> int:
        """A position; `writes(since=mark)` gives what came after it."""
        with self._lock:
            return len(self._writes)

    def requests(self, system: System | None = None, path_contains: str = "") -> list[Request]:
        """The latest requests (at most 20,000), oldest first."""
        with self._lock:
            return [
                request
                for request in self._requests
                if (system is None or request.system == system) and path_contains in request.path
            ]

    def clear(self) -> None:
        with self._lock:
            self._writes.clear()
            self._requests.clear()
            self.request_count = 0
