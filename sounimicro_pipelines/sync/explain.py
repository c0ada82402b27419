"""Why does this field have this value: which rule, which side, when, by whom, and what it replaced. Asks nobody.

Everything comes from links, baselines, history, kept losers and open issues. The texts may hold personal values: they
are for the person who asks, never for a log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import Rule, RuleField
from sounimicro_pipelines.rules.versions import RuleSet
from sounimicro_pipelines.store import Transaction, baselines, companies, conflicts, history, issues, links
from sounimicro_pipelines.store.baselines import Baseline
from sounimicro_pipelines.store.history import Entry
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link, Tombstone
from sounimicro_pipelines.sync.addresses import Address, CrmAddress, ErpAddress, links_at
from sounimicro_pipelines.sync.allotting import allotting
from sounimicro_pipelines.sync.asking import field_named, nearest_field
from sounimicro_pipelines.sync.routing import partner_pairs

WRITES = ("update", "undo", "restore")
WHY = {
    "one_side_changed": "it was changed on one side only",
    "both_changed": "both sides were changed, and the field goes this way only",
    "first_meeting": "only one side had a value when the two were linked",
    "one_way": "the field goes this way only, and the other side held something else",
    "policy_erp": "both sides were changed, and the rule says that the ERP is right",
    "policy_crm": "both sides were changed, and the rule says that the CRM is right",
    "newest": "both sides were changed, and this was the newer change",
    "person": "a person chose it",
    "undo": "a person undid a run",
    "restore": "a person restored it",
}


class NothingKnown(SounimicroError):
    """The record has never been linked, or the rule has no such field."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One write of ours: where, when, from which side and by whom, and the value that it replaced."""

    at: datetime
    run_id: str | None
    rule: str
    rule_version: int | None
    side: str
    value: str
    replaced: str
    reason: str
    source_side: str | None
    source_by: str | None
    source_at: datetime | None
    undone_by_run: str | None

    @property
    def text(self) -> str:
        source = "the CRM" if self.source_side == "crm" else "the ERP"
        target = "the CRM" if self.side == "crm" else "the ERP"
        when = f" at {_shown(self.source_at)}" if self.source_at else ""
        who = f", where {self.source_by} had set it{when}" if self.source_by else f", where it was set{when}"
        why = WHY.get(self.reason, self.reason)
        known = who if self.source_by or when else ""
        origin = f"came from {source}{known}, and was" if self.reason not in ("undo", "restore") else "was"
        return (
            f"«{self.value}» {origin} written to {target} at {_shown(self.at)} by the rule {self.rule} (version"
            f" {self.rule_version}) because {why}; it replaced «{self.replaced}»."
        )


@dataclass(frozen=True, slots=True)
class Loser:
    """A value that gave way in a conflict and is kept under the conflict's number, `id`."""

    id: int
    side: str
    value: str
    by: str | None
    at: datetime | None
    found_at: datetime
    decided: str


@dataclass(frozen=True, slots=True)
class FieldStory:
    """One field of one link. `crm` and `erp` are what the sides held when they agreed last, None when they never did.

    `owner` is False where another link writes the field to the CRM.
    """

    link: Link
    key: str
    crm_path: str
    erp_path: str
    rule: str
    rule_version: int
    direction: str
    policy: str
    crm: str | None
    erp: str | None
    agreed_at: datetime | None
    owner: bool
    changes: tuple[Change, ...]
    losers: tuple[Loser, ...]
    issue: Issue | None

    @property
    def because(self) -> str:
        """The answer in one or two sentences."""
        if self.issue is not None:
            return f"{self.issue.cause} {self.issue.remedy}"
        if self.changes:
            return self.changes[0].text
        if self.direction == "none":
            return "The field is shown, not synchronized."
        if self.crm is None and self.erp is None:
            return "The two sides have not agreed on this field yet."
        return f"Nobody has changed it since the records were linked at {_shown(self.link.created_at)}."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a record: its links with their fields, and links that have ended."""

    record: Address
    fields: tuple[FieldStory, ...]
    links: tuple[Link, ...]
    ended: tuple[Tombstone, ...]


def explain(tx: Transaction, tenant: str, rules: RuleSet, record: Address, field: str | None = None) -> Explanation:
    """The story of a record, or of one field, named by its key or a path of either side. Raises NothingKnown."""
    linked = links_at(tx, tenant, record)
    ended = _ended(tx, tenant, record)
    if not linked and not ended:
        raise NothingKnown(f"{record} has never been linked.", remedy="Press ERP on the record, or sync it.")
    stories: list[FieldStory] = []
    for link in linked:
        siblings = links.for_crm(tx, link.tenant, link.crm_entity, link.crm_id)
        for rule, one in _governed(rules, link, siblings):
            if field is None or field_named(rule, field) == one:
                stories.append(_story(tx, rules, rule, one, link, siblings))
    if field is not None and linked and not stories:
        raise NothingKnown(
            f"No rule of {record} has a field {field}.", remedy=nearest_field(rules.get(linked[0].rule), field)
        )
    return Explanation(record, tuple(stories), tuple(linked), tuple(ended))


def address_of(tx: Transaction, link: Link) -> tuple[CrmAddress, ErpAddress]:
    """Both records of a link as people name them."""
    company = companies.by_key(tx, link.company_key)
    alias = company.alias if company is not None else ""
    return CrmAddress(link.crm_entity, link.crm_id), ErpAddress(link.company_key, link.erp_entity, link.erp_id, alias)


def _ended(tx: Transaction, tenant: str, record: Address) -> list[Tombstone]:
    if isinstance(record, CrmAddress):
        return links.tombstones_for_crm(tx, tenant, record.entity, record.id, active_only=False)
    return links.tombstones_for_erp(tx, record.company_key, record.entity, record.id, active_only=False)


def _governed(rules: RuleSet, link: Link, siblings: list[Link]) -> list[tuple[Rule, RuleField]]:
    """The fields of a link in its rule's order, each with the rule that decides it."""
    own = rules.get(link.rule)
    partner = rules.get("partner")
    paired = any(link.id in (one.id, other.id) for one, other in partner_pairs(siblings))
    found: list[tuple[Rule, RuleField]] = []
    for one in own.fields:
        shared = partner.field(one.key) if paired and rules.is_partner_field(one) else None
        found.append((partner, shared) if shared is not None else (own, one))
    return found


