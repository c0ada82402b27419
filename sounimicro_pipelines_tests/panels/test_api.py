"""The JSON API answers what the screens show, exactly."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from sounimicro_pipelines.panels.api.figures import OpenItemsAnswer
from sounimicro_pipelines.panels.words import words
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
    assert sum(map(Decimal, body["aging"].values())) == Decimal(body["summary"]["balance"])
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


def test_an_invoice_without_a_date_is_of_no_month(store: Store, tmp_path: Path) -> None:
    undated = "INSERT INTO reports.turnover_month VALUES ('customer', 79, NULL, NULL, 100.00)"
    client = client_of(store, tmp_path, changed_by=undated)
    months = client.get("/api/v1/turnover", params=ABB).json()["months"]
    assert sum(Decimal(month["net_amount"]) for month in months) == Decimal("12000.00")
    assert client.get("/panel/company", params={**ABB, "tab": "invoices"}).status_code == 200


def test_unknown_api_addresses_are_json_too(client: TestClient) -> None:
    assert client.get("/api/v1/nothing").json()["error"]["code"] == "no_page"


def test_the_api_describes_itself(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert "/api/v1/open-items" in document["paths"]
    assert not [path for path in document["paths"] if not path.startswith("/api/v1/")]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"400", "401", "403", "404", "422", "429", "500", "503"} <= set(operation["responses"]), path


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


@pytest.mark.parametrize(
    ("path", "extra", "look"),
    [
        ("statement", {}, lambda b: (b["opening"], b["closing"], b["count"]) == ("0.00", "21500.00", 8)),
        ("statement", {"from": "2026-08-15", "to": "2026-10-22"}, lambda b: b["opening"] == "12000.00"),
        ("invoices", {}, lambda b: [i["number"] for i in b["invoices"]] == ["30510", "30502", "30411", "30400"]),
        ("invoices", {"view": "credit-notes"}, lambda b: b["count"] == 1),
        ("invoices/411", {}, lambda b: (len(b["lines"]), b["payments"][0]["amount"]) == (2, "2000.00")),
        ("invoiced-products", {"year": 2025}, lambda b: b["products"][0]["net_amount"] == "-800.00"),
        ("invoiced-products/7", {}, lambda b: [line["invoice_id"] for line in b["lines"]] == [400, 502, 411]),
        (
            "turnover",
            {},
            lambda b: (b["months"][-1], len(b["months"])) == ({"month": "2026-11-01", "net_amount": "0.00"}, 12),
        ),
        ("ordered-products", {}, lambda b: b["products"][0]["remaining_quantity"] == "4.000000"),
        ("ordered-products/7", {}, lambda b: [line["document_number"] for line in b["lines"]] == ["8812", "8813"]),
        ("ordered-requisitions", {}, lambda b: [r["requisition"] for r in b["requisitions"]] == ["REK-7", None]),
        ("invoiced-sellers", {}, lambda b: len(b["sellers"]) == 2),
        ("orders", {"view": "orders"}, lambda b: b["documents"][0]["remaining_net_amount"] == "2500.00"),
        (
            "orders/order/55",
            {},
            lambda b: [line["remaining_quantity"] for line in b["lines"]] == ["0.000000", "4.000000"],
        ),
        ("budget", {"year": 2026}, lambda b: [p["variance_amount"] for p in b["periods"]] == ["600.00", "-5800.00"]),
        ("projects", {}, lambda b: [p["number"] for p in b["projects"]] == ["P31"]),
        ("projects/31", {}, lambda b: [a["amount"] for a in b["accounts"]] == ["5000.00", "1200.00"]),
        ("vouchers/501", {}, lambda b: sum(Decimal(line["amount"]) for line in b["lines"]) == 0),
    ],
)
def test_every_screen_has_its_answer(client: TestClient, path: str, extra: dict[str, Any], look: Any) -> None:
    response = client.get(f"/api/v1/{path}", params={**ABB, **extra})
    assert response.status_code == 200, response.text
    body = response.json()
    assert look(body), body
    assert body["whom"] == {"company": "demo", "role": "customer", "party_id": 79}
    _check_model(client, path, body)


def _check_model(client: TestClient, path: str, body: dict[str, Any]) -> None:
    """The answer is what the description promises: every declared field is there, and nothing else."""
    document = client.get("/api/v1/openapi.json").json()
    declared = next(p for p in document["paths"] if _matches(p, f"/api/v1/{path}"))
    schema = document["paths"][declared]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(body) == set(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]["properties"])


def _matches(pattern: str, path: str) -> bool:
    left, right = pattern.split("/"), path.split("/")
    return len(left) == len(right) and all(a == b or a.startswith("{") for a, b in zip(left, right, strict=True))


MONTHS = {"from": "2026-01-01", "to": "2026-12-31"}


@pytest.mark.parametrize(
    ("screen", "path", "extra", "rows", "keys"),
    [
        ("view=all", "open-items", {}, "items", "due_date original_amount remaining_amount"),
        ("view=overdue", "open-items", {"view": "overdue"}, "items", "due_date remaining_amount"),
        ("view=not-overdue", "open-items", {"view": "not-overdue"}, "items", "due_date remaining_amount"),
        ("tab=statement", "statement", {}, "lines", "financial_date voucher_number text amount balance"),
        ("tab=statement&period=this-year", "statement", MONTHS, "lines", "financial_date amount balance"),
        ("tab=budget&year=2026", "budget", {"year": 2026}, "periods", "budget_amount actual_amount variance_amount"),
        ("tab=orders", "orders", {}, "documents", "order_date requisition seller net_amount remaining_net_amount"),
        ("tab=orders&view=orders", "orders", {"view": "orders"}, "documents", "order_date net_amount"),
        ("tab=orders&view=quotes", "orders", {"view": "quotes"}, "documents", "order_date net_amount"),
        ("tab=orders&view=per-product", "ordered-products", {}, "products", "product_name quantity remaining_quantity"),
        ("tab=orders&view=product&product=7", "ordered-products/7", {}, "lines", "order_date quantity net_amount"),
        ("tab=orders&view=per-requisition", "ordered-requisitions", {}, "requisitions", "document_count net_amount"),
        ("tab=orders&view=document&document=55", "orders/order/55", {}, "lines", "product_number quantity net_amount"),
        ("tab=invoices", "invoices", {}, "invoices", "invoice_date seller net_amount gross_amount remaining_amount"),
        ("tab=invoices&period=this-year", "invoices", MONTHS, "invoices", "invoice_date seller net_amount"),
        ("tab=invoices&view=invoices", "invoices", {"view": "invoices"}, "invoices", "invoice_date net_amount"),
        ("tab=invoices&view=credit-notes", "invoices", {"view": "credit-notes"}, "invoices", "invoice_date net_amount"),
        ("tab=invoices&view=per-product", "invoiced-products", {}, "products", "product_number quantity net_amount"),
        ("tab=invoices&view=per-seller", "invoiced-sellers", {}, "sellers", "seller invoice_count net_amount"),
        ("tab=invoices&view=product&product=7", "invoiced-products/7", {}, "lines", "invoice_date quantity net_amount"),
        ("tab=invoices&view=invoice&invoice=411", "invoices/411", {}, "lines", "product_number quantity net_amount"),
        ("tab=projects", "projects", {}, "projects", "name start_date income cost margin invoiced"),
        ("tab=projects&view=project&project=31", "projects/31", {}, "accounts", "account_number account_name amount"),
        ("tab=statement&view=voucher&voucher=501", "vouchers/501", {}, "lines", "account_number account_name amount"),
    ],
)
def test_screen_and_answer_say_the_same(
    client: TestClient, screen: str, path: str, extra: dict[str, Any], rows: str, keys: str
) -> None:
    answer = client.get(f"/api/v1/{path}", params={**ABB, **extra}).json()
    whom = "&".join(f"{name}={value}" for name, value in ABB.items())
    file = client.get(f"/panel/company?{whom}&{screen}&lang=en&format=csv").content.decode("utf-8-sig")
    headings, *lines = csv.reader(file.splitlines())
    assert len(lines) > 0
    for key in keys.split():
        column = headings.index(words("en")(f"columns.{key}"))
        assert [_plain(line[column]) for line in lines] == [_plain(row[key]) for row in answer[rows]], key


def _plain(value: Any) -> Any:
    """A number as a number, nothing as "", whatever wrote it."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return "" if value is None else str(value)


@pytest.mark.parametrize(
    "path", ["invoices/900", "orders/order/57", "projects/32", "vouchers/777", "vouchers/602", "ordered-products/4711"]
)
def test_what_is_anothers_does_not_exist(client: TestClient, path: str) -> None:
    assert client.get(f"/api/v1/{path}", params=ABB).status_code == 404
