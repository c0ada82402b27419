"""Records that may be the same: the candidates of an issue as the systems hold them now, and linking two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.admin.acting import Trouble, trouble
from sounimicro_pipelines.panels.admin.frame import Desk
from sounimicro_pipelines.store import links
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.connecting import RequestRefused
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.requests import ErpButton, Outcome
from sounimicro_pipelines.sync.world import World


@dataclass(frozen=True, slots=True)
class Facts:
    """What makes a record known: its name, numbers and place, as its system holds them now."""

    id: int
    name: str
    number: str
    org_number: str
    postcode: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be the same; `reasons` are words, `gone` says that it is there no more."""

    facts: Facts
    reasons: tuple[str, ...]
    percent: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """The issue's own record and those of the other system; `problem` says why they could not be looked at."""

    own: Facts | None
    found: tuple[Candidate, ...]
    own_side: str
    problem: Trouble | None = None


async def shown(desk: Desk, issue: Issue) -> Candidates:
    """The candidates with their names, asked for just now; with ids alone while a system does not answer."""
    asked = (issue.details or {}).get("candidates", [])
    side = "erp" if issue.side == "erp" else "crm"

    async def look(connection: Connection) -> tuple[Record | None, dict[int, Record]]:
        world = await connection.world(by=desk.viewer.actor)
        own = await _read(world, issue, side, int((issue.erp_id if side == "erp" else issue.crm_id) or 0))
        other = "crm" if side == "erp" else "erp"
        found = {one["id"]: await _read(world, issue, other, int(one["id"])) for one in asked}
        return own, {number: record for number, record in found.items() if record is not None}

    problem: Trouble | None = None
    own: Record | None = None
    records: dict[int, Record] | None = None
    try:
        own, records = await desk.panels.engine.ask(look)
    except SounimicroError as error:
        problem = trouble(desk.words, error)
    return Candidates(
        own=_facts(own) if own is not None else None,
        found=tuple(_candidate(desk, one, records) for one in asked),
        own_side=side,
        problem=problem,
    )


async def link(button: ErpButton, issue: Issue, other: int) -> Outcome:
    """Link the issue's record with a candidate. Raises RequestRefused, RecordBusy and the VendorError family."""
    known = [one.get("id") for one in (issue.details or {}).get("candidates", ())]
    if issue.state != "open" or issue.kind != "possible_duplicate" or other not in known:
        raise RequestRefused("outdated", "This issue has been dealt with meanwhile.")
    world, in_erp = button.world, issue.side == "erp"
    crm_id, erp_id = (other, issue.erp_id) if in_erp else (issue.crm_id, other)
    rule = world.rules.get(issue.rule or "")
    key = issue.company_key or ""
    if crm_id is None or erp_id is None or key not in world.erp:
        raise RequestRefused("no_such_company", "The ERP company is not in use.")
    record = CrmAddress(rule.crm, crm_id)
    return await button.link(record, key, _role(world, issue, record), erp_id)


def _role(world: World, issue: Issue, record: CrmAddress) -> str:
    """The role that the link is made in: the rule's, and for a person that of its company."""
    if issue.rule in ("customer", "supplier"):
        return issue.rule
    with world.store.read() as tx:
        linked = links.for_crm(tx, world.tenant, record.entity, record.id)
    return next((one.role for one in linked if one.company_key == issue.company_key), "")


async def _read(world: World, issue: Issue, side: str, record_id: int) -> Record | None:
    rule = world.rules.get(issue.rule or "")
    if side == "crm":
        return await world.crm.read(rule.crm, record_id, ())
    port = world.erp.get(issue.company_key or "")
    return await port.read(rule.erp[0], record_id, ()) if port is not None else None


def _facts(record: Record) -> Facts:
    one = record.identity
    return Facts(record.id, one.name, one.number, one.org_number, one.postcode)


def _candidate(desk: Desk, asked: dict[str, Any], records: dict[int, Record] | None) -> Candidate:
    words, number = desk.words, int(asked["id"])
    record = (records or {}).get(number)
    return Candidate(
        facts=_facts(record) if record is not None else Facts(number, "", "", "", ""),
        reasons=tuple(words.or_raw("erp.reasons", one) for one in asked.get("reasons", ())),
        percent=f"{round(100 * float(asked.get('score', 0)))} %",
        gone=records is not None and record is None,
    )
