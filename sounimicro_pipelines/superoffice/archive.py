"""Asks archives, page by page by key, and hands out rows of one shape whatever mode the answer came in."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sounimicro_pipelines.superoffice.failures import SYSTEM, FilterIgnored
from sounimicro_pipelines.superoffice.providers import ArchiveColumn
from sounimicro_pipelines.superoffice.query import Query, Where, day_before
from sounimicro_pipelines.superoffice.session import Session
from sounimicro_pipelines.superoffice.values import (
    as_bool,
    as_int,
    decode_udef,
    in_language,
    member,
    parse_day,
    parse_moment,
)
from sounimicro_pipelines.transport import AccessDenied, BadAnswer, NotFound, ValidationFailed

TEXT_OF = "/text"
"""Suffix of the key that holds what a list or associate column shows; the column itself holds the id."""

_ABSENCE_LIFE = timedelta(hours=1)
"""Calls are metered: an archive that is not available is asked again only after this."""

_NOT_AVAILABLE = (NotFound, ValidationFailed, AccessDenied)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its primary key, its row type and its columns.

    Numbers are int, stamps aware datetimes in UTC, days dates, blanks None. List and associate columns hold the id
    (None where the answer showed only a text) and, under `<column>/text`, what is shown.
    """

    key: int
    entity: str
    values: Mapping[str, Any] = field(repr=False)

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    def get(self, column: str) -> Any:
        return self.values.get(column)


