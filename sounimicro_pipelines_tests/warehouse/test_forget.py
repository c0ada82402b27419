"""Erasing a person from the warehouse and the landing files."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import duckdb

from sounimicro_pipelines.clock import UTC, ManualClock
from sounimicro_pipelines.warehouse import extract, forget
from sounimicro_pipelines.warehouse.connection import STORAGE
from sounimicro_pipelines_tests.warehouse.registers import CUSTOMER, INVOICE, Register


def test_nothing_of_an_erased_person_is_left_on_disk_and_the_key_stays(tmp_path: Path) -> None:
    register = Register()
    for key in range(1, 200):
        register.put("Customer", ID=key, Name=f"Persona-{key:04}", CustomerNumber=key, CreditLimit=1.5)
    register.put("Invoice", ID=1, Amount=5, Items=[{"ID": 11, "Text": "Til Persona-0007", "Price": 2}])
    register.raw["Customer"] = [b'{"ID":500,"Name":"Persona-0500","CreditLimit":"x"}']
    path, landing = tmp_path / "warehouse" / "acme.duckdb", tmp_path / "landing"
    now = ManualClock(datetime(2026, 3, 2, tzinfo=UTC))
    asyncio.run(extract(register, path, landing, clock=now))
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA staging")
        connection.execute("CREATE VIEW staging.customer AS SELECT * FROM raw.customer")
        connection.execute("CREATE TABLE staging.other AS SELECT 1 AS x")
        # What the last build of reports read, and what an earlier version's build left of what it changed.
        connection.execute("CREATE SCHEMA reports_state")
        for name in ("fresh_customer_invoice", "changes_party"):
            connection.execute(f"CREATE TABLE reports_state.{name} AS SELECT 'Hos Persona-0007' AS name")

    found = forget(path, landing, [(CUSTOMER, 7), (CUSTOMER, 500), (INVOICE, 1)], clock=now)

    assert (found.rows, found.quarantined, found.landed) == (3, 1, 3)
    content = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for erased in (b"Persona-0007", b"Persona-0500"):
        assert erased not in content
    assert b"Persona-0008" in b"".join(file.read_bytes() for file in landing.rglob("*.ndjson"))
    with duckdb.connect(str(path)) as connection:
        row = connection.execute(
            'SELECT ID, Name, CustomerNumber, "Deleted" FROM staging.customer WHERE ID = 7'
        ).fetchone()
        assert row == (7, None, 7, True)
        assert connection.execute("SELECT count(*) FROM raw.customer WHERE Name IS NOT NULL").fetchone() == (198,)
        assert connection.execute("SELECT ID, Text, Price FROM raw.invoice_item").fetchone() == (11, None, 2)
        assert connection.execute("SELECT x FROM staging.other").fetchone() == (1,)
        (tags,) = connection.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchone() or ({},)
        assert tags["storage_version"].startswith(STORAGE)
    assert path.stat().st_mode & 0o777 == 0o600


def test_erasing_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    path, landing = tmp_path / "acme.duckdb", tmp_path / "landing"
    asyncio.run(extract(Register(), path, landing))
    before = path.read_bytes()
    found = forget(path, landing, [(CUSTOMER, 7)])
    assert (found.rows, found.quarantined, found.landed) == (0, 0, 0)
    assert len(path.read_bytes()) == len(before)
