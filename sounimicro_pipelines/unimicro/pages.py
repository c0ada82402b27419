"""Pages of raw records: split without building objects, with the little that the checks need read beside.

The records go on as the bytes that the ERP sent; numbers are never touched.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import httpx
import msgspec

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.records import Held, RecordPage
from sounimicro_pipelines.transport import BadAnswer
from sounimicro_pipelines.unimicro.answers import NO_CONTENT
from sounimicro_pipelines.unimicro.company import SYSTEM
from sounimicro_pipelines.unimicro.expressions import parse_moment


class _Head(msgspec.Struct, gc=False):
    ID: int
    CreatedAt: datetime | None = None
    UpdatedAt: datetime | None = None


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
SPLIT = msgspec.json.Decoder(list[msgspec.Raw])
_HEAD = msgspec.json.Decoder(_Head)
_LEADING_ID = re.compile(rb'\{"ID":([1-9]\d{0,17})[,}]').match
_LIST_END = ord("]")
_TRIED = 8
"""How many of the next held records are looked for behind one that is not as it was."""
_SPARE = 4096
"""How far behind its place, beside its size, a held record is looked for, in bytes."""
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `ids` are those of all its records, in their order, and `row_ids` those of the rows.

    A row whose ID cannot be read stays among the rows, for the warehouse to put aside, and is not in `ids`. Records
    that the warehouse holds as they are may be left out of the rows; `known` are their places in what it holds.
    """

    rows: Sequence[bytes]
    ids: Sequence[int]
    size: int
    row_ids: Sequence[int]
    known: tuple[range, ...] = ()

    @property
    def has_records(self) -> bool:
        return bool(self.rows or self.known)

    @property
    def record_page(self) -> RecordPage:
        return RecordPage(self.rows, self.size, newest_stamp, self.known)

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
        """The records with IDs up to `end`: another reader may have taken over those above it meanwhile."""
        if end is None or not self.ids or self.ids[-1] <= end or len(self.row_ids) != len(self.rows):
            return self.record_page
        rows = bisect_right(self.row_ids, end)
        known = bisect_right(self.ids, end) - rows
        parts = []
        for part in self.known:
            parts.append(part[:known])
            known -= len(parts[-1])
        return RecordPage(self.rows[:rows], self.size, newest_stamp, tuple(filter(None, parts)))


def read_page(
    response: httpx.Response,
    call: str,
    never_kept: str | None = None,
    held: Held | None = None,
    after: int = 0,
) -> Page:
    """The rows of a list, without the field `never_kept`. Raises BadAnswer when it is no whole JSON list of records.

    Of records that stand as they are `held`, those with IDs above `after` are recognised without being looked into.
    """
    if response.status_code == NO_CONTENT:
        return Page([], [], 0, [])
    body = _one_line(response.content, response, call)
    may_hold = never_kept is not None and f'"{never_kept}"'.encode() in body
    if held is not None and not may_hold and (page := recognised(body, held, after)) is not None:
        return page
    try:
        rows = SPLIT.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise _bad(body, response, call) from None
    kept = _kept(rows, never_kept) if may_hold else rows
    ids = _leading_ids(kept)
    if ids is None:
        heads = _heads_of(b"\n".join(kept))
        if len(heads) < len(kept):
            raise _bad(body, response, call)
        ids = [head.ID for head in heads if head.ID]
    return Page(kept, ids, len(response.content), ids)


def recognised(body: bytes, held: Held, after: int) -> Page | None:
    """A list told by the records that are held; None when it is not told so, whole and in order, from its bytes.

    What stands between two stretches of held records is taken apart as JSON. A record that is held was JSON when it
    was loaded, so a list that is put together of both is one too.
    """
    if not body.startswith(b"[") or _LEADING_ID(body, 1) is None:
        return None
    known = list[range]()
    rows, ids, row_ids = list[bytes](), list[int](), list[int]()
    start, place = 0, held.behind(after)
    end, behind = held.run(body, start, place)
    while True:
        if behind > place:
            known.append(range(place, behind))
            ids += held.keys(known[-1])
            if body[end] == _LIST_END:
                return None if body[end + 1 :].strip() else Page(rows, ids, len(body), row_ids, tuple(known))
        onward = _next_held(body, end, held, behind)
        if onward is None or onward.start > end:
            between = b"[%b" % body[end + 1 :] if onward is None else b"[%b]" % body[end + 1 : onward.start]
            try:
                part = SPLIT.decode(between)
            except (msgspec.DecodeError, UnicodeError):
                return None
            found = _leading_ids(part)
            if not found and (part or end or onward is not None):
                return None
            rows += part
            row_ids += found or ()
            ids += found or ()
        if onward is None:
            return Page(rows, ids, len(body), row_ids, tuple(known))
        start, place, end, behind = onward


class _Stretch(NamedTuple):
    """Held records in a list: the byte before the first and the one behind the last, their places likewise."""

    start: int
    place: int
    end: int
    behind: int


def _next_held(body: bytes, end: int, held: Held, place: int) -> _Stretch | None:
    """The next stretch behind the byte at `end`, where the record at `place` does not stand as it is held.

    That one was changed as a rule, so those behind it are looked for: to search for what is not there is what costs.
    """
    reach = end + _SPARE + held.size(place) if place < len(held) else end
    for candidate in range(place + 1, min(place + _TRIED, len(held))):
        reach += 2 * held.size(candidate)
        (key,) = held.keys(range(candidate, candidate + 1))
        found = end
        while (found := body.find(b'{"ID":%d,' % key, found + 1, reach)) >= 0:
            if body[found - 1] in b"[,":
                stretch = _Stretch(found - 1, candidate, *held.run(body, found - 1, candidate))
                if stretch.behind > candidate:
                    return stretch
    return None


def newest_stamp(lines: bytes) -> datetime | None:
    """The newest of the stamps of records that stand one a line; what cannot be read has none."""
    return max((moment for moment in map(_changed, _heads_of(lines)) if moment is not None), default=None)


def _leading_ids(rows: Sequence[bytes]) -> list[int] | None:
    """The rows' IDs where each record begins with its own, as the vendor's do; None when one does not.

    To look through whole records for them costs five times as much.
    """
    ids = [int(found[1]) for found in map(_LEADING_ID, rows) if found]
    return ids if len(ids) == len(rows) else None


def _kept(rows: Sequence[bytes], never: str | None) -> Sequence[bytes]:
    """The rows without that field; every other value as it came."""
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
