"""The tenant's database: tables and columns by their database names, as the dynamic archive and webhooks show them.

Rows are plain dictionaries in canonical column names. Nothing here knows carriers, HTTP or rights.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

CONTACT_PHONE, CONTACT_FAX = 1, 2
PERSON_DIRECT, PERSON_FAX, PERSON_MOBILE, PERSON_OTHER, PERSON_PRIVATE, PERSON_INTERNET = range(16385, 16391)
CONTACT_POSTAL, CONTACT_STREET, PERSON_ADDRESS = 1, 2, 16387

MERGE, MOVE = 1, 2
"""Operations of the merge and move log."""


@dataclass(frozen=True, slots=True)
class TableDef:
    """A table's shape. `keys` maps foreign key columns to tables; `indexed` columns are looked up without a scan."""

    name: str
    pk: str
    columns: Mapping[str, Any]
    keys: Mapping[str, str] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()


_STAMPS: dict[str, Any] = {
    "registered": None,
    "registered_associate_id": 0,
    "updated": None,
    "updated_associate_id": 0,
    "updatedCount": 0,
}
_WHO = {"registered_associate_id": "associate", "updated_associate_id": "associate"}
_LIST: dict[str, Any] = {"name": "", "tooltip": "", "rank": 0, "deleted": False, **_STAMPS}


def _list(name: str, pk: str, **more: Any) -> TableDef:
    return TableDef(name, pk, {**_LIST, **more}, keys=_WHO)


DEFINITIONS: tuple[TableDef, ...] = (
    TableDef(
        "contact",
        "contact_id",
        {
            "name": "",
            "department": "",
            "orgNr": "",
            "number1": "",
            "number2": "",
            "associate_id": 0,
            "business_idx": 0,
            "category_idx": 0,
            "country_id": 0,
            "group_id": 0,
            "nomailing": False,
            "kananame": "",
            "xstop": False,
            "soundEx": "",
            "text": "",
            "source": 0,
            "deleted": 0,
            "deletedDate": None,
            "activeErpLinks": 0,
            "dbi_agent_id": 0,
            "dbi_key": "",
            "dbi_last_modified": None,
            "dbi_last_syncronized": None,
            "isOwner": False,
            "userdef_id": 0,
            **_STAMPS,
        },
        keys={
            "associate_id": "associate",
            "business_idx": "business",
            "category_idx": "category",
            "country_id": "country",
            **_WHO,
        },
    ),
    TableDef(
        "person",
        "person_id",
        {
            "contact_id": 0,
            "firstname": "",
            "middleName": "",
            "lastname": "",
            "mrmrs": "",
            "title": "",
            "salutation": "",
            "person_number": "",
            "position_idx": 0,
            "country_id": 0,
            "birthDate": None,
            "retired": False,
            "noMailing": False,
            "usePersonAddress": False,
            "text": "",
            "source": 0,
            "deleted": 0,
            "deletedDate": None,
            "activeErpLinks": 0,
            "dbi_agent_id": 0,
            "dbi_key": "",
            "dbi_last_modified": None,
            "dbi_last_syncronized": None,
            "userdef_id": 0,
            **_STAMPS,
        },
        keys={"contact_id": "contact", "position_idx": "perspos", "country_id": "country", **_WHO},
        indexed=("contact_id",),
    ),
    TableDef(
        "project",
        "project_id",
        {
            "name": "",
            "project_number": "",
            "associate_id": 0,
            "status_idx": 0,
            "type_idx": 0,
            "done": False,
            "endDate": None,
            "nextMilestoneDate": None,
            "text": "",
            "postit": "",
            "activeErpLinks": 0,
            "userdef_id": 0,
            **_STAMPS,
        },
        keys={"associate_id": "associate", "status_idx": "projstatus", "type_idx": "projtype", **_WHO},
    ),
    TableDef(
        "projectmember",
        "projectmember_id",
        {"project_id": 0, "contact_id": 0, "person_id": 0, "mtype_idx": 0, "text": "", **_STAMPS},
        keys={
            "project_id": "project",
            "contact_id": "contact",
            "person_id": "person",
            "mtype_idx": "pmembtype",
            **_WHO,
        },
        indexed=("project_id", "contact_id", "person_id"),
    ),
    TableDef(
        "phone",
        "phone_id",
        {
            "owner_id": 0,
            "ptype_idx": 0,
            "phone": "",
            "search_phone": "",
            "description": "",
            "rank": 0,
            **_STAMPS,
        },
        keys=_WHO,
        indexed=("owner_id",),
    ),
    TableDef(
        "address",
        "address_id",
        {
            "owner_id": 0,
            "atype_idx": 0,
            "address1": "",
            "address2": "",
            "address3": "",
            "city": "",
            "county": "",
            "state": "",
            "zipcode": "",
            **_STAMPS,
        },
        keys=_WHO,
        indexed=("owner_id",),
    ),
    TableDef(
        "email",
        "email_id",
        {
            "contact_id": 0,
            "person_id": 0,
            "protocol": "SMTP",
            "email_address": "",
            "description": "",
            "rank": 0,
            **_STAMPS,
        },
        keys={"contact_id": "contact", "person_id": "person", **_WHO},
        indexed=("contact_id", "person_id"),
    ),
    TableDef(
        "url",
        "url_id",
        {
            "contact_id": 0,
            "person_id": 0,
            "project_id": 0,
            "url_address": "",
            "description": "",
            "rank": 0,
            **_STAMPS,
        },
        keys={"contact_id": "contact", "person_id": "person", "project_id": "project", **_WHO},
        indexed=("contact_id", "person_id", "project_id"),
    ),
    TableDef(
        "udvalue",
        "udvalue_id",
        {"owner_table": "", "owner_id": 0, "values": None, **_STAMPS},
        keys=_WHO,
        indexed=("owner_id",),
    ),
    TableDef(
        "associate",
        "associate_id",
        {
            "name": "",
            "person_id": 0,
            "rank": 0,
            "type": 0,
            "group_idx": 1,
            "deleted": False,
            "userName": "",
            "role": "User level 1",
            "administrator": False,
            **_STAMPS,
        },
        keys={"person_id": "person", **_WHO},
        indexed=("person_id",),
    ),
    _list("category", "category_id", categoryGroup="Other"),
    _list("business", "business_id"),
    _list("perspos", "perspos_id"),
    _list("mrmrs", "mrmrs_id"),
    _list("salutation", "salutation_id"),
    _list("projstatus", "projstatus_id"),
    _list("projtype", "projtype_id"),
    _list("pmembtype", "pmembtype_id"),
    _list("udlist", "udlist_id", udlistdefinition_id=0),
    _list("currency", "currency_id", rate=1.0, units=1),
    _list("webpanel", "webpanel_id", values=None),
    _list(
        "country",
        "country_id",
        english_name="",
        two_letter="",
        three_letter="",
        dial_in_prefix="",
        zip_prefix="",
        domain_name="",
        address_layout_id=0,
        currency_id=0,
        orgnr_text="",
    ),
    TableDef(
        "mergemovelog",
        "mergemovelog_id",
        {
            "tableNumber": 0,
            "operation": 0,
            "sourceRecord": 0,
            "destinationRecord": 0,
            **_STAMPS,
        },
        keys=_WHO,
    ),
    TableDef("foreignapp", "foreignapp_id", {"name": "", **_STAMPS}, keys=_WHO),
    TableDef(
        "foreigndevice",
        "foreigndevice_id",
        {"name": "", "device_identifier": "", "foreignapp_id": 0, **_STAMPS},
        keys={"foreignapp_id": "foreignapp", **_WHO},
        indexed=("foreignapp_id",),
    ),
    TableDef(
        "foreignkey",
        "foreignkey_id",
        {"subkey": "", "subvalue": "", "foreigndevice_id": 0, "table": "", "record_id": 0, **_STAMPS},
        keys={"foreigndevice_id": "foreigndevice", **_WHO},
        indexed=("foreigndevice_id", "record_id"),
    ),
    TableDef(
        "webhook_usage",
        "webhook_usage_id",
        {"webhook_id": 0, "total_calls": 0, "total_errors": 0, "consecutive_errors": 0, **_STAMPS},
        keys=_WHO,
    ),
)

