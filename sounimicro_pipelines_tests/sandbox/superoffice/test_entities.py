from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import NumberSeries
from sounimicro_pipelines_tests.sandbox.superoffice.conftest import Tenant

ABB = 1001


def test_a_company_is_read_in_pascal_case_with_rights_links_and_its_date(tenant: Tenant) -> None:
    answer = tenant.call("GET", f"Contact/{ABB}")
    company = answer.json()
    assert company["Name"] == "ABB Installasjon AS"
    assert company["Category"]["CategoryGroup"] == "Partner"
    assert company["Country"]["CountryId"] == 578
    assert company["TableRight"] == {"Mask": "FULL", "Reason": ""}
    assert company["FieldProperties"]["Name"]["FieldLength"] == 219
    assert company["FieldProperties"]["CustomFields.SuperOffice:1"]["FieldLength"] == 39
    assert company["_Links"]["Self"] == f"{tenant.base}/Contact/{ABB}"
    assert company["UpdatedDate"].endswith("Z")
    assert answer.headers["last-modified"].endswith("GMT")
    assert company["Address"]["Postal"]["AtypeIdx"] == "ContactPostalAddress"
    assert {person["PersonId"] for person in company["Persons"]}


def test_rights_and_links_can_be_switched_off(make_tenant: Callable[..., Tenant]) -> None:
    company = make_tenant(rights_in_carriers=False, links_in_carriers=False).get(f"Contact/{ABB}")
    assert company["TableRight"] is None
    assert company["FieldProperties"] == {}
    assert "_Links" not in company


def test_what_is_not_there_is_404_with_the_error_document(tenant: Tenant) -> None:
    answer = tenant.call("GET", "Contact/999999")
    assert answer.status_code == 404
    assert answer.json()["Error"] is True
    assert answer.json()["ErrorType"] == "SoNotFoundException"
    assert tenant.call("GET", "Nothing/1").status_code == 404
    assert tenant.call("PATCH", "Contact").status_code == 405


def test_a_create_starts_from_defaults_and_answers_200_in_any_case_of_names(tenant: Tenant) -> None:
    blank = tenant.get("Contact/default")
    assert blank["ContactId"] == 0
    assert blank["Category"]["Id"] == 1
    body = {name[0].lower() + name[1:]: value for name, value in blank.items()}
    body |= {"name": "Fjordlys AS", "phones": [{"value": "+47 55 10 20 30"}]}
    body["address"]["Street"] = {"address1": "Strandgaten 5", "zipcode": "5013", "city": "BERGEN"}
    answer = tenant.call("POST", "Contact", json=body)
    assert answer.status_code == 200
    made = answer.json()
    assert made["ContactId"] > ABB
    assert made["Phones"][0]["StrippedValue"] == "+4755102030"
    assert made["Address"]["Street"]["Formatted"] == "Strandgaten 5\n5013 BERGEN\n"
    assert made["CreatedBy"]["Type"] == "SystemAssociate"


def test_a_create_without_obligatory_values_is_refused(tenant: Tenant) -> None:
    assert tenant.call("POST", "Contact", json={"Name": "Uten kategori"}).status_code == 400
    assert tenant.call("POST", "Person", json={"Firstname": "Ola"}).status_code == 400
    assert tenant.call("POST", "Contact", content=b"").status_code == 400
    problems = tenant.call("POST", "Contact/Validate", json={"Name": "X"}).json()
    assert set(problems) == {"Business", "Category"}


def test_put_resets_everything_that_is_missing(tenant: Tenant) -> None:
    before = tenant.get(f"Contact/{ABB}")
    assert before["Phones"]
    assert before["OrgNr"]
    keep = {name: before[name] for name in ("Name", "Category", "Business")}
    after = tenant.call("PUT", f"Contact/{ABB}", json=keep).json()
    assert after["Name"] == before["Name"]
    assert after["OrgNr"] == ""
    assert after["Phones"] == []
    assert after["Address"]["Postal"]["Address1"] == ""


