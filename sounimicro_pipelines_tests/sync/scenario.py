"""One schedule: two systems, their people and faults, one or two engines, and the invariants that hold after it."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from sounimicro_pipelines.rules import read_rule
from sounimicro_pipelines.rules.model import RULE_NAMES, RuleName
from sounimicro_pipelines.rules.refusals import settle
from sounimicro_pipelines.rules.versions import RuleInForce, RuleSet
from sounimicro_pipelines.store import Store, Transaction, intents, issues, links, open_store, rule_versions, work
from sounimicro_pipelines.store.raw import raw_connection
from sounimicro_pipelines.store.rows import build
from sounimicro_pipelines.store.statements import find
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync import ending, engine, feeds
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.world import Patience, World
from sounimicro_pipelines_tests.rules.registries import REGISTRIES
from sounimicro_pipelines_tests.sync.simulated import (
    Crash,
    Hostile,
    Restless,
    Row,
    SimulatedCrm,
    SimulatedErp,
    System,
    Trouble,
)

COMPANY_FIELDS = """
  - {erp: Info.Name, crm: Name, direction: both, conflict: ask, on_create: required}
  - {erp: OrgNumber, crm: OrgNr, direction: both, conflict: ask, transform: org_number}
  - {erp: Info.InvoiceAddress.AddressLine1, crm: Address.Postal.Address1, direction: both, conflict: newest}
  - {erp: Info.InvoiceAddress.City, crm: Address.Postal.City, direction: both, conflict: erp, transform: tolerant_text}
  - {erp: WebUrl, crm: "Urls[first].Value", direction: both, conflict: crm}
