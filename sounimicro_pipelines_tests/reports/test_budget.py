"""Budget files are taken in whole or refused whole, with every wrong cell named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import duckdb
import openpyxl
import pytest

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.warehouse.budget import (
    LARGEST_WORKBOOK,
    BudgetFileError,
    BudgetRow,
    fill_register,
    import_budget,
    read_budget,
    read_register,
    register_path,
)

CUSTOMERS = {"100079", "100080"}


def _csv(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = folder / "budsjett.csv"
    file.write_text("\n".join(lines) + "\n", encoding=encoding)
    return file


@pytest.mark.parametrize(
    "amount",
    ["1234.5", "1234,50", "1 234,50", "1\u00a0234,50", "1234.50"],
)
def test_amounts_are_read_as_norwegians_and_machines_write_them(tmp_path: Path, amount: str) -> None:
    file = _csv(
        tmp_path, "customer_number;year;period;amount", f"100079;2026;3;{amount}", "", "100080;2026;12;\u221250"
    )
    assert read_budget(file, customers=CUSTOMERS) == [
        BudgetRow("100079", 2026, 3, Decimal("1234.50")),
        BudgetRow("100080", 2026, 12, Decimal("-50.00")),
    ]


def test_an_excel_file_with_numbers_as_numbers_is_read_exactly(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Customer_Number", "Year", "Period", "Amount"],
        [100079, 2026.0, 1, 0.1],
        ["100080", "2026", "2", "99,99"],
    ):
        sheet.append(row)
    book.save(tmp_path / "budsjett.xlsx")
    assert read_budget(tmp_path / "budsjett.xlsx", customers=CUSTOMERS) == [
        BudgetRow("100079", 2026, 1, Decimal("0.10")),
        BudgetRow("100080", 2026, 2, Decimal("99.99")),
    ]


def test_every_wrong_cell_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    register = register_path(tmp_path, "alpha")
    import_budget(
        _csv(tmp_path, "customer_number,year,period,amount", "100079,2026,1,10"), register, customers=CUSTOMERS
    )
    before = register.read_bytes()
    wrong = _csv(
        tmp_path,
        "customer_number,year,period,amount",
        "100079,2026,1,20",
        "999999,2026,1,20",
        "100079,2026,13,20",
        "100079,26,2,20",
        "100079,2026,3,mye",
        "100079,2026,4,1.234",
        "100079,2026,1,30",
        ",2026,5,",
        "100079,2026,6,1000,50",
    )
    with pytest.raises(BudgetFileError) as refused:
        import_budget(wrong, register, customers=CUSTOMERS)
    assert [(problem.row, problem.column) for problem in refused.value.problems] == [
        (3, "customer_number"),
        (4, "period"),
        (5, "year"),
        (6, "amount"),
        (7, "amount"),
        (8, "customer_number"),
        (9, "customer_number"),
        (9, "amount"),
        (10, "amount"),
    ]
    assert "row 6, amount: «mye»" in str(refused.value)
    assert register.read_bytes() == before


@pytest.mark.parametrize(
    ("lines", "column"),
    [
        (["customer_number,year,amount", "100079,2026,1"], "period"),
        (["customer_number,year,period,amount,beløp", "100079,2026,1,1,1"], "beløp"),
        (["customer_number,year,period,amount,amount", "100079,2026,1,1,1"], "amount"),
        (["customer_number,year,period,amount"], "customer_number"),
    ],
)
def test_a_heading_that_does_not_fit_is_refused(tmp_path: Path, lines: list[str], column: str) -> None:
    with pytest.raises(BudgetFileError) as refused:
        read_budget(_csv(tmp_path, *lines))
    assert column in {problem.column for problem in refused.value.problems}


@pytest.mark.parametrize(("name", "content"), [("b.xlsx", b"no workbook"), ("b.csv", b"")])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BudgetFileError):
        read_budget(tmp_path / name)


def test_a_small_workbook_that_holds_more_than_a_machine_is_not_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "bombe.xlsx"
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * (LARGEST_WORKBOOK + 1))
    with pytest.raises(BudgetFileError, match="a year at a time"):
        read_budget(file)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SounimicroError, match="no file"):
        read_budget(tmp_path / "b.csv")


def test_an_import_replaces_the_years_it_holds_and_only_those(tmp_path: Path) -> None:
    register = register_path(tmp_path, "alpha")
    head = "customer_number,year,period,amount"
    import_budget(_csv(tmp_path, head, "1,2025,1,10", "1,2026,1,10", "1,2026,2,10"), register)
    done = import_budget(_csv(tmp_path, head, "2,2026,1,7"), register)
    assert (done.rows, done.years, done.replaced) == (1, (2026,), 2)
    assert read_register(register) == [BudgetRow("1", 2025, 1, Decimal(10)), BudgetRow("2", 2026, 1, Decimal(7))]


def test_the_warehouse_says_what_the_register_says(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        for rows in ([BudgetRow("1", 2026, 1, Decimal("10.25"))], [], [BudgetRow("2", 2026, 1, Decimal("-1"))]):
            fill_register(connection, rows)
            found = connection.execute("select * from budget_register.customer_budget").fetchall()
            assert found == [(row.customer_number, row.year, row.period, row.amount) for row in rows]


def test_an_alias_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(SounimicroError):
        register_path(tmp_path, "../alpha")
