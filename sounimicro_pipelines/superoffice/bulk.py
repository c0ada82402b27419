"""The CRM's registers as the warehouse reads them: full listings by key, and what changed since a moment."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import msgspec

from sounimicro_pipelines.records import EntitySpec, Held, RecordPage
from sounimicro_pipelines.superoffice.archive import TEXT_OF, Row
from sounimicro_pipelines.superoffice.client import SuperOfficeClient
from sounimicro_pipelines.superoffice.entities import DELETED, LIST_KEY_STEP, LISTS, entity_specs
from sounimicro_pipelines.superoffice.feeds import Touched
from sounimicro_pipelines.superoffice.providers import PROJECT_MEMBER, PROVIDERS, Provider
from sounimicro_pipelines.superoffice.query import Query, Where
from sounimicro_pipelines.superoffice.values import as_int, moment_to_wire, parse_moment
from sounimicro_pipelines.transport import AccessDenied, NotFound, ValidationFailed

_LISTS_OF_COLUMNS: Mapping[str, str] = {
    "category": "category",
    "business": "business",
    "country": "country",
    "position": "perspos",
    "type": "projecttype",
    "status": "projectstatus",
    "associateId": "associate",
}
_KEYS_A_CALL = 40
_encoder = msgspec.json.Encoder(decimal_format="number")
_log = logging.getLogger(__name__)


class SuperOfficeBulkReader:
    """Reads one tenant's registers (records.BulkReader).

    `custom` names user-defined columns to read along, as in `entity_specs`.
    """

    def __init__(self, client: SuperOfficeClient, *, custom: Mapping[str, Sequence[str]] | None = None) -> None:
        self._client = client
        self._specs = entity_specs(custom)

    @property
    def specs(self) -> Sequence[EntitySpec]:
        return self._specs

    async def full(self, spec: EntitySpec, held: Held | None = None) -> AsyncIterator[RecordPage]:
        """Every record, `held` or not: they are written anew from columns. Raises the VendorError family."""
        began = self._client.clock.now()
        if spec.entity in PROVIDERS:
            async for rows in self._client.archive.pages(_query(spec)):
                yield _page(spec, await self._resolved(rows), began)
            return
        for records in await self._small(spec):
            yield _plain_page(records, spec, began)

    async def changed(self, spec: EntitySpec, since: datetime) -> AsyncIterator[RecordPage]:
        """What was changed or registered since, itself or in its phones, addresses and e-mails where they tell."""
        began = self._client.clock.now()
        if spec.entity not in PROVIDERS:
            for records in await self._small(spec, since):
                yield _plain_page(records, spec, began)
            return
        query = _query(spec)
        seen: set[int] = set()
        async for rows in self._client.feeds.changed_rows(query, since):
            seen.update(row.key for row in rows)
            yield _page(spec, await self._resolved(rows), began)
        told = await self._client.feeds.touched(spec.entity, since) or Touched()
        if told.failure is not None:
            _log.warning("%s: children that were changed alone come with the next full listing.", told.failure.message)
        touched = {one.id: one.at for one in told.changes if one.id not in seen}
        wanted = sorted(touched)
        for start in range(0, len(wanted), _KEYS_A_CALL):
            keys = wanted[start : start + _KEYS_A_CALL]
            some = tuple(Where(spec.key, "eq", key) for key in keys)
            rows = await self._client.archive.page(replace(query, where=some, any_of=True))
            if rows:
                page = _page(spec, await self._resolved(rows), began)
                stamps = (page.high_water, *(touched[row.key] for row in rows))
                yield replace(page, stamps=_latest(stamps, began))

    async def deleted(self, spec: EntitySpec, since: datetime) -> Sequence[int] | None:
        """Keys soft-deleted since, or None where the archive cannot say (projects, lists, an unknown column)."""
        return await self._client.feeds.deleted(spec.entity, since) if spec.entity in PROVIDERS else None

    async def _resolved(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows whose list columns hold ids, also when the answer showed only texts (8.6 no. 10)."""
        for name, list_name in _LISTS_OF_COLUMNS.items():
            if any(row.get(name) is None and row.get(name + TEXT_OF) for row in rows):
                rows = [await self._with_id(row, name, list_name) for row in rows]
        return rows

    async def _with_id(self, row: Row, name: str, list_name: str) -> Row:
        text = row.get(name + TEXT_OF)
        if row.get(name) is not None or not text:
            return row
        try:
            item = await self._client.lists.named(list_name, text)
        except (NotFound, AccessDenied, ValidationFailed):
            item = None
        return row if item is None else replace(row, values={**row.values, name: item.id})

    async def _small(self, spec: EntitySpec, since: datetime | None = None) -> list[list[dict[str, Any]]]:
        self._client.lists.forget()
        if spec.entity == "associate":
            return [[_associate(item) for item in await self._client.lists.items("associate")]]
        if spec.entity == "list_item":
            return [await self._list_items()]
        return [await self._project_members(since)]

    async def _list_items(self) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        for number, name in enumerate(LISTS, start=1):
            try:
                items = await self._client.lists.items(name)
            except (NotFound, AccessDenied, ValidationFailed) as error:
                _log.info("The list %s is not available (%s).", name, type(error).__name__)
                continue
            records.extend(
                {
                    "listItemKey": number * LIST_KEY_STEP + item.id,
                    "list": name,
                    "itemId": item.id,
                    "name": item.name,
                    "tooltip": item.tooltip or None,
                    "rank": item.rank,
                    "group": item.group,
                    DELETED: item.deleted,
                }
                for item in items
            )
        return records

    async def _project_members(self, since: datetime | None) -> list[dict[str, Any]]:
        columns = tuple(PROJECT_MEMBER.columns)
        if since is None:
            rows = await self._client.archive.optional(Query(PROJECT_MEMBER, columns, _all(PROJECT_MEMBER)))
        else:
            rows = await self._client.archive.optional(Query(PROJECT_MEMBER, columns), ("projectmember.updated", since))
            added = await self._client.archive.optional(
                Query(PROJECT_MEMBER, columns), ("projectmember.registered", since)
            )
            rows = None if rows is None else list({row.key: row for row in (*rows, *(added or ()))}.values())
        if rows is not None:
            return [_member_from_row(row) for row in rows]
        return await self._members_of_projects()

    async def _members_of_projects(self) -> list[dict[str, Any]]:
        """Without the dynamic archive members are found only on the projects themselves, one call each."""
        project = PROVIDERS["project"]
        records: dict[int, dict[str, Any]] = {}
        async for rows in self._client.archive.pages(Query(project, (), _all(project))):
            for row in rows:
                entity = await self._client.find("project", row.key)
                members = entity.data.get("ProjectMembers") if entity else None
                for raw in members if isinstance(members, list) else ():
                    if isinstance(raw, dict) and (key := as_int(raw.get("ProjectmemberId"))):
                        records[key] = _member_from_entity(key, row.key, raw)
        return list(records.values())


