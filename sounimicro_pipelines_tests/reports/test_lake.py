"""The same models in a DuckLake with a Postgres catalogue: the same figures as in a file, whole and by parts."""

from __future__ import annotations

import importlib.util
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from sounimicro_pipelines.store import Store, reports
from sounimicro_pipelines.warehouse.publish import TieOut, meta_from_manifest, publish
from sounimicro_pipelines.warehouse.reports import build_reports, prepare_manifest
from sounimicro_pipelines.warehouse.reports.lake import (
    EXTENSIONS,
    Lake,
    LakeUnusable,
    build_in_lake,
    install_extensions,
    lake_connection,
)
from sounimicro_pipelines_tests import machines
from sounimicro_pipelines_tests.reports.changes import change
from sounimicro_pipelines_tests.reports.compare import marts
from sounimicro_pipelines_tests.reports.conftest import NewCompany
from sounimicro_pipelines_tests.reports.ledgers import Company, add_parties
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

START = datetime(2026, 1, 2, tzinfo=UTC)
AS_OF = date(2026, 3, 30)


@pytest.fixture
def lake(tmp_path: Path, postgres_url: str) -> Lake:
    for name in EXTENSIONS:
        if importlib.util.find_spec(f"duckdb_extension_{name}") is None:
            machines.missing("lake", "install the extra lake")
    return Lake("alpha", postgres_url, str(tmp_path / "lake"), tmp_path / "extensions")


@pytest.mark.nightly
@pytest.mark.postgres
def test_a_lake_holds_and_publishes_the_figures_of_the_file(
    lake: Lake, new_company: NewCompany, dbt_target: Path, sqlite_store: Store
) -> None:
    random = Random(5)
    company = Company(random)
    parties = add_parties(company, [random.randrange(2**32) for _ in range(8)])
    path = new_company("lake")
    for step in range(2):
        if step:
            change(company, parties, random, 3)
        write_raw(path, company.take_changes(), fetched_at=START + timedelta(minutes=step))
        build_reports(path, company="alpha", as_of=AS_OF + timedelta(days=step), target=dbt_target)
        run = build_in_lake(path, lake, as_of=AS_OF + timedelta(days=step), target=dbt_target)
        assert run.is_full == (step == 0)
        assert run.carried
        assert all(check.ok for check in run.checks)
        assert _of_lake(lake) == {name: _sorted(rows) for name, (_, rows) in marts(path).items()}
    again = build_in_lake(path, lake, as_of=AS_OF + timedelta(days=1), target=dbt_target)
    assert again.carried == ()

    metas = meta_from_manifest(json.loads(prepare_manifest(dbt_target).manifest_path.read_text()))
    publish(
        lake_connection(lake), sqlite_store, company="alpha", as_of=AS_OF, fetched_at=START, run_id="r1",
        tie_out=TieOut(True), publish_meta=metas,
    )  # fmt: skip
    with sqlite_store.read() as tx:
        published = {name: entry.rows for name, entry in reports.published(tx, "alpha").items()}
    assert published == {name: len(rows) for name, rows in _of_lake(lake).items()}


@pytest.mark.postgres
def test_a_catalogue_that_is_not_there_is_told_without_its_address(tmp_path: Path, lake: Lake) -> None:
    nowhere = Lake("alpha", "host=127.0.0.1 port=1 password=hemmelig dbname=x", str(tmp_path), lake.extensions)
    install_extensions(nowhere)
    with pytest.raises(LakeUnusable) as told, lake_connection(nowhere):
        pass
    assert "hemmelig" not in str(told.value)


def _of_lake(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    with lake_connection(lake) as connection:
        names = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'lake' and schema_name = 'reports'"
        ).fetchall()
        return {
            name: _sorted(connection.execute(f'select * from reports."{name}"').fetchall()) for (name,) in sorted(names)
        }


def _sorted(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return sorted(rows, key=repr)
