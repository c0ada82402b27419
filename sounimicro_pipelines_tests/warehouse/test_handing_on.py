"""A warehouse that a step of a run leaves open for the next one, and that nobody else waits for long."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from sounimicro_pipelines.warehouse import Warehouse, handing_on

OPENS = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).execute('FROM kept').fetchall())"


def others_can_open(path: Path) -> bool:
    done = subprocess.run([sys.executable, "-c", OPENS, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "lock" in done.stderr.lower(), done.stderr
    return done.returncode == 0


def made(path: Path) -> Warehouse:
    """Closed, but handed on."""
    first = Warehouse(path, checkpoint=False, hands_on=True)
    with first as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    return first


def test_the_next_step_takes_it_over_and_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "demo.duckdb"
    made(path)
    assert not others_can_open(path)
    with Warehouse(path, checkpoint=False) as connection:
        assert connection.execute("FROM kept").fetchall() == [(7,)]
        assert path not in handing_on._held
        assert not others_can_open(path)
    assert others_can_open(path)


def test_it_is_handed_on_from_step_to_step(tmp_path: Path) -> None:
    path = tmp_path / "demo.duckdb"
    made(path)
    with Warehouse(path, checkpoint=False, hands_on=True) as connection:
        connection.execute("INSERT INTO kept VALUES (8)")
    assert not others_can_open(path)
    with Warehouse(path, checkpoint=False) as connection:
        assert connection.execute("FROM kept ORDER BY 1").fetchall() == [(7,), (8,)]
    assert others_can_open(path)


def test_temporary_tables_come_with_it_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "demo.duckdb"
    with Warehouse(path, checkpoint=False, hands_on=True) as connection:
        connection.execute("CREATE TEMP TABLE passing AS SELECT 9 AS nine")
    with Warehouse(path, checkpoint=False) as connection:
        assert connection.execute("FROM passing").fetchall() == [(9,)]
    with Warehouse(path, checkpoint=False) as connection, pytest.raises(duckdb.CatalogException):
        connection.execute("FROM passing")


def test_what_nobody_takes_over_is_closed_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_on, "SECONDS", 0.2)
    path = tmp_path / "demo.duckdb"
    made(path)
    until = time.monotonic() + 30
    while not others_can_open(path):
        assert time.monotonic() < until
    assert path not in handing_on._held


def test_after_an_error_nothing_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "demo.duckdb"
    made(path)
    with (
        pytest.raises(duckdb.CatalogException),
        Warehouse(path, checkpoint=False, hands_on=True) as connection,
    ):
        connection.execute("FROM nothing")
    assert others_can_open(path)


def test_who_writes_the_log_into_the_file_begins_with_a_database_of_his_own(tmp_path: Path) -> None:
    path = tmp_path / "demo.duckdb"
    made(path)
    log = path.with_name("demo.duckdb.wal")
    assert log.is_file()
    with Warehouse(path) as connection:
        assert connection.execute("FROM kept").fetchall() == [(7,)]
    assert not log.exists()
    assert others_can_open(path)
