"""How values travel: dates and zones (8.4), languages (1.5), encoded values and case-blind names (2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from sounimicro_pipelines.clock import OSLO, UTC
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request

BASE_ZONE = OSLO
NO_DATE = "0001-01-01T00:00:00"
SEPARATOR_ID = -2147483647

ZONES: tuple[tuple[int, str, str, ZoneInfo], ...] = (
    (1, "UTC", "UTC", ZoneInfo("UTC")),
    (56, "DK", "Denmark", ZoneInfo("Europe/Copenhagen")),
    (78, "GB", "United Kingdom", ZoneInfo("Europe/London")),
    (184, "SE", "Sweden", ZoneInfo("Europe/Stockholm")),
    (261, "NO", "Norway", ZoneInfo("Europe/Oslo")),
)
"""Time zones the tenant lists: id, code, name."""

_LANGUAGES = {"no": "NO", "nb": "NO", "nn": "NO", "en": "US", "sv": "SV", "da": "DA", "de": "GE"}
_RESOURCES = {
    "SR_AL_STREET": {"NO": "Gateadresse", "US": "Street address"},
    "SR_AL_POSTAL": {"NO": "Postadresse", "US": "Postal address"},
    "SR_AL_ZIPCITY": {"NO": "Postnr./-sted", "US": "Zip/City"},
    "SR_AL_COUNTY": {"NO": "Fylke", "US": "County"},
}
_PART = re.compile(r'([A-Z]{2}):"((?:[^"\\]|\\.)*)"')
_RESOURCE = re.compile(r"\[(SR_\w+)\]")
_ENCODED = re.compile(r"\[(I|F|D|DT|B):(.*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Manner:
    """How one request wants its answers: zone, offsets on dates, language (None = raw multi-language texts)."""

    zone: ZoneInfo = BASE_ZONE
    offsets: bool = False
    language: str | None = None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Manner:
        """Read `SO-TimeZone`, `SO-Language`, `Accept-Language` (1.5). Raises ApiError 400 on an unknown zone."""
        zone, offsets = BASE_ZONE, False
        wanted = headers.get("so-timezone", "").strip()
        if wanted:
            code, *suffixes = [part.strip() for part in wanted.split(",")]
            zone = _zone(code)
            offsets = any(suffix.lower() == "includetzoffset" for suffix in suffixes)
        return cls(zone=zone, offsets=offsets, language=_language(headers))

    def text(self, value: str) -> str:
        """A multi-language or resource text in the request's language, raw without one."""
        if self.language is None:
            return value
        language = self.language
        parts = dict(_PART.findall(value))
        if parts and _PART.sub("", value).strip(" ;") == "":
            value = parts.get(language) or parts.get("US") or next(iter(parts.values()))
        return _RESOURCE.sub(lambda match: _RESOURCES.get(match[1], {}).get(language, match[0]), value)

    def stamp(self, value: datetime | date | None) -> str:
        """A date as JSON. Aware: a moment. Naive: local time in the base zone. A plain date is never moved."""
        if value is None:
            return NO_DATE
        if not isinstance(value, datetime):
            return datetime.combine(value, time()).isoformat(timespec="seconds")
        moment = value if value.tzinfo else value.replace(tzinfo=BASE_ZONE)
        local = moment.astimezone(self.zone)
        text = local.replace(tzinfo=None).isoformat(timespec="seconds")
        if not self.offsets:
            return text
        return text + ("Z" if not local.utcoffset() else local.strftime("%z")[:3] + ":" + local.strftime("%z")[3:])

    def moment(self, text: Any) -> datetime | None:
        """An incoming date as a moment in UTC; without offset it is in the request's zone. None for the empty date."""
        value = parse_date(text)
        if value is None:
            return None
        return (value if value.tzinfo else value.replace(tzinfo=self.zone)).astimezone(UTC)

    def local(self, text: Any) -> datetime | None:
        """An incoming date as local time in the base zone."""
        value = parse_date(text)
        if value is None:
            return None
        moment = value if value.tzinfo else value.replace(tzinfo=self.zone)
        return moment.astimezone(BASE_ZONE).replace(tzinfo=None)

    def day(self, text: Any) -> date | None:
        """An incoming calendar day; time and zone are dropped."""
        value = parse_date(text)
        return None if value is None else value.date()


