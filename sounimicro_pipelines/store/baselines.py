"""What each side read back after the last agreement, per link."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import xxhash
from sqlalchemy.exc import IntegrityError

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.errors import Outdated
from sounimicro_pipelines.store.rows import maybe, upsert
from sounimicro_pipelines.store.statements import change, find_one


@dataclass(frozen=True, slots=True)
class Baseline:
    """Field → normalised value, on both sides; see `tables.baselines`."""

    link_id: int
    crm: dict[str, Any]
    erp: dict[str, Any]
    rule_version: int
    agreed_at: datetime
    crm_stamp: str | None = None
    erp_stamp: str | None = None
    crm_digest: str = ""
    erp_digest: str = ""
    revision: int = 0


def digest(values: Mapping[str, Any]) -> str:
    """The digest of mapped fields, equal for equal values whatever their order."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)
    return xxhash.xxh3_128_hexdigest(text.encode())


def get(tx: Transaction, link_id: int) -> Baseline | None:
    return maybe(Baseline, find_one(tx, tx.tables.baselines, link_id=link_id))


def save(tx: Transaction, baseline: Baseline) -> Baseline:
    """Store a baseline that was read at `baseline.revision` (0: there was none); answers it with its new revision.

    Raises Outdated when another engine has stored one since, or the link is gone.
    """
    table = tx.tables.baselines
    values: dict[str, Any] = {
        "crm": baseline.crm,
        "erp": baseline.erp,
        "crm_digest": digest(baseline.crm),
        "erp_digest": digest(baseline.erp),
        "crm_stamp": baseline.crm_stamp,
        "erp_stamp": baseline.erp_stamp,
        "rule_version": baseline.rule_version,
        "revision": baseline.revision + 1,
        "agreed_at": baseline.agreed_at,
    }
    stored = False
    if baseline.revision:
        stored = bool(change(tx, table, values, link_id=baseline.link_id, revision=baseline.revision))
    else:
        try:
            with tx.attempt():
                new = {"link_id": baseline.link_id, **values}
                stored = bool(upsert(tx, table, new, keys=["link_id"], update={}))
        except IntegrityError:
            stored = False
    if not stored:
        raise Outdated(f"The baseline of link {baseline.link_id} has changed meanwhile.", remedy="Read it again.")
    return Baseline(link_id=baseline.link_id, **values)
