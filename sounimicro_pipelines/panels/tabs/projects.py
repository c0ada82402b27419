"""Prosjekter: a customer's projects, from the sums to accounts, posted lines and their vouchers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.panels.figures import projects as figures
from sounimicro_pipelines.panels.grid import Column, Grid, Row, as_row
from sounimicro_pipelines.panels.visit import Screen, Tab, Visit
from sounimicro_pipelines.panels.words import Words


def build(visit: Visit) -> Screen:
    view = visit.address.choice("view", ("all", "project", "account"), "all")
    if view == "all":
        return _list(visit)
    project = figures.project(visit.tx, visit.subject, visit.address.identifier("project") or 0)
    return _account(visit, project) if view == "account" else _project(visit, project)


def _list(visit: Visit) -> Screen:
    rows = [as_row(project) for project in figures.projects(visit.tx, visit.subject)]
    return Screen(
        template="list.html",
        title=visit.words("tabs.projects"),
        grid=Grid("projects", LIST_COLUMNS, rows, visit.address, visit.words),
        caption=visit.words("projects.caption.all", name=visit.party.name),
        empty=visit.words("projects.empty"),
    )


def _project(visit: Visit, project: figures.Project) -> Screen:
    grid = None
    if "project_line" in visit.version.tables:
        lines = figures.project_lines(visit.tx, visit.subject.company, project.project_id)
        rows = [{**as_row(account), "project_id": project.project_id} for account in figures.accounts(lines)]
        grid = Grid("project", ACCOUNT_COLUMNS, rows, visit.address, visit.words)
    return Screen(
        template="project.html",
        title=_title(visit, project),
        grid=grid,
        caption=visit.words("projects.caption.accounts"),
        empty=visit.words("projects.no_lines"),
        back=visit.address.back(tab="projects"),
        data={"project": project},
    )


def _account(visit: Visit, project: figures.Project) -> Screen:
    number = visit.address.get("account") or ""
    lines = figures.project_lines(visit.tx, visit.subject.company, project.project_id, number)
    name = lines[0].account_name if lines else ""
    has_vouchers = "voucher_line" in visit.version.tables

    def voucher(row: Row) -> Mapping[str, Any] | None:
        if not row["voucher_id"] or not has_vouchers:
            return None
        return {"tab": "statement", "view": "voucher", "voucher": row["voucher_id"]}

    columns = [
        Column(
            "voucher_number",
            link=voucher,
            words=lambda row, words: str(row["voucher_number"] or row["voucher_id"] or "–"),
        ),
        Column("financial_date", "date"),
        Column("text", wide=True),
        Column("amount", "money", total=True),
    ]
    return Screen(
        template="list.html",
        title=f"{_title(visit, project)} · {number} {name or ''}".strip(),
        grid=Grid("project-account", columns, [as_row(line) for line in lines], visit.address, visit.words),
        caption=visit.words("projects.caption.lines"),
        empty=visit.words("projects.no_lines"),
        back=visit.address.back(tab="projects", view="project", project=project.project_id),
    )


def _title(visit: Visit, project: figures.Project) -> str:
    return visit.words("projects.one", number=project.number or project.project_id, name=project.name or "").strip()


def _project_link(row: Row) -> Mapping[str, Any]:
    return {"tab": "projects", "view": "project", "project": row["project_id"]}


def _account_link(row: Row) -> Mapping[str, Any] | None:
    if not row["account_number"]:
        return None
    return {"tab": "projects", "view": "account", "project": row["project_id"], "account": row["account_number"]}


def _number(row: Row, words: Words) -> str:
    return str(row["number"] or row["project_id"])


LIST_COLUMNS = [
    Column("number", link=_project_link, words=_number),
    Column("name"),
    Column("status", codes="project_status", wide=True),
    Column("start_date", "date", wide=True),
    Column("end_date", "date", wide=True),
    Column("income", "money", total=True, wide=True),
    Column("cost", "money", total=True, wide=True),
    Column("margin", "money", total=True),
    Column("invoiced", "money", total=True, wide=True),
]
ACCOUNT_COLUMNS = [
    Column("account_number", link=_account_link),
    Column("account_name"),
    Column("kind", codes="project_kinds"),
    Column("line_count", "integer", wide=True),
    Column("amount", "money"),
]
TAB = Tab("projects", figures.TABLES, build, only_for="customer")
