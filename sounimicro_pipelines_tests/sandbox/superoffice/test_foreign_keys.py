from __future__ import annotations

from typing import Any

from sounimicro_pipelines_tests.sandbox.superoffice.conftest import Tenant

COMPANY = "4f9c7d1e-0a8b-4e57-9f0e-3a6a8f6b0c11"
DEVICE = f"ForeignApp/Unimicro/{COMPANY}/v1"


def _mark(tenant: Tenant, record: int, value: str) -> Any:
    tenant.call("POST", "ForeignApp/Unimicro")
    tenant.call("POST", DEVICE)
    key = {"Key": "customer", "Value": value, "TableName": "contact", "RecordId": record}
    answer = tenant.call("POST", f"{DEVICE}/Key", json=key)
    assert answer.status_code == 200
    return answer.json()


def test_a_key_needs_its_app_and_device_first(tenant: Tenant) -> None:
    key = {"Key": "customer", "Value": "1", "TableName": "contact", "RecordId": 1001}
    assert tenant.call("POST", f"{DEVICE}/Key", json=key).status_code == 404


def test_apps_and_devices_can_be_made_again_without_harm(tenant: Tenant) -> None:
    _mark(tenant, 1001, "20017")
    _mark(tenant, 1001, "20018")
    assert len(tenant.get("ForeignApp")) == 1
    assert len(tenant.get("ForeignApp/unimicro/Devices")) == 1
    assert tenant.get(f"{DEVICE}/Key/customer/contact/1001")["Value"] == "20018"
    assert tenant.get(f"{DEVICE}/Key/customer/contact/1001/Value") == "20018"


def test_a_record_is_found_back_by_value_with_and_without_identifier(tenant: Tenant) -> None:
    _mark(tenant, 1002, "20017")
    found = tenant.get(f"{DEVICE}/Key/customer/contact", keyValue="20017")
    assert (found["RecordId"], found["TableName"]) == (1002, "contact")
    assert tenant.get(f"ForeignApp/Unimicro/{COMPANY}/Key/customer/contact", keyValue="20017")["RecordId"] == 1002
    missing = tenant.call("GET", f"{DEVICE}/Key/customer/contact", params={"keyValue": "1"})
    assert missing.status_code == 404


def test_keys_come_with_the_entity_when_asked_for_and_do_not_touch_it(tenant: Tenant) -> None:
    before = tenant.get("Contact/1001")
    tenant.clock.advance(3600)
    _mark(tenant, 1001, "20017")
    after = tenant.get("Contact/1001", fk="true")
    assert after["ExtraFields"][f"Unimicro.{COMPANY}.customer"] == "20017"
    assert after["UpdatedDate"] == before["UpdatedDate"]
    assert tenant.get("Contact/1001")["ExtraFields"] == before["ExtraFields"]
    assert tenant.get("Contact/1001/ForeignKey") == {f"Unimicro.{COMPANY}.customer": "20017"}


def test_two_records_may_hold_one_value(tenant: Tenant) -> None:
    _mark(tenant, 1001, "20017")
    _mark(tenant, 1002, "20017")
    body = {"ApplicationName": "Unimicro", "DeviceName": COMPANY, "DeviceIdentifier": "v1", "TableName": "contact"}
    keys = tenant.call("POST", "Agents/ForeignSystem/GetDeviceKeysOnDeviceIdentifierTable", json=body).json()
    assert [key["RecordId"] for key in keys] == [1001, 1002]


def test_keys_go_with_the_record_and_when_deleted(tenant: Tenant) -> None:
    _mark(tenant, 1001, "1")
    _mark(tenant, 1002, "2")
    assert tenant.call("DELETE", f"{DEVICE}/Key/customer/contact/1001").status_code == 204
    assert tenant.call("GET", f"{DEVICE}/Key/customer/contact/1001").status_code == 404
    tenant.state.merge("contact", 1002, 1003)
    assert tenant.call("GET", f"{DEVICE}/Key/customer/contact", params={"keyValue": "2"}).status_code == 404


def test_wrong_keys_are_refused_and_names_are_decoded(tenant: Tenant) -> None:
    _mark(tenant, 1001, "1")
    for change in ({"Key": ""}, {"TableName": "nothing"}, {"RecordId": 0}, {"Value": "x" * 240}):
        key = {"Key": "k", "Value": "1", "TableName": "contact", "RecordId": 1001, **change}
        assert tenant.call("POST", f"{DEVICE}/Key", json=key).status_code == 400
    assert tenant.call("POST", "ForeignApp/A%2FB%20C").json()["Name"] == "A/B C"
    assert tenant.get("ForeignApp/A%2FB%20C")["Devices"] == []
