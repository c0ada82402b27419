"""Creating a record exactly once: intent first, one key for all repeats, and a search before anything is repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.transforms import CannotWrite
from sounimicro_pipelines.rules.values import Problem, Scalar, Side, text_of
from sounimicro_pipelines.store import Outdated, Transaction, intents, issues, links
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link, Tombstone
from sounimicro_pipelines.sync.allotting import own_numbers
from sounimicro_pipelines.sync.linking import make_link
from sounimicro_pipelines.sync.names import normal
from sounimicro_pipelines.sync.ports import AlreadyThere, GuidOf, Port, Record
from sounimicro_pipelines.sync.translate import context_of, missing_answers, paths_of, read_field
from sounimicro_pipelines.sync.world import NotNow, World
from sounimicro_pipelines.transport import ValidationFailed, VendorError

SKEW = timedelta(minutes=2)
"""How far the systems' clocks may be behind ours when we search for what we have just created."""


LOOKS_AGAIN = 4
"""Attempts of one create before the ERP's refusal of a repeat is taken for the last word."""


class Incomplete(Exception):
    """A record cannot be created as it stands; `problems` are by field key."""

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        super().__init__(", ".join(problems))
        self.problems = dict(problems)


class Unsure(Exception):
    """Nobody but a person can say whether the record exists already."""

    def __init__(self, intent: Intent, cause: str) -> None:
        super().__init__(cause)
        self.intent = intent
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Order:
    """A record to be created on `side` for the record `source` of the other side.

    `parent` is the id under which it is created there; `parent_link` the link that it will hang on. `answers` are a
    person's, by field key; they and `data` are kept with the intent, so that a repeated attempt is the same.
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


def new_values(world: World, rule: Rule, source: Record, side: Side, answers: Mapping[str, str]) -> dict[str, Scalar]:
    """The values of a new record on `side`: the source's, a person's answers (by field key), and defaults.

    Raises Incomplete when something that must be answered is missing or unfit. A value that is merely optional and
    unfit is left out; the agreement afterwards makes it an issue. A date that the source does not have is None in the
    CRM, which gives new projects end dates of its own (vendor reference 2.6) that would travel back as somebody's.
    """
    port = world.port(side, source.company_key) if side == "crm" else None
    values: dict[str, Scalar] = {}
    told: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    with world.store.read() as tx:
        items = world.items(tx, source.company_key) if source.company_key else {}
    for one in rule.fields:
        paths = paths_of(one, side)
        if not paths:
            continue
        answer = answers.get(one.key)
        if answer is None and one.on_create.default is not None and not _from_source(one, source, items):
            answer = text_of(one.on_create.default)
        try:
            if answer is not None:
                context = context_of(one, source, items)
                reading = one.transformer.read(side, (answer,), context) if one.crm and one.erp else None
                if reading is not None and reading.problem is not None:
                    raise CannotWrite(reading.problem)
                written: tuple[Scalar, ...] = (answer, *("" for _ in paths[1:]))
                if reading is not None and one.list is None:
                    written = one.transformer.write(side, reading, tuple(None for _ in paths), context)
                told[one.key] = answer
            else:
                travels = one.writes_crm if side == "crm" else one.writes_erp
                if not travels or not paths_of(one, source.side):
                    continue
                reading = read_field(one, source, items)
                if reading.empty:
                    if side == "crm" and one.transformer.name == "date":
                        values.update(dict.fromkeys(paths))
                    continue
                if reading.problem is not None:
                    raise CannotWrite(reading.problem)
                context = context_of(one, source, items)
                written = one.transformer.write(side, reading, tuple(None for _ in paths), context)
                told[one.key] = reading.text
        except CannotWrite as error:
            if one.on_create.required or answer is not None:
                problems[one.key] = error.problem
            continue
        for path, value in zip(paths, written, strict=True):
            if port is not None:
                limit = port.max_length(rule.crm, path)
                if limit is not None and len(text_of(value)) > limit:
                    continue
            if value not in (None, ""):
                values[path] = value
    if side == "erp":
        for one in missing_answers(rule.fields, told):
            problems.setdefault(
                one.key,
                Problem("missing", f"{one.name} must be answered.", "Fill it in on the record, or answer it here."),
            )
    elif not source.identity.name:
        problems[""] = Problem("missing", "The record has no name.", "Give it a name.")
    if problems:
        raise Incomplete(problems)
    return values


def _from_source(one: Any, source: Record, items: Mapping[str, Any]) -> bool:
    return bool(paths_of(one, source.side)) and not read_field(one, source, items).empty


async def create(world: World, order: Order) -> Link:
    """Create the record and its link. Raises NotNow while the outcome is unknown, Unsure, the transport's errors."""
    if order.side == "crm":
        own = await own_numbers(world, order.rule, order.values)
        order = replace(order, values={path: value for path, value in order.values.items() if path not in own})
    intent, fresh = _intent_for(world, order)
    if not fresh:
        found = await _look_for(world, order, intent)
        if found is not None:
            return _finish(world, order, intent, found, intent.body.get("sent") if intent.attempts == 0 else None)
        intent = _repeat(world, intent)
    generation = intent.generation
    guid = world.guid_of(*_place(order), generation)
    port = world.port(order.side, order.company_key)
    conditions = order.rule.takes_part.crm if order.side == "crm" else order.rule.takes_part.erp
    try:
        made = await _make(world, order, port, conditions, guid)
    except AlreadyThere:
        until = _unknown(world, intent)
        if intent.attempts == 0:
            raise NotNow(until, "create_unknown") from None
        raise Unsure(intent, "The ERP says that the record exists already, but does not show it.") from None
    except VendorError as error:
        if error.effect_unknown or _may_be_there(order, intent, error):
            raise NotNow(_unknown(world, intent), "create_unknown") from error
        with world.store.transaction() as tx:
            intents.mark(tx, intent.id, "abandoned", finished_at=world.now())
        raise
    return _finish(world, order, intent, made, _sent(world, order))


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


