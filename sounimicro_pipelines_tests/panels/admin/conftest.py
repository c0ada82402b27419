"""The administration over both simulated systems: a linked company, an app without sign-in, and a browser's address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from socket import socket
from typing import TypeVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.rules import Rule, load_rules, save_rule
from sounimicro_pipelines.rules.versions import default_document
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.opening import Connection, plain_registries
from sounimicro_pipelines.sync.requests import ErpButton, Outcome
from sounimicro_pipelines_tests.panels.signed_world import served
from sounimicro_pipelines_tests.sync.systems import Systems
from sounimicro_pipelines_tests.sync.test_requests import fresh_org_number
from sounimicro_pipelines_tests.sync.worlds import Bench

T = TypeVar("T")


class Office:
    """Both systems with the panels over them; `company` is in the CRM and, as customer `customer`, in the ERP."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        settings = bench.systems.settings.model_copy(update={"sounimicro_go_live": "all"})
        self.app: FastAPI = create_app(settings, bench.store, clock=bench.systems.clock)
        self.company = bench.company(
            "Fjellheim Bygg AS",
            OrgNr=fresh_org_number(bench),
            Address={"Postal": {"Address1": "Postboks 123", "Zipcode": "0150", "City": "OSLO"}},
        )
        self.customer = self.create(self.company).erp_id

    def do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Work with the rules that are in force now. Where a browser is open, this thread runs a loop already."""

        def run() -> T:
            return asyncio.run(self.app.state.panels.engine.act(work))

        with ThreadPoolExecutor(1) as aside:
            return aside.submit(run).result()

    def create(self, record: CrmAddress) -> Outcome:
        async def work(connection: Connection) -> Outcome:
            return await ErpButton(await connection.world(by="crm:7")).create(record, self.bench.key(), "customer")

        return self.do(work)

    def sync(self) -> None:
        """Let some time pass, and look at the company."""
        self.bench.systems.later(120)

        async def work(connection: Connection) -> Outcome:
            return await ErpButton(await connection.world(by="crm:7")).sync_now(self.company)

        self.do(work)

    def close(self) -> None:
        with ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, self.app.state.panels.aclose()).result()
        self.bench.store.close()

    def address(self) -> str:
        """The company's postal address in the CRM."""
        return str(self.bench.contact(self.company)["Address"]["Postal"]["Address1"])

    def rule(self) -> Rule:
        """The rule about customers that is in force."""
        with self.bench.store.read() as tx:
            return load_rules(tx, plain_registries()).get("customer")

    def map_a_list(self) -> None:
        """Let the payment terms of customers travel, as the CRM's business."""
        row = "erp: PaymentTermsID, crm: {}, direction: {}"
        document = default_document("customer").replace(
            row.format("null", "none"), row.format("Business.Id", "both, conflict: crm")
        )
        now = self.bench.systems.clock.now()
        save_rule(self.bench.store, "customer", document, plain_registries(), by="crm:7", now=now)

    def write_in_erp(self, text: str) -> None:
        """A person changes the customer's postal address in the ERP."""
        self.bench.systems.later(60)
        changes = {"Info.InvoiceAddress.AddressLine1": text}
        self.bench.sandbox.erp.edit(1, "Customer", self.customer, changes)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    systems = Systems(parties=8, companies=1)
    with systems.sandbox:
        opened = Office(Bench(systems, tmp_path_factory.mktemp("office")))
        yield opened
        opened.close()


@pytest.fixture
def client(office: Office) -> TestClient:
    """A browser without scripts, on this machine."""
    found = TestClient(office.app, base_url="http://127.0.0.1")
    found.headers["accept-language"] = "nb"
    return found


@pytest.fixture(scope="module")
def address(office: Office) -> Iterator[str]:
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        with served(office.app, listening):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
