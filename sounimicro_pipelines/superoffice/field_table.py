"""The fields of contacts, persons and projects that rules may name, with lengths (vendor reference 2.3–2.6, 8.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sounimicro_pipelines.records import Kind

_KINDS: dict[str, Kind] = {"i": "int", "n": "decimal", "s": "text", "b": "bool", "d": "date", "dt": "datetime"}
_FIELD = re.compile(r"([\w.]+):(dt|[inbd]|s)(\d*)(?:@(\w+))?([*!+-]*)")

ELEMENT_FIELDS = ("Value", "Description", "StrippedValue")
CUSTOM_DICTIONARIES = ("CustomFields", "UserDefinedFields", "ExtraFields")


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What is known of one field.

    `max_length` is in characters, None when there is no bound. `list_name` is the MDO list its id points to.
    `create_only` fields can be set when a record is made and not later.
    """

    entity: str
    path: str
    kind: Kind
    writable: bool = True
    required: bool = False
    max_length: int | None = None
    list_name: str | None = None
    personal: bool = False
    create_only: bool = False
    custom: bool = False


def _fields(entity: str, text: str) -> dict[str, FieldInfo]:
    """`Path:kind`, a length, `@list`, then `*` personal, `!` required, `-` read-only, `+` only when creating."""
    found: dict[str, FieldInfo] = {}
    for word in text.split():
        match = _FIELD.fullmatch(word)
        if match is None:
            raise ValueError(f"{entity}: «{word}» is no field")
        path, kind, length, list_name, flags = match.groups()
        found[path] = FieldInfo(
            entity=entity,
            path=path,
            kind=_KINDS[kind],
            writable="-" not in flags and "+" not in flags,
            required="!" in flags,
            max_length=int(length) if length else None,
            list_name=list_name,
            personal="*" in flags,
            create_only="+" in flags,
        )
    return found


def _address(*parts: str, personal: bool = False) -> str:
    mark = "*" if personal else ""
    lengths = (("Address1", 79), ("Address2", 79), ("Address3", 79), ("Zipcode", 11), ("City", 79), ("County", 29))
    return " ".join(
        f"Address.{part}.{name}:s{length}{mark}" for part in parts for name, length in (*lengths, ("State", 5))
    )


_STAMPS = """CreatedDate:dt- UpdatedDate:dt- CreatedBy.AssociateId:i@associate- UpdatedBy.AssociateId:i@associate-
ActiveErpLinks:i-"""

FIELDS: Mapping[str, Mapping[str, FieldInfo]] = {
    "contact": _fields(
        "contact",
        f"""ContactId:i- Name:s219! Department:s219 OrgNr:s49 Number1:s49 Number2:s49 Description:s2047
        Category.Id:i@category Category.Value:s- Category.CategoryGroup:s- Business.Id:i@business Business.Value:s-
        Country.CountryId:i@country Country.Name:s- Country.TwoLetterISOCountry:s- Country.ThreeLetterISOCountry:s-
        Associate.AssociateId:i@associate Associate.FullName:s-* SupportAssociate.AssociateId:i@associate
        NoMailing:b Xstop:b Kananame:s219 Deleted:i- Source:i-
        {_address("Postal", "Street")} {_STAMPS}""",
    ),
    "person": _fields(
        "person",
        f"""PersonId:i- Firstname:s99!* MiddleName:s99* Lastname:s99* FullName:s-* FormalName:s-* Mrmrs:s239 Title:s239
        Salutation:s239 PersonNumber:s49 Description:s2047* BirthDate:d-* Retired:b NoMailing:b UsePersonAddress:b
        Position.Id:i@perspos Position.Value:s- Country.CountryId:i@country Country.TwoLetterISOCountry:s-
        Contact.ContactId:i+ Contact.Name:s- Contact.OrgNr:s- Category.Id:i@category- Business.Id:i@business-
        Associate.AssociateId:i@associate- IsAssociate:b- SupportAssociate.AssociateId:i@associate
        {_address("Street", personal=True)} {_STAMPS}""",
    ),
    "project": _fields(
        "project",
        f"""ProjectId:i- Name:s219! ProjectNumber:s49 Description:s2047 Postit:s2047 EndDate:d Completed:b
        ProjectStatus.Id:i@projectstatus ProjectStatus.Value:s- ProjectType.Id:i@projecttype ProjectType.Value:s-
        Associate.AssociateId:i@associate Associate.FullName:s-* StartDate:d- NextMilestoneDate:d- {_STAMPS}""",
    ),
}
"""Scalars, by entity and path. Arrays and user-defined fields are beside."""

ARRAYS: Mapping[str, Mapping[str, int]] = {
    "contact": {"Phones": 239, "Faxes": 239, "Emails": 239, "Urls": 1023},
    "person": {
        "OfficePhones": 239,
        "MobilePhones": 239,
        "PrivatePhones": 239,
        "OtherPhones": 239,
        "InternetPhones": 239,
        "Faxes": 239,
        "Emails": 239,
        "Urls": 1023,
    },
    "project": {"Urls": 1023},
}
"""Arrays of elements with a `Value`, and how long that may be."""

DESCRIPTION_LENGTH = 99
