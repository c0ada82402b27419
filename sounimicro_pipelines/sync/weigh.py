"""What one link needs: every field of the rule weighed from live records, baselines and unfinished writes. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.rules.model import Rule, RuleField
from sounimicro_pipelines.rules.transforms import CannotWrite
from sounimicro_pipelines.rules.values import ItemMap, Problem, Reading, Scalar
from sounimicro_pipelines.store.baselines import Baseline
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.decide import CRM, ERP, Decision, View, decide, effective_direction
from sounimicro_pipelines.sync.ports import Port, Record, Touch
from sounimicro_pipelines.sync.translate import (
    context_of,
    is_filled,
    paths_of,
    presence_of,
    read_field,
    reread,
    restore_values,
    write_values,
)


@dataclass(frozen=True, slots=True)
class Group:
    """What is agreed on at once: a CRM record and its ERP row, or its two rows under the partner rule.

    `redefined` are fields of which the rule says something else than when the links were compared before.
    """

    rule: Rule
    version: int
    fields: tuple[RuleField, ...]
    links: tuple[Link, ...]
    redefined: frozenset[str] = frozenset()

    @property
    def crm_id(self) -> int:
        return self.links[0].crm_id

    @property
    def company_key(self) -> str:
        return self.links[0].company_key

    def link_at(self, place: int) -> Link:
        """The link of a place; the CRM's is that of the first ERP row."""
        return self.links[max(place - 1, 0)]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that weighing looks at. Place 0 is the CRM; `baselines` are by link, `owners` by field key."""

    group: Group
    records: tuple[Record, ...]
    ports: tuple[Port, ...]
    baselines: Mapping[int, Baseline]
    intents: Sequence[Intent]
    owners: Mapping[str, int]
    items: Mapping[str, ItemMap]
    now: datetime


@dataclass(frozen=True, slots=True)
class FieldWrite:
    """One field at one place: what stood there, what is sent, and where it comes from."""

    field: RuleField
    place: int
    source: int
    old: Reading
    sent: Reading
    value: Reading
    changes: Mapping[str, Scalar]
    reason: str
    loser: bool

    def told(self, records: Sequence[Record]) -> dict[str, Any]:
        """What an intent keeps of it: enough to finish the baseline, the journal and the kept loser."""
        path = paths_of(self.field, records[self.source].side)[0]
        touch = _by_a_person(records[self.source].touch_of(path))
        lost = _by_a_person(records[self.place].touch_of(paths_of(self.field, records[self.place].side)[0]))
        return {
            "old": self.old.text,
            "to": self.sent.text,
            "source": self.value.text,
            "source_side": records[self.source].side,
            "source_place": self.source,
            "by": touch.by,
            "at": touch.at.isoformat() if touch.at else None,
            "reason": self.reason,
            "loser": self.loser,
            "loser_by": lost.by,
            "loser_at": lost.at.isoformat() if lost.at else None,
        }


def _by_a_person(touch: Touch) -> Touch:
    """Nothing where the last to touch the object was ourselves: the change was then somebody's whom nobody names."""
    return Touch() if touch.by_us else touch


@dataclass(frozen=True, slots=True)
class Stuck:
    """A field that waits: for a person (`conflict`) or for a better value (`held`)."""

    field: RuleField
    decision: Decision
    problem: Problem | None
    views: tuple[View, ...]


@dataclass(slots=True)
class Weighed:
    """The outcome: writes, what waits, and the baseline values by place, field by field.

    `confirmed` are unfinished writes (by intent, the fields) that have turned out to have happened; `overtaken` are
    those of which that cannot be told any more, because a third value stands there. `withheld` are numbers that
    another record of the CRM has, with its id. `by_time` are paths of the CRM of which it matters when they were
    changed, or is told, so that it must be known for the very row that holds them. `forgotten` are fields that were
    redefined: that they were left different has been no agreement on what they mean now.
    """

    writes: list[FieldWrite] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)
    settled: dict[str, dict[int, str]] = field(default_factory=dict)
    confirmed: dict[int, list[str]] = field(default_factory=dict)
    overtaken: dict[int, list[str]] = field(default_factory=dict)
    equal: list[str] = field(default_factory=list)
    withheld: list[tuple[FieldWrite, int]] = field(default_factory=list)
    by_time: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    quiet_until: datetime | None = None


