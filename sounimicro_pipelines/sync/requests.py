"""Pressing ERP: what a person may do with one CRM company, person or project, at once and through the engine.

Nothing here writes past the engine: creates go by its intents, fields by its agreement, and every request is a run of
its own in the store, so that it happens exactly once, is explained, and can be undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import Rule
from sounimicro_pipelines.rules.values import Problem, Side
from sounimicro_pipelines.store import companies, links, runs, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync import asking, connecting, finding
from sounimicro_pipelines.sync.addresses import Address, CrmAddress, links_at
from sounimicro_pipelines.sync.agreement import Agreed
from sounimicro_pipelines.sync.allotting import own_numbers
from sounimicro_pipelines.sync.asking import Difference, Question
from sounimicro_pipelines.sync.connecting import Place, RequestRefused
from sounimicro_pipelines.sync.engine import work_on
from sounimicro_pipelines.sync.filling import Incomplete
from sounimicro_pipelines.sync.finding import Candidate
from sounimicro_pipelines.sync.holding import crm_lease, hold
from sounimicro_pipelines.sync.orders import Unsure
from sounimicro_pipelines.sync.ports import Record
from sounimicro_pipelines.sync.routing import AT_ONCE, pokes_for
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.world import NotNow, World
from sounimicro_pipelines.transport import VendorError

__all__ = ["Candidate", "CompanyChoice", "ErpButton", "Outcome", "Place", "RequestRefused"]

Action = Literal["link", "create", "unlink", "sync", "decide", "restore", "undo"]


@dataclass(frozen=True, slots=True)
class CompanyChoice:
    """An ERP company to choose from, and the roles in which the record is linked there: role → ERP record."""

    company_key: str
    alias: str
    name: str
    live: bool
    linked: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to. `waiting` says why something is left to the engine, "" when nothing is, and `reason` the
    same in a word for programs: one of WAITING, `busy`, `vendor` or `mark`.

    `fields` are (side, field) that were written. `number` is the ERP's number of the record, "" when it has none.
    """

    action: Action
    run_id: str
    rule: str
    company_key: str
    record: Address
    erp_entity: str = ""
    erp_id: int | None = None
    number: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    conflicts: int = 0
    held: int = 0
    waiting: str = ""
    reason: str = ""
    until: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


