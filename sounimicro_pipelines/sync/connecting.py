"""The steps behind a person's requests: where a record belongs in an ERP company, and linking, creating, ending it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import Problem, Side
from sounimicro_pipelines.store import Outdated, links, work
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.agreement import Agreed, agree
from sounimicro_pipelines.sync.asking import field_named, may_choose, nearest_field, too_long
from sounimicro_pipelines.sync.creating import create
from sounimicro_pipelines.sync.ending import check_guard, handle_gone
from sounimicro_pipelines.sync.engine import single
from sounimicro_pipelines.sync.filling import new_values
from sounimicro_pipelines.sync.linking import end_link, make_link, take_off
from sounimicro_pipelines.sync.marks import take_off_mark
from sounimicro_pipelines.sync.orders import Order
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.routing import AT_ONCE, partner_pairs
from sounimicro_pipelines.sync.translate import paths_of, read_field
from sounimicro_pipelines.sync.weigh import Group
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import VendorError

PARTY_ROLES = ("customer", "supplier")


class RequestRefused(SounimicroError):
    """A request that cannot be carried out. `kind` is one word for programs; `problems` are by field key."""

    exit_code = 2

    def __init__(
        self, kind: str, message: str, *, remedy: str = "", problems: Mapping[str, Problem] | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
        self.problems = dict(problems or {})

    @classmethod
    def by_fields(cls, problems: Mapping[str, Problem]) -> RequestRefused:
        """Several fields are missing or unfit; the text names each."""
        lines = [f"{key}: {one.cause} {one.remedy}".strip() if key else one.cause for key, one in problems.items()]
        return cls("fields", "\n".join(lines), problems=problems)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a CRM record belongs in an ERP company. `relation` is a person's company there, as a business relation.

    `parent` is the link of a person's company, or of the customer that a project is for.
    """

    rule: Rule
    company_key: str
    role: str
    parent: Link | None = None
    relation: int | None = None

    def link_to(self, world: World, crm: Record, erp: Record) -> Link:
        """The link as it would be; it is not stored."""
        return Link(
            rule=self.rule.rule,
            tenant=world.tenant,
            crm_entity=crm.entity,
            crm_id=crm.id,
            company_key=self.company_key,
            role=self.role,
            erp_entity=erp.entity,
            erp_id=erp.id,
            generation=1,
            origin="chosen",
            created_at=world.now(),
            created_by=world.by,
        )


def rule_of(world: World, record: CrmAddress, company_key: str, role: str, *, demand_role: bool = True) -> Rule:
    """The rule by which a record is linked in a role. Raises RequestRefused."""
    if company_key not in world.erp:
        raise RequestRefused(
            "no_such_company", "The ERP company is not in use.", remedy="Choose one of the companies in use."
        )
    if record.entity == "contact":
        if role not in PARTY_ROLES:
            if not demand_role and not role:
                role = "customer"
            else:
                raise RequestRefused(
                    "no_such_role",
                    f"A company is linked as customer or as supplier, not as «{role}».",
                    remedy="Choose customer or supplier; a partner is linked as both, one after the other.",
                )
        name = role
    else:
        name = record.entity
    rule = world.rules.get(name)
    if not rule.active:
        raise RequestRefused(
            "not_active", f"The rule {name} is not active.", remedy="Activate it in the administration."
        )
    return rule


def demand_live(world: World, company_key: str) -> None:
    """Raises RequestRefused for a company whose go-live report nobody has accepted."""
    with world.store.read() as tx:
        live = world.is_live(tx, company_key)
    if not live:
        raise RequestRefused(
            "not_live",
            "The sync may not write for this ERP company yet.",
            remedy="Look at its go-live report and accept it: sounimicro sync --go-live --company <alias>.",
        )


async def read_crm(world: World, rule: Rule, record: CrmAddress) -> Record:
    """The CRM record. Raises RequestRefused when it is gone or must not be written."""
    found = await world.crm.read(record.entity, record.id, rule.crm_paths())
    if found is None:
        raise RequestRefused("gone", f"There is no {record} in the CRM.", remedy="Open the record anew.")
    if found.locked is not None:
        raise RequestRefused("locked", found.locked, remedy="Such records are not synchronized.")
    return found