def weigh(scene: Scene) -> Weighed:
    """Decide every field."""
    found = Weighed()
    for one in scene.group.fields:
        if one.direction == "none" or not one.crm or not one.erp:
            continue
        if one.list is not None and not scene.items.get(one.list, ItemMap("")).pairs:
            continue
        _weigh_field(scene, one, found)
    return found


def _weigh_field(scene: Scene, one: RuleField, found: Weighed) -> None:
    views = _views(scene, one, found)
    owns = scene.owners.get(one.key) in (None, *(link.id for link in scene.group.links))
    direction = effective_direction(one.direction, owns=owns)
    if _wished(scene, one, views, found):
        return
    choice = _choice(scene.group.links, one.key)
    if choice is not None and direction != "none":
        decision = _chosen(choice, views)
    else:
        decision = decide(direction, one.conflict, views[CRM], views[1:])
        newest = one.conflict == "newest" and decision.reason in ("newest", "ask")
        if newest or (decision.source == CRM and decision.reason in ("one_side_changed", "both_changed")):
            found.by_time.update(one.crm)
    if decision.kind == "nothing":
        if decision.agreed and (owns or decision.reason == "equal"):
            # A difference that the link may not settle is not agreed on: the link may come to own the field.
            found.settled[one.key] = {place: view.now.text for place, view in enumerate(views)}
        if decision.reason in ("equal", "equal_where_written", "same_in_words"):
            found.equal.append(one.key)
        return
    if decision.kind in ("conflict", "held"):
        found.stuck.append(Stuck(one, decision, decision.problem, views))
        return
    _add_writes(scene, one, decision, views, found)


def _add_writes(scene: Scene, one: RuleField, decision: Decision, views: tuple[View, ...], found: Weighed) -> None:
    source = decision.source or 0
    if scene.group.rule.quiet_period:
        found.by_time.update(one.crm)
    value = views[source].now
    writes: list[FieldWrite] = []
    for place in decision.targets:
        target = scene.records[place]
        try:
            changes = write_values(one, value, target, scene.ports[place], scene.items)
        except CannotWrite as error:
            found.stuck.append(Stuck(one, decision, error.problem, views))
            return
        sent = _as_sent(scene, one, target, changes)
        writes.append(
            FieldWrite(
                field=one,
                place=place,
                source=source,
                old=views[place].now,
                sent=sent,
                value=value,
                changes=changes,
                reason=decision.reason,
                loser=place in decision.losers,
            )
        )
    until = _quiet_until(scene, one, source)
    if until is not None:
        found.quiet_until = max(found.quiet_until or until, until)
        return
    found.settled[one.key] = {place: view.now.text for place, view in enumerate(views)}
    found.writes += [write for write in writes if write.changes]


def _as_sent(scene: Scene, one: RuleField, target: Record, changes: Mapping[str, Scalar]) -> Reading:
    values = {**target.values, **changes}
    raw = tuple(values.get(path) for path in paths_of(one, target.side))
    return one.transformer.read(target.side, raw, context_of(one, target, scene.items))


def _views(scene: Scene, one: RuleField, found: Weighed) -> tuple[View, ...]:
    now = [read_field(one, record, scene.items) for record in scene.records]
    before = _before(scene, one, now)
    for intent in scene.intents:
        body = intent.body.get(one.key) if intent.kind == "update" else None
        if body is None:
            continue
        place = place_of(scene.group, intent)
        to = _kept(scene, one, place, str(body["to"]))
        after = body.get("after")
        if after is None and now[place].key != to.key:
            if now[place].key != _kept(scene, one, place, str(body["old"])).key:
                found.overtaken.setdefault(intent.id, []).append(one.key)
            continue
        source = int(body["source_place"])
        if source < len(now):
            before[place] = now[place] if after is None else _kept(scene, one, place, str(after))
            value = _kept(scene, one, source, str(body["source"]))
            others = [(now[at], before[at]) for at in range(CRM + 1, len(now)) if at != place]
            if not (now[source].key == value.key and one.writes_erp and _goes_on(others, value)):
                before[source] = value
            found.confirmed.setdefault(intent.id, []).append(one.key)
            found.settled[one.key] = {p: r.text for p, r in enumerate(before) if r is not None}
    if one.key in scene.group.redefined and _rest_different(now, before):
        found.forgotten.add(one.key)
        before = [None] * len(before)
    views = []
    first = None in before
    for place, record in enumerate(scene.records):
        touches = [record.touch_of(path).at for path in paths_of(one, record.side)]
        stamps = [moment.timestamp() for moment in touches if moment is not None]
        views.append(
            View(
                now[place],
                before[place],
                presence_of(one, record, scene.ports[place]),
                max(stamps, default=None),
                one.transformer.spelling(now[place].text) if first else "",
                is_filled(one, record, now[place]),
            )
        )
    return tuple(views)


