"""Both systems and the store as they would be: reads go through, writes stay here. For a plan that writes nothing.

Records that would be created get negative ids, and a negative number where the ERP allots one.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.rules.values import Scalar, Side, text_of
from sounimicro_pipelines.store import Store, open_store
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.ports import Changed, Changes, CrmPort, ErpPort, GuidOf, Merged, Record, Touch, Written
from sounimicro_pipelines.transport import NotFound, ValidationFailed
from sounimicro_pipelines.unimicro.traits import NUMBERS

_LEFT_OUT = ("budget_lines", "sessions", "sign_in_codes", "report_groups", "published", "audit", "webhook_deliveries")
_NAMES = (("Info.Name",), ("Name",), ("Firstname", "MiddleName", "Lastname"))


def copy_store(store: Store, folder: Path) -> Store:
    """A store of its own on SQLite, with everything that the sync knows. The caller closes it."""
    path = folder / "plan.db"
    if not store.is_postgres:
        with closing(sqlite3.connect(str(store.engine.url.database))) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        return open_store(f"sqlite:///{path}")
    copied = open_store(f"sqlite:///{path}")
    with store.read() as source_tx, copied.transaction(durable=False) as tx:
        targets = {table.name: table for table in copied.tables.metadata.sorted_tables}
        for table in store.tables.metadata.sorted_tables:
            target = targets.get(copied.tables.prefix + table.name)
            if target is None or table.name in _LEFT_OUT:
                continue
            found = source_tx.connection.execution_options(yield_per=1000).execute(select(table))
            for part in found.mappings().partitions(1000):
                tx.execute(target.insert(), [dict(row) for row in part])
    return copied


@dataclass(slots=True)
class _Kept:
    """What would stand in one system besides what stands there."""

    clock: Clock
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(-1, -1))
    values: dict[tuple[str, int], dict[str, Scalar]] = field(default_factory=dict)
    shared: dict[int, dict[str, Scalar]] = field(default_factory=dict)
    made: dict[tuple[str, int], Record] = field(default_factory=dict)
    markers: dict[tuple[str, int], dict[tuple[str, str], int | None]] = field(default_factory=dict)


class _Overlay:
    """What both systems' overlays share."""

    side: Side

    def __init__(self, inner: CrmPort | ErpPort, clock: Clock) -> None:
        self._inner: CrmPort | ErpPort = inner
        self._kept = _Kept(clock)
        self._key = ""

    async def read(self, entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        made = self._kept.made.get((entity, record_id))
        if made is not None:
            found: Record | None = replace(made, values={path: made.values.get(path) for path in paths})
        elif record_id < 0:
            found = None
        else:
            found = await self._inner.read(entity, record_id, paths)
        return None if found is None else self._as_it_would_be(found)

    async def write(self, record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        now = await self.read(record.entity, record.id, tuple(record.values))
        if now is None:
            raise NotFound("plan", f"write {record.entity}", status=404)
        for path, value in changes.items():
            if record.relation is not None and self._is_shared(path):
                self._kept.shared.setdefault(record.relation, {})[path] = value
            else:
                self._kept.values.setdefault((record.entity, record.id), {})[path] = value
        return Written(self._as_it_would_be(now), exact=True)

    async def create(
        self,
        entity: str,
        values: Mapping[str, Scalar],
        *,
        parent: int | None,
        conditions: Mapping[str, Sequence[str]],
        guid_of: GuidOf,
    ) -> int:
        record_id = next(self._kept.ids)
        held = dict(values)
        if self.side == "erp" and entity in NUMBERS:
            held.setdefault(NUMBERS[entity], str(record_id))
        self._kept.made[(entity, record_id)] = Record(
            side=self.side,
            entity=entity,
            id=record_id,
            values=held,
            identity=_identity(record_id, held, parent),
            company_key=self._key,
            facts={name: words[0] for name, words in conditions.items() if words},
            parent=parent,
            relation=record_id if entity in ("Customer", "Supplier") else None,
            touch=Touch(self._kept.clock.now(), None, True),
            created_by_us=True,
        )
        return record_id

    async def created_by_us(self, entity: str, since: datetime, paths: Sequence[str]) -> list[Record]:
        found = [self._as_it_would_be(one) for one in await self._inner.created_by_us(entity, since, paths)]
        return found + [self._as_it_would_be(one) for (kind, _), one in self._kept.made.items() if kind == entity]

    async def look_up(self, entity: str, like: Identity) -> list[Identity]:
        inner = [] if like.parent is not None and like.parent < 0 else await self._inner.look_up(entity, like)
        return inner + [one.identity for (kind, _), one in self._kept.made.items() if kind == entity]

    async def children(self, entity: str, record_id: int) -> list[int]:
        return [] if record_id < 0 else await self._inner.children(entity, record_id)

    async def changed(self, entity: str, since: datetime) -> Changes:
        return await self._inner.changed(entity, since)

    async def touched(self, entity: str, since: datetime) -> Changes | None:
        return await self._inner.touched(entity, since)

    async def deleted(self, entity: str, since: datetime) -> list[int] | None:
        return await self._inner.deleted(entity, since)

    async def listing(self, entity: str) -> AsyncIterator[Sequence[Changed]]:
        async for page in self._inner.listing(entity):
            yield page

    def is_required(self, entity: str, path: str) -> bool:
        return self._inner.is_required(entity, path)

    def max_length(self, entity: str, path: str) -> int | None:
        return self._inner.max_length(entity, path)

    def _is_shared(self, path: str) -> bool:
        return False

    def _as_it_would_be(self, record: Record) -> Record:
        kept = self._kept
        place = (record.entity, record.id)
        changes = {**kept.shared.get(record.relation or 0, {}), **kept.values.get(place, {})}
        markers = dict(record.markers)
        for where, erp_id in kept.markers.get(place, {}).items():
            if erp_id is None:
                markers.pop(where, None)
            else:
                markers[where] = erp_id
        values = {path: changes.get(path, value) for path, value in record.values.items()}
        ours = Touch(kept.clock.now(), None, True)
        touches = {**record.touches, **{path: ours for path in values if path in changes}}
        return replace(record, values=values, markers=markers, touches=touches)


class CrmOverlay(_Overlay):
    """A CRM tenant that takes no writes."""

    side: Side = "crm"

    def __init__(self, inner: CrmPort, clock: Clock) -> None:
        super().__init__(inner, clock)
        self._crm = inner
        self.unasked: set[tuple[str, str]] = set()
        """Numbers (entity, path) of which a sync would ask whether the tenant allots them."""

    @property
    def tenant(self) -> str:
        return self._crm.tenant

    async def write(self, record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        await self._refuse_taken(record.entity, record.id, changes)
        return await super().write(record, changes, guid_of)

    async def create(
        self,
        entity: str,
        values: Mapping[str, Scalar],
        *,
        parent: int | None,
        conditions: Mapping[str, Sequence[str]],
        guid_of: GuidOf,
    ) -> int:
        await self._refuse_taken(entity, 0, values)
        return await super().create(entity, values, parent=parent, conditions=conditions, guid_of=guid_of)

    async def _refuse_taken(self, entity: str, record_id: int, values: Mapping[str, Scalar]) -> None:
        """What a tenant says to a number that another record has."""
        for path, value in values.items():
            if not self.keeps_unique(entity, path):
                continue
            if await self.holder_of(entity, record_id, path, text_of(value)) is not None:
                raise ValidationFailed("plan", f"write {entity}", status=400, detail=f"{path} is in use")

    def keeps_unique(self, entity: str, path: str) -> bool:
        return self._crm.keeps_unique(entity, path)

    async def allots(self, entity: str, path: str, *, ask: bool = True) -> bool | None:
        """What is known without asking, since to ask may use a number up."""
        told = await self._crm.allots(entity, path, ask=False)
        if told is None:
            self.unasked.add((entity, path))
        return told

    async def holder_of(self, entity: str, record_id: int, path: str, value: str) -> int | None:
        places = [(place, one.values) for place, one in self._kept.made.items()]
        for (kind, held_by), values in [*self._kept.values.items(), *places]:
            if (kind, text_of(values.get(path))) == (entity, value) and held_by != record_id and value:
                return held_by
        return await self._crm.holder_of(entity, record_id, path, value)

    async def marked(self, entity: str, company_key: str, role: str, erp_id: int) -> int | None:
        where = (company_key, role)
        for (kind, record_id), markers in self._kept.markers.items():
            if kind == entity and markers.get(where) == erp_id:
                return record_id
        found = None if erp_id < 0 else await self._crm.marked(entity, company_key, role, erp_id)
        taken_off = found is not None and where in self._kept.markers.get((entity, found), {})
        return None if taken_off else found

    async def mark(self, entity: str, record_id: int, company_key: str, role: str, erp_id: int) -> None:
        self._kept.markers.setdefault((entity, record_id), {})[(company_key, role)] = erp_id

    async def unmark(self, entity: str, record_id: int, company_key: str, role: str) -> None:
        self._kept.markers.setdefault((entity, record_id), {})[(company_key, role)] = None

    async def dated(self, record: Record, paths: Collection[str]) -> Record:
        return record if record.id < 0 else self._as_it_would_be(await self._crm.dated(record, paths))

    async def merges(self, since: datetime) -> list[Merged] | None:
        return await self._crm.merges(since)

    async def deleted_alike(self, entity: str, like: Identity) -> list[int]:
        unknown_parent = like.parent is not None and like.parent < 0
        return [] if unknown_parent else await self._crm.deleted_alike(entity, like)

    async def is_deleted(self, entity: str, record_id: int) -> bool:
        return record_id > 0 and await self._crm.is_deleted(entity, record_id)


class ErpOverlay(_Overlay):
    """An ERP company that takes no writes."""

    side: Side = "erp"

    def __init__(self, inner: ErpPort, clock: Clock) -> None:
        super().__init__(inner, clock)
        self._erp = inner
        self._key = inner.company_key

    @property
    def company_key(self) -> str:
        return self._key

    async def parties(self, relation: int) -> list[tuple[str, int]]:
        made = [place for place, one in self._kept.made.items() if one.relation == relation]
        return made if relation < 0 else [*await self._erp.parties(relation), *made]

    def is_shared(self, path: str) -> bool:
        return self._erp.is_shared(path)

    def _is_shared(self, path: str) -> bool:
        return self._erp.is_shared(path)


def _identity(record_id: int, values: Mapping[str, Scalar], parent: int | None) -> Identity:
    """What a record that does not exist yet would be recognised by."""
    name = ""
    for paths in _NAMES:
        name = name or " ".join(filter(None, (text_of(values.get(path)) for path in paths)))
    org_number = text_of(values.get("OrgNumber")) or text_of(values.get("OrgNr"))
    return Identity(id=record_id, name=name, org_number=org_number, parent=parent)
