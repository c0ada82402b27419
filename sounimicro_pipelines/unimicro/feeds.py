"""What changed lately among customers, suppliers, contacts and projects, by ID: the sync's feed (reference, 4.1).

A party's name, phones, e-mails and addresses are rows of their own with stamps of their own; a change there need not
touch the party. They are asked for apart (`children=True`), since they need more calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sounimicro_pipelines.transport import ValidationFailed
from sounimicro_pipelines.unimicro.company import CompanyClient, Record
from sounimicro_pipelines.unimicro.expressions import Any_, chunks, stamped_after, where
from sounimicro_pipelines.unimicro.query import FilterIgnored, Query
from sounimicro_pipelines.unimicro.stamps import newest_stamp, stamped_rows

CONTACT_MODELS = ("Address", "Phone", "Email")
_POINTED_AT = ("InvoiceAddress", "ShippingAddress", "DefaultPhone", "DefaultEmail")
_INFO = {"Customer": "BusinessRelationID", "Supplier": "BusinessRelationID", "Contact": "InfoID"}
"""The column by which an entity points to the row that holds its name and contact data."""


@dataclass(frozen=True, slots=True)
class Changes:
    """IDs that changed, with who changed them last as far as the record's own stamps tell ("" where they do not).

    `stamps` are the records' own, or the newest of what was asked for apart. `high_water` is the newest stamp that was
    read, by the ERP's clock: the next watermark, less an overlap. `notes` says which stamps could not be read.
    """

    by: dict[int, str] = field(default_factory=dict)
    high_water: datetime | None = None
    notes: dict[str, str] = field(default_factory=dict)
    stamps: dict[int, datetime] = field(default_factory=dict)

    @property
    def ids(self) -> list[int]:
        return sorted(self.by)


async def changed_ids(company: CompanyClient, entity: str, since: datetime, *, children: bool = False) -> Changes:
    """Records of an entity that were created or changed after `since`; the caller has subtracted the overlap.

    Raises FilterIgnored and the transport's errors.
    """
    by: dict[int, str] = {}
    own: dict[int, datetime] = {}
    stamps: list[datetime | None] = []
    query = Query(entity, stamped_after(since), select=("CreatedAt", "UpdatedAt", "CreatedBy", "UpdatedBy"), top=1000)
    async for row in company.list_all(query):
        by[int(row["ID"])] = str((row.get("UpdatedBy") if row.get("UpdatedAt") else row.get("CreatedBy")) or "")
        newest = newest_stamp(row)
        stamps.append(newest)
        if newest is not None:
            own[int(row["ID"])] = newest
    notes: dict[str, str] = {}
    if children:
        touched = await touched_ids(company, entity, since)
        stamps.append(touched.high_water)
        notes = touched.notes
        for record_id in touched.by:
            by.setdefault(record_id, "")
    known = [moment for moment in stamps if moment is not None]
    return Changes(by, max(known, default=None), notes, own)


async def touched_ids(company: CompanyClient, entity: str, since: datetime) -> Changes:
    """Records whose name, phones, e-mails or addresses were created or changed after `since`, with the newest stamp.

    Raises FilterIgnored and the transport's errors.
    """
    if entity not in _INFO:
        return Changes()
    relations, stamps, notes = await _touched_relations(company, since)
    found = await _pointing_at(company, entity, relations)
    newest = {record_id: relations[relation] for record_id, relation in found.items()}
    for row in await _by_paths(company, entity, since) if notes else ():
        record_id = int(row["ID"])
        children = [newest_stamp(row["Info"].get(name) or {}) for name in _POINTED_AT]
        stamps += children
        last = max((moment for moment in children if moment is not None), default=None)
        newest[record_id] = _later(newest.get(record_id, last), last)
    known = [moment for moment in stamps if moment is not None]
    told = {record_id: stamp for record_id, stamp in newest.items() if stamp is not None}
    return Changes(dict.fromkeys(newest, ""), max(known, default=None), notes, told)


async def _touched_relations(
    company: CompanyClient, since: datetime
) -> tuple[dict[int, datetime | None], list[datetime | None], dict[str, str]]:
    """The relations with the newest stamp of what changed about each, None where a row does not tell."""
    relations: dict[int, datetime | None] = {}
    stamps: list[datetime | None] = []
    notes: dict[str, str] = {}
    query = Query("BusinessRelation", stamped_after(since), select=("CreatedAt", "UpdatedAt"), top=1000)
    async for row in company.list_all(query):
        stamps.append(newest_stamp(row))
        relations[int(row["ID"])] = stamps[-1]
    for model in CONTACT_MODELS:
        rows = await stamped_rows(company, model, {"Parent": "BusinessRelationID"}, since)
        if isinstance(rows, str):
            notes[model] = rows
            continue
        for row in rows:
            stamps.append(newest_stamp(row))
            if row.get("Parent"):
                relation = int(row["Parent"])
                relations[relation] = _later(relations.get(relation, stamps[-1]), stamps[-1])
    return relations, stamps, notes


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)


async def _by_paths(company: CompanyClient, entity: str, since: datetime) -> list[Record]:
    """Where statistics does not tell of them: the children that a record points at, by their stamps' paths (4.1).

    They are expanded, so that an installation which ignores such a filter is found out; then nothing is told.
    """
    stamps = [where(f"Info.{name}.{stamp}").gt(since) for name in _POINTED_AT for stamp in ("CreatedAt", "UpdatedAt")]
    query = Query(entity, Any_(tuple(stamps)), expand=tuple(f"Info.{name}" for name in _POINTED_AT), top=500)
    try:
        return [row async for row in company.list_all(query) if isinstance(row.get("Info"), dict)]
    except (ValidationFailed, FilterIgnored):
        return []


async def _pointing_at(company: CompanyClient, entity: str, relations: Iterable[int]) -> dict[int, int]:
    """The records of an entity on these relations, each with its relation."""
    column = _INFO[entity]
    found: dict[int, int] = {}
    for part in chunks(sorted(relations)):
        query = Query(entity, where(column).one_of(part), select=(column,), top=500)
        found |= {int(row["ID"]): int(row[column]) async for row in company.list_all(query)}
    return found
