"""What a person decides about a conflict: which side's value is right, or that a value which gave way comes back.

Both go through the engine, as requests of their own: they are recorded as runs, explained, and can be undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sounimicro_pipelines.rules.model import Rule, RuleField
from sounimicro_pipelines.rules.values import Reading, Side
from sounimicro_pipelines.store import Outdated, Transaction, conflicts, history, links, work
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.agreement import agree
from sounimicro_pipelines.sync.asking import may_choose
from sounimicro_pipelines.sync.connecting import RequestRefused, demand_live, read_crm
from sounimicro_pipelines.sync.decide import CRM
from sounimicro_pipelines.sync.holding import crm_lease
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.requests import ErpButton, Outcome
from sounimicro_pipelines.sync.routing import AT_ONCE
from sounimicro_pipelines.sync.translate import read_field, reread
from sounimicro_pipelines.sync.undo import REASONS, Why, group_of
from sounimicro_pipelines.sync.weigh import Group
from sounimicro_pipelines.sync.world import NotNow, World

CARRIED_OUT_WITHIN = timedelta(minutes=1)
"""After so long the engine looks whether a decision still has to be carried out."""

SYSTEMS = {"crm": "CRM", "erp": "ERP"}


@dataclass(frozen=True, slots=True)
class _Matter:
    """A conflict with everything that it is about, read just now. `records` are by place, the CRM's first."""

    world: World
    conflict: Conflict
    link: Link
    field: RuleField
    group: Group
    records: tuple[Record, ...]

    def now(self, place: int) -> Reading:
        """What the field holds at a place."""
        with self.world.store.read() as tx:
            return read_field(self.field, self.records[place], self.world.items(tx, self.link.company_key))

    def as_there(self, place: int, text: str) -> Reading:
        """A kept value as the field of that place would hold it."""
        record = self.records[place]
        with self.world.store.read() as tx:
            items = self.world.items(tx, self.link.company_key)
        return reread(self.field, record.side, text, record.country, items)

    def holds(self, place: int, text: object) -> bool:
        """Whether the field holds a value at a place, as values are compared."""
        return self.now(place).key == self.as_there(place, str(text or "")).key

    def place_of(self, side: Side) -> int:
        """The CRM, or the ERP row of the conflict's own link."""
        if side == "crm":
            return CRM
        return next(at for at, link in enumerate(self.group.links, start=1) if link.id == self.link.id)

    @property
    def may_win(self) -> tuple[Side, ...]:
        """The sides whose value may travel to the other one."""
        with self.world.store.read() as tx:
            owner = links.owners(tx, self.link.tenant, self.link.crm_entity, self.link.crm_id).get(self.field.key)
            linked = links.for_crm(tx, self.link.tenant, self.link.crm_entity, self.link.crm_id)
        if owner is None:
            writers = [one.id for one in linked if self._writes_crm(one)]
            owner = writers[0] if writers else None
        return may_choose(self.field, owns=owner in (None, *(one.id for one in self.group.links)))

    def _writes_crm(self, link: Link) -> bool:
        one = self.world.rules.get(link.rule).field(self.field.key)
        return one is not None and one.writes_crm


async def decide(button: ErpButton, conflict_id: int, side: Side) -> Outcome:
    """Let the value of one side be the right one; the other one is kept, and can be restored.

    What cannot be written at once stands as decided, and the engine carries it out; the outcome is waiting then.
    Raises RequestRefused when another person was faster or a value is no longer the one that was shown, RecordBusy,
    and the VendorError family; then nothing has been decided.
    """
    world = button.world
    conflict = _conflict(world, conflict_id)
    if conflict.state != "open":
        raise _decided(conflict)
    link, rule = _link_and_rule(world, conflict)
    demand_live(world, link.company_key)
    record = CrmAddress(link.crm_entity, link.crm_id)
    lease = crm_lease(link.tenant, link.crm_entity, link.crm_id)
    async with button.recorded("decide", rule, link.company_key, record, lease) as done:
        done.link = link
        matter = await _look(world, conflict, link)
        chosen = await _as_shown(button, matter, side)
        try:
            _settle(world, matter, chosen, side)
        except Outdated:
            raise _decided(_conflict(world, conflict_id)) from None
        with world.store.read() as tx:
            fresh = links.get(tx, link.id)
        if fresh is not None:
            await button.agree(fresh, done)
    return done.outcome(world)


