"""The administration over both simulated systems: a linked company, an app without sign-in, and a browser's address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from socket import socket
from typing import TypeVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.sync.addresses import CrmAddress
from sounimicro_pipelines.sync.opening import Connection
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
        """Work with the rules that are in force now."""
        return asyncio.run(self.app.state.panels.engine.act(work))

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
        asyncio.run(self.app.state.panels.aclose())
        self.bench.store.close()


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
