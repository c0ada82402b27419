"""The versions of a rule: who, when and what; back to an older one as a new one. And the rule as YAML, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from sounimicro_pipelines.panels.admin.editor import MOST_FIELDS, people, rule_named, rule_tabs, save_in
from sounimicro_pipelines.panels.admin.frame import AtDesk, Desk
from sounimicro_pipelines.panels.admin.telling import actor_text, change_text, mistake_text
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.rules import Mistake, RuleError, read_rule
from sounimicro_pipelines.rules.changes import changes
from sounimicro_pipelines.rules.model import RuleName
from sounimicro_pipelines.rules.versions import (
    DEFAULT_VERSION,
    default_document,
    diff_documents,
    put_back,
    same_meaning,
)
from sounimicro_pipelines.store import Outdated, Transaction, rule_versions
from sounimicro_pipelines.store.rule_versions import RuleVersion

router = APIRouter()
LONGEST_DOCUMENT = 200_000
"""Characters; a rule of a hundred fields has some twenty thousand."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference; `kind` is ins, del or "" for one that both have."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with what it changed, in words and in lines."""

    stored: RuleVersion
    who: str
    told: Sequence[str]
    lines: Sequence[Line]
    is_current: bool
    is_first: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that somebody writes as text, and what is to be said about it."""

    text: str
    base: int
    mistakes: Sequence[Mistake] = ()
    problem: str = ""
    newer: RuleVersion | None = None
    lines: Sequence[Line] = ()
    status: int = 200


@router.get("/admin/rules/{name}/versions")
async def listing(desk: AtDesk, name: str) -> Response:
    """Every version, newest first."""
    return await _listing(desk, rule_named(name))


@router.post("/admin/rules/{name}/versions")
async def revert(desk: AtDesk, name: str) -> Response:
    """Put the version `to` in force again, as a new one after `base`, which was the newest that the person saw."""
    rule = rule_named(name)
    async with desk.request.form() as sent:
        to, base = _number(sent.get("to")), _number(sent.get("base"))
    known = await desk.panels.tenant.fields()

    def work(tx: Transaction) -> None:
        saved = put_back(
            tx, rule, to, known.registries, by=desk.viewer.actor, now=desk.panels.clock.now(), expected=base
        )
        desk.audit(tx, "rule_reverted", f"rule:{rule}", version=saved.version, to=to)

    try:
        await desk.change(work)
    except Outdated:
        return await _listing(desk, rule, problem="rules.versions.stale", status=409)
    except RuleError as error:
        told = [mistake_text(desk.words, one, known.registries) for one in error.mistakes]
        return await _listing(desk, rule, problem="rules.versions.unfit", told=told, status=422)
    return desk.redirect(f"/admin/rules/{rule}/versions", done="rule_reverted")


@router.get("/admin/rules/{name}/yaml")
async def as_text(desk: AtDesk, name: str) -> Response:
    """The document in force, to be read or changed, with what is wrong with it now if anything is."""
    rule = rule_named(name)
    stored = await desk.panels.read(lambda tx: rule_versions.current(tx, rule))
    text = stored.document if stored else default_document(rule)
    draft = Draft(text, stored.version if stored else DEFAULT_VERSION)
    known = await desk.panels.tenant.fields()
    try:
        read_rule(text, f"{rule}.yaml", known.registries)
    except RuleError as error:
        draft = replace(draft, mistakes=error.mistakes)
    return await _text(desk, rule, draft)


@router.get("/admin/rules/{name}/file")
async def download(desk: AtDesk, name: str) -> Response:
    """The document in force as a file, as `sounimicro rules export` writes it."""
    rule = rule_named(name)
    stored = await desk.panels.read(lambda tx: rule_versions.current(tx, rule))
    return Response(
        stored.document if stored else default_document(rule),
        media_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{rule}.yaml"'},
    )


@router.post("/admin/rules/{name}/yaml")
async def save_text(desk: AtDesk, name: str) -> Response:
    """Save the document that was written, or the file that was chosen."""
    rule = rule_named(name)
    async with desk.request.form(max_fields=MOST_FIELDS) as sent:
        base, written, uploaded = _number(sent.get("base")), sent.get("document"), sent.get("file")
        text = written.replace("\r\n", "\n") if isinstance(written, str) else ""
        draft = Draft(text, base)
        if sent.get("act") == "upload":
            draft = await _uploaded(draft, uploaded if isinstance(uploaded, UploadFile) else None)
    if len(draft.text) > LONGEST_DOCUMENT:
        draft = replace(draft, text=draft.text[:LONGEST_DOCUMENT], problem="rules.yaml.too_long")
    if draft.problem:
        return await _text(desk, rule, replace(draft, status=422))
    return await _save(desk, rule, draft)


