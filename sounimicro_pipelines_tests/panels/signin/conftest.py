"""One signed world for a module; whoever moves its clock or its CRM puts that right again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sounimicro_pipelines_tests.panels.signed_world import SignedWorld, signed_world


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedWorld]:
    with signed_world(tmp_path_factory.mktemp("signed")) as made:
        yield made
