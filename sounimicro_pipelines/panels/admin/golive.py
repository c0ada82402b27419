"""Going live: what linking and creating would mean in an ERP company, and a person's acceptance of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.admin.acting import Trouble, known, trouble
from sounimicro_pipelines.panels.admin.frame import AdminPage, AtDesk, Desk
from sounimicro_pipelines.panels.admin.known import Known, people
from sounimicro_pipelines.panels.admin.naming import company_in_use, company_rows
from sounimicro_pipelines.store import Transaction, runs
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.runs import GoLiveReport, LiveSince
from sounimicro_pipelines.sync import golive, golive_asked
from sounimicro_pipelines.sync.connecting import RequestRefused
from sounimicro_pipelines.sync.golive_asked import Progress
from sounimicro_pipelines.sync.opening import Connection

router = APIRouter()
PAGE = AdminPage("go-live", "/admin/go-live", router)
SHOWN = 100
"""Records of each kind on the page; the report holds more, and its counts are of all."""
LATE = timedelta(minutes=2)
"""A wish that has waited so long is waiting for a Dagster that is not running."""
SECTIONS = ("matched", "suggested", "only_crm", "only_erp", "duplicates_crm", "duplicates_erp")


@dataclass(frozen=True, slots=True)
class Standing:
    """A company on its way: whether the sync writes there, since when and by whom, and its newest report."""

    company: CompanyRow
    live: bool
    said: str
    report: GoLiveReport | None
    made: str
    href: str


@dataclass(frozen=True, slots=True)
class Line:
    """One record or pair of a report: what stands in the CRM, in the ERP, and a note."""

    crm: str
    erp: str
    note: str


@dataclass(frozen=True, slots=True)
class Section:
    """Records of one kind. `count` is of all, `lines` are those that are shown."""

    name: str
    title: str
    count: int
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class OfRule:
    """A rule's part of a report."""

    name: str
    title: str
    counts: Mapping[str, int]
    sections: list[Section]


@router.get("/admin/go-live")
async def listing(desk: AtDesk) -> Response:
    """The companies, and where each stands."""

    called = await people(desk)

    def read(tx: Transaction) -> list[Standing]:
        return [_standing(desk, tx, row, called) for row in company_rows(desk, tx).values() if row.active]

    return desk.show(
        "admin_go_live.html", PAGE.name, title=desk.words("go_live.title"), standings=await desk.panels.read(read)
    )


@router.get("/admin/go-live/{alias}")
async def one_company(desk: AtDesk, alias: str) -> Response:
    """A company's report."""
    return await _show(desk, alias)


@router.post("/admin/go-live/{alias}/make")
async def make(desk: AtDesk, alias: str) -> Response:
    """Ask for the report, from the registers as they were read last; a run of Dagster's makes it."""
    row = await company_in_use(desk, alias)

    def note(tx: Transaction) -> None:
        golive_asked.ask(tx, row.company_key, desk.panels.clock.now())
        desk.audit(tx, "go_live_report", f"company:{row.alias}", company_key=row.company_key)

    await desk.change(note)
    return desk.redirect(f"/admin/go-live/{alias}", done="report_asked")


@router.post("/admin/go-live/{alias}/accept")
async def accept(desk: AtDesk, alias: str, report: Annotated[int, Form()]) -> Response:
    """Let the sync write to the company from now on."""
    row = await company_in_use(desk, alias)

    async def work(connection: Connection) -> GoLiveReport:
        world = await connection.world(by=desk.viewer.actor)
        with connection.store.read() as tx:
            newest = runs.go_live_report(tx, world.tenant, row.company_key)
            if runs.live_since(tx, world.tenant, row.company_key) is not None:
                raise RequestRefused("live_already", "The company has gone live already.")
        if newest is not None and newest.id != report:
            raise RequestRefused("newer_report", "There is a newer report.")
        return golive.accept(world, row.company_key, by=desk.viewer.actor)

    try:
        kept = await desk.panels.engine.act(work)
    except SounimicroError as error:
        return await _show(desk, alias, trouble(desk.words, error))
    await desk.change(lambda tx: desk.audit(tx, "went_live", f"report:{kept.id}", company_key=row.company_key))
    return desk.redirect(f"/admin/go-live/{alias}", done="went_live")


async def _show(desk: Desk, alias: str, problem: Trouble | None = None) -> Response:
    row, called = await company_in_use(desk, alias), await people(desk)
    standing, progress = await desk.panels.read(
        lambda tx: (_standing(desk, tx, row, called), golive_asked.progress(tx, row.company_key))
    )
    rules = _rules(desk, standing.report, await _persons(desk, row, standing.report)) if standing.report else []
    return desk.show(
        "admin_go_live_report.html",
        PAGE.name,
        title=desk.words("go_live.one", company=row.name),
        problem=problem,
        standing=standing,
        waiting=_waiting(desk, progress),
        failed=_failed(desk, progress),
        rules=rules,
        back_href=desk.to(PAGE.path),
        issues_href=desk.to("/admin/issues", company=alias),
    )


