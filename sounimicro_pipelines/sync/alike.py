"""Records that may have their other half already, which is for a person to say before the engine makes another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.store import Transaction, issues, links
from sounimicro_pipelines.sync.forgotten import is_forgotten, is_orphan, orphans, tell_orphan
from sounimicro_pipelines.sync.match import Suggestion, compare, could_be
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.world import World

TOO_ALIKE = 0.72
"""From this score a suggestion keeps the engine from creating a second record; the same name alone does too."""
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
    world: World, rule: Rule, record: Record, near: Sequence[Suggestion], company_key: str, parent: int | None
) -> bool:
    """Whether a person should look before a second record is made; says so by an issue.

    `parent` is under which company of the other system a person's would be made. Raises the VendorError family.
    """
    alike = [
        one
        for one in near
        if "same_org_number" in one.reasons
        or ("already_linked" not in one.reasons and (one.score >= TOO_ALIKE or could_be(one)))
    ]
    alike = alike or await _forgotten_halves(world, rule, record, near, company_key)
    fingerprint = duplicate_of(rule, record)
    if not alike and is_orphan(world, record, company_key) and not _is_told_apart(world, rule, record):
        with world.store.transaction() as tx:
            if not _has_been_linked(tx, world, rule, record):
                tell_orphan(tx, world, rule, record)
        return True
    if not alike:
        ours = await orphans(world, rule, "erp" if record.side == "crm" else "crm", company_key)
        under = [one for one in ours if rule.rule != "person" or one.parent == parent]
        found = [compare(record.identity, one.identity, rule.match) for one in under]
        _, alike = not_told_apart(world, rule, record, None, found)
    if not alike:
        with world.store.transaction() as tx:
            issues.solve(tx, fingerprint, now=world.now())
        return False
    ask(world, rule, record, alike)
    return True


def _is_told_apart(world: World, rule: Rule, record: Record) -> bool:
    """Whether a person has looked at the record, and found it to be none of what the other system has."""
    with world.store.read() as tx:
        return bool(issues.told_apart(tx, duplicate_of(rule, record), **_about(world, record)))


def ask(world: World, rule: Rule, record: Record, alike: Sequence[Suggestion]) -> None:
    """Leave it to a person whether the record is the same as one of these, unless it is linked by now."""
    about, fingerprint = _about(world, record), duplicate_of(rule, record)
    with world.store.transaction() as tx:
        if _has_been_linked(tx, world, rule, record):
            return
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


def _has_been_linked(tx: Transaction, world: World, rule: Rule, record: Record) -> bool:
    """Whether the record was linked while it was looked at, by what was done for its other half at the same time.

    A person in the CRM may be linked in one role and met in another.
    """
    if record.side == "erp":
        return links.for_erp(tx, record.company_key, record.entity, record.id) is not None
    found = links.for_crm(tx, world.tenant, record.entity, record.id)
    return rule.rule != "person" and any(
        (one.company_key, one.rule) == (record.company_key, rule.rule) for one in found
    )


async def _forgotten_halves(
    world: World, rule: Rule, record: Record, near: Sequence[Suggestion], company_key: str
) -> list[Suggestion]:
    """Of the near records, those of which we may have made the one for the other, and remember nothing of it.

    That is so after the store has come back from a backup that is older than the creation, when the marker was not on
    the CRM record yet. A same name or number is too little to link them, but enough not to make a third.
    """
    twins = [one for one in near if _SAME_WORD & set(one.reasons) and "already_linked" not in one.reasons]
    if not twins or is_forgotten(world, record, company_key):
        return twins
    if record.side == "crm":
        port, entity, paths = world.port("erp", company_key), rule.erp[0], rule.erp_paths()
    else:
        port, entity, paths = world.port("crm", company_key), rule.crm, rule.crm_paths()
    others = [(one, await port.read(entity, one.id, paths)) for one in twins]
    return [one for one, other in others if other is not None and is_forgotten(world, other, company_key)]
