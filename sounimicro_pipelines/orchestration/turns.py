"""Where one run goes through several rules: what a later one writes may be news for one that has had its turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sounimicro_pipelines.rules.model import RULE_NAMES, RuleName
from sounimicro_pipelines.store import Store, runs, work
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.plan import ROUNDS
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.world import World


async def take_turns_again(
    store: Store, run_id: str, open_world: Callable[[str], Awaitable[World]], *, at_once: int
) -> list[RunReport]:
    """Let the rules that have had their turn work off what has been written for them since, until nothing is left.

    Their turns are parts of the run `run_id`; `open_world` opens the engine for one more.
    """
    reports: list[RunReport] = []
    for _ in range(1, ROUNDS):
        before = len(reports)
        turns = _turns(store, run_id)
        for rule in RULE_NAMES:
            if rule not in turns:
                continue
            world = await open_world(f"{rule}.{turns.count(rule) + 1}")
            with store.read() as tx:
                is_due = work.due_count(tx, rule, world.now()) > 0
            if is_due:
                reports.append(await drain(world, rule, at_once=at_once))
        if len(reports) == before:
            break
    return reports


def _turns(store: Store, run_id: str) -> list[RuleName]:
    """The rules of the turns that are over."""
    with store.read() as tx:
        parts = runs.starting_with(tx, f"{run_id}.")
    return [rule for rule in RULE_NAMES for part in parts if part.rule == rule and part.finished_at is not None]
