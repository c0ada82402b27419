"""The sync location: assets that say what they did, sensors that only poll, one run for a list."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import leave
from sounimicro_pipelines.orchestration.instance import PROCESS_TAG, process_tag
from sounimicro_pipelines.orchestration.leftovers import MESSAGE, end_left_runs
from sounimicro_pipelines.orchestration.sync_assets import RULE_ASSETS, rule_key
from sounimicro_pipelines.orchestration.sync_sensors import SENSORS
from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.faults import Fault
from sounimicro_pipelines.store import companies, links, runs, work
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync import golive_asked
from sounimicro_pipelines.sync_definitions import defs
from sounimicro_pipelines_tests.orchestration.conftest import ShiftingClock, installation_on

COUNTS = ("applied", "unchanged", "held", "conflicts", "failed")


def job(name: str) -> dg.JobDefinition:
    return defs.resolve_job_def(name)


def run(
    name: str, installation: Installation, instance: dg.DagsterInstance, config: dict[str, Any] | None = None
) -> dg.ExecuteInProcessResult:
    return job(name).execute_in_process(
        instance=instance,
        resources={"installation": installation},
        run_config=config,
        raise_on_error=False,
    )


def tick(rule: str, installation: Installation, instance: dg.DagsterInstance) -> dg.RunRequest | str:
    """What a sensor asks for: a run, or the reason why it asks for none."""
    sensor = next(one for one in SENSORS if one.name == rule)
    data = sensor.evaluate_tick(
        dg.build_sensor_context(instance=instance, definitions=defs, resources={"installation": installation})
    )
    if data.run_requests:
        (request,) = data.run_requests
        return request
    return data.skip_message or ""


def metadata(result: dg.ExecuteInProcessResult) -> list[dict[str, Any]]:
    events = result.get_asset_materialization_events()
    return [{name: one.value for name, one in event.materialization.metadata.items()} for event in events]


def settle(rule: str, installation: Installation, clock: ShiftingClock) -> None:
    """Work until the feeds have nothing more to tell; what is young is told twice."""
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(4):
            clock.skip(20)
            assert run(rule, installation, instance).success


def output(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What an op says of its work."""
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return {name: one.value for name, one in event.step_output_data.metadata.items()}


@pytest.fixture(scope="module")
def settled(sandbox: Sandbox, installation: Installation, clock: ShiftingClock) -> Installation:
    """Everything linked and in agreement."""
    settle("sync_all", installation, clock)
    return installation


def linked_customer(installation: Installation) -> tuple[int, int]:
    with installation.store.read() as tx:
        first = links.of_rule(tx, "customer")[0]
    return first.crm_id, first.erp_id


def test_the_location_offers_every_rule_and_job() -> None:
    dg.Definitions.validate_loadable(defs)
    assert {asset.key for asset in RULE_ASSETS} == {rule_key(rule) for rule in RULE_NAMES}
    names = {one.name for one in defs.resolve_all_job_defs()}
    assert {*(f"sync_{rule}" for rule in RULE_NAMES), "sync_all", "initial_load", "resync_record", "watch"} <= names
    assert {one.name for one in SENSORS} >= {*(f"sync_{rule}" for rule in RULE_NAMES), "keep_watching"}


def test_parents_come_before_their_children() -> None:
    parents = {asset.key: {dep.asset_key for spec in asset.specs for dep in spec.deps} for asset in RULE_ASSETS}
    assert parents[rule_key("person")] == {rule_key("customer"), rule_key("supplier")}
    assert parents[rule_key("project")] == {rule_key("customer")}
    assert not parents[rule_key("customer")]


