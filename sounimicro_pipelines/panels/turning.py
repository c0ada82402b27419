"""The pages of a long list that have a link of their own."""

from __future__ import annotations

from collections.abc import Callable

AROUND = 2
"""Pages before and after the one that is shown."""


def page_links(page: int, pages: int, address_of: Callable[[int], str]) -> list[tuple[int, str] | None]:
    """The first page, the last and those around this one, by number and address; None for what lies between.

    Nothing where there is one page alone.
    """
    if pages == 1:
        return []
    near = sorted({1, pages, *range(max(1, page - AROUND), min(pages, page + AROUND) + 1)})
    found: list[tuple[int, str] | None] = []
    for number, before in zip(near, [0, *near], strict=False):
        if number - before > 1:
            found.append(None)
        found.append((number, address_of(number)))
    return found
