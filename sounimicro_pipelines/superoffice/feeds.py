"""What changed in the CRM: by its own stamps, by its children's, by soft deletes and merges (vendor reference 3.5).

Every answer may hold too much, never too little: the caller subtracts the overlap and compares what it reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sounimicro_pipelines.superoffice.archive import Archive, Row
from sounimicro_pipelines.superoffice.entity import MERGED_TABLES, Merge
from sounimicro_pipelines.superoffice.failures import UnknownName
from sounimicro_pipelines.superoffice.providers import (
    ADDRESS_OWNERS,
    EMAIL_CONTACTS,
    EMAIL_PERSONS,
    MERGE_LOG,
    PHONE_OWNERS,
    PROVIDERS,
    Provider,
)
from sounimicro_pipelines.superoffice.query import Query, Where
from sounimicro_pipelines.transport import ServerFailed

CHILDREN: Final[Mapping[str, tuple[Provider, ...]]] = {
    "contact": (PHONE_OWNERS, ADDRESS_OWNERS, EMAIL_CONTACTS),
    "person": (PHONE_OWNERS, ADDRESS_OWNERS, EMAIL_PERSONS),
    "project": (),
}
_BELOW: Final[Mapping[str, frozenset[str]]] = {
    PHONE_OWNERS.name: frozenset(("Phones", "OfficePhones", "MobilePhones", "PrivatePhones", "OtherPhones", "Faxes")),
    ADDRESS_OWNERS.name: frozenset(("Address",)),
    EMAIL_CONTACTS.name: frozenset(("Emails",)),
}
"""What of an entity each table of children holds."""

_UPDATED_BY: Final[Mapping[str, str]] = {"contact": "updatedBy", "person": "personUpdatedBy", "project": "updatedBy"}


@dataclass(frozen=True, slots=True)
class Change:
    """A record that was changed, when and by which associate; None where it is not told."""

    id: int
    at: datetime | None
    by: int | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """Records whose children were changed; `failure`: a table at which the system failed, so some may be missing."""

    changes: Sequence[Change] = ()
    failure: ServerFailed | None = None


class Feeds:
    """The change feeds of one tenant."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def changed(self, entity: str, since: datetime) -> list[Change]:
        """Records whose own row was changed or registered since."""
        provider = provider_of(entity)
        stamps = tuple(name for name in (provider.changed, provider.registered) if name)
        query = Query(provider, (_UPDATED_BY[entity], *stamps), entities=provider.entities, full=True)
        found: dict[int, Change] = {}
        async for rows in self.changed_rows(query, since):
            for row in rows:
                moments = [moment for name in stamps if (moment := row.get(name)) is not None]
                found[row.key] = Change(row.key, max(moments, default=None), row.get(_UPDATED_BY[entity]))
        return list(found.values())

    async def changed_rows(self, query: Query, since: datetime) -> AsyncIterator[list[Row]]:
        """Rows of an entity's archive that were changed or registered since, each key once."""
        seen: set[int] = set()
        for column in (query.provider.changed, query.provider.registered):
            if column is None:
                continue
            async for rows in self._archive.pages_since(query, column, since):
                fresh = [row for row in rows if row.key not in seen]
                seen.update(row.key for row in fresh)
                if fresh:
                    yield fresh

    async def touched(self, entity: str, since: datetime) -> Touched | None:
        """Records whose phones, addresses or e-mails were changed since, which does not move their own stamp.

        None where the tenant tells of none of these tables. An owner's id alone does not say whether it is a
        company's or a person's, so some that were not touched may be among them. The dynamic archive may be left out
        of an installation, so one at which the system fails takes nothing from the other tables.
        """
        available = False
        failure: ServerFailed | None = None
        found: dict[int, Change] = {}
        for provider in CHILDREN[provider_of(entity).entities[0]]:
            stamp = _stamp_of(provider)
            try:
                rows = await self._archive.optional(Query(provider, (stamp,)), (stamp, since))
            except ServerFailed as error:
                rows, failure = None, error
            available = available or rows is not None
            for row in rows or ():
                moment, held = row.get(stamp), found.get(row.key)
                if row.key > 0 and (held is None or (moment and held.at and moment > held.at)):
                    found[row.key] = Change(row.key, moment)
        return Touched(list(found.values()), failure) if available or failure is not None else None

    async def stamps_below(self, entity: str, record_id: int, parts: Collection[str]) -> dict[str, datetime]:
        """When these parts of a record, by the entity's own names, were changed last; phones, addresses and e-mails.

        What no table tells of is left out. A company and a person of the same id may share a phone's or an address's
        stamp (see `touched`), which is then the later one's.
        """

        async def ask(provider: Provider) -> dict[str, datetime]:
            stamp = _stamp_of(provider)
            try:
                rows = await self._archive.optional(Query(provider, (stamp,), (Where(provider.key, "eq", record_id),)))
            except ServerFailed:
                rows = None
            moments = [moment for row in rows or () if (moment := row.get(stamp)) is not None]
            return dict.fromkeys(_BELOW[provider.name], max(moments)) if moments else {}

        wanted = [one for one in CHILDREN[entity] if not _BELOW[one.name].isdisjoint(parts)]
        found = await asyncio.gather(*map(ask, wanted))
        return {part: moment for each in found for part, moment in each.items()}

    async def deleted(self, entity: str, since: datetime) -> list[int] | None:
        """Records soft-deleted since; None where the archive cannot say (projects have no soft delete)."""
        provider = provider_of(entity)
        if provider.deleted is None:
            return None
        rows = await self._archive.optional(Query(provider, (), entities=provider.entities), (provider.deleted, since))
        return None if rows is None else [row.key for row in rows]

    async def merged(self, since: datetime) -> list[Merge] | None:
        """Merges and moves since a moment, oldest first; None where the tenant does not tell (3.3).

        A page may hold fewer rows than asked for (3.2), so only one without anything new ends it; each begins at the
        last second of the one before, in which more may have happened.
        """
        merges: dict[tuple[object, ...], Merge | None] = {}
        moment = since
        columns = tuple(MERGE_LOG.columns)
        while True:
            after = Where("mergemovelog.registered", "afterTime", moment)
            query = Query(MERGE_LOG, columns, (after,), order_by=("mergemovelog.registered",))
            rows = await self._archive.optional_page(query)
            if rows is None:
                return None
            told = {(row.key, *(row.get(column) for column in columns)): _merge(row) for row in rows}
            stamps = [stamp for row in rows if (stamp := row.get("mergemovelog.registered")) is not None]
            if told.keys() <= merges.keys() or not stamps:
                return [merge for merge in (merges | told).values() if merge is not None]
            merges |= told
            moment = max(moment, max(stamps) - timedelta(seconds=1))

    async def living(self, entity: str) -> AsyncIterator[Sequence[int]]:
        """The ids of every record, page by page: the sweep that finds what is gone for good (3.5)."""
        provider = provider_of(entity)
        async for rows in self._archive.pages(Query(provider, (), entities=provider.entities)):
            yield [row.key for row in rows]


def provider_of(entity: str) -> Provider:
    """The archive of an entity. Raises UnknownName."""
    try:
        return PROVIDERS[entity]
    except KeyError:
        raise UnknownName("entity", entity, "The CRM's client") from None


def _stamp_of(provider: Provider) -> str:
    return next(name for name, column in provider.columns.items() if column.kind == "datetime")


def _merge(row: Row) -> Merge | None:
    source, destination = row.get("mergemovelog.sourceRecord"), row.get("mergemovelog.destinationRecord")
    if not source or not destination:
        return None
    return Merge(
        entity=MERGED_TABLES.get(row.get("mergemovelog.tableNumber")),
        operation=row.get("mergemovelog.operation"),
        source=source,
        destination=destination,
        registered=row.get("mergemovelog.registered"),
    )
