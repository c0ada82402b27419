"""Phone numbers as the ERP keeps them: a national number beside its country code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers


def whole_number(number: Any, country: Any) -> str | None:
    """A stored number with its country code in front, unless it carries one itself; None when it is empty."""
    text = str(number or "").strip()
    if not text:
        return None
    code = re.sub(r"\D", "", str(country or "")).removeprefix("00")
    if text.startswith(("+", "00")) or not code:
        return text
    return f"+{code} {text}"


def phone_parts(value: Any, current: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that make a phone hold a number; its country code only where that changes."""
    text = str(value or "")
    if not text:
        return {"Number": ""}
    try:
        parsed = phonenumbers.parse(text, "NO")
    except phonenumbers.NumberParseException:
        return {"Number": text}
    national = phonenumbers.national_significant_number(parsed)
    number = f"{national} ext. {parsed.extension}" if parsed.extension else national
    country = f"+{parsed.country_code}"
    if current and _country_of(current) == country:
        return {"Number": number}
    return {"Number": number, "CountryCode": country}


def _country_of(phone: Mapping[str, Any]) -> str:
    code = re.sub(r"\D", "", str(phone.get("CountryCode") or "")).removeprefix("00")
    number = str(phone.get("Number") or "")
    if code:
        return f"+{code}"
    return "+47" if number and not number.startswith(("+", "00")) else ""
