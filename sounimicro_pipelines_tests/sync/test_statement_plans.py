"""What the engine asks its store costs the same however many records, issues and writes there have been.

SQLite tells how it would find the rows of each statement; none may read a register, a list or the journal from end to
end, and an index that hardly chooses (whatever is open) must not be preferred to one that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sounimicro_pipelines.store import intents, issues
from sounimicro_pipelines.store.raw import raw_connection
from sounimicro_pipelines_tests.sync.scenario import Scenario, StorePool
from sounimicro_pipelines_tests.sync.simulated import Trouble

GROWING = ("links", "baselines", "history", "intents", "work_items", "issues", "conflicts", "tombstones", "generations")
READS_ALL = re.compile(rf"SCAN sync_({'|'.join(GROWING)})\b")
STATEMENT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")


class Overheard:
    """The statements that reach a store, one of each kind."""

    def __init__(self, scenario: Scenario) -> None:
        assert scenario.store.held is not None
        self._raw = raw_connection(scenario.store.held)
        self._said: dict[str, str] = {}
        self._raw.set_trace_callback(lambda said: self._said.setdefault(VALUE.sub("?", said), said))

    def plans(self) -> Iterator[tuple[str, str]]:
        """Each statement, and how SQLite finds its rows."""
        self._raw.set_trace_callback(None)
        for said in filter(STATEMENT.match, self._said.values()):
            steps = self._raw.execute(f"EXPLAIN QUERY PLAN {said}").fetchall()
            yield said, "; ".join(step[3] for step in steps)


@pytest.fixture
def scenario() -> Scenario:
    """Customers, a person and a project, linked and at rest."""
    active = ("customer", "supplier", "partner", "person", "project")
    made = Scenario(1, StorePool(), Trouble(), active=active, polling_always=True)
    company = made.company(made.crm, "contact", "961589304")
    made.person_of(company)
    made.company(made.erp["K1"], "Customer", "")
    made.crm.person_creates("project", {"Name": "Bridge"})
    made.settle()
    return made


def test_no_statement_of_a_change_reads_a_whole_table(scenario: Scenario) -> None:
    crm, erp = scenario.crm, scenario.erp["K1"]
    scenario.polling = True
    overheard = Overheard(scenario)
    edits = (
        (crm, "contact", "Address.Postal.City"),
        (erp, "Customer", "Info.Name"),
        (crm, "person", "Lastname"),
        (erp, "Contact", "Info.Name"),
    )
    for system, entity, path in edits:
        for row in system.living(entity):
            system.person_types(row, path)
    scenario.person_of(scenario.company(crm, "contact"))
    scenario.company(erp, "Supplier", "961589304")
    for _ in range(4):
        scenario.hostile.clock.advance(200)
        scenario.run_engines()
    plans = list(overheard.plans())
    assert {said for said, plan in plans if READS_ALL.search(plan)} == set()
    assert {table for table in GROWING if any(f"sync_{table}" in said for said, _ in plans)} == set(GROWING)


def test_the_issues_of_a_record_are_found_by_the_record(scenario: Scenario) -> None:
    overheard = Overheard(scenario)
    with scenario.store.read() as tx:
        issues.of_record(tx, tenant="T", crm=("contact", 1))
        issues.of_record(tx, tenant="T", erp=("K1", "Customer", 1))
        issues.open_one(tx, "customer:contact:1")
    found = [re.findall(r"INDEX sync_(\w+)", plan) for _, plan in overheard.plans()]
    assert found == [["issues_crm"], ["issues_erp"], ["issues_one_open"]]


@pytest.mark.parametrize("side", ["crm", "erp"])
def test_what_was_created_lately_is_found_without_what_was_created_before(scenario: Scenario, side: str) -> None:
    overheard = Overheard(scenario)
    register = ("", "contact") if side == "crm" else ("K1", "Customer")
    with scenario.store.read() as tx:
        ended = intents.ended_creates(tx, side=side, register=register, since=scenario.hostile.clock.now())
        all_of_them = intents.ended_creates(
            tx, side=side, register=register, since=scenario.hostile.clock.now() - timedelta(days=1)
        )
    assert (len(ended), len(all_of_them)) == (0, 1)
    assert ["intents_ended_creates"] in [re.findall(r"INDEX sync_(\w+)", plan) for _, plan in overheard.plans()]
