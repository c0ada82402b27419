"""Small carriers inside others: associates, list values, countries, slim companies and persons (section 2.3)."""

from __future__ import annotations

from typing import Any

from sounimicro_pipelines.sandbox.superoffice import tables as t
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.wire import Manner

ASSOCIATE_TYPES = (
    "InternalAssociate",
    "ResourceAssociate",
    "ExternalAssociate",
    "AnonymousAssociate",
    "SystemAssociate",
)


def full_name(person: Row | None) -> str:
    """First, middle and last name with single spaces."""
    if person is None:
        return ""
    return " ".join(part for part in (person["firstname"], person["middleName"], person["lastname"]) if part)


def formal_name(person: Row) -> str:
    first = " ".join(part for part in (person["firstname"], person["middleName"]) if part)
    return ", ".join(part for part in (person["lastname"], first) if part)


def associate_name(db: Database, associate_id: int | None) -> str:
    """An associate's full name: that of its person, else the login name."""
    row = db["associate"].get(associate_id)
    if row is None:
        return ""
    return full_name(db["person"].get(row["person_id"])) or row["name"]


def associate(db: Database, associate_id: int | None) -> dict[str, Any] | None:
    row = db["associate"].get(associate_id)
    if row is None:
        return None
    person = db["person"].get(row["person_id"])
    return {
        "AssociateId": row["associate_id"],
        "Name": row["name"],
        "PersonId": row["person_id"],
        "Rank": row["rank"],
        "Tooltip": row["userName"],
        "Type": ASSOCIATE_TYPES[row["type"]],
        "GroupIdx": row["group_idx"],
        "FullName": associate_name(db, associate_id),
        "FormalName": formal_name(person) if person else row["name"],
        "Deleted": row["deleted"],
        "EjUserId": 0,
        "UserName": row["userName"],
    }


def list_value(db: Database, table: str, item_id: int | None, manner: Manner) -> dict[str, Any] | None:
    """A list reference; Category carries its group, the only fixed meaning a category has."""
    row = db[table].get(item_id)
    if row is None:
        return None
    value: dict[str, Any] = {
        "Id": item_id,
        "Value": manner.text(row["name"]),
        "Tooltip": manner.text(row["tooltip"]),
    }
    if table == "category":
        value |= {
            "CategoryGroup": row["categoryGroup"],
            "EnableLeadStatus": False,
            "Rank": row["rank"],
            "Deleted": row["deleted"],
        }
    return value


def country(db: Database, country_id: int | None, manner: Manner) -> dict[str, Any] | None:
    row = db["country"].get(country_id)
    if row is None:
        return None
    return {
        "CountryId": row["country_id"],
        "Name": manner.text(row["name"]),
        "CurrencyId": row["currency_id"],
        "EnglishName": row["english_name"],
        "TwoLetterISOCountry": row["two_letter"],
        "ThreeLetterISOCountry": row["three_letter"],
        "OrgNrText": row["orgnr_text"],
        "InterAreaPrefix": "",
        "DialInPrefix": row["dial_in_prefix"],
        "ZipPrefix": row["zip_prefix"],
        "DomainName": row["domain_name"],
        "AddressLayoutId": row["address_layout_id"],
        "DomesticAddressLayoutId": row["address_layout_id"],
        "ForeignAddressLayoutId": row["address_layout_id"],
        "Rank": row["rank"],
        "Tooltip": row["tooltip"],
        "Deleted": row["deleted"],
    }


def elements(db: Database, table: str, owner: str, owner_id: int, ptype: int = 0) -> list[Row]:
    """Child rows in rank order; the first is the primary one."""
    rows = [row for row in db[table].where(owner, owner_id) if not ptype or row["ptype_idx"] == ptype]
    return sorted(rows, key=lambda row: (row["rank"], row[db[table].pk]))


def first_value(db: Database, table: str, owner: str, owner_id: int, column: str, ptype: int = 0) -> str:
    rows = elements(db, table, owner, owner_id, ptype)
    return str(rows[0][column]) if rows else ""


def address_row(db: Database, owner_id: int, kind: int) -> Row | None:
    return next((row for row in db["address"].where("owner_id", owner_id) if row["atype_idx"] == kind), None)


def name_department(contact: Row) -> str:
    return ", ".join(part for part in (contact["name"], contact["department"]) if part)


