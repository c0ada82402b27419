"""Publishing: exact, only what changed, whole or not at all."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import text

from sounimicro_pipelines.store import Store, open_store, reports
from sounimicro_pipelines.warehouse import ahead
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.publish import (
    PublishError,
    PublishMeta,
    PublishResult,
    TieOut,
    meta_from_manifest,
    publish,
)
from sounimicro_pipelines_tests import forked
from sounimicro_pipelines_tests.warehouse.killed_publish import publish_again

NOW = datetime(2026, 11, 23, 5, 8, tzinfo=UTC)
META: dict[str, PublishMeta | tuple[Any, Any]] = {
    "party": (["role", "party_id"], []),
    "open_item": (["role", "party_id", "journal_entry_line_id"], [["role", "due_date"]]),
    "voucher_line": (["journal_entry_line_id"], ["voucher_id"]),
}
PARTIES = 20


def build(path: Path, parties: int = PARTIES, items: int = 10) -> None:
    with duckdb.connect(str(path)) as db:
        db.execute("CREATE SCHEMA IF NOT EXISTS reports")
        db.execute(
            f"""CREATE OR REPLACE TABLE reports.party AS SELECT 'customer' AS role, p::BIGINT AS party_id,
                'Kunde ' || p AS name, (p * 100.25)::DECIMAL(19,2) AS balance FROM range({parties}) t(p)"""
        )
        db.execute(
            f"""CREATE OR REPLACE TABLE reports.open_item AS SELECT 'customer' AS role, p::BIGINT AS party_id,
                (p * 1000 + i)::BIGINT AS journal_entry_line_id, DATE '2026-01-01' + i::INTEGER AS due_date,
                (i * -1234.5)::DECIMAL(19,2) AS remaining_amount, 1.000001::DECIMAL(19,6) AS rate,
                i % 2 = 0 AS is_overdue, TIMESTAMP '2026-11-23 05:08:00' AS seen_at,
                'tab\there, line\nbreak, back\\slash, \\N, æøå "quoted"' AS note,
                NULL::VARCHAR AS nothing, '' AS empty FROM range({parties}) t(p), range({items}) u(i)"""
        )
        db.execute(
            """CREATE OR REPLACE TABLE reports.voucher_line AS SELECT i::BIGINT AS journal_entry_line_id,
               (i // 2)::BIGINT AS voucher_id, 10.00::DECIMAL(19,2) AS amount FROM range(2000) t(i)"""
        )


def run(path: Path, store: Store, run_id: str = "r1", **options: Any) -> PublishResult:
    given: dict[str, Any] = {
        "company": "demo",
        "as_of": date(2026, 11, 23),
        "fetched_at": NOW,
        "run_id": run_id,
        "tie_out": TieOut(True),
        "publish_meta": META,
    }
    return publish(path, store, **{**given, **options})


def rows(store: Store, name: str, order: str = "1", company: str = "demo") -> list[tuple[Any, ...]]:
    with store.read() as tx:
        found = tx.execute(
            text(f"SELECT * FROM {reports.qualified(tx, name)} WHERE company = :c ORDER BY {order}"), {"c": company}
        )
        return [tuple(row) for row in found]


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    path = tmp_path / "demo.duckdb"
    build(path)
    return path


def change(marts: Path, *statements: str) -> None:
    with duckdb.connect(str(marts)) as db:
        for statement in statements:
            db.execute(statement)


def build_by_parts(marts: Path, *statements: str) -> None:
    """What a build does, which hands its connection on to the next publish."""
    with Warehouse(marts, checkpoint=False, hands_on=True) as db:
        for statement in statements:
            db.execute(statement)


def test_every_type_arrives_exactly(marts: Path, store: Store) -> None:
    run(marts, store)
    first = rows(store, "open_item", "journal_entry_line_id")[3]
    note = 'tab\there, line\nbreak, back\\slash, \\N, æøå "quoted"'
    if store.is_postgres:
        money, rate, due, overdue, seen = Decimal("-3703.50"), Decimal("1.000001"), date(2026, 1, 4), False, NOW
    else:
        money, rate, due, overdue = "-3703.50", "1.000001", "2026-01-04", 0  # type: ignore[assignment]
        seen = "2026-11-23T05:08:00.000000Z"  # type: ignore[assignment]
    assert first == ("demo", "customer", 0, 3, due, money, rate, overdue, seen, note, None, "")
    assert reports.as_decimal(first[5]) == Decimal("-3703.50")
    assert reports.as_date(first[4]) == date(2026, 1, 4)
    assert reports.as_moment(first[8]) == NOW
    assert reports.as_bool(first[7]) is False


