"""Links made, ended and moved to another record, each with its journal, its tombstone and what must follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import delete, update

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Transaction, history, intents, issues, links, work
from sounimicro_pipelines.store.erasure import forget_record
from sounimicro_pipelines.store.history import Entry
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link, Tombstone
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.forgotten import solve_orphan
from sounimicro_pipelines.sync.losers import abandon_writes
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.routing import AT_ONCE, partner_pairs
from sounimicro_pipelines.sync.world import World


def make_link(
    tx: Transaction,
    world: World,
    rule: Rule,
    crm: Record,
    *,
    company_key: str,
    role: str,
    erp_entity: str,
    erp_id: int,
    origin: str,
    parent: Link | None = None,
    erp: Record | None = None,
    data: dict[str, Any] | None = None,
) -> Link:
    """Store a new link with its journal line. Raises Outdated when either record has been linked meanwhile."""
    known: dict[str, Any] = {"children": rule.crm == "contact", **(data or {})}
    if rule.rule == "person":
        known["crm_parent"] = crm.parent
        known["erp_parent"] = erp.parent if erp is not None else known.get("erp_parent")
    link = links.add(
        tx,
        Link(
            rule=rule.rule,
            tenant=world.tenant,
            crm_entity=crm.entity,
            crm_id=crm.id,
            company_key=company_key,
            role=role,
            erp_entity=erp_entity,
            erp_id=erp_id,
            generation=links.generation(tx, world.tenant, crm.entity, crm.id, company_key, role),
            origin=origin,
            created_at=world.now(),
            created_by=world.by,
            run_id=world.run_id,
            parent_link_id=parent.id if parent is not None else None,
            org_number=(erp or crm).identity.org_number or None,
            data=known,
        ),
    )
    kind = "create" if origin.startswith("created") else "link"
    history.add(tx, [_entry(world, link, kind, origin)])
    stones = [
        one
        for one in links.tombstones_for_crm(tx, world.tenant, crm.entity, crm.id)
        if (one.company_key, one.role) == (company_key, role)
    ]
    for stone in (*stones, *links.tombstones_for_erp(tx, company_key, erp_entity, erp_id)):
        links.wake(tx, stone.id)
        links.wake_persons(tx, stone)
    _solve_ended(tx, world, link)
    issues.solve(tx, f"duplicate:{rule.rule}:crm:{company_key}:{crm.entity}:{crm.id}", now=world.now())
    issues.solve(tx, f"duplicate:{rule.rule}:erp:{company_key}:{erp_entity}:{erp_id}", now=world.now())
    solve_orphan(tx, world, "crm", "", crm.entity, crm.id)
    solve_orphan(tx, world, "erp", company_key, erp_entity, erp_id)
    _poke_joined(tx, world, link, "linked")
    return link


def _poke_joined(tx: Transaction, world: World, link: Link, origin: str) -> None:
    """A CRM record that has come to a link is to agree with it, also as the partner that it may be by now."""
    names = [link.rule]
    if partner_pairs(links.for_crm(tx, link.tenant, link.crm_entity, link.crm_id)):
        names.append("partner")
    pokes = [Poke(name, "crm", link.crm_entity, link.crm_id, origin, priority=AT_ONCE) for name in names]
    work.poke(tx, pokes, world.now())


def _solve_ended(tx: Transaction, world: World, link: Link) -> None:
    """What was told when an earlier link of either record ended has been dealt with: the record is connected anew."""
    crm, erp = (link.crm_entity, link.crm_id), (link.company_key, link.erp_entity, link.erp_id)
    told = (*issues.of_record(tx, tenant=link.tenant, crm=crm), *issues.of_record(tx, tenant=link.tenant, erp=erp))
    for one in told:
        if one.fingerprint.startswith("ended:") and (one.company_key, one.rule) == (link.company_key, link.rule):
            issues.solve(tx, one.fingerprint, now=world.now())


def end_link(
    tx: Transaction, world: World, link: Link, *, reason: str, side: Side | None, cause: str, remedy: str
) -> Intent | None:
    """End a link: tombstone, journal, an issue, and the intent to take the marker off (None when it is gone anyway).

    A person that was deleted is forgotten at once; ids and the tombstone remain. Where only the ERP has deleted it,
    what the CRM's record has agreed on with other companies stays, and so does what has given way in it.
    """
    abandon_writes(tx, world, link)
    for kind in ("field", "number"):
        issues.solve_prefix(tx, f"{kind}:{link.id}:", now=world.now())
    issues.solve(tx, f"link:{link.id}", now=world.now())
    if link.crm_entity == "person" and reason in ("deleted", "erased"):
        crm, erp = (link.crm_entity, link.crm_id), (link.company_key, link.erp_entity, link.erp_id)
        forget_record(tx, tenant=link.tenant, crm=None if side == "erp" else crm, erp=erp)
    links.end(tx, link, reason=reason, side=side, at=world.now(), by=world.by, run_id=world.run_id)
    history.add(tx, [replace(_entry(world, link, "unlink", reason), side=side)])
    heirs = [] if side == "crm" else links.for_crm(tx, link.tenant, link.crm_entity, link.crm_id)
    work.poke(tx, [Poke(one.rule, "crm", one.crm_entity, one.crm_id, "owner") for one in heirs], world.now())
    if cause:
        issues.report(
            tx,
            fingerprint=f"ended:{link.id}",
            kind=reason,
            severity="warning",
            cause=cause,
            remedy=remedy,
            now=world.now(),
            run_id=world.run_id,
            **links.about(link),
        )
    if side == "crm" and reason in links.GONE_FROM_CRM:
        return None
    now = world.now()
    return intents.add(
        tx,
        Intent(
            kind="unmark",
            side="crm",
            state="open",
            rule=link.rule,
            tenant=link.tenant,
            crm_entity=link.crm_entity,
            crm_id=link.crm_id,
            company_key=link.company_key,
            role=link.role,
            erp_entity=link.erp_entity,
            erp_id=link.erp_id,
            generation=link.generation,
            body={},
            holder=world.holder,
            created_at=now,
            run_id=world.run_id,
        ),
    )


async def take_off(world: World, intent: Intent) -> None:
    """Carry out the intent to take our marker off a CRM record; a marker that was put on anew meanwhile stays."""
    with world.store.read() as tx:
        anew = links.for_crm_place(
            tx, intent.tenant, intent.crm_entity, int(intent.crm_id or 0), intent.company_key, intent.role
        )
    if anew is None:
        await world.crm.unmark(intent.crm_entity, int(intent.crm_id or 0), intent.company_key, intent.role)
    with world.store.transaction() as tx:
        intents.mark(tx, intent.id, "done", finished_at=world.now())


def hold_link(tx: Transaction, world: World, link: Link, *, kind: str, cause: str, remedy: str) -> None:
    """Stop writing a link until a person decides."""
    abandon_writes(tx, world, link)
    links.change(tx, link.id, state="held")
    issues.report(
        tx,
        fingerprint=f"link:{link.id}",
        kind=kind,
        cause=cause,
        remedy=remedy,
        now=world.now(),
        run_id=world.run_id,
        **links.about(link),
    )


def repoint(tx: Transaction, world: World, link: Link, crm_id: int) -> Link | None:
    """Give a link to the record that its own was merged into; None when that one has such a link already.

    The baseline goes: what the other record holds has never been agreed on. The persons of the other company have to be
    looked at anew: this link may give them a place where they had none.
    """
    if links.for_crm_place(tx, link.tenant, link.crm_entity, crm_id, link.company_key, link.role) is not None:
        end_link(
            tx,
            world,
            link,
            reason="merged",
            side="crm",
            cause=f"Two {link.crm_entity} records were merged, and both were linked in this company.",
            remedy="Choose which ERP record is right; the other one is linked to nothing now.",
        )
        return None
    table = tx.tables.baselines
    tx.execute(delete(table).where(table.c.link_id == link.id))
    owned = tx.tables.field_owners
    tx.execute(delete(owned).where(owned.c.link_id == link.id))
    abandon_writes(tx, world, link)
    kept = {name: value for name, value in (link.data or {}).items() if name != "made_of"}
    known = {**kept, "children": link.crm_entity == "contact"}
    links.change(tx, link.id, crm_id=crm_id, generation=link.generation + 1, origin="merged", data=known)
    table_links = tx.tables.links
    for child in links.children(tx, link.id):
        data = dict(child.data or {})
        if child.rule == "person" and data.get("crm_parent") == link.crm_id:
            data["crm_parent"] = crm_id
            tx.execute(update(table_links).where(table_links.c.id == child.id).values(data=data))
    moved = replace(link, crm_id=crm_id, generation=link.generation + 1, origin="merged", data=known)
    links.raise_generation(tx, link.tenant, link.crm_entity, crm_id, link.company_key, link.role, link.generation + 1)
    history.add(tx, [_entry(world, moved, "link", "merged")])
    _poke_joined(tx, world, moved, "merged")
    return moved


def is_elsewhere(tx: Transaction, world: World, crm_entity: str, crm_id: int, company_key: str) -> bool:
    """Whether a CRM record is linked in another ERP company than this one."""
    return any(one.company_key != company_key for one in links.for_crm(tx, world.tenant, crm_entity, crm_id))


def is_kept_apart(stones: list[Tombstone], company_key: str, role: str | None = None) -> bool:
    """Whether an active tombstone forbids linking or creating by itself."""
    return any(stone.company_key == company_key and role in (None, stone.role) for stone in stones)


def _entry(world: World, link: Link, kind: str, reason: str) -> Entry:
    return Entry(
        at=world.now(),
        rule=link.rule,
        rule_version=world.rules.version(link.rule),
        kind=kind,
        tenant=link.tenant,
        crm_entity=link.crm_entity,
        crm_id=link.crm_id,
        company_key=link.company_key,
        role=link.role,
        erp_entity=link.erp_entity,
        erp_id=link.erp_id,
        reason=reason,
        run_id=world.run_id,
        link_id=link.id,
        source_by=world.by,
    )
