"""Records that may have their other half already, which is for a person to say before the engine makes another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import issues, links, runs
from sounimicro_pipelines.sync.match import Suggestion
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.world import World

TOO_ALIKE = 0.72
"""From this score a suggestion keeps the engine from creating a second record by itself."""
_TELLING = frozenset({"created_in_crm", "restored"})
"""The origins of links that tell for which ERP record a CRM record was made."""
_SAME_WORD = frozenset({"same_name", "same_number"})


def duplicate_of(rule: Rule, record: Record) -> str:
    """What names the issue that a record may be the same as one of the other system."""
    return f"duplicate:{rule.rule}:{record.side}:{record.company_key}:{record.entity}:{record.id}"


def _about(world: World, record: Record) -> dict[str, Any]:
    """The columns by which issues name a record."""
    if record.side == "crm":
        return {"tenant": world.tenant, "crm_entity": record.entity, "crm_id": record.id}
    return {"company_key": record.company_key, "erp_entity": record.entity, "erp_id": record.id}


def not_told_apart(
    world: World, rule: Rule, record: Record, found: Suggestion | None, near: list[Suggestion]
) -> tuple[Suggestion | None, list[Suggestion]]:
    """Without the records of which a person has said that they are not the same."""
    if found is None and not near:
        return found, near
    with world.store.read() as tx:
        apart = issues.told_apart(tx, duplicate_of(rule, record), **_about(world, record))
    kept = [one for one in near if one.id not in apart]
    return (None if found is not None and found.id in apart else found), kept


async def should_be_asked(
    world: World, rule: Rule, record: Record, near: Sequence[Suggestion], company_key: str
) -> bool:
    """Whether a person should look before a second record is made; says so by an issue."""
    alike = [
        one
        for one in near
        if "same_org_number" in one.reasons or (one.score >= TOO_ALIKE and "already_linked" not in one.reasons)
    ]
    alike = alike or await _forgotten_halves(world, rule, record, near, company_key)
    fingerprint = duplicate_of(rule, record)
    if not alike and _is_orphan(world, rule, record, company_key):
        _tell_orphan(world, rule, record, company_key)
        return True
    if not alike:
        with world.store.transaction() as tx:
            issues.solve(tx, fingerprint, now=world.now())
        return False
    ask(world, rule, record, alike)
    return True


def ask(world: World, rule: Rule, record: Record, alike: Sequence[Suggestion]) -> None:
    """Leave it to a person whether the record is the same as one of these."""
    about, fingerprint = _about(world, record), duplicate_of(rule, record)
    with world.store.transaction() as tx:
        apart = sorted(issues.told_apart(tx, fingerprint, **about))
        candidates = [{"id": one.id, "score": one.score, "reasons": list(one.reasons)} for one in alike]
        issues.report(
            tx,
            fingerprint=fingerprint,
            kind="possible_duplicate",
            severity="warning",
            cause="The other system has a record that may be the same, so none was created.",
            remedy="Link the two, or create the record by hand.",
            now=world.now(),
            run_id=world.run_id,
            rule=rule.rule,
            side=record.side,
            details={"candidates": candidates, "apart": apart},
            **{"tenant": world.tenant, "company_key": record.company_key, **about},
        )


async def _forgotten_halves(
    world: World, rule: Rule, record: Record, near: Sequence[Suggestion], company_key: str
) -> list[Suggestion]:
    """Of the near records, those of which we may have made the one for the other, and remember nothing of it.

    That is so after the store has come back from a backup that is older than the creation, when the marker was not on
    the CRM record yet. A same name or number is too little to link them, but enough not to make a third.
    """
    twins = [one for one in near if _SAME_WORD & set(one.reasons) and "already_linked" not in one.reasons]
    if not twins or _is_forgotten(world, record, company_key):
        return twins
    if record.side == "crm":
        port, entity, paths = world.port("erp", company_key), rule.erp[0], rule.erp_paths()
    else:
        port, entity, paths = world.port("crm", company_key), rule.crm, rule.crm_paths()
    others = [(one, await port.read(entity, one.id, paths)) for one in twins]
    return [one for one, other in others if other is not None and _is_forgotten(world, other, company_key)]


def _is_forgotten(world: World, record: Record, company_key: str) -> bool:
    """Whether we made a record, and neither a marker nor the store tells for which one.

    A link that was matched, chosen, or moved here by a merge does not tell that, nor does the marker of such a link.
    """
    if not record.created_by_us:
        return False
    with world.store.read() as tx:
        if record.side == "erp":
            return not links.tombstones_for_erp(tx, company_key, record.entity, record.id, active_only=False)
        place = world.tenant, record.entity, record.id
        if links.tombstones_for_crm(tx, *place, active_only=False):
            return False
        linked = links.for_crm(tx, *place)
    known = {(one.company_key, one.role) for one in linked}
    return not (record.markers.keys() - known or any(one.origin in _TELLING for one in linked))


def _is_orphan(world: World, rule: Rule, record: Record, company_key: str) -> bool:
    """Whether a record was made by us since this store is in use, and nothing tells for which one."""
    if record.created is None or not _is_forgotten(world, record, company_key):
        return False
    with world.store.read() as tx:
        began = runs.first_at(tx)
        looked_at = issues.told_apart(tx, duplicate_of(rule, record), **_about(world, record))
    return began is not None and record.created > began and not looked_at


def _tell_orphan(world: World, rule: Rule, record: Record, company_key: str) -> None:
    with world.store.transaction() as tx:
        issues.report(
            tx,
            fingerprint=duplicate_of(rule, record),
            kind="orphan",
            severity="warning",
            cause="We have created this record, and nothing tells any more for which one of the other system.",
            remedy="Connect it with that one, or delete it; if there is none, create that one by hand.",
            now=world.now(),
            run_id=world.run_id,
            rule=rule.rule,
            side=record.side,
            **{"tenant": world.tenant, "company_key": company_key, **_about(world, record)},
        )