async def read_erp(world: World, rule: Rule, company_key: str, erp_id: int) -> Record:
    """The ERP record. Raises RequestRefused when it is gone."""
    found = await world.erp[company_key].read(rule.erp[0], erp_id, rule.erp_paths())
    if found is None:
        raise RequestRefused(
            "gone", f"There is no {rule.erp[0]} {erp_id} in this ERP company.", remedy="Choose another candidate."
        )
    return found


async def place_of(
    world: World, rule: Rule, crm: Record, company_key: str, role: str, *, customer: int | None = None
) -> Place:
    """Where the record belongs. Raises RequestRefused for a person whose company is not linked there."""
    if rule.rule == "person":
        parent = _parent_link(world, crm, company_key, role)
        relation = int((parent.data or {}).get("erp_relation") or 0)
        if not relation:
            party = await world.erp[company_key].read(parent.erp_entity, parent.erp_id, ())
            relation = (party.relation if party is not None else None) or 0
        if not relation:
            raise RequestRefused(
                "no_parent", "The person's company is gone from the ERP.", remedy="Connect the company anew first."
            )
        return Place(rule, company_key, parent.role, parent, relation)
    if rule.rule == "project" and customer is not None:
        with world.store.read() as tx:
            above = links.for_crm_place(tx, world.tenant, "contact", customer, company_key, "customer")
        if above is None:
            raise RequestRefused(
                "no_parent",
                "The project's company is no customer in this ERP company.",
                remedy="Connect or create it as a customer first, or choose no customer.",
            )
        return Place(rule, company_key, rule.role, above)
    return Place(rule, company_key, rule.role)


async def connect(world: World, place: Place, crm: Record, erp: Record, choices: Mapping[str, Side]) -> Link:
    """Link two records that a person has chosen. Raises RequestRefused when either is linked elsewhere."""
    _demand_unlinked(world, place, crm)
    if place.rule.rule == "person" and erp.parent != place.relation:
        raise RequestRefused(
            "other_parent",
            "The contact in the ERP belongs to another company than the person.",
            remedy="Choose a contact of the same company.",
        )
    parent = place.parent
    with world.store.read() as tx:
        taken = links.for_erp(tx, place.company_key, erp.entity, erp.id)
        if place.rule.rule == "project" and erp.parent is not None:
            parent = links.for_erp(tx, place.company_key, "Customer", erp.parent)
    if taken is not None:
        raise RequestRefused(
            "already_linked",
            f"{erp.entity} {erp.id} is linked with crm:{taken.crm_entity}:{taken.crm_id} already.",
            remedy="Disconnect that one first, or choose another.",
        )
    marked = crm.markers.get((place.company_key, place.role))
    if marked is not None and marked != erp.id:
        await take_off_mark(world, place.rule, crm, place.company_key, place.role)
    try:
        with world.store.transaction() as tx:
            return make_link(
                tx,
                world,
                place.rule,
                crm,
                company_key=place.company_key,
                role=place.role,
                erp_entity=erp.entity,
                erp_id=erp.id,
                origin="chosen",
                parent=parent,
                erp=erp,
                data={"erp_relation": erp.relation, **({"choices": dict(choices)} if choices else {})},
            )
    except Outdated as error:
        raise RequestRefused("already_linked", error.message, remedy=error.remedy) from None