class ErpButton:
    """The requests of one person at one moment: `world.by` is who, `world.run_id` the run they are recorded as.

    `tell` hears of every outcome, for an event in Dagster. All methods raise RequestRefused for what cannot be done,
    RecordBusy, and the VendorError family. Use a new world for each request that changes something.
    """

    def __init__(self, world: World, *, tell: Callable[[Outcome], None] | None = None) -> None:
        self._world = world
        self._tell = tell

    def companies(self, record: CrmAddress) -> list[CompanyChoice]:
        """The ERP companies in use, by alias. Asks nobody."""
        world = self._world
        with world.store.read() as tx:
            linked = links.for_crm(tx, world.tenant, record.entity, record.id)
            return [
                CompanyChoice(
                    company_key=one.company_key,
                    alias=one.alias,
                    name=one.name,
                    live=world.is_live(tx, one.company_key),
                    linked={
                        link.role: (link.erp_entity, link.erp_id)
                        for link in linked
                        if link.company_key == one.company_key
                    },
                )
                for one in companies.all_companies(tx)
                if one.company_key in world.erp
            ]

    async def candidates(
        self, record: CrmAddress, company_key: str, role: str = "", *, limit: int = 10
    ) -> list[Candidate]:
        """ERP records that may be this one, most likely first."""
        return await finding.candidates(self._world, record, company_key, role, limit)

    async def search(
        self, record: CrmAddress, company_key: str, role: str, text: str, *, limit: int = 20
    ) -> list[Candidate]:
        """ERP records with this name, number or organisation number, the best hits first."""
        return await finding.search(self._world, record, company_key, role, text, limit)

    async def customers(self, company_key: str, text: str, *, limit: int = 10) -> list[Candidate]:
        """Customers with this name or number that are linked with a CRM company: those that a project can be for."""
        return await finding.customers(self._world, company_key, text, limit)

    async def differences(self, record: CrmAddress, company_key: str, role: str, erp_id: int) -> list[Difference]:
        """The record beside an ERP record, field by field in the rule's order, with what the rule would do."""
        world = self._world
        rule = connecting.rule_of(world, record, company_key, role)
        crm, erp = await asyncio.gather(
            connecting.read_crm(world, rule, record), connecting.read_erp(world, rule, company_key, erp_id)
        )
        place = await connecting.place_of(world, rule, crm, company_key, role)
        return await self._differences(place, crm, erp)

    async def questions(self, record: CrmAddress, company_key: str, role: str = "") -> list[Question]:
        """What must or may be answered before the record is created in the ERP, in the rule's order."""
        world = self._world
        rule = connecting.rule_of(world, record, company_key, role)
        crm = await connecting.read_crm(world, rule, record)
        with world.store.read() as tx:
            return asking.questions(tx, world, rule, crm, company_key)

    async def link(
        self,
        record: CrmAddress,
        company_key: str,
        role: str,
        erp_id: int,
        choices: Mapping[str, Side] | None = None,
    ) -> Outcome:
        """Link the record with an ERP record; `choices` say, by field, which side's value is right."""
        world = self._world
        rule = connecting.rule_of(world, record, company_key, role)
        connecting.demand_live(world, company_key)
        names = (_lease_of(world, record), f"record:{company_key}:{rule.erp[0]}:{erp_id}")
        async with self.recorded("link", rule, company_key, record, *names) as done:
            crm, erp = await asyncio.gather(
                connecting.read_crm(world, rule, record), connecting.read_erp(world, rule, company_key, erp_id)
            )
            place = await connecting.place_of(world, rule, crm, company_key, role)
            chosen = await self._check_choices(place, crm, erp, choices or {})
            link = await connecting.connect(world, place, crm, erp, chosen)
            done.link = link
            await self.agree(link, done)
        return done.outcome(self._world)

    async def create(
        self,
        record: CrmAddress,
        company_key: str,
        role: str = "",
        answers: Mapping[str, str] | None = None,
        *,
        customer: int | None = None,
    ) -> Outcome:
        """Create the record in the ERP and bring its number back. `answers` are by field.

        `customer` is the CRM company whose customer a project is for. Where the ERP does not tell whether it has
        created the record, the outcome is waiting, and the engine finds out.
        """
        world = self._world
        rule = connecting.rule_of(world, record, company_key, role)
        connecting.demand_live(world, company_key)
        async with self.recorded("create", rule, company_key, record, _lease_of(world, record)) as done:
            crm = await connecting.read_crm(world, rule, record)
            place = await connecting.place_of(world, rule, crm, company_key, role, customer=customer)
            try:
                link = await connecting.create_there(world, place, crm, dict(answers or {}))
            except NotNow as wait:
                connecting.leave_to_engine(world, rule, record, wait.until)
                done.wait(wait)
            except Incomplete as error:
                raise RequestRefused.by_fields(error.problems) from None
            except Unsure as error:
                raise RequestRefused(
                    "unsure", error.cause, remedy="Look for the record in the ERP, and link it instead."
                ) from None
            else:
                done.link = link
                await self.agree(link, done)
                await self._number(rule, link, done)
        return done.outcome(self._world)

    async def unlink(self, record: CrmAddress, company_key: str, role: str = "") -> Outcome:
        """Disconnect the record; the ERP's record stays as it is, and neither is linked or created anew by itself."""
        world = self._world
        rule = connecting.rule_of(world, record, company_key, role, demand_role=False)
        async with self.recorded("unlink", rule, company_key, record, _lease_of(world, record)) as done:
            link = connecting.link_to_end(world, record, company_key, role)
            done.link = link
            done.waiting = await connecting.disconnect(world, link)
            done.reason = "mark" if done.waiting else ""
        return done.outcome(self._world)

    async def sync_now(self, record: Address) -> Outcome:
        """Look at the record at once, whatever waits: everything that the rules would do with it."""
        world = self._world
        report = await resync(world, record)
        with world.store.read() as tx:
            linked = links_at(tx, world.tenant, record)
        counts = report.counts
        waiting = "Another run is working on the record." if not counts["in"] else ""
        outcome = Outcome(
            action="sync",
            run_id=world.run_id,
            rule=linked[0].rule if linked else "",
            company_key=linked[0].company_key if linked else "",
            record=record,
            erp_entity=linked[0].erp_entity if linked else "",
            erp_id=linked[0].erp_id if linked else None,
            fields=tuple((one.side, one.field) for one in report.changes),
            conflicts=counts["conflicts"],
            held=counts["held"] + counts["failed"],
            waiting=waiting,
            reason="busy" if waiting else "",
            counts=dict(counts),
        )
        self._say(outcome)
        return outcome

    async def _differences(self, place: Place, crm: Record, erp: Record) -> list[Difference]:
        world = self._world
        with world.store.read() as tx:
            linked = links.for_crm(tx, world.tenant, crm.entity, crm.id)
            there = links.for_erp(tx, place.company_key, erp.entity, erp.id)
            link = there if there is not None and there.crm_id == crm.id else place.link_to(world, crm, erp)
            found = asking.differences(tx, world, place.rule, link, crm, erp, linked)
        offered = [path for one in found if one.would == "to_crm" for path in one.crm_path.split(" + ")]
        own = await own_numbers(world, place.rule, offered)
        return [replace(one, would="left", choices=()) if one.crm_path in own else one for one in found]

    async def _check_choices(
        self, place: Place, crm: Record, erp: Record, choices: Mapping[str, Side]
    ) -> dict[str, Side]:
        """The choices by field key, without those where both sides are equal anyway. Raises RequestRefused."""
        by_key = {one.key: one for one in await self._differences(place, crm, erp)}
        chosen: dict[str, Side] = {}
        problems: dict[str, Problem] = {}
        for name, side in choices.items():
            one = asking.field_named(place.rule, name)
            if one is None:
                remedy = asking.nearest_field(place.rule, name)
                problems[name] = Problem("no_such_field", f"The rule has no field {name}.", remedy)
            elif by_key[one.key].would == "equal":
                continue
            elif side not in by_key[one.key].choices:
                allowed = " or ".join(by_key[one.key].choices) or "nothing"
                problems[one.key] = Problem(
                    "no_choice", f"{one.name} does not travel from there.", f"Here one may choose {allowed}."
                )
            else:
                chosen[one.key] = side
        if problems:
            raise RequestRefused.by_fields(problems)
        return chosen

    async def agree(self, link: Link, done: Doing) -> None:
        """Bring the new link into agreement at once; what does not succeed stays on the work list, and is said."""
        try:
            for result in await connecting.agree_at_once(self._world, link):
                done.add(result)
        except NotNow as wait:
            done.wait(wait)
        except VendorError as error:
            done.waiting, done.reason = f"{error.message} {error.remedy}".strip(), "vendor"

    async def _number(self, rule: Rule, link: Link, done: Doing) -> None:
        """The number that the ERP has given the new record."""
        try:
            made = await self._world.erp[link.company_key].read(link.erp_entity, link.erp_id, ())
        except VendorError:
            return
        done.number = made.identity.number if made is not None and rule.rule != "person" else ""

    @property
    def world(self) -> World:
        """The engine of this one request."""
        return self._world

    @asynccontextmanager
    async def recorded(
        self, action: Action, rule: Rule, company_key: str, record: CrmAddress, *leases: str
    ) -> AsyncIterator[Doing]:
        """One request as a run in the store, with the record held against every engine meanwhile."""
        world = self._world
        done = Doing(action, rule, company_key, record)
        async with hold(world, leases, action):
            with world.store.transaction() as tx:
                runs.start(
                    tx,
                    world.run_id,
                    kind="request",
                    by=world.by,
                    now=world.now(),
                    rule=rule.rule,
                    company_key=company_key,
                )
            try:
                yield done
            except Exception as error:
                message = error.message if isinstance(error, SounimicroError) else type(error).__name__
                with world.store.transaction() as tx:
                    counts = {"in": 1, "failed": 1}
                    runs.finish(tx, world.run_id, now=world.now(), counts=counts, state="failed", message=message)
                raise
            with world.store.transaction() as tx:
                runs.finish(tx, world.run_id, now=world.now(), counts=done.counts, message=done.waiting)
        self._say(done.outcome(world))

    def _say(self, outcome: Outcome) -> None:
        fields = ", ".join(f"{side} {name}" for side, name in outcome.fields)
        text = f"{outcome.action} {outcome.record} in {outcome.company_key or 'all companies'}"
        self._world.reporter.info(f"{text}: {fields or 'no field'} written")
        if outcome.waiting:
            self._world.reporter.warning(f"{text}: {outcome.waiting}")
        if self._tell is not None:
            self._tell(outcome)


