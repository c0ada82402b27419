"""Reading on the business routes: the filter language, expand, paging, and the traps that the vendor documents."""

from __future__ import annotations

import pytest

from sounimicro_pipelines.sandbox import Sandbox
from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["ID"] for row in rows]


@pytest.mark.parametrize(
    "parameters",
    [
        {"filter": "NoSuchField eq 1"},
        {"filter": "CustomerNumber in (100001,100002)"},
        {"filter": "year(CreatedAt) eq 1999"},
        {"filter": "CustomerNumber add 1 eq 5"},
        {"$filter": "CustomerNumber eq 100001"},
        {"filter": "CustomerNumber eq"},
        {"nonsense": "1"},
    ],
)
def test_what_the_server_does_not_know_is_silently_ignored(reading: Erp, parameters: dict[str, str]) -> None:
    everything = reading.get("customers", top=1000, orderby="ID")
    assert ids(reading.get("customers", top=1000, orderby="ID", **parameters)) == ids(everything)


def test_strict_mode_refuses_what_would_be_ignored(erp: Erp) -> None:
    erp.sandbox.erp.options.query.strict = True
    assert erp.call("GET", "/api/biz/customers", filter="NoSuchField eq 1").status_code == 400
    assert erp.call("GET", "/api/biz/customers", nonsense="1").status_code == 400
    assert erp.call("GET", "/api/biz/customers", filter="CustomerNumber eq 100001").status_code == 200


def test_an_empty_filter_fails(reading: Erp) -> None:
    assert reading.call("GET", "/api/biz/customers", filter="").status_code == 500


def test_without_top_there_is_a_page_of_a_hundred_in_no_promised_order(reading: Erp) -> None:
    rows = reading.get("journalentrylines")
    assert len(rows) == 100
    assert ids(rows) != sorted(ids(rows), key=int)  # type: ignore[arg-type, call-overload]


def test_keyset_paging_reads_every_row_once_and_the_count_header_tells_how_many(reading: Erp) -> None:
    seen: list[object] = []
    last: object = 0
    total = None
    while True:
        answer = reading.call(
            "GET", "/api/biz/invoices", filter=f"ID gt {last}", orderby="ID", top=37, select="ID", hateoas="false"
        )
        total = total or int(answer.headers["count"])
        if not answer.json():
            break
        seen += ids(answer.json())
        last = seen[-1]
    assert len(seen) == len(set(seen)) == total


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Info.Name eq 'ABB Installasjon AS'", 1),
        ("Info.Name eq 'abb installasjon as'", 1),
        ("Info.Name like 'abb%'", 1),
        ("contains(Info.Name,'INSTALLASJON')", 1),
        ("startswith(Info.Name,'abb') and not (StatusCode ne 30001)", 1),
        ("endswith(Info.Name, 'finnes ikke')", 0),
        ("Info.Name eq 'O''Brien'", 0),
        ("CreatedAt gt '2100-01-01T00:00:00Z'", 0),
        ("(CreatedAt gt '2100-01-01T00:00:00Z' or Info.Name notlike '%') and ID gt 0", 0),
    ],
)
def test_filters_find_what_they_say(reading: Erp, text: str, number: int) -> None:
    assert len(reading.get("customers", filter=text, top=100)) == number


def test_keywords_and_names_may_be_written_in_any_case(reading: Erp) -> None:
    wanted = reading.get("customers", filter="CustomerNumber eq 100002 or CustomerNumber eq 100003", orderby="ID")
    found = reading.get("Customers", filter="customernumber EQ 100002 OR customernumber EQ 100003", orderby="id")
    assert ids(found) == ids(wanted) != []


def test_ne_does_not_find_rows_where_the_field_is_null(reading: Erp) -> None:
    without = [row for row in reading.sandbox.erp.rows(1, "JournalEntryLine") if row.get("StatusCode") is None]
    assert len(without) > 500
    answer = reading.call("GET", "/api/biz/journalentrylines", filter="StatusCode ne 31004", top=1)
    every = len(reading.sandbox.erp.rows(1, "JournalEntryLine"))
    credited = sum(row.get("StatusCode") == 31004 for row in reading.sandbox.erp.rows(1, "JournalEntryLine"))
    assert int(answer.headers["count"]) == every - credited - len(without)


def test_stamps_are_compared_as_moments_whatever_the_offset(reading: Erp) -> None:
    stamp = reading.get("invoices", top=1, orderby="ID", filter="ID gt 40")[0]["CreatedAt"]
    counts = [
        int(reading.call("GET", "/api/biz/invoices", filter=f"CreatedAt ge '{text}'", top=1).headers["count"])
        for text in (stamp, stamp.replace("Z", "+00:00"), stamp[:19])
    ]
    assert counts[0] == counts[1] <= counts[2]


