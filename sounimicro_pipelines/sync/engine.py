"""The engine: takes work items, brings their records into agreement, and gives every trouble a cause and a remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import Outdated, Transaction, issues, links, runs, watermarks, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import Poke, WorkItem
from sounimicro_pipelines.sync.agreement import Agreed, Gone, agree
from sounimicro_pipelines.sync.allotting import look_again
from sounimicro_pipelines.sync.decide import CRM
from sounimicro_pipelines.sync.ending import check_guard, forget_unlinked, handle_gone
from sounimicro_pipelines.sync.holding import busy, crm_lease, erp_lease
from sounimicro_pipelines.sync.meeting import meet_crm, meet_erp
from sounimicro_pipelines.sync.orphans import creates_for, give_up_creates
from sounimicro_pipelines.sync.recovering import recover
from sounimicro_pipelines.sync.routing import partner_pairs, pokes_for
from sounimicro_pipelines.sync.rule_changes import redefined_in
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.troubles import allowed_again, failed, fingerprint_of, is_refused
from sounimicro_pipelines.sync.weigh import Group
from sounimicro_pipelines.sync.world import NotNow, World
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed

TAKEN_AT_ONCE = 50


@dataclass(slots=True)
class _Done:
    """What one item came to: `company_key` is where it failed, `until` when another of its links has waited enough."""

    agreed: list[tuple[Group, Agreed]] = field(default_factory=list)
    linked: int = 0
    company_key: str = ""
    until: datetime | None = None

    @property
    def word(self) -> str:
        words = [result.word for _, result in self.agreed]
        for word in ("conflicts", "held"):
            if word in words:
                return word
        return "applied" if "applied" in words or self.linked else "unchanged"


async def drain(
    world: World,
    rule: str,
    *,
    kind: str = "sync",
    at_once: int = 1,
    limit: int | None = None,
    until: float | None = None,
) -> RunReport:
    """Work off a rule's list and record the run.

    `at_once` items go in parallel. It ends when nothing is due, after `limit` items, when the clock's monotonic time
    passes `until`, or when a rule has been changed, which is for a run with the new rules; what is left stays on the
    list.
    """
    report = RunReport(world.run_id, rule)
    with world.store.transaction() as tx:
        runs.start(tx, world.run_id, kind=kind, by=world.by, now=world.now(), rule=rule)
        report.refused = is_refused(tx)
    try:
        await recover(world, rule)
        await look_again(world, world.rules.get(rule))
        while (limit is None or report.counts["in"] < limit) and (until is None or world.clock.monotonic() < until):
            most = TAKEN_AT_ONCE if limit is None else min(TAKEN_AT_ONCE, limit - report.counts["in"])
            items = _take(world, rule, most)
            if not items:
                break
            await _work_on_all(world, items, report, at_once)
    except BaseException as error:
        if isinstance(error, Exception):
            with world.store.transaction() as tx:
                message = error.message if isinstance(error, SounimicroError) else type(error).__name__
                runs.finish(tx, world.run_id, now=world.now(), counts=report.counts, state="failed", message=message)
        raise
    with world.store.transaction() as tx:
        runs.finish(tx, world.run_id, now=world.now(), counts=report.counts)
    return report


def _take(world: World, rule: str, most: int) -> list[WorkItem]:
    """Due items, and list mappings as they are now; none when a newer rule is in force, whose work they may be.

    What is for ERP companies that are not in use is put away.
    """
    hold = timedelta(seconds=world.patience.lease)
    world.forget_items()
    with world.store.transaction() as tx:
        while items := work.take(tx, rule, holder=world.holder, now=world.now(), hold=hold, limit=most):
            if world.rules.is_superseded(tx):
                break
            away = [item for item in items if item.company_key and item.company_key not in world.erp]
            for item in away:
                work.put_away(tx, item)
            if len(away) < len(items):
                return [item for item in items if item not in away]
        for item in items:
            work.postpone(tx, item, world.now(), failed=False)
    if items:
        world.reporter.info("A rule was changed meanwhile; what is left is for the next run, with the new one.")
    return []


async def _work_on_all(world: World, items: Sequence[WorkItem], report: RunReport, at_once: int) -> None:
    if at_once == 1:
        for item in items:
            await work_on(world, item, report)
        return
    gate = asyncio.Semaphore(at_once)
    queues: dict[str, list[WorkItem]] = {}
    with world.store.read() as tx:
        for item in items:
            queues.setdefault(_lease_name(tx, world, item), []).append(item)

    async def in_turn(queue: Sequence[WorkItem]) -> None:
        async with gate:
            for item in queue:
                await work_on(world, item, report)

    # What is about the same record would only find it busy, and wait for the next run.
    async with asyncio.TaskGroup() as group:
        for queue in queues.values():
            group.create_task(in_turn(queue))


async def work_on(world: World, item: WorkItem, report: RunReport) -> None:
    """Deal with one item; whatever goes wrong with it stays with it."""
    done = _Done()
    try:
        with world.store.read() as tx:
            lease = _lease_name(tx, world, item)
        own = f"{world.holder}#{item.id}"
        with world.store.transaction() as tx:
            hold = timedelta(seconds=world.patience.lease)
            if not watermarks.take_lease(tx, lease, holder=own, now=world.now(), hold=hold):
                raise busy(tx, world, lease)
        try:
            await _process(world, item, done)
        finally:
            _give_back(world, lease, own)
    except (NotNow, Outdated) as wait:
        until = wait.until if isinstance(wait, NotNow) else world.later(1.0)
        with world.store.transaction() as tx:
            work.postpone(tx, item, until, failed=False)
        report.count("held")
    except Exception as error:  # what nobody foresaw in one record must not keep the others from their turn
        failed(world, item, error, company_key=done.company_key, until=done.until)
        report.refused = report.refused or isinstance(error, AccessDenied | AuthenticationFailed)
        report.count("failed")
    else:
        with world.store.transaction() as tx:
            work.finish(tx, item, world.now())
            issues.solve(tx, fingerprint_of(item), now=world.now())
            if report.refused:
                allowed_again(tx, world, item, [link for group, _ in done.agreed for link in group.links])
        report.count(done.word)
    for group, result in done.agreed:
        report.tell(group, result)


def _give_back(world: World, lease: str, own: str) -> None:
    with world.store.transaction(durable=False) as tx:
        watermarks.give_lease(tx, lease, holder=own)


async def _process(world: World, item: WorkItem, done: _Done) -> None:
    rule = world.rules.get(item.rule)
    if not rule.active:
        return
    if item.side == "crm":
        await _process_crm(world, rule, item, done)
    else:
        await _process_erp(world, rule, item, done)


async def _process_crm(world: World, rule: Rule, item: WorkItem, done: _Done) -> None:
    with world.store.read() as tx:
        check_guard(tx, "crm", "", item.entity, world)
        linked = links.for_crm(tx, world.tenant, item.entity, item.record_id)
        about = [one for one in linked if one.rule == rule.rule or rule.rule == "partner"]
        mine, held = _usable(tx, world, about), _usable(tx, world, about, state="held")
    _leave_for_later(world, item, about)
    if rule.rule == "partner":
        version = world.rules.version("partner")
        pairs = [Group(rule, version, rule.fields, pair, redefined_in(item)) for pair in partner_pairs(mine)]
        await _agree_with_each(world, pairs, done)
        return
    groups = [single(world, rule, link, linked, redefined_in(item)) for link in mine]
    stopped = [single(world, rule, link, linked) for link in held]
    if (item.hint or {}).get("deleted") and await world.crm.is_deleted(item.entity, item.record_id):
        await _end_each(world, [*groups, *stopped], CRM, done)
        crm = None
    else:
        await _agree_with_each(world, groups, done)
        crm = await world.crm.read(item.entity, item.record_id, rule.crm_paths())
        if crm is None:
            await _end_each(world, stopped, CRM, done)
    if crm is None:
        with world.store.read() as tx:
            left = creates_for(tx, world, rule, crm=(item.entity, item.record_id))
        await give_up_creates(world, rule, left)
        if item.entity == "person":
            await forget_unlinked(world, item.record_id)
        return
    if crm.locked is not None:
        return
    for link in await meet_crm(world, rule, crm):
        done.linked += 1
        await _after_linking(world, rule, link, done)


async def _process_erp(world: World, rule: Rule, item: WorkItem, done: _Done) -> None:
    if item.company_key not in world.erp:
        return
    with world.store.read() as tx:
        if not world.is_live(tx, item.company_key):
            return
        check_guard(tx, "erp", item.company_key, item.entity, world)
        link = links.for_erp(tx, item.company_key, item.entity, item.record_id)
        linked = links.for_crm(tx, world.tenant, link.crm_entity, link.crm_id) if link is not None else []
        left = creates_for(tx, world, rule, erp=(item.company_key, item.entity, item.record_id))
    if link is not None:
        if link.state == "active":
            await _agree(world, single(world, rule, link, linked, redefined_in(item)), done)
        elif await world.erp[item.company_key].read(item.entity, item.record_id, rule.erp_paths()) is None:
            await _end_each(world, [single(world, rule, link, linked)], CRM + 1, done)
        await give_up_creates(world, rule, left)
        return
    for link in await meet_erp(world, rule, item.company_key, item.entity, item.record_id):
        done.linked += 1
        await _after_linking(world, rule, link, done)


async def _after_linking(world: World, rule: Rule, link: Link, done: _Done) -> None:
    with world.store.read() as tx:
        linked = links.for_crm(tx, world.tenant, link.crm_entity, link.crm_id)
    await _agree(world, single(world, rule, link, linked), done)


async def _agree_with_each(world: World, groups: Sequence[Group], done: _Done) -> None:
    """Agree on each link of a record: what goes wrong with one company keeps no other from its news.

    Raises the first error, or else what has to wait, when all have had their turn.
    """
    error: Exception | None = None
    for group in groups:
        try:
            await _agree(world, group, done)
        except NotNow as wait:
            done.until = min(done.until or wait.until, wait.until)
            error = error or wait
        except Exception as trouble:
            if error is None or isinstance(error, NotNow):
                error, done.company_key = trouble, group.company_key
    if isinstance(error, NotNow) and done.until is not None:
        raise NotNow(done.until, error.reason)
    if error is not None:
        raise error


async def _agree(world: World, group: Group, done: _Done) -> None:
    with world.store.read() as tx:
        check_guard(tx, "crm", "", group.links[0].crm_entity, world)
        for link in group.links:
            check_guard(tx, "erp", link.company_key, link.erp_entity, world)
    result = await agree(world, group)
    done.agreed.append((group, result))
    if result.gone is not None:
        await handle_gone(world, result.gone)
        return
    for link in group.links:
        await _poke_children(world, link)


async def _end_each(world: World, groups: Sequence[Group], place: int, done: _Done) -> None:
    """End the links of a record that has been deleted, those too that wait for a person and are written no more."""
    for group in groups:
        gone = Gone(place, group.links[0], "deleted")
        done.agreed.append((group, Agreed(gone=gone)))
        await handle_gone(world, gone)


async def _poke_children(world: World, link: Link) -> None:
    """After a company has been linked: its persons on both sides."""
    with world.store.read() as tx:
        current = links.get(tx, link.id)
    if current is None or current.rule not in ("customer", "supplier") or not (current.data or {}).get("children"):
        return
    persons = await world.crm.children(current.crm_entity, current.crm_id)
    contacts = await world.erp[current.company_key].children(current.erp_entity, current.erp_id)
    with world.store.transaction() as tx:
        pokes: list[Poke] = []
        for side, key, entity, ids in (
            ("crm", "", "person", persons),
            ("erp", current.company_key, "Contact", contacts),
        ):
            pokes += pokes_for(tx, world.rules, world.tenant, side, key, entity, ids, origin="parent")  # type: ignore[arg-type]
        work.poke(tx, pokes, world.now())
        fresh = links.get(tx, current.id, lock=True)
        if fresh is not None and fresh.crm_id == current.crm_id:
            links.change(tx, current.id, data={**(fresh.data or {}), "children": False})


def single(
    world: World, rule: Rule, link: Link, linked: Sequence[Link], redefined: frozenset[str] = frozenset()
) -> Group:
    """One link alone; where the partner rule governs, its fields are left to it."""
    fields = rule.fields
    if any(link.id in (one.id, other.id) for one, other in partner_pairs(linked)):
        fields = tuple(one for one in fields if not world.rules.is_partner_field(one))
    return Group(rule, world.rules.version(rule.rule), fields, (link,), redefined)


def _leave_for_later(world: World, item: WorkItem, linked: Sequence[Link]) -> None:
    """Companies that are not in use hear of a CRM record when they are again."""
    keys = sorted({one.company_key for one in linked} - set(world.erp))
    if keys:
        pokes = [Poke(item.rule, "crm", item.entity, item.record_id, "away", key, hint=item.hint) for key in keys]
        with world.store.transaction() as tx:
            work.poke(tx, pokes, world.now())


def _usable(tx: Transaction, world: World, linked: Sequence[Link], *, state: str = "active") -> list[Link]:
    return [
        one
        for one in linked
        if one.state == state and one.company_key in world.erp and world.is_live(tx, one.company_key)
    ]


def _lease_name(tx: Transaction, world: World, item: WorkItem) -> str:
    if item.side == "crm":
        return crm_lease(world.tenant, item.entity, item.record_id)
    link = links.for_erp(tx, item.company_key, item.entity, item.record_id)
    if link is not None:
        return crm_lease(link.tenant, link.crm_entity, link.crm_id)
    return erp_lease(item.company_key, item.entity, item.record_id)