def _waiting(desk: Desk, progress: Progress | None) -> str:
    """What a report waits for, "" when nobody waits for one."""
    if progress is None or progress.state == "failed":
        return ""
    late = progress.state == "asked" and desk.panels.clock.now() - progress.at > LATE
    return desk.words(f"go_live.{'late' if late else progress.state}", moment=desk.words.moment(progress.at))


def _failed(desk: Desk, progress: Progress | None) -> Trouble | None:
    """Why the last report was not made."""
    if progress is None or progress.state != "failed":
        return None
    return known(desk.words, f"trouble.{progress.error}", progress.said, "")


def _standing(desk: Desk, tx: Transaction, row: CompanyRow, called: Known) -> Standing:
    words, settings = desk.words, desk.panels.settings
    tenant = settings.superoffice_tenant or desk.viewer.tenant
    since: LiveSince | None = runs.live_since(tx, tenant, row.company_key)
    by_settings = bool({"all", row.alias} & settings.go_live)
    report = runs.go_live_report(tx, tenant, row.company_key)
    if since is not None:
        said = words("go_live.since", moment=words.moment(since.accepted_at), by=called.who(since.accepted_by))
    elif by_settings:
        said = words("go_live.by_settings")
    else:
        said = words("go_live.waiting" if report else "go_live.no_report")
    return Standing(
        company=row,
        live=since is not None or by_settings,
        said=said,
        report=report,
        made=words.moment(report.made_at) if report else "",
        href=desk.to(f"/admin/go-live/{row.alias}"),
    )


async def _persons(desk: Desk, row: CompanyRow, report: GoLiveReport) -> Mapping[str, str]:
    """What the persons are called that the page shows. A report keeps no names of persons; they are asked for."""
    body = report.body.get("person")
    if body is None:
        return {}
    places = [place for section in SECTIONS for line in _places(section, body) for place in line]
    crm, erp = ({number for side, number in places if side == wanted} for wanted in ("crm", "erp"))
    return await desk.panels.tenant.persons(row.company_key, crm, erp) or {}


def _places(section: str, body: Mapping[str, Any]) -> list[list[tuple[str, int]]]:
    """The records of each line of a section that is shown: side and id."""
    shown = body.get(section, [])[:SHOWN]
    if section == "matched":
        return [[("crm", one[0]), ("erp", one[1])] for one in shown]
    if section == "suggested":
        return [[("crm", one["crm"]), *(("erp", each["erp"]) for each in one["candidates"])] for one in shown]
    side = section.rpartition("_")[2]
    return [[(side, one)] if isinstance(one, int) else [(side, each) for each in one] for one in shown]


def _rules(desk: Desk, report: GoLiveReport, persons: Mapping[str, str]) -> list[OfRule]:
    found = []
    for name, kept in report.body.items():
        body = {**kept, "names": persons} if name == "person" else kept
        counts = {key.partition(".")[2]: n for key, n in report.counts.items() if key.startswith(f"{name}.")}
        sections = [
            Section(one, desk.words(f"go_live.sections.{one}"), counts.get(one, 0), _lines(desk, name, one, body))
            for one in SECTIONS
        ]
        found.append(OfRule(name, desk.words(f"rules.names.{name}"), counts, sections))
    return found


def _lines(desk: Desk, rule: str, section: str, body: Mapping[str, Any]) -> list[Line]:
    words, names = desk.words, body.get("names", {})
    ours, theirs = _entities(rule)

    def called(side: str, number: int) -> str:
        entity = ours if side == "crm" else theirs
        name = names.get(f"{side}:{number}", "")
        record = words(f"records.{entity}", id=number)
        return f"{name} ({record})" if name else record

    lines: list[Line] = []
    for one in body.get(section, [])[:SHOWN]:
        if section == "matched":
            lines.append(Line(called("crm", one[0]), called("erp", one[1]), words.or_raw("go_live.ways", one[2])))
        elif section == "suggested":
            for each in one["candidates"]:
                reasons = ", ".join(words.or_raw("erp.reasons", reason) for reason in each["reasons"])
                note = f"{round(100 * float(each['score']))} % – {reasons}" if reasons else ""
                lines.append(Line(called("crm", one["crm"]), called("erp", each["erp"]), note))
        elif section.startswith("only_"):
            side = section.removeprefix("only_")
            lines.append(Line(*(("", called(side, one)) if side == "erp" else (called(side, one), "")), ""))
        else:
            side = section.removeprefix("duplicates_")
            together = " · ".join(called(side, number) for number in one)
            lines.append(Line(*(("", together) if side == "erp" else (together, "")), ""))
    return lines


def _entities(rule: str) -> tuple[str, str]:
    return {
        "customer": ("contact", "Customer"),
        "supplier": ("contact", "Supplier"),
        "person": ("person", "Contact"),
        "project": ("project", "Project"),
    }[rule]
