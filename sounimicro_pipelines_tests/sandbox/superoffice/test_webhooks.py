from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sounimicro_pipelines_tests.sandbox.superoffice.conftest import Tenant

SECRET = "hook-secret"
EVENTS = [
    f"{table}.{verb}" for table in ("contact", "person") for verb in ("created", "changed", "softdeleted", "deleted")
]
EVENTS += ["project.created", "project.changed", "project.deleted", "projectmember.created", "list.category.changed"]


class Receiver:
    """An HTTP server that notes what it gets and answers `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for headers, body in self.got if "x-hook-test" not in headers]


def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _hook(tenant: Tenant, receiver: Receiver, **changes: Any) -> dict[str, Any]:
    body = {"Name": "sync", "Events": EVENTS, "TargetUrl": receiver.url, "Secret": SECRET, "Headers": {"X-Own": "1"}}
    answer = tenant.call("POST", "Webhook", json={**body, **changes})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_saving_calls_the_target_and_fails_unless_it_answers_200(tenant: Tenant, receiver: Receiver) -> None:
    assert _hook(tenant, receiver)["State"] == "Active"
    headers, body = receiver.got[0]
    assert headers["x-hook-test"] == "true"
    assert json.loads(body)["PrimaryKey"] == 0
    receiver.status = 204
    refused = tenant.call("POST", "Webhook", json={"Name": "n", "TargetUrl": receiver.url, "Events": EVENTS})
    assert refused.status_code == 400
    plain = tenant.call("POST", "Webhook", json={"Name": "n", "TargetUrl": "http://hooks.example.no", "Events": EVENTS})
    assert plain.status_code == 400
    assert len(tenant.get("Webhook")) == 1


def test_events_are_signed_and_name_database_columns(tenant: Tenant, receiver: Receiver) -> None:
    _hook(tenant, receiver)
    tenant.state.edit("contact", 1001, {"OrgNr": "1", "Category": {"Id": 1}}, associate=12)
    _until(lambda: receiver.events)
    headers, body = receiver.got[-1]
    wanted = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    assert headers["x-superoffice-signature"] == wanted
    assert headers["x-superoffice-event"] == "contact.changed"
    assert headers["x-own"] == "1"
    event = json.loads(body)
    assert event["PrimaryKey"] == 1001
    assert {"contact_id", "orgNr", "category_idx", "updated"} <= set(event["Changes"])
    assert event["ChangedByAssociateId"] == 12
    assert event["ContextIdentifier"] == "Cust12345"
    assert event["EventId"] == headers["x-superoffice-eventid"]
    assert event["FieldValues"]["category_idx"] == 1


def test_child_rows_alone_raise_no_event(tenant: Tenant, receiver: Receiver) -> None:
    _hook(tenant, receiver)
    tenant.state.edit("contact", 1001, {"Phones": [{"Value": "1"}], "Address": {"Postal": {"City": "OSLO"}}})
    tenant.state.edit("contact", 1001, {"CustomFields": {"SuperOffice:1": "7"}})
    tenant.state.edit("contact", 1002, {"Name": "Nytt navn"})
    _until(lambda: receiver.events)
    assert [event["PrimaryKey"] for event in receiver.events] == [1002]


def test_each_kind_of_change_has_its_event(tenant: Tenant, receiver: Receiver) -> None:
    _hook(tenant, receiver)
    company = tenant.state.create("contact", {"Name": "Ny AS"})
    person = tenant.state.create("person", {"Firstname": "Ola", "Contact": {"ContactId": company}})
    project = tenant.state.create("project", {"Name": "P", "ProjectMembers": [{"PersonId": person}]})
    tenant.state.move_person(person, 1001)
    tenant.state.delete("person", person)
    tenant.state.delete("project", project)
    tenant.state.merge("contact", company, 1002)
    tenant.call("PUT", "List/Category/Items/1", json={"Name": "Kunder"})
    _until(lambda: len(receiver.events) >= 10)
    names = {event["Event"] for event in receiver.events}
    assert names == {
        "contact.created",
        "person.created",
        "project.created",
        "projectmember.created",
        "person.changed",
        "person.softdeleted",
        "project.deleted",
        "contact.deleted",
        "contact.changed",
        "list.category.changed",
    }
    gone = next(event for event in receiver.events if event["Event"] == "project.deleted")
    assert gone["Values"]["project_id"] == project


def test_a_failing_receiver_gets_three_tries_then_the_event_is_lost(tenant: Tenant, receiver: Receiver) -> None:
    hook = _hook(tenant, receiver)
    receiver.status = 500
    tenant.state.edit("contact", 1001, {"Name": "A"})
    _until(lambda: tenant.state.webhooks.lost)
    assert [headers["x-superoffice-retry"] for headers, _ in receiver.got[1:]] == ["0", "1", "2"]
    assert len({event["EventId"] for event in receiver.events}) == 1
    seen = tenant.get(f"Webhook/{hook['WebhookId']}")
    assert (seen["State"], seen["ConsecutiveErrors"]) == ("Active", 1)
    assert tenant.get(f"Webhook/{hook['WebhookId']}/LastError") == "HTTP 500"


def test_after_nine_lost_events_the_hook_stops_until_someone_sets_it_active(
    make_tenant: Callable[..., Tenant], receiver: Receiver
) -> None:
    tenant = make_tenant(webhook_retry_seconds=(0.0, 0.0, 0.0))
    path = f"Webhook/{_hook(tenant, receiver)['WebhookId']}"
    receiver.status = 500
    for number in range(9):
        tenant.state.edit("contact", 1001, {"Name": f"A{number}"})
        _until(lambda number=number: len(tenant.state.webhooks.lost) > number)
    assert tenant.get(path)["State"] == "TooManyErrors"
    tenant.state.edit("contact", 1001, {"Name": "B"})
    receiver.status = 200
    again = tenant.patch(path, {"State": "Active"})
    assert (again["State"], again["ConsecutiveErrors"]) == ("Active", 0)
    tenant.state.edit("contact", 1001, {"Name": "C"})
    _until(lambda: tenant.state.webhooks.delivered)
    usage = tenant.rows("Archive/dynamic", _select="webhook_usage.webhook_id,webhook_usage.total_errors")
    assert usage[0]["webhook_usage.total_errors"] == 9


def test_410_stops_the_hook_at_once(tenant: Tenant, receiver: Receiver) -> None:
    path = f"Webhook/{_hook(tenant, receiver)['WebhookId']}"
    receiver.status = 410
    tenant.state.edit("contact", 1001, {"Name": "A"})
    _until(lambda: tenant.state.webhooks.lost)
    assert tenant.get(path)["State"] == "Stopped"
    assert len(receiver.events) == 1


def test_deliveries_can_be_lost_repeated_and_reordered(tenant: Tenant, receiver: Receiver) -> None:
    _hook(tenant, receiver)
    tenant.state.webhooks.lose_next()
    tenant.state.edit("contact", 1001, {"Name": "lost"})
    tenant.state.webhooks.duplicate_next()
    tenant.state.edit("contact", 1002, {"Name": "twice"})
    _until(lambda: len(receiver.events) == 2)
    assert len({event["EventId"] for event in receiver.events}) == 1
    tenant.state.webhooks.hold()
    tenant.state.edit("contact", 1003, {"Name": "first"})
    tenant.state.edit("contact", 1005, {"Name": "second"})
    tenant.state.webhooks.release(reverse=True)
    _until(lambda: len(receiver.events) == 4)
    assert {event["PrimaryKey"] for event in receiver.events[2:]} == {1003, 1005}


def test_a_hook_is_listed_replaced_and_deleted(tenant: Tenant, receiver: Receiver) -> None:
    made = _hook(tenant, receiver)
    path = f"Webhook/{made['WebhookId']}"
    assert tenant.get("Webhook/default")["WebhookId"] == 0
    changed = tenant.call("PUT", path, json={**made, "Name": "renamed"}).json()
    assert changed["Name"] == "renamed"
    assert tenant.call("DELETE", path).status_code == 204
    assert tenant.get("Webhook") == []
    assert tenant.call("GET", path).status_code == 404
