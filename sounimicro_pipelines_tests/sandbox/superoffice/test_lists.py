from __future__ import annotations

from sounimicro_pipelines_tests.sandbox.superoffice.conftest import Tenant


def test_categories_carry_their_group_and_deleted_items_stay(tenant: Tenant) -> None:
    items = tenant.get("List/Category/Items")
    assert {item["CategoryGroup"] for item in items} == {"Customer", "PotentialCustomer", "Partner", "Lost", "Other"}
    assert [item["Name"] for item in items if item["Deleted"]] == ["Gammel kategori"]
    assert tenant.get("List/Category/Items/1")["Name"] == "Kunde"
    assert tenant.get("List/category/items", {"SO-Language": "x"})[0]["Name"] == 'NO:"Kunde";US:"Customer"'


def test_countries_use_iso_numbers_and_have_a_separator_in_mdo_lists(tenant: Tenant) -> None:
    assert tenant.get("List/Country/Items")[0]["CountryId"] == 578
    items = tenant.get("MDOList/country", flat="True")
    assert [item["Id"] for item in items if item["StyleHint"] == "separator"] == [-2147483647]


def test_associates_are_an_mdo_list(tenant: Tenant) -> None:
    items = tenant.get("MDOList/associate", flat="True")
    assert {"InternalAssociate", "SystemAssociate"} == {item["Type"] for item in items}


def test_a_web_panel_is_made_found_changed_and_marked_deleted(tenant: Tenant) -> None:
    panel = {
        "Name": "Unimicro",
        "Url": "https://x.example/?id=<cuid>",
        "ProgId": "sounimicro",
        "VisibleIn": "ContactCard",
    }
    made = tenant.call("POST", "List/WebPanel/Items", json=panel).json()
    assert made["ProgId"] == "sounimicro"
    path = f"List/WebPanel/Items/{made['WebPanelId']}"
    changed = tenant.call("PUT", path, json={**made, "WindowName": "sounimicro"}).json()
    assert (changed["WindowName"], changed["Url"]) == ("sounimicro", panel["Url"])
    assert tenant.call("DELETE", path).status_code == 204
    assert tenant.get(path)["Deleted"] is True


def test_unknown_lists_are_404_and_zones_are_listed(tenant: Tenant) -> None:
    assert tenant.call("GET", "List/Nothing/Items").status_code == 404
    assert tenant.call("GET", "MDOList/nothing").status_code == 404
    assert 261 in {zone["TimeZoneId"] for zone in tenant.get("timezone")}
    assert tenant.call("GET", "Contact/1001", {"SO-TimeZone": "MARS"}).status_code == 400


def test_the_api_describes_itself(tenant: Tenant) -> None:
    root = tenant.base.removesuffix("/v1")
    assert tenant.http.get(root, headers=tenant.headers).json()["v1"] == tenant.base
    urls = tenant.http.get(tenant.base, headers=tenant.headers).json()
    assert "PATCH" in urls[f"{tenant.base}/Contact/{{id:int}}"]