def test_a_merge_patch_changes_what_it_names_and_nothing_else(tenant: Tenant) -> None:
    before = tenant.get(f"Contact/{ABB}")
    tenant.clock.advance(60)
    after = tenant.patch(f"Contact/{ABB}", {"category": {"id": 1}, "Address": {"Postal": {"Address1": "Postboks 7"}}})
    assert after["Category"]["Value"] == "Kunde"
    assert after["Address"]["Postal"] == {
        **before["Address"]["Postal"],
        "Address1": "Postboks 7",
        "Formatted": after["Address"]["Postal"]["Formatted"],
    }
    for name in ("Name", "OrgNr", "Phones", "Emails", "Urls", "Business", "CustomFields"):
        assert after[name] == before[name]
    assert after["UpdatedDate"] > before["UpdatedDate"]


def test_an_object_where_an_array_is_expected_is_appended(tenant: Tenant) -> None:
    before = tenant.get(f"Contact/{ABB}")["Phones"]
    once = tenant.patch(f"Contact/{ABB}", {"Phones": {"Value": "22 33 44 55"}})["Phones"]
    twice = tenant.patch(f"Contact/{ABB}", {"Phones": {"Value": "22 33 44 55"}})["Phones"]
    assert len(twice) == len(once) + 1 == len(before) + 2
    assert tenant.patch(f"Contact/{ABB}", {"Phones": [{"Value": "1"}]})["Phones"][0]["Value"] == "1"


def test_json_patch_writes_by_path_and_its_test_refuses_with_409(tenant: Tenant) -> None:
    before = tenant.get(f"Contact/{ABB}")
    good = {"op": "test", "path": "/OrgNr", "value": before["OrgNr"]}
    patch = [
        good,
        {"op": "test", "path": "updateddate", "value": before["UpdatedDate"]},
        {"op": "replace", "path": "Name", "value": "ABB Nytt Navn AS"},
        {"op": "replace", "path": "/Category/Id", "value": 1},
        {"op": "add", "path": "/Phones/-", "value": {"Value": "1234"}},
        {"op": "replace", "path": "/CustomFields", "value": {"SuperOffice:1": "20017"}},
    ]
    after = tenant.patch(f"Contact/{ABB}", patch)
    assert after["Name"] == "ABB Nytt Navn AS"
    assert after["Phones"][-1]["Value"] == "1234"
    assert after["CustomFields"]["SuperOffice:1"] == "20017"
    assert after["CustomFields"]["SuperOffice:7"] == before["CustomFields"]["SuperOffice:7"]
    refused = [
        {"op": "test", "path": "/Name", "value": before["Name"]},
        {"op": "replace", "path": "/Name", "value": ""},
    ]
    tenant.patch(f"Contact/{ABB}", refused, status=409)
    tenant.patch(f"Contact/{ABB}", [{"op": "test", "path": "/Phones/9/Value", "value": "x"}], status=409)
    assert tenant.get(f"Contact/{ABB}")["Name"] == "ABB Nytt Navn AS"


def test_unsupported_operations_and_unknown_paths_are_refused(tenant: Tenant) -> None:
    for operation in (
        {"op": "move", "from": "/Name", "path": "/Department"},
        {"op": "replace", "path": "/NoSuchThing", "value": 1},
        {"op": "replace", "path": "/Phones/7/Value", "value": "1"},
        {"op": "replace", "path": "/Name"},
    ):
        tenant.patch(f"Contact/{ABB}", [operation], status=400)
    tenant.patch(f"Contact/{ABB}", {"Category": {"Id": 99}}, status=400)


def test_preconditions_work_in_whole_seconds(tenant: Tenant) -> None:
    tenant.state.edit("contact", ABB, {"Description": "one"})
    seen = tenant.call("GET", f"Contact/{ABB}").headers["last-modified"]
    assert tenant.call("GET", f"Contact/{ABB}", {"If-Modified-Since": seen}).status_code == 304
    tenant.clock.advance(0.4)
    tenant.state.edit("contact", ABB, {"Description": "two, in the same second"})
    guard = {"If-Unmodified-Since": seen}
    tenant.patch(f"Contact/{ABB}", {"Description": "three"}, headers=guard)
    tenant.clock.advance(2)
    tenant.state.edit("contact", ABB, {"Description": "four"})
    tenant.patch(f"Contact/{ABB}", {"Description": "five"}, 412, guard)
    assert tenant.call("DELETE", f"Contact/{ABB}", guard).status_code == 412
    assert tenant.call("PUT", f"Contact/{ABB}", guard, json={}).status_code == 412
    assert tenant.call("GET", f"Contact/{ABB}", {"If-Modified-Since": seen}).status_code == 200


