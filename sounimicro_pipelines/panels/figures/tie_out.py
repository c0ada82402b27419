"""Where a company's figures do not tie out with its ledger: which checks fail, and by what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Transaction, reports

_AMOUNTS = re.compile(r"(.*: )?(-?\d+(?:\.\d+)?) <> (-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Failed:
    """A check that does not hold: in how many places, and the first of these as the check tells them."""

    name: str
    count: int
    keys: tuple[str, ...]


def failed(tx: Transaction, company: str) -> list[Failed]:
    """The checks of a company that fail; none where checks have not been published."""
    if "tie_out" not in reports.published(tx, company):
        return []
    rows = reports.read_rows(tx, "tie_out", {"company": company})
    return [
        Failed(str(row["check_name"]), int(row["offence_count"] or 0), _keys(row.get("offending_keys")))
        for row in sorted(rows, key=lambda row: str(row["check_name"]))
        if not row["ok"]
    ]


def told(words: Words, checks: list[Failed], subject: Subject | None = None) -> list[dict[str, Any]]:
    """The checks in words, each with its places: those of one party, or all that are known when None."""
    return [
        {
            "text": words.or_raw("tie_out.checks", check.name),
            "count": check.count,
            "keys": [_said(words, key) for key in (check.keys if subject is None else own_keys(check.keys, subject))],
        }
        for check in checks
    ]


def own_keys(keys: tuple[str, ...], subject: Subject) -> tuple[str, ...]:
    """Those about a party, without saying so: what others owe is not for whoever looks at this one."""
    start = f"{subject.role} {subject.party_id}"
    own = (key.removeprefix(start) for key in keys if key.startswith((f"{start} ", f"{start}:")))
    return tuple(key.lstrip(": ") for key in own)


def _said(words: Words, key: str) -> str:
    """A place, its two amounts as the reader writes them."""
    found = _AMOUNTS.fullmatch(key)
    if found is None:
        return key
    where, expected, actual = found.groups()
    return f"{where or ''}{words('tie_out.differs', expected=_money(words, expected), actual=_money(words, actual))}"


def _money(words: Words, text: str) -> str:
    return words.money(Decimal(text))


def _keys(text: Any) -> tuple[str, ...]:
    return tuple(str(text).split("; ")) if text else ()
