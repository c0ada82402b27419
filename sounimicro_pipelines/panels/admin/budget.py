"""Taking in customers' budgets from a file: all of it, or nothing with every row and column that is wrong."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, UploadFile
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels import exports
from sounimicro_pipelines.panels.admin.acting import Trouble, trouble
from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk, Desk
from sounimicro_pipelines.panels.admin.naming import company_in_use, company_rows
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Transaction, reports
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.warehouse.budget import (
    COLUMNS,
    BudgetFileError,
    BudgetImport,
    BudgetProblem,
    import_budget,
    read_register,
    register_path,
)

router = APIRouter()
PAGE = AdminPage("budget", "/admin/budget", router)
TOLD = 200
"""Problems that the page names; the rest is counted."""
_SUFFIXES = {".csv", ".txt", ".xlsx", ".xlsm"}
_SAMPLE = (("10079", 2026, 1, "12500.00"), ("10079", 2026, 2, "12500.00"), ("10080", 2026, 1, "-400.50"))


@dataclass(frozen=True, slots=True)
class Held:
    """What a company's register of budgets holds now."""

    company: CompanyRow
    years: str
    rows: int


@dataclass(frozen=True, slots=True)
class ShownProblem:
    """One thing that is wrong with a file, in the reader's language."""

    row: int
    column: str
    text: str


@router.get("/admin/budget")
async def page(desk: AtDesk) -> Response:
    """What is held, and the form."""
    return await _show(desk)


@router.get("/admin/budget/sample.{kind}")
async def sample(desk: AtDesk, kind: Literal["csv", "xlsx"]) -> Response:
    """A file with the right columns, to be filled in."""
    if kind == "csv":
        text = io.StringIO()
        csv.writer(text, delimiter=";").writerows([COLUMNS, *_SAMPLE])
        content, media_type = text.getvalue().encode("utf-8-sig"), exports.CSV_TYPE
    else:
        content, media_type = await run_in_threadpool(_workbook), exports.XLSX_TYPE
    disposition = f'attachment; filename="budget-sample.{kind}"'
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


@router.post("/admin/budget")
async def take_in(desk: AtDesk, company: Annotated[str, Form()], file: UploadFile) -> Response:
    """Take a file in. The years that it holds are replaced as a whole; other years stay."""
    row = await company_in_use(desk, company)
    suffix = Path(file.filename or "").suffix.lower()
    if not file.filename:
        return await _show(desk, company, problem=_said(desk.words, "budget.no_file"))
    if suffix not in _SUFFIXES:
        return await _show(desk, company, problem=_said(desk.words, "budget.no_such_type"))
    content = await file.read()
    customers = await desk.panels.read(lambda tx: _customers(tx, row.alias))
    home = desk.panels.settings.home

    def run() -> BudgetImport:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / f"budget{suffix}"
            copy.write_bytes(content)
            return import_budget(copy, register_path(home, row.alias), customers=customers)

    try:
        done = await run_in_threadpool(run)
    except BudgetFileError as error:
        return await _show(desk, company, wrong=error.problems, name=Path(file.filename).name[:80])
    except SounimicroError as error:
        return await _show(desk, company, problem=trouble(desk.words, error))
    years = ",".join(map(str, done.years))
    await desk.change(
        lambda tx: desk.audit(
            tx, "budget_imported", f"company:{row.alias}", company_key=row.company_key, rows=done.rows
        )
    )
    return desk.redirect(
        PAGE.path,
        done="budget_unchecked" if customers is None else "budget",
        rows=done.rows,
        years=years,
        replaced=done.replaced,
        company=row.alias,
    )


async def _show(
    desk: Desk,
    chosen: str = "",
    *,
    problem: Trouble | None = None,
    wrong: tuple[BudgetProblem, ...] = (),
    name: str = "",
) -> Response:
    rows = await desk.panels.read(lambda tx: company_rows(desk, tx))
    used = [row for row in rows.values() if row.active]
    held = await run_in_threadpool(lambda: [_held(desk, row) for row in used])
    status = problem.status if problem else 422 if wrong else 200
    return desk.show(
        "admin_budget.html",
        PAGE.name,
        title=desk.words("budget_import.title"),
        status=status,
        held=held,
        chosen=chosen or desk.request.query_params.get("company", ""),
        problem=problem,
        wrong=[_problem(desk.words, one) for one in wrong[:TOLD]],
        wrong_count=len(wrong),
        file_name=name,
        outcome=_outcome(desk),
        columns=COLUMNS,
        csv_href="/admin/budget/sample.csv",
        xlsx_href="/admin/budget/sample.xlsx",
    )


def _held(desk: Desk, row: CompanyRow) -> Held:
    rows = read_register(register_path(desk.panels.settings.home, row.alias))
    years = ", ".join(map(str, sorted({one.year for one in rows})))
    return Held(row, years, len(rows))


def _customers(tx: Transaction, alias: str) -> frozenset[str] | None:
    """The customer numbers of the published reports; None while there are none."""
    if "party" not in reports.published(tx, alias):
        return None
    rows = reports.read_rows(tx, "party", {"company": alias, "role": "customer"})
    return frozenset(str(row["number"]) for row in rows if row.get("number"))


def _outcome(desk: Desk) -> str:
    """What the import before came to, by the numbers in the address."""
    query = desk.request.query_params
    numbers = [query.get(name, "") for name in ("rows", "replaced")]
    if not query.get("done", "").startswith("budget") or not all(n.isdigit() and len(n) < 9 for n in numbers):
        return ""
    years = ", ".join(part for part in query.get("years", "").split(",") if part.isdigit())[:200]
    words = desk.words
    rows, replaced = (words.integer(int(number)) for number in numbers)
    return words("budget_import.outcome", rows=rows, replaced=replaced, years=years)


def _problem(words: Words, one: BudgetProblem) -> ShownProblem:
    key = f"budget_import.problems.{one.kind}"
    text = words(key, value=one.value) if words.has(key) else one.message
    return ShownProblem(one.row, one.column, text)


def _said(words: Words, key: str) -> Trouble:
    key = key.replace("budget.", "budget_import.")
    return Trouble(words(f"{key}.title"), words(f"{key}.advice"), 422)


def _workbook() -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    if sheet is None:
        raise LookupError("a new workbook has no sheet")
    sheet.append(list(COLUMNS))
    for number, year, period, amount in _SAMPLE:
        sheet.append([number, year, period, float(amount)])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