def test_child_rows_change_without_touching_the_parent(tenant: Tenant) -> None:
    before = tenant.get(f"Contact/{ABB}")["UpdatedDate"]
    tenant.clock.advance(3600)
    after = tenant.patch(
        f"Contact/{ABB}", {"Phones": [{"Value": "22 22 22 22"}], "CustomFields": {"SuperOffice:1": "1"}}
    )
    assert after["UpdatedDate"] == before


def test_an_unchanged_save_leaves_the_stamp_alone(tenant: Tenant) -> None:
    before = tenant.get(f"Contact/{ABB}")
    tenant.clock.advance(3600)
    assert tenant.patch(f"Contact/{ABB}", {"Name": before["Name"]})["UpdatedDate"] == before["UpdatedDate"]
    assert tenant.call("PUT", f"Contact/{ABB}", json=before).json() == before


def test_the_localized_address_wins_where_both_forms_are_changed(tenant: Tenant) -> None:
    address = tenant.get(f"Contact/{ABB}")["Address"]
    row, column = next(
        (r, c)
        for r, cells in enumerate(address["LocalizedAddress"])
        for c, cell in enumerate(cells)
        if cell["Name"] == "PostalAddress1"
    )
    path = f"/Address/LocalizedAddress/{row}/{column}/Value"
    both = [
        {"op": "replace", "path": "/Address/Postal/Address1", "value": "Structured 1"},
        {"op": "replace", "path": path, "value": "Localized 1"},
    ]
    assert tenant.patch(f"Contact/{ABB}", both)["Address"]["Postal"]["Address1"] == "Localized 1"
    alone = tenant.patch(f"Contact/{ABB}", both[:1])
    assert alone["Address"]["Postal"]["Address1"] == "Structured 1"
    assert alone["Address"]["LocalizedAddress"][row][column]["Value"] == "Structured 1"


def test_a_person_has_one_private_address_and_mirrors_its_company(tenant: Tenant) -> None:
    key = tenant.get(f"Contact/{ABB}")["Persons"][0]["PersonId"]
    person = tenant.get(f"Person/{key}")
    assert person["Address"]["Postal"] is None
    assert person["FieldProperties"]["Address.City"]["FieldLength"] == 79
    assert person["FieldProperties"]["Category"]["FieldRight"]["Mask"] == "Read"
    assert person["Contact"]["FullName"] == "ABB Installasjon AS"
    assert person["Category"]["CategoryGroup"] == "Partner"
    after = tenant.patch(f"Person/{key}", {"Address": {"Street": {"City": "OSLO"}}, "MobilePhones": [{"Value": "9"}]})
    assert after["Address"]["Street"]["City"] == "OSLO"
    assert tenant.get(f"Contact/{ABB}")["Address"] == tenant.get(f"Contact/{ABB}")["Address"]


def test_companies_and_persons_with_one_id_keep_their_own_phones(tenant: Tenant) -> None:
    company, person = tenant.get("Contact/1001"), tenant.get("Person/1001")
    tenant.patch("Person/1001", {"MobilePhones": [{"Value": "90000001"}], "OfficePhones": []})
    assert tenant.get("Contact/1001")["Phones"] == company["Phones"]
    assert person["PersonId"] == company["ContactId"]


def test_texts_without_a_language_come_raw(tenant: Tenant) -> None:
    raw = tenant.get(f"Contact/{ABB}", {"SO-Language": ""})
    assert raw["Category"]["Value"] == 'NO:"Partner";US:"Partner"'
    assert raw["Country"]["Name"] == 'NO:"Norge";US:"Norway"'
    english = tenant.get(f"Contact/{ABB}", {"SO-Language": "", "Accept-Language": "en-GB,en;q=0.9"})
    assert english["Country"]["Name"] == "Norway"
    assert tenant.get(f"Contact/{ABB}", {"SO-Language": "*"})["Country"]["Name"].startswith("NO:")


