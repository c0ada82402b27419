"""The ERP tab's first screen: how a record is linked, with every field and why it is so, and where it can be linked.

Values are read from both systems as they are now. While one of them does not answer, what they agreed on last is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.erp_tab.record import PANELS, Case
from sounimicro_pipelines.panels.erp_tab.refusals import Refused, told
from sounimicro_pipelines.panels.erp_tab.requests import Compared, Seen, compared, reading, seen
from sounimicro_pipelines.panels.erp_tab.stories import Why, why
from sounimicro_pipelines.panels.field_names import field_name
from sounimicro_pipelines.panels.figures.party import is_published
from sounimicro_pipelines.panels.kept_names import kept_name
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.rules import RuleError, RuleSet, load_rules
from sounimicro_pipelines.store import Transaction, intents, links, reports
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.explain import FieldStory, NothingKnown, explain
from sounimicro_pipelines.sync.opening import Connection, plain_registries
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import VendorError
from sounimicro_pipelines.unimicro.lists import Item

PARTY_ROLES = ("customer", "supplier")


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a link. `state` says what the sync would do with it now; `stored` when nobody could be asked."""

    key: str
    name: str
    crm: str
    erp: str
    state: str
    direction: str
    shown_first: bool
    why: Why | None

    @property
    def value(self) -> str:
        return self.crm or self.erp

    @property
    def differs(self) -> bool:
        return self.state in ("to_crm", "to_erp", "ask", "stuck")

    @property
    def is_empty(self) -> bool:
        return not self.crm and not self.erp and not (self.why is not None and self.why.needs_person)


@dataclass(frozen=True, slots=True)
class Card:
    """One link. `problem` says why its values could not be read now."""

    link: Link
    company: CompanyRow
    number: str
    rows: tuple[Row, ...]
    problem: Refused | None
    persons: int
    figures: str | None
    customer: tuple[str, str] | None

    @property
    def first(self) -> list[Row]:
        """What the rule shows here, the number aside, which stands in the heading."""
        return [row for row in self.rows if row.shown_first and row.value and row.erp != self.number]

    @property
    def others(self) -> list[Row]:
        return [row for row in self.rows if not row.shown_first and not row.is_empty]

    @property
    def empty(self) -> list[Row]:
        return [row for row in self.rows if not row.shown_first and row.is_empty]

    @property
    def waiting(self) -> list[Row]:
        return [row for row in self.rows if row.differs or (row.why is not None and row.why.needs_person)]


