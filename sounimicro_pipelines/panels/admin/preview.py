"""What a change of a rule would do: the engine's plan with the new rule beside its plan with the one in force.

Both are made for the records that were brought into step last, so the answer comes while somebody waits for it; what
it does not cover is told. Nothing is written, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sounimicro_pipelines.panels.engine import Engine
from sounimicro_pipelines.rules.model import RuleName
from sounimicro_pipelines.store import Transaction, links
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import Address, CrmAddress
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.plan import Finding, Plan, PlannedChange, plan

TRIED = 12
"""CRM records that a preview looks at."""
SHOWN = 60
PATIENCE = 45.0
"""Seconds."""
_LINKED_BY: dict[str, tuple[str, ...]] = {"partner": ("customer", "supplier", "partner")}


@dataclass(frozen=True, slots=True)
class Preview:
    """`new` would happen because of the edit, `gone` would happen without it alone, `anyway` with and without it.

    `linked` links are under the rule, `tried` records were looked at; of these, `left` times something could not be
    told, because a system did not answer or the record is busy. `waiting` are companies that have not gone live.
    """

    tried: int
    linked: int
    new: list[PlannedChange] = field(default_factory=list)
    gone: list[PlannedChange] = field(default_factory=list)
    anyway: int = 0
    left: int = 0
    findings: list[Finding] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    companies: dict[str, str] = field(default_factory=dict)
    inactive: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.new or self.gone or self.findings or self.left)

    @property
    def more(self) -> int:
        """What is not listed."""
        return sum(max(0, len(one) - SHOWN) for one in (self.new, self.gone, self.findings))


async def preview(engine: Engine, name: RuleName, document: str, by: str) -> Preview:
    """Try a rule that is in order. Raises RuleError, TookTooLong, SettingsError, the VendorError family."""

    async def work(connection: Connection) -> Preview:
        return await _try(connection, name, document, by)

    return await engine.ask(work, seconds=PATIENCE)


async def _try(connection: Connection, name: RuleName, document: str, by: str) -> Preview:
    world = await connection.world(by=by)
    world = replace(world, live=lambda key: True)
    rules = world.rules.replacing(name, document, connection.registries)
    with connection.store.read() as tx:
        found, linked = _sample(tx, name)
    records: Sequence[Address] = list(dict.fromkeys(CrmAddress(one.crm_entity, one.crm_id) for one in found))[:TRIED]
    told = Preview(
        tried=len(records),
        linked=linked,
        waiting=[one.name for one in connection.companies if not connection.is_live(one)],
        companies={one.key: one.name for one in connection.companies},
        inactive=not rules.get(name).active,
    )
    if not records:
        return told
    before = await plan(world, records=records)
    after = await plan(replace(world, rules=rules), records=records)
    return _difference(told, before, after)


def _sample(tx: Transaction, name: RuleName) -> tuple[list[Link], int]:
    rules = _LINKED_BY.get(name, (name,))
    found = links.newest(tx, rules, TRIED * 4)
    return found, links.count(tx, rules)


def _difference(told: Preview, before: Plan, after: Plan) -> Preview:
    old, new = set(before.changes), set(after.changes)
    known = {one.fingerprint for one in before.findings}
    return replace(
        told,
        new=[one for one in after.changes if one not in old],
        gone=[one for one in before.changes if one not in new],
        anyway=len(old & new),
        left=max(one.counts["failed"] + one.counts["held"] for one in (before, after)),
        findings=[one for one in after.findings if one.fingerprint not in known],
    )
