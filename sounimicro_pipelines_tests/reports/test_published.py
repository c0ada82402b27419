"""After builds by parts, what is published is what a first publish of the same reports would have written."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sounimicro_pipelines.store import Store, reports
from sounimicro_pipelines.warehouse.publish import TieOut, meta_from_manifest, publish
from sounimicro_pipelines.warehouse.reports import build_reports, prepare_manifest
from sounimicro_pipelines_tests.reports.changes import change
from sounimicro_pipelines_tests.reports.conftest import NewCompany
from sounimicro_pipelines_tests.reports.ledgers import Company, add_parties
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

START = datetime(2026, 1, 2, tzinfo=UTC)


def test_what_builds_by_parts_leave_is_published_row_by_row(
    new_company: NewCompany, dbt_target: Path, sqlite_store: Store
) -> None:
    random = Random(12)
    company = Company(random)
    parties = add_parties(company, [random.randrange(2**32) for _ in range(25)])
    path, as_of = new_company("published"), date(2026, 3, 1)
    metas = meta_from_manifest(json.loads(prepare_manifest(dbt_target).manifest_path.read_text()))

    def published_as(alias: str) -> None:
        publish(
            path, sqlite_store, company=alias, as_of=as_of, fetched_at=START, run_id="r", tie_out=TieOut(True),
            publish_meta=metas,
        )  # fmt: skip

    for place in range(5):
        if place:
            change(company, parties, random, 4)
        write_raw(path, company.take_changes(), fetched_at=START + timedelta(minutes=place))
        for _ in range(1 + place % 2):  # now and then one build is left for the next publish
            build_reports(path, company="alpha", as_of=as_of + timedelta(days=place), target=dbt_target)
        published_as("alpha")
        with sqlite_store.transaction() as tx:
            reports.forget_company(tx, "fresh")
        published_as("fresh")
        for name in metas:
            assert _rows(sqlite_store, name, "alpha") == _rows(sqlite_store, name, "fresh"), (place, name)


def _rows(store: Store, name: str, alias: str) -> list[str]:
    with store.read() as tx:
        rows: list[dict[str, Any]] = reports.read_rows(tx, name, {"company": alias})
    return sorted(str({**row, "company": ""}) for row in rows)
