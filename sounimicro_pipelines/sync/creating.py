"""Creating a record exactly once: intent first, one key for all repeats, and a search before anything is repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sounimicro_pipelines.rules.values import text_of
from sounimicro_pipelines.store import intents, issues
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.allotting import own_numbers
from sounimicro_pipelines.sync.deleted import StaysDeleted, was_deleted
from sounimicro_pipelines.sync.linking import make_link
from sounimicro_pipelines.sync.orders import (
    FoundMeanwhile,
    Order,
    Unsure,
    attempts_of,
    intent_for,
    leave_unknown,
    place_of,
    take_over,
)
from sounimicro_pipelines.sync.ports import AlreadyThere, GuidOf, Port, Record
from sounimicro_pipelines.sync.seeking import ask_about_merged, look_for
from sounimicro_pipelines.sync.world import NotNow, World
from sounimicro_pipelines.transport import ValidationFailed, VendorError

LOOKS_AGAIN = 4
"""Attempts of one create before the ERP's refusal of a repeat is taken for the last word."""


async def create(world: World, order: Order) -> Link:
    """Create the record and its link. Raises NotNow while the outcome is unknown, Unsure, the transport's errors.

    Raises StaysDeleted when a person has deleted meanwhile what an earlier attempt made, and FoundMeanwhile when an
    attempt need not be repeated.
    """
    if order.side == "crm":
        own = await own_numbers(world, order.rule, order.values)
        order = replace(order, values={path: value for path, value in order.values.items() if path not in own})
    intent, fresh = intent_for(world, order)
    if not fresh:
        found = await look_for(world, order, intent)
        if found is not None:
            return _finish(world, order, intent, found.id, found.attempts)
        if order.side == "crm":
            await _leave_deleted(world, order, intent)
        await _leave_to_other_half(world, order, intent)
        if order.side == "crm":
            await ask_about_merged(world, order, intent)
        intent = take_over(world, order, intent)
    generation = intent.generation
    guid = world.guid_of(*place_of(order), generation)
    port = world.port(order.side, order.company_key)
    conditions = order.rule.takes_part.crm if order.side == "crm" else order.rule.takes_part.erp
    try:
        made = await _make(world, order, port, conditions, guid)
    except AlreadyThere:
        until = leave_unknown(world, intent)
        if intent.attempts == 0:
            raise NotNow(until, "create_unknown") from None
        raise Unsure(intent, "The ERP says that the record exists already, but does not show it.") from None
    except VendorError as error:
        if error.effect_unknown or _may_be_there(order, intent, error):
            raise NotNow(leave_unknown(world, intent), "create_unknown") from error
        with world.store.transaction() as tx:
            intents.mark(tx, intent.id, "abandoned", finished_at=world.now())
        raise
    return _finish(world, order, intent, made, attempts_of(intent)[-1:])


async def _leave_deleted(world: World, order: Order, intent: Intent) -> None:
    """Raises StaysDeleted when what an earlier attempt made has been deleted since by a person."""
    now = order.source.identity
    under = order.parent if order.rule.rule == "person" else None
    for name in dict.fromkeys((now.name, *(str(one["name"]) for one in attempts_of(intent)))):
        seen = replace(now, name=name, parent=under)
        if name and await was_deleted(world, order.rule, order.source, order.role, seen):
            with world.store.transaction() as tx:
                intents.mark(tx, intent.id, "abandoned", finished_at=world.now())
            raise StaysDeleted


async def _leave_to_other_half(world: World, order: Order, intent: Intent) -> None:
    """Raises FoundMeanwhile when the record is there by now, though not by this creation."""
    found = None if order.meeting is None else await order.meeting.match()
    if found is not None:
        with world.store.transaction() as tx:
            intents.mark(tx, intent.id, "abandoned", finished_at=world.now())
        raise FoundMeanwhile(found)


async def _make(world: World, order: Order, port: Port, conditions: Mapping[str, Sequence[str]], guid: GuidOf) -> int:
    """Create the record; without its number when another record of the CRM has that."""
    values = dict(order.values)
    try:
        return await port.create(order.entity, values, parent=order.parent, conditions=conditions, guid_of=guid)
    except ValidationFailed:
        taken = [
            path
            for path in (values if order.side == "crm" else ())
            if world.crm.keeps_unique(order.entity, path)
            and await world.crm.holder_of(order.entity, 0, path, text_of(values[path])) is not None
        ]
        if not taken:
            raise
    left = {path: value for path, value in values.items() if path not in taken}
    return await port.create(order.entity, left, parent=order.parent, conditions=conditions, guid_of=guid)


def _may_be_there(order: Order, intent: Intent, error: VendorError) -> bool:
    """Whether the ERP may refuse a repeat because the first attempt was successful.

    How it says so is not documented, so a repeat that is refused is looked for a few times more before it is believed.
    """
    return order.side == "erp" and isinstance(error, ValidationFailed) and 1 <= intent.attempts < LOOKS_AGAIN


def _finish(world: World, order: Order, intent: Intent, made: int, attempts: Sequence[Mapping[str, Any]]) -> Link:
    """The link and the end of the intent, in one transaction; the link remembers what the record was made of.

    `attempts` are those of which one has made it.
    """
    source, side = order.source, order.side
    crm = source if side == "erp" else _as_crm(order, made)
    erp = source if side == "crm" else None
    with world.store.transaction() as tx:
        link = make_link(
            tx,
            world,
            order.rule,
            crm,
            company_key=order.company_key,
            role=order.role,
            erp_entity=source.entity if side == "crm" else order.entity,
            erp_id=source.id if side == "crm" else made,
            origin=f"created_in_{side}",
            parent=order.parent_link,
            erp=erp,
            data={
                **(order.data or {}),
                **({"erp_parent": order.parent} if side == "erp" else {}),
                "made_of": [one["sent"] for one in attempts],
            },
        )
        intents.mark(tx, intent.id, "done", finished_at=world.now(), outcome={"id": made})
        issues.solve(tx, f"create:{intent.id}", now=world.now())
    return link


def _as_crm(order: Order, made: int) -> Record:
    return Record("crm", order.entity, made, {}, order.source.identity, parent=order.parent)
