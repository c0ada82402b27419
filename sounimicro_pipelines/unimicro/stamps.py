"""Rows of one model by their stamps, over statistics: the way to see children without a route, and deleted rows.

Statistics is an accelerator here: where an installation does not offer a model, the nightly full listing finds the
same changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, NotFound, ValidationFailed
from sounimicro_pipelines.unimicro.company import CompanyClient, Record
from sounimicro_pipelines.unimicro.expressions import Expression, parse_moment, stamped_after, where
from sounimicro_pipelines.unimicro.query import FilterIgnored
from sounimicro_pipelines.unimicro.statistics import Statistics, all_rows


async def stamped_rows(
    company: CompanyClient, entity: str, extra: Mapping[str, str], since: datetime, *, deleted: bool = False
) -> list[Record] | str:
    """Rows created or updated after `since`, deleted ones too (or they alone), or the reason why that cannot be told.

    Each row has ID, CreatedAt, UpdatedAt, Deleted and the columns of `extra`, by alias.
    """
    condition: Expression = stamped_after(since)
    if deleted:
        condition = where("Deleted").eq(True) & where("UpdatedAt").gt(since)
    columns = {"ID": "ID", "CreatedAt": "CreatedAt", "UpdatedAt": "UpdatedAt", "Deleted": "Deleted", **extra}
    query = Statistics(entity, columns, condition, with_deleted=True)
    try:
        rows = [row async for row in all_rows(company, query)]
    except (AccessDenied, NotFound, AuthenticationFailed, ValidationFailed) as error:
        return f"statistics does not offer it (HTTP {error.status})"
    except FilterIgnored:
        return "statistics answered with other rows than asked for"
    if any(not _fits(row, since, deleted) for row in rows):
        return "statistics answered with other rows than asked for"
    return rows


def newest_stamp(row: Mapping[str, Any]) -> datetime | None:
    """The later of a row's two stamps."""
    moments = (parse_moment(row.get("UpdatedAt")), parse_moment(row.get("CreatedAt")))
    return max((moment for moment in moments if moment is not None), default=None)


def _fits(row: Mapping[str, Any], since: datetime, deleted: bool) -> bool:
    newest = parse_moment(row.get("UpdatedAt")) if deleted else newest_stamp(row)
    if newest is None or newest < since.replace(microsecond=0) - timedelta(seconds=1):
        return False
    return not deleted or str(row.get("Deleted")).lower() in ("true", "1")