def _rest_different(now: Sequence[Reading], before: Sequence[Reading | None]) -> bool:
    """Whether the places hold what they held at the last agreement, each something else."""
    unchanged = all(kept is not None and kept.key == value.key for value, kept in zip(now, before, strict=True))
    return unchanged and len({value.key for value in now}) > 1


def _goes_on(rows: Sequence[tuple[Reading, Reading | None]], value: Reading) -> bool:
    """Whether other ERP rows have never got a value that an interrupted run has written elsewhere: it is still news."""
    return any(value.key not in (now.key, before.key if before is not None else None) for now, before in rows)


def _before(scene: Scene, one: RuleField, now: Sequence[Reading]) -> list[Reading | None]:
    """What each place held at the last agreement, or else when a record of the link was created."""
    rows = list(enumerate(scene.group.links, start=1))
    erp = [_known_to(scene, one, link, row, row) for row, link in rows]
    heard = [_known_to(scene, one, link, row, CRM) for row, link in rows]
    return [_crm_before(now, heard, erp), *erp]


def _crm_before(
    now: Sequence[Reading], heard: Sequence[Reading | None], erp: Sequence[Reading | None]
) -> Reading | None:
    """What the CRM held by what its ERP rows have heard of it, each when its own link last agreed.

    What one row has agreed on and the other has never heard of is news, unless it has been typed over where it was.
    """
    known = [(crm, before, row) for crm, before, row in zip(heard, erp, now[ERP:], strict=True) if crm is not None]
    current = [one for one in known if one[0].key == now[CRM].key]
    stale = [crm for crm, _, _ in known if crm.key != now[CRM].key]
    typed_over = any(before is not None and before.key != row.key for _, before, row in current)
    if stale and not typed_over:
        return stale[0]
    return current[0][0] if current else None


def _known_to(scene: Scene, one: RuleField, link: Link, row: int, place: int) -> Reading | None:
    """What a place held when the link of an ERP row agreed on it, or was made."""
    baseline = scene.baselines.get(link.id)
    values = None if baseline is None else baseline.crm if place == CRM else baseline.erp
    text = None if values is None else values.get(one.key)
    return _made_by(scene, one, place, row, link) if text is None else _kept(scene, one, place, str(text))


def _made_by(scene: Scene, one: RuleField, place: int, row: int, link: Link) -> Reading | None:
    """What a place held when the record of a link was created.

    Of several attempts nobody knows which one made it, unless the new record still holds what one of them has sent.
    What it has not taken, or not whole, it has never held.
    """
    record = scene.records[place]
    sent = [attempt.get(one.key) for attempt in (link.data or {}).get("made_of") or ()]
    at = CRM if link.origin == "created_in_crm" else row
    made, side = read_field(one, scene.records[at], scene.items), scene.records[at].side
    kept = [values for values in sent if values and _kept(scene, one, at, str(values[side])).key == made.key]
    found = {str(values[record.side]) if values else None for values in kept or sent}
    text = found.pop() if len(found) == 1 else None
    if text is None:
        return None
    before, now = _kept(scene, one, place, text), read_field(one, record, scene.items)
    return None if now.key != before.key and before.text.startswith(now.text) else before


def _kept(scene: Scene, one: RuleField, place: int, text: str) -> Reading:
    record = scene.records[place]
    return reread(one, record.side, text, record.country, scene.items)


def is_answered(intent: Intent) -> bool:
    """Whether a write is known to have happened, though the round that sent it came to no end."""
    return intent.kind == "update" and any("after" in told for told in intent.body.values())


