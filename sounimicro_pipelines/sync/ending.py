"""Records that are gone, merged or moved, and the guard that stops a register when too many are gone at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Transaction, issues, links, runs, work
from sounimicro_pipelines.store.erasure import forget_record
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.runs import Guard
from sounimicro_pipelines.sync.agreement import Gone
from sounimicro_pipelines.sync.decide import CRM
from sounimicro_pipelines.sync.linking import end_link, hold_link, repoint, take_off
from sounimicro_pipelines.sync.ports import Merged
from sounimicro_pipelines.sync.world import NotNow, World

FEW = 3
SHARE = 0.02
"""More than max(FEW, SHARE of the linked records) gone is no ordinary deletion."""
WINDOW = timedelta(hours=24)
TOLD_WITHIN = timedelta(days=14)
"""For so long the CRM tells of what has been deleted before it takes it away for good (vendor reference 8.5)."""


async def handle_gone(world: World, gone: Gone) -> None:
    """End, hold or move the link of a record that is not where it was."""
    link = gone.link
    if gone.why == "deleted":
        await _deleted(world, link, "crm" if gone.place == CRM else "erp")
        return
    with world.store.transaction() as tx:
        if gone.why == "moved":
            hold_link(
                tx,
                world,
                link,
                kind="moved",
                cause="The person belongs to another company now than when it was linked.",
                remedy="Disconnect the person, and connect it anew under the right company.",
            )
        else:
            hold_link(
                tx,
                world,
                link,
                kind="marked_otherwise",
                cause="The CRM record carries the mark of another ERP record than the one it is linked with.",
                remedy="Choose which ERP record is right: disconnect the record, and connect it anew.",
            )


async def _deleted(world: World, link: Link, side: Side) -> None:
    if side == "crm":
        merged = await merged_into(world, link)
        if merged is not None:
            with world.store.transaction() as tx:
                repoint(tx, world, link, merged)
            return
    entity = link.crm_entity if side == "crm" else link.erp_entity
    company_key = "" if side == "crm" else link.company_key
    with world.store.transaction() as tx:
        check_guard(tx, side, company_key, entity, world)
        if _too_many(tx, world, side, company_key, entity):
            _stop(tx, world, side, company_key, entity)
            stopped = True
        else:
            stopped = False
            system = "CRM" if side == "crm" else "ERP"
            unmark = end_link(
                tx,
                world,
                link,
                reason="deleted",
                side=side,
                cause=f"The {entity} was deleted in the {system}, so it is linked no more; nothing else was deleted.",
                remedy="Delete the other one by hand if it should go too, or connect it anew.",
            )
    if stopped:
        raise NotNow(world.later(world.patience.longest_backoff), "stopped")
    if unmark is not None:
        await take_off(world, unmark)


async def merged_into(world: World, link: Link) -> int | None:
    """Where a CRM record went, if it was merged and not deleted; merges may follow one another."""
    since = (link.synced_at or link.created_at) - timedelta(days=1)
    return await _went_to(world, link.crm_entity, link.crm_id, since)


async def _went_to(world: World, entity: str, crm_id: int, since: datetime) -> int | None:
    at = crm_id
    for one in await world.crm.merges(since) or ():
        if (one.entity, one.source) == (entity, at):
            at = one.destination
    return at if at != crm_id else None


async def forget_unlinked(world: World, crm_id: int) -> None:
    """Forget a person who has gone from the CRM when its links had ended already; one that was merged lives on."""
    with world.store.read() as tx:
        ended = links.ended_while_in_crm(tx, world.tenant, "person", crm_id)
    for stone in ended:
        merged = await _went_to(world, "person", crm_id, world.now() - TOLD_WITHIN) is not None
        gone = replace(stone, side="crm", at=world.now(), by=world.by, run_id=world.run_id, link_id=None, id=0)
        with world.store.transaction() as tx:
            if merged:
                links.bury(tx, replace(gone, reason="merged"))
            else:
                forget_record(tx, tenant=world.tenant, crm=("person", crm_id))
                links.bury(tx, replace(gone, reason="erased", active=True))


def apply_merge(tx: Transaction, world: World, merge: Merged, linked: list[Link]) -> None:
    """Move the links of a record that the merge log says is gone."""
    for link in linked:
        repoint(tx, world, link, merge.destination)


def check_guard(tx: Transaction, side: Side, company_key: str, entity: str, world: World) -> None:
    """Raises NotNow while the register is stopped."""
    found = runs.guard(tx, side, company_key, entity)
    if found is not None and found.state == "stopped":
        raise NotNow(world.later(world.patience.longest_backoff), "stopped")


def _too_many(tx: Transaction, world: World, side: Side, company_key: str, entity: str) -> bool:
    found = runs.guard(tx, side, company_key, entity)
    if found is not None and found.state == "confirmed":
        return False
    stones, linked = tx.tables.tombstones, tx.tables.links
    gone = select(func.count()).select_from(stones)
    gone = gone.where(stones.c.reason == "deleted", stones.c.side == side, stones.c.at > world.now() - WINDOW)
    living = select(func.count()).select_from(linked)
    if side == "crm":
        gone, living = gone.where(stones.c.crm_entity == entity), living.where(linked.c.crm_entity == entity)
    else:
        gone = gone.where(stones.c.erp_entity == entity, stones.c.company_key == company_key)
        living = living.where(linked.c.erp_entity == entity, linked.c.company_key == company_key)
    missing, left = int(tx.scalar(gone)), int(tx.scalar(living))
    return missing + 1 > allowed(missing + left)


def allowed(linked: int) -> float:
    """How many of so many linked records may be gone before the register is stopped."""
    return max(FEW, SHARE * linked)


def _stop(tx: Transaction, world: World, side: Side, company_key: str, entity: str) -> None:
    stop_register(tx, world, side, company_key, entity, linked=0, missing=0)


def stop_register(
    tx: Transaction, world: World, side: Side, company_key: str, entity: str, *, linked: int, missing: int
) -> None:
    """Stop a register and say so."""
    runs.set_guard(
        tx,
        Guard(
            side=side,
            company_key=company_key,
            entity=entity,
            state="stopped",
            linked=linked,
            missing=missing,
            listing_at=world.now(),
            confirmed_by=None,
            confirmed_at=None,
        ),
    )
    system = "CRM" if side == "crm" else "ERP"
    issues.report(
        tx,
        fingerprint=f"guard:{side}:{company_key}:{entity}",
        kind="mass_delete",
        cause=f"Unusually many linked {entity} records are gone from the {system}, so this register is stopped.",
        remedy="Confirm it if they were deleted on purpose; otherwise restore them. A second full listing decides too.",
        now=world.now(),
        run_id=world.run_id,
        side=side,
        tenant=world.tenant,
        company_key=company_key,
        erp_entity=entity if side == "erp" else None,
        crm_entity=entity if side == "crm" else None,
    )


def confirm_register(tx: Transaction, side: Side, company_key: str, entity: str, *, by: str, now: datetime) -> None:
    """A person, or a second listing, says that the records are gone for good; what waited for that goes on at once."""
    found = runs.guard(tx, side, company_key, entity)
    runs.set_guard(
        tx,
        Guard(
            side=side,
            company_key=company_key,
            entity=entity,
            state="confirmed",
            linked=found.linked if found else 0,
            missing=found.missing if found else 0,
            listing_at=found.listing_at if found else now,
            confirmed_by=by,
            confirmed_at=now,
        ),
    )
    issues.solve(tx, f"guard:{side}:{company_key}:{entity}", now=now, by=by)
    work.hasten(tx, side, company_key, entity, now)
