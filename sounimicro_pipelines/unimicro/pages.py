"""Pages of raw records: split without building objects, with the little that the checks need read beside.

The records go on as the bytes that the ERP sent; numbers are never touched.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
_HEAD = msgspec.json.Decoder(_Head)
_LEADING_ID = re.compile(rb'\{"ID":([1-9]\d{0,17})[,}]').match
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `ids` are those of the rows, in their order.

    A row whose ID cannot be read stays among the rows, for the warehouse to put aside, and is not in `ids`.
    """

    rows: Sequence[bytes]
    ids: Sequence[int]
    size: int

    @property
    def record_page(self) -> RecordPage:
        return RecordPage(self.rows, self.size, newest_stamp)

    def last_id(self, route: str) -> int:
        """Where to go on. Raises BadAnswer when no row shows its ID."""
        if not self.ids:
            raise BadAnswer(SYSTEM, f"GET {route}", status=200, detail="its records show no ID")
        return self.ids[-1]

    def oldest_change(self) -> datetime | None:
        """The oldest of the rows' newest stamps: long ago when a row has none, None when there are no rows."""
        moments = (_changed(head) for head in _heads_of(b"\n".join(self.rows)))
        return min((moment or _NEVER for moment in moments), default=None)

    def up_to(self, end: int | None) -> RecordPage:
        """The rows with IDs up to `end`: another reader may have taken over those above it meanwhile."""
        if end is None or not self.ids or self.ids[-1] <= end or len(self.ids) != len(self.rows):
            return self.record_page
        return RecordPage(self.rows[: bisect_right(self.ids, end)], self.size, newest_stamp)


def read_page(response: httpx.Response, call: str, never_kept: str | None = None) -> Page:
    """The rows of a list, without the field `never_kept`. Raises BadAnswer when it is no whole JSON list of records."""
    body = _one_line(response.content, response, call)
    try:
        rows = _SPLIT.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise _bad(body, response, call) from None
    kept = _kept(rows, body, never_kept)
    ids = _leading_ids(kept)
    if ids is None:
        heads = _heads_of(b"\n".join(kept))
        if len(heads) < len(kept):
            raise _bad(body, response, call)
        ids = [head.ID for head in heads if head.ID]
    return Page(kept, ids, len(response.content))


def newest_stamp(lines: bytes) -> datetime | None:
    """The newest of the stamps of records that stand one a line; what cannot be read has none."""
    return max((moment for moment in map(_changed, _heads_of(lines)) if moment is not None), default=None)


def _leading_ids(rows: Sequence[bytes]) -> list[int] | None:
    """The rows' IDs where each record begins with its own, as the vendor's do; None when one does not.

    To look through whole records for them costs five times as much.
    """
    ids = [int(found[1]) for found in map(_LEADING_ID, rows) if found]
    return ids if len(ids) == len(rows) else None


def _kept(rows: Sequence[bytes], body: bytes, never: str | None) -> Sequence[bytes]:
    """The rows without that field; every other value as it came."""
    if never is None or f'"{never}"'.encode() not in body:
        return rows
    kept = []
    for raw in rows:
        try:
            fields = _FIELDS.decode(raw)
        except msgspec.DecodeError:
            kept.append(bytes(raw))
            continue
        kept.append(msgspec.json.encode({name: value for name, value in fields.items() if name != never}))
    return kept


def read_single(response: httpx.Response, call: str) -> RecordPage:
    """A single record as a page of one. Raises BadAnswer when it is none."""
    body = _one_line(response.content, response, call)
    if not body.lstrip().startswith(b"{"):
        raise _bad(body, response, call)
    row = body.strip()
    if _head(row) is None:
        raise _bad(body, response, call)
    return RecordPage([row], len(body), newest_stamp)


def _one_line(body: bytes, response: httpx.Response, call: str) -> bytes:
    if b"\n" not in body and b"\r" not in body:
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except (msgspec.DecodeError, UnicodeError):
        raise _bad(body, response, call) from None


def _heads_of(lines: bytes) -> list[_Head]:
    try:
        return _HEAD.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeError):
        return [head for head in map(_head, lines.split(b"\n")) if head is not None]


def _head(raw: bytes) -> _Head | None:
    """A record's head, whatever form its values have: ID 0 and no stamps where they cannot be read. None: no object."""
    try:
        row = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        return None
    if not isinstance(row, dict):
        return None
    try:
        found = int(row.get("ID") or 0)
    except (TypeError, ValueError):
        found = 0
    return _Head(found, parse_moment(row.get("CreatedAt")), parse_moment(row.get("UpdatedAt")))


def _changed(head: _Head) -> datetime | None:
    """When the record was last touched, None when it does not say."""
    if head.UpdatedAt is None or head.CreatedAt is None:
        return _utc(head.UpdatedAt or head.CreatedAt)
    return max(_aware(head.UpdatedAt), _aware(head.CreatedAt))


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else _aware(moment)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _bad(body: bytes, response: httpx.Response, call: str) -> BadAnswer:
    detail = "it is a web page, no data" if body.lstrip()[:1] == b"<" else "it is no whole list of records"
    return BadAnswer(SYSTEM, call, status=response.status_code, detail=detail)