BY_NAME: dict[str, TableDef] = {definition.name: definition for definition in DEFINITIONS}

HIDDEN_TABLES = frozenset({"udvalue"})
"""Our way to keep user-defined values; the vendor's tables for them are not simulated."""


class Table:
    """One table's rows by primary key, in key order, with indexes on the declared columns."""

    def __init__(self, definition: TableDef, first_key: int = 1) -> None:
        self.definition = definition
        self.rows: dict[int, Row] = {}
        self.next_id = first_key
        self._indexes: dict[str, dict[Any, set[int]]] = {column: {} for column in definition.indexed}

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def pk(self) -> str:
        return self.definition.pk

    def insert(self, values: Mapping[str, Any]) -> Row:
        """Add a row; the key is the next one unless given. Keys are never used twice."""
        unknown = set(values) - set(self.definition.columns) - {self.pk}
        if unknown:
            raise KeyError(f"{self.name} has no column {', '.join(sorted(unknown))}")
        key = int(values.get(self.pk) or self.next_id)
        if key in self.rows:
            raise KeyError(f"{self.name} {key} exists")
        self.next_id = max(self.next_id, key + 1)
        row = {self.pk: key, **self.definition.columns, **values, self.pk: key}
        self.rows[key] = row
        for column, index in self._indexes.items():
            index.setdefault(row[column], set()).add(key)
        return row

    def update(self, key: int, values: Mapping[str, Any]) -> None:
        row = self.rows[key]
        for column, value in values.items():
            if column not in row:
                raise KeyError(f"{self.name} has no column {column}")
            index = self._indexes.get(column)
            if index is not None and row[column] != value:
                index[row[column]].discard(key)
                index.setdefault(value, set()).add(key)
            row[column] = value

    def delete(self, key: int) -> Row:
        row = self.rows.pop(key)
        for column, index in self._indexes.items():
            index[row[column]].discard(key)
        return row

    def get(self, key: int | None) -> Row | None:
        return self.rows.get(key) if key is not None else None

    def where(self, column: str, value: Any) -> list[Row]:
        """Rows with that value, in key order."""
        index = self._indexes.get(column)
        if index is None:
            return [row for row in self if row[column] == value]
        return [self.rows[key] for key in sorted(index.get(value, ()))]

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self.rows.values()))

    def __len__(self) -> int:
        return len(self.rows)


class Database:
    """All tables of the tenant."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {definition.name: Table(definition) for definition in DEFINITIONS}
        self._folded = {name.lower(): name for name in self.tables}

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def table(self, name: str) -> Table | None:
        """A table by its name in any case."""
        canonical = self._folded.get(name.lower())
        return None if canonical is None or canonical in HIDDEN_TABLES else self.tables[canonical]

    def copy(self) -> Database:
        """A backup: later changes do not reach it."""
        return copy.deepcopy(self)