def test_a_run_says_what_it_did_in_counts_that_add_up_and_names_nobody(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance, clock: ShiftingClock
) -> None:
    crm_id, erp_id = linked_customer(settled)
    sandbox.erp.edit(1, "Customer", erp_id, {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum"})
    clock.skip(5)
    result = run("sync_customer", settled, instance)
    (told,) = metadata(result)
    assert told["in"] == sum(told[name] for name in COUNTS)
    assert told["applied"] == 1
    rows = [record.data for record in told["changes"].records]
    assert {(row["crm"], row["side"], row["field"]) for row in rows} == {
        (f"crm:contact:{crm_id}", "crm", "Address.Postal.Address1")
    }
    assert sandbox.crm.read("contact", crm_id)["Address"]["Postal"]["Address1"] == "Postboks 123 Sentrum"
    everything = str(instance.all_logs(result.run_id))
    assert "Postboks" not in everything
    mark = sandbox.journal.mark()
    assert run("sync_all", settled, instance).success
    assert not sandbox.journal.writes(since=mark)


def test_the_first_reading_of_a_register_is_the_work_of_a_run_not_of_a_sensor(
    sandbox: Sandbox, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    installation = installation_on(sandbox, tmp_path)
    mark = sandbox.journal.request_count
    asked = tick("sync_project", installation, instance)
    assert isinstance(asked, dg.RunRequest)
    assert asked.run_key == "project:first:none"
    listed = [one for one in sandbox.journal.requests() if "Project" in one.path]
    assert sandbox.journal.request_count - mark < 12 or not listed
    leave(installation)


def test_a_company_that_has_not_gone_live_is_neither_read_nor_written(
    sandbox: Sandbox, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    installation = installation_on(sandbox, tmp_path, sounimicro_go_live="")
    mark = sandbox.journal.mark()
    assert "gone live" in str(tick("sync_customer", installation, instance))
    result = run("sync_customer", installation, instance)
    assert result.success
    assert metadata(result)[0]["in"] == 0
    assert not run("initial_load", installation, instance).success
    assert sandbox.journal.mark() == mark
    leave(installation)


def test_a_sensor_asks_for_one_run_for_the_whole_list_and_skips_while_it_is_in_flight(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance, clock: ShiftingClock
) -> None:
    settle("sync_customer", settled, clock)
    assert isinstance(tick("sync_customer", settled, instance), str)
    with settled.store.read() as tx:
        linked = links.of_rule(tx, "customer")
    for link in linked[:3]:
        sandbox.erp.edit(1, "Customer", link.erp_id, {"WebUrl": f"https://www.{link.erp_id}.no/ny"})
    clock.skip(5)
    mark = sandbox.journal.mark()
    asked = tick("sync_customer", settled, instance)
    assert isinstance(asked, dg.RunRequest)
    again = tick("sync_customer", settled, instance)
    assert isinstance(again, dg.RunRequest)
    assert again.run_key == asked.run_key
    assert not sandbox.journal.writes(since=mark)
    in_flight = instance.create_run_for_job(job("sync_customer"), status=DagsterRunStatus.STARTED)
    assert "in flight" in str(tick("sync_customer", settled, instance))
    instance.report_run_failed(in_flight)
    assert "failed" in str(tick("sync_customer", settled, instance))
    result = run("sync_customer", settled, instance)
    assert metadata(result)[0]["applied"] == 3
    assert len(sandbox.journal.writes("crm", since=mark)) == 3


def test_a_batch_that_a_run_has_left_behind_gets_a_key_of_its_own(
    settled: Installation, instance: dg.DagsterInstance
) -> None:
    crm_id, _ = linked_customer(settled)
    now = settled.clock.now().astimezone(UTC)
    with settled.store.transaction() as tx:
        work.poke(tx, [Poke("customer", "crm", "contact", crm_id, "person")], now)
    first = tick("sync_customer", settled, instance)
    assert isinstance(first, dg.RunRequest)
    ended = instance.create_run_for_job(job("sync_customer"), status=DagsterRunStatus.SUCCESS)
    second = tick("sync_customer", settled, instance)
    assert isinstance(second, dg.RunRequest)
    assert second.run_key != first.run_key
    assert ended.run_id[:8] in str(second.run_key)
    assert run("sync_customer", settled, instance).success


def test_a_run_that_went_down_with_the_machine_does_not_keep_its_rule_waiting(
    settled: Installation, instance: dg.DagsterInstance
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(60)
    _, birth, machine = process_tag()[PROCESS_TAG].split("@")
    crm_id, _ = linked_customer(settled)
    now = settled.clock.now().astimezone(UTC)
    lost = instance.create_run_for_job(
        job("sync_customer"), tags={PROCESS_TAG: f"{ended.pid}@{birth}@{machine}"}, status=DagsterRunStatus.STARTED
    )
    with settled.store.transaction() as tx:
        work.poke(tx, [Poke("customer", "crm", "contact", crm_id, "person")], now)
        runs.start(tx, lost.run_id, kind="sync", by="sync", now=now, rule="customer")
        runs.start(tx, "asked-for", kind="request", by="crm:7", now=now)
    assert "waits a minute" in str(tick("sync_customer", settled, instance))
    found = instance.get_run_by_id(lost.run_id)
    assert found is not None
    assert found.status == DagsterRunStatus.FAILURE
    end_left_runs(instance, settled)
    with settled.store.read() as tx:
        ended_too, still = runs.get(tx, lost.run_id), runs.get(tx, "asked-for")
    assert ended_too is not None
    assert still is not None
    assert (ended_too.state, ended_too.message) == ("failed", MESSAGE)
    assert still.state == "running"
    with settled.store.transaction() as tx:
        runs.finish(tx, "asked-for", now=now, counts={})
    assert run("sync_customer", settled, instance).success


def test_missing_settings_are_a_reason_to_skip_and_no_crash(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    from sounimicro_pipelines.settings import Settings

    installation = Installation(Settings(_env_file=None, sounimicro_home=tmp_path))
    assert "SUPEROFFICE_TENANT" in str(tick("sync_customer", installation, instance))
    leave(installation)


def test_one_record_is_looked_at_on_request(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance
) -> None:
    crm_id, erp_id = linked_customer(settled)
    sandbox.crm.edit("contact", crm_id, {"Address": {"Postal": {"Address2": "Inngang C"}}})
    config = {"ops": {"look_at_record": {"config": {"record": f"crm:contact:{crm_id}"}}}}
    result = run("resync_record", settled, instance, config)
    assert result.success
    assert output(result)["applied"] == 1, output(result)
    address = sandbox.erp.read(1, "Customer", erp_id, "Info.InvoiceAddress")["Info"]["InvoiceAddress"]
    assert address["AddressLine2"] == "Inngang C"
    wrong = {"ops": {"look_at_record": {"config": {"record": "crm:contakt:7"}}}}
    failed = run("resync_record", settled, instance, wrong)
    assert not failed.success
    (failure,) = [event for event in failed.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "Did you mean contact?" in str(failure.step_failure_data.user_failure_data or failure.step_failure_data)


def test_a_run_is_undone_by_its_own_id(sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance) -> None:
    crm_id, erp_id = linked_customer(settled)
    before = sandbox.erp.read(1, "Customer", erp_id, "Info.InvoiceAddress")["Info"]["InvoiceAddress"]["City"]
    sandbox.crm.edit("contact", crm_id, {"Address": {"Postal": {"City": "FEILBYEN"}}})
    config = {"ops": {"look_at_record": {"config": {"record": f"crm:contact:{crm_id}"}}}}
    wrong = run("resync_record", settled, instance, config)
    held = sandbox.erp.read(1, "Customer", erp_id, "Info.InvoiceAddress")["Info"]["InvoiceAddress"]
    assert held["City"] == "FEILBYEN"
    undone = run("undo_run", settled, instance, {"ops": {"put_back": {"config": {"run": wrong.run_id}}}})
    assert undone.success
    told = output(undone)
    assert told["fields_put_back"] == 1
    (row,) = [record.data for record in told["put_back"].records]
    assert (row["side"], row["field"]) == ("erp", "Address.Postal.City")
    held = sandbox.erp.read(1, "Customer", erp_id, "Info.InvoiceAddress")["Info"]["InvoiceAddress"]
    assert held["City"] == before
    nothing = run("undo_run", settled, instance, {"ops": {"put_back": {"config": {"run": "no-such-run"}}}})
    assert not nothing.success


def test_the_parts_of_a_run_of_several_rules_are_undone_together(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance, clock: ShiftingClock
) -> None:
    crm_id, erp_id = linked_customer(settled)
    sandbox.erp.edit(1, "Customer", erp_id, {"WebUrl": "https://www.feil.no"})
    clock.skip(5)
    wrong = run("sync_all", settled, instance)
    assert sandbox.crm.read("contact", crm_id)["Urls"][0]["Value"] == "https://www.feil.no"
    undone = run("undo_run", settled, instance, {"ops": {"put_back": {"config": {"run": wrong.run_id}}}})
    assert undone.success
    assert output(undone)["fields_put_back"] >= 1
    assert [one["Value"] for one in sandbox.crm.read("contact", crm_id)["Urls"]] != ["https://www.feil.no"]
    again = run("undo_run", settled, instance, {"ops": {"put_back": {"config": {"run": undone.run_id}}}})
    assert output(again)["fields_put_back"] == output(undone)["fields_put_back"]
    assert sandbox.crm.read("contact", crm_id)["Urls"][0]["Value"] == "https://www.feil.no"


def test_a_new_company_in_the_erp_is_loaded_with_its_register(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance
) -> None:
    made = sandbox.erp.add(1, "Customer", {"OrgNumber": "974760673", "Info": {"Name": "Riksrevisjonen Testkunde AS"}})
    result = run("initial_load", settled, instance, {"ops": {"load_registers": {"config": {"company": ""}}}})
    assert result.success, [event for event in result.all_events if event.is_failure]
    key = sandbox.erp.key(1)
    with settled.store.read() as tx:
        link = links.for_erp(tx, key, "Customer", made)
    assert link is not None
    assert sandbox.crm.read("contact", link.crm_id)["Name"] == "Riksrevisjonen Testkunde AS"


def watched(
    installation: Installation, instance: dg.DagsterInstance, clock: ShiftingClock, meanwhile: Callable[[], None]
) -> dg.ExecuteInProcessResult:
    """The watcher's run, while something happens; when that is over, so is the watcher's time."""

    def happens() -> None:
        try:
            meanwhile()
        finally:
            clock.skip(120)

    aside = threading.Thread(target=happens)
    aside.start()
    result = run(
        "watch", installation, instance, {"ops": {"watch_registers": {"config": {"minutes": 2, "every": 0.2}}}}
    )
    aside.join()
    return result


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_the_watcher_carries_a_change_over_while_it_runs(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance, clock: ShiftingClock
) -> None:
    crm_id, erp_id = linked_customer(settled)
    before = sandbox.journal.request_count

    def stands_in_the_crm() -> bool:
        return bool(sandbox.crm.read("contact", crm_id)["Address"]["Postal"]["Address3"] == "Bak porten")

    def edit() -> None:
        assert until(lambda: sandbox.journal.request_count > before, 30)
        sandbox.erp.edit(1, "Customer", erp_id, {"Info.InvoiceAddress.AddressLine3": "Bak porten"})
        until(stands_in_the_crm, 60)

    result = watched(settled, instance, clock, edit)
    assert result.success
    assert stands_in_the_crm()
    assert any(told["applied"] for told in metadata(result))


def test_a_feed_that_answers_slowly_keeps_no_change_from_the_watcher(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance, clock: ShiftingClock
) -> None:
    crm_id, erp_id = linked_customer(settled)
    sandbox.faults.slow_seconds = 8.0
    sandbox.faults.script(Fault("slow", system="erp", match=r"^GET /api/statistics", times=100))
    arrived: list[bool] = []

    def is_slow() -> bool:
        return any(one[1] == "slow" for one in sandbox.faults.played)

    def stands_in_the_erp() -> bool:
        address = sandbox.erp.read(1, "Customer", erp_id, "Info.InvoiceAddress")["Info"]["InvoiceAddress"]
        return bool(address["AddressLine2"] == "Oppgang D")

    def work_meanwhile() -> None:
        assert until(is_slow, 30)
        sandbox.crm.edit("contact", crm_id, {"Address": {"Postal": {"Address2": "Oppgang D"}}})
        with settled.store.transaction() as tx:
            work.poke(tx, [Poke("customer", "crm", "contact", crm_id, "webhook")], settled.clock.now())
        arrived.append(until(stands_in_the_erp, sandbox.faults.slow_seconds - 1))

    result = watched(settled, instance, clock, work_meanwhile)
    sandbox.faults.clear()
    assert result.success
    assert arrived == [True], "it waited for the feed"


def test_keep_watching_starts_the_watcher_again_and_the_others_leave_it_the_work(
    settled: Installation, instance: dg.DagsterInstance
) -> None:
    asked = tick("keep_watching", settled, instance)
    assert isinstance(asked, dg.RunRequest)
    running = instance.create_run_for_job(job("watch"), status=DagsterRunStatus.STARTED)
    assert "at work" in str(tick("keep_watching", settled, instance))
    assert "watcher" in str(tick("sync_customer", settled, instance))
    instance.report_run_failed(running)
    assert "minute" in str(tick("keep_watching", settled, instance))


def test_a_report_that_is_asked_for_is_one_run_and_a_failing_one_is_not_tried_at_every_tick(
    settled: Installation, instance: dg.DagsterInstance
) -> None:
    assert "Nobody waits" in str(tick("go_live_reports", settled, instance))
    now = settled.clock.now()
    with settled.store.transaction() as tx:
        (company,) = companies.all_companies(tx)
        golive_asked.ask(tx, company.company_key, now)
        golive_asked.ask(tx, company.company_key, now)
    asked = tick("go_live_reports", settled, instance)
    assert isinstance(asked, dg.RunRequest)
    assert asked.run_config == {"ops": {"write_go_live_report": {"config": {"company": company.alias}}}}
    started = instance.create_run_for_job(job("go_live_report"), status=DagsterRunStatus.STARTED)
    assert "being made" in str(tick("go_live_reports", settled, instance))
    instance.report_run_failed(started)
    assert "waits a minute" in str(tick("go_live_reports", settled, instance))
    with settled.store.transaction() as tx:
        tx.execute(tx.tables.work_items.delete().where(tx.tables.work_items.c.rule == golive_asked.KIND))


def test_the_watchdog_says_what_is_missing_and_repairs_what_it_may(
    sandbox: Sandbox, settled: Installation, instance: dg.DagsterInstance
) -> None:
    assert "PANELS_PUBLIC_URL" in str(tick("webhooks", settled, instance))
    addressed = settled.settings.model_copy(
        update={"panels_public_url": "http://127.0.0.1:9", "superoffice_webhook_secret": None}
    )
    installation = Installation(addressed, clock=settled.clock)
    said = str(tick("webhooks", installation, instance))
    assert "made or repaired" in said
    assert "SUPEROFFICE_WEBHOOK_SECRET" in said
    assert "as it should be" in str(tick("webhooks", installation, instance))
    (subscriber,) = sandbox.erp.rows(1, "EventSubscriber")
    assert subscriber["Endpoint"].startswith("http://127.0.0.1:9/hooks/unimicro/")
