"""Both systems together: start and stop, settings, faults, people, the living world, the command."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
from datetime import date
from pathlib import Path

import httpx
import pytest

from sounimicro_pipelines.sandbox import Fault, FaultPlan, PortTaken, Sandbox, dotenv, run_sandbox
from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp

TODAY = date(2026, 11, 20)

NAMES = {
    "SUPEROFFICE_ENVIRONMENT_URL",
    "SUPEROFFICE_TENANT",
    "SUPEROFFICE_CLIENT_ID",
    "SUPEROFFICE_CLIENT_SECRET",
    "SUPEROFFICE_SYSTEM_USER_TOKEN",
    "SUPEROFFICE_PRIVATE_KEY_FILE",
    "SUPEROFFICE_WEBHOOK_SECRET",
    "UNIMICRO_API_URL",
    "UNIMICRO_IDENTITY_URL",
    "UNIMICRO_FILES_URL",
    "UNIMICRO_CLIENT_ID",
    "UNIMICRO_CERTIFICATE_FILE",
    "UNIMICRO_CERTIFICATE_PASSWORD",
    "UNIMICRO_SCOPE",
    "UNIMICRO_WEBHOOK_SIGNING_KEY",
}


@pytest.fixture
def sandbox() -> object:
    with Sandbox(seed=2, parties=9, today=TODAY, faults=FaultPlan(seed=2)) as running:
        yield running


def test_the_environment_names_everything_and_ends_with_the_sandbox(sandbox: Sandbox) -> None:
    assert set(sandbox.environment) == NAMES
    certificate = Path(sandbox.environment["UNIMICRO_CERTIFICATE_FILE"])
    assert certificate.is_file()
    address = sandbox.environment["UNIMICRO_API_URL"]
    sandbox.stop()
    assert not certificate.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}"), Sandbox(parties=9, ports={"erp": port}):
            pass


def test_the_command_writes_its_settings_for_the_owner_and_stops_when_told(tmp_path: Path) -> None:
    stop, told, env_file = threading.Event(), [], tmp_path / "sandbox.env"

    def tell(text: str) -> None:
        told.append(text)
        stop.set()

    run_sandbox(env_file=env_file, parties=9, live=600, tell=tell, stop=stop)
    assert told == [env_file.read_text()]
    assert {line.partition("=")[0] for line in told[0].splitlines()} == NAMES
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


def test_dotenv_lines_are_quoted_and_in_order() -> None:
    assert dotenv({"B": "x y", "A": "1"}) == "A='1'\nB='x y'\n"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unauthorized", 401),
        ("throttled", 429),
        ("server_error", 500),
        ("html_error", 502),
        ("html_ok", 200),
        ("unavailable", 503),
        ("misdirected", 421),
    ],
)
def test_a_scripted_fault_is_played_once(sandbox: Sandbox, kind: object, status: int) -> None:
    erp = Erp(sandbox)
    sandbox.faults.script(Fault(kind, match="/api/biz/customers"))  # type: ignore[arg-type]
    answer = erp.call("GET", "/api/biz/customers")
    assert answer.status_code == status
    if status in (429, 503):
        assert answer.headers["retry-after"] == "1"
    if kind == "html_ok":
        assert answer.headers["content-type"].startswith("text/html")
    assert erp.call("GET", "/api/biz/customers").status_code == 200


def test_an_answer_can_break_off_in_two_ways(sandbox: Sandbox) -> None:
    erp = Erp(sandbox)
    sandbox.faults.script(Fault("truncated", match="customers"), Fault("cut_off", match="suppliers"))
    with pytest.raises(ValueError):
        erp.call("GET", "/api/biz/customers").json()
    with pytest.raises(httpx.RemoteProtocolError):
        erp.call("GET", "/api/biz/suppliers")


@pytest.mark.parametrize(("kind", "made"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_answer_may_have_had_its_effect(sandbox: Sandbox, kind: object, made: int) -> None:
    erp = Erp(sandbox)
    before = len(sandbox.erp.rows(1, "Project"))
    sandbox.faults.script(Fault(kind, match="POST /api/biz/projects"))  # type: ignore[arg-type]
    with pytest.raises(httpx.TransportError):
        erp.post("projects", {"Name": "Ny"})
    assert len(sandbox.erp.rows(1, "Project")) == before + made


def test_a_silence_ends_in_the_clients_timeout(sandbox: Sandbox) -> None:
    erp = Erp(sandbox)
    sandbox.faults.hang_seconds = 0.5
    sandbox.faults.script(Fault("hang_after", match="POST /api/biz/projects"))
    with pytest.raises(httpx.ReadTimeout):
        erp.http.post(f"{erp.base}/api/biz/projects", json={"Name": "Ny"}, headers=erp.headers, timeout=0.2)
    assert sandbox.journal.writes("erp", entity="Project")


def test_chance_faults_come_in_the_same_order_for_the_same_seed() -> None:
    def play() -> list[str]:
        plan = FaultPlan.usual(7)
        return [fault.kind if (fault := plan.decide("erp", "GET /x")) else "" for _ in range(400)]

    played = play()
    assert played == play()
    assert 20 < sum(bool(kind) for kind in played) < 120
    storm = played.index("throttled")
    assert played[storm : storm + 5] == ["throttled"] * 5


def test_latency_delays_every_answer(sandbox: Sandbox) -> None:
    erp = Erp(sandbox)
    sandbox.faults.latency = (0.05, 0.06)
    assert erp.call("GET", "/api/biz/terms").elapsed.total_seconds() >= 0.05


def test_people_edit_through_relations_and_only_the_row_is_stamped(sandbox: Sandbox) -> None:
    customer = sandbox.erp.customer_id(1, 2)
    before = sandbox.erp.read(1, "Customer", customer, "Info.InvoiceAddress")
    assert before["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 123"
    mark = sandbox.journal.mark()
    sandbox.erp.edit(1, "Customer", customer, {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum"})
    after = sandbox.erp.read(1, "Customer", customer, "Info.InvoiceAddress")
    assert after["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 123 Sentrum"
    assert after["UpdatedAt"] == before["UpdatedAt"] is None
    (write,) = sandbox.journal.writes("erp", actor="person", since=mark)
    assert (write.entity, dict(write.before)["AddressLine1"]) == ("Address", "Postboks 123")
    assert sandbox.journal.writes("erp", since=mark) == []


def test_the_world_lives_and_stays_balanced(sandbox: Sandbox) -> None:
    for _ in range(120):
        sandbox.living.step()
    assert len(set(sandbox.living.done)) >= 9
    systems = {write.system for write in sandbox.journal.writes(actor="person")}
    assert systems == {"erp", "crm"}
    for company in (1, 2):
        lines = sandbox.erp.rows(company, "JournalEntryLine")
        assert sum(line["Amount"] for line in lines) == 0


def test_the_living_world_is_the_same_for_the_same_seed() -> None:
    done = []
    for _ in range(2):
        with Sandbox(seed=3, parties=9, today=TODAY) as sandbox:
            done.append([sandbox.living.step() for _ in range(40)])
    assert done[0] == done[1]


def test_without_listening_the_applications_answer_in_the_callers_own_thread() -> None:
    async def ask(sandbox: Sandbox) -> list[int]:
        mounts = {address: httpx.ASGITransport(app) for address, app in sandbox.applications.items()}
        async with httpx.AsyncClient(mounts=mounts) as client:
            env = sandbox.environment
            erp = await client.get(f"{env['UNIMICRO_API_URL']}/api/endpoints")
            crm = await client.get(f"{env['SUPEROFFICE_ENVIRONMENT_URL']}/api/state/{env['SUPEROFFICE_TENANT']}")
            return [erp.status_code, crm.status_code]

    with Sandbox(seed=2, parties=9, today=TODAY, serve=False) as sandbox:
        assert asyncio.run(ask(sandbox)) == [200, 200]
