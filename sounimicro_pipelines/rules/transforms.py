"""The named transforms that rules may use: how each value is compared, and how it is written on either side.

A transform says whether it is lossless: whether what one side holds, brought to the other and back, is compared as
equal. Losslessness is judged on the compared form. A lossy transform serves one direction only.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import phonenumbers
from babel import Locale
from babel.core import get_global

from sounimicro_pipelines.clock import OSLO
from sounimicro_pipelines.rules.organization_numbers import read_organization_number
from sounimicro_pipelines.rules.person_names import join_name, split_name
from sounimicro_pipelines.rules.values import EMPTY, Context, ItemMap, Problem, Raw, Reading, Side, text_of

_NO_ITEMS = ItemMap("")


class CannotWrite(Exception):
    """The other side has no place for this value; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.cause)
        self.problem = problem


class Transform:
    """Text, compared with its outer and doubled spaces left out."""

    name = "text"
    lossless = True
    crm_parts: tuple[int, ...] = (1,)
    erp_parts: tuple[int, ...] = (1,)
    says = "compares text without outer and doubled spaces"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        """The value of one side as it is compared. Never raises: what cannot travel carries a problem."""
        text = _tidy(text_of(raw[0]))
        return Reading(text, self.key(text))

    def write(self, side: Side, value: Reading, current: Raw, context: Context) -> Raw:
        """How `side` should hold a value read on the other side. `current` is what it holds now.

        Raises CannotWrite when it has no place for it.
        """
        return (value.text,)

    def key(self, text: str) -> str:
        return text

    def spelling(self, text: str) -> str:
        """Equal for two texts that say the same in other letters: case, spacing, and «A/S» for «AS».

        Such a difference is a change when somebody makes it, but no reason to ask anybody when two records meet.
        """
        words = re.sub(r"\ba(?:/s|\.s\.?)(?!\w)", "as", text.casefold())
        return "".join(words.split())


class LongText(Transform):
    name = "long_text"
    says = "compares text line by line, without spaces at the ends of lines"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        lines = [line.rstrip() for line in unicodedata.normalize("NFC", text_of(raw[0])).splitlines()]
        text = "\n".join(lines).strip()
        return Reading(text, text)


class OneLine(Transform):
    name = "one_line"
    lossless = False
    says = "turns several lines into one"


class Digits(Transform):
    name = "digits"
    lossless = False
    says = "keeps the digits only"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = re.sub(r"\D", "", text_of(raw[0]))
        return Reading(text, text)


class TolerantText(Transform):
    name = "tolerant_text"
    says = "compares text without regard to case and spacing"

    def key(self, text: str) -> str:
        return "".join(text.casefold().split())


class Address(Transform):
    name = "address"
    says = "compares address lines without regard to case, spacing, commas and full stops"

    def key(self, text: str) -> str:
        return re.sub(r"[\s,.]+", "", text.casefold())


class Email(Transform):
    name = "email"
    says = "compares e-mail addresses without regard to case"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = _tidy(text_of(raw[0]))
        if text and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
            return Reading(text, text.casefold(), _invalid("e-mail address", "Write it as name@domain."))
        return Reading(text, text.casefold())


class Url(Transform):
    name = "url"
    says = "compares web addresses without regard to case, http(s):// and a closing slash"

    def key(self, text: str) -> str:
        return re.sub(r"^https?://", "", text.casefold()).rstrip("/")


class OrgNumber(Transform):
    name = "org_number"
    says = "compares organisation numbers by their nine digits, checked by modulus 11; foreign ones as text"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = _tidy(text_of(raw[0]))
        if not text:
            return EMPTY
        number, valid = read_organization_number(text, context.country)
        problem = None
        if not valid:
            problem = _invalid("organisation number", "Correct its nine digits, or the country of a foreign company.")
        return Reading(number, number, problem)


