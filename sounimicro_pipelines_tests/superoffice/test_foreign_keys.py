"""Markers on records: created where missing, never twice, looked up both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sounimicro_pipelines.superoffice import Device, FieldProblem, FilterIgnored, SuperOfficeClient, ValueTooLong
from sounimicro_pipelines.superoffice.foreign_keys import keys_on
from sounimicro_pipelines_tests.superoffice.crm_server import Answer, Call, CrmServer

Make = Callable[[], SuperOfficeClient]
DEVICE = Device("Unimicro", "Ålesund/42 #1", "v1")
BASE = "/ForeignApp/Unimicro"
HERE = f"{BASE}/Ålesund/42 #1/v1"


def run(make: Make, work: Callable[[SuperOfficeClient], Any]) -> Any:
    async def main() -> Any:
        async with make() as client:
            return await work(client)

    return asyncio.run(main())


class Keys:
    """ForeignApp endpoints for one device."""

    def __init__(self, crm: CrmServer) -> None:
        self.made: set[str] = set()
        self.values: dict[tuple[str, str, int], str] = {}
        crm.before = self.answer

    def answer(self, call: Call) -> Any:
        path = call.path.removeprefix("/Cust26759/api/v1")
        if not path.startswith(BASE):
            return None
        if path.startswith(f"{HERE}/Key"):
            return self.key(call, path.removeprefix(f"{HERE}/Key").strip("/").split("/"))
        if call.method == "POST":
            if path in self.made:
                return Answer(409)
            self.made.add(path)
            return {"Name": path}
        return {"Name": path} if path in self.made else Answer(404)

    def key(self, call: Call, parts: list[str]) -> Any:
        if call.method in ("POST", "PUT"):
            sent = call.json
            place = (sent["Key"], sent["TableName"], sent["RecordId"])
            assert (place in self.values) is (call.method == "PUT")
            self.values[place] = sent["Value"]
            return sent
        if len(parts) == 2:
            wanted = call.query["keyValue"]
            for (name, table, record), value in self.values.items():
                if (name, table, value) == (parts[0], parts[1], wanted):
                    return {"Key": name, "Value": value, "TableName": table, "RecordId": record}
            return Answer(200, raw=b"null")
        place = (parts[0], parts[1], int(parts[2]))
        if call.method == "DELETE":
            return Answer(204) if self.values.pop(place, None) else Answer(404)
        if place not in self.values:
            return Answer(404)
        return {"Key": place[0], "Value": self.values[place], "TableName": place[1], "RecordId": str(place[2])}


def test_a_key_is_written_once_found_both_ways_and_removed(crm: CrmServer, make_client: Make) -> None:
    keys = Keys(crm)

    async def work(client: SuperOfficeClient) -> None:
        marks = client.foreign_keys
        assert await marks.get(DEVICE, "customer", "contact", 1041) is None
        assert await marks.put(DEVICE, "customer", "contact", 1041, "79")
        assert not await marks.put(DEVICE, "customer", "contact", 1041, "79")
        assert await marks.put(DEVICE, "customer", "contact", 1041, "80")
        assert await marks.get(DEVICE, "customer", "contact", 1041) == "80"
        found = await marks.find(DEVICE, "customer", "contact", "80")
        assert found is not None
        assert found.record_id == 1041
        assert await marks.find(DEVICE, "customer", "contact", "79") is None
        await marks.remove(DEVICE, "customer", "contact", 1041)
        await marks.remove(DEVICE, "customer", "contact", 1041)

    run(make_client, work)
    run(make_client, lambda client: client.foreign_keys.ensure(DEVICE))
    assert not keys.values
    writes = [call for call in crm.calls if call.method in ("POST", "PUT") and "ForeignApp" in call.path]
    assert len(writes) == 4
    assert any("%C3%85lesund%2F42%20%231" in call.raw_path for call in writes)


@pytest.mark.parametrize("refusal", [400, 409, 500])
def test_a_device_that_another_process_makes_meanwhile_is_no_error(
    crm: CrmServer, make_client: Make, refusal: int
) -> None:
    keys = Keys(crm)
    original = keys.answer
    raced: list[str] = []

    def race(call: Call) -> Any:
        path = call.path.removeprefix("/Cust26759/api/v1")
        if call.method == "POST" and path not in raced and path.startswith(BASE) and "/Key" not in path:
            raced.append(path)
            keys.made.add(path)
            return Answer(refusal, {"Error": True, "ErrorMessage": "it exists"})
        return original(call)

    crm.before = race
    run(make_client, lambda client: client.foreign_keys.ensure(DEVICE))
    assert len(raced) == 2


def test_many_keys_at_once_make_their_application_and_device_once(crm: CrmServer, make_client: Make) -> None:
    Keys(crm)

    async def work(client: SuperOfficeClient) -> None:
        await asyncio.gather(*(client.foreign_keys.put(DEVICE, "customer", "contact", n, str(n)) for n in range(1, 6)))

    run(make_client, work)
    made = [call for call in crm.calls if call.method == "POST" and "/Key" not in call.path and BASE in call.path]
    assert len(made) == 2


def test_a_reverse_lookup_that_answers_something_else_is_an_error(crm: CrmServer, make_client: Make) -> None:
    key = {"Key": "customer", "Value": "1", "TableName": "contact", "RecordId": 5}
    crm.before = lambda call: key if "/Key/" in call.path else None
    with pytest.raises(FilterIgnored):
        run(make_client, lambda client: client.foreign_keys.find(DEVICE, "customer", "contact", "2"))
    with pytest.raises(FilterIgnored):
        run(make_client, lambda client: client.foreign_keys.get(DEVICE, "customer", "contact", 6))


def test_a_key_that_does_not_fit_is_refused(crm: CrmServer, make_client: Make) -> None:
    Keys(crm)
    with pytest.raises(ValueTooLong):
        run(make_client, lambda client: client.foreign_keys.put(DEVICE, "k", "contact", 1, "x" * 240))
    with pytest.raises(FieldProblem):
        run(make_client, lambda client: client.foreign_keys.put(DEVICE, "k", "contact", 1, ""))


def test_all_keys_of_a_device_come_in_one_call_or_not_at_all(crm: CrmServer, make_client: Make) -> None:
    path = "/Agents/ForeignSystem/GetDeviceKeysOnDeviceIdentifierTable"
    assert run(make_client, lambda client: client.foreign_keys.all_of(DEVICE, "contact")) is None
    key = {"Key": "customer", "Value": "1", "TableName": "contact", "RecordId": 5}
    crm.routes["POST", path] = lambda call: [key, {"Key": "x", "Value": "", "RecordId": 0}]
    (found,) = run(make_client, lambda client: client.foreign_keys.all_of(DEVICE, "contact"))
    assert (found.value, found.record_id) == ("1", 5)


def test_keys_that_come_with_an_entity_are_taken_apart() -> None:
    extra = {
        "Unimicro.4b5e-11.customer": "20017",
        "unimicro.a.b.c.supplier": "7",
        "Other.4b5e-11.customer": "9",
        "Unimicro.customer": "x",
        "x_field": "y",
        "Unimicro.d.blank": "",
    }
    assert keys_on({"ExtraFields": extra}, "Unimicro") == {("4b5e-11", "customer"): "20017", ("a.b.c", "supplier"): "7"}
    assert keys_on({"ExtraFields": None}, "Unimicro") == {}
