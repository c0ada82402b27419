from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.transport import BadAnswer, Unavailable, ValidationFailed
from sounimicro_pipelines.unimicro.client import CompanyClient
from sounimicro_pipelines.unimicro.expressions import QueryError, where
from sounimicro_pipelines.unimicro.model import UnknownName
from sounimicro_pipelines.unimicro.query import FilterIgnored
from sounimicro_pipelines.unimicro.statistics import Figure, Statistics, all_rows, statistics
from sounimicro_pipelines_tests.http_server import Answer
from sounimicro_pipelines_tests.unimicro.fake_erp import KEY_A, FakeErp, company_of, stamped

T = TypeVar("T")
BALANCE = Statistics("JournalEntryLine", {"Balance": Figure("Amount", "sum")}, where("SubAccount.AccountNumber").eq(9))


def using(erp: FakeErp, folder: Path, use: Callable[[CompanyClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with company_of(erp, folder) as company:
            return await use(company)

    return asyncio.run(run())


def ask(answer: Any, folder: Path, status: int = 200, query: Statistics = BALANCE) -> list[dict[str, Any]]:
    erp = FakeErp(before=lambda r: Answer(answer, status=status) if r.path == "/api/statistics" else None)

    async def use(company: CompanyClient) -> list[dict[str, Any]]:
        return await statistics(company, query)

    return using(erp, folder, use)


def test_a_query_is_written_as_the_vendor_documents() -> None:
    query = Statistics(
        "Customer",
        {"ID": "ID", "Number": "CustomerNumber"},
        where("UpdatedAt").gt(datetime(2026, 1, 2, tzinfo=UTC)) & where("Deleted").eq(True),
        order_by=("CustomerNumber desc", "ID"),
        with_deleted=True,
        top=9,
    )
    assert query.params() == {
        "model": "Customer",
        "select": "ID as ID,CustomerNumber as Number",
        "filter": "UpdatedAt gt '2026-01-02T00:00:00Z' and Deleted eq 'true'",
        "orderby": "CustomerNumber desc,ID",
        "top": "9",
        "distinct": "false",
        "wrap": "false",
        "hateoas": "false",
    }


def test_joined_tables_are_addressed_by_their_last_name_and_deleted_rows_left_out() -> None:
    query = Statistics(
        "JournalEntryLine",
        {"Name": "SubAccount.Customer.Info.Name", "Open": Figure("RestAmount", "sum")},
        where("SubAccount.CustomerID").gt(0),
    )
    params = query.params()
    assert params["select"] == "Info.Name as Name,sum(JournalEntryLine.RestAmount) as Open"
    assert params["filter"] == "SubAccount.CustomerID gt 0 and isnull(JournalEntryLine.Deleted,0) eq 0"
    assert params["expand"] == "SubAccount.Customer.Info,SubAccount"


def test_unknown_names_and_unnamed_columns_are_never_sent() -> None:
    with pytest.raises(UnknownName):
        Statistics("Custmer", {"ID": "ID"})
    with pytest.raises(UnknownName):
        Statistics("Customer", {"N": "Nme"})
    with pytest.raises(QueryError):
        Statistics("Customer", {"a b": "ID"})
    with pytest.raises(QueryError):
        Statistics("Customer", {})


def test_both_shapes_of_an_answer_are_read(tmp_path: Path) -> None:
    for answer in (b'[{"Balance": 12.50}]', b'{"Data": [{"Balance": 12.50}], "Success": true, "Message": null}'):
        assert ask(answer, tmp_path) == [{"Balance": Decimal("12.50")}]
    assert ask(b'{"Data": [{"Balance": 12.50}]}', tmp_path) == [{"Balance": Decimal("12.50")}]
    assert ask(b'{"Data": null, "Success": true}', tmp_path) == []
    assert ask(b"", tmp_path, status=204) == []


def test_a_failure_with_status_200_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed) as caught:
        ask({"Data": None, "Success": False, "Message": "Invalid function: x"}, tmp_path)
    assert caught.value.messages == ("Invalid function: x",)
    for said in ("Model 'X' is not allowed in statistics.", "Model 'X' not found"):
        with pytest.raises(Unavailable):
            ask({"Success": False, "Message": said}, tmp_path)
        with pytest.raises(Unavailable):
            ask(said, tmp_path, status=400)
    with pytest.raises(ValidationFailed):
        ask("Invalid function: x", tmp_path, status=400)


@pytest.mark.parametrize("answer", [{"x": 1}, [1], [{"sumAmount": 1}], b"<html>", None])
def test_an_answer_of_another_shape_is_told(tmp_path: Path, answer: Any) -> None:
    with pytest.raises(BadAnswer):
        ask(answer, tmp_path)


def test_rows_are_paged_by_id(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.statistics[KEY_A, "Phone"] = [stamped(one, BusinessRelationID=one * 2) for one in range(1, 24)]
    query = Statistics("Phone", {"ID": "ID", "Parent": "BusinessRelationID"}, top=5)

    async def use(company: CompanyClient) -> list[int]:
        return [row["Parent"] async for row in all_rows(company, query)]

    assert using(erp, tmp_path, use) == list(range(2, 48, 2))


def test_pages_that_do_not_go_on_are_a_hard_error(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer([{"ID": 1}]) if r.path == "/api/statistics" else None)

    async def use(company: CompanyClient) -> None:
        with pytest.raises(FilterIgnored):
            _ = [row async for row in all_rows(company, Statistics("Phone", {"ID": "ID"}))]
        with pytest.raises(QueryError):
            _ = [row async for row in all_rows(company, Statistics("Phone", {"N": Figure("ID", "count")}))]

    using(erp, tmp_path, use)
