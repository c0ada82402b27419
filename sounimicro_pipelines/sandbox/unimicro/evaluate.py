"""Turns expression trees into functions over rows, with SQL's three-valued logic: a comparison with null is null."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sounimicro_pipelines.clock import OSLO
from sounimicro_pipelines.sandbox.unimicro import expressions as ex
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, compare, four, parse_moment, stamp

Getter = Callable[[Any], Any]
Resolve = Callable[[str], Getter]


class Unsupported(ValueError):
    """An operator, function or field that this route does not know. The text is what the vendor would say."""


_TESTS: dict[str, Callable[[int], bool]] = {
    "eq": lambda order: order == 0,
    "ne": lambda order: order != 0,
    "gt": lambda order: order > 0,
    "ge": lambda order: order >= 0,
    "lt": lambda order: order < 0,
    "le": lambda order: order <= 0,
}


@lru_cache(maxsize=512)
def _pattern(like: str) -> re.Pattern[str]:
    text = "".join(".*" if part == "%" else "." if part == "_" else re.escape(part) for part in like)
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def matches_like(value: Any, like: Any) -> bool | None:
    """SQL's LIKE without regard to case; null when either side is."""
    if value is None or like is None:
        return None
    return _pattern(str(like)).fullmatch(str(value)) is not None


class Compiler:
    """Compiles trees for one route. `resolve` gives a getter for a path or raises Unsupported.

    With `full` the whole language of the statistics endpoint is known, else only that of the business routes. `now` is
    the moment that now() means.
    """

    def __init__(self, resolve: Resolve, *, full: bool, now: datetime) -> None:
        self.resolve = resolve
        self.full = full
        self.now = now

    def condition(self, node: ex.Node) -> Callable[[Any], bool]:
        """A function that says whether a row is let through: null counts as no."""
        function = self.value(node)
        return lambda row: function(row) is True or function(row) == 1

    def value(self, node: ex.Node) -> Getter:
        match node:
            case ex.Literal(value):
                return lambda row: value
            case ex.Path(text):
                return self.resolve(text)
            case ex.Not(operand):
                inner = self.value(operand)

                def negate(row: Any) -> Any:
                    found = inner(row)
                    return None if found is None else not found

                return negate
            case ex.Within():
                return self._within(node)
            case ex.Operation():
                return self._operation(node)
            case ex.Call():
                return self._call(node)

    def _within(self, node: ex.Within) -> Getter:
        if not self.full:
            raise Unsupported("Operator 'in' is not supported")
        operand, items, negated = self.value(node.operand), [self.value(item) for item in node.items], node.negated

        def within(row: Any) -> Any:
            left = operand(row)
            if left is None:
                return None
            return any(compare(left, item(row)) == 0 for item in items) is not negated

        return within

    def _operation(self, node: ex.Operation) -> Getter:
        operator = node.operator
        if operator in ("and", "or"):
            return _both(self.value(node.left), self.value(node.right), operator == "and")
        if operator in _TESTS:
            return self._comparison(node)
        left, right = self.value(node.left), self.value(node.right)
        if operator == "like":
            return lambda row: matches_like(left(row), right(row))
        if operator == "notlike":

            def unlike(row: Any) -> Any:
                found = matches_like(left(row), right(row))
                return None if found is None else not found

            return unlike
        if not self.full:
            raise Unsupported(f"Operator '{operator}' is not supported")
        return _arithmetic(operator, left, right)

    def _comparison(self, node: ex.Operation) -> Getter:
        left, right, test = self.value(node.left), self.value(node.right), _TESTS[node.operator]
        if isinstance(node.right, ex.Literal):
            constant = node.right.value
            if constant is None and not self.full:
                wanted = node.operator == "eq"
                return lambda row: (left(row) is None) is wanted
            if type(constant) is int and node.operator == "eq":

                def equal(row: Any) -> Any:
                    value = left(row)
                    if type(value) is int:
                        return value == constant
                    order = compare(value, constant)
                    return None if order is None else order == 0

                return equal
            moment = parse_moment(constant) if isinstance(constant, str) else None
            if moment is not None:
                return _moment_test(left, constant, moment, test)

        def compared(row: Any) -> Any:
            order = compare(left(row), right(row))
            return None if order is None else test(order)

        return compared

    def _call(self, node: ex.Call) -> Getter:
        name = node.name.lower()
        arguments = [self.value(argument) for argument in node.arguments]
        if name in ("contains", "startswith", "endswith") and len(arguments) == 2:
            before, after = name != "startswith", name != "endswith"
            hay, needle = arguments

            def found(row: Any) -> Any:
                value, part = hay(row), needle(row)
                if value is None or part is None:
                    return None
                text, part = str(value).casefold(), str(part).casefold()
                return part in text if before and after else text.startswith(part) if after else text.endswith(part)

            return found
        if not self.full:
            raise Unsupported(f"Invalid function: {node.name}")
        return self._function(node.name, name, arguments)

    def _function(self, typed: str, name: str, arguments: list[Getter]) -> Getter:
        if name in ("now", "getdate"):
            moment = stamp(self.now)
            return lambda row: moment
        today = self.now.astimezone(OSLO).date()
        if name in ("thisyear", "activeyear"):
            return lambda row: today.year
        if name == "thismonth":
            return lambda row: today.month
        if name.startswith("getlatest"):
            return lambda row: None
        function = _FUNCTIONS.get(name)
        if function is None:
            raise Unsupported(f"Invalid function: {typed}")
        least, most, apply = function
        if not least <= len(arguments) <= most:
            raise Unsupported(f"Invalid number of arguments for function: {typed}")
        if name == "casewhen":
            test, yes, no = arguments
            return lambda row: yes(row) if test(row) in (True, 1) else no(row)
        return lambda row: apply(*[argument(row) for argument in arguments])


