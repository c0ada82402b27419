"""Both code locations: what they hold, when it runs, and that the light one stays light."""

from __future__ import annotations

import multiprocessing
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml
from dagster import DagsterEvent, DagsterEventType

from sounimicro_pipelines.orchestration import instance as orchestration_instance
from sounimicro_pipelines.orchestration.code_servers import LOCATIONS, CodeServers
from sounimicro_pipelines.orchestration.instance import (
    CLAIMED_TAG,
    OUR_MARK,
    PROCESS_TAG,
    claim,
    let_go_of_dead_runs,
    open_instance,
    process_tag,
    write_configuration,
)
from sounimicro_pipelines.orchestration.jobs import SCHEDULES
from sounimicro_pipelines.orchestration.partitions import COMPANY, keep_partitions
from sounimicro_pipelines_tests.main_job.plant import environment
from sounimicro_pipelines_tests.reports_project import ReadProject


@pytest.fixture(scope="module")
def etl(tmp_path_factory: pytest.TempPathFactory, reports_project: ReadProject) -> Iterator[dg.Definitions]:
    with environment({"SOUNIMICRO_HOME": str(tmp_path_factory.mktemp("home"))}):
        from sounimicro_pipelines.definitions import defs

        yield defs()


def test_every_job_of_the_etl_location_can_be_started(etl: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(etl)
    for name in ("figures", "reports_only", "crm_registers", "erp_registers", "compare_reports"):
        assert etl.resolve_job_def(name).description


def test_the_comparison_with_a_full_refresh_runs_each_night_and_in_no_other_job(etl: dg.Definitions) -> None:
    checking = {
        job
        for job in ("figures", "reports_only", "compare_reports")
        for key in etl.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys
        if key.name == "incremental_equals_full_refresh"
    }
    assert checking == {"compare_reports"}
    assert next(one.cron_schedule for one in SCHEDULES if one.job_name == "compare_reports") == "30 3 * * *"


def test_a_mart_is_shown_with_the_registers_that_it_is_made_from(etl: dg.Definitions) -> None:
    graph = etl.resolve_asset_graph()
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey(["reports", "open_item"])).parent_keys}
    assert "unimicro/journal_entry_line" in parents
    published = {key.to_user_string() for key in graph.get(dg.AssetKey(["store", "reports"])).parent_keys}
    assert {"reports/party", "reports/open_item", "reports/tie_out"} <= published


def test_every_register_and_the_publication_say_when_they_are_stale(etl: dg.Definitions) -> None:
    stale = [
        spec.key.to_user_string()
        for spec in etl.resolve_all_asset_specs()
        if spec.key.path[0] in {"unimicro", "superoffice", "store"} and spec.freshness_policy is None
    ]
    assert not stale


def test_figures_run_every_quarter_in_working_hours_and_hourly_otherwise() -> None:
    crons = {schedule.name: schedule.cron_schedule for schedule in SCHEDULES}
    assert crons["figures_working_hours"] == ["*/15 7-17 * * 1-5"]
    assert crons["figures_other_hours"] == ["0 18-23,0-6 * * 1-5", "0 * * * 0,6"]
    assert crons["figures_nightly"] == "30 2 * * *"
    assert crons["figures_new_day"] == "5 0 * * *"
    assert {schedule.execution_timezone for schedule in SCHEDULES} == {"Europe/Oslo"}


def test_a_schedule_asks_for_one_run_for_each_company_and_none_without_any(etl: dg.Definitions) -> None:
    nightly = next(schedule for schedule in SCHEDULES if schedule.name == "figures_nightly")
    at = datetime(2026, 11, 20, 2, 30, tzinfo=ZoneInfo("Europe/Oslo"))
    with dg.instance_for_test() as instance:
        empty = nightly.evaluate_tick(_tick(instance, at, etl))
        assert not empty.run_requests
        assert "No ERP company" in (empty.skip_message or "")
        keep_partitions(instance, ["nord", "sor"])
        asked = nightly.evaluate_tick(_tick(instance, at, etl)).run_requests or []
    assert [request.partition_key for request in asked] == ["nord", "sor"]
    assert len({request.run_key for request in asked}) == 2
    for request in asked:
        assert request.run_config["ops"]["unimicro_registers"]["config"]["listing"] == "full"
        assert request.tags["sounimicro/file"] == request.partition_key


def test_partitions_follow_the_companies_in_use() -> None:
    with dg.instance_for_test() as instance:
        assert keep_partitions(instance, ["nord", "sor"]) == (["nord", "sor"], [])
        assert keep_partitions(instance, ["sor", "vest"]) == (["vest"], ["nord"])
        assert sorted(instance.get_dynamic_partitions(COMPANY)) == ["sor", "vest"]