def test_every_scalar_is_there_and_relations_only_when_expanded(reading: Erp) -> None:
    bare = reading.get("customers/1")
    assert bare["SocialSecurityNumber"] is None
    assert bare["CustomValues"] == {}
    assert bare["UpdatedAt"] is None
    assert "Info" not in bare
    full = reading.get("customers/1", expand="Info.Addresses,Info.DefaultPhone,DefaultSeller,NoSuchThing")
    assert full["Info"]["Addresses"][0]["BusinessRelationID"] == full["Info"]["ID"]
    assert full["Info"]["DefaultPhone"]["ID"] == full["Info"]["DefaultPhoneID"]
    assert "NoSuchThing" not in full


def test_select_keeps_id_deleted_and_custom_values_and_drops_what_is_not_expanded(reading: Erp) -> None:
    row = reading.get("customers/1", select="CustomerNumber,Info.Name,NoSuch")
    assert set(row) == {"ID", "Deleted", "CustomValues", "CustomerNumber"}
    row = reading.get("customers/1", select="CustomerNumber,Info.Name", expand="Info")
    assert set(row["Info"]) == {"ID", "Deleted", "CustomValues", "Name"}


def test_a_condition_on_a_collection_holds_for_one_member(reading: Erp) -> None:
    file = next(row for row in reading.sandbox.erp.rows(1, "FileEntityLink") if row["EntityType"] == "JournalEntry")
    text = f"EntityLinks.EntityType eq 'JournalEntry' and EntityLinks.EntityID eq {file['EntityID']}"
    assert file["FileID"] in ids(reading.get("files", filter=text, expand="EntityLinks", top=10))


def test_deleted_rows_are_hidden_in_lists_and_told_by_statistics(erp: Erp) -> None:
    contact = erp.get("contacts", top=1, orderby="ID")[0]["ID"]
    assert erp.call("DELETE", f"/api/biz/contacts/{contact}").status_code == 204
    assert contact not in ids(erp.get("contacts", top=1000))
    rows = erp.statistics(model="Contact", select="ID as ID", filter="Deleted eq 'true'", distinct="false").json()
    assert {"ID": contact} in rows


def test_hateoas_names_the_legal_transitions(reading: Erp) -> None:
    order = reading.get("orders", filter="StatusCode eq 41002", top=1, hateoas="true")[0]
    assert set(order["_links"]["transitions"]) == {"complete", "partlyTransferToInvoice", "transferToInvoice"}
    assert "_links" not in reading.get(f"orders/{order['ID']}", hateoas="false")


def test_sub_routes_answer_for_their_parent(reading: Erp) -> None:
    subs = reading.get(f"accounts/{reading.get('accounts', filter='AccountNumber eq 1500')[0]['ID']}/subaccounts")
    numbered = reading.get("customers", filter="CustomerNumber gt 0", top=1000)
    assert {row["CustomerID"] for row in subs} == {row["ID"] for row in numbered}
    contact = reading.get("contacts", top=1)[0]["ID"]
    assert reading.get(f"contacts/{contact}/addresses") == []


def test_dates_can_come_in_the_other_documented_form(sandbox: Sandbox) -> None:
    sandbox.erp.options.query.date_style = "stamp"
    invoice = Erp(sandbox).get("invoices", filter="StatusCode ne 42001", top=1)[0]
    assert invoice["InvoiceDate"].endswith("T00:00:00Z")


def test_a_moment_that_cannot_be_read_is_ignored_like_anything_unknown(reading: Erp) -> None:
    spoilt = "CreatedAt gt '2100-01-19T22:20:00 00:00'"
    assert len(reading.get("customers", filter=spoilt, top=1000)) == len(reading.get("customers", top=1000))


def test_a_page_may_be_shorter_than_asked_for(erp: Erp) -> None:
    erp.sandbox.erp.options.query.max_page = 7
    answer = erp.call("GET", "/api/biz/journalentrylines", top=500, orderby="ID")
    assert len(answer.json()) == 7
    assert int(answer.headers["count"]) > 500


def test_a_new_row_may_not_be_found_for_a_while(erp: Erp) -> None:
    erp.sandbox.erp.options.query.search_lag = 60
    project = erp.post("projects", {"Name": "Ny"}).json()["ID"]
    assert erp.get("projects", filter="Name eq 'Ny'") == []
    assert erp.get(f"projects/{project}")["Name"] == "Ny"
    erp.sandbox.erp.options.query.search_lag = 0
    assert ids(erp.get("projects", filter="Name eq 'Ny'")) == [project]


def test_links_may_come_unasked(erp: Erp) -> None:
    erp.sandbox.erp.options.links_unasked = True
    assert "_links" in erp.get("customers/1")
    assert "_links" not in erp.get("customers/1", hateoas="false")