"""
DOCUMENTS: dict[RuleName, str] = {
    "customer": "rule: customer\nerp: Customer\ncrm: contact\n"
    "takes_part: {crm: {category_group: customer}, erp: {status: active}}\nquiet_period: QUIETs\n"
    "match: [org_number, name_and_postcode]\ncreate: {in_erp: IN_ERP, in_crm: automatic}\n"
    f"fields:{COMPANY_FIELDS}"
    "  - {erp: CustomerNumber, crm: Number2, direction: to_crm}\n",
    "supplier": "rule: supplier\nerp: Supplier\ncrm: contact\ntakes_part: {erp: {status: active}}\n"
    "quiet_period: QUIETs\nmatch: [org_number]\ncreate: {in_erp: on_request, in_crm: automatic}\n"
    f"fields:{COMPANY_FIELDS}",
    "partner": f"rule: partner\nerp: [Customer, Supplier]\ncrm: contact\nquiet_period: QUIETs\nfields:{COMPANY_FIELDS}",
    "person": "rule: person\nerp: Contact\ncrm: person\n"
    "takes_part: {crm: {retired: false}}\nmatch: [name_within_parent]\n"
    "create: {in_erp: IN_ERP, in_crm: automatic}\nfields:\n"
    "  - {erp: Info.Name, crm: Lastname, direction: both, conflict: ask, on_create: required}\n"
    "  - {erp: Role, crm: Title, direction: both, conflict: newest}\n",
    "project": "rule: project\nerp: Project\ncrm: project\nmatch: [name]\n"
    "create: {in_erp: on_request, in_crm: automatic}\nfields:\n"
    "  - {erp: Name, crm: Name, direction: both, conflict: ask, on_create: required}\n",
}
COMPANY_RULES: tuple[RuleName, ...] = ("customer", "supplier", "partner")
PATIENCE = Patience(late_effect=90, search_lag=30, lease=200, overlap=120, backoff=20, longest_backoff=600, attempts=40)
TIRELESS = 12
"""After so many rounds in a quiet world an engine that still writes will never stop."""
EDITABLE = {
    "contact": ("Name", "Address.Postal.Address1", "Address.Postal.City", "Urls[first].Value"),
    "person": ("Lastname", "Title"),
    "Customer": ("Info.Name", "Info.InvoiceAddress.AddressLine1", "Info.InvoiceAddress.City", "WebUrl"),
    "Supplier": ("Info.Name", "Info.InvoiceAddress.AddressLine1", "Info.InvoiceAddress.City", "WebUrl"),
    "Contact": ("Info.Name", "Role"),
}


@lru_cache(maxsize=8)
def rules(in_erp: str, quiet: int = 0) -> RuleSet:
    found: dict[RuleName, RuleInForce] = {}
    for name in RULE_NAMES:
        document = DOCUMENTS[name].replace("IN_ERP", in_erp).replace("QUIET", str(quiet))
        found[name] = RuleInForce(settle(read_rule(document, f"{name}.yaml", REGISTRIES), REGISTRIES), 1, document)
    return RuleSet(found)


class WatchedStore(Store):
    """The real store, with a place to die before and after each commit.

    `held` is a connection that stays open; to take one from the pool each time is an eighth of a schedule's cost.
    """

    hostile: Hostile
    held: Connection | None = None

    @contextmanager
    def _connection(self, *, write: bool, durable: bool, leaves_log: bool = False) -> Iterator[Connection]:
        if self.held is None or raw_connection(self.held).in_transaction:
            with super()._connection(write=write, durable=durable, leaves_log=leaves_log) as connection:
                yield connection
            return
        with self._begun(self.held, write, durable, leaves_log):
            yield self.held

    @contextmanager
    def transaction(self, *, durable: bool = True, leaves_log: bool = False) -> Iterator[Transaction]:
        if self.hostile.dead:
            raise Crash
        with super().transaction(durable=durable, leaves_log=leaves_log) as tx:
            yield tx
            if self.hostile.dead:
                raise Crash
        if durable:
            self.hostile.durable_point()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        if self.hostile.dead:
            raise Crash
        with super().read() as tx:
            yield tx


class Pool(Protocol):
    """One real database for many schedules; emptied in between."""

    def fresh(self, hostile: Hostile) -> WatchedStore:
        """The empty store."""

    def snapshot(self) -> sqlite3.Connection:
        """A backup."""

    def restore(self, snapshot: sqlite3.Connection) -> None:
        """The backup in place of what the store holds."""


class PostgresPool:
    """A database of a Postgres server. It is never restored from a backup."""

    def __init__(self, url: str) -> None:
        self._store = open_store(url)

    def fresh(self, hostile: Hostile) -> WatchedStore:
        tables = self._store.tables
        with self._store.transaction(durable=False) as tx:
            for table in reversed(tables.metadata.sorted_tables):
                if table.schema == tables.sync_schema:
                    tx.execute(table.delete())
        store = WatchedStore(self._store.engine, tables, "test")
        store.hostile = hostile
        return store

    def snapshot(self) -> sqlite3.Connection:
        raise NotImplementedError

    def restore(self, snapshot: sqlite3.Connection) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._store.close()


class StorePool:
    """A SQLite file."""

    def __init__(self) -> None:
        base = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(dir=base if base.is_dir() else None)
        self.path = Path(self._folder.name) / "store.db"
        self._store = open_store(f"sqlite:///{self.path}")
        self._held = self._store.engine.connect()
        self._empty = self.snapshot()

    def fresh(self, hostile: Hostile) -> WatchedStore:
        self.restore(self._empty)
        store = WatchedStore(self._store.engine, self._store.tables, "test")
        store.held = self._held
        store.hostile = hostile
        return store

    def snapshot(self) -> sqlite3.Connection:
        copy = sqlite3.connect(":memory:")
        with sqlite3.connect(self.path) as source:
            source.backup(copy)
        source.close()
        return copy

    def restore(self, snapshot: sqlite3.Connection) -> None:
        self._store.engine.dispose()
        with sqlite3.connect(self.path) as target:
            snapshot.backup(target)
        target.close()


@dataclass
class Broken(Exception):
    """An invariant that does not hold."""

    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.detail}"


@dataclass
class Scenario:
    """The systems, the engines, and what they did."""

    seed: int
    pool: Pool
    trouble: Trouble
    companies: int = 1
    engines: int = 1
    hostile: Hostile = field(init=False)
    crm: SimulatedCrm = field(init=False)
    erp: dict[str, SimulatedErp] = field(init=False)
    reports: list[RunReport] = field(default_factory=list)
    active: tuple[str, ...] = ("customer", "supplier", "partner", "person")
    polling: bool = True
    polling_always: bool = False
    quiet: int = 0
    nameless: float = 0.0
    often: str = ""

    def __post_init__(self) -> None:
        self.hostile = Hostile(self.seed, self.trouble)
        self.rng = random.Random(self.seed * 7919 + 1)
        self.crm = SimulatedCrm(self.hostile)
        self.erp = {f"K{n}": SimulatedErp(self.hostile, f"K{n}") for n in range(1, self.companies + 1)}
        automatic = self.companies == 1 or self.seed % 5 == 1
        self.rules = rules("automatic" if automatic else "on_request", self.quiet)
        self.store = self.pool.fresh(self.hostile)
        self._names = 0
        self._orgs = _org_numbers(self.seed)
        self._runs = 0
        self.snapshot: sqlite3.Connection | None = None
        self._taken_out: set[str] = set()

    # -- engines

    def world(self) -> World:
        self._runs += 1
        return World(
            store=self.store,
            crm=self.crm,
            erp=self.erp,
            rules=self.rules,
            clock=self.hostile.clock,
            holder=f"engine-{self._runs}",
            run_id=f"run-{self._runs}",
            live=lambda key: True,
            patience=PATIENCE,
        )

    async def once(self) -> None:
        """What a sensor and its run do, for each rule."""
        for name in self.active:
            world = self.world()
            if self.polling and (self.polling_always or self.hostile.calm or self.rng.random() < 0.8):
                await feeds.poll(world, name, feeds.Pace(20, 20, 60))
            with self.store.read() as tx:
                due = work.due_count(tx, name, world.now()) or intents.living(tx, rule=name)
            if due:
                self.reports.append(await engine.drain(world, name))

    def run_engines(self) -> None:
        """One or two engines at once, stepped one call at a time in a random order; a crash ends all of them."""
        running: list[Coroutine[Any, Any, None]] = [self.once() for _ in range(self.engines)]
        if self.engines > 1:
            self.hostile.counts["two_engines"] += 1
        try:
            while running:
                task = self.rng.choice(running)
                try:
                    task.send(None)
                except StopIteration:
                    running.remove(task)
        except Crash:
            pass
        except Restless:
            raise Broken("it comes to rest", f"the last writes: {self.hostile.writes[-2:]}") from None
        finally:
            for task in running:
                _kill(task)
            self.hostile.dead = False

    # -- people

    def company(self, side: System, entity: str, org: str | None = None) -> Row:
        name = f"Firma {self._fresh()}"
        number = org if org is not None else next(self._orgs)
        if org is None and self.rng.random() < self.nameless:
            number = ""
        if side.side == "crm":
            values = {"Name": name, "OrgNr": number}
            return side.person_creates(entity, values, facts={"category_group": "customer"})
        return side.person_creates(entity, {"Info.Name": name, "OrgNumber": number}, facts={"status": "active"})

    def _fresh(self) -> str:
        self._names += 1
        letters = "bcdfghjklmnprstvz"
        rng = random.Random(self._names * 31 + self.seed)
        return "".join(rng.choice(letters) + rng.choice("aeiou") for _ in range(4)) + f" {self._names}"

    def person_of(self, parent: Row) -> Row:
        return self.crm.person_creates(
            "person", {"Lastname": self._fresh()}, parent=parent.id, facts={"retired": "false"}
        )

    def contact_of(self, key: str, party: Row) -> Row:
        return self.erp[key].person_creates("Contact", {"Info.Name": self._fresh()}, parent=party.relation)

    def any_edit(self) -> None:
        """A person types something somewhere."""
        system = self.rng.choice([self.crm, self.crm, *self.erp.values()])
        rows = [row for row in system.rows.values() if row.deleted is None and row.entity in EDITABLE]
        if not rows:
            return
        row = self.rng.choice(rows)
        system.person_types(row, self.rng.choice(EDITABLE[row.entity]))
        self.hostile.counts["edit"] += 1

    def type_again(self, place: tuple[str, str, int, str]) -> None:
        """A person types once more where somebody has typed before."""
        name, entity, record_id, path = place
        system = self.crm if name == "crm" else self.erp[name]
        row = system.rows.get((entity, record_id))
        if row is not None and row.deleted is None:
            system.person_types(row, path)

    def any_event(self) -> None:
        """Something that people do, seldom or often."""
        rng, counts = self.rng, self.hostile.counts
        if self.often and rng.random() < 0.4:
            getattr(self, f"_{self.often}")()
            return
        draw = rng.random()
        key = rng.choice(sorted(self.erp))
        if draw < 0.55:
            self.any_edit()
        elif draw < 0.65:
            self.company(self.crm, "contact")
            counts["new_company_in_crm"] += 1
        elif draw < 0.73:
            kinds = ("Customer", "Supplier") if "supplier" in self.active else ("Customer",)
            self.company(self.erp[key], rng.choice(kinds))
            counts["new_party_in_erp"] += 1
        elif draw < 0.79:
            self._person_somewhere(key) if "person" in self.active else self.any_edit()
        elif draw < 0.81:
            self._partner(key) if "supplier" in self.active else self.any_edit()
        elif draw < 0.83:
            self._customer_of_both() if self.companies > 1 else self.any_edit()
        elif draw < 0.86 and "person" in self.active:
            self._erase_person()
        elif draw < 0.90:
            self._delete_something(key)
        elif draw < 0.93:
            self._merge()
        elif draw < 0.96 and "person" in self.active:
            self._move_person()
        else:
            self._poke_by_webhook(key)

    def change_rule(self, name: RuleName, document: str) -> None:
        """Somebody saves a rule."""
        known = {
            one: RuleInForce(self.rules.get(one), self.rules.version(one), self.rules.document(one))
            for one in RULE_NAMES
        }
        with self.store.transaction() as tx:
            for text in (known[name].document, document):
                saved = rule_versions.save(tx, name, text, by="person", now=self.hostile.at(), expected=None)
        rule = settle(read_rule(document, f"{name}.yaml", REGISTRIES), REGISTRIES)
        self.rules = RuleSet({**known, name: RuleInForce(rule, saved.version, document)})

    def _rule_changed(self) -> None:
        """A field no longer travels, or does again."""
        self._take_out_or_put_back(self.rng.choice(COMPANY_FIELDS.strip("\n").splitlines()[2:]))
        self.hostile.counts["rule_changed"] += 1

    def _take_out_or_put_back(self, row: str) -> None:
        for name in COMPANY_RULES:
            document = self.rules.document(name)
            self.change_rule(name, f"{document}{row}\n" if row in self._taken_out else document.replace(f"{row}\n", ""))
        self._taken_out ^= {row}

    def _person_somewhere(self, key: str) -> None:
        companies = self.crm.living("contact")
        parties = self.erp[key].living("Customer")
        if companies and self.rng.random() < 0.5:
            self.person_of(self.rng.choice(companies))
        elif parties:
            self.contact_of(key, self.rng.choice(parties))
        self.hostile.counts["new_person"] += 1

    def _contact_in_erp(self) -> None:
        """A customer is new in the ERP, and so is somebody who works there."""
        self.contact_of("K1", self.company(self.erp["K1"], "Customer"))

    def _partner(self, key: str) -> None:
        """A customer of the ERP becomes a supplier too."""
        customers = self.erp[key].living("Customer")
        taken = {row.values.get("OrgNumber") for row in self.erp[key].living("Supplier")}
        free = [row for row in customers if row.values.get("OrgNumber") not in (*taken, "", None)]
        if free:
            customer = self.rng.choice(free)
            supplier = self.company(self.erp[key], "Supplier", customer.values["OrgNumber"])
            supplier.values["Info.Name"] = customer.values["Info.Name"]
            self.hostile.counts["partner"] += 1

    def _customer_of_both(self) -> None:
        """A company of the CRM becomes a customer in an ERP company where it was none."""
        key = self.rng.choice(sorted(self.erp))
        taken = {row.values.get("OrgNumber") for row in self.erp[key].living("Customer")}
        free = [row for row in self.crm.living("contact") if row.values.get("OrgNr") not in (*taken, "", None)]
        if free:
            known = self.rng.choice(free)
            customer = self.company(self.erp[key], "Customer", known.values["OrgNr"])
            customer.values["Info.Name"] = known.values["Name"]
            self.hostile.counts["customer_of_both"] += 1

    def _delete_something(self, key: str) -> None:
        system = self.rng.choice([self.crm, self.erp[key]])
        rows = [row for row in system.rows.values() if row.deleted is None]
        if len(rows) > 2:
            system.person_deletes(self.rng.choice(rows))
            self.hostile.counts["delete"] += 1

    def _erase_person(self) -> None:
        """A person asks to be forgotten; the CRM keeps nothing."""
        persons = self.crm.living("person")
        if persons:
            person = self.rng.choice(persons)
            self.crm.person_deletes(person)
            self.hostile.counts["person_erased"] += 1

    def delete_many(self) -> None:
        """Somebody empties half a register by mistake."""
        with self.store.read() as tx:
            linked = [link for link in links_of(tx) if link.rule == "customer" and link.company_key == "K1"]
        in_crm = self.rng.random() < 0.5
        for link in linked:
            system, place = self.crm, (link.crm_entity, link.crm_id)
            if not in_crm:
                system, place = self.erp["K1"], (link.erp_entity, link.erp_id)  # type: ignore[assignment]
            row = system.rows.get(place)
            if row is not None and row.deleted is None:
                system.person_deletes(row)
        if len(linked) > 4:
            self.hostile.counts["mass_delete"] += 1

    def _merge(self) -> None:
        rows = self.crm.living("contact")
        if len(rows) >= 3:
            source, destination = self.rng.sample(rows, 2)
            self.crm.person_merges(source, destination)
            self.hostile.counts["merge"] += 1

    def _move_person(self) -> None:
        persons, companies = self.crm.living("person"), self.crm.living("contact")
        if persons and len(companies) > 1:
            person = self.rng.choice(persons)
            person.parent = self.rng.choice(companies).id
            person.updated, person.updated_by = self.hostile.at(), "person"
            self.hostile.counts["person_moved"] += 1

    def _poke_by_webhook(self, key: str) -> None:
        """Webhooks: lost, repeated, out of order; they only ever poke."""
        rows = [*self.crm.living("contact"), *self.erp[key].living("Customer")]
        in_order = list(rows)
        self.rng.shuffle(rows)
        self.hostile.counts["webhook_reordered"] += rows[:2] != in_order[:2]
        with self.store.transaction() as tx:
            for row in rows[: self.rng.randrange(1, 4)]:
                if self.rng.random() < 0.3:
                    self.hostile.counts["webhook_lost"] += 1
                    continue
                times = self.rng.choice((1, 1, 2))
                self.hostile.counts["webhook_repeated"] += times - 1
                for _ in range(times):
                    side = "crm" if row.entity == "contact" else "erp"
                    poke = Poke("customer", side, row.entity, row.id, "webhook", "" if side == "crm" else key)
                    work.poke(tx, [poke], self.hostile.at())

    def back_up(self) -> None:
        self.snapshot = self.pool.snapshot()

    def restore_old(self) -> None:
        if self.snapshot is not None:
            self.pool.restore(self.snapshot)
            self.hostile.counts["old_database_restored"] += 1

    # -- coming to rest

    def settle(self, rounds: int = 60) -> None:
        """People go home and faults stop; the engines work until there is nothing left to do."""
        self.hostile.calm = True
        self.hostile.crash_at = None
        self.hostile.dead = False
        self.hostile.clock.advance(400)
        for row in sorted(self._taken_out):
            self._take_out_or_put_back(row)
        self.engines = 1
        for number in range(rounds):
            if number == TIRELESS:
                raise Broken("it comes to rest", f"still writing after {number} rounds: {self.hostile.writes[-2:]}")
            self._confirm_stopped()
            before = len(self.hostile.writes) + len(self.hostile.creates)
            self.polling = True
            self.hostile.clock.advance(130)
            self.run_engines()
            self.polling = False
            for _ in range(rounds):
                if not self._waiting():
                    break
                self._confirm_stopped()
                self.hostile.clock.advance(100)
                self.run_engines()
            if len(self.hostile.writes) + len(self.hostile.creates) == before:
                return

    def _confirm_stopped(self) -> None:
        """A person has looked at what the guard has stopped, and says that the records are gone on purpose."""
        table = self.store.tables.register_guards
        with self.store.read() as tx:
            stopped = find(tx, table, state="stopped")
        if stopped:
            from sounimicro_pipelines_tests.sync import invariants

            invariants.guard_holds(self, stopped)
            self.hostile.counts["guard_stopped"] += len(stopped)
            now = self.hostile.at()
            with self.store.transaction() as tx:
                for one in stopped:
                    ending.confirm_register(tx, one.side, one.company_key, one.entity, by="person:1", now=now)
            self.poke_everything()

    def _waiting(self) -> bool:
        with self.store.read() as tx:
            return any(item.state not in ("dead", "away") for item in work.listing(tx))

    def poke_everything(self) -> None:
        with self.store.transaction() as tx:
            pokes: list[Poke] = []
            for link in links_of(tx):
                pokes.append(Poke(link.rule, "crm", link.crm_entity, link.crm_id, "again"))
                pokes.append(Poke(link.rule, "erp", link.erp_entity, link.erp_id, "again", link.company_key))
            work.poke(tx, pokes, self.hostile.at())

    def check(self) -> None:
        """Every invariant. Raises Broken."""
        from sounimicro_pipelines_tests.sync import invariants

        invariants.check_all(self)


def links_of(tx: Transaction) -> list[links.Link]:
    return [build(links.Link, row) for row in find(tx, tx.tables.links, "id")]


def open_issues(store: Store) -> list[issues.Issue]:
    with store.read() as tx:
        return issues.listing(tx, limit=10_000)


def _kill(task: Coroutine[Any, Any, None]) -> None:
    """A dead process runs nothing any more."""
    try:
        task.throw(Crash())
    except (Crash, StopIteration, RuntimeError):
        return
    finally:
        task.close()


def _org_numbers(seed: int) -> Generator[str, None, None]:
    rng = random.Random(seed + 5)
    while True:
        digits = [9] + [rng.randrange(10) for _ in range(7)]
        check = 11 - sum(d * w for d, w in zip(digits, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        if check != 10:
            yield "".join(map(str, digits)) + str(0 if check == 11 else check)


def random_trouble(seed: int) -> Trouble:
    """A mixture of troubles; every schedule has some, none has all."""
    rng = random.Random(seed * 13 + 3)

    def sometimes(most: float) -> float:
        return rng.uniform(most / 3, most) if rng.random() < 0.6 else 0.0

    return Trouble(
        edit_between=sometimes(0.2),
        timeout_before=sometimes(0.03),
        timeout_after=sometimes(0.15),
        late=sometimes(0.1),
        throttled=sometimes(0.02),
        broken=sometimes(0.03),
        html=sometimes(0.02),
        search_lag=rng.choice((0, 0, 5, 25)),
        skew=rng.choice((0, 0, -40, 40)),
        coarse_stamps=rng.random() < 0.4,
        renormalise=rng.random() < 0.5,
        no_audit=rng.random() < 0.3,
    )


def run_schedule(
    seed: int,
    pool: Pool,
    *,
    rounds: int | None = None,
    trouble: Trouble | None = None,
    companies: int = 0,
    often: str = "",
    quiet: int | None = None,
    restored: bool = False,
) -> Scenario:
    """One random schedule, to its end, with its invariants checked. Raises Broken.

    `companies` 0: one or two. `often` is an event that happens all the time, in a world with everything; `restored`:
    the store comes back from a backup, and no company has an organisation number.
    """
    rng = random.Random(seed)
    some = 1 if rng.random() < 0.6 else 2
    drawn_quiet = 30 if rng.random() < 0.15 else 0
    drawn_nameless = 0.3 if rng.random() < 0.4 else 0.0
    scenario = Scenario(
        seed,
        pool,
        trouble or random_trouble(seed),
        companies=companies or some,
        engines=2 if rng.random() < 0.25 else 1,
        quiet=drawn_quiet if quiet is None else quiet,
        nameless=1.0 if restored else drawn_nameless,
        often=often,
        active=rng.choice(
            (
                ("customer",),
                ("customer",),
                ("customer", "person"),
                ("customer", "supplier", "partner"),
                ("customer", "supplier", "partner", "person"),
            )
        ),
    )
    if often:
        scenario.active = ("customer", "supplier", "partner", "person")
    drawn = rng.randrange(2, 7)
    play(scenario, rng, rounds if rounds is not None else drawn, restored=restored)
    return scenario


def run_crash(
    seed: int, pool: Pool, *, crash_at: int | None, again_at: int | None = None, settled: bool = False
) -> Scenario:
    """A short schedule that dies at one numbered point (and perhaps once more), recovers, and is checked.

    Without a point it runs through, and `hostile.points` says how many there are. `settled`: everything was in
    agreement before people made the edits that the run died over.
    """
    rng = random.Random(seed * 17 + 1)
    trouble = Trouble(renormalise=rng.random() < 0.3, coarse_stamps=rng.random() < 0.3, search_lag=5)
    active = ("customer", "person") if rng.random() < 0.3 else ("customer",)
    scenario = Scenario(seed, pool, trouble, active=active, polling_always=True)
    hostile = scenario.hostile
    org = next(scenario._orgs)
    row = scenario.company(scenario.crm, "contact", org)
    twin = scenario.company(scenario.erp["K1"], "Customer", org)
    twin.values["Info.Name"] = row.values["Name"]
    if rng.random() < 0.5:
        scenario.crm.person_types(row, "Address.Postal.Address1")
        scenario.erp["K1"].person_types(twin, "WebUrl")
    kind = rng.randrange(4)
    if kind in (0, 2):
        scenario.company(scenario.crm, "contact")
    if kind in (1, 2):
        scenario.company(scenario.erp["K1"], "Customer")
    if kind == 3 and "person" in active:
        scenario.person_of(row)
    if rng.random() < 0.5 or settled:
        hostile.calm = True
        scenario.run_engines()
        hostile.calm = False
        hostile.clock.advance(30)
        for _ in range(rng.randrange(1, 4)):
            scenario.any_edit()
        if rng.random() < 0.2:
            scenario.erp["K1"].person_deletes(twin)
        hostile.clock.advance(rng.choice((0, 25, 100)))
    typed = list(hostile.typed.values())
    hostile.points = 0
    hostile.crash_at = crash_at
    scenario.run_engines()
    if crash_at is not None:
        draw = rng.random()
        if draw < 0.4:
            scenario.any_edit()
        elif draw < 0.8 and typed:
            scenario.type_again(typed[-1])
    hostile.clock.advance(rng.choice((2, 40, 250)))
    hostile.points_of_first = hostile.points
    if again_at is not None:
        hostile.points, hostile.crash_at = 0, again_at
        scenario.run_engines()
        hostile.clock.advance(150)
    scenario.settle()
    scenario.check()
    return scenario


def play(scenario: Scenario, rng: random.Random, rounds: int, *, restored: bool = False) -> None:
    """The hostile part, then rest, then the invariants."""
    hostile = scenario.hostile
    many = rng.random() < 0.06
    for _ in range(6 if many else rng.randrange(1, 3)):
        both = next(scenario._orgs)
        row = scenario.company(scenario.crm, "contact", both)
        twin = scenario.company(scenario.erp["K1"], "Customer", both)
        twin.values["Info.Name"] = row.values["Name"]
        if rng.random() < 0.5 and "person" in scenario.active:
            scenario.person_of(row)
    hostile.person_edit = scenario.any_edit
    if many:
        hostile.calm = True
        scenario.run_engines()
        hostile.calm = False
        scenario.delete_many()
        hostile.clock.advance(70)
    for step in range(rounds):
        for _ in range(rng.randrange(0, 5)):
            scenario.any_event()
        hostile.crash_at = hostile.points + rng.randrange(1, 60) if rng.random() < 0.3 else None
        scenario.run_engines()
        hostile.crash_at = None
        hostile.clock.advance(rng.choice((3, 25, 70, 200)))
        if step == 1 and (rng.random() < 0.15 or restored):
            scenario.back_up()
        if step == rounds - 1 and scenario.snapshot is not None:
            scenario.restore_old()
    scenario.settle()
    scenario.check()
