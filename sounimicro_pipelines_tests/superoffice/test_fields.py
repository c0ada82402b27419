"""Fields by their paths: reading, the patches that write them, and what is refused."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale

from sounimicro_pipelines.rules.transforms import country_code
from sounimicro_pipelines.superoffice import FieldInfo, FieldProblem, FieldRegistry, ValueTooLong, new_entity
from sounimicro_pipelines.superoffice.fields import NO_DATE
from sounimicro_pipelines.superoffice.values import country_id

CONTACT: dict[str, Any] = {
    "ContactId": 1041,
    "Name": "Fjordlys AS",
    "OrgNr": "914123456",
    "Number2": "10148",
    "Department": "",
    "UpdatedDate": "2026-03-02T09:14:07Z",
    "Phones": [
        {"Value": "+47 55 10 20 30", "StrippedValue": "+4755102030", "Description": "Sentralbord", "TableRight": None},
        {"Value": "+47 55 10 20 31", "StrippedValue": "+4755102031", "Description": "Lager", "FieldProperties": {}},
    ],
    "Emails": [],
    "Category": {"Id": 1, "Value": 'NO:"Kunde";US:"Customer"', "CategoryGroup": "Customer"},
    "Business": None,
    "Country": {"CountryId": 578, "TwoLetterISOCountry": "NO"},
    "NoMailing": False,
    "Address": {
        "LocalizedAddress": [[{"Name": "PostalAddress1", "Value": "Postboks 12"}]],
        "Street": None,
        "Postal": {"Address1": "Postboks 12", "Zipcode": "5803", "City": "BERGEN"},
    },
    "CustomFields": {
        "SuperOffice:1": "UM-20017",
        "SuperOffice:7": "[I:4]",
        "SuperOffice:7:DisplayText": "A-kunde",
        "SuperOffice:8": "[F:4.43]",
        "SuperOffice:9": "[D:05/05/1999 00:00:00.0000000]",
        "SuperOffice:6": "True",
    },
}
PERSON: dict[str, Any] = {
    "PersonId": 2210,
    "Firstname": "Ola",
    "MobilePhones": [{"Value": "+47 900 11 222", "StrippedValue": "+4790011222", "Description": ""}],
    "BirthDate": "0001-01-01T00:00:00",
    "Position": {"Id": 2, "Value": "Leder"},
    "Retired": False,
}
PROJECT: dict[str, Any] = {"ProjectId": 318, "Name": "Nytt lager", "EndDate": "2026-12-30T23:00:00Z"}
REGISTRY = FieldRegistry()


@pytest.mark.parametrize(
    ("entity", "record", "path", "value"),
    [
        ("contact", CONTACT, "Name", "Fjordlys AS"),
        ("contact", CONTACT, "Department", None),
        ("contact", CONTACT, "Category.Id", 1),
        ("contact", CONTACT, "Category/Id", 1),
        ("contact", CONTACT, "Category.Value", "Kunde"),
        ("contact", CONTACT, "Business.Id", None),
        ("contact", CONTACT, "NoMailing", False),
        ("contact", CONTACT, "Address.Postal.Address1", "Postboks 12"),
        ("contact", CONTACT, "Address.Street.Address1", None),
        ("contact", CONTACT, "Phones[first].Value", "+47 55 10 20 30"),
        ("contact", CONTACT, "Phones[Description=Lager].Value", "+47 55 10 20 31"),
        ("contact", CONTACT, "Emails[first].Value", None),
        ("contact", CONTACT, "UpdatedDate", datetime(2026, 3, 2, 9, 14, 7, tzinfo=UTC)),
        ("contact", CONTACT, "CustomFields[SuperOffice:1]", "UM-20017"),
        ("contact", CONTACT, "CustomFields[SuperOffice:7]", 4),
        ("contact", CONTACT, "CustomFields[SuperOffice:8]", Decimal("4.43")),
        ("contact", CONTACT, "CustomFields[SuperOffice:9]", date(1999, 5, 5)),
        ("contact", CONTACT, "CustomFields[SuperOffice:6]", True),
        ("contact", CONTACT, "CustomFields[absent]", None),
        ("person", PERSON, "MobilePhones[first].Value", "+47 900 11 222"),
        ("person", PERSON, "BirthDate", None),
        ("project", PROJECT, "EndDate", date(2026, 12, 31)),
    ],
)
def test_a_path_reads_its_value(entity: str, record: dict[str, Any], path: str, value: Any) -> None:
    assert REGISTRY.read(entity, record, path) == value


@pytest.mark.parametrize(
    ("text", "unset"),
    [("[I:0]", True), ("[F:0.0]", True), ("[I:3]", False), ("False", False), ("0", False), ("", False)],
)
def test_only_a_user_defined_number_that_is_zero_may_never_have_been_filled_in(text: str, unset: bool) -> None:
    record = {**CONTACT, "CustomFields": {"acme:days": text}}
    assert REGISTRY.may_be_unset("contact", record, "CustomFields[acme:days]") is unset
    assert not REGISTRY.may_be_unset("contact", {**CONTACT, "NoMailing": False}, "NoMailing")


@pytest.mark.parametrize(("value", "wire"), [("DE", 276), ("no", 578), ("752", 752), (578, 578), (None, 0)])
def test_a_country_is_written_by_its_number(value: Any, wire: int) -> None:
    (operation,) = REGISTRY.patch("contact", CONTACT, {"Country.CountryId": value})
    assert operation == {"op": "replace", "path": "/Country/CountryId", "value": wire}


def test_a_country_that_is_none_is_refused() -> None:
    with pytest.raises(FieldProblem):
        REGISTRY.patch("contact", CONTACT, {"Country.CountryId": "XX"})


def test_every_country_keeps_its_letters_by_way_of_its_number() -> None:
    territories = [code for code in Locale("en").territories if len(code) == 2]
    numbers = {code: country_id(code) for code in territories}
    known = {code: number for code, number in numbers.items() if number is not None}
    assert len(known) > 240
    assert {code: country_code(str(number)) for code, number in known.items()} == {code: code for code in known}
    former = {"DE": 276, "FR": 250, "ET": 231, "SD": 729, "YE": 887}
    assert {code: known[code] for code in former} == former


def test_changes_become_one_operation_a_place_and_keep_other_elements() -> None:
    before = copy.deepcopy(CONTACT)
    operations = REGISTRY.patch(
        "contact",
        CONTACT,
        {
            "Name": "Fjordlys Bergen AS",
            "Category.Id": 3,
            "Business.Id": "7",
            "Address.Postal.Address1": "Postboks 123 Sentrum",
            "Address.Street.Address1": "Strandgaten 5",
            "Address.Street.Zipcode": "5013",
            "Phones[Description=Lager].Value": "+47 22 00 11 22",
            "Emails[first].Value": "post@fjordlys.no",
            "CustomFields[SuperOffice:7]": 5,
            "CustomFields[SuperOffice:1]": "UM-20018",
            "NoMailing": True,
            "Department": None,
        },
    )
    assert operations == [
        {"op": "replace", "path": "/Name", "value": "Fjordlys Bergen AS"},
        {"op": "replace", "path": "/Category/Id", "value": 3},
        {"op": "replace", "path": "/Address/Postal/Address1", "value": "Postboks 123 Sentrum"},
        {"op": "replace", "path": "/NoMailing", "value": True},
        {"op": "replace", "path": "/Department", "value": ""},
        {"op": "replace", "path": "/Business", "value": {"Id": 7}},
        {"op": "replace", "path": "/Address/Street", "value": {"Address1": "Strandgaten 5", "Zipcode": "5013"}},
        {
            "op": "replace",
            "path": "/Phones",
            "value": [
                {"Value": "+47 55 10 20 30", "Description": "Sentralbord"},
                {"Value": "+47 22 00 11 22", "Description": "Lager"},
            ],
        },
        {"op": "replace", "path": "/Emails", "value": [{"Value": "post@fjordlys.no", "Description": ""}]},
        {"op": "replace", "path": "/CustomFields", "value": {"SuperOffice:7": "[I:5]", "SuperOffice:1": "UM-20018"}},
    ]
    assert before == CONTACT


def test_a_cleared_element_goes_and_the_others_stay() -> None:
    (operation,) = REGISTRY.patch("contact", CONTACT, {"Phones[first].Value": None})
    assert operation["value"] == [{"Value": "+47 55 10 20 31", "Description": "Lager"}]
    assert REGISTRY.patch("contact", CONTACT, {"Emails[first].Value": ""})[0]["value"] == []


def test_a_missing_element_is_added_with_its_description() -> None:
    (operation,) = REGISTRY.patch("contact", CONTACT, {"Phones[Description=Vakt].Value": "+47 1"})
    assert operation["value"][2] == {"Value": "+47 1", "Description": "Vakt"}


def test_an_end_date_is_sent_as_a_day_that_no_zone_moves() -> None:
    for value in (date(2027, 1, 31), "2027-01-31", "2027-01-31T00:00:00"):
        (operation,) = REGISTRY.patch("project", PROJECT, {"EndDate": value})
        assert operation == {"op": "replace", "path": "/EndDate", "value": "2027-01-31T12:00:00"}
    assert REGISTRY.patch("project", PROJECT, {"EndDate": None})[0]["value"] == "0001-01-01T00:00:00"


def test_user_defined_fields_are_written_by_their_kind() -> None:
    known = [
        FieldInfo("contact", "CustomFields[um:since]", "date", custom=True),
        FieldInfo("contact", "CustomFields[um:limit]", "decimal", custom=True),
        FieldInfo("contact", "CustomFields[um:no]", "text", max_length=5, custom=True),
    ]
    registry = FieldRegistry({"contact": known})
    changes = {
        "CustomFields[um:since]": "2026-01-31",
        "CustomFields[um:limit]": "4.50",
        "CustomFields[um:no]": "20017",
    }
    (operation,) = registry.patch("contact", CONTACT, changes)
    assert operation["value"] == {
        "um:since": "[D:01/31/2026 00:00:00.0000000]",
        "um:limit": "[F:4.50]",
        "um:no": "20017",
    }
    with pytest.raises(ValueTooLong):
        registry.patch("contact", CONTACT, {"CustomFields[um:no]": "200170"})
    assert registry.find("contact", "CustomFields[um:nn]") is None
    assert "um:no" in registry.suggest("contact", "CustomFields[um:nn]")


@pytest.mark.parametrize(
    ("entity", "path", "value"),
    [
        ("contact", "ContactId", 7),
        ("contact", "UpdatedDate", "2026-01-01"),
        ("contact", "Category.CategoryGroup", "Customer"),
        ("contact", "Phones[first].StrippedValue", "1"),
        ("person", "Category.Id", 1),
        ("person", "Contact.ContactId", 7),
        ("project", "StartDate", "2026-01-01"),
        ("contact", "Category.Id", "canary"),
        ("project", "EndDate", "canary"),
        ("contact", "NoMailing", "canary"),
    ],
)
def test_what_cannot_be_written_is_refused_without_showing_the_value(entity: str, path: str, value: Any) -> None:
    with pytest.raises(FieldProblem) as caught:
        REGISTRY.patch(entity, {}, {path: value})
    assert path in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "limit"),
    [("Name", 219), ("OrgNr", 49), ("Address.Postal.Zipcode", 11), ("Phones[first].Value", 239)],
)
def test_a_value_too_long_is_never_cut(path: str, limit: int) -> None:
    REGISTRY.patch("contact", CONTACT, {path: "x" * limit})
    with pytest.raises(ValueTooLong, match=str(limit)):
        REGISTRY.patch("contact", CONTACT, {path: "x" * (limit + 1)})


@pytest.mark.parametrize(
    ("entity", "path", "near"),
    [
        ("contact", "Navn", "Name"),
        ("contact", "name", "Name"),
        ("contact", "Address.Postal.Adress1", "Address.Postal.Address1"),
        ("contact", "Phones.Value", "Phones[first].Value"),
        ("contact", "Phones[0].Value", "Phones[first].Value"),
        ("contact", "Phones[first].Number", "Phones[first].Value"),
        ("person", "FirstName", "Firstname"),
        ("project", "Enddate", "EndDate"),
        ("company", "Name", ""),
    ],
)
def test_an_unknown_path_is_answered_with_the_nearest(entity: str, path: str, near: str) -> None:
    assert REGISTRY.find(entity, path) is None
    assert near in REGISTRY.suggest(entity, path)


def test_every_listed_field_can_be_found_and_says_its_facts() -> None:
    for entity in REGISTRY.entities:
        for info in REGISTRY.fields(entity):
            assert REGISTRY.find(entity, info.path) == info
            assert REGISTRY.suggest(entity, info.path) == ""
    category = REGISTRY.find("contact", "Category.Id")
    assert category is not None
    assert (category.kind, category.list_name, category.writable) == ("int", "category", True)


def test_tests_hold_the_values_as_they_were_read() -> None:
    paths = ["Name", "Category.Id", "Phones[first].Value", "Emails[first].Value", "CustomFields[SuperOffice:7]"]
    assert REGISTRY.tests("contact", CONTACT, [*paths, "Business.Id"]) == [
        {"op": "test", "path": "/Name", "value": "Fjordlys AS"},
        {"op": "test", "path": "/Category/Id", "value": 1},
        {"op": "test", "path": "/Phones", "value": CONTACT["Phones"]},
        {"op": "test", "path": "/Emails", "value": []},
        {"op": "test", "path": "/CustomFields/SuperOffice:7", "value": "[I:4]"},
        {"op": "test", "path": "/Business", "value": None},
    ]
    assert REGISTRY.tests("contact", CONTACT, ["Phones[first].Value"], "values") == [
        {"op": "test", "path": "/Phones/0/Value", "value": "+47 55 10 20 30"},
        {"op": "test", "path": "/Phones/1/Value", "value": "+47 55 10 20 31"},
    ]
    assert REGISTRY.tests("project", PROJECT, ["EndDate"], "values") == []


def test_a_new_entity_is_the_default_with_the_fields_filled_in() -> None:
    default = {
        "PersonId": 0,
        "Firstname": "",
        "PersonNumber": "10226",
        "MobilePhones": [],
        "Contact": None,
        "Position": {"Id": 0},
        "CustomFields": {"SuperOffice:2": "x"},
        "Address": {"LocalizedAddress": [[{"Name": "Address1"}]], "Street": {"Address1": ""}, "Postal": None},
        "_Links": {"Self": "x"},
        "TableRight": None,
        "FieldProperties": {},
    }
    before = copy.deepcopy(default)
    made = new_entity(
        REGISTRY,
        "person",
        default,
        {
            "Firstname": "Ola",
            "Contact.ContactId": 1041,
            "MobilePhones[first].Value": "+4790011222",
            "Address.Street.Address1": "Veien 1",
            "CustomFields[SuperOffice:1]": "UM-1",
            "Title": None,
        },
    )
    assert made == {
        "PersonId": 0,
        "Firstname": "Ola",
        "PersonNumber": "10226",
        "MobilePhones": [{"Value": "+4790011222", "Description": ""}],
        "Contact": {"ContactId": 1041},
        "Position": {"Id": 0},
        "CustomFields": {"SuperOffice:2": "x", "SuperOffice:1": "UM-1"},
        "Address": {"Street": {"Address1": "Veien 1"}, "Postal": None},
    }
    assert default == before


def test_a_new_entity_loses_the_date_that_the_default_gave_it_where_there_is_none() -> None:
    default = {"Name": "", "EndDate": "2027-06-30T00:00:00", "ProjectNumber": "302"}
    made = new_entity(REGISTRY, "project", default, {"Name": "Rør", "EndDate": None, "ProjectNumber": None})
    assert made == {"Name": "Rør", "EndDate": NO_DATE, "ProjectNumber": "302"}
    assert new_entity(REGISTRY, "project", default, {"Name": "Rør"})["EndDate"] == default["EndDate"]


def _applied(record: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    result = copy.deepcopy(record)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        at = result
        for part in parents:
            at = at[part]
        held = at.get(last)
        if last in ("CustomFields", "UserDefinedFields", "ExtraFields") and isinstance(held, dict):
            held.update(operation["value"])
        else:
            at[last] = operation["value"]
    return result


@pytest.mark.parametrize("entity", REGISTRY.entities)
@pytest.mark.parametrize("record", [{}, CONTACT, PERSON, PROJECT, {"Address": None, "Phones": None, "Category": {}}])
def test_every_writable_field_reads_back_what_was_written_and_nothing_else_moves(
    entity: str, record: dict[str, Any]
) -> None:
    samples: dict[str, Any] = {
        "text": "A b",
        "int": 7,
        "bool": True,
        "date": date(2026, 5, 5),
        "datetime": datetime(2026, 5, 5, 10, tzinfo=UTC),
    }
    paths = [info.path for info in REGISTRY.fields(entity)]
    before = {path: REGISTRY.read(entity, record, path) for path in paths}
    for info in REGISTRY.fields(entity):
        if not info.writable or info.path.endswith("].Description"):
            continue
        value = samples[info.kind]
        if info.max_length is not None:
            value = value[: info.max_length]
        patched = _applied(record, REGISTRY.patch(entity, record, {info.path: value}))
        assert REGISTRY.read(entity, patched, info.path) == value
        root = info.path.split("[")[0]
        for path in paths:
            if path != info.path and not path.startswith(root) and path.split(".")[0] != root.split(".")[0]:
                assert REGISTRY.read(entity, patched, path) == before[path]