async def create_there(world: World, place: Place, crm: Record, answers: Mapping[str, str]) -> Link:
    """Create the record in the ERP. Raises RequestRefused, Incomplete, Unsure, NotNow and the transport's errors."""
    rule = place.rule
    _demand_unlinked(world, place, crm)
    said = _by_key(world, place, answers)
    values = new_values(world, rule, _of_company(crm, place.company_key), "erp", said)
    port = world.erp[place.company_key]
    problems: dict[str, Problem] = {}
    for one in rule.fields:
        text = str(values.get(one.erp[0]) or "") if one.erp else ""
        problem = too_long(port, rule, one, text) if one.erp else None
        if problem is not None:
            problems[one.key] = problem
    if problems:
        raise RequestRefused.by_fields(problems)
    parent = place.relation if rule.rule == "person" else place.parent.erp_id if place.parent is not None else None
    await take_off_mark(world, rule, crm, place.company_key, place.role)
    return await create(
        world,
        Order(
            rule,
            "erp",
            crm,
            rule.erp[0],
            place.company_key,
            place.role,
            values,
            parent=parent,
            parent_link=place.parent,
            data={"erp_relation": None, **_answers_win(world, place, crm, said)},
            answers=said,
        ),
    )


async def agree_at_once(world: World, link: Link) -> list[Agreed]:
    """Bring a link into agreement, and the pair that it makes under the partner rule. Raises as the engine does."""
    rule = world.rules.get(link.rule)
    with world.store.read() as tx:
        check_guard(tx, "crm", "", link.crm_entity, world)
        check_guard(tx, "erp", link.company_key, link.erp_entity, world)
        linked = links.for_crm(tx, world.tenant, link.crm_entity, link.crm_id)
    groups = [single(world, rule, link, linked)]
    partner = world.rules.get("partner")
    if partner.active:
        for pair in partner_pairs(linked):
            if link.id in (one.id for one in pair):
                groups.append(Group(partner, world.rules.version("partner"), partner.fields, pair))
    found: list[Agreed] = []
    for position, group in enumerate(groups):
        if position:
            with world.store.read() as tx:
                current = [links.get(tx, one.id) for one in group.links]
            group = Group(group.rule, group.version, group.fields, tuple(one for one in current if one is not None))
            if len(group.links) != len(current):
                continue
        result = await agree(world, group)
        found.append(result)
        if result.gone is not None:
            await handle_gone(world, result.gone)
            break
    return found


def link_to_end(world: World, record: CrmAddress, company_key: str, role: str) -> Link:
    """The link of the record in a company; `role` may be left out where there is but one. Raises RequestRefused."""
    with world.store.read() as tx:
        linked = [
            one
            for one in links.for_crm(tx, world.tenant, record.entity, record.id)
            if one.company_key == company_key and role in ("", one.role, one.rule)
        ]
    if len(linked) == 1:
        return linked[0]
    if linked:
        roles = " and ".join(one.role for one in linked)
        raise RequestRefused("which_role", f"{record} is linked as {roles}.", remedy="Say in which role.")
    raise RequestRefused("not_linked", f"{record} is not linked there.", remedy="There is nothing to disconnect.")


async def disconnect(world: World, link: Link) -> str:
    """End a link and those of the persons below it; answers what is left to the engine, "" when nothing is.

    Where the company stays linked in its other role, its persons stay linked too.
    """
    unmark: list[Intent | None] = []
    with world.store.transaction() as tx:
        current = links.get(tx, link.id, lock=True)
        if current is None:
            raise RequestRefused("not_linked", "The record has been disconnected meanwhile.")
        others = [
            one
            for one in links.for_crm(tx, link.tenant, link.crm_entity, link.crm_id)
            if one.company_key == link.company_key and one.id != link.id
        ]
        same = [one for one in others if _relation(one) and _relation(one) == _relation(current)]
        for child in links.children(tx, link.id):
            if child.rule != "person":
                continue
            if same:
                links.change(tx, child.id, parent_link_id=same[0].id)
            else:
                unmark.append(end_link(tx, world, child, reason="unlinked", side=None, cause="", remedy=""))
        unmark.append(end_link(tx, world, current, reason="unlinked", side=None, cause="", remedy=""))
    try:
        for one in unmark:
            if one is not None:
                await take_off(world, one)
    except VendorError as error:
        return f"The mark on the CRM record is taken off later: {error.message}"
    return ""


