"""What becomes of an item that failed: an issue with cause and remedy, another attempt later, and the end of both."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.store import Transaction, issues, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.store.work import WorkItem
from sounimicro_pipelines.sync.filling import Incomplete
from sounimicro_pipelines.sync.orders import Unsure
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, VendorError

_HOUSE = Path(__file__).parent.parent
_ACCESS = "access:"
_REFUSALS = (AccessDenied.__name__.lower(), AuthenticationFailed.__name__.lower())


def fingerprint_of(item: WorkItem) -> str:
    """What the trouble with one record is known by."""
    return f"record:{item.rule}:{item.side}:{item.company_key}:{item.entity}:{item.record_id}"


def is_refused(tx: Transaction) -> bool:
    """Whether a right is missing anywhere, as far as is known."""
    return any(issues.is_open(tx, kind) for kind in _REFUSALS)


def allowed_again(tx: Transaction, world: World, item: WorkItem, linked: Sequence[Link]) -> None:
    """A record that was refused, or one that it is linked with, has been dealt with: the right is there again.

    Another record's success says nothing: it needs other calls, or the right is missing for one record alone.
    """
    for kind in _REFUSALS:
        for one in issues.listing(tx, rule=item.rule, kind=kind):
            if one.fingerprint.startswith(_ACCESS) and _is_about(one, item, linked):
                issues.solve(tx, one.fingerprint, now=world.now())


def _is_about(issue: Issue, item: WorkItem, linked: Sequence[Link]) -> bool:
    crm, erp = (issue.crm_entity, issue.crm_id), (issue.erp_entity, issue.erp_id)
    if (item.entity, item.record_id) == (crm if item.side == "crm" else erp):
        return item.side == "crm" or item.company_key == issue.company_key
    return any(
        link.company_key == issue.company_key
        and (crm == (link.crm_entity, link.crm_id) or erp == (link.erp_entity, link.erp_id))
        for link in linked
    )


def failed(
    world: World, item: WorkItem, error: Exception, *, company_key: str = "", until: datetime | None = None
) -> None:
    """The item waits longer each time, and rests at last; the issue says why and what to do.

    `company_key` is where it failed, `until` when it is looked at again at the latest.
    """
    patience = world.patience
    attempts = item.attempts + 1
    dead = attempts >= patience.attempts or isinstance(error, Unsure)
    wait = min(patience.backoff * 2 ** (attempts - 1), patience.longest_backoff)
    retry_at = None if dead else min(world.later(wait), until or world.later(wait))
    kind, cause, remedy, details, dead = _explain(error, dead)
    in_crm = item.side == "crm"
    company = company_key or item.company_key or None
    fingerprint = fingerprint_of(item)
    if isinstance(error, AccessDenied | AuthenticationFailed):
        fingerprint = _refusal(error, company_key or item.company_key)
    with world.store.transaction() as tx:
        if dead:
            work.give_up(tx, item)
        else:
            work.postpone(tx, item, retry_at or world.now(), failed=True)
        issues.report(
            tx,
            fingerprint=fingerprint,
            kind=kind,
            cause=cause,
            remedy=remedy,
            now=world.now(),
            dead=dead,
            retry_at=retry_at,
            run_id=world.run_id,
            rule=item.rule,
            side=item.side,
            tenant=world.tenant,
            company_key=company,
            crm_entity=item.entity if in_crm else None,
            crm_id=item.record_id if in_crm else None,
            erp_entity=None if in_crm else item.entity,
            erp_id=None if in_crm else item.record_id,
            details=details,
        )
    world.reporter.warning(f"{item.rule} {item.side}:{item.entity}:{item.record_id}: {kind}")


def _refusal(error: AccessDenied | AuthenticationFailed, company_key: str) -> str:
    return f"{_ACCESS}{company_key}:{error.system}:{error.call}"


def _explain(error: Exception, dead: bool) -> tuple[str, str, str, dict[str, object] | None, bool]:
    if isinstance(error, Incomplete):
        problems = {
            key: {"kind": one.kind, "cause": one.cause, "remedy": one.remedy} for key, one in error.problems.items()
        }
        first = next(iter(error.problems.values()))
        return "incomplete", first.cause, first.remedy, {"fields": problems}, dead
    if isinstance(error, Unsure):
        remedy = "Look in both systems, and link the right record with the one it belongs to."
        return "create_unknown", error.cause, remedy, {"intent": error.intent.id}, True
    if isinstance(error, VendorError):
        details: dict[str, object] | None = {"messages": list(error.messages)} if error.messages else None
        return type(error).__name__.lower(), error.message, error.remedy, details, dead
    if isinstance(error, SounimicroError):
        return type(error).__name__.lower(), error.message, error.remedy, None, dead
    where = _where(error)
    cause = f"The record could not be dealt with: {type(error).__name__} at {where}."
    return "internal", cause, "Report it with this text.", {"at": where}, dead


def _where(error: Exception) -> str:
    """The last line of ours that an error came through; an error's own text may hold what a record holds."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if _HOUSE in Path(one.filename).parents] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown line"
