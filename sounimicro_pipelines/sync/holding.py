"""Holding records for what a person does, against every engine that may be at work on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.store import Transaction, watermarks
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.world import NotNow, World

PATIENT = 4.0
"""Seconds that a person waits for another engine to let go of a record."""

SOON = timedelta(seconds=5)
"""An engine that is alive is done with a record in less, most of the time."""


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


def erp_lease(company_key: str, entity: str, record_id: int) -> str:
    """The lease of an ERP record that is linked with nothing."""
    return f"record:{company_key}:{entity}:{record_id}"


def lease_of(tenant: str, record: Record) -> str:
    """The lease of a record that is linked with nothing."""
    if record.side == "crm":
        return crm_lease(tenant, record.entity, record.id)
    return erp_lease(record.company_key, record.entity, record.id)


def busy(tx: Transaction, world: World, lease: str) -> NotNow:
    """When to ask again for a lease that another holds: after as long again as it has been held, or when it runs out.

    Who is alive lets go within seconds. Who was killed does not, and is not asked for over and over until then.
    """
    now = world.now()
    until = watermarks.held_until(tx, lease) or now
    held = timedelta(seconds=world.patience.lease) - (until - now)
    return NotNow(max(min(now + max(held, SOON), until), now), "busy")


def demand_free(tx: Transaction, world: World, record: Record) -> None:
    """Raises NotNow while somebody is at work on a record, and keeps it from others until the transaction ends.

    Who finds that two records are the same holds only the one that it started from. The other may be on its way to get
    a counterpart of its own at that moment, which would then be a second one.
    """
    name, own = lease_of(world.tenant, record), f"{world.holder}#meeting"
    if not watermarks.take_lease(tx, name, holder=own, now=world.now(), hold=timedelta(seconds=world.patience.lease)):
        raise busy(tx, world, name)
    watermarks.give_lease(tx, name, holder=own)


@asynccontextmanager
async def hold_records(world: World, records: Sequence[tuple[str, str, int]], what: str) -> AsyncIterator[None]:
    """Hold CRM records, named by tenant, entity and id. Raises RecordBusy."""
    async with hold(world, [crm_lease(*one) for one in records], what):
        yield
