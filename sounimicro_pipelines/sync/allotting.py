"""Numbers that the CRM allots itself: where it does, the ERP's number is not written over them (vendor reference 8.2).

Asking the CRM may use one of its numbers up, so a tenant that allots is asked again once a day, not for every record:
the open issue is what remembers it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.versions import RuleSet
from sounimicro_pipelines.store import Outdated, Transaction, issues, links, watermarks, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.crm_side import numbers_of
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import VendorError
from sounimicro_pipelines.unimicro.traits import NUMBERS

KIND: Final = "number_allotted"
AGAIN: Final = timedelta(days=1)
ASKING: Final = timedelta(minutes=1)
"""How long nobody else asks, and how long it rests when the CRM does not answer."""


def allotting(tx: Transaction, tenant: str, rule: str) -> Issue | None:
    """The open note that the tenant allots the number itself that this rule would write; None where it does not."""
    return issues.open_one(tx, _fingerprint(tenant, rule))


def is_known(tx: Transaction, tenant: str, rule: str) -> bool:
    """Whether the tenant has ever said if it allots the numbers that this rule would write."""
    name = _fingerprint(tenant, rule)
    asked = watermarks.get(tx, name)
    return issues.open_one(tx, name) is not None or (asked is not None and asked.polled_at is not None)


def number_travels(tx: Transaction, tenant: str, rule: Rule) -> bool:
    """Whether the ERP's number of a new record comes to the CRM, as far as is known without asking."""
    noted = allotting(tx, tenant, rule.rule)
    numbers = [one for one in rule.fields if one.crm and one.writes_crm and set(one.erp) & set(NUMBERS.values())]
    return any(noted is None or noted.field not in one.crm for one in numbers)


def erp_numbers(tx: Transaction, tenant: str, rules: RuleSet) -> dict[str, str]:
    """The CRM fields in which the ERP's numbers stand, by entity; "" where the tenant's own stand there.

    The two systems count from the same beginnings: an equal number would make strangers of the same look alike.
    """
    found = numbers_of(rules)
    for rule in rules.active():
        noted = allotting(tx, tenant, rule.rule)
        if noted is not None and found.get(rule.crm) == noted.field:
            found[rule.crm] = ""
    return found


async def own_numbers(world: World, rule: Rule, paths: Iterable[str]) -> frozenset[str]:
    """Those of these fields of the rule's CRM records that the tenant fills with numbers of its own.

    Raises the VendorError family. Where the CRM does not tell, the number counts as the ERP's.
    """
    found = {path for path in paths if world.crm.keeps_unique(rule.crm, path)}
    return frozenset([path for path in sorted(found) if await _is_allotted(world, rule, path)])


async def look_again(world: World, rule: Rule) -> None:
    """Know before the first record, and then day by day, whether the tenant allots what the rule would write.

    The note ends when the tenant has stopped, or the rule writes elsewhere now. A CRM that does not answer is asked
    again next time.
    """
    written = [path for one in rule.fields if one.writes_crm for path in one.crm]
    numbers = [path for path in written if rule.active and world.crm.keeps_unique(rule.crm, path)]
    with world.store.read() as tx:
        noted = allotting(tx, world.tenant, rule.rule)
    if noted is not None and noted.field not in written:
        _end(world, rule)
    elif noted is not None:
        with contextlib.suppress(VendorError):
            await _is_allotted(world, rule, str(noted.field))
    elif numbers:
        await _ask_daily(world, rule, numbers)


async def _ask_daily(world: World, rule: Rule, paths: Sequence[str]) -> None:
    name, holder = _fingerprint(world.tenant, rule.rule), world.holder
    with world.store.transaction() as tx:
        is_due = watermarks.lease(tx, name, holder=holder, now=world.now(), hold=ASKING, every=AGAIN)
    if is_due is None:
        return
    with contextlib.suppress(VendorError, Outdated):
        await own_numbers(world, rule, paths)
        with world.store.transaction() as tx:
            watermarks.advance(tx, name, holder=holder, now=world.now(), watermark=None)


async def _is_allotted(world: World, rule: Rule, path: str) -> bool:
    with world.store.read() as tx:
        noted = allotting(tx, world.tenant, rule.rule)
    if noted is not None and world.now() - noted.last_at < AGAIN:
        return noted.field == path
    told = await world.crm.allots(rule.crm, path)
    if told is None:
        return noted is not None
    if told:
        with world.store.transaction() as tx:
            _note(tx, world, rule, path)
    elif noted is not None:
        _end(world, rule)
    return told


def _note(tx: Transaction, world: World, rule: Rule, path: str) -> None:
    issues.report(
        tx,
        fingerprint=_fingerprint(world.tenant, rule.rule),
        kind=KIND,
        severity="info",
        cause=f"The CRM gives its records numbers of its own in {path}, so the ERP's number is not written there. "
        "All else is kept in step, and the ERP tab shows the ERP's number.",
        remedy=f"To have the ERP's number in the CRM, turn allotting off for {path} in the CRM's administration, or "
        f"name another field for it in the rule {rule.rule}; sounimicro doctor proposes one.",
        now=world.now(),
        run_id=world.run_id,
        rule=rule.rule,
        side="crm",
        tenant=world.tenant,
        field=path,
    )


def _end(world: World, rule: Rule) -> None:
    """The numbers that were withheld can be written now: every linked record is looked at again."""
    with world.store.transaction() as tx:
        issues.solve(tx, _fingerprint(world.tenant, rule.rule), now=world.now())
        after = 0
        while part := links.of_rule(tx, rule.rule, after_id=after):
            mine = [one for one in part if one.tenant == world.tenant]
            pokes = [Poke(rule.rule, "crm", one.crm_entity, one.crm_id, "nightly", priority=8) for one in mine]
            work.poke(tx, pokes, world.now())
            after = part[-1].id


def _fingerprint(tenant: str, rule: str) -> str:
    return f"allotted:{tenant}:{rule}"
