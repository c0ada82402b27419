"""Which rules a changed record concerns: from a record to items on the work list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.rules.versions import RuleSet
from sounimicro_pipelines.store import Transaction, links, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import Poke

if TYPE_CHECKING:
    from sounimicro_pipelines.sync.weigh import Group
    from sounimicro_pipelines.sync.world import World

TOLD_DELETED = {"deleted": True}
"""The hint of a CRM record of which the CRM itself has said that it is deleted."""
AT_ONCE = 1
"""The priority of what a person waits for; feeds use 5."""
WHEN_IDLE = 8
"""The priority of what a comparison of a whole register brings."""


def pokes_for(
    tx: Transaction,
    rules: RuleSet,
    tenant: str,
    side: Side,
    company_key: str,
    entity: str,
    record_ids: Iterable[int],
    *,
    origin: str,
    priority: int = 5,
    hint: dict[str, Any] | None = None,
) -> list[Poke]:
    """The work that changed records mean: for each rule that they are linked by, or that may take them up.

    A person who is deleted may be linked no more, and has to be forgotten all the same.
    """
    found: list[Poke] = []

    def add(rule: str, side: Side, key: str, entity: str, record_id: int) -> None:
        found.append(Poke(rule, side, entity, record_id, origin, key, priority, hint))

    concerned = rules.for_crm(entity) if side == "crm" else rules.for_erp(entity)
    names = [rule.rule for rule in concerned]
    forgets = entity == "person" and hint == TOLD_DELETED
    for record_id in record_ids:
        if side == "crm":
            linked = links.for_crm(tx, tenant, entity, record_id)
            by = {link.rule for link in linked}
            for rule in concerned:
                if rule.rule in by or (rule.rule != "partner" and (rule.takes_part.crm or forgets)):
                    add(rule.rule, "crm", "", entity, record_id)
            if "partner" in names and partner_pairs(linked):
                add("partner", "crm", "", entity, record_id)
        else:
            for name in names:
                if name != "partner":
                    add(name, "erp", company_key, entity, record_id)
            link = links.for_erp(tx, company_key, entity, record_id)
            if link is not None and "partner" in names:
                pairs = partner_pairs(links.for_crm(tx, tenant, link.crm_entity, link.crm_id))
                if any(link.id in (one.id, other.id) for one, other in pairs):
                    add("partner", "crm", "", link.crm_entity, link.crm_id)
    return found


def partner_pairs(linked: Iterable[Link]) -> list[tuple[Link, Link]]:
    """The companies in which a CRM company is both customer and supplier: (customer link, supplier link)."""
    by_place = {(link.company_key, link.role): link for link in linked if link.crm_entity == "contact"}
    return [
        (customer, by_place[(key, "supplier")])
        for (key, role), customer in by_place.items()
        if role == "customer" and (key, "supplier") in by_place
    ]


def poke_others(tx: Transaction, world: World, group: Group, *, include_own: bool) -> None:
    """After a write to the CRM: every other link of that record has something to hear."""
    first = group.links[0]
    own = {link.id for link in group.links}
    linked = links.for_crm(tx, first.tenant, first.crm_entity, first.crm_id)
    others = {link.rule for link in linked if link.id not in own}
    if include_own:
        others.add(group.rule.rule)
    pokes = [Poke(rule, "crm", first.crm_entity, first.crm_id, "written") for rule in sorted(others)]
    work.poke(tx, pokes, world.now())
