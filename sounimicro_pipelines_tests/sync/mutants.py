"""Engines with a bug of the kind that people write, made at run time from the real one, each in a few lines.

A mutant is caught when an invariant does not hold after a schedule after which it holds with the real engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from sounimicro_pipelines.store import Transaction, intents, links, work
from sounimicro_pipelines.sync import (
    agreement,
    creating,
    ending,
    engine,
    feeds,
    linking,
    meeting,
    remember,
    undo,
    weigh,
)
from sounimicro_pipelines.sync.decide import Decision
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines_tests.sync import invariants
from sounimicro_pipelines_tests.sync.scenario import Broken, Pool, Scenario, run_schedule
from sounimicro_pipelines_tests.sync.simulated import START, System, Trouble

Play = Callable[[int, Pool], object]
"""One schedule by its seed; raises Broken."""


@dataclass(frozen=True)
class Mutant:
    """`bug` makes it; `play` is a kind of schedule in which it can matter; `invariant` is what it must be caught by."""

    name: str
    invariant: str
    bug: Callable[[], Any]
    play: Play
    first: int = 0


# -- kinds of schedules


def one_company(seed: int, pool: Pool) -> object:
    return run_schedule(seed, pool, companies=1)


def two_companies(seed: int, pool: Pool) -> object:
    return run_schedule(seed, pool, companies=2, often="customer_of_both", trouble=Trouble())


def restored(seed: int, pool: Pool) -> object:
    """The store comes back from its backup, to companies that nothing but our marker tells."""
    return run_schedule(seed, pool, companies=1, restored=True, trouble=Trouble(edit_between=0.1))


def quiet(seed: int, pool: Pool) -> object:
    return run_schedule(seed, pool, companies=1, quiet=30, trouble=Trouble(edit_between=0.1))


def often(event: str) -> Play:
    """Random schedules without faults in which one thing happens all the time."""
    return lambda seed, pool: run_schedule(seed, pool, companies=1, often=event, trouble=Trouble())


def troubled(often: str = "", **trouble: Any) -> Play:
    """Random schedules in which one thing goes wrong often, and nothing else."""
    return lambda seed, pool: run_schedule(seed, pool, companies=1, often=often, trouble=Trouble(**trouble))


def crashed(seed: int, pool: Pool, *, typed_again: bool = False) -> object:
    """A run that carries a value over dies at the point that the seed says, and recovers."""
    scenario = Scenario(1, pool, Trouble(), active=("customer",), polling_always=True)
    crm = scenario.company(scenario.crm, "contact")
    scenario.settle()
    scenario.crm.person_types(crm, "Address.Postal.City")
    scenario.hostile.clock.advance(30)
    scenario.polling = True
    scenario.hostile.points, scenario.hostile.crash_at = 0, seed + 1
    scenario.run_engines()
    if typed_again:
        scenario.crm.person_types(crm, "Address.Postal.City")
    scenario.settle()
    scenario.check()
    return scenario


def crashed_and_typed_again(seed: int, pool: Pool) -> object:
    return crashed(seed, pool, typed_again=True)


def lagging(seed: int, pool: Pool) -> object:
    """Two edits that the CRM's feed tells of in their own time."""
    scenario = Scenario(seed, pool, Trouble(search_lag=25), active=("customer",), polling_always=True)
    rows = [scenario.company(scenario.crm, "contact") for _ in range(2)]
    scenario.settle()
    scenario.hostile.clock.advance(16)
    for row in rows:
        scenario.hostile.clock.advance(4)
        scenario.crm.person_types(row, "Address.Postal.Address1")
    scenario.hostile.clock.advance(4)
    scenario.polling = True
    scenario.run_engines()
    scenario.settle()
    scenario.check()
    return scenario