def _query(spec: EntitySpec) -> Query:
    provider = PROVIDERS[spec.entity]
    names = [c.name for c in spec.columns if c.name != DELETED and not c.name.endswith("/text")]
    return Query(provider, tuple(names), entities=provider.entities, top=min(spec.page_size, 1000), full=True)


def _all(provider: Provider) -> tuple[Where, ...]:
    return (Where(provider.key, "gt", 0),)


def _page(spec: EntitySpec, rows: Iterable[Row], began: datetime) -> RecordPage:
    provider = PROVIDERS[spec.entity]
    encoded: list[bytes] = []
    stamps: list[datetime | None] = []
    for row in rows:
        record = {name: _wire(value) for name, value in row.values.items()}
        gone = provider.deleted is not None and row.get(provider.deleted) is not None
        record[DELETED] = gone or row.get("contactDeleted") is True
        encoded.append(_encoder.encode(record))
        stamps.extend((row.get(spec.updated or ""), row.get(spec.created or "")))
    return RecordPage(encoded, sum(map(len, encoded)), _latest(stamps, began))


def _plain_page(records: Sequence[dict[str, Any]], spec: EntitySpec, began: datetime) -> RecordPage:
    encoded = [_encoder.encode(record) for record in records]
    stamps = [parse_moment(record.get(name)) for record in records for name in (spec.updated, spec.created) if name]
    return RecordPage(encoded, sum(map(len, encoded)), _latest(stamps, began))


def _latest(stamps: Iterable[datetime | None], began: datetime) -> datetime | None:
    # A stamp in another zone than we asked for may lie ahead; a watermark past the moment we began would skip changes.
    known = [min(stamp, began) for stamp in stamps if stamp is not None]
    return max(known) if known else None


def _wire(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_to_wire(value)
    return value.isoformat() if isinstance(value, date) else value


def _associate(item: Any) -> dict[str, Any]:
    return {
        "associateId": item.id,
        "name": item.name,
        "fullName": item.full_name or item.name,
        "tooltip": item.tooltip or None,
        "type": item.type or None,
        "rank": item.rank,
        DELETED: item.deleted,
    }


def _member_from_row(row: Row) -> dict[str, Any]:
    return {
        "projectmemberId": row.key,
        "projectId": row.get("projectmember.project_id"),
        "contactId": row.get("projectmember.contact_id"),
        "personId": row.get("projectmember.person_id"),
        "memberTypeId": row.get("projectmember.mtype_idx"),
        "registered": _wire(row.get("projectmember.registered")),
        "updated": _wire(row.get("projectmember.updated")),
        DELETED: False,
    }


def _member_from_entity(key: int, project: int, raw: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "projectmemberId": key,
        "projectId": as_int(raw.get("ProjectId")) or project,
        "contactId": as_int(raw.get("ContactId")),
        "personId": as_int(raw.get("PersonId")),
        "memberTypeId": as_int(raw.get("ProjectMemberTypeId")),
        "registered": _wire(parse_moment(raw.get("Registered"))),
        "updated": _wire(parse_moment(raw.get("Updated"))),
        DELETED: False,
    }