def test_big_and_tiny_money_is_never_rounded(marts: Path, store: Store) -> None:
    change(marts, "UPDATE reports.party SET balance = 12345678901234567.89 WHERE party_id = 1")
    run(marts, store)
    assert reports.as_decimal(rows(store, "party", "party_id")[1][4]) == Decimal("12345678901234567.89")


def test_nothing_changed_writes_nothing_and_says_that_it_was_read_again(marts: Path, store: Store) -> None:
    first = run(marts, store)
    assert first.written_rows == first.rows == PARTIES + PARTIES * 10 + 2000
    again = run(marts, store, "r2", as_of=date(2026, 11, 24))
    assert again.written_rows == 0
    assert all(table.changed_groups == table.removed_groups == 0 for table in again.tables)
    with store.read() as tx:
        published = reports.published(tx, "demo")
    assert set(published) == set(META)
    assert {p.run_id for p in published.values()} == {"r2"}
    assert published["open_item"].erp_as_of == date(2026, 11, 24)
    assert published["open_item"].rows == PARTIES * 10


def test_only_the_parties_whose_rows_changed_are_written(marts: Path, store: Store) -> None:
    run(marts, store)
    change(
        marts,
        "UPDATE reports.open_item SET remaining_amount = 1 WHERE journal_entry_line_id = 3005",
        "DELETE FROM reports.open_item WHERE party_id = 4",
        "INSERT INTO reports.open_item SELECT * REPLACE (99 AS party_id) FROM reports.open_item WHERE party_id = 5",
        "UPDATE reports.voucher_line SET amount = 11 WHERE journal_entry_line_id = 1999",
    )
    result = {table.table: table for table in run(marts, store, "r2").tables}
    assert (result["open_item"].changed_groups, result["open_item"].removed_groups) == (2, 1)
    assert result["open_item"].written_rows == 20
    assert result["party"].written_rows == 0
    assert result["voucher_line"].changed_groups == 1
    assert result["voucher_line"].written_rows == 2000 % 256
    fresh = store_copy(marts, store)
    assert fresh == {name: sorted(map(str, rows(store, name))) for name in META}


def store_copy(marts: Path, store: Store) -> dict[str, list[str]]:
    """What a first publish of the same marts would give."""
    with store.transaction() as tx:
        reports.forget_company(tx, "fresh")
    run(marts, store, company="fresh")
    return {name: sorted(str(("demo", *row[1:])) for row in rows(store, name, company="fresh")) for name in META}


def _begin_counting(marts: Path) -> None:
    change(
        marts,
        "CREATE SCHEMA reports_state",
        "CREATE TABLE reports_state.build AS SELECT 1::BIGINT AS build",
        "CREATE TABLE reports_state.rebuilt_party (build BIGINT, role VARCHAR, party_id BIGINT)",
        "CREATE TABLE reports_state.rebuilt_voucher (build BIGINT, voucher_id BIGINT)",
    )


COUNTED: dict[str, PublishMeta | tuple[Any, Any]] = {
    "party": PublishMeta(("role", "party_id"), (), "rebuilt_party"),
    "open_item": PublishMeta(("role", "party_id", "journal_entry_line_id"), (), "rebuilt_party"),
    "voucher_line": PublishMeta(("voucher_id", "journal_entry_line_id"), (), "rebuilt_voucher"),
}


