"""Records that are linked to nothing yet: restored by our marker, matched, created on the other side, or left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import Outdated, Transaction, intents, links
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.alike import ask, not_told_apart, should_be_asked
from sounimicro_pipelines.sync.creating import create
from sounimicro_pipelines.sync.deleted import StaysDeleted, was_deleted
from sounimicro_pipelines.sync.filling import Incomplete, new_values
from sounimicro_pipelines.sync.holding import demand_free
from sounimicro_pipelines.sync.linking import is_kept_apart, make_link
from sounimicro_pipelines.sync.marks import asked_about_half, half_in_crm, half_in_erp, take_off_mark
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.matching import match_in_crm, match_in_erp
from sounimicro_pipelines.sync.orders import FoundMeanwhile, Meeting, Order, Unsure
from sounimicro_pipelines.sync.orphans import creates_for, give_up_creates
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.seeking import LINKED_OTHERWISE, is_of
from sounimicro_pipelines.sync.translate import initiates, takes_part
from sounimicro_pipelines.sync.world import NotNow, World


async def meet_erp(world: World, rule: Rule, company_key: str, entity: str, erp_id: int) -> list[Link]:
    """An ERP record that is linked to nothing: the links that were made for it."""
    port = world.erp[company_key]
    with world.store.read() as tx:
        apart = is_kept_apart(links.tombstones_for_erp(tx, company_key, entity, erp_id), company_key)
        left = creates_for(tx, world, rule, erp=(company_key, entity, erp_id))
    record = None if apart else await port.read(entity, erp_id, rule.erp_paths())
    if record is None:
        await give_up_creates(world, rule, left)
        return []
    if _is_being_made(world, rule, record):
        raise NotNow(world.later(world.patience.search_lag), "create_elsewhere")
    under_way = _living_creates(world, record)
    if not under_way and not takes_part(rule, record):
        return []
    parents: list[Link | None] = [None]
    if rule.rule == "person":
        above = await _parents_of_contact(world, record)
        if not above:
            await give_up_creates(world, rule, under_way)
        parents = [one for one in above if one.state == "active"]
        if not parents:
            return []
    elif rule.rule == "project":
        parents = [_customer_link(world, record)]
    parent = parents[0]
    role = parent.role if rule.rule == "person" and parent is not None else rule.role
    if rule.rule == "person" and parent is not None:
        seen = replace(record.identity, parent=parent.crm_id)
    else:
        seen = record.identity
    meeting = Meeting(world.now(), partial(_meet_in_crm, world, rule, record, seen, role, parent))
    if under_way:
        return await _go_on(world, _order_in_crm(world, rule, record, role, parent, meeting), under_way[0])
    half = await half_in_crm(world, rule, record, role)
    if half is not None:
        if half.is_free:
            return [_link(world, rule, half.record, record, role, "restored", parent, found=half.record)]
        if asked_about_half(world, rule, record, half):
            return []
    made = await meeting.match()
    if made is not None:
        return made
    if await was_deleted(world, rule, record, role, seen):
        return []
    return await _create_in_crm(world, _order_in_crm(world, rule, record, role, parent, meeting))


async def _meet_in_crm(
    world: World, rule: Rule, record: Record, seen: Identity, role: str, parent: Link | None
) -> list[Link] | None:
    """The link with the CRM record that an ERP record matches; none where that is left to a person.

    None when the CRM has no such record, so that one is to be created.
    """
    found, near = not_told_apart(world, rule, record, *await match_in_crm(world, rule, seen, record, role))
    if found is not None:
        crm = await world.crm.read(rule.crm, found.id, rule.crm_paths())
        if crm is None:
            return []
        if _apart(world, crm, record.company_key, role):
            ask(world, rule, record, [found])
            return []
        return [_link(world, rule, crm, record, role, f"matched:{found.by}", parent, found=crm)]
    if rule.create.in_crm != "automatic":
        return []
    if await should_be_asked(world, rule, record, near, record.company_key, seen.parent):
        return []
    return None


async def meet_crm(world: World, rule: Rule, crm: Record) -> list[Link]:
    """A CRM record: the links that were made for it with companies where it has none in this rule's role."""
    made: list[Link] = []
    places: list[tuple[str, str, Link | None]] = []
    with world.store.read() as tx:
        if rule.rule == "person":
            places += [(above.company_key, above.role, above) for above in _companies_of(tx, world, crm)]
        else:
            places = [(key, rule.role, None) for key in world.erp]
        stones = links.tombstones_for_crm(tx, world.tenant, crm.entity, crm.id)
        places = [
            (key, role, parent)
            for key, role, parent in places
            if key in world.erp
            and world.is_live(tx, key)
            and links.for_crm_place(tx, world.tenant, crm.entity, crm.id, key, role) is None
            and not is_kept_apart(stones, key, role)
        ]
        left = _without_place(tx, world, rule, crm, places)
        if crm.created_by_us and not crm.markers and _creates_under_way(tx, rule):
            raise NotNow(world.later(world.patience.search_lag), "create_elsewhere")
    await give_up_creates(world, rule, left)
    for key, role, parent in places:
        link = await _meet_in(world, rule, crm, key, role, parent)
        if link is not None:
            made.append(link)
    return made


