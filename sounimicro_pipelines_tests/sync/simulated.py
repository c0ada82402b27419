"""Both systems in memory, on simulated time, in a hostile world: the ports of the engine, with every trap on a switch.

Every value that a simulated person types is a token of its own with a pointer to the token it replaces, so that a lost
update is a plain ancestor check.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.rules.organization_numbers import norwegian_number
from sounimicro_pipelines.rules.values import Scalar, Side
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.ports import (
    AlreadyThere,
    Changed,
    Changes,
    Edit,
    GuidOf,
    Merged,
    Record,
    Touch,
    Written,
)
from sounimicro_pipelines.transport import (
    BadAnswer,
    NotFound,
    PreconditionFailed,
    RateLimited,
    ServerFailed,
    Unreachable,
    ValidationFailed,
    VendorError,
)

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here."""


TOO_MANY = 500
"""More writes than any schedule needs."""


class Restless(BaseException):
    """The engine writes and writes."""


class _Pause:
    """One step that another task, a person or a fault may use."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@dataclass
class Row:
    """One record of a simulated system."""

    entity: str
    id: int
    values: dict[str, str] = field(default_factory=dict)
    born: dict[str, str] = field(default_factory=dict)
    parent: int | None = None
    relation: int | None = None
    created: datetime = START
    created_by: str = "person"
    updated: datetime = START
    updated_by: str = "person"
    child_updated: datetime | None = None
    deleted: datetime | None = None
    facts: dict[str, str] = field(default_factory=dict)
    markers: dict[tuple[str, str], int] = field(default_factory=dict)
    visible_from: datetime = START
    told_from: datetime = START
    guid: str = ""
    touched: dict[str, tuple[datetime, str]] = field(default_factory=dict)


LOOKED_BACK = timedelta(minutes=10)
"""How much farther back than asked both sides look for what we have created: the systems' clocks may be off."""
CHILD_PATHS = ("Phones", "Emails", "Info.DefaultPhone", "Info.DefaultEmail", "Info.InvoiceAddress", "MobilePhones")


@dataclass
class Trouble:
    """How often what goes wrong, as probabilities per call; what has happened is counted in the world."""

    edit_between: float = 0.0
    timeout_before: float = 0.0
    timeout_after: float = 0.0
    late: float = 0.0
    throttled: float = 0.0
    broken: float = 0.0
    html: float = 0.0
    crash: float = 0.0
    search_lag: float = 0.0
    skew: float = 0.0
    coarse_stamps: bool = False
    renormalise: bool = False
    no_audit: bool = False


