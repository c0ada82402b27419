"""Webhooks and web panels: made once, repaired, found again; deliveries believed only when signed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from sounimicro_pipelines.superoffice import EVENTS, SuperOfficeClient, parse_event, signature_holds
from sounimicro_pipelines_tests.superoffice.crm_server import Call, CrmServer

Make = Callable[[], SuperOfficeClient]
URL = "https://panels.example.no/hooks/superoffice/Cust26759"
BODY = json.dumps(
    {
        "EventId": "0d0c0f6e",
        "Timestamp": "2026-03-02T08:14:07.8912039Z",
        "Event": "contact.changed",
        "Entity": "contact",
        "PrimaryKey": 1041,
        "Changes": ["name"],
        "ContextIdentifier": "Cust26759",
        "ChangedByAssociateId": 11,
    }
).encode()


def run(make: Make, work: Callable[[SuperOfficeClient], Any]) -> Any:
    async def main() -> Any:
        async with make() as client:
            return await work(client)

    return asyncio.run(main())


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("name", ["X-SuperOffice-Signature", "X-Superoffice-Signature", "x-superoffice-signature"])
def test_a_signature_holds_whatever_the_headers_casing(name: str) -> None:
    assert signature_holds("hemmelig-æ", BODY, {name: sign("hemmelig-æ", BODY)})


def test_a_signature_that_does_not_fit_does_not_hold() -> None:
    good = sign("s", BODY)
    assert not signature_holds("s", BODY + b" ", {"X-SuperOffice-Signature": good})
    assert not signature_holds("t", BODY, {"X-SuperOffice-Signature": good})
    assert not signature_holds("s", BODY, {})
    assert not signature_holds("s", BODY, {"X-SuperOffice-Signature": "ærlig"})
    assert not signature_holds("", BODY, {"X-SuperOffice-Signature": sign("", BODY)})


def test_a_delivery_is_read_and_rubbish_is_not() -> None:
    event = parse_event(BODY)
    assert event is not None
    assert (event.id, event.entity, event.record_id, event.changed_by) == ("0d0c0f6e", "contact", 1041, 11)
    assert not event.is_test
    check = parse_event(b'{"Event": "test", "PrimaryKey": 0}')
    assert check is not None
    assert check.is_test
    for body in (b"", b"[]", b"{", b'{"Event": 7}', b'{"Event": "contact.changed"}', b"\xff\xfe"):
        assert parse_event(body) is None


def test_a_delivery_nested_too_deeply_or_of_an_id_too_long_is_not_read() -> None:
    assert parse_event(b"[" * 100_000) is None
    assert parse_event(json.dumps({"Event": "contact.changed", "PrimaryKey": 10**30}).encode()) is None


class Hooks:
    def __init__(self, crm: CrmServer) -> None:
        self.hooks: list[dict[str, Any]] = []
        crm.routes["GET", "/Webhook"] = lambda call: [{k: v for k, v in h.items() if k != "Secret"} for h in self.hooks]
        crm.routes["POST", "/Webhook"] = self.create
        crm.routes["PATCH", "/Webhook/1"] = self.patch
        self.writes = 0

    def create(self, call: Call) -> Any:
        self.writes += 1
        self.hooks.append(call.json | {"WebhookId": len(self.hooks) + 1})
        return self.hooks[-1]

    def patch(self, call: Call) -> Any:
        assert call.headers["content-type"] == "application/merge-patch+json"
        self.writes += 1
        self.hooks[0] |= call.json
        return self.hooks[0]


def test_a_webhook_is_made_once_and_repaired_when_it_stopped(crm: CrmServer, make_client: Make) -> None:
    hooks = Hooks(crm)

    async def ensure(client: SuperOfficeClient) -> Any:
        return await client.webhooks.ensure("Unimicro sync", URL, "s3cret")

    assert run(make_client, ensure).active
    assert run(make_client, ensure).active
    assert hooks.writes == 1
    assert set(hooks.hooks[0]["Events"]) == set(EVENTS)
    for broken in ({"State": "TooManyErrors"}, {"State": 3}, {"TargetUrl": "https://old"}, {"Events": ["x"]}):
        hooks.hooks[0] |= broken
        assert run(make_client, ensure).active
        assert hooks.hooks[0]["TargetUrl"] == URL
    assert hooks.writes == 5
    assert len(hooks.hooks) == 1


def test_a_stopped_webhook_is_set_active_again(crm: CrmServer, make_client: Make) -> None:
    hooks = Hooks(crm)
    hooks.hooks.append({"WebhookId": 1, "Name": "n", "State": "TooManyErrors", "Events": [], "TargetUrl": URL})

    async def work(client: SuperOfficeClient) -> Any:
        (hook,) = await client.webhooks.list()
        return await client.webhooks.reactivate(await client.webhooks.reactivate(hook))

    assert run(make_client, work).active
    assert hooks.writes == 1


def test_a_web_panel_is_made_once_and_found_by_its_prog_id(crm: CrmServer, make_client: Make) -> None:
    panels: list[dict[str, Any]] = [{"WebPanelId": 3, "ProgId": "sounimicro.company", "Deleted": True}]

    def create(call: Call) -> Any:
        panels.append(call.json | {"WebPanelId": 10 + len(panels)})
        return panels[-1]

    crm.routes["GET", "/List/WebPanel/Items"] = lambda call: panels
    crm.routes["POST", "/List/WebPanel/Items"] = create

    async def ensure(client: SuperOfficeClient) -> Any:
        return await client.web_panels.ensure(
            "sounimicro.company", name="Unimicro", url=f"{URL}?id=<cuid>", visible_in="ContactArchive"
        )

    panel, created = run(make_client, ensure)
    assert created
    assert panel.url == f"{URL}?id=<cuid>"
    assert run(make_client, ensure) == (panel, False)
    assert len(panels) == 2
