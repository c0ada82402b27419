"""The CRM's entities as the warehouse keeps them: columns by their archive names, `/` becoming `_` in the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sounimicro_pipelines.records import Column, EntitySpec, Kind
from sounimicro_pipelines.superoffice.archive import TEXT_OF
from sounimicro_pipelines.superoffice.providers import FIND_PROJECT, PERSON, SIMPLE_CONTACT, Provider

DELETED = "Deleted"
"""Our own column: the record is soft-deleted."""

LISTS: tuple[str, ...] = ("category", "business", "country", "projectstatus", "projecttype", "PMembType", "perspos")
"""The lists that are kept, by their names in the vendor's MDO lists (2.8). The order numbers them; only append."""

LIST_KEY_STEP = 10_000_000_000
"""`listItemKey` is the list's place in LISTS times this, plus the item's id: ids repeat from list to list."""

_CONTACT = """
name department number code orgnr category business countryId country associateId stop contactNoMail updatedBy
updatedDate registeredDate contactDeleted deletedDate contactPhone/formattedNumber email/emailAddress url/URLAddress
postAddress/line1 postAddress/line2 postAddress/line3 postAddress/zip postAddress/city postAddress/county
postAddress/state streetAddress/line1 streetAddress/line2 streetAddress/line3 streetAddress/zip streetAddress/city
streetAddress/county streetAddress/state
"""
_PERSON = """
firstName middleName lastName fullName contactId mrMrs position personNumber title personCountryId retired
personUpdatedDate personUpdatedBy personRegisteredDate personDeletedDate personDirectPhone/formattedNumber
personMobilePhone/formattedNumber personPrivate/formattedNumber email/emailAddress
personAddress/line1 personAddress/line2 personAddress/line3 personAddress/zip personAddress/city
"""
_PROJECT = """
name number type status completed associateId description updatedDate updatedBy registeredDate endDate
projectUrl/URLAddress
"""
_KINDS: Mapping[str, Kind] = {
    "int": "int",
    "decimal": "decimal",
    "text": "text",
    "bool": "bool",
    "date": "date",
    "datetime": "datetime",
    "list": "int",
    "associate": "int",
}


def raw_name(name: str) -> str:
    """A column's name in the raw table: `postAddress/line1` → `postAddress_line1`."""
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name)


def _column(name: str, kind: Kind, *, required: bool = False, personal: bool = False) -> Column:
    column = raw_name(name)
    return Column(name, kind, required=required, personal=personal, column="" if column == name else column)


def _archive_columns(provider: Provider, names: str, custom: Sequence[str]) -> tuple[Column, ...]:
    columns = [_column(provider.key, "int", required=True)]
    for name in (*names.split(), *custom):
        archive = provider.column(name)
        columns.append(_column(name, _KINDS[archive.kind], personal=archive.personal))
        if archive.kind in ("list", "associate"):
            columns.append(_column(name + TEXT_OF, "text", personal=archive.kind == "associate"))
    columns.append(_column(DELETED, "bool"))
    return tuple(columns)


def _archive_spec(entity: str, provider: Provider, names: str, custom: Sequence[str]) -> EntitySpec:
    return EntitySpec(
        entity=entity,
        table=entity,
        route="/".join(provider.route),
        columns=_archive_columns(provider, names, custom),
        key=provider.key,
        created=provider.registered,
        updated=provider.changed,
        deleted=DELETED,
        select=False,
        source="archive",
        options={"provider": provider.name},
    )


def entity_specs(custom: Mapping[str, Sequence[str]] | None = None) -> tuple[EntitySpec, ...]:
    """Everything the CRM's bulk reader reads, parents before children.

    `custom` names user-defined columns to read along, by entity: `{"contact": ["contactUdef/SuperOffice:7"]}`.
    Raises UnknownName for one that cannot be.
    """
    more = custom or {}
    return (
        _LIST_ITEM,
        _ASSOCIATE,
        _archive_spec("contact", SIMPLE_CONTACT, _CONTACT, more.get("contact", ())),
        _archive_spec("person", PERSON, _PERSON, more.get("person", ())),
        _archive_spec("project", FIND_PROJECT, _PROJECT, more.get("project", ())),
        _PROJECT_MEMBER,
    )


_LIST_ITEM = EntitySpec(
    entity="list_item",
    table="list_item",
    route="MDOList",
    columns=(
        _column("listItemKey", "int", required=True),
        _column("list", "text", required=True),
        _column("itemId", "int", required=True),
        _column("name", "text"),
        _column("tooltip", "text"),
        _column("rank", "int"),
        _column("group", "text"),
        _column(DELETED, "bool"),
    ),
    key="listItemKey",
    created=None,
    updated=None,
    deleted=DELETED,
    select=False,
    source="archive",
)
_ASSOCIATE = EntitySpec(
    entity="associate",
    table="associate",
    route="MDOList/associate",
    columns=(
        _column("associateId", "int", required=True),
        _column("name", "text", personal=True),
        _column("fullName", "text", personal=True),
        _column("tooltip", "text", personal=True),
        _column("type", "text"),
        _column("rank", "int"),
        _column(DELETED, "bool"),
    ),
    key="associateId",
    created=None,
    updated=None,
    deleted=DELETED,
    select=False,
    source="archive",
)
_PROJECT_MEMBER = EntitySpec(
    entity="project_member",
    table="project_member",
    route="Archive/dynamic",
    columns=(
        _column("projectmemberId", "int", required=True),
        _column("projectId", "int", required=True),
        _column("contactId", "int"),
        _column("personId", "int"),
        _column("memberTypeId", "int"),
        _column("registered", "datetime"),
        _column("updated", "datetime"),
        _column(DELETED, "bool"),
    ),
    key="projectmemberId",
    created="registered",
    updated="updated",
    deleted=DELETED,
    select=False,
    source="archive",
    optional=True,
)