def undone(seed: int, pool: Pool) -> object:
    """A run is undone after somebody has edited what it wrote."""
    scenario = Scenario(seed, pool, Trouble(), active=("customer",))
    crm = scenario.company(scenario.crm, "contact")
    scenario.settle()
    scenario.crm.person_types(crm, "Address.Postal.Address1")
    scenario.settle()
    scenario.crm.person_types(crm, "Address.Postal.Address1")
    before = len(scenario.reports)
    scenario.settle()
    run_id = next(report.run_id for report in scenario.reports[before:] if report.changes)
    (customer,) = scenario.erp["K1"].living("Customer")
    scenario.erp["K1"].person_types(customer, "Info.InvoiceAddress.AddressLine1")
    asyncio.run(undo.undo(scenario.world(), run_id))
    scenario.settle()
    invariants.no_update_lost(scenario)
    scenario.check()
    return scenario


def erased(seed: int, pool: Pool) -> object:
    """A person of whom both systems hold something asks to be forgotten."""
    scenario = Scenario(seed, pool, Trouble(), active=("customer", "person"))
    scenario.contact_of("K1", scenario.company(scenario.erp["K1"], "Customer"))
    scenario.settle()
    (person,) = scenario.crm.living("person")
    scenario.crm.person_types(person, "Title")
    scenario.settle()
    scenario.crm.person_deletes(person)
    scenario.settle()
    scenario.check()
    return scenario


def asked_for_anew(seed: int, pool: Pool) -> object:
    """A customer that was deleted in the ERP is wanted there again."""
    scenario = Scenario(seed, pool, Trouble(), active=("customer",))
    crm = scenario.company(scenario.crm, "contact")
    scenario.settle()
    (customer,) = scenario.erp["K1"].living("Customer")
    scenario.erp["K1"].person_deletes(customer)
    scenario.settle()
    with scenario.store.transaction() as tx:
        for stone in links.tombstones_for_crm(tx, scenario.crm.tenant, "contact", crm.id):
            links.wake(tx, stone.id)
        work.poke(tx, [work.Poke("customer", "crm", "contact", crm.id, "asked")], scenario.hostile.at())
    scenario.settle()
    if not scenario.erp["K1"].living("Customer"):
        raise Broken("what is asked for anew is made anew", f"contact {crm.id} has no customer")
    return scenario


# -- the bugs


def instead(owner: Any, name: str, other: Any) -> Callable[[], Any]:
    return lambda: patch.object(owner, name, other)


def wrapped(owner: Any, name: str, around: Callable[..., Any]) -> Callable[[], Any]:
    """The function with another one around it, which gets it as its first argument."""
    real = getattr(owner, name)

    def other(*arguments: Any, **named: Any) -> Any:
        return around(real, *arguments, **named)

    return lambda: patch.object(owner, name, other)


def both(*bugs: Callable[[], Any]) -> Callable[[], Any]:
    @contextmanager
    def together() -> Iterator[None]:
        if not bugs:
            yield
            return
        with bugs[0](), both(*bugs[1:])():
            yield

    return together


def _newest_record_wins(direction: str, policy: str, crm: Any, erp: Any) -> Decision:
    views = (crm, *erp)
    if len({view.now.key for view in views}) == 1:
        return Decision("nothing", "equal", agreed=True)
    if direction != "both" or any(view.presence in ("gone", "unreadable") for view in views):
        return Decision("nothing", "settled")
    newest = max(range(len(views)), key=lambda place: views[place].stamp or 0.0)
    value = views[newest].now
    targets = tuple(place for place, view in enumerate(views) if view.now.key != value.key)
    if value.problem or (value.empty and any(views[place].presence == "required" for place in targets)):
        return Decision("nothing", "settled")
    return Decision("write", "newest_record", newest, targets)


def _one_baseline(real: Any, *arguments: Any) -> list[Any]:
    before = real(*arguments)
    return [before[0]] * len(before)


async def _watermark_first(real: Any, world: World, feed: Any, stored: Any, result: Any) -> None:
    """Two transactions in place of one: the watermark, then the work."""
    poke = work.poke
    later: list[Any] = []

    def collect(tx: Transaction, pokes: Any, now: Any) -> int:
        later.extend(pokes)
        return len(later)

    with patch.object(feeds.work, "poke", collect):
        await real(world, feed, stored, result)
    with world.store.transaction() as tx:
        poke(tx, later, world.now())


