"""The two systems as the engine sees them. The real ones are in `crm_side.py` and `erp_side.py`; tests have their own.

Every method may raise the transport's VendorError family; a write's error says by `effect_unknown` whether it may
have happened all the same, and PreconditionFailed means that the record is no longer as it was read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sounimicro_pipelines.rules.values import Scalar, Side
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.transport import BadAnswer, VendorError

GuidOf = Callable[[str], str]
"""The idempotency key for the object at a place of a new record; the same place gives the same key."""


@dataclass(frozen=True, slots=True)
class Touch:
    """Who changed the object that holds a field last, and when; None where the system does not tell."""

    at: datetime | None = None
    by: str | None = None
    by_us: bool | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record of one system as it was read, with the paths that were asked for.

    `facts` are what `takes_part` asks about. `parent` is a person's CRM company, a contact's business relation or a
    project's customer. `relation` is a party's own business relation. `locked` says why the record must not be written.
    `markers` are ours on a CRM record: (CompanyKey, role) → ERP id. `handle` is the port's own. `created` and
    `created_by_us` are None where the system does not tell. `unset` are paths that hold a zero which the system cannot
    tell from nothing.
    """

    side: Side
    entity: str
    id: int
    values: Mapping[str, Scalar]
    identity: Identity
    company_key: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    parent: int | None = None
    relation: int | None = None
    country: str = "NO"
    touch: Touch = Touch()
    touches: Mapping[str, Touch] = field(default_factory=dict)
    stamp: str | None = None
    created: datetime | None = None
    created_by_us: bool | None = False
    locked: str | None = None
    markers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unset: frozenset[str] = frozenset()
    handle: Any = None

    def touch_of(self, path: str) -> Touch:
        """Who changed the object at a path last; the record's own touch where no more is known."""
        return self.touches.get(path, self.touch)

    def is_as_before(self, before: Record, paths: Iterable[str]) -> bool:
        """Whether these paths hold what they held, and nobody, we included, has changed their objects meanwhile."""
        return all(
            self.values.get(path) == before.values.get(path) and self.touch_of(path).at == before.touch_of(path).at
            for path in paths
        )


@dataclass(frozen=True, slots=True)
class Edit:
    """A person's change that our write has overwritten unseen, found in the system's own log."""

    path: str
    value: Scalar
    by: str | None
    at: datetime | None


def without_effect(system: str, call: str) -> BadAnswer:
    """A write that was answered as if it had been done, though the record is as it was: it may still come to be."""
    return BadAnswer(
        system,
        call,
        detail="it tells of a change, but the record is as it was before",
        remedy="It is tried again. If this stays, type the value there by hand, and see whether that system keeps it.",
        effect_unknown=True,
    )


