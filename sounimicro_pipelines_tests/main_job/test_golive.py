"""Before the first write to a company: the report that the main job writes, and what a person does with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from sounimicro_pipelines.cli import main
from sounimicro_pipelines.store import links, runs
from sounimicro_pipelines_tests.main_job.conftest import Small
from sounimicro_pipelines_tests.main_job.plant import Plant, environment


@pytest.fixture(scope="module")
def plant(small: Small) -> Iterator[Plant]:
    """A copy of the finished installation, of which no company has gone live."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL + 1)
    plant = small.plant()
    with environment(plant.environment):
        yield plant


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_a_report_is_written_instead_of_a_sync_and_the_sync_writes_once_it_is_accepted(
    small: Small, plant: Plant
) -> None:
    alias = plant.alias(1)
    early = call("sync", "--go-live", "--company", alias)
    assert early.exit_code == 2
    assert f"no go-live report yet for: {alias}" in early.output
    mark = small.sandbox.journal.mark()
    first = call("run")
    assert first.exit_code == 0, first.output
    assert f"Go-live report of {alias}" in first.output
    assert f"the sync wrote nothing for: {alias}" in first.output
    assert "sounimicro sync --go-live" in first.output
    assert "ABB Installasjon AS (CRM 1001) = ABB Installasjon AS (ERP" in first.output
    for rule in ("customer", "supplier", "person", "project"):
        assert f"  {rule}: " in first.output
    assert small.sandbox.journal.writes(since=mark) == []
    store = plant.installation.store
    with store.read() as tx:
        kept = runs.go_live_report(tx, plant.installation.settings.require_superoffice().tenant, _key(small))
        assert not links.of_rule(tx, "customer")
    assert kept is not None
    matched = kept.counts["customer.matched"]
    assert f"{matched:,} match and will be linked" in first.output
    accepted = call("sync", "--go-live", "--company", alias)
    assert accepted.exit_code == 0, accepted.output
    assert "Accepted: from now on the sync writes" in accepted.output
    assert small.sandbox.journal.writes(since=mark) == []
    assert "has gone live already" in call("sync", "--go-live").output
    synced = call("sync", "--rule", "customer")
    assert "records looked at" in synced.output
    with store.read() as tx:
        assert len(links.of_rule(tx, "customer")) >= matched
    store.close()


def test_going_live_is_for_whole_companies_that_are_in_use(plant: Plant) -> None:
    assert call("sync", "--go-live", "--rule", "customer").exit_code == 2
    unknown = call("sync", "--go-live", "--company", "ingen")
    assert unknown.exit_code == 2
    assert "Companies in use: nord" in unknown.output


def _key(small: Small) -> str:
    return str(next(one.key for one in small.sandbox.register.companies if one.index == 1))