async def _meet_in(world: World, rule: Rule, crm: Record, key: str, role: str, parent: Link | None) -> Link | None:
    entity = _entity(rule)
    half = await half_in_erp(world, rule, crm, key, role)
    if half is not None and half.is_free:
        return _link(world, rule, crm, half.record, role, "restored", parent, found=half.record)
    with world.store.read() as tx:
        living = intents.living_for(tx, tenant=world.tenant, crm=(crm.entity, crm.id))
    under_way = next(
        (one for one in living if (one.kind, one.side, one.company_key, one.role) == ("create", "erp", key, role)), None
    )
    if under_way is None and (not initiates(rule, "crm") or not takes_part(rule, crm)):
        return None
    here = replace(crm, company_key=key)
    if half is not None and under_way is None:
        if asked_about_half(world, rule, here, half):
            return None
        await take_off_mark(world, rule, crm, key, role)
    relation = int((parent.data or {}).get("erp_relation") or 0) if parent is not None else 0
    if rule.rule == "person" and not relation:
        return None
    identity = replace(crm.identity, parent=relation) if rule.rule == "person" else crm.identity
    creates = world.creates_in_erp(rule, key)
    match = partial(_meet_in_erp, world, rule, here, identity, role, parent, creates=creates)
    meeting = Meeting(world.now(), match)
    if under_way is None:
        met = await match()
        if met is not None:
            return next(iter(met), None)
    if under_way is not None and rule.rule == "project":
        parent = _chosen_customer(world, under_way)
        relation = parent.erp_id if parent is not None else 0
    said = under_way.body if under_way is not None else {}
    answers = dict(said.get("answers") or {})
    try:
        values = new_values(world, rule, here, "erp", answers)
    except Incomplete as error:
        if under_way is not None:
            raise NotNow(world.later(world.patience.longest_backoff), "create_unknown") from error
        raise
    order = Order(
        rule,
        "erp",
        crm,
        entity,
        key,
        role,
        values,
        parent=relation or None,
        parent_link=parent,
        data=dict(said.get("data") or {"erp_relation": None}),
        answers=answers,
        meeting=meeting if creates else None,
    )
    try:
        return await create(world, order)
    except FoundMeanwhile as there:
        return next(iter(there.links), None)


async def _meet_in_erp(
    world: World, rule: Rule, crm: Record, identity: Identity, role: str, parent: Link | None, *, creates: bool
) -> list[Link] | None:
    """The link with the ERP record of the company of `crm` that it matches; none where that is left to a person.

    None when there is no such record, so that one is to be created, which is not done unless the rule `creates`.
    """
    key = crm.company_key
    found, near = not_told_apart(world, rule, crm, *await match_in_erp(world, rule, identity, crm, key))
    if found is not None:
        erp = await world.erp[key].read(_entity(rule), found.id, rule.erp_paths())
        if erp is None:
            return []
        if _apart_erp(world, key, erp):
            ask(world, rule, crm, [found])
            return []
        return [_link(world, rule, crm, erp, role, f"matched:{found.by}", parent, found=erp)]
    if not creates or await should_be_asked(world, rule, crm, near, key, identity.parent):
        return []
    return None


def _companies_of(tx: Transaction, world: World, person: Record) -> list[Link]:
    """The links of a person's company, of each of the ERP's business relations one.

    Where customer and supplier share one, so do they share its contacts: the person is there already when linked.
    """
    if person.parent is None:
        return []
    mine = links.for_crm(tx, world.tenant, person.entity, person.id)
    taken = {(one.company_key, (one.data or {}).get("erp_parent")): one.role for one in mine}
    found: list[Link] = []
    for above in links.for_crm(tx, world.tenant, "contact", person.parent):
        relation = (above.data or {}).get("erp_relation")
        if relation is None or taken.setdefault((above.company_key, relation), above.role) == above.role:
            found.append(above)
    return found


def _without_place(
    tx: Transaction, world: World, rule: Rule, crm: Record, places: Sequence[tuple[str, str, Link | None]]
) -> list[Intent]:
    """The unfinished creates of a record that nobody can finish.

    Its place is linked otherwise or kept apart meanwhile, or a person's company is not linked there any more.
    """
    free = {(key, role) for key, role, _ in places}
    found = creates_for(tx, world, rule, crm=(crm.entity, crm.id))
    known = [one for one in found if one.company_key in world.erp and world.is_live(tx, one.company_key)]
    return [one for one in known if (one.company_key, one.role) not in free]


