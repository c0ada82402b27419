"""A grid as a file: CSV as Norwegian spreadsheets expect it, and Excel with real numbers and dates."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from sounimicro_pipelines.panels.grid import Column, Grid, Row
from sounimicro_pipelines.panels.words import Words

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_INNER_FORMULA = re.compile(r"(?<=[;,\t\r\n])( *)(?=[=@]|[+-][^;,\t\r\n]*[(|!])")
"""Where a formula would begin in a spreadsheet that parts the line at another sign than ours."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_EXCEL_FORMATS = {
    "money": "#,##0.00",
    "price": "#,##0.00####",
    "quantity": "#,##0.######",
    "percent": "0 %",
    "date": "dd.mm.yyyy",
    "integer": "0",
}


def to_csv(grid: Grid, words: Words) -> bytes:
    """Exactly the rows as filtered and sorted: BOM, ISO dates, ASCII minus; Norwegian has `;` and decimal comma."""
    norwegian = words.language == "nb"
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";" if norwegian else ",", lineterminator="\r\n")
    writer.writerow([harmless(grid.heading(column)) for column in grid.columns])
    for row in grid.rows:
        writer.writerow([_csv_value(grid, row, column, norwegian) for column in grid.columns])
    return b"\xef\xbb\xbf" + file.getvalue().encode()


def to_xlsx(grid: Grid, title: str, stand: str) -> bytes:
    """The same rows with a frozen header and a line that says how old the figures are."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31] or "1")
    sheet.freeze_panes = "A3"
    for index, column in enumerate(grid.columns):
        sheet.column_dimensions[chr(ord("A") + index)].width = 16 if column.is_number or column.kind == "date" else 24
    sheet.append([harmless(stand)])
    headings = []
    for column in grid.columns:
        cell = WriteOnlyCell(sheet, value=grid.heading(column))
        cell.font = Font(bold=True)
        headings.append(cell)
    sheet.append(headings)
    for row in grid.rows:
        cells = []
        for column in grid.columns:
            cell = WriteOnlyCell(sheet, value=_excel_value(grid, row, column))
            if column.kind in _EXCEL_FORMATS:
                cell.number_format = _EXCEL_FORMATS[column.kind]
            cells.append(cell)
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv_value(grid: Grid, row: Row, column: Column, norwegian: bool) -> str:
    value = row.get(column.key)
    if column.words is None and isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        return text.replace(".", ",") if norwegian else text
    if column.words is None and isinstance(value, date):
        return value.isoformat()
    return _INNER_FORMULA.sub(r"\1'", harmless(grid.text(row, column)))


def _excel_value(grid: Grid, row: Row, column: Column) -> Any:
    value = row.get(column.key)
    if column.words is None and isinstance(value, (Decimal, int, date)) and not isinstance(value, bool):
        return value
    return harmless(_CONTROL.sub("", grid.text(row, column))) or None
