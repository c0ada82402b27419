"""`sounimicro budget import` as a person types it, and what the next build makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from sounimicro_pipelines.cli import main
from sounimicro_pipelines.warehouse.budget import register_path
from sounimicro_pipelines.warehouse.reports import build_reports
from sounimicro_pipelines_tests.reports.conftest import NewCompany
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

AS_OF = date(2026, 4, 1)
Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, new_company: NewCompany, dbt_target: Path) -> Path:
    """A data folder in which the company alpha has reports of one customer, 100079."""
    path = tmp_path / "home" / "warehouse" / "alpha.duckdb"
    path.parent.mkdir(parents=True)
    shutil.copy(new_company("budgeted"), path)
    write_raw(path, {"Customer": [{"ID": 79, "CustomerNumber": 100079}]})
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target)
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(home)
    monkeypatch.setenv("SOUNIMICRO_HOME", str(home))
    monkeypatch.setenv("SOUNIMICRO_COMPANIES", "alpha=11111111-2222-4333-8444-555555555555")
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "budsjett.csv"
    path.write_text("\n".join(["customer_number;year;period;amount", *lines]), encoding="utf-8")
    return path


def test_an_imported_budget_stands_against_the_actual_figures_in_the_next_build(
    run: Run, home: Path, dbt_target: Path
) -> None:
    for amount in ("1 000,50", "2 000,00"):
        done = run("budget", "import", _file(home, f"100079;2026;3;{amount}"), "--company", "alpha")
        assert done.exit_code == 0, done.output
    assert "1 budget rows for 2026 taken in; they replace 1 rows" in done.output
    assert _built(home, dbt_target) == [(79, 2026, 3, Decimal(2000), Decimal(-2000), False)]
    # a budget of nothing comes, and goes again
    for lines in (["100079;2026;3;2 000,00", "100079;2026;4;0"], ["100079;2026;3;2 000,00"]):
        run("budget", "import", _file(home, *lines), "--company", "alpha")
        assert [(period, amount) for _, _, period, amount, _, _ in _built(home, dbt_target)] == [
            (3, Decimal(2000)),
            (4, Decimal(0)),
        ][: len(lines)]


def _built(home: Path, dbt_target: Path) -> list[tuple[object, ...]]:
    path, register = home / "warehouse" / "alpha.duckdb", register_path(home, "alpha")
    build_reports(path, company="alpha", as_of=AS_OF, target=dbt_target, budget_register=register)
    with duckdb.connect(str(path)) as connection:
        return connection.execute(
            "select scope_id, year, period, budget_amount, variance_amount, favourable from reports.budget_actual"
            " order by period"
        ).fetchall()


def test_a_wrong_cell_is_named_and_nothing_is_taken_in(run: Run, home: Path) -> None:
    wrong = run("budget", "import", _file(home, "100079;2026;3;10", "5;2026;3;mye"), "--company", "alpha")
    assert wrong.exit_code == 2
    assert "row 3, customer_number: there is no customer 5" in wrong.output
    assert "row 3, amount: «mye»" in wrong.output
    assert not register_path(home, "alpha").exists()


@pytest.mark.parametrize("company", ["beta", "../alpha"])
def test_a_company_that_is_not_in_use_is_refused_with_those_that_are(run: Run, home: Path, company: str) -> None:
    refused = run("budget", "import", _file(home, "100079;2026;3;10"), "--company", company)
    assert (refused.exit_code, "Companies in use: alpha." in refused.output) == (2, True), refused.output


def test_before_the_first_reports_customer_numbers_are_taken_unchecked_and_that_is_said(run: Run, home: Path) -> None:
    (home / "warehouse" / "alpha.duckdb").unlink()
    done = run("budget", "import", _file(home, "5;2026;3;10"), "--company", "alpha")
    assert done.exit_code == 0, done.output
    assert "were not checked" in done.output
    assert register_path(home, "alpha").is_file()
