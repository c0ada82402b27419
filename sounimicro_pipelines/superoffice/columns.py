"""Where a field that rules name stands in the archive and in the raw tables, for comparisons over whole registers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sounimicro_pipelines.superoffice.entities import raw_name
from sounimicro_pipelines.superoffice.providers import PROVIDERS

_PARTS = {
    "Address1": "line1",
    "Address2": "line2",
    "Address3": "line3",
    "Zipcode": "zip",
    "City": "city",
    "County": "county",
    "State": "state",
}


def _address(part: str, archive: str, *names: str) -> dict[str, str]:
    return {f"Address.{part}.{name}": f"{archive}/{_PARTS[name]}" for name in names or _PARTS}


_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "contact": {
        "ContactId": "contactId",
        "Name": "name",
        "Department": "department",
        "OrgNr": "orgnr",
        "Number1": "code",
        "Number2": "number",
        "Category.Id": "category",
        "Business.Id": "business",
        "Country.CountryId": "countryId",
        "Associate.AssociateId": "associateId",
        "Xstop": "stop",
        "NoMailing": "contactNoMail",
        "UpdatedDate": "updatedDate",
        "CreatedDate": "registeredDate",
        "Phones[first].Value": "contactPhone/formattedNumber",
        "Emails[first].Value": "email/emailAddress",
        "Urls[first].Value": "url/URLAddress",
        **_address("Postal", "postAddress"),
        **_address("Street", "streetAddress"),
    },
    "person": {
        "PersonId": "personId",
        "Firstname": "firstName",
        "MiddleName": "middleName",
        "Lastname": "lastName",
        "Mrmrs": "mrMrs",
        "Title": "title",
        "PersonNumber": "personNumber",
        "Position.Id": "position",
        "Country.CountryId": "personCountryId",
        "Contact.ContactId": "contactId",
        "Retired": "retired",
        "UpdatedDate": "personUpdatedDate",
        "CreatedDate": "personRegisteredDate",
        "OfficePhones[first].Value": "personDirectPhone/formattedNumber",
        "MobilePhones[first].Value": "personMobilePhone/formattedNumber",
        "PrivatePhones[first].Value": "personPrivate/formattedNumber",
        "Emails[first].Value": "email/emailAddress",
        **_address("Street", "personAddress", "Address1", "Address2", "Address3", "Zipcode", "City"),
    },
    "project": {
        "ProjectId": "projectId",
        "Name": "name",
        "ProjectNumber": "number",
        "Description": "description",
        "ProjectStatus.Id": "status",
        "ProjectType.Id": "type",
        "Completed": "completed",
        "EndDate": "endDate",
        "Associate.AssociateId": "associateId",
        "UpdatedDate": "updatedDate",
        "CreatedDate": "registeredDate",
        "Urls[first].Value": "projectUrl/URLAddress",
    },
}
_CUSTOM = re.compile(r"(?:CustomFields|UserDefinedFields|ExtraFields)\[([^\]]+)\]")


def archive_column(entity_name: str, path: str) -> str | None:
    """The archive's column for a field's path, None when only the entity itself has it.

    A user-defined field's column is there for those that were given to `entity_specs` as `custom`.
    """
    custom = _CUSTOM.fullmatch(path)
    if custom is not None and entity_name in PROVIDERS:
        provider = PROVIDERS[entity_name]
        prefix = provider.extra if custom[1].startswith("x_") else provider.udef
        return f"{prefix}/{custom[1]}" if prefix else None
    return _COLUMNS.get(entity_name, {}).get(path.replace("/", "."))


def raw_column(entity_name: str, path: str) -> str | None:
    """The column's name in `raw.<entity>`; None as for `archive_column`."""
    column = archive_column(entity_name, path)
    return None if column is None else raw_name(column)
