"""Routes of the API: paths matched in any case, one `Call` handed to each handler, one `Answer` back."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from sounimicro_pipelines.sandbox.superoffice.archives import literal_zone
from sounimicro_pipelines.sandbox.superoffice.errors import access_denied, bad_request, precondition_failed
from sounimicro_pipelines.sandbox.superoffice.filters import Moment
from sounimicro_pipelines.sandbox.superoffice.records import Actor
from sounimicro_pipelines.sandbox.superoffice.rights import READ
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.wire import Manner, http_date, parse_http_date


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: JSON unless `body` is None."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One authorized request: who asks, how answers are wanted, and what was sent."""

    state: CrmState
    method: str
    path: str
    base: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes
    associate_id: int
    manner: Manner
    params: dict[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return Actor(self.associate_id, "api", f"{self.method} {self.path}")

    @property
    def moment(self) -> Moment:
        return Moment(literal_zone(self.state.options, self.manner), self.state.clock.now(), self.associate_id)

    @property
    def body(self) -> Any:
        """The JSON body. Raises ApiError 400 when it is missing or broken."""
        if not self.content:
            raise bad_request("The request wants a body")
        try:
            return json.loads(self.content)
        except ValueError:
            raise bad_request("The body is not JSON") from None

    @property
    def document(self) -> dict[str, Any]:
        """The JSON body as an object. Raises ApiError 400."""
        body = self.body
        if not isinstance(body, dict):
            raise bad_request("The body must be an object")
        return body

    def number(self, name: str) -> int:
        return int(self.params[name])

    def text(self, name: str) -> str:
        """A path segment, decoded."""
        return unquote(self.params[name])

    def flag(self, name: str) -> bool:
        wanted = next((value for key, value in self.query.items() if key.lower() == name.lower()), "")
        return wanted.lower() == "true"

    def require(self, right: str, table: str, key: int = 0) -> None:
        """Raises ApiError 403 when the caller lacks a right on a record."""
        if not self.state.sentry.may(self.state.db, self.associate_id, table, key, right):
            raise access_denied()

    def require_administrator(self) -> None:
        row = self.state.db["associate"].get(self.associate_id)
        if row is None or not row["administrator"]:
            raise access_denied("This wants an administrator")

    def may_read(self, table: str, key: int) -> bool:
        return self.state.sentry.may(self.state.db, self.associate_id, table, key, READ)

    def read(self, records: int) -> None:
        """Count records read, as the vendor's metering does."""
        self.state.metering.records += records

    def unmodified(self, updated: datetime | None) -> None:
        """Honour `If-Unmodified-Since`, in whole seconds. Raises ApiError 412."""
        limit = parse_http_date(self.headers.get("if-unmodified-since", ""))
        if limit is not None and updated is not None and _seconds(updated) > limit:
            raise precondition_failed()

    def not_modified(self, updated: datetime | None) -> bool:
        """Whether `If-Modified-Since` says that the caller has this version."""
        limit = parse_http_date(self.headers.get("if-modified-since", ""))
        return limit is not None and updated is not None and _seconds(updated) <= limit


def last_modified(updated: datetime | None) -> dict[str, str]:
    return {} if updated is None else {"Last-Modified": http_date(updated)}


def _seconds(value: datetime) -> datetime:
    return value - timedelta(microseconds=value.microsecond)


Handler = Callable[[Call], Answer | Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path template."""

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler


class Router:
    """An ordered list of routes under `/api/v1`; the first that fits is taken."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def add(self, method: str, template: str, handler: Handler) -> None:
        """Templates hold `{name}` for a segment and `{name:int}` for a number."""
        pattern = re.sub(r"\{(\w+):int\}", r"(?P<\1>-?\\d+)", re.sub(r"([$?.])", r"\\\1", template))
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        self.routes.append(Route(method, template, re.compile(pattern, re.IGNORECASE), handler))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route for a path below `/api/v1/`."""
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match is not None and route.method == method:
                return route, match.groupdict()
        return None

    def methods(self, path: str) -> list[str]:
        """What a path would accept."""
        return sorted({route.method for route in self.routes if route.pattern.fullmatch(path)})
