"""Vouchers, projects, budgets against actual figures, and stored files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines_tests.reports.oracle.basics import ZERO, World, day, ident, ore, text, total

PROJECT = {42201: "registered", 42202: "offer_phase", 42203: "in_progress", 42204: "completed", 42205: "discarded"}
COST = "45678"


def accounts_figures(
    world: World, figures: dict[str, list[dict[str, Any]]], register: Sequence[tuple[str, int, int, Decimal]]
) -> dict[str, list[dict[str, Any]]]:
    vouchers = _voucher_lines(world)
    projects = [line for line in map(_project_line, vouchers) if line is not None]
    return {
        "voucher_line": vouchers,
        "project_line": projects,
        "project": _projects(world, figures, projects),
        "budget_actual": _budget_actual(world, figures, vouchers, register),
        "accounting_period": _periods(world),
        "document_file": _files(world),
    }


def _voucher_lines(world: World) -> list[dict[str, Any]]:
    found = []
    for line in world.live("JournalEntryLine"):
        account = world.get("Account", line.get("AccountID"))
        whose = world.sub_ledger.get(line.get("SubAccountID") or 0)
        name = None
        if whose is not None:
            entity = "Customer" if whose[0] == "customer" else "Supplier"
            party = world.get(entity, whose[1])
            if party is not None and not party.get("Deleted"):
                name = world.name("BusinessRelation", party.get("BusinessRelationID"))
            name = name if name is not None else world.name("Account", line.get("SubAccountID"), "AccountName")
        moment = day(line.get("FinancialDate"))
        year, period = world.period_of(moment, line.get("PeriodID"))
        found.append(
            {
                "journal_entry_line_id": line["ID"],
                "voucher_id": ident(line.get("JournalEntryID")) or 0,
                "voucher_number": line.get("JournalEntryNumber"),
                "financial_date": moment,
                "year": year,
                "period": period,
                "account_id": ident(line.get("AccountID")),
                "account_number": text(account.get("AccountNumber")) if account else None,
                "account_name": account.get("AccountName") if account else None,
                "account_class": world.account_class(account) if account else None,
                "party_role": whose[0] if whose else None,
                "party_id": whose[1] if whose else None,
                "party": name,
                "project_id": world.dimension(line.get("DimensionsID"), "ProjectID"),
                "department_id": world.dimension(line.get("DimensionsID"), "DepartmentID"),
                "dimensions_id": ident(line.get("DimensionsID")),
                "text": line.get("Description"),
                "amount": ore(line["Amount"]),
                "currency": world.currency(line.get("CurrencyCodeID")),
                "amount_currency": ore(line.get("AmountCurrency")),
            }
        )
    return found


def _project_line(line: dict[str, Any]) -> dict[str, Any] | None:
    group = line["account_class"] or ""
    if line["project_id"] is None or (group != "3" and group not in COST) or not group:
        return None
    names = (
        "project_id", "journal_entry_line_id", "financial_date", "year", "period", "account_number", "account_name",
        "voucher_id", "voucher_number", "party", "text",
    )  # fmt: skip
    income = group == "3"
    return {name: line[name] for name in names} | {
        "amount": -line["amount"] if income else line["amount"],
        "kind": "income" if income else "cost",
    }


def _budget_entries(world: World) -> list[tuple[int, int, Any, Any, str, int, Decimal]]:
    """Year, period, project, department, class, account, amount of active budgets' entries."""
    found = []
    for entry in world.live("BudgetEntry"):
        budget = world.get("Budget", entry.get("BudgetID"))
        if budget is None or budget.get("Deleted") or budget.get("StatusCode") != 47002 or not entry.get("AccountID"):
            continue
        account = world.get("Account", entry["AccountID"])
        found.append(
            (
                budget["AccountingYear"],
                entry["PeriodNumber"],
                world.dimension(entry.get("DimensionsID"), "ProjectID"),
                world.dimension(entry.get("DimensionsID"), "DepartmentID"),
                (world.account_class(account) or "") if account else "",
                entry["AccountID"],
                ore(entry.get("Amount")),
            )
        )
    return found