RAW = Manner(zone=ZoneInfo("UTC"), offsets=True, language="NO")
"""The manner of the tests' own view: UTC with `Z`, Norwegian."""


def _zone(code: str) -> ZoneInfo:
    for number, letters, _, zone in ZONES:
        if code.upper() == letters or code == str(number):
            return zone
    raise bad_request(f"Unknown time zone '{code}'")


def _language(headers: Mapping[str, str]) -> str | None:
    wanted = headers.get("so-language") or headers.get("accept-language") or ""
    first = re.split(r"[,;]", wanted)[0].strip().lower()
    if first in ("", "*", "x", "-"):
        return None
    return _LANGUAGES.get(first.split("-")[0], "US")


def parse_date(text: Any) -> datetime | None:
    """An ISO date as sent by clients, with any number of decimals; None for null and for year 1."""
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise bad_request(f"'{text}' is not a date")
    cut = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
    try:
        value = datetime.fromisoformat(cut.replace("Z", "+00:00") if cut.endswith(("Z", "z")) else cut)
    except ValueError:
        raise bad_request(f"'{text}' is not a date") from None
    return None if value.year <= 1 else value


def http_date(value: datetime) -> str:
    """The `Last-Modified` form: GMT, whole seconds."""
    return value.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def parse_http_date(text: str) -> datetime | None:
    """A conditional header's date; also ISO, as some clients send. None when it cannot be read."""
    for pattern in ("%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%y %H:%M:%S GMT"):
        try:
            return datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        value = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def encode(value: Any) -> str:
    """A dictionary value as section 2.3 writes it: text raw, `[I:3]`, `[F:4.43]`, `[D:…]`, `[DT:…]`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return f"[I:{value}]"
    if isinstance(value, Decimal | float):
        return f"[F:{value}]"
    if isinstance(value, datetime):
        return value.strftime("[DT:%m/%d/%Y %H:%M:%S.") + f"{value.microsecond:06d}0]"
    if isinstance(value, date):
        return f"[D:{value.month:02d}/{value.day:02d}/{value.year:04d} 00:00:00.0000000]"
    return str(value)


def decode(text: Any) -> Any:
    """The value of an encoded text; anything else comes back as it is."""
    if not isinstance(text, str):
        return text
    match = _ENCODED.fullmatch(text)
    if match is None:
        return text
    kind, body = match.groups()
    try:
        if kind == "I":
            return int(body)
        if kind == "B":
            return body.lower() in ("1", "true")
        if kind == "F":
            return Decimal(body)
        day, _, clock = body.partition(" ")
        month, of_month, year = (int(part) for part in day.split("/"))
        if year <= 1:
            return None
        if kind == "D":
            return date(year, month, of_month)
        hours, minutes, seconds = (clock.split(".")[0] or "0:0:0").split(":")
        return datetime(year, month, of_month) + timedelta(  # noqa: DTZ001 - local time, as the field is
            hours=int(hours), minutes=int(minutes), seconds=int(seconds)
        )
    except (ValueError, InvalidOperation):
        raise bad_request(f"'{text}' cannot be decoded") from None


def strip_phone(value: str) -> str:
    """The machine form of a phone number: digits, and a leading plus."""
    digits = re.sub(r"\D", "", value)
    return "+" + digits if value.strip().startswith("+") else digits


def format_phone(value: str) -> str:
    """A Norwegian number as the country's convention writes it; other numbers unchanged."""
    digits = strip_phone(value).removeprefix("+47").removeprefix("0047")
    if len(digits) != 8 or not digits.isdigit():
        return value
    if digits[0] in "49":
        return f"+47 {digits[:3]} {digits[3:5]} {digits[5:]}"
    return f"+47 {digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:]}"


def find_key(mapping: Mapping[str, Any], name: str) -> str | None:
    """The key that is `name` in any case."""
    if name in mapping:
        return name
    folded = name.lower()
    return next((key for key in mapping if key.lower() == folded), None)


def pick(mapping: Mapping[str, Any] | None, name: str, default: Any = None) -> Any:
    """The value under `name` in any case."""
    if not isinstance(mapping, Mapping):
        return default
    key = find_key(mapping, name)
    return default if key is None else mapping[key]
