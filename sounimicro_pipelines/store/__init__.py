"""What must survive: links, baselines, journal, work list, issues, rule versions, published reports.

`open_store(url)` gives a `Store` on SQLite or Postgres. Work happens in `with store.transaction() as tx:` (writes) and
`with store.read() as tx:` (one unchanging picture); the modules of this room are small functions that take such a `tx`.
"""

from __future__ import annotations

from sounimicro_pipelines.store.database import Store, Transaction, open_store
from sounimicro_pipelines.store.errors import (
    Foreign,
    FromTheFuture,
    Locked,
    Outdated,
    StoreError,
    UnknownAddress,
    Unreachable,
    Unwritable,
)
from sounimicro_pipelines.store.tables import StoreTables

__all__ = [
    "Foreign",
    "FromTheFuture",
    "Locked",
    "Outdated",
    "Store",
    "StoreError",
    "StoreTables",
    "Transaction",
    "UnknownAddress",
    "Unreachable",
    "Unwritable",
    "open_store",
]