def test_after_a_build_by_parts_only_what_it_made_anew_is_looked_at(marts: Path, store: Store) -> None:
    _begin_counting(marts)
    run(marts, store, publish_meta=COUNTED)
    change(
        marts,
        "INSERT INTO reports_state.build VALUES (2)",
        "INSERT INTO reports_state.rebuilt_party VALUES (2, 'customer', 3), (2, 'customer', 4), (2, 'customer', 6)",
        "INSERT INTO reports_state.rebuilt_voucher VALUES (2, 999)",
        "UPDATE reports.open_item SET remaining_amount = 1 WHERE journal_entry_line_id IN (3005, 5005)",
        "DELETE FROM reports.open_item WHERE party_id = 4",
        "UPDATE reports.voucher_line SET amount = 11 WHERE voucher_id IN (1, 999)",
    )
    result = run(marts, store, "r2", publish_meta=COUNTED)
    tables = {table.table: table for table in result.tables}
    assert (tables["open_item"].groups, tables["open_item"].changed_groups) == (2, 1)
    assert (tables["open_item"].removed_groups, tables["open_item"].written_rows) == (1, 10)
    assert tables["open_item"].rows == PARTIES * 10 - 10
    assert tables["voucher_line"].changed_groups == 1
    assert run(marts, store, "r3", publish_meta=COUNTED).written_rows == 0

    # What no build spoke of is found when everything is looked at: after a full refresh, or when the table changes.
    change(marts, "DELETE FROM reports_state.build", "INSERT INTO reports_state.build VALUES (3)")
    late = {table.table: table for table in run(marts, store, "r4", publish_meta=COUNTED).tables}
    assert (late["open_item"].groups, late["open_item"].changed_groups) == (PARTIES - 1, 1)
    assert late["voucher_line"].changed_groups == 1
    change(marts, "ALTER TABLE reports.party ADD COLUMN city VARCHAR", "UPDATE reports.party SET city = 'Moss'")
    run(marts, store, "r5", publish_meta=COUNTED)
    assert {row[-1] for row in rows(store, "party")} == {"Moss"}


def _changes(mart: str, which: str, **instead: str) -> list[str]:
    """Statements by which a build replaces the rows that meet a condition, and keeps them for the publisher."""
    new = ", ".join(f"{value} AS {column}" for column, value in instead.items())
    come = f"UNION ALL SELECT true, * REPLACE ({new}) FROM reports.{mart} WHERE {which}" if new else ""
    return [
        f"CREATE OR REPLACE TEMP TABLE changes_{mart} AS"
        f" SELECT false AS is_new, * FROM reports.{mart} WHERE {which} {come}",
        f"DELETE FROM reports.{mart} WHERE {which}",
        f"INSERT INTO reports.{mart} SELECT * EXCLUDE is_new FROM temp.changes_{mart} WHERE is_new",
    ]


def test_the_rows_that_the_last_build_changed_are_written_one_by_one(marts: Path, store: Store) -> None:
    _begin_counting(marts)
    change(marts, "INSERT INTO reports.party VALUES ('customer', NULL, 'Unknown', 5.00)")
    run(marts, store, publish_meta=COUNTED)
    build_by_parts(
        marts,
        "INSERT INTO reports_state.build VALUES (2)",
        "INSERT INTO reports_state.rebuilt_party VALUES (2, 'customer', 3), (2, 'customer', 4)",
        "INSERT INTO reports_state.rebuilt_voucher VALUES (2, 999)",
        "CREATE OR REPLACE TEMP TABLE changed_build AS SELECT 2::BIGINT AS build",
        *_changes("open_item", "journal_entry_line_id IN (3005, 3007)", remaining_amount="7"),
        *_changes("party", "party_id IN (4) OR party_id IS NULL"),
        # A row that a build did not touch is not looked at.
        "UPDATE reports.open_item SET remaining_amount = 1 WHERE journal_entry_line_id = 5005",
    )
    result = {table.table: table for table in run(marts, store, "r2", publish_meta=COUNTED).tables}
    items, party, vouchers = result["open_item"], result["party"], result["voucher_line"]
    assert (items.rows, items.changed_groups, items.removed_groups, items.written_rows) == (PARTIES * 10, 1, 0, 2)
    assert (party.changed_groups, party.removed_groups, party.written_rows) == (0, 2, 0)
    assert (vouchers.changed_groups, vouchers.written_rows) == (0, 0)
    now = {row[3]: reports.as_decimal(row[5]) for row in rows(store, "open_item")}
    assert (now[3005], now[3006], now[3007]) == (Decimal(7), Decimal("-7407.00"), Decimal(7))
    assert now[5005] == Decimal("-6172.50")
    assert len(rows(store, "party")) == PARTIES - 1

    # What the groups' digests have become is what the marts say: only the row that nobody spoke of is another one.
    change(marts, "DELETE FROM reports_state.build", "INSERT INTO reports_state.build VALUES (3)")
    late = {table.table: table for table in run(marts, store, "r3", publish_meta=COUNTED).tables}
    assert (late["open_item"].changed_groups, late["open_item"].written_rows) == (1, 10)
    assert (late["party"].changed_groups, late["party"].removed_groups) == (0, 0)
    assert store_copy(marts, store) == {name: sorted(map(str, rows(store, name))) for name in META}


