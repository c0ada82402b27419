"""The ERP's audit log of single fields, where there is one: who changed what between our reading and our writing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines.unimicro.expressions import parse_moment

_ABSENCE_LIFE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One field of one object, changed."""

    number: int
    field: str
    old: str
    new: str
    by: str | None
    at: datetime | None


class AuditLog:
    """The log of one company. An installation without one is asked again after an hour."""

    def __init__(self, company: CompanyClient) -> None:
        self._company = company
        self._absent_since: datetime | None = None

    async def lines(
        self, objects: Iterable[tuple[str, int]], since: datetime | None
    ) -> Mapping[tuple[str, int], list[Line]] | None:
        """The lines of each object (entity, id), oldest first; None where there is no log."""
        now = self._company.clock.now()
        if self._absent_since is not None and now - self._absent_since < _ABSENCE_LIFE:
            return None
        wanted = list(dict.fromkeys(objects))
        found = await asyncio.gather(*(self._company.audit(entity, key, since=since) for entity, key in wanted))
        lines: dict[tuple[str, int], list[Line]] = {}
        for place, rows in zip(wanted, found, strict=True):
            if rows is None:
                self._absent_since = now
                return None
            lines[place] = sorted(map(_line, rows), key=lambda one: one.number)
        return lines


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        number=int(row.get("ID") or 0),
        field=str(row.get("Field") or ""),
        old=str(row.get("OldValue") or ""),
        new=str(row.get("NewValue") or ""),
        by=str(row["CreatedBy"]) if row.get("CreatedBy") else None,
        at=parse_moment(row.get("CreatedAt")),
    )
