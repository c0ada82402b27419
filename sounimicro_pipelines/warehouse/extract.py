"""Reading a vendor register into a warehouse file: all asked entities side by side, each on its own feet.

While pages are fetched in the event loop, one thread lands and judges them and another loads finished pieces, so the
file is open only while something is loaded. A feed's watermark moves in the transaction that loads its last rows;
whatever kills a run before that only makes the next one fetch again.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

import duckdb
import numpy as np

from sounimicro_pipelines.clock import UTC, Clock, SystemClock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.records import BulkReader, EntitySpec, Newest, RecordPage
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, Unavailable, VendorError
from sounimicro_pipelines.warehouse.connection import Warehouse, WarehouseError, explain
from sounimicro_pipelines.warehouse.digests import Keys, KnownDigests
from sounimicro_pipelines.warehouse.landing import LandingRun, run_name, sweep
from sounimicro_pipelines.warehouse.load import LEAST_LOAD, ROW_GROUP, Ending, Loaded, load
from sounimicro_pipelines.warehouse.schema import FeedState, Owner, claim, feed_states, prepare, write_feed
from sounimicro_pipelines.warehouse.sift import Chunk, Sieve

OVERLAP = timedelta(minutes=10)
"""Read again before each watermark: transactions that commit late, and clocks that differ."""
MEMORY_LIMIT = "128MB"
"""DuckDB's share of what an extraction may take; a piece that does not fit gets more."""
CHUNK_BYTES = 4 * 1024 * 1024
_CHUNKS_IN_HAND = 3
_ABSENT_STATUSES = {400, 404, 405, 410, 501}

