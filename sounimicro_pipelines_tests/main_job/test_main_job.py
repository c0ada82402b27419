"""The main job end to end: both vendor systems over real HTTP, DuckDB, dbt, the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sounimicro_pipelines.orchestration.main_job import MainJobResult
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.store import reports
from sounimicro_pipelines_tests.main_job.ledger_oracle import PartyFigures, party_figures
from sounimicro_pipelines_tests.main_job.plant import Plant, environment
from sounimicro_pipelines_tests.reports_project import ReadProject


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, reports_project: ReadProject) -> Iterator[Plant]:
    with Sandbox(seed=7, parties=30) as sandbox:
        plant = Plant(sandbox, tmp_path_factory.mktemp("home"))
        with environment(plant.environment):
            yield plant


@pytest.fixture(scope="module")
def first(plant: Plant) -> MainJobResult:
    return plant.run()


def _rows(plant: Plant, table: str, **where: Any) -> list[dict[str, Any]]:
    store = plant.installation.store
    with store.read() as tx:
        return reports.read_rows(tx, table, where)


def _fetched_at(plant: Plant, company: str) -> datetime:
    with plant.installation.store.read() as tx:
        return reports.published(tx, company)["party"].fetched_at


def test_the_first_run_is_consistent(first: MainJobResult) -> None:
    assert [one.reason for one in first.outcomes] == ["", "", ""]
    assert [one.notes for one in first.outcomes] == [(), (), ()]
    assert first.consistent
    assert all(one.rows_read for one in first.outcomes)


@pytest.mark.parametrize("index", [1, 2])
def test_open_items_and_balances_equal_the_oracle(plant: Plant, first: MainJobResult, index: int) -> None:
    today = plant.sandbox.clock.today()
    wanted = party_figures(lambda entity: plant.sandbox.erp.rows(index, entity), today)
    company = plant.alias(index)
    found: dict[tuple[str, int], PartyFigures] = {}
    items = _rows(plant, "open_item", company=company)
    for party in _rows(plant, "party", company=company):
        key = (party["role"], int(party["party_id"]))
        mine = [item for item in items if (item["role"], int(item["party_id"])) == key]
        buckets: dict[str, Decimal] = {}
        for item in mine:
            buckets[item["bucket"]] = buckets.get(item["bucket"], Decimal(0)) + Decimal(item["remaining_amount"])
        found[key] = PartyFigures(
            balance=Decimal(party["balance"]),
            overdue=Decimal(party["overdue_amount"]),
            open_lines={int(item["journal_entry_line_id"]): Decimal(item["remaining_amount"]) for item in mine},
            buckets={bucket: amount for bucket, amount in buckets.items() if amount},
        )
    assert set(found) == set(wanted)
    assert any(figures.open_lines for figures in wanted.values())
    for key, figures in wanted.items():
        assert found[key] == figures, key


def test_running_again_with_nothing_changed_writes_nothing(plant: Plant, first: MainJobResult) -> None:
    before = plant.published()
    again = plant.run()
    assert again.success
    assert [one.rows_changed for one in again.outcomes] == [0, 0, 0]
    assert [one.rows_written for one in again.outcomes] == [0, 0, 0]
    assert plant.published() == before


def test_a_payment_moves_the_figures_of_its_customer_alone(plant: Plant, first: MainJobResult) -> None:
    company = plant.alias(1)
    item = next(
        row
        for row in _rows(plant, "open_item", company=company)
        if row["kind"] == "invoice" and row["role"] == "customer" and row["invoice_id"] is not None
    )
    before = {(row["role"], row["party_id"]): row["balance"] for row in _rows(plant, "party", company=company)}
    plant.sandbox.erp.pay(1, int(item["invoice_id"]), Decimal(item["remaining_amount"]))
    result = plant.run(only=company)
    assert result.consistent
    after = {(row["role"], row["party_id"]): row["balance"] for row in _rows(plant, "party", company=company)}
    moved = {key for key in before if before[key] != after[key]}
    assert moved == {("customer", item["party_id"])}
    left = {row["journal_entry_line_id"] for row in _rows(plant, "open_item", company=company)}
    assert item["journal_entry_line_id"] not in left


def test_two_companies_with_the_same_ids_never_mix(plant: Plant, first: MainJobResult) -> None:
    names = {}
    for index in (1, 2):
        parties = _rows(plant, "party", company=plant.alias(index))
        names[index] = {(row["role"], int(row["party_id"])): row["name"] for row in parties}
        relations = {row["ID"]: row["Name"] for row in plant.sandbox.erp.rows(index, "BusinessRelation", deleted=True)}
        for role, entity in (("customer", "Customer"), ("supplier", "Supplier")):
            for row in plant.sandbox.erp.rows(index, entity):
                assert names[index][(role, row["ID"])] == relations[row["BusinessRelationID"]]
    shared = set(names[1]) & set(names[2])
    assert shared
    assert any(names[1][key] != names[2][key] for key in shared)


def test_rights_that_are_missing_stop_their_feeds_alone_until_they_are_given(
    plant: Plant, first: MainJobResult
) -> None:
    before, denied_from = plant.published(), plant.clock.now()
    lacking = ["AccountGroup", "CompanySettings", "File", "JournalEntryLine", "Payment", "PostPost", "Project"]
    for entity in lacking:
        plant.sandbox.erp.deny(entity, 1)
    try:
        denied = plant.run(only="nord", full=True).outcomes[1]
    finally:
        for entity in lacking:
            plant.sandbox.erp.allow(entity, 1)
    assert denied.success
    tables = ["account_group", "company_settings", "file", "journal_entry_line", "payment", "post_post", "project"]
    assert sorted(note.split(":")[0] for note in denied.notes) == tables
    assert all("no_access" in note for note in denied.notes)
    assert _fetched_at(plant, "nord") < denied_from, "the figures are as old as the ledger"
    assert plant.run(only="nord").consistent
    assert plant.published() == before
    assert _fetched_at(plant, "nord") > denied_from


def test_the_warehouse_holds_one_file_for_each_company_and_the_crm(plant: Plant, first: MainJobResult) -> None:
    files = {path.name for path in (Path(plant.home) / "warehouse").glob("*.duckdb")}
    assert files == {"nord.duckdb", "sor.duckdb", f"crm.{plant.environment['SUPEROFFICE_TENANT'].lower()}.duckdb"}
