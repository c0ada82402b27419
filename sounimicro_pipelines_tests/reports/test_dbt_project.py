"""The dbt project as its users expect it: unit tests beside the models, documented columns, docs that can be made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

from sounimicro_pipelines.warehouse.reports import PreparedProject, prepare_manifest
from sounimicro_pipelines.warehouse.reports.project import bind, common_flags, dbt_on
from sounimicro_pipelines_tests.reports.compare import marts
from sounimicro_pipelines_tests.reports.conftest import NewCompany

PUBLISHED = {
    "accounting_period",
    "budget_actual", "document_file", "invoice", "invoice_line", "matching", "open_item", "order_product",
    "order_requisition", "party", "project", "project_line", "sales_document", "sales_line", "statement_line",
    "tie_out",
    "turnover_month", "turnover_product", "turnover_seller", "voucher_line",
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(dbt_target: Path) -> PreparedProject:
    return prepare_manifest(dbt_target)


def _dbt(prepared: PreparedProject, path: Path, *arguments: str) -> Any:
    bind(prepared.manifest, path.stem)
    with dbt_on(path):
        return dbtRunner(manifest=prepared.manifest).invoke([*arguments, *common_flags(prepared, path.parent)])


def test_the_unit_tests_beside_the_models_pass(new_company: NewCompany, prepared: PreparedProject) -> None:
    outcome = _dbt(prepared, new_company("units"), "test", "--select", "test_type:unit", "--no-write-json")
    assert outcome.exception is None
    told = {
        result.node.name: (str(result.status), result.message)
        for result in outcome.result.results
        if result.node.resource_type == "unit_test"
    }
    assert len(told) >= 15
    assert {name: said for name, said in told.items() if said[0] != "pass"} == {}


def test_every_mart_says_how_it_is_published_and_documents_every_column(
    new_company: NewCompany, prepared: PreparedProject
) -> None:
    tables = marts(new_company("documented"))
    models = {node.name: node for node in prepared.manifest.nodes.values() if node.resource_type == "model"}
    assert set(tables) == PUBLISHED
    for name, (columns, _) in tables.items():
        publish = models[name].config.meta["publish"]
        assert set(publish["key"]) <= set(columns), name
        assert {column for index in publish["index"] for column in index} <= set(columns), name
        assert models[name].description, name
        undocumented = [column for column in columns if not _documented(models[name], column)]
        assert undocumented == [], name


def test_marts_hold_money_as_decimals_and_ids_as_whole_numbers(new_company: NewCompany) -> None:
    import duckdb

    with duckdb.connect(str(new_company("typed"))) as connection:
        rows = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'reports'"
        ).fetchall()
    kinds = {(table, column): kind for table, column, kind in rows}
    assert not [place for place, kind in kinds.items() if kind in {"DOUBLE", "FLOAT", "HUGEINT"}]
    wrong = {
        place: kind
        for place, kind in kinds.items()
        if (place[1].endswith("_id") and kind != "BIGINT")
        or ("amount" in place[1] and kind != "DECIMAL(19,2)")
        or ("quantity" in place[1] and kind != "DECIMAL(19,6)")
        or (place[1].endswith("number") and kind != "VARCHAR")
        or (place[1].endswith("_date") and kind != "DATE")
    }
    assert wrong == {}


def test_docs_can_be_generated(new_company: NewCompany, prepared: PreparedProject) -> None:
    outcome = _dbt(prepared, new_company("docs"), "docs", "generate", "--no-compile")
    assert outcome.success, outcome.exception
    catalog = json.loads((prepared.target / "catalog.json").read_text())
    assert "model.sounimicro_reports.open_item" in catalog["nodes"]


def _documented(node: Any, column: str) -> bool:
    return column in node.columns and len(node.columns[column].description) > 3