def test_dates_follow_the_time_zone_header(tenant: Tenant) -> None:
    project = tenant.state.create("project", {"Name": "Lager", "EndDate": "2026-12-31T00:00:00+01:00"})
    tenant.state.edit("project", project, {"Description": "x"})
    path = f"Project/{project}"
    assert tenant.get(path)["EndDate"] == "2026-12-30T23:00:00Z"
    assert tenant.get(path)["CreatedDate"] == "2026-11-20T09:00:00Z"
    assert tenant.get(path, {"SO-TimeZone": ""})["EndDate"] == "2026-12-31T00:00:00"
    assert tenant.get(path, {"SO-TimeZone": ""})["CreatedDate"] == "2026-11-20T10:00:00"
    assert tenant.get(path, {"SO-TimeZone": "NO, includeTZOffset"})["EndDate"] == "2026-12-31T00:00:00+01:00"
    assert tenant.get(path)["NextMilestoneDate"] == "0001-01-01T00:00:00"
    shifted = tenant.patch(path, {"EndDate": "2026-12-31T00:00:00"}, headers={"SO-TimeZone": "UTC"})
    assert shifted["EndDate"] == "2026-12-31T00:00:00"
    assert tenant.get(path, {"SO-TimeZone": ""})["EndDate"] == "2026-12-31T01:00:00"


def test_user_defined_values_are_encoded_and_taken_in_both_forms(tenant: Tenant) -> None:
    values = {
        "SuperOffice:7": "[I:4]",
        "Sounimicro:Credit": "[F:4.43]",
        "Sounimicro:Since": "2020-05-06",
        "Sounimicro:Ehf": "True",
        "x_erp_note": "note",
        "Unknown:1": "ignored",
    }
    after = tenant.patch(f"Contact/{ABB}", {"CustomFields": values})
    custom = after["CustomFields"]
    assert custom["SuperOffice:7"] == "[I:4]"
    assert custom["SuperOffice:7:DisplayText"] == "A-kunde"
    assert custom["Sounimicro:Credit"] == "[F:4.43]"
    assert custom["Sounimicro:Since"] == "[D:05/06/2020 00:00:00.0000000]"
    assert custom["Sounimicro:Ehf"] == "True"
    assert after["ExtraFields"] == {"x_erp_note": "note"}
    assert "Unknown:1" not in custom
    path = [{"op": "replace", "path": "ExtraFields/x_erp_note", "value": "other"}]
    assert tenant.patch(f"Contact/{ABB}", path)["CustomFields"]["x_erp_note"] == "other"
    layout = tenant.get("Contact/UdefLayout/Published")
    assert {"cs01", "cs02"} <= {field["TemplateVariableName"] for field in layout}


def test_over_long_texts_are_refused_failed_or_cut(make_tenant: Callable[..., Tenant]) -> None:
    long = {"Name": "x" * 220}
    for way, status in (("refuse", 400), ("fail", 500), ("truncate", 200)):
        make_tenant(overlong=way).patch(f"Contact/{ABB}", long, status=status)


def test_numbers_are_allotted_as_the_switches_say(make_tenant: Callable[..., Tenant]) -> None:
    numbers = {
        "contact": NumberSeries(10001, allocate=True, unique=True),
        "person": NumberSeries(20001),
        "project": NumberSeries(30001),
    }
    tenant = make_tenant(numbers=numbers)
    first = tenant.get("Contact/default")
    assert first["Number2"] == "10001"
    needed = {"Name": "A", "Category": {"Id": 1}, "Business": {"Id": 1}}
    made = tenant.call("POST", "Contact", json=needed).json()
    assert made["Number2"] == "10002", "the default has used a number up"
    assert tenant.call("POST", "Contact", json={**needed, "Number2": "10002"}).status_code == 400
    tenant.patch(f"Contact/{ABB}", {"Number2": "10002"}, status=400)
    assert tenant.patch(f"Contact/{ABB}", {"Number2": "77"})["Number2"] == "77"


def test_entity_select_nulls_the_rest_and_json_must_be_accepted(tenant: Tenant) -> None:
    company = tenant.get(f"Contact/{ABB}", _select="Name,Category")
    assert company["Name"]
    assert company["OrgNr"] is None
    assert tenant.call("GET", f"Contact/{ABB}", {"Accept": "application/xml"}).text.startswith("<?xml")


