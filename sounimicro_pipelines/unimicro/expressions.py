"""Filter expressions: built in Python, written in the ERP's syntax, evaluated again on what it answers.

Only what the vendor documents for lists can be built (reference, 2.2): comparisons, `contains`, `startswith`,
`endswith`, `and`, `or`. There is no `in`: use `one_of`, whose or-chain holds at most 30 values.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.records import Kind
from sounimicro_pipelines.unimicro.model import Path, resolve

MAX_CHAIN = 30
"""Most values in one or-chain; the vendor's own client cuts longer ones in pieces of 30."""

Operator = Literal["eq", "ne", "gt", "ge", "lt", "le", "contains", "startswith", "endswith"]
Value: TypeAlias = str | int | Decimal | bool | date | datetime
_TEXT_OPERATORS = frozenset({"contains", "startswith", "endswith"})


class QueryError(SounimicroError):
    """A query that the ERP would not understand, or whose answer could not be trusted."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field, by its dotted path, with a value."""

    path: str
    operator: Operator
    value: Value

    def __and__(self, other: Expression) -> All:
        return All((self, other))

    def __or__(self, other: Expression) -> Any_:
        return Any_((self, other))


@dataclass(frozen=True, slots=True)
class All:
    """Every part must hold."""

    parts: tuple[Expression, ...]

    def __and__(self, other: Expression) -> All:
        return All((*self.parts, other))

    def __or__(self, other: Expression) -> Any_:
        return Any_((self, other))


@dataclass(frozen=True, slots=True)
class Any_:
    """At least one part must hold."""

    parts: tuple[Expression, ...]

    def __and__(self, other: Expression) -> All:
        return All((self, other))

    def __or__(self, other: Expression) -> Any_:
        return Any_((*self.parts, other))


Expression: TypeAlias = "Condition | All | Any_"


class where:
    """The start of a condition on a field, by its dotted path. Names are checked by the query that uses it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def eq(self, value: Value) -> Condition:
        return Condition(self._path, "eq", value)

    def ne(self, value: Value) -> Condition:
        """Not equal; as in SQL, a row where the field is null does not match."""
        return Condition(self._path, "ne", value)

    def gt(self, value: Value) -> Condition:
        return Condition(self._path, "gt", value)

    def ge(self, value: Value) -> Condition:
        return Condition(self._path, "ge", value)

    def lt(self, value: Value) -> Condition:
        return Condition(self._path, "lt", value)

    def le(self, value: Value) -> Condition:
        return Condition(self._path, "le", value)

    def contains(self, text: str) -> Condition:
        return Condition(self._path, "contains", text)

    def startswith(self, text: str) -> Condition:
        return Condition(self._path, "startswith", text)

    def endswith(self, text: str) -> Condition:
        return Condition(self._path, "endswith", text)

    def one_of(self, values: Iterable[Value]) -> Any_:
        """Equal to one of at most 30 values."""
        parts = tuple(self.eq(value) for value in values)
        if not 1 <= len(parts) <= MAX_CHAIN:
            raise QueryError(f"An or-chain holds 1 to {MAX_CHAIN} values, not {len(parts)}.")
        return Any_(parts)


def chunks(values: Sequence[int], size: int = MAX_CHAIN) -> list[Sequence[int]]:
    """The values in pieces that fit one or-chain each."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def stamped_after(moment: datetime) -> Any_:
    """Created or updated after the moment; a row that was never updated has only the first (reference, 4.1)."""
    return where("CreatedAt").gt(moment) | where("UpdatedAt").gt(moment)


def paths_of(expression: Expression | None) -> list[str]:
    """Every field that an expression names."""
    if expression is None:
        return []
    if isinstance(expression, Condition):
        return [expression.path]
    return [path for part in expression.parts for path in paths_of(part)]


def render(expression: Expression, entity: str) -> str:
    """The expression in the ERP's syntax. Raises UnknownName or QueryError."""
    if isinstance(expression, Condition):
        path = resolve(entity, expression.path)
        literal = literal_of(expression.value, path.field.kind, expression.path)
        if expression.operator in _TEXT_OPERATORS:
            if path.field.kind != "text" or not str(expression.value):
                raise QueryError(f"{expression.operator} needs a text field and a text ({expression.path}).")
            return f"{expression.operator}({path},{literal})"
        return f"{path} {expression.operator} {literal}"
    if not expression.parts:
        raise QueryError("An expression without parts would be an empty filter.")
    if isinstance(expression, Any_) and len(expression.parts) > MAX_CHAIN:
        raise QueryError(f"An or-chain holds at most {MAX_CHAIN} conditions.")
    word = " and " if isinstance(expression, All) else " or "
    inner = word.join(_nested(part, entity) for part in expression.parts)
    return f"({inner})" if isinstance(expression, Any_) else inner