def test_a_row_changes_where_it_stands_unless_an_index_would_have_to_follow(marts: Path, store: Store) -> None:
    _begin_counting(marts)
    metas = COUNTED | {"party": PublishMeta(("role", "party_id"), (("name",),), "rebuilt_party")}
    change(marts, "INSERT INTO reports.party VALUES ('customer', NULL, 'Unknown', 5.00)")
    run(marts, store, publish_meta=metas)
    before = _places(store)
    build_by_parts(
        marts,
        "INSERT INTO reports_state.build VALUES (2)",
        "INSERT INTO reports_state.rebuilt_party VALUES (2, 'customer', 3), (2, 'customer', 4)",
        "CREATE OR REPLACE TEMP TABLE changed_build AS SELECT 2::BIGINT AS build",
        *_changes(
            "party",
            "coalesce(party_id, 3) <= 6",
            balance="balance + 1",
            name="CASE party_id WHEN 4 THEN 'Ny' WHEN 5 THEN NULL ELSE name END",
            party_id="CASE party_id WHEN 6 THEN 1006 ELSE party_id END",
        ),
    )
    result = {table.table: table for table in run(marts, store, "r2", publish_meta=metas).tables}
    assert result["party"].written_rows == 8
    after = _places(store)
    if not store.is_postgres:
        stays = {party for party, place in before.items() if after.get(party) == place}
        assert stays == {None, 0, 1, 2, 3, *range(7, PARTIES)}
        assert set(after) - set(before) == {1006}
    told = {row[2]: (row[3], reports.as_decimal(row[4])) for row in rows(store, "party")}
    assert told[4] == ("Ny", Decimal("402.00"))
    assert told[5] == (None, Decimal("502.25"))
    assert told[None] == ("Unknown", Decimal("6.00"))
    assert sorted(map(str, rows(store, "party"))) == store_copy(marts, store)["party"]
    assert run(marts, store, "r3", publish_meta=metas).written_rows == 0


def test_rows_that_share_their_key_are_all_replaced(marts: Path, store: Store) -> None:
    _begin_counting(marts)
    metas = COUNTED | {"voucher_line": PublishMeta(("voucher_id",), (), "rebuilt_voucher")}
    run(marts, store, publish_meta=metas)
    build_by_parts(
        marts,
        "INSERT INTO reports_state.build VALUES (2)",
        "INSERT INTO reports_state.rebuilt_voucher VALUES (2, 7), (2, 8)",
        "CREATE OR REPLACE TEMP TABLE changed_build AS SELECT 2::BIGINT AS build",
        *_changes("voucher_line", "voucher_id IN (7, 8)", amount="amount + journal_entry_line_id"),
    )
    assert run(marts, store, "r2", publish_meta=metas).written_rows == 4
    assert sorted(map(str, rows(store, "voucher_line"))) == store_copy(marts, store)["voucher_line"]


def _places(store: Store) -> dict[Any, Any]:
    """Where each party's row stands in SQLite's file."""
    if store.is_postgres:
        return {}
    with store.read() as tx:
        return {row[0]: row[1] for row in tx.execute(text("SELECT party_id, rowid FROM party WHERE company = 'demo'"))}


