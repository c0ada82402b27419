"""Archive queries that can only name what exists, and the check that the rows answer what was asked. Does no I/O."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from sounimicro_pipelines.clock import OSLO
from sounimicro_pipelines.superoffice.failures import UnknownName
from sounimicro_pipelines.superoffice.providers import ArchiveColumn, Provider
from sounimicro_pipelines.superoffice.values import (
    as_bool,
    as_int,
    filter_moment,
    in_language,
    parse_day,
    parse_moment,
)

MAX_TOP: Final = 1000
"""Rows a page; the vendor's own examples never ask for more (vendor reference 3.2)."""

Operator = Literal[
    "eq", "ne", "lt", "gt", "le", "ge",
    "is", "isNot", "begins", "contains", "notContains", "in",
    "set",
    "date", "before", "after", "afterTime", "beforeTime",
    "oneOf", "notOneOf", "associateIsOneOf", "associateIsNotOneOf",
]  # fmt: skip
Scalar = str | int | bool | Decimal | date | datetime

_NUMBER = ("eq", "ne", "lt", "gt", "le", "ge")
_MOMENT = ("afterTime", "beforeTime", "before", "after", "date")
OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "int": _NUMBER,
    "decimal": _NUMBER,
    "text": ("is", "isNot", "begins", "contains", "notContains", "in"),
    "bool": ("set",),
    "date": ("date", "before", "after", "afterTime", "beforeTime"),
    "datetime": _MOMENT,
    "list": ("oneOf", "notOneOf"),
    "associate": ("associateIsOneOf", "associateIsNotOneOf"),
}
_SETS = frozenset({"in", "oneOf", "notOneOf", "associateIsOneOf", "associateIsNotOneOf"})
_ZONE_SLACK = timedelta(hours=26)
"""A server that shows or compares stamps in another zone is off by at most this; beyond it the filter was ignored."""


@dataclass(frozen=True, slots=True)
class Where:
    """One restriction: column, operator, one value or, for sets, several."""

    column: str
    operator: Operator
    values: tuple[Scalar, ...] = field(repr=False)

    def __init__(self, column: str, operator: Operator, *values: Scalar) -> None:
        object.__setattr__(self, "column", column)
        object.__setattr__(self, "operator", operator)
        object.__setattr__(self, "values", values)


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask an archive. `any_of` joins the restrictions with `or`; `base` ones are always joined with `and`.

    Raises UnknownName on a column or an operator that does not exist, ValueError on values an operator cannot take.
    """

    provider: Provider
    select: tuple[str, ...]
    where: tuple[Where, ...] = ()
    any_of: bool = False
    order_by: tuple[str, ...] = ()
    top: int = MAX_TOP
    entities: tuple[str, ...] = ()
    full: bool = False

    def __post_init__(self) -> None:
        for name in (*self.select, *self.order_by):
            self.provider.column(name)
        for condition in self.where:
            _check(self.provider.column(condition.column), condition)
        for entity in self.entities:
            if entity not in self.provider.entities:
                raise UnknownName("row type", entity, f"The archive {self.provider.name}")
        if not 1 <= self.top <= MAX_TOP:
            raise ValueError(f"a page holds 1 to {MAX_TOP} rows")

    def after(self, key: int) -> Query:
        """The same query for the keys above `key`, by key: the next page (3.2).

        A query of `or`-ed restrictions cannot take the bound without parentheses, which the vendor does not
        document; split it into one query per restriction instead.
        """
        if self.any_of and len(self.where) > 1:
            raise ValueError("paging wants restrictions that hold together")
        bound = Where(self.provider.key, "gt", key)
        kept = tuple(c for c in self.where if not (c.column == bound.column and c.operator == "gt"))
        return replace(self, where=(bound, *kept), any_of=False, order_by=(self.provider.key,))

    @property
    def _key(self) -> tuple[str, ...]:
        return (self.provider.key,) if self.provider.key else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What is selected: the key, what was asked for, and what the restrictions are checked by."""
        return tuple(dict.fromkeys((*self._key, *self.select, *(c.column for c in self.where))))

    @property
    def row_types(self) -> tuple[str, ...]:
        """The row types to restrict the query to; none where the archive has only one, whose name then is its own."""
        return self.entities if len(self.provider.entities) > 1 else ()

    def params(self) -> dict[str, str]:
        """The query's options, not yet percent-encoded."""
        params = {"$select": ",".join(self.columns)}
        if self.where:
            joint = " or " if self.any_of else " and "
            params["$filter"] = joint.join(_spelled(self.provider.column(c.column), c) for c in self.where)
        order = self.order_by or self._key
        if order:
            params["$orderby"] = ",".join(order)
        params["$top"] = str(self.top)
        if self.row_types:
            params["$entities"] = ",".join(self.row_types)
        if self.full:
            params["$mode"] = "Full"
        return params

    def satisfied_by(self, row: Mapping[str, Any]) -> bool:
        """Whether a row answers the query, as far as the row tells; what it does not tell counts as satisfied."""
        results = [_holds(self.provider.column(c.column), c, row) for c in self.where]
        if not results:
            return True
        return any(r is not False for r in results) if self.any_of else all(r is not False for r in results)


