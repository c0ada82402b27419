"""What the sync wants to know of a record besides its fields: what it is recognised, chosen and protected by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sounimicro_pipelines.superoffice.archive import TEXT_OF, Row
from sounimicro_pipelines.superoffice.entity import Entity
from sounimicro_pipelines.superoffice.field_table import CUSTOM_DICTIONARIES
from sounimicro_pipelines.superoffice.values import as_bool, as_int, in_language, member

PHONES: Final[Mapping[str, tuple[str, ...]]] = {
    "contact": ("Phones",),
    "person": ("MobilePhones", "OfficePhones", "PrivatePhones", "OtherPhones"),
    "project": (),
}
_PHONE_COLUMNS = (
    "contactPhone/formattedNumber",
    "personMobilePhone/formattedNumber",
    "personDirectPhone/formattedNumber",
    "personPrivate/formattedNumber",
)
RECOGNISED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "contact": (
        "name",
        "orgnr",
        "country",
        "postAddress/zip",
        "postAddress/line1",
        "streetAddress/zip",
        "streetAddress/line1",
        "contactPhone/formattedNumber",
        "email/emailAddress",
        "url/URLAddress",
    ),
    "person": (
        "firstName",
        "middleName",
        "lastName",
        "contactId",
        "personMobilePhone/formattedNumber",
        "personDirectPhone/formattedNumber",
        "personPrivate/formattedNumber",
        "email/emailAddress",
    ),
    "project": ("name",),
}
"""The archive columns of an entity that `traits_of_row` reads."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Everything as it stands on the record. `country` is letters or a name, "" when the record names none.

    `facts` are ids and words that rules may choose records by; `category_group` is there only when the answer tells
    it. `owner_contact` is the id of the CRM owner's own company, on a person who belongs to it.
    """

    name: str
    org_number: str = ""
    postcode: str = ""
    street: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    parent: int | None = None
    country: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    is_user: bool = False
    owner_contact: int | None = None


def traits_of(entity: Entity) -> Traits:
    """The traits of a record that was read whole."""
    data = entity.data
    if entity.name == "contact":
        postal, street = (member(member(data, "Address"), name) for name in ("Postal", "Street"))
        address = postal if _text(postal, "Zipcode") or _text(postal, "Address1") else street
        return Traits(
            name=_text(data, "Name"),
            org_number=_text(data, "OrgNr"),
            postcode=_text(address, "Zipcode"),
            street=_text(address, "Address1"),
            phones=_values(data, *PHONES["contact"]),
            emails=_values(data, "Emails"),
            urls=_values(data, "Urls"),
            country=_text(member(data, "Country"), "TwoLetterISOCountry").upper(),
            facts=_facts(data, category="Category", business="Business"),
        )
    if entity.name == "person":
        contact = member(data, "Contact")
        parent = as_int(member(contact, "ContactId")) or None
        return Traits(
            name=_person_name(*(_text(data, name) for name in ("Firstname", "MiddleName", "Lastname"))),
            phones=_values(data, *PHONES["person"]),
            emails=_values(data, "Emails"),
            parent=parent,
            country=_text(member(data, "Country"), "TwoLetterISOCountry").upper(),
            facts=_facts(data, position="Position") | {"retired": _yes(member(data, "Retired"))},
            is_user=bool(as_bool(member(data, "IsAssociate"))),
            owner_contact=parent if as_bool(member(contact, "IsOwnerContact")) else None,
        )
    facts = _facts(data, status="ProjectStatus", type="ProjectType") | {"completed": _yes(member(data, "Completed"))}
    return Traits(name=_text(data, "Name"), facts=facts)


def traits_of_row(entity: str, row: Row) -> Traits:
    """The traits of a row that was read with the columns of `RECOGNISED_BY`; without facts."""
    if entity == "person":
        name = _person_name(*(str(row.get(part) or "") for part in ("firstName", "middleName", "lastName")))
    else:
        name = str(row.get("name") or "")
    place = "postAddress" if row.get("postAddress/zip") or row.get("postAddress/line1") else "streetAddress"
    return Traits(
        name=name,
        org_number=str(row.get("orgnr") or ""),
        postcode=str(row.get(f"{place}/zip") or ""),
        street=str(row.get(f"{place}/line1") or ""),
        phones=tuple(str(row.get(column)) for column in _PHONE_COLUMNS if row.get(column)),
        emails=(str(row.get("email/emailAddress")),) if row.get("email/emailAddress") else (),
        urls=(str(row.get("url/URLAddress")),) if row.get("url/URLAddress") else (),
        parent=row.get("contactId") if entity == "person" else None,
        country=str(row.get("country" + TEXT_OF) or ""),
    )


def tells(entity: Entity, path: str) -> bool:
    """Whether the answer holds the field at all, blank though it may be; a right that is missing leaves fields out."""
    root = re.split(r"[.\[/]", path, maxsplit=1)[0].lower()
    held = [name for name in entity.data if name.lower() == root]
    return bool(held) and (root not in _DICTIONARIES or isinstance(entity.data[held[0]], dict))


_DICTIONARIES = frozenset(name.lower() for name in CUSTOM_DICTIONARIES)


def _facts(data: Mapping[str, Any], **names: str) -> dict[str, str]:
    facts = {fact: str(as_int(member(member(data, name), "Id")) or "") for fact, name in names.items()}
    group = category_group_of(data)
    if "category" in names and group:
        facts["category_group"] = group
    return facts


def category_group_of(data: Mapping[str, Any]) -> str:
    """The group of a company's category as rules write it, "" when the answer does not tell it."""
    return group_word(_text(member(data, "Category"), "CategoryGroup"))


def group_word(group: str) -> str:
    """A category's group as rules write it: `PotentialCustomer` → `potential_customer`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", group).lower()


def _person_name(*parts: str) -> str:
    return " ".join(word for part in parts for word in part.split())


def _values(data: Mapping[str, Any], *arrays: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for array in arrays:
        elements = member(data, array)
        for element in elements if isinstance(elements, list) else ():
            if text := _text(element, "Value"):
                found[text] = None
    return tuple(found)


def _text(holder: Any, name: str) -> str:
    value = member(holder, name)
    return in_language(value).strip() if isinstance(value, str) else ""


def _yes(value: Any) -> str:
    return "true" if as_bool(value) else "false"