Mode = Literal["incremental", "full"]
State = Literal["ok", "no_access", "unavailable", "failed"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What one entity's feed did: `rows` read, of them `changed` loaded and `quarantined`; `deleted` newly marked.

    `bytes` are those of the records, `seconds` run from the first request to the commit. `message` says why the state
    is not ok, in words that may be shown. `watermark` (UTC) is None when the feed has none yet.
    """

    entity: str
    table: str
    mode: Mode
    state: State
    message: str = ""
    rows: int = 0
    changed: int = 0
    deleted: int = 0
    quarantined: int = 0
    bytes: int = 0
    seconds: float = 0.0
    watermark: datetime | None = None


async def extract(
    reader: BulkReader,
    warehouse_path: Path,
    landing_dir: Path,
    specs: Sequence[EntitySpec] | None = None,
    *,
    mode: Mode = "incremental",
    clock: Clock | None = None,
    owner: Owner | None = None,
    landing_days: int = 14,
    memory_limit: str = MEMORY_LIMIT,
    on_page: Callable[[str, int], None] | None = None,
) -> list[FeedResult]:
    """Brings the warehouse file up to date with the vendor; one result for each spec, in the order asked.

    `landing_dir` is the landing folder of all companies; the file's stem names the company's own below it. `specs`
    are those of `reader.specs` when None. An entity that was never listed in full is listed in full whatever the
    `mode`. `on_page` is told each page's entity and number of records.

    Raises WarehouseError when the file or the disk cannot be used, and AuthenticationFailed when no feed got past the
    sign-in; what is wrong with one entity alone is in its result.
    """
    clock = clock or SystemClock()
    asked = list(reader.specs if specs is None else specs)
    company_dir = Path(landing_dir) / Path(warehouse_path).stem
    sweep(company_dir, now=clock.now(), keep_days=landing_days)
    threads = max(1, (os.cpu_count() or 1) // 2)  # the rest fetches and judges
    database = _Database(Warehouse(warehouse_path, clock=clock, memory_limit=memory_limit, threads=threads))
    sifting = ThreadPoolExecutor(1, thread_name_prefix="sift")
    run = _Run(
        reader=reader,
        clock=clock,
        company_dir=company_dir,
        name=run_name(clock.now(), secrets.token_hex(4)),
        database=database,
        sifting=sifting,
        on_page=on_page or (lambda entity, rows: None),
    )
    declared = {spec.table: spec for spec in [*reader.specs, *asked]}
    try:
        states = await database.run(
            lambda connection: _begin(connection, list(declared.values()), owner, warehouse_path)
        )
        tasks = [asyncio.create_task(_feed(run, spec, states.get(spec.table, FeedState()), mode)) for spec in asked]
        try:
            outcomes = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await asyncio.to_thread(sifting.shutdown, True, cancel_futures=True)
        await asyncio.to_thread(database.close)
    refused = [error for _, error in outcomes if isinstance(error, AuthenticationFailed)]
    if refused and len(refused) == len(outcomes):
        raise refused[0]
    return [result for result, _ in outcomes]


@dataclass(slots=True)
class _Run:
    reader: BulkReader
    clock: Clock
    company_dir: Path
    name: str
    database: _Database
    sifting: ThreadPoolExecutor
    on_page: Callable[[str, int], None]
    hands: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CHUNKS_IN_HAND))


def _begin(
    connection: duckdb.DuckDBPyConnection, specs: Sequence[EntitySpec], owner: Owner | None, path: Path
) -> dict[str, FeedState]:
    if owner is not None:
        claim(connection, owner, path)
    prepare(connection, specs)
    return feed_states(connection)


async def _feed(run: _Run, spec: EntitySpec, state: FeedState, mode: Mode) -> tuple[FeedResult, Exception | None]:
    is_full = mode == "full" or state.full_at is None or (spec.created is None and spec.updated is None)
    feed = _Feed(run, spec, state, is_full)
    reason: Exception
    try:
        return await feed.read(), None
    except WarehouseError:
        raise
    except SounimicroError as error:
        failure, reason, message = _state_of(error, spec), error, str(error)
    except Exception as error:  # one entity's trouble must not end the others
        failure, reason, message = "failed", error, f"{spec.entity}: unexpected {type(error).__name__}."
    await feed.give_up()
    await run.database.run(lambda connection: _note(connection, spec, failure, message, state))
    return feed.result(failure, message), reason


def _state_of(error: SounimicroError, spec: EntitySpec) -> State:
    if isinstance(error, AccessDenied):
        return "no_access"
    if isinstance(error, Unavailable):
        return "unavailable"
    if spec.optional and isinstance(error, VendorError) and error.status in _ABSENT_STATUSES:
        return "unavailable"
    return "failed"


def _note(connection: duckdb.DuckDBPyConnection, spec: EntitySpec, state: str, message: str, feed: FeedState) -> None:
    connection.execute("BEGIN")
    try:
        write_feed(connection, spec, state=state, message=message, feed=feed, fetched_at=None)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


class _Feed:
    """One entity's way through a run."""

    def __init__(self, run: _Run, spec: EntitySpec, state: FeedState, is_full: bool) -> None:
        self._run = run
        self._spec = spec
        self._state = state
        self._is_full = is_full
        self._started_at = run.clock.now()
        self._started = run.clock.monotonic()
        self._landing = LandingRun(run.company_dir, spec.entity, run.name)
        self._known = KnownDigests.nothing()
        self._sieve: Sieve | None = None
        self._rows: list[bytes] = []
        self._size = 0
        self._sifted: list[Chunk] = []
        self._seen: list[Keys] = []
        self._unreadable = False
        self._jobs: set[asyncio.Task[None]] = set()
        self._loads: list[asyncio.Task[Loaded]] = []
        self._newest_stamp: Newest | None = None
        self._high_water: datetime | None = None
        self.read_rows = self.read_bytes = self.changed = self.deleted = self.quarantined = 0

    async def read(self) -> FeedResult:
        run, spec = self._run, self._spec
        removed = None
        if self._is_full:
            if self._state.full_at is not None:
                self._known = await run.database.run(lambda connection: KnownDigests.of_table(connection, spec))
            pages = run.reader.full(spec, self._known if len(self._known) else None)
        else:
            since = _aware(self._state.watermark or self._state.full_at or _naive(self._started_at)) - OVERLAP
            try:
                removed = await run.reader.deleted(spec, since)
            except AccessDenied:
                removed = None
            pages = run.reader.changed(spec, since)
        self._sieve = Sieve(spec, self._landing, self._known)
        try:
            async for page in pages:
                await self._take(page)
        finally:
            if isinstance(pages, AsyncGenerator):
                await pages.aclose()
        return await self._end(removed)

    async def give_up(self) -> None:
        """Waits for what is under way; pieces that were complete stay loaded, and the watermark where it was."""
        self._rows.clear()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        for loaded in await asyncio.gather(*self._loads, return_exceptions=True):
            if isinstance(loaded, Loaded):
                self._count(loaded)

    def result(self, state: State, message: str, watermark: datetime | None = None) -> FeedResult:
        return FeedResult(
            entity=self._spec.entity,
            table=self._spec.table,
            mode="full" if self._is_full else "incremental",
            state=state,
            message=message,
            rows=self.read_rows,
            changed=self.changed,
            deleted=self.deleted,
            quarantined=self.quarantined,
            bytes=self.read_bytes,
            seconds=round(self._run.clock.monotonic() - self._started, 3),
            watermark=watermark or (_aware(self._state.watermark) if self._state.watermark else None),
        )

    async def _take(self, page: RecordPage) -> None:
        self._rows += page.rows
        self._size += sum(map(len, page.rows)) if page.known else page.size
        self.read_rows += page.count
        self.read_bytes += page.size
        if page.known:
            self._seen.append(self._known.keys_of(page.known))
        if callable(page.stamps):
            self._newest_stamp = page.stamps
        else:
            self._rise(page.stamps)
        self._run.on_page(self._spec.entity, page.count)
        if self._size >= CHUNK_BYTES:
            await self._hand_over()

    def _rise(self, stamp: datetime | None) -> None:
        if stamp is not None and (self._high_water is None or stamp > self._high_water):
            self._high_water = stamp

    async def _hand_over(self) -> None:
        if not self._rows:
            return
        rows, self._rows, self._size = self._rows, [], 0
        await self._run.hands.acquire()
        job = asyncio.create_task(self._sift(rows))
        self._jobs.add(job)
        for done in [job for job in self._jobs if job.done()]:
            self._jobs.remove(done)
            done.result()
        for loading in self._loads:
            if loading.done():
                loading.result()

    async def _sift(self, rows: list[bytes]) -> None:
        assert self._sieve is not None
        try:
            chunk = await asyncio.get_running_loop().run_in_executor(
                self._run.sifting, self._sieve.sift, rows, self._newest_stamp
            )
        finally:
            self._run.hands.release()
        self._rise(chunk.newest)
        self._sifted.append(chunk)
        self._seen += [chunk.known_keys, chunk.keys]
        refused = [record.key for record in chunk.quarantined]
        self._unreadable |= None in refused
        self._seen.append(np.array([key for key in refused if key is not None], dtype=np.int64))
        waiting = sum(len(chunk.keys) for chunk in self._sifted)
        if waiting >= (LEAST_LOAD if all(load.done() for load in self._loads) else ROW_GROUP):
            chunks, self._sifted = self._sifted, []
            self._loads.append(asyncio.create_task(self._load(chunks, None)))

    async def _load(self, chunks: Sequence[Chunk], ending: Ending | None) -> Loaded:
        fetched_at = _naive(self._started_at)
        return await self._run.database.run(
            lambda connection: load(connection, self._spec, chunks, fetched_at=fetched_at, ending=ending)
        )

    async def _end(self, removed: Sequence[int] | None) -> FeedResult:
        await self._hand_over()
        await asyncio.gather(*self._jobs)
        for loaded in await asyncio.gather(*self._loads):
            self._count(loaded)
        self._loads.clear()
        seen = np.concatenate(self._seen) if self._seen else np.empty(0, np.int64)
        watermark = self._watermark()
        ending = Ending(
            feed=FeedState(watermark, _naive(self._started_at) if self._is_full else self._state.full_at,
                           self._state.empty_at),
            is_full=self._is_full,
            is_empty=self.read_rows == 0,
            message="Records without a readable key: what was deleted could not be told." if self._unreadable else "",
            present=seen if self._is_full and not self._unreadable else None,
            removed=np.setdiff1d(np.array(removed, dtype=np.int64), seen) if removed else None,
        )  # fmt: skip
        if self.read_rows:
            facts: dict[str, object] = {
                "entity": self._spec.entity,
                "mode": "full" if self._is_full else "incremental",
                "started_at": self._started_at.isoformat(),
                "rows": self.read_rows,
                "watermark": watermark.isoformat() if watermark else None,
            }
            await asyncio.get_running_loop().run_in_executor(self._run.sifting, self._landing.finish, facts)
        chunks, self._sifted = self._sifted, []
        last = await self._load(chunks, ending)
        self._count(last)
        if last.refusal:
            return self.result("failed", last.refusal)
        return self.result("ok", ending.message, _aware(watermark) if watermark else None)

    def _watermark(self) -> datetime | None:
        """The newest stamp read, but not after the start: what changed behind a long listing is read again."""
        if self._high_water is None:
            return self._state.watermark
        found = _naive(min(self._high_water, self._started_at))
        return max(found, self._state.watermark) if self._state.watermark else found

    def _count(self, loaded: Loaded) -> None:
        self.changed += loaded.changed
        self.deleted += loaded.deleted
        self.quarantined += loaded.quarantined


class _Database:
    """The one thread that touches the warehouse file; it holds the file only while there is work."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="warehouse")
        self._lock = threading.Lock()
        self._waiting = 0
        self._connection: duckdb.DuckDBPyConnection | None = None

    async def run(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        with self._lock:
            self._waiting += 1
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._work, work))

    def close(self) -> None:
        self._thread.shutdown(True, cancel_futures=True)
        self._release()

    def _work(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._warehouse.open()
            return work(self._connection)
        except duckdb.Error as error:
            self._release()
            known = explain(error, self._warehouse.path)
            if known is not None:
                raise known from error
            raise
        finally:
            with self._lock:
                self._waiting -= 1
                idle = self._waiting == 0
            if idle:
                self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
