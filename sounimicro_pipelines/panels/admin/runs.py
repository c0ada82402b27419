"""Runs of the sync: what each looked at, what it changed, and undoing it with an account of what was put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.admin import undoing
from sounimicro_pipelines.panels.admin.acting import Trouble, trouble
from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk, Desk
from sounimicro_pipelines.panels.admin.known import Known, known
from sounimicro_pipelines.panels.admin.naming import (
    FieldNames,
    Named,
    asked_page,
    company_rows,
    hidden_companies,
    named_by,
    turning,
)
from sounimicro_pipelines.panels.errors import Forbidden, NotFound
from sounimicro_pipelines.rules import RULE_NAMES
from sounimicro_pipelines.store import Transaction, history, runs
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.history import Entry
from sounimicro_pipelines.store.runs import Run
from sounimicro_pipelines.sync.undo import LeftAlone, UndoReport

router = APIRouter()
PAGE = AdminPage("runs", "/admin/runs", router)
AT_ONCE = 50
CHANGES = 300
"""Changes of a run that the page names; the counts are of all of them."""
COUNTS = ("applied", "unchanged", "held", "conflicts", "failed")


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run in the reader's language. `adds_up` is None while it goes on."""

    run: Run
    kind: str
    rule: str
    by: str
    counts: tuple[int, ...]
    looked_at: int
    adds_up: bool | None
    state: str
    href: str


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One line of what a run did. `old` and `new` are "" where a record was linked, created or disconnected."""

    about: Named
    what: str
    system: str
    old: str
    new: str
    is_value: bool
    reason: str
    undone: bool


@dataclass(frozen=True, slots=True)
class ShownLeft:
    """Something that an undo has left as it is, and why."""

    where: str
    field: str
    why: str


@router.get("/admin/runs")
async def listing(desk: AtDesk) -> Response:
    """The runs, the newest first."""
    page, asked = asked_page(desk), desk.request.query_params.get("rule")
    rule = asked if asked in RULE_NAMES else None
    changed_only = desk.request.query_params.get("changed") == "1"

    def read(tx: Transaction) -> tuple[list[Run], bool]:
        hidden = hidden_companies(desk, tx)
        found = runs.listing(tx, rule=rule, changed_only=changed_only, limit=AT_ONCE + 1, offset=(page - 1) * AT_ONCE)
        return [one for one in found[:AT_ONCE] if one.company_key not in hidden], len(found) > AT_ONCE

    (found, has_more), called = await desk.panels.read(read), await known(desk)
    here = {"rule": rule, "changed": "1" if changed_only else None}
    return desk.show(
        "admin_runs.html",
        PAGE.name,
        title=desk.words("runs.title"),
        shown=[_run(desk, one, called) for one in found],
        rules=RULE_NAMES,
        chosen=rule or "",
        changed_only=changed_only,
        is_filtered=bool(rule or changed_only),
        clear_href=desk.to(PAGE.path),
        **turning(desk, PAGE.path, page, has_more, **here),
    )


@router.get("/admin/runs/one")
async def one_run(desk: AtDesk) -> Response:
    """One run, and everything that it changed."""
    return await _show(desk, desk.request.query_params.get("run", ""))


@router.post("/admin/runs/undo")
async def undo_run(desk: AtDesk, run: Annotated[str, Form()]) -> Response:
    """Put back what a run has written and nobody has edited since; the page tells what was left, and why."""
    await _demand_run(desk, run)
    going = await undoing.begin(desk, run)
    if not going.is_done:
        return desk.redirect("/admin/runs/undoing", run=run)
    try:
        return await _show(desk, run, report=going.report())
    except SounimicroError as error:
        return await _show(desk, run, trouble(desk.words, error))


@router.get("/admin/runs/undoing")
async def undoing_run(desk: AtDesk) -> Response:
    """How far the undoing of a run has come, and what it came to."""
    run = desk.request.query_params.get("run", "")
    await _demand_run(desk, run)
    going = undoing.found(desk, run)
    if going is None:
        return desk.redirect("/admin/runs/one", run=run)
    if going.is_done:
        try:
            return await _show(desk, run, report=going.report())
        except SounimicroError as error:
            return await _show(desk, run, replace(trouble(desk.words, error), status=200))

    def read(tx: Transaction) -> tuple[int, int]:
        left = sum(one.undone_by_run is None and one.field is not None for one in history.of_run(tx, run))
        done = sum(one.field is not None for one in history.of_run(tx, going.run_id)) if going.run_id else 0
        return done, left + done

    done, total = await desk.panels.read(read)
    return desk.show(
        "admin_undoing.html",
        PAGE.name,
        title=desk.words("runs.undoing"),
        status=202,
        done_count=done,
        total=max(total, done, 1),
        look_href=desk.to("/admin/runs/undoing", run=run),
        back_href=desk.to("/admin/runs/one", run=run),
    )


async def _demand_run(desk: Desk, run_id: str) -> Run:
    """Raises NotFound, and Forbidden for a run that touched a company which is not for the reader."""

    def find(tx: Transaction) -> tuple[Run | None, bool]:
        hidden = hidden_companies(desk, tx)
        found = runs.get(tx, run_id)
        return found, bool(hidden) and any(one.company_key in hidden for one in history.of_run(tx, run_id))

    found, beyond = await desk.panels.read(find)
    if found is None:
        raise NotFound("unknown_run")
    if beyond:
        raise Forbidden("not_your_company")
    return found


async def _show(desk: Desk, run_id: str, problem: Trouble | None = None, report: UndoReport | None = None) -> Response:
    run, called = await _demand_run(desk, run_id), await known(desk)

    def read(tx: Transaction) -> tuple[list[ShownChange], int, int, Mapping[str, CompanyRow], FieldNames]:
        entries, seen, names = history.of_run(tx, run_id), company_rows(desk, tx), FieldNames(tx, desk.words)
        left = sum(one.undone_by_run is None and one.field is not None for one in entries)
        shown = [_change(desk, tx, one, seen, names, called) for one in entries[:CHANGES]]
        return shown, len(entries), left, seen, names

    changes, count, undoable, seen, names = await desk.panels.read(read)
    return desk.show(
        "admin_run.html",
        PAGE.name,
        title=desk.words("runs.one", id=run_id),
        one=_run(desk, run, called),
        problem=problem,
        changes=changes,
        change_count=count,
        undoable=undoable,
        report=report,
        left=[_left(desk, one, seen, names) for one in report.left] if report else [],
        undo_href=desk.to("/admin/runs/one", run=report.run_id) if report else None,
        undone_href=desk.to("/admin/runs/one", run=run.undo_of) if run.undo_of else None,
        back_href=desk.to(PAGE.path),
    )


def _run(desk: Desk, run: Run, called: Known) -> ShownRun:
    words = desk.words
    counts = tuple(int(run.counts.get(name, 0)) for name in COUNTS)
    looked_at = int(run.counts.get("in", 0))
    return ShownRun(
        run=run,
        kind=words.or_raw("runs.kinds", run.kind),
        rule=words(f"rules.names.{run.rule}") if run.rule in RULE_NAMES else "",
        by=called.who(run.by),
        counts=counts,
        looked_at=looked_at,
        adds_up=None if run.state == "running" else looked_at == sum(counts),
        state=words.or_raw("runs.states", run.state),
        href=desk.to("/admin/runs/one", run=run.run_id),
    )


def _change(
    desk: Desk,
    tx: Transaction,
    one: Entry,
    seen: Mapping[str, CompanyRow],
    names: FieldNames,
    called: Known,
) -> ShownChange:
    words, row = desk.words, seen.get(one.company_key)
    return ShownChange(
        about=named_by(
            words,
            tx,
            desk.viewer.tenant,
            row.alias if row else "",
            link_id=one.link_id,
            crm=(one.crm_entity, one.crm_id),
            erp=(one.erp_entity, one.erp_id),
        ),
        what=names(one.rule, one.field) if one.field else words.or_raw("runs.changes", one.kind),
        system=words(f"systems.{one.side}") if one.side in ("crm", "erp") else "",
        old=called.value(one.rule, one.field, one.side, one.company_key, one.old_value),
        new=called.value(one.rule, one.field, one.side, one.company_key, one.new_value),
        is_value=one.field is not None,
        reason=words.or_raw("runs.reasons", one.reason),
        undone=one.undone_by_run is not None,
    )


def _left(desk: Desk, one: LeftAlone, seen: Mapping[str, CompanyRow], names: FieldNames) -> ShownLeft:
    words, row = desk.words, seen.get(one.company_key)
    _, crm_entity, crm_id = one.crm.split(":")
    erp_entity, erp_id = one.erp.split(":")
    where = words(
        "records.pair",
        crm=words(f"records.{crm_entity}", id=crm_id),
        erp=words(f"records.{erp_entity}", id=erp_id),
        company=row.alias if row else "",
    )
    return ShownLeft(where, names(None, one.field), words(f"runs.left.{one.why}"))
