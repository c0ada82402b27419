from __future__ import annotations

from collections.abc import Callable

import pytest

from sounimicro_pipelines_tests.sandbox.superoffice.conftest import Tenant


def _ids(tenant: Tenant, restriction: str, **options: str) -> list[int]:
    rows = tenant.rows("Contact", _select="contactId", _filter=restriction, _orderby="contactId", **options)
    return [row["contactId"] for row in rows]


def test_rows_carry_a_text_key_the_entity_name_and_the_columns_asked_for(tenant: Tenant) -> None:
    answer = tenant.get(
        "Contact",
        _select="contactId,nameDepartment,category,associateId,postAddress/city,url/URLAddress,contactUdef/SuperOffice:7",
        _filter="contactId eq 1001",
        _top="50",
    )
    assert answer["odata.metadata"].endswith("/api/v1/Archive/$metadata")
    assert answer["odata.nextLink"] is None
    (row,) = answer["value"]
    assert row["PrimaryKey"] == "1001"
    assert row["EntityName"] == "contact"
    assert row["nameDepartment"] == "ABB Installasjon AS"
    assert row["category"] == "Partner"
    assert isinstance(row["associateId"], str)
    assert row["postAddress/city"].isupper()
    assert row["url/URLAddress"].startswith("https://")


def test_full_mode_gives_list_ids_beside_their_text(tenant: Tenant) -> None:
    (row,) = tenant.rows("Contact", _select="category,associateId", _filter="contactId eq 1001", _mode="Full")
    assert row["Column"]["category"]["RawValue"] == 4
    assert row["Column"]["category"]["DisplayValue"] == "Partner"
    assert isinstance(row["Column"]["associateId"]["RawValue"], int)
    assert row["TableRight"] == {"Mask": 15, "Reason": ""}
    assert row["LinkHint"] == "nav=contact&contact_id=1001"


def test_keyset_pages_reach_every_row_once(tenant: Tenant) -> None:
    seen: list[int] = []
    last = 0
    while rows := _ids(tenant, f"contactId gt {last}", _top="4"):
        seen += rows
        last = rows[-1]
    assert seen == sorted(tenant.state.db["contact"].rows)