def test_changes_that_are_not_those_since_the_last_publish_are_not_taken_for_them(marts: Path, store: Store) -> None:
    _begin_counting(marts)
    run(marts, store, publish_meta=COUNTED)
    for build_number, party in ((2, 3), (3, 5)):  # two builds before the next publish
        build_by_parts(
            marts,
            f"INSERT INTO reports_state.build VALUES ({build_number})",
            f"INSERT INTO reports_state.rebuilt_party VALUES ({build_number}, 'customer', {party})",
            f"CREATE OR REPLACE TEMP TABLE changed_build AS SELECT {build_number}::BIGINT AS build",
            *_changes("party", f"party_id = {party}", balance="9"),
        )
    run(marts, store, "r2", publish_meta=COUNTED)
    balances = {row[2]: reports.as_decimal(row[4]) for row in rows(store, "party")}
    assert (balances[3], balances[5]) == (Decimal(9), Decimal(9))

    # A build without a table of changes, as dbt makes it.
    change(
        marts,
        "INSERT INTO reports_state.build VALUES (4)",
        "INSERT INTO reports_state.rebuilt_party VALUES (4, 'customer', 6)",
        "UPDATE reports.party SET balance = 8 WHERE party_id = 6",
    )
    run(marts, store, "r3", publish_meta=COUNTED)
    assert reports.as_decimal(rows(store, "party", "party_id")[6][4]) == Decimal(8)

    # Rows that went and were never published: the groups are compared as a whole.
    build_by_parts(
        marts,
        "INSERT INTO reports_state.build VALUES (5)",
        "INSERT INTO reports_state.rebuilt_party VALUES (5, 'customer', 99)",
        "CREATE OR REPLACE TEMP TABLE changed_build AS SELECT 5::BIGINT AS build",
        "CREATE OR REPLACE TEMP TABLE changes_party AS"
        " SELECT false AS is_new, 'customer' AS role, 99 AS party_id, 'Kunde 99' AS name,"
        " 1.00::DECIMAL(19,2) AS balance",
    )
    assert run(marts, store, "r4", publish_meta=COUNTED).written_rows == 0
    assert len(rows(store, "party")) == PARTIES


def test_a_table_that_one_publish_left_out_is_looked_at_as_a_whole_by_the_next(marts: Path, store: Store) -> None:
    _begin_counting(marts)
    run(marts, store, publish_meta=COUNTED)
    change(
        marts,
        "INSERT INTO reports_state.build VALUES (2)",
        "INSERT INTO reports_state.rebuilt_party VALUES (2, 'customer', 3)",
        "UPDATE reports.open_item SET remaining_amount = 1 WHERE journal_entry_line_id = 3005",
    )
    run(marts, store, "r2", publish_meta={"party": COUNTED["party"]})
    result = {table.table: table for table in run(marts, store, "r3", publish_meta=COUNTED).tables}
    assert (result["open_item"].groups, result["open_item"].changed_groups) == (PARTIES, 1)


def test_rows_without_a_party_are_a_group_of_their_own(marts: Path, store: Store) -> None:
    change(marts, "INSERT INTO reports.party VALUES ('customer', NULL, 'Unknown', 5.00)")
    run(marts, store)
    change(marts, "UPDATE reports.party SET balance = 6 WHERE party_id IS NULL")
    assert run(marts, store).written_rows == 1
    assert len(rows(store, "party")) == PARTIES + 1


def test_two_companies_never_mix(marts: Path, store: Store) -> None:
    run(marts, store, company="north")
    run(marts, store, company="south")
    change(marts, "DELETE FROM reports.party")
    run(marts, store, company="south")
    assert len(rows(store, "party", company="north")) == PARTIES
    assert rows(store, "party", company="south") == []
    with store.transaction() as tx:
        reports.forget_company(tx, "south")
        assert reports.published_companies(tx) == ["north"]


def test_a_new_column_is_added_and_filled(marts: Path, store: Store) -> None:
    run(marts, store)
    change(marts, "ALTER TABLE reports.party ADD COLUMN rating VARCHAR", "UPDATE reports.party SET rating = 'A'")
    assert {t.table: t.written_rows for t in run(marts, store).tables}["party"] == PARTIES
    assert {row[-1] for row in rows(store, "party")} == {"A"}


