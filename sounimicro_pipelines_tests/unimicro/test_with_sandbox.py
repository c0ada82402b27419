"""The client against the sandbox's ERP: two readings of one vendor reference that must agree."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.sandbox import FaultPlan, Sandbox
from sounimicro_pipelines.sandbox.faults import USUAL
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.transport import Limits, Retries, ValidationFailed
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.unimicro.client import UnimicroClient
from sounimicro_pipelines.unimicro.companies import choose
from sounimicro_pipelines.unimicro.downloads import download
from sounimicro_pipelines.unimicro.entities import SPECS, spec_of
from sounimicro_pipelines.unimicro.events import Plan, ensure_plan
from sounimicro_pipelines.unimicro.expressions import where
from sounimicro_pipelines.unimicro.feeds import changed_ids
from sounimicro_pipelines.unimicro.files import choose_pdf, files_of
from sounimicro_pipelines.unimicro.query import Query
from sounimicro_pipelines.unimicro.statistics import Figure, Statistics, statistics


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=3, parties=12) as running:
        yield running


def settings_of(sandbox: Sandbox) -> Settings:
    values: dict[str, Any] = {name.lower(): value for name, value in sandbox.environment.items()}
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


@asynccontextmanager
async def readers(sandbox: Sandbox) -> AsyncIterator[list[UnimicroBulkReader]]:
    settings = settings_of(sandbox)
    retries = Retries(attempts=8, base=0.01, cap=0.05, retry_after_cap=0.05)
    async with UnimicroClient(settings.require_unimicro(), limits=Limits(8, 0), retries=retries, timeout=5.0) as client:
        used, _ = choose(await client.companies(), settings)
        yield [UnimicroBulkReader(client.company(company)) for company in used]


async def all_of(reader: UnimicroBulkReader, spec: EntitySpec, since: datetime | None = None) -> list[dict[str, Any]]:
    pages = reader.full(spec) if since is None else reader.changed(spec, since)
    return [json.loads(bytes(row)) async for page in pages for row in page.rows]


def test_every_register_is_read_whole_and_with_every_declared_field(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            filled = 0
            for spec in SPECS:
                rows = await all_of(first, spec)
                filled += bool(rows)
                assert len({row["ID"] for row in rows}) == len(rows)
                for table, columns in [(rows, spec.columns)] + [
                    ([line for row in rows for line in row[child.path]], child.columns) for child in spec.children
                ]:
                    for column in columns:
                        missing = [row["ID"] for row in table if column.name not in row]
                        assert not missing, f"{spec.entity}: {column.name} is absent"
                        assert not column.required or all(row[column.name] is not None for row in table)
            assert filled >= len(SPECS) - 3

    asyncio.run(run())


def test_two_companies_with_the_same_ids_never_mix(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, second):
            one, other = await asyncio.gather(
                *(all_of(reader, spec_of("CompanySettings")) for reader in (first, second))
            )
            assert one[0]["ID"] == other[0]["ID"] == 1
            assert one[0]["OrganizationNumber"] == first._company.company.organization_number
            assert other[0]["OrganizationNumber"] == second._company.company.organization_number

    asyncio.run(run())


def test_changes_since_the_beginning_are_the_whole_register_and_since_tomorrow_nothing(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            for name in ("Customer", "CustomerInvoice", "BusinessRelation", "File"):
                spec = spec_of(name)
                whole = {row["ID"] for row in await all_of(first, spec)}
                assert {row["ID"] for row in await all_of(first, spec, datetime(1990, 1, 1, tzinfo=UTC))} == whole
                assert await all_of(first, spec, datetime.now(UTC) + timedelta(days=2)) == []

    asyncio.run(run())


def test_a_customer_is_found_by_its_number_its_organisation_number_and_its_name(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            company = first._company
            customers = await company.find(Query("Customer", expand=("Info",), order_by=("ID",), top=200))
            chosen = next(one for one in customers if one["OrgNumber"])
            for condition in (
                where("CustomerNumber").eq(chosen["CustomerNumber"]),
                where("OrgNumber").eq(chosen["OrgNumber"]),
                where("Info.Name").contains(chosen["Info"]["Name"][2:9].strip()),
            ):
                found = await company.find(Query("Customer", condition, expand=("Info",), top=20))
                assert chosen["ID"] in [row["ID"] for row in found]

    asyncio.run(run())


def test_what_is_written_comes_back_and_is_found_by_the_feeds(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            company = first._company
            before = datetime.now(UTC) - timedelta(seconds=2)
            guid = str(uuid4())
            body = {
                "OrgNumber": "974760673",
                "Info": {
                    "Name": "Prøve AS",
                    "_createguid": str(uuid4()),
                    "DefaultPhone": {"Number": "91112233", "Type": 150102, "_createguid": str(uuid4())},
                },
            }
            made = await company.create("Customer", body, guid=guid)
            with pytest.raises(ValidationFailed):
                await company.create("Customer", body, guid=guid)
            record = await company.get("Customer", made["ID"], expand=("Info.DefaultPhone",))
            assert record["Info"]["Name"] == "Prøve AS"
            assert record["CustomerNumber"]
            assert made["ID"] in (await changed_ids(company, "Customer", before)).ids

            await asyncio.sleep(2.1)
            since = datetime.now(UTC) - timedelta(seconds=1)
            phone = {"ID": record["Info"]["DefaultPhone"]["ID"], "Number": "92223344"}
            await company.update("Customer", made["ID"], {"Info": {"ID": record["Info"]["ID"], "DefaultPhone": phone}})
            found = await changed_ids(company, "Customer", since, children=True)
            assert made["ID"] in found.ids
            assert not found.notes
            relations = await all_of(first, spec_of("BusinessRelation"), since)
            (row,) = [row for row in relations if row["ID"] == record["Info"]["ID"]]
            assert [one["Number"] for one in row["Phones"]] == ["92223344"]
            assert not first.notes

    asyncio.run(run())


def test_statistics_agree_with_the_records(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            lines = [row for row in await all_of(first, spec_of("JournalEntryLine")) if row["SubAccountID"]]
            query = Statistics(
                "JournalEntryLine",
                {"Customer": "SubAccount.CustomerID", "Balance": Figure("Amount", "sum"), "N": Figure("ID", "count")},
                where("SubAccount.CustomerID").gt(0),
            )
            accounts = {row["ID"]: row["CustomerID"] for row in await all_of(first, spec_of("Account"))}
            wanted: dict[int, Decimal] = {}
            for line in lines:
                if customer := accounts[line["SubAccountID"]]:
                    wanted[customer] = wanted.get(customer, Decimal(0)) + Decimal(str(line["Amount"]))
            found = await statistics(first._company, query)
            assert {row["Customer"]: Decimal(str(row["Balance"])) for row in found} == wanted

    asyncio.run(run())


def test_the_pdf_of_an_invoice_is_found_and_downloaded(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            company = first._company
            for file in await all_of(first, spec_of("File")):
                owner = next((link for link in file["EntityLinks"] if link["EntityType"] == "CustomerInvoice"), None)
                if owner is not None:
                    break
            assert owner is not None
            invoice = await company.get("CustomerInvoice", owner["EntityID"])
            chosen = choose_pdf(await files_of(company, "CustomerInvoice", invoice["ID"]), invoice["InvoiceNumber"])
            assert chosen is not None
            async with download(company, chosen) as answer:
                content = b"".join([part async for part in answer.parts])
            assert content.startswith(b"%PDF")
            assert answer.content_type == "application/pdf"
            assert len(content) == chosen.size
            hosts = await company.client.hosts()
            company.client._hosts = replace(hosts, files=None)
            async with download(company, chosen) as answer:  # by the address that the ERP itself names
                assert b"".join([part async for part in answer.parts]) == content

    asyncio.run(run())


def test_the_installation_tells_its_fields_its_user_and_its_audit_log(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            company = first._company
            for name in ("Customer", "Supplier", "Contact", "Project"):
                told = await company.fields_of(name)
                assert told is not None
                assert {column.name for column in spec_of(name).columns} - {"StatusCode"} <= told, name
            user = await company.current_user()
            assert user is not None
            assert user["GlobalIdentity"]
            assert await company.audit("Customer", 1) is not None

    asyncio.run(run())


def test_an_event_plan_is_made_once_and_repaired(sandbox: Sandbox) -> None:
    async def run() -> None:
        async with readers(sandbox) as (first, *_):
            plan = Plan("SoUnimicro", ("Customer", "Supplier"), "http://127.0.0.1:9/hooks/unimicro/a")
            key = SecretStr("secret")
            assert await ensure_plan(first._company, plan, key) == "created"
            assert await ensure_plan(first._company, plan, key) == "ok"
            moved = replace(plan, endpoint="http://127.0.0.1:9/hooks/unimicro/b")
            assert await ensure_plan(first._company, moved, key) == "repaired"
            assert await ensure_plan(first._company, moved, key) == "ok"

    asyncio.run(run())


def test_with_faults_every_register_still_comes_whole() -> None:
    plan = FaultPlan(seed=5, probabilities={**USUAL, "slow": 0.0})
    with (
        Sandbox(seed=3, parties=8, companies=1, faults=plan) as faulty,
        Sandbox(seed=3, parties=8, companies=1) as calm,
    ):

        async def ids(sandbox: Sandbox) -> dict[str, list[int]]:
            async with readers(sandbox) as (first, *_):
                return {
                    name: sorted(row["ID"] for row in await all_of(first, spec_of(name)))
                    for name in ("Customer", "CustomerInvoice", "JournalEntryLine", "File", "Account")
                }

        assert asyncio.run(ids(faulty)) == asyncio.run(ids(calm))