def _nested(part: Expression, entity: str) -> str:
    text = render(part, entity)
    return f"({text})" if isinstance(part, All) else text


def literal_of(value: Value, kind: Kind, path: str) -> str:
    """A value as it stands in a filter: text and times quoted, numbers bare. Raises QueryError on a wrong type."""
    if kind == "bool" and isinstance(value, bool):
        return "true" if value else "false"
    if kind in ("int", "decimal") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if kind == "decimal" and isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    if kind == "datetime" and isinstance(value, datetime):
        return f"'{stamp(value)}'"
    if kind == "text" and isinstance(value, str):
        if any(ord(one) < 32 for one in value):
            raise QueryError(f"A filter on {path} holds a character that cannot be sent.")
        return "'" + value.replace("'", "''") + "'"
    raise QueryError(f"{path} is {kind}; a filter cannot compare it with a {type(value).__name__}.")


def stamp(moment: datetime) -> str:
    """A moment as the ERP's filters want it: UTC, whole seconds."""
    if moment.tzinfo is None:
        raise QueryError("A moment in a filter must have its time zone.")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test(expression: Expression, entity: str, row: Mapping[str, Any]) -> bool | None:
    """Whether a row fits, by SQL's three values; None where the row does not show enough to say."""
    if isinstance(expression, Condition):
        return _test_condition(expression, resolve(entity, expression.path), row)
    results = [test(part, entity, row) for part in expression.parts]
    deciding = not isinstance(expression, All)
    if deciding in results:
        return deciding
    return None if None in results else not deciding


def _test_condition(condition: Condition, path: Path, row: Mapping[str, Any]) -> bool | None:
    found: list[Any] = [row]
    for step in path.steps:
        below: list[Any] = []
        for one in found:
            if step.name not in one:
                return None
            value = one[step.name]
            below += value if isinstance(value, list) else [value]
        found = [one for one in below if isinstance(one, Mapping)]
    results: list[bool | None] = []
    for one in found:
        if path.field.name not in one:
            return None
        results.append(_compare(condition, path.field.kind, one[path.field.name]))
    if True in results:
        return True
    return None if None in results else False


def _compare(condition: Condition, kind: Kind, present: Any) -> bool | None:
    if present is None:
        # Whether `ne` lets null rows through differs between databases; no proof of an ignored filter.
        return None if condition.operator == "ne" else False
    actual, wanted = comparable(present, kind), comparable(condition.value, kind)
    if actual is None or wanted is None:
        return None
    if kind == "datetime":
        wanted = wanted.replace(microsecond=0)  # as it was sent
        if condition.operator == "gt":
            return bool(actual >= wanted)  # the ERP compares finer fractions than it shows
    match condition.operator:
        case "eq":
            return bool(actual == wanted)
        case "ne":
            return bool(actual != wanted)
        case "gt":
            return bool(actual > wanted)
        case "ge":
            return bool(actual >= wanted)
        case "lt":
            return bool(actual < wanted)
        case "le":
            return bool(actual <= wanted)
        case "contains":
            return wanted in actual
        case "startswith":
            return bool(actual.startswith(wanted))
        case "endswith":
            return bool(actual.endswith(wanted))


def comparable(value: Any, kind: Kind) -> Any:
    """A value of the ERP in a form that compares as its database does; None when it cannot be read."""
    if kind in ("int", "decimal"):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            return None
    if kind == "bool":
        return str(value).lower() in ("true", "1")
    if kind == "date":
        return str(value)[:10]
    if kind == "datetime":
        return parse_moment(value)
    return fold(str(value))


def parse_moment(value: Any) -> datetime | None:
    """A date-time of the ERP, in UTC; None when null or unreadable."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
    else:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def fold(text: str) -> str:
    """Text as a Norwegian case-insensitive collation sees it: case, accents, å = aa and blanks at the end aside."""
    text = unicodedata.normalize("NFC", text).casefold()
    text = text.translate({ord("å"): "aa", ord("ø"): "o", ord("ö"): "o", ord("æ"): "ae", ord("ä"): "ae"})
    decomposed = unicodedata.normalize("NFKD", text)
    return re.sub(r"\s+", " ", "".join(one for one in decomposed if not unicodedata.combining(one))).rstrip()