class PassingTime(ManualClock):
    """A clock by which calls that got no answer take effect when they are due, whatever else goes on until then."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self._late: list[tuple[datetime, Callable[[], None]]] = []

    def later(self, seconds: float, effect: Callable[[], None]) -> None:
        """Let something happen so many seconds from now."""
        self._late.append((self.now() + timedelta(seconds=seconds), effect))

    def advance(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        due = sorted((one for one in self._late if one[0] <= until), key=lambda one: one[0])
        self._late = [one for one in self._late if one[0] > until]
        for at, effect in due:
            super().advance((at - self.now()).total_seconds())
            effect()
        super().advance((until - self.now()).total_seconds())


@dataclass
class Hostile:
    """The world that both systems live in: its people, its faults, and the record of everything that happened."""

    seed: int
    trouble: Trouble = field(default_factory=Trouble)
    rng: random.Random = field(init=False)
    clock: PassingTime = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    parents: dict[str, str] = field(default_factory=dict)
    typed: dict[str, tuple[str, str, int, str]] = field(default_factory=dict)
    typed_at: dict[str, datetime] = field(default_factory=dict)
    writes: list[tuple[str, str, int, str, str, str]] = field(default_factory=list)
    written_at: list[datetime] = field(default_factory=list)
    creates: list[tuple[str, str, int]] = field(default_factory=list)
    in_window: set[str] = field(default_factory=set)
    person_edit: Callable[[], None] | None = None
    crash_at: int | None = None
    points: int = 0
    points_of_first: int = 0
    dead: bool = False
    calm: bool = False

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.clock = PassingTime(START)
        self._tokens = 0

    def token(self, side: str, entity: str, record_id: int, path: str, before: str, shape: str = "") -> str:
        """A new value as a person types it on top of what stands there."""
        self._tokens += 1
        text = shape or f"t{self._tokens}"
        self.parents[text] = before
        self.typed[text] = (side, entity, record_id, path)
        self.typed_at[text] = self.at()
        return text

    def ancestors(self, text: str) -> set[str]:
        found: set[str] = set()
        while text and text not in found:
            found.add(text)
            text = self.parents.get(text, "")
        return found

    def at(self) -> datetime:
        return self.clock.now()

    def durable_point(self) -> None:
        """Something has just become durable, here or there; the process may die before the next such thing does.

        Dying anywhere between two of them leaves the same behind, so these points are all there are.
        """
        if self.dead:
            raise Crash
        self.points += 1
        if self.crash_at is not None and self.points == self.crash_at:
            self.counts["restart"] += 1
            self.dead = True
            raise Crash

    async def call(self, *, write: bool, effect: Callable[[], Any]) -> Any:
        """One call to a system: people and faults get their chance before, within and after."""
        await _Pause()
        if self.dead:
            raise Crash
        self.clock.advance(self.rng.uniform(0.02, 0.3))
        if not self.calm:
            self._people()
            self._fault_before(write)
        if write and not self.calm and self.rng.random() < self.trouble.late:
            self.counts["timeout_late_effect"] += 1
            self.clock.later(self.rng.uniform(1, 60), _quietly(effect))
            self.clock.advance(30)
            raise Unreachable("Sim", "call", effect_unknown=True)
        try:
            result = effect()
        except VendorError:
            await _Pause()
            raise
        if write:
            self.durable_point()
        if write and not self.calm and self.rng.random() < self.trouble.timeout_after:
            self.counts["timeout_after_effect"] += 1
            self.clock.advance(30)
            raise Unreachable("Sim", "call", effect_unknown=True)
        await _Pause()
        if self.dead:
            raise Crash
        if not self.calm:
            self._people()
        return result

    def _people(self) -> None:
        if self.person_edit is not None and self.rng.random() < self.trouble.edit_between:
            self.counts["edit_between_calls"] += 1
            self.person_edit()

    def _fault_before(self, write: bool) -> None:
        draw = self.rng.random()
        trouble = self.trouble
        for name, share, error in (
            ("timeout_before_effect", trouble.timeout_before, Unreachable("Sim", "call", effect_unknown=write)),
            ("throttled_429", trouble.throttled, RateLimited("Sim", "call", status=429)),
            ("failed_500", trouble.broken, ServerFailed("Sim", "call", status=500, effect_unknown=write)),
            ("html_answer", trouble.html, BadAnswer("Sim", "call", status=200, effect_unknown=write)),
        ):
            if draw < share:
                self.counts[name] += 1
                raise error
            draw -= share


def _quietly(effect: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        try:
            effect()
        except (VendorError, AlreadyThere):
            return

    return run


class System:
    """What both simulated systems share."""

    side: Side

    def __init__(self, world: Hostile, name: str) -> None:
        self.world = world
        self.name = name
        self.company_key = "" if name == "crm" else name
        self.rows: dict[tuple[str, int], Row] = {}
        self.required = {
            ("contact", "Name"),
            ("person", "Lastname"),
            ("Customer", "Info.Name"),
            ("Contact", "Info.Name"),
        }
        self.limits: dict[str, int] = {}
        self._ids = 1000

    # -- what people do

    def _new_id(self) -> int:
        """Every system counts for itself: the same number means another record in another company."""
        self._ids += 1
        return self._ids

    def person_creates(self, entity: str, values: Mapping[str, str], **more: Any) -> Row:
        row = Row(entity, self._new_id(), **more)
        for path, text in values.items():
            self._set(row, path, text, "person")
        row.created = row.updated = self.world.at()
        row.born = dict(row.values)
        self.rows[(entity, row.id)] = row
        return row

    def person_types(self, row: Row, path: str, shape: str = "") -> str:
        """A person edits a field of a living record."""
        text = self.world.token(self.name, row.entity, row.id, path, row.values.get(path, ""), shape)
        self._set(row, path, text, "person")
        return text

    def person_deletes(self, row: Row) -> None:
        row.deleted = self.world.at()

    # -- what stands there

    def living(self, entity: str) -> list[Row]:
        return [row for row in self.rows.values() if row.entity == entity and row.deleted is None]

    def stamp(self, row: Row) -> datetime:
        stamp = row.updated + timedelta(seconds=self.world.trouble.skew)
        return stamp.replace(microsecond=0) if self.world.trouble.coarse_stamps else stamp

    def _set(self, row: Row, path: str, text: str, by: str) -> None:
        kept = self.spelt(path, text)
        row.values[path] = kept
        if kept != text:
            self.world.counts["renormalised"] += 1
            self.world.parents.setdefault(kept, text)
        now = self.world.at()
        lag = self.world.trouble.search_lag
        if lag and by == "person":
            row.told_from = now + timedelta(seconds=self.world.rng.uniform(0, lag))
        row.touched[path] = (now, by)
        if path.startswith(CHILD_PATHS):
            row.child_updated = now
        else:
            row.updated, row.updated_by = now, by

    def spelt(self, path: str, text: str) -> str:
        """A value as this system keeps it."""
        if not self.world.trouble.renormalise or self.side != "crm" or not text:
            return text
        kept = text
        if path.endswith("City"):
            kept = text.upper()
        elif path.startswith("Urls") and not text.endswith("/"):
            kept = f"{text}/"
        return kept

    def _born(self, row: Row) -> None:
        lag = self.world.trouble.search_lag
        row.visible_from = self.world.at() + timedelta(seconds=self.world.rng.uniform(0, lag) if lag else 0)
        if lag:
            self.world.counts["search_lag"] += 1

    def _record(self, row: Row, paths: Sequence[str]) -> Record:
        by_us = row.updated_by == "us"
        touches = {path: Touch(*_touch(self, row, path)) for path in paths if path in row.touched}
        return Record(
            side=self.side,
            entity=row.entity,
            id=row.id,
            values={path: row.values.get(path) for path in paths},
            identity=self._identity(row),
            company_key=self.company_key,
            facts=row.facts,
            parent=row.parent,
            relation=row.relation,
            touch=Touch(self.stamp(row), row.updated_by, by_us),
            touches=touches,
            stamp=self.stamp(row).isoformat(),
            created=row.created + timedelta(seconds=self.world.trouble.skew),
            created_by_us=row.created_by == "us",
            markers=dict(row.markers),
            handle=dict(row.values),
        )

    def _identity(self, row: Row) -> Identity:
        crm = self.side == "crm"
        name = row.values.get("Name" if crm else "Info.Name", "") or row.values.get("Lastname", "")
        raw = row.values.get("OrgNr" if crm else "OrgNumber", "")
        return Identity(
            id=row.id,
            name=name,
            org_number=norwegian_number(raw) or "",
            number=row.values.get("Number2" if crm else "CustomerNumber", ""),
            emails=frozenset(
                filter(None, [row.values.get("Emails[first].Value" if crm else "Info.DefaultEmail.EmailAddress")])
            ),
            parent=row.parent,
        )

    # -- the port

    async def read(self, entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        def effect() -> Record | None:
            row = self.rows.get((entity, record_id))
            return None if row is None or row.deleted is not None else self._record(row, paths)

        found: Record | None = await self.world.call(write=False, effect=effect)
        return found

    async def write(self, record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        def effect() -> Written:
            row = self.rows.get((record.entity, record.id))
            if row is None or row.deleted is not None:
                raise NotFound("Sim", "write", status=404)
            self._check(row, record, changes)
            overwritten = self._window(row, record, changes)
            for path, value in changes.items():
                text = str(value or "")
                self._log_write(row, path, text)
                self._set(row, path, text, "us")
            return Written(self._record(row, list(record.values)), exact=self.side == "crm", overwritten=overwritten)

        found: Written = await self.world.call(write=True, effect=effect)
        if self.side == "erp" and not self.world.calm:
            try:
                again = await self.read(record.entity, record.id, list(record.values))
            except VendorError as error:
                self.world.counts["read_back_failed"] += 1
                raise Unreachable("Sim", "read back", effect_unknown=True) from error
            if again is None:
                raise NotFound("Sim", "read", status=404)
            found = Written(again, exact=False, overwritten=found.overwritten)
        return found

    def _check(self, row: Row, record: Record, changes: Mapping[str, Scalar]) -> None:
        """Compare-and-set on the fields that are written (and, in the CRM, on the whole record's stamp)."""
        for path in changes:
            if row.values.get(path) != record.values.get(path):
                raise PreconditionFailed("Sim", "write", status=409)
        if self.side == "crm" and self.stamp(row).replace(microsecond=0) > (record.touch.at or START).replace(
            microsecond=0
        ):
            raise PreconditionFailed("Sim", "write", status=412)

    def _window(self, row: Row, record: Record, changes: Mapping[str, Scalar]) -> list[Edit]:
        """The ERP's one unprotected call: a person may type between our comparison and our write."""
        world = self.world
        if self.side == "crm" or world.calm or world.person_edit is None:
            return []
        if world.rng.random() >= world.trouble.edit_between / 2:
            return []
        path = world.rng.choice(sorted(changes))
        if path not in TYPED_PATHS:
            return []
        text = self.person_types(row, path)
        world.counts["edit_in_window"] += 1
        world.in_window.add(text)
        if world.trouble.no_audit:
            return []
        return [Edit(path, text, "person", world.at())]

    def _log_write(self, row: Row, path: str, text: str) -> None:
        self.world.writes.append((self.name, row.entity, row.id, path, row.values.get(path, ""), text))
        self.world.written_at.append(self.world.at())
        if len(self.world.writes) > TOO_MANY:
            raise Restless

    async def create(
        self,
        entity: str,
        values: Mapping[str, Scalar],
        *,
        parent: int | None,
        conditions: Mapping[str, Sequence[str]],
        guid_of: GuidOf,
    ) -> int:
        def effect() -> int:
            guid = guid_of("")
            if self.side == "erp" and any(row.guid == guid for row in self.rows.values()):
                raise AlreadyThere
            if not (values.get("Name") or values.get("Info.Name") or values.get("Lastname")):
                raise ValidationFailed("Sim", "create", status=400, messages=["Name is required"])
            row = Row(entity, self._new_id(), parent=parent, guid=guid, created_by="us", updated_by="us")
            row.facts = {name: words[0] for name, words in conditions.items()}
            self._initial(row)
            for path, value in values.items():
                self._set(row, path, str(value), "us")
            row.created = row.updated = self.world.at()
            row.born = dict(row.values)
            self._born(row)
            self.rows[(entity, row.id)] = row
            self.world.creates.append((self.name, entity, row.id))
            return row.id

        found: int = await self.world.call(write=True, effect=effect)
        return found

    def _initial(self, row: Row) -> None:
        """What a system gives a new record by itself."""

    async def created_by_us(self, entity: str, since: datetime, paths: Sequence[str]) -> list[Record]:
        def effect() -> list[Record]:
            return [
                self._record(row, paths)
                for row in self.living(entity)
                if row.created_by == "us" and row.created >= since - LOOKED_BACK and row.visible_from <= self.world.at()
            ]

        found: list[Record] = await self.world.call(write=False, effect=effect)
        return found

    async def look_up(self, entity: str, like: Identity) -> list[Identity]:
        def effect() -> list[Identity]:
            seen = [row for row in self.living(entity) if row.visible_from <= self.world.at()]
            return [self._identity(row) for row in seen]

        found: list[Identity] = await self.world.call(write=False, effect=effect)
        return found

    async def changed(self, entity: str, since: datetime) -> Changes:
        def effect() -> Changes:
            rows = [row for row in self.living(entity) if self.stamp(row) > since and row.told_from <= self.world.at()]
            stamps = [self.stamp(row) for row in rows]
            return Changes([Changed(row.id, self.stamp(row)) for row in rows], max(stamps, default=None))

        found: Changes = await self.world.call(write=False, effect=effect)
        return found

    async def touched(self, entity: str, since: datetime) -> Changes | None:
        def effect() -> Changes:
            rows = [row for row in self.living(entity) if row.child_updated and row.child_updated > since]
            found = [Changed(row.id, row.child_updated) for row in rows]
            return Changes(found, max((one.stamp for one in found if one.stamp), default=None))

        found: Changes = await self.world.call(write=False, effect=effect)
        return found

    async def deleted(self, entity: str, since: datetime) -> list[int] | None:
        def effect() -> list[int]:
            return [r.id for r in self.rows.values() if r.entity == entity and r.deleted and r.deleted > since]

        found: list[int] = await self.world.call(write=False, effect=effect)
        return found

    async def listing(self, entity: str) -> AsyncIterator[Sequence[Changed]]:
        def effect() -> list[Changed]:
            return [Changed(row.id, self.stamp(row)) for row in self.living(entity)]

        yield await self.world.call(write=False, effect=effect)

    def is_required(self, entity: str, path: str) -> bool:
        return (entity, path) in self.required

    def max_length(self, entity: str, path: str) -> int | None:
        return self.limits.get(path)


TYPED_PATHS = (
    "Name", "Info.Name", "Address.Postal.Address1", "Info.InvoiceAddress.AddressLine1", "Address.Postal.City",
    "Info.InvoiceAddress.City", "Urls[first].Value", "WebUrl", "Title", "Role", "Lastname", "Description",
)  # fmt: skip


def _touch(system: System, row: Row, path: str) -> tuple[datetime, str, bool]:
    moment, by = row.touched[path]
    if system.side == "crm":
        return system.stamp(row), row.updated_by, row.updated_by == "us"
    return moment + timedelta(seconds=system.world.trouble.skew), by, by == "us"


class SimulatedCrm(System):
    """One tenant of the CRM."""

    side: Side = "crm"
    tenant = "Cust1"

    def __init__(self, world: Hostile) -> None:
        super().__init__(world, "crm")
        self.merge_log: list[Merged] = []
        self.allots_number: bool | None = False
        self.numbers_used = 0

    def person_merges(self, source: Row, destination: Row) -> None:
        """A user merges two companies: the source vanishes, its persons move."""
        source.deleted = self.world.at()
        del self.rows[(source.entity, source.id)]
        for row in self.living("person"):
            if row.parent == source.id:
                row.parent = destination.id
                row.updated = self.world.at()
        destination.updated, destination.updated_by = self.world.at(), "person"
        self.merge_log.append(Merged(source.entity, source.id, destination.id, self.world.at()))

    def keeps_unique(self, entity: str, path: str) -> bool:
        return self.allots_number is not False and (entity, path) == ("contact", "Number2")

    async def allots(self, entity: str, path: str, *, ask: bool = True) -> bool | None:
        if not ask:
            return None

        def effect() -> bool | None:
            self.numbers_used += bool(self.allots_number)
            return self.allots_number

        told: bool | None = await self.world.call(write=False, effect=effect)
        return told

    def _initial(self, row: Row) -> None:
        if self.allots_number and row.entity == "contact":
            self.numbers_used += 1
            row.values["Number2"] = f"K-{self.numbers_used}"

    def person_creates(self, entity: str, values: Mapping[str, str], **more: Any) -> Row:
        row = super().person_creates(entity, values, **more)
        self._initial(row)
        return row

    async def holder_of(self, entity: str, record_id: int, path: str, value: str) -> int | None:
        return None

    async def marked(self, entity: str, company_key: str, role: str, erp_id: int) -> int | None:
        def effect() -> int | None:
            for row in self.living(entity):
                if row.markers.get((company_key, role)) == erp_id:
                    return row.id
            return None

        found: int | None = await self.world.call(write=False, effect=effect)
        return found

    async def mark(self, entity: str, record_id: int, company_key: str, role: str, erp_id: int) -> None:
        def effect() -> None:
            row = self.rows.get((entity, record_id))
            if row is None or row.deleted is not None:
                raise NotFound("Sim", "mark", status=404)
            row.markers[(company_key, role)] = erp_id
            self._log_write(row, f"marker:{company_key}:{role}", str(erp_id))

        await self.world.call(write=True, effect=effect)

    async def unmark(self, entity: str, record_id: int, company_key: str, role: str) -> None:
        def effect() -> None:
            row = self.rows.get((entity, record_id))
            if row is not None:
                row.markers.pop((company_key, role), None)

        await self.world.call(write=True, effect=effect)

    async def dated(self, record: Record, paths: Collection[str]) -> Record:
        row = self.rows[(record.entity, record.id)]
        skew = timedelta(seconds=self.world.trouble.skew)
        below = {path: row.touched[path][0] for path in paths if path in row.touched and path.startswith(CHILD_PATHS)}
        return replace(record, touches={path: Touch(at + skew) for path, at in below.items()})

    async def deleted_alike(self, entity: str, like: Identity) -> list[int]:
        def effect() -> list[int]:
            gone = [row for row in self.rows.values() if row.entity == entity and row.deleted is not None]
            alike = [one for one in map(self._identity, gone) if (one.name, one.parent) == (like.name, like.parent)]
            return [one.id for one in alike if len({one.org_number, like.org_number} - {""}) < 2]

        found: list[int] = await self.world.call(write=False, effect=effect)
        return found

    async def is_deleted(self, entity: str, record_id: int) -> bool:
        row = self.rows.get((entity, record_id))
        return row is not None and row.deleted is not None

    async def merges(self, since: datetime) -> list[Merged] | None:
        def effect() -> list[Merged]:
            return [one for one in self.merge_log if one.at is not None and one.at > since]

        found: list[Merged] = await self.world.call(write=False, effect=effect)
        return found

    async def children(self, entity: str, record_id: int) -> list[int]:
        def effect() -> list[int]:
            return [row.id for row in self.living("person") if row.parent == record_id]

        found: list[int] = await self.world.call(write=False, effect=effect)
        return found


class SimulatedErp(System):
    """One company of the ERP."""

    side: Side = "erp"

    def __init__(self, world: Hostile, key: str) -> None:
        super().__init__(world, key)
        self._numbers = 10_000

    def _initial(self, row: Row) -> None:
        if row.entity in ("Customer", "Supplier"):
            self._numbers += 1
            number = "CustomerNumber" if row.entity == "Customer" else "SupplierNumber"
            row.values[number] = str(self._numbers)
            row.relation = row.id + 500_000
        row.facts.setdefault("status", "active")

    def person_creates(self, entity: str, values: Mapping[str, str], **more: Any) -> Row:
        row = super().person_creates(entity, values, **more)
        self._initial(row)
        return row

    async def parties(self, relation: int) -> list[tuple[str, int]]:
        def effect() -> list[tuple[str, int]]:
            return [(r.entity, r.id) for r in self.rows.values() if r.relation == relation and r.deleted is None]

        found: list[tuple[str, int]] = await self.world.call(write=False, effect=effect)
        return found

    async def children(self, entity: str, record_id: int) -> list[int]:
        def effect() -> list[int]:
            party = self.rows.get((entity, record_id))
            return [row.id for row in self.living("Contact") if party is not None and row.parent == party.relation]

        found: list[int] = await self.world.call(write=False, effect=effect)
        return found

    def is_shared(self, path: str) -> bool:
        return path.startswith("Info.")