async def restore(button: ErpButton, conflict_id: int) -> Outcome:
    """Put a value back that gave way, and let it travel where the rule lets it; the one that had won is kept then.

    Raises RequestRefused when it was put back before, is not kept any more, or the field has been edited since,
    RecordBusy, and the VendorError family.
    """
    world = button.world
    conflict = _conflict(world, conflict_id)
    side, text = _loser(conflict)
    link, rule = _link_and_rule(world, conflict)
    demand_live(world, link.company_key)
    record = CrmAddress(link.crm_entity, link.crm_id)
    lease = crm_lease(link.tenant, link.crm_entity, link.crm_id)
    async with button.recorded("restore", rule, link.company_key, record, lease) as done:
        done.link = link
        matter = await _look(world, conflict, link)
        if _is_back(matter, side, text):
            done.waiting = REASONS["as_before"]
        else:
            if not matter.holds(matter.place_of(side), text):
                _demand_untouched(matter, side)
            _wish(matter, side, text)
            try:
                done.add(await agree(world, group_of(world, link, conflict.field)))
            except NotNow as wait:
                done.wait(wait)
            finally:
                _drop_wish(world, matter)
            if not _was_put_back(matter):
                raise RequestRefused(
                    "refused", done.waiting or REASONS["refused"], remedy="Nothing was changed; try again in a moment."
                )
        with world.store.transaction() as tx:
            conflicts.settle(tx, conflict.id, state="restored", winner=None, by=world.by, now=world.now())
    return done.outcome(world)


def conflict_of(tx: Transaction, issue: Issue) -> Conflict | None:
    """The open conflict that an issue asks a person about."""
    if issue.kind != "conflict" or issue.state != "open" or issue.link_id is None or issue.field is None:
        return None
    return conflicts.open_for(tx, issue.link_id, issue.field)


def _conflict(world: World, conflict_id: int) -> Conflict:
    with world.store.read() as tx:
        found = conflicts.get(tx, conflict_id)
    if found is None:
        raise RequestRefused("no_such_conflict", f"There is no conflict {conflict_id}.")
    return found


def _decided(conflict: Conflict) -> RequestRefused:
    return RequestRefused(
        "decided",
        f"This conflict has been decided already, by {conflict.decided_by or 'sync'}.",
        remedy="Look at the record again; what gave way can be restored.",
    )


def _loser(conflict: Conflict) -> tuple[Side, str]:
    """The side whose value gave way, and that value. Raises RequestRefused."""
    if conflict.state == "restored":
        raise RequestRefused(
            "restored", f"The value has been put back already, by {conflict.decided_by or 'sync'}.", remedy=""
        )
    if conflict.state == "open" or conflict.winner not in ("crm", "erp"):
        raise RequestRefused("no_loser", "No value has given way here.", remedy="Decide the conflict first.")
    side: Side = "erp" if conflict.winner == "crm" else "crm"
    value = conflict.erp_value if side == "erp" else conflict.crm_value
    if value is None:
        raise RequestRefused("forgotten", REASONS["forgotten"])
    return side, str(value)


def _link_and_rule(world: World, conflict: Conflict) -> tuple[Link, Rule]:
    with world.store.read() as tx:
        link = links.get(tx, conflict.link_id) if conflict.link_id is not None else None
    if link is None or link.state != "active" or link.company_key not in world.erp:
        raise RequestRefused("not_linked", REASONS["link_ended"], remedy="Connect the record anew first.")
    return link, world.rules.get(conflict.rule)


async def _look(world: World, conflict: Conflict, link: Link) -> _Matter:
    """Read the records now. Raises RequestRefused when one is gone or the rule no longer has the field."""
    group = group_of(world, link, conflict.field)
    field = next((one for one in group.fields if one.key == conflict.field), None)
    if field is None:
        raise RequestRefused("field_not_synchronized", REASONS["field_not_synchronized"])
    crm = await read_crm(world, group.rule, CrmAddress(link.crm_entity, link.crm_id))
    erps = [await _read_row(world, group.rule, one) for one in group.links]
    return _Matter(world, conflict, link, field, group, (crm, *erps))


async def _read_row(world: World, rule: Rule, link: Link) -> Record:
    found = await world.erp[link.company_key].read(link.erp_entity, link.erp_id, rule.erp_paths())
    if found is None:
        raise RequestRefused("gone", REASONS["link_ended"])
    return found


