"""Webhooks: whatever is called is answered 200, only what is signed, fresh and ours pokes, and it only pokes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.panels import create_app
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store import Store, companies, issues, links, open_store, watermarks, web, work
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.deliveries import LARGEST_BODY, Deliveries

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)
TENANT = "Cust12345"
KEY = "9B08A0D0-0000-4000-8000-000000000001"
OTHER = "2163AAAA-0000-4000-8000-000000000002"
CRM_SECRET = "crm-hemmelighet"
ERP_SECRET = "erp-hemmelighet"


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    return sqlite_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def client(store: Store, clock: ManualClock) -> Iterator[TestClient]:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        superoffice_tenant=TENANT,
        superoffice_webhook_secret=SecretStr(CRM_SECRET),
        unimicro_webhook_signing_key=SecretStr(ERP_SECRET),
    )
    with store.transaction() as tx:
        rows = [
            companies.CompanyRow(key, alias, alias, None, False, True, NOW)
            for key, alias in ((KEY, "nord"), (OTHER, "sor"))
        ]
        companies.remember(tx, rows)
        links.add(
            tx,
            Link("customer", TENANT, "contact", 1041, KEY, "customer", "Customer", 79, 1, "matched", NOW, "test"),
        )
    with TestClient(create_app(settings, store, clock=clock), base_url="http://127.0.0.1") as opened:
        yield opened


def crm_event(**changes: Any) -> bytes:
    event: dict[str, Any] = {
        "EventId": "0d0c0f6e",
        "Timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%S.8912039Z"),
        "Event": "contact.changed",
        "Entity": "contact",
        "PrimaryKey": 1041,
        "Changes": ["name"],
        "ContextIdentifier": TENANT,
        "ChangedByAssociateId": 11,
        "FieldValues": {"name": "Ikke stol på meg AS"},
    }
    return json.dumps(event | changes).encode()


def erp_event(**changes: Any) -> bytes:
    event: dict[str, Any] = {
        "EventType": "Update",
        "EntityName": "Customer",
        "EntityType": "Customer",
        "EntityID": 79,
        "CompanyKey": KEY,
        "MessageID": "m-1",
        "Entity": {"ID": 79, "Info": {"Name": "Ikke stol på meg AS"}},
    }
    return json.dumps(event | changes).encode()


def call_crm(client: TestClient, body: bytes, secret: str = CRM_SECRET, tenant: str = TENANT) -> int:
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"X-Superoffice-Signature": signature, "content-type": "application/json"}
    return client.post(f"/hooks/superoffice/{tenant}", content=body, headers=headers).status_code


def call_erp(
    client: TestClient,
    body: bytes,
    *,
    at: datetime = NOW,
    secret: str = ERP_SECRET,
    company: str = "nord",
    header: str = "Unimicro-Signature",
) -> int:
    stamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {header: f"t={stamp}, v1={digest}"}
    return client.post(f"/hooks/unimicro/{company}", content=body, headers=headers).status_code


def on_list(store: Store) -> list[tuple[str, str, str, int]]:
    with store.read() as tx:
        return sorted((one.rule, one.side, one.entity, one.record_id) for one in work.listing(tx))


def shown(store: Store) -> dict[str, int]:
    with store.read() as tx:
        return {one.kind: one.occurrences for one in issues.listing(tx)}


def counted(store: Store) -> dict[tuple[str, str], int]:
    with store.read() as tx:
        return web.delivery_counts(tx, NOW - timedelta(days=1))


def test_a_call_of_the_crm_puts_the_record_on_the_list_and_nothing_of_what_it_says(
    client: TestClient, store: Store
) -> None:
    assert call_crm(client, crm_event()) == 200
    assert on_list(store) == [("customer", "crm", "contact", 1041)]
    with store.read() as tx:
        (item,) = work.listing(tx)
    assert (item.origin, item.priority, item.hint) == ("webhook", 1, None)
    assert not shown(store)
    assert counted(store) == {("superoffice", "accepted"): 1}


@pytest.mark.parametrize("header", ["Unimicro-Signature", "Softrig-Signature"])
def test_a_call_of_the_erp_puts_the_record_on_the_list(client: TestClient, store: Store, header: str) -> None:
    assert call_erp(client, erp_event(), header=header) == 200
    assert on_list(store) == [("customer", "erp", "Customer", 79)]
    with store.read() as tx:
        assert work.listing(tx)[0].company_key == KEY


def test_a_child_row_of_the_erp_lets_the_feeds_be_read_at_once(client: TestClient, store: Store) -> None:
    name = f"erp:{KEY}:Customer:children"
    with store.transaction() as tx:
        watermarks.lease(tx, name, holder="x", now=NOW, hold=timedelta(0), every=timedelta(0))
        watermarks.advance(tx, name, holder="x", now=NOW, watermark=NOW)
    assert call_erp(client, erp_event(EntityName="Phone", EntityID=5)) == 200
    assert not on_list(store)
    with store.read() as tx:
        feed = watermarks.get(tx, name)
    assert feed is not None
    assert (feed.polled_at, feed.watermark) == (None, NOW)


def test_the_test_call_at_registration_is_answered_and_means_nothing(client: TestClient, store: Store) -> None:
    assert call_crm(client, crm_event(Event="test", Entity="test", PrimaryKey=0)) == 200
    assert not on_list(store)
    assert not shown(store)


@pytest.mark.parametrize("what", ["project.created", "person.softdeleted", "list.category.changed"])
def test_every_event_that_we_subscribe_to_is_understood(client: TestClient, store: Store, what: str) -> None:
    assert call_crm(client, crm_event(Event=what, Entity=what.split(".")[0], PrimaryKey=7)) == 200
    assert not shown(store)


def test_the_same_delivery_twice_is_one_and_the_repeat_is_shown(client: TestClient, store: Store) -> None:
    for _ in range(3):
        assert call_crm(client, crm_event()) == 200
        assert call_erp(client, erp_event()) == 200
    assert len(on_list(store)) == 2
    with store.read() as tx:
        assert [one.version for one in work.listing(tx)] == [1, 1]
        assert {one.severity for one in issues.listing(tx)} == {"info"}
    assert shown(store) == {"webhook_replayed": 2}


def test_without_an_id_of_its_own_a_delivery_is_known_by_what_it_is(client: TestClient, store: Store) -> None:
    body = erp_event(MessageID=None)
    assert call_erp(client, body) == 200
    assert call_erp(client, body) == 200
    assert call_erp(client, body, at=NOW + timedelta(seconds=9)) == 200
    with store.read() as tx:
        assert [one.version for one in work.listing(tx)] == [2]


@pytest.mark.postgres
def test_an_id_that_postgres_could_not_keep_does_not_lose_the_call(postgres_url: str) -> None:
    with contextlib.closing(open_store(postgres_url)) as store:
        taker = Deliveries(
            store, ManualClock(NOW), tenant=TENANT, crm_secret=SecretStr(CRM_SECRET), erp_key=SecretStr(ERP_SECRET)
        )
        body = crm_event(EventId="0d0c\0f6e")
        signed = base64.b64encode(hmac.new(CRM_SECRET.encode(), body, hashlib.sha256).digest()).decode()
        assert taker.superoffice(TENANT, {"X-SuperOffice-Signature": signed}, body).verdict == "accepted"


def test_a_wrong_signature_is_answered_200_dropped_counted_and_shown(client: TestClient, store: Store) -> None:
    assert call_crm(client, crm_event(), secret="gjettet") == 200
    assert call_erp(client, erp_event(), secret="gjettet") == 200
    assert client.post(f"/hooks/superoffice/{TENANT}", content=crm_event()).status_code == 200
    assert client.post("/hooks/unimicro/nord", content=erp_event()).status_code == 200
    assert not on_list(store)
    assert shown(store) == {"webhook_bad_signature": 2}
    assert counted(store) == {("superoffice", "bad_signature"): 2, ("unimicro", "bad_signature"): 2}
    with store.read() as tx:
        remedies = " ".join(one.remedy for one in issues.listing(tx))
    assert "SUPEROFFICE_WEBHOOK_SECRET" in remedies
    assert "UNIMICRO_WEBHOOK_SIGNING_KEY" in remedies


def test_a_forged_call_does_not_make_the_true_one_a_repeat(client: TestClient, store: Store) -> None:
    assert call_crm(client, crm_event(), secret="gjettet") == 200
    assert call_crm(client, crm_event()) == 200
    assert on_list(store) == [("customer", "crm", "contact", 1041)]


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_an_old_call_is_answered_200_and_dropped(client: TestClient, store: Store, seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    assert call_erp(client, erp_event(), at=at) == 200
    assert call_crm(client, crm_event(Timestamp=at.strftime("%Y-%m-%dT%H:%M:%SZ"))) == 200
    assert not on_list(store)
    assert shown(store) == {"webhook_too_old": 1}
    assert counted(store) == {("superoffice", "too_old"): 1, ("unimicro", "too_old"): 1}


def test_a_call_about_another_company_or_tenant_is_dropped(client: TestClient, store: Store) -> None:
    assert call_erp(client, erp_event(), company="sor") == 200
    assert call_erp(client, erp_event(), company="ukjent") == 200
    assert call_erp(client, erp_event(CompanyKey="11111111")) == 200
    assert call_crm(client, crm_event(ContextIdentifier="Cust99999")) == 200
    assert call_crm(client, crm_event(), tenant="Cust99999") == 200
    assert not on_list(store)
    assert set(shown(store)) == {"webhook_wrong_company"}
    assert counted(store) == {("superoffice", "wrong_company"): 2, ("unimicro", "wrong_company"): 3}


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff\xfe", b"[]", b"{}", b"null", b'{"Event":"contact.changed"}', b"{" * 5000, b'"text"']
)
def test_rubbish_is_answered_200_and_dropped(client: TestClient, store: Store, body: bytes) -> None:
    assert call_crm(client, body) == 200
    assert call_erp(client, body) == 200
    assert not on_list(store)
    assert counted(store) == {("superoffice", "unreadable"): 1, ("unimicro", "unreadable"): 1}


def test_a_huge_body_is_answered_200_and_not_kept(client: TestClient, store: Store) -> None:
    body = crm_event(Padding="x" * (LARGEST_BODY + 1))
    assert call_crm(client, body) == 200
    assert not on_list(store)
    assert counted(store) == {("superoffice", "unreadable"): 1}
    assert call_crm(client, crm_event()) == 200
    assert len(on_list(store)) == 1


def test_a_flood_of_forged_calls_is_answered_without_filling_the_store(client: TestClient, store: Store) -> None:
    for number in range(80):
        assert call_crm(client, crm_event(EventId=str(number)), secret="gjettet") == 200
    assert sum(counted(store).values()) == 30


def test_without_a_secret_nothing_is_believed(store: Store, clock: ManualClock) -> None:
    settings = Settings(_env_file=None, superoffice_tenant=TENANT)  # type: ignore[call-arg]
    with TestClient(create_app(settings, store, clock=clock), base_url="http://127.0.0.1") as opened:
        assert call_crm(opened, crm_event(), secret="") == 200
        assert call_erp(opened, erp_event(), secret="") == 200
    assert not on_list(store)
    assert set(shown(store)) == {"webhook_bad_signature"}


def test_a_store_that_does_not_answer_does_not_refuse_the_vendor(client: TestClient, store: Store) -> None:
    def unreachable(*_: object, **__: object) -> object:
        from sounimicro_pipelines.store import Unreachable

        raise Unreachable("No database server answers.")

    kept = type(store).transaction
    type(store).transaction = unreachable  # type: ignore[method-assign, assignment]
    try:
        assert call_crm(client, crm_event()) == 200
    finally:
        type(store).transaction = kept  # type: ignore[method-assign]
    assert not on_list(store)