def test_a_column_that_the_mart_lost_is_emptied(marts: Path, store: Store) -> None:
    run(marts, store)
    change(marts, "ALTER TABLE reports.party DROP COLUMN name")
    run(marts, store)
    assert {row[3] for row in rows(store, "party")} == {None}


def test_verdicts_stand_per_table(marts: Path, store: Store) -> None:
    run(marts, store, tie_out={"open_item": TieOut(False, "customer 7 differs by 1.00")})
    with store.read() as tx:
        published = reports.published(tx, "demo")
    assert (published["open_item"].ties_out, published["open_item"].finding) == (False, "customer 7 differs by 1.00")
    assert published["party"].ties_out is None


def test_floating_point_numbers_are_refused(marts: Path, store: Store) -> None:
    change(marts, "ALTER TABLE reports.party ALTER balance TYPE DOUBLE")
    with pytest.raises(PublishError, match=r"party\.balance is a floating-point number"):
        run(marts, store)


def test_a_missing_mart_and_a_missing_key_are_one_clear_error(marts: Path, store: Store) -> None:
    with pytest.raises(PublishError, match="no mart"):
        run(marts, store, publish_meta={"nothing": (["id"], [])})
    with pytest.raises(PublishError, match="no key column"):
        run(marts, store, publish_meta={"party": (["number"], [])})
    with pytest.raises(PublishError, match="no alias"):
        run(marts, store, company="x'; DROP TABLE party; --")


def test_indexes_are_made_for_the_readers(marts: Path, sqlite_store: Store) -> None:
    run(marts, sqlite_store)
    with sqlite_store.read() as tx:
        plan = tx.rows(
            text(
                "EXPLAIN QUERY PLAN SELECT * FROM open_item"
                " WHERE company = 'demo' AND role = 'customer' AND party_id = 3"
            )
        )
    assert "USING INDEX" in str(plan)


