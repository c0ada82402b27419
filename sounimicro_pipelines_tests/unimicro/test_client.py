from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from sounimicro_pipelines.clock import UTC, ManualClock
from sounimicro_pipelines.transport import (
    AccessDenied,
    BadAnswer,
    Misdirected,
    NotFound,
    ServerFailed,
    Unreachable,
    ValidationFailed,
    VendorError,
)
from sounimicro_pipelines.unimicro.answers import words
from sounimicro_pipelines.unimicro.client import CompanyClient
from sounimicro_pipelines.unimicro.expressions import QueryError, where
from sounimicro_pipelines.unimicro.model import UnknownName
from sounimicro_pipelines.unimicro.query import FilterIgnored, Query
from sounimicro_pipelines_tests.http_server import Answer
from sounimicro_pipelines_tests.unimicro.fake_erp import KEY_A, FakeErp, company_of, stamped

T = TypeVar("T")
CANARY = "kanarifugl"


def using(erp: FakeErp, folder: Path, use: Callable[[CompanyClient], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        async with company_of(erp, folder, **options) as company:
            return await use(company)

    return asyncio.run(run())


def answering(method: str, answer: Answer) -> FakeErp:
    return FakeErp(before=lambda r: answer if r.method == method and r.path.startswith("/api/biz/") else None)


def test_one_record_is_read_with_its_relations(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("customers").append(stamped(79, CustomerNumber=100079, CreditDays=14))

    async def use(company: CompanyClient) -> None:
        record = await company.get("Customer", 79, expand=("Info.DefaultPhone", "DefaultSeller"))
        assert record["CustomerNumber"] == 100079
        with pytest.raises(UnknownName):
            await company.get("Customer", 79, expand=("Infos",))

    using(erp, tmp_path, use)
    request = erp.asked("/customers/79")[0]
    assert request.query == {"hateoas": "false", "expand": "Info.DefaultPhone,DefaultSeller"}
    assert request.headers["companykey"] == KEY_A
    assert request.headers["authorization"].startswith("Bearer ")


def test_identity_numbers_are_dropped_wherever_they_stand(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("customers").append(stamped(79, SocialSecurityNumber="01019012345"))
    erp.rows("projects").append(stamped(12, ProjectCustomer={"ID": 79, "SocialSecurityNumber": "01019012345"}))

    async def use(company: CompanyClient) -> None:
        assert "SocialSecurityNumber" not in await company.get("Customer", 79)
        (project,) = await company.find(Query("Project", expand=("ProjectCustomer",)))
        assert project["ProjectCustomer"] == {"ID": 79}

    using(erp, tmp_path, use)


def test_a_missing_a_deleted_and_a_wrong_record_are_told_apart_from_a_right_one(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("customers").append(stamped(5) | {"Deleted": True})

    async def use(company: CompanyClient) -> None:
        with pytest.raises(NotFound):
            await company.get("Customer", 4)
        with pytest.raises(NotFound, match="deleted"):
            await company.get("Customer", 5)
        erp.before = lambda r: Answer(stamped(9)) if r.path.endswith("customers/6") else None
        with pytest.raises(FilterIgnored):
            await company.get("Customer", 6)

    using(erp, tmp_path, use)


def test_a_search_finds_what_fits_and_never_what_is_deleted(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("customers").extend(
        [stamped(1, OrgNumber="999888777"), stamped(2, OrgNumber="1"), stamped(3, OrgNumber="999888777")]
    )

    async def use(company: CompanyClient) -> None:
        found = await company.find(Query("Customer", where("OrgNumber").eq("999888777"), top=20))
        assert [row["ID"] for row in found] == [1, 3]
        erp.before = lambda r: (
            Answer([stamped(1, OrgNumber="999888777") | {"Deleted": True}]) if r.path.endswith("customers") else None
        )
        assert await company.find(Query("Customer", where("OrgNumber").eq("999888777"))) == []

    using(erp, tmp_path, use)


def test_a_search_whose_filter_is_ignored_is_a_hard_error(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: r.query.pop("filter", None) and None)
    erp.rows("customers").extend([stamped(1, OrgNumber=CANARY)])

    async def use(company: CompanyClient) -> None:
        with pytest.raises(FilterIgnored) as caught:
            await company.find(Query("Customer", where("OrgNumber").eq("999888777")))
        assert CANARY not in str(caught.value)

    using(erp, tmp_path, use)


def test_all_rows_of_a_query_are_paged_by_id(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("terms").extend(stamped(one, TermsType=one % 2) for one in range(1, 24))

    async def use(company: CompanyClient) -> list[int]:
        query = Query("Terms", where("TermsType").eq(1), top=4)
        return [row["ID"] async for row in company.list_all(query)]

    assert using(erp, tmp_path, use) == list(range(1, 24, 2))


def test_records_made_by_us_since_an_intent_can_be_searched(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("customers").extend(
        [stamped(1, "2026-11-23T08:00:00Z", CreatedBy="us"), stamped(2, "2026-11-23T08:00:00Z", CreatedBy="them")]
    )
    since = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)

    async def use(company: CompanyClient) -> list[int]:
        query = Query("Customer", where("CreatedBy").eq("us") & where("CreatedAt").ge(since))
        return [row["ID"] for row in await company.find(query)]

    assert using(erp, tmp_path, use) == [1]


@pytest.mark.parametrize("status", [200, 201])
def test_a_create_carries_its_guid_and_the_year_and_gives_the_new_id(tmp_path: Path, status: int) -> None:
    erp = answering("POST", Answer({"ID": 81, "CustomerNumber": 100081}, status=status))
    guid, inner = uuid4(), str(uuid4())

    async def use(company: CompanyClient) -> dict[str, Any]:
        return await company.create(
            "Customer", {"OrgNumber": "1", "Info": {"Name": "A", "_createguid": inner}}, guid=guid
        )

    clock = ManualClock(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert using(erp, tmp_path, use, clock=clock)["CustomerNumber"] == 100081
    (request,) = erp.asked("/customers")
    assert request.json() == {"OrgNumber": "1", "Info": {"Name": "A", "_createguid": inner}, "_createguid": str(guid)}
    assert request.headers["year"] == "2027"
    assert request.headers["companykey"] == KEY_A


@pytest.mark.parametrize("answer", [Answer(status=204), Answer({"CustomerNumber": 1}), Answer("ok"), Answer(b"<html>")])
def test_a_create_whose_answer_hides_the_id_is_told_as_unknown(tmp_path: Path, answer: Answer) -> None:
    erp = answering("POST", answer)

    async def use(company: CompanyClient) -> None:
        with pytest.raises(BadAnswer) as caught:
            await company.create("Terms", {"Name": "x"}, guid=uuid4())
        assert caught.value.effect_unknown

    using(erp, tmp_path, use)
    assert len(erp.asked("/terms")) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(Answer(status=500), ServerFailed), (Answer(drop=True), Unreachable), (Answer({}, delay=3), Unreachable)],
)
def test_a_write_that_may_have_happened_is_not_repeated(
    tmp_path: Path, answer: Answer, kind: type[VendorError]
) -> None:
    erp = answering("PUT", answer)

    async def use(company: CompanyClient) -> None:
        with pytest.raises(kind) as caught:
            await company.update("Terms", 3, {"Name": "x"})
        assert caught.value.effect_unknown

    using(erp, tmp_path, use, timeout=0.5)
    assert len(erp.asked("/terms/3")) == 1


def test_an_update_sends_only_what_it_was_given_with_exact_decimals(tmp_path: Path) -> None:
    erp = answering("PUT", Answer(status=204))

    async def use(company: CompanyClient) -> None:
        body = {"Price": Decimal("1234.50"), "WorkPlaceAddress": {"ID": 7, "City": "Bergen"}}
        assert await company.update("Project", 12, body) is None

    using(erp, tmp_path, use)
    assert erp.asked("/projects/12")[0].body == (
        b'{"Price":1234.50,"WorkPlaceAddress":{"ID":7,"City":"Bergen"},"ID":12}'
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"Nme": "x"}, UnknownName),
        ({"CustomerNumber": 5}, QueryError),
        ({"CreatedBy": "x"}, QueryError),
        ({"Info": {"Phones": [{"Number": "1"}]}}, QueryError),
        ({"Info": {"ID": 0, "Name": "x"}}, QueryError),
        ({"Info": "x"}, QueryError),
        ({"GLN": "12345678901234"}, QueryError),
        ({"Info": {"ID": 1, "Nme": "x"}}, UnknownName),
    ],
)
def test_a_body_that_the_erp_would_refuse_or_ignore_is_not_sent(
    tmp_path: Path, body: dict[str, Any], error: type[Exception]
) -> None:
    erp = FakeErp()

    async def use(company: CompanyClient) -> None:
        with pytest.raises(error):
            await company.update("Customer", 3, body)

    using(erp, tmp_path, use)
    assert not erp.requests


def test_a_refused_write_tells_every_message_with_its_path_but_not_in_its_text(tmp_path: Path) -> None:
    body = {
        "ID": 0,
        "_validationResults": {"OrgNumber": [{"Message": f"{CANARY} finnes", "EntityType": "Customer"}]},
        "Info": {
            "Name": CANARY,
            "Phones": [{"_validationResults": {"Number": [{"EntityType": "Phone"}]}}],
            "_validationResults": {"Name": [{"Message": "Name is required"}, {"Message": "Too short"}]},
        },
    }
    erp = answering("POST", Answer(body, status=400))

    async def use(company: CompanyClient) -> None:
        with pytest.raises(ValidationFailed, match=r"POST contacts .*HTTP 400") as caught:
            await company.create("Contact", {"Role": "x"}, guid=uuid4())
        assert set(caught.value.messages) == {
            f"OrgNumber: {CANARY} finnes",
            "Info.Phones[0].Number: not accepted",
            "Info.Name: Name is required",
            "Info.Name: Too short",
        }
        assert CANARY not in str(caught.value)
        assert not caught.value.effect_unknown

    using(erp, tmp_path, use)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"Message": "a"}, ["a"]),
        ({"message": "b"}, ["b"]),
        ({"Messages": [{"Message": "c"}, {"Message": "d"}]}, ["c", "d"]),
        ("e", ["e"]),
        ({"_validationResults": {"X": {"Message": "f"}}}, ["X: f"]),
        ([{"_validationResults": {"X": [{"Message": "g"}]}}], ["[0].X: g"]),
        ({}, []),
        (None, []),
    ],
)
def test_all_documented_shapes_of_a_refusal_are_read(body: Any, said: list[str]) -> None:
    assert list(words(body)) == said


