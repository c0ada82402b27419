"""What every answer of the JSON API has in common: parameters, the head about the party, errors."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from sounimicro_pipelines.panels.cache import FETCHED
from sounimicro_pipelines.panels.field_names import problem_text
from sounimicro_pipelines.panels.figures.party import Party, Version
from sounimicro_pipelines.panels.words import choose_language, words


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    code: str
    message: str


class Problem(BaseModel):
    """What is wrong, and what to do; `fields` by field key, where something is wrong with single fields."""

    code: str
    message: str
    remedy: str
    fields: dict[str, FieldProblem] | None = None


class ErrorAnswer(BaseModel):
    error: Problem


class Whom(BaseModel):
    """Company (alias), role and the party's id in the ERP."""

    company: str
    role: Literal["customer", "supplier"]
    party_id: int


class Stand(BaseModel):
    """Which version of the figures this is. `ties_out`: agrees with the ledger; null when not checked."""

    fetched_at: datetime
    as_of: date
    ties_out: bool | None
    finding: str | None


class Summary(BaseModel):
    """Amounts in company currency, VAT included but for what was invoiced. Days are averages over paid invoices."""

    number: str
    name: str
    org_number: str | None
    currency: str
    balance: Decimal
    open_amount: Decimal
    overdue_amount: Decimal
    unallocated_amount: Decimal
    overdue_count: int
    oldest_due_date: date | None
    credit_days: int | None
    actual_credit_days: Decimal | None
    average_days_late: Decimal | None
    paid_invoice_count: int | None
    last_payment_date: date | None
    invoiced_this_year: Decimal
    invoiced_last_year: Decimal


class Head(BaseModel):
    """How every answer about a party begins."""

    whom: Whom
    stand: Stand
    summary: Summary


def _error(description: str) -> dict[str, Any]:
    return {"model": ErrorAnswer, "description": description}


ALWAYS: dict[int | str, dict[str, Any]] = {
    401: _error("Nobody has signed in"),
    429: _error("More requests than one person may make; Retry-After says how many seconds to wait"),
    500: _error("A fault of ours; the log has the details"),
}
"""What any question may be answered with."""
ERRORS: dict[int | str, dict[str, Any]] = ALWAYS | {
    400: _error("A period that ends before it begins"),
    403: _error("Not for this person, whether it exists or not"),
    404: _error("No such company or party, or nothing of theirs"),
    422: _error("A parameter that cannot be meant"),
    503: _error("Not published yet, or the store or the CRM does not answer"),
}


def head(card: Party, version: Version) -> dict[str, Any]:
    """Whom, which version, and the summary: the beginning of every answer about a party. Holds FETCHED."""
    return {
        "whom": asdict(card.subject),
        "stand": {
            "fetched_at": FETCHED,
            "as_of": version.as_of,
            "ties_out": version.ties_out,
            "finding": version.finding,
        },
        "summary": {
            "number": card.number,
            "name": card.name,
            "org_number": card.org_number,
            "currency": card.currency,
            "balance": card.balance,
            "open_amount": card.open_amount,
            "overdue_amount": card.overdue_amount,
            "unallocated_amount": card.unallocated_amount,
            "overdue_count": card.overdue_count,
            "oldest_due_date": card.oldest_due_date,
            "credit_days": card.credit_days,
            "actual_credit_days": card.actual_credit_days,
            "average_days_late": card.average_days_late,
            "paid_invoice_count": card.paid_invoice_count,
            "last_payment_date": card.last_payment_date,
            "invoiced_this_year": card.invoiced_this_year,
            "invoiced_last_year": card.invoiced_last_year,
        },
    }


def encoded(body: Any) -> bytes:
    """JSON without a detour over floats."""
    return msgspec.json.encode(body)


def error_answer(request: Request, status: int, key: str, parameters: dict[str, Any]) -> Response:
    language = words(choose_language(None, request.headers.get("accept-language")))
    problem: dict[str, Any] = {
        "code": key,
        "message": language(f"errors.{key}.title", **parameters),
        "remedy": language(f"errors.{key}.advice", **parameters),
    }
    fields: dict[str, Any] = parameters.get("fields") or {}
    if fields:
        problem["fields"] = {
            name: {"code": one.kind, "message": problem_text(language, one.kind, otherwise=one.cause)}
            for name, one in fields.items()
        }
    return Response(encoded({"error": problem}), status, media_type="application/json")
