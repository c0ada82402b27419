"""Change feeds: polled under a lease, with overlap; what they tell and the watermark become durable in one transaction.

A feed may tell too much, never too little. Nothing is decided here: the engine reads every record again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Outdated, Transaction, issues, links, watermarks, work
from sounimicro_pipelines.store.watermarks import Feed as StoredFeed
from sounimicro_pipelines.sync.ending import apply_merge
from sounimicro_pipelines.sync.ports import Changed, Changes, Merged
from sounimicro_pipelines.sync.routing import TOLD_DELETED, pokes_for
from sounimicro_pipelines.sync.rule_changes import names_of, poke_changed
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, VendorError

FeedKind = Literal["own", "children", "deleted", "merges"]
SETTLED = timedelta(seconds=15)
"""A record whose stamp is younger than this may change again under the same stamp, so it is told again."""
LEASE = timedelta(minutes=5)
WITH_CHILDREN = ("contact", "person", "Customer", "Supplier", "Contact")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often feeds are polled, in seconds."""

    erp: float = 30.0
    crm: float = 60.0
    children: float = 300.0


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed of one register."""

    name: str
    side: Side
    company_key: str
    entity: str
    kind: FeedKind
    every: float


@dataclass(slots=True)
class Polled:
    """What a poll found: items written to the work list, feeds read, and those that could not be read, with why."""

    items: int = 0
    feeds: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def feeds_of(world: World, rule_name: str, pace: Pace) -> list[Feed]:
    """The feeds that concern a rule; rules that are about the same register share them."""
    rule = world.rules.get(rule_name)
    found: list[Feed] = []

    def add(side: Side, key: str, entity: str, kind: FeedKind, every: float) -> None:
        place = f"crm:{world.tenant}" if side == "crm" else f"erp:{key}"
        suffix = "" if kind == "own" else f":{kind}"
        found.append(Feed(f"{place}:{entity}{suffix}", side, key, entity, kind, every))

    add("crm", "", rule.crm, "merges", pace.children)
    add("crm", "", rule.crm, "own", pace.crm)
    if rule.crm in WITH_CHILDREN:
        add("crm", "", rule.crm, "children", pace.children)
        add("crm", "", rule.crm, "deleted", pace.crm)
    for key in world.erp:
        for entity in rule.erp:
            add("erp", key, entity, "own", pace.erp)
            if entity in WITH_CHILDREN:
                add("erp", key, entity, "children", pace.children)
            add("erp", key, entity, "deleted", pace.children)
    return found


async def poll(world: World, rule_name: str, pace: Pace | None = None, *, now_due: bool = False) -> Polled:
    """Read the rule's feeds that are due (`now_due`: all of them) and write the work they tell of.

    Where the rule was changed since its links were compared, they become work too, and so does what has been waiting
    for an ERP company to be in use again.
    """
    result = Polled()
    wanted = feeds_of(world, rule_name, pace or Pace())
    with world.store.read() as tx:
        known = watermarks.by_name(tx, {*(feed.name for feed in wanted), *names_of(world, rule_name)})
        is_awaited = work.any_away(tx, rule_name)
    result.items += poke_changed(world, rule_name, known)
    if is_awaited:
        with world.store.transaction() as tx:
            result.items += work.bring_back(tx, rule_name, world.erp)
    due = [feed for feed in wanted if now_due or _is_due(known.get(feed.name), feed, world.now())]
    for feed in due:
        every = timedelta(0) if now_due else timedelta(seconds=feed.every)
        with world.store.transaction() as tx:
            stored = watermarks.lease(tx, feed.name, holder=world.holder, now=world.now(), hold=LEASE, every=every)
        if stored is None:
            continue
        try:
            await _poll_one(world, feed, stored, result)
        except VendorError as error:
            _not_read(world, feed, error, result)
        except Outdated:
            continue
    return result


def _is_due(stored: StoredFeed | None, feed: Feed, now: datetime) -> bool:
    return stored is None or stored.polled_at is None or stored.polled_at <= now - timedelta(seconds=feed.every)


async def _poll_one(world: World, feed: Feed, stored: StoredFeed, result: Polled) -> None:
    started = world.now()
    overlap = timedelta(seconds=world.patience.overlap)
    since = min(stored.watermark or _listed_at(world, feed) or started, started) - overlap
    changes: Changes | None
    merged: list[Merged] = []
    full = False
    if feed.kind == "own" and stored.watermark is None:
        changes, full = await _listed(world, feed), True
    else:
        changes, merged = await _read(world, feed, since)
    if changes is None:
        changes = Changes()
    seen = dict((stored.cursor or {}).get("seen") or {})
    fresh, told = _unseen(changes.changed, seen, started)
    # A stamp ahead of our clock (a wrong one, or a clock that runs fast) must not hide what is changed until then.
    stamps = [min(stamp, started) for stamp in (stored.watermark, changes.high_water) if stamp is not None]
    high = since + overlap if changes.trouble is not None else max(stamps, default=None)
    if high is None:
        high = started if feed.kind != "own" else started - overlap
    keep = (high - overlap - SETTLED).isoformat()
    told = {key: stamp for key, stamp in told.items() if stamp >= keep}
    with world.store.transaction() as tx:
        pokes = pokes_for(
            tx,
            world.rules,
            world.tenant,
            feed.side,
            feed.company_key,
            feed.entity,
            fresh,
            origin=_origin(feed, full),
            hint=TOLD_DELETED if feed.kind == "deleted" and feed.side == "crm" else None,
        )
        for one in merged:
            linked = links.for_crm(tx, world.tenant, one.entity, one.source)
            apply_merge(tx, world, one, linked)
        result.items += work.poke(tx, pokes, world.now())
        watermarks.advance(
            tx,
            feed.name,
            holder=world.holder,
            now=world.now(),
            watermark=high,
            cursor={"seen": told},
            full=full,
        )
        if changes.trouble is None:
            issues.solve(tx, f"feed:{feed.name}", now=world.now())
        else:
            _tell(tx, world, feed, changes.trouble)
    result.feeds.append(feed.name)


def _listed_at(world: World, feed: Feed) -> datetime | None:
    """When the register was listed whole: what its other feeds tell counts from then on."""
    with world.store.read() as tx:
        own = watermarks.get(tx, feed.name.removesuffix(f":{feed.kind}"))
    return own.full_at if own is not None else None


async def _read(world: World, feed: Feed, since: datetime) -> tuple[Changes | None, list[Merged]]:
    port = world.port(feed.side, feed.company_key)
    if feed.kind == "own":
        return await port.changed(feed.entity, since), []
    if feed.kind == "children":
        return await port.touched(feed.entity, since), []
    if feed.kind == "deleted":
        gone = await port.deleted(feed.entity, since)
        now = world.now()
        return Changes([Changed(one) for one in gone or ()], now), []
    merges = [one for one in await world.crm.merges(since) or () if one.entity == feed.entity]
    stamps = [one.at for one in merges if one.at is not None]
    return Changes(high_water=max(stamps, default=world.now())), merges


async def _listed(world: World, feed: Feed) -> Changes:
    """The whole register, the first time."""
    found: list[Changed] = []
    async for page in world.port(feed.side, feed.company_key).listing(feed.entity):
        found += page
    stamps = [one.stamp for one in found if one.stamp is not None]
    return Changes(found, max(stamps, default=None))


def _unseen(changed: Sequence[Changed], seen: Mapping[str, str], now: datetime) -> tuple[list[int], dict[str, str]]:
    """The records to look at, and those of them that need not be told again under the same stamp."""
    fresh: list[int] = []
    told = dict(seen)
    for one in changed:
        key = str(one.id)
        stamp = one.stamp.isoformat() if one.stamp is not None else ""
        if stamp and seen.get(key) == stamp:
            continue
        fresh.append(one.id)
        if one.stamp is not None and one.stamp <= now - SETTLED:
            told[key] = stamp
        else:
            told.pop(key, None)
    return fresh, told


def _origin(feed: Feed, full: bool) -> str:
    return (
        "listing" if full else {"own": "feed", "children": "child", "deleted": "deleted", "merges": "merge"}[feed.kind]
    )


def _not_read(world: World, feed: Feed, error: VendorError, result: Polled) -> None:
    denied = _is_refusal(error)
    result.failed[feed.name] = error.message
    with world.store.transaction() as tx:
        watermarks.fail(
            tx,
            feed.name,
            holder=world.holder,
            now=world.now(),
            state="no_access" if denied else "failed",
            message=error.message,
        )
        _tell(tx, world, feed, error)
    world.reporter.warning(f"The feed {feed.name} could not be read ({type(error).__name__}).")


def _is_refusal(error: VendorError) -> bool:
    return isinstance(error, AccessDenied | AuthenticationFailed)


def _tell(tx: Transaction, world: World, feed: Feed, error: VendorError) -> None:
    issues.report(
        tx,
        fingerprint=f"feed:{feed.name}",
        kind="feed",
        severity="error" if _is_refusal(error) else "warning",
        cause=error.message,
        remedy=error.remedy,
        now=world.now(),
        run_id=world.run_id,
        side=feed.side,
        tenant=world.tenant,
        company_key=feed.company_key or None,
    )


def rewind_company(tx: Transaction, world: World, company_key: str) -> None:
    """Let every register be listed anew at the next poll: after go-live, or after a backup was restored."""
    for prefix in (f"erp:{company_key}:", f"crm:{world.tenant}:"):
        for feed in watermarks.listing(tx, prefix):
            watermarks.rewind(tx, feed.name, None)
            _forget_seen(tx, feed.name)


def _forget_seen(tx: Transaction, name: str) -> None:
    table: Any = tx.tables.feeds
    tx.execute(table.update().where(table.c.name == name).values(cursor={"seen": {}}))
