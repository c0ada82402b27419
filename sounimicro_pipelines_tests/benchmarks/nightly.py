"""The nightly comparison of a large register with what was agreed on last: its cost follows the changes."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.rules.versions import load_rules
from sounimicro_pipelines.store import open_store, watermarks, work
from sounimicro_pipelines.superoffice.entities import entity_specs
from sounimicro_pipelines.sync.opening import plain_registries
from sounimicro_pipelines.sync.reconcile import reconcile
from sounimicro_pipelines.sync.registers import Files, open_crm
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines.warehouse import Warehouse
from sounimicro_pipelines.warehouse.schema import FeedState, prepare, quoted, write_feed
from sounimicro_pipelines_tests.benchmarks.harness import (
    Comparison,
    Figures,
    Scale,
    bench,
    compare,
    in_process,
    measured,
)

LINKS = {"small": 200_000, "full": 1_000_000}
CHANGED, MANY = 1_000, 20_000
AGREED, LOADED = datetime(2026, 3, 1, 1, tzinfo=UTC), datetime(2026, 3, 2, 1, tzinfo=UTC)
TENANT, COMPANY = "Cust1", "company-1"
COLUMNS = {
    "Name": ("name", "'Firma ' || {i} || ' AS'"),
    "OrgNr": ("orgnr", "CAST(900000000 + {i} AS VARCHAR)"),
    "Number2": ("number", "CAST(100000 + {i} AS VARCHAR)"),
    "Address.Postal.Address1": ("postAddress/line1", "'Postboks ' || {i}"),
    "Address.Postal.Address2": ("postAddress/line2", "'Inngang ' || ({i} % 9)"),
    "Address.Postal.Address3": ("postAddress/line3", "''"),
    "Address.Postal.Zipcode": ("postAddress/zip", "CAST(1000 + {i} % 8999 AS VARCHAR)"),
    "Address.Postal.City": ("postAddress/city", "'STED ' || ({i} % 500)"),
    "Address.Street.Address1": ("streetAddress/line1", "'Gata ' || {i}"),
    "Address.Street.Address2": ("streetAddress/line2", "''"),
    "Address.Street.Address3": ("streetAddress/line3", "''"),
    "Address.Street.Zipcode": ("streetAddress/zip", "CAST(1000 + {i} % 8999 AS VARCHAR)"),
    "Address.Street.City": ("streetAddress/city", "'STED ' || ({i} % 500)"),
    "Emails[first].Value": ("email/emailAddress", "'post@firma' || {i} || '.no'"),
    "Urls[first].Value": ("url/URLAddress", "'https://firma' || {i} || '.no'"),
}
"""Fifteen fields of the customer rule: the register's column, and the value of record number {i}."""