class Archive:
    """Archive queries within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._absent: dict[tuple[str, ...], datetime] = {}

    async def page(self, query: Query) -> list[Row]:
        """The rows of one query, at most `query.top`.

        Raises FilterIgnored when a row does not satisfy the query, BadAnswer when the answer has another shape.
        """
        provider = query.provider
        call = f"GET {'/'.join(provider.route)} ({provider.name})"
        answer = await self._session.json("GET", provider.route, call=call, query=query.params())
        listed = answer if isinstance(answer, list) else member(answer, "value")
        if not isinstance(listed, list):
            raise BadAnswer(SYSTEM, call, detail="it holds no list of rows")
        rows = []
        columns = tuple(provider.column(name) for name in query.columns)
        for raw in listed:
            row = read_row(provider.key, columns, raw)
            if row is None:
                raise BadAnswer(SYSTEM, call, detail="a row has no primary key")
            types = {entity.lower() for entity in query.row_types}
            wrong_type = bool(types and row.entity and row.entity.lower() not in types)
            if wrong_type or not query.satisfied_by(row.values):
                raise FilterIgnored(SYSTEM, call)
            rows.append(row)
        return rows

    async def pages(self, query: Query) -> AsyncIterator[list[Row]]:
        """Every row of a query, page after page by primary key, until a page is empty (3.2).

        Each key comes once, unless the archive says that several rows may share one; those come together.
        """
        last = 0
        for bound in query.where:
            if bound.column == query.provider.key and bound.operator == "gt":
                last = max(last, int(bound.values[0]))  # type: ignore[arg-type]
        while True:
            found = await self.page(query.after(last))
            if query.provider.shared_key:
                rows = _whole_groups(found, query.top)
            else:
                rows = list({row.key: row for row in reversed(found)}.values())[::-1]
            if not rows:
                return
            highest = max(row.key for row in rows)
            if highest <= last:
                raise FilterIgnored(SYSTEM, f"GET {query.provider.name}")
            last = highest
            yield rows

    async def pages_since(self, query: Query, column: str, since: datetime) -> AsyncIterator[list[Row]]:
        """Like `pages`, for rows whose stamp is after a moment.

        Where the tenant compares that column by days only, it is asked by days, two further back, and the rows
        before the moment are left out here.
        """
        by_time = replace(query, where=(*query.where, Where(column, "afterTime", since)))
        try:
            first = True
            async for rows in self.pages(by_time):
                first = False
                yield rows
            return
        except ValidationFailed:
            if not first:
                raise
        by_day = replace(query, where=(*query.where, Where(column, "after", day_before(since))))
        async for rows in self.pages(by_day):
            kept = [row for row in rows if not isinstance(row.get(column), datetime) or row[column] >= since]
            if kept:
                yield kept

    async def optional(self, query: Query, since: tuple[str, datetime] | None = None) -> list[Row] | None:
        """Every row, or None where this archive is not available to us (absent, refused, or without right).

        `since` is a stamp's column and the moment it must be after.
        """
        asked = (*query.columns, since[0]) if since else query.columns
        if self._known_absent(asked):
            return None
        rows: list[Row] = []
        pages = self.pages(query) if since is None else self.pages_since(query, *since)
        try:
            async for page in pages:
                rows.extend(page)
        except _NOT_AVAILABLE as error:
            self._remember_absent(asked, query.provider.name, error)
            return None
        return rows

    async def optional_page(self, query: Query) -> list[Row] | None:
        """One page, or None where this archive is not available to us."""
        if self._known_absent(query.columns):
            return None
        try:
            return await self.page(query)
        except _NOT_AVAILABLE as error:
            self._remember_absent(query.columns, query.provider.name, error)
            return None

    def _known_absent(self, asked: tuple[str, ...]) -> bool:
        found = self._absent.get(asked)
        return found is not None and self._session.clock.now() - found < _ABSENCE_LIFE

    def _remember_absent(self, asked: tuple[str, ...], archive: str, error: Exception) -> None:
        self._absent[asked] = self._session.clock.now()
        _log.info("%s is not available (%s).", archive, type(error).__name__)


def _whole_groups(found: list[Row], top: int) -> list[Row]:
    """A full page without the rows of its last key, of which the next page may hold more."""
    if len(found) < top:
        return found
    last = max(row.key for row in found)
    return [row for row in found if row.key != last] or found


def read_row(key_column: str, columns: Sequence[ArchiveColumn], raw: Any) -> Row | None:
    """A row of either mode (3.1); None when it has no usable primary key."""
    cells = member(raw, "Column")
    full = isinstance(cells, dict)
    source = cells if full else raw
    if not isinstance(source, dict):
        return None
    values: dict[str, Any] = {}
    for column in columns:
        name = column.name
        held = source.get(name, _MISSING)
        if held is _MISSING:
            continue
        shown: Any = None
        if isinstance(held, dict):
            held, shown = member(held, "RawValue"), member(held, "DisplayValue")
        _put(values, column, held, shown)
    key = values.get(key_column)
    if key is None:
        key = as_int(member(raw, "PrimaryKey"))
        if key_column:
            values[key_column] = key
    entity = member(raw, "EntityName")
    return None if key is None else Row(key, entity if isinstance(entity, str) else "", values)


_MISSING: Any = object()


def _put(values: dict[str, Any], column: ArchiveColumn, held: Any, shown: Any) -> None:
    kind, name = column.kind, column.name
    if kind in ("list", "associate"):
        number = as_int(held)
        values[name] = number or None
        text = shown if isinstance(shown, str) else (held if number is None and isinstance(held, str) else None)
        values[name + TEXT_OF] = in_language(text) or None
    elif kind == "int":
        values[name] = as_int(held)
    elif kind == "bool":
        values[name] = as_bool(held)
    elif kind == "datetime":
        values[name] = parse_moment(held)
    elif kind == "date":
        values[name] = parse_day(held)
    else:
        values[name] = _text(held)


def _text(held: Any) -> str | None:
    if held is None or isinstance(held, dict | list):
        return None
    if isinstance(held, str):
        decoded = decode_udef(held) if held.startswith("[") else in_language(held)
        if isinstance(decoded, datetime | date):
            return decoded.isoformat()
        return str(decoded) if decoded not in (None, "") else None
    return str(held)
