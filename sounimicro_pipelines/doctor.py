"""`sounimicro doctor`: everything that must be right before the product can work, checked one by one.

Each check asks one question and answers with a finding that says what to do; a check that cannot be made because an
earlier one failed is left out rather than reported twice.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal

from sounimicro_pipelines.doctor_sync import (
    creation,
    crm_numbers,
    crm_webhook,
    erp_series,
    erp_webhook,
    webhook_settings,
)
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.findings import Finding, bad, found
from sounimicro_pipelines.installation import Company, Installation
from sounimicro_pipelines.settings import is_loopback
from sounimicro_pipelines.store import companies
from sounimicro_pipelines.superoffice import SuperOfficeClient
from sounimicro_pipelines.transport import AccessDenied, VendorError
from sounimicro_pipelines.unimicro.client import CompanyClient, UnimicroClient
from sounimicro_pipelines.unimicro.entities import SPECS
from sounimicro_pipelines.unimicro.expressions import where
from sounimicro_pipelines.unimicro.query import Query

LITTLE_DISK_GB = 2
CERTIFICATE_NOTICE = timedelta(days=30)
MOST_NAMES = 8


def examine(installation: Installation) -> list[Finding]:
    """All checks, in the order in which a person would cure what they find."""
    return [
        *_machine(installation),
        *_doors(installation),
        *asyncio.run(_collect(_crm(installation))),
        *asyncio.run(_collect(_erp(installation))),
    ]


async def _collect(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


def _machine(installation: Installation) -> Iterator[Finding]:
    try:
        installation.prepare_home()
        probe = installation.settings.home / ".doctor"
        probe.write_bytes(b"ok")
        probe.unlink()
    except SounimicroError as error:
        yield bad("data_folder", error)
        return
    except OSError as error:
        yield found("data_folder", "bad", reason=error.strerror)
        return
    yield found("data_folder", path=installation.settings.home)
    free = shutil.disk_usage(installation.settings.home).free / 1e9
    if free < LITTLE_DISK_GB:
        yield found("disk", "bad", gigabytes=Decimal(f"{free:.1f}"))
    else:
        yield found("disk", gigabytes=Decimal(round(free)))
    try:
        with installation.store.transaction() as tx:  # a store that can only be read opens without a word
            companies.touch(tx)
        yield found("store", url=installation.store.shown_url)
    except SounimicroError as error:
        yield bad("store", error)


def _doors(installation: Installation) -> Iterator[Finding]:
    settings = installation.settings
    for name, bind in (("Panels", settings.panels_bind), ("Dagster", settings.dagster_bind)):
        host = bind.rpartition(":")[0].strip("[]")
        if is_loopback(host):
            yield found("address", "ok", "local", server=name, bind=bind)
        elif name == "Dagster":
            yield found("address", "bad", "exposed", server=name, bind=bind)
        else:
            yield found("address", "ok", "open", server=name, bind=bind)
    yield from webhook_settings(installation)
    if not (settings.sounimicro_notify_url or settings.sounimicro_notify_email):
        yield found("notices", "note")


async def _crm(installation: Installation) -> AsyncIterator[Finding]:
    try:
        client = installation.superoffice()
    except SounimicroError as error:
        yield bad("crm_settings", error)
        return
    async with client:
        try:
            principal = await client.principal()
        except SounimicroError as error:
            yield bad("crm_sign_in", error)
            return
        yield found("crm_sign_in", tenant=client.tenant, associate=principal.associate_id)
        async for finding in _crm_reading(client):
            yield finding
        try:
            for check in (crm_numbers, creation):
                async for finding in check(installation, client):
                    yield finding
        except SounimicroError as error:
            yield bad("crm_numbers", error)
        async for finding in crm_webhook(installation, client):
            yield finding


async def _crm_reading(client: SuperOfficeClient) -> AsyncIterator[Finding]:
    for list_name in ("Category", "Business", "Country"):
        try:
            items = await client.lists.items(list_name)
        except VendorError as error:
            yield bad("crm_list", error, list=list_name)
            continue
        live = [item for item in items if not item.deleted]
        if live:
            yield found("crm_list", list=list_name, number=len(live))
        else:
            yield found("crm_list", "bad", list=list_name)


async def _erp(installation: Installation) -> AsyncIterator[Finding]:
    try:
        client = installation.unimicro()
    except SounimicroError as error:
        yield bad("erp_settings", error)
        return
    async with client:
        expires = client.certificate.expires
        is_near = expires - installation.clock.now() < CERTIFICATE_NOTICE
        yield found("erp_certificate", "bad" if is_near else "ok", day=expires.date())
        try:
            used, skipped = await installation.companies(client)
        except SounimicroError as error:
            yield bad("erp_companies", error)
            return
        yield found("erp_companies", names=", ".join(f"{one.name} ({one.alias})" for one in used))
        for one in skipped:
            yield found("erp_companies", "note", name=one.company.name or one.company.key, why=one.why)
        for company in used:
            async for finding in _erp_company(client, company):
                yield finding
            async for finding in erp_webhook(installation, client.company(company), company):
                yield finding
        async for finding in erp_series(client, used):
            yield finding


async def _erp_company(client: UnimicroClient, company: Company) -> AsyncIterator[Finding]:
    connection = client.company(company)
    async for finding in _rights(connection, company):
        yield finding
    checks = (("filters", _filters), ("number_series", _number_series), ("copies_of_invoices", _documents))
    for name, check in checks:
        try:
            async for finding in check(connection, company):
                yield finding
        except VendorError as error:
            yield bad(name, error, company=company.alias)


async def _rights(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """Every entity that the reports and rules need: may we read it, and does the ERP know our field names?"""
    denied: list[str] = []
    broken: list[tuple[str, VendorError]] = []
    unknown: list[str] = []
    for spec in SPECS:
        try:
            if spec.source == "biz":
                await connection.find(Query(spec.entity, top=1))
            fields = await connection.fields_of(spec.entity)
        except AccessDenied:
            denied.append(spec.entity)
            continue
        except VendorError as error:
            if not spec.optional:
                broken.append((spec.entity, error))
            continue
        if fields:
            known = {name.lower() for name in fields}
            unknown += [f"{spec.entity}.{one.name}" for one in spec.columns if one.name.lower() not in known]
    alias = company.alias
    if denied:
        yield found("rights", "bad", "denied", company=alias, registers=", ".join(denied))
    for entity, trouble in broken:
        yield found("rights", "bad", "broken", company=alias, register=entity, message=trouble.message)
    if not denied and not broken:
        yield found("rights", company=alias, number=len(SPECS))
    if unknown:
        more = ", …" if len(unknown) > MOST_NAMES else ""
        yield found("field_names", "bad", company=alias, fields=f"{', '.join(unknown[:MOST_NAMES])}{more}")


async def _filters(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """A filter on a stamp in the future must find nothing: proves that stamps are understood (reference, 8, no. 2)."""
    ahead = connection.client.clock.now() + timedelta(days=365)
    await connection.find(Query("Customer", where("CreatedAt").gt(ahead), top=1))
    yield found("filters", company=company.alias)


async def _number_series(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """Customers and suppliers get their numbers from a series that is open and not used up."""
    series = await connection.find(Query("NumberSeries", top=500))
    full = [
        str(one.get("DisplayName") or one.get("Name"))
        for one in series
        if not one.get("Disabled")
        and isinstance(one.get("NextNumber"), int)
        and isinstance(one.get("ToNumber"), int)
        and one["ToNumber"]
        and one["NextNumber"] > one["ToNumber"]
    ]
    if not series:
        yield found("number_series", "note", company=company.alias)
    elif full:
        yield found("number_series", "bad", company=company.alias, names=", ".join(full))
    else:
        yield found("number_series", company=company.alias, number=len(series))


async def _documents(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """A copy of an invoice can be opened only when the ERP stores what it distributes (reference, 7.4)."""
    settings = await connection.get("CompanySettings", 1)
    is_kept = settings.get("StoreDistributedInvoice")
    yield found("copies_of_invoices", "ok" if is_kept else "note", company=company.alias)
