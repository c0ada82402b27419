"""Looking for what an earlier attempt has created, before anything is created again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Transaction, history, intents, links
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.names import normal
from sounimicro_pipelines.sync.orders import Order, Unsure, attempts_of, register_of
from sounimicro_pipelines.sync.ports import Port, Record
from sounimicro_pipelines.sync.world import NotNow, World

SKEW = timedelta(minutes=2)
"""How far the systems' clocks may be behind ours when we search for what we have just created."""
LOOKED_BACK = timedelta(hours=1)
"""Farther back than either side looks for what we have created, by whatever clock."""
LINKED_OTHERWISE = "The record that was created for it is linked with another one meanwhile."


NOBODY_KNOWS: dict[str, Any] = {"sent": {}}
"""An attempt of which it is not known what it has sent."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a creation has come to: the record's id, and the attempts of which one has made it, as far as is known.

    Where another creation may have made it as well, such as that of a customer's supplier, one of them is nobody's.
    """

    id: int
    attempts: Sequence[Mapping[str, Any]]


async def look_for(world: World, order: Order, intent: Intent) -> Found | None:
    """What an earlier attempt has made, or None when it has surely made nothing. Raises NotNow or Unsure."""
    wait_for_effect(world, intent)
    if order.side == "crm":
        marked = await world.crm.marked(order.entity, order.company_key, order.role, order.source.id)
        if marked is not None:
            return Found(marked, attempts_of(intent))
    port = world.port(order.side, order.company_key)
    parent = order.parent if order.rule.rule == "person" else None
    found = await made_by(world, order.rule, order.entity, intent, order.source, parent)
    if found is not None:
        with world.store.read() as tx:
            is_mine = not _explained(found, _others(tx, intent))
        return Found(found.id, attempts_of(intent) if is_mine else [*attempts_of(intent), NOBODY_KNOWS])
    if order.side == "erp" and order.meeting is None:
        await _natural_key(world, order, intent, port)
    return None


async def ask_about_merged(world: World, order: Order, intent: Intent) -> None:
    """Raises Unsure when people have merged away what an earlier attempt may have made, which leaves its id alone.

    That may be whatever is younger than all that had been linked before, and was never linked itself.
    """
    merges = await world.crm.merges(intent.created_at - SKEW) or ()
    with world.store.read() as tx:
        newest = links.newest_in_crm(tx, world.tenant, order.entity, before=intent.created_at)
        for one in merges:
            young = one.entity == order.entity and one.source > newest
            if young and not history.of_record(tx, tenant=world.tenant, crm=(one.entity, one.source), limit=1):
                raise Unsure(intent, "What was created has perhaps been merged into another record since.")


def wait_for_effect(world: World, intent: Intent) -> None:
    """Raises NotNow while an attempt may still take effect, or what it made be hidden from a search."""
    wait = max(world.patience.late_effect, world.patience.search_lag)
    until = intent.not_before or (intent.sent_at or intent.created_at) + timedelta(seconds=wait)
    if until > world.now():
        raise NotNow(until, "create_unknown")


