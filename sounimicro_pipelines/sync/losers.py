"""Values that gave way to others, kept with who typed them and why, so that a person can put them back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Transaction, conflicts, intents, links
from sounimicro_pipelines.store.baselines import Baseline
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.world import World


def loser_of(
    world: World, link: Link, rule: Rule, side: Side, key: str, told: Mapping[str, Any], agreed: Baseline | None
) -> Conflict:
    """The value of a field that gave way on `side` of a link. `told` is what the write's intent tells of the field."""
    values = {side: told["old"], told["source_side"]: told["source"]}
    if side == told["source_side"]:
        values = {"erp": told["old"], "crm": told["source"]}
    one = rule.field(key)
    lost_by, lost_at = told.get("loser_by"), moment_of(told.get("loser_at"))
    won_by, won_at = told["by"], moment_of(told["at"])
    return Conflict(
        **{**links.about(link), "rule": rule.rule},
        role=link.role,
        field=key,
        policy=one.conflict if one else "ask",
        baseline_crm=agreed.crm.get(key) if agreed else None,
        baseline_erp=agreed.erp.get(key) if agreed else None,
        crm_value=values.get("crm"),
        erp_value=values.get("erp"),
        crm_by=lost_by if side == "crm" else won_by,
        crm_at=lost_at if side == "crm" else won_at,
        erp_by=lost_by if side == "erp" else won_by,
        erp_at=lost_at if side == "erp" else won_at,
        found_at=world.now(),
        state="decided",
        winner="erp" if side == "crm" else "crm",
        decided_at=world.now(),
        decided_by=str(told["reason"]),
        rule_version=world.rules.version(rule.rule),
        run_id=world.run_id,
    )


def abandon_writes(tx: Transaction, world: World, link: Link) -> None:
    """Close the unfinished writes of a link that is not written any more.

    Nobody finds out now whether they have happened, so what they may have overwritten is kept.
    """
    for intent in intents.living_for(tx, tenant=link.tenant, crm=(link.crm_entity, link.crm_id)):
        if intent.link_id != link.id:
            continue
        intents.mark(tx, intent.id, "abandoned", finished_at=world.now())
        if intent.kind != "update":
            continue
        side: Side = "crm" if intent.side == "crm" else "erp"
        for key, told in intent.body.items():
            if told.get("loser"):
                conflicts.record(tx, loser_of(world, link, world.rules.get(intent.rule), side, key, told, None))


def moment_of(text: Any) -> datetime | None:
    """A moment as intents keep it."""
    return datetime.fromisoformat(text) if isinstance(text, str) else None