def leave_to_engine(world: World, rule: Rule, record: CrmAddress, until: datetime) -> None:
    """Let the engine find out what became of a create."""
    with world.store.transaction() as tx:
        poke = Poke(rule.rule, "crm", record.entity, record.id, "person", priority=AT_ONCE, not_before=until)
        work.poke(tx, [poke], world.now())


def _parent_link(world: World, crm: Record, company_key: str, role: str) -> Link:
    wanted: Sequence[str] = (role,) if role in PARTY_ROLES else PARTY_ROLES
    with world.store.read() as tx:
        found = [links.for_crm_place(tx, world.tenant, "contact", crm.parent or 0, company_key, one) for one in wanted]
    for link in found:
        if link is not None and link.state == "active":
            return link
    raise RequestRefused(
        "no_parent",
        "The person's company is not linked in this ERP company.",
        remedy="Connect or create the company first; then its persons.",
    )


def _demand_unlinked(world: World, place: Place, crm: Record) -> None:
    with world.store.read() as tx:
        link = links.for_crm_place(tx, world.tenant, crm.entity, crm.id, place.company_key, place.role)
        if link is None and place.rule.rule == "person":
            # Customer and supplier may share a business relation, and its contacts with it.
            linked = links.for_crm(tx, world.tenant, crm.entity, crm.id)
            there = (place.company_key, place.relation)
            link = next((one for one in linked if (one.company_key, (one.data or {}).get("erp_parent")) == there), None)
    if link is not None:
        raise RequestRefused(
            "already_linked",
            f"crm:{crm.entity}:{crm.id} is linked with {link.erp_entity} {link.erp_id} already.",
            remedy="Disconnect it first, or choose another company or role.",
        )


def _by_key(world: World, place: Place, answers: Mapping[str, str]) -> dict[str, str]:
    """A person's answers by field key. Raises RequestRefused for fields that the rule has not or may not write."""
    found: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    with world.store.read() as tx:
        items = world.items(tx, place.company_key)
    for name, text in answers.items():
        one = field_named(place.rule, name)
        if one is None or not one.erp:
            remedy = nearest_field(place.rule, name)
            problems[name] = Problem("no_such_field", f"The rule has no field {name} of the ERP.", remedy)
            continue
        if one.direction == "to_crm":
            problems[one.key] = Problem("not_written", f"{one.name} is the ERP's own.", "Leave it out.")
            continue
        options = {erp for _, erp in items[one.list].pairs} if one.list and one.list in items else set()
        if text.strip() and options and not one.crm and text.strip() not in options:
            known = ", ".join(sorted(options))
            problems[one.key] = Problem("no_such_item", f"{one.name} has no such item.", f"It has {known}.")
            continue
        if text.strip() and one.list and not one.crm and not text.strip().isdecimal():
            remedy = "Give the number by which the ERP knows the item."
            problems[one.key] = Problem("no_such_item", f"{one.name} has no item «{text.strip()}».", remedy)
            continue
        found[one.key] = text.strip()
    if problems:
        raise RequestRefused.by_fields(problems)
    return found


def _answers_win(world: World, place: Place, crm: Record, said: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Where an answer differs from what stands in the CRM, the person has chosen it for both."""
    chosen: dict[str, str] = {}
    with world.store.read() as tx:
        items = world.items(tx, place.company_key)
        owners = links.owners(tx, world.tenant, crm.entity, crm.id)
        first = not links.for_crm(tx, world.tenant, crm.entity, crm.id)
    for key, text in said.items():
        one = place.rule.field(key)
        if one is None or not text or not paths_of(one, "crm") or read_field(one, crm, items).empty:
            continue
        if "erp" in may_choose(one, owns=first and key not in owners):
            chosen[key] = "erp"
    return {"choices": chosen} if chosen else {}


def _of_company(crm: Record, company_key: str) -> Record:
    """The CRM record as it is read for one company: with that company's list mappings."""
    return replace(crm, company_key=company_key)


def _relation(link: Link) -> int:
    return int((link.data or {}).get("erp_relation") or 0)
