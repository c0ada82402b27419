"""Before the first write to an ERP company: what linking and creating would mean there, and a person's acceptance.

The report is made from the registers in the warehouse and the links that there are, by the matching that the engine
itself uses. It writes to neither system. Names of companies and projects stand in it, of persons only ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import Rule, RuleName
from sounimicro_pipelines.store import runs
from sounimicro_pipelines.store.links import Link, of_rule
from sounimicro_pipelines.store.runs import GoLiveReport
from sounimicro_pipelines.sync import match
from sounimicro_pipelines.sync.alike import TOO_ALIKE
from sounimicro_pipelines.sync.allotting import erp_numbers
from sounimicro_pipelines.sync.feeds import rewind_company
from sounimicro_pipelines.sync.match import Identity, Pairing
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.registers import Files, Register, open_crm, open_erp
from sounimicro_pipelines.sync.translate import initiates, takes_part
from sounimicro_pipelines.sync.world import World

REPORTED: tuple[RuleName, ...] = ("customer", "supplier", "person", "project")
SHOWN = 500
"""Records of each kind that the report names; the counts are of all of them."""


_NEEDED = (("crm", ("contact", "person", "project")), ("erp", ("BusinessRelation", "Customer", "Supplier")))
"""Registers without which a report would say too little; others may be out of reach."""


class NotListed(SounimicroError):
    """The warehouse does not hold what a report is made from."""

    exit_code = 2


class NoReport(SounimicroError):
    """Nobody can accept what has not been reported."""

    exit_code = 2


@dataclass(slots=True)
class RuleReport:
    """What one rule would mean in one company.

    `matched` link by themselves: (CRM id, ERP id, by which way); `suggested` wait for a person: CRM id → candidates.
    `only_crm` and `only_erp` have no counterpart; `creates_in_erp` and `creates_in_crm` say how many of them would be
    created. `duplicates_*` are groups of records within one system that may be the same.
    """

    rule: str
    linked: int = 0
    matched: list[tuple[int, int, str]] = field(default_factory=list)
    suggested: dict[int, list[match.Suggestion]] = field(default_factory=dict)
    only_crm: list[int] = field(default_factory=list)
    only_erp: list[int] = field(default_factory=list)
    duplicates_crm: list[tuple[int, ...]] = field(default_factory=list)
    duplicates_erp: list[tuple[int, ...]] = field(default_factory=list)
    creates_in_erp: int = 0
    creates_in_crm: int = 0
    names: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "linked": self.linked,
            "matched": len(self.matched),
            "suggested": len(self.suggested),
            "only_crm": len(self.only_crm),
            "only_erp": len(self.only_erp),
            "duplicates_crm": len(self.duplicates_crm),
            "duplicates_erp": len(self.duplicates_erp),
            "creates_in_erp": self.creates_in_erp,
            "creates_in_crm": self.creates_in_crm,
        }

    @property
    def body(self) -> dict[str, Any]:
        """As it is kept: at most `SHOWN` of each kind, and the names of those that are shown."""
        suggested = list(self.suggested.items())[:SHOWN]
        shown: dict[str, Any] = {
            "matched": [list(one) for one in self.matched[:SHOWN]],
            "suggested": [
                {"crm": crm, "candidates": [{"erp": s.id, "score": s.score, "reasons": list(s.reasons)} for s in found]}
                for crm, found in suggested
            ],
            "only_crm": self.only_crm[:SHOWN],
            "only_erp": self.only_erp[:SHOWN],
            "duplicates_crm": [list(ids) for ids in self.duplicates_crm[:SHOWN]],
            "duplicates_erp": [list(ids) for ids in self.duplicates_erp[:SHOWN]],
        }
        crm = {one[0] for one in self.matched[:SHOWN]} | {crm for crm, _ in suggested} | set(self.only_crm[:SHOWN])
        erp = {one[1] for one in self.matched[:SHOWN]} | {s.id for _, found in suggested for s in found}
        erp |= set(self.only_erp[:SHOWN])
        crm |= {one for ids in self.duplicates_crm[:SHOWN] for one in ids}
        erp |= {one for ids in self.duplicates_erp[:SHOWN] for one in ids}
        wanted = {f"crm:{one}" for one in crm} | {f"erp:{one}" for one in erp}
        shown["names"] = {key: name for key, name in self.names.items() if key in wanted}
        return shown


def report(world: World, crm: Register, erp: Register) -> dict[str, RuleReport]:
    """What the rules would mean in the company of `erp`, by rule."""
    parents: dict[int, int] = {}
    found: dict[str, RuleReport] = {}
    for name in REPORTED:
        rule = world.rules.get(name)
        if rule.active:
            found[name] = _of_rule(world, rule, crm, erp, parents)
    return found


def make(world: World, files: Files, company_key: str) -> GoLiveReport:
    """Make a company's report from the warehouse, and keep it. Raises NotListed and the WarehouseError family."""
    if files.crm.is_file() and files.erp[company_key].is_file():
        with world.store.read() as tx:
            numbers = erp_numbers(tx, world.tenant, world.rules)
        with (
            open_crm(files, world.clock, numbers) as crm,
            open_erp(files, company_key, world.clock) as erp,
        ):
            registers: dict[str, Register] = {"crm": crm, "erp": erp}
            unread = [one for side, names in _NEEDED for one in names if registers[side].listed_at(one) is None]
            if not unread:
                return save(world, company_key, report(world, crm, erp))
        said = f"These registers have not been read: {', '.join(unread)}."
    else:
        said = "The registers have not been read yet."
    raise NotListed(said, remedy="Read them first (sounimicro run); `sounimicro doctor` tells of missing rights.")


