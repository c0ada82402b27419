"""What the doctor found, in the reader's language: for the screen and for the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.findings import Finding
from sounimicro_pipelines.panels.words import Words


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in words. `remedy` is empty when all is well; `is_own` where they are an error's own, in English."""

    title: str
    text: str
    remedy: str
    is_own: bool


def tell(words: Words, finding: Finding) -> Told:
    """Title, what was found, and what to do about it."""
    filled = {name: _filled(words, name, value) for name, value in finding.parameters.items()}
    title = words(f"doctor.{finding.check}.title", **filled)
    title = f"{finding.company}: {title}" if finding.company else f"{title[:1].upper()}{title[1:]}"
    error = finding.error
    if error is not None:
        text = "; ".join(error.problems) if isinstance(error, SettingsError) else error.message
        return Told(title, text, error.remedy, True)
    key = f"doctor.{finding.check}.{finding.said or finding.level}"
    remedy = words(f"{key}.remedy", **filled) if words.has(f"{key}.remedy") else ""
    return Told(title, words(f"{key}.text", **filled), remedy, False)


def _filled(words: Words, name: str, value: Any) -> Any:
    """A parameter as the language writes it; `what` and `why` are codes with texts of their own."""
    if name in ("what", "why"):
        return words(f"doctor.{name}.{value}")
    if isinstance(value, date):
        return words.date(value)
    return words.quantity(value) if isinstance(value, Decimal) else value
