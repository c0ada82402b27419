"""Records that another engine holds: asked for soon while it may be alive, seldom when it was killed, and in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sounimicro_pipelines.store import watermarks, work
from sounimicro_pipelines.sync import engine
from sounimicro_pipelines.sync.holding import crm_lease
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines_tests.sync.calm import Calm, calm, pool
from sounimicro_pipelines_tests.sync.scenario import PATIENCE
from sounimicro_pipelines_tests.sync.simulated import Row

__all__ = ["calm", "pool"]
TICK = 5.0


def held_by_another(calm: Calm, crm: Row) -> str:
    lease = crm_lease(calm.crm.tenant, "contact", crm.id)
    with calm.store.transaction() as tx:
        hold = timedelta(seconds=PATIENCE.lease)
        assert watermarks.take_lease(tx, lease, holder="other", now=calm.hostile.at(), hold=hold)
    return lease


def tick(calm: Calm) -> RunReport | None:
    """What a sensor does every few seconds: a run if anything is due."""
    with calm.store.read() as tx:
        if not work.due_count(tx, "customer", calm.hostile.at()):
            return None
    return calm.ask(lambda world: engine.drain(world, "customer"))


def test_what_a_killed_engine_holds_starts_few_runs_and_is_done_when_its_lease_has_run_out(calm: Calm) -> None:
    crm, customer, _ = calm.linked_company()
    typed = calm.crm.person_types(crm, "Address.Postal.Address1")
    calm.poke_everything()
    held_by_another(calm, crm)
    began, runs = calm.hostile.at(), 0
    while customer.values.get("Info.InvoiceAddress.AddressLine1") != typed:
        runs += tick(calm) is not None
        calm.later(TICK)
    took = (calm.hostile.at() - began).total_seconds()
    assert PATIENCE.lease <= took <= PATIENCE.lease + 2 * TICK
    assert runs <= 10


@pytest.mark.parametrize("busy_for", [1.0, 4.0])
def test_what_a_living_engine_is_done_with_in_seconds_goes_on_at_the_next_look(calm: Calm, busy_for: float) -> None:
    crm, customer, _ = calm.linked_company()
    typed = calm.crm.person_types(crm, "Address.Postal.Address1")
    calm.poke_everything()
    lease = held_by_another(calm, crm)
    report = tick(calm)
    assert report is not None
    assert report.counts["held"] == report.counts["in"] > 0
    calm.later(busy_for)
    with calm.store.transaction() as tx:
        watermarks.give_lease(tx, lease, holder="other")
    calm.later(TICK - busy_for)
    assert tick(calm) is not None
    assert customer.values["Info.InvoiceAddress.AddressLine1"] == typed
