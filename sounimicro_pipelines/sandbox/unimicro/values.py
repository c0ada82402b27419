"""How values are kept and compared: decimals exact, moments as text of one width, so that text order is time order.

Stamps are kept as `YYYY-MM-DDTHH:MM:SS.fffZ`, dates as `YYYY-MM-DD`; an answer drops a stamp's trailing zeros as the
vendor does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.model import FieldDef

FOUR = Decimal("0.0001")
CENT = Decimal("0.01")
ZERO = Decimal("0.0000")

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*(Z|[+-]\d\d:?\d\d)?$")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)$")


class BadValue(ValueError):
    """A value that cannot be what the field's type asks for."""


def stamp(moment: datetime) -> str:
    """A moment as it is kept."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text[:-3]}Z"


def stamp_out(text: str) -> str:
    """A kept stamp as the vendor writes it: `…:53.053Z`, `…:56.04Z`, `…:00Z`."""
    return f"{text[:-1].rstrip('0').rstrip('.')}Z"


def money(value: Decimal | int | str) -> Decimal:
    """An amount in whole øre, kept with four decimals."""
    return Decimal(value).quantize(CENT).quantize(FOUR)


def four(value: Decimal | int | str) -> Decimal:
    """A quantity, price, rate or percentage with four decimals."""
    return Decimal(value).quantize(FOUR)


def parse_moment(text: str) -> str | None:
    """A date-time or date literal as a kept stamp, or None when it is neither."""
    compact = _COMPACT.match(text)
    if compact:
        return f"{compact[1]}-{compact[2]}-{compact[3]}T00:00:00.000Z"
    match = _STAMP.match(text.strip())
    if match is None:
        return None
    day, clock, seconds, fraction, zone = match.groups()
    kept = f"{day}T{clock or '00:00'}:{seconds or '00'}.{(fraction or '').ljust(3, '0')[:3]}Z"
    if zone in (None, "Z"):
        return kept
    try:
        return stamp(datetime.fromisoformat(f"{kept[:-1]}{zone[:3]}:{zone[-2:]}"))
    except ValueError:
        return None


def coerce(value: Any, definition: FieldDef) -> Any:
    """A value from a request body as the field keeps it. Raises BadValue."""
    if value is None:
        return None
    try:
        match definition.type:
            case "i":
                return _integer(value)
            case "n":
                return Decimal(str(value)).quantize(FOUR)
            case "b":
                if isinstance(value, bool):
                    return value
                return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
            case "d" | "dt":
                moment = parse_moment(str(value))
                if moment is None:
                    raise BadValue(str(value))
                return moment[:10] if definition.type == "d" else moment
            case _:
                return value if isinstance(value, str) else str(value)
    except (InvalidOperation, ValueError, KeyError, TypeError):
        raise BadValue(f"The value is not valid for {definition.name}") from None


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise BadValue("boolean")
    if isinstance(value, str):
        value = value.strip()
    number = Decimal(str(value))
    if number != number.to_integral_value() or abs(number) > 2**31 - 1:
        raise BadValue("not an int32")
    return int(number)


def compare(left: Any, right: Any) -> int | None:
    """Less, equal or greater as -1, 0, 1 by SQL's manner; None when either is null or they cannot be compared.

    Text is compared without regard to case; a text that is a moment is compared with a kept moment as such.
    """
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        if left[4:5] == "-" or right[4:5] == "-":
            first, second = _moments(left, right)
            if first is not None and second is not None:
                return (first > second) - (first < second)
        one, other = left.casefold(), right.casefold()
        return (one > other) - (one < other)
    low, high = _number(left), _number(right)
    if low is None or high is None:
        return None
    return (low > high) - (low < high)


def _moments(left: str, right: str) -> tuple[str | None, str | None]:
    if len(left) == len(right) and len(left) in (10, 24):
        return left, right
    return parse_moment(left), parse_moment(right)


def _number(value: Any) -> Decimal | int | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, Decimal)):
        return value
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return int(text == "true")
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
