"""What a person's screens and the JSON API ask of the engine, with the same checks for both.

Reading is cut off when it takes long; what changes something is done to its end. Raises Refused, and StoreError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sounimicro_pipelines.panels.erp_tab.record import Case
from sounimicro_pipelines.panels.erp_tab.refusals import Refused, told
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.rules import Problem, Rule, Side
from sounimicro_pipelines.store import links
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.allotting import number_travels
from sounimicro_pipelines.sync.asking import Difference, Question, field_named
from sounimicro_pipelines.sync.connecting import rule_of
from sounimicro_pipelines.sync.finding import Candidate
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.requests import ErpButton, Outcome
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.unimicro.lists import Item

T = TypeVar("T")
SUGGESTED = 8
FOUND = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A question before a record is created, with what the field may hold. `transform` says of which kind it is."""

    question: Question
    crm: tuple[str, ...]
    erp: tuple[str, ...]
    transform: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One field on both sides, with the names of list items: `items` the ERP's, `crm_items` the CRM's."""

    difference: Difference
    crm: tuple[str, ...]
    erp: tuple[str, ...]
    transform: str
    direction: str
    shown_first: bool
    items: tuple[Item, ...]
    crm_items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """The CRM record as it is now. `parent` is a person's company, `companies` those of a project's members."""

    name: str
    parent: int | None
    locked: str | None
    companies: tuple[int, ...]


async def seen(connection: Connection, world: World, record: CrmAddress) -> Seen:
    """Raises Refused when it is gone."""
    found = await world.crm.read(record.entity, record.id, ())
    if found is None:
        raise Refused("erp_gone", 404)
    companies: tuple[int, ...] = ()
    if record.entity == "project":
        companies = (await connection.crm.read("project", record.id)).member_companies
    return Seen(found.identity.name, found.parent, found.locked, companies)


async def reading(case: Case, work: Callable[[Connection, World], Awaitable[T]]) -> T:
    """Do work that reads, as the viewer."""

    async def on(connection: Connection) -> T:
        return await work(connection, await connection.world(by=case.by))

    return await told(case.panels.engine.ask(on))


async def company_of(case: Case) -> CompanyRow:
    """The ERP company that the case's address names; opening the ERP takes note of the companies in use.

    Raises BadRequest, NotFound and Refused.
    """
    try:
        return await case.panels.read(case.company)
    except NotFound:
        await reading(case, _nothing)
        return await case.panels.read(case.company)


async def _nothing(connection: Connection, world: World) -> None:
    return None


async def changing(case: Case, work: Callable[[ErpButton], Awaitable[Outcome]]) -> Outcome:
    """Do what the viewer asks for, as a run of its own that Dagster hears of."""

    async def on(connection: Connection) -> Outcome:
        return await work(ErpButton(await connection.world(by=case.by), tell=case.panels.engine.tell))

    return await told(case.panels.engine.act(on))


# -- what is shown before anything is changed ------------------------------------------------------------------------


async def candidates(case: Case, company: CompanyRow, role: str, text: str = "") -> tuple[Seen, list[Candidate]]:
    """ERP records that may be this one, or those that a search finds."""

    async def work(connection: Connection, world: World) -> tuple[Seen, list[Candidate]]:
        button, key = ErpButton(world), company.company_key
        found = (
            button.search(case.record, key, role, text, limit=FOUND)
            if text
            else button.candidates(case.record, key, role, limit=SUGGESTED)
        )
        return await asyncio.gather(seen(connection, world, case.record), found)

    return await reading(case, work)


async def comparison(case: Case, company: CompanyRow, role: str, erp_id: int) -> tuple[Seen, list[Compared]]:
    """The record beside an ERP record, field by field in the rule's order."""

    async def work(connection: Connection, world: World) -> tuple[Seen, list[Compared]]:
        return await asyncio.gather(
            seen(connection, world, case.record), compared(case, connection, world, company.company_key, role, erp_id)
        )

    return await reading(case, work)