class Phone(Transform):
    name = "phone"
    says = "compares phone numbers in E.164; numbers without a country are Norwegian"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = _tidy(text_of(raw[0]))
        if not text:
            return EMPTY
        number = _parse_phone(text)
        if number is None:
            return Reading(text, text.casefold(), _invalid("phone number", "Write it with its country code."))
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        extension = f";ext={number.extension}" if number.extension else ""
        return Reading(e164 + extension, e164 + extension)

    def write(self, side: Side, value: Reading, current: Raw, context: Context) -> Raw:
        if value.empty:
            return ("",)
        number = _parse_phone(value.text.replace(";ext=", " ext. "))
        if number is None:
            raise CannotWrite(_invalid("phone number", "Write it with its country code."))
        if side == "erp":
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            return (e164 + (f" ext. {number.extension}" if number.extension else ""),)
        return (phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL),)


class PersonName(Transform):
    name = "person_name"
    crm_parts = (1, 2, 3)
    says = "compares the whole name; splits it only when it differs, by the last word with its particles"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = join_name(text_of(part) for part in raw)
        return Reading(text, text)

    def write(self, side: Side, value: Reading, current: Raw, context: Context) -> Raw:
        if side == "erp":
            return (value.text,)
        first, middle, last = split_name(value.text, _three_parts(current))
        return {1: (value.text,), 2: (join_name((first, middle)), last), 3: (first, middle, last)}[len(current)]


class Country(Transform):
    name = "country"
    says = "compares countries by their two letters; an address without a country is a Norwegian one"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = _tidy(text_of(raw[0]))
        if text in ("", "0"):
            return Reading("", "NO")
        code = country_code(text)
        if code is None:
            return Reading(text, text.casefold(), _invalid("country", "Use a name or code from ISO 3166."))
        return Reading(code, code)

    def write(self, side: Side, value: Reading, current: Raw, context: Context) -> Raw:
        return (value.text or "NO",)


class Day(Transform):
    """A calendar day. With two ERP fields the first that is filled counts, and is the one that is written."""

    name = "date"
    erp_parts = (1, 2)
    says = "compares the calendar day in Europe/Oslo"

    def write(self, side: Side, value: Reading, current: Raw, context: Context) -> Raw:
        if len(current) == 1:
            return (value.text,)
        if value.empty:
            return ("", "")
        first, second = (text_of(part) for part in current)
        return (first, value.text) if second and not first else (value.text, second)

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        value = next((part for part in raw if part not in (None, "")), None)
        if isinstance(value, str):
            value = value.strip()
            if not value:
                return EMPTY
            parsed = _parse_day(value)
            if parsed is None:
                return Reading(value, value, _invalid("date", "Write it as year-month-day."))
            value = parsed
        if value is None:
            return EMPTY
        if isinstance(value, datetime):
            day = (value.astimezone(OSLO) if value.tzinfo else value).date()
        elif isinstance(value, date):
            day = value
        else:
            return Reading(text_of(value), text_of(value), _invalid("date", "Write it as year-month-day."))
        return EMPTY if day.year <= 1 else Reading(day.isoformat(), day.isoformat())


class Whole(Transform):
    name = "integer"
    says = "compares whole numbers"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = _tidy(text_of(raw[0])).replace(" ", "")
        if text and not re.fullmatch(r"-?\d+", text):
            return Reading(text, text, _invalid("whole number", "Use digits only."))
        text = str(int(text)) if text else ""
        return Reading(text, text)


class Amount(Transform):
    name = "decimal"
    says = "compares decimal numbers by their value"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = _tidy(text_of(raw[0])).replace(" ", "").replace(",", ".")
        if not text:
            return EMPTY
        try:
            text = f"{Decimal(text).normalize():f}"
        except InvalidOperation:
            return Reading(text, text, _invalid("number", "Use digits and one decimal sign."))
        return Reading(text, text)


class Flag(Transform):
    name = "boolean"
    says = "compares yes and no; empty means no"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = text_of(raw[0]).strip().casefold()
        if text in ("", "false", "0", "no", "nei"):
            return Reading("false", "false")
        if text in ("true", "1", "yes", "ja"):
            return Reading("true", "true")
        return Reading(text, text, _invalid("yes or no", "Use true or false."))


