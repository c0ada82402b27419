"""Customers' budgets, which the ERP does not hold: read from a CSV or Excel file, judged whole, kept in a register.

The register is one CSV file per company under the home folder, so that it outlives a warehouse that is built anew. Each
build of the reports takes it from there.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import duckdb
import pandas as pd

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.warehouse.connection import Warehouse, explained

COLUMNS = ("customer_number", "year", "period", "amount")
YEARS = range(1990, 2101)
PERIODS = range(1, 13)
TOLD = 20
"""Problems that are told one by one; the rest is counted."""

LARGEST_WORKBOOK = 32 * 1024 * 1024
"""Bytes that a workbook may unpack to, some hundred thousand rows: a small file can hold more than a machine."""

_LARGEST = Decimal("99999999999999999.99")
_AMOUNT = re.compile(r"-?(\d+|\d{1,3}( \d{3})+)([.,]\d{1,2})?")
_ALIAS = re.compile(r"[a-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class BudgetProblem:
    """Where in the file and what; rows are counted as a spreadsheet does, the heading being row 1.

    `kind` says the same as `message` in a word for programs, with `value` as what it is about.
    """

    row: int
    column: str
    message: str
    kind: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {self.message}"


class BudgetFileError(SounimicroError):
    """A budget file that was refused as a whole; nothing of it was imported."""

    exit_code = 2

    def __init__(self, file: Path, problems: Sequence[BudgetProblem]) -> None:
        more = f"\n… and {len(problems) - TOLD} more" if len(problems) > TOLD else ""
        super().__init__(
            f"{file.name} was not imported:\n" + "\n".join(str(problem) for problem in problems[:TOLD]) + more,
            remedy=f"\nThe file needs the columns {', '.join(COLUMNS)}; amounts excluding VAT, income positive.",
        )
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """What a customer is budgeted to buy in a period: excluding VAT, in company currency, income positive."""

    customer_number: str
    year: int
    period: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class BudgetImport:
    """What an import did: rows taken in, the years they replace, and how many rows those years had before."""

    rows: int
    years: tuple[int, ...]
    replaced: int


def register_path(home: Path, company: str) -> Path:
    """Where a company's register is kept."""
    if not _ALIAS.fullmatch(company):
        raise SounimicroError(f"«{company}» is no alias of a company.", remedy="Use 1 to 40 of a–z, 0–9, - and _.")
    return home / "budgets" / f"{company}.csv"


def import_budget(file: Path, register: Path, *, customers: Collection[str] | None = None) -> BudgetImport:
    """Replaces, in the register, the years that the file holds; all of it or nothing.

    `customers` are the customer numbers that exist (None: not checked). Raises BudgetFileError naming every row and
    column that is wrong, DiskFull or WarehouseUnreachable when the register cannot be written.
    """
    rows = read_budget(file, customers=customers)
    years = {row.year for row in rows}
    before = read_register(register)
    kept = [row for row in before if row.year not in years]
    _write_register(register, [*kept, *rows])
    return BudgetImport(len(rows), tuple(sorted(years)), len(before) - len(kept))


def read_budget(file: Path, *, customers: Collection[str] | None = None) -> list[BudgetRow]:
    """The rows of a CSV or Excel file. Raises BudgetFileError."""
    cells = _cells(file)
    if not cells:
        raise BudgetFileError(file, [BudgetProblem(1, "heading", "the file is empty", "empty")])
    heading = [str(name or "").strip().lower() for name in cells[0]]
    problems = [
        BudgetProblem(1, name, "the column is missing", "missing_column") for name in COLUMNS if name not in heading
    ]
    problems += [
        BudgetProblem(1, name or "heading", "the column is not known, or stands twice", "unknown_column")
        for place, name in enumerate(heading)
        if name not in COLUMNS or name in heading[:place]
    ]
    if problems:
        raise BudgetFileError(file, problems)
    rows: list[BudgetRow] = []
    seen: dict[tuple[str, int, int], int] = {}
    for number, values in enumerate(cells[1:], start=2):
        if all(_is_empty(value) for value in values):
            continue
        row, wrong = _row(number, dict(zip(heading, values, strict=False)), customers)
        problems += wrong
        # What follows the last column is no remark: 1000,50 in a file with commas between the columns is two cells.
        for value in values[len(heading) :]:
            if not _is_empty(value):
                message = f"«{_shown(value)}» stands behind the last column"
                problems.append(BudgetProblem(number, heading[-1], message, "beyond", _shown(value)))
        if row is None:
            continue
        key = (row.customer_number, row.year, row.period)
        if key in seen:
            problems.append(
                BudgetProblem(
                    number,
                    "customer_number",
                    f"the same customer and period as in row {seen[key]}",
                    "twice",
                    str(seen[key]),
                )
            )
        seen[key] = number
        rows.append(row)
    if not rows and not problems:
        problems.append(BudgetProblem(2, "customer_number", "there are no rows", "no_rows"))
    if problems:
        raise BudgetFileError(file, problems)
    return rows


def read_register(register: Path) -> list[BudgetRow]:
    """The rows of a register; none when there never was an import."""
    if not register.is_file():
        return []
    with register.open(encoding="utf-8", newline="") as file:
        return [
            BudgetRow(row["customer_number"], int(row["year"]), int(row["period"]), Decimal(row["amount"]))
            for row in csv.DictReader(file)
        ]


