"""Versions of the rules and of the list mappings: who, when, and back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.rows import build, maybe, upsert
from sounimicro_pipelines.store.statements import find, kept
from sounimicro_pipelines.store.tables import StoreTables


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of one rule, as YAML; see `tables.rule_versions`."""

    rule: str
    version: int
    document: str
    digest: str
    created_at: datetime
    created_by: str
    comment: str
    reverts: int | None


@dataclass(frozen=True, slots=True)
class ListPair:
    """One pair of list items of one company; `way_back` marks the pair used from the ERP to the CRM."""

    company_key: str
    list: str
    crm_item: str
    erp_item: str
    way_back: bool
    set_by: str
    set_at: datetime


def current(tx: Transaction, rule: str) -> RuleVersion | None:
    """The version in force."""
    table = tx.tables.rule_versions
    return maybe(
        RuleVersion, tx.row(select(table).where(table.c.rule == rule).order_by(table.c.version.desc()).limit(1))
    )


def get(tx: Transaction, rule: str, version: int) -> RuleVersion | None:
    table = tx.tables.rule_versions
    return maybe(RuleVersion, tx.row(select(table).where(table.c.rule == rule, table.c.version == version)))


def versions(tx: Transaction, rule: str) -> list[RuleVersion]:
    """Newest first."""
    table = tx.tables.rule_versions
    return [
        build(RuleVersion, row)
        for row in tx.rows(select(table).where(table.c.rule == rule).order_by(table.c.version.desc()))
    ]


def between(tx: Transaction, rule: str, after: int, before: int) -> list[RuleVersion]:
    """The versions that came after one and before another, oldest first."""
    table = tx.tables.rule_versions
    here = (table.c.rule == rule, table.c.version > after, table.c.version < before)
    return [build(RuleVersion, row) for row in tx.rows(select(table).where(*here).order_by(table.c.version))]


def newest(tx: Transaction) -> dict[str, int]:
    """The number of each rule's version in force; a rule that nobody has changed is not among them."""
    return {row.rule: int(row.version) for row in tx.rows(_newest(tx))}


@kept
def _newest(tables: StoreTables) -> Any:
    table = tables.rule_versions
    return select(table.c.rule, func.max(table.c.version).label("version")).group_by(table.c.rule)


def save(
    tx: Transaction,
    rule: str,
    document: str,
    *,
    by: str,
    now: datetime,
    expected: int | None,
    comment: str = "",
    reverts: int | None = None,
) -> RuleVersion:
    """Store a new version after `expected` (None: after whatever is newest; 0: as the first).

    The same document as the one in force makes no new version. Raises Outdated when somebody else has saved since.
    """
    table = tx.tables.rule_versions
    newest = int(tx.scalar(select(func.max(table.c.version)).where(table.c.rule == rule)) or 0)
    if expected is not None and expected != newest:
        raise Outdated(
            f"Somebody has changed the rule «{rule}» since you opened it (version {newest}).",
            remedy="Open it again, and make your change to the newest version.",
        )
    digest = hashlib.sha256(document.encode()).hexdigest()
    before = current(tx, rule)
    if before is not None and before.digest == digest:
        return before
    version = RuleVersion(rule, newest + 1, document, digest, now, by, comment, reverts)
    try:
        with tx.attempt():
            tx.execute(
                table.insert().values(
                    rule=rule,
                    version=version.version,
                    document=document,
                    digest=digest,
                    created_at=now,
                    created_by=by,
                    comment=comment,
                    reverts=reverts,
                )
            )
    except IntegrityError:
        raise Outdated(f"Somebody has just changed the rule «{rule}».", remedy="Open it again.") from None
    return version


def revert(tx: Transaction, rule: str, to_version: int, *, by: str, now: datetime, expected: int | None) -> RuleVersion:
    """Put an old version in force again, as a new one. Raises Outdated when there is no such version."""
    old = get(tx, rule, to_version)
    if old is None:
        raise Outdated(f"The rule «{rule}» has no version {to_version}.", remedy="Choose one from the list.")
    return save(tx, rule, old.document, by=by, now=now, expected=expected, reverts=to_version)


def list_pairs(tx: Transaction, company_key: str, list_name: str | None = None) -> list[ListPair]:
    """The list mappings of a company."""
    named = {} if list_name is None else {"list": list_name}
    rows = find(tx, tx.tables.list_mappings, company_key=company_key, **named)
    return sorted((build(ListPair, row) for row in rows), key=lambda pair: (pair.list, pair.crm_item))


def set_list_pair(tx: Transaction, pair: ListPair) -> None:
    upsert(
        tx,
        tx.tables.list_mappings,
        {
            "company_key": pair.company_key,
            "list": pair.list,
            "crm_item": pair.crm_item,
            "erp_item": pair.erp_item,
            "way_back": pair.way_back,
            "set_by": pair.set_by,
            "set_at": pair.set_at,
        },
        keys=["company_key", "list", "crm_item", "erp_item"],
    )


def remove_list_pair(tx: Transaction, company_key: str, list_name: str, crm_item: str, erp_item: str) -> None:
    table = tx.tables.list_mappings
    tx.execute(
        delete(table).where(
            table.c.company_key == company_key,
            table.c.list == list_name,
            table.c.crm_item == crm_item,
            table.c.erp_item == erp_item,
        )
    )
