"""A table's order and its pages, whatever stands in it."""

from __future__ import annotations

from typing import Any

import pytest

from sounimicro_pipelines.panels import exports
from sounimicro_pipelines.panels.address import Address
from sounimicro_pipelines.panels.grid import PAGE, Column, Grid
from sounimicro_pipelines.panels.words import words

WRITTEN = Column("number", words=lambda row, _: str(row["number"]))


def grid(rows: list[dict[str, Any]], **query: str) -> Grid:
    return Grid("some", [WRITTEN], rows, Address("/panel/company", query), words("nb"))


def test_what_is_written_as_a_number_is_sorted_as_one() -> None:
    shown = grid([{"number": text} for text in ("10", "9", "100", "A-1")], sort="number")
    assert [row["number"] for row in shown.rows] == ["9", "10", "100", "A-1"]


def test_words_are_sorted_as_norwegians_look_them_up() -> None:
    shown = grid([{"number": text} for text in ("Åsane", "Østby", "Ærlig", "Zeta", "ål")], sort="number")
    assert [row["number"] for row in shown.rows] == ["Zeta", "Ærlig", "Østby", "ål", "Åsane"]


def test_ten_thousand_rows_have_a_few_pages_to_choose_from() -> None:
    rows = [{"number": number} for number in range(50 * PAGE)]
    shown = grid(rows, page="25").show("")
    assert [link and link[0] for link in shown.page_links] == [1, None, 23, 24, 25, 26, 27, None, 50]
    assert [link and link[0] for link in grid(rows).show("").page_links] == [1, 2, 3, None, 50]
    assert grid(rows[:PAGE]).show("").page_links == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Kran, =cmd|'/C calc'!A0", "Kran, '=cmd|'/C calc'!A0"),
        ("a\t+HYPERLINK(1)", "a\t'+HYPERLINK(1)"),
        ("a\n@SUM(1)", '"a\n\'@SUM(1)"'),
        ("Telefon, +47 22 33 44 55, - 10 %", "Telefon, +47 22 33 44 55, - 10 %"),
    ],
)
def test_a_spreadsheet_that_parts_lines_otherwise_finds_no_formula_either(text: str, written: str) -> None:
    assert exports.to_csv(grid([{"number": text}]), words("nb")).decode("utf-8-sig").splitlines(True)[1:] == (
        f"{written}\r\n".splitlines(True)
    )