def _place(order: Order) -> tuple[str, int, str, str]:
    """The place by which the keys of a create are made; a record that comes from the ERP is named by its ERP id."""
    if order.side == "erp":
        return (order.source.entity, order.source.id, order.company_key, order.role)
    return (f"erp:{order.source.entity}", order.source.id, order.company_key, order.role)


def _intent_for(world: World, order: Order) -> tuple[Intent, bool]:
    """The living intent of this create, or a new one (True)."""
    source = order.source
    crm_id = source.id if order.side == "erp" else None
    erp_id = source.id if order.side == "crm" else None
    for _ in range(2):
        with world.store.transaction() as tx:
            living = _living(tx, world, order)
            if living is not None:
                return living, False
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
                            guid=world.guid_of(*_place(order), generation)(""),
                            body=_body(order, _sent(world, order)),
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


def _body(order: Order, sent: Mapping[str, Any]) -> dict[str, Any]:
    """What recognises the new record, what it was made of, and what a person has said about it."""
    identity = order.source.identity
    body: dict[str, Any] = {"name": identity.name, "org_number": identity.org_number, "sent": dict(sent)}
    if order.answers:
        body["answers"] = dict(order.answers)
    if order.data:
        body["data"] = dict(order.data)
    if order.parent_link is not None:
        body["parent_link"] = order.parent_link.id
    return body


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


async def _look_for(world: World, order: Order, intent: Intent) -> int | None:
    """What an earlier attempt has made, or None when it has surely made nothing. Raises NotNow or Unsure."""
    _wait_for_effect(world, intent)
    if order.side == "crm":
        marked = await world.crm.marked(order.entity, order.company_key, order.role, order.source.id)
        if marked is not None:
            return marked
    port = world.port(order.side, order.company_key)
    wanted = order.source.identity
    now = {"name": wanted.name, "org_number": wanted.org_number}
    parent = order.parent if order.rule.rule == "person" else None
    found = await _made(world, order.rule, order.entity, intent, now, parent)
    if found is not None:
        return found.id
    await _natural_key(world, order, intent, port)
    return None


def _wait_for_effect(world: World, intent: Intent) -> None:
    wait = max(world.patience.late_effect, world.patience.search_lag)
    until = intent.not_before or (intent.sent_at or intent.created_at) + timedelta(seconds=wait)
    if until > world.now():
        raise NotNow(until, "create_unknown")


async def _made(
    world: World, rule: Rule, entity: str, intent: Intent, now: Mapping[str, Any], parent: int | None
) -> Record | None:
    """The record that an intent has made, by what was sent or by what its source says now. Raises Unsure."""
    side: Side = "crm" if intent.side == "crm" else "erp"
    port = world.port(side, intent.company_key)
    made = await port.created_by_us(
        entity, intent.created_at - SKEW, rule.crm_paths() if side == "crm" else rule.erp_paths()
    )
    with world.store.read() as tx:
        unlinked = [one for one in made if not _is_linked(tx, world, intent, one)]
        others = [one for one in intents.living(tx, rule=rule.rule) if one.id != intent.id]
    near = [one for one in unlinked if parent is None or one.parent == parent]
    mine = [one for one in near if _says(one, intent.body) or _says(one, now)]
    if len(mine) > 1:
        raise Unsure(intent, "More than one record may be the one that was created.")
    if not mine and any(not _explained(one, others) for one in near):
        raise Unsure(intent, "A record that we created cannot be told: its name has been changed since.")
    return mine[0] if mine else None


async def give_up_creates(world: World, rule: Rule, left: Sequence[Intent]) -> None:
    """The record for which something was being created is gone: what was made stays, linked to nothing, and is told."""
    for intent in left:
        _wait_for_effect(world, intent)
        entity = intent.erp_entity if intent.side == "erp" else intent.crm_entity
        made = await _made(world, rule, entity, intent, {}, None)
        with world.store.transaction() as tx:
            intents.mark(tx, intent.id, "abandoned" if made is None else "done", finished_at=world.now())
            if made is not None:
                _bury(tx, world, intent, made)


