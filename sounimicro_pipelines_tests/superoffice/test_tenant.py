"""Finding the tenant: its state document's forms, maintenance, and moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice import SuperOfficeClient, TenantNotRunning
from sounimicro_pipelines.superoffice.tenant import api_address
from sounimicro_pipelines.transport import BadAnswer, Misdirected, NotFound
from sounimicro_pipelines_tests.superoffice.crm_server import NOW, TENANT, Answer, Call, CrmServer

Make = Callable[[], SuperOfficeClient]


@pytest.mark.parametrize(
    ("api", "endpoint"),
    [
        ("https://h/Cust1/api", None),
        ("https://h/Cust1/api/", "ignored"),
        ("https://h/Cust1/api/v1", None),
        ("https://h/Cust1/api/v1/", None),
        ("https://h/Cust1", None),
        (None, "https://h/Cust1"),
        ("", "https://h/Cust1/"),
        (None, "https://h/Cust1/api"),
    ],
)
def test_the_address_is_understood_in_every_form(api: Any, endpoint: Any) -> None:
    assert api_address(api, endpoint, "x") == "https://h/Cust1/api/v1"


def test_an_address_that_is_not_encrypted_is_refused() -> None:
    for address in ("http://crm.example.com/Cust1/api", "ftp://h", "", None, 3):
        with pytest.raises(BadAnswer):
            api_address(address, None, "x")


def principal(client: SuperOfficeClient) -> Any:
    return client.session.json("GET", ("User", "currentPrincipal"), call="GET principal")


def run(make: Make, work: Callable[[SuperOfficeClient], Any]) -> Any:
    async def main() -> Any:
        async with make() as client:
            return await work(client)

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _principal(crm: CrmServer) -> None:
    crm.routes["GET", "/User/currentPrincipal"] = lambda call: {"AssociateId": 1}


@pytest.mark.parametrize(
    "state",
    [
        {"IsRunning": False, "State": "OfflineMaintenance"},
        {"IsRunning": False, "State": 6},
        {"IsRunning": None, "State": "OfflineMaintenance"},
        {"IsRunning": None, "State": 4},
    ],
)
def test_a_tenant_that_is_not_running_is_said_so(crm: CrmServer, make_client: Make, state: dict[str, Any]) -> None:
    crm.state = state
    with pytest.raises(TenantNotRunning, match=r"its state is (OfflineMaintenance|Suspended)"):
        run(make_client, principal)


@pytest.mark.parametrize("state", [{"IsRunning": None, "State": 5}, {"IsRunning": None, "State": "Running"}])
def test_online_maintenance_is_running(crm: CrmServer, make_client: Make, state: dict[str, Any]) -> None:
    crm.state = state
    assert run(make_client, principal) == {"AssociateId": 1}


def test_the_state_is_asked_again_when_its_validity_ends(crm: CrmServer, make_client: Make, clock: ManualClock) -> None:
    crm.state = {"ValidUntil": (NOW + timedelta(minutes=10)).isoformat()}

    async def work(client: SuperOfficeClient) -> None:
        await principal(client)
        clock.advance(599)
        await principal(client)
        assert crm.state_lookups == 1
        clock.advance(2)
        await principal(client)
        assert crm.state_lookups == 2

    run(make_client, work)


def test_an_unknown_tenant_names_the_setting(settings: SuperOfficeSettings) -> None:
    with pytest.raises(NotFound, match="SUPEROFFICE_TENANT"):
        run(lambda: SuperOfficeClient(replace(settings, tenant="Cust00000")), principal)


def test_a_moved_tenant_is_found_again_and_the_call_repeated(crm: CrmServer, make_client: Make) -> None:
    async def work(client: SuperOfficeClient) -> None:
        await principal(client)
        crm.tenant_path = f"moved/{TENANT}"

        def before(call: Call) -> Any:
            return Answer(421, "Wrong subdomain") if call.path.startswith(f"/{TENANT}/") else None

        crm.before = before
        answers = await asyncio.gather(*(principal(client) for _ in range(5)))
        assert answers == [{"AssociateId": 1}] * 5

    run(make_client, work)
    assert crm.state_lookups == 2


def test_a_tenant_that_stays_misdirected_ends_after_one_repeat(crm: CrmServer, make_client: Make) -> None:
    crm.before = lambda call: Answer(421) if call.path.startswith(f"/{TENANT}/") else None
    with pytest.raises(Misdirected):
        run(make_client, principal)
    assert len(crm.calls_to("GET", "/currentPrincipal")) == 2


def test_a_failing_state_service_does_not_stop_a_known_tenant(
    crm: CrmServer, make_client: Make, clock: ManualClock
) -> None:
    async def work(client: SuperOfficeClient) -> None:
        await principal(client)
        clock.advance(2 * 86400)
        crm.claims["exp"] = int((NOW + timedelta(days=9)).timestamp())
        crm.before = lambda call: Answer(503) if call.path.startswith("/api/state") else None
        assert await principal(client) == {"AssociateId": 1}

    run(make_client, work)


def test_an_answer_about_another_tenant_is_refused(crm: CrmServer, make_client: Make) -> None:
    crm.state = {"ContextIdentifier": "Cust99999"}
    with pytest.raises(BadAnswer, match="another tenant"):
        run(make_client, principal)
