"""What the ERP tab shows: overview, suggestions, comparison, the form before creating, the question before ending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.erp_tab import forms, requests
from sounimicro_pipelines.panels.erp_tab.overview import Overview, overview
from sounimicro_pipelines.panels.erp_tab.record import PANELS, Case
from sounimicro_pipelines.panels.erp_tab.refusals import Refused
from sounimicro_pipelines.panels.errors import Forbidden, NotFound, SystemDown
from sounimicro_pipelines.panels.field_names import field_name, problem_text
from sounimicro_pipelines.panels.rendering import render
from sounimicro_pipelines.panels.tab_bar import ERP, IN_CRM, TabLink, tab_bar
from sounimicro_pipelines.store import Transaction, history, links, reports, runs
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.finding import Candidate

RECENT = timedelta(minutes=30)
"""How long the outcome of a request is told on the screen that it led to."""
AGAINST = frozenset(("other_org_number", "other_postcode", "other_legal_form", "already_linked"))
LIKELY, POSSIBLE = 0.8, 0.6
DONE = ("create", "link", "unlink", "sync", "already")


@dataclass(frozen=True, slots=True)
class Hit:
    """A candidate as it is shown."""

    name: str
    facts: tuple[str, ...]
    share: str
    percent: int
    likelihood: str
    reasons: tuple[tuple[str, bool], ...]
    href: str | None
    taken: str
    taken_href: str | None


async def overview_screen(request: Request, case: Case, *, refused: Refused | None = None) -> Response:
    """How the record is linked, and where it can be. A record with one possible place is looked for at once."""
    found = await overview(case)
    place = found.only_place
    if (
        place is not None
        and case.may_change
        and refused is None
        and found.problem is None
        and not case.address.get("did")
    ):
        company, role = place
        return await find_screen(request, case, company, role if role != "project" else "", "", landed=True)
    done = await case.panels.read(lambda tx: _done(tx, case, found))
    return await _page(
        case,
        "erp_overview.html",
        name=found.name,
        refused=refused or found.problem,
        status=refused.status if refused is not None else 200,
        company_href=_parent_href(case, found) if found.parent_linked else None,
        parent_href=_parent_href(case, found),
        view=found,
        done=done,
        unlink_href=lambda card: case.at(view="unlink", company=card.company.alias, role=_role(card.link.role)),
        place_href=lambda company, role: case.at(view="find", company=company.alias, role=_role(role)),
        reload_href=case.at(company=None, role=None),
    )


async def find_screen(
    request: Request, case: Case, company: CompanyRow, role: str, text: str, *, landed: bool = False
) -> Response:
    """ERP records that may be the same, and the search; `landed` where there is nothing to go back to."""
    refused: Refused | None = None
    record: requests.Seen | None = None
    found: list[Candidate] = []
    try:
        record, found = await requests.candidates(case, company, role, text)
    except Refused as problem:
        refused = problem
    live = await case.panels.read(lambda tx: runs.is_live(tx, case.tenant, company.company_key))
    name = record.name if record is not None else ""
    hits = [await _hit(request, case, company, role, one) for one in found]
    return await _page(
        case,
        "erp_find.html",
        name=name,
        refused=refused,
        status=refused.status if refused is not None else 200,
        company=company,
        role=_role_of(case, role),
        hits=hits,
        live_href=_live_href(case, company),
        find=text,
        hidden_pairs=_hidden(case, company, role),
        clear_href=case.at(view="find", company=company.alias, role=role or None),
        create_href=case.at(view="create", company=company.alias, role=role or None),
        back_href=None if landed else case.at(company=None, role=None),
        is_live=live or _is_live(case, company),
    )


async def compare_screen(
    request: Request,
    case: Case,
    company: CompanyRow,
    role: str,
    erp_id: int,
    *,
    form: Mapping[str, str] | None = None,
    refused: Refused | None = None,
) -> Response:
    """The two records side by side, with a choice per field."""
    record: requests.Seen | None = None
    found: list[requests.Compared] = []
    try:
        record, found = await requests.comparison(case, company, role, erp_id)
    except Refused as problem:
        refused = refused or problem
    given = forms.given(form, forms.CHOICE) if form is not None else None
    rows = forms.choice_rows(case.words, found, given, refused.fields if refused is not None else {})
    other = next((row.erp for row in rows if row.key in ("Name", "Firstname+MiddleName+Lastname")), "")
    return await _page(
        case,
        "erp_compare.html",
        name=record.name if record is not None else "",
        refused=refused,
        status=refused.status if refused is not None else 200,
        company=company,
        role=_role_of(case, role),
        other=other,
        rows=[row for row in rows if not row.is_equal and row.would != "shown"],
        equal=[row for row in rows if row.is_equal and (row.crm or row.erp)],
        informed=[row for row in rows if row.would == "shown" and row.erp],
        hidden_choices=given if not rows and given else {},
        action=case.at(view="compare", company=company.alias, role=role or None, erp=erp_id),
        back_href=case.at(view="find", company=company.alias, role=role or None),
        can_link=record is not None or given is not None,
    )


async def create_screen(
    request: Request,
    case: Case,
    company: CompanyRow,
    role: str,
    *,
    form: Mapping[str, str] | None = None,
    refused: Refused | None = None,
) -> Response:
    """The questions before the record is created, in the rule's order, and a project's customer."""
    record: requests.Seen | None = None
    asked: list[requests.Asked] = []
    travels = False
    first = refused
    try:
        record, asked, travels = await requests.questions(case, company, role)
    except Refused as problem:
        refused = refused or problem
    given = forms.given(form, forms.ANSWER) if form is not None else None
    if not given and first is None:
        given = None
    fields = forms.form_fields(case.words, asked, given, refused.fields if refused is not None else {})
    told = {one.key for one in fields}
    wrong = sum(1 for one in fields if one.error and given is not None)
    customers: list[tuple[int, str, str]] = []
    customer = form.get("customer", "") if form is not None else case.address.get("customer") or ""
    search = (form or {}).get("find") or case.address.get("find") or ""
    if case.record.entity == "project" and record is not None:
        try:
            listed = await requests.customers(case, company, search, record.companies)
            customers = [one for one in listed if await _may_read(request, case, one[0])]
        except Refused as problem:
            refused = refused or problem
    if form is None and not customer and len(customers) == 1 and not search:
        customer = str(customers[0][0])
    return await _page(
        case,
        "erp_create.html",
        name=record.name if record is not None else "",
        refused=refused if not wrong else None,
        status=refused.status if refused is not None else 200,
        company=company,
        role=_role_of(case, role),
        fields=fields,
        kept=[
            (forms.ANSWER + key, field_name(case.words, _paths(key), ()), text)
            for key, text in (given or {}).items()
            if key not in told
        ],
        others=[
            (
                field_name(case.words, _paths(key), ()),
                problem_text(case.words, problem.kind, otherwise=f"{problem.cause} {problem.remedy}"),
            )
            for key, problem in (first.fields if first is not None else {}).items()
            if key not in told
        ],
        wrong=wrong,
        number_travels=travels,
        customers=customers,
        customer=customer,
        find=search,
        action=case.at(view="create", company=company.alias, role=role or None, find=search or None),
        back_href=case.at(view="find", company=company.alias, role=role or None),
        can_create=record is not None or given is not None,
    )


async def unlink_screen(request: Request, case: Case, company: CompanyRow, role: str) -> Response:
    """The question before two records are disconnected. Raises NotFound when they are not linked."""

    def linked(tx: Transaction) -> tuple[links.Link, int]:
        for link, row in case.links(tx):
            if row.company_key == company.company_key and role in ("", link.role):
                return link, sum(1 for child in links.children(tx, link.id) if child.rule == "person")
        raise NotFound("erp_not_linked")

    link, persons = await case.panels.read(linked)
    found = await overview(case)
    card = next((one for one in found.cards if one.link.id == link.id), None)
    return await _page(
        case,
        "erp_unlink.html",
        name=found.name,
        refused=None,
        company=company,
        role=_role_of(case, link.role),
        number=card.number if card is not None and card.number else link.erp_id,
        persons=persons,
        action=case.at(view="unlink", company=company.alias, role=_role(link.role)),
        back_href=case.at(company=None, role=None),
    )


async def chosen_customer(request: Request, case: Case, text: str | None) -> int | None:
    """The CRM company that a project is for, which the viewer must be able to read. Raises BadRequest, Forbidden."""
    customer = Address("", {"customer": text or ""}).identifier("customer")
    if customer is not None and not await _may_read(request, case, customer):
        raise Forbidden("not_readable")
    return customer if case.record.entity == "project" else None


async def _may_read(request: Request, case: Case, contact: int) -> bool:
    if case.viewer.is_local:
        return True
    try:
        return (await case.panels.walls.access(request, "contact", contact)).may_read
    except SystemDown:
        return False


async def _page(
    case: Case, template: str, *, name: str, refused: Refused | None, status: int = 200, **data: Any
) -> HTMLResponse:
    words, entity = case.words, case.record.entity
    shown = name or words(f"erp.unnamed.{entity}", number=case.record.id)
    tabs = await case.panels.read(lambda tx: _tabs(tx, case))
    page = render(
        template,
        words,
        case=case,
        entity=entity,
        name=shown,
        title=f"{words('tabs.erp')} – {shown}",
        tabs=tabs,
        crm_href=case.address.at(IN_CRM).to(tenant=case.tenant, id=case.record.id, entity=entity),
        csrf=case.viewer.csrf,
        refused=refused,
        notice=_notice(case, refused, data.get("company")),
        **({"company_href": None, "done": None} | data),
    )
    return HTMLResponse(page, status)


def _live_href(case: Case, company: CompanyRow) -> str | None:
    """Where an administrator sets the company live."""
    if not case.viewer.is_administrator:
        return None
    return Address(f"/admin/go-live/{company.alias}", {"lang": case.address.get("lang") or ""}).to()


def _notice(case: Case, refused: Refused | None, company: CompanyRow | None) -> dict[str, str | None] | None:
    if refused is None:
        return None
    parameters = dict(refused.parameters)
    return {
        "href": _live_href(case, company) if refused.key == "erp_not_live" and company is not None else None,
        "title": case.words(f"errors.{refused.key}.title", **parameters),
        "advice": case.words(f"errors.{refused.key}.advice", **parameters),
        "tone": "wait" if refused.may_be_repeated else "bad",
    }


def _tabs(tx: Transaction, case: Case) -> list[TabLink]:
    here = case.at()
    if case.record.entity != "contact":
        return tab_bar(case.words, case.address, None, (), ERP, here)
    found = [Subject(row.alias, link.role, link.erp_id) for link, row in case.links(tx)]
    wish = case.address.company, case.address.role
    matching = [one for one in found if (one.company, one.role) == wish] or found
    subject = matching[0] if len(matching) == 1 else None
    tables = reports.published(tx, subject.company) if subject is not None else {}
    address = case.address
    if subject is not None and wish not in ((subject.company, subject.role), (None, None)):
        address = Address(
            address.path, {"tenant": case.tenant, "id": str(case.record.id), "lang": address.get("lang") or ""}
        )
    return tab_bar(case.words, address, subject, tables, ERP, here)


def _done(tx: Transaction, case: Case, found: Overview) -> dict[str, Any] | None:
    """What the request came to that led here, told from the run that it left: the viewer's own, and a recent one."""
    did = case.address.get("did")
    if did not in DONE:
        return None
    words = case.words
    if did == "already":
        return {"lines": [words("erp.done.already")], "tone": "good"}
    run = runs.get(tx, case.address.get("run") or "")
    if run is None or run.by != case.by or case.panels.clock.now() - run.started_at > RECENT:
        return None
    written = [
        entry
        for entry in history.of_run(tx, run.run_id)
        if entry.kind == "update" and (entry.crm_entity, entry.crm_id) == (case.record.entity, case.record.id)
    ]
    company = next((row for row in case.companies(tx) if row.company_key == run.company_key), None)
    card = next((c for c in found.cards if company is not None and c.company.alias == company.alias), None)
    parts = {"company": company.name if company is not None else ""}
    if did == "create" and card is None:
        return None
    stuck = run.counts.get("held") or run.counts.get("failed")
    is_stopped = did == "sync" and stuck and not (run.counts.get("applied") or run.counts.get("unchanged"))
    lines = [words("erp.done.sync_stopped" if is_stopped else f"erp.done.{did}", **parts)]
    if did == "create" and card is not None and card.number:
        in_crm = any(entry.side == "crm" and entry.new_value == card.number for entry in written)
        lines = [words("erp.done.create_number" if in_crm else "erp.done.create_numbered", **parts, number=card.number)]
    known = {row.key: row.name for each in found.cards for row in each.rows}
    keys = dict.fromkeys(entry.field for entry in reversed(written) if entry.field)
    names = dict.fromkeys(known.get(key) or field_name(words, _paths(key), ()) for key in keys)
    if names and did in ("link", "sync"):
        lines.append(words("erp.done.written", fields=", ".join(names)))
    elif did in ("link", "sync") and not stuck:
        lines.append(words("erp.done.nothing_written"))
    conflicts = int(run.counts.get("conflicts", 0))
    if conflicts:
        lines.append(words("erp.done.conflicts", count=conflicts))
    if run.message or stuck:
        later = "waiting" if run.message else "failed" if run.counts.get("failed") else "held"
        lines.append(words(f"erp.done.{later}"))
    if any(entry.side == "crm" for entry in written):
        lines.append(words("erp.done.reload"))
    return {"lines": lines, "tone": "wait" if conflicts or run.message or stuck else "good"}