def test_an_error_in_the_middle_leaves_the_version_that_was(
    marts: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(marts, store)
    before = {name: rows(store, name) for name in META}
    change(marts, "UPDATE reports.open_item SET remaining_amount = 1", "DELETE FROM reports.party WHERE party_id < 5")

    def fail(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(reports, "set_published", fail)
        with pytest.raises(RuntimeError):
            run(marts, store, "r2")
    assert {name: rows(store, name) for name in META} == before
    assert run(marts, store, "r3").written_rows == PARTIES * 10


@pytest.mark.parametrize("delay", [0.03, 0.08, *(pytest.param(n, marks=pytest.mark.nightly) for n in (0.0, 0.15))])
def test_a_publish_that_is_killed_leaves_a_whole_version(tmp_path: Path, store_url: str, delay: float) -> None:
    marts = tmp_path / "demo.duckdb"
    build(marts)
    store = open_store(store_url)
    metas = {name: META[name] for name in ("party", "open_item")}
    run(marts, store, publish_meta=metas)
    build(marts, parties=400, items=100)
    ready = forked.event()
    process = forked.start(publish_again, marts, store_url, ready, log=tmp_path / "log")
    assert ready.wait(60), (tmp_path / "log").read_text()
    time.sleep(delay)
    forked.kill(process)
    with store.read() as tx:
        version = reports.published(tx, "demo")["open_item"]
    counts = (len(rows(store, "party")), len(rows(store, "open_item")))
    assert counts == ((20, 200) if version.run_id == "r1" else (400, 40_000))
    run(marts, store, "r2", publish_meta=metas)
    assert (len(rows(store, "party")), len(rows(store, "open_item"))) == (400, 40_000)
    store.close()


def test_readers_never_see_half_a_version(tmp_path: Path, store: Store) -> None:
    marts = tmp_path / "demo.duckdb"
    metas = {name: META[name] for name in ("party", "open_item")}
    build(marts, parties=10, items=10)
    run(marts, store, publish_meta=metas)
    seen: set[tuple[int, int, int]] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with store.read() as tx:
                name = reports.qualified(tx, "open_item")
                parties = int(tx.scalar(text(f"SELECT count(*) FROM {reports.qualified(tx, 'party')}")))
                seen.add((parties, int(tx.scalar(text(f"SELECT count(*) FROM {name}"))), _published_rows(tx)))

    reader = threading.Thread(target=read)
    reader.start()
    for parties in (200, 10, 300, 5):
        build(marts, parties=parties, items=10)
        run(marts, store, publish_meta=metas)
    stop.set()
    reader.join()
    assert all(items == parties * 10 == published for parties, items, published in seen), seen


def _published_rows(tx: Any) -> int:
    return reports.published(tx, "demo")["open_item"].rows


def test_two_publishers_of_one_company_leave_one_whole_version(marts: Path, store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    build(other, parties=7)
    threads = [threading.Thread(target=run, args=(path, store)) for path in (marts, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(rows(store, "party")), len(rows(store, "open_item"))) in ((PARTIES, PARTIES * 10), (7, 70))


def test_the_manifest_says_what_is_published() -> None:
    manifest = {
        "nodes": {
            "model.x.open_item": {
                "resource_type": "model",
                "name": "open_item",
                "schema": "reports",
                "config": {"meta": {"publish": {"key": ["role", "party_id"], "index": ["due_date", "role"]}}},
            },
            "model.x.stg": {"resource_type": "model", "name": "stg", "schema": "staging", "config": {"meta": {}}},
            "test.x": {"resource_type": "test", "name": "t", "schema": "reports"},
        }
    }
    assert meta_from_manifest(manifest) == {"open_item": PublishMeta(("role", "party_id"), (("due_date", "role"),))}


def test_a_large_first_version_is_written_ahead_and_lets_others_write(
    tmp_path: Path, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "LARGE", 1000)
    monkeypatch.setattr(ahead, "HOLD", 0.0)
    marts = tmp_path / "demo.duckdb"
    build(marts, parties=200, items=50)
    seen: list[tuple[int, bool]] = []
    let_go = time.sleep

    def others_write(seconds: float) -> None:
        with sqlite_store.transaction() as tx:
            seen.append(
                (len(reports.read_rows(tx, "open_item", {"company": "demo"})), bool(reports.published(tx, "demo")))
            )
        let_go(0)

    monkeypatch.setattr(ahead.time, "sleep", others_write)
    result = run(marts, sqlite_store)
    assert result.written_rows == result.rows == 200 + 200 * 50 + 2000
    assert {count for count, _ in seen} >= {1000 * number for number in range(1, 11)}
    assert not any(published for _, published in seen)
    assert sorted(row[3] for row in rows(sqlite_store, "open_item")) == sorted(
        p * 1000 + i for p in range(200) for i in range(50)
    )
    assert run(marts, sqlite_store, "r2").written_rows == 0


def test_what_a_killed_first_publish_left_is_of_no_version(
    tmp_path: Path, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "LARGE", 1000)
    marts = tmp_path / "demo.duckdb"
    build(marts, parties=100, items=50)

    def fail(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(reports, "set_published", fail)
        with pytest.raises(RuntimeError):
            run(marts, sqlite_store)
    assert len(rows(sqlite_store, "open_item")) == 5000
    build(marts, parties=90, items=40)
    run(marts, sqlite_store, "r2")
    assert len(rows(sqlite_store, "open_item")) == 3600
    with sqlite_store.read() as tx:
        assert len(reports.digests(tx, "demo", "open_item")) == 90


def test_a_publish_that_another_one_overtakes_while_it_writes_ahead_stops(
    tmp_path: Path, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "LARGE", 1000)
    monkeypatch.setattr(ahead, "HOLD", 0.0)
    marts = tmp_path / "demo.duckdb"
    build(marts, parties=100, items=50)

    def begin_another(_: float) -> None:
        with sqlite_store.transaction() as tx:
            reports.set_claim(tx, "demo", "another")

    with monkeypatch.context() as patch:
        patch.setattr(ahead.time, "sleep", begin_another)
        with pytest.raises(PublishError, match="has begun"):
            run(marts, sqlite_store)
    with sqlite_store.read() as tx:
        assert not reports.published(tx, "demo")
    run(marts, sqlite_store)
    assert len(rows(sqlite_store, "open_item")) == 5000
