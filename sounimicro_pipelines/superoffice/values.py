"""The CRM's ways of writing a single value: languages, moments, days, user-defined fields. Nothing here does I/O."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Final, Literal

from babel.core import get_global

from sounimicro_pipelines.clock import OSLO, UTC

LANGUAGE: Final = "nb"

UdefKind = Literal["text", "int", "decimal", "date", "datetime", "bool"]

_LANGUAGE_PART = re.compile(r'([A-Za-z]{2}(?:-[A-Za-z]{2})?):"((?:[^"]|"(?!\s*(?:;|$)))*)"\s*(?:;|$)')
_LANGUAGE_ORDER: Final[dict[str, tuple[str, ...]]] = {
    "nb": ("NO", "NB", "NO-NO", "NB-NO", "US", "EN", "UK", "GB"),
    "en": ("US", "EN", "UK", "GB", "NO", "NB"),
}
_ENCODED = re.compile(r"\[(I|F|D|DT|T|B):([^\]]*)\]", re.IGNORECASE)
_VENDOR_MOMENT = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?)?")
_FORMER_COUNTRIES: Final = frozenset({"230", "249", "278", "280", "720", "736", "886"})
"""Numbers of countries before a division or union, whose letters another number has today; from 900 they are none."""
_FRACTION = re.compile(r"\.(\d+)")


@lru_cache(maxsize=4096)
def in_language(text: str | None, language: str = LANGUAGE) -> str:
    """One language of `NO:"Leverandør";US:"Supplier"`; other text as it is (vendor reference 1.5)."""
    if not text:
        return ""
    if ':"' not in text:
        return text
    parts: dict[str, str] = {code.upper(): value for code, value in _LANGUAGE_PART.findall(text)}
    if not parts or not _LANGUAGE_PART.match(text.lstrip()):
        return text
    for code in _LANGUAGE_ORDER.get(language, (language.upper(), *_LANGUAGE_ORDER["en"])):
        if code in parts:
            return parts[code]
    return next(iter(parts.values()))


def parse_moment(value: object) -> datetime | None:
    """A stamp in UTC. A value without offset is taken as UTC, which the client asks for; year 1 means none.

    Takes the ISO form with and without `Z` and the form inside `[DT:…]` (vendor reference 2.3, 8.4).
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str) and value.strip():
        text = value.strip()
        encoded = _ENCODED.fullmatch(text) if text[0] == "[" else None
        if encoded:
            text = encoded[2].strip()
        found = _VENDOR_MOMENT.fullmatch(text) if "/" in text else None
        try:
            if found:
                moment = _from_vendor(found)
            else:
                moment = datetime.fromisoformat(_FRACTION.sub(_micro, text) if "." in text else text)
        except ValueError:
            return None
    else:
        return None
    if moment.year <= 2:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_day(value: object) -> date | None:
    """The calendar day in Europe/Oslo that a date field means; year 1 means none.

    A value at midnight without offset, or a plain date, is that day; anything else is a moment (vendor reference 8.4).
    """
    if isinstance(value, datetime):
        return value.astimezone(OSLO).date() if value.tzinfo else value.date()
    if isinstance(value, date):
        return value if value.year > 2 else None
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()
    encoded = _ENCODED.fullmatch(text)
    if encoded:
        found = _VENDOR_MOMENT.fullmatch(encoded[2].strip())
        if found is None:
            return parse_day(encoded[2])
        try:
            day = date(int(found[3]), int(found[1]), int(found[2]))
        except ValueError:
            return None
        return day if day.year > 2 else None
    plain = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(?:T00:00(?::00(?:\.0+)?)?)?", text)
    if plain:
        try:
            day = date.fromisoformat(plain[1])
        except ValueError:
            return None
        return day if day.year > 2 else None
    moment = parse_moment(text)
    return moment.astimezone(OSLO).date() if moment else None


def day_to_wire(day: date) -> str:
    """A day as the CRM should store it: noon without offset, which is the same day in every zone (8.4)."""
    return f"{day.isoformat()}T12:00:00"