async def _as_shown(button: ErpButton, matter: _Matter, side: Side) -> Link:
    """The link at which a choice of that side is to stand. Raises RequestRefused when a value has changed since."""
    conflict = matter.conflict
    if side not in matter.may_win:
        allowed = " or ".join(SYSTEMS[one] for one in matter.may_win) or "nothing"
        raise RequestRefused(
            "no_choice",
            f"{matter.field.name} does not travel from the {SYSTEMS[side]}.",
            remedy=f"Here one may choose {allowed}.",
        )
    rows = [at for at in range(1, len(matter.records)) if matter.holds(at, conflict.erp_value)]
    if rows and matter.holds(CRM, conflict.crm_value):
        return matter.group.link_at(rows[0])
    # Looking at the record anew brings the conflict up to date, or settles it.
    await agree(matter.world, matter.group)
    raise RequestRefused(
        "changed",
        "A value has been changed since it was shown here.",
        remedy="Nothing was decided; look at the two values as they are now.",
    )


def _settle(world: World, matter: _Matter, chosen: Link, side: Side) -> None:
    """The decision, and the work of carrying it out, in one transaction. Raises Outdated."""
    key = matter.field.key
    with world.store.transaction() as tx:
        conflicts.settle(tx, matter.conflict.id, state="decided", winner=side, by=world.by, now=world.now())
        for one in matter.group.links:
            current = links.get(tx, one.id, lock=True)
            if current is None:
                raise Outdated("The link has ended meanwhile.")
            data = dict(current.data or {})
            choices = {name: said for name, said in (data.pop("choices", None) or {}).items() if name != key}
            if one.id == chosen.id:
                choices[key] = side
            links.change(tx, one.id, data={**data, **({"choices": choices} if choices else {})})
        later = world.now() + CARRIED_OUT_WITHIN
        rule, entity = matter.group.rule.rule, matter.link.crm_entity
        work.poke(
            tx,
            [Poke(rule, "crm", entity, matter.link.crm_id, "person", priority=AT_ONCE, not_before=later)],
            world.now(),
        )


def _demand_untouched(matter: _Matter, side: Side) -> None:
    """Raises RequestRefused unless the field still holds what the sync wrote over the value that gave way."""
    conflict, place = matter.conflict, matter.place_of(side)
    with matter.world.store.read() as tx:
        entries = history.of_run(tx, conflict.run_id) if conflict.run_id else []
        later = history.of_record(
            tx, tenant=conflict.tenant, crm=(conflict.crm_entity, matter.link.crm_id), field=conflict.field
        )
    link = matter.group.link_at(place)
    mine = [
        one
        for one in entries
        if (one.side, one.field) == (side, conflict.field) and (side == "crm" or one.link_id == link.id)
    ]
    if not mine or mine[0].new_value is None:
        raise RequestRefused("forgotten", "What was written over the value is not kept any more.", remedy=_BY_HAND)
    if matter.holds(place, mine[0].new_value):
        return
    written = any(
        one.id > mine[0].id and one.side == side and (side == "crm" or one.link_id == link.id) for one in later
    )
    why: Why = "written_since" if written else "edited_since"
    raise RequestRefused(why, REASONS[why], remedy=_BY_HAND)


_BY_HAND = "Nothing was changed. If the old value is right after all, type it in one of the two systems."


def _wish(matter: _Matter, side: Side, text: str) -> None:
    """Let the engine put the value back at its side, and write it at the other one where it may."""
    now = matter.now(matter.place_of(side)).text
    other: Side = "crm" if side == "erp" else "erp"
    wish = {
        "to": {side: text},
        "if": {side: now},
        "travels": [other] if side in matter.may_win else [],
        "reason": "restore",
    }
    with matter.world.store.transaction() as tx:
        current = links.get(tx, matter.link.id, lock=True)
        if current is None:
            raise RequestRefused("not_linked", REASONS["link_ended"])
        data = dict(current.data or {})
        wishes = {**(data.get("wishes") or {}), matter.field.key: wish}
        links.change(tx, matter.link.id, data={**data, "wishes": wishes})


def _drop_wish(world: World, matter: _Matter) -> None:
    """A wish is tried once: what a system did not take is not put back behind anybody's back later."""
    with world.store.transaction() as tx:
        current = links.get(tx, matter.link.id, lock=True)
        data = dict((current.data if current is not None else None) or {})
        if current is None or not data.pop("wishes", None):
            return
        links.change(tx, matter.link.id, data=data)


def _is_back(matter: _Matter, side: Side, text: str) -> bool:
    """Whether the value stands again at its side, and wherever it travels to from there."""
    if not matter.holds(matter.place_of(side), text):
        return False
    value = matter.now(matter.place_of(side))
    others = [at for at, record in enumerate(matter.records) if record.side != side and side in matter.may_win]
    return all(matter.now(at).key == value.key for at in others)


def _was_put_back(matter: _Matter) -> bool:
    with matter.world.store.read() as tx:
        written = history.of_run(tx, matter.world.run_id)
    return any((one.field, one.reason) == (matter.field.key, "restore") for one in written)
