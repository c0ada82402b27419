"""Numbers that the CRM allots itself: where it does, the ERP's number is not written over them (vendor reference 8.2).

Asking the CRM may use one of its numbers up, so a tenant that allots is asked again once a day, not for every record:
the open issue is what remembers it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import Transaction, issues, links, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import VendorError
from sounimicro_pipelines.unimicro.traits import NUMBERS

KIND: Final = "number_allotted"
AGAIN: Final = timedelta(days=1)


def allotting(tx: Transaction, tenant: str, rule: str) -> Issue | None:
    """The open note that the tenant allots the number itself that this rule would write; None where it does not."""
    return issues.open_one(tx, _fingerprint(tenant, rule))


def number_travels(tx: Transaction, tenant: str, rule: Rule) -> bool:
    """Whether the ERP's number of a new record comes to the CRM, as far as is known without asking."""
    noted = allotting(tx, tenant, rule.rule)
    numbers = [one for one in rule.fields if one.crm and one.writes_crm and set(one.erp) & set(NUMBERS.values())]
    return any(noted is None or noted.field not in one.crm for one in numbers)


async def own_numbers(world: World, rule: Rule, paths: Iterable[str]) -> frozenset[str]:
    """Those of these fields of the rule's CRM records that the tenant fills with numbers of its own.

    Raises the VendorError family. Where the CRM does not tell, the number counts as the ERP's.
    """
    found = {path for path in paths if world.crm.keeps_unique(rule.crm, path)}
    return frozenset([path for path in sorted(found) if await _is_allotted(world, rule, path)])


async def look_again(world: World, rule: Rule) -> None:
    """End the note when its day is over and the tenant has stopped allotting, or the rule writes elsewhere now.

    A CRM that does not answer is asked again next time.
    """
    with world.store.read() as tx:
        noted = allotting(tx, world.tenant, rule.rule)
    if noted is None:
        return
    if not any(one.writes_crm and noted.field in one.crm for one in rule.fields):
        _end(world, rule)
    else:
        with contextlib.suppress(VendorError):
            await _is_allotted(world, rule, str(noted.field))


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
