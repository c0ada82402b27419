"""Bringing one link into agreement: read both sides, weigh, write intents, write, read back, remember; all or again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sounimicro_pipelines.rules.values import Scalar, text_of
from sounimicro_pipelines.store import Outdated, Transaction, baselines, intents, issues, links
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.allotting import own_numbers
from sounimicro_pipelines.sync.decide import CRM
from sounimicro_pipelines.sync.ports import Port, Record, Written
from sounimicro_pipelines.sync.remember import KINDS, left_by, number_issue, remember
from sounimicro_pipelines.sync.weigh import FieldWrite, Group, Scene, Weighed, is_answered, place_of, weigh
from sounimicro_pipelines.sync.world import Again, NotNow, World
from sounimicro_pipelines.transport import NotFound, PreconditionFailed, ValidationFailed, VendorError


@dataclass(frozen=True, slots=True)
class Gone:
    """A record of the link is gone, has moved to another parent, or is marked as another's."""

    place: int
    link: Link
    why: str


@dataclass(slots=True)
class Agreed:
    """What became of a link. `fields` are (side, field) that were written, each at its place in `places`."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    conflicts: int = 0
    held: int = 0
    gone: Gone | None = None
    marked: bool = False

    @property
    def word(self) -> str:
        """The one word by which the run counts it."""
        if self.conflicts:
            return "conflicts"
        if self.held:
            return "held"
        return "applied" if self.fields or self.marked or self.gone else "unchanged"


async def agree(world: World, group: Group) -> Agreed:
    """Bring a group into agreement.

    Raises NotNow for a record that moves under our hands in every round, and the transport's errors: also that of a
    write which is refused each time as if the record had moved or gone, though it is read and has not.
    """
    certain: set[int] = set()
    refused: set[str] = set()
    trouble: VendorError | None = None
    for _ in range(world.patience.rounds):
        try:
            return await _round(world, group, certain, refused)
        except (Again, PreconditionFailed, Outdated) as error:
            cause = error if isinstance(error, PreconditionFailed) else error.__cause__
            trouble = cause if isinstance(cause, VendorError) else None
            with world.store.read() as tx:
                current = [links.get(tx, link.id) for link in group.links]
            if any(link is None for link in current):
                return Agreed()
            group = replace(group, links=tuple(link for link in current if link is not None))
    if trouble is not None:
        raise trouble
    raise NotNow(world.later(world.patience.backoff), "moving")


async def _round(world: World, group: Group, certain: set[int], refused: set[str]) -> Agreed:
    entity = group.links[0].crm_entity
    ports: tuple[Port, ...] = (world.crm, *(world.erp[link.company_key] for link in group.links))
    with world.store.read() as tx:
        stored = [baselines.get(tx, link.id) for link in group.links]
        known = {baseline.link_id: baseline for baseline in stored if baseline is not None}
        unfinished = _unfinished(tx, world, group)
        owners = links.owners(tx, world.tenant, entity, group.crm_id)
        owners = {**_default_owners(tx, world, group), **owners}
        items = world.items(tx, group.company_key)
        open_issues = _open_issues(tx, group)
    _wait_for(world, unfinished, certain)
    records = await _read(world, group, ports)
    if isinstance(records, Gone):
        return Agreed(gone=records)
    estranged = _estranged(group, records)
    if estranged is not None:
        return Agreed(gone=estranged)
    scene = Scene(group, records, ports, known, unfinished, owners, items, world.now())
    found: Weighed = weigh(scene)
    if found.by_time:
        scene = replace(scene, records=(await world.crm.dated(records[CRM], found.by_time), *records[1:]))
        found = weigh(scene)
    if found.quiet_until is not None and not found.writes:
        raise NotNow(found.quiet_until, "quiet")
    marks = [link for link in group.links if records[CRM].markers.get((link.company_key, link.role)) != link.erp_id]
    await _withhold_allotted(world, scene, found)
    await _withhold_taken(world, scene, found, refused, open_issues)
    writes = _without_shared(scene, found.writes)
    planned = _plan_intents(world, scene, writes, marks)
    if planned:
        with world.store.transaction() as tx:
            for link in group.links:
                if links.get(tx, link.id, lock=True) is None:
                    raise Outdated("The link has ended meanwhile.")
            planned = [intents.add(tx, one) for one in planned]
    try:
        written = await _send(world, scene, writes, marks, planned, certain)
    except ValidationFailed as error:
        numbers = {one.field.key for one in writes if _unique_path(world, scene, one) is not None}
        if numbers <= refused:
            raise
        refused |= numbers  # perhaps another record has the number; the next round asks
        raise Again from error
    remember(world, scene, found, writes, written, unfinished, planned, open_issues)
    result = Agreed(
        fields=[(scene.records[w.place].side, w.field.key) for w in writes],
        places=[w.place for w in writes],
        conflicts=sum(stuck.decision.kind == "conflict" for stuck in found.stuck),
        held=sum(stuck.decision.kind != "conflict" for stuck in found.stuck),
        marked=bool(marks),
    )
    if found.quiet_until is not None:
        raise NotNow(found.quiet_until, "quiet")
    return result


def _unfinished(tx: Transaction, world: World, group: Group) -> list[Intent]:
    ids = {link.id for link in group.links}
    about = intents.living_for(tx, tenant=world.tenant, crm=(group.links[0].crm_entity, group.crm_id))
    return [one for one in about if one.link_id in ids and one.kind in ("update", "marker")]


def _wait_for(world: World, unfinished: Sequence[Intent], certain: set[int]) -> None:
    """A call of which we heard nothing may still take effect; deciding before that would be deciding blindly."""
    for one in unfinished:
        if one.id in certain or one.sent_at is None or is_answered(one):
            continue
        until = one.not_before or one.sent_at + timedelta(seconds=world.patience.late_effect)
        if until > world.now():
            raise NotNow(until, "unfinished")


def _default_owners(tx: Transaction, world: World, group: Group) -> dict[str, int]:
    """The first link made to a CRM record owns each field that its rule writes there."""
    owners: dict[str, int] = {}
    for link in links.for_crm(tx, world.tenant, group.links[0].crm_entity, group.crm_id):
        try:
            rule = world.rules.get(link.rule)
        except KeyError:
            continue
        for one in rule.fields:
            if one.writes_crm:
                owners.setdefault(one.key, link.id)
    return owners


def _open_issues(tx: Transaction, group: Group) -> set[str]:
    found: set[str] = set()
    for link in group.links:
        crm = (link.crm_entity, link.crm_id)
        found |= {
            one.fingerprint for one in issues.of_record(tx, tenant=link.tenant, crm=crm) if one.link_id == link.id
        }
    return found


async def _read(world: World, group: Group, ports: Sequence[Port]) -> tuple[Record, ...] | Gone:
    first = group.links[0]
    crm = await world.crm.read(first.crm_entity, first.crm_id, group.rule.crm_paths())
    if crm is None:
        return Gone(CRM, first, "deleted")
    records = [crm]
    for place, link in enumerate(group.links, start=1):
        record = await ports[place].read(link.erp_entity, link.erp_id, group.rule.erp_paths())
        if record is None:
            return Gone(place, link, "deleted")
        records.append(record)
    return tuple(records)


def _estranged(group: Group, records: Sequence[Record]) -> Gone | None:
    """A record that our marker gives to another one, or a person that now belongs to another company."""
    for link in group.links:
        marked = records[CRM].markers.get((link.company_key, link.role))
        if marked is not None and marked != link.erp_id:
            return Gone(CRM, link, "marked")
    if group.rule.rule != "person":
        return None
    for place, link in enumerate(group.links, start=1):
        seen = link.data or {}
        for at, name in ((CRM, "crm_parent"), (place, "erp_parent")):
            if seen.get(name) is not None and records[at].parent != seen[name]:
                return Gone(at, link, "moved")
    return None


async def _withhold_allotted(world: World, scene: Scene, found: Weighed) -> None:
    """Leave out numbers of the ERP's where the CRM allots its own; what a person puts back there is written."""
    offered = [one for one in found.writes if one.place == CRM and one.reason not in KINDS]
    own = await own_numbers(world, scene.group.rule, {path for one in offered for path in one.changes})
    for one in offered:
        if own & one.changes.keys():
            found.writes.remove(one)
            found.settled.pop(one.field.key, None)


