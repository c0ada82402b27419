"""After a rule was changed, every link of its register is compared once with what it says now.

A feed tells of records that were touched, and a change of a rule touches none. What a register was last compared with
stands beside the watermarks, for each rule and ERP company: the rule's version and its effect. When the rule says
something else now, or has said so in between, its links become work, in the transaction that puts down the new version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sounimicro_pipelines.rules.effects import WHOLE, Effect, changed_keys, effect_of, lists_of
from sounimicro_pipelines.rules.values import ItemMap
from sounimicro_pipelines.rules.versions import list_items
from sounimicro_pipelines.store import Transaction, links, rule_versions, watermarks, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.watermarks import Feed
from sounimicro_pipelines.store.work import Poke, WorkItem
from sounimicro_pipelines.sync.routing import WHEN_IDLE
from sounimicro_pipelines.sync.world import World

REDEFINED = "redefined"
"""In the hint of an item: the fields of which the rule says something else than at the last agreement."""
PARTNER = "partner"
_LEASE = timedelta(minutes=5)
_SINGLE = ("customer", "supplier")


@dataclass(frozen=True, slots=True)
class _Compared:
    """A rule in one ERP company, under the name by which it stands beside the watermarks."""

    name: str
    rule: str
    company_key: str

    @property
    def about(self) -> tuple[str, ...]:
        """The rules whose changes concern its links: a partner's fields are taken from the single rules."""
        return (self.rule, PARTNER) if self.rule in _SINGLE else (self.rule,)


@dataclass(frozen=True, slots=True)
class _Change:
    """What has changed: for every link, or only for those of partners; `fields` mean something else than before."""

    everywhere: bool
    fields: frozenset[str] = frozenset()


def names_of(world: World, rule: str) -> list[str]:
    """Where it stands, beside the watermarks, what a rule's register was last compared with."""
    return [one.name for one in _places(world, rule)]


def poke_changed(world: World, rule: str, known: Mapping[str, Feed]) -> int:
    """Make work of the links of a rule that was changed since they were compared; answers how many.

    `known` are the feeds as they stand, those of `names_of` among them.
    """
    if not world.rules.get(rule).active:
        return 0
    with world.store.read() as tx:
        changed = [
            one
            for one in _places(world, rule)
            if _kept(known.get(one.name)) != _in_force(world, one, lambda key: world.items(tx, key))
            and world.is_live(tx, one.company_key)
        ]
    return sum(_poke(world, one, known.get(one.name)) for one in changed)


def with_redefined(tx: Transaction, world: World, poke: Poke) -> Poke:
    """A poke that tells, as those of `poke_changed` do, which fields mean something else than when last compared."""
    found: frozenset[str] = frozenset()
    for one in _places(world, poke.rule):
        before = _kept(watermarks.get(tx, one.name))
        if poke.company_key in ("", one.company_key) and before is not None:
            change = _change(tx, world, one, before)
            found |= change.fields if change is not None else frozenset()
    return replace(poke, hint={**(poke.hint or {}), REDEFINED: sorted(found)}) if found else poke


def redefined_in(item: WorkItem) -> frozenset[str]:
    """The fields that are redefined for an item's links."""
    return frozenset((item.hint or {}).get(REDEFINED, ()))


def _places(world: World, rule: str) -> list[_Compared]:
    return [_Compared(f"rule:{world.tenant}:{key}:{rule}", rule, key) for key in world.erp]


def _kept(feed: Feed | None) -> dict[str, Any] | None:
    return feed.cursor if feed is not None else None


def _in_force(world: World, one: _Compared, items_of: Callable[[str], Mapping[str, ItemMap]]) -> dict[str, Any]:
    """What the links would be compared with now, as it is put down."""
    documents = {name: world.rules.document(name) for name in one.about}
    items = items_of(one.company_key) if any(map(lists_of, documents.values())) else {}
    return {
        name: {"version": world.rules.version(name), "effect": effect_of(document, items)}
        for name, document in documents.items()
    }


