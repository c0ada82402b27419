"""What a sync would do now: the engine itself, over an overlay of both systems and a copy of the store."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select

from sounimicro_pipelines.rules.model import RULE_NAMES
from sounimicro_pipelines.store import Store, Transaction, history, intents, issues, work
from sounimicro_pipelines.store.history import Entry
from sounimicro_pipelines.sync import engine, feeds
from sounimicro_pipelines.sync.addresses import Address, CrmAddress
from sounimicro_pipelines.sync.allotting import is_known
from sounimicro_pipelines.sync.overlay import CrmOverlay, ErpOverlay, copy_store
from sounimicro_pipelines.sync.routing import pokes_for
from sounimicro_pipelines.sync.rule_changes import with_redefined
from sounimicro_pipelines.sync.run_report import WORDS
from sounimicro_pipelines.sync.world import World

ROUNDS = 6
"""How often the rules are gone through: what one writes may be work for another."""
NEW = "new"


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One thing that a sync would do: a field written, or a record created, linked or disconnected.

    `kind` is the journal's: create, link, unlink, update. A record that does not exist yet is «new». The values may be
    personal: they are for the person who asks, never for a log; `new` is empty where the ERP would allot it.
    """

    kind: str
    rule: str
    company_key: str
    role: str
    crm: str
    erp: str
    side: str
    field: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """An issue that a sync would raise: what about (records as in a PlannedChange, "" where there is none)."""

    kind: str
    cause: str
    remedy: str
    fingerprint: str
    company_key: str = ""
    rule: str = ""
    crm: str = ""
    erp: str = ""
    field: str = ""


@dataclass(slots=True)
class Plan:
    """What a sync would do, in its order, and what it would ask of a person."""

    changes: list[PlannedChange] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("in", *WORDS), 0))
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.changes


async def plan(
    world: World, rules: Sequence[str] | None = None, *, records: Sequence[Address] = (), poll: bool = True
) -> Plan:
    """Plan a sync of some rules (all that are active by default), or of some records alone.

    Reads both systems and writes to neither, nor to the store. `unread` are feeds that could not be read, with why.
    Whether the CRM allots numbers of its own is asked by a sync alone, since that may use one up; as long as it is not
    known, the ERP's numbers are planned, and a finding says so.
    """
    names = [name for name in RULE_NAMES if world.rules.get(name).active and (rules is None or name in rules)]
    result = Plan()
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_store(world.store, Path(folder))
        try:
            crm = CrmOverlay(world.crm, world.clock)
            inside = replace(
                world,
                store=copy,
                crm=crm,
                erp={key: ErpOverlay(port, world.clock) for key, port in world.erp.items()},
                run_id=f"plan:{world.run_id}"[:80],
            )
            before = _last_entry(copy), _open(copy)
            await _run(inside, names, records, poll, result)
            _collect(copy, before[0], before[1], result)
            result.findings += _unasked(world, names, crm.unasked)
        finally:
            copy.close()
    return result


async def _run(world: World, names: Sequence[str], records: Sequence[Address], poll: bool, result: Plan) -> None:
    if records:
        with world.store.transaction() as tx:
            tx.execute(tx.tables.work_items.delete())
            for one in records:
                _poke(tx, world, one)
    elif poll:
        for name in names:
            found = await feeds.poll(world, name, now_due=True)
            result.unread |= found.failed
    for _ in range(ROUNDS):
        busy = False
        for name in names:
            with world.store.read() as tx:
                due = work.due_count(tx, name, world.now()) or (not records and intents.living(tx, rule=name))
            if not due:
                continue
            report = await engine.drain(world, name, kind="plan")
            busy = busy or report.counts["in"] > 0
            for word, count in report.counts.items():
                result.counts[word] += count
        if not busy:
            return


def _poke(tx: Transaction, world: World, record: Address) -> None:
    in_crm = isinstance(record, CrmAddress)
    key = "" if isinstance(record, CrmAddress) else record.company_key
    side = "crm" if in_crm else "erp"
    pokes = pokes_for(tx, world.rules, world.tenant, side, key, record.entity, [record.id], origin="person")  # type: ignore[arg-type]
    work.poke(tx, [with_redefined(tx, world, one) for one in pokes], world.now())


def _last_entry(store: Store) -> int:
    with store.read() as tx:
        table = tx.tables.history
        return int(tx.scalar(select(table.c.id).order_by(table.c.id.desc()).limit(1)) or 0)


def _open(store: Store) -> set[str]:
    with store.read() as tx:
        return {one.fingerprint for one in issues.listing(tx, limit=100_000)}


def _collect(store: Store, last: int, known: set[str], result: Plan) -> None:
    with store.read() as tx:
        for one in history.after(tx, last):
            result.changes.append(_planned(one))
        for issue in reversed(issues.listing(tx, limit=100_000)):
            if issue.fingerprint not in known:
                result.findings.append(_finding(issue))


def _unasked(world: World, names: Sequence[str], numbers: Collection[tuple[str, str]]) -> list[Finding]:
    """Numbers of the ERP's that were planned without knowing whether the CRM gives its own there."""
    found: list[Finding] = []
    with world.store.read() as tx:
        for rule in map(world.rules.get, names):
            written = {path for one in rule.fields if one.writes_crm for path in one.crm}
            asked_for = sorted(path for entity, path in numbers if entity == rule.crm and path in written)
            if asked_for and not is_known(tx, world.tenant, rule.rule):
                found.append(
                    Finding(
                        kind="number_unasked",
                        cause=f"Nobody has asked the CRM yet whether it gives numbers of its own in {asked_for[0]}; to "
                        "ask may use one up. If it does, the ERP's numbers are not written there.",
                        remedy="The first sync asks before it writes anything; sounimicro doctor tells it now.",
                        fingerprint=f"unasked:{rule.rule}:{asked_for[0]}",
                        rule=rule.rule,
                        field=asked_for[0],
                    )
                )
    return found


def _finding(issue: issues.Issue) -> Finding:
    return Finding(
        kind=issue.kind,
        cause=issue.cause,
        remedy=issue.remedy,
        fingerprint=issue.fingerprint,
        company_key=issue.company_key or "",
        rule=issue.rule or "",
        crm=_named(issue.crm_entity, issue.crm_id) if issue.crm_entity and issue.crm_id is not None else "",
        erp=_named(issue.erp_entity, issue.erp_id) if issue.erp_entity and issue.erp_id is not None else "",
        field=issue.field or "",
    )


def _planned(entry: Entry) -> PlannedChange:
    new = "" if entry.new_value is None else str(entry.new_value)
    allotted = bool(new) and new in (str(entry.erp_id), str(entry.crm_id)) and new.startswith("-")
    return PlannedChange(
        kind=entry.kind,
        rule=entry.rule,
        company_key=entry.company_key,
        role=entry.role,
        crm=_named(entry.crm_entity, entry.crm_id),
        erp=_named(entry.erp_entity, entry.erp_id),
        side=entry.side or "",
        field=entry.field or "",
        old="" if entry.old_value is None else str(entry.old_value),
        new="" if allotted else new,
        reason=entry.reason,
    )


def _named(entity: str, record_id: int | None) -> str:
    return f"{entity}:{NEW if record_id is None or record_id < 0 else record_id}"
