"""The ERP's real field registry, and the few CRM fields that these tests name."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from sounimicro_pipelines.rules import Registries
from sounimicro_pipelines.unimicro.fields import FieldRegistry


@dataclass(frozen=True)
class Fact:
    kind: str
    writable: bool = True
    max_length: int | None = None


_ADDRESS = {"Address1": 79, "Address2": 79, "Address3": 79, "Zipcode": 11, "City": 79}
_KNOWN: dict[str, dict[str, Fact]] = {
    "contact": {
        "Name": Fact("text", max_length=219),
        "OrgNr": Fact("text", max_length=49),
        "Number1": Fact("text", max_length=49),
        "Number2": Fact("text", max_length=49),
        "UpdatedDate": Fact("datetime", writable=False),
        "Description": Fact("text", max_length=2047),
        "Category": Fact("list"),
        "Country": Fact("list"),
        "Phones[first].Value": Fact("text", max_length=239),
        "Emails[first].Value": Fact("text", max_length=239),
        "Urls[first].Value": Fact("text", max_length=1023),
        **{
            f"Address.{kind}.{name}": Fact("text", max_length=length)
            for kind in ("Postal", "Street")
            for name, length in _ADDRESS.items()
        },
    },
    "person": {
        "Firstname": Fact("text", max_length=99),
        "MiddleName": Fact("text", max_length=99),
        "Lastname": Fact("text", max_length=99),
        "Title": Fact("text", max_length=239),
        "MobilePhones[first].Value": Fact("text", max_length=239),
        "OfficePhones[first].Value": Fact("text", max_length=239),
        "Emails[first].Value": Fact("text", max_length=239),
    },
    "project": {
        "Name": Fact("text", max_length=219),
        "ProjectNumber": Fact("text", max_length=49),
        "EndDate": Fact("date"),
        "Description": Fact("text", max_length=2047),
        "ProjectStatus": Fact("list"),
    },
}


class CrmFields:
    def find(self, entity_name: str, path: str) -> Fact | None:
        found = _KNOWN[entity_name].get(path)
        if found is None and entity_name == "contact" and re.fullmatch(r"CustomFields\.SuperOffice:\d+", path):
            return Fact("text", max_length=199)
        return found

    def suggest(self, entity_name: str, path: str) -> str:
        close = difflib.get_close_matches(path, _KNOWN[entity_name], n=2)
        return f"Did you mean {' or '.join(close)}?" if close else ""


REGISTRIES = Registries(crm=CrmFields(), erp=FieldRegistry())
