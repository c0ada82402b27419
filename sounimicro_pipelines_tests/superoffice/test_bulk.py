"""Reading registers: paging, both answer modes, changes with child stamps, and rows that do not answer the question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.records import BulkReader, EntitySpec, RecordPage
from sounimicro_pipelines.superoffice import FilterIgnored, Query, SuperOfficeBulkReader, SuperOfficeClient
from sounimicro_pipelines.superoffice.providers import PHONE_OWNERS
from sounimicro_pipelines.transport import BadAnswer, ServerFailed
from sounimicro_pipelines_tests.superoffice.crm_server import NOW, Answer, Call, CrmServer, rows_by_key

Make = Callable[[], SuperOfficeClient]
OLD = "2024-11-20T08:00:41Z"


def spec_of(reader: BulkReader, entity: str) -> EntitySpec:
    return next(spec for spec in reader.specs if spec.entity == entity)


def read(
    make: Make, entity: str, since: datetime | None = None, custom: dict[str, list[str]] | None = None
) -> tuple[list[dict[str, Any]], list[RecordPage]]:
    async def main() -> tuple[list[dict[str, Any]], list[RecordPage]]:
        async with make() as client:
            reader = SuperOfficeBulkReader(client, custom=custom)
            spec = spec_of(reader, entity)
            pages = [page async for page in (reader.changed(spec, since) if since else reader.full(spec))]
            return [json.loads(row) for page in pages for row in page.rows], pages

    return asyncio.run(main())


def deleted(make: Make, entity: str, since: datetime) -> Any:
    async def main() -> Any:
        async with make() as client:
            reader = SuperOfficeBulkReader(client)
            return await reader.deleted(spec_of(reader, entity), since)

    return asyncio.run(main())


def contact(key: int, **more: Any) -> dict[str, Any]:
    return {
        "PrimaryKey": str(key),
        "EntityName": "contact",
        "contactId": key,
        "name": f"Firma {key} AS",
        "updatedDate": OLD,
        "registeredDate": OLD,
        "deletedDate": "0001-01-01T00:00:00",
        "contactDeleted": False,
    } | more


def full_mode(row: dict[str, Any], shown: dict[str, str] | None = None) -> dict[str, Any]:
    cells = {
        name: {
            "RawValue": value,
            "DisplayValue": (shown or {}).get(name, str(value)),
            "TooltipHint": "",
            "LinkHint": "",
        }
        for name, value in row.items()
        if name not in ("PrimaryKey", "EntityName")
    }
    return {"PrimaryKey": int(row["PrimaryKey"]), "EntityName": row["EntityName"], "StyleHint": "", "Column": cells}


class Register:
    """Contacts that honour the filters which the bulk reader sends."""

    def __init__(self, rows: list[dict[str, Any]], *, page: int = 1000, full: bool = True) -> None:
        self.rows, self.page, self.full = rows, page, full
        self.filters: list[str] = []

    def __call__(self, call: Call) -> Any:
        self.filters.append(call.query.get("$filter", ""))
        assert call.query.get("$mode", "Full") == "Full"
        assert call.query["$orderby"] == "contactId"
        joint = " or " if " or " in self.filters[-1] else " and "
        held = [
            row
            for row in self.rows
            if (any if joint == " or " else all)(_holds(part, row) for part in self.filters[-1].split(joint))
        ]
        wanted = call.query["$select"].split(",")
        chosen = [
            {n: v for n, v in row.items() if n in wanted or n in ("PrimaryKey", "EntityName")}
            for row in held[: min(int(call.query["$top"]), self.page)]
        ]
        return {"value": [full_mode(row) if self.full else row for row in chosen]}


def _holds(part: str, row: dict[str, Any]) -> bool:
    name, operator, value = part.split(" ", 2)
    held = row.get(name)
    if operator == "gt":
        return held > int(value)
    if operator == "eq":
        return bool(held == int(value))
    if operator == "oneOf":
        return str(held) in value.strip("()").split(",")
    assert operator == "afterTime", part
    return str(held).rstrip("Z") > value.strip("'")


def test_pages_run_by_key_until_one_is_empty_even_when_they_are_short(crm: CrmServer, make_client: Make) -> None:
    register = Register([contact(key) for key in range(1, 8)], page=3)
    crm.routes["GET", "/Contact"] = register
    rows, _ = read(make_client, "contact")
    assert [row["contactId"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert register.filters == [f"contactId gt {n}" for n in (0, 3, 6, 7)]


@pytest.mark.parametrize("full", [True, False])
def test_both_modes_and_both_primary_keys_become_the_same_flat_record(
    crm: CrmServer, make_client: Make, full: bool
) -> None:
    row = contact(1041, **{"category": 3 if full else 'US:"Vendor";NO:"Leverandør";', "postAddress/zip": "5803"})
    row |= {"orgnr": 914123456, "number": "10148", "updatedDate": "2026-03-02T09:14:07.891Z", "department": ""}
    if not full:
        row["PrimaryKey"] = 1041
        del row["contactId"]

    def answer(call: Call) -> Any:
        if "gt 0" not in call.query["$filter"]:
            return {"value": []}
        return {"value": [full_mode(row, {"category": 'US:"Vendor";NO:"Leverandør";'}) if full else row]}

    crm.routes["GET", "/Contact"] = answer
    (record,), (page,) = read(make_client, "contact")
    assert record["contactId"] == 1041
    assert record["category"] == (3 if full else None)
    assert record["category/text"] == "Leverandør"
    assert record["orgnr"] == "914123456"
    assert record["department"] is None
    assert record["postAddress/zip"] == "5803"
    assert record["deletedDate"] is None
    assert record["Deleted"] is False
    assert record["updatedDate"] == "2026-03-02T09:14:07Z"
    assert page.size == len(page.rows[0])
    assert b"\n" not in page.rows[0]


def test_a_tenant_that_answers_texts_only_gets_its_ids_from_the_lists(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/MDOList/category"] = lambda call: [{"Id": 3, "Name": 'US:"Vendor";NO:"Leverandør"'}]
    crm.routes["GET", "/MDOList/associate"] = lambda call: [{"Id": 11, "Name": "KARI", "FullName": "Kari Nes"}]
    crm.routes["GET", "/Contact"] = Register(
        [contact(1, category="Leverandør", business="Unknown", associateId="Kari Nes"), contact(2)], full=False
    )
    records, _ = read(make_client, "contact")
    assert [(r.get("category"), r.get("business"), r.get("associateId")) for r in records] == [
        (3, None, 11),
        (None, None, None),
    ]
    assert len(crm.calls_to("GET", "/MDOList/category")) == 1


def test_rows_that_share_a_key_come_whole_also_where_a_page_ends_among_them(crm: CrmServer, make_client: Make) -> None:
    owners = [1, 1, 2, 2, 2, 3, 4, 4, 4, 4, 5]
    stamped = [NOW + timedelta(minutes=place) for place in range(len(owners))]
    rows = [
        {"PrimaryKey": str(place), "phone.owner_id": owner, "phone.updated": stamp.isoformat()}
        for place, (owner, stamp) in enumerate(zip(owners, stamped, strict=True), start=1)
    ]
    crm.routes["GET", "/Archive/dynamic"] = rows_by_key(rows, "phone.owner_id")

    async def main() -> list[tuple[int, datetime]]:
        async with make_client() as client:
            query = Query(PHONE_OWNERS, ("phone.updated",), top=4)
            return [(row.key, row["phone.updated"]) async for page in client.archive.pages(query) for row in page]

    assert asyncio.run(main()) == list(zip(owners, stamped, strict=True))


def test_a_table_at_which_the_crm_fails_takes_nothing_from_the_others(crm: CrmServer, make_client: Make) -> None:
    def child(call: Call) -> Any:
        if "address.updated" in call.query["$select"]:
            return Answer(500)
        if "phone.updated" not in call.query["$select"] or "gt 0" not in call.query["$filter"]:
            return {"value": []}
        return {"value": [{"PrimaryKey": "1", "phone.owner_id": 2, "phone.updated": NOW.isoformat()}]}

    crm.routes["GET", "/Contact"] = Register([contact(1), contact(2)])
    crm.routes["GET", "/Archive/dynamic"] = child

    async def main() -> None:
        async with make_client() as client:
            touched = await client.feeds.touched("contact", NOW - timedelta(hours=1))
            assert touched is not None
            assert [(one.id, one.at) for one in touched.changes] == [(2, NOW)]
            assert isinstance(touched.failure, ServerFailed)

    asyncio.run(main())
    records, _ = read(make_client, "contact", since=NOW - timedelta(hours=1))
    assert [one["contactId"] for one in records] == [2]


def test_an_archive_that_is_not_there_is_not_asked_again_and_again(
    crm: CrmServer, make_client: Make, clock: ManualClock
) -> None:
    async def main() -> None:
        async with make_client() as client:
            assert await client.feeds.touched("contact", NOW) is None
            asked = len(crm.calls_to("GET", "/Archive/dynamic"))
            assert await client.feeds.touched("contact", NOW) is None
            assert len(crm.calls_to("GET", "/Archive/dynamic")) == asked
            clock.advance(3601)
            assert await client.feeds.touched("contact", NOW) is None
            assert len(crm.calls_to("GET", "/Archive/dynamic")) == 2 * asked

    asyncio.run(main())


def test_changes_say_when_and_by_whom(crm: CrmServer, make_client: Make) -> None:
    row = contact(1, updatedDate="2026-03-02T08:30:00Z", updatedBy=17)
    crm.routes["GET", "/Contact"] = Register([row, contact(2)])

    async def main() -> Any:
        async with make_client() as client:
            return await client.feeds.changed("contact", NOW - timedelta(hours=1)), [
                ids async for ids in client.feeds.living("contact")
            ]

    changes, living = asyncio.run(main())
    assert [(c.id, c.by, c.at) for c in changes] == [(1, 17, datetime(2026, 3, 2, 8, 30, tzinfo=UTC))]
    assert living == [[1, 2]]


def test_every_column_of_a_spec_is_asked_for_and_named_for_the_table(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Person"] = rows_by_key([], "personId")
    read(make_client, "person", custom={"person": ["personUdef/SuperOffice:3"]})
    query = crm.calls_to("GET", "/Person")[0].query
    assert "personUdef/SuperOffice:3" in query["$select"].split(",")
    assert query["$entities"] == "person,retiredPerson"
    assert not [name for name in query["$select"].split(",") if name.endswith("/text") or name == "Deleted"]


def test_the_watermark_never_passes_the_moment_the_reading_began(crm: CrmServer, make_client: Make) -> None:
    rows = [contact(1, updatedDate="2026-03-02T10:00:00"), contact(2)]
    crm.routes["GET", "/Contact"] = Register(rows)
    _, pages = read(make_client, "contact")
    assert pages[0].high_water == NOW


def test_changes_are_found_by_update_registration_and_child_stamps(crm: CrmServer, make_client: Make) -> None:
    since = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    rows = [contact(key) for key in range(1, 7)]
    rows[0]["updatedDate"] = "2026-03-02T08:30:00Z"
    rows[1] |= {"updatedDate": "0001-01-01T00:00:00", "registeredDate": "2026-03-02T08:31:00Z"}
    crm.routes["GET", "/Contact"] = Register(rows)

    def dynamic(call: Call) -> Any:
        if "email." in call.query["$select"]:
            return Answer(400, {"Error": True, "ErrorMessage": "no such table"})
        assert "updated afterTime '2026-03-02T08:00:00'" in call.query["$filter"]
        if "phone.owner_id" in call.query["$select"] and "gt 0" in call.query["$filter"]:
            row = {"phone.owner_id": 4, "phone.updated": "2026-03-02T08:45:00Z"}
            return {"value": [{"PrimaryKey": "901", "EntityName": "phone"} | row]}
        return {"value": []}

    crm.routes["GET", "/Archive/dynamic"] = dynamic
    records, pages = read(make_client, "contact", since)
    assert sorted(row["contactId"] for row in records) == [1, 2, 4]
    assert max(page.high_water for page in pages if page.high_water) == datetime(2026, 3, 2, 8, 45, tzinfo=UTC)


def test_changes_are_read_without_the_dynamic_archive(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Contact"] = Register([contact(1, updatedDate="2026-03-02T08:30:00Z"), contact(2)])
    records, _ = read(make_client, "contact", datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    assert [row["contactId"] for row in records] == [1]


def test_a_tenant_that_compares_days_only_is_asked_by_days(crm: CrmServer, make_client: Make) -> None:
    rows = [contact(1, updatedDate="2026-03-02T08:30:00Z"), contact(2, updatedDate="2026-03-02T01:00:00Z")]

    def answer(call: Call) -> Any:
        asked = call.query["$filter"]
        if "afterTime" in asked:
            return Answer(400, {"Error": True, "ErrorMessage": "operator"})
        assert "after '2026-02-28'" in asked
        return {"value": [full_mode(r) for r in rows] if "gt 0" in asked and "updatedDate" in asked else []}

    crm.routes["GET", "/Contact"] = answer
    records, _ = read(make_client, "contact", datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    assert [row["contactId"] for row in records] == [1]


def test_a_filter_that_is_silently_ignored_is_an_error(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Contact"] = lambda call: {"value": [full_mode(contact(1)), full_mode(contact(2))]}
    with pytest.raises(FilterIgnored):
        read(make_client, "contact")
    with pytest.raises(FilterIgnored):
        read(make_client, "contact", NOW - timedelta(hours=1))


def test_a_row_type_that_was_not_asked_for_is_an_error(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Contact"] = lambda call: {"value": [full_mode(contact(1, EntityName="person"))]}
    with pytest.raises(FilterIgnored):
        read(make_client, "contact")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, raw=b"<!DOCTYPE html><html>Sign in</html>"),
        Answer(200, raw=b'{"value": [{"PrimaryKey": "1"', cut=0),
        Answer(200, raw=b'{"value": [{"PrimaryKey": "1"}]}', cut=9),
        Answer(200, {"value": None}),
        Answer(200, {"value": [{"EntityName": "contact"}]}),
        Answer(200, {"value": ["row"]}),
        Answer(200, 7),
    ],
)
def test_an_unusable_answer_is_said_so(crm: CrmServer, make_client: Make, answer: Answer) -> None:
    crm.routes["GET", "/Contact"] = lambda call: answer
    with pytest.raises(BadAnswer):
        read(make_client, "contact")


def test_a_passing_failure_is_repeated_and_a_lasting_one_is_told(crm: CrmServer, make_client: Make) -> None:
    faults = [Answer(500), Answer(200, raw=b"<html>"), Answer(503, headers={"Retry-After": "1"})]
    register = Register([contact(1)])
    crm.routes["GET", "/Contact"] = lambda call: faults.pop(0) if faults else register(call)
    records, _ = read(make_client, "contact")
    assert len(records) == 1
    crm.routes["GET", "/Contact"] = lambda call: Answer(500)
    with pytest.raises(ServerFailed):
        read(make_client, "contact")


def test_soft_deletes_are_asked_by_their_date_where_it_can_be_asked(crm: CrmServer, make_client: Make) -> None:
    def answer(call: Call) -> Any:
        assert "deletedDate afterTime '2026-03-02T08:00:00'" in call.query["$filter"]
        row = {"PrimaryKey": "9", "EntityName": "contact", "contactId": 9, "deletedDate": "2026-03-02T08:20:00Z"}
        return {"value": [row] if "gt 0" in call.query["$filter"] else []}

    since = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    crm.routes["GET", "/Contact"] = answer
    assert deleted(make_client, "contact", since) == [9]
    crm.routes["GET", "/Contact"] = lambda call: Answer(400)
    assert deleted(make_client, "contact", since) is None
    assert deleted(make_client, "project", since) is None


def test_lists_are_numbered_named_and_grouped(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/MDOList/category"] = lambda call: [
        {"Id": 1, "Name": 'NO:"Kunde";US:"Customer"', "Deleted": False, "Rank": 1, "ChildItems": []},
        {"Id": -2147483647, "Name": "----", "StyleHint": "separator"},
        {"Id": 2, "Name": "Lost", "Deleted": True},
    ]
    crm.routes["GET", "/List/Category/Items"] = lambda call: [{"Id": 1, "Name": "x", "CategoryGroup": "Customer"}]
    records, _ = read(make_client, "list_item")
    assert [(r["listItemKey"], r["list"], r["itemId"], r["name"], r["group"], r["Deleted"]) for r in records] == [
        (10_000_000_001, "category", 1, "Kunde", "Customer", False),
        (10_000_000_002, "category", 2, "Lost", None, True),
    ]


def test_associates_come_from_their_list(crm: CrmServer, make_client: Make) -> None:
    item = {"Id": 11, "Name": "KARI", "FullName": "Kari Nes", "Type": "InternalAssociate", "Deleted": False}
    crm.routes["GET", "/MDOList/associate"] = lambda call: [item]
    (record,), _ = read(make_client, "associate")
    assert (record["associateId"], record["fullName"], record["Deleted"]) == (11, "Kari Nes", False)


def test_project_members_are_found_with_and_without_the_dynamic_archive(crm: CrmServer, make_client: Make) -> None:
    row = {
        "PrimaryKey": "77",
        "projectmember.projectmember_id": 77,
        "projectmember.project_id": 318,
        "projectmember.person_id": 2210,
        "projectmember.contact_id": 1041,
        "projectmember.mtype_idx": 1,
        "projectmember.updated": OLD,
    }
    crm.routes["GET", "/Archive/dynamic"] = lambda call: {"value": [row] if "gt 0" in call.query["$filter"] else []}
    (record,), _ = read(make_client, "project_member")
    assert (record["projectmemberId"], record["projectId"], record["personId"]) == (77, 318, 2210)

    del crm.routes["GET", "/Archive/dynamic"]
    crm.routes["GET", "/Project"] = rows_by_key([{"PrimaryKey": "318", "projectId": 318}], "projectId")
    member = {"ProjectmemberId": 77, "ContactId": 1041, "PersonId": 2210, "ProjectMemberTypeId": 1}
    crm.routes["GET", "/Project/318"] = lambda call: {"ProjectId": 318, "ProjectMembers": [member]}
    (record,), _ = read(make_client, "project_member", NOW)
    assert (record["projectmemberId"], record["projectId"], record["personId"]) == (77, 318, 2210)
