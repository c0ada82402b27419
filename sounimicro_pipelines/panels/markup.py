"""The markup of tables' rows. A page holds hundreds of cells, and a template takes five times as long for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape

from markupsafe import Markup

from sounimicro_pipelines.panels.grid import Cell


def table_rows(rows: Iterable[Sequence[Cell]]) -> Markup:
    """Rows of a table's body, the first cell of each being its head. Whatever a cell says is escaped here."""
    return Markup("".join([f"<tr>\n{''.join(_cells(row))}</tr>\n" for row in rows]))  # noqa: S704 - all is escaped


def _cells(row: Sequence[Cell]) -> Iterable[str]:
    start, end = '<th scope="row"', "</th>\n"
    for text, classes, href, icon in row:
        said = escape(text)
        if href:
            said = f'<a href="{escape(href)}">{said}</a>'
        if icon:
            name = _escaped(icon)
            said = (
                f'<svg class="icon i-{name}" aria-hidden="true" focusable="false"><use href="#i-{name}"/></svg>{said}'
            )
        yield f'{start} class="{_escaped(classes)}">{said}{end}'
        start, end = "<td", "</td>\n"


@lru_cache(maxsize=256)
def _escaped(name: str) -> str:
    """Classes and icons, of which there are few."""
    return escape(name)
