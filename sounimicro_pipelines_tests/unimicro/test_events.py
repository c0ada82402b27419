from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.transport import AccessDenied
from sounimicro_pipelines.unimicro.client import CompanyClient
from sounimicro_pipelines.unimicro.events import BadEvent, Plan, ensure_plan, receive
from sounimicro_pipelines_tests.http_server import Answer, Request
from sounimicro_pipelines_tests.unimicro.fake_erp import KEY_A, FakeErp, company_of, stamped

T = TypeVar("T")
KEY = SecretStr("signing-canary")
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BODY = {"EventType": "Update", "EntityName": "CustomerInvoice", "EntityID": 990, "CompanyKey": KEY_A, "MessageID": "m1"}
PLAN = Plan("SoUnimicro a", ("Customer", "Supplier"), "https://crm.example/hooks/unimicro/a")


def signature(body: bytes, at: datetime = NOW, key: SecretStr = KEY, blank: str = "") -> str:
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key.get_secret_value().encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},{blank}v1={digest}"


@pytest.mark.parametrize("header", ["Unimicro-Signature", "Softrig-Signature", "softrig-signature"])
@pytest.mark.parametrize("blank", ["", " "])
def test_a_delivery_is_read_under_either_header(header: str, blank: str) -> None:
    body = json.dumps(BODY).encode()
    event = receive({header: signature(body, blank=blank)}, body, KEY, NOW)
    assert (event.kind, event.entity, event.entity_id) == ("Update", "CustomerInvoice", 990)
    assert (event.company_key, event.message_id, event.signed_at) == (KEY_A, "m1", NOW)


def test_a_delete_may_tell_its_record_by_number_alone() -> None:
    body = json.dumps({**BODY, "EventType": "Delete", "EntityID": "7", "Entity": None}).encode()
    assert receive({"Unimicro-Signature": signature(body)}, body, KEY, NOW).entity_id == 7
    nested = json.dumps({**BODY, "EntityID": None, "Entity": {"ID": 8}}).encode()
    assert receive({"Unimicro-Signature": signature(nested)}, nested, KEY, NOW).entity_id == 8


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "no signature"),
        ({"Unimicro-Signature": ""}, "wrong"),
        ({"Unimicro-Signature": "t=1,v1=00"}, "wrong"),
        ({"Unimicro-Signature": signature(json.dumps(BODY).encode(), key=SecretStr("other"))}, "wrong"),
        ({"Unimicro-Signature": signature(b"other")}, "wrong"),
        ({"Unimicro-Signature": signature(json.dumps(BODY).encode(), NOW - timedelta(seconds=301))}, "too long ago"),
        ({"Unimicro-Signature": signature(json.dumps(BODY).encode(), NOW + timedelta(seconds=301))}, "too long ago"),
    ],
)
def test_a_bad_or_old_delivery_is_refused(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(BadEvent, match=reason) as caught:
        receive(headers, json.dumps(BODY).encode(), KEY, NOW)
    assert "canary" not in str(caught.value)


def test_without_a_key_nothing_is_believed() -> None:
    body = json.dumps(BODY).encode()
    with pytest.raises(BadEvent, match="UNIMICRO_WEBHOOK_SIGNING_KEY"):
        receive({"Unimicro-Signature": signature(body, key=SecretStr(""))}, body, SecretStr(""), NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"[]",
        b"{}",
        json.dumps({**BODY, "EventType": "X"}).encode(),
        json.dumps({**BODY, "EntityID": "x"}).encode(),
        json.dumps({**BODY, "EntityID": "²"}).encode(),
        json.dumps({**BODY, "EntityID": 10**25}).encode(),
        b"[" * 100_000,
    ],
)
def test_a_signed_delivery_that_names_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(BadEvent):
        receive({"Unimicro-Signature": signature(body)}, body, KEY, NOW)


def using(erp: FakeErp, folder: Path, use: Callable[[CompanyClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with company_of(erp, folder) as company:
            return await use(company)

    return asyncio.run(run())


def plan_row(**changes: Any) -> dict[str, Any]:
    subscriber = {"ID": 4, "Name": PLAN.name, "Endpoint": PLAN.endpoint, "Active": True}
    plan = {
        "Name": PLAN.name,
        "Active": True,
        "PlanType": 0,
        "ModelFilter": "Customer,Supplier",
        "OperationFilter": "CUD",
    }
    return stamped(9, **{**plan, "Subscribers": [subscriber], **changes})


async def ensure(company: CompanyClient) -> str:
    return await ensure_plan(company, PLAN, KEY)


def test_a_missing_plan_is_created_with_its_subscriber_and_key(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer({"ID": 9}, status=201) if r.method == "POST" and "plans" in r.path else None)
    erp.rows("eventplans").append(plan_row(Name="someone else's"))
    assert using(erp, tmp_path, ensure) == "created"
    sent = erp.asked("/eventplans")[-1].json()
    assert sent["OperationFilter"] == "CUD"
    assert sent["ModelFilter"] == "Customer,Supplier"
    assert sent["SigningKey"] == "signing-canary"
    assert sent["Subscribers"][0]["Endpoint"] == PLAN.endpoint
    assert "_createguid" in sent
    assert "_createguid" in sent["Subscribers"][0]


def test_a_right_plan_is_left_alone(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("eventplans").append(plan_row(SigningKey=None))
    assert using(erp, tmp_path, ensure) == "ok"
    assert {request.method for request in erp.asked("/eventplans")} == {"GET"}


@pytest.mark.parametrize(
    ("changes", "child"),
    [
        ({"Active": False}, 4),
        ({"ModelFilter": "Customer"}, 4),
        ({"SigningKey": "another"}, 4),
        ({"Subscribers": [{"ID": 4, "Name": PLAN.name, "Endpoint": "https://old.example", "Active": True}]}, 4),
        ({"Subscribers": []}, 0),
    ],
)
def test_a_plan_that_differs_is_repaired(tmp_path: Path, changes: dict[str, Any], child: int) -> None:
    def before(request: Request) -> Answer | None:
        return Answer({"ID": 9}) if request.method == "PUT" else None

    erp = FakeErp(before=before)
    erp.rows("eventplans").append(plan_row(**changes))
    assert using(erp, tmp_path, ensure) == "repaired"
    sent = erp.asked("/eventplans/9")[-1].json()
    assert (sent["ID"], sent["Active"], sent["Subscribers"][0]["ID"]) == (9, True, child)
    assert ("_createguid" in sent["Subscribers"][0]) is (child == 0)


def test_without_the_right_to_manage_plans_it_is_told(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer(status=403) if "eventplans" in r.path else None)
    with pytest.raises(AccessDenied):
        using(erp, tmp_path, ensure)
