"""Event plans: what is announced, how it is signed, and how a receiver that refuses is blocked."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest

from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp


class Receiver:
    """A place that webhooks are sent to."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def plan(erp: Erp, url: str, **values: Any) -> int:
    body = {
        "Name": "Test",
        "Active": True,
        "PlanType": 0,
        "ModelFilter": "Customer,Project",
        "OperationFilter": "CUD",
        "SigningKey": "secret",
        "Subscribers": [{"Name": "S", "Endpoint": url, "Active": True}],
        **values,
    }
    answer = erp.post("eventplans", body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["ID"])


def test_a_change_is_announced_signed_and_with_the_company(erp: Erp, receiver: Receiver) -> None:
    plan(erp, receiver.url)
    project = erp.get("projects", top=1)[0]["ID"]
    erp.sandbox.erp.edit(1, "Project", project, {"EndDate": "2027-03-01"})
    erp.sandbox.erp_server.deliverer.drain()
    headers, body = receiver.received[0]
    event = msgspec.json.decode(body)
    assert (event["EventType"], event["EntityName"], event["EntityID"]) == ("Update", "Project", project)
    assert event["CompanyKey"] == erp.headers["CompanyKey"]
    assert event["Entity"]["EndDate"] == "2027-03-01"
    moment, signature = (part.partition("=")[2] for part in headers["unimicro-signature"].split(","))
    assert signature == hmac.new(b"secret", f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def test_the_header_can_be_the_observed_one_and_deletes_carry_no_entity(erp: Erp, receiver: Receiver) -> None:
    erp.sandbox.erp.options.signature_header = "Softrig-Signature"
    plan(erp, receiver.url, OperationFilter="D")
    project = erp.post("projects", {"Name": "Bort"}).json()["ID"]
    erp.call("DELETE", f"/api/biz/projects/{project}")
    erp.sandbox.erp_server.deliverer.drain()
    assert len(receiver.received) == 1
    headers, body = receiver.received[0]
    assert "softrig-signature" in headers
    assert msgspec.json.decode(body)["Entity"] is None


def test_an_expression_narrows_what_is_told(erp: Erp, receiver: Receiver) -> None:
    expression = 'updated(Project,"StatusCode") and Project.StatusCode = 42204'
    filters = [{"EntityName": "Project", "Expression": expression}]
    plan(erp, receiver.url, ModelFilter="*", ExpressionFilters=filters)
    project = erp.post("projects", {"Name": "Ny"}).json()["ID"]
    erp.post(f"projects/{project}", action="StartProject")
    erp.post(f"projects/{project}", action="CompleteProject")
    erp.sandbox.erp_server.deliverer.drain()
    told = [msgspec.json.decode(body) for _, body in receiver.received]
    assert [event["Entity"]["StatusCode"] for event in told if event["EventType"] == "Update"] == [42204]


def test_a_url_is_blocked_after_five_refusals_and_another_query_string_is_another_url(
    erp: Erp, receiver: Receiver
) -> None:
    receiver.status = 401
    plan(erp, receiver.url)
    project = erp.get("projects", top=1)[0]["ID"]
    for day in range(1, 5):
        erp.sandbox.erp.edit(1, "Project", project, {"EndDate": f"2027-04-0{day}"})
    erp.sandbox.erp_server.deliverer.drain()
    assert len(receiver.received) == 5
    receiver.status = 200
    erp.sandbox.erp.edit(1, "Project", project, {"EndDate": "2027-05-01"})
    erp.sandbox.erp_server.deliverer.drain()
    assert len(receiver.received) == 5
    plan(erp, f"{receiver.url}?again=1")
    erp.sandbox.erp.edit(1, "Project", project, {"EndDate": "2027-06-01"})
    erp.sandbox.erp_server.deliverer.drain()
    assert len(receiver.received) == 6


def test_deliveries_can_be_lost(erp: Erp, receiver: Receiver) -> None:
    erp.sandbox.erp.options.webhooks_lost = 1.0
    plan(erp, receiver.url)
    erp.sandbox.erp.edit(1, "Project", erp.get("projects", top=1)[0]["ID"], {"EndDate": "2027-03-01"})
    erp.sandbox.erp_server.deliverer.drain()
    assert receiver.received == []
