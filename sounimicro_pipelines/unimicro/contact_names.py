"""What contact persons are called, by their ids; asked for where names are shown and not kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines.unimicro.expressions import chunks, where
from sounimicro_pipelines.unimicro.query import Query


async def contact_names(company: CompanyClient, ids: Iterable[int]) -> dict[int, str]:
    """Id → name; those that are gone are left out. Raises the VendorError family."""
    found: dict[int, str] = {}
    for names in await asyncio.gather(*(_names(company, part) for part in chunks(sorted(set(ids))))):
        found |= names
    return found


async def _names(company: CompanyClient, ids: Sequence[int]) -> dict[int, str]:
    query = Query("Contact", where("ID").one_of(ids), expand=("Info",))
    rows = [row async for row in company.list_all(query)]
    return {int(row["ID"]): str((row.get("Info") or {}).get("Name") or "").strip() for row in rows}
