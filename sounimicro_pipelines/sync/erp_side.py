"""One ERP company as the engine sees it: `ports.ErpPort` over the Unimicro client.

The ERP has no compare-and-set (vendor reference 5.4): a record is read again just before it is written and once more
afterwards. What its audit log shows to have happened in between is told as `overwritten`, and a field that changed
without having been sent is put back and told as `strayed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.values import Scalar
from sounimicro_pipelines.sync.erp_window import Window
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.ports import (
    AlreadyThere,
    Changed,
    Changes,
    GuidOf,
    Record,
    Touch,
    Written,
    without_effect,
)
from sounimicro_pipelines.sync.recognise import country_of, identity_of, phone_spellings, search_words
from sounimicro_pipelines.transport import (
    BadAnswer,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
    VendorError,
)
from sounimicro_pipelines.unimicro.audit import AuditLog
from sounimicro_pipelines.unimicro.company import SYSTEM, CompanyClient
from sounimicro_pipelines.unimicro.expressions import Any_, Condition, Expression, QueryError, where
from sounimicro_pipelines.unimicro.feeds import changed_ids, touched_ids
from sounimicro_pipelines.unimicro.fields import CannotBuild, FieldRegistry
from sounimicro_pipelines.unimicro.model import UnknownName
from sounimicro_pipelines.unimicro.query import Query
from sounimicro_pipelines.unimicro.stamps import stamped_rows
from sounimicro_pipelines.unimicro.traits import (
    NUMBERS,
    RECOGNISED_BY,
    created_at,
    created_by,
    is_gone,
    newest_stamp,
    stamp_of,
    traits_of,
)
from sounimicro_pipelines.unimicro.writing import emptied_beside, put_back, same_guid_refused

SKEW: Final = timedelta(minutes=10)
"""How far the ERP's clock may differ from ours when we search for what we have just created."""

_PARENT: Final[Mapping[str, str]] = {"Contact": "ParentBusinessRelationID", "Project": "ProjectCustomerID"}
_SHOWN: Final = ("Info", "Info.InvoiceAddress", "Info.DefaultPhone", "Info.DefaultEmail")
_GUIDS: Final = 4
"""How many keys are tried for a child object whose earlier ones have been used up by objects that were deleted."""


