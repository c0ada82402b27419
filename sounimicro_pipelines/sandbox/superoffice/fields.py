"""Which API property is which database column, per entity (sections 2.4 to 2.6), with lengths (8.1) and rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sounimicro_pipelines.sandbox.superoffice import tables as t

Kind = Literal["text", "int", "bool", "stamp", "day", "local", "list", "associate", "country", "contact"]


@dataclass(frozen=True, slots=True)
class Field:
    """One property with a column in the entity's own table. `table` is the list a list property points at."""

    name: str
    column: str
    kind: Kind = "text"
    length: int = 0
    table: str = ""
    writable: bool = True
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class Elements:
    """An array of phones, e-mails or web addresses: rows of a child table."""

    name: str
    table: str
    value: str
    length: int = 239
    ptype: int = 0
    owner: str = "owner_id"


@dataclass(frozen=True, slots=True)
class Entity:
    """One REST entity. `soft` entities are deleted softly and can be undeleted for a while."""

    name: str
    table: str
    key: str
    fields: tuple[Field, ...]
    elements: tuple[Elements, ...]
    number: str
    soft: bool
    addresses: dict[str, int] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    read_only: tuple[str, ...] = ()

    @property
    def pk(self) -> str:
        return t.BY_NAME[self.table].pk

    def column(self, name: str) -> str | None:
        folded = name.lower()
        return next((item.column for item in self.fields if item.name.lower() == folded), None)


_STAMPS = (
    Field("UpdatedDate", "updated", "stamp", writable=False),
    Field("CreatedDate", "registered", "stamp", writable=False),
    Field("UpdatedBy", "updated_associate_id", "associate", writable=False),
    Field("CreatedBy", "registered_associate_id", "associate", writable=False),
)
_DBI = (
    Field("DbiAgentId", "dbi_agent_id", "int"),
    Field("DbiLastSyncronized", "dbi_last_syncronized", "local"),
    Field("DbiKey", "dbi_key", length=255),
    Field("DbiLastModified", "dbi_last_modified", "local"),
)

CONTACT = Entity(
    name="Contact",
    table="contact",
    key="ContactId",
    fields=(
        Field("Name", "name", length=219, mandatory=True),
        Field("Department", "department", length=219),
        Field("OrgNr", "orgNr", length=49),
        Field("Number1", "number1", length=49),
        Field("Number2", "number2", length=49),
        *_STAMPS,
        Field("Description", "text", length=2047),
        Field("Associate", "associate_id", "associate"),
        Field("Business", "business_idx", "list", table="business", mandatory=True),
        Field("Category", "category_idx", "list", table="category", mandatory=True),
        Field("Country", "country_id", "country"),
        Field("NoMailing", "nomailing", "bool"),
        Field("Kananame", "kananame", length=219),
        Field("Xstop", "xstop", "bool"),
        Field("GroupId", "group_id", "int"),
        Field("Deleted", "deleted", "int", writable=False),
        *_DBI,
        Field("Source", "source", "int"),
        Field("ActiveErpLinks", "activeErpLinks", "int", writable=False),
    ),
    elements=(
        Elements("Phones", "phone", "phone", ptype=t.CONTACT_PHONE),
        Elements("Faxes", "phone", "phone", ptype=t.CONTACT_FAX),
        Elements("Emails", "email", "email_address", owner="contact_id"),
        Elements("Urls", "url", "url_address", length=1023, owner="contact_id"),
    ),
    number="number2",
    soft=True,
    addresses={"Street": t.CONTACT_STREET, "Postal": t.CONTACT_POSTAL},
    constants={
        "Interests": [],
        "ActiveInterests": 0,
        "ActiveStatusMonitorId": 0,
        "SupportAssociate": None,
        "TicketPriority": None,
        "CustomerLanguage": None,
        "SupportPerson": None,
        "BounceEmails": [],
        "Domains": [],
        "UtmParameters": None,
    },
    read_only=("Persons",),
)

