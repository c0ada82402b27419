"""One ERP company's rows in memory: tables indexed by id and by foreign key, stamps, soft deletes, transactions.

Rows are sparse: only fields that are not null are kept. Every change goes through `insert`, `change` or `remove`, so
that indexes, stamps and the change listeners are never forgotten.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES, EntityDef
from sounimicro_pipelines.sandbox.unimicro.values import stamp

Row = dict[str, Any]

API_USER = "00000000-0000-4000-8000-00000000a001"
PERSON = "00000000-0000-4000-8000-00000000b001"


@dataclass(frozen=True, slots=True)
class Change:
    """What one write did to one row: None before for a new row, `after["Deleted"]` true for a removed one."""

    entity: str
    id: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


@dataclass
class Table:
    """The rows of one entity. `ids` is sorted; `by_key` maps a foreign key's name to value → sorted ids."""

    entity: EntityDef
    rows: dict[int, Row] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    by_key: dict[str, dict[Any, list[int]]] = field(default_factory=dict)
    next_id: int = 1
    version: int = 0

    def index(self, key: str) -> dict[Any, list[int]]:
        """Ids by the value of a field; made at first use, kept right from then on."""
        found = self.by_key.get(key)
        if found is None:
            found = {}
            for row_id in self.ids:
                value = self.rows[row_id].get(key)
                if value is not None:
                    found.setdefault(value, []).append(row_id)
            self.by_key[key] = found
        return found

    def with_key(self, key: str, value: Any) -> list[Row]:
        """Rows whose field has the value, deleted ones too, by id."""
        return [self.rows[row_id] for row_id in self.index(key).get(value, ())]

    def between(self, low: int, high: int | None) -> list[int]:
        """Ids greater than `low` and at most `high`."""
        start = bisect_right(self.ids, low)
        return self.ids[start : None if high is None else bisect_right(self.ids, high)]

    def put(self, row: Row) -> None:
        row_id = row["ID"]
        old = self.rows.get(row_id)
        if old is not None:
            self._reindex(row_id, old, row)
            self.rows[row_id] = row
            self.version += 1
            return
        if not self.ids or row_id > self.ids[-1]:
            self.ids.append(row_id)
        else:
            insort(self.ids, row_id)
        self.rows[row_id] = row
        self.next_id = max(self.next_id, row_id + 1)
        self.version += 1
        for key, values in self.by_key.items():
            value = row.get(key)
            if value is not None:
                ids = values.setdefault(value, [])
                if not ids or row_id > ids[-1]:
                    ids.append(row_id)
                else:
                    insort(ids, row_id)

    def drop(self, row_id: int) -> None:
        self._unindex(row_id)
        del self.rows[row_id]
        self.ids.pop(bisect_left(self.ids, row_id))
        self.version += 1

    def _reindex(self, row_id: int, old: Row, new: Row) -> None:
        for key, values in self.by_key.items():
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            if before is not None:
                ids = values[before]
                ids.pop(bisect_left(ids, row_id))
            if after is not None:
                insort(values.setdefault(after, []), row_id)

    def _unindex(self, row_id: int) -> None:
        old = self.rows[row_id]
        for key, values in self.by_key.items():
            value = old.get(key)
            if value is not None:
                ids = values[value]
                ids.pop(bisect_left(ids, row_id))


class CompanyStore:
    """All rows of one company. Take `lock` around anything that must be seen as one."""

    def __init__(self, key: str, clock: Clock) -> None:
        self.key = key
        self.clock = clock
        self.lock = threading.RLock()
        self.tables = {name: Table(entity) for name, entity in ENTITIES.items()}
        self.guids: dict[str, tuple[str, int]] = {}
        self.blobs: dict[str, bytes | Callable[[], bytes]] = {}
        self.listeners: list[Callable[[list[Change], str], None]] = []
        self._changes: list[Change] | None = None
        self._undo: list[Callable[[], None]] = []
        self._frozen_stamp: str | None = None
        self.actor = PERSON

    def table(self, entity: str) -> Table:
        return self.tables[entity]

    def get(self, entity: str, row_id: int | None) -> Row | None:
        """One row, deleted or not, or None."""
        return None if row_id is None else self.tables[entity].rows.get(row_id)

    def find(self, entity: str, **values: Any) -> list[Row]:
        """Live rows whose fields have these values."""
        (key, value), *rest = values.items()
        return [
            row
            for row in self.tables[entity].with_key(key, value)
            if not row.get("Deleted") and all(row.get(name) == wanted for name, wanted in rest)
        ]

    def rows(self, entity: str) -> Iterator[Row]:
        """Live rows by id."""
        table = self.tables[entity]
        return (row for row in map(table.rows.__getitem__, table.ids) if not row.get("Deleted"))

    def now(self) -> str:
        return self._frozen_stamp or stamp(self.clock.now())

    @contextmanager
    def at(self, moment: str) -> Iterator[None]:
        """Rows written inside get this stamp: how history is made."""
        previous, self._frozen_stamp = self._frozen_stamp, moment
        try:
            yield
        finally:
            self._frozen_stamp = previous

    @contextmanager
    def transaction(self, actor: str = PERSON) -> Iterator[list[Change]]:
        """All or nothing. Listeners hear of the changes when it has succeeded; an inner one joins the outer one."""
        with self.lock:
            if self._changes is not None:
                yield self._changes
                return
            self._changes, self._undo, previous, self.actor = [], [], self.actor, actor
            try:
                yield self._changes
                changes = self._changes
            except BaseException:
                for step in reversed(self._undo):
                    step()
                raise
            finally:
                self._changes, self._undo, self.actor = None, [], previous
            for listener in self.listeners if changes else ():
                listener(changes, actor)

    def insert(self, entity: str, values: Mapping[str, Any], *, row_id: int | None = None) -> Row:
        """A new row with the next id; UpdatedAt stays null until it is changed."""
        table = self.tables[entity]
        row: Row = {"ID": row_id or table.next_id, "CreatedAt": self.now(), "CreatedBy": self.actor}
        row.update((name, value) for name, value in values.items() if value is not None)
        table.put(row)
        if self._changes is not None:
            self._undo.append(lambda: table.drop(row["ID"]))
            self._changes.append(Change(entity, row["ID"], None, dict(row)))
        return row

    def change(self, entity: str, row_id: int, values: Mapping[str, Any], *, touch: bool = True) -> Row:
        """Sets fields of a row; None clears. A row that is not changed by it keeps its stamps."""
        table = self.tables[entity]
        old = table.rows[row_id]
        different = {name: value for name, value in values.items() if old.get(name) != value}
        if not different:
            return old
        row = {name: value for name, value in {**old, **different}.items() if value is not None}
        if touch:
            row["UpdatedAt"], row["UpdatedBy"] = self.now(), self.actor
        table.put(row)
        if self._changes is not None:
            self._undo.append(lambda: table.put(old))
            self._changes.append(
                Change(entity, row_id, {name: old.get(name) for name in different}, {"ID": row_id, **different})
            )
        return row

    def remove(self, entity: str, row_id: int) -> Row:
        """Soft delete: the row stays, with Deleted true and a new stamp."""
        return self.change(entity, row_id, {"Deleted": True})

    def fill(self, entity: str, rows: Iterable[Row]) -> None:
        """Rows made elsewhere, with ids and stamps, in ascending order of id; for seeding at scale."""
        table = self.tables[entity]
        for row in rows:
            table.put(row)

    @property
    def version(self) -> int:
        return sum(table.version for table in self.tables.values())
