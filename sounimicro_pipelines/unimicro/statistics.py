"""Aggregates and ad-hoc rows over the ERP's statistics endpoint (reference, 3).

Always sent: `wrap=false`, an alias on every column, `distinct=false`, no blank between columns. The wrapped shape of
older installations is accepted, and its `Success: false` is an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx

from sounimicro_pipelines.transport import BadAnswer, Unavailable, ValidationFailed, decode_json
from sounimicro_pipelines.unimicro.answers import NO_CONTENT, words
from sounimicro_pipelines.unimicro.company import SYSTEM, CompanyClient, Record
from sounimicro_pipelines.unimicro.expressions import (
    All,
    Any_,
    Condition,
    Expression,
    QueryError,
    literal_of,
    paths_of,
    where,
)
from sounimicro_pipelines.unimicro.model import entity, resolve
from sounimicro_pipelines.unimicro.query import FilterIgnored

PAGE = 2000
"""Rows a call, as the vendor's own client asks (reference, 2.5)."""

Aggregate = Literal["", "count", "sum", "min", "max", "avg"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One column: a field by its dotted path, plain or aggregated. A plain one beside an aggregate is a group key."""

    path: str
    aggregate: Aggregate = ""


@dataclass(frozen=True, slots=True)
class Statistics:
    """A statistics query. `columns` are by alias. Deleted rows of the model are left out unless `with_deleted`.

    Names are checked when it is made; raises UnknownName or QueryError.
    """

    model: str
    columns: Mapping[str, Figure | str]
    filter: Expression | None = None
    order_by: tuple[str, ...] = ()
    top: int = PAGE
    with_deleted: bool = False

    def __post_init__(self) -> None:
        if not self.columns:
            raise QueryError("A statistics query needs a column.")
        for alias in self.columns:
            if not alias.isidentifier():
                raise QueryError(f"«{alias}» is no name for a column.")
        self.params()

    def params(self) -> dict[str, str]:
        """The parameters to send."""
        entity(self.model)
        figures = {alias: Figure(one) if isinstance(one, str) else one for alias, one in self.columns.items()}
        ordering = [one.removesuffix(" desc") for one in self.order_by]
        named = [one.path for one in figures.values()] + paths_of(self.filter) + ordering
        expands = {dotted.rpartition(".")[0]: None for dotted in named if "." in dotted}
        own = f"{self.model}." if expands else ""

        def place(dotted: str) -> str:
            # Joined tables are addressed by their last name (reference, 3.4).
            path = resolve(self.model, dotted)
            return f"{path.steps[-1].name}.{path.field.name}" if path.steps else f"{own}{path.field.name}"

        columns = []
        for alias, one in figures.items():
            text = place(one.path)
            columns.append(f"{one.aggregate}({text}) as {alias}" if one.aggregate else f"{text} as {alias}")
        conditions = [] if self.with_deleted else [f"isnull({own}Deleted,0) eq 0"]
        if self.filter is not None:
            conditions.insert(0, _render(self.filter, self.model, place))
        params = {"model": self.model, "select": ",".join(columns)}
        if conditions:
            params["filter"] = " and ".join(conditions)
        if self.order_by:
            params["orderby"] = ",".join(
                place(field) + given.removeprefix(field) for field, given in zip(ordering, self.order_by, strict=True)
            )
        if expands:
            params["expand"] = ",".join(expands)
        return {**params, "top": str(self.top), "distinct": "false", "wrap": "false", "hateoas": "false"}

    def after(self, last_id: int) -> Statistics:
        """The rows behind that ID in order of ID; only for queries that name single rows by an alias `ID`."""
        behind = where("ID").gt(last_id)
        return replace(self, filter=behind if self.filter is None else All((self.filter, behind)), order_by=("ID",))


async def statistics(company: CompanyClient, query: Statistics) -> list[Record]:
    """The rows of one call, at most `query.top`.

    Raises Unavailable when the model may not be asked for, ValidationFailed when the query is refused.
    """
    call = f"GET statistics {query.model}"

    def decode(response: httpx.Response) -> list[Record]:
        return [] if response.status_code == NO_CONTENT else _rows(decode_json(response, call, SYSTEM), call)

    try:
        rows = await company.exchange(
            "GET", "statistics", root="/api/", call=call, decode=decode, params=query.params()
        )
    except ValidationFailed as error:
        if any("not allowed in statistics" in word or "not found" in word for word in error.messages):
            raise Unavailable(SYSTEM, call, status=error.status) from None
        raise
    for row in rows:
        if not query.columns.keys() <= row.keys():
            raise BadAnswer(SYSTEM, call, status=200, detail="columns that were asked for are missing")
    return rows


async def all_rows(company: CompanyClient, query: Statistics) -> AsyncIterator[Record]:
    """Every row of a query that names single rows by an alias `ID`, page by page in order of ID."""
    if query.columns.get("ID") not in ("ID", Figure("ID")):
        raise QueryError("Only a query with the model's ID under the alias ID can be read page by page.")
    call = f"GET statistics {query.model}"
    last = 0
    while rows := await statistics(company, query.after(last)):
        for row in rows:
            try:
                found = int(row["ID"])
            except (TypeError, ValueError):
                raise BadAnswer(SYSTEM, call, status=200, detail="a row has no ID") from None
            if found <= last:
                raise FilterIgnored(SYSTEM, call, status=200, detail="the rows do not go on")
            last = found
            yield row


def _rows(answer: Any, call: str) -> list[Record]:
    if isinstance(answer, dict) and answer.keys() & {"Success", "Data"}:
        if not answer.get("Success", True):
            said = list(words(answer))
            if any("not allowed in statistics" in word or "not found" in word for word in said):
                raise Unavailable(SYSTEM, call, status=200)
            raise ValidationFailed(SYSTEM, call, status=200, messages=said)
        answer = [] if answer.get("Data", ...) is None else answer.get("Data")
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise BadAnswer(SYSTEM, call, status=200, detail="it is no list of rows")
    return answer


def _render(expression: Expression, model: str, place: Any) -> str:
    if isinstance(expression, Condition):
        path = resolve(model, expression.path)
        address = place(expression.path)
        literal = literal_of(expression.value, path.field.kind, expression.path)
        if path.field.kind == "bool":
            literal = f"'{literal}'"
        if expression.operator in ("contains", "startswith", "endswith"):
            return f"{expression.operator}({address},{literal})"
        return f"{address} {expression.operator} {literal}"
    word = " and " if isinstance(expression, All) else " or "
    inner = word.join(_render(part, model, place) for part in expression.parts)
    return f"({inner})" if isinstance(expression, Any_) else inner
