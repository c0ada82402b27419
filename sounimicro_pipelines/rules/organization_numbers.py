"""Organisation numbers as people write them: nine digits checked by modulus 11, with or without NO, MVA and spaces."""

from __future__ import annotations

import re
from functools import lru_cache

from stdnum.no import orgnr


@lru_cache(maxsize=4096)
def read_organization_number(text: str, country: str = "NO") -> tuple[str, bool]:
    """The number in its compared form, and whether it is valid.

    A Norwegian number becomes its nine digits. One with another country's letters in front, or of a company in
    another country, is kept as text in capitals without spaces and counts as valid.
    """
    bare = re.sub(r"[\s.\-–]+", "", text.upper())
    digits = re.sub(r"^(ORGNR|ORG|NO)?:?(\d+)(MVA)?$", r"\2", bare)
    if digits.isdigit() and len(digits) == 9 and orgnr.is_valid(digits):
        return digits, True
    letters = re.match(r"^[A-Z]{2}(?=\w*\d)", bare)
    if letters and letters.group(0) != "NO" and not bare.startswith("ORG"):
        return bare, True
    if country not in ("", "NO"):
        return bare, True
    return (digits if digits.isdigit() else bare), False


def norwegian_number(text: str) -> str | None:
    """The nine digits of a valid Norwegian organisation number, or None."""
    number, valid = read_organization_number(text)
    return number if valid and number.isdigit() and len(number) == 9 else None