@bench("nightly")
def nightly(scale: Scale) -> Sequence[Comparison]:
    links = LINKS[scale]
    folder = Path(tempfile.mkdtemp(prefix="nightly-"))
    try:
        lay_out(folder, links)
        return [
            compare(
                f"nightly comparison: {CHANGED:,} changes",
                ours=lambda: replace(
                    in_process(f"{__name__}:by_changes", folder=str(folder), changed=CHANGED), work=links
                ),
                theirs=lambda: in_process(f"{__name__}:by_all_rows", links=MANY),
                measure="cpu_seconds",
                floor=20,
                aim=50,
                rounds=1 if scale == "small" else 3,
                same_result=False,
                note=f"{links:,} links × {len(COLUMNS)} fields, for each link, against looking at every row",
            ),
            compare(
                "nightly comparison: cost follows the changes",
                ours=lambda: in_process(f"{__name__}:by_changes", folder=str(folder), changed=MANY),
                theirs=lambda: in_process(f"{__name__}:by_changes", folder=str(folder), changed=CHANGED),
                measure="cpu_seconds",
                floor=1.0,
                aim=0.5,
                is_limit=True,
                rounds=1,
                same_result=False,
                note=f"a change's share of the cost: {MANY:,} changes ÷ {CHANGED:,}",
            ),
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def lay_out(folder: Path, links: int) -> None:
    """A store with links and baselines, and a register in which nothing has changed."""
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    store.close()
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {links})"
        moment = AGREED.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        connection.execute(
            "INSERT INTO sync_links (id, rule, tenant, crm_entity, crm_id, company_key, role, erp_entity, erp_id,"
            f" generation, state, origin, created_at, created_by) {numbers} SELECT i, 'customer', '{TENANT}',"
            f" 'contact', i, '{COMPANY}', 'customer', 'Customer', i, 1, 'active', 'matched', '{moment}', 'sync' FROM n"
        )
        kept = " || ',' || ".join(
            f"'{json.dumps(key)}:\"' || {value.format(i='i').replace('VARCHAR', 'TEXT')} || '\"'"
            for key, (_, value) in COLUMNS.items()
        )
        connection.execute(
            "INSERT INTO sync_baselines (link_id, crm, erp, crm_digest, erp_digest, rule_version, revision, agreed_at)"
            f" {numbers} SELECT i, '{{' || {kept} || '}}', '{{}}', '', '', 0, 1, '{moment}' FROM n"
        )
        connection.commit()
    spec = next(one for one in entity_specs() if one.entity == "contact")
    raw = {column.name: column.raw_name for column in spec.columns}
    columns = {raw[name]: value.format(i="i") for name, value in COLUMNS.values()}
    columns |= {spec.key: "i", "Deleted": "false", "_fetched_at": f"TIMESTAMP '{AGREED:%Y-%m-%d %H:%M:%S}'"}
    with Warehouse(folder / "crm.duckdb") as connection:
        prepare(connection, entity_specs())
        connection.execute(
            f"INSERT INTO raw.contact ({', '.join(map(quoted, columns))})"
            f" SELECT {', '.join(columns.values())} FROM range(1, {links + 1}) AS n(i)"
        )
        listed = FeedState(watermark=None, full_at=LOADED.replace(tzinfo=None), empty_at=None)
        write_feed(connection, spec, state="ok", message="", feed=listed, fetched_at=LOADED.replace(tzinfo=None))


@dataclass
class Tenant:
    """As much of a CRM as the comparison asks for."""

    tenant: str = TENANT


def _change(folder: Path, changed: int) -> Path:
    """A copy of the register in which some records carry another name, loaded last night."""
    path = folder / f"crm-{changed}.duckdb"
    shutil.copy(folder / "crm.duckdb", path)
    with Warehouse(path) as connection:
        connection.execute(
            f"UPDATE raw.contact SET name = name || ' Endret', _fetched_at = TIMESTAMP '{LOADED:%Y-%m-%d %H:%M:%S}'"
            f' WHERE "contactId" <= {changed}'
        )
    return path


def by_changes(folder: str, changed: int) -> Figures:
    """Ours: what was loaded anew, field by field, and everything that is missing."""
    place = Path(folder)
    copy = place / f"store-{changed}.db"
    shutil.copy(place / "store.db", copy)
    store = open_store(f"sqlite:///{copy}")
    clock = ManualClock(LOADED + timedelta(hours=1))
    any_crm: Any = Tenant()
    world = World(store, any_crm, {}, load_rules(None, plain_registries()), clock, "night", "night")
    name = f"reconcile:crm:{TENANT}:contact"
    with store.transaction() as tx:
        watermarks.lease(tx, name, holder="before", now=AGREED, hold=timedelta(minutes=1), every=timedelta(0))
        watermarks.advance(tx, name, holder="before", now=AGREED, watermark=AGREED)
    files = Files(_change(place, changed), {})

    def compared() -> tuple[int, str]:
        with open_crm(files, clock, {"contact": "Number2"}) as register:
            found = reconcile(world, [register])
        (contact,) = [one for one in found.registers if one.entity == "contact"]
        assert (contact.looked_at, contact.missing) == (changed, 0)
        return changed, str(contact.different)

    figures = measured(compared)
    with store.read() as tx:
        assert work.due_count(tx, "customer", clock.now()) == changed
    store.close()
    return figures


def by_all_rows(links: int) -> Figures:
    """Theirs: every row of a register looked at, whatever was loaded anew."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), links)
        return replace(by_changes(folder, links), work=links)
