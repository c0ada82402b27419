"""The main job against installations that are unlike the sandbox and within what the vendor documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.unimicro.options import ErpOptions
from sounimicro_pipelines.unimicro.entities import ESSENTIAL, SPECS
from sounimicro_pipelines_tests.main_job.odd_erp import OddErp, Rows, comparable
from sounimicro_pipelines_tests.main_job.plant import Plant
from sounimicro_pipelines_tests.reports_project import ReadProject

AMOUNTS = {
    "party_id",
    "role",
    "balance",
    "open_amount",
    "overdue_amount",
    "remaining_amount",
    "due_date",
    "gross_amount",
}


@pytest.fixture(scope="module")
def sandbox(reports_project: ReadProject) -> Iterator[Sandbox]:
    with Sandbox(seed=23, parties=6, companies=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def plain(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    plant = Plant(sandbox, tmp_path_factory.mktemp("plain"))
    assert plant.run().consistent
    return plant.published()


@contextmanager
def behaving(options: ErpOptions, **changes: Any) -> Iterator[None]:
    """The sandbox's ERP with other options, its lists with others yet."""
    usual = {item.name: getattr(options, item.name) for item in fields(options)}
    for name, value in changes.items():
        setattr(options, name, value)
    try:
        yield
    finally:
        for name, value in usual.items():
            setattr(options, name, value)


def test_other_ids_spellings_and_fields_lead_to_the_same_figures(sandbox: Sandbox, plain: Rows, tmp_path: Path) -> None:
    """Ids beyond 32 bits, days as stamps, numbers as text, nulls, unknown fields, small pages, wrapped statistics."""
    changed = behaving(
        sandbox.erp.options,
        wrap_always=True,
        company_spelling="CompanyKey",
        links_unasked=True,
        metadata=False,
        audit=False,
        unknown_path_status=401,
        query=replace(sandbox.erp.options.query, max_page=70, date_style="stamp"),
    )
    with changed, OddErp(sandbox.environment["UNIMICRO_API_URL"]) as odd:
        plant = Plant(sandbox, tmp_path)
        plant.environment |= {"UNIMICRO_API_URL": odd.url}
        result = plant.run()
    assert [one.reason for one in result.outcomes] == ["", ""]
    assert result.consistent
    found, wanted = comparable(plant.published()), comparable(plain)
    assert found.keys() == wanted.keys()
    for table, rows in wanted.items():
        assert found[table] == rows, table


def test_an_installation_with_nothing_but_the_essential_shows_the_open_items(
    sandbox: Sandbox, plain: Rows, tmp_path: Path
) -> None:
    """A route that is missing and one that is refused: that feed says so, and the rest goes on."""
    others = [spec for spec in SPECS if spec.entity not in ESSENTIAL]
    absent = {spec.route: (404, 403, 401, 400)[place % 4] for place, spec in enumerate(others)} | {"statistics": 404}
    with OddErp(sandbox.environment["UNIMICRO_API_URL"], odd_values=False, absent=absent) as odd:
        plant = Plant(sandbox, tmp_path)
        plant.environment |= {"UNIMICRO_API_URL": odd.url}
        result = plant.run()
    assert [one.reason for one in result.outcomes] == ["", ""]
    with duckdb.connect(str(tmp_path / "warehouse" / "nord.duckdb"), read_only=True) as connection:
        states = dict(connection.execute("SELECT entity, state FROM raw._feed").fetchall())
    assert {states[entity] for entity in ESSENTIAL} == {"ok"}
    told = {spec.entity: "no_access" if absent[spec.route] == 403 else "unavailable" for spec in others}
    assert {entity: state for entity, state in states.items() if entity not in ESSENTIAL} == told
    found, wanted = comparable(plant.published(), AMOUNTS.__contains__), comparable(plain, AMOUNTS.__contains__)
    for table in ("open_item", "party", "invoice"):
        assert found[table] == wanted[table], table
