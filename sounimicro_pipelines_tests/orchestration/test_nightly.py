"""The go-live report and the nightly comparison as Dagster starts them, from the screens and by the schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import leave
from sounimicro_pipelines.orchestration.reconciling import OP, reconcile_nightly
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.store import links, runs, work
from sounimicro_pipelines.superoffice.bulk import SuperOfficeBulkReader
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.warehouse import extract
from sounimicro_pipelines_tests.orchestration.conftest import ShiftingClock, installation_on
from sounimicro_pipelines_tests.orchestration.test_sync_location import output, run, settle

ERP = ("BusinessRelation", "Customer", "Supplier", "Contact", "Project")
CRM = ("list_item", "contact", "person", "project")


def list_registers(installation: Installation) -> None:
    """Every register in full into the warehouse."""

    async def main() -> None:
        async with installation.superoffice() as crm, installation.unimicro() as erp:
            used, _ = await installation.companies(erp)
            readers: list[tuple[Any, Path, tuple[str, ...]]] = [
                (SuperOfficeBulkReader(crm), installation.crm_file, CRM),
                *((UnimicroBulkReader(erp.company(one)), installation.erp_file(one.alias), ERP) for one in used),
            ]
            for reader, path, names in readers:
                specs = [one for one in reader.specs if one.entity in names]
                landing = installation.settings.landing_dir / path.stem
                found = await extract(reader, path, landing, specs, mode="full", clock=installation.clock)
                assert {one.state for one in found} == {"ok"}

    asyncio.run(main())


@pytest.fixture(scope="module")
def live(sandbox: Sandbox, installation: Installation, clock: ShiftingClock) -> Installation:
    settle("sync_all", installation, clock)
    list_registers(installation)
    return installation


@pytest.fixture
def waiting(sandbox: Sandbox, tmp_path: Path) -> Iterator[Installation]:
    opened = installation_on(sandbox, tmp_path, sounimicro_go_live="")
    yield opened
    leave(opened)
    opened.store.close()


def test_a_go_live_report_is_written_from_the_screens_and_names_nobody_in_dagster(
    sandbox: Sandbox, waiting: Installation, instance: dg.DagsterInstance
) -> None:
    unread = run("go_live_report", waiting, instance)
    assert not unread.success
    (failure,) = [event for event in unread.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "have not been read yet" in str(failure.step_failure_data.user_failure_data)
    list_registers(waiting)
    mark = sandbox.journal.mark()
    result = run("go_live_report", waiting, instance)
    assert result.success
    told = output(result)
    rows = {record.data["rule"]: record.data for record in told["report"].records}
    assert set(rows) == {"customer", "supplier", "person", "project"}
    with waiting.store.read() as tx:
        kept = runs.go_live_report(tx, waiting.settings.require_superoffice().tenant, sandbox.erp.key(1))
    assert kept is not None
    assert rows["customer"]["matched"] == str(kept.counts["customer.matched"])
    assert "sounimicro sync --go-live" in told["accept"]
    assert "ABB Installasjon" in str(kept.body)
    assert "ABB Installasjon" not in str(instance.all_logs(result.run_id))
    assert sandbox.journal.writes(since=mark) == []
    wrong = run("go_live_report", waiting, instance, {"ops": {"write_go_live_report": {"config": {"company": "x"}}}})
    assert not wrong.success


def test_what_the_feeds_have_missed_is_work_after_the_nightly_comparison(
    sandbox: Sandbox, live: Installation, instance: dg.DagsterInstance, clock: ShiftingClock
) -> None:
    assert run("reconcile", live, instance).success
    settle("sync_all", live, clock)
    with live.store.read() as tx:
        link = links.of_rule(tx, "customer")[0]
    sandbox.erp.edit(1, "Customer", link.erp_id, {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum"})
    clock.skip(60)
    list_registers(live)
    mark = sandbox.journal.mark()
    result = run("reconcile", live, instance, {"ops": {OP: {"config": {"side": "erp"}}}})
    assert result.success
    told = output(result)
    rows = {record.data["register"]: record.data for record in told["registers"].records}
    assert {row["side"] for row in rows.values()} == {"erp"}
    assert (rows["Customer"]["looked_at"], rows["Customer"]["different"]) == ("1", "1")
    assert told["different"] == 1
    assert sandbox.journal.writes(since=mark) == []
    with live.store.read() as tx:
        (item,) = [one for one in work.listing(tx) if one.origin == "nightly" and one.state == "ready"]
    assert (item.entity, item.record_id) == ("Customer", link.erp_id)
    config = {"ops": {"sync__customer": {"config": {"read_feeds": False}}}}
    assert run("sync_customer", live, instance, config).success
    held = sandbox.crm.read("contact", link.crm_id)
    assert held["Address"]["Postal"]["Address1"] == "Postboks 123 Sentrum"


def test_the_schedule_asks_for_one_run_for_each_file_once_a_company_has_gone_live(
    live: Installation, waiting: Installation, instance: dg.DagsterInstance
) -> None:
    def tick(installation: Installation) -> Any:
        return reconcile_nightly.evaluate_tick(
            dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=datetime(2026, 11, 28, 4, 30, tzinfo=ZoneInfo("Europe/Oslo")),
                resources={"installation": installation},
            )
        )

    asked = tick(live).run_requests
    assert asked[0].tags["sounimicro/file"] == "crm"
    assert len({one.run_key for one in asked}) == len(asked) == 2
    configs = [one.run_config["ops"][OP]["config"] for one in asked]
    assert [(one["side"], one["company"] != "") for one in configs] == [("crm", False), ("erp", True)]
    for one in asked:
        assert run("reconcile", live, instance, one.run_config).success
    asyncio.run(_know_companies(waiting))
    assert "gone live" in tick(waiting).skip_message


async def _know_companies(installation: Installation) -> None:
    async with installation.unimicro() as erp:
        await installation.companies(erp)
