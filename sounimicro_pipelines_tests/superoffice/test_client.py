"""Entities: reading, creating, and changing only what nobody has changed meanwhile."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sounimicro_pipelines.superoffice import (
    PROVIDERS,
    Entity,
    FilterIgnored,
    Principal,
    Query,
    Row,
    SuperOfficeClient,
    UnknownName,
    ValueTooLong,
    Where,
    new_entity,
)
from sounimicro_pipelines.transport import (
    BadAnswer,
    NotFound,
    PreconditionFailed,
    ServerFailed,
    Unreachable,
    ValidationFailed,
)
from sounimicro_pipelines_tests.superoffice.crm_server import NOW, TENANT, Answer, Call, CrmServer

Make = Callable[[], SuperOfficeClient]
MODIFIED = "Mon, 02 Mar 2026 08:14:07 GMT"


def run(make: Make, work: Callable[[SuperOfficeClient], Any]) -> Any:
    async def main() -> Any:
        async with make() as client:
            return await work(client)

    return asyncio.run(main())


class Record:
    """One contact that understands `replace`, `test` and `If-Unmodified-Since`."""

    def __init__(self, **data: Any) -> None:
        self.data = {
            "ContactId": 1041,
            "Name": "Fjordlys AS",
            "UpdatedDate": "2026-03-02T08:14:07Z",
            "Phones": [{"Value": "+47 55 10 20 30", "StrippedValue": "+4755102030", "Description": ""}],
            "Address": {"Postal": {"Address1": "Postboks 123"}},
            **data,
        }
        self.refuse: Callable[[list[dict[str, Any]], dict[str, str]], int | None] = lambda ops, headers: None
        self.patches: list[Call] = []

    def get(self, call: Call) -> Any:
        return Answer(200, copy.deepcopy(self.data), {"Last-Modified": MODIFIED})

    def patch(self, call: Call) -> Any:
        self.patches.append(call)
        operations = call.json
        status = self.refuse(operations, call.headers)
        if status is not None:
            return Answer(status, {"Error": True, "ErrorMessage": "changed by canary-person"})
        for operation in operations:
            *parents, last = operation["path"].strip("/").split("/")
            at: Any = self.data
            for part in parents:
                at = at[int(part)] if isinstance(at, list) else at[part]
            key: Any = int(last) if isinstance(at, list) else last
            if operation["op"] == "test":
                if at[key] != operation["value"]:
                    return Answer(409)
            else:
                at[key] = operation["value"]
        return Answer(200, copy.deepcopy(self.data), {"Last-Modified": MODIFIED})

    def serve(self, crm: CrmServer) -> Record:
        crm.routes["GET", "/Contact/1041"] = self.get
        crm.routes["PATCH", "/Contact/1041"] = self.patch
        return self


def test_a_change_is_a_json_patch_with_tests_and_a_condition(crm: CrmServer, make_client: Make) -> None:
    record = Record().serve(crm)

    async def work(client: SuperOfficeClient) -> Entity:
        before = await client.read("contact", 1041)
        return await client.change(before, {"Address.Postal.Address1": "Postboks 123 Sentrum"})

    after = run(make_client, work)
    assert after.data["Address"]["Postal"]["Address1"] == "Postboks 123 Sentrum"
    (call,) = record.patches
    assert call.headers["content-type"] == "application/json-patch+json"
    assert call.headers["if-unmodified-since"] == MODIFIED
    assert call.json == [
        {"op": "test", "path": "/Address/Postal/Address1", "value": "Postboks 123"},
        {"op": "replace", "path": "/Address/Postal/Address1", "value": "Postboks 123 Sentrum"},
    ]
    assert not [call for call in crm.calls if call.method in ("PUT", "DELETE")]


def test_a_change_by_somebody_else_stops_ours(crm: CrmServer, make_client: Make) -> None:
    record = Record().serve(crm)

    async def work(client: SuperOfficeClient) -> None:
        before = await client.read("contact", 1041)
        record.data["Phones"] = [{"Value": "+47 1", "StrippedValue": "+471", "Description": ""}]
        with pytest.raises(PreconditionFailed) as caught:
            await client.change(before, {"Phones[first].Value": "+47 2"})
        assert caught.value.status == 409
        record.data["UpdatedDate"] = "2026-03-02T08:15:00Z"
        record.refuse = lambda operations, headers: 412
        with pytest.raises(PreconditionFailed):
            await client.change(before, {"Name": "Other"})

    run(make_client, work)
    assert record.data["Phones"][0]["Value"] == "+47 1"
    assert len(record.patches) == 2


def test_a_phone_added_meanwhile_is_not_lost(crm: CrmServer, make_client: Make) -> None:
    record = Record(Phones=[]).serve(crm)

    async def work(client: SuperOfficeClient) -> None:
        before = await client.read("contact", 1041)
        record.data["Phones"] = [{"Value": "+47 1", "Description": ""}]
        with pytest.raises(PreconditionFailed):
            await client.change(before, {"Phones[first].Value": "+47 2"})

    run(make_client, work)
    assert record.data["Phones"][0]["Value"] == "+47 1"


def test_a_tenant_that_compares_in_its_own_form_is_met_with_weaker_tests_once(
    crm: CrmServer, make_client: Make
) -> None:
    record = Record().serve(crm)

    def refuse(operations: list[dict[str, Any]], headers: dict[str, str]) -> int | None:
        return 409 if any(isinstance(o["value"], list) and o["op"] == "test" for o in operations) else None

    record.refuse = refuse

    async def work(client: SuperOfficeClient) -> None:
        before = await client.read("contact", 1041)
        after = await client.change(before, {"Phones[first].Value": "+47 2"})
        await client.change(after, {"Phones[first].Value": "+47 3"})

    run(make_client, work)
    assert record.data["Phones"] == [{"Value": "+47 3", "Description": ""}]
    assert len(record.patches) == 4


@pytest.mark.parametrize("status", [409, 412])
def test_a_single_refusal_of_a_condition_that_holds_does_not_weaken_it(
    crm: CrmServer, make_client: Make, status: int
) -> None:
    record = Record().serve(crm)
    left = [status]
    record.refuse = lambda operations, headers: left.pop() if left else None

    async def work(client: SuperOfficeClient) -> None:
        before = await client.read("contact", 1041)
        await client.change(before, {"Phones[first].Value": "+47 2"})

    run(make_client, work)
    first, second = (call.json for call in record.patches)
    assert first == second
    assert [one["op"] for one in second] == ["test", "replace"]


def test_a_tenant_that_misjudges_fractions_of_a_second_is_met_with_the_next_second(
    crm: CrmServer, make_client: Make
) -> None:
    record = Record(UpdatedDate="2026-03-02T08:14:07.9Z").serve(crm)
    record.refuse = lambda operations, headers: 412 if headers["if-unmodified-since"] == MODIFIED else None

    async def work(client: SuperOfficeClient) -> None:
        before = await client.read("contact", 1041)
        await client.change(before, {"Name": "Fjordlys Bergen AS"})

    run(make_client, work)
    assert record.data["Name"] == "Fjordlys Bergen AS"


def test_a_condition_that_is_always_refused_ends(crm: CrmServer, make_client: Make) -> None:
    record = Record().serve(crm)
    for status in (409, 412):
        record.refuse = lambda operations, headers, status=status: status

        async def work(client: SuperOfficeClient) -> None:
            with pytest.raises(PreconditionFailed):
                await client.change(await client.read("contact", 1041), {"Name": "x"})

        run(make_client, work)
    assert len(record.patches) == 10


def test_a_change_of_nothing_sends_nothing(crm: CrmServer, make_client: Make) -> None:
    record = Record().serve(crm)

    async def work(client: SuperOfficeClient) -> None:
        before = await client.read("contact", 1041)
        assert await client.change(before, {}) is before
        with pytest.raises(ValueTooLong):
            await client.change(before, {"Name": "x" * 220})

    run(make_client, work)
    assert not record.patches


def test_gone_and_soft_deleted_records_are_told_apart(crm: CrmServer, make_client: Make) -> None:
    answers: dict[str, Any] = {
        "1": Answer(404),
        "2": Answer(200, None, raw=b"null"),
        "3": {"ContactId": 3, "Deleted": 1},
        "4": {"ContactId": 4, "Deleted": 0, "DeletedDate": "2026-03-01T10:00:00Z"},
        "5": {"ContactId": 5, "Deleted": 0, "DeletedDate": "0001-01-01T00:00:00"},
        "6": Answer(410),
    }
    for number, answer in answers.items():
        crm.routes["GET", f"/Contact/{number}"] = lambda call, answer=answer: answer

    async def work(client: SuperOfficeClient) -> None:
        for gone in (1, 2, 6):
            with pytest.raises(NotFound):
                await client.read("contact", gone)
        assert (await client.read("contact", 3)).deleted
        assert [bool(await client.find("contact", number)) for number in range(1, 7)] == [
            False,
            False,
            False,
            False,
            True,
            False,
        ]

    run(make_client, work)


@pytest.mark.parametrize("answer", [{"ContactId": 999}, {}, [], "x", {"PersonId": 1041}])
def test_another_record_or_none_is_an_unusable_answer(crm: CrmServer, make_client: Make, answer: Any) -> None:
    crm.routes["GET", "/Contact/1041"] = lambda call: Answer(200, answer)
    with pytest.raises(BadAnswer):
        run(make_client, lambda client: client.read("contact", 1041))


def test_an_error_object_in_a_good_answer_is_an_error(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Contact/1041"] = lambda call: {"Error": True, "ErrorType": "x", "ErrorMessage": "canary"}
    with pytest.raises(ValidationFailed) as caught:
        run(make_client, lambda client: client.read("contact", 1041))
    assert caught.value.messages == ("canary",)
    assert "canary" not in str(caught.value)


def test_a_create_starts_from_the_default_and_takes_a_200(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Contact/default"] = lambda call: {"ContactId": 0, "Name": "", "Number2": "10149", "_Links": {}}
    crm.routes["POST", "/Contact"] = lambda call: call.json | {"ContactId": 1042}

    async def work(client: SuperOfficeClient) -> Entity:
        return await client.create(
            "contact", new_entity(client.fields, "contact", await client.default("contact"), {"Name": "Ny AS"})
        )

    created = run(make_client, work)
    assert (created.id, created.data["Name"], created.data["Number2"]) == (1042, "Ny AS", "10149")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(500), ServerFailed),
        (Answer(200, raw=b"<html>"), BadAnswer),
        (Answer(200, raw=b'{"ContactId": 1042}', cut=4), BadAnswer),
        (Answer(200, {}), BadAnswer),
    ],
)
def test_a_create_whose_outcome_is_unknown_is_never_repeated(
    crm: CrmServer, make_client: Make, answer: Answer, kind: type[ServerFailed | BadAnswer | Unreachable]
) -> None:
    crm.routes["POST", "/Contact"] = lambda call: answer
    with pytest.raises(kind) as caught:
        run(make_client, lambda client: client.create("contact", {"Name": "Ny AS"}))
    assert caught.value.effect_unknown
    assert len(crm.calls_to("POST", "/Contact")) == 1


def test_what_we_created_since_is_found_among_what_others_did(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/User/currentPrincipal"] = lambda call: {"AssociateId": 17}

    def archive(call: Call) -> Any:
        wanted = call.query["$filter"]
        assert "orgnr is '914123456'" in wanted
        assert "registeredDate afterTime '2026-03-02T08:00:00'" in wanted
        row = {"EntityName": "contact", "orgnr": "914123456", "registeredDate": "2026-03-02T08:30:00Z"}
        return {"value": [row | {"contactId": n} for n in (5, 6)] if " gt 0" in wanted else []}

    crm.routes["GET", "/Contact"] = archive
    for number, associate in ((5, 11), (6, 17)):
        entity = {"ContactId": number, "CreatedBy": {"AssociateId": associate}}
        crm.routes["GET", f"/Contact/{number}"] = lambda call, entity=entity: entity
    since = NOW - timedelta(hours=1)
    found = run(make_client, lambda c: c.created_since("contact", since, Where("orgnr", "is", "914123456")))
    assert [entity.id for entity in found] == [6]


def test_a_search_whose_filter_was_ignored_is_an_error(crm: CrmServer, make_client: Make) -> None:
    row = {"PrimaryKey": "5", "EntityName": "contact", "contactId": 5, "orgnr": "999999999"}
    crm.routes["GET", "/Contact"] = lambda call: {"value": [row]}
    with pytest.raises(FilterIgnored):
        run(make_client, lambda client: client.search("contact", Where("orgnr", "is", "914123456")))


def test_the_merge_log_is_read_oldest_first_or_told_absent(crm: CrmServer, make_client: Make) -> None:
    def dynamic(call: Call) -> Any:
        assert call.query["$orderby"] == "mergemovelog.registered"
        row = {
            "PrimaryKey": "8",
            "mergemovelog.tableNumber": 5,
            "mergemovelog.operation": 1,
            "mergemovelog.sourceRecord": 1041,
            "mergemovelog.destinationRecord": 1042,
            "mergemovelog.registered": "2026-03-02T08:30:00Z",
        }
        return {"value": [row]}

    crm.routes["GET", "/Archive/dynamic"] = dynamic
    (merge,) = run(make_client, lambda client: client.feeds.merged(NOW - timedelta(hours=1)))
    assert (merge.entity, merge.source, merge.destination) == ("contact", 1041, 1042)
    del crm.routes["GET", "/Archive/dynamic"]
    assert run(make_client, lambda client: client.feeds.merged(NOW)) is None


def test_the_merge_log_is_read_to_its_end_over_short_pages(crm: CrmServer, make_client: Make) -> None:
    stamps = ["08:30:00", "08:30:00", "08:30:01", "08:31:00", "08:32:00"]

    def dynamic(call: Call) -> Any:
        since = call.query["$filter"].rpartition("T")[2].strip("'")
        rows = [
            {
                "PrimaryKey": str(number),
                "mergemovelog.tableNumber": 5,
                "mergemovelog.operation": 1,
                "mergemovelog.sourceRecord": 1000 + number,
                "mergemovelog.destinationRecord": 0 if number == 3 else 2000,
                "mergemovelog.registered": f"2026-03-02T{stamp}Z",
            }
            for number, stamp in enumerate(stamps)
            if stamp > since
        ]
        return {"value": rows[:3]}

    crm.routes["GET", "/Archive/dynamic"] = dynamic
    merges = run(make_client, lambda client: client.feeds.merged(NOW - timedelta(hours=1)))
    assert merges is not None
    assert sorted(merge.source for merge in merges) == [1000, 1001, 1002, 1004]


def test_validation_tells_its_problems(crm: CrmServer, make_client: Make) -> None:
    crm.routes["POST", "/Contact/Validate"] = lambda call: {"Category": "is mandatory"}
    problems = run(make_client, lambda client: client.validate("contact", {"Name": "x"}))
    assert problems == {"Category": "is mandatory"}


def test_an_entity_of_another_kind_is_refused_before_any_call(crm: CrmServer, make_client: Make) -> None:
    with pytest.raises(UnknownName):
        run(make_client, lambda client: client.read("sale", 1))
    assert not crm.calls


def test_rights_of_the_reader_are_seen() -> None:
    masks = {"FULL": True, "Select, Update, Insert": True, "Select": False, "RI, RestrictedUpdate": False, None: True}
    for mask, may in masks.items():
        assert Entity("contact", 1, {"TableRight": {"Mask": mask, "Reason": ""}}).may_update is may
    assert Entity("contact", 1, {"TableRight": None}).may_update


def test_user_defined_fields_are_known_by_their_stable_names(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Contact/UdefLayout/Published"] = lambda call: [
        {"UDefFieldId": 93, "UdefIdentity": 1, "ProgId": "", "FieldType": "ShortText", "TextLength": 39},
        {"UDefFieldId": 94, "UdefIdentity": 7, "ProgId": "um:class", "FieldType": "List", "MdoListName": "udlist"},
        {"UDefFieldId": 95, "UdefIdentity": 8, "ProgId": "um:since", "FieldType": "Date", "IsReadOnly": True},
        {"UDefFieldId": 96, "FieldType": "ShortText"},
    ]
    registry = run(make_client, lambda client: client.load_fields())
    short = registry.find("contact", "CustomFields[SuperOffice:1]")
    assert (short.kind, short.max_length) == ("text", 39)
    assert registry.find("contact", "CustomFields[um:class]").list_name == "udlist"
    assert not registry.find("contact", "CustomFields[um:since]").writable
    assert registry.find("contact", "CustomFields[um:other]") is None
    assert registry.find("person", "CustomFields[um:other]") is not None


def test_a_record_opens_in_the_crms_own_client(crm: CrmServer, make_client: Make) -> None:
    url = run(make_client, lambda client: client.record_url("person", 2210))
    assert url == f"{crm.url}/Cust26759/default.aspx?person.main?person_id=2210"


def test_columns_that_a_tenant_lacks_are_named(crm: CrmServer, make_client: Make) -> None:
    names = [{"Name": name, "DisplayType": "x"} for name in PROVIDERS["project"].columns if name != "endDate"]
    for form in (names, {"value": names}, {"Columns": names}):
        crm.routes["GET", "/Archive/FindProject$metadata"] = lambda call, form=form: form
        assert run(make_client, lambda client: client.missing_columns("project")) == ["endDate"]
    assert run(make_client, lambda client: client.missing_columns("contact")) is None


def test_a_write_that_reaches_the_old_host_is_made_once_at_the_new_one(crm: CrmServer, make_client: Make) -> None:
    record = Record().serve(crm)

    async def work(client: SuperOfficeClient) -> None:
        before = await client.read("contact", 1041)
        crm.tenant_path = f"moved/{TENANT}"
        crm.before = lambda call: Answer(421) if call.path.startswith(f"/{TENANT}/") else None
        await client.change(before, {"Name": "Fjordlys Bergen AS"})

    run(make_client, work)
    assert len(record.patches) == 1
    assert record.data["Name"] == "Fjordlys Bergen AS"


def test_what_stands_in_records_is_not_shown_by_accident() -> None:
    shown = repr(
        [
            Entity("person", 1, {"Firstname": "canary"}),
            Row(1, "person", {"firstName": "canary"}),
            Where("firstName", "is", "canary"),
            Query(PROVIDERS["person"], (), (Where("firstName", "is", "canary"),)),
            Principal(1, "canary", "canary", None, None, None, "", "", frozenset()),
        ]
    )
    assert "canary" not in shown


def test_changes_of_persons_are_asked_for_the_retired_ones_too(crm: CrmServer, make_client: Make) -> None:
    crm.routes["GET", "/Person"] = lambda call: {"value": []}
    assert run(make_client, lambda client: client.feeds.changed("person", NOW - timedelta(hours=1))) == []
    asked = crm.calls_to("GET", "/Person")
    assert asked
    assert all(call.query["$entities"] == "person,retiredPerson" for call in asked)
