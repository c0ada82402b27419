"""Archive queries: nothing unknown is ever sent, and rows are checked against what was asked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sounimicro_pipelines.superoffice import PROVIDERS, Query, UnknownName, Where
from sounimicro_pipelines.superoffice.providers import PHONE_OWNERS

CONTACT, PERSON, PROJECT = PROVIDERS["contact"], PROVIDERS["person"], PROVIDERS["project"]


def test_a_query_is_spelled_as_the_vendor_documents() -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    query = Query(
        CONTACT,
        ("name", "category"),
        (
            Where("category", "oneOf", 1, 2),
            Where("updatedDate", "afterTime", since),
            Where("contactUdef/SuperOffice:1", "is", "UM-20017"),
            Where("stop", "set", False),
            Where("name", "begins", "D'Or"),
        ),
        entities=("contact",),
        full=True,
    )
    assert query.after(41).params() == {
        "$select": "contactId,name,category,updatedDate,contactUdef/SuperOffice:1,stop",
        "$filter": "contactId gt 41 and category oneOf (1,2) and updatedDate afterTime '2026-03-01T00:00:00'"
        " and contactUdef/SuperOffice:1 is 'UM-20017' and stop set false and name begins 'D''Or'",
        "$orderby": "contactId",
        "$top": "1000",
        "$mode": "Full",
    }


def test_row_types_are_named_only_where_an_archive_has_several() -> None:
    """What a company's or a project's row is called is not documented; naming it could leave every row out."""
    contacts = Query(CONTACT, (), entities=CONTACT.entities)
    persons = Query(PROVIDERS["person"], (), entities=PROVIDERS["person"].entities)
    assert "$entities" not in contacts.params()
    assert persons.params()["$entities"] == "person,retiredPerson"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Query(CONTACT, ("nmae",)),
        lambda: Query(CONTACT, (), order_by=("orgNr",)),
        lambda: Query(CONTACT, (), (Where("postAddress/zipcode", "is", "1"),)),
        lambda: Query(CONTACT, (), entities=("person",)),
        lambda: Query(CONTACT, (), (Where("name", "gt", 3),)),
        lambda: Query(CONTACT, (), (Where("contactId", "is", "3"),)),
        lambda: Query(PERSON, ("contactUdef/SuperOffice:1",)),
        lambda: Query(CONTACT, ("contactUdef/x') or (1 eq 1",)),
        lambda: Query(PERSON, ("updatedDate",)),
        lambda: Query(PHONE_OWNERS, ("phone.number",)),
    ],
)
def test_an_unknown_name_is_refused_before_it_is_sent(make: Any) -> None:
    with pytest.raises(UnknownName):
        make()


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(UnknownName, match="personUpdatedDate"):
        Query(PERSON, ("personUpdateDate",))


@pytest.mark.parametrize(
    "where",
    [
        Where("contactId", "eq", "1 or 1 eq 1"),
        Where("contactId", "eq", True),
        Where("contactId", "eq"),
        Where("contactId", "eq", 1, 2),
        Where("category", "oneOf"),
        Where("updatedDate", "afterTime", date(2026, 3, 1)),
        Where("updatedDate", "after", datetime(2026, 3, 1, tzinfo=UTC)),
        Where("name", "is", 7),
        Where("stop", "set", 1),
    ],
)
def test_a_value_of_another_kind_is_refused(where: Where) -> None:
    with pytest.raises(ValueError):
        Query(CONTACT, (), (where,))


def test_pages_are_never_larger_than_the_vendor_wants() -> None:
    with pytest.raises(ValueError):
        Query(CONTACT, (), top=1001)


@pytest.mark.parametrize(
    ("where", "row", "holds"),
    [
        (Where("contactId", "gt", 5), {"contactId": 5}, False),
        (Where("contactId", "eq", 5), {"contactId": 5}, True),
        (Where("orgnr", "is", "914123456"), {"orgnr": "914123456"}, True),
        (Where("orgnr", "is", "914123456"), {"orgnr": "999"}, False),
        (Where("orgnr", "is", "914123456"), {"orgnr": None}, False),
        (Where("orgnr", "is", "914123456"), {}, True),
        (Where("name", "is", "Ås Bygg AS"), {"name": "ÅS  BYGG AS "}, True),
        (Where("name", "contains", "bygg"), {"name": "Ås Bygg AS"}, True),
        (Where("name", "notContains", "bygg"), {"name": "Ås Bygg AS"}, False),
        (Where("orgnr", "in", "1", "2"), {"orgnr": "2"}, True),
        (Where("orgnr", "in", "1", "2"), {"orgnr": "3"}, False),
        (Where("category", "oneOf", 1, 2), {"category": 3}, False),
        (Where("category", "notOneOf", 1, 2), {"category": 3}, True),
        (Where("category", "oneOf", 1, 2), {"category": None}, True),
        (Where("stop", "set", True), {"stop": False}, False),
        (
            Where("updatedDate", "afterTime", datetime(2026, 3, 2, 8, tzinfo=UTC)),
            {"updatedDate": datetime(2026, 3, 2, 7, tzinfo=UTC)},
            True,
        ),
        (
            Where("updatedDate", "afterTime", datetime(2026, 3, 2, 8, tzinfo=UTC)),
            {"updatedDate": datetime(2025, 3, 2, tzinfo=UTC)},
            False,
        ),
        (Where("updatedDate", "afterTime", datetime(2026, 3, 2, tzinfo=UTC)), {"updatedDate": None}, False),
    ],
)
def test_rows_are_checked_as_far_as_they_tell(where: Where, row: dict[str, Any], holds: bool) -> None:
    assert Query(CONTACT, (), (where,)).satisfied_by(row) is holds


def test_restrictions_joined_with_or_cannot_be_paged() -> None:
    query = Query(CONTACT, (), (Where("contactId", "eq", 1), Where("contactId", "eq", 2)), any_of=True)
    assert query.params()["$filter"] == "contactId eq 1 or contactId eq 2"
    assert query.satisfied_by({"contactId": 2})
    assert not query.satisfied_by({"contactId": 3})
    with pytest.raises(ValueError):
        query.after(0)
