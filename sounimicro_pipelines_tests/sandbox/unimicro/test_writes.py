"""Saving: nested children, guids, numbers, stamps, validation, and that a failed save changes nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp


def guid() -> str:
    return str(uuid.uuid4())


def new_customer(name: str = "Ny Kunde AS") -> dict[str, Any]:
    phone = {"Number": "55123456", "CountryCode": "+47", "Type": 150101, "_createguid": guid()}
    return {
        "OrgNumber": "923609016",
        "_createguid": guid(),
        "Info": {
            "Name": name,
            "_createguid": guid(),
            "Phones": [phone],
            "DefaultPhone": phone,
            "InvoiceAddress": {
                "AddressLine1": "Kaigata 1",
                "PostalCode": "5003",
                "City": "BERGEN",
                "_createguid": guid(),
            },
        },
    }


def test_a_new_customer_gets_the_next_number_and_an_account_with_that_number(erp: Erp) -> None:
    highest = max(row["CustomerNumber"] for row in erp.get("customers", top=1000))
    answer = erp.post("customers", new_customer())
    assert answer.status_code == 201
    customer = answer.json()
    assert customer["CustomerNumber"] == highest + 1
    assert customer["Info"]["Name"] == "Ny Kunde AS"
    assert customer["UpdatedAt"] is None
    assert "_createguid" not in answer.text
    account = erp.get("accounts", filter=f"CustomerID eq {customer['ID']}", expand="MainAccount")[0]
    assert account["AccountNumber"] == customer["CustomerNumber"]
    assert account["MainAccount"]["AccountNumber"] == 1500


def test_one_object_referenced_twice_with_one_guid_is_made_once(erp: Erp) -> None:
    customer = erp.post("customers", new_customer()).json()
    info = erp.get(f"business-relations/{customer['BusinessRelationID']}", expand="Phones,Addresses")
    assert [phone["ID"] for phone in info["Phones"]] == [info["DefaultPhoneID"]]
    assert [address["ID"] for address in info["Addresses"]] == [info["InvoiceAddressID"]]


def test_the_same_guid_cannot_create_twice(erp: Erp) -> None:
    payload = new_customer()
    assert erp.post("customers", payload).status_code == 201
    before = len(erp.get("customers", top=1000))
    assert erp.post("customers", payload).status_code == 400
    assert len(erp.get("customers", top=1000)) == before


def test_a_lead_has_no_number_until_it_is_activated(erp: Erp) -> None:
    lead = erp.post("customers", {**new_customer(), "StatusCode": 20001}).json()
    assert (lead["CustomerNumber"], lead["StatusCode"]) == (None, 20001)
    assert erp.put("customers", action="activate", id=lead["ID"]).status_code == 204
    assert erp.get(f"customers/{lead['ID']}")["CustomerNumber"] is not None


def test_a_child_change_stamps_the_child_alone(erp: Erp) -> None:
    customer = erp.get("customers", top=1, orderby="ID", expand="Info.InvoiceAddress")[0]
    info = customer["Info"]
    change = {
        "ID": customer["ID"],
        "Info": {
            "ID": info["ID"],
            "InvoiceAddress": {"ID": info["InvoiceAddressID"], "AddressLine1": "Postboks 123 Sentrum"},
        },
    }
    assert erp.put(f"customers/{customer['ID']}", change).status_code == 200
    after = erp.get(f"customers/{customer['ID']}", expand="Info.InvoiceAddress")
    assert after["Info"]["InvoiceAddress"]["AddressLine1"] == "Postboks 123 Sentrum"
    assert after["Info"]["InvoiceAddress"]["City"] == info["InvoiceAddress"]["City"]
    assert after["Info"]["InvoiceAddress"]["UpdatedAt"] is not None
    assert after["Info"]["UpdatedAt"] == info["UpdatedAt"]
    assert after["UpdatedAt"] is None


def test_a_put_that_changes_nothing_moves_no_stamp_but_counts_as_a_write(erp: Erp) -> None:
    customer = erp.get("customers", top=1, orderby="ID")[0]
    mark = erp.sandbox.journal.mark()
    answer = erp.put(f"customers/{customer['ID']}", {"ID": customer["ID"], "WebUrl": customer["WebUrl"]})
    assert answer.json()["UpdatedAt"] is None
    assert [write.entity for write in erp.sandbox.journal.writes("erp", since=mark)] == ["Customer"]


def test_null_clears_and_what_is_left_out_is_untouched(erp: Erp) -> None:
    customer = erp.get("customers", filter="CreditDays gt 0", top=1)[0]
    after = erp.put(f"customers/{customer['ID']}", {"ID": customer["ID"], "WebUrl": None}).json()
    assert after["WebUrl"] is None
    assert after["CreditDays"] == customer["CreditDays"]


def test_a_server_may_clear_what_is_left_out(erp: Erp) -> None:
    for company in erp.sandbox.erp.server.companies.values():
        company.writer.put_clears_omitted = True
    customer = erp.get("customers", filter="CreditDays gt 0", top=1)[0]
    after = erp.put(f"customers/{customer['ID']}", {"ID": customer["ID"], "WebUrl": "www.ny.example"}).json()
    assert after["CreditDays"] is None
    assert after["CustomerNumber"] == customer["CustomerNumber"]


def test_children_in_a_put_are_created_only_with_a_guid_and_deleted_by_a_flag(erp: Erp) -> None:
    relation = erp.get("business-relations", filter="DefaultPhoneID gt 0", top=1, expand="Phones")[0]
    fresh = {"ID": 0, "Number": "90112233", "CountryCode": "+47", "Type": 150102}
    refused = erp.put(f"business-relations/{relation['ID']}", {"ID": relation["ID"], "Phones": [fresh]})
    assert refused.status_code == 400
    assert "_createguid" in refused.json()["Message"]
    made = erp.put(
        f"business-relations/{relation['ID']}",
        {"ID": relation["ID"], "Phones": [{**fresh, "_createguid": guid()}]},
    )
    assert made.status_code == 200
    phones = erp.get(f"business-relations/{relation['ID']}", expand="Phones")["Phones"]
    assert len(phones) == len(relation["Phones"]) + 1
    erp.put(
        f"business-relations/{relation['ID']}",
        {"ID": relation["ID"], "Phones": [{"ID": phones[-1]["ID"], "Deleted": True}]},
    )
    assert len(erp.get(f"business-relations/{relation['ID']}", expand="Phones")["Phones"]) == len(relation["Phones"])


def test_a_validation_error_echoes_the_entity_with_results_where_they_belong(erp: Erp) -> None:
    relation = erp.get("customers", top=1)[0]["BusinessRelationID"]
    answer = erp.post("contacts", {"ParentBusinessRelationID": relation, "Info": {"Name": None, "_createguid": guid()}})
    assert answer.status_code == 400
    body = answer.json()
    assert body["ParentBusinessRelationID"] == relation
    result = body["Info"]["_validationResults"]["Name"][0]
    assert (result["Message"], result["EntityType"]) == ("Name is required", "BusinessRelation")


def test_a_text_that_is_too_long_is_a_validation_error(erp: Erp) -> None:
    answer = erp.post("projects", {"Name": "x" * 256})
    assert "at most 255" in answer.json()["_validationResults"]["Name"][0]["Message"]


def test_a_failed_save_leaves_nothing_behind_and_its_guid_free(erp: Erp) -> None:
    payload = {**new_customer(), "PaymentTermsID": 9999}
    before = {
        name: len(erp.sandbox.erp.rows(1, name, deleted=True)) for name in ("Customer", "BusinessRelation", "Phone")
    }
    mark = erp.sandbox.journal.mark()
    assert erp.post("customers", payload).status_code == 500
    after = {name: len(erp.sandbox.erp.rows(1, name, deleted=True)) for name in before}
    assert after == before
    assert not erp.sandbox.journal.writes("erp", since=mark)
    assert erp.sandbox.journal.refused(mark)
    assert erp.post("customers", {**payload, "PaymentTermsID": 1}).status_code == 201


def test_the_project_number_comes_from_the_series_when_it_is_blank(erp: Erp) -> None:
    project = erp.post("projects", {"Name": "Ombygging", "_createguid": guid()}).json()
    assert project["ProjectNumber"] == str(project["ProjectNumberNumeric"])
    assert project["StatusCode"] == 42201
    named = erp.post("projects", {"Name": "Annet", "ProjectNumber": "EGET-1"}).json()
    assert named["ProjectNumber"] == "EGET-1"


def test_the_server_computes_an_orders_sums(erp: Erp) -> None:
    customer, product = erp.get("customers", top=1)[0]["ID"], erp.get("products", top=1, orderby="ID")[0]
    line = {"ProductID": product["ID"], "ItemText": "Pumpe", "NumberOfItems": 2, "PriceExVat": 4000, "VatTypeID": 3}
    answer = erp.post("orders", {"CustomerID": customer, "Items": [{**line, "DiscountPercent": 0, "SortIndex": 1}]})
    order = answer.json()
    assert (order["TaxExclusiveAmount"], order["TaxInclusiveAmount"]) == (8000, 10000)
    assert order["Items"][0]["SumTotalIncVat"] == 10000
    missing = erp.post("orders", {"CustomerID": customer, "Items": [{**line, "DiscountPercent": None}]})
    assert "DiscountPercent" in missing.json()["Items"][0]["_validationResults"]


@pytest.mark.parametrize("route", ["journalentrylines", "auditlogs", "dimensions"])
def test_what_cannot_be_posted_is_refused(erp: Erp, route: str) -> None:
    assert erp.post(route, {}).status_code == 405


def test_a_customer_in_use_is_not_deleted_but_can_be_blocked(erp: Erp) -> None:
    customer = erp.get("invoices", top=1)[0]["CustomerID"]
    assert erp.call("DELETE", f"/api/biz/customers/{customer}").status_code == 400
    assert erp.put("customers", action="block", id=customer).status_code == 204
    assert erp.get(f"customers/{customer}")["StatusCode"] == 90001
    assert erp.put("customers", action="block", id=customer).status_code == 400


def test_every_changed_field_is_in_the_audit_log(erp: Erp) -> None:
    project = erp.get("projects", top=1)[0]
    erp.put(f"projects/{project['ID']}", {"ID": project["ID"], "EndDate": "2027-01-31"})
    row = erp.get("auditlogs", filter=f"EntityType eq 'Project' and EntityID eq {project['ID']}", orderby="ID", top=9)[
        -1
    ]
    assert (row["Field"], row["NewValue"], row["OldValue"]) == ("EndDate", "2027-01-31", project["EndDate"])


def test_a_person_can_edit_between_a_clients_read_and_its_write(erp: Erp) -> None:
    people, project = erp.sandbox.erp, erp.get("projects", top=1)[0]
    people.interpose(
        "PUT", f"projects/{project['ID']}$", lambda: people.edit(1, "Project", project["ID"], {"Name": "X"})
    )
    after = erp.put(f"projects/{project['ID']}", {"ID": project["ID"], "EndDate": "2027-01-31"}).json()
    assert (after["Name"], after["EndDate"]) == ("X", "2027-01-31")
    assert [write.actor for write in erp.sandbox.journal.writes("erp", actor=None)] == ["person", "api"]


def test_a_record_can_carry_what_no_record_should(erp: Erp) -> None:
    erp.sandbox.erp.spoil(1, "Project", 1, {"ProjectNumberNumeric": "twelve"})
    assert erp.get("projects/1")["ProjectNumberNumeric"] == "twelve"