async def made_by(
    world: World, rule: Rule, entity: str, intent: Intent, source: Record | None, parent: int | None
) -> Record | None:
    """The record that an intent has made, by what was sent or by what its source says now. Raises Unsure.

    `source` is None when it is gone; what was made for it and is linked with another one is that one's then.
    """
    side: Side = "crm" if intent.side == "crm" else "erp"
    port = world.port(side, intent.company_key)
    made = await port.created_by_us(
        entity, intent.created_at - SKEW, rule.crm_paths() if side == "crm" else rule.erp_paths()
    )
    with world.store.read() as tx:
        linked = {one.id for one in made if _is_linked(tx, world, intent, one)}
        others = _others(tx, intent)
        outcomes = _outcomes(tx, intent)
        foreign = [one for one in made if one.id in linked - outcomes]
        merged = {one.id for one in foreign if side == "crm" and _took_up(tx, world, one)}
    near = [one for one in made if one.id not in linked | outcomes and (parent is None or one.parent == parent)]
    now = {"name": source.identity.name, "org_number": source.identity.org_number} if source is not None else {}
    mine = [one for one in near if is_of(one, intent) or _says(one, now)]
    taken = [one for one in foreign if is_of(one, intent) or one.id in merged]
    if taken and not mine:
        if source is None:
            return None
        raise Unsure(intent, LINKED_OTHERWISE)
    if len(mine) > 1:
        raise Unsure(intent, "More than one record may be the one that was created.")
    # Where the ERP does not tell who we are, these are everybody's; the key that goes along keeps it from a second one.
    if not mine and any(one.created_by_us and not _explained(one, others) for one in near):
        raise Unsure(intent, "A record that we created cannot be told: its name has been changed since.")
    return mine[0] if mine else None


def _others(tx: Transaction, intent: Intent) -> list[Intent]:
    """What else is unfinished in the register, by whichever rule."""
    return [one for one in intents.living(tx) if one.id != intent.id and register_of(one) == register_of(intent)]


def _outcomes(tx: Transaction, intent: Intent) -> set[int]:
    """The records of which other creates have known, since this one or not long before, that they made them."""
    since = intent.created_at - LOOKED_BACK
    ended = intents.ended_creates(tx, side=intent.side, register=register_of(intent), since=since)
    return {int(one.outcome["id"]) for one in ended if one.outcome}


def _explained(made: Record, others: Sequence[Intent]) -> bool:
    """Whether another unfinished create accounts for a record."""
    return any(is_of(made, one) for one in others if one.kind == "create")


async def _natural_key(world: World, order: Order, intent: Intent, port: Port) -> None:
    """A record that has come to be meanwhile under the same number or name is a person's to judge. Raises Unsure."""
    mine = replace(order.source.identity, parent=order.parent if order.rule.rule == "person" else None)
    alike = [one for one in await port.look_up(order.entity, mine) if _is_named_alike(one, mine)]
    with world.store.read() as tx:
        free = [one for one in alike if links.for_erp(tx, order.company_key, order.entity, one.id) is None]
    for one in free:
        record = await port.read(order.entity, one.id, order.rule.erp_paths())
        if record is not None and (record.created is None or record.created >= intent.created_at - SKEW):
            raise Unsure(intent, "The ERP has a new record of the same number or name that we did not create.")


def _is_named_alike(one: Identity, mine: Identity) -> bool:
    if one.org_number and mine.org_number:
        return one.org_number == mine.org_number
    return normal(one.name) == normal(mine.name) and (mine.parent is None or one.parent == mine.parent)


def is_of(made: Record, intent: Intent) -> bool:
    """Whether a record looks like what some attempt has sent."""
    return any(_says(made, one) for one in attempts_of(intent))


def _says(made: Record, sent: Mapping[str, Any]) -> bool:
    if sent.get("org_number") and made.identity.org_number:
        return bool(made.identity.org_number == sent["org_number"])
    return normal(made.identity.name) == normal(str(sent.get("name") or ""))


def _took_up(tx: Transaction, world: World, made: Record) -> bool:
    """Whether a record of the CRM got its link by a merge, which says nothing of what it was made for."""
    told = history.of_record(tx, tenant=world.tenant, crm=(made.entity, made.id))
    return any(one.kind == "link" and one.reason == "merged" for one in told)


def _is_linked(tx: Transaction, world: World, intent: Intent, made: Record) -> bool:
    """Whether a record is taken at the place for which the intent creates: the same company, in the same role."""
    if made.side == "erp":
        return links.for_erp(tx, made.company_key, made.entity, made.id) is not None
    if (intent.company_key, intent.role) in made.markers:
        return True
    place = (made.entity, made.id, intent.company_key, intent.role)
    return links.for_crm_place(tx, world.tenant, *place) is not None
