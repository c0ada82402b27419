"""Clearing up what a crash has left, before a run begins with its list."""

from __future__ import annotations

from sounimicro_pipelines.store import Outdated, intents, links, work
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.linking import take_off
from sounimicro_pipelines.sync.routing import partner_pairs
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import VendorError


async def recover(world: World, rule: str) -> None:
    """Clear up what a crash has left: markers to take off, and creates of which nobody knows the outcome."""
    with world.store.read() as tx:
        left = intents.living(tx, rule=rule)
    pokes: list[Poke] = []
    for one in left:
        if one.kind == "unmark":
            try:
                await take_off(world, one)
            except (VendorError, Outdated):
                continue
        elif one.kind == "create" and one.side == "erp" and one.crm_id is not None:
            pokes.append(Poke(rule, "crm", one.crm_entity, one.crm_id, "recovery", not_before=one.not_before))
        elif one.kind == "create" and one.erp_id is not None:
            pokes.append(
                Poke(rule, "erp", one.erp_entity, one.erp_id, "recovery", one.company_key, not_before=one.not_before)
            )
        elif one.crm_id is not None:
            pokes.append(Poke(rule, "crm", one.crm_entity, one.crm_id, "recovery", not_before=one.not_before))
            with world.store.read() as tx:
                pairs = partner_pairs(links.for_crm(tx, world.tenant, one.crm_entity, one.crm_id))
            if pairs and rule != "partner":
                pokes.append(Poke("partner", "crm", one.crm_entity, one.crm_id, "recovery", not_before=one.not_before))
    if pokes:
        with world.store.transaction() as tx:
            work.poke(tx, [poke for poke in pokes if not work.is_listed(tx, poke)], world.now())
