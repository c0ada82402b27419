"""Report rows go past SQLAlchemy for speed; what goes wrong there is told as everywhere else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sounimicro_pipelines.store import Store, Transaction, Unreachable, Unwritable, open_store, reports
from sounimicro_pipelines.store.database import LOG_PAGES
from sounimicro_pipelines.store.reports import GroupCondition, ReportColumn, ReportTable

FIGURES = ReportTable("figures", (ReportColumn("party_id", "integer"), ReportColumn("what", "text")))


def test_rows_written_are_rows_read_and_a_group_goes_alone(store: Store) -> None:
    rows = [("demo", 1, "é\t\\x"), ("demo", 2, "b"), ("demo", 3, None), ("other", 1, "c")]
    with store.transaction() as tx:
        assert reports.ensure(tx, FIGURES)
        if tx.is_postgres:
            assert reports.copy_lines(tx, FIGURES, iter(["demo\t1\té\\t\\\\x\n", "demo\t2\tb\n"])) == 2
            assert reports.copy_lines(tx, FIGURES, iter(["demo\t3\t\\N\n", "other\t1\tc\n"])) == 2
        else:
            assert reports.insert_tuples(tx, FIGURES, iter(rows)) == 4
    with store.read() as tx:
        found = reports.read_rows(tx, "figures", {}, order="company, party_id")
    assert [tuple(row.values()) for row in found] == rows
    gone = [
        GroupCondition(("party_id",), (1,)),
        GroupCondition(("what",), (None,)),
        GroupCondition(("party_id",), ((7, 9),)),
    ]
    with store.transaction() as tx:
        reports.delete_groups(tx, "figures", "demo", gone)
        left = reports.read_rows(tx, "figures", {}, order="company, party_id")
    assert [tuple(row.values()) for row in left] == [rows[1], rows[3]]


@pytest.mark.parametrize(
    "work",
    [
        lambda tx: reports.read_rows(tx, "no_such_table", {"party_id": 1}),
        lambda tx: reports.delete_groups(tx, "no_such_table", "demo", [GroupCondition(("party_id",), (1,))]),
    ],
    ids=["read", "deleted"],
)
def test_what_the_driver_refuses_is_raised_as_everywhere_else(store: Store, work: Callable[[Transaction], Any]) -> None:
    with pytest.raises(DBAPIError, match=r"no_such|does not exist"), store.transaction() as tx:
        work(tx)


def test_a_disk_that_fills_up_under_report_rows_is_one_clear_error(sqlite_store: Store) -> None:
    with sqlite_store.transaction() as tx:
        reports.ensure(tx, FIGURES)
    with sqlite_store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unwritable, match="full"), sqlite_store.transaction() as tx:
        reports.insert_tuples(tx, FIGURES, (("demo", number, "long" * 100) for number in range(500)))
    with sqlite_store.read() as tx:
        assert reports.read_rows(tx, "figures", {}) == []


def test_a_log_that_is_left_is_written_back_when_asked_or_by_the_next_commit(sqlite_store: Store) -> None:
    path = Path(str(sqlite_store.engine.url.database))
    log = path.with_name(f"{path.name}-wal")

    def write(leaves_log: bool) -> None:
        with sqlite_store.transaction(leaves_log=leaves_log) as tx:
            reports.ensure(tx, FIGURES)
            reports.insert_tuples(tx, FIGURES, (("demo", number, "long" * 1000) for number in range(2000)))

    def in_file() -> bool:
        """Whether all rows are there without the log."""
        alone = path.with_name("alone.db")
        alone.write_bytes(path.read_bytes())
        with closing(sqlite3.connect(f"file:{alone}?immutable=1", uri=True)) as connection, suppress(sqlite3.Error):
            found = connection.execute("SELECT count(*) FROM figures").fetchone()
            with sqlite_store.read() as tx:
                return bool(found == (len(reports.read_rows(tx, "figures", {})),))
        return False

    write(leaves_log=True)
    assert log.stat().st_size > LOG_PAGES * 4096
    assert not in_file()
    sqlite_store.write_log_back()
    assert in_file()
    write(leaves_log=True)
    assert not in_file()
    write(leaves_log=False)
    assert in_file()


@pytest.mark.postgres
def test_a_server_that_goes_away_under_report_rows_is_one_clear_error(postgres_url: str) -> None:
    store, other = open_store(postgres_url), open_store(postgres_url)
    with pytest.raises(Unreachable), store.transaction() as tx:
        _read_after_the_end(tx, other)
    with store.read() as tx:
        assert reports.read_rows(tx, "published", {}) == []
    other.close()
    store.close()


def _read_after_the_end(tx: Transaction, other: Store) -> None:
    own = tx.scalar(text("SELECT pg_backend_pid()"))
    with other.transaction() as theirs:
        theirs.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})
    reports.read_rows(tx, "published", {})
