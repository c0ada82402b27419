"""A company built once with nothing in it; tests copy its file and build what they add without starting dbt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sounimicro_pipelines_tests.reports_project import ReadProject

NewCompany = Callable[[str], Path]


@pytest.fixture(scope="session")
def dbt_target(reports_project: ReadProject) -> Path:
    """The folder of the manifest."""
    return reports_project.target


@pytest.fixture(scope="session")
def new_company(tmp_path_factory: pytest.TempPathFactory, reports_project: ReadProject) -> NewCompany:
    """A function that answers the warehouse file of a new company, called alpha, with built but empty reports."""

    def copy(name: str) -> Path:
        path = tmp_path_factory.mktemp(name) / "alpha.duckdb"
        shutil.copy(reports_project.empty, path)
        return path

    return copy