async def compared(
    case: Case, connection: Connection, world: World, company_key: str, role: str, erp_id: int
) -> list[Compared]:
    rule = rule_of(world, case.record, company_key, role)
    found = await ErpButton(world).differences(case.record, company_key, role, erp_id)
    lookups = case.panels.engine.lookups
    rows: list[Compared] = []
    for each in found:
        one = rule.field(each.key)
        if one is None:
            continue
        items = await lookups.items(connection, company_key, rule, one)
        ours = await lookups.crm_items(connection, rule, one)
        name = one.transformer.name
        rows.append(Compared(each, one.crm, one.erp, name, one.direction, one.show_in_erp_tab, items, ours))
    return rows


async def questions(case: Case, company: CompanyRow, role: str) -> tuple[Seen, list[Asked], bool]:
    """What is asked before the record is created, in the rule's order, and whether its number comes to the CRM."""

    async def work(connection: Connection, world: World) -> tuple[Seen, list[Asked], bool]:
        key = company.company_key
        rule = rule_of(world, case.record, key, role)
        record, found = await asyncio.gather(
            seen(connection, world, case.record), ErpButton(world).questions(case.record, key, role)
        )
        with world.store.read() as tx:
            travels = number_travels(tx, world.tenant, rule)
        return record, [await _asked(case, connection, world, key, rule, each) for each in found], travels

    return await reading(case, work)


async def _asked(
    case: Case, connection: Connection, world: World, company_key: str, rule: Rule, question: Question
) -> Asked:
    one = rule.field(question.key)
    if one is None:
        return Asked(question, (), (), "text", ())
    items = await case.panels.engine.lookups.items(connection, company_key, rule, one)
    if question.options and not one.crm:
        items = tuple(item for item in items if item.id in question.options) or tuple(
            Item(option, option) for option in question.options
        )
    return Asked(question, one.crm, one.erp, one.transformer.name, items)


async def customers(case: Case, company: CompanyRow, text: str, members: Sequence[int]) -> list[tuple[int, str, str]]:
    """CRM companies that a project can be for (id, name, customer number): found by a text, or the members' own."""

    async def work(connection: Connection, world: World) -> list[tuple[int, str, str]]:
        if text:
            found = await ErpButton(world).customers(company.company_key, text)
            return [(one.linked_to.id, one.name, one.number) for one in found if one.linked_to is not None]
        port = world.erp.get(company.company_key)
        with world.store.read() as tx:
            linked = [
                links.for_crm_place(tx, world.tenant, "contact", one, company.company_key, "customer")
                for one in members[:10]
            ]
        told_of: list[tuple[int, str, str]] = []
        for link in linked:
            party = await port.read("Customer", link.erp_id, ()) if port is not None and link is not None else None
            if link is not None and party is not None:
                told_of.append((link.crm_id, party.identity.name, party.identity.number))
        return told_of

    return await reading(case, work)


# -- what changes something --------------------------------------------------------------------------------------------


async def link(case: Case, company: CompanyRow, role: str, erp_id: int, choices: Mapping[str, Side]) -> Outcome:
    """Link the record with an ERP record."""
    return await changing(case, lambda button: button.link(case.record, company.company_key, role, erp_id, choices))


async def create(
    case: Case, company: CompanyRow, role: str, answers: Mapping[str, str], customer: int | None = None
) -> Outcome:
    """Create the record in the ERP. An answer that no item of its list has is refused before anything is sent."""

    async def check(connection: Connection, world: World) -> dict[str, Problem]:
        rule = rule_of(world, case.record, company.company_key, role)
        wrong: dict[str, Problem] = {}
        for name, text in answers.items():
            one = field_named(rule, name)
            if one is None or not text.strip() or one.crm:
                continue
            items = await case.panels.engine.lookups.items(connection, company.company_key, rule, one)
            if items and text.strip() not in (item.id for item in items):
                known = ", ".join(f"{item.id} ({item.name})" for item in items)
                wrong[one.key] = Problem("no_such_item", f"{one.name} has no such item.", f"It has {known}.")
        return wrong

    problems = await reading(case, check)
    if problems:
        raise Refused("erp_fields", 422, problems)
    return await changing(
        case, lambda button: button.create(case.record, company.company_key, role, answers, customer=customer)
    )


async def unlink(case: Case, company: CompanyRow, role: str) -> Outcome:
    """Disconnect the record."""
    return await changing(case, lambda button: button.unlink(case.record, company.company_key, role))


async def sync_now(case: Case) -> Outcome:
    """Look at the record at once."""
    return await changing(case, lambda button: button.sync_now(case.record))