async def _no_overlap(real: Any, world: World, *rest: Any) -> None:
    await real(replace(world, patience=replace(world.patience, overlap=0.0)), *rest)


def _without_updates(real: Any, tx: Transaction, intent: intents.Intent) -> intents.Intent:
    return real(tx, intent) if intent.kind != "update" else replace(intent, id=-1)


def _mark_known(real: Any, tx: Transaction, intent_id: int, state: str, **values: Any) -> None:
    if intent_id != -1:
        real(tx, intent_id, state, **values)


def _forget_unknown(real: Any, world: World, open_intents: Any, error: Any, answered: Any) -> None:
    error.effect_unknown = False
    real(world, open_intents, error, answered)


async def _found_nothing(*_: Any) -> None:
    return None


def _swapped(real: Any, direction: Any, policy: Any, *views: Any) -> Decision:
    return real(direction, {"crm": "erp", "erp": "crm"}.get(policy, policy), *views)


def _numbers_stay(real: Any, direction: Any, *rest: Any) -> Decision:
    return Decision("nothing", "settled") if direction == "to_crm" else real(direction, *rest)


def _only_open(real: Any, tx: Transaction, conflict: Any) -> Any:
    return real(tx, conflict) if conflict.state == "open" else conflict


def _asleep(real: Any, tx: Transaction, stone: Any) -> Any:
    return real(tx, replace(stone, active=False))


async def _no_merges(*_: Any) -> None:
    return None


def _whole_objects(real: Any, scene: Any, found: Any) -> Any:
    """Every mapped value goes with a write, changed or not."""
    return [replace(one, changes={**scene.records[one.place].values, **one.changes}) for one in real(scene, found)]


def _old_baseline(real: Any, one: Any, done: Any, scene: Any) -> Any:
    return one.old, True


async def _one_client(real: Any, world: World, group: Any) -> Any:
    """One client for all companies: the first one's."""
    first = world.erp["K1"]
    return await real(replace(world, erp=dict.fromkeys(world.erp, first)), group)


async def _foster_parents(real: Any, world: World, record: Any) -> Any:
    """A contact's company counts as linked before it is."""
    found = await real(world, record)
    if found or record.parent is None:
        return found
    return [
        links.Link(
            "customer", world.tenant, "contact", 7, record.company_key, "customer", "Customer", 0, 1, "matched", START,
            "sync",
        )
    ]  # fmt: skip


def _take_off_the_list(real: Any, tx: Transaction, rule: str, **named: Any) -> Any:
    """What is taken is off the list before it is done."""
    taken = real(tx, rule, **named)
    table = tx.tables.work_items
    tx.execute(table.delete().where(table.c.id.in_([item.id for item in taken])))
    return taken


def _drop_failed(real: Any, world: World, item: Any, error: Exception, **where: Any) -> None:
    with world.store.transaction() as tx:
        work.finish(tx, item, world.now())


def _everybody_owns(direction: Any, *, owns: bool) -> Any:
    return direction


def _without_if(real: Any, scene: Any, *rest: Any) -> bool:
    """A wish is carried out whatever stands there now."""
    found = []
    for link in scene.group.links:
        wishes = {key: {**wish, "if": {}} for key, wish in ((link.data or {}).get("wishes") or {}).items()}
        found.append(replace(link, data={**(link.data or {}), "wishes": wishes}))
    return bool(real(replace(scene, group=replace(scene.group, links=tuple(found))), *rest))


def _first_generation(real: Any, world: World, *place: Any) -> Any:
    return real(world, *place[:-1], 1)