class ListItem(Transform):
    """Items of a list that is mapped item by item, per company."""

    name = "list"
    says = "compares list items by their mapping, which is kept per ERP company"

    def read(self, side: Side, raw: Raw, context: Context) -> Reading:
        text = _tidy(text_of(raw[0]))
        if text in ("", "0"):
            return EMPTY
        items = context.items or _NO_ITEMS
        meaning = items.meaning(side, text)
        if meaning is None:
            problem = Problem(
                "unmapped_list_item",
                f"An item of the list {items.name} has no counterpart.",
                f"Map the item in the setup of the list {items.name}, or choose another on the record.",
            )
            return Reading(text, f"{side}:{text}", problem)
        return Reading(text, f"=:{meaning}")

    def write(self, side: Side, value: Reading, current: Raw, context: Context) -> Raw:
        if value.empty:
            return ("",)
        items = context.items or _NO_ITEMS
        other = items.counterpart("erp" if side == "crm" else "crm", value.text)
        if other is None:
            raise CannotWrite(
                Problem(
                    "ambiguous_list_item",
                    f"An item of the list {items.name} has several counterparts and none is marked as the way back.",
                    f"Mark one of the pairs as the way back in the setup of the list {items.name}.",
                )
            )
        return (other,)


TRANSFORMS: dict[str, Transform] = {
    transform.name: transform
    for transform in (
        Transform(),
        LongText(),
        OneLine(),
        Digits(),
        TolerantText(),
        Address(),
        Email(),
        Url(),
        OrgNumber(),
        Phone(),
        PersonName(),
        Country(),
        Day(),
        Whole(),
        Amount(),
        Flag(),
        ListItem(),
    )
}
"""Every transform that a rule may name. `list` is used by naming a list, not by itself."""

BY_KIND = {
    "text": "text",
    "int": "integer",
    "decimal": "decimal",
    "bool": "boolean",
    "date": "date",
    "datetime": "date",
}
"""The transform of a field that names none, by the kind of its values."""


@lru_cache(maxsize=4096)
def country_code(text: str) -> str | None:
    """The ISO 3166 letters for a code (2 or 3 letters, 3 digits) or a name in Norwegian or English; None if unknown."""
    folded = text.casefold()
    known = _country_names()
    if folded in known:
        return known[folded]
    code = text.upper()
    if code.isdigit():
        code = code.zfill(3)
    aliases = get_global("territory_aliases").get(code)
    if aliases and len(aliases[0]) == 2:
        return str(aliases[0])
    return None


@lru_cache(maxsize=1)
def _country_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in ("en", "nb"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                names[name.casefold()] = code
                names[code.casefold()] = code
    return names


@lru_cache(maxsize=4096)
def _parse_phone(text: str) -> phonenumbers.PhoneNumber | None:
    cleaned = re.sub(r"^\(?\+?\(?(\d)", lambda found: found.group(0).replace("(", ""), text)
    try:
        number = phonenumbers.parse(cleaned, "NO")
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) and number.country_code else None


def _parse_day(text: str) -> date | None:
    norwegian = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text)
    try:
        if norwegian:
            day, month, year = (int(part) for part in norwegian.groups())
            return date(year, month, day)
        if len(text) > 10:
            moment = datetime.fromisoformat(text)
            midnight_utc = moment.tzinfo is not None and (moment.hour, moment.minute, moment.second) == (0, 0, 0)
            return moment.date() if moment.tzinfo is None or midnight_utc else moment.astimezone(OSLO).date()
        return date.fromisoformat(text)
    except ValueError:
        return None


def _three_parts(current: Raw) -> tuple[str, str, str]:
    parts = [_tidy(text_of(part)) for part in current]
    if len(parts) == 3:
        return (parts[0], parts[1], parts[2])
    if len(parts) == 2:
        return (parts[0], "", parts[1])
    return ("", "", "")


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _invalid(what: str, remedy: str) -> Problem:
    return Problem("invalid_value", f"The value is no valid {what}.", remedy)
