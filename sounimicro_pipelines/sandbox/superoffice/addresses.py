"""The address in its three forms (section 2.3): structured, localized by the country's layout, and formatted.

Written through either form; where both are changed, the localized one wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import references
from sounimicro_pipelines.sandbox.superoffice import tables as t
from sounimicro_pipelines.sandbox.superoffice.fields import ADDRESS_LINES, Entity
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.wire import Manner, pick

TYPE_NAMES = {
    t.CONTACT_POSTAL: "ContactPostalAddress",
    t.CONTACT_STREET: "ContactStreetAddress",
    t.PERSON_ADDRESS: "PersonPrivateAddress",
}
_EMPTY: dict[str, str] = {column: "" for column, _ in ADDRESS_LINES.values()}
_NORWAY = 4
_LAYOUTS: dict[int, tuple[tuple[str, ...], ...]] = {
    _NORWAY: (("Address1",), ("Zipcode", "City")),
    1: (("Address1",), ("Address2",), ("City",), ("County",), ("Zipcode",)),
}
_UI_LENGTHS = {"Zipcode": 9, "City": 30, "County": 29, "State": 5}

AddressValues = dict[int, dict[str, str]]
"""Lines by database column, per address type."""


def stored(db: Database, entity: Entity, owner_id: int) -> AddressValues:
    """What the database holds; types without a row are blank."""
    values: AddressValues = {}
    for kind in entity.addresses.values():
        row = references.address_row(db, owner_id, kind)
        values[kind] = {column: row[column] for column in _EMPTY} if row else dict(_EMPTY)
    return values


def carrier(entity: Entity, values: AddressValues, country: Row | None, manner: Manner) -> dict[str, Any]:
    """The `Address` property."""
    layout = _layout(country)
    structured: dict[str, Any] = {"Street": None, "Postal": None}
    localized: list[list[dict[str, Any]]] = []
    for form, kind in entity.addresses.items():
        lines = values[kind]
        structured[form] = {
            "AtypeIdx": TYPE_NAMES[kind],
            **{name: lines[column] for name, (column, _) in ADDRESS_LINES.items()},
            "Formatted": _formatted(lines, layout),
        }
        localized += [[_localized(form, name, kind, lines, manner) for name in names] for names in layout]
    first = structured["Street"]["Formatted"] or (structured["Postal"] or {}).get("Formatted", "")
    return {
        "Wgs84Latitude": 0.0,
        "Wgs84Longitude": 0.0,
        "LocalizedAddress": localized,
        "Street": structured["Street"],
        "Postal": structured["Postal"],
        "Formatted": first,
    }


def wanted(
    entity: Entity, before: AddressValues, address: Mapping[str, Any] | None, *, localized_present_wins: bool
) -> AddressValues:
    """What an incoming `Address` property asks for, on top of what is stored.

    A line counts as changed in one form when it differs from what is stored. With `localized_present_wins` a
    localized line wins wherever it is sent at all, changed or not.
    """
    after: AddressValues = {kind: dict(lines) for kind, lines in before.items()}
    for form, kind in entity.addresses.items():
        structured = pick(address, form)
        if isinstance(structured, Mapping):
            for name, (column, _) in ADDRESS_LINES.items():
                after[kind][column] = str(pick(structured, name, "") or "")
    for name, kind_name, value in _localized_fields(address):
        for form, kind in entity.addresses.items():
            prefix = _prefix(form, kind)
            column = ADDRESS_LINES.get(_line_name(name, prefix), ("", 0))[0]
            belongs = not kind_name or kind_name == TYPE_NAMES[kind]
            if column and belongs and (localized_present_wins or value != before[kind][column]):
                after[kind][column] = value
    return after


def _localized_fields(address: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    rows = pick(address, "LocalizedAddress") or []
    fields = [item for row in rows for item in (row if isinstance(row, list) else [row])]
    return [
        (str(pick(item, "Name", "")), str(pick(item, "AddressType", "") or ""), str(pick(item, "Value", "") or ""))
        for item in fields
        if isinstance(item, Mapping)
    ]


def _layout(country: Row | None) -> tuple[tuple[str, ...], ...]:
    return _LAYOUTS.get(country["address_layout_id"] if country else _NORWAY, _LAYOUTS[_NORWAY])


def _prefix(form: str, kind: int) -> str:
    return "" if kind == t.PERSON_ADDRESS else form


def _line_name(name: str, prefix: str) -> str:
    """`StreetAddress1` or `Street1` or `PostalZipcode` → the structured form's name."""
    rest = name[len(prefix) :] if prefix and name.lower().startswith(prefix.lower()) else name if not prefix else ""
    if rest in ("1", "2", "3"):
        return f"Address{rest}"
    return next((line for line in ADDRESS_LINES if line.lower() == rest.lower()), "")


def _localized(form: str, name: str, kind: int, lines: Mapping[str, str], manner: Manner) -> dict[str, Any]:
    label = "SR_AL_COUNTY" if name == "County" else "SR_AL_ZIPCITY" if name in ("Zipcode", "City") else ""
    if not label:
        label = "SR_AL_POSTAL" if form == "Postal" else "SR_AL_STREET"
    text = manner.text(f"[{label}]")
    return {
        "Name": _prefix(form, kind) + name,
        "Value": lines[ADDRESS_LINES[name][0]],
        "Tooltip": "",
        "Label": label if manner.language is None else text,
        "ValueLength": _UI_LENGTHS.get(name, 80),
        "AddressType": TYPE_NAMES[kind],
    }


def _formatted(lines: Mapping[str, str], layout: tuple[tuple[str, ...], ...]) -> str:
    rows = [" ".join(lines[ADDRESS_LINES[name][0]] for name in names).strip() for names in layout]
    return "".join(f"{row}\n" for row in rows if row)