def save(world: World, company_key: str, found: Mapping[str, RuleReport]) -> GoLiveReport:
    """Keep a report for the person who is to accept it."""
    counts = {f"{name}.{what}": number for name, one in found.items() for what, number in one.counts.items()}
    with world.store.transaction() as tx:
        runs.save_go_live_report(
            tx,
            tenant=world.tenant,
            company_key=company_key,
            now=world.now(),
            run_id=world.run_id,
            counts=counts,
            body={name: one.body for name, one in found.items()},
        )
        kept = runs.go_live_report(tx, world.tenant, company_key)
    if kept is None:
        raise LookupError(company_key)
    return kept


def accept(world: World, company_key: str, *, by: str = "") -> GoLiveReport:
    """Let the sync write to a company from now on; every register is looked at anew. Raises NoReport."""
    with world.store.transaction() as tx:
        kept = runs.go_live_report(tx, world.tenant, company_key)
        if kept is None:
            raise NoReport(
                "There is no go-live report for this company yet.",
                remedy="Make one first (sounimicro run), look at it, and accept it then.",
            )
        if not runs.is_live(tx, world.tenant, company_key):
            runs.accept_go_live(
                tx,
                tenant=world.tenant,
                company_key=company_key,
                report_id=kept.id,
                by=by or world.by,
                now=world.now(),
            )
            rewind_company(tx, world, company_key)
    return kept


def may_write(world: World, company_key: str) -> bool:
    """The gate: whether somebody has accepted the report, or the settings say so."""
    with world.store.read() as tx:
        return world.is_live(tx, company_key)


