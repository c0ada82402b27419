"""One CRM tenant as the engine sees it: `ports.CrmPort` over the SuperOffice client.

Our marker on a record is a foreign key: app `Unimicro`, device = CompanyKey, identifier `v1`, key = role, value = ERP
id (vendor reference 4.2). Writes are JSON Patches with conditions, never PUT.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules import RuleSet
from sounimicro_pipelines.rules.values import Scalar
from sounimicro_pipelines.superoffice import (
    PROVIDERS,
    Device,
    Entity,
    FieldProblem,
    Query,
    Row,
    SuperOfficeClient,
    UnknownName,
    Where,
    allotted_number,
    archive_column,
    is_own_number,
    new_entity,
)
from sounimicro_pipelines.superoffice.traits import (
    RECOGNISED_BY,
    Traits,
    category_group_of,
    group_word,
    tells,
    traits_of,
    traits_of_row,
)
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.names import normal
from sounimicro_pipelines.sync.ports import Changed, Changes, GuidOf, Merged, Record, Touch, Written, without_effect
from sounimicro_pipelines.sync.recognise import country_of, identity_of, phone_spellings, search_words
from sounimicro_pipelines.transport import AccessDenied, BadAnswer, NotFound, ValidationFailed, VendorError

APP: Final = "Unimicro"
VERSION: Final = "v1"
SKEW: Final = timedelta(minutes=10)
"""How far the CRM's clock may differ from ours when we search for what we have just created."""

NUMBERS: Final[Mapping[str, str]] = {"contact": "Number2", "project": "ProjectNumber"}
"""The fields that hold the ERP's number unless the rules say otherwise."""

_FEW: Final = 50
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LISTS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "contact": {"category": ("category", "Category.Id"), "business": ("business", "Business.Id")},
    "person": {"position": ("perspos", "Position.Id")},
    "project": {"status": ("projectstatus", "ProjectStatus.Id"), "type": ("projecttype", "ProjectType.Id")},
}
_MANDATORY: Final[Mapping[str, tuple[str, ...]]] = {"contact": ("category", "business")}
"""Lists without which the CRM may refuse a new record (8.2)."""


def numbers_of(rules: RuleSet) -> dict[str, str]:
    """The CRM fields that hold the ERP's numbers by these rules, by entity."""
    found = dict(NUMBERS)
    for name, erp_path in (("customer", "CustomerNumber"), ("project", "ProjectNumber")):
        rule = rules.get(name)
        field = next((one for one in rule.fields if one.erp == (erp_path,) and one.crm), None)
        if field is not None:
            found[rule.crm] = field.crm[0]
    return found


