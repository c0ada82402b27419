"""The archive providers we ask and their columns (vendor reference 3.1): no query can name anything else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sounimicro_pipelines.superoffice.failures import UnknownName

ColumnKind = Literal["int", "decimal", "text", "bool", "date", "datetime", "list", "associate"]

_UDEF = re.compile(r"[A-Za-z0-9_:.\-]{1,100}")


@dataclass(frozen=True, slots=True)
class ArchiveColumn:
    """A column by its archive name; a `list` column shows a text and holds an id."""

    name: str
    kind: ColumnKind
    personal: bool = False
    sortable: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """One archive: where it is asked, its primary key, its row types and its columns.

    `udef` is the prefix of its user-defined columns, such as `contactUdef`; `extra` that of its extra fields.
    `shared_key`: several rows may have the same key.
    """

    name: str
    route: tuple[str, ...]
    key: str
    entities: tuple[str, ...]
    columns: Mapping[str, ArchiveColumn] = field(repr=False)
    udef: str = ""
    extra: str = ""
    changed: str | None = None
    registered: str | None = None
    deleted: str | None = None
    shared_key: bool = False

    def column(self, name: str) -> ArchiveColumn:
        """The column of that name. Raises UnknownName with the nearest one."""
        found = self.columns.get(name)
        if found is not None:
            return found
        prefix, _, rest = name.partition("/")
        if prefix and prefix in (self.udef, self.extra) and _UDEF.fullmatch(rest):
            return ArchiveColumn(name, "text", personal=True)
        near = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.6)
        raise UnknownName("column", name, f"The archive {self.name}", near[0] if near else None)


def _columns(**kinds: str) -> dict[str, ArchiveColumn]:
    columns: dict[str, ArchiveColumn] = {}
    for group, names in kinds.items():
        personal = group.startswith("personal_")
        kind = group.removeprefix("personal_")
        for name in names.split():
            columns[name] = ArchiveColumn(name, kind, personal=personal)  # type: ignore[arg-type]
    return columns


_ADDRESS = ("line1", "line2", "line3", "zip", "city", "county", "state")


def _address(prefix: str) -> str:
    return " ".join(f"{prefix}/{part}" for part in _ADDRESS)


SIMPLE_CONTACT = Provider(
    name="SimpleContact",
    route=("Contact",),
    key="contactId",
    entities=("contact",),
    columns=_columns(
        int="contactId countryId",
        associate="associateId updatedBy",
        text="name department nameDepartment number code orgnr url/URLAddress contactAssociate/fullName",
        personal_text="contactPhone/formattedNumber email/emailAddress "
        f"{_address('postAddress')} {_address('streetAddress')}",
        list="category business country",
        bool="stop contactNoMail contactDeleted activeErpLinks getAllRows",
        datetime="updatedDate registeredDate deletedDate",
    ),
    udef="contactUdef",
    extra="contactExtra",
    changed="updatedDate",
    registered="registeredDate",
    deleted="deletedDate",
)

PERSON = Provider(
    name="Person",
    route=("Person",),
    key="personId",
    entities=("person", "retiredPerson"),
    columns=_columns(
        int="personId contactId personCountryId",
        associate="personUpdatedBy",
        personal_text="mrMrs personNumber title firstName middleName lastName fullName email/emailAddress "
        "personDirectPhone/formattedNumber personMobilePhone/formattedNumber personPrivate/formattedNumber "
        f"{_address('personAddress')}",
        list="position",
        bool="retired personActiveErpLinks",
        datetime="personUpdatedDate personRegisteredDate personDeletedDate",
    ),
    udef="personUdef",
    changed="personUpdatedDate",
    registered="personRegisteredDate",
    deleted="personDeletedDate",
)

FIND_PROJECT = Provider(
    name="FindProject",
    route=("Project",),
    key="projectId",
    entities=("project",),
    columns=_columns(
        int="projectId",
        associate="associateId updatedBy",
        text="name number description projectUrl/URLAddress",
        list="type status",
        bool="completed activeErpLinks",
        date="nextMilestone endDate",
        datetime="updatedDate registeredDate",
    ),
    udef="projectUdef",
    changed="updatedDate",
    registered="registeredDate",
)

PROVIDERS: Mapping[str, Provider] = {"contact": SIMPLE_CONTACT, "person": PERSON, "project": FIND_PROJECT}
"""By the entity's name in lower case."""


def dynamic(table: str, key: str, *, shared: bool = False, **kinds: str) -> Provider:
    """A database table through the dynamic archive (3.3), which a tenant may not offer.

    `key` is the column to page by; without one, rows are known by the answer's primary key alone. `shared`: several
    rows may have the same.
    """
    columns = {f"{table}.{name}": replace(c, name=f"{table}.{name}") for name, c in _columns(**kinds).items()}
    return Provider(
        name=f"dynamic {table}",
        route=("Archive", "dynamic"),
        key=f"{table}.{key}" if key else "",
        entities=(),
        columns=columns,
        shared_key=shared,
    )


PHONE_OWNERS = dynamic("phone", "owner_id", shared=True, int="owner_id", datetime="updated")
ADDRESS_OWNERS = dynamic("address", "owner_id", shared=True, int="owner_id", datetime="updated")
EMAIL_CONTACTS = dynamic("email", "contact_id", shared=True, int="contact_id", datetime="updated")
EMAIL_PERSONS = dynamic("email", "person_id", shared=True, int="person_id", datetime="updated")
"""Child rows with stamps of their own, paged by their owner, who may have several."""

MERGE_LOG = dynamic(
    "mergemovelog", "", int="tableNumber operation sourceRecord destinationRecord", datetime="registered"
)
PROJECT_MEMBER = dynamic(
    "projectmember",
    "projectmember_id",
    int="projectmember_id project_id contact_id person_id mtype_idx",
    datetime="registered updated",
)
