"""What people have deleted is not made anew from the other side, also where the store has forgotten it."""

from __future__ import annotations

from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import issues, links
from sounimicro_pipelines.store.links import Tombstone
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.world import World


class StaysDeleted(Exception):
    """What is to be created has been deleted by a person; that has been told."""


async def was_deleted(world: World, rule: Rule, erp: Record, role: str, seen: Identity) -> bool:
    """Whether people have deleted in the CRM what the ERP record would be made anew as, unknown to the store.

    So it is after the store has come back from a backup that is older than both. It stays deleted, and is told.
    """
    gone = await world.crm.deleted_alike(rule.crm, seen)
    with world.store.transaction() as tx:
        unknown = [
            one
            for one in gone
            if not links.tombstones_for_crm(tx, world.tenant, rule.crm, one, active_only=False)
            and not links.for_crm(tx, world.tenant, rule.crm, one)
        ]
        if not unknown:
            return False
        known: dict[str, Any] = {
            "rule": rule.rule,
            "company_key": erp.company_key,
            "erp_entity": erp.entity,
            "erp_id": erp.id,
        }
        links.bury(
            tx,
            Tombstone(
                **known,
                tenant=world.tenant,
                crm_entity=rule.crm,
                crm_id=unknown[0],
                role=role,
                generation=1,
                reason="unlinked",
                side="crm",
                at=world.now(),
                by=world.by,
                run_id=world.run_id,
            ),
        )
        issues.report(
            tx,
            fingerprint=f"gone:{rule.rule}:{erp.company_key}:{erp.entity}:{erp.id}",
            kind="deleted",
            severity="warning",
            cause=f"A {rule.crm} of the same name was deleted in the CRM, so none was created anew.",
            remedy="Delete the other one by hand if it should go too, or create it by hand and connect it.",
            now=world.now(),
            run_id=world.run_id,
            side="erp",
            tenant=world.tenant,
            **known,
        )
    return True