def fill_register(connection: duckdb.DuckDBPyConnection, rows: Sequence[BudgetRow]) -> None:
    """Makes the warehouse's `budget_register.customer_budget` say what the register says."""
    connection.execute("create schema if not exists budget_register")
    connection.execute(
        "create table if not exists budget_register.customer_budget"
        " (customer_number varchar, year integer, period integer, amount decimal(19, 2))"
    )
    wanted = sorted((row.customer_number, row.year, row.period, row.amount) for row in rows)
    if wanted == connection.execute("select * from budget_register.customer_budget order by all").fetchall():
        return
    connection.execute("begin")
    connection.execute("delete from budget_register.customer_budget")
    if wanted:
        numbers, years, periods, amounts = zip(*wanted, strict=True)
        connection.execute(
            "insert into budget_register.customer_budget"
            " select unnest(?::varchar[]), unnest(?::integer[]), unnest(?::integer[]), unnest(?::decimal(19, 2)[])",
            [list(numbers), list(years), list(periods), list(amounts)],
        )
    connection.execute("commit")


def customer_numbers(db_path: Path) -> frozenset[str] | None:
    """The customer numbers that a company's reports know; None when none were built yet. Raises WarehouseError."""
    if not db_path.is_file():
        return None
    with Warehouse(db_path) as connection:
        try:
            found = connection.execute("select distinct number from reports.party where role = 'customer'").fetchall()
        except duckdb.CatalogException:
            return None
    return frozenset(number for (number,) in found if number)


def _cells(file: Path) -> list[list[Any]]:
    try:
        if file.suffix.lower() in {".xlsx", ".xlsm"}:
            _demand_readable(file)
            frame = pd.read_excel(file, header=None, dtype=object, engine="openpyxl", keep_default_na=False)
            return [list(row) for row in frame.itertuples(index=False)]
        return _csv_cells(file)
    except FileNotFoundError:
        raise SounimicroError(f"There is no file {file}.", remedy="Check the path.") from None
    except (OSError, ValueError, KeyError, csv.Error, BadZipFile) as error:
        raise BudgetFileError(
            file, [BudgetProblem(1, "file", f"it cannot be read as CSV or Excel ({error})", "unreadable")]
        ) from None


def _demand_readable(workbook: Path) -> None:
    with ZipFile(workbook) as packed:
        unpacked = sum(part.file_size for part in packed.infolist())
    if unpacked > LARGEST_WORKBOOK:
        told = f"it unpacks to more than {LARGEST_WORKBOOK // 1024**2} MB; take it in a year at a time"
        raise BudgetFileError(workbook, [BudgetProblem(1, "file", told, "too_large")])


def _csv_cells(file: Path) -> list[list[Any]]:
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    lines = text.splitlines()
    heading = lines[0] if lines else ""
    separator = max(";\t,", key=heading.count)
    return [list(row) for row in csv.reader(lines, delimiter=separator)]


def _row(
    number: int, values: dict[str, Any], customers: Collection[str] | None
) -> tuple[BudgetRow | None, list[BudgetProblem]]:
    problems = []

    def wrong(column: str, message: str, kind: str, value: str = "") -> None:
        problems.append(BudgetProblem(number, column, message, kind, value))

    customer = _plain(values.get("customer_number"))
    if not customer:
        wrong("customer_number", "is missing", "missing")
    elif customers is not None and customer not in customers:
        wrong("customer_number", f"there is no customer {customer}", "no_customer", customer)
    year, period = _whole(values.get("year")), _whole(values.get("period"))
    if year is None or year not in YEARS:
        wrong("year", f"«{_shown(values.get('year'))}» is no year", "no_year", _shown(values.get("year")))
    if period is None or period not in PERIODS:
        wrong(
            "period",
            f"«{_shown(values.get('period'))}» is no period from 1 to 12",
            "no_period",
            _shown(values.get("period")),
        )
    amount = _amount(values.get("amount"))
    if amount is None:
        wrong(
            "amount",
            f"«{_shown(values.get('amount'))}» is no amount with two decimals at most",
            "no_amount",
            _shown(values.get("amount")),
        )
    if problems or year is None or period is None or amount is None:
        return None, problems
    return BudgetRow(customer, year, period, amount), problems


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or not str(value).strip()


def _shown(value: Any) -> str:
    return "" if _is_empty(value) else str(value).strip()[:40]


def _plain(value: Any) -> str:
    """A cell as text; a whole number that a spreadsheet holds as a decimal loses its decimals."""
    if isinstance(value, bool) or _is_empty(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _whole(value: Any) -> int | None:
    text = _plain(value)
    return int(text) if text.isascii() and text.isdigit() else None


def _amount(value: Any) -> Decimal | None:
    if isinstance(value, bool) or _is_empty(value):
        return None
    if isinstance(value, (int, float)):
        try:
            number = Decimal(str(value))
            exact = number.quantize(Decimal("0.01"))
        except InvalidOperation:
            return None
        return exact if exact == number and abs(exact) <= _LARGEST else None
    text = str(value).strip()
    for space in "\u00a0\u202f\u2009":
        text = text.replace(space, " ")
    text = text.replace("\u2212", "-")
    if not _AMOUNT.fullmatch(text):
        return None
    number = Decimal(text.replace(" ", "").replace(",", "."))
    return number.quantize(Decimal("0.01")) if abs(number) <= _LARGEST else None


def _write_register(register: Path, rows: Iterable[BudgetRow]) -> None:
    with explained(register):
        register.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = register.with_suffix(".new")
        with new.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for row in sorted(rows, key=lambda one: (one.customer_number, one.year, one.period)):
                writer.writerow([row.customer_number, row.year, row.period, row.amount])
        new.replace(register)
