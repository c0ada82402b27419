"""The rules editor: one screen for each rule, which is tried before it is saved, and never loses what was written.

Every button works as a plain form: moving, adding and removing rows answer the form as it then is, unsaved. A script
does the moving in place and checks while somebody writes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.admin import rule_screen
from sounimicro_pipelines.panels.admin.frame import AtDesk, Desk
from sounimicro_pipelines.panels.admin.preview import SHOWN, Preview, preview
from sounimicro_pipelines.panels.admin.rule_form import Row, RuleForm, form_from, form_of
from sounimicro_pipelines.panels.admin.telling import (
    actor_text,
    change_text,
    finding_texts,
    mistake_text,
    planned_views,
)
from sounimicro_pipelines.panels.admin.tenant import Fields
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.rules import RULE_NAMES, Mistake, Rule, RuleError, read_rule
from sounimicro_pipelines.rules.changes import changes, merge
from sounimicro_pipelines.rules.model import RuleName
from sounimicro_pipelines.rules.versions import DEFAULT_VERSION, default_document, put_in_force, same_meaning
from sounimicro_pipelines.rules.writing import leading_comment
from sounimicro_pipelines.store import Outdated, Transaction, rule_versions
from sounimicro_pipelines.store.rule_versions import RuleVersion

router = APIRouter()
MOST_FIELDS = 5000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the screen says besides the form."""

    mistakes: Sequence[Mistake] = ()
    preview: Preview | None = None
    preview_failed: str = ""
    conflict: Mapping[str, Any] | None = None
    checked: bool = False
    dirty: bool = False
    focus: str = ""
    search: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@router.get("/admin/rules/{name}")
async def edit(desk: AtDesk, name: str) -> Response:
    """A rule, ready to be changed; as text where this version of the product cannot read it any more."""
    try:
        rule, stored = await _in_force(desk, rule_named(name))
    except RuleError:
        return desk.redirect(f"/admin/rules/{name}/yaml")
    comment = leading_comment(stored.document if stored else default_document(name))
    form = form_of(rule, stored.version if stored else DEFAULT_VERSION, comment)
    return await _show(desk, form, Shown())


@router.post("/admin/rules/{name}")
async def act(desk: AtDesk, name: str) -> Response:
    """Do what a button of the form says: `save`, `preview`, `check`, `add`, `find`, or move or remove a row."""
    async with desk.request.form(max_fields=MOST_FIELDS) as sent:
        form = await _with_comment(desk, form_from(rule_named(name), sent))
        action, _, which = str(sent.get("act", "check")).partition(":")
        search = {key: str(sent.get(f"find_{key}", ""))[:100] for key in ("erp", "crm")}
        chosen = {key: str(sent.get(f"new_{key}", ""))[:200] for key in ("erp", "crm")}
    known = await desk.panels.tenant.fields()
    if action == "save":
        return await _save(desk, form, known)
    if action == "preview":
        return await _preview(desk, form, known)
    shown = Shown(dirty=True, search=search)
    if action in ("up", "down"):
        form = form.moved(which, -1 if action == "up" else 1)
        return await _show(desk, form, replace(shown, focus=f"{action}:{which}"))
    if action in ("step-up", "step-down"):
        form = form.step_moved(which, -1 if action == "step-up" else 1)
        return await _show(desk, form, replace(shown, focus=f"{action}:{which}"))
    if action == "remove":
        return await _show(desk, form.without(which), replace(shown, focus="rows"))
    if action == "add" and any(chosen.values()):
        form, row = _with_new_row(form, known, chosen)
        return await _show(desk, form, replace(shown, focus=f"direction:{row.id}", search={}))
    if action in ("add", "find"):
        return await _show(desk, form, replace(shown, focus="find"))
    return await _show(desk, form, replace(shown, mistakes=_mistakes(form, known), checked=True))


@router.post("/admin/rules/{name}/check")
async def check(desk: AtDesk, name: str) -> JSONResponse:
    """What is wrong with the form as it stands, for the script that asks while somebody writes."""
    async with desk.request.form(max_fields=MOST_FIELDS) as sent:
        form = form_from(rule_named(name), sent)
    known = await desk.panels.tenant.fields()
    found = refusals(desk, form, _mistakes(form, known), known)
    return JSONResponse({"refusals": found, "summary": _summary(desk, found)})


