"""What a finished build says of its figures: how old they are, and what they lack."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from sounimicro_pipelines.warehouse.reports.finished import finished_build

MORNING, NOON = datetime(2026, 6, 15, 8, tzinfo=UTC), datetime(2026, 6, 15, 12, tzinfo=UTC)
ESSENTIAL = {"JournalEntryLine"}


def built(folder: Path, **feeds: tuple[str, datetime | None]) -> Path:
    """The file of a company whose figures tie out, with the state and last reading of some registers."""
    path = folder / "demo.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute(
            """
            CREATE SCHEMA raw; CREATE SCHEMA reports; CREATE SCHEMA reports_state;
            CREATE TABLE raw._feed (entity VARCHAR, state VARCHAR, fetched_at TIMESTAMP);
            CREATE TABLE raw._quarantine (entity VARCHAR, key BIGINT);
            CREATE TABLE reports_state.build AS SELECT 1 AS build, DATE '2026-06-15' AS as_of;
            CREATE TABLE reports.tie_out AS SELECT 'voucher_sums_to_zero' AS check_name, true AS ok,
                0::BIGINT AS offence_count, NULL::VARCHAR AS finding, NULL::VARCHAR AS offending_keys;
            """
        )
        for entity, (state, fetched_at) in feeds.items():
            moment = None if fetched_at is None else fetched_at.replace(tzinfo=None)
            db.execute("INSERT INTO raw._feed VALUES (?, ?, ?)", [entity, state, moment])
    return path


@pytest.mark.parametrize("state", ["no_access", "failed"])
def test_figures_are_as_old_as_the_ledger_that_they_rest_on(tmp_path: Path, state: str) -> None:
    path = built(tmp_path, Customer=("ok", NOON), JournalEntryLine=(state, MORNING))
    found = finished_build(path, essential=ESSENTIAL)
    assert (found.fetched_at, found.ties_out) == (MORNING, True)


@pytest.mark.parametrize(("state", "fetched_at"), [("failed", MORNING), ("no_access", NOON), ("unavailable", NOON)])
def test_a_register_that_may_be_lacking_makes_figures_old_only_while_it_fails(
    tmp_path: Path, state: str, fetched_at: datetime
) -> None:
    path = built(tmp_path, JournalEntryLine=("ok", NOON), PostPost=(state, MORNING))
    assert finished_build(path, essential=ESSENTIAL).fetched_at == fetched_at


def test_figures_without_a_ledger_never_tie_out(tmp_path: Path) -> None:
    path = built(tmp_path, Customer=("ok", NOON), File=("no_access", None), JournalEntryLine=("no_access", None))
    found = finished_build(path, essential=ESSENTIAL)
    assert not found.ties_out
    assert found.finding == "the ERP has not let JournalEntryLine be read"


def test_figures_without_a_posted_line_that_is_in_quarantine_do_not_tie_out(tmp_path: Path) -> None:
    path = built(tmp_path, JournalEntryLine=("ok", NOON))
    with duckdb.connect(str(path)) as db:
        db.execute("INSERT INTO raw._quarantine VALUES ('JournalEntryLine', 30), ('JournalEntryLine', 29), ('File', 1)")
    found = finished_build(path, ledger="JournalEntryLine")
    assert not found.ties_out
    assert found.finding == "posted lines are in quarantine and in no figure as they are now (29, 30)"
    assert finished_build(path).ties_out