def slim_contact(db: Database, contact_id: int | None, manner: Manner) -> dict[str, Any] | None:
    """The company as it stands inside a person."""
    row = db["contact"].get(contact_id)
    if row is None:
        return None
    key = row["contact_id"]
    street = address_row(db, key, t.CONTACT_STREET)
    email = first_value(db, "email", "contact_id", key, "email_address")
    url = first_value(db, "url", "contact_id", key, "url_address")
    lines = (street["address1"], f"{street['zipcode']} {street['city']}") if street else ()
    text = "\n".join(line for line in lines if line.strip())
    return {
        "ContactId": key,
        "Name": row["name"],
        "OrgNr": row["orgNr"],
        "Department": row["department"],
        "URL": url,
        "City": street["city"] if street else "",
        "DirectPhone": first_value(db, "phone", "owner_id", key, "phone", t.CONTACT_PHONE),
        "AssociateId": row["associate_id"],
        "CountryId": row["country_id"],
        "EmailAddress": email,
        "Kananame": row["kananame"],
        "EmailAddressName": "",
        "URLName": "",
        "AssociateFullName": associate_name(db, row["associate_id"]),
        "BusinessName": _list_text(db, "business", row["business_idx"], manner),
        "CategoryName": _list_text(db, "category", row["category_idx"], manner),
        "CountryName": _list_text(db, "country", row["country_id"], manner),
        "Address": None,
        "FormattedAddress": text,
        "FullName": name_department(row),
        "IsOwnerContact": row["isOwner"],
        "ActiveErpLinks": row["activeErpLinks"],
        "Number1": row["number1"],
        "Number2": row["number2"],
    }


def slim_person(db: Database, row: Row, manner: Manner) -> dict[str, Any]:
    """The person as it stands inside a company."""
    key = row["person_id"]
    contact = db["contact"].get(row["contact_id"])
    return {
        "PersonId": key,
        "Firstname": row["firstname"],
        "MiddleName": row["middleName"],
        "Lastname": row["lastname"],
        "FullName": full_name(row),
        "FormalName": formal_name(row),
        "Mrmrs": row["mrmrs"],
        "Title": row["title"],
        "Position": _list_text(db, "perspos", row["position_idx"], manner),
        "PersonNumber": row["person_number"],
        "ContactId": row["contact_id"],
        "ContactName": contact["name"] if contact else "",
        "ContactDepartment": contact["department"] if contact else "",
        "ContactFullName": name_department(contact) if contact else "",
        "ContactCountryId": contact["country_id"] if contact else 0,
        "CountryId": row["country_id"],
        "Email": first_value(db, "email", "person_id", key, "email_address"),
        "DirectPhone": first_value(db, "phone", "owner_id", key, "phone", t.PERSON_DIRECT),
        "MobilePhone": first_value(db, "phone", "owner_id", key, "phone", t.PERSON_MOBILE),
        "PrivatePhone": first_value(db, "phone", "owner_id", key, "phone", t.PERSON_PRIVATE),
        "Retired": row["retired"],
        "IsAssociate": bool(db["associate"].where("person_id", key)),
        "ActiveErpLinks": row["activeErpLinks"],
    }


def project_member(db: Database, row: Row, manner: Manner) -> dict[str, Any]:
    person = db["person"].get(row["person_id"])
    contact = db["contact"].get(row["contact_id"])
    project = db["project"].get(row["project_id"])
    kind = db["pmembtype"].get(row["mtype_idx"])
    key = row["person_id"]
    return {
        "ProjectmemberId": row["projectmember_id"],
        "ContactId": row["contact_id"],
        "ProjectId": row["project_id"],
        "ContactName": contact["name"] if contact else "",
        "ContactDepartment": contact["department"] if contact else "",
        "ProjectName": project["name"] if project else "",
        "EmailId": 0,
        "EmailAddress": first_value(db, "email", "person_id", key, "email_address"),
        "CountryId": contact["country_id"] if contact else 0,
        "Firstname": person["firstname"] if person else "",
        "MiddleName": person["middleName"] if person else "",
        "Lastname": person["lastname"] if person else "",
        "PersonId": key,
        "Mrmrs": person["mrmrs"] if person else "",
        "ProjectMemberTypeName": manner.text(kind["name"]) if kind else "",
        "Phone": first_value(db, "phone", "owner_id", key, "phone", t.PERSON_DIRECT),
        "PhoneId": 0,
        "ProjectMemberTypeId": row["mtype_idx"],
        "EmailAddressName": "",
        "Comment": row["text"],
        "FullName": full_name(person),
        "Registered": manner.stamp(row["registered"]),
        "Updated": manner.stamp(row["updated"]),
        "EventParticipantStatus": 0,
    }


def _list_text(db: Database, table: str, item_id: int | None, manner: Manner) -> str:
    row = db[table].get(item_id)
    return manner.text(row["name"]) if row else ""