async def _uploaded(draft: Draft, file: UploadFile | None) -> Draft:
    content = await file.read(LONGEST_DOCUMENT * 4 + 1) if file is not None else b""
    if not content:
        return replace(draft, problem="rules.yaml.no_file")
    try:
        return replace(draft, text=content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        return replace(draft, problem="rules.yaml.no_text")


async def _save(desk: Desk, rule: RuleName, draft: Draft) -> Response:
    known = await desk.panels.tenant.fields()

    def work(tx: Transaction) -> RuleVersion | None:
        stored = rule_versions.current(tx, rule)
        read_rule(draft.text, f"{rule}.yaml", known.registries)
        before = stored.document if stored else default_document(rule)
        if draft.base == (stored.version if stored else DEFAULT_VERSION) and same_meaning(before, draft.text):
            return None
        return save_in(desk, tx, rule, draft.text, known, draft.base)

    try:
        saved = await desk.change(work)
    except RuleError as error:
        return await _text(desk, rule, replace(draft, mistakes=error.mistakes, status=422))
    except Outdated:
        newest = await desk.panels.read(lambda tx: rule_versions.current(tx, rule))
        after = newest.document if newest else default_document(rule)
        lines = _lines(diff_documents(after, draft.text, "", ""))
        base = newest.version if newest else DEFAULT_VERSION
        return await _text(desk, rule, replace(draft, base=base, newer=newest, lines=lines, status=409))
    done = "rule_saved" if saved is not None else "rule_same"
    return desk.redirect(f"/admin/rules/{rule}/yaml", done=done)


async def _text(desk: Desk, rule: RuleName, draft: Draft) -> Response:
    words, names = desk.words, await people(desk)
    known = await desk.panels.tenant.fields()
    newer: dict[str, Any] = {}
    if draft.newer is not None:
        newer = {
            "who": actor_text(words, draft.newer.created_by, names),
            "version": draft.newer.version,
            "date": words.moment(draft.newer.created_at),
        }
    return await _page(
        desk,
        rule,
        "yaml",
        "admin_rule_yaml.html",
        draft.status,
        draft=draft,
        newer=newer,
        told=[(one.line, mistake_text(words, one, known.registries)) for one in draft.mistakes],
        wrong=words(draft.problem) if draft.problem else "",
        download_href=desk.to(f"/admin/rules/{rule}/file"),
    )


async def _listing(
    desk: Desk, rule: RuleName, *, problem: str = "", told: Sequence[str] = (), status: int = 200
) -> Response:
    stored = await desk.panels.read(lambda tx: rule_versions.versions(tx, rule))
    names = await people(desk)
    views = [
        _view(desk, one, stored[place + 1] if place + 1 < len(stored) else None, names, is_current=place == 0)
        for place, one in enumerate(stored)
    ]
    return await _page(
        desk,
        rule,
        "versions",
        "admin_rule_versions.html",
        status,
        versions=views,
        wrong=desk.words(problem) if problem else "",
        told=told,
    )


def _view(desk: Desk, one: RuleVersion, before: RuleVersion | None, names: Any, *, is_current: bool) -> VersionView:
    told: list[str] = []
    lines: list[Line] = []
    if before is not None:
        lines = _lines(diff_documents(before.document, one.document, "", ""))
        told = _told(desk, before.document, one.document)
    who = actor_text(desk.words, one.created_by, names)
    return VersionView(one, who, told, lines, is_current, before is None)


def _told(desk: Desk, before: str, after: str) -> list[str]:
    """The differences in words; none for documents that cannot be read any more."""
    try:
        found = changes(read_rule(before, "before"), read_rule(after, "after"))
    except RuleError:
        return []
    return [change_text(desk.words, one) for one in found] or [desk.words("rules.changes.none")]


def _lines(difference: str) -> list[Line]:
    kinds = {"+": "ins", "-": "del"}
    return [
        Line(kinds.get(line[:1], ""), line)
        for line in difference.splitlines()
        if not line.startswith(("--- ", "+++ ", "@@"))
    ]


async def _page(desk: Desk, rule: RuleName, current: str, template: str, status: int, **values: Any) -> Response:
    stored = await desk.panels.read(lambda tx: rule_versions.current(tx, rule))
    return desk.show(
        template,
        "rules",
        title=desk.words(f"rules.names.{rule}"),
        status=status,
        rule=rule,
        stored=stored,
        stored_by=actor_text(desk.words, stored.created_by, await people(desk)) if stored else "",
        rule_tabs=rule_tabs(desk, rule, current),
        act_href=desk.to(f"/admin/rules/{rule}/{current}"),
        **values,
    )


def _number(value: Any) -> int:
    """Raises NotFound for what is no number of a version."""
    text = value if isinstance(value, str) else ""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound("no_page")
    return int(text)