def moment_to_wire(moment: datetime) -> str:
    """A moment as an ISO text in UTC with `Z`, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def filter_moment(moment: datetime) -> str:
    """A moment as archive filters want it: ISO, UTC, without offset (vendor reference 3.1)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def http_date(moment: datetime) -> str:
    """A moment for `If-Unmodified-Since`, whole seconds (vendor reference 1.5)."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def encode_udef(value: object) -> str:
    """A value as user-defined fields carry it: `[I:3]`, `[F:4.5]`, `[D:…]`, `[DT:…]`, True/False, plain text (2.3)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return f"[I:{value}]"
    if isinstance(value, Decimal | float):
        return f"[F:{Decimal(str(value)):f}]"
    if isinstance(value, datetime):
        return f"[DT:{value.astimezone(UTC).strftime('%m/%d/%Y %H:%M:%S.%f')}0]"
    if isinstance(value, date):
        return f"[D:{datetime.combine(value, time()).strftime('%m/%d/%Y %H:%M:%S')}.0000000]"
    return str(value)


def decode_udef(text: object) -> str | int | bool | Decimal | date | datetime | None:
    """What a user-defined field's text means; None for blank and for the empty date."""
    if not isinstance(text, str):
        return text if isinstance(text, int | bool | Decimal) else None
    found = _ENCODED.fullmatch(text.strip())
    if found is None:
        if text in ("True", "False"):
            return text == "True"
        return text or None
    kind, body = found[1].upper(), found[2].strip()
    try:
        if kind == "I":
            return int(body)
        if kind == "F":
            return Decimal(body)
        if kind == "B":
            return body.lower() in ("1", "true")
    except (ValueError, InvalidOperation):
        return None
    return parse_day(text) if kind == "D" else parse_moment(text)


def udef_kind(text: object) -> UdefKind:
    """The kind that an encoded text shows."""
    if isinstance(text, str):
        found = _ENCODED.fullmatch(text.strip())
        if found:
            kinds: dict[str, UdefKind] = {"I": "int", "F": "decimal", "D": "date", "B": "bool"}
            return kinds.get(found[1].upper(), "datetime")
        if text in ("True", "False"):
            return "bool"
    return "text"


def country_id(value: object) -> int | None:
    """The CRM's id of a country, which is its number in ISO 3166, from an id or from the country's two letters."""
    if isinstance(value, str) and value.strip().upper() in _country_numbers():
        return _country_numbers()[value.strip().upper()]
    return as_int(value)


@lru_cache(maxsize=1)
def _country_numbers() -> dict[str, int]:
    aliases = get_global("territory_aliases")
    return {
        letters[0]: int(number)
        for number, letters in aliases.items()
        if re.fullmatch(r"[0-8]\d\d", number) and len(letters) == 1 and number not in _FORMER_COUNTRIES
    }


def as_int(value: object) -> int | None:
    """An integer from a number, `"1041"` or `[I:1041]`; None for anything else."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    if isinstance(value, str):
        decoded = decode_udef(value) if value.startswith("[") else value.strip()
        if isinstance(decoded, int):
            return int(decoded)
        if isinstance(decoded, str) and re.fullmatch(r"-?\d+", decoded):
            return int(decoded)
    return None


def as_bool(value: object) -> bool | None:
    """A truth value from true, 1, "True", "1" or `[I:1]`; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    number = as_int(value)
    return None if number is None else number != 0


def member(mapping: Any, name: str) -> Any:
    """A member of a JSON object by its name, in any casing; None where there is none."""
    if not isinstance(mapping, dict):
        return None
    if name in mapping:
        return mapping[name]
    folded = name.lower()
    for key, value in mapping.items():
        if isinstance(key, str) and key.lower() == folded:
            return value
    return None


def _from_vendor(found: re.Match[str]) -> datetime:
    month, day, year, hour, minute, second, fraction = found.groups()
    micro = int((fraction or "0").ljust(6, "0")[:6])
    return datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro)  # noqa: DTZ001


def _micro(found: re.Match[str]) -> str:
    return "." + found[1][:6].ljust(6, "0")
