"""A record that is to be created, and the one intent that stands for it until it is there, whoever tries how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import Scalar, Side
from sounimicro_pipelines.store import Outdated, Transaction, intents, links
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.match import Identity
from sounimicro_pipelines.sync.names import normal
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.translate import context_of, paths_of, read_field
from sounimicro_pipelines.sync.world import NotNow, World


class Unsure(Exception):
    """Nobody but a person can say whether the record exists already."""

    def __init__(self, intent: Intent, cause: str) -> None:
        super().__init__(cause)
        self.intent = intent
        self.cause = cause


class FoundMeanwhile(Exception):
    """While a creation waited its record came to be by another way: a company may be customer and supplier.

    `links` are those that were made with it; without any it is left to a person whether it has.
    """

    def __init__(self, links: list[Link]) -> None:
        super().__init__(len(links))
        self.links = links


@dataclass(frozen=True, slots=True)
class Meeting:
    """How a record is matched with what the other system has, and when that was begun.

    `match` answers the links that were made, none while a person is asked, None where the record has no other half.
    """

    began: datetime
    match: Callable[[], Awaitable[list[Link] | None]]


@dataclass(frozen=True, slots=True)
class Order:
    """A record to be created on `side` for the record `source` of the other side.

    `parent` is the id under which it is created there; `parent_link` the link that it will hang on. `answers` are a
    person's, by field key; they and `data` are kept with the intent, so that a repeated attempt is the same. Before one
    is repeated, `meeting` looks for a record that does not come of it; None where a person has asked for a new one.
    """

    rule: Rule
    side: Side
    source: Record
    entity: str
    company_key: str
    role: str
    values: Mapping[str, Scalar]
    parent: int | None = None
    parent_link: Link | None = None
    data: Mapping[str, Any] | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    meeting: Meeting | None = None


def place_of(order: Order) -> tuple[str, int, str, str]:
    """The place by which the keys of a create are made; a record that comes from the ERP is named by its ERP id."""
    if order.side == "erp":
        return (order.source.entity, order.source.id, order.company_key, order.role)
    return (f"erp:{order.source.entity}", order.source.id, order.company_key, order.role)


def intent_for(world: World, order: Order) -> tuple[Intent, bool]:
    """The living intent of this create, or a new one (True). Raises NotNow, and Outdated for what is linked by now."""
    source = order.source
    crm_id = source.id if order.side == "erp" else None
    erp_id = source.id if order.side == "crm" else None
    for _ in range(2):
        with world.store.transaction() as tx:
            living = _living(tx, world, order)
            if living is not None:
                return living, False
            if _is_linked(tx, world, order):
                raise Outdated("The record has been linked meanwhile.", remedy="Look at it again.")
            _wait_for_alike(tx, world, order)
            generation = 1
            if order.side == "erp":
                generation = links.generation(tx, world.tenant, source.entity, source.id, order.company_key, order.role)
            now = world.now()
            try:
                return (
                    intents.add(
                        tx,
                        Intent(
                            kind="create",
                            side=order.side,
                            state="sent",
                            rule=order.rule.rule,
                            tenant=world.tenant,
                            crm_entity=order.rule.crm,
                            crm_id=crm_id,
                            company_key=order.company_key,
                            role=order.role,
                            erp_entity=order.entity if order.side == "erp" else source.entity,
                            erp_id=erp_id,
                            generation=generation,
                            guid=world.guid_of(*place_of(order), generation)(""),
                            body=_body(world, order),
                            holder=world.holder,
                            created_at=now,
                            sent_at=now,
                            run_id=world.run_id,
                        ),
                    ),
                    True,
                )
            except Outdated:
                continue
    raise NotNow(world.later(world.patience.backoff), "create_elsewhere")


def _wait_for_alike(tx: Transaction, world: World, order: Order, mine: int = 0) -> None:
    """Raises NotNow while what another create than `mine` makes may be the same, and has perhaps not been found.

    What a person asks for waits for none: the person has seen what there is.
    """
    if order.meeting is None:
        return
    began, lag = order.meeting.began, timedelta(seconds=world.patience.search_lag)
    waits = max(lag, timedelta(seconds=world.patience.late_effect))
    register = ("", order.entity) if order.side == "crm" else (order.company_key, order.entity)
    ended = intents.ended_creates(tx, side=order.side, register=register, since=began - lag)
    for one in (*intents.living(tx), *ended):
        if one.kind != "create" or one.id == mine or register_of(one) != register:
            continue
        until = one.finished_at + lag if one.finished_at else one.not_before or (one.sent_at or one.created_at) + waits
        if until > began and any(_is_alike(order.source.identity, sent) for sent in attempts_of(one)):
            raise NotNow(max(until, world.now()), "search_lag")


def _is_alike(mine: Identity, sent: Mapping[str, Any]) -> bool:
    same_number = bool(mine.org_number) and sent["org_number"] == mine.org_number
    return same_number or normal(str(sent["name"])) == normal(mine.name)


def register_of(intent: Intent) -> tuple[str, str]:
    """Where an intent creates: the company, "" for the CRM, and the entity."""
    return (intent.company_key, intent.erp_entity) if intent.side == "erp" else ("", intent.crm_entity)


def _body(world: World, order: Order) -> dict[str, Any]:
    """What each attempt sends, and what a person has said about the new record."""
    body: dict[str, Any] = {"attempts": [_attempt(world, order)]}
    if order.answers:
        body["answers"] = dict(order.answers)
    if order.data:
        body["data"] = dict(order.data)
    if order.parent_link is not None:
        body["parent_link"] = order.parent_link.id
    return body


def _attempt(world: World, order: Order) -> dict[str, Any]:
    """What recognises the new record, and what it is made of: its source may change between two attempts."""
    identity = order.source.identity
    return {"name": identity.name, "org_number": identity.org_number, "sent": _sent(world, order)}


def attempts_of(intent: Intent) -> list[dict[str, Any]]:
    """What each attempt of a create has sent, oldest first; nothing of a person that was erased."""
    return list(intent.body.get("attempts") or ())


def _sent(world: World, order: Order) -> dict[str, dict[str, str]]:
    """What the new record gets of its source, by field: the source's value and the one that is sent, by side.

    What a person has answered, and what a rule gives by itself, does not come from the source.
    """
    with world.store.read() as tx:
        items = world.items(tx, order.company_key)
    found: dict[str, dict[str, str]] = {}
    for one in order.rule.fields:
        paths = paths_of(one, order.side)
        if one.key in order.answers or not paths or not paths_of(one, order.source.side):
            continue
        reading = read_field(one, order.source, items)
        if reading.empty or not any(path in order.values for path in paths):
            continue
        raw = tuple(order.values.get(path) for path in paths)
        sent = one.transformer.read(order.side, raw, context_of(one, order.source, items))
        found[one.key] = {order.source.side: reading.text, order.side: sent.text}
    return found


def _living(tx: Transaction, world: World, order: Order) -> Intent | None:
    source = order.source
    if order.side == "erp":
        found = intents.living_for(tx, tenant=world.tenant, crm=(source.entity, source.id))
    else:
        found = intents.living_for(tx, tenant=world.tenant, erp=(order.company_key, source.entity, source.id))
    for one in found:
        same = (one.kind, one.side, one.company_key) == ("create", order.side, order.company_key)
        if same and (order.side == "crm" or one.role == order.role):
            return one
    return None


def _is_linked(tx: Transaction, world: World, order: Order) -> bool:
    source = order.source
    if order.side == "crm":
        return links.for_erp(tx, order.company_key, source.entity, source.id) is not None
    return links.for_crm_place(tx, world.tenant, source.entity, source.id, order.company_key, order.role) is not None


def take_over(world: World, order: Order, intent: Intent) -> Intent:
    """The intent for another attempt. Raises NotNow when another engine was faster."""
    attempt = _attempt(world, order)
    with world.store.transaction() as tx:
        current = intents.get(tx, intent.id)
        if current is None or current.state not in intents.LIVING or current.attempts != intent.attempts:
            raise NotNow(world.later(world.patience.backoff), "create_elsewhere")
        _wait_for_alike(tx, world, order, intent.id)
        intents.mark(
            tx,
            intent.id,
            "sent",
            attempts=intent.attempts + 1,
            body={**current.body, "attempts": [*attempts_of(current), attempt]},
            sent_at=world.now(),
            not_before=None,
            holder=world.holder,
        )
        found = intents.get(tx, intent.id)
    if found is None:
        raise NotNow(world.later(world.patience.backoff), "create_elsewhere")
    return found


def leave_unknown(world: World, intent: Intent) -> datetime:
    """Nobody knows what became of the attempt; answers from when on a search can tell."""
    until = world.later(max(world.patience.late_effect, world.patience.search_lag))
    with world.store.transaction() as tx:
        intents.mark(tx, intent.id, "unknown", not_before=until)
    return until
