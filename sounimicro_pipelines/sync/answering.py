"""What a person answers to an issue without asking either system: try again, put away, not the same, really gone.

Each function works within the caller's transaction, so that what was done and who did it are noted together. The
work itself is left to the engine, which takes it up at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sounimicro_pipelines.store import Outdated, Transaction, issues, runs, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.ending import confirm_register
from sounimicro_pipelines.sync.routing import AT_ONCE

Answer = Literal["decide", "candidates", "confirm", "retry", "dismiss"]
_RESTS = frozenset({"conflict", "mass_delete"})
"""Issues that do not go away by being put away: a decision is what they wait for."""


def answers_to(issue: Issue) -> tuple[Answer, ...]:
    """What a person may answer to an open issue."""
    if issue.state != "open":
        return ()
    found: list[Answer] = []
    if issue.kind == "conflict":
        found.append("decide")
    elif issue.kind == "mass_delete":
        found.append("confirm")
    elif issue.kind == "possible_duplicate":
        found.append("candidates")
    if issue.kind not in _RESTS:
        if _poke_of(issue) is not None:
            found.append("retry")
        found.append("dismiss")
    return tuple(found)


def retry(tx: Transaction, issue: Issue, *, now: datetime) -> None:
    """Let the engine look at the issue's record at once, however often it has failed. Raises Outdated."""
    poke = _poke_of(issue, now)
    if issue.state != "open" or poke is None:
        raise _closed()
    work.poke(tx, [poke], now)


def dismiss(tx: Transaction, issue: Issue, *, by: str, now: datetime) -> None:
    """Put an issue away; it comes back when the trouble does. Raises Outdated."""
    if not issues.dismiss(tx, issue.id, now=now, by=by):
        raise _closed()


def not_the_same(tx: Transaction, issue: Issue, other_id: int, *, by: str, now: datetime) -> bool:
    """The record and a candidate are two: neither is offered again, and the rule goes on when none is left.

    Answers whether that was the last candidate. Raises Outdated when the candidate is not asked about any more.
    """
    known = [one.get("id") for one in (issue.details or {}).get("candidates", ())]
    if issue.kind != "possible_duplicate" or other_id not in known:
        raise _closed()
    left = issues.tell_apart(tx, issue, other_id)
    if (left.details or {}).get("candidates"):
        return False
    dismiss(tx, left, by=by, now=now)
    poke = _poke_of(issue, now)
    if poke is not None:
        work.poke(tx, [poke], now)
    return True


def confirm(tx: Transaction, issue: Issue, *, by: str, now: datetime) -> None:
    """The records that are missing from a stopped register were deleted on purpose. Raises Outdated."""
    side: Literal["crm", "erp"] = "crm" if issue.side == "crm" else "erp"
    entity, key = issue.crm_entity or issue.erp_entity or "", issue.company_key or ""
    found = runs.guard(tx, side, key, entity)
    if issue.state != "open" or found is None or found.state != "stopped":
        raise _closed()
    confirm_register(tx, side, key, entity, by=by, now=now)


def _poke_of(issue: Issue, now: datetime | None = None) -> Poke | None:
    """The work that looking at the issue's record again is."""
    if issue.rule is None:
        return None
    if issue.crm_id is not None and issue.crm_entity and (issue.side != "erp" or issue.erp_id is None):
        return Poke(issue.rule, "crm", issue.crm_entity, issue.crm_id, "person", priority=AT_ONCE, not_before=now)
    if issue.erp_id is not None and issue.erp_entity and issue.company_key:
        return Poke(
            issue.rule, "erp", issue.erp_entity, issue.erp_id, "person", issue.company_key, AT_ONCE, not_before=now
        )
    return None


def _closed() -> Outdated:
    return Outdated("This issue has been dealt with meanwhile.", remedy="Look at the list again.")
