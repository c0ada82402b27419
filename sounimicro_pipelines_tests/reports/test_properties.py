"""Generated companies: every mart agrees with the oracle, from nothing and after any change; honest books tie out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sounimicro_pipelines.warehouse.reports import build_reports
from sounimicro_pipelines_tests.reports.changes import change
from sounimicro_pipelines_tests.reports.compare import differences, marts
from sounimicro_pipelines_tests.reports.conftest import NewCompany
from sounimicro_pipelines_tests.reports.ledgers import Company, add_parties
from sounimicro_pipelines_tests.reports.oracle import figures
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

DAYS = [date(2026, 3, 30), date(2026, 1, 1), date(2025, 12, 31), date(2024, 2, 29), date(2026, 6, 15)]
START = datetime(2026, 1, 2, tzinfo=UTC)
seeds = st.integers(min_value=0, max_value=2**32 - 1)
whole = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    database=None,
)


def test_generated_books_are_honest() -> None:
    """Of three of them an invoice comes to less than nothing, which nobody pays in part."""
    company = Company(Random(1))
    add_parties(company, [24161, 173086, 256746, *range(2000)])
    settled: Counter[int] = Counter()
    for line in company.records["JournalEntryLine"]:
        if line.get("SubAccountID"):
            settled[line["SubAccountID"]] += line["Amount"] - line["RestAmount"]
    assert len(settled) > 1000
    assert not any(settled.values())


@settings(whole, max_examples=4)
@given(ledgers=st.lists(seeds, min_size=140, max_size=170), broken_year=st.booleans(), as_of=st.sampled_from(DAYS))
def test_every_mart_agrees_with_the_oracle_and_honest_books_tie_out(
    new_company: NewCompany, dbt_target: Path, ledgers: list[int], broken_year: bool, as_of: date
) -> None:
    company = Company(Random(ledgers[0]), broken_year=broken_year)
    add_parties(company, ledgers)
    path = new_company("generated")
    write_raw(path, company.records)
    run = build_reports(path, company="alpha", as_of=as_of, target=dbt_target)
    assert differences(path, figures(company.records, as_of)) == []
    assert run.ties_out, run.finding


@settings(whole, max_examples=4)
@given(ledgers=st.lists(seeds, min_size=15, max_size=30), steps=st.lists(seeds, min_size=4, max_size=4))
def test_after_any_change_the_touched_parts_make_the_whole_right(
    new_company: NewCompany, dbt_target: Path, ledgers: list[int], steps: list[int]
) -> None:
    company = Company(Random(ledgers[0]))
    parties = add_parties(company, ledgers)
    path, as_of = new_company("changing"), DAYS[0]
    history: list[list[str]] = []
    for place, step in enumerate([0, *steps]):
        random = Random(step)
        if place:
            history.append(change(company, parties, random, random.randint(1, 6)))
            as_of += timedelta(days=random.choice([0, 0, 1, 40, 300, -3]))
        write_raw(path, company.take_changes(), fetched_at=START + timedelta(minutes=place))
        run = build_reports(path, company="alpha", as_of=as_of, target=dbt_target)
        assert run.way == "compiled"
        assert differences(path, figures(company.records, as_of)) == [], (as_of, history)


def test_incremental_builds_equal_a_full_refresh_row_by_row(new_company: NewCompany, dbt_target: Path) -> None:
    random = Random(1)
    company = Company(random)
    parties = add_parties(company, [random.randrange(2**32) for _ in range(60)])
    path, as_of = new_company("equal"), date(2025, 12, 30)
    for place in range(6):
        if place:
            change(company, parties, random, 5)
        write_raw(path, company.take_changes(), fetched_at=START + timedelta(minutes=place))
        build_reports(path, company="alpha", as_of=as_of + timedelta(days=place), target=dbt_target, by_dbt=place == 3)
    by_parts = _rows(path)
    build_reports(path, company="alpha", as_of=as_of + timedelta(days=5), target=dbt_target, full_refresh=True)
    whole_build = _rows(path)
    assert by_parts.keys() == whole_build.keys()
    for name, rows in by_parts.items():
        assert rows == whole_build[name], name


def test_a_crooked_book_is_reported_and_its_figures_stand(new_company: NewCompany, dbt_target: Path) -> None:
    company = Company(Random(3))
    add_parties(company, list(range(1, 30)))
    line = next(line for line in company.records["JournalEntryLine"] if line.get("SubAccountID") and line["RestAmount"])
    line["RestAmount"] += Decimal("0.01")
    path = new_company("crooked")
    write_raw(path, company.records)
    run = build_reports(path, company="alpha", as_of=DAYS[0], target=dbt_target)
    assert {check.name for check in run.checks if not check.ok} >= {
        "open_items_equal_ledger",
        "open_as_of_equals_open_items",
    }
    assert any(str(line["ID"]) in key for check in run.checks for key in check.keys)
    assert not run.ties_out
    assert differences(path, figures(company.records, DAYS[0])) == []


def _rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    return {
        f"{schema}.{name}": sorted(rows, key=repr)
        for schema in ("reports", "intermediate")
        for name, (_, rows) in marts(path, schema).items()
    }