@dataclass(slots=True)
class Doing:
    """An outcome in the making."""

    action: Action
    rule: Rule
    company_key: str
    record: CrmAddress
    link: Link | None = None
    number: str = ""
    results: list[Agreed] = field(default_factory=list)
    waiting: str = ""
    reason: str = ""
    until: datetime | None = None

    def add(self, result: Agreed) -> None:
        self.results.append(result)

    def wait(self, wait: NotNow) -> None:
        self.waiting, self.reason, self.until = WAITING.get(wait.reason, wait.reason), wait.reason, wait.until

    @property
    def counts(self) -> dict[str, int]:
        words = [one.word for one in self.results]
        worst = next((word for word in ("conflicts", "held") if word in words), "applied")
        return {"in": 1, "held" if self.waiting and not self.results else worst: 1}

    def outcome(self, world: World) -> Outcome:
        return Outcome(
            action=self.action,
            run_id=world.run_id,
            rule=self.link.rule if self.link else self.rule.rule,
            company_key=self.company_key,
            record=self.record,
            erp_entity=self.link.erp_entity if self.link else self.rule.erp[0],
            erp_id=self.link.erp_id if self.link else None,
            number=self.number,
            fields=tuple(one for result in self.results for one in result.fields),
            conflicts=sum(one.conflicts for one in self.results),
            held=sum(one.held for one in self.results),
            waiting=self.waiting,
            reason=self.reason,
            until=self.until,
            counts=self.counts,
        )


