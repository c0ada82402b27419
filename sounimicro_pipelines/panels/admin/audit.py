"""The audit log: who signed in, who saw documents, who changed rules, and who decided what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk, Desk
from sounimicro_pipelines.panels.admin.known import Known, known
from sounimicro_pipelines.panels.admin.naming import asked_page, company_rows, hidden_companies, turning
from sounimicro_pipelines.store import Transaction, web

router = APIRouter()
PAGE = AdminPage("audit", "/admin/audit", router)
AT_ONCE = 100
GROUPS = {
    "sign_in": ("sign_in", "sign_out"),
    "documents": ("document_shown",),
    "rules": ("rule_changed", "rule_reverted", "list_mapping_changed"),
    "decisions": (
        "conflict_decided",
        "conflict_restored",
        "suggestion_linked",
        "suggestion_told_apart",
        "issue_retry",
        "issue_dismiss",
        "issue_confirm",
        "run_undone",
    ),
    "setup": ("go_live_report", "went_live", "budget_imported", "panels_placed"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry; `details` are ids and counts."""

    at: str
    by: str
    what: str
    subject: str
    company: str
    details: str


@router.get("/admin/audit")
async def listing(desk: AtDesk) -> Response:
    """The log, the newest first, filtered by what it is about and by whom."""
    query, page = desk.request.query_params, asked_page(desk)
    group = query.get("about", "")
    group = group if group in GROUPS else ""
    actor = query.get("by", "")[:80]
    called = await known(desk)

    def read(tx: Transaction) -> tuple[list[Line], bool]:
        seen = company_rows(desk, tx)
        found = web.audit_log(
            tx,
            actions=GROUPS.get(group),
            actor=actor or None,
            without=hidden_companies(desk, tx),
            limit=AT_ONCE + 1,
            offset=(page - 1) * AT_ONCE,
        )
        aliases = {key: row.alias for key, row in seen.items()}
        return [_line(desk, one, aliases, called) for one in found[:AT_ONCE]], len(found) > AT_ONCE

    lines, more = await desk.panels.read(read)
    here = {"about": group or None, "by": actor or None}
    return desk.show(
        "admin_audit.html",
        PAGE.name,
        title=desk.words("audit.title"),
        lines=lines,
        groups=[
            (desk.words(f"audit.groups.{one or 'all'}"), desk.to(PAGE.path, about=one or None), one == group)
            for one in ("", *GROUPS)
        ],
        actor=called.who(actor) if actor else "",
        clear_href=desk.to(PAGE.path, about=group or None),
        **turning(desk, PAGE.path, page, more, **here),
    )


def _line(desk: Desk, one: dict[str, Any], aliases: dict[str, str], called: Known) -> Line:
    words = desk.words
    kind, _, rest = str(one["subject"]).partition(":")
    subject = f"{words.or_raw('audit.subjects', kind)} {rest}".strip()
    if kind in ("crm", "local"):
        subject = ""
    details = ", ".join(
        f"{words.or_raw('audit.details', name)}: {words.or_raw('audit.values', str(value))}"
        for name, value in (one["details"] or {}).items()
    )
    return Line(
        at=words.moment(one["at"]),
        by=called.who(one["actor"]),
        what=words.or_raw("audit.actions", one["action"]),
        subject=subject,
        company=aliases.get(one["company_key"] or "", ""),
        details=details,
    )
