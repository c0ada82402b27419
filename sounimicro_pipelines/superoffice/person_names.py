"""What persons are called, by their ids; asked for where names are shown and not kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sounimicro_pipelines.superoffice.archive import Archive
from sounimicro_pipelines.superoffice.providers import PERSON
from sounimicro_pipelines.superoffice.query import Query, Where

_AT_ONCE = 50
"""Persons a question; each is a term of its address."""


async def person_names(archive: Archive, ids: Iterable[int]) -> dict[int, str]:
    """Id → full name; those that are gone are left out. Raises the VendorError family."""
    wanted = sorted(set(ids))
    parts = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
    found: dict[int, str] = {}
    for names in await asyncio.gather(*(_names(archive, part) for part in parts)):
        found |= names
    return found


async def _names(archive: Archive, ids: list[int]) -> dict[int, str]:
    where = tuple(Where(PERSON.key, "eq", one) for one in ids)
    query = Query(PERSON, ("fullName",), where, any_of=True, top=len(ids), entities=PERSON.entities)
    return {row.key: str(row["fullName"] or "").strip() for row in await archive.page(query)}
