"""Records that we have made and of which the store does not know for what, because it is older than they are.

Each may be what was made for the record at hand, so they are looked for before anything is created. In a store that has
never come back from a backup there are none.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Transaction, intents, issues, links, runs, watermarks, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.world import World

GAP = timedelta(minutes=2)
"""A store that has nothing to say of so long may have come back from a backup; nobody restores one in less."""
SKEW = timedelta(minutes=2)
"""How far the systems' clocks may be behind ours."""
_TELLING = frozenset({"created_in_crm", "restored"})
"""The origins of links that tell for which ERP record a CRM record was made."""


def is_forgotten(world: World, record: Record, company_key: str) -> bool:
    """Whether we made a record, and neither a marker nor the store tells for which one.

    A link that was matched, chosen, or moved here by a merge does not tell that, nor does the marker of such a link.
    """
    if not record.created_by_us:
        return False
    with world.store.read() as tx:
        if record.side == "erp":
            place = company_key, record.entity, record.id
            known = links.for_erp(tx, *place) or links.tombstones_for_erp(tx, *place, active_only=False)
            return not known
        here = world.tenant, record.entity, record.id
        if links.tombstones_for_crm(tx, *here, active_only=False):
            return False
        linked = links.for_crm(tx, *here)
    explained = {(one.company_key, one.role) for one in linked}
    return not (record.markers.keys() - explained or any(one.origin in _TELLING for one in linked))


def is_orphan(world: World, record: Record, company_key: str) -> bool:
    """Whether a record was made by us since this store is in use, and nothing tells for which one."""
    if record.created is None or not is_forgotten(world, record, company_key):
        return False
    with world.store.read() as tx:
        began = _began(tx)
    return began is not None and record.created > began


def _began(tx: Transaction) -> datetime | None:
    """Since when the store is in use."""
    signs = [moment for moment in (runs.first_at(tx), watermarks.first_listing(tx)) if moment is not None]
    return min(signs, default=None)


async def orphans(world: World, rule: Rule, side: Side, company_key: str) -> list[Record]:
    """The records of ours on a side, of which nothing tells for what they were made. Raises the VendorError family."""
    entity = rule.crm if side == "crm" else rule.erp[0]
    await _account_for_ours(world, rule, side, company_key)
    port, paths = world.port(side, company_key), rule.crm_paths() if side == "crm" else rule.erp_paths()
    with world.store.read() as tx:
        told = issues.listing(tx, kind="orphan", limit=1000)
    found: list[Record] = []
    for one in told:
        record_id = one.crm_id if side == "crm" else one.erp_id
        if record_id is None or one.fingerprint != _named(side, company_key, entity, record_id):
            continue
        record = await port.read(entity, record_id, paths)
        if record is not None and is_forgotten(world, record, company_key):
            found.append(record)
            continue
        with world.store.transaction() as tx:
            issues.solve(tx, one.fingerprint, now=world.now())
    return found


async def _account_for_ours(world: World, rule: Rule, side: Side, company_key: str) -> None:
    """Tell of every record of ours since the last one that the store knows to have been created, and does not know.

    While one is created after the other the store is there all the time, and nothing is asked.
    """
    entity = rule.crm if side == "crm" else rule.erp[0]
    name = f"ours:{world.tenant if side == 'crm' else company_key}:{entity}"
    with world.store.read() as tx:
        looked = watermarks.get(tx, name)
        since = looked.watermark if looked is not None else _began(tx)
    now = world.now()
    if since is None or now - since < GAP:
        with world.store.transaction(durable=False) as tx:
            watermarks.note(tx, name, now)
        return
    paths = rule.crm_paths() if side == "crm" else rule.erp_paths()
    made = await world.port(side, company_key).created_by_us(entity, since - SKEW, paths)
    with world.store.read() as tx:  # only now: what is created while they are listed may be among them
        under_way = [one for one in intents.living(tx) if (one.kind, one.side) == ("create", side)]
    lost = [one for one in made if is_orphan(world, one, company_key)]
    if lost and under_way:
        return  # what is being created is cleared up first: it may be one of these
    with world.store.transaction() as tx:
        for record in lost:
            tell_orphan(tx, world, rule, record)
        watermarks.note(tx, name, now)


def tell_orphan(tx: Transaction, world: World, rule: Rule, record: Record) -> None:
    """Say that nobody knows what a record of ours was made for."""
    in_crm = record.side == "crm"
    issues.report(
        tx,
        fingerprint=_named(record.side, record.company_key, record.entity, record.id),
        kind="orphan",
        severity="warning",
        cause="We have created this record, and nothing tells any more for which one of the other system.",
        remedy="Connect it with that one, or delete it; if there is none, create that one by hand.",
        now=world.now(),
        run_id=world.run_id,
        rule=rule.rule,
        side=record.side,
        tenant=world.tenant,
        company_key=None if in_crm else record.company_key,
        crm_entity=record.entity if in_crm else None,
        crm_id=record.id if in_crm else None,
        erp_entity=None if in_crm else record.entity,
        erp_id=None if in_crm else record.id,
    )


def solve_orphan(tx: Transaction, world: World, side: Side, company_key: str, entity: str, record_id: int) -> None:
    """It is known now what the record was made for: what it might have been made for as well is looked at again."""
    if issues.solve(tx, _named(side, company_key, entity, record_id), now=world.now()):
        asked = [one for one in issues.listing(tx, kind="possible_duplicate", limit=1000) if one.side != side]
        asked = [one for one in asked if record_id in {other["id"] for other in (one.details or {})["candidates"]}]
        work.poke(tx, [_look_at(one) for one in asked if company_key in ("", one.company_key)], world.now())


def _look_at(issue: Issue) -> Poke:
    """The work of looking at the record that may be the same as others."""
    if issue.side == "crm":
        return Poke(str(issue.rule), "crm", str(issue.crm_entity), int(issue.crm_id or 0), "asked")
    key, entity = str(issue.company_key), str(issue.erp_entity)
    return Poke(str(issue.rule), "erp", entity, int(issue.erp_id or 0), "asked", key)


def _named(side: Side, company_key: str, entity: str, record_id: int) -> str:
    return f"ours:{company_key if side == 'erp' else 'crm'}:{entity}:{record_id}"