PERSON = Entity(
    name="Person",
    table="person",
    key="PersonId",
    fields=(
        Field("Firstname", "firstname", length=99, mandatory=True),
        Field("MiddleName", "middleName", length=99),
        Field("Lastname", "lastname", length=99),
        Field("Mrmrs", "mrmrs", length=239),
        Field("Title", "title", length=239),
        Field("Salutation", "salutation", length=239),
        *_STAMPS,
        Field("BirthDate", "birthDate", "day"),
        Field("Description", "text", length=2047),
        Field("Position", "position_idx", "list", table="perspos"),
        Field("Contact", "contact_id", "contact"),
        Field("Country", "country_id", "country"),
        Field("PersonNumber", "person_number", length=49),
        Field("NoMailing", "noMailing", "bool"),
        Field("UsePersonAddress", "usePersonAddress", "bool"),
        Field("Retired", "retired", "bool"),
        *_DBI,
        Field("Source", "source", "int"),
        Field("ActiveErpLinks", "activeErpLinks", "int", writable=False),
    ),
    elements=(
        Elements("OfficePhones", "phone", "phone", ptype=t.PERSON_DIRECT),
        Elements("MobilePhones", "phone", "phone", ptype=t.PERSON_MOBILE),
        Elements("PrivatePhones", "phone", "phone", ptype=t.PERSON_PRIVATE),
        Elements("OtherPhones", "phone", "phone", ptype=t.PERSON_OTHER),
        Elements("Faxes", "phone", "phone", ptype=t.PERSON_FAX),
        Elements("InternetPhones", "phone", "phone", ptype=t.PERSON_INTERNET),
        Elements("Emails", "email", "email_address", owner="person_id"),
        Elements("Urls", "url", "url_address", length=1023, owner="person_id"),
    ),
    number="person_number",
    soft=True,
    addresses={"Street": t.PERSON_ADDRESS},
    constants={
        "Interests": [],
        "Post1": "",
        "Post2": "",
        "Post3": "",
        "Kanalname": "",
        "Kanafname": "",
        "ActiveInterests": 0,
        "SupportAssociate": None,
        "TicketPriority": None,
        "CustomerLanguage": None,
        "SentInfo": 0,
        "ShowContactTickets": 0,
        "UserInfo": None,
        "ChatEmails": [],
        "ShipmentTypes": [],
        "Consents": [],
        "BounceEmails": [],
        "ActiveStatusMonitorId": 0,
        "CreatedByFormId": 0,
        "UtmParameters": None,
        "LeadstatusId": 0,
        "Leadstatus": None,
    },
    read_only=("FullName", "FormalName", "IsAssociate", "CorrespondingAssociate", "Category", "Business", "Associate"),
)

PROJECT = Entity(
    name="Project",
    table="project",
    key="ProjectId",
    fields=(
        Field("Name", "name", length=219, mandatory=True),
        Field("ProjectNumber", "project_number", length=49),
        *_STAMPS,
        Field("Description", "text", length=2047),
        Field("Postit", "postit", length=2047),
        Field("Associate", "associate_id", "associate"),
        Field("ProjectStatus", "status_idx", "list", table="projstatus"),
        Field("ProjectType", "type_idx", "list", table="projtype", mandatory=True),
        Field("Completed", "done", "bool"),
        Field("EndDate", "endDate", "local"),
        Field("NextMilestoneDate", "nextMilestoneDate", "local", writable=False),
        Field("ActiveErpLinks", "activeErpLinks", "int", writable=False),
    ),
    elements=(Elements("Urls", "url", "url_address", length=1023, owner="project_id"),),
    number="project_number",
    soft=False,
    constants={
        "HasImage": False,
        "ImageDescription": "",
        "ActiveStatusMonitorId": 0,
        "Links": [],
        "ActiveLinks": 0,
        "NmdAppointmentId": 0,
        "EventId": 0,
        "StartDate": "0001-01-01T00:00:00",
        "PublishEventDate": "0001-01-01T00:00:00",
        "PublishTo": "0001-01-01T00:00:00",
        "PublishFrom": "0001-01-01T00:00:00",
        "IsPublished": False,
    },
)

ENTITIES: dict[str, Entity] = {entity.table: entity for entity in (CONTACT, PERSON, PROJECT)}

ADDRESS_LINES: dict[str, tuple[str, int]] = {
    "Address1": ("address1", 79),
    "Address2": ("address2", 79),
    "Address3": ("address3", 79),
    "City": ("city", 79),
    "County": ("county", 29),
    "State": ("state", 5),
    "Zipcode": ("zipcode", 11),
}


@dataclass(frozen=True, slots=True)
class UserField:
    """A user-defined or extra field. `prog_id` is its stable key; without one the key is `SuperOffice:<identity>`."""

    owner: str
    identity: int
    label: str
    kind: Literal["text", "int", "decimal", "date", "checkbox", "list"] = "text"
    length: int = 39
    prog_id: str = ""
    list_id: int = 0
    variable: str = ""
    extra: bool = False

    @property
    def key(self) -> str:
        if self.extra:
            return self.prog_id
        return self.prog_id or f"SuperOffice:{self.identity}"


USER_FIELDS: tuple[UserField, ...] = (
    UserField("contact", 1, 'NO:"Kundenr. Unimicro";US:"Unimicro customer no."', variable="cs01"),
    UserField("contact", 2, 'NO:"Leverandørnr. Unimicro";US:"Unimicro supplier no."', variable="cs02"),
    UserField("contact", 7, 'NO:"Kundeklasse";US:"Customer class"', "list", list_id=1, variable="cl01"),
    UserField("contact", 8, 'NO:"Kredittgrense";US:"Credit limit"', "decimal", prog_id="Sounimicro:Credit"),
    UserField("contact", 9, 'NO:"Kunde siden";US:"Customer since"', "date", prog_id="Sounimicro:Since"),
    UserField("contact", 10, 'NO:"EHF";US:"EHF"', "checkbox", prog_id="Sounimicro:Ehf"),
    UserField("contact", 0, "x_erp_note", length=255, prog_id="x_erp_note", extra=True),
    UserField("person", 1, 'NO:"Rolle";US:"Role"', variable="ps01"),
    UserField("project", 1, 'NO:"Prosjektkunde";US:"Project customer"', "int", variable="pl01"),
    UserField("project", 2, 'NO:"Startdato";US:"Start date"', "date", prog_id="Sounimicro:Start"),
)
