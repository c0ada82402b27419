"""Opening a warehouse file: waiting, and one clear error for each way in which it cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from sounimicro_pipelines.clock import UTC, ManualClock
from sounimicro_pipelines.warehouse import (
    DiskFull,
    NotAWarehouse,
    Warehouse,
    WarehouseError,
    WarehouseLocked,
    WarehouseUnreachable,
    extract,
)
from sounimicro_pipelines_tests.warehouse.registers import Register

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline(); c.close()"


def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, tzinfo=UTC))


def held(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_file_that_another_process_holds_is_given_up_after_a_minute(tmp_path: Path) -> None:
    path, now = tmp_path / "a.duckdb", clock()
    with held(path) as process:
        with pytest.raises(WarehouseLocked, match="in use by another process") as caught, Warehouse(path, clock=now):
            pass
        process.communicate("\n")
    assert 60 <= now.monotonic() - clock().monotonic() < 70
    assert caught.value.remedy


def test_a_file_that_is_let_go_meanwhile_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with held(path) as process:

        class Releasing(ManualClock):
            async def sleep(self, seconds: float) -> None:
                if process.poll() is None:
                    process.communicate("\n")
                await super().sleep(seconds)

        with Warehouse(path, clock=Releasing(datetime(2026, 3, 2, tzinfo=UTC))) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_closed_warehouse_leaves_the_file_to_others_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.duckdb"
    with Warehouse(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS x")
    with held(path) as process:
        process.communicate("\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_of_another_kind_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    text = tmp_path / "b.duckdb"
    text.write_text("not a database at all, but long enough to look into" * 200)
    for foreign in (path, text):
        with pytest.raises(NotAWarehouse, match="not a DuckDB database") as caught, Warehouse(foreign, clock=clock()):
            pass
        assert "Move it away" in caught.value.remedy


def test_a_file_of_another_version_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    duckdb.connect(str(path)).close()
    content = bytearray(path.read_bytes())
    content[12:20] = (9999).to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(NotAWarehouse) as caught, Warehouse(path, clock=clock()):
        pass
    assert str(path) in caught.value.message


def test_a_damaged_file_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with Warehouse(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS x FROM range(100000)")
    with path.open("r+b") as file:
        file.truncate(20_000)
    with pytest.raises(WarehouseError) as caught, Warehouse(path, clock=clock()) as connection:
        connection.execute("SELECT sum(x) FROM t").fetchall()
    assert caught.value.remedy


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseUnreachable), Warehouse(tmp_path / "file" / "a.duckdb", clock=clock()):
        pass


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_file_without_the_right_to_write_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WarehouseUnreachable), Warehouse(tmp_path / "a.duckdb", clock=clock()):
        pass


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX")
def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from pathlib import Path
        from sounimicro_pipelines.warehouse import DiskFull, Warehouse
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            with Warehouse(Path(sys.argv[1])) as connection:
                connection.execute("CREATE TABLE t AS SELECT random()::VARCHAR AS x FROM range(1000000)")
        except DiskFull as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "a.duckdb")], capture_output=True, text=True
    )
    assert "no room left on the disk" in done.stdout, done.stderr
    assert "nothing is lost" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_the_landing_files_ends_the_run_with_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sounimicro_pipelines.warehouse import landing

    register = Register()
    register.put("Customer", ID=1, Name="Kari")
    monkeypatch.setattr(landing.LandingRun, "_chunk_path", lambda self: Path("/dev/full"))
    with pytest.raises(DiskFull, match="no room left"):
        asyncio.run(extract(register, tmp_path / "a.duckdb", tmp_path / "landing"))


def test_what_is_left_in_the_log_is_there_and_goes_with_a_file_that_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "demo.duckdb"
    with Warehouse(path, checkpoint=False) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    log = path.with_name("demo.duckdb.wal")
    assert log.is_file()
    with Warehouse(path, checkpoint=False) as connection:
        assert connection.execute("FROM kept").fetchall() == [(7,)]
    path.rename(tmp_path / "away.duckdb")
    with Warehouse(path) as connection:
        assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []
    with Warehouse(path) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 8 AS eight")
    assert not log.exists()


def test_a_log_is_played_back_on_no_file_but_its_own(tmp_path: Path) -> None:
    path, other = tmp_path / "demo.duckdb", tmp_path / "other.duckdb"
    for each in (path, other):
        with Warehouse(each) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    with Warehouse(path, checkpoint=False) as connection:
        connection.execute("INSERT INTO kept VALUES (8)")
    other.replace(path)
    with pytest.raises(NotAWarehouse, match="has the log of another state beside it"), Warehouse(path):
        pass
