"""Builds one ERP company's store from the register."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta

from sounimicro_pipelines.clock import OSLO, Clock
from sounimicro_pipelines.sandbox.unimicro.accounts import Books
from sounimicro_pipelines.sandbox.unimicro.seed.chart import seed_chart
from sounimicro_pipelines.sandbox.unimicro.seed.parties import PartySeed
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore
from sounimicro_pipelines.sandbox.unimicro.values import stamp
from sounimicro_pipelines.sandbox.world.register import Register

HISTORY_DAYS = 730


def build_company(register: Register, index: int, clock: Clock) -> CompanyStore:
    """A company with its registers."""
    facts = register.company(index)
    rng = random.Random(f"{register.seed}/{index}")
    store = CompanyStore(facts.key, clock)
    books = Books(store)
    start = register.today - timedelta(days=HISTORY_DAYS)
    with store.at(stamp(datetime.combine(start - timedelta(days=40), time(7), OSLO))):
        seed_chart(store, facts, start, register.today)
        PartySeed(store, books, register, index, rng).fill()
    return store