@dataclass(frozen=True, slots=True)
class Choice:
    """An ERP company in which the record can be linked, and the roles that are free there."""

    company: CompanyRow
    live: bool
    roles: tuple[str, ...]
    pending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the first screen. `problem` says why the two systems could not be asked."""

    name: str
    locked: bool
    cards: tuple[Card, ...]
    choices: tuple[Choice, ...]
    parent: CrmAddress | None
    parent_linked: bool
    problem: Refused | None

    @property
    def only_place(self) -> tuple[CompanyRow, str] | None:
        """The one place where an unlinked record belongs, where there is just one."""
        if self.cards or len(self.choices) != 1 or len(self.choices[0].roles) != 1 or self.choices[0].pending:
            return None
        return self.choices[0].company, self.choices[0].roles[0]


@dataclass(slots=True)
class _Live:
    seen: Seen
    rules: RuleSet
    live: frozenset[str]
    values: dict[int, list[Compared] | Refused] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    customers: Mapping[int, str] = field(default_factory=dict)


async def overview(case: Case) -> Overview:
    """The first screen. Raises Refused when the record is gone, and StoreError."""
    linked = await case.panels.read(case.links)
    try:
        live: _Live | None = await reading(case, lambda connection, world: _live(case, connection, world, linked))
        problem = None
    except Refused as refused:
        if refused.key == "erp_gone":
            raise
        live, problem = None, refused
    return await case.panels.read(lambda tx: _overview(tx, case, linked, live, problem))


async def _live(case: Case, connection: Connection, world: World, linked: Sequence[tuple[Link, CompanyRow]]) -> _Live:
    async def values(link: Link) -> list[Compared] | Refused:
        role = link.role if link.role in PARTY_ROLES else ""
        try:
            return await told(compared(case, connection, world, link.company_key, role, link.erp_id))
        except Refused as refused:
            return refused

    async def customer(link: Link) -> str:
        with world.store.read() as tx:
            above = links.get(tx, link.parent_link_id or 0)
        if above is None or link.rule != "project":
            return ""
        try:
            party = await world.erp[link.company_key].read(above.erp_entity, above.erp_id, ())
        except VendorError:
            return ""
        return f"{party.identity.name} ({party.identity.number})" if party is not None else ""

    keys = {link.company_key for link, _ in linked}
    customers = {link.id: await customer(link) for link, _ in linked if link.parent_link_id is not None}
    record, people, *found = await asyncio.gather(
        seen(connection, world, case.record),
        case.panels.engine.lookups.people(connection, keys) if linked else _nobody(),
        *(values(link) for link, _ in linked),
    )
    with world.store.read() as tx:
        live = frozenset(key for key in world.erp if world.is_live(tx, key))
    ids = [link.id for link, _ in linked]
    values_by_link = dict(zip(ids, found, strict=True))
    return _Live(record, world.rules, live, values_by_link, people, customers)  # type: ignore[arg-type]


async def _nobody() -> Mapping[str, str]:
    return {}


def _overview(
    tx: Transaction,
    case: Case,
    linked: Sequence[tuple[Link, CompanyRow]],
    live: _Live | None,
    problem: Refused | None,
) -> Overview:
    rules = live.rules if live is not None else _rules(tx)
    stories = _stories(tx, case, rules)
    cards = tuple(_card(tx, case, link, company, stories, live, problem) for link, company in linked)
    parent = CrmAddress("contact", live.seen.parent) if live is not None and live.seen.parent else None
    choices = _choices(tx, case, linked, parent, live)
    return Overview(
        name=live.seen.name if live is not None else next((kept_name(tx, link) for link, _ in linked), ""),
        locked=live is not None and live.seen.locked is not None,
        cards=cards,
        choices=tuple(choices),
        parent=parent if case.record.entity == "person" else None,
        parent_linked=parent is not None and bool(case.links(tx, parent)),
        problem=problem,
    )


def _rules(tx: Transaction) -> RuleSet | None:
    """The rules without asking the CRM for its user-defined fields; None where one of them needs these."""
    try:
        return load_rules(tx, plain_registries())
    except RuleError:
        return None


def _stories(tx: Transaction, case: Case, rules: RuleSet | None) -> dict[tuple[int, str], FieldStory]:
    if rules is None:
        return {}
    try:
        found = explain(tx, case.tenant, rules, case.record)
    except NothingKnown:
        return {}
    return {(one.link.id, one.key): one for one in found.fields}


def _card(
    tx: Transaction,
    case: Case,
    link: Link,
    company: CompanyRow,
    stories: Mapping[tuple[int, str], FieldStory],
    live: _Live | None,
    problem: Refused | None,
) -> Card:
    words, people = case.words, live.people if live is not None else {}
    found = live.values.get(link.id) if live is not None else problem
    rows: list[Row] = []
    number = ""
    if isinstance(found, list):
        for one in found:
            story = stories.get((link.id, one.difference.key))
            crm, erp = shown(words, one, "crm"), shown(words, one, "erp")
            if one.erp and one.erp[0] in ("CustomerNumber", "SupplierNumber", "ProjectNumber"):
                number = erp
            direction = story.direction if story is not None else one.direction
            reason = (
                why(words, story, people, partial(_shown, words, one), one.transform) if story is not None else None
            )
            name = field_name(words, one.crm, one.erp)
            rows.append(
                Row(one.difference.key, name, crm, erp, one.difference.would, direction, one.shown_first, reason)
            )
    else:
        for (link_id, key), story in stories.items():
            if link_id != link.id:
                continue
            crm_paths = tuple(filter(None, story.crm_path.split(" + ")))
            erp_paths = tuple(filter(None, story.erp_path.split(" + ")))
            reason = why(words, story, people, lambda side, text: text)
            name = field_name(words, crm_paths, erp_paths)
            rows.append(Row(key, name, story.crm or "", story.erp or "", "stored", story.direction, False, reason))
            if erp_paths and erp_paths[0] in ("CustomerNumber", "SupplierNumber", "ProjectNumber"):
                number = story.erp or ""
    persons = sum(1 for child in links.children(tx, link.id) if child.rule == "person")
    return Card(
        link,
        company,
        number,
        tuple(rows),
        found if isinstance(found, Refused) else None,
        persons,
        _figures(tx, case, link, company),
        _customer(tx, case, link, live),
    )


def _customer(tx: Transaction, case: Case, link: Link, live: _Live | None) -> tuple[str, str] | None:
    """The name of a project's customer, and where its panel is."""
    name = live.customers.get(link.id) if live is not None else None
    above = links.get(tx, link.parent_link_id or 0)
    if not name or above is None:
        return None
    whom = {"tenant": case.tenant, "id": str(above.crm_id), "lang": case.address.get("lang") or ""}
    return name, Address(PANELS["contact"], whom).to()


