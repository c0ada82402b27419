"""What people did outside any run is told to Dagster, without anybody waiting for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import uvicorn

from sounimicro_pipelines.orchestration.instance import open_instance
from sounimicro_pipelines.orchestration.runless import RunlessEvents
from sounimicro_pipelines.orchestration.sync_assets import rule_key
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.requests import Outcome

OUTCOME = Outcome(
    action="link",
    run_id="request-1",
    rule="customer",
    company_key="9B08",
    record=CrmAddress("contact", 1041),
    erp_entity="Customer",
    erp_id=79,
    fields=(("crm", "Number2"),),
    counts={"in": 1, "applied": 1},
)


def test_a_request_becomes_an_event_of_its_rules_asset(tmp_path: Path) -> None:
    events = RunlessEvents(tmp_path / "dagster")
    events(OUTCOME)
    events.close()
    with open_instance(tmp_path / "dagster") as instance:
        told = instance.get_latest_materialization_event(rule_key("customer"))
        assert told is not None
        assert told.run_id == ""
        materialization = told.asset_materialization
        assert isinstance(materialization, dg.AssetMaterialization)
        values = {name: one.value for name, one in materialization.metadata.items()}
    assert values["record"] == "crm:contact:1041"
    assert values["erp"] == "Customer:79"
    assert values["fields"] == ["crm Number2"]
    assert values["count_applied"] == 1


def test_what_is_done_in_the_panels_is_told_by_their_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sounimicro_pipelines.panels import __main__ as door

    def press_erp(app: Any, **_: Any) -> None:
        app.state.panels.engine.tell(OUTCOME)

    monkeypatch.setattr(uvicorn, "run", press_erp)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOUNIMICRO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SOUNIMICRO_DATABASE_URL", raising=False)
    assert door.main() == 0
    with open_instance(tmp_path / "home" / "dagster") as instance:
        assert instance.get_latest_materialization_event(rule_key("customer")) is not None


def test_a_dagster_that_cannot_be_opened_stops_nobody(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    events = RunlessEvents(blocked / "dagster")
    events(OUTCOME)
    events.close()
