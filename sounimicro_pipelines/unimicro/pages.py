"""Pages of raw records: split without building objects, with the little that the checks need read beside.

The records go on as the bytes that the ERP sent; numbers are never touched.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import msgspec

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.records import RecordPage
from sounimicro_pipelines.transport import BadAnswer
from sounimicro_pipelines.unimicro.company import SYSTEM
from sounimicro_pipelines.unimicro.expressions import parse_moment


class _Head(msgspec.Struct, gc=False):
    ID: int
    CreatedAt: datetime | None = None
    UpdatedAt: datetime | None = None


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SPLIT = msgspec.json.Decoder(list[msgspec.Raw])
_HEADS = msgspec.json.Decoder(list[_Head])


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `ids` are those of the rows, in their order; `oldest_change` is the oldest of the rows' newest stamps.

    A row whose ID cannot be read stays among the rows, for the warehouse to put aside, and is not in `ids`.
    """

    rows: Sequence[bytes]
    ids: Sequence[int]
    size: int
    high_water: datetime | None
    oldest_change: datetime | None

    @property
    def record_page(self) -> RecordPage:
        return RecordPage(self.rows, self.size, self.high_water)

    def last_id(self, route: str) -> int:
        """Where to go on. Raises BadAnswer when no row shows its ID."""
        if not self.ids:
            raise BadAnswer(SYSTEM, f"GET {route}", status=200, detail="its records show no ID")
        return self.ids[-1]

    def up_to(self, end: int | None) -> RecordPage:
        """The rows with IDs up to `end`: another reader may have taken over those above it meanwhile."""
        if end is None or not self.ids or self.ids[-1] <= end or len(self.ids) != len(self.rows):
            return self.record_page
        return RecordPage(self.rows[: bisect_right(self.ids, end)], self.size, self.high_water)


def read_page(response: httpx.Response, call: str, never_kept: str | None = None) -> Page:
    """The rows of a list, without the field `never_kept`. Raises BadAnswer when it is no whole JSON list of records."""
    body = _one_line(response.content, response, call)
    try:
        rows = _SPLIT.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise _bad(body, response, call) from None
    try:
        heads: Sequence[_Head] = _HEADS.decode(body)
        ids: Sequence[int] = [head.ID for head in heads]
    except (msgspec.DecodeError, UnicodeError):
        heads = [_lenient(raw, response, call) for raw in rows]
        ids = [head.ID for head in heads if head.ID]
    newest, oldest = None, None
    for head in heads:
        changed = _utc(head.UpdatedAt or head.CreatedAt)
        if head.UpdatedAt is not None and head.CreatedAt is not None:
            changed = max(_utc(head.UpdatedAt), _utc(head.CreatedAt))  # type: ignore[type-var]
        if changed is None:
            oldest = _NEVER
            continue
        if newest is None or changed > newest:
            newest = changed
        if oldest is None or changed < oldest:
            oldest = changed
    return Page(_kept(rows, body, never_kept), ids, len(response.content), newest, oldest)


def _kept(rows: Sequence[msgspec.Raw], body: bytes, never: str | None) -> list[bytes]:
    """The rows' bytes without that field; every other value as it came."""
    if never is None or f'"{never}"'.encode() not in body:
        return [bytes(raw) for raw in rows]
    kept = []
    for raw in rows:
        try:
            fields = _FIELDS.decode(raw)
        except msgspec.DecodeError:
            kept.append(bytes(raw))
            continue
        kept.append(msgspec.json.encode({name: value for name, value in fields.items() if name != never}))
    return kept


_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def read_single(response: httpx.Response, call: str) -> RecordPage:
    """A single record as a page of one. Raises BadAnswer when it is none."""
    body = _one_line(response.content, response, call)
    if not body.lstrip().startswith(b"{"):
        raise _bad(body, response, call)
    head = _lenient(body, response, call)
    stamps = [moment for moment in (_utc(head.UpdatedAt), _utc(head.CreatedAt)) if moment is not None]
    return RecordPage([body.strip()], len(body), max(stamps, default=None))


def _one_line(body: bytes, response: httpx.Response, call: str) -> bytes:
    if b"\n" not in body and b"\r" not in body:
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, UnicodeError):
        raise _bad(body, response, call) from None


def _lenient(raw: Any, response: httpx.Response, call: str) -> _Head:
    try:
        row = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        raise _bad(bytes(raw), response, call) from None
    if not isinstance(row, dict):
        raise _bad(bytes(raw), response, call)
    try:
        found = int(row.get("ID") or 0)
    except (TypeError, ValueError):
        found = 0
    return _Head(found, parse_moment(row.get("CreatedAt")), parse_moment(row.get("UpdatedAt")))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _bad(body: bytes, response: httpx.Response, call: str) -> BadAnswer:
    detail = "it is a web page, no data" if body.lstrip()[:1] == b"<" else "it is no whole list of records"
    return BadAnswer(SYSTEM, call, status=response.status_code, detail=detail)