def _bury(tx: Transaction, world: World, intent: Intent, made: Record) -> None:
    in_erp = intent.side == "erp"
    links.bury(
        tx,
        Tombstone(
            rule=intent.rule,
            tenant=intent.tenant,
            crm_entity=intent.crm_entity,
            crm_id=intent.crm_id if in_erp else made.id,
            company_key=intent.company_key,
            role=intent.role,
            erp_entity=intent.erp_entity,
            erp_id=made.id if in_erp else intent.erp_id,
            generation=intent.generation,
            reason="unlinked",
            side="crm" if in_erp else "erp",
            at=world.now(),
            by=world.by,
            run_id=world.run_id,
        ),
    )
    system = "ERP" if in_erp else "CRM"
    issues.report(
        tx,
        fingerprint=f"orphan:{intent.id}",
        kind="orphan",
        severity="warning",
        cause=f"A record was created in the {system} for one that was deleted or merged at that moment.",
        remedy=f"Delete it in the {system}, or connect it by hand.",
        now=world.now(),
        run_id=world.run_id,
        rule=intent.rule,
        side=intent.side,
        tenant=intent.tenant,
        company_key=intent.company_key,
        erp_entity=intent.erp_entity if in_erp else None,
        erp_id=made.id if in_erp else None,
        crm_entity=None if in_erp else intent.crm_entity,
        crm_id=None if in_erp else made.id,
    )


def _explained(made: Record, others: Sequence[Intent]) -> bool:
    """Whether another unfinished create accounts for a record."""
    return any(_says(made, one.body) for one in others if one.kind == "create")


async def _natural_key(world: World, order: Order, intent: Intent, port: Port) -> None:
    """A record that we did not make, but that carries the same organisation number, is a person's to judge."""
    identity = order.source.identity
    if order.side != "erp" or not identity.org_number:
        return
    alike = await port.look_up(order.entity, identity)
    if any(other.org_number == identity.org_number and normal(other.name) == normal(identity.name) for other in alike):
        with world.store.read() as tx:
            taken = {
                other.id for other in alike if links.for_erp(tx, order.company_key, order.entity, other.id) is not None
            }
        if any(other.id not in taken and other.org_number == identity.org_number for other in alike):
            raise Unsure(intent, "The ERP has a record with the same organisation number that we did not create.")


def _says(made: Record, body: Mapping[str, Any]) -> bool:
    if body.get("org_number") and made.identity.org_number:
        return bool(made.identity.org_number == body["org_number"])
    return normal(made.identity.name) == normal(str(body.get("name") or ""))


def _is_linked(tx: Transaction, world: World, intent: Intent, made: Record) -> bool:
    """Whether a record is taken at the place for which the intent creates: the same company, in the same role."""
    if made.side == "erp":
        return links.for_erp(tx, made.company_key, made.entity, made.id) is not None
    if (intent.company_key, intent.role) in made.markers:
        return True
    place = (made.entity, made.id, intent.company_key, intent.role)
    return links.for_crm_place(tx, world.tenant, *place) is not None


def _repeat(world: World, intent: Intent) -> Intent:
    """Take the intent over for another attempt. Raises NotNow when another engine was faster."""
    with world.store.transaction() as tx:
        current = intents.get(tx, intent.id)
        if current is None or current.state not in intents.LIVING or current.attempts != intent.attempts:
            raise NotNow(world.later(world.patience.backoff), "create_elsewhere")
        now = world.now()
        intents.mark(
            tx, intent.id, "sent", attempts=intent.attempts + 1, sent_at=now, not_before=None, holder=world.holder
        )
        found = intents.get(tx, intent.id)
    if found is None:
        raise NotNow(world.later(world.patience.backoff), "create_elsewhere")
    return found


def _unknown(world: World, intent: Intent) -> datetime:
    until = world.later(max(world.patience.late_effect, world.patience.search_lag))
    with world.store.transaction() as tx:
        intents.mark(tx, intent.id, "unknown", not_before=until)
    return until


def _finish(
    world: World, order: Order, intent: Intent, made: int, sent: Mapping[str, Mapping[str, str]] | None
) -> Link:
    """The link and the end of the intent, in one transaction; the link remembers what the record was made of."""
    source, side = order.source, order.side
    crm = source if side == "erp" else _as_crm(world, order, made)
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
                **({"sent": sent} if sent else {}),
            },
        )
        intents.mark(tx, intent.id, "done", finished_at=world.now(), outcome={"id": made})
        issues.solve(tx, f"create:{intent.id}", now=world.now())
    return link


def _as_crm(world: World, order: Order, made: int) -> Record:
    return Record("crm", order.entity, made, {}, order.source.identity, parent=order.parent)
