"""Holding records for what a person does, against every engine that may be at work on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.store import watermarks
from sounimicro_pipelines.sync.world import World

PATIENT = 4.0
"""Seconds that a person waits for another engine to let go of a record."""


class RecordBusy(SounimicroError):
    """Another run is working on the record, and did not let go in time."""


@asynccontextmanager
async def hold(world: World, leases: Sequence[str], what: str) -> AsyncIterator[None]:
    """Hold leases for the length of the block; all of them or none. Raises RecordBusy."""
    own = f"{world.holder}#{what}"
    lasting = timedelta(seconds=world.patience.lease)
    until = world.clock.monotonic() + PATIENT
    while True:
        now = world.now()
        with world.store.transaction() as tx:
            got = [name for name in leases if watermarks.take_lease(tx, name, holder=own, now=now, hold=lasting)]
            if len(got) < len(leases):
                for name in got:
                    watermarks.give_lease(tx, name, holder=own)
        if len(got) == len(leases):
            break
        if world.clock.monotonic() >= until:
            raise RecordBusy("Another run is working on the record.", remedy="Try again in a moment.")
        await world.clock.sleep(0.2)
    try:
        yield
    finally:
        with world.store.transaction(durable=False) as tx:
            for name in leases:
                watermarks.give_lease(tx, name, holder=own)


def crm_lease(tenant: str, entity: str, record_id: int) -> str:
    """The lease of a CRM record and of everything that is linked with it."""
    return f"record:{tenant}:{entity}:{record_id}"


@asynccontextmanager
async def hold_records(world: World, records: Sequence[tuple[str, str, int]], what: str) -> AsyncIterator[None]:
    """Hold CRM records, named by tenant, entity and id. Raises RecordBusy."""
    async with hold(world, [crm_lease(*one) for one in records], what):
        yield
