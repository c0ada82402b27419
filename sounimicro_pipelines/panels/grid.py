"""A table as people see it: columns, and rows sorted and filtered as the address asks, for page, CSV and Excel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from sounimicro_pipelines.panels.address import Address
from sounimicro_pipelines.panels.turning import page_links
from sounimicro_pipelines.panels.words import Words

Kind = Literal["text", "money", "price", "date", "integer", "quantity", "percent"]
PAGE = 200
PRINTED = 10_000
"""Rows that go on paper at once: some two hundred sheets."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `key` names the value in a row and the text `columns.<key>`.

    `codes` is the prefix of texts for coded values. `link` gives the parts of the address that a cell leads to. `wide`
    columns are hidden on a narrow screen, what is `short` stays on one line. `total` asks for the sum of all rows that
    are shown.
    """

    key: str
    kind: Kind = "text"
    codes: str = ""
    link: Callable[[Row], Mapping[str, Any] | None] | None = None
    wide: bool = False
    short: bool = False
    total: bool = False
    tone: Callable[[Row], str] | None = None
    icon: Callable[[Row], str] | None = None
    words: Callable[[Row, Words], str] | None = None

    @property
    def is_number(self) -> bool:
        return self.kind in ("money", "price", "integer", "quantity", "percent")

    @property
    def classes(self) -> str:
        """Of every cell in it, its head and its total included."""
        named = (("number", self.is_number), ("short", self.short or self.kind == "date"), ("wide", self.wide))
        return " ".join(name for name, wanted in named if wanted)


class Cell(NamedTuple):
    """What stands in one place of the page; `classes` are those of its style.

    A tuple, since a page holds thousands and the template takes one apart faster than it looks into an object.
    """

    text: str
    classes: str
    href: str | None = None
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's head: its text, where a click leads, and how it is sorted now."""

    column: Column
    text: str
    href: str
    sorted: Literal["ascending", "descending"] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A grid in a language, one page of it."""

    caption: str
    headings: list[Heading]
    rows: list[list[Cell]]
    totals: list[Cell] | None
    count: int
    page: int
    pages: int
    page_links: list[tuple[int, str] | None] = field(default_factory=list)


class Grid:
    """Rows of one table. Sorting and filtering follow `sort`, `dir` and `q` of the address."""

    def __init__(
        self, name: str, columns: Sequence[Column], rows: Sequence[Row], address: Address, words: Words
    ) -> None:
        self.name = name
        self.columns = tuple(columns)
        self._address = address
        self._words = words
        self.all_count = len(rows)
        self.sort_key = address.get("sort")
        self.descending = address.get("dir") == "desc"
        self.query = (address.get("q") or "").casefold()
        self.rows = self._sorted(self._filtered(list(rows)))

    def text(self, row: Row, column: Column) -> str:
        """A value as the reader's language writes it."""
        return self._writer(column)(row)

    def _writer(self, column: Column) -> Callable[[Row], str]:
        """What writes a column's values; made once for a column, since a page holds hundreds of them."""
        words, key, own, codes = self._words, column.key, column.words, column.codes
        if own is not None:
            return lambda row: own(row, words)
        if column.kind != "text":
            write: Callable[[Any], str] = getattr(words, column.kind)
            return lambda row: write(row.get(key))
        if codes:
            return lambda row: words.or_raw(codes, row.get(key))
        return lambda row: "" if row.get(key) is None else str(row[key])

    def heading(self, column: Column) -> str:
        return self._words(f"columns.{column.key}")

    def sums(self) -> dict[str, Decimal]:
        """Totals of the columns that want one."""
        return {
            column.key: sum((row[column.key] for row in self.rows if row.get(column.key) is not None), Decimal("0.00"))
            for column in self.columns
            if column.total
        }

    def show(self, caption: str, size: int = PAGE) -> Shown:
        """One page of so many rows, `page` of the address."""
        pages = max(1, -(-len(self.rows) // size))
        page = self._address.number("page", 1, 1, pages)
        rows = self.rows[(page - 1) * size : page * size]
        columns = [(column, column.classes, self._writer(column)) for column in self.columns]
        sums = self.sums()
        totals = None
        if sums and self.rows:
            totals = [Cell(self._words.money(sums[c.key]) if c.key in sums else "", c.classes) for c in self.columns]
        return Shown(
            caption=caption,
            headings=[self._heading(column) for column in self.columns],
            rows=[[self._cell(row, *column) for column in columns] for row in rows],
            totals=totals,
            count=len(self.rows),
            page=page,
            pages=pages,
            page_links=page_links(page, pages, lambda number: self._address.here(page=number)),
        )

    def _cell(self, row: Row, column: Column, classes: str, write: Callable[[Row], str]) -> Cell:
        parts = column.link(row) if column.link is not None else None
        tone = column.tone(row) if column.tone is not None else ""
        return Cell(
            text=write(row),
            classes=f"{classes} tone-{tone}".lstrip() if tone else classes,
            href=self._address.to(**parts, via=self._address.trail) if parts else None,
            icon=column.icon(row) if column.icon is not None else "",
        )

    def _heading(self, column: Column) -> Heading:
        is_sorted = column.key == self.sort_key
        direction: Literal["ascending", "descending"] | None = None
        if is_sorted:
            direction = "descending" if self.descending else "ascending"
        wish = "desc" if is_sorted and not self.descending else "asc"
        return Heading(
            column, self.heading(column), self._address.here(sort=column.key, dir=wish, page=None), direction
        )

    def _filtered(self, rows: list[Row]) -> list[Row]:
        if not self.query:
            return rows
        writers = [self._writer(column) for column in self.columns]
        return [row for row in rows if any(self.query in write(row).casefold() for write in writers)]

    def _sorted(self, rows: list[Row]) -> list[Row]:
        column = next((c for c in self.columns if c.key == self.sort_key), None)
        if column is None:
            self.sort_key = None
            return rows
        with_value = [row for row in rows if row.get(column.key) is not None]
        without = [row for row in rows if row.get(column.key) is None]
        write = self._writer(column) if column.codes or column.words else None

        def order(row: Row) -> Any:
            value = row[column.key]
            if write is not None:
                return natural(write(row))
            return natural(value) if isinstance(value, str) else value

        return sorted(with_value, key=order, reverse=self.descending) + without


def as_row(record: Any) -> dict[str, Any]:
    """A record of the figures as a row; its values are shared, not copied."""
    return {name: getattr(record, name) for name in record.__slots__}


_ALPHABET = str.maketrans({"ä": "æ", "ö": "ø", "å": "ú"})
"""Æ, ø and å come last, in that order; the letters of the neighbours stand with their like."""


def natural(value: str) -> tuple[int, int, str]:
    """Numbers by size, before words by the Norwegian alphabet."""
    if value.isascii() and value.isdigit() and len(value) < 19:
        return 0, int(value), ""
    return 1, 0, value.casefold().translate(_ALPHABET)
