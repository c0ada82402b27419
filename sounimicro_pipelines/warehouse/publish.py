"""From the marts of one company's DuckDB file to the store's report tables, one version after the other.

Only groups of rows that changed (usually one party's) are written, all of them in one transaction: readers see the old
version or the new one. A large table of which there is no version yet is written ahead of that. After builds by parts
only what they made anew is looked at. A publish that is killed leaves the old version, and the next writes what this
one would have.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from sounimicro_pipelines.store import Store, reports
from sounimicro_pipelines.store.reports import Published, PublishedBuild
from sounimicro_pipelines.warehouse.ahead import write_ahead
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.due import Due, PublishError, PublishMeta, TableResult, look_at
from sounimicro_pipelines.warehouse.groups import Stand
from sounimicro_pipelines.warehouse.leisure import at_leisure
from sounimicro_pipelines.warehouse.meanwhile import Once
from sounimicro_pipelines.warehouse.written import write

__all__ = ["PublishError", "PublishMeta", "PublishResult", "TableResult", "TieOut", "meta_from_manifest", "publish"]

ATTEMPTS = 5

_ALIAS = re.compile(r"[a-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class TieOut:
    """Whether a table agrees with the ledger (None: not checked), and what does not."""

    ties_out: bool | None = None
    finding: str | None = None


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What one publish did."""

    company: str
    seconds: float
    tables: tuple[TableResult, ...] = field(default=())

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def written_rows(self) -> int:
        return sum(table.written_rows for table in self.tables)


def publish(
    source: Path | str | AbstractContextManager[duckdb.DuckDBPyConnection],
    store: Store,
    *,
    company: str,
    as_of: date,
    fetched_at: datetime,
    run_id: str,
    tie_out: TieOut | Mapping[str, TieOut] | None,
    publish_meta: Mapping[str, PublishMeta | tuple[Sequence[str], Sequence[Any]]],
    schema: str = "reports",
) -> PublishResult:
    """Publish a company's marts.

    `source` is its warehouse file, or what opens a connection to the database that holds the marts. `company` is
    the alias, `as_of` the Oslo day that the marts were built for, `fetched_at` when the ERP was read (the oldest
    feed). `tie_out` is one verdict for all tables or one for each. Raises PublishError for a mart that is missing,
    lacks a key column or holds floating-point numbers; WarehouseError and StoreError as their rooms do.
    """
    started = time.perf_counter()
    if not _ALIAS.fullmatch(company):
        raise PublishError(f"«{company}» is no alias of a company.", remedy="Use 1 to 40 of a–z, 0–9, - and _.")
    metas = {
        name: meta if isinstance(meta, PublishMeta) else PublishMeta.of(*meta)
        for name, meta in sorted(publish_meta.items())
    }
    opening = Warehouse(Path(source), checkpoint=False) if isinstance(source, (str, Path)) else source
    with ExitStack() as stack, Once(stack.close) as closing:  # closing takes as long as the commit
        # Comparing is most of the work, and holds no lock.
        warehouse = at_leisure(lambda: stack.enter_context(opening))
        stand = Stand.of(warehouse)

        def compare() -> tuple[dict[str, Published], list[Due]]:
            with store.read() as tx:
                version, built = reports.published(tx, company), reports.published_builds(tx, company)
                plans = [
                    look_at(warehouse, tx, schema, name, meta, company, stand, version.get(name), built.get(name))
                    for name, meta in metas.items()
                ]
                return version, plans

        for _ in range(ATTEMPTS):
            version, plans = at_leisure(compare)
            ahead = write_ahead(warehouse, store, schema, plans, company)
            with store.transaction(durable=False, leaves_log=True) as tx:
                reports.hold_company(tx, company)
                if reports.published(tx, company) != version or not ahead.stands(tx):
                    continue
                due = [plan for plan in plans if plan.table.name not in ahead.tables]
                here = write(warehouse, tx, schema, due, company, when_read=closing.begin)
                results = tuple(here.get(plan.table.name) or plan.result(plan.to_write) for plan in plans)
                builds = {
                    plan.table.name: PublishedBuild(plan.shape, stand.builds[-1]) for plan in plans if stand.builds
                }
                reports.set_published_builds(tx, company, builds)
                for result in results:
                    verdict = tie_out if isinstance(tie_out, TieOut) else (tie_out or {}).get(result.table, TieOut())
                    reports.set_published(
                        tx,
                        Published(
                            company=company,
                            table_name=result.table,
                            fetched_at=fetched_at,
                            erp_as_of=as_of,
                            rows=result.rows,
                            run_id=run_id,
                            ties_out=verdict.ties_out,
                            finding=verdict.finding,
                        ),
                    )
            break
        else:
            raise PublishError(
                f"Another publish of «{company}» got in between {ATTEMPTS} times.",
                remedy="Let one run publish a company at a time.",
            )
    return PublishResult(company, time.perf_counter() - started, results)


def meta_from_manifest(manifest: Mapping[str, Any], schema: str = "reports") -> dict[str, PublishMeta]:
    """The tables to publish, as a dbt manifest names them (`meta.publish` of the models in the schema)."""
    found: dict[str, PublishMeta] = {}
    for node in manifest.get("nodes", {}).values():
        meta = node.get("config", {}).get("meta", {}) or node.get("meta", {})
        wish = meta.get("publish")
        if node.get("resource_type") == "model" and wish and node.get("schema") == schema:
            scope = meta.get("scope") or {}
            found[node.get("alias") or node["name"]] = replace(
                PublishMeta.of(wish["key"], wish.get("index", ())),
                rebuilt=f"rebuilt_{scope.get('rebuilt', scope['touched'])}" if scope else "",
            )
    return found