class CrmSide:
    """One tenant of the CRM. Raises the VendorError family; see `ports.CrmPort` for what each method answers.

    `numbers` are the paths of the fields that hold the ERP's number, by entity; "" where none does.
    """

    def __init__(self, client: SuperOfficeClient, *, numbers: Mapping[str, str] | None = None) -> None:
        self._client = client
        self._numbers = {**NUMBERS, **(numbers or {})}
        self._owners: set[int] = set()
        self._allots: dict[str, bool | None] = {}
        self._asking = asyncio.Lock()

    @property
    def tenant(self) -> str:
        return self._client.tenant

    async def read(self, entity: str, record_id: int, paths: Sequence[str]) -> Record | None:
        try:
            found = await self._client.read(entity, record_id, foreign_keys=True)
        except NotFound:
            await self._make_sure_it_is_gone(entity, record_id)
            return None
        return None if found.deleted else await self._record(found, paths, self._markers(found))

    async def write(self, record: Record, changes: Mapping[str, Scalar], guid_of: GuidOf) -> Written:
        try:
            after = await self._client.change(record.handle, changes)
        except (FieldProblem, UnknownName) as error:
            raise _refused(f"PATCH {record.entity}", error) from error
        try:
            written = await self._record(after, tuple(record.values), record.markers)
        except VendorError as error:
            # The write has happened, whatever the calls that complete its answer come to.
            error.effect_unknown = True
            raise
        if not after.written and written.is_as_before(record, changes):
            raise without_effect("SuperOffice", f"PATCH {record.entity}")
        return Written(written, exact=after.written)

    async def create(
        self,
        entity: str,
        values: Mapping[str, Scalar],
        *,
        parent: int | None,
        conditions: Mapping[str, Sequence[str]],
        guid_of: GuidOf,
    ) -> int:
        """The CRM has no idempotency key; an error with `effect_unknown` means that the record may exist."""
        default = await self._client.default(entity)
        chosen = await self._choices(entity, default, values, conditions)
        if entity == "person" and parent is not None:
            chosen["Contact.ContactId"] = parent
        try:
            body = new_entity(self._client.fields, entity, default, {**chosen, **values})
        except (FieldProblem, UnknownName) as error:
            raise _refused(f"POST {entity}", error) from error
        return (await self._client.create(entity, body)).id

    async def created_by_us(self, entity: str, since: datetime, paths: Sequence[str]) -> list[Record]:
        found = await self._client.created_since(entity, since - SKEW)
        return [await self._record(one, paths, self._markers(one)) for one in found]

    async def look_up(self, entity: str, like: Identity) -> list[Identity]:
        provider = PROVIDERS[entity]
        number = self._number_column(entity)
        select = tuple(dict.fromkeys((*RECOGNISED_BY[entity], *((number,) if number else ()))))
        wanted: list[tuple[Where, ...]] = []
        if entity == "person":
            wanted.append((Where("contactId", "eq", like.parent),) if like.parent is not None else ())
        else:
            wanted.append(self._exactly(entity, like, number))
        if entity != "person" or like.parent is None:
            wanted.append(self._roughly(entity, like))
        queries = [
            Query(provider, select, where, any_of=len(where) > 1, top=200, entities=provider.entities)
            for where in wanted
            if where
        ]
        rows: dict[int, Row] = {}
        for page in await asyncio.gather(*(self._client.archive.page(query) for query in queries)):
            rows.update((row.key, row) for row in page)
        return [self._identity_of_row(entity, row, number) for _, row in sorted(rows.items())]

    async def children(self, entity: str, record_id: int) -> list[int]:
        if entity != "contact":
            return []
        query = Query(PROVIDERS["person"], (), (Where("contactId", "eq", record_id),))
        return [row.key async for rows in self._client.archive.pages(query) for row in rows]

    async def changed(self, entity: str, since: datetime) -> Changes:
        return _changes([(one.id, one.at) for one in await self._client.feeds.changed(entity, since)])

    async def touched(self, entity: str, since: datetime) -> Changes | None:
        found = await self._client.feeds.touched(entity, since)
        if found is None:
            return None
        return replace(_changes([(one.id, one.at) for one in found.changes]), trouble=found.failure)

    async def deleted(self, entity: str, since: datetime) -> list[int] | None:
        return await self._client.feeds.deleted(entity, since)

    async def dated(self, record: Record, paths: Collection[str]) -> Record:
        """Who changed a row below a record is not told; who changed the record is, where both moved at once."""
        parts = {path: path.partition(".")[0].partition("[")[0] for path in paths}
        moments = await self._client.feeds.stamps_below(record.entity, record.id, set(parts.values()))
        touches = {
            path: record.touch if _at_once(moment, record.touch.at) else Touch(moment)
            for path, part in parts.items()
            if (moment := moments.get(part)) is not None
        }
        return replace(record, touches={**record.touches, **touches})

    async def merges(self, since: datetime) -> list[Merged] | None:
        """Of the log's lines, which tell moves as well, those whose source is really gone."""
        found = await self._client.feeds.merged(since)
        if found is None:
            return None
        merges = []
        for one in found:
            entity = one.entity or "project"
            if await self._lives(entity, one.source) or not await self._lives(entity, one.destination):
                continue
            merges.append(Merged(entity, one.source, one.destination, one.registered))
        return merges

    async def deleted_alike(self, entity: str, like: Identity) -> list[int]:
        """By the archive, which shows what users have deleted until the CRM takes it away for good (2.5)."""
        provider = PROVIDERS[entity]
        if provider.deleted is None or not like.name:
            return []
        under = (Where("contactId", "eq", like.parent),) if entity == "person" and like.parent is not None else ()
        column = "fullName" if entity == "person" else "name"
        named = tuple(Where(column, "contains", word) for word in search_words(like.name)[:1])
        query = Query(provider, RECOGNISED_BY[entity], (*under, *named))
        rows = await self._client.archive.optional(query, (provider.deleted, _LONG_AGO)) or ()
        found = [self._identity_of_row(entity, row, None) for row in rows]
        named_alike = [one for one in found if normal(one.name) == normal(like.name)]
        return [one.id for one in named_alike if len({one.org_number, like.org_number} - {""}) < 2]

    async def is_deleted(self, entity: str, record_id: int) -> bool:
        """By the archive's date: a person carries no mark of its own (vendor reference 2.5, 8.5)."""
        provider = PROVIDERS[entity]
        if provider.deleted is None:
            return False
        query = Query(provider, (), (Where(provider.key, "eq", record_id),))
        return bool(await self._client.archive.optional(query, (provider.deleted, _LONG_AGO)))

    async def listing(self, entity: str) -> AsyncIterator[Sequence[Changed]]:
        provider = PROVIDERS[entity]
        select = tuple(name for name in (provider.changed, provider.deleted) if name)
        query = Query(provider, select, entities=provider.entities)
        async for rows in self._client.archive.pages(query):
            yield [
                Changed(row.key, row.get(provider.changed or ""))
                for row in rows
                if provider.deleted is None or row.get(provider.deleted) is None
            ]

    async def marked(self, entity: str, company_key: str, role: str, erp_id: int) -> int | None:
        found = await self._client.foreign_keys.find(_device(company_key), role, entity, str(erp_id))
        return None if found is None else found.record_id

    def keeps_unique(self, entity: str, path: str) -> bool:
        return is_own_number(entity, path)

    async def allots(self, entity: str, path: str, *, ask: bool = True) -> bool | None:
        """Asked once. A project's number is the ERP's whatever the tenant allots at first: no other field shows it."""
        if entity != "contact" or not is_own_number(entity, path):
            return False
        async with self._asking:
            if entity not in self._allots:
                if not ask:
                    return None
                try:
                    self._allots[entity] = bool(allotted_number(entity, await self._client.default(entity)))
                except (NotFound, AccessDenied):
                    self._allots[entity] = None
            if self._allots[entity] and self._numbers.get(entity) == path:
                self._numbers[entity] = ""  # what stands there is no number of the ERP's, and tells of no record there
            return self._allots[entity]

    async def holder_of(self, entity: str, record_id: int, path: str, value: str) -> int | None:
        column = archive_column(entity, path)
        if column is None or not value:
            return None
        provider = PROVIDERS[entity]
        where = (Where(column, "is", value),)
        rows = await self._client.archive.page(Query(provider, (), where, top=5, entities=provider.entities))
        return next((row.key for row in rows if row.key != record_id), None)

    async def mark(self, entity: str, record_id: int, company_key: str, role: str, erp_id: int) -> None:
        await self._client.foreign_keys.put(_device(company_key), role, entity, record_id, str(erp_id))

    async def unmark(self, entity: str, record_id: int, company_key: str, role: str) -> None:
        await self._client.foreign_keys.remove(_device(company_key), role, entity, record_id)

    def is_required(self, entity: str, path: str) -> bool:
        info = self._client.fields.find(entity, path)
        return info is not None and info.required

    def max_length(self, entity: str, path: str) -> int | None:
        info = self._client.fields.find(entity, path)
        return None if info is None else info.max_length

    async def _record(self, found: Entity, paths: Sequence[str], markers: Mapping[tuple[str, str], int]) -> Record:
        registry, traits = self._client.fields, traits_of(found)
        ours = (await self._client.principal()).associate_id
        number = self._numbers.get(found.name)
        shown = registry.read(found.name, found.data, number) if number else None
        updated = found.updated
        return Record(
            side="crm",
            entity=found.name,
            id=found.id,
            values={path: registry.read(found.name, found.data, path) for path in paths if tells(found, path)},
            identity=identity_of(found.id, traits, "" if shown is None else str(shown)),
            facts=await self._facts(found.name, traits),
            parent=traits.parent,
            country=country_of(traits),
            touch=Touch(updated, _associate(found.updated_by), found.updated_by == ours if found.updated_by else None),
            stamp=updated.isoformat() if updated else None,
            created=found.created,
            created_by_us=found.created_by == ours,
            locked=await self._locked(found, traits),
            markers=markers,
            unset=frozenset(path for path in paths if registry.may_be_unset(found.name, found.data, path)),
            handle=found,
        )

    async def _facts(self, entity: str, traits: Traits) -> Mapping[str, str]:
        category = traits.facts.get("category")
        if entity != "contact" or not category or "category_group" in traits.facts:
            return traits.facts
        items = await self._client.lists.items("category")
        group = next((item.group for item in items if str(item.id) == category), None)
        return {**traits.facts, "category_group": group_word(group)} if group else traits.facts

    async def _locked(self, found: Entity, traits: Traits) -> str | None:
        if traits.owner_contact is not None:
            self._owners.add(traits.owner_contact)
        if traits.is_user:
            return "The person is a user of the CRM."
        own = (await self._client.principal()).contact_id
        place = found.id if found.name == "contact" else traits.parent
        if place is not None and (place == own or place in self._owners):
            return "The record belongs to the CRM owner's own company."
        return None if found.may_update else "Our user may not change this record."

    def _markers(self, found: Entity) -> dict[tuple[str, str], int]:
        keys = found.foreign_keys(APP)
        return {key: int(value) for key, value in keys.items() if value.isdigit()}

    def _number_column(self, entity: str) -> str | None:
        path = self._numbers.get(entity)
        return archive_column(entity, path) if path else None

    def _identity_of_row(self, entity: str, row: Row, number: str | None) -> Identity:
        return identity_of(row.key, traits_of_row(entity, row), str(row.get(number) or "") if number else "")

    def _exactly(self, entity: str, like: Identity, number: str | None) -> tuple[Where, ...]:
        """Restrictions by which the record itself is found, one of which is enough."""
        where: list[Where] = []
        if entity == "contact" and like.org_number:
            where.append(Where("orgnr", "contains", like.org_number))
            if like.org_number.isdigit() and len(like.org_number) == 9:
                parts = (like.org_number[:3], like.org_number[3:6], like.org_number[6:])
                where.append(Where("orgnr", "contains", " ".join(parts)))
        if number and like.number:
            where.append(Where(number, "is", like.number))
        if entity == "contact":
            where += [Where("email/emailAddress", "is", address) for address in sorted(like.emails)[:5]]
            where += [Where("email/emailAddress", "contains", f"@{one}") for one in sorted(like.own_domains)[:3]]
            spelt = phone_spellings(like.phones)[:12]
            where += [Where("contactPhone/formattedNumber", "contains", one) for one in spelt]
        return tuple(where)

    def _roughly(self, entity: str, like: Identity) -> tuple[Where, ...]:
        """Restrictions by which similar names are found, one of which is enough."""
        words = search_words(like.name)
        if entity != "person":
            return tuple(Where("name", "contains", word) for word in words)
        where = [Where("email/emailAddress", "is", address) for address in sorted(like.emails)[:5]]
        for one in phone_spellings(like.phones)[:6]:
            where.append(Where("personMobilePhone/formattedNumber", "contains", one))
        return (*where, *(Where("fullName", "contains", word) for word in words))

    async def _choices(
        self,
        entity: str,
        default: Mapping[str, object],
        values: Mapping[str, Scalar],
        conditions: Mapping[str, Sequence[str]],
    ) -> dict[str, Scalar]:
        """List items by which a new record meets the rule's conditions, and those that the CRM will not do without."""
        chosen: dict[str, Scalar] = {}
        lists = _LISTS[entity]
        for fact, (list_name, path) in lists.items():
            if path in values:
                continue
            held = self._client.fields.read(entity, default, path)
            wanted = conditions.get(fact)
            if wanted:
                if str(held) not in wanted:
                    chosen[path] = int(wanted[0])
                continue
            groups = conditions.get("category_group", ()) if fact == "category" else ()
            if groups and category_group_of(default) in groups:
                continue
            if not groups and (held or fact not in _MANDATORY.get(entity, ())):
                continue
            item = await self._item(list_name, held, groups)
            if item is not None and item != held:
                chosen[path] = item
        return chosen

    async def _item(self, list_name: str, held: Scalar, groups: Sequence[str]) -> int | None:
        """The item that the tenant prefers, or the first that is of one of these groups, in their order."""
        items = [item for item in await self._client.lists.items(list_name) if not item.deleted]
        if not groups:
            return next((item.id for item in items), None)
        fitting = {item.id: group_word(item.group) for item in items if item.group and group_word(item.group) in groups}
        if held in fitting:
            return int(str(held))
        return min(fitting, key=lambda key: list(groups).index(fitting[key]), default=None)

    async def _lives(self, entity: str, record_id: int) -> bool:
        return await self._client.find(entity, record_id) is not None

    async def _make_sure_it_is_gone(self, entity: str, record_id: int) -> None:
        """A 404 may also mean a wrong address. Raises BadAnswer when the archive still shows the record."""
        provider = PROVIDERS[entity]
        select = (provider.deleted,) if provider.deleted else ()
        rows = await self._client.archive.page(Query(provider, select, (Where(provider.key, "eq", record_id),), top=2))
        if any(row.key == record_id and (not select or row.get(select[0]) is None) for row in rows):
            raise BadAnswer("SuperOffice", f"GET {entity}", status=404, detail="the archive still shows the record")


def _refused(call: str, error: SounimicroError) -> ValidationFailed:
    """What we refuse ourselves before anything is sent, as if the CRM had."""
    return ValidationFailed("SuperOffice", call, detail=error.message.removesuffix("."), remedy=error.remedy)


def _device(company_key: str) -> Device:
    return Device(APP, company_key, VERSION)


def _at_once(one: datetime, other: datetime | None) -> bool:
    """Whether two stamps may be those of one save."""
    return other is not None and abs(one - other) <= timedelta(seconds=1)


def _associate(number: int | None) -> str | None:
    return None if not number else f"associate:{number}"


def _changes(found: Sequence[tuple[int, datetime | None]]) -> Changes:
    stamps = [at for _, at in found if at is not None]
    return Changes([Changed(record_id, at) for record_id, at in found], max(stamps, default=None))
