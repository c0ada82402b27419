"""`sounimicro doctor`: everything that must be right before the product can work, checked one by one.

Each check asks one question and answers with a finding that says what to do; a check that cannot be made because an
earlier one failed is left out rather than reported twice.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from sounimicro_pipelines.doctor_sync import crm_numbers, crm_webhook, erp_series, erp_webhook, webhook_settings
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.findings import Finding, bad
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
    except (SounimicroError, OSError) as error:
        text = str(error) if isinstance(error, SounimicroError) else f"It cannot be written to: {error.strerror}."
        yield Finding("Data folder", "bad", text, "Give this user the right to it, or name another in SOUNIMICRO_HOME.")
        return
    yield Finding("Data folder", text=str(installation.settings.home))
    free = shutil.disk_usage(installation.settings.home).free / 1e9
    if free < LITTLE_DISK_GB:
        yield Finding("Disk", "bad", f"{free:.1f} GB are free.", "Free some space, or move SOUNIMICRO_HOME.")
    else:
        yield Finding("Disk", text=f"{free:,.0f} GB are free.")
    try:
        with installation.store.transaction() as tx:  # a store that can only be read opens without a word
            companies.touch(tx)
        yield Finding("Store", text=installation.store.shown_url)
    except SounimicroError as error:
        yield bad("Store", error)


def _doors(installation: Installation) -> Iterator[Finding]:
    settings = installation.settings
    for name, bind in (("Panels", settings.panels_bind), ("Dagster", settings.dagster_bind)):
        host = bind.rpartition(":")[0].strip("[]")
        if is_loopback(host):
            yield Finding(f"{name} address", text=f"http://{bind}, for this machine alone.")
        elif name == "Dagster":
            yield Finding(
                f"{name} address",
                "bad",
                f"{bind} is open to the network, and Dagster's screens have no sign-in.",
                "Bind to 127.0.0.1 and put a proxy with sign-in in front.",
            )
        else:
            yield Finding(f"{name} address", text=f"http://{bind}")
    yield from webhook_settings(installation)
    if not (settings.sounimicro_notify_url or settings.sounimicro_notify_email):
        yield Finding(
            "Notices", "note", "Nobody is told when a run fails: set SOUNIMICRO_NOTIFY_URL or SOUNIMICRO_NOTIFY_EMAIL."
        )


async def _crm(installation: Installation) -> AsyncIterator[Finding]:
    try:
        client = installation.superoffice()
    except SounimicroError as error:
        yield bad("CRM settings", error)
        return
    async with client:
        try:
            principal = await client.principal()
        except SounimicroError as error:
            yield bad("CRM sign-in", error)
            return
        yield Finding("CRM sign-in", text=f"Tenant {client.tenant}, associate {principal.associate_id}.")
        async for finding in _crm_reading(client):
            yield finding
        try:
            async for finding in crm_numbers(installation, client):
                yield finding
        except SounimicroError as error:
            yield bad("Numbers in the CRM", error)
        async for finding in crm_webhook(installation, client):
            yield finding


async def _crm_reading(client: SuperOfficeClient) -> AsyncIterator[Finding]:
    for list_name in ("Category", "Business", "Country"):
        try:
            items = await client.lists.items(list_name)
        except VendorError as error:
            yield bad(f"CRM list {list_name}", error)
            continue
        live = [item for item in items if not item.deleted]
        if live:
            yield Finding(f"CRM list {list_name}", text=f"{len(live)} items.")
        else:
            yield Finding(
                f"CRM list {list_name}", "bad", "It is empty.", "Fill it in the CRM under Settings and maintenance."
            )


async def _erp(installation: Installation) -> AsyncIterator[Finding]:
    try:
        client = installation.unimicro()
    except SounimicroError as error:
        yield bad("ERP settings", error)
        return
    async with client:
        left = client.certificate.expires - installation.clock.now()
        if left < CERTIFICATE_NOTICE:
            yield Finding(
                "ERP certificate",
                "bad",
                f"It expires on {client.certificate.expires:%Y-%m-%d}.",
                "Make a new one for the client in the Unimicro developer portal, and set UNIMICRO_CERTIFICATE_FILE.",
            )
        else:
            yield Finding("ERP certificate", text=f"Valid until {client.certificate.expires:%Y-%m-%d}.")
        try:
            used, skipped = await installation.companies(client)
        except SounimicroError as error:
            yield bad("ERP companies", error)
            return
        yield Finding("ERP companies", text=f"In use: {', '.join(f'{one.name} ({one.alias})' for one in used)}.")
        for one in skipped:
            yield Finding("ERP companies", "note", f"Skipped {one.company.name or one.company.key}: {one.reason}.")
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
    for check in (_filters, _number_series, _documents):
        try:
            async for finding in check(connection, company):
                yield finding
        except VendorError as error:
            yield bad(f"{company.alias}: {check.__name__.strip('_').replace('_', ' ')}", error)


async def _rights(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """Every entity that the reports and rules need: may we read it, and does the ERP know our field names?"""
    denied, broken, unknown = [], [], []
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
                broken.append(f"{spec.entity}: {error.message}")
            continue
        if fields:
            known = {name.lower() for name in fields}
            unknown += [f"{spec.entity}.{one.name}" for one in spec.columns if one.name.lower() not in known]
    title = f"{company.alias}: rights"
    if denied:
        yield Finding(
            title,
            "bad",
            f"No access to {', '.join(denied)}; what they feed stays empty, the rest runs.",
            "Give the client's role in this company the right to read them.",
        )
    for line in broken:
        yield Finding(title, "bad", line, "See the product's log, and the vendor's status page.")
    if not denied and not broken:
        yield Finding(title, text=f"{len(SPECS)} registers can be read.")
    if unknown:
        yield Finding(
            f"{company.alias}: field names",
            "bad",
            f"The ERP's metadata does not name {', '.join(unknown[:8])}{' and more' if len(unknown) > 8 else ''}.",
            "The ERP's interface has changed; get the version of this product that knows it.",
        )


async def _filters(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """A filter on a stamp in the future must find nothing: proves that stamps are understood (reference, 8, no. 2)."""
    ahead = connection.client.clock.now() + timedelta(days=365)
    await connection.find(Query("Customer", where("CreatedAt").gt(ahead), top=1))
    yield Finding(f"{company.alias}: filters on stamps", text="Understood.")


async def _number_series(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """Customers and suppliers get their numbers from a series that is open and not used up."""
    series = await connection.find(Query("NumberSeries", top=500))
    title = f"{company.alias}: number series"
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
        yield Finding(title, "note", "None can be read; the ERP allots numbers by rules that are not shown here.")
    elif full:
        yield Finding(title, "bad", f"Used up: {', '.join(full)}.", "Widen the series in Unimicro's settings.")
    else:
        yield Finding(title, text=f"{len(series)} series, none used up.")


async def _documents(connection: CompanyClient, company: Company) -> AsyncIterator[Finding]:
    """A copy of an invoice can be opened only when the ERP stores what it distributes (reference, 7.4)."""
    settings = await connection.get("CompanySettings", 1)
    title = f"{company.alias}: copies of invoices"
    if settings.get("StoreDistributedInvoice"):
        yield Finding(title, text="The ERP keeps a copy of each invoice that it sends.")
    else:
        yield Finding(
            title,
            "note",
            "The ERP is not set to keep copies of the invoices that it sends; the panels link to the ERP instead.",
            "Turn on storing of distributed invoices in Unimicro's company settings.",
        )