def _of_rule(world: World, rule: Rule, crm: Register, erp: Register, parents: dict[int, int]) -> RuleReport:
    """One rule; `parents` are the CRM companies of the business relations that are linked or would be."""
    entity = rule.erp[0]
    everywhere = _links(world, rule)
    linked = [one for one in everywhere if one.company_key == erp.company_key]
    elsewhere = {one.crm_id for one in everywhere if one.company_key != erp.company_key}
    of_crm, of_erp = {link.crm_id for link in linked}, {link.erp_id for link in linked}
    ours, theirs = _all(crm, rule.crm, rule.crm_paths()), _all(erp, entity, rule.erp_paths())
    if rule.rule == "person":
        companies = set(parents.values())
        ours = [one for one in ours if one.parent in companies]
        theirs = [one for one in theirs if one.parent in parents]
    numbered = [_identity(one, of_crm, None) for one in ours]
    left = match.Register([replace(one, number="") if one.id in elsewhere else one for one in numbered])
    right = match.Register([_identity(one, of_erp, parents if rule.rule == "person" else None) for one in theirs])
    pairing = match.pair_up(left, right, rule.match)
    starts = {one.id for one in ours if initiates(rule, "crm") and takes_part(rule, one)}
    follows = {one.id for one in theirs if takes_part(rule, one)}
    found = RuleReport(rule.rule, linked=len(linked))
    found.matched = [one for one in pairing.matched if one[0] in starts or one[1] in follows]
    found.suggested = _worth_a_look(pairing, starts, follows)
    if rule.rule == "project":
        _ask_about_others_projects(found, elsewhere, left, right, rule)
    # A project belongs to its register whatever the rule begins with; of a company that only a person could tell.
    told = {one.id for one in ours if takes_part(rule, one)} if rule.crm == "project" else starts
    found.only_crm = [one for one in pairing.only_crm if one in told]
    hinted = {each.id for suggestions in found.suggested.values() for each in suggestions}
    hinted |= {erp_id for _, erp_id, _ in found.matched} | of_erp
    found.only_erp = sorted(follows - hinted)
    found.duplicates_crm = [ids for ids in match.duplicates(left) if starts.intersection(ids)]
    found.duplicates_erp = [ids for ids in match.duplicates(right) if follows.intersection(ids)]
    found.creates_in_crm = len(found.only_erp) if rule.create.in_crm == "automatic" else 0
    creates = world.creates_in_erp(rule, erp.company_key)
    found.creates_in_erp = len(starts.intersection(found.only_crm)) if creates else 0
    if rule.rule != "person":
        found.names = {f"crm:{one.id}": one.identity.name for one in ours}
        found.names |= {f"erp:{one.id}": one.identity.name for one in theirs}
    if rule.crm == "contact":
        _learn_parents(parents, theirs, linked, found.matched)
    return found


def _ask_about_others_projects(
    found: RuleReport, others: set[int], crm: match.Register, erp: match.Register, rule: Rule
) -> None:
    """A project that another company has already links with no second one by itself, as `sync/meeting.py` has it."""
    ours = {one.id: one for one in crm.identities if one.id in others}
    theirs = {one.id: one for one in erp.identities}
    for crm_id, erp_id, _ in found.matched:
        if crm_id in others:
            found.suggested[crm_id] = [match.compare(ours[crm_id], theirs[erp_id], rule.match)]
    found.matched = [one for one in found.matched if one[0] not in others]


def _worth_a_look(pairing: Pairing, starts: set[int], follows: set[int]) -> dict[int, list[match.Suggestion]]:
    """Suggestions for records that a rule looks at by itself; for others only what is likely."""
    found: dict[int, list[match.Suggestion]] = {}
    for crm_id, suggestions in pairing.suggested.items():
        kept = [
            one
            for one in suggestions
            if crm_id in starts or (one.id in follows and ("same_org_number" in one.reasons or one.score >= TOO_ALIKE))
        ]
        if kept:
            found[crm_id] = kept
    return found


def _links(world: World, rule: Rule) -> list[Link]:
    found: list[Link] = []
    with world.store.read() as tx:
        while page := of_rule(tx, rule.rule, after_id=found[-1].id if found else 0):
            found += page
    return found


def _all(register: Register, entity: str, paths: Sequence[str]) -> list[Record]:
    return list(register.records(entity, register.changed(entity, None), paths))


def _identity(record: Record, linked: set[int], parents: Mapping[int, int] | None) -> Identity:
    one = replace(record.identity, linked=record.id in linked)
    if parents is None:
        return one if record.entity in ("person", "Contact") else replace(one, parent=None)
    return replace(one, parent=parents.get(record.parent or 0))


def _learn_parents(
    parents: dict[int, int], theirs: Sequence[Record], linked: Sequence[Link], matched: Sequence[tuple[int, int, str]]
) -> None:
    crm_of = {link.erp_id: link.crm_id for link in linked} | {erp: crm for crm, erp, _ in matched}
    for one in theirs:
        if one.relation is not None and one.id in crm_of:
            parents.setdefault(one.relation, crm_of[one.id])
