"""The archive's filter language (section 3.1): parsed, checked against column types, and turned into a predicate."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sounimicro_pipelines.sandbox.superoffice.errors import bad_request
from sounimicro_pipelines.sandbox.superoffice.wire import BASE_ZONE, parse_date

ColumnKind = Literal["int", "decimal", "text", "bool", "date", "datetime", "list", "associate"]
Getter = Callable[[str], Any]
Predicate = Callable[[Getter], bool]

_TOKEN = re.compile(
    r"\s*(?:'(?P<text>(?:[^']|'')*)'"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?![\w-])"
    r"|(?P<mark>[(),])"
    r"|(?P<sign>=)"
    r"|(?P<word>[A-Za-z_$](?:[\w/:$.-]|\(\w+->\w+\))*))"
)
_NUMBER = {"eq", "=", "equals", "set", "ne", "unequals", "lt", "less", "gt", "greater", "le", "ge", "between"}
_DATE = {"date", "before", "after", "between", "datebetween", "beforeorequal"}
OPERATORS: dict[ColumnKind, set[str]] = {
    "bool": {"set"},
    "int": _NUMBER,
    "decimal": _NUMBER,
    "text": {"begins", "is", "isnot", "contains", "notcontains", "notbegins", "between", "in"},
    "date": _DATE | {"eq", "ne", "lt", "gt", "le", "ge"},
    "datetime": _DATE | {"datetime", "beforetime", "aftertime", "eq", "ne", "lt", "gt", "le", "ge"},
    "list": {"equals", "=", "oneof", "notoneof"},
    "associate": {"associateisoneof", "associateisnotoneof", "equals", "=", "oneof", "notoneof"},
}
_UNARY_DATES = {
    "today",
    "beforetoday",
    "aftertoday",
    "yesterday",
    "tomorrow",
    "thisweek",
    "lastweek",
    "thismonth",
    "lastmonth",
    "thisyear",
    "lastyear",
}
_FUNCTIONS = ("startswith", "endswith", "substringof")


@dataclass(slots=True)
class Filter:
    """A parsed filter. `lower` holds `column gt number` terms that must all hold, for a quick start."""

    predicate: Predicate
    columns: set[str] = field(default_factory=set)
    lower: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a filter may need to know of its request: the literals' zone, today, and who asks."""

    zone: ZoneInfo
    now: datetime
    associate_id: int = 0

    @property
    def today(self) -> date:
        return self.now.astimezone(BASE_ZONE).date()


def parse(text: str, kind_of: Callable[[str], ColumnKind], moment: Moment) -> Filter:
    """Parse a filter. `kind_of` tells a column's type and raises ApiError 400 for unknown ones."""
    return _Parser(_tokens(text), kind_of, moment).filter()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise bad_request(f"The filter cannot be read at '{text[position:][:20]}'")
        value = match[match.lastgroup]
        tokens.append((match.lastgroup, value.replace("''", "'") if match.lastgroup == "text" else value))
        position = match.end()
        while position < len(text) and text[position].isspace():
            position += 1
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], kind_of: Callable[[str], ColumnKind], moment: Moment) -> None:
        self.tokens = tokens
        self.position = 0
        self.kind_of = kind_of
        self.moment = moment
        self.columns: set[str] = set()

    def filter(self) -> Filter:
        predicate, lower = self._or()
        if self.position < len(self.tokens):
            raise bad_request(f"The filter cannot be read at '{self.tokens[self.position][1]}'")
        return Filter(predicate, self.columns, lower)

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def _next(self, *kinds: str) -> tuple[str, str]:
        token = self._peek()
        if token[0] == "end" or (kinds and token[0] not in kinds):
            raise bad_request(f"The filter is incomplete or wrong at '{token[1] or 'its end'}'")
        self.position += 1
        return token

    def _word(self, word: str) -> bool:
        if self._peek()[0] == "word" and self._peek()[1].lower() == word:
            self.position += 1
            return True
        return False

    def _or(self) -> tuple[Predicate, dict[str, int]]:
        predicate, lower = self._and()
        while self._word("or"):
            left, (right, _) = predicate, self._and()
            predicate, lower = _either(left, right), {}
        return predicate, lower

    def _and(self) -> tuple[Predicate, dict[str, int]]:
        predicate, lower = self._term()
        while self._word("and"):
            left, (right, more) = predicate, self._term()
            predicate, lower = _both(left, right), {**lower, **more}
        return predicate, lower

    def _term(self) -> tuple[Predicate, dict[str, int]]:
        if self._peek() == ("mark", "("):
            self._next()
            found = self._or()
            if self._next("mark")[1] != ")":
                raise bad_request("The filter lacks a closing parenthesis")
            return found
        name = self._next("word")[1]
        if name.lower() in _FUNCTIONS:
            return self._function(name.lower()), {}
        kind = self.kind_of(name)
        self.columns.add(name.lower())
        operator = self._next("word", "sign")[1]
        folded = operator.lower()
        if kind in ("date", "datetime") and folded in _UNARY_DATES:
            return _calendar(name, folded, self.moment), {}
        if kind == "associate" and folded == "currentassociate":
            me = self.moment.associate_id
            return lambda get: get(name) == me, {}
        if folded not in OPERATORS[kind]:
            raise bad_request(f"The operator '{operator}' does not fit the column '{name}'")
        values = self._values(kind)
        lower = {name.lower(): int(values[0])} if folded in ("gt", "greater") and kind == "int" else {}
        return _comparison(name, kind, folded, values, self.moment), lower

    def _function(self, function: str) -> Predicate:
        self._next("mark")
        first, _, second, _ = self._next("word", "text"), self._next("mark"), self._next("word", "text"), self._next()
        column, value = (first[1], second[1]) if first[0] == "word" else (second[1], first[1])
        if self.kind_of(column) != "text":
            raise bad_request(f"'{function}' wants a text column")
        self.columns.add(column.lower())
        needle = value.lower()
        if function == "startswith":
            return lambda get: str(get(column) or "").lower().startswith(needle)
        if function == "endswith":
            return lambda get: str(get(column) or "").lower().endswith(needle)
        return lambda get: needle in str(get(column) or "").lower()

    def _values(self, kind: ColumnKind) -> list[Any]:
        if self._peek() != ("mark", "("):
            return [self._literal(kind)]
        self._next()
        values = [self._literal(kind)]
        while self._next("mark")[1] == ",":
            values.append(self._literal(kind))
        return values

    def _literal(self, kind: ColumnKind) -> Any:
        form, text = self._next("text", "number", "word")
        try:
            match kind:
                case "int" | "list" | "associate":
                    return int(text)
                case "decimal":
                    return Decimal(text)
                case "bool":
                    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
                case "date" | "datetime":
                    return self._moment(text)
                case _:
                    if form == "word":
                        raise bad_request(f"Text in a filter stands in quotes: '{text}'")
                    return text
        except (ValueError, ArithmeticError, KeyError):
            raise bad_request(f"'{text}' does not fit the type of the column") from None

    def _moment(self, text: str) -> datetime:
        value = parse_date(text)
        if value is None:
            return datetime(1, 1, 2, tzinfo=self.moment.zone)
        return value if value.tzinfo else value.replace(tzinfo=self.moment.zone)


