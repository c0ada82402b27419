"""Builds one ERP company's store from the register: registers first, then two years of trade that end today."""

from __future__ import annotations

import gc
import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sounimicro_pipelines.clock import OSLO, Clock
from sounimicro_pipelines.sandbox.unimicro.accounts import Books
from sounimicro_pipelines.sandbox.unimicro.money_flows import MoneyFlows
from sounimicro_pipelines.sandbox.unimicro.sales import Sales
from sounimicro_pipelines.sandbox.unimicro.seed.chart import seed_chart
from sounimicro_pipelines.sandbox.unimicro.seed.goods import stock
from sounimicro_pipelines.sandbox.unimicro.seed.ledger import Ledger
from sounimicro_pipelines.sandbox.unimicro.seed.parties import PartySeed
from sounimicro_pipelines.sandbox.unimicro.seed.trade import Trade
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore
from sounimicro_pipelines.sandbox.unimicro.values import stamp
from sounimicro_pipelines.sandbox.world.register import Register

HISTORY_DAYS = 730


@dataclass(slots=True)
class SeededCompany:
    """A company's store, with what goes on working on it and where the register's parties ended up."""

    store: CompanyStore
    trade: Trade
    parties: PartySeed


def build_company(register: Register, index: int, clock: Clock, *, rate: float = 0.8) -> SeededCompany:
    """A company with registers, documents and a balanced ledger; `rate` is sales per customer and month.

    The collector rests meanwhile: nothing becomes garbage in cycles here, and looking for it takes a third of the time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _build(register, index, clock, rate)
    finally:
        if collecting:
            gc.enable()


def _build(register: Register, index: int, clock: Clock, rate: float) -> SeededCompany:
    facts = register.company(index)
    rng = random.Random(f"{register.seed}/{index}")
    store = CompanyStore(facts.key, clock)
    books = Books(store)
    sales = Sales(store, books)
    start = register.today - timedelta(days=HISTORY_DAYS)
    seed = PartySeed(store, books, register, index, rng)
    with store.at(stamp(datetime.combine(start - timedelta(days=40), time(7), OSLO))):
        seed_chart(store, facts, start, register.today)
        seed.fill()
        projects: dict[int, list[int]] = {}
        for row in store.rows("Project"):
            if row.get("ProjectCustomerID"):
                projects.setdefault(row["ProjectCustomerID"], []).append(row["ID"])
        trade = Trade(sales, MoneyFlows(sales), rng, projects=projects, rate=rate)
        trade.last_day = register.today
        trade.products = stock(books)
    _history(store, books, trade, start, register.today, rng)
    return SeededCompany(store, trade, seed)


def _history(store: CompanyStore, books: Books, trade: Trade, start: date, today: date, rng: random.Random) -> None:
    ledger = Ledger(store, books, rng)
    ledger.opening(start)
    day = start
    while day <= today:
        closing = min(_month_end(day), today)
        trade.run(day, closing)
        if closing == _month_end(day):
            ledger.month(closing)
        if closing.month in (3, 9):
            ledger.correction(closing)
        day = closing + timedelta(days=1)
    ledger.budgets(start.year, today.year, [row["ID"] for row in store.rows("Project")])


def _month_end(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)
