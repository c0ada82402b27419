"""Where the columns of a drawing stand: from the zero line up, or down for less than nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sounimicro_pipelines.panels.figures.party import ZERO

WIDTH, TOP, HEIGHT = 360, 4, 80
_SLOTS = 12
"""Columns are never wider than those of a year's months."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is drawn in one place, counted from 0; `mark` is a line across the column, None for no line."""

    place: int
    name: str
    amount: Decimal
    mark: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One column and the line across it, in the drawing's own units."""

    value: Value
    x: float
    width: float
    y: float
    height: float
    level: float | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """The columns and their zero line."""

    zero: float
    bars: list[Bar]


def columns(values: Sequence[Value]) -> Drawing | None:
    """None when there is nothing to draw."""
    drawn = [amount for value in values for amount in (value.amount, value.mark) if amount is not None]
    highest, lowest = max([ZERO, *drawn]), min([ZERO, *drawn])
    if highest == lowest:
        return None

    def y(amount: Decimal) -> float:
        return round(TOP + float((highest - amount) / (highest - lowest)) * HEIGHT, 1)

    zero = y(ZERO)
    width = WIDTH / max(_SLOTS, *(value.place + 1 for value in values))
    return Drawing(
        zero,
        [
            Bar(
                value,
                x=round(value.place * width, 2),
                width=round(width, 2),
                y=min(y(value.amount), zero),
                height=round(abs(y(value.amount) - zero), 1),
                level=y(value.mark) if value.mark is not None else None,
            )
            for value in values
        ],
    )