async def _withhold_taken(world: World, scene: Scene, found: Weighed, refused: set[str], open_issues: set[str]) -> None:
    """Leave out numbers that the CRM has refused, now or earlier, because another record has them."""
    link = scene.group.links[0]
    for one in list(found.writes):
        path = _unique_path(world, scene, one)
        if path is None or not (one.field.key in refused or number_issue(link, one.field.key) in open_issues):
            continue
        value = text_of(one.changes[path])
        holder = await world.crm.holder_of(scene.records[CRM].entity, scene.records[CRM].id, path, value)
        if holder is not None:
            found.writes.remove(one)
            found.settled.pop(one.field.key, None)
            found.withheld.append((one, holder))


def _unique_path(world: World, scene: Scene, one: FieldWrite) -> str | None:
    """The field of a write to the CRM whose values the tenant may keep unique."""
    if one.place != CRM:
        return None
    entity = scene.records[CRM].entity
    return next((path for path in one.changes if world.crm.keeps_unique(entity, path)), None)


def _without_shared(scene: Scene, writes: Sequence[FieldWrite]) -> list[FieldWrite]:
    """A business relation that customer and supplier share is written once, by the customer row."""
    relations = [record.relation for record in scene.records]
    kept: list[FieldWrite] = []
    for one in writes:
        port: Any = scene.ports[one.place]
        doubled = (
            one.place > 1
            and relations[one.place] is not None
            and relations[one.place] == relations[1]
            and all(port.is_shared(path) for path in one.changes)
            and any(other.place == 1 and other.field.key == one.field.key for other in writes)
        )
        if not doubled:
            kept.append(one)
    return kept


