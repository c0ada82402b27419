"""The JSON API answers what the screens show, exactly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels.api import OpenItemsAnswer
from sounimicro_pipelines.store import Store, open_store
from sounimicro_pipelines_tests.panels.conftest import client_of

ABB: dict[str, Any] = {"company": "demo", "role": "customer", "party": 79}


def test_open_items_are_those_of_the_screen(client: TestClient) -> None:
    body = client.get("/api/v1/open-items", params=ABB).json()
    OpenItemsAnswer.model_validate(body)
    assert [item["document_number"] or item["voucher_number"] for item in body["items"]] == [
        "30411",
        "30502",
        "30510",
        "30520",
        "2026-99",
    ]
    assert body["total"] == body["summary"]["balance"] == "21500.00"
    assert sum(map(Decimal, body["summary"]["aging"].values())) == Decimal(body["summary"]["balance"])
    assert body["stand"] == {
        "fetched_at": "2026-11-23T09:30:00Z",
        "as_of": "2026-11-23",
        "ties_out": True,
        "finding": None,
    }


def test_views_and_pages_count_over_everything(client: TestClient) -> None:
    overdue = client.get("/api/v1/open-items", params={**ABB, "view": "overdue"}).json()
    assert (overdue["count"], overdue["total"]) == (2, "13750.50")
    second = client.get("/api/v1/open-items", params={**ABB, "limit": 2, "offset": 2}).json()
    assert (second["count"], len(second["items"]), second["total"]) == (5, 2, "21500.00")
    assert second["items"][0]["document_number"] == "30510"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({**ABB, "party": "x"}, 422, "invalid"),
        ({**ABB, "party": 2**70}, 422, "invalid"),
        ({**ABB, "company": "A B"}, 422, "invalid"),
        ({**ABB, "view": "x"}, 422, "invalid"),
        ({**ABB, "limit": 0}, 422, "invalid"),
        ({**ABB, "party": 4711}, 404, "unknown_party"),
        ({**ABB, "company": "nobody"}, 404, "unknown_company"),
    ],
)
def test_errors_are_json_with_a_remedy(client: TestClient, query: dict[str, Any], status: int, code: str) -> None:
    response = client.get("/api/v1/open-items", params=query)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["remedy"]


def test_unknown_api_addresses_are_json_too(client: TestClient) -> None:
    assert client.get("/api/v1/nothing").json()["error"]["code"] == "no_page"


def test_the_api_describes_itself(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert "/api/v1/open-items" in document["paths"]
    assert not [path for path in document["paths"] if not path.startswith("/api/v1/")]


def test_both_databases_answer_the_same(store: Store, client: TestClient, tmp_path: Path) -> None:
    own = client_of(store, tmp_path)
    own.headers["accept-language"] = "nb"
    for query in (ABB, {**ABB, "role": "supplier", "party": 12}, {**ABB, "view": "overdue"}):
        assert (
            own.get("/api/v1/open-items", params=query).json() == client.get("/api/v1/open-items", params=query).json()
        )
    for extra in (
        {},
        {"tab": "statement"},
        {"tab": "invoices"},
        {"tab": "invoices", "view": "invoice", "invoice": 411},
    ):
        query = {**ABB, **extra}
        assert own.get("/panel/company", params=query).text == client.get("/panel/company", params=query).text


@pytest.mark.postgres
def test_a_store_that_went_away_is_said_so(postgres_url: str, tmp_path: Path) -> None:
    store = open_store(postgres_url)
    client = client_of(store, tmp_path)
    store.engine.dispose()
    store.engine = open_store(f"sqlite:///{tmp_path / 'x.db'}").engine
    store.engine.dispose()
    store.engine.pool._creator = _refuse  # type: ignore[attr-defined]
    assert client.get("/healthz").status_code == 503
    response = client.get("/panel/company", params=ABB, headers={"accept-language": "nb"})
    assert response.status_code == 503
    assert "ikke tilgjengelige" in response.text


def _refuse(*_: Any) -> Any:
    import sqlite3

    raise sqlite3.OperationalError("unable to open database file")
