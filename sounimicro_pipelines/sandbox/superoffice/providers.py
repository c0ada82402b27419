"""The columns of the archive providers that the entities' own lists use (section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.sandbox.superoffice import references, user_fields
from sounimicro_pipelines.sandbox.superoffice import tables as t
from sounimicro_pipelines.sandbox.superoffice.errors import bad_request
from sounimicro_pipelines.sandbox.superoffice.fields import UserField
from sounimicro_pipelines.sandbox.superoffice.filters import ColumnKind
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row

_USER_KINDS: dict[str, ColumnKind] = {
    "text": "text",
    "int": "int",
    "decimal": "decimal",
    "date": "date",
    "checkbox": "bool",
    "list": "list",
}


@dataclass(frozen=True, slots=True)
class ArchiveColumn:
    """A column of a provider: its type, how its value is found, and the list it points at."""

    name: str
    kind: ColumnKind
    value: Callable[[Row], Any]
    table: str = ""
    orderable: bool = True
    is_key: bool = False


@dataclass(slots=True)
class Provider:
    """One archive over one table. `deleted_columns` are those whose mention brings softly deleted rows."""

    name: str
    table: str
    columns: dict[str, ArchiveColumn]
    deleted_columns: frozenset[str]
    entity_name: Callable[[Row], str]
    link: str

    def column(self, name: str) -> ArchiveColumn:
        found = self.columns.get(name.lower())
        if found is None:
            raise bad_request(f"The archive provider {self.name} has no column '{name}'")
        return found


class Providers:
    """Builds the providers over one database."""

    def __init__(self, db: Database, fields: Sequence[UserField]) -> None:
        self.db = db
        self.fields = fields

    def all(self) -> dict[str, Provider]:
        """By lower-case name."""
        providers = (self._simple_contact(), self._person(), self._find_project())
        return {provider.name.lower(): provider for provider in providers}

    def _user_columns(self, owner: str, pk: str) -> list[ArchiveColumn]:
        columns = []
        for item in user_fields.fields_of(self.fields, owner):
            prefix = f"{owner}Extra" if item.extra else f"{owner}Udef"

            def value(row: Row, key: str = item.key) -> Any:
                return user_fields.stored(self.db, self.fields, owner, row[pk])[key]

            columns.append(
                ArchiveColumn(f"{prefix}/{item.key}", _USER_KINDS[item.kind], value, "udlist" if item.list_id else "")
            )
        return columns

    def _provider(
        self,
        name: str,
        table: str,
        columns: Iterable[ArchiveColumn],
        deleted: Iterable[str],
        entity_name: Callable[[Row], str],
    ) -> Provider:
        pk = t.BY_NAME[table].pk
        everything = [
            *columns,
            *self._user_columns(table, pk),
            ArchiveColumn("getAllRows", "bool", lambda row: True, orderable=False),
        ]
        by_name = {column.name.lower(): column for column in everything}
        return Provider(name, table, by_name, frozenset(deleted), entity_name, table)

    def _child(self, table: str, owner: str, pk: str, column: str, ptype: int = 0) -> Callable[[Row], Any]:
        return lambda row: references.first_value(self.db, table, owner, row[pk], column, ptype)

    def _address(self, prefix: str, kind: int, pk: str) -> list[ArchiveColumn]:
        names = {"line1": "address1", "line2": "address2", "line3": "address3", "zip": "zipcode"}
        names |= {name: name for name in ("city", "county", "state")}

        def value(column: str) -> Callable[[Row], Any]:
            def find(row: Row) -> Any:
                found = references.address_row(self.db, row[pk], kind)
                return found[column] if found else ""

            return find

        return [ArchiveColumn(f"{prefix}/{name}", "text", value(column)) for name, column in names.items()]

    def _simple_contact(self) -> Provider:
        pk = "contact_id"
        columns = [
            _key("contactId", pk),
            *_plain(
                ("name", "text", "name"),
                ("department", "text", "department"),
                ("number", "text", "number2"),
                ("code", "text", "number1"),
                ("orgnr", "text", "orgNr"),
                ("countryId", "int", "country_id"),
                ("stop", "bool", "xstop"),
                ("contactNoMail", "bool", "nomailing"),
                ("updatedDate", "datetime", "updated"),
                ("registeredDate", "datetime", "registered"),
                ("contactDeleted", "bool", "deleted"),
                ("deletedDate", "datetime", "deletedDate"),
                ("activeErpLinks", "bool", "activeErpLinks"),
            ),
            ArchiveColumn("nameDepartment", "text", references.name_department),
            *_lists(("category", "category_idx", "category"), ("business", "business_idx", "business")),
            *_lists(("country", "country_id", "country")),
            *_associates(("associateId", "associate_id"), ("updatedBy", "updated_associate_id")),
            *_associates(("registeredBy", "registered_associate_id")),
            ArchiveColumn(
                "contactAssociate/fullName",
                "text",
                lambda row: references.associate_name(self.db, row["associate_id"]),
            ),
            ArchiveColumn(
                "contactPhone/formattedNumber",
                "text",
                self._child("phone", "owner_id", pk, "phone", t.CONTACT_PHONE),
            ),
            ArchiveColumn("email/emailAddress", "text", self._child("email", pk, pk, "email_address")),
            ArchiveColumn("url/URLAddress", "text", self._child("url", pk, pk, "url_address")),
            *self._address("postAddress", t.CONTACT_POSTAL, pk),
            *self._address("streetAddress", t.CONTACT_STREET, pk),
        ]
        deleted = ("contactdeleted", "deleteddate")
        return self._provider("SimpleContact", "contact", columns, deleted, lambda row: "contact")

    def _person(self) -> Provider:
        pk = "person_id"
        phones = {
            "personDirectPhone": t.PERSON_DIRECT,
            "personMobilePhone": t.PERSON_MOBILE,
            "personPrivate": t.PERSON_PRIVATE,
        }
        columns = [
            _key("personId", pk),
            *_plain(
                ("firstName", "text", "firstname"),
                ("middleName", "text", "middleName"),
                ("lastName", "text", "lastname"),
                ("contactId", "int", "contact_id"),
                ("mrMrs", "text", "mrmrs"),
                ("personNumber", "text", "person_number"),
                ("title", "text", "title"),
                ("personCountryId", "int", "country_id"),
                ("retired", "bool", "retired"),
                ("personUpdatedDate", "datetime", "updated"),
                ("personRegisteredDate", "datetime", "registered"),
                ("personDeletedDate", "datetime", "deletedDate"),
                ("personActiveErpLinks", "bool", "activeErpLinks"),
            ),
            ArchiveColumn("fullName", "text", references.full_name),
            *_lists(("position", "position_idx", "perspos")),
            *_associates(
                ("personUpdatedBy", "updated_associate_id"), ("personRegisteredBy", "registered_associate_id")
            ),
            *(
                ArchiveColumn(f"{name}/formattedNumber", "text", self._child("phone", "owner_id", pk, "phone", kind))
                for name, kind in phones.items()
            ),
            ArchiveColumn("email/emailAddress", "text", self._child("email", pk, pk, "email_address")),
            *self._address("personAddress", t.PERSON_ADDRESS, pk),
        ]

        def entity_name(row: Row) -> str:
            return "retiredPerson" if row["retired"] else "person"

        return self._provider("Person", "person", columns, ("persondeleteddate",), entity_name)

    def _find_project(self) -> Provider:
        columns = [
            _key("projectId", "project_id"),
            *_plain(
                ("name", "text", "name"),
                ("number", "text", "project_number"),
                ("completed", "bool", "done"),
                ("description", "text", "text"),
                ("updatedDate", "datetime", "updated"),
                ("registeredDate", "datetime", "registered"),
                ("nextMilestone", "date", "nextMilestoneDate"),
                ("endDate", "date", "endDate"),
                ("activeErpLinks", "bool", "activeErpLinks"),
            ),
            *_lists(("type", "type_idx", "projtype"), ("status", "status_idx", "projstatus")),
            *_associates(("associateId", "associate_id"), ("updatedBy", "updated_associate_id")),
            *_associates(("registeredBy", "registered_associate_id")),
            ArchiveColumn(
                "projectUrl/URLAddress", "text", self._child("url", "project_id", "project_id", "url_address")
            ),
        ]
        return self._provider("FindProject", "project", columns, (), lambda row: "project")


def _key(name: str, column: str) -> ArchiveColumn:
    return ArchiveColumn(name, "int", lambda row: row[column], is_key=True)


def _plain(*columns: tuple[str, ColumnKind, str]) -> list[ArchiveColumn]:
    def value(column: str, kind: ColumnKind) -> Callable[[Row], Any]:
        if kind == "bool":
            return lambda row: bool(row[column])
        return lambda row: row[column]

    return [ArchiveColumn(name, kind, value(column, kind)) for name, kind, column in columns]


def _lists(*columns: tuple[str, str, str]) -> list[ArchiveColumn]:
    return [
        ArchiveColumn(name, "list", lambda row, column=column: row[column], table)  # type: ignore[misc]
        for name, column, table in columns
    ]


def _associates(*columns: tuple[str, str]) -> list[ArchiveColumn]:
    return [
        ArchiveColumn(name, "associate", lambda row, column=column: row[column])  # type: ignore[misc]
        for name, column in columns
    ]