def _check(column: ArchiveColumn, condition: Where) -> None:
    allowed = OPERATORS[column.kind]
    if condition.operator not in allowed:
        raise UnknownName("operator", condition.operator, f"The column {column.name} ({', '.join(allowed)})")
    if condition.operator in _SETS:
        if not condition.values:
            raise ValueError(f"{column.name} {condition.operator} wants at least one value")
    elif len(condition.values) != 1:
        raise ValueError(f"{column.name} {condition.operator} wants exactly one value")
    for value in condition.values:
        _literal(column, condition.operator, value)


def _spelled(column: ArchiveColumn, condition: Where) -> str:
    literals = [_literal(column, condition.operator, value) for value in condition.values]
    value = f"({','.join(literals)})" if condition.operator in _SETS else literals[0]
    return f"{column.name} {condition.operator} {value}"


def _literal(column: ArchiveColumn, operator: str, value: Scalar) -> str:
    wrong = ValueError(f"{column.name} {operator} cannot take a value of type {type(value).__name__}")
    if column.kind in ("int", "list", "associate"):
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong
        return str(value)
    if column.kind == "decimal":
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise wrong
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if column.kind == "bool":
        if not isinstance(value, bool):
            raise wrong
        return "true" if value else "false"
    if column.kind == "text":
        if not isinstance(value, str):
            raise wrong
        return "'" + value.replace("'", "''") + "'"
    if operator in ("afterTime", "beforeTime"):
        if not isinstance(value, datetime):
            raise wrong
        return f"'{filter_moment(value)}'"
    if isinstance(value, datetime) or not isinstance(value, date):
        raise wrong
    return f"'{value.isoformat()}'"


def _holds(column: ArchiveColumn, condition: Where, row: Mapping[str, Any]) -> bool | None:
    if column.name not in row:
        return None
    held, operator, wanted = row[column.name], condition.operator, condition.values
    if column.kind in ("int", "decimal", "list", "associate"):
        return _number_holds(as_int(held), operator, wanted)
    if column.kind == "bool":
        truth = as_bool(held)
        return None if truth is None else truth is wanted[0]
    if column.kind == "text":
        return _text_holds(held, operator, [str(value) for value in wanted])
    return _moment_holds(held, operator, wanted[0])


def _number_holds(held: int | None, operator: str, wanted: Sequence[Scalar]) -> bool | None:
    if held is None:
        return None
    values = [int(value) for value in wanted if isinstance(value, int | Decimal)]
    first = values[0]
    answers = {
        "eq": held == first,
        "ne": held != first,
        "lt": held < first,
        "gt": held > first,
        "le": held <= first,
        "ge": held >= first,
    }
    if operator in answers:
        return answers[operator]
    return (held in values) is ("Not" not in operator and not operator.startswith("not"))


def _text_holds(held: object, operator: str, wanted: Sequence[str]) -> bool | None:
    if held is not None and not isinstance(held, str | int):
        return None
    text, values = _folded("" if held is None else in_language(str(held))), [_folded(value) for value in wanted]
    if operator == "in":
        return text in values
    if operator in ("is", "isNot"):
        return (text == values[0]) is (operator == "is")
    if operator == "begins":
        return text.startswith(values[0])
    return (values[0] in text) is (operator == "contains")


def _moment_holds(held: object, operator: str, wanted: Scalar) -> bool | None:
    if isinstance(wanted, datetime):
        moment = parse_moment(held)
        if moment is None:
            return False if held in (None, "") or str(held).startswith("0001-") else None
        if operator == "afterTime":
            return moment >= wanted - _ZONE_SLACK
        return moment <= wanted + _ZONE_SLACK
    day = parse_day(held)
    if day is None or not isinstance(wanted, date):
        return False if held in (None, "") else None
    if operator == "date":
        return abs(day - wanted) <= timedelta(days=1)
    return day >= wanted - timedelta(days=1) if operator == "after" else day <= wanted + timedelta(days=1)


def _folded(text: str) -> str:
    """As loosely as a database may compare: case, accents and spacing aside."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", plain).strip().casefold()


def day_before(moment: datetime) -> date:
    """The day for `after` that surely covers what changed since a moment, where only days can be asked (9, no. 4)."""
    return moment.astimezone(OSLO).date() - timedelta(days=2)