@dataclass(frozen=True, slots=True)
class Written:
    """A record after our write.

    `exact`: the answer of the write itself, so that nobody can have changed it in between. `strayed` are fields that
    we did not send and that changed with the write.
    """

    record: Record
    exact: bool
    overwritten: Sequence[Edit] = ()
    strayed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """A record that a feed tells of; `stamp` is the system's own, None when it does not tell."""

    id: int
    stamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a feed tells. `high_water` is the newest stamp by the system's clock.

    `trouble` says why it does not tell all; what it has not told is asked for again.
    """

    changed: Sequence[Changed] = ()
    high_water: datetime | None = None
    trouble: VendorError | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """Record `source` is gone; `destination` is what it was merged into."""

    entity: str
    source: int
    destination: int
    at: datetime | None = None


class AlreadyThere(Exception):
    """The system refuses a create because its idempotency key has been used: the record exists."""


class Port(Protocol):
    """What both systems can do."""

    async def read(self, entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        """The record with these paths; None when it is gone or soft-deleted."""

    async def write(self, record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        """Change these paths if they are still as in `record`. Raises PreconditionFailed when they are not."""

    async def create(
        self,
        entity: str,
        values: Mapping[str, Scalar],
        *,
        parent: int | None,
        conditions: Mapping[str, Sequence[str]],
        guid_of: GuidOf,
    ) -> int:
        """Create a record that meets `conditions` (a rule's `takes_part`) and answer its id.

        Raises AlreadyThere when the system has made it before with the same key.
        """

    async def created_by_us(self, entity: str, since: datetime, paths: Sequence[str]) -> list[Record]:
        """What we ourselves have created since a moment, in every status."""

    async def look_up(self, entity: str, like: Identity) -> list[Identity]:
        """Records that may be this one, by number, organisation number, name, mail or phone; `linked` is not set."""

    async def children(self, entity: str, record_id: int) -> list[int]:
        """The persons of a company (CRM), or the contacts of a party (ERP)."""

    async def changed(self, entity: str, since: datetime) -> Changes:
        """Records that were created or changed since, by their own stamps."""

    async def touched(self, entity: str, since: datetime) -> Changes | None:
        """Records whose children were changed since; None where the system does not tell."""

    async def deleted(self, entity: str, since: datetime) -> list[int] | None:
        """Records that were deleted since; None where the system does not tell."""

    def listing(self, entity: str) -> AsyncIterator[Sequence[Changed]]:
        """Every living record, page by page."""

    def is_required(self, entity: str, path: str) -> bool:
        """Whether the field must not be emptied."""

    def max_length(self, entity: str, path: str) -> int | None:
        """The most characters that the field holds; None when unknown."""


class CrmPort(Port, Protocol):
    """One tenant of the CRM."""

    @property
    def tenant(self) -> str: ...

    async def marked(self, entity: str, company_key: str, role: str, erp_id: int) -> int | None:
        """The record that carries our marker for an ERP record, None where none does."""

    def keeps_unique(self, entity: str, path: str) -> bool:
        """Whether the tenant may refuse a value of the field because another record has it."""

    async def allots(self, entity: str, path: str, *, ask: bool = True) -> bool | None:
        """Whether the tenant gives new records a number of its own in the field; None when it does not tell.

        Asking may use one of its numbers up. Without `ask` nobody is asked, and None is what is not known yet.
        """

    async def holder_of(self, entity: str, record_id: int, path: str, value: str) -> int | None:
        """A record other than `record_id` that has this value in a field that the tenant keeps unique."""

    async def mark(self, entity: str, record_id: int, company_key: str, role: str, erp_id: int) -> None:
        """Put our marker on a record; nothing happens when it is there."""

    async def unmark(self, entity: str, record_id: int, company_key: str, role: str) -> None:
        """Take our marker off a record; nothing happens when it is not there."""

    async def dated(self, record: Record, paths: Collection[str]) -> Record:
        """The record with the moments at which the rows below it that hold these paths were changed last.

        Phones, addresses and e-mails are such rows; the record's own stamp need not move with them. As it is where the
        tenant does not tell. Costs a search for each kind of row.
        """

    async def merges(self, since: datetime) -> list[Merged] | None:
        """Merges since, oldest first; None where the tenant does not tell."""

    async def deleted_alike(self, entity: str, like: Identity) -> list[int]:
        """Deleted records that bore this name: persons of the same company, and companies of no other number."""

    async def is_deleted(self, entity: str, record_id: int) -> bool:
        """Whether a record is deleted that the tenant may still answer with, unmarked. Costs a search."""


class ErpPort(Port, Protocol):
    """One company of the ERP."""

    @property
    def company_key(self) -> str: ...

    async def parties(self, relation: int) -> list[tuple[str, int]]:
        """The customers and suppliers (entity, id) whose business relation this is."""

    def is_shared(self, path: str) -> bool:
        """Whether the path lies on the business relation, which a customer and a supplier may share."""


class Reporter(Protocol):
    """Where work is told of while it goes on, such as Dagster's log; texts hold no personal data."""

    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...


class Silent:
    """A reporter that tells nobody."""

    def info(self, message: str) -> None:
        """Nothing."""

    def warning(self, message: str) -> None:
        """Nothing."""
