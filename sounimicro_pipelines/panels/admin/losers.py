"""Values that gave way in a conflict: who had written what, why it gave way, and putting it back with one click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.admin.acting import Trouble, ask_engine, trouble
from sounimicro_pipelines.panels.admin.frame import AtDesk, Desk
from sounimicro_pipelines.panels.admin.known import Known, known
from sounimicro_pipelines.panels.admin.naming import (
    FieldNames,
    Named,
    asked_page,
    company_rows,
    hidden_companies,
    named_by,
    run_href,
    turning,
)
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.store import Transaction, conflicts
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.sync import deciding

router = APIRouter()
AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Loser:
    """A value that gave way. `why` is the reason in words; `forgotten` says that the value is not kept any more."""

    id: int
    about: Named
    company: str
    field: str
    lost: str
    lost_system: str
    lost_by: str
    lost_at: str
    won: str
    won_system: str
    before: str | None
    why: str
    decided_at: str
    state: str
    forgotten: bool


@router.get("/admin/losers")
async def listing(desk: AtDesk) -> Response:
    """The kept values, the newest first."""
    return await _list(desk)


@router.post("/admin/losers/{conflict_id}/restore")
async def restore(desk: AtDesk, conflict_id: int) -> Response:
    """Put a value back, as a run of its own."""

    def find(tx: Transaction) -> bool:
        found = conflicts.get(tx, conflict_id)
        return found is not None and found.company_key not in hidden_companies(desk, tx)

    if not await desk.panels.read(find):
        raise NotFound("unknown_conflict")
    try:
        outcome = await ask_engine(desk, lambda button: deciding.restore(button, conflict_id))
    except SounimicroError as error:
        return await _list(desk, trouble(desk.words, error))
    await desk.change(lambda tx: desk.audit(tx, "conflict_restored", f"conflict:{conflict_id}"))
    return desk.redirect("/admin/losers", done="restored", run=outcome.run_id)


async def _list(desk: Desk, problem: Trouble | None = None) -> Response:
    page, called = asked_page(desk), await known(desk)

    def read(tx: Transaction) -> tuple[list[Loser], bool]:
        seen, hidden, names = company_rows(desk, tx), hidden_companies(desk, tx), FieldNames(tx, desk.words)
        found = conflicts.listing(
            tx, state=None, has_loser=True, without=hidden, limit=AT_ONCE + 1, offset=(page - 1) * AT_ONCE
        )
        return [_loser(desk, tx, one, seen, names, called) for one in found[:AT_ONCE]], len(found) > AT_ONCE

    found, more = await desk.panels.read(read)
    return desk.show(
        "admin_losers.html",
        "issues",
        title=desk.words("losers.title"),
        problem=problem,
        shown=found,
        run_href=run_href(desk),
        **turning(desk, "/admin/losers", page, more),
        open_href=desk.to("/admin/issues"),
        closed_href=desk.to("/admin/issues", view="closed"),
    )


def _loser(
    desk: Desk,
    tx: Transaction,
    one: Conflict,
    seen: Mapping[str, CompanyRow],
    names: FieldNames,
    called: Known,
) -> Loser:
    words, row = desk.words, seen.get(one.company_key)
    in_crm = one.winner == "erp"
    lost, won = (one.crm_value, one.erp_value) if in_crm else (one.erp_value, one.crm_value)
    before = one.baseline_crm if in_crm else one.baseline_erp
    decided = one.decided_by or ""
    sides = ("crm", "erp") if in_crm else ("erp", "crm")

    def text(side: str, value: object) -> str:
        return called.value(one.rule, one.field, side, one.company_key, value)

    why = words(f"losers.why.{decided}") if words.has(f"losers.why.{decided}") else ""
    return Loser(
        id=one.id,
        about=named_by(
            words,
            tx,
            desk.viewer.tenant,
            row.alias if row else "",
            link_id=one.link_id,
            crm=(one.crm_entity, one.crm_id),
            erp=(one.erp_entity, one.erp_id),
        ),
        company=row.name if row else "",
        field=names(one.rule, one.field),
        lost=text(sides[0], lost),
        lost_system=words("systems.crm" if in_crm else "systems.erp"),
        lost_by=called.who(one.crm_by if in_crm else one.erp_by),
        lost_at=words.moment(one.crm_at if in_crm else one.erp_at),
        won=text(sides[1], won),
        won_system=words("systems.erp" if in_crm else "systems.crm"),
        before=None if before is None else text(sides[0], before),
        why=why or words("losers.why.chosen", by=called.who(decided)),
        decided_at=words.moment(one.decided_at),
        state=words("losers.restored", by=called.who(decided)) if one.state == "restored" else "",
        forgotten=lost is None,
    )