def _either(left: Predicate, right: Predicate) -> Predicate:
    return lambda get: left(get) or right(get)


def _both(left: Predicate, right: Predicate) -> Predicate:
    return lambda get: left(get) and right(get)


def _comparison(name: str, kind: ColumnKind, operator: str, values: list[Any], moment: Moment) -> Predicate:
    if operator in ("between", "datebetween") and len(values) != 2:
        raise bad_request(f"'{operator}' wants two values")
    if kind == "bool":
        return lambda get: bool(get(name)) is values[0]
    if kind == "text":
        return _text(name, operator, [str(value).lower() for value in values])
    if kind in ("list", "associate"):
        wanted, negative = set(values), operator in ("notoneof", "associateisnotoneof")
        return lambda get: ((get(name) or 0) in wanted) is not negative
    if kind in ("date", "datetime") and operator in _DATE:
        return _day(name, operator, values, moment)
    return _ordered(name, operator, values)


def _text(name: str, operator: str, values: list[str]) -> Predicate:
    first = values[0]

    def value(get: Getter) -> str:
        return str(get(name) or "").lower()

    match operator:
        case "begins":
            return lambda get: value(get).startswith(first)
        case "notbegins":
            return lambda get: not value(get).startswith(first)
        case "contains":
            return lambda get: first in value(get)
        case "notcontains":
            return lambda get: first not in value(get)
        case "between":
            return lambda get: first <= value(get) <= values[1]
        case "isnot":
            return lambda get: value(get) not in values
        case _:
            return lambda get: value(get) in values


def _ordered(name: str, operator: str, values: list[Any]) -> Predicate:
    first = values[0]

    def holds(test: Callable[[Any], bool]) -> Predicate:
        def check(get: Getter) -> bool:
            value = get(name)
            return value is not None and test(_comparable(value))

        return check

    match operator:
        case "gt" | "greater" | "aftertime":
            return holds(lambda value: value > first)
        case "lt" | "less" | "beforetime":
            return holds(lambda value: value < first)
        case "ge":
            return holds(lambda value: value >= first)
        case "le":
            return holds(lambda value: value <= first)
        case "between":
            return holds(lambda value: first <= value <= values[1])
        case "ne" | "unequals":
            return lambda get: _comparable(get(name)) != first
        case _:
            return holds(lambda value: value in values)


def _comparable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=BASE_ZONE)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=BASE_ZONE)
    return value


def _day(name: str, operator: str, values: list[datetime], moment: Moment) -> Predicate:
    """Comparison by calendar day, in the zone of the literals."""
    days = [value.date() for value in values]

    def day(get: Getter) -> date | None:
        value = _comparable(get(name))
        return None if value is None else value.astimezone(moment.zone).date()

    def holds(test: Callable[[date], bool]) -> Predicate:
        def check(get: Getter) -> bool:
            value = day(get)
            return value is not None and test(value)

        return check

    match operator:
        case "before":
            return holds(lambda value: value < days[0])
        case "after":
            return holds(lambda value: value > days[0])
        case "beforeorequal":
            return holds(lambda value: value <= days[0])
        case "date":
            return holds(lambda value: value == days[0])
        case _:
            return holds(lambda value: days[0] <= value <= days[1])


def _calendar(name: str, operator: str, moment: Moment) -> Predicate:
    today = moment.today
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    last_month = (first - timedelta(days=1)).replace(day=1)
    far = timedelta(days=400_000)
    spans: dict[str, tuple[date, date]] = {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "tomorrow": (today + timedelta(days=1), today + timedelta(days=1)),
        "beforetoday": (today - far, today - timedelta(days=1)),
        "aftertoday": (today + timedelta(days=1), today + far),
        "thisweek": (monday, monday + timedelta(days=6)),
        "lastweek": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "thismonth": (first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)),
        "lastmonth": (last_month, first - timedelta(days=1)),
        "thisyear": (date(today.year, 1, 1), date(today.year, 12, 31)),
        "lastyear": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
    }
    start, end = spans[operator]

    def check(get: Getter) -> bool:
        value = _comparable(get(name))
        return value is not None and start <= value.astimezone(BASE_ZONE).date() <= end

    return check
