"""What the figures are asked by: whose they are, which of them, and which page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.errors import BadRequest
from sounimicro_pipelines.panels.figures.statement import Period


class PartyQuery(BaseModel):
    """Whose figures."""

    company: str = Field(pattern=r"^[a-z0-9_-]{1,40}$", description="Alias of the ERP company")
    role: Literal["customer", "supplier"]
    party: int = Field(ge=1, le=2**63 - 1, description="Id of the customer or supplier")

    @property
    def subject(self) -> Subject:
        return Subject(self.company, self.role, self.party)


class YearQuery(PartyQuery):
    """Of a year, or of all history."""

    year: int | None = Field(None, ge=1900, le=2999)


class PageQuery(PartyQuery):
    """A page of a list."""

    limit: int = Field(1000, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10_000_000)

    def page(self, name: str, rows: Sequence[Any]) -> dict[str, Any]:
        """Those of the rows that were asked for, under a name, and how many there are."""
        return {"count": len(rows), name: rows[self.offset : self.offset + self.limit]}


class YearPageQuery(PageQuery, YearQuery):
    """A page of a list of a year, or of all history."""


class PeriodQuery(PageQuery):
    """A page of a list of a period, both days included."""

    start: date | None = Field(None, alias="from")
    end: date | None = Field(None, alias="to")

    def period(self) -> Period:
        """Raises BadRequest for one that ends before it begins."""
        if self.start is not None and self.end is not None and self.end < self.start:
            raise BadRequest("period_backwards")
        return Period("own", self.start, self.end)


class OpenItemsQuery(PageQuery):
    """A page of the open items."""

    view: Literal["all", "overdue", "not-overdue"] = "all"


class InvoicesQuery(PeriodQuery):
    """A page of the invoices of a period."""

    view: Literal["all", "invoices", "credit-notes"] = "all"


class OrdersQuery(PageQuery):
    """A page of quotes and orders."""

    view: Literal["all", "orders", "quotes"] = "all"