class ErpSide:
    """One company of the ERP. Raises the VendorError family; see `ports.ErpPort` for what each method answers.

    `whole` are the entities of which whole objects are sent, since partial ones have changed more than was sent.
    """

    def __init__(self, company: CompanyClient, *, whole: Iterable[str] = ()) -> None:
        self._company = company
        self._fields = FieldRegistry()
        self._audit = AuditLog(company)
        self._whole = set(whole)
        self._us: str | None = None
        self._asked_who = False
        self._asking = asyncio.Lock()

    @property
    def company_key(self) -> str:
        return self._company.company.key

    async def read(self, entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        found = await self._get(entity, record_id, paths)
        return None if found is None else await self._record(entity, found, paths)

    async def write(self, record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        paths = tuple(dict.fromkeys((*record.values, *changes)))
        for attempt in range(1, _GUIDS + 1):
            now = await self._unchanged(record, changes, paths)
            try:
                await self._put(record, now, changes, _numbered(guid_of, attempt))
                break
            except ValidationFailed as error:
                if attempt == _GUIDS or not same_guid_refused(error):
                    raise
        try:
            return await self._after_put(record, now, changes, paths, guid_of)
        except VendorError as error:
            # The PUT has happened, whatever the calls that look at it come to.
            error.effect_unknown = True
            raise

    async def _after_put(
        self,
        record: Record,
        now: Mapping[str, Any],
        changes: Mapping[str, Scalar],
        paths: Sequence[str],
        guid_of: GuidOf,
    ) -> Written:
        """What a PUT has come to; what it changed without having been sent is put back."""
        after, seen = await asyncio.gather(self._read_back(record, paths), self._what_happened(record, now, changes))
        written = await self._record(record.entity, after, paths)
        if written.is_as_before(await self._record(record.entity, now, paths), changes):
            raise without_effect(SYSTEM, f"PUT {record.entity}")
        strays = emptied_beside(self._fields, record.entity, now, after, changes)
        strays = [one for one in strays if not seen.was_emptied_by_a_person(one)]
        if strays:
            self._whole.add(record.entity)
            await self._put(record, put_back(after, strays), changes, guid_of)
            after = await self._read_back(record, paths)
        return Written(
            await self._record(record.entity, after, paths),
            exact=False,
            overwritten=seen.overwritten(),
            strayed=tuple(one.path for one in strays),
        )

    async def create(
        self,
        entity: str,
        values: Mapping[str, Scalar],
        *,
        parent: int | None,
        conditions: Mapping[str, Sequence[str]],
        guid_of: GuidOf,
    ) -> int:
        given = dict(values)
        if parent is not None and entity in _PARENT:
            given[_PARENT[entity]] = parent
        call = f"POST {entity}"
        try:
            body = self._fields.create(entity, given, guid_of)
            guid = body.pop("_createguid")
            made = await self._company.create(entity, body, guid=guid)
        except (CannotBuild, UnknownName, QueryError) as error:
            raise _refused(call, error) from error
        except PreconditionFailed as error:
            raise AlreadyThere from error
        except ValidationFailed as error:
            if same_guid_refused(error):
                raise AlreadyThere from error
            raise
        self._us = self._us or created_by(made)
        return int(made["ID"])

    async def created_by_us(self, entity: str, since: datetime, paths: Sequence[str]) -> list[Record]:
        ours = await self._who()
        condition: Expression = where("CreatedAt").gt(since - SKEW)
        if ours is not None:
            condition = condition & where("CreatedBy").eq(ours)
        query = Query(entity, condition, expand=self._expand(entity, paths), top=200)
        return [await self._record(entity, row, paths) async for row in self._company.list_all(query)]

    async def look_up(self, entity: str, like: Identity) -> list[Identity]:
        conditions = _conditions(entity, like)
        expand = tuple(path for path in _SHOWN if entity != "Project")
        found: dict[int, Identity] = {}
        queries = [Query(entity, one, expand=expand, order_by=("ID",), top=200) for one in conditions]
        for rows in await asyncio.gather(*(self._found(query) for query in queries)):
            for row in rows:
                traits = traits_of(entity, row)
                found[int(row["ID"])] = identity_of(int(row["ID"]), traits, traits.number)
        return [found[record_id] for record_id in sorted(found)]

    async def children(self, entity: str, record_id: int) -> list[int]:
        if entity not in ("Customer", "Supplier"):
            return []
        party = await self._get(entity, record_id, ())
        relation = traits_of(entity, party).relation if party is not None else None
        if relation is None:
            return []
        query = Query("Contact", where("ParentBusinessRelationID").eq(relation), select=("ID",))
        return [int(row["ID"]) async for row in self._company.list_all(query)]

    async def parties(self, relation: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for entity in ("Customer", "Supplier"):
            query = Query(entity, where("BusinessRelationID").eq(relation), select=("BusinessRelationID", "StatusCode"))
            async for row in self._company.list_all(query):
                if not is_gone(entity, row):
                    found.append((entity, int(row["ID"])))
        return found

    async def changed(self, entity: str, since: datetime) -> Changes:
        found = await changed_ids(self._company, entity, since)
        return Changes([Changed(one, found.stamps.get(one)) for one in found.ids], found.high_water)

    async def touched(self, entity: str, since: datetime) -> Changes | None:
        if entity == "Project":
            return Changes()
        found = await touched_ids(self._company, entity, since)
        return Changes([Changed(one, found.stamps.get(one)) for one in found.ids], found.high_water)

    async def deleted(self, entity: str, since: datetime) -> list[int] | None:
        rows = await stamped_rows(self._company, entity, {}, since, deleted=True)
        return None if isinstance(rows, str) else [int(row["ID"]) for row in rows]

    async def listing(self, entity: str) -> AsyncIterator[Sequence[Changed]]:
        status = ("StatusCode",) if entity in ("Customer", "Supplier") else ()
        query = Query(entity, select=("CreatedAt", "UpdatedAt", *status), top=1000)
        page: list[Changed] = []
        async for row in self._company.list_all(query):
            if not is_gone(entity, row):
                page.append(Changed(int(row["ID"]), stamp_of(row).at))
            if len(page) == query.top:
                yield page
                page = []
        if page:
            yield page

    def is_required(self, entity: str, path: str) -> bool:
        info = self._fields.find(entity, path)
        return info is not None and info.required

    def max_length(self, entity: str, path: str) -> int | None:
        info = self._fields.find(entity, path)
        return None if info is None else info.max_length

    def is_shared(self, path: str) -> bool:
        return path.startswith("Info.")

    async def _get(self, entity: str, record_id: int, paths: Sequence[str]) -> dict[str, Any] | None:
        try:
            found = await self._company.get(entity, record_id, expand=self._expand(entity, paths))
        except NotFound as error:
            await self._make_sure_it_is_gone(entity, record_id, error)
            return None
        return None if is_gone(entity, found) else found

    async def _make_sure_it_is_gone(self, entity: str, record_id: int, error: NotFound) -> None:
        """A 404 may also mean a wrong address or company (5.4): then the list is refused too, and this raises."""
        rows = await self._company.find(Query(entity, where("ID").eq(record_id), order_by=("ID",), top=2))
        if any(int(row.get("ID") or 0) == record_id and not is_gone(entity, row) for row in rows):
            raise BadAnswer(SYSTEM, error.call, status=error.status, detail="the list still shows the record")

    def _expand(self, entity: str, paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*RECOGNISED_BY[entity], *self._fields.expand(entity, paths))))

    async def _unchanged(self, record: Record, changes: Mapping[str, Scalar], paths: Sequence[str]) -> dict[str, Any]:
        """The record read again just before the write. Raises PreconditionFailed or NotFound."""
        call = f"PUT {record.entity}"
        now = await self._get(record.entity, record.id, paths)
        if now is None:
            raise NotFound(SYSTEM, call, detail="the record is gone")
        for path in changes:
            if self._fields.read(record.entity, now, path) != record.values.get(path):
                raise PreconditionFailed(SYSTEM, call)
        return now

    async def _what_happened(self, record: Record, now: Mapping[str, Any], changes: Mapping[str, Scalar]) -> Window:
        """What the audit log tells of the objects that were written, between our reading and our writing."""
        held = {path: self._fields.holders(record.entity, now, path) for path in changes}
        stamps = [stamp_of(one.record).at for holders in held.values() for one in holders]
        since = min((at for at in stamps if at is not None), default=None)
        objects = [(one.entity, one.id) for holders in held.values() for one in holders]
        lines = await self._audit.lines(objects, since - timedelta(seconds=2) if since else None)
        values = {path: self._fields.read(record.entity, now, path) for path in changes}
        return Window(held, values, lines or {}, await self._who())

    async def _put(
        self, record: Record, now: Mapping[str, Any], changes: Mapping[str, Scalar], guid_of: GuidOf
    ) -> None:
        """Sends what is changed, or the whole entity where the ERP takes nothing less (reference, 5.1).

        How an ERP refuses a part is not documented, so one that is refused is sent whole once. If that is refused too,
        it was about the content.
        """
        if record.entity in self._whole:
            await self._send(record, now, changes, guid_of, whole=True)
            return
        try:
            await self._send(record, now, changes, guid_of, whole=False)
        except ValidationFailed as refused:
            if refused.status is None or same_guid_refused(refused):
                raise
            try:
                await self._send(record, now, changes, guid_of, whole=True)
            except ValidationFailed:
                raise refused from None
            self._whole.add(record.entity)

    async def _send(
        self, record: Record, now: Mapping[str, Any], changes: Mapping[str, Scalar], guid_of: GuidOf, *, whole: bool
    ) -> None:
        try:
            body = self._fields.patch(record.entity, now, changes, guid_of, whole=whole)
            await self._company.update(record.entity, record.id, body, whole=whole)
        except (CannotBuild, UnknownName, QueryError) as error:
            raise _refused(f"PUT {record.entity}", error) from error

    async def _read_back(self, record: Record, paths: Sequence[str]) -> dict[str, Any]:
        after = await self._get(record.entity, record.id, paths)
        if after is None:
            raise NotFound(SYSTEM, f"GET {record.entity}", detail="the record is gone")
        return after

    async def _record(self, entity: str, found: Mapping[str, Any], paths: Sequence[str]) -> Record:
        ours, traits = await self._who(), traits_of(entity, found)
        record_id = int(found["ID"])
        maker = created_by(found)
        return Record(
            side="erp",
            entity=entity,
            id=record_id,
            values={
                path: self._fields.read(entity, found, path)
                for path in paths
                if self._fields.tells(entity, found, path)
            },
            identity=identity_of(record_id, traits, traits.number),
            company_key=self.company_key,
            facts=traits.facts,
            parent=traits.parent,
            relation=traits.relation,
            country=country_of(traits),
            touch=_touch(found, ours),
            touches={path: _touch(self._fields.holders(entity, found, path)[-1].record, ours) for path in paths},
            stamp=newest_stamp(self._fields, entity, found, paths) or None,
            created=created_at(found),
            created_by_us=maker == ours if ours is not None else None,
            handle=found,
        )

    async def _who(self) -> str | None:
        """The identity by which the ERP signs what we write; None while nothing has told it."""
        async with self._asking:  # items are worked off side by side, and none may go on without the answer
            if self._us is None and not self._asked_who:
                session = await self._company.current_user()
                told = (session or {}).get("GlobalIdentity")
                self._us = str(told) if told else None
                self._asked_who = True
        return self._us

    async def _found(self, query: Query) -> list[dict[str, Any]]:
        """Rows of a search, none where the installation does not take this condition."""
        try:
            rows = await self._company.find(query)
        except ValidationFailed:
            return []
        return [row for row in rows if not is_gone(query.entity, row)]


def _conditions(entity: str, like: Identity) -> list[Expression]:
    """Searches that find the record itself, or others with a similar name."""
    if entity == "Contact" and like.parent is not None:
        return [where("ParentBusinessRelationID").eq(like.parent)]
    name = "Name" if entity == "Project" else "Info.Name"
    exactly: list[Condition] = []
    if entity in ("Customer", "Supplier"):
        if like.org_number:
            exactly.append(where("OrgNumber").eq(like.org_number))
        if like.number.isdigit() and len(like.number) < 10:
            exactly.append(where(NUMBERS[entity]).eq(int(like.number)))
    elif entity == "Project" and like.number:
        exactly.append(where("ProjectNumber").eq(like.number))
    near: list[Condition] = []
    if entity != "Project":
        near += [where("Info.DefaultEmail.EmailAddress").eq(address) for address in sorted(like.emails)[:5]]
        near += [where("Info.DefaultEmail.EmailAddress").endswith(f"@{one}") for one in sorted(like.own_domains)[:3]]
        near += [where("Info.DefaultPhone.Number").contains(one) for one in phone_spellings(like.phones)[:9]]
    names = [where(name).contains(word) for word in search_words(like.name)]
    return [Any_(tuple(parts)) for parts in (exactly, near, names) if parts]


def _touch(holder: Mapping[str, Any], ours: str | None) -> Touch:
    stamp = stamp_of(holder)
    by_us = stamp.by == ours if ours is not None and stamp.by is not None else None
    return Touch(stamp.at, f"user:{stamp.by}" if stamp.by else None, by_us)


def _numbered(guid_of: GuidOf, attempt: int) -> GuidOf:
    """The keys of one attempt; the first one's are those that were given."""
    if attempt == 1:
        return guid_of
    return lambda place: guid_of(f"{place}#{attempt}")


def _refused(call: str, error: SounimicroError) -> ValidationFailed:
    """What we refuse ourselves before anything is sent, as if the ERP had."""
    return ValidationFailed(SYSTEM, call, detail=error.message.removesuffix("."), remedy=error.remedy)