WAITING = {
    "create_unknown": "The ERP has not said whether it created the record; it is looked for, and never created twice.",
    "create_elsewhere": "The record is being created by another run.",
    "quiet": "Somebody has just edited the record; it is synchronized when the quiet period is over.",
    "stopped": "The register is stopped because unusually many records are missing.",
    "moving": "The record is being edited; it is synchronized in a moment.",
    "unfinished": "An earlier write has not been answered yet; it is looked at first.",
}
"""Why a record waits, in words."""


async def resync(world: World, record: Address, *, kind: str = "resync") -> RunReport:
    """Put a record on every list that concerns it and work that off at once, as one run."""
    report = RunReport(world.run_id, None)
    key = "" if isinstance(record, CrmAddress) else record.company_key
    side: Side = "crm" if isinstance(record, CrmAddress) else "erp"
    with world.store.transaction() as tx:
        runs.start(tx, world.run_id, kind=kind, by=world.by, now=world.now(), company_key=key or None)
        pokes = pokes_for(
            tx, world.rules, world.tenant, side, key, record.entity, [record.id], origin="person", priority=AT_ONCE
        )
        if side == "crm" and not pokes:
            pokes = [
                Poke(rule.rule, "crm", record.entity, record.id, "person", priority=AT_ONCE)
                for rule in world.rules.for_crm(record.entity)
                if rule.rule != "partner"
            ]
        work.poke(tx, pokes, world.now())
    lasting = timedelta(seconds=world.patience.lease)
    for poke in pokes:
        with world.store.transaction() as tx:
            item = work.take_one(tx, poke, holder=world.holder, now=world.now(), hold=lasting)
            if item is not None and world.rules.is_superseded(tx):
                work.postpone(tx, item, world.now(), failed=False)
                item = None
        if item is not None:
            await work_on(world, item, report)
    with world.store.transaction() as tx:
        runs.finish(tx, world.run_id, now=world.now(), counts=report.counts)
    return report


def _lease_of(world: World, record: CrmAddress) -> str:
    return crm_lease(world.tenant, record.entity, record.id)
