"""The product as it is served: a daemon that ticks, runs as processes, webhooks that arrive. Takes minutes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.faults import Fault
from sounimicro_pipelines.sandbox.journal import Write
from sounimicro_pipelines.store import intents, issues, links, runs, web, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import WorkItem
from sounimicro_pipelines_tests.house import House, served

pytestmark = pytest.mark.nightly
ADDRESS = "Info.InvoiceAddress.AddressLine1"
SENTRUM = "Postboks 123 Sentrum"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home: Path = tmp_path_factory.mktemp("house")
    with Sandbox(seed=4, parties=6, companies=1) as sandbox, served(sandbox, home) as house:
        house.settle(900)
        yield house


def first(house: House, rule: str) -> Link:
    with house.installation.store.read() as tx:
        return links.of_rule(tx, rule)[0]


def link_of(house: House, customer: int) -> Link | None:
    company = next(str(one.key) for one in house.sandbox.register.companies if one.index == 1)
    with house.installation.store.read() as tx:
        return links.for_erp(tx, company, "Customer", customer)


def waiting(house: House) -> list[WorkItem]:
    """What is on the work list, due or not."""
    with house.installation.store.read() as tx:
        return work.listing(tx)


def postal(house: House, link: Link) -> str:
    return str(house.sandbox.crm.read("contact", link.crm_id)["Address"]["Postal"]["Address1"])


def test_changes_travel_both_ways_by_webhooks_and_sensors_and_then_nothing_is_written(house: House) -> None:
    customer, project = first(house, "customer"), first(house, "project")
    with house.installation.store.read() as tx:
        tenant = house.installation.settings.require_superoffice().tenant
        assert web.webhook(tx, vendor="superoffice", scope=tenant, name="sounimicro") is not None
    house.sandbox.erp.edit(1, "Customer", customer.erp_id, {ADDRESS: SENTRUM})
    house.wait("the address", lambda: postal(house, customer) == SENTRUM, 120)
    house.sandbox.crm.edit("project", project.crm_id, {"Description": "Fremdrift"})
    wanted = "Fremdrift"
    read = house.sandbox.erp.read
    house.wait("the project", lambda: read(1, "Project", project.erp_id).get("Description") == wanted, 120)
    house.settle()
    mark = house.sandbox.journal.mark()
    house.settle(quiet=30)
    assert house.sandbox.journal.writes(since=mark) == []


def test_the_jobs_can_be_started_from_the_screens(house: House) -> None:
    record = {"ops": {"look_at_record": {"config": {"record": f"crm:contact:{first(house, 'customer').crm_id}"}}}}
    for job, config in (("initial_load", {}), ("resync_record", record), ("reconcile", {}), ("go_live_report", {})):
        run = house.launch(job, config)
        house.wait(job, lambda run=run: house.status(run) in ("SUCCESS", "FAILURE"), 240)  # type: ignore[misc]
        assert house.status(run) == "SUCCESS", job


@pytest.mark.skipif(sys.platform != "linux", reason="the code server is found in /proc")
def test_a_run_that_is_killed_with_its_code_server_loses_and_doubles_nothing(house: House) -> None:
    sandbox, journal = house.sandbox, house.sandbox.journal
    mark = journal.mark()
    sandbox.faults.script(Fault("hang_after", system="crm", match=r"^POST .*/Contact(\?|$)"))
    customer = sandbox.erp.add(1, "Customer", {"OrgNumber": "971032081", "Info": {"Name": "Skipsverftet Utsira AS"}})

    def created() -> list[Write]:
        return [one for one in journal.writes("crm", since=mark) if (one.action, one.entity) == ("create", "contact")]

    house.wait("the company", lambda: bool(created()), 120, every=0.05)
    killed = house.kill_with_its_code_server("sync_customer")
    linked = house.wait("the link", lambda: link_of(house, customer) is not None, 900, every=2.0)
    assert linked > 1
    house.wait("an empty list", lambda: not waiting(house), 300, every=2.0)
    house.settle(300)
    (company,) = created()
    link = link_of(house, customer)
    assert link is not None
    assert link.crm_id == company.id
    number = str(sandbox.erp.read(1, "Customer", customer)["CustomerNumber"])
    assert sandbox.crm.read("contact", company.id)["Number2"] == number
    assert house.status(killed) == "FAILURE"
    with house.installation.store.read() as tx:
        assert intents.living(tx) == []
        assert issues.listing(tx) == []
        assert [one for one in runs.listing(tx) if one.state == "running"] == []
    mark = journal.mark()
    house.settle(quiet=30)
    assert journal.writes(since=mark) == []


def test_the_watcher_takes_over_and_the_sensors_leave_it_the_work(house: House) -> None:
    customer = first(house, "customer")
    house.turn_on("keep_watching")
    house.wait("the watcher", lambda: "STARTED" in [one.dagster_run.status.value for one in house.runs("watch")], 120)
    house.settle()
    before = len(house.runs("sync_customer"))
    house.sandbox.erp.edit(1, "Customer", customer.erp_id, {ADDRESS: "Postboks 321"})
    house.wait("the address", lambda: postal(house, customer) == "Postboks 321", 60)
    assert len(house.runs("sync_customer")) == before