def _moment_test(left: Getter, constant: str, moment: str, test: Callable[[int], bool]) -> Getter:
    """A comparison with a date or date-time literal; kept stamps and dates are compared as text."""

    def compared(row: Any) -> Any:
        value = left(row)
        if value is None:
            return None
        if isinstance(value, str):
            if len(value) == 10 and value[4] == "-":
                value += "T00:00:00.000Z"
            if len(value) == 24:
                return test((value > moment) - (value < moment))
        order = compare(value, constant)
        return None if order is None else test(order)

    return compared


def _both(left: Getter, right: Getter, conjunction: bool) -> Getter:
    """Kleene's and/or."""

    def joined(row: Any) -> Any:
        one = left(row)
        if one is not None and bool(one) is not conjunction:
            return one
        other = right(row)
        if other is not None and bool(other) is not conjunction:
            return other
        return None if one is None or other is None else conjunction

    return joined


def _arithmetic(operator: str, left: Getter, right: Getter) -> Getter:
    apply = {"add": _add, "sub": _subtract, "mul": _multiply, "div": _divide, "mod": _modulo}[operator]
    return lambda row: apply(left(row), right(row))


def _numbers(function: Callable[[Decimal, Decimal], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if left is None or right is None:
            return None
        result = function(Decimal(str(left)), Decimal(str(right)))
        if isinstance(left, int) and isinstance(right, int) and result == result.to_integral_value():
            return int(result)
        return four(result)

    return apply


_add = _numbers(lambda left, right: left + right)
_subtract = _numbers(lambda left, right: left - right)
_multiply = _numbers(lambda left, right: left * right)
_divide = _numbers(lambda left, right: left / right if right else ZERO)
_modulo = _numbers(lambda left, right: left % right if right else ZERO)


def _part(start: int, end: int) -> Callable[[Any], Any]:
    def part(value: Any) -> Any:
        moment = None if value is None else parse_moment(str(value))
        return None if moment is None else int(moment[start:end])

    return part


def _days(unit: Any, first: Any, second: Any) -> Any:
    start, end = parse_moment(str(first)), parse_moment(str(second))
    if first is None or second is None or start is None or end is None:
        return None
    one, two = datetime.fromisoformat(start), datetime.fromisoformat(end)
    match str(unit).lower():
        case "day":
            return (two.date() - one.date()).days
        case "month":
            return (two.year - one.year) * 12 + two.month - one.month
        case "year":
            return two.year - one.year
        case _:
            return int((two - one) / timedelta(hours=1))


def _between(value: Any, low: Any, high: Any) -> Any:
    first, last = compare(value, low), compare(value, high)
    return None if first is None or last is None else first >= 0 and last <= 0


def _local(value: Any) -> Any:
    moment = None if value is None else parse_moment(str(value))
    if moment is None:
        return None
    return datetime.fromisoformat(moment).astimezone(OSLO).strftime("%Y-%m-%dT%H:%M:%S")


_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "casewhen": (3, 3, lambda test, yes, no: yes if test else no),
    "isnull": (1, 2, lambda value, *fallback: value if value is not None else (fallback[0] if fallback else None)),
    "setornull": (2, 2, lambda value, null: None if compare(value, null) == 0 else value),
    "null": (0, 0, lambda: None),
    "year": (1, 1, _part(0, 4)),
    "month": (1, 1, _part(5, 7)),
    "day": (1, 1, _part(8, 10)),
    "datediff": (3, 3, _days),
    "concat": (1, 50, lambda *parts: "".join("" if part is None else str(part) for part in parts)),
    "concat_ws": (2, 50, lambda mark, *parts: str(mark).join(str(part) for part in parts if part is not None)),
    "length": (1, 1, lambda value: None if value is None else len(str(value))),
    "left": (2, 2, lambda value, size: None if value is None else str(value)[: int(size)]),
    "stuff": (
        4,
        4,
        lambda text, start, size, new: (
            None if text is None else f"{text[: int(start) - 1]}{new}{text[int(start) - 1 + int(size) :]}"
        ),
    ),
    "add": (2, 2, _add),
    "subtract": (2, 2, _subtract),
    "multiply": (2, 2, _multiply),
    "divide": (2, 2, _divide),
    "between": (3, 3, _between),
    "localtime": (1, 1, _local),
}
