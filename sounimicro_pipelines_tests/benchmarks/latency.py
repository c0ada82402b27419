"""From a person's change to the other system, on the whole product as it is served."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines.store import links
from sounimicro_pipelines.sync.feeds import Pace
from sounimicro_pipelines_tests.benchmarks.harness import Comparison, Scale, bench, shares, waited
from sounimicro_pipelines_tests.house import House, served

CHANGES = 30
AT_ONCE = {"small": 100, "full": 1_000}
BY_SENSORS, BY_WATCHING = 15.0, 1.0
PACE = Pace()
PATIENCE = PACE.children + 60.0


@dataclass(frozen=True)
class Edit:
    """A person's change of what a link joins, how to see that it has arrived, and how often it is polled (seconds)."""

    link_id: int
    polled_every: float
    make: Callable[[], None]
    arrived: Callable[[], bool]


@bench("latency")
def latency(scale: Scale) -> Iterator[Comparison]:
    """Told one by one: each takes minutes, and none is lost when a later one fails."""
    with _house(scale, webhooks=True) as house:
        yield waited("latency: webhooks and sensors", _one_by_one(house, 1), BY_SENSORS)
        yield _all_at_once(house, AT_ONCE[scale])
        house.turn_on("keep_watching")
        house.wait("the watcher", lambda: _states(house, "watch")[:1] == ["STARTED"], 120)
        house.settle()
        yield waited("latency: webhooks and watching", _one_by_one(house, 2), BY_WATCHING)
    with _house("small", webhooks=False) as house:
        yield waited(
            "latency: polling alone, beyond the poll's interval",
            _spread(house),
            BY_SENSORS,
            note=f"addresses are polled every {PACE.children:.0f} s, projects every {PACE.crm:.0f} s",
        )


@contextmanager
def _house(scale: Scale, *, webhooks: bool) -> Iterator[House]:
    parties = 25 if scale == "small" else 560
    with (
        tempfile.TemporaryDirectory(prefix="house-") as home,
        Sandbox(seed=4, parties=parties, companies=1) as sandbox,
        served(sandbox, Path(home), webhooks=webhooks) as house,
    ):
        house.settle(1800)
        yield house


def _edits(house: House, seed: int) -> Iterator[Edit]:
    """Changes that both systems announce, both ways in turn: websites, names of streets, titles, end dates."""
    sandbox, draw = house.sandbox, random.Random(seed)
    with house.installation.store.read() as tx:
        companies = links.of_rule(tx, "customer")
        projects = links.of_rule(tx, "project")
    for number in range(10_000):
        text = f"{seed}-{number}-{draw.randrange(10**6)}"
        company, project = companies[number % len(companies)], projects[number % len(projects)]
        yield _in_the_erp(sandbox, company, f"Postboks {text}")
        yield _in_the_crm(sandbox, project, f"Fremdrift {text}")


def _in_the_erp(sandbox: Sandbox, link: Any, text: str) -> Edit:
    path = "Info.InvoiceAddress.AddressLine1"
    return Edit(
        link.id,
        PACE.children,
        lambda: sandbox.erp.edit(1, "Customer", link.erp_id, {path: text}),
        lambda: sandbox.crm.read("contact", link.crm_id)["Address"]["Postal"]["Address1"] == text,
    )


def _in_the_crm(sandbox: Sandbox, link: Any, text: str) -> Edit:
    return Edit(
        link.id,
        PACE.crm,
        lambda: sandbox.crm.edit("project", link.crm_id, {"Description": text}),
        lambda: sandbox.erp.read(1, "Project", link.erp_id).get("Description") == text,
    )


def _one_by_one(house: House, seed: int) -> list[float]:
    """Seconds from each change to its arrival, at any moment of the sensors' rhythm."""
    draw, seconds = random.Random(seed), []
    for number, edit in enumerate(_edits(house, seed)):
        if number == CHANGES:
            break
        time.sleep(draw.uniform(0.2, 3.0))
        started = time.monotonic()
        edit.make()
        house.wait("a change", edit.arrived, PATIENCE, every=0.02)
        seconds.append(time.monotonic() - started)
    return seconds


def _spread(house: House) -> list[float]:
    """Seconds beyond the interval of its poll for each change, made while others, of other records, are on their way.

    A change that arrives before its poll was due at the latest counts as less than zero.
    """
    waiting: list[tuple[float, Edit]] = []
    seconds: list[float] = []

    def look() -> None:
        for made, edit in list(waiting):
            if edit.arrived():
                seconds.append(time.monotonic() - made - edit.polled_every)
                waiting.remove((made, edit))

    def is_free(edit: Edit) -> bool:
        look()
        return all(one.link_id != edit.link_id for _, one in waiting)

    for number, edit in enumerate(_edits(house, 3)):
        if number == CHANGES:
            break
        house.wait("the record's last change", partial(is_free, edit), PATIENCE, every=0.05)
        edit.make()
        waiting.append((time.monotonic(), edit))
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            look()
            time.sleep(0.05)

    def done() -> bool:
        look()
        return not waiting

    house.wait("every change", done, PATIENCE)
    return seconds


def _all_at_once(house: House, count: int) -> Comparison:
    """Many changes of one rule in one moment: they are drained by one run, or two when the first had begun.

    Of the links of one CRM record the first is edited: it owns the fields, and the others receive its values.
    """
    sandbox = house.sandbox
    with house.installation.store.read() as tx:
        linked = [*links.of_rule(tx, "customer"), *links.of_rule(tx, "person")]
    newest_first = sorted(linked, key=lambda link: link.id, reverse=True)
    chosen = list({(link.crm_entity, link.crm_id): link for link in newest_first}.values())[:count]
    house.settle()
    before = {rule: len(house.runs(f"sync_{rule}")) for rule in ("customer", "person")}
    edits = [_change_of(sandbox, link, f"{number}") for number, link in enumerate(chosen)]
    started = time.monotonic()
    for edit in edits:
        edit.make()
    left = list(edits)

    def done() -> bool:
        left[:] = [edit for edit in left if not edit.arrived()]
        return not left

    house.wait("all of them", done, 900)
    taken = time.monotonic() - started
    runs = {rule: len(house.runs(f"sync_{rule}")) - n for rule, n in before.items()}
    return shares(
        "latency: many changes at once, changes for each run",
        [len(chosen) / max(sum(runs.values()), 1)],
        len(chosen) / 6,
        note=f"{len(chosen):,} changes arrived within {taken:.0f} s by {runs}",
    )


def _change_of(sandbox: Sandbox, link: Any, text: str) -> Edit:
    if link.rule == "customer":
        return _in_the_erp(sandbox, link, f"Gate {text}")
    return Edit(
        link.id,
        PACE.erp,
        lambda: sandbox.erp.edit(1, "Contact", link.erp_id, {"Role": f"Rolle {text}"}),
        lambda: sandbox.crm.read("person", link.crm_id)["Title"] == f"Rolle {text}",
    )


def _states(house: House, job: str) -> list[str]:
    return [one.dagster_run.status.value for one in house.runs(job)]