def test_actions_that_send_something_to_a_customer_cannot_be_called(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("customers").append(stamped(7))

    async def use(company: CompanyClient) -> None:
        with pytest.raises(ValueError, match="sends something"):
            await company.action("PUT", "CustomerInvoice", "distribute-with-type", record_id=4)
        await company.action("GET", "Customer", "next", record_id=7)

    using(erp, tmp_path, use)
    assert erp.asked("/customers/7")[0].query == {"action": "next"}


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_optional_routes_that_are_missing_are_not_available(tmp_path: Path, status: int) -> None:
    erp = FakeErp(
        before=lambda r: (
            Answer(status=status) if r.path.startswith(("/api/biz/users", "/api/biz/audit", "/api/meta")) else None
        )
    )

    async def use(company: CompanyClient) -> None:
        assert await company.current_user() is None
        assert await company.audit("Customer", 4) is None
        assert await company.fields_of("Customer") is None

    using(erp, tmp_path, use)


def test_who_am_i_and_the_audit_log_of_one_record(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer({"GlobalIdentity": "us"}) if "action" in r.query else None)
    erp.rows("auditlogs").extend(
        [
            stamped(1, EntityType="Customer", EntityID=4, Field="CreditDays", NewValue="14"),
            stamped(2, EntityType="Customer", EntityID=5, Field="CreditDays", NewValue="20"),
        ]
    )

    async def use(company: CompanyClient) -> None:
        user = await company.current_user()
        assert user is not None
        assert user["GlobalIdentity"] == "us"
        log = await company.audit("Customer", 4, since=datetime(2025, 1, 1, tzinfo=UTC))
        assert log is not None
        assert [row["NewValue"] for row in log] == ["14"]

    using(erp, tmp_path, use)


@pytest.mark.parametrize(
    "answer",
    [
        [{"Name": "OrgNumber"}, {"Name": "ID"}],
        ["OrgNumber", "ID"],
        {"OrgNumber": "string", "ID": "int"},
        {"Fields": {"OrgNumber": {}, "ID": {}}},
    ],
)
def test_the_metadata_is_read_in_the_shapes_it_may_have(tmp_path: Path, answer: Any) -> None:
    erp = FakeErp(before=lambda r: Answer(answer) if r.path == "/api/metadata/Customer/types" else None)

    async def use(company: CompanyClient) -> set[str] | None:
        return await company.fields_of("Customer")

    assert using(erp, tmp_path, use) == {"OrgNumber", "ID"}


def test_a_tenant_that_has_moved_is_told(tmp_path: Path) -> None:
    erp = answering("GET", Answer(status=421))

    async def use(company: CompanyClient) -> None:
        with pytest.raises(Misdirected):
            await company.get("Customer", 1)

    using(erp, tmp_path, use)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500])
