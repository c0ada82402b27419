"""Finding ERP records for a person: those that may be the same as a CRM record, and those that a search brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.organization_numbers import read_organization_number
from sounimicro_pipelines.store import links
from sounimicro_pipelines.sync import connecting
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.match import Identity, Reason, Register, Suggestion, compare, suggest
from sounimicro_pipelines.sync.names import fold, similarity
from sounimicro_pipelines.sync.world import World

ENOUGH_FOR_A_SEARCH = 0.6
"""How alike a name must be to what was typed, where no record holds every word of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ERP record that may be the same. `linked_to` is the CRM record that it is linked with already."""

    erp_id: int
    name: str
    number: str
    org_number: str
    postcode: str
    score: float
    reasons: tuple[Reason, ...]
    certain: bool
    linked_to: CrmAddress | None


async def candidates(world: World, record: CrmAddress, company_key: str, role: str, limit: int) -> list[Candidate]:
    """ERP records that may be this one, most likely first. Raises RequestRefused and the VendorError family."""
    rule, seen = await _seen(world, record, company_key, role)
    found = await world.erp[company_key].look_up(rule.erp[0], seen)
    known = [replace(one, linked=link is not None) for one, link in _with_links(world, rule, company_key, found)]
    return _told(world, rule, company_key, known, suggest(seen, Register(known), rule.match, limit))


async def search(
    world: World, record: CrmAddress, company_key: str, role: str, text: str, limit: int
) -> list[Candidate]:
    """ERP records with this name, number or organisation number, the best hits first; each compared with the record.

    Raises RequestRefused and the VendorError family.
    """
    rule, seen = await _seen(world, record, company_key, role)
    hits = await _hits(world, rule, company_key, text, seen.parent, limit)
    return _told(world, rule, company_key, hits, [compare(seen, one, rule.match) for one in hits])


async def customers(world: World, company_key: str, text: str, limit: int) -> list[Candidate]:
    """Customers with this name or number that are linked with a CRM company: those that a project can be for."""
    rule = world.rules.get("customer")
    hits = await _hits(world, rule, company_key, text, None, 200)
    told = _told(world, rule, company_key, hits, [Suggestion(one.id, 1.0, ()) for one in hits])
    return [one for one in told if one.linked_to is not None][:limit]


async def _seen(world: World, record: CrmAddress, company_key: str, role: str) -> tuple[Rule, Identity]:
    """The rule, and what the record is recognised by in the ERP company."""
    rule = connecting.rule_of(world, record, company_key, role)
    crm = await connecting.read_crm(world, rule, record)
    place = await connecting.place_of(world, rule, crm, company_key, role)
    return rule, replace(crm.identity, parent=place.relation) if rule.rule == "person" else crm.identity


async def _hits(
    world: World, rule: Rule, company_key: str, text: str, parent: int | None, limit: int
) -> list[Identity]:
    """What the ERP finds by a typed text, cut down to the records that hold its words."""
    text = " ".join(text.split())
    if not text:
        return []
    digits = text.replace(" ", "")
    org_number, valid = read_organization_number(digits, "NO")
    like = Identity(
        id=0,
        name=text,
        org_number=org_number if valid else "",
        number=digits if digits.isdigit() else text if rule.rule == "project" else "",
        emails=frozenset({text.casefold()}) if "@" in text else frozenset(),
        parent=parent if rule.rule == "person" else None,
    )
    found = await world.erp[company_key].look_up(rule.erp[0], like)
    wanted = [fold(word) for word in text.split()]
    near = {one.id: similarity(text, one.name) for one in found}
    exact = [
        one for one in found if (like.number and like.number == one.number) or (valid and org_number == one.org_number)
    ]
    holding = exact or [one for one in found if all(word in _searched(one) for word in wanted)]
    hits = holding or [one for one in found if near[one.id] >= ENOUGH_FOR_A_SEARCH]
    return sorted(hits, key=lambda one: (-near[one.id], one.name.casefold(), one.id))[:limit]


def _searched(one: Identity) -> str:
    parts = (one.name, one.number, one.org_number, one.postcode, *sorted(one.emails))
    return " ".join(fold(part) for part in parts)


def _with_links(
    world: World, rule: Rule, company_key: str, found: Sequence[Identity]
) -> list[tuple[Identity, links.Link | None]]:
    with world.store.read() as tx:
        return [(one, links.for_erp(tx, company_key, rule.erp[0], one.id)) for one in found]


def _told(
    world: World, rule: Rule, company_key: str, known: Sequence[Identity], found: Sequence[Suggestion]
) -> list[Candidate]:
    by_id = {one.id: (one, link) for one, link in _with_links(world, rule, company_key, known)}
    told: list[Candidate] = []
    for each in found:
        other, link = by_id[each.id]
        told.append(
            Candidate(
                erp_id=each.id,
                name=other.name,
                number=other.number,
                org_number=other.org_number,
                postcode=other.postcode,
                score=each.score,
                reasons=each.reasons,
                certain=bool(each.by) and link is None,
                linked_to=CrmAddress(link.crm_entity, link.crm_id) if link is not None else None,
            )
        )
    return told