def _chosen_customer(world: World, under_way: Intent) -> Link | None:
    """The customer that a person chose for a project whose creation is not finished."""
    with world.store.read() as tx:
        return links.get(tx, int(under_way.body.get("parent_link") or 0))


async def _parents_of_contact(world: World, record: Record) -> Sequence[Link]:
    """The links of the companies that a contact belongs to, the customer's first."""
    if record.parent is None:
        return ()
    parties = await world.erp[record.company_key].parties(record.parent)
    with world.store.read() as tx:
        found = [links.for_erp(tx, record.company_key, entity, party) for entity, party in parties]
    return sorted((link for link in found if link is not None), key=lambda one: one.role)


def _customer_link(world: World, record: Record) -> Link | None:
    if record.parent is None:
        return None
    with world.store.read() as tx:
        return links.for_erp(tx, record.company_key, "Customer", record.parent)


def _order_in_crm(world: World, rule: Rule, record: Record, role: str, parent: Link | None, meeting: Meeting) -> Order:
    under = parent.crm_id if rule.rule == "person" and parent is not None else None
    values = new_values(world, rule, record, "crm", {})
    data = {"erp_parent": record.parent} if rule.rule == "person" else None
    return Order(rule, "crm", record, rule.crm, record.company_key, role, values, under, parent, data, meeting=meeting)


def _living_creates(world: World, record: Record) -> list[Intent]:
    """The unfinished creates in the CRM for an ERP record."""
    with world.store.read() as tx:
        found = intents.living_for(tx, tenant=world.tenant, erp=(record.company_key, record.entity, record.id))
    return [one for one in found if (one.kind, one.side) == ("create", "crm")]


async def _create_in_crm(world: World, order: Order) -> list[Link]:
    """The link of the new record; none when people have deleted it meanwhile. Raises as `create` does."""
    try:
        return [await create(world, order)]
    except StaysDeleted:
        return []


async def _go_on(world: World, order: Order, under_way: Intent) -> list[Link]:
    """Bring an unfinished create to its end. Raises as `create` does."""
    source = order.source
    try:
        return await _create_in_crm(world, order)
    except FoundMeanwhile as met:
        return met.links
    except Outdated:
        with world.store.read() as tx:
            linked = links.for_erp(tx, order.company_key, source.entity, source.id)
        if linked is not None:
            raise
        raise Unsure(under_way, LINKED_OTHERWISE) from None


def _is_being_made(world: World, rule: Rule, record: Record) -> bool:
    """Whether some create in this company has not been cleared up, so that a new record of ours may be its outcome.

    Where the ERP does not tell who has made it, one that looks like what was sent may be.
    """
    with world.store.read() as tx:
        left = intents.living(tx, rule=rule.rule)
    mine = [one for one in left if (one.kind, one.side, one.company_key) == ("create", "erp", record.company_key)]
    if record.created_by_us is None:
        return any(is_of(record, one) for one in mine)
    return record.created_by_us and bool(mine)


def _creates_under_way(tx: Transaction, rule: Rule) -> bool:
    """Whether some create in the CRM, for a customer or a supplier alike, has not been cleared up."""
    return any((one.kind, one.side, one.crm_entity) == ("create", "crm", rule.crm) for one in intents.living(tx))


def _link(
    world: World, rule: Rule, crm: Record, erp: Record, role: str, origin: str, parent: Link | None, *, found: Record
) -> Link:
    """Link two records; `found` is the one that was met by the other. Raises NotNow while somebody works on it."""
    with world.store.transaction() as tx:
        demand_free(tx, world, found)
        return make_link(
            tx,
            world,
            rule,
            crm,
            company_key=erp.company_key,
            role=role,
            erp_entity=erp.entity,
            erp_id=erp.id,
            origin=origin.split(":")[0],
            parent=parent,
            erp=erp,
            data={"erp_relation": erp.relation, "matched_by": origin.partition(":")[2] or None},
        )


def _apart(world: World, crm: Record, company_key: str, role: str) -> bool:
    with world.store.read() as tx:
        return is_kept_apart(links.tombstones_for_crm(tx, world.tenant, crm.entity, crm.id), company_key, role)


def _apart_erp(world: World, company_key: str, erp: Record) -> bool:
    with world.store.read() as tx:
        return is_kept_apart(links.tombstones_for_erp(tx, company_key, erp.entity, erp.id), company_key)


def _entity(rule: Rule) -> str:
    return rule.erp[0]