def _paths(key: str) -> tuple[str, ...]:
    return tuple(key.partition("@")[0].split("+"))


async def _hit(request: Request, case: Case, company: CompanyRow, role: str, one: Candidate) -> Hit:
    words = case.words
    facts = [words(f"erp.find.number.{case.record.entity}", number=one.number)] if one.number else []
    facts += [words("erp.find.org", number=one.org_number)] if one.org_number else []
    facts += [one.postcode] if one.postcode else []
    here = one.linked_to == case.record
    taken = words("erp.find.taken_here" if here else "erp.find.taken") if one.linked_to is not None else ""
    level = "likely" if one.score >= LIKELY or one.certain else "possible" if one.score >= POSSIBLE else "unlikely"
    told = [reason for reason in one.reasons if not (reason == "same_domain" and "same_email" in one.reasons)]
    reasons = [(words(f"erp.reasons.{reason}"), reason not in AGAINST) for reason in told]
    return Hit(
        name=one.name,
        facts=tuple(facts),
        share=words("erp.find.score", share=words.percent(Decimal(str(one.score)))),
        percent=round(one.score * 100),
        likelihood=level,
        reasons=tuple(sorted(reasons, key=lambda pair: not pair[1])),
        href=None if taken else case.at(view="compare", company=company.alias, role=role or None, erp=one.erp_id),
        taken=taken,
        taken_href=await _taken_href(request, case, one.linked_to) if one.linked_to is not None and not here else None,
    )