def test_deletes_are_soft_for_companies_and_persons_and_final_for_projects(tenant: Tenant) -> None:
    assert tenant.call("DELETE", f"Contact/{ABB}").status_code == 204
    assert tenant.call("GET", f"Contact/{ABB}").status_code == 404
    assert tenant.call("POST", "Agents/Contact/Undelete", json={"Id": ABB}).status_code == 200
    assert tenant.get(f"Contact/{ABB}")["Deleted"] == 0
    project = tenant.rows("Project", _select="projectId", _filter="getAllRows set true")[0]["projectId"]
    assert tenant.call("DELETE", f"Project/{project}").status_code == 204
    assert project not in tenant.state.db["project"].rows
    assert tenant.call("POST", "Agents/Project/Undelete", json={"Id": project}).status_code == 404


def test_a_soft_delete_becomes_final_after_14_days(tenant: Tenant) -> None:
    tenant.state.delete("contact", ABB)
    tenant.clock.advance(14 * 86400 - 60)
    tenant.state.purge()
    assert ABB in tenant.state.db["contact"].rows
    tenant.clock.advance(120)
    tenant.state.purge()
    assert ABB not in tenant.state.db["contact"].rows
    assert not tenant.state.db["email"].where("contact_id", ABB)


def test_a_deleted_record_can_be_answered_as_such(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant(deleted_read="200")
    tenant.state.delete("contact", ABB)
    assert tenant.get(f"Contact/{ABB}")["Deleted"] == 1


def test_merge_and_move_reroute_and_are_logged(tenant: Tenant) -> None:
    persons = {person["PersonId"] for person in tenant.get("Contact/1001")["Persons"]}
    assert tenant.call("POST", "Contact/1001/MergeTo/1002").status_code == 200
    assert tenant.call("GET", "Contact/1001").status_code == 404
    assert persons <= {person["PersonId"] for person in tenant.get("Contact/1002")["Persons"]}
    mover = min(persons)
    assert tenant.call("POST", f"Person/{mover}/MoveTo/1003").json()["Contact"]["ContactId"] == 1003
    log = tenant.rows(
        "Archive/dynamic",
        _select="mergemovelog.tableNumber,mergemovelog.operation,mergemovelog.sourceRecord,"
        "mergemovelog.destinationRecord,mergemovelog.registered",
        _orderby="mergemovelog.mergemovelog_id",
    )
    found = [(row["mergemovelog.sourceRecord"], row["mergemovelog.destinationRecord"]) for row in log]
    assert found == [(1001, 1002), (mover, 1003)]


def test_project_members_are_added_and_removed_by_agents(tenant: Tenant) -> None:
    project = tenant.state.create("project", {"Name": "Lager"})
    member = {"PersonId": 1001, "ProjectMemberTypeId": 1}
    body: dict[str, Any] = {"ProjectId": project, "ProjectMembers": [member]}
    added = tenant.call("POST", "Agents/Project/AddProjectMembers", json=body).json()
    assert added[0]["ContactId"] == tenant.get("Person/1001")["Contact"]["ContactId"]
    tenant.patch(f"Project/{project}", {"Name": "Nytt lager"})
    members = tenant.get(f"Project/{project}")["ProjectMembers"]
    assert [item["ProjectmemberId"] for item in members] == [added[0]["ProjectmemberId"]]
    ids = {"ProjectMemberIds": [members[0]["ProjectmemberId"]]}
    tenant.call("POST", "Agents/Project/DeleteProjectMembers", json=ids)
    assert tenant.get(f"Project/{project}")["ProjectMembers"] == []


def test_agents_answer_null_for_what_is_not_there(tenant: Tenant) -> None:
    answer = tenant.call("POST", "Agents/Contact/GetContactEntity?contactEntityId=99999")
    assert (answer.status_code, answer.json()) == (200, None)
    assert tenant.call("POST", f"Agents/Contact/GetContactEntity?contactEntityId={ABB}").json()["ContactId"] == ABB


def test_duplicates_are_found_by_name_and_domain(tenant: Tenant) -> None:
    found = tenant.get("Contact/Duplicates/ABB%20Installasjon")
    assert found[0]["SoPrimaryKey"] == str(ABB)
    domain = tenant.register.party(1).domain
    assert tenant.get(f"Contact/DuplicateDomains/{domain}")[0]["EntryName"] == "ABB Installasjon AS"
