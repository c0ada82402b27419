"""What a bulk feed of either vendor looks like to the warehouse: entities, their columns, and pages of raw records.

The two vendor rooms declare their entities with these types; the warehouse loads whatever is declared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

Kind = Literal["int", "decimal", "text", "bool", "date", "datetime"]
"""int: BIGINT. decimal: DECIMAL(19,6). text: VARCHAR. date: DATE (first ten characters). datetime: TIMESTAMP in UTC."""


@dataclass(frozen=True, slots=True)
class Column:
    """One scalar of a record.

    `name` is the key in the vendor's JSON, `column` the name in the raw table (the same unless the key is no
    plain name). A required column must be there and not null, or the record is quarantined. `personal` marks
    values that previews and logs must not show.
    """

    name: str
    kind: Kind
    required: bool = False
    personal: bool = False
    column: str = ""

    @property
    def raw_name(self) -> str:
        return self.column or self.name


@dataclass(frozen=True, slots=True)
class ChildTable:
    """An array inside a record that becomes a table of its own (`Items` of an invoice).

    `parent_column` is filled with the parent's key when the child does not carry it. `touch_route` names a way to
    poll the children's own stamps, by which a parent whose head did not move is read again.
    """

    entity: str
    table: str
    path: str
    columns: tuple[Column, ...]
    parent_column: str
    key: str = "ID"
    touch: Literal["route", "statistics", "none"] = "none"
    touch_route: str = ""


@dataclass(frozen=True, slots=True)
class EntitySpec:
    """One kind of record, as one vendor serves it and as the warehouse keeps it in `raw.<table>`."""

    entity: str
    table: str
    route: str
    columns: tuple[Column, ...]
    children: tuple[ChildTable, ...] = ()
    key: str = "ID"
    created: str | None = "CreatedAt"
    updated: str | None = "UpdatedAt"
    deleted: str | None = "Deleted"
    expand: tuple[str, ...] = ()
    select: bool = True
    page_size: int = 1000
    source: str = "biz"
    optional: bool = False
    options: dict[str, str] = field(default_factory=dict)


class Held(Protocol):
    """The records of an entity that the warehouse holds already, in the order of their keys, told by their bytes.

    A place is a record's number in that order.
    """

    def __len__(self) -> int: ...

    def behind(self, key: int) -> int:
        """The place of the first record whose key is greater."""

    def keys(self, places: range) -> list[int]:
        """The keys of the records at those places."""

    def size(self, place: int) -> int:
        """That record's size in bytes."""

    def run(self, body: bytes, before: int, place: int) -> tuple[int, int]:
        """How far the JSON list `body` goes on, behind the byte at `before`, with the records from `place` as they are.

        Answers where the comma or bracket behind the last of them is, and the place behind it; unmoved when none is.
        """


Newest: TypeAlias = Callable[[bytes], datetime | None]
"""The newest stamp among records that stand one a line, None when there is none."""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records as the vendor sent them: one JSON object each, without line breaks.

    A row may be a view into the answer it came in: `bytes(row)` is what may be kept. `stamps` is the newest stamp among
    them by the vendor's clock, or what finds it among some of them: of records that are known already, nobody needs it.
    `known` are the places of records that stood on the page as they are held; they are not among the rows.
    """

    rows: Sequence[bytes]
    size: int
    stamps: datetime | Newest | None
    known: tuple[range, ...] = ()

    @property
    def count(self) -> int:
        """How many records the page had."""
        return len(self.rows) + sum(map(len, self.known))

    @property
    def high_water(self) -> datetime | None:
        """The newest stamp among the records, None when there is none."""
        return self.stamps(b"\n".join(self.rows)) if callable(self.stamps) else self.stamps


class BulkReader(Protocol):
    """How the warehouse reads one vendor register. Rows have been re-checked against what was asked."""

    @property
    def specs(self) -> Sequence[EntitySpec]:
        """Everything that can be read, parents before children."""

    def full(self, spec: EntitySpec, held: Held | None = None) -> AsyncIterator[RecordPage]:
        """Every record, in any order, each once. Those that are `held` as they are may be told by their places."""

    def changed(self, spec: EntitySpec, since: datetime) -> AsyncIterator[RecordPage]:
        """Records that were created or changed after `since`, themselves or in their children.

        The caller has subtracted the overlap. A spec without stamps answers with a full listing.
        """

    async def deleted(self, spec: EntitySpec, since: datetime) -> Sequence[int] | None:
        """Keys soft-deleted after `since`, or None where the vendor cannot say (the full listing finds them)."""