def rule_named(name: str) -> RuleName:
    """Raises NotFound."""
    for known in RULE_NAMES:
        if known == name:
            return known
    raise NotFound("no_page")


def refusals(desk: Desk, form: RuleForm, mistakes: Sequence[Mistake], known: Fields) -> dict[str, list[str]]:
    """Where on the screen → what is wrong there: `row:<id>`, a part of the form, or `form` for the rest."""
    found: dict[str, list[str]] = {}
    for one in mistakes:
        head, *rest = one.place or ("form",)
        where = str(head) if head in ("match", "create", "quiet_period", "takes_part") else "form"
        if head == "fields" and rest and isinstance(rest[0], int) and rest[0] < len(form.rows):
            where = f"row:{form.rows[rest[0]].id}"
        found.setdefault(where, []).append(mistake_text(desk.words, one, known.registries))
    return found


def _summary(desk: Desk, found: Mapping[str, Sequence[str]]) -> str:
    count = sum(len(texts) for texts in found.values())
    return desk.words("rules.mistakes", count=count) if count else desk.words("rules.in_order")


def _mistakes(form: RuleForm, known: Fields) -> tuple[Mistake, ...]:
    try:
        read_rule(form.document(), f"{form.name}.yaml", known.registries)
    except RuleError as error:
        return error.mistakes
    return ()


def _with_new_row(form: RuleForm, known: Fields, chosen: Mapping[str, str]) -> tuple[RuleForm, Row]:
    """A new row travels as far as its two fields can be written."""
    facts = {side: rule_screen.facts(known.registries, form.name, side, chosen[side]) for side in ("erp", "crm")}
    writable = {side: fact is not None and fact.writable for side, fact in facts.items()}
    if not (chosen["erp"] and chosen["crm"]):
        direction = "none"
    elif writable["erp"] and writable["crm"]:
        direction = "both"
    else:
        direction = "to_crm" if writable["crm"] else "to_erp" if writable["erp"] else "none"
    return form.with_row(chosen["erp"], chosen["crm"], direction)


async def _save(desk: Desk, form: RuleForm, known: Fields) -> Response:
    document = form.document()
    name = form.name

    def work(tx: Transaction) -> RuleVersion | None:
        stored = rule_versions.current(tx, name)
        before = stored.document if stored else default_document(name)
        if form.base == (stored.version if stored else DEFAULT_VERSION) and same_meaning(before, document):
            return None
        return save_in(desk, tx, name, document, known, form.base)

    try:
        saved = await desk.change(work)
    except RuleError as error:
        return await _show(desk, form, Shown(mistakes=error.mistakes, checked=True, dirty=True, status=422))
    except Outdated:
        return await _conflict(desk, form, known)
    return desk.redirect(f"/admin/rules/{name}", done="rule_saved" if saved is not None else "rule_same")


def save_in(desk: Desk, tx: Transaction, name: RuleName, document: str, known: Fields, base: int) -> RuleVersion:
    """Put a document in force and note who did it. Raises RuleError, Outdated."""
    saved = put_in_force(
        tx, name, document, known.registries, by=desk.viewer.actor, now=desk.panels.clock.now(), expected=base
    )
    desk.audit(tx, "rule_changed", f"rule:{name}", version=saved.version)
    return saved


async def _conflict(desk: Desk, form: RuleForm, known: Fields) -> Response:
    """Somebody else was faster: both changes told, and put together as far as they do not meet. Nothing is saved."""
    mine = read_rule(form.document(), f"{form.name}.yaml")

    def load(tx: Transaction) -> tuple[str, RuleVersion | None]:
        return _document(tx, form.name, form.base), rule_versions.current(tx, form.name)

    base_document, newest = await desk.panels.read(load)
    if newest is None:
        return await _show(desk, replace(form, base=DEFAULT_VERSION), Shown(dirty=True))
    base = read_rule(base_document, f"{form.name}.yaml")
    theirs = read_rule(newest.document, f"{form.name}.yaml")
    merged, kept_out = merge(base, mine, theirs)
    told = {
        "version": newest.version,
        "who": actor_text(desk.words, newest.created_by, await people(desk)),
        "when": desk.words.moment(newest.created_at),
        "theirs": [change_text(desk.words, one) for one in changes(base, theirs)],
        "mine": [change_text(desk.words, one) for one in changes(base, mine)],
        "both": [change_text(desk.words, one) for one in kept_out],
    }
    together = form_of(merged, newest.version, leading_comment(newest.document))
    mistakes = _mistakes(together, known)
    return await _show(
        desk, together, Shown(conflict=told, dirty=True, status=409, mistakes=mistakes, checked=bool(mistakes))
    )