def _figures(tx: Transaction, case: Case, link: Link, company: CompanyRow) -> str | None:
    """Where the link's figures are, as soon as they are published: a party's tabs, or a project's accounts."""
    lang = case.address.get("lang") or ""
    party = Address("/panel/company", {"company": company.alias, "lang": lang})
    if link.crm_entity == "contact":
        if not is_published(tx, Subject(company.alias, link.role, link.erp_id)):
            return None
        return case.address.to(company=company.alias, role=link.role, party=None, tab="open-items")
    if link.crm_entity == "project" and "project" in reports.published(tx, company.alias):
        found = reports.read_rows(tx, "project", {"company": company.alias, "project_id": link.erp_id}, limit=1)
        owner = found[0].get("party_id") if found else None
        if owner is not None:
            return party.to(role="customer", party=owner, tab="projects", view="project", project=link.erp_id)
    return None


def _choices(
    tx: Transaction,
    case: Case,
    linked: Sequence[tuple[Link, CompanyRow]],
    parent: CrmAddress | None,
    live: _Live | None,
) -> list[Choice]:
    """The companies and roles in which the record is not linked yet."""
    taken = {(link.company_key, link.role) for link, _ in linked}
    pending = {
        (one.company_key, one.role)
        for one in intents.living_for(tx, tenant=case.tenant, crm=(case.record.entity, case.record.id))
        if one.kind == "create" and one.side == "erp"
    }
    above = case.links(tx, parent) if case.record.entity == "person" and parent is not None else []
    choices: list[Choice] = []
    for company in case.companies(tx):
        key = company.company_key
        if case.record.entity == "contact":
            roles: tuple[str, ...] = PARTY_ROLES
        elif case.record.entity == "project":
            roles = ("project",)
        else:
            roles = tuple(link.role for link, _ in above if link.company_key == key and link.role in PARTY_ROLES)
        free = tuple(role for role in roles if (key, role) not in taken)
        if free:
            waiting = tuple(role for role in free if (key, role) in pending)
            choices.append(Choice(company, live is None or key in live.live, free, waiting))
    return choices


def shown(words: Words, one: Compared, side: str) -> str:
    """A value of one side as the reader sees it."""
    return _shown(words, one, side, one.difference.crm if side == "crm" else one.difference.erp)


def _shown(words: Words, one: Compared, side: str, text: str) -> str:
    items = one.crm_items if side == "crm" and one.crm else one.items
    return _showing(words, one.transform, items)(text)


class _showing:
    """A value as the reader sees it: a date in their form, a list item by its name, yes and no in words."""

    def __init__(self, words: Words, transform: str, items: Sequence[Item]) -> None:
        self._words = words
        self._transform = transform
        self._names = {item.id: item.name for item in items}

    def __call__(self, text: str) -> str:
        if text in self._names:
            return self._names[text]
        if self._names and text == "0":
            return ""
        if self._transform == "date" and text:
            try:
                return self._words.date(date.fromisoformat(text[:10]))
            except ValueError:
                return text
        if self._transform == "boolean" and text in ("true", "false"):
            return self._words(f"erp.{text}")
        return text