def place_of(group: Group, intent: Intent) -> int:
    """The place that an intent writes."""
    if intent.side == "crm":
        return CRM
    return next((p for p, link in enumerate(group.links, start=1) if link.id == intent.link_id), 1)


def _wished(scene: Scene, one: RuleField, views: tuple[View, ...], found: Weighed) -> bool:
    """Carry out a person's wish for the field: given values at given sides, if nobody has edited them meanwhile.

    The other side's value stays, and both become the baseline: what is put back does not travel, unless the wish says
    that it `travels`. Such a wish goes on where it was interrupted after the first write.
    """
    for position, link in enumerate(scene.group.links, start=1):
        wish = ((link.data or {}).get("wishes") or {}).get(one.key)
        if wish is None or any(view.presence in ("unreadable", "gone") for view in views):
            continue
        writes: list[FieldWrite] = []
        for side, text in wish["to"].items():
            place = CRM if side == "crm" else position
            source = position if place == CRM else CRM
            seen = wish.get("if", {}).get(side)
            now, target = views[place].now, scene.records[place]
            wanted = _kept(scene, one, place, str(text))
            goes_on = bool(wish.get("travels")) and now.key == wanted.key
            if seen is not None and now.key != _kept(scene, one, place, str(seen)).key and not goes_on:
                continue
            if not _takes(views[place], empty=not text):
                continue
            try:
                changes = restore_values(one, str(text), target, scene.ports[place], scene.items)
                carried = _carried(scene, one, place, wanted, views, wish)
            except CannotWrite:
                continue
            if changes:
                sent = _as_sent(scene, one, target, changes)
                writes.append(
                    FieldWrite(one, place, source, now, sent, views[source].now, changes, str(wish["reason"]), False)
                )
            writes += carried
        if writes:
            found.settled[one.key] = {place: view.now.text for place, view in enumerate(views)}
            found.writes += writes
            return True
    return False


def _carried(
    scene: Scene, one: RuleField, source: int, value: Reading, views: tuple[View, ...], wish: Mapping[str, Any]
) -> list[FieldWrite]:
    """What a wish that travels writes at the other places; what stood there gives way and is kept."""
    writes: list[FieldWrite] = []
    for place, target in enumerate(scene.records):
        if place == source or target.side not in wish.get("travels", ()) or views[place].now.key == value.key:
            continue
        if not _takes(views[place], empty=value.empty):
            continue
        changes = write_values(one, value, target, scene.ports[place], scene.items)
        if changes:
            sent, old = _as_sent(scene, one, target, changes), views[place].now
            writes.append(FieldWrite(one, place, source, old, sent, value, changes, str(wish["reason"]), not old.empty))
    return writes


def _takes(view: View, *, empty: bool) -> bool:
    return view.presence != "read_only" and not (empty and view.presence == "required")


def _choice(links: Iterable[Link], key: str) -> int | None:
    """The place whose value a person has chosen."""
    for position, link in enumerate(links, start=1):
        chosen = ((link.data or {}).get("choices") or {}).get(key)
        if chosen in ("crm", "erp"):
            return CRM if chosen == "crm" else position
    return None


def _chosen(source: int, views: tuple[View, ...]) -> Decision:
    """A person has said which place's value is the right one."""
    if any(view.presence in ("unreadable", "gone") for view in views):
        return Decision("nothing", "unreadable")
    value = views[source].now
    targets = tuple(place for place, view in enumerate(views) if view.now.key != value.key)
    if not targets:
        return Decision("nothing", "equal", agreed=True)
    if value.problem is not None:
        return Decision("held", "invalid_source", source, targets, problem=value.problem)
    losers = tuple(place for place in targets if not views[place].now.empty)
    return Decision("write", "person", source, targets, losers)


def _quiet_until(scene: Scene, one: RuleField, source: int) -> datetime | None:
    """Until when a value must rest. A record that we wrote last may hold an edit of just before: it rests too."""
    quiet = scene.group.rule.quiet_period
    if not quiet:
        return None
    record = scene.records[source]
    for path in paths_of(one, record.side):
        touch = record.touch_of(path)
        if touch.at is not None and scene.now - touch.at < timedelta(seconds=quiet):
            return touch.at + timedelta(seconds=quiet)
    return None
