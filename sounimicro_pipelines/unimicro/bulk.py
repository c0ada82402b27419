"""Whole registers and their changes, page by page, as raw records for the warehouse (reference, 2.5 and 4.1).

A full listing pages by ID, several ranges of IDs at once; changes are found by the record's own stamps and by those
of its children. Every row is checked against what was asked, since the ERP ignores what it does not understand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import datetime
from typing import TypeVar

from sounimicro_pipelines.records import ChildTable, EntitySpec, Held, RecordPage
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, NotFound
from sounimicro_pipelines.unimicro.company import SYSTEM, CompanyClient, Record
from sounimicro_pipelines.unimicro.entities import PAGE_PLAIN, SPECS
from sounimicro_pipelines.unimicro.expressions import All, Expression, chunks, stamped_after, where
from sounimicro_pipelines.unimicro.model_tables import NEVER_KEPT
from sounimicro_pipelines.unimicro.pages import Page, read_page, read_single
from sounimicro_pipelines.unimicro.query import FilterIgnored, Query
from sounimicro_pipelines.unimicro.ranges import Ranges
from sounimicro_pipelines.unimicro.stamps import stamped_rows

T = TypeVar("T")
_log = logging.getLogger(__name__)


class UnimicroBulkReader:
    """Reads the registers of one ERP company; a `records.BulkReader`.

    `notes` says what could not be read and is done without, such as child stamps where statistics is not offered.
    """

    def __init__(self, company: CompanyClient, specs: Sequence[EntitySpec] = SPECS) -> None:
        self._company = company
        self._specs = tuple(specs)
        self.notes: dict[str, str] = {}

    @property
    def specs(self) -> Sequence[EntitySpec]:
        return self._specs

    async def full(self, spec: EntitySpec, held: Held | None = None) -> AsyncIterator[RecordPage]:
        """Every record. Raises AccessDenied, Unavailable (optional specs), NotFound, FilterIgnored and the rest."""
        if spec.options.get("single"):
            yield await self._first(spec, self._single(spec))
            return
        newest = await self._first(spec, self._newest_id(spec))
        ranges = Ranges(newest, self._company.transport.limits.max_in_flight, spec.page_size)
        async for record_page in self._drain(spec, ranges, held):
            yield record_page

    async def changed(self, spec: EntitySpec, since: datetime) -> AsyncIterator[RecordPage]:
        """Records changed after `since`, then those of which only a child changed. Raises as `full`."""
        if spec.options.get("single") or spec.created is None:
            async for record_page in self.full(spec):
                yield record_page
            return
        seen: set[int] = set()
        condition = stamped_after(since)
        page = await self._first(spec, self._page(spec, condition, 0, None))
        while page.rows:
            self._check_stamps(spec, page, since)
            seen.update(page.ids)
            yield page.record_page
            page = await self._page(spec, condition, page.last_id(spec.route), None)
        touched: set[int] = set()
        for child in spec.children:
            touched |= await self._touched_parents(spec, child, since)
        async for record_page in self._by_id(spec, sorted(touched - seen)):
            yield record_page

    async def _first(self, spec: EntitySpec, call: Awaitable[T]) -> T:
        """The first call to a route: the one whose refusal says that the route is not there."""
        try:
            return await call
        except (AuthenticationFailed, NotFound) as error:
            raise await self._company.explain_refusal(error, optional=spec.optional) from None

    async def deleted(self, spec: EntitySpec, since: datetime) -> Sequence[int] | None:
        """IDs soft-deleted after `since`, by statistics; None where it is not offered for this entity."""
        if spec.deleted is None or spec.options.get("single"):
            return None
        rows = await self._statistics_of(spec.entity, {}, since, deleted=True)
        return None if rows is None else [int(row["ID"]) for row in rows]

    async def _single(self, spec: EntitySpec) -> RecordPage:
        call = f"GET {spec.route}/1"
        return await self._company.exchange(
            "GET",
            f"{spec.route}/1",
            call=call,
            decode=lambda response: read_single(response, call),
            params={"hateoas": "false"},
        )

    async def _newest_id(self, spec: EntitySpec) -> int:
        """The highest ID now. Only the split depends on it, not what is read: the last range has no upper end."""
        query = Query(spec.entity, select=("ID",), order_by=("ID desc",), top=1)
        call = f"GET {spec.route}"
        page = await self._company.exchange(
            "GET", spec.route, call=call, decode=lambda response: read_page(response, call), params=query.params()
        )
        return max(page.ids, default=0)

    async def _page(
        self,
        spec: EntitySpec,
        condition: Expression | None,
        after: int,
        end: int | None,
        held: Held | None = None,
    ) -> Page:
        """One page of the IDs above `after` and up to `end`, in order."""
        parts: list[Expression] = [] if condition is None else [condition]
        parts.append(where("ID").gt(after))
        if end is not None:
            parts.append(where("ID").le(end))
        query = Query(
            spec.entity,
            All(tuple(parts)),
            select=tuple(column.name for column in spec.columns) if spec.select else (),
            expand=spec.expand,
            order_by=("ID",),
            top=spec.page_size,
        )
        call = f"GET {spec.route}"
        never = NEVER_KEPT.get(spec.entity)
        page = await self._company.exchange(
            "GET",
            spec.route,
            call=call,
            decode=lambda response: read_page(response, call, never, held, after),
            params=query.params(),
        )
        last = after
        for one in page.ids:
            if one <= last:
                raise FilterIgnored(SYSTEM, call, status=200, detail="the rows are not those behind the last page")
            last = one
        if end is not None and last > end:
            raise FilterIgnored(SYSTEM, call, status=200, detail="the rows go beyond the range that was asked for")
        return page

    async def _drain(self, spec: EntitySpec, ranges: Ranges, held: Held | None) -> AsyncIterator[RecordPage]:
        workers = self._company.transport.limits.max_in_flight if ranges.parallel else 1
        pages: asyncio.Queue[RecordPage | BaseException | None] = asyncio.Queue(maxsize=1)

        async def work() -> None:
            try:
                while (part := ranges.take()) is not None:
                    while not part.done:
                        page = await self._page(spec, None, part.after, part.end, held)
                        kept = page.up_to(part.end)
                        part.seen(page.last_id(spec.route) if page.has_records else None)
                        if kept.count:
                            await pages.put(kept)
                    ranges.release(part)
            except Exception as error:
                await pages.put(error)
            else:
                await pages.put(None)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        try:
            running = workers
            while running:
                item = await pages.get()
                if item is None:
                    running -= 1
                elif isinstance(item, BaseException):
                    raise item
                else:
                    yield item
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _check_stamps(self, spec: EntitySpec, page: Page, since: datetime) -> None:
        oldest = page.oldest_change()
        if oldest is not None and oldest < since.replace(microsecond=0):
            raise FilterIgnored(
                SYSTEM,
                f"GET {spec.route}",
                status=200,
                detail="there are records that did not change since the moment asked for",
            )

    async def _touched_parents(self, spec: EntitySpec, child: ChildTable, since: datetime) -> set[int]:
        """Parents of children that were made, changed or deleted after `since`."""
        if child.touch == "none":
            return set()
        parents: set[int] = set()
        if child.touch == "route":
            query = Query(
                child.entity,
                stamped_after(since),
                select=(child.parent_column, "CreatedAt", "UpdatedAt"),
                top=PAGE_PLAIN,
            )
            try:
                parents = {
                    int(row[child.parent_column])
                    async for row in self._company.list_all(query)
                    if row.get(child.parent_column)
                }
            except (AccessDenied, NotFound) as error:
                self._note(child.entity, f"its own stamps cannot be read (HTTP {error.status})")
        rows = await self._statistics_of(
            child.entity, {"Parent": child.parent_column}, since, deleted=child.touch == "route"
        )
        return parents | {int(row["Parent"]) for row in rows or () if row.get("Parent")}

    async def _statistics_of(
        self, entity: str, extra: dict[str, str], since: datetime, *, deleted: bool
    ) -> list[Record] | None:
        rows = await stamped_rows(self._company, entity, extra, since, deleted=deleted)
        if isinstance(rows, str):
            self._note(entity, rows)
            return None
        return rows

    async def _by_id(self, spec: EntitySpec, ids: Sequence[int]) -> AsyncIterator[RecordPage]:
        for start in range(0, len(parts := chunks(list(ids))), wide := self._company.transport.limits.max_in_flight):
            for pages in await asyncio.gather(*(self._chunk(spec, part) for part in parts[start : start + wide])):
                for page in pages:
                    yield page

    async def _chunk(self, spec: EntitySpec, ids: Sequence[int]) -> list[RecordPage]:
        """The records of one or-chain; IDs that are gone are left out."""
        missing, last, pages = set(ids), 0, []
        while missing:
            page = await self._page(spec, where("ID").one_of(ids), last, None)
            if not page.rows:
                break
            if not missing.issuperset(page.ids):
                raise FilterIgnored(SYSTEM, f"GET {spec.route}", status=200)
            missing.difference_update(page.ids)
            last = page.last_id(spec.route)
            pages.append(page.record_page)
        return pages

    def _note(self, entity: str, reason: str) -> None:
        if self.notes.setdefault(entity, reason) == reason:
            _log.info("%s of %s: %s; the nightly full listing finds it.", entity, self._company.company.alias, reason)