def test_nothing_secret_or_personal_reaches_logs_or_error_texts(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore.http11", "httpcore.connection"):
        caplog.set_level(logging.DEBUG, logger=name)
    body = json.dumps({"Message": CANARY, "Name": CANARY}).encode()[:-1]
    erp = FakeErp(
        before=lambda r: Answer(body, status=status, headers={"x": CANARY}) if r.path.startswith("/api/biz/") else None
    )

    async def use(company: CompanyClient) -> None:
        with pytest.raises(VendorError) as caught:
            await company.find(Query("Customer", where("OrgNumber").eq(CANARY)))
        told = str(caught.value) + repr(caught.value)
        with pytest.raises(VendorError) as caught:
            await company.update("Customer", 4, {"OrgNumber": CANARY})
        told += str(caught.value) + repr(caught.value)
        for secret in (CANARY, "canary", KEY_A):
            assert secret not in told
            assert secret not in caplog.text

    using(erp, tmp_path, use)


def test_a_missing_right_is_told_with_what_to_do(tmp_path: Path) -> None:
    async def use(company: CompanyClient) -> None:
        with pytest.raises(AccessDenied, match="Ask an administrator"):
            await company.get("Customer", 1)

    using(answering("GET", Answer("no", status=403)), tmp_path, use)