def _projects(
    world: World, figures: dict[str, list[dict[str, Any]]], lines: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    entries = _budget_entries(world)
    head = {(one["role"], one["invoice_id"]): one for one in figures["invoice"]}
    found = []
    for raw in world.live("Project"):
        key = raw["ID"]
        income = total(line["amount"] for line in lines if line["project_id"] == key and line["kind"] == "income")
        cost = total(line["amount"] for line in lines if line["project_id"] == key and line["kind"] == "cost")
        budget_income = -total(one[6] for one in entries if one[2] == key and one[4] == "3")
        budget_cost = total(one[6] for one in entries if one[2] == key and one[4] and one[4] in COST)
        invoiced = ZERO
        for one in figures["invoice"]:
            if one["role"] == "customer" and one["project_id"] == key:
                invoiced += one["net_amount"]
        for line in figures["invoice_line"]:
            if line["role"] == "customer":
                invoiced += line["net_amount"] if line["project_id"] == key else ZERO
                invoiced -= line["net_amount"] if head["customer", line["invoice_id"]]["project_id"] == key else ZERO
        reserve = total(
            line["remaining_net_amount"] or ZERO for line in figures["sales_line"] if line["project_id"] == key
        )
        found.append(
            {
                "project_id": key,
                "number": raw.get("ProjectNumber"),
                "name": raw.get("Name"),
                "status": PROJECT.get(raw.get("StatusCode") or 0),
                "status_code": raw.get("StatusCode"),
                "party_id": ident(raw.get("ProjectCustomerID")),
                "start_date": day(raw.get("StartDate")),
                "end_date": day(raw.get("EndDate")) or day(raw.get("PlannedEnddate")),
                "planned_start_date": day(raw.get("PlannedStartdate")),
                "planned_end_date": day(raw.get("PlannedEnddate")),
                "income": income,
                "cost": cost,
                "margin": income - cost,
                "budget": budget_income - budget_cost,
                "budget_income": budget_income,
                "budget_cost": budget_cost,
                "order_reserve": reserve,
                "invoiced": invoiced,
            }
        )
    return found


def _budget_actual(
    world: World,
    figures: dict[str, list[dict[str, Any]]],
    vouchers: list[dict[str, Any]],
    register: Sequence[tuple[str, int, int, Decimal]],
) -> list[dict[str, Any]]:
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for line in vouchers:
        if line["account_id"] is None or line["year"] is None:
            continue
        for scope in ("account", "project", "department"):
            if line[f"{scope}_id"] is not None:
                sums[scope, line[f"{scope}_id"], line["account_id"], line["year"], line["period"]][1] += line["amount"]
    for year, period, project, department, _, account, amount in _budget_entries(world):
        for scope, scope_id in (("account", account), ("project", project), ("department", department)):
            if scope_id is not None:
                sums[scope, scope_id, account, year, period][0] += amount
    by_number = {str(one["CustomerNumber"]): one["ID"] for one in world.live("Customer") if one.get("CustomerNumber")}
    for number, year, period, amount in register:
        if number in by_number:
            sums["customer", by_number[number], None, year, period][0] += amount
    for one in figures["invoice"]:
        if one["role"] == "customer" and one["invoice_date"]:
            year, period = world.period_of(one["invoice_date"])  # type: ignore[assignment]
            sums["customer", one["party_id"], None, year, period][1] += one["net_amount"]
    found = []
    for (scope, scope_id, account_id, year, period), (budget, actual) in sums.items():
        account = world.get("Account", account_id)
        group = (world.account_class(account) or "") if account else ""
        kind = "income" if scope == "customer" or group == "3" else "cost" if group and group in COST else None
        if group == "3":
            budget, actual = -budget, -actual
        variance = actual - budget
        found.append(
            {
                "scope": scope,
                "scope_id": scope_id,
                "account_id": account_id,
                "account_number": text(account.get("AccountNumber")) if account else None,
                "account_name": account.get("AccountName") if account else None,
                "year": year,
                "period": period,
                "kind": kind,
                "budget_amount": budget,
                "actual_amount": actual,
                "variance_amount": variance,
                "favourable": {"income": variance >= 0, "cost": variance <= 0}.get(kind or ""),
            }
        )
    return found


def _periods(world: World) -> list[dict[str, Any]]:
    days: dict[tuple[int, int], list[date]] = defaultdict(list)
    for one, period in world.calendar.items():
        days[period].append(one)
    return [
        {"year": year, "period": period, "start_date": min(held), "end_date": max(held)}
        for (year, period), held in days.items()
    ]


def _files(world: World) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for file in world.live("File"):
        for link in file.get("EntityLinks") or ():
            if link.get("Deleted") or not link.get("EntityType") or not link.get("EntityID"):
                continue
            owner = re.sub(r"(?<!^)(?=[A-Z])", "_", link["EntityType"]).lower()
            row = found.setdefault(
                (owner, link["EntityID"], file["ID"]),
                {
                    "owner_type": owner,
                    "owner_id": link["EntityID"],
                    "file_id": file["ID"],
                    "name": file.get("Name"),
                    "content_type": file.get("ContentType"),
                    "size": file.get("Size"),
                    "storage_reference": file.get("StorageReference"),
                    "is_attachment": False,
                },
            )
            row["is_attachment"] = row["is_attachment"] or bool(link.get("IsAttachment"))
    return list(found.values())