async def _taken_href(request: Request, case: Case, linked_to: CrmAddress) -> str | None:
    """The ERP tab of the record that a candidate is linked with, for those who may read it."""
    if not case.viewer.is_local:
        try:
            if not (await case.panels.walls.access(request, linked_to.entity, linked_to.id)).may_read:
                return None
        except SystemDown:
            return None
    whom = {"tenant": case.tenant, "id": str(linked_to.id), "lang": case.address.get("lang") or ""}
    return Address(PANELS[linked_to.entity], whom).to(tab=ERP)


def _hidden(case: Case, company: CompanyRow, role: str) -> list[tuple[str, str]]:
    """What a search form carries along."""
    address = case.address
    parts = {"tenant": case.tenant, "id": str(case.record.id), "lang": address.get("lang") or ""}
    parts |= {"tab": ERP, "view": "find", "company": company.alias, "role": role}
    return [(name, value) for name, value in parts.items() if value]


def _is_live(case: Case, company: CompanyRow) -> bool:
    go_live = case.panels.settings.go_live
    return "all" in go_live or company.alias in go_live


def _role(role: str) -> str | None:
    """A role as an address names it; a project's is none."""
    return role if role in ("customer", "supplier") else None


def _role_of(case: Case, role: str) -> str:
    """What the record becomes in the ERP."""
    return role if case.record.entity == "contact" else case.record.entity


def _parent_href(case: Case, found: Overview) -> str | None:
    """A person's company, which has an ERP tab and figures of its own."""
    if found.parent is None:
        return None
    whom = {"tenant": case.tenant, "id": str(found.parent.id), "lang": case.address.get("lang") or ""}
    return Address(PANELS["contact"], whom).to(**({} if found.parent_linked else {"tab": ERP}))
