"""Creates that nobody can finish any more, because the record that they were for has gone meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import Transaction, intents, issues, links
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Tombstone
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.seeking import made_by, wait_for_effect
from sounimicro_pipelines.sync.world import World


def creates_for(
    tx: Transaction,
    world: World,
    rule: Rule,
    *,
    crm: tuple[str, int] | None = None,
    erp: tuple[str, str, int] | None = None,
) -> list[Intent]:
    """The unfinished creates of a rule for a CRM record (entity, id) or an ERP record (CompanyKey, entity, id)."""
    side = "erp" if crm is not None else "crm"
    found = intents.living_for(tx, tenant=world.tenant, crm=crm, erp=erp)
    return [one for one in found if (one.kind, one.side, one.rule) == ("create", side, rule.rule)]


async def give_up_creates(world: World, rule: Rule, left: Sequence[Intent]) -> None:
    """The record for which something was being created is gone: what was made stays, linked to nothing, and is told."""
    for intent in left:
        wait_for_effect(world, intent)
        entity = intent.erp_entity if intent.side == "erp" else intent.crm_entity
        made = await made_by(world, rule, entity, intent, None, None)
        with world.store.transaction() as tx:
            intents.mark(tx, intent.id, "abandoned" if made is None else "done", finished_at=world.now())
            if made is not None:
                _bury(tx, world, intent, made)


def _bury(tx: Transaction, world: World, intent: Intent, made: Record) -> None:
    in_erp = intent.side == "erp"
    links.bury(
        tx,
        Tombstone(
            rule=intent.rule,
            tenant=intent.tenant,
            crm_entity=intent.crm_entity,
            crm_id=intent.crm_id if in_erp else made.id,
            company_key=intent.company_key,
            role=intent.role,
            erp_entity=intent.erp_entity,
            erp_id=made.id if in_erp else intent.erp_id,
            generation=intent.generation,
            reason="unlinked",
            side="crm" if in_erp else "erp",
            at=world.now(),
            by=world.by,
            run_id=world.run_id,
        ),
    )
    system = "ERP" if in_erp else "CRM"
    gone = "connected with another one" if _is_linked(tx, intent) else "deleted, moved or merged"
    issues.report(
        tx,
        fingerprint=f"orphan:{intent.id}",
        kind="orphan",
        severity="warning",
        cause=f"A record was created in the {system} for one that was {gone} at that moment.",
        remedy=f"Delete it in the {system}, or connect it by hand.",
        now=world.now(),
        run_id=world.run_id,
        rule=intent.rule,
        side=intent.side,
        tenant=intent.tenant,
        company_key=intent.company_key,
        erp_entity=intent.erp_entity if in_erp else None,
        erp_id=made.id if in_erp else None,
        crm_entity=None if in_erp else intent.crm_entity,
        crm_id=None if in_erp else made.id,
    )


def _is_linked(tx: Transaction, intent: Intent) -> bool:
    """Whether the record that an intent creates for is linked in this place by now."""
    if intent.side == "crm":
        return links.for_erp(tx, intent.company_key, intent.erp_entity, int(intent.erp_id or 0)) is not None
    place = (intent.tenant, intent.crm_entity, int(intent.crm_id or 0), intent.company_key, intent.role)
    return links.for_crm_place(tx, *place) is not None
