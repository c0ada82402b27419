"""A company built once with nothing in it; tests copy its file and build what they add without starting dbt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from sounimicro_pipelines.warehouse.reports import build_reports
from sounimicro_pipelines_tests.reports.raw_tables import write_raw

NewCompany = Callable[[str], Path]


@pytest.fixture(scope="session")
def dbt_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the manifest, read once for the session."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="session")
def new_company(tmp_path_factory: pytest.TempPathFactory, dbt_target: Path) -> NewCompany:
    """A function that answers the warehouse file of a new company, called alpha, with built but empty reports."""
    template = tmp_path_factory.mktemp("template") / "alpha.duckdb"
    write_raw(template, {})
    build_reports(template, company="alpha", as_of=date(2026, 1, 1), target=dbt_target)

    def copy(name: str) -> Path:
        path = tmp_path_factory.mktemp(name) / "alpha.duckdb"
        shutil.copy(template, path)
        return path

    return copy
