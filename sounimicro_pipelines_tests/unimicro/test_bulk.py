from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.records import EntitySpec, RecordPage
from sounimicro_pipelines.transport import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    Limits,
    NotFound,
    ServerFailed,
    Unavailable,
    VendorError,
)
from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
from sounimicro_pipelines.unimicro.companies import Company
from sounimicro_pipelines.unimicro.entities import SPECS, spec_of
from sounimicro_pipelines.unimicro.query import FilterIgnored, Query
from sounimicro_pipelines.unimicro.ranges import Range, Ranges
from sounimicro_pipelines_tests.http_server import Answer, Request
from sounimicro_pipelines_tests.unimicro.fake_erp import KEY_A, KEY_B, FakeErp, company_of, running, stamped

T = TypeVar("T")
TERMS = spec_of("Terms")
SINCE = datetime(2026, 11, 1, 12, 0, 0, 250_000, tzinfo=UTC)
NEW, OLD = "2026-11-02T08:00:00.53Z", "2026-01-01T08:00:00Z"


def small(entity: str, page_size: int = 5) -> EntitySpec:
    spec = spec_of(entity)
    return EntitySpec(
        **{name: getattr(spec, name) for name in EntitySpec.__slots__ if name != "page_size"}, page_size=page_size
    )


def with_reader(erp: FakeErp, folder: Path, use: Callable[[UnimicroBulkReader], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        async with company_of(erp, folder, **options) as company:
            return await use(UnimicroBulkReader(company))

    return asyncio.run(run())


def rows_of(pages: list[RecordPage]) -> list[dict[str, Any]]:
    return [json.loads(bytes(row)) for page in pages for row in page.rows]


def ids_of(pages: list[RecordPage]) -> list[int]:
    return [row["ID"] for row in rows_of(pages)]


def full(erp: FakeErp, folder: Path, spec: EntitySpec, **options: Any) -> list[RecordPage]:
    async def use(reader: UnimicroBulkReader) -> list[RecordPage]:
        return [page async for page in reader.full(spec)]

    return with_reader(erp, folder, use, **options)


def changed(erp: FakeErp, folder: Path, spec: EntitySpec, **options: Any) -> list[RecordPage]:
    async def use(reader: UnimicroBulkReader) -> list[RecordPage]:
        return [page async for page in reader.changed(spec, SINCE)]

    return with_reader(erp, folder, use, **options)


@pytest.mark.parametrize("readers", [1, 4, 16])
@pytest.mark.parametrize("seed", range(4))
def test_a_full_listing_holds_every_record_once_however_the_ids_lie(tmp_path: Path, readers: int, seed: int) -> None:
    chosen = random.Random(seed)
    ids = sorted(
        {
            *chosen.sample(range(1, 60), 30),
            *(1000 + number for number in range(chosen.choice([0, 40]))),
            *chosen.sample(range(5000, 100_000), 20),
        }
    )
    erp = FakeErp()
    erp.rows("terms").extend(stamped(one) for one in ids)
    pages = full(erp, tmp_path, small("Terms"), limits=Limits(readers, 0))
    assert sorted(ids_of(pages)) == ids
    assert max(page.high_water for page in pages if page.high_water) == datetime(2026, 1, 1, 8, 0, 0, 500_000, UTC)


def test_a_small_register_is_read_in_one_range(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("terms").extend(stamped(one) for one in (1, 2, 3))
    assert ids_of(full(erp, tmp_path, small("Terms"))) == [1, 2, 3]
    assert len(erp.asked("/terms")) == 3
    assert full(FakeErp(tables={(KEY_A, "terms"): []}), tmp_path, TERMS) == []


def test_success_without_content_is_a_list_without_records(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer(status=204) if r.path.endswith("/terms") else None)
    assert full(erp, tmp_path, TERMS) == []

    async def listed(reader: UnimicroBulkReader) -> list[Any]:
        return [row async for row in reader._company.list_all(Query("Terms"))]

    assert with_reader(erp, tmp_path, listed) == []


def test_every_page_asks_for_a_size_an_order_and_no_links(tmp_path: Path) -> None:
    erp = FakeErp(default_page=2)
    erp.rows("terms").extend(stamped(one) for one in range(1, 30))
    assert len(ids_of(full(erp, tmp_path, small("Terms")))) == 29
    for request in erp.asked("/terms"):
        assert int(request.query["top"]) >= 1
        assert request.query["hateoas"] == "false"
        assert request.query["orderby"] in ("ID", "ID desc")
        assert request.query.get("filter") != ""
        assert not any(name.startswith("$") for name in request.query)


def test_a_page_shorter_than_asked_is_not_the_end(tmp_path: Path) -> None:
    def before(request: Request) -> None:
        if request.path.endswith("/terms") and request.query["top"] != "1":
            request.query["top"] = "2"

    erp = FakeErp(before=before)
    erp.rows("terms").extend(stamped(one) for one in range(1, 41))
    assert sorted(ids_of(full(erp, tmp_path, small("Terms")))) == list(range(1, 41))


def test_records_that_come_while_paging_are_met_and_none_is_lost(tmp_path: Path) -> None:
    erp = FakeErp()
    table = erp.rows("terms")
    table.extend(stamped(one) for one in range(1, 41))

    def before(request: Request) -> None:
        if request.path.endswith("/terms") and len(table) < 50:
            table.append(stamped(table[-1]["ID"] + 3))

    erp.before = before
    found = ids_of(full(erp, tmp_path, small("Terms")))
    assert len(found) == len(set(found))
    assert set(found) >= set(range(1, 41))


def test_an_ignored_filter_is_a_hard_error_in_a_full_listing(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda request: request.query.pop("filter", None) and None)
    erp.rows("terms").extend(stamped(one) for one in range(1, 41))
    with pytest.raises(FilterIgnored, match="GET terms was answered with rows that were not asked for"):
        full(erp, tmp_path, small("Terms"))


def test_an_ignored_order_is_a_hard_error(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda request: request.query.pop("orderby", None) and None)
    erp.rows("terms").extend(stamped(one) for one in (5, 3, 9, 1))
    with pytest.raises(FilterIgnored):
        full(erp, tmp_path, small("Terms"))


def test_an_ignored_filter_is_a_hard_error_in_a_change_feed(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda request: request.query.pop("filter", None) and None)
    erp.rows("terms").extend([stamped(1, OLD), stamped(2, OLD, NEW)])
    with pytest.raises(FilterIgnored, match="did not change since"):
        changed(erp, tmp_path, TERMS)


def test_changes_are_found_by_both_stamps_since_new_records_have_only_one(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("terms").extend(
        [
            stamped(1, OLD),
            stamped(2, OLD, NEW),
            stamped(3, NEW),
            stamped(4, OLD, OLD),
            *(stamped(n, NEW) for n in range(5, 18)),
        ]
    )
    pages = changed(erp, tmp_path, small("Terms"))
    assert ids_of(pages) == [2, 3, *range(5, 18)]
    assert pages[0].high_water == datetime(2026, 11, 2, 8, 0, 0, 530_000, UTC)
    assert erp.asked("/terms")[0].query["filter"] == (
        "(CreatedAt gt '2026-11-01T12:00:00Z' or UpdatedAt gt '2026-11-01T12:00:00Z') and ID gt 0"
    )


def test_dates_of_both_forms_and_numbers_as_text_are_read(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("terms").extend(
        [{"ID": 1, "CreatedAt": "2026-11-05"}, {"ID": 2, "CreatedAt": NEW, "UpdatedAt": "2026-11-06T10:00:00.1234567Z"}]
    )
    erp.before = lambda r: (
        Answer([{**row, "ID": str(row["ID"])} for row in erp.rows("terms")] if "ID gt 0" in r.query["filter"] else [])
        if r.path.endswith("/terms")
        else None
    )
    (page,) = changed(erp, tmp_path, TERMS)
    assert ids_of([page]) == ["1", "2"]
    assert page.high_water == datetime(2026, 11, 6, 10, 0, 0, 123_456, UTC)


def test_a_record_whose_id_cannot_be_read_goes_on_to_be_put_aside(tmp_path: Path) -> None:
    rows = [stamped(1), {"ID": None, "CreatedAt": None}, stamped(3)]

    def before(request: Request) -> Answer | None:
        if not request.path.endswith("/terms"):
            return None
        return Answer(rows if "ID gt 0" in request.query.get("filter", "ID gt 0") else [])

    assert ids_of(full(FakeErp(before=before), tmp_path, TERMS)) == [1, None, 3]


def test_heads_of_which_only_a_line_changed_are_read_again(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("invoices").extend(stamped(one, OLD, NEW if one == 7 else None, Items=[]) for one in range(1, 100))
    erp.rows("invoiceitems").extend(
        stamped(one, OLD, NEW if one in (3, 7, 50, 60, 90) else None, CustomerInvoiceID=one) for one in range(1, 100)
    )
    erp.statistics[KEY_A, "CustomerInvoiceItem"] = [
        stamped(500, OLD, NEW, CustomerInvoiceID=80) | {"Deleted": True},
        stamped(501, OLD, NEW, CustomerInvoiceID=81),
    ]
    assert ids_of(changed(erp, tmp_path, spec_of("CustomerInvoice"))) == [7, 3, 50, 60, 80, 90]
    assert all(request.query["expand"] == "Items" for request in erp.asked("/invoices"))
    assert "select" not in erp.asked("/invoices")[0].query


def test_many_touched_parents_are_read_in_chains_of_thirty(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("business-relations").extend(stamped(one, OLD) for one in range(1, 101))
    erp.statistics[KEY_A, "Phone"] = [stamped(one, NEW, BusinessRelationID=one) for one in range(1, 96)]
    erp.statistics[KEY_A, "Email"] = []
    assert sorted(ids_of(changed(erp, tmp_path, spec_of("BusinessRelation")))) == list(range(1, 96))
    chains = [r.query["filter"].count("ID eq") for r in erp.asked("/business-relations")]
    assert max(chains) == 30


def test_a_child_model_that_statistics_does_not_offer_is_noted_and_done_without(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("business-relations").append(stamped(1, NEW))

    async def use(reader: UnimicroBulkReader) -> dict[str, str]:
        assert ids_of([page async for page in reader.changed(spec_of("BusinessRelation"), SINCE)]) == [1]
        return reader.notes

    notes = with_reader(erp, tmp_path, use)
    assert set(notes) == {"Address", "Phone", "Email"}


def test_deleted_records_are_told_by_statistics_or_not_at_all(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.statistics[KEY_A, "Customer"] = [
        stamped(1, OLD, NEW) | {"Deleted": True},
        stamped(2, OLD, NEW),
        stamped(3, OLD, OLD) | {"Deleted": True},
    ]

    async def use(reader: UnimicroBulkReader) -> None:
        assert await reader.deleted(spec_of("Customer"), SINCE) == [1]
        assert await reader.deleted(spec_of("Supplier"), SINCE) is None

    with_reader(erp, tmp_path, use)


def test_statistics_that_ignore_the_filter_are_not_believed(tmp_path: Path) -> None:
    def before(request: Request) -> Answer | None:
        if "model" not in request.query:
            return None
        first = "ID gt 0" in request.query["filter"]
        return Answer([{"ID": 1, "CreatedAt": OLD, "UpdatedAt": NEW, "Deleted": False}] if first else [])

    async def use(reader: UnimicroBulkReader) -> None:
        assert await reader.deleted(spec_of("Customer"), SINCE) is None
        assert "other rows" in reader.notes["Customer"]

    with_reader(FakeErp(before=before), tmp_path, use)


def test_company_settings_are_one_record(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("companysettings").append(stamped(1, CompanyName="A"))
    spec = spec_of("CompanySettings")
    assert ids_of(full(erp, tmp_path, spec)) == [1]
    assert ids_of(changed(erp, tmp_path, spec)) == [1]
    assert erp.requests[-1].path == "/api/biz/companysettings/1"


def test_records_with_line_breaks_become_one_line_each_with_their_numbers_unchanged(tmp_path: Path) -> None:
    body = b'[\n {"ID": 1, "Amount": 1234567890123.4500,\r\n  "Name": "a\\nb \xc3\xa5"}\n]'

    def before(request: Request) -> Answer | None:
        if not request.path.endswith("/terms"):
            return None
        return Answer(body if "ID gt 0" in request.query.get("filter", "ID gt 0") else b"[]")

    (page,) = full(FakeErp(before=before), tmp_path, TERMS)
    assert list(map(bytes, page.rows)) == ['{"ID":1,"Amount":1234567890123.4500,"Name":"a\\nb å"}'.encode()]


def fault(*answers: Answer, path: str = "/terms", after: int = 2) -> Callable[[Request], Answer | None]:
    """Answers given instead of the ERP's, from the n-th call of a path on."""
    calls = 0
    left = list(answers)

    def before(request: Request) -> Answer | None:
        nonlocal calls
        if not request.path.endswith(path):
            return None
        calls += 1
        return left.pop(0) if calls > after and left else None

    return before


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(status=500), Answer(status=502)],
        [Answer(status=429, headers={"retry-after": "1"})],
        [Answer(b"<html>Service unavailable</html>", headers={"content-type": "text/html"})],
        [Answer(b'[{"ID": 1', cut=5)],
        [Answer(b'[{"ID": 1')],
        [Answer(b"")],
        [Answer({"Message": "odd"})],
        [Answer(drop=True)],
        [Answer([], delay=3)],
    ],
)
def test_a_passing_fault_in_mid_run_changes_nothing(tmp_path: Path, answers: list[Answer]) -> None:
    erp = FakeErp(before=fault(*answers))
    erp.rows("terms").extend(stamped(one) for one in range(1, 41))
    assert sorted(ids_of(full(erp, tmp_path, small("Terms"), timeout=0.5))) == list(range(1, 41))


def test_a_token_refused_in_mid_run_is_renewed(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("terms").extend(stamped(one) for one in range(1, 41))

    def before(request: Request) -> None:
        if len(erp.asked("/terms")) == 4:
            erp.revoked.update(erp.tokens)

    erp.before = before
    assert sorted(ids_of(full(erp, tmp_path, small("Terms")))) == list(range(1, 41))
    assert len(erp.tokens) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=500), ServerFailed),
        (Answer(b"<html>"), BadAnswer),
        (Answer(status=401), AuthenticationFailed),
        (Answer(status=404), NotFound),
    ],
)
def test_a_lasting_fault_in_mid_run_is_one_clear_error(tmp_path: Path, answer: Answer, kind: type[VendorError]) -> None:
    erp = FakeErp(before=fault(*[answer] * 100))
    erp.rows("terms").extend(stamped(one) for one in range(1, 41))
    with pytest.raises(kind) as caught:
        full(erp, tmp_path, small("Terms"))
    assert not isinstance(caught.value, Unavailable)


def test_a_missing_right_on_one_entity_is_access_denied(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer("no licence", status=403) if r.path.endswith("/terms") else None)
    with pytest.raises(AccessDenied, match="GET terms"):
        full(erp, tmp_path, TERMS)
    with pytest.raises(AccessDenied):
        changed(erp, tmp_path, TERMS)


@pytest.mark.parametrize("status", [401, 404])
def test_a_route_that_the_installation_lacks_is_unavailable_or_a_wrong_setting(tmp_path: Path, status: int) -> None:
    erp = FakeErp(unknown_route_status=status)
    with pytest.raises(Unavailable):
        full(erp, tmp_path, spec_of("Budget"))
    with pytest.raises(NotFound, match="Check UNIMICRO_API_URL") as caught:
        changed(erp, tmp_path, spec_of("Customer"))
    assert not isinstance(caught.value, Unavailable)


def test_credentials_that_are_refused_everywhere_are_told_as_such(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer(status=401) if r.path.startswith("/api/") and "endp" not in r.path else None)
    with pytest.raises(AuthenticationFailed):
        full(erp, tmp_path, spec_of("Budget"))


def test_a_company_that_the_client_lost_is_told_as_such(tmp_path: Path) -> None:
    erp = FakeErp(before=lambda r: Answer(status=401) if "companykey" in r.headers else None)
    with pytest.raises(AccessDenied, match="may not use the company «a»"):
        full(erp, tmp_path, spec_of("Budget"), key=KEY_B)


def test_two_companies_never_mix(tmp_path: Path) -> None:
    erp = FakeErp()
    for key, base in ((KEY_A, 0), (KEY_B, 1000)):
        erp.rows("terms", key).extend(stamped(one, Name=str(base + one)) for one in range(1, 40))

    async def run() -> dict[str, set[str]]:
        async with running(erp, tmp_path) as client:

            async def names(key: str) -> set[str]:
                reader = UnimicroBulkReader(client.company(Company(key[:4], key, "")))
                return {row["Name"] for row in rows_of([page async for page in reader.full(small("Terms"))])}

            both = await asyncio.gather(names(KEY_A), names(KEY_B))
            return dict(zip((KEY_A, KEY_B), both, strict=True))

    found = asyncio.run(run())
    assert found == {KEY_A: {str(n) for n in range(1, 40)}, KEY_B: {str(1000 + n) for n in range(1, 40)}}
    assert {request.headers.get("companykey") for request in erp.asked("/terms")} == {KEY_A, KEY_B}


def test_the_reader_stops_asking_when_its_user_stops(tmp_path: Path) -> None:
    erp = FakeErp()
    erp.rows("terms").extend(stamped(one) for one in range(1, 400))

    async def use(reader: UnimicroBulkReader) -> None:
        pages = reader.full(small("Terms"))
        async for _ in pages:
            break
        await pages.aclose()  # type: ignore[attr-defined]

    with_reader(erp, tmp_path, use)
    assert len(erp.asked("/terms")) < 20


def test_every_declared_entity_can_be_asked_for(tmp_path: Path) -> None:
    erp = FakeErp()
    for spec in SPECS:
        erp.rows(spec.route).append(stamped(1, NEW))

    async def use(reader: UnimicroBulkReader) -> None:
        for spec in reader.specs:
            assert ids_of([page async for page in reader.full(spec)]) == [1], spec.entity
            if spec.entity != "Account":
                assert ids_of([page async for page in reader.changed(spec, SINCE)]) == [1], spec.entity

    with_reader(erp, tmp_path, use)
    selected = [r.query["select"] for r in erp.asked("/customers") if "CustomerNumber" in r.query.get("select", "")]
    assert selected
    assert "SocialSecurityNumber" not in "".join(selected)


def test_an_idle_reader_takes_over_half_of_the_widest_range() -> None:
    ranges = Ranges(4000, 2, 100)
    first, second = ranges.take(), ranges.take()
    assert first is not None
    assert second is not None
    assert (first.after, first.end) == (0, 2000)
    assert (second.after, second.end) == (2000, None)
    first.seen(None)
    ranges.release(first)
    third = ranges.take()
    assert third is not None
    assert (second.end, third.after, third.end) == (3000, 3000, None)
    assert Range(5, 10, 10).width == 5


@pytest.mark.parametrize(("entity", "name"), [("Customer", "SocialSecurityNumber"), ("File", "OCRData")])
def test_identity_numbers_and_scanned_texts_are_dropped_at_once(tmp_path: Path, entity: str, name: str) -> None:
    body = f'[{{"ID":1,"Amount":1.5000,"{name}":"01019012345","Name":"y"}}]'.encode()

    def before(request: Request) -> Answer | None:
        if not request.path.startswith("/api/biz/"):
            return None
        return Answer(body if "ID gt 0" in request.query.get("filter", "ID gt 0") else b"[]")

    (page,) = full(FakeErp(before=before), tmp_path, spec_of(entity))
    assert list(map(bytes, page.rows)) == [b'{"ID":1,"Amount":1.5000,"Name":"y"}']
