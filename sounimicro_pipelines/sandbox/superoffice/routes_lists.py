"""Lists (section 2.8): `/List`, `/MDOList`, web panels (section 7), and the time zones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import references
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request, not_found
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Router
from sounimicro_pipelines.sandbox.superoffice.tables import Row
from sounimicro_pipelines.sandbox.superoffice.wire import SEPARATOR_ID, ZONES, pick


@dataclass(frozen=True, slots=True)
class ListDef:
    """A list under its REST name; `event` is its name in webhook events, `ud` the definition of an own list."""

    name: str
    table: str
    event: str
    mdo: str
    ud: int = 0


LISTS: tuple[ListDef, ...] = (
    ListDef("Category", "category", "category", "category"),
    ListDef("Business", "business", "business", "business"),
    ListDef("Country", "country", "country", "country"),
    ListDef("Currency", "currency", "currency", "currency"),
    ListDef("ProjectStatus", "projstatus", "projstatus", "projectstatus"),
    ListDef("ProjectType", "projtype", "projtype", "projecttype"),
    ListDef("PersonPosition", "perspos", "perspos", "perspos"),
    ListDef("ProjectMemberType", "pmembtype", "pmembtype", "pmembtype"),
    ListDef("MrMrs", "mrmrs", "mrmrs", "mrmrs"),
    ListDef("Salutation", "salutation", "salutation", "salutation"),
    ListDef("WebPanel", "webpanel", "webpanel", "webpanel"),
    ListDef("Kundeklasse", "udlist", "udlist", "udlist1", ud=1),
)
_ALIASES = {"position": "PersonPosition", "pmembtype": "ProjectMemberType", "perspos": "PersonPosition"}
_WEB_PANEL: dict[str, Any] = {
    "UrlEncoding": "None",
    "VisibleIn": "ContactCard",
    "OnCentral": True,
    "OnSatellite": False,
    "OnTravel": False,
    "OnSalesMarketingWeb": True,
    "OnSalesMarketingPocket": False,
    "ShowInMenuBar": False,
    "ShowInToolBar": False,
    "ShowInAddressBar": False,
    "ShowInStatusBar": False,
    "WindowName": "",
    "Url": "",
    "ProgId": "",
    "Icon": "",
    "AlwaysReloadOnShow": False,
    "NeverReloadOnCurrentChange": False,
    "CustomObjectEntity": None,
}


def add_routes(router: Router) -> None:
    router.add("GET", "List", _lists)
    router.add("GET", "List/{list}", lambda call: Answer(_definition(call, _list(call))))
    router.add("GET", "List/{list}/Items", _items)
    router.add("POST", "List/{list}/Items", _create)
    router.add("GET", "List/{list}/Items/{id:int}", lambda call: Answer(_item(call, _list(call), _row(call))))
    router.add("PUT", "List/{list}/Items/{id:int}", _update)
    router.add("DELETE", "List/{list}/Items/{id:int}", _delete)
    router.add("GET", "MDOList/{list}", _mdo)
    router.add("GET", "timezone", _zones)


def _list(call: Call) -> ListDef:
    name = call.text("list").lower()
    name = _ALIASES.get(name, name).lower()
    found = next((item for item in LISTS if name in (item.name.lower(), item.table if not item.ud else "")), None)
    if found is None:
        raise not_found(f"list '{call.text('list')}'")
    return found


def _rows(call: Call, found: ListDef) -> list[Row]:
    rows = [row for row in call.state.db[found.table] if not found.ud or row["udlistdefinition_id"] == found.ud]
    return sorted(rows, key=lambda row: (row["rank"], row[call.state.db[found.table].pk]))


def _row(call: Call) -> Row:
    row = call.state.db[_list(call).table].get(call.number("id"))
    if row is None:
        raise not_found(f"list item {call.number('id')}")
    return row


def _definition(call: Call, found: ListDef) -> dict[str, Any]:
    return {
        "Id": LISTS.index(found) + 1,
        "Name": found.name,
        "Tooltip": "",
        "Deleted": False,
        "Rank": LISTS.index(found) + 1,
        "ListType": found.table,
        "IsCustomList": bool(found.ud),
        "UseGroupsAndHeadings": False,
    }


def _lists(call: Call) -> Answer:
    return Answer([_definition(call, found) for found in LISTS])


def _items(call: Call) -> Answer:
    found = _list(call)
    rows = _rows(call, found)
    call.read(len(rows))
    return Answer([_item(call, found, row) for row in rows])


def _item(call: Call, found: ListDef, row: Row) -> dict[str, Any]:
    key = row[call.state.db[found.table].pk]
    name, tooltip = call.manner.text(row["name"]), call.manner.text(row["tooltip"])
    common: dict[str, Any] = {"Name": name, "Tooltip": tooltip, "Deleted": row["deleted"], "Rank": row["rank"]}
    match found.table:
        case "country":
            country = references.country(call.state.db, key, call.manner) or {}
            return {**country, **common}
        case "currency":
            return {"CurrencyId": key, **common, "Rate": row["rate"], "Units": row["units"]}
        case "webpanel":
            return {"WebPanelId": key, **common, **_WEB_PANEL, **(row["values"] or {})}
        case "category":
            group = {"CategoryGroup": row["categoryGroup"], "EnableLeadStatus": False}
            return {"Id": key, **common, "UdListDefinitionId": 0, **group}
        case _:
            return {"Id": key, **common, "UdListDefinitionId": found.ud}


def _values(found: ListDef, document: dict[str, Any]) -> dict[str, Any]:
    """The columns that a written item sets."""
    values: dict[str, Any] = {}
    for name, column in (("Name", "name"), ("Tooltip", "tooltip"), ("Rank", "rank"), ("Deleted", "deleted")):
        if pick(document, name) is not None:
            values[column] = pick(document, name)
    if found.table == "webpanel":
        given = {name: pick(document, name) for name in _WEB_PANEL if pick(document, name) is not None}
        values["values"] = {**_WEB_PANEL, **given}
    if found.table == "category" and pick(document, "CategoryGroup"):
        values["categoryGroup"] = pick(document, "CategoryGroup")
    if found.ud:
        values["udlistdefinition_id"] = found.ud
    return values


def _create(call: Call) -> Answer:
    call.require_administrator()
    found = _list(call)
    values = _values(found, call.document)
    if not values.get("name"):
        raise bad_request("A list item wants a Name")
    values.setdefault("rank", len(call.state.db[found.table]) + 1)
    row = call.state.records.insert(found.table, values, call.actor)
    _note(call, found, row, "created")
    return Answer(_item(call, found, row))


def _update(call: Call) -> Answer:
    call.require_administrator()
    found, row = _list(call), _row(call)
    call.state.records.update_child(found.table, row, _values(found, call.document), call.actor)
    _note(call, found, row, "changed")
    return Answer(_item(call, found, row))


def _delete(call: Call) -> Answer:
    call.require_administrator()
    found, row = _list(call), _row(call)
    call.state.records.update_child(found.table, row, {"deleted": True}, call.actor)
    _note(call, found, row, "softdeleted")
    return Answer(status=204)


def _note(call: Call, found: ListDef, row: Row, verb: str) -> None:
    key = row[call.state.db[found.table].pk]
    action = {"created": "create", "changed": "update", "softdeleted": "delete"}[verb]
    entity = f"list.{found.event}"
    after = _item(call, found, row)
    call.state.written(action, entity, key, {}, after, call.actor)  # type: ignore[arg-type]
    call.state.records.announce_list(found.event, verb, row, found.table, call.actor)


def _mdo(call: Call) -> Answer:
    name = call.text("list").lower()
    if name == "associate":
        rows = list(call.state.db["associate"])
        call.read(len(rows))
        return Answer([_associate_item(call, row) for row in rows])
    found = next((item for item in LISTS if item.mdo == name), None)
    if found is None:
        raise not_found(f"list '{name}'")
    rows = _rows(call, found)
    call.read(len(rows))
    key = call.state.db[found.table].pk
    items = [
        _mdo_item(
            row[key], call.manner.text(row["name"]), call.manner.text(row["tooltip"]), row["deleted"], row["rank"]
        )
        for row in rows
    ]
    if found.table == "country":
        items.insert(1, _mdo_item(SEPARATOR_ID, "", "", False, 1) | {"StyleHint": "separator"})
    return Answer(items)


def _associate_item(call: Call, row: Row) -> dict[str, Any]:
    shown = references.associate_name(call.state.db, row["associate_id"])
    item = _mdo_item(row["associate_id"], shown, row["name"], row["deleted"], row["rank"])
    return item | {"Type": references.ASSOCIATE_TYPES[row["type"]], "ExtraInfo": row["name"]}


def _mdo_item(key: int, name: str, tooltip: str, deleted: bool, rank: int) -> dict[str, Any]:
    return {
        "Id": key,
        "Name": name,
        "ToolTip": tooltip,
        "Deleted": deleted,
        "Rank": rank,
        "Type": "",
        "ChildItems": [],
        "IconHint": "",
        "ColorBlock": 0,
        "ExtraInfo": "",
        "StyleHint": "",
        "FullName": name,
    }


def _zones(call: Call) -> Answer:
    return Answer([{"TimeZoneId": key, "IsoCode": code, "Name": name} for key, code, name, _ in ZONES])