MUTANTS = (
    Mutant("last writer wins per record", "no person's update is lost",
           instead(weigh, "decide", _newest_record_wins), one_company),
    Mutant("one-sided baseline", "it comes to rest",
           wrapped(weigh, "_before", _one_baseline), troubled(renormalise=True)),
    Mutant("watermark before work", "both sides agree",
           wrapped(feeds, "_poll_one", _watermark_first), crashed),
    Mutant("no marker check on read", "created exactly once",
           both(*(instead(meeting, name, _found_nothing) for name in ("half_in_crm", "half_in_erp"))), restored),
    Mutant("no intent for updates", "our own writes are not news",
           both(wrapped(agreement.intents, "add", _without_updates), wrapped(agreement.intents, "mark", _mark_known)),
           crashed_and_typed_again, first=8),
    Mutant("unknown outcome forgotten", "no person's update is lost",
           wrapped(agreement, "_close_unsent", _forget_unknown), troubled(timeout_after=0.3, edit_between=0.1)),
    Mutant("recreate after delete", "a deleted record stays deleted",
           instead(meeting, "is_kept_apart", lambda *_: False), one_company, first=15),
    Mutant("tombstone asleep", "a deleted record stays deleted",
           wrapped(linking.links, "bury", _asleep), one_company, first=15),
    Mutant("no overlap", "both sides agree",
           both(instead(feeds, "SETTLED", timedelta(0)), wrapped(feeds, "_poll_one", _no_overlap)), lagging),
    Mutant("no compare-and-set", "no person's update is lost",
           instead(System, "_check", lambda *_: None), troubled(edit_between=0.3)),
    Mutant("quiet period ignored", "the quiet period is kept",
           instead(weigh, "_quiet_until", lambda *_: None), quiet),
    Mutant("unsure create repeated blindly", "created exactly once",
           both(*(instead(creating, name, _found_nothing) for name in ("look_for", "_leave_to_other_half"))),
           troubled(timeout_after=0.3)),
    Mutant("guard off", "the guard stops a mass deletion",
           instead(ending, "_too_many", lambda *_: False), one_company, first=15),
    Mutant("walls off", "company walls",
           wrapped(engine, "agree", _one_client), two_companies, first=12),
    Mutant("everybody writes the shared record", "it comes to rest",
           instead(weigh, "effective_direction", _everybody_owns), two_companies, first=11),
    Mutant("own write taken as news", "our own writes are not news",
           wrapped(remember, "left_by", _old_baseline), troubled(edit_between=0.1)),
    Mutant("child before parent", "parents before children",
           wrapped(meeting, "_parents_of_contact", _foster_parents), troubled(often="contact_in_erp", broken=0.2)),
    Mutant("number not brought back", "the number comes back",
           wrapped(weigh, "decide", _numbers_stay), one_company),
    Mutant("loser not kept", "no person's update is lost",
           wrapped(remember.conflicts, "record", _only_open), one_company),
    Mutant("conflict policy swapped", "the policy decides",
           wrapped(weigh, "decide", _swapped), one_company),
    Mutant("merge ignored", "a merge moves its links",
           both(instead(ending, "merged_into", _no_merges), instead(feeds, "apply_merge", lambda *_: None)),
           often("merge")),
    Mutant("whole objects written", "nothing outside the mapped fields",
           wrapped(agreement, "_without_shared", _whole_objects), one_company),
    Mutant("work taken off the list before it is done", "both sides agree",
           wrapped(engine.work, "take", _take_off_the_list), crashed),
    Mutant("failure swallowed", "nobody is forgotten",
           wrapped(engine, "failed", _drop_failed), troubled(throttled=0.3)),
    Mutant("erased person remembered", "an erased person is forgotten",
           instead(linking, "forget_record", lambda *_, **__: 0), erased),
    Mutant("undo overwrites later edits", "no person's update is lost",
           both(instead(undo, "_obstacle", lambda *_: None), wrapped(weigh, "_wished", _without_if)), undone),
    Mutant("stale generation in the create's key", "what is asked for anew is made anew",
           wrapped(World, "guid_of", _first_generation), asked_for_anew),
)  # fmt: skip
