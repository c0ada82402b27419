"""Whether a raw record is what its spec says: strictly at speed, leniently one by one, refused with a reason otherwise.

DuckDB's JSON reader is no validation: it rounds, fills in and skips without a word. A record therefore reaches it only
when a strict decoder has accepted every value as it stands, or when this module has written the record anew.
Reasons name the field and what is wrong with it, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.records import ChildTable, Column, EntitySpec
from sounimicro_pipelines.warehouse.schema import key_column

SAFE_AMOUNT = 1e9
"""Below this, reading six decimals through a double is exact; what is larger is written anew as a quoted string."""
LARGEST_AMOUNT = Decimal(10) ** 13
_LARGEST_INT = 2**63 - 1
_SIX_PLACES = Decimal("0.000001")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_TRUTH = {"true": True, "false": False, "1": True, "0": False}

_Int = Annotated[int, msgspec.Meta(ge=-_LARGEST_INT, le=_LARGEST_INT)]
_Amount = Annotated[float, msgspec.Meta(gt=-SAFE_AMOUNT, lt=SAFE_AMOUNT)]


class Refused(Exception):
    """A record that cannot be loaded: the field and the problem, and the record's key where it could be read."""

    def __init__(self, reason: str, key: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.key = key


@dataclass(frozen=True, slots=True)
class Keyed:
    """The keys of judged records, and those of their children, child table by child table."""

    keys: list[int]
    child_keys: list[list[int]]


class Validator:
    """Judges the records of one entity."""

    def __init__(self, spec: EntitySpec) -> None:
        self._spec = spec
        self._key = key_column(spec)
        self._parts = [attrgetter(f"c{place}") for place in range(len(spec.children))]
        self._decoders = [_decoder(spec, date), _decoder(spec, datetime)]

    def strict(self, lines: bytes) -> Keyed | None:
        """The keys of newline-separated records in their order, when every record can be loaded as it stands.

        None when at least one cannot; `one` then tells which and why.
        """
        for decoder in self._decoders:
            try:
                records = decoder.decode_lines(lines)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            return Keyed(
                [record.key for record in records],
                [[part.key for record in records for part in get(record) or ()] for get in self._parts],
            )
        return None

    def one(self, row: bytes) -> tuple[int, bytes]:
        """A record's key and the JSON to load: the record itself, or the same values written anew.

        Raises Refused.
        """
        for decoder in self._decoders:
            try:
                return decoder.decode(row).key, row
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
        return self.rewritten(row)

    def rewritten(self, row: bytes) -> tuple[int, bytes]:
        """A record's key and the same values in the one form that loads surely. Raises Refused."""
        record = _parse(row)
        key: int | None = None
        try:
            key = _integer(record.get(self._key.name))
            if key is None:
                raise _Problem(f"{self._key.name}: missing")
            written = _head(record, self._spec)
        except _Problem as problem:
            raise Refused(str(problem), key) from None
        return key, msgspec.json.encode(written)


class _Problem(Exception):
    pass


def _decoder(spec: EntitySpec, day: type) -> Any:
    kinds: dict[str, Any] = {
        "int": _Int,
        "decimal": _Amount,
        "text": str,
        "bool": bool,
        "date": day,
        "datetime": datetime,
    }

    def fields(columns: Sequence[Column], key: str) -> tuple[list[Any], dict[str, str]]:
        found: list[Any] = []
        names: dict[str, str] = {}
        needed = [c for c in columns if c.required or key in (c.name, c.raw_name)]
        for place, column in enumerate([*needed, *(c for c in columns if c not in needed)]):
            name = "key" if key in (column.name, column.raw_name) else f"f{place}"
            names[name] = column.name
            kind = kinds[column.kind]
            found.append((name, kind) if column in needed else (name, kind | None, None))
        return found, names

    columns, names = fields(spec.columns, spec.key)
    for place, child in enumerate(spec.children):
        parts, part_names = fields(child.columns, child.key)
        inner = msgspec.defstruct("Child", parts, rename=part_names, gc=False)
        columns.append((f"c{place}", list[inner] | None, None))  # type: ignore[valid-type]
        names[f"c{place}"] = child.path
    record = msgspec.defstruct("Record", columns, rename=names, gc=False)
    return msgspec.json.Decoder(record)


def _parse(row: bytes) -> dict[str, Any]:
    try:
        record = msgspec.json.Decoder(float_hook=Decimal).decode(row)
    except (msgspec.MsgspecError, UnicodeDecodeError, InvalidOperation):
        raise Refused("the record is not JSON") from None
    if not isinstance(record, dict):
        raise Refused("the record is not an object")
    return record


def _head(record: dict[str, Any], spec: EntitySpec) -> dict[str, Any]:
    written = _scalars(record, spec.columns, spec.key, "")
    for child in spec.children:
        written[child.path] = _children(record.get(child.path), child)
    return written


def _children(value: Any, child: ChildTable) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise _Problem(f"{child.path}: expected a list, got {_kind_of(value)}")
    found = []
    for place, part in enumerate(value):
        if not isinstance(part, dict):
            raise _Problem(f"{child.path}[{place}]: expected an object, got {_kind_of(part)}")
        found.append(_scalars(part, child.columns, child.key, f"{child.path}[{place}]."))
    return found


def _scalars(record: dict[str, Any], columns: Sequence[Column], key: str, prefix: str) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for column in columns:
        try:
            value = _CONVERT[column.kind](record.get(column.name))
        except _Problem as problem:
            raise _Problem(f"{prefix}{column.name}: {problem}") from None
        if value is None and (column.required or key in (column.name, column.raw_name)):
            raise _Problem(f"{prefix}{column.name}: missing")
        written[column.name] = value
    return written


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    for kind, name in (((int, Decimal), "a number"), (str, "text"), (list, "a list"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "nothing"


def _number(value: Any) -> Decimal | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        raise _Problem(f"expected a number, got {_kind_of(value)}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise _Problem("expected a number, got other text")
    number = Decimal(value.strip() if isinstance(value, str) else value)
    if not number.is_finite():
        raise _Problem("expected a number")
    return number


def _integer(value: Any) -> int | None:
    number = _number(value)
    if number is None:
        return None
    if abs(number) > _LARGEST_INT:
        raise _Problem("the number is too large")
    if number != number.to_integral_value():
        raise _Problem("expected a whole number, got a fraction")
    return int(number)


def _amount(value: Any) -> str | None:
    number = _number(value)
    if number is None:
        return None
    if abs(number) >= LARGEST_AMOUNT:
        raise _Problem("the amount is 10 000 000 000 000 or more")
    return format(number.quantize(_SIX_PLACES), "f")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise _Problem(f"expected text, got {_kind_of(value)}")
    return str(value)


def _truth(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and not value.strip():
        return None
    try:
        return _TRUTH[str(value).strip().lower()]
    except KeyError:
        raise _Problem(f"expected true or false, got {_kind_of(value)}") from None


def _day(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _Problem(f"expected a date, got {_kind_of(value)}")
    try:
        found = date.fromisoformat(value[:10])
    except ValueError:
        raise _Problem("expected a date as YYYY-MM-DD") from None
    if len(value) > 10:
        _moment(value)
    return found.isoformat()


def _moment(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _Problem(f"expected a time, got {_kind_of(value)}")
    try:
        found = datetime.fromisoformat(value.strip().upper())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Problem("expected a time in ISO 8601") from None
    return found.strftime("%Y-%m-%dT%H:%M:%S.%f").zfill(26) + "Z"


_CONVERT: dict[str, Any] = {
    "int": _integer,
    "decimal": _amount,
    "text": _text,
    "bool": _truth,
    "date": _day,
    "datetime": _moment,
}