async def _preview(desk: Desk, form: RuleForm, known: Fields) -> Response:
    mistakes = _mistakes(form, known)
    if mistakes:
        return await _show(desk, form, Shown(mistakes=mistakes, checked=True, dirty=True, status=422))
    try:
        found = await preview(desk.panels.engine, form.name, form.document(), desk.viewer.actor)
    except RuleError as error:
        return await _show(desk, form, Shown(mistakes=error.mistakes, checked=True, dirty=True, status=422))
    except SounimicroError as error:
        _log.warning("A rule could not be tried: %s", type(error).__name__)
        return await _show(desk, form, Shown(preview_failed=str(error), dirty=True))
    return await _show(desk, form, Shown(preview=found, dirty=True))


async def people(desk: Desk) -> Mapping[str, str] | None:
    """CRM users by id, where the CRM tells them; also those who have left."""
    return await desk.panels.tenant.crm_items("associate", also_deleted=True)


async def _in_force(desk: Desk, name: RuleName) -> tuple[Rule, RuleVersion | None]:
    stored = await desk.panels.read(lambda tx: rule_versions.current(tx, name))
    return read_rule(stored.document if stored else default_document(name), f"{name}.yaml"), stored


async def _with_comment(desk: Desk, form: RuleForm) -> RuleForm:
    document = await desk.panels.read(lambda tx: _document(tx, form.name, form.base))
    return replace(form, comment=leading_comment(document))


def _document(tx: Transaction, name: RuleName, version: int) -> str:
    stored = rule_versions.get(tx, name, version)
    return stored.document if stored else default_document(name)


async def _show(desk: Desk, form: RuleForm, shown: Shown) -> Response:
    words = desk.words
    known = await desk.panels.tenant.fields()
    stored = await desk.panels.read(lambda tx: rule_versions.current(tx, form.name))
    pending: list[str] = []
    tried = shown.preview
    if tried is not None:
        before, _ = await _in_force(desk, form.name)
        pending = [change_text(words, one) for one in changes(before, read_rule(form.document(), "rule.yaml"))]
    found = refusals(desk, form, shown.mistakes, known)
    return desk.show(
        "admin_rule.html",
        "rules",
        title=words(f"rules.names.{form.name}"),
        status=shown.status,
        form=form,
        shown=shown,
        stored=stored,
        stored_by=actor_text(words, stored.created_by, await people(desk)) if stored else "",
        refusals=found,
        summary=_summary(desk, found) if shown.checked or found else "",
        pending=pending,
        planned=planned_views(words, tried.new[:SHOWN], tried.companies) if tried else [],
        dropped=planned_views(words, tried.gone[:SHOWN], tried.companies) if tried else [],
        asked=finding_texts(words, tried.findings[:SHOWN], tried.companies) if tried else [],
        screen=await rule_screen.screen(desk, form, known, shown.search),
        complete=known.complete,
        rule_tabs=rule_tabs(desk, form.name, "edit"),
        act_href=desk.to(f"/admin/rules/{form.name}"),
        check_href=desk.to(f"/admin/rules/{form.name}/check"),
    )


def rule_tabs(desk: Desk, name: str, current: str) -> list[dict[str, Any]]:
    """The screens of one rule."""
    return [
        {
            "text": desk.words(f"rules.tabs.{one}"),
            "href": desk.to(f"/admin/rules/{name}{ending}"),
            "is_current": one == current,
        }
        for one, ending in (("edit", ""), ("versions", "/versions"), ("yaml", "/yaml"))
    ]
