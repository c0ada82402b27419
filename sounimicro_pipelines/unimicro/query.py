"""Queries that cannot go wrong silently: only known names and operators are sent, and what comes back is checked.

The ERP answers an unknown parameter, operator or field with the whole unfiltered collection (reference, 2.1). A
`Query` therefore refuses unknown names before sending, and `check` evaluates the filter once more on every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sounimicro_pipelines.transport import BadAnswer
from sounimicro_pipelines.unimicro.expressions import All, Expression, QueryError, paths_of, render, test, where
from sounimicro_pipelines.unimicro.model import UnknownName, entity, resolve, walk_relations


class FilterIgnored(BadAnswer):
    """The ERP answered with rows that the query should have left out: it did not understand a part of it."""

    summary = "was answered with rows that were not asked for"
    default_remedy = (
        "The ERP ignores what it does not know; run `sounimicro doctor` to compare the field names with its metadata."
    )


@dataclass(frozen=True, slots=True)
class Query:
    """A list call on one entity. `order_by` fields may end with ` desc`. Names are checked when it is made.

    Raises UnknownName or QueryError.
    """

    entity: str
    filter: Expression | None = None
    select: tuple[str, ...] = ()
    expand: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    top: int = 500

    def __post_init__(self) -> None:
        if not entity(self.entity).route:
            raise QueryError(f"{self.entity} has no route of its own; read it by expanding it on its parent.")
        for path in self.expand:
            walk_relations(self.entity, path.split("."))
        for path in self.select:
            *walk, _ = path.split(".")
            resolve(self.entity, path)
            if walk and not any(f"{known}.".startswith(f"{'.'.join(walk)}.") for known in self.expand):
                raise QueryError(f"«{path}» can only be selected when «{'.'.join(walk)}» is expanded.")
        for path in self.order_by:
            resolve(self.entity, path.removesuffix(" desc"))
        if self.top < 1:
            raise QueryError("A query asks for at least one row.")
        if self.filter is not None:
            render(self.filter, self.entity)

    @property
    def route(self) -> str:
        return entity(self.entity).route

    def after(self, last_id: int) -> Query:
        """The same query for the rows behind that ID, in order of ID: keyset paging."""
        behind = where("ID").gt(last_id)
        return replace(self, filter=behind if self.filter is None else All((self.filter, behind)), order_by=("ID",))

    def params(self) -> dict[str, str]:
        """The parameters to send. Never an empty filter, never links."""
        params: dict[str, str] = {}
        if self.filter is not None:
            params["filter"] = render(self.filter, self.entity)
        if self.select:
            wanted = dict.fromkeys(("ID", *self.select, *self._filtered_fields(), *self._ordering_fields()))
            params["select"] = ",".join(wanted)
        if self.expand:
            params["expand"] = ",".join(self.expand)
        if self.order_by:
            params["orderby"] = ",".join(self.order_by)
        params["top"] = str(self.top)
        params["hateoas"] = "false"
        return params

    def check(self, rows: Sequence[Mapping[str, Any]], system: str) -> None:
        """Raises FilterIgnored when a row contradicts the filter. What the row does not show is not judged."""
        if self.filter is None:
            return
        for row in rows:
            if test(self.filter, self.entity, row) is False:
                raise FilterIgnored(system, f"GET {self.route}", status=200)

    def _filtered_fields(self) -> list[str]:
        return [path for path in paths_of(self.filter) if "." not in path]

    def _ordering_fields(self) -> list[str]:
        return [path for path in (one.removesuffix(" desc") for one in self.order_by) if "." not in path]


__all__ = ["FilterIgnored", "Query", "QueryError", "UnknownName", "where"]