def _plan_intents(world: World, scene: Scene, writes: Sequence[FieldWrite], marks: Sequence[Link]) -> list[Intent]:
    planned: list[Intent] = []
    for place in sorted({one.place for one in writes}):
        body = {one.field.key: one.told(scene.records) for one in writes if one.place == place}
        planned.append(
            _intent(world, scene.group, scene.group.link_at(place), "update", scene.records[place].side, body)
        )
    for link in marks:
        planned.append(_intent(world, scene.group, link, "marker", "crm", {"erp_id": link.erp_id}))
    return planned


def _intent(world: World, group: Group, link: Link, kind: str, side: str, body: dict[str, Any]) -> Intent:
    now = world.now()
    return Intent(
        kind=kind,
        side=side,
        state="sent",
        rule=group.rule.rule,
        tenant=link.tenant,
        crm_entity=link.crm_entity,
        crm_id=link.crm_id,
        company_key=link.company_key,
        role=link.role,
        erp_entity=link.erp_entity,
        erp_id=link.erp_id,
        link_id=link.id,
        generation=link.generation,
        body=body,
        holder=world.holder,
        created_at=now,
        sent_at=now,
        run_id=world.run_id,
    )


async def _send(
    world: World,
    scene: Scene,
    writes: Sequence[FieldWrite],
    marks: Sequence[Link],
    planned: Sequence[Intent],
    certain: set[int],
) -> dict[int, Written]:
    """The calls, the CRM's first: it can refuse when somebody was faster. `certain` learns which have happened."""
    written: dict[int, Written] = {}
    open_intents = list(planned)
    try:
        for place in sorted({one.place for one in writes}):
            changes: dict[str, Scalar] = {}
            for one in writes:
                if one.place == place:
                    changes.update(one.changes)
            link = scene.group.link_at(place)
            guid = world.guid_of(link.crm_entity, link.crm_id, link.company_key, link.role, link.generation)
            written[place] = await scene.ports[place].write(scene.records[place], changes, guid)
            certain.add(open_intents.pop(0).id)
        for link in marks:
            await world.crm.mark(link.crm_entity, link.crm_id, link.company_key, link.role, link.erp_id)
            certain.add(open_intents.pop(0).id)
    except VendorError as error:
        _close_unsent(world, open_intents, error, _answered(scene, writes, planned, written))
        if isinstance(error, NotFound):
            raise Again from error
        raise
    return written


def _answered(
    scene: Scene, writes: Sequence[FieldWrite], planned: Sequence[Intent], written: Mapping[int, Written]
) -> dict[int, dict[str, Any]]:
    """The intents of writes that were answered, with what they have left: nobody need guess it later."""
    found: dict[int, dict[str, Any]] = {}
    for intent in planned:
        place = place_of(scene.group, intent)
        if intent.kind != "update" or place not in written:
            continue
        body = dict(intent.body)
        for one in writes:
            if one.place == place:
                after, _ = left_by(one, written[place], scene)
                body[one.field.key] = {**body[one.field.key], "after": after.text}
        found[intent.id] = body
    return found


def _close_unsent(
    world: World, open_intents: Sequence[Intent], error: VendorError, answered: Mapping[int, dict[str, Any]]
) -> None:
    """The failed call's intent is abandoned, or unknown when it may have happened; later ones were never sent."""
    with world.store.transaction() as tx:
        for intent_id, body in answered.items():
            intents.mark(tx, intent_id, "sent", body=body)
        for position, one in enumerate(open_intents):
            if position == 0 and error.effect_unknown:
                intents.mark(tx, one.id, "unknown", not_before=world.later(world.patience.late_effect))
            else:
                intents.mark(tx, one.id, "abandoned", finished_at=world.now())