def _poke(world: World, one: _Compared, known: Feed | None) -> int:
    """In one transaction: the work, and what it was made for.

    A register that is about to be listed for the first time becomes work by that. To lose the note of it costs one
    comparison, so that it is not worth a durable commit of its own.
    """
    with world.store.read() as tx:
        listed = known is None and _will_be_listed(tx, world, one)
    with world.store.transaction(durable=not listed) as tx:
        if world.rules.is_superseded(tx):
            return 0
        feed = watermarks.lease(tx, one.name, holder=world.holder, now=world.now(), hold=_LEASE, every=timedelta(0))
        if feed is None:
            return 0
        if feed.cursor is not None:
            change = _change(tx, world, one, feed.cursor)
        else:
            change = None if listed else _Change(everywhere=True)
        pokes = _pokes(tx, world, one, change) if change is not None else []
        now = _in_force(world, one, lambda key: list_items(tx, key))
        watermarks.advance(tx, one.name, holder=world.holder, now=world.now(), watermark=None, cursor=now)
        return work.poke(tx, pokes, world.now())


def _will_be_listed(tx: Transaction, world: World, one: _Compared) -> bool:
    """Whether the company's register is read whole at the next poll: it never was, or its watermark was set back."""
    feeds = [watermarks.get(tx, f"erp:{one.company_key}:{entity}") for entity in world.rules.get(one.rule).erp]
    return any(feed is None or feed.watermark is None for feed in feeds)


def _change(tx: Transaction, world: World, one: _Compared, before: Mapping[str, Any]) -> _Change | None:
    """What the rule says otherwise than `before`, now or in a version between; None when it is nothing."""
    now = _in_force(world, one, lambda key: list_items(tx, key))
    keys = {name: _changed(tx, world, one, name, before.get(name), now[name]) for name in one.about}
    own = keys.pop(one.rule)
    if not own and not any(keys.values()):
        return None
    return _Change(bool(own), frozenset(own - {WHOLE}))


def _changed(
    tx: Transaction, world: World, one: _Compared, name: str, before: Mapping[str, Any] | None, now: Mapping[str, Any]
) -> set[str]:
    if before is None:
        return {WHOLE}
    later = [now["effect"]]
    if before["version"] < now["version"]:
        items = list_items(tx, one.company_key)
        between = rule_versions.between(tx, name, before["version"], now["version"])
        later += [_effect_then(version.document, items, now["effect"]) for version in between]
    return changed_keys(before["effect"], later)


def _effect_then(document: str, items: Mapping[str, ItemMap], now: Effect) -> Effect:
    """The effect of an old document; of one that is no rule any more nothing is known but that there was another."""
    try:
        return effect_of(document, items)
    except ValueError:
        return {**now, WHOLE: ""}


def _pokes(tx: Transaction, world: World, one: _Compared, change: _Change) -> list[Poke]:
    if one.rule == PARTNER:
        found = links.of_partners(tx, one.company_key, "customer")
    elif change.everywhere:
        found = _all_links(tx, one)
    else:
        found = links.of_partners(tx, one.company_key, one.rule)
    waiting = work.hints(tx, one.rule)
    return [
        _item(one, link, change, waiting) for link in found if link.state == "active" and link.tenant == world.tenant
    ]


def _all_links(tx: Transaction, one: _Compared) -> list[Link]:
    found: list[Link] = []
    while page := links.of_rule(tx, one.rule, company_key=one.company_key, after_id=found[-1].id if found else 0):
        found += page
    return found


def _item(one: _Compared, link: Link, change: _Change, waiting: Mapping[tuple[str, str, int], Any]) -> Poke:
    place = ("", link.crm_entity, link.crm_id)
    if one.rule != PARTNER:
        place = (link.company_key, link.erp_entity, link.erp_id)
    before = waiting.get(place) or {}
    fields = change.fields.union(before.get(REDEFINED, ()))
    return Poke(
        one.rule,
        "erp" if place[0] else "crm",
        place[1],
        place[2],
        "rule",
        place[0],
        WHEN_IDLE,
        {**before, REDEFINED: sorted(fields)} if fields else None,
    )
