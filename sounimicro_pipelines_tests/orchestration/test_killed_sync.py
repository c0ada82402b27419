"""`kill -9` of a sync run: whatever it was about to do or had just done, the next runs end as if nothing had been."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import pytest
from dagster import DagsterRunStatus, RunsFilter

from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.orchestration.engine_room import engine_room, leave
from sounimicro_pipelines.orchestration.sync_commands import run_rules
from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.rules.versions import default_document, save_rule
from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.sandbox.faults import Fault, FaultPlan
from sounimicro_pipelines.sandbox.journal import System, Write
from sounimicro_pipelines.store import intents, issues, links, runs, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.opening import Connection, plain_registries
from sounimicro_pipelines.sync.plan import Plan, plan
from sounimicro_pipelines_tests import forked
from sounimicro_pipelines_tests.orchestration import killed_run
from sounimicro_pipelines_tests.orchestration.conftest import ShiftingClock, installation_on

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")

PATIENCE = 60.0
HELD = 8.0
"""Seconds for which the vendor keeps a call without an answer; the run is dead long before."""
LEASES_END = 301.0
When = Literal["before", "after"]
Moment = tuple[System, When, str]
PERSON, CUSTOMER, COMPANY = r"^POST .*/Person(\?|$)", r"^POST .*/customers(\?|$)", r"^POST .*/Contact(\?|$)"
MARKER, CORRECTION, PATCH = r"^POST .*/Key(\?|$)", r"^PUT .*/customers/", r"^PATCH .*/Contact/"
FIRST: tuple[Moment, ...] = (
    ("crm", "after", PERSON),
    ("erp", "after", CUSTOMER),
    ("erp", "before", CUSTOMER),
    ("crm", "after", MARKER),
    ("erp", "after", CORRECTION),
)
SECOND: tuple[Moment, ...] = (
    ("crm", "after", COMPANY),
    ("erp", "after", CUSTOMER),
    ("crm", "before", COMPANY),
    ("crm", "before", MARKER),
    ("crm", "after", PATCH),
)
NIGHTLY = bool(os.environ.get("SOUNIMICRO_TEST_NIGHTLY"))
"""Every moment on both kinds of database, instead of half of them on each."""
DAYS = len(FIRST) + len(SECOND) if NIGHTLY else len(FIRST)
NAMES = [
    *("Adamstua", "Brekkvasselv", "Dovrefjell", "Eidsvoll", "Flekkefjord", "Gjerstad", "Hommelvik", "Inndyr", "Jondal"),
    *("Kragerø", "Lyngseidet", "Mosjøen", "Notodden", "Odda", "Porsanger", "Røyrvik", "Snåsa", "Tynset", "Utsira"),
    "Vardø",
]
"""Unlike each other: what looks like a duplicate is left to a person."""
UNFINISHED = [DagsterRunStatus.QUEUED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def organisation_numbers() -> Iterator[str]:
    """Valid ones."""
    for stem in count(97_100_000):
        check = 11 - sum(int(d) * w for d, w in zip(str(stem), (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        if check != 10:
            yield f"{stem}{0 if check == 11 else check}"


@dataclass
class Town:
    """Both systems and the people in them, and an installation that synchronizes them."""

    sandbox: Sandbox
    installation: Installation
    clock: ShiftingClock
    numbers: Iterator[str]
    worked: int = 0

    def people_work(self) -> None:
        """A new company in each system, and an address that somebody corrects."""
        customers = next(
            row["category_id"] for row in self.sandbox.crm.db["category"] if row["categoryGroup"] == "Customer"
        )
        new = {"Name": f"{NAMES[self.worked]} Snekkeri AS", "OrgNr": next(self.numbers), "Category": {"Id": customers}}
        self.sandbox.crm.create("contact", new)
        self.sandbox.erp.add(
            1,
            "Customer",
            {"OrgNumber": next(self.numbers), "Info": {"Name": f"Skipsverftet {NAMES[-1 - self.worked]} AS"}},
        )
        party = next(row for row in self.sandbox.crm.db["contact"] if not row["isOwner"] and row["orgNr"])
        address = {"Address": {"Postal": {"Address2": f"Inngang {self.worked}"}}}
        self.sandbox.crm.edit("contact", party["contact_id"], address)
        self.worked += 1

    def settle(self, times: int = 3) -> int:
        """Runs in this process, each after every lease has ended; answers how much the last one wrote."""
        mark = 0
        for _ in range(times):
            self.clock.skip(LEASES_END)
            mark = self.sandbox.journal.mark()
            run_rules(self.installation)
        return len(self.sandbox.journal.writes(since=mark))

    def created(self) -> list[Write]:
        return [one for one in self.sandbox.journal.writes() if one.action == "create"]

    def created_names(self) -> Counter[tuple[str, str, str]]:
        """What was created, and under which name, however it came about."""
        return Counter((one.system, one.entity, self._name(one)) for one in self.created())

    def linked_names(self) -> Counter[tuple[str, str, str]]:
        """Which records are linked with which, in which role."""
        return Counter((one.role, self._in_crm(one), self._in_erp(one.erp_entity, one.erp_id)) for one in self.links())

    def links(self) -> list[Link]:
        with self.installation.store.read() as tx:
            return [link for rule in RULE_NAMES for link in links.of_rule(tx, rule)]

    def plan(self) -> Plan:
        async def work(connection: Connection) -> Plan:
            return await plan(await connection.world(run_id="plan", holder="plan", live_only=True))

        try:
            return engine_room(self.installation).run(work)
        finally:
            leave(self.installation)

    def kill_at(self, system: System, when: When, call: str, log: Path) -> None:
        """Starts a run, and kills it while a call is on its way, or when it has just taken effect."""
        faults, journal = self.sandbox.faults, self.sandbox.journal
        played, mark = len(faults.played), journal.mark()
        faults.script(Fault("hang_after" if when == "after" else "hang_before", system=system, match=call))

        def sign() -> bool:
            if when == "before":
                return len(faults.played) > played
            return any(re.search(call, one.request) for one in journal.writes(system, since=mark))

        settings = self.installation.settings
        given = {name: getattr(settings, name) for name in settings.model_fields_set}
        process = forked.start(killed_run.synchronize, given, self.clock.ahead.total_seconds(), log=log)
        deadline = time.monotonic() + PATIENCE
        try:
            while not sign():
                assert process.is_alive(), f"it ended before it could be killed: {log.read_text()}"
                assert time.monotonic() < deadline, f"it never came so far: {log.read_text()}"
                time.sleep(0.005)
        finally:
            ended = forked.kill(process)
        assert ended == -signal.SIGKILL

    def _name(self, write: Write) -> str:
        if write.entity == "Customer":
            return self._in_erp(write.entity, write.id)
        return str(write.after.get("name") or write.after.get("lastname") or "")

    def _in_crm(self, link: Link) -> str:
        found = self.sandbox.crm.read(link.crm_entity, link.crm_id)
        return str(found["Lastname" if link.crm_entity == "person" else "Name"])

    def _in_erp(self, entity: str, record_id: int) -> str:
        if entity == "Project":
            return str(self.sandbox.erp.read(1, entity, record_id)["Name"])
        return str(self.sandbox.erp.read(1, entity, record_id, "Info")["Info"]["Name"])


@contextmanager
def town(home: Path, **settings: Any) -> Iterator[Town]:
    """A small town whose CRM companies become customers of the ERP by themselves, and the other way round."""
    clock = ShiftingClock()
    faults = FaultPlan(hang_seconds=HELD)
    with Sandbox(seed=4, parties=3, companies=1, clock=clock, test_company=False, faults=faults) as sandbox:
        installation = installation_on(sandbox, home, **settings)
        document = default_document("customer").replace("in_erp: on_request", "in_erp: automatic")
        document = document.replace("on_create: {ask: true}, ", "")
        save_rule(installation.store, "customer", document, plain_registries(), by="cli", now=clock.now())
        yield Town(sandbox, installation, clock, organisation_numbers())
        leave(installation)
        installation.store.close()


@dataclass(frozen=True)
class Undisturbed:
    """What comes of the same days when nobody kills anything."""

    created: Counter[tuple[str, str, str]]
    linked: Counter[tuple[str, str, str]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    with town(tmp_path_factory.mktemp("undisturbed")) as quiet:
        for _ in range(DAYS):
            quiet.people_work()
        assert quiet.settle() == 0
        return Undisturbed(quiet.created_names(), quiet.linked_names())


def test_a_run_that_is_killed_around_any_call_is_made_good_by_the_next(
    store_url: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    with town(tmp_path / "home", sounimicro_database_url=store_url) as killed:
        on_postgres = killed.installation.store.is_postgres
        moments = FIRST + SECOND if NIGHTLY else SECOND if on_postgres else FIRST
        for system, when, call in moments:
            killed.people_work()
            killed.kill_at(system, when, call, tmp_path / "run.log")
            killed.clock.skip(LEASES_END)
        assert killed.settle() == 0
        assert killed.created_names() == undisturbed.created
        assert killed.linked_names() == undisturbed.linked
        in_links = Counter((one.crm_entity, one.crm_id) for one in killed.links())
        in_links.update((one.erp_entity, one.erp_id) for one in killed.links())
        made = [(one.entity, one.id) for one in killed.created() if one.entity in ("Customer", "contact")]
        assert len(made) > 2 * DAYS
        assert [one for one in made if in_links[one] != 1] == []
        assert killed.plan().is_empty
        with killed.installation.store.read() as tx:
            assert issues.listing(tx) == []
            assert work.listing(tx) == []
            assert intents.living(tx) == []
            assert [one for one in runs.listing(tx) if one.state == "running"] == []
        with dg.DagsterInstance.from_config(str(killed.installation.settings.dagster_home)) as instance:
            assert instance.get_runs(RunsFilter(statuses=UNFINISHED)) == []
            failed = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
            assert len(failed) == DAYS
            pools = instance.event_log_storage.get_concurrency_keys()
            assert pools >= {f"sync_{rule}" for rule in RULE_NAMES}
            held = {one: instance.event_log_storage.get_concurrency_info(one).claimed_slots for one in pools}
            assert not any(held.values()), held
