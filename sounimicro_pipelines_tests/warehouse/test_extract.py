"""Reading a register into a warehouse file."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sounimicro_pipelines.clock import UTC, ManualClock
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, NotFound, ServerFailed
from sounimicro_pipelines.warehouse import FeedResult, NotAWarehouse, Owner, extract, previews
from sounimicro_pipelines_tests.warehouse.registers import CODE, CUSTOMER, INVOICE, Register, stamp

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Rig:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START)
        self.register = Register()
        self.path = folder / "warehouse" / "acme.duckdb"
        self.landing = folder / "landing"

    def run(self, mode: Any = "incremental", **more: Any) -> dict[str, FeedResult]:
        results = asyncio.run(extract(self.register, self.path, self.landing, mode=mode, clock=self.clock, **more))
        return {result.entity: result for result in results}

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(query, list(parameters)).fetchall()

    def customer(self, key: int, **more: Any) -> None:
        now = stamp(self.clock.now())
        old = self.register.records.get("Customer", {}).get(key)
        record = {"ID": key, "CustomerNumber": 100 + key, "Name": f"Navn {key}", "CreditLimit": 12.5,
                  "Since": "2026-01-31", "Info.Web": None, "CreatedAt": now,
                  "UpdatedAt": None, "Deleted": False}  # fmt: skip
        if old:
            record |= old | {"UpdatedAt": now}
        self.register.put("Customer", **(record | more))

    def invoice(self, key: int, *items: dict[str, Any], **more: Any) -> None:
        now = stamp(self.clock.now())
        record = {
            "ID": key,
            "Amount": 100.0,
            "InvoiceDate": "2026-02-01",
            "CreatedAt": now,
            "UpdatedAt": None,
            "Deleted": False,
        }
        self.register.put("Invoice", **(record | {"Items": list(items)} | more))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def item(key: int, price: float = 1.5, **more: Any) -> dict[str, Any]:
    return {"ID": key, "Text": f"Vare {key}", "Price": price, "UpdatedAt": None} | more


def test_the_first_run_lists_everything_in_full_and_every_declared_table_exists(rig: Rig) -> None:
    for key in range(1, 8):
        rig.customer(key)
    rig.invoice(1, item(11), item(12))
    found = rig.run()
    assert found["Customer"].rows == found["Customer"].changed == 7
    assert {name for name, how, _ in rig.register.asked if how == "full"} == {"Customer", "Invoice", "Code"}
    assert rig.rows("SELECT count(*), sum(CreditLimit), min(Since) FROM raw.customer") == [
        (7, Decimal("87.500000"), datetime(2026, 1, 31).date())  # noqa: DTZ001
    ]
    assert rig.rows("SELECT ID, InvoiceID, Price FROM raw.invoice_item ORDER BY ID") == [
        (11, 1, Decimal("1.500000")),
        (12, 1, Decimal("1.500000")),
    ]
    assert rig.rows("SELECT count(*) FROM raw.code") == [(0,)]
    assert rig.rows("SELECT entity, state, rows FROM raw._feed ORDER BY entity") == [
        ("Code", "ok", 0),
        ("Customer", "ok", 7),
        ("Invoice", "ok", 1),
    ]


def test_an_incremental_run_reads_from_the_watermark_less_the_overlap_and_loads_what_changed(rig: Rig) -> None:
    for key in range(1, 5):
        rig.customer(key)
    rig.run()
    rig.clock.advance(3600)
    rig.customer(2, Name="Nytt navn")
    rig.customer(9)
    found = rig.run()["Customer"]
    assert ("Customer", "changed", START - timedelta(minutes=10)) in rig.register.asked
    assert (found.mode, found.changed, found.watermark) == ("incremental", 2, START + timedelta(hours=1))
    assert rig.rows("SELECT ID, Name FROM raw.customer WHERE ID IN (2, 9) ORDER BY ID") == [
        (2, "Nytt navn"),
        (9, "Navn 9"),
    ]
    rig.clock.advance(60)
    again = rig.run()["Customer"]
    assert (again.rows, again.changed) == (2, 0)


def test_a_line_that_changed_alone_replaces_the_lines_of_its_invoice(rig: Rig) -> None:
    rig.invoice(1, item(11), item(12))
    rig.run()
    rig.clock.advance(3600)
    lines = rig.register.records["Invoice"][1]["Items"]
    lines[0] |= {"Price": 2.25, "UpdatedAt": stamp(rig.clock.now())}
    del lines[1]
    assert rig.run()["Invoice"].changed == 1
    assert rig.rows("SELECT ID, Price FROM raw.invoice_item") == [(11, Decimal("2.250000"))]


def test_a_full_listing_loads_only_what_changed_and_marks_what_is_gone(rig: Rig) -> None:
    for key in range(1, 8):
        rig.customer(key)
    rig.invoice(1, item(11))
    rig.invoice(2, item(21))
    rig.run()
    rig.clock.advance(3600)
    rig.customer(3, Name="Ny")
    del rig.register.records["Customer"][5]
    del rig.register.records["Invoice"][2]
    found = rig.run("full")
    assert (found["Customer"].rows, found["Customer"].changed, found["Customer"].deleted) == (6, 1, 1)
    assert rig.rows("SELECT ID FROM raw.customer WHERE Deleted") == [(5,)]
    assert rig.rows("SELECT ID FROM raw.invoice_item WHERE Deleted") == [(21,)]
    assert rig.rows("SELECT rows FROM raw._feed WHERE entity = 'Customer'") == [(6,)]
    rig.customer(5)
    assert rig.run("full")["Customer"].changed == 1
    assert rig.rows("SELECT count(*) FROM raw.customer WHERE Deleted") == [(0,)]


def test_keys_that_the_vendor_reports_as_deleted_are_marked_in_an_incremental_run(rig: Rig) -> None:
    rig.customer(1)
    rig.customer(2)
    rig.run()
    rig.register.gone["Customer"] = [2, 77]
    del rig.register.records["Customer"][2]
    assert rig.run()["Customer"].deleted == 1
    assert rig.run()["Customer"].deleted == 0
    assert rig.rows("SELECT ID FROM raw.customer WHERE Deleted") == [(2,)]


def test_an_empty_full_listing_is_believed_only_when_it_comes_twice(rig: Rig) -> None:
    for key in range(1, 6):
        rig.customer(key)
    rig.run()
    kept = rig.register.records.pop("Customer")
    first = rig.run("full")["Customer"]
    assert (first.state, first.deleted) == ("failed", 0)
    assert "5 records" in first.message
    rig.register.records["Customer"] = kept
    assert rig.run("full")["Customer"].state == "ok"
    rig.register.records.pop("Customer")
    assert rig.run("full")["Customer"].state == "failed"
    assert rig.run()["Customer"].state == "ok"
    second = rig.run("full")["Customer"]
    assert (second.state, second.deleted) == ("ok", 5)


def test_one_entity_in_trouble_leaves_the_others_alone_and_its_watermark_where_it_was(rig: Rig) -> None:
    rig.customer(1)
    rig.invoice(1, item(11))
    rig.run()
    before = rig.rows("SELECT watermark, full_at, fetched_at FROM raw._feed WHERE entity = 'Customer'")
    rig.clock.advance(7200)
    for key in range(1, 9):
        rig.customer(key)
    rig.invoice(1, item(11, 3.5), UpdatedAt=stamp(rig.clock.now()))
    rig.register.trouble["Customer"] = lambda: ServerFailed("erp", "GET customers", status=500)
    rig.register.trouble_after = 2
    found = rig.run()
    assert (found["Customer"].state, found["Invoice"].state) == ("failed", "ok")
    assert rig.rows("SELECT watermark, full_at, fetched_at FROM raw._feed WHERE entity = 'Customer'") == before
    assert rig.rows("SELECT state FROM raw._feed WHERE entity = 'Customer'") == [("failed",)]
    rig.register.trouble.clear()
    assert rig.run()["Customer"].state == "ok"
    assert rig.rows("SELECT count(*), count(DISTINCT ID) FROM raw.customer") == [(8, 8)]


def test_a_missing_right_and_an_absent_route_are_states_of_their_feed(rig: Rig) -> None:
    rig.register.trouble["Customer"] = lambda: AccessDenied("erp", "GET customers", status=403)
    rig.register.trouble["Code"] = lambda: NotFound("erp", "GET codes", status=404)
    found = rig.run()
    assert {name: result.state for name, result in found.items()} == {
        "Customer": "no_access",
        "Invoice": "ok",
        "Code": "unavailable",
    }


def test_a_refused_sign_in_ends_the_run_with_one_error(rig: Rig) -> None:
    for entity in ("Customer", "Invoice", "Code"):
        rig.register.trouble[entity] = lambda: AuthenticationFailed("erp", "token", status=400)
    with pytest.raises(AuthenticationFailed):
        rig.run()


def test_of_a_record_that_is_seen_twice_the_newest_stands(rig: Rig) -> None:
    old, new = stamp(START), stamp(START + timedelta(minutes=1))
    rows = [b'{"ID":1,"Name":"%s","CreatedAt":"%s","UpdatedAt":"%s"}' % (n, old.encode(), u.encode())
            for n, u in ((b"gammel", old), (b"ny", new), (b"gammel", old))]  # fmt: skip
    rig.register.raw["Customer"] = rows
    rig.run()
    assert rig.rows("SELECT ID, Name FROM raw.customer") == [(1, "ny")]


def test_a_bad_record_is_set_aside_with_its_reason_and_the_rest_goes_on(rig: Rig) -> None:
    rig.customer(1)
    rig.customer(2)
    rig.run()
    rig.register.raw["Customer"] = [b'{"ID":2,"Name":null}', b'{"ID":3,"Name":"Kari","CreditLimit":"mange"}', b"[1]"]
    del rig.register.records["Customer"][2]
    found = rig.run("full")["Customer"]
    assert (found.state, found.quarantined, found.deleted) == ("ok", 3, 0)
    assert "deleted" in found.message
    assert rig.rows("SELECT key, reason FROM raw._quarantine ORDER BY key NULLS LAST") == [
        (2, "Name: missing"),
        (3, "CreditLimit: expected a number, got other text"),
        (None, "the record is not an object"),
    ]
    assert rig.rows("SELECT count(*) FROM raw.customer WHERE NOT Deleted") == [(2,)]
    rig.register.raw["Customer"] = [b'{"ID":2,"Name":"Ola"}']
    rig.clock.advance(60)
    assert rig.run("full")["Customer"].quarantined == 0
    assert rig.rows("SELECT count(*) FROM raw._quarantine") == [(0,)]


def test_a_preview_shows_no_personal_column(rig: Rig) -> None:
    rig.customer(1)
    rig.run()
    shown = previews(rig.path, [CUSTOMER])[CUSTOMER.table]
    assert "Name" not in shown[0]
    assert (shown[0]["ID"], shown[0]["CreditLimit"], len(shown)) == (1, Decimal("12.500000"), 1)


def test_a_file_belongs_to_one_company(rig: Rig) -> None:
    rig.run(owner=Owner("acme", "KEY-1", "Acme AS", "999888777"))
    rig.run(owner=Owner("acme", "key-1", "Acme Norge AS", "999888777"))
    assert rig.rows("SELECT name FROM raw._company") == [("Acme Norge AS",)]
    with pytest.raises(NotAWarehouse, match="another company"):
        rig.run(owner=Owner("acme", "KEY-2"))


def test_specs_can_be_asked_for_one_by_one(rig: Rig) -> None:
    rig.customer(1)
    found = rig.run(specs=[CODE])
    assert list(found) == ["Code"]
    assert rig.rows("SELECT count(*) FROM raw.customer") == [(0,)]
    assert INVOICE.table == "invoice"


def test_a_record_that_comes_again_in_a_later_piece_does_not_replace_a_newer_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[extract.__module__]
    monkeypatch.setattr(module, "ROW_GROUP", 1)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    rig.register.page_size = 1
    stamps = [stamp(START + timedelta(minutes=minute)) for minute in (0, 5, 2, 5)]
    rig.register.raw["Customer"] = [
        json.dumps({"ID": 1, "Name": f"navn {place}", "UpdatedAt": moment}).encode()
        for place, moment in enumerate(stamps)
    ]
    rig.run()
    assert rig.rows("SELECT ID, Name FROM raw.customer") == [(1, "navn 3")]


def test_two_companies_with_the_same_ids_never_mix(tmp_path: Path) -> None:
    rigs = [Rig(tmp_path), Rig(tmp_path)]
    rigs[1].path = rigs[0].path.with_name("other.duckdb")
    for number, rig in enumerate(rigs):
        rig.customer(1, Name=f"Kunde i {number}")
        rig.invoice(1, item(11, number + 0.5))

    async def both() -> None:
        await asyncio.gather(*(extract(rig.register, rig.path, rig.landing, clock=rig.clock) for rig in rigs))

    asyncio.run(both())
    for number, rig in enumerate(rigs):
        assert rig.rows("SELECT Name FROM raw.customer") == [(f"Kunde i {number}",)]
        assert rig.rows("SELECT Price FROM raw.invoice_item") == [(Decimal(f"{number}.5"),)]
    assert sorted(path.name for path in rigs[0].landing.iterdir()) == ["acme", "other"]


def test_a_long_listing_does_not_move_the_watermark_past_its_own_start(rig: Rig) -> None:
    rig.customer(1, UpdatedAt=stamp(START + timedelta(hours=3)))
    assert rig.run()["Customer"].watermark == START


def test_an_unexpected_fault_of_one_feed_is_told_without_values_and_leaves_the_others_alone(rig: Rig) -> None:
    rig.customer(1)
    rig.register.trouble["Customer"] = lambda: KeyError("Kari Nordmann")
    found = rig.run()
    assert (found["Customer"].state, found["Invoice"].state) == ("failed", "ok")
    assert "Kari" not in found["Customer"].message


def test_no_landing_file_is_left_of_a_feed_that_failed_once_the_next_run_has_swept(rig: Rig) -> None:
    for key in range(1, 9):
        rig.customer(key)
    rig.register.trouble["Customer"] = lambda: ServerFailed("erp", "GET customers", status=500)
    rig.register.trouble_after = 2
    rig.run()
    rig.register.trouble.clear()
    rig.run()
    runs = list((rig.landing / "acme" / "Customer").iterdir())
    assert len(runs) == 1
    assert (runs[0] / "manifest.json").is_file()


def test_records_that_do_not_fit_into_the_usual_memory_are_loaded_all_the_same(rig: Rig) -> None:
    rig.register.raw["Customer"] = [
        json.dumps({"ID": key, "Name": f"{key}" * 50, "CreditLimit": key}).encode() for key in range(20_000)
    ]
    rig.register.page_size = 5000
    assert rig.run(memory_limit="8MB")["Customer"].changed == 20_000