def test_the_sync_location_loads_without_dbt() -> None:
    program = (
        "import sys; from sounimicro_pipelines.sync_definitions import defs; defs.resolve_job_def('sync_customer');"
        "assert not [name for name in sys.modules if name.split('.')[0] in {'dbt', 'dagster_dbt'}]"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_run_whose_process_was_killed_is_let_go(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(60)
    own = process_tag()[PROCESS_TAG]
    dead = own.replace(str(os.getpid()), str(ended.pid), 1)

    @dg.job
    def idle() -> None: ...

    elsewhere = dead.replace(platform.node(), "another-machine")
    inherited = {PROCESS_TAG: dead, CLAIMED_TAG: "the run that this one is a retry of"}
    tags = {"alive": {PROCESS_TAG: own}, "dead": {PROCESS_TAG: dead}, "elsewhere": {PROCESS_TAG: elsewhere}}
    with open_instance(tmp_path) as instance:
        runs = {
            name: instance.create_run_for_job(idle, tags=one, status=dg.DagsterRunStatus.STARTED)
            for name, one in (tags | {"retry": inherited, "claimed": inherited}).items()
        }
        claim(instance, runs["claimed"])
        assert let_go_of_dead_runs(instance)
        found = {name: instance.get_run_by_id(run.run_id) for name, run in runs.items()}
    assert {name for name, run in found.items() if run and run.status == dg.DagsterRunStatus.FAILURE} == {"dead"}
    claimed = found["claimed"]
    assert claimed is not None
    assert claimed.tags[PROCESS_TAG] == own


def test_a_run_that_was_killed_before_it_could_claim_itself_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.job
    def idle() -> None: ...

    begun = DagsterEvent(event_type_value=DagsterEventType.PIPELINE_START.value, job_name="idle")
    inherited = {PROCESS_TAG: process_tag()[PROCESS_TAG], CLAIMED_TAG: "the run that this one is a retry of"}
    with open_instance(tmp_path) as instance:
        for tags in ({}, inherited):
            run = instance.create_run_for_job(idle, tags=tags, status=dg.DagsterRunStatus.STARTING)
            instance.report_dagster_event(begun, run_id=run.run_id)
            monkeypatch.undo()
            assert not let_go_of_dead_runs(instance)
            monkeypatch.setattr(orchestration_instance, "CLAIMED_WITHIN", timedelta(0))
            assert let_go_of_dead_runs(instance)
            ended = instance.get_run_by_id(run.run_id)
            assert ended is not None
            assert ended.status == dg.DagsterRunStatus.FAILURE


def test_a_configuration_of_a_persons_own_is_kept(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    path = tmp_path / "dagster.yaml"
    assert path.read_text(encoding="utf-8").startswith(OUR_MARK)
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["telemetry"] == {"enabled": False}
    path.write_text("telemetry: {enabled: true}\n", encoding="utf-8")
    write_configuration(tmp_path)
    assert path.read_text(encoding="utf-8") == "telemetry: {enabled: true}\n"


def test_two_processes_that_start_at_once_both_find_the_configuration_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def meanwhile(path: Path, text: str, encoding: str) -> int:
        """The other process begins and ends between our draft and our putting it in its place."""
        written = write_text(path, text, encoding=encoding)
        monkeypatch.undo()
        write_configuration(tmp_path)
        return written

    monkeypatch.setattr(Path, "write_text", meanwhile)
    write_configuration(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["dagster.yaml"]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_processes_that_start_at_once_make_dagsters_databases_one_after_the_other(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("fork")
    start = processes.Barrier(4)

    def open_it() -> None:
        start.wait(60)
        open_instance(tmp_path / "home" / "dagster").dispose()

    starting = [processes.Process(target=open_it) for _ in range(4)]
    for one in starting:
        one.start()
    for one in starting:
        one.join(60)
    assert [one.exitcode for one in starting] == [0] * 4


def _tick(instance: dg.DagsterInstance, at: datetime, etl: dg.Definitions) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=etl.get_repository_def()
    )


def test_the_served_locations_are_those_of_the_workspace_file() -> None:
    listed = yaml.safe_load((Path(__file__).parents[2] / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    modules = [one["python_module"] for one in listed]
    assert {one["location_name"]: one["module_name"] for one in modules} == dict(LOCATIONS)
    servers = CodeServers()
    served = [one["grpc_server"] for one in yaml.safe_load(servers.workspace.read_text(encoding="utf-8"))["load_from"]]
    assert [one["location_name"] for one in served] == list(LOCATIONS)
    assert servers.workspace.parent.stat().st_mode & 0o077 == 0  # whoever may ask a code server may run code in it
    assert not any(one.answers() for one in servers.servers)
    servers.close()
    assert not servers.workspace.exists()
