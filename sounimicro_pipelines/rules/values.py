"""A field's value while two systems are compared: its text, the form it is compared by, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

Side = Literal["crm", "erp"]
Scalar = str | int | float | Decimal | bool | date | datetime | None
Raw = tuple[Scalar, ...]
"""A value as one side holds it: one scalar for each path of the field."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a value cannot travel. `cause` and `remedy` never quote the value; it may be personal."""

    kind: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as it is compared.

    `text` is what travels and what a baseline keeps (read again, it gives the same reading); '' means empty. Two
    values with the same `key` say the same, however each side writes them. A value with a `problem` is kept and
    compared like any other, but it never travels.
    """

    text: str
    key: str
    problem: Problem | None = None

    @property
    def empty(self) -> bool:
        return self.text == ""


EMPTY = Reading("", "")


@dataclass(frozen=True, slots=True)
class ItemMap:
    """Which item of a CRM list means which item in the ERP, for one company.

    `pairs` are (CRM item, ERP item); `ways_back` are the pairs that are used when an item has several counterparts.
    Items that are connected by pairs, directly or through others, mean the same.
    """

    name: str
    pairs: frozenset[tuple[str, str]] = frozenset()
    ways_back: frozenset[tuple[str, str]] = frozenset()

    def meaning(self, side: Side, item: str) -> str | None:
        """The same answer for all items that mean the same; None for an item that is not mapped."""
        place = 0 if side == "crm" else 1
        if not any(pair[place] == item for pair in self.pairs):
            return None
        crm, erp = ({item}, set[str]()) if side == "crm" else (set[str](), {item})
        while True:
            found = {pair for pair in self.pairs if pair[0] in crm or pair[1] in erp}
            wider_crm, wider_erp = {pair[0] for pair in found}, {pair[1] for pair in found}
            if wider_crm <= crm and wider_erp <= erp:
                return min(erp)
            crm, erp = crm | wider_crm, erp | wider_erp

    def counterpart(self, side: Side, item: str) -> str | None:
        """The item on the other side for `item` on this one; None when there is none, or several and no way back."""
        place, other = (0, 1) if side == "crm" else (1, 0)
        candidates = {pair[other] for pair in self.pairs if pair[place] == item}
        if len(candidates) == 1:
            return candidates.pop()
        preferred = {pair[other] for pair in self.ways_back if pair[place] == item}
        return preferred.pop() if len(preferred) == 1 else None


@dataclass(frozen=True, slots=True)
class Context:
    """What a transform may know besides the value: the record's country (two letters) and the list mapping."""

    country: str = "NO"
    items: ItemMap | None = None
    hints: Mapping[str, str] = field(default_factory=dict)


def text_of(value: Scalar) -> str:
    """A scalar as text: dates ISO, booleans 'true'/'false', None and missing ''."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | float):
        number = Decimal(str(value)).normalize()
        return f"{number:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
