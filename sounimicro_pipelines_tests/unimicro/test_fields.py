"""The ERP's fields: paths, reading from a record, and bodies that touch nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from sounimicro_pipelines.unimicro.fields import CannotBuild, FieldRegistry

FIELDS = FieldRegistry()


def _guid(place: str) -> str:
    return f"guid:{place}"


def _customer() -> dict[str, Any]:
    return {
        "ID": 79,
        "OrgNumber": "999888777",
        "CreditDays": 14,
        "CustomValues": {"CustomX": 1},
        "Info": {
            "ID": 512,
            "Name": "Fjordvik AS",
            "InvoiceAddress": {"ID": 1016, "AddressLine1": "Kaigata 3", "AddressLine2": None, "CountryCode": "NO"},
            "ShippingAddress": None,
            "DefaultPhone": {"ID": 901, "Number": "55123456", "CountryCode": "+47", "Type": 150101},
            "Phones": [
                {"ID": 902, "Number": "90000000", "CountryCode": "+47", "Type": 150102, "Deleted": True},
                {"ID": 903, "Number": "90123456", "CountryCode": "+47", "Type": 150102},
            ],
        },
    }


def test_reads_through_relations_and_picks_elements() -> None:
    record = _customer()
    assert FIELDS.read("Customer", record, "Info.Name") == "Fjordvik AS"
    assert FIELDS.read("Customer", record, "Info.InvoiceAddress.AddressLine1") == "Kaigata 3"
    assert FIELDS.read("Customer", record, "Info.ShippingAddress.City") is None
    assert FIELDS.read("Customer", record, "Info.Phones[Type=150102].Number") == "+47 90123456"
    assert FIELDS.read("Customer", record, "Info.Phones[Type=150101].Number") == "+47 55123456"
    assert FIELDS.read("Customer", record, "Info.Phones[first].Number") == "+47 55123456"


def test_a_body_holds_ids_and_changed_fields_alone() -> None:
    body = FIELDS.patch(
        "Customer",
        _customer(),
        {"Info.InvoiceAddress.AddressLine1": "Postboks 123 Sentrum", "Info.Phones[Type=150102].Number": "+4790123457"},
        _guid,
    )
    assert body == {
        "ID": 79,
        "Info": {
            "ID": 512,
            "InvoiceAddress": {"ID": 1016, "AddressLine1": "Postboks 123 Sentrum"},
            "Phones": [{"ID": 903, "Number": "90123457"}],
        },
    }


def test_a_missing_child_is_made_with_the_guid_of_its_place() -> None:
    body = FIELDS.patch(
        "Customer", _customer(), {"Info.ShippingAddress.AddressLine1": "A", "Info.ShippingAddress.City": "MOSS"}, _guid
    )
    child = {"ID": 0, "_createguid": "guid:Info.ShippingAddress", "AddressLine1": "A", "City": "MOSS"}
    assert body == {"ID": 79, "Info": {"ID": 512, "ShippingAddress": child}}


def test_a_foreign_number_takes_its_country_along() -> None:
    body = FIELDS.patch("Customer", _customer(), {"Info.DefaultPhone.Number": "+46812345678"}, _guid)
    assert body["Info"]["DefaultPhone"] == {"ID": 901, "Number": "812345678", "CountryCode": "+46"}


def test_a_whole_body_repeats_every_scalar_that_was_read() -> None:
    body = FIELDS.patch("Customer", _customer(), {"Info.Name": "Fjordvik Mek AS"}, _guid, whole=True)
    assert body["CreditDays"] == 14
    assert body["CustomValues"] == {"CustomX": 1}
    assert body["Info"] == {"ID": 512, "Name": "Fjordvik Mek AS"}


def test_a_new_record_has_a_guid_on_every_object() -> None:
    body = FIELDS.create(
        "Contact",
        {
            "ParentBusinessRelationID": 512,
            "Info.Name": "Eva Nes",
            "Info.Phones[Type=150102].Number": "+4791112233",
            "Role": "",
        },
        _guid,
    )
    assert body == {
        "_createguid": "guid:",
        "ParentBusinessRelationID": 512,
        "Info": {
            "_createguid": "guid:Info",
            "Name": "Eva Nes",
            "Phones": [
                {
                    "_createguid": "guid:Info.Phones[Type=150102]",
                    "Type": 150102,
                    "Number": "91112233",
                    "CountryCode": "+47",
                }
            ],
        },
    }


@pytest.mark.parametrize("path", ["CustomerNumber", "BusinessRelationID", "Info.DefaultPhoneID", "Account.AccountName"])
def test_what_the_erp_alone_sets_cannot_be_written(path: str) -> None:
    info = FIELDS.find("Customer", path)
    assert info is None or not info.writable
    with pytest.raises(CannotBuild):
        FIELDS.patch("Customer", _customer(), {path: 1}, _guid)


def test_a_word_where_the_erp_has_a_number_is_refused_before_it_is_sent() -> None:
    with pytest.raises(CannotBuild, match="CreditDays of Customer takes a number"):
        FIELDS.create("Customer", {"CreditDays": "fjorten"}, _guid)


def test_what_must_be_expanded_follows_from_the_paths() -> None:
    assert FIELDS.expand("Contact", ["Role", "Info.Name", "Info.Phones[Type=150102].Number"]) == (
        "Info",
        "Info.Phones",
        "Info.DefaultPhone",
    )


def test_every_field_that_is_offered_can_be_found() -> None:
    for entity in FIELDS.entities:
        for info in FIELDS.fields(entity):
            assert FIELDS.suggest(entity, info.path) == ""
