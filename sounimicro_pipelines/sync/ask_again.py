"""Questions whether two records are the same are looked at again when one of them is not what it was."""

from __future__ import annotations

from sounimicro_pipelines.rules.values import Side
from sounimicro_pipelines.store import Transaction, issues, work
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.work import Poke
from sounimicro_pipelines.sync.world import World


def ask_again(tx: Transaction, world: World, side: Side, company_key: str, record_id: int) -> None:
    """Look again at who waits on the other side since it may be the same as a record that is gone or another's now.

    A record of the CRM (`company_key` "") may be asked about by each ERP company.
    """
    waiting = (one for one in issues.listing(tx, kind="possible_duplicate", limit=1000) if one.side != side)
    about = (one for one in waiting if record_id in {other["id"] for other in (one.details or {})["candidates"]})
    work.poke(tx, [_look_at(one) for one in about if company_key in ("", one.company_key)], world.now())


def _look_at(issue: Issue) -> Poke:
    if issue.side == "crm":
        return Poke(str(issue.rule), "crm", str(issue.crm_entity), int(issue.crm_id or 0), "asked")
    key, entity = str(issue.company_key), str(issue.erp_entity)
    return Poke(str(issue.rule), "erp", entity, int(issue.erp_id or 0), "asked", key)
