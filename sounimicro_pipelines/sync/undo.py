"""Undoing a run: every field that it wrote and nobody has edited since gets back what it held before.

An undo is a run of its own. What is put back stays on its side: the other side keeps its value, and both become the
baseline, so that nothing travels until somebody edits. Records that a run has created, and links, are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import history, intents, links, runs
from sounimicro_pipelines.store.history import Entry
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.agreement import agree
from sounimicro_pipelines.sync.engine import single
from sounimicro_pipelines.sync.holding import hold_records
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.routing import partner_pairs
from sounimicro_pipelines.sync.translate import read_field, reread
from sounimicro_pipelines.sync.weigh import Group
from sounimicro_pipelines.sync.world import NotNow, World
from sounimicro_pipelines.transport import VendorError

Why = Literal[
    "edited_since", "written_since", "as_before", "link_ended", "field_not_synchronized", "created", "linked",
    "forgotten", "not_live", "refused", "unanswered", "undone", "unsettled",
]  # fmt: skip
REASONS: dict[Why, str] = {
    "edited_since": "The value is not the one that the run wrote: somebody has edited it since.",
    "written_since": "A later run has written the field again.",
    "as_before": "The field already holds what it held before the run.",
    "link_ended": "The record is linked no more, or the record is gone.",
    "field_not_synchronized": "The rule does not write this field there any more.",
    "created": "The run created the record; nothing is ever deleted. Disconnect it, and delete it by hand.",
    "linked": "The run linked or disconnected the records; do the reverse by hand if it was wrong.",
    "forgotten": "What the field held before is not kept any more.",
    "not_live": "The sync may not write for this company now.",
    "refused": "The other system did not take the value back.",
    "unanswered": "The other system has not said whether it took the value back; the next runs find out.",
    "undone": "The write has been undone before.",
    "unsettled": "Nobody knows yet whether the run's write has happened; undo the run again when that is known.",
}


class NoSuchRun(SounimicroError):
    """There is no run with that id."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Restored:
    """One field that holds again what it held before."""

    side: str
    company_key: str
    crm: str
    erp: str
    field: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something that the run did and that stands, with the reason. `field` is None for a link or a created record."""

    side: str | None
    company_key: str
    crm: str
    erp: str
    field: str | None
    why: Why

    @property
    def text(self) -> str:
        return REASONS[self.why]


@dataclass(slots=True)
class UndoReport:
    """What an undo came to; it is recorded as the run `run_id`."""

    run_id: str
    undone_run: str
    restored: list[Restored] = field(default_factory=list)
    left: list[LeftAlone] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        failed = sum(one.why == "refused" for one in self.left)
        held = sum(one.why in ("unanswered", "unsettled") for one in self.left)
        rest = len(self.left) - failed - held
        done = len(self.restored)
        return {"in": done + len(self.left), "applied": done, "unchanged": rest, "held": held, "failed": failed}


@dataclass(slots=True)
class _Step:
    """All that a run did to one field at one side: from `before` to `after`."""

    first: Entry
    last: Entry
    ids: list[int]

    @property
    def before(self) -> Any:
        return self.first.old_value

    @property
    def after(self) -> Any:
        return self.last.new_value

    @property
    def side(self) -> Side:
        return "crm" if self.last.side == "crm" else "erp"


async def undo(world: World, run_id: str) -> UndoReport:
    """Undo a run. Raises NoSuchRun; what cannot be undone is listed in the report."""
    report = UndoReport(world.run_id, run_id)
    with world.store.read() as tx:
        entries = history.of_run(tx, run_id)
        if not entries and runs.get(tx, run_id) is None:
            raise NoSuchRun(f"There is no run {run_id}.", remedy="Look for its id under runs, or in `explain`.")
    with world.store.transaction() as tx:
        runs.start(tx, world.run_id, kind="undo", by=world.by, now=world.now(), undo_of=run_id)
    for one in entries:
        if one.field is None:
            report.left.append(_left(one, "created" if one.kind == "create" else "linked"))
    report.left += _unsettled(world, run_id)
    steps = _steps([one for one in entries if one.field is not None])
    for link_id in dict.fromkeys(step.last.link_id for step in steps):
        mine = [step for step in steps if step.last.link_id == link_id]
        await _undo_link(world, link_id, mine, report)
    with world.store.transaction() as tx:
        runs.finish(tx, world.run_id, now=world.now(), counts=report.counts)
    world.reporter.info(f"undo {run_id}: {len(report.restored)} fields restored, {len(report.left)} left")
    return report


def _steps(entries: Sequence[Entry]) -> list[_Step]:
    """Entries come newest first; several writes of one field are undone as one."""
    found: dict[tuple[Any, ...], _Step] = {}
    for one in entries:
        step = found.setdefault((one.link_id, one.side, one.field, one.erp_id), _Step(one, one, []))
        step.first = one
        step.ids.append(one.id)
    return list(found.values())


async def _undo_link(world: World, link_id: int | None, steps: list[_Step], report: UndoReport) -> None:
    with world.store.read() as tx:
        link = links.get(tx, link_id) if link_id is not None else None
    if link is None or link.state != "active" or link.company_key not in world.erp:
        report.left += [_left(step.last, "link_ended") for step in steps]
        return
    with world.store.read() as tx:
        live = world.is_live(tx, link.company_key)
    if not live:
        report.left += [_left(step.last, "not_live") for step in steps]
        return
    async with hold_records(world, [(link.tenant, link.crm_entity, link.crm_id)], "undo"):
        by_rule: dict[str, list[_Step]] = {}
        for step in steps:
            by_rule.setdefault(group_of(world, link, step.last.field).rule.rule, []).append(step)
        for mine in by_rule.values():
            await _undo_group(world, link, mine, report)


async def _undo_group(world: World, link: Link, steps: list[_Step], report: UndoReport) -> None:
    group = group_of(world, link, steps[0].last.field)
    records: dict[Side, Record | None] = {}
    try:
        records["crm"] = await world.crm.read(link.crm_entity, link.crm_id, group.rule.crm_paths())
        records["erp"] = await world.erp[link.company_key].read(link.erp_entity, link.erp_id, group.rule.erp_paths())
    except VendorError:
        report.left += [_left(step.last, "refused") for step in steps]
        return
    wishes: dict[str, dict[str, Any]] = {}
    wanted: list[_Step] = []
    for step in steps:
        why = _obstacle(world, group, link, step, records)
        if why is not None:
            report.left.append(_left(step.last, why))
            continue
        wish = wishes.setdefault(str(step.last.field), {"to": {}, "if": {}, "reason": "undo"})
        wish["to"][step.side], wish["if"][step.side] = str(step.before), str(step.after)
        wanted.append(step)
    if not wanted:
        return
    with world.store.transaction() as tx:
        current = links.get(tx, link.id, lock=True)
        if current is not None:
            links.change(tx, link.id, data={**(current.data or {}), "wishes": wishes})
    try:
        await agree(world, group_of(world, link, steps[0].last.field))
    except (NotNow, VendorError):
        world.reporter.warning(f"undo: link {link.id} could not be written now")
    _account(world, link, wanted, report)


def group_of(world: World, link: Link, key: str | None) -> Group:
    """The link as it is now, under the rule that decides the field now: alone, or as half of a partner.

    A company may have become a partner, or ceased to be one, since the field was written or disagreed on.
    """
    with world.store.read() as tx:
        linked = links.for_crm(tx, link.tenant, link.crm_entity, link.crm_id)
    partner = world.rules.get("partner")
    if partner.active and key is not None and partner.field(key) is not None:
        for pair in partner_pairs(linked):
            if link.id in (one.id for one in pair):
                return Group(partner, world.rules.version("partner"), partner.fields, pair)
    current = next((one for one in linked if one.id == link.id), link)
    return single(world, world.rules.get(link.rule), current, linked)


def _obstacle(world: World, group: Group, link: Link, step: _Step, records: dict[Side, Record | None]) -> Why | None:
    entry, record = step.last, records[step.side]
    one = next((each for each in group.fields if each.key == entry.field), None)
    if entry.undone_by_run is not None:
        return "undone"
    if record is None or records["crm"] is None or records["erp"] is None:
        return "link_ended"
    if one is None or not (one.writes_crm if step.side == "crm" else one.writes_erp) or not one.crm or not one.erp:
        return "field_not_synchronized"
    if step.before is None or step.after is None:
        return "forgotten"
    with world.store.read() as tx:
        items = world.items(tx, link.company_key)
        later = history.of_record(tx, tenant=link.tenant, crm=(link.crm_entity, link.crm_id), field=entry.field)
    now = read_field(one, record, items)
    before, after = (reread(one, step.side, str(text), record.country, items) for text in (step.before, step.after))
    if now.key == before.key:
        return "as_before"
    if now.key == after.key:
        return None
    written = any(
        each.id > entry.id and each.side == entry.side and (each.side == "crm" or each.link_id == entry.link_id)
        for each in later
    )
    return "written_since" if written else "edited_since"


def _account(world: World, link: Link, wanted: list[_Step], report: UndoReport) -> None:
    """What the journal of this run says was put back; the rest was edited in that moment, refused or unanswered."""
    with world.store.transaction() as tx:
        done = {
            (one.side, one.field)
            for one in history.of_run(tx, world.run_id)
            if one.link_id == link.id or (one.side == "crm" and one.crm_id == link.crm_id)
        }
        about = intents.living_for(tx, tenant=link.tenant, crm=(link.crm_entity, link.crm_id))
        open_writes = {(one.side, key) for one in about if one.run_id == world.run_id for key in one.body}
        for step in wanted:
            entry = step.last
            if (entry.side, entry.field) in done:
                history.mark_undone(tx, step.ids, world.run_id)
                report.restored.append(
                    Restored(step.side, entry.company_key, _crm(entry), _erp(entry), str(entry.field))
                )
            else:
                waits = (entry.side, entry.field) in open_writes
                report.left.append(_left(entry, "unanswered" if waits else "refused"))
        current = links.get(tx, link.id, lock=True)
        data = dict((current.data if current is not None else None) or {})
        if current is not None and data.pop("wishes", None) is not None:
            links.change(tx, link.id, data=data)


def _unsettled(world: World, run_id: str) -> list[LeftAlone]:
    """The fields of which the run heard no answer, and that no later run has looked at."""
    with world.store.read() as tx:
        sent = [one for one in intents.living(tx) if one.run_id == run_id and one.kind == "update"]
    return [
        LeftAlone(
            one.side,
            one.company_key,
            f"crm:{one.crm_entity}:{one.crm_id}",
            f"{one.erp_entity}:{one.erp_id}",
            key,
            "unsettled",
        )
        for one in sent
        for key in one.body
    ]


def _left(entry: Entry, why: Why) -> LeftAlone:
    return LeftAlone(entry.side, entry.company_key, _crm(entry), _erp(entry), entry.field, why)


def _crm(entry: Entry) -> str:
    return f"crm:{entry.crm_entity}:{entry.crm_id}"


def _erp(entry: Entry) -> str:
    return f"{entry.erp_entity}:{entry.erp_id}"
