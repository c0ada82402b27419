"""Matching a record with what the other system has, and with what is alike on its own side."""

from __future__ import annotations

from dataclasses import replace

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import Transaction, links
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.ending import merged_into
from sounimicro_pipelines.sync.linking import is_elsewhere
from sounimicro_pipelines.sync.match import Identity, Register, Suggestion, certain, compare, suggest
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.world import World


async def match_in_crm(
    world: World, rule: Rule, seen: Identity, record: Record, role: str
) -> tuple[Suggestion | None, list[Suggestion]]:
    """The CRM record that an ERP record surely is, and those that it may be."""
    others = await _known_in_crm(world, rule, seen)
    own = await world.erp[record.company_key].look_up(record.entity, record.identity)
    with world.store.read() as tx:
        known = [
            replace(
                _without_others_number(tx, world, rule, one, record.company_key),
                linked=bool(links.for_crm_place(tx, world.tenant, rule.crm, one.id, record.company_key, role)),
            )
            for one in others
        ]
        ours = [
            replace(
                one, parent=seen.parent, linked=links.for_erp(tx, record.company_key, record.entity, one.id) is not None
            )
            for one in own
            if one.id != record.id and (seen.parent is None or one.parent == record.identity.parent)
        ]
    found, near = _weigh(seen, ours, known, rule)
    return _if_nobody_elses(world, rule, found, near, record.company_key, found.id if found is not None else 0)


async def _known_in_crm(world: World, rule: Rule, seen: Identity) -> list[Identity]:
    """What the CRM has that is like an ERP record.

    A company without an organisation number is known by that of the parties that it is linked with: after it has taken
    up another one by a merge, the number is still on its way there, and at first the link is as well.
    """
    others = {one.id: one for one in await world.crm.look_up(rule.crm, seen)}
    if rule.crm != "contact" or not seen.org_number:
        return list(others.values())
    with world.store.read() as tx:
        linked = {link.crm_id: link for link in links.of_org_number(tx, world.tenant, seen.org_number)}
    for _, link in sorted(linked.items()):
        one = others.get(link.crm_id) or await _where_it_went(world, rule, link)
        if one is not None and not one.org_number:
            others[one.id] = replace(one, org_number=seen.org_number)
    return list(others.values())


async def _where_it_went(world: World, rule: Rule, link: Link) -> Identity | None:
    """The CRM record of a link, or the one that it was merged into since."""
    crm = await world.crm.read(rule.crm, link.crm_id, rule.crm_paths())
    if crm is None:
        merged = await merged_into(world, link)
        crm = await world.crm.read(rule.crm, merged, rule.crm_paths()) if merged is not None else None
    return crm.identity if crm is not None else None


async def match_in_erp(
    world: World, rule: Rule, seen: Identity, crm: Record, key: str
) -> tuple[Suggestion | None, list[Suggestion]]:
    """The record of an ERP company that a CRM record surely is, and those that it may be."""
    entity = rule.erp[0]
    others = await world.erp[key].look_up(entity, seen)
    own = await world.crm.look_up(rule.crm, crm.identity)
    role = rule.role
    with world.store.read() as tx:
        seen = _without_others_number(tx, world, rule, seen, key)
        known = [replace(one, linked=links.for_erp(tx, key, entity, one.id) is not None) for one in others]
        ours = [
            replace(
                one,
                parent=seen.parent,
                linked=bool(links.for_crm_place(tx, world.tenant, rule.crm, one.id, key, role)),
            )
            for one in own
            if one.id != crm.id and (seen.parent is None or one.parent == crm.identity.parent)
        ]
    found, near = _weigh(seen, ours, known, rule)
    return _if_nobody_elses(world, rule, found, near, key, crm.id)


def _without_others_number(tx: Transaction, world: World, rule: Rule, one: Identity, company_key: str) -> Identity:
    """What a CRM record is recognised by in a company: the number that another company gave it says nothing there."""
    return replace(one, number="") if is_elsewhere(tx, world, rule.crm, one.id, company_key) else one


def _if_nobody_elses(
    world: World, rule: Rule, found: Suggestion | None, near: list[Suggestion], company_key: str, crm_id: int
) -> tuple[Suggestion | None, list[Suggestion]]:
    """Only a suggestion where the CRM's project is another ERP company's already.

    Companies number their projects from the same start and name them alike, so neither says that they are one; their
    end dates would overwrite each other.
    """
    if found is None or rule.rule != "project":
        return found, near
    with world.store.read() as tx:
        if not is_elsewhere(tx, world, rule.crm, crm_id, company_key):
            return found, near
    return None, [found, *(one for one in near if one.id != found.id)]


def _weigh(
    seen: Identity, ours: list[Identity], others: list[Identity], rule: Rule
) -> tuple[Suggestion | None, list[Suggestion]]:
    register = Register(others)
    found = certain(seen, Register([seen, *ours]), register, rule.match)
    near = suggest(seen, register, rule.match, 5)
    told = {one.id for one in near}
    for other in others:
        if not other.linked and other.id not in told and seen.number and other.number == seen.number:
            near.append(compare(seen, other, rule.match))
    return found, near
