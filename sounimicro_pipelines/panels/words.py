"""Texts from the catalogues, and numbers and dates as the reader's language writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale
from babel.dates import format_date

from sounimicro_pipelines.clock import OSLO

LANGUAGES = ("nb", "en")
_LOCALES = {"nb": "nb_NO", "en": "en_GB"}
_DATE_PATTERNS = {"nb": "dd.MM.yyyy", "en": "d MMM yyyy"}
_FOLDER = Path(__file__).parent / "texts"
_PLAIN: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Eight times as fast where PyYAML came with libyaml, and every process that speaks to people reads the catalogues."""


class Words:
    """Everything that depends on the reader's language. Get it with `words(language)`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = catalogue(language)
        locale = Locale.parse(_LOCALES[language])
        symbols = locale.number_symbols["latn"]
        self._signs = str.maketrans({",": str(symbols["group"]), ".": str(symbols["decimal"])})
        self._minus = str(symbols["minusSign"])
        self._plural = locale.plural_form
        self._locale = locale
        self.html_language = {"nb": "nb", "en": "en"}[language]

    def __call__(self, key: str, /, **parameters: Any) -> str:
        """The text of a key, its parameters filled in. `count` chooses between the forms `one` and `other`."""
        text = self._texts.get(key)
        count = parameters.get("count")
        if text is None and count is not None:
            text = self._texts.get(f"{key}.{self._plural(count)}") or self._texts[f"{key}.other"]
        if text is None:
            raise KeyError(f"no text «{key}» in {self.language}")
        if isinstance(count, int) and count >= 1000:
            parameters["count"] = self.integer(count)
        return text.format_map(parameters) if parameters else text

    def has(self, key: str) -> bool:
        return key in self._texts

    def or_raw(self, prefix: str, value: str | None) -> str:
        """The text of a code, or the code itself when the catalogue does not know it."""
        if not value:
            return ""
        return self._texts.get(f"{prefix}.{value}", value.replace("_", " "))

    def number(self, value: Decimal | int, decimals: int) -> str:
        """A number with exactly so many decimals: `1 234,50`, with the language's own minus."""
        rounded = Decimal(value).quantize(_unit(decimals), ROUND_HALF_UP)
        shown = f"{abs(rounded):,.{decimals}f}".translate(self._signs)
        return self._minus + shown if rounded < 0 else shown

    def money(self, value: Decimal | None) -> str:
        return "" if value is None else self.number(value, 2)

    def price(self, value: Decimal | None) -> str:
        """With two decimals, or more where it has more."""
        return self.quantity(value, fewest=2)

    def quantity(self, value: Decimal | None, fewest: int = 0) -> str:
        """Without trailing zeros beyond the `fewest` decimals."""
        if value is None:
            return ""
        exponent = value.normalize().as_tuple().exponent
        return self.number(value, max(fewest, -exponent) if isinstance(exponent, int) else fewest)

    def percent(self, value: Decimal | None, decimals: int = 0) -> str:
        """A share (1 = 100 %)."""
        if value is None:
            return ""
        space = "\xa0" if self.language == "nb" else ""
        return f"{self.number(value * 100, decimals)}{space}%"

    def integer(self, value: int | None) -> str:
        return "" if value is None else self.number(value, 0)

    def date(self, value: date | None) -> str:
        return "" if value is None else _format_date(value, self.language)

    def moment(self, value: datetime | None) -> str:
        """Day and minute in Europe/Oslo."""
        if value is None:
            return ""
        local = value.astimezone(OSLO)
        return self("formats.moment", date=self.date(local.date()), time=f"{local:%H:%M}")

    def age(self, then: datetime, now: datetime) -> str:
        """How long ago, in words."""
        minutes = max(0, int((now - then).total_seconds() // 60))
        if minutes < 1:
            return self("age.now")
        if minutes < 60:
            return self("age.minutes", count=minutes)
        if minutes < 48 * 60:
            return self("age.hours", count=minutes // 60)
        return self("age.days", count=minutes // (24 * 60))


@cache
def words(language: str) -> Words:
    return Words(language)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Key → text, keys joined by dots, from `nb.yaml` and its kin such as `sign-in.nb.yaml`.

    Raises ValueError for a key that stands twice.
    """
    texts: dict[str, str] = {}
    for path in sorted(_FOLDER.glob(f"*{language}.yaml")):
        with path.open(encoding="utf-8") as file:
            found = _flatten("", yaml.load(file, Loader=_PLAIN))  # noqa: S506 - makes nothing but text
        for key, text in found:
            if key in texts:
                raise ValueError(f"the text «{key}» stands twice in {language}")
            texts[key] = text
    return texts


def choose_language(wish: str | None, accept_language: str | None) -> str:
    """The first language that we speak: what the address says, what the browser says, Norwegian."""
    for tag in [wish or "", *(accept_language or "").split(",")]:
        code = tag.split(";")[0].strip().lower().split("-")[0]
        if code in ("nb", "no", "nn"):
            return "nb"
        if code in ("en", "us", "gb", "uk"):  # the CRM names its languages after countries
            return "en"
    return "nb"


@cache
def _unit(decimals: int) -> Decimal:
    """The smallest difference between numbers with so many decimals."""
    return Decimal(1).scaleb(-decimals)


@cache
def _format_date(value: date, language: str) -> str:
    return format_date(value, _DATE_PATTERNS[language], locale=_LOCALES[language])


def _flatten(prefix: str, node: Any) -> list[tuple[str, str]]:
    if isinstance(node, dict):
        return [
            pair for key, value in node.items() for pair in _flatten(f"{prefix}.{key}" if prefix else str(key), value)
        ]
    return [(prefix, str(node))]