def _story(tx: Transaction, rules: RuleSet, rule: Rule, one: RuleField, link: Link, siblings: list[Link]) -> FieldStory:
    stored = baselines.get(tx, link.id)
    entries = history.of_record(
        tx,
        tenant=link.tenant,
        crm=(link.crm_entity, link.crm_id),
        erp=(link.company_key, link.erp_entity, link.erp_id),
        field=one.key,
    )
    mine = {link.id} if rule.rule != "partner" else {each.id for each in siblings}
    changes = [_change(each) for each in entries if each.kind in WRITES and _concerns(each, link, mine)]
    told = issues.of_record(tx, tenant=link.tenant, crm=(link.crm_entity, link.crm_id))
    waiting = next((each for each in told if each.link_id in mine and each.field == one.key), None)
    if waiting is None and one.writes_crm:
        noted = allotting(tx, link.tenant, rule.rule)
        waiting = noted if noted is not None and noted.field in one.crm and not _agreed(stored, one.key) else None
    owners = links.owners(tx, link.tenant, link.crm_entity, link.crm_id)
    return FieldStory(
        link=link,
        key=one.key,
        crm_path=" + ".join(one.crm),
        erp_path=" + ".join(one.erp),
        rule=rule.rule,
        rule_version=rules.version(rule.rule),
        direction=one.direction,
        policy=one.conflict,
        crm=_text(stored.crm.get(one.key)) if stored is not None else None,
        erp=_text(stored.erp.get(one.key)) if stored is not None else None,
        agreed_at=stored.agreed_at if stored is not None else None,
        owner=owners.get(one.key, _first_writer(rules, siblings, one.key)) in mine,
        changes=tuple(changes),
        losers=tuple(_losers(tx, link, one.key)),
        issue=waiting,
    )


def _agreed(stored: Baseline | None, key: str) -> bool:
    return stored is not None and key in stored.crm


def _concerns(entry: Entry, link: Link, mine: set[int]) -> bool:
    """A write to this link's ERP record, or to the CRM record whichever link made it."""
    if entry.side == "crm":
        return (entry.crm_entity, entry.crm_id) == (link.crm_entity, link.crm_id)
    written, here = (
        (entry.company_key, entry.erp_entity, entry.erp_id),
        (link.company_key, link.erp_entity, link.erp_id),
    )
    return entry.link_id in mine and written == here


def _first_writer(rules: RuleSet, siblings: list[Link], key: str) -> int | None:
    """The oldest link whose rule writes a field to the CRM."""
    for link in siblings:
        one = rules.get(link.rule).field(key)
        if one is not None and one.writes_crm:
            return link.id
    return None


def _change(entry: Entry) -> Change:
    return Change(
        at=entry.at,
        run_id=entry.run_id,
        rule=entry.rule,
        rule_version=entry.rule_version,
        side=entry.side or "",
        value=_text(entry.new_value) or "",
        replaced=_text(entry.old_value) or "",
        reason=entry.reason,
        source_side=entry.source_side,
        source_by=entry.source_by,
        source_at=entry.source_at,
        undone_by_run=entry.undone_by_run,
    )


def _losers(tx: Transaction, link: Link, key: str) -> list[Loser]:
    found: list[Loser] = []
    for one in conflicts.listing(tx, state=None, link_id=link.id, limit=500):
        if one.field != key or one.winner is None or one.state != "decided":
            continue
        lost_in_crm = one.winner == "erp"
        found.append(
            Loser(
                id=one.id,
                side="crm" if lost_in_crm else "erp",
                value=_text(one.crm_value if lost_in_crm else one.erp_value) or "",
                by=one.crm_by if lost_in_crm else one.erp_by,
                at=one.crm_at if lost_in_crm else one.erp_at,
                found_at=one.found_at,
                decided=one.decided_by or "",
            )
        )
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _shown(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment is not None else "an unknown time"