def test_pages_are_limited_and_point_to_the_next(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant(default_top=3, max_top=5)
    assert len(_ids(tenant, "contactId gt 0")) == 3
    assert len(_ids(tenant, "contactId gt 0", _top="5000")) == 5
    first = tenant.get("Contact", _select="contactId", _filter="contactId gt 0", _orderby="contactId", _top="2")
    following = tenant.http.get(first["odata.nextLink"], headers=tenant.headers).json()["value"]
    skipped = _ids(tenant, "contactId gt 0", _skip="2", _top="2")
    assert [row["contactId"] for row in following] == skipped


def test_short_pages_are_not_the_last_ones(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant(short_page_rows=1)
    assert len(_ids(tenant, "contactId gt 0", _top="4")) == 3


def test_a_query_without_restriction_is_refused_unless_all_rows_are_meant(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant()
    assert tenant.call("GET", "Contact", params={"$select": "contactId"}).status_code == 400
    assert _ids(tenant, "getAllRows set true")
    assert make_tenant(refuse_unrestricted=False).get("Contact", _select="contactId")["value"]


@pytest.mark.parametrize(
    ("restriction", "expected"),
    [
        ("name is 'abb installasjon as'", {1001}),
        ("name begins 'ABB' and contactId ge 1001", {1001}),
        ("name contains 'installasjon' and not_used is 'x'", None),
        ("startswith(name,'ABB')", {1001}),
        ("substringof('INSTALLASJON',name)", {1001}),
        ("contactId between (1001,1002)", {1001, 1002}),
        ("(contactId eq 1001 or contactId = 1003) and contactId ne 1003", {1001}),
        ("category oneOf (4) and name begins 'ABB'", {1001}),
        ("category notOneOf (1,2,3,4,5)", {1}),
        ("name in ('ABB Installasjon AS','nobody')", {1001}),
        ("category eq 4", None),
        ("contactId begins '1'", None),
        ("contactId eq 'x'", None),
        ("name is", None),
        ("name is 'x", None),
        ("stop set true", set()),
        ("countryId eq 578 and contactId lt 1003", {1, 1001, 1002}),
        ("associateId associateIsOneOf (11) and contactId eq 1", {1}),
    ],
)
def test_operators_fit_their_column_types(tenant: Tenant, restriction: str, expected: set[int] | None) -> None:
    answer = tenant.call("GET", "Contact", params={"$select": "contactId", "$filter": restriction})
    if expected is None:
        assert answer.status_code == 400
        assert answer.json()["ErrorType"] == "SoArgumentException"
    else:
        assert {row["contactId"] for row in answer.json()["value"]} == expected


def test_unknown_columns_are_refused(tenant: Tenant) -> None:
    for params in (
        {"$select": "contact_id", "$filter": "contactId gt 0"},
        {"$select": "contactId", "$filter": "contactId gt 0", "$orderby": "nothing"},
        {"$select": "contactId", "$filter": "contactId gt 0", "$orderby": "getAllRows"},
    ):
        assert tenant.call("GET", "Contact", params=params).status_code == 400


def test_changes_are_found_by_moment_in_utc_and_by_day(tenant: Tenant) -> None:
    tenant.state.edit("contact", 1002, {"Description": "x"})
    assert _ids(tenant, "updatedDate afterTime '2026-11-20T08:59:59'") == [1002]
    assert _ids(tenant, "updatedDate afterTime '2026-11-20T09:00:00'") == []
    assert 1002 in _ids(tenant, "updatedDate after '2026-11-19'")
    assert _ids(tenant, "updatedDate after '2026-11-20'") == []
    assert _ids(tenant, "updatedDate today") == [1002]
    assert _ids(tenant, "updatedDate ge '2026-11-20T09:00:00'") == [1002]


def test_persons_have_their_own_update_column_and_two_row_types(tenant: Tenant) -> None:
    tenant.state.edit("person", 1001, {"Retired": True})
    rows = tenant.rows(
        "Person",
        _select="personId,fullName,personUpdatedDate,personMobilePhone/formattedNumber,retired",
        _filter="personUpdatedDate afterTime '2026-11-20T08:00:00'",
    )
    assert [(row["EntityName"], row["retired"]) for row in rows] == [("retiredPerson", True)]
    alive = tenant.rows("Person", _select="personId", _filter="personId gt 0", _entities="person")
    assert "1001" not in {row["PrimaryKey"] for row in alive}


def test_projects_are_found_by_their_provider(tenant: Tenant) -> None:
    rows = tenant.rows(
        "Archive/FindProject", _select="projectId,number,status,type,completed,endDate", _filter="getAllRows set true"
    )
    assert rows[0]["type"] == "Kundeprosjekt"
    assert rows[0]["endDate"].endswith("Z")
    assert tenant.call("GET", "Archive/Nothing").status_code == 404
    columns = tenant.get("Archive/FindProject$metadata")["Columns"]
    assert {"Name", "DisplayType", "CanOrderBy", "CanRestrictBy"} <= columns[0].keys()


def test_soft_deleted_rows_show_only_when_asked_for(tenant: Tenant) -> None:
    tenant.state.delete("contact", 1002)
    tenant.state.delete("person", 1003)
    assert 1002 not in _ids(tenant, "contactId gt 0")
    assert _ids(tenant, "deletedDate afterTime '2026-11-20T00:00:00'") == [1002]
    assert _ids(tenant, "contactDeleted set true") == [1002]
    rows = tenant.rows("Person", _select="personId", _filter="personDeletedDate afterTime '2026-11-20T00:00:00'")
    assert [row["personId"] for row in rows] == [1003]


def test_order_is_by_any_orderable_column_in_both_directions(tenant: Tenant) -> None:
    rows = tenant.rows("Contact", _select="name", _filter="contactId gt 0", _orderby="name desc,contactId")
    names = [row["name"].lower() for row in rows]
    assert names == sorted(names, reverse=True)


def test_sub_archives_need_no_restriction(tenant: Tenant) -> None:
    persons = tenant.rows("Contact/1001/Persons", _select="personId,contactId")
    assert persons
    assert {row["contactId"] for row in persons} == {1001}


def test_names_can_be_made_safe_and_keys_numeric(make_tenant: Callable[..., Tenant]) -> None:
    tenant = make_tenant(numeric_primary_key=True)
    (row,) = tenant.rows("Contact", _select="email/emailAddress", _filter="contactId eq 1001", _jsonSafe="true")
    assert row["PrimaryKey"] == 1001
    assert "email_emailAddress" in row


def test_the_dynamic_archive_reads_tables_with_joins(tenant: Tenant) -> None:
    rows = tenant.rows(
        "Archive/dynamic",
        _select="contact.contact_id,contact.orgNr,contact.category_idx.name,contact.(phone->owner_id).phone,"
        "contact.updated,contact.associate_id.person_id.firstname",
        _filter="contact.contact_id gt 1000",
        _orderby="contact.contact_id",
        _top="3",
    )
    assert rows[0]["contact.contact_id"] == 1001
    assert rows[0]["contact.updated"].endswith("Z")
    assert rows[0]["contact.associate_id.person_id.firstname"]
    assert "contact.(phone->owner_id).phone" in rows[0]


def test_inner_joins_drop_and_outer_joins_keep_rows_without_a_partner(tenant: Tenant) -> None:
    tenant.state.edit("person", 1001, {"Position": None})
    common = {"_filter": "person.person_id between (1001,1002)"}
    outer = tenant.rows("Archive/dynamic", _select="person.person_id,person.position_idx.name", **common)
    inner = tenant.rows("Archive/dynamic", _select="person.person_id,person:position_idx.name", **common)
    assert len(outer) == 2
    assert [row["person.person_id"] for row in inner] == [1002]


def test_child_rows_carry_stamps_of_their_own(tenant: Tenant) -> None:
    tenant.state.edit("contact", 1002, {"Phones": [{"Value": "22 00 00 00"}], "Address": {"Street": {"City": "OSLO"}}})
    since = "afterTime '2026-11-20T08:59:00'"
    phones = tenant.rows(
        "Archive/dynamic",
        _select="phone.owner_id,phone.ptype_idx,phone.updated",
        _filter=f"phone.updated {since}",
    )
    assert [(row["phone.owner_id"], row["phone.ptype_idx"]) for row in phones] == [(1002, 1)]
    addresses = tenant.rows(
        "Archive/dynamic", _select="address.owner_id,address.atype_idx", _filter=f"address.updated {since}"
    )
    assert [(row["address.owner_id"], row["address.atype_idx"]) for row in addresses] == [(1002, 2)]
    assert _ids(tenant, f"updatedDate {since}") == []


def test_table_sizes_are_told_by_the_sequence(tenant: Tenant) -> None:
    (row,) = tenant.rows("Archive/dynamic", _select="sequence.next_id", _filter="sequence.tablename is 'contact'")
    assert row["sequence.next_id"] > 1001


def test_the_dynamic_archive_can_be_missing_and_refuses_what_it_does_not_know(
    make_tenant: Callable[..., Tenant],
) -> None:
    params = {"$select": "contact.contact_id"}
    assert make_tenant(dynamic_archive=False).call("GET", "Archive/dynamic", params=params).status_code == 404
    tenant = make_tenant()
    for select in (
        "nothing.id",
        "contact.nothing",
        "contact.name.id",
        "contact.contact_id,person.person_id",
        "udvalue.values",
    ):
        assert tenant.call("GET", "Archive/dynamic", params={"$select": select}).status_code == 400
