"""From what stands on a record to the identity it is recognised by, and to the words to search for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

from sounimicro_pipelines.rules.organization_numbers import read_organization_number
from sounimicro_pipelines.rules.transforms import TRANSFORMS, country_code
from sounimicro_pipelines.rules.values import Context
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.names import LEGAL_FORMS

_PHONE = TRANSFORMS["phone"]
_SHORT = 3
"""Shorter words are found in too many names."""


class Traits(Protocol):
    """What either vendor room tells of a record."""

    @property
    def name(self) -> str: ...
    @property
    def org_number(self) -> str: ...
    @property
    def postcode(self) -> str: ...
    @property
    def street(self) -> str: ...
    @property
    def phones(self) -> tuple[str, ...]: ...
    @property
    def emails(self) -> tuple[str, ...]: ...
    @property
    def urls(self) -> tuple[str, ...]: ...
    @property
    def parent(self) -> int | None: ...
    @property
    def country(self) -> str: ...


def identity_of(record_id: int, traits: Traits, number: str) -> Identity:
    """The identity in its compared form; an organisation number or phone that is not valid is left out."""
    country = country_of(traits)
    org_number, valid = read_organization_number(traits.org_number, country) if traits.org_number else ("", True)
    return Identity(
        id=record_id,
        name=traits.name,
        org_number=org_number if valid else "",
        number=number,
        postcode=traits.postcode,
        street=traits.street,
        phones=frozenset(_phones(traits.phones, country)),
        emails=frozenset(text.strip().casefold() for text in traits.emails if "@" in text),
        domains=frozenset(filter(None, map(_domain, traits.urls))),
        parent=traits.parent,
    )


def country_of(traits: Traits) -> str:
    """The record's country in two letters; Norway where none is named or the name is unknown."""
    return (country_code(traits.country) if traits.country else None) or "NO"


def search_words(name: str) -> list[str]:
    """Up to two words of a name by which a system can find it, the most telling first.

    Words with letters that people spell in several ways come last.
    """
    words = [word for word in re.findall(r"[^\W_]+", name) if word.casefold() not in LEGAL_FORMS]
    words = [word for word in words if len(word) >= _SHORT] or words
    words.sort(key=lambda word: (not word.isascii() or _is_spelt_out(word), -len(word)))
    return list(dict.fromkeys(words))[:2]


def phone_spellings(phones: Iterable[str]) -> list[str]:
    """National forms of E.164 numbers as people write them, for systems that search for text."""
    found: dict[str, None] = {}
    for phone in sorted(phones):
        digits = phone.split(";")[0].removeprefix("+47") if phone.startswith("+47") else phone.split(";")[0]
        found[digits] = None
        if digits.isdigit() and len(digits) == 8:
            found[f"{digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:]}"] = None
            found[f"{digits[:3]} {digits[3:5]} {digits[5:]}"] = None
    return list(found)


def _is_spelt_out(word: str) -> bool:
    return re.search(r"aa|ae|oe", word.casefold()) is not None


def _phones(texts: Iterable[str], country: str) -> Iterable[str]:
    for text in texts:
        reading = _PHONE.read("crm", (text,), Context(country=country))
        if reading.problem is None and not reading.empty:
            yield reading.key


def _domain(url: str) -> str:
    parts = urlsplit(url if "://" in url else f"//{url}")
    host = (parts.hostname or "").casefold().removeprefix("www.")
    return host if "." in host else ""
