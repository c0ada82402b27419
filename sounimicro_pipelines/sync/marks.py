"""What our own marks in the CRM say of a record that the store does not know, such as after an old backup came back.

A mark names the record's other half in the ERP. Where the store does not speak against it, the link is made anew; where
it does, a person is asked. Either way there is another half, and no second one is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import intents, links
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.sync.alike import ask, not_told_apart
from sounimicro_pipelines.sync.linking import is_kept_apart, take_off
from sounimicro_pipelines.sync.match import Identity, compare
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.world import World


@dataclass(frozen=True, slots=True)
class OtherHalf:
    """The record that a mark joins with the one that is met. `is_free`: it can be linked without a person's word.

    A record that is gone is named all the same: its link is made anew, and ends as that of any record that is deleted.
    """

    record: Record
    is_free: bool


async def half_in_crm(world: World, rule: Rule, erp: Record, role: str) -> OtherHalf | None:
    """The CRM record that carries our mark for an ERP record."""
    marked = await world.crm.marked(rule.crm, erp.company_key, role, erp.id)
    if marked is None:
        return None
    crm = await world.crm.read(rule.crm, marked, rule.crm_paths())
    with world.store.read() as tx:
        taken = links.for_crm_place(tx, world.tenant, rule.crm, marked, erp.company_key, role) is not None
        apart = is_kept_apart(links.tombstones_for_crm(tx, world.tenant, rule.crm, marked), erp.company_key, role)
    if crm is None:
        return None if taken or apart else OtherHalf(_gone(rule, erp, marked), is_free=True)
    return OtherHalf(crm, is_free=not (taken or apart))


async def half_in_erp(world: World, rule: Rule, crm: Record, company_key: str, role: str) -> OtherHalf | None:
    """The ERP record that our mark on a CRM record names."""
    marked, entity = crm.markers.get((company_key, role)), rule.erp[0]
    if marked is None:
        return None
    erp = await world.erp[company_key].read(entity, marked, rule.erp_paths())
    with world.store.read() as tx:
        taken = links.for_erp(tx, company_key, entity, marked) is not None
        apart = is_kept_apart(links.tombstones_for_erp(tx, company_key, entity, marked), company_key)
    if erp is None:
        return None if taken or apart else OtherHalf(_gone(rule, replace(crm, company_key=company_key), marked), True)
    return OtherHalf(erp, is_free=not (taken or apart))


def asked_about_half(world: World, rule: Rule, record: Record, half: OtherHalf) -> bool:
    """Leave it to a person whether the two belong together; False when one has said that they do not."""
    found = compare(record.identity, half.record.identity, rule.match)
    found = replace(found, reasons=("same_mark", *found.reasons), by="")
    _, left = not_told_apart(world, rule, record, None, [found])
    if left:
        ask(world, rule, record, left)
    return bool(left)


async def take_off_mark(world: World, rule: Rule, crm: Record, company_key: str, role: str) -> None:
    """Take off a mark that gives way to what a person has chosen; nothing happens where there is none.

    Raises the VendorError family; the intent stays then, and is carried out later.
    """
    marked = crm.markers.get((company_key, role))
    if marked is None:
        return
    with world.store.transaction() as tx:
        one = intents.add(
            tx,
            Intent(
                kind="unmark",
                side="crm",
                state="open",
                rule=rule.rule,
                tenant=world.tenant,
                crm_entity=crm.entity,
                crm_id=crm.id,
                company_key=company_key,
                role=role,
                erp_entity=rule.erp[0],
                erp_id=marked,
                generation=links.generation(tx, world.tenant, crm.entity, crm.id, company_key, role),
                body={},
                holder=world.holder,
                created_at=world.now(),
                run_id=world.run_id,
            ),
        )
    await take_off(world, one)


def _gone(rule: Rule, met: Record, record_id: int) -> Record:
    """What is known of the other half of a record, when it is not there any more."""
    nobody = Identity(record_id, "")
    if met.side == "erp":
        return Record("crm", rule.crm, record_id, {}, nobody)
    return Record("erp", rule.erp[0], record_id, {}, nobody, company_key=met.company_key)
