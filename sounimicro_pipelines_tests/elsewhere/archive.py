"""The other CRM's archives: columns of its entities, the documented operators, both modes, strict about names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Entity = Mapping[str, Any]
_PART = re.compile(r"\s*(\(|\)|,|'(?:[^']|'')*'|[^\s(),']+)")


class BadQuery(Exception):
    """The query names what is not there."""


def _at(entity: Any, *path: str) -> Any:
    for name in path:
        entity = entity.get(name) if isinstance(entity, Mapping) else None
    return entity


def _first(entity: Entity, array: str) -> Any:
    return next((one["Value"] for one in entity.get(array) or () if one.get("Value")), None)


def _plain(*path: str) -> Callable[[Entity], Any]:
    return lambda entity: _at(entity, *path)


def _item(name: str, key: str = "Id") -> Callable[[Entity], Any]:
    return lambda entity: (_at(entity, name, key), _at(entity, name, "Value") or _at(entity, name, "Name"))


def _address(prefix: str, part: str) -> dict[str, Callable[[Entity], Any]]:
    names = {"line1": "Address1", "line2": "Address2", "line3": "Address3", "zip": "Zipcode", "city": "City"}
    names |= {"county": "County", "state": "State"}
    return {f"{prefix}/{short}": _plain("Address", part, name) for short, name in names.items()}


COLUMNS: dict[str, dict[str, Callable[[Entity], Any]]] = {
    "contact": {
        "contactId": _plain("ContactId"),
        "name": _plain("Name"),
        "department": _plain("Department"),
        "number": _plain("Number2"),
        "code": _plain("Number1"),
        "orgnr": _plain("OrgNr"),
        "category": _item("Category"),
        "business": _item("Business"),
        "country": _item("Country", "CountryId"),
        "countryId": _plain("Country", "CountryId"),
        "associateId": _item("Associate", "AssociateId"),
        "stop": _plain("Xstop"),
        "contactNoMail": _plain("NoMailing"),
        "updatedBy": _item("UpdatedBy", "AssociateId"),
        "updatedDate": _plain("UpdatedDate"),
        "registeredDate": _plain("CreatedDate"),
        "contactDeleted": lambda entity: bool(entity.get("_deleted")),
        "deletedDate": _plain("_deleted"),
        "contactPhone/formattedNumber": lambda entity: _first(entity, "Phones"),
        "email/emailAddress": lambda entity: _first(entity, "Emails"),
        "url/URLAddress": lambda entity: _first(entity, "Urls"),
        **_address("postAddress", "Postal"),
        **_address("streetAddress", "Street"),
    },
    "person": {
        "personId": _plain("PersonId"),
        "firstName": _plain("Firstname"),
        "middleName": _plain("MiddleName"),
        "lastName": _plain("Lastname"),
        "fullName": lambda e: " ".join(filter(None, (e["Firstname"], e["MiddleName"], e["Lastname"]))),
        "contactId": _plain("Contact", "ContactId"),
        "mrMrs": _plain("Mrmrs"),
        "position": _item("Position"),
        "personNumber": _plain("PersonNumber"),
        "title": _plain("Title"),
        "personCountryId": _plain("Country", "CountryId"),
        "retired": _plain("Retired"),
        "personUpdatedDate": _plain("UpdatedDate"),
        "personUpdatedBy": _item("UpdatedBy", "AssociateId"),
        "personRegisteredDate": _plain("CreatedDate"),
        "personDeletedDate": _plain("_deleted"),
        "personDirectPhone/formattedNumber": lambda entity: _first(entity, "OfficePhones"),
        "personMobilePhone/formattedNumber": lambda entity: _first(entity, "MobilePhones"),
        "personPrivate/formattedNumber": lambda entity: _first(entity, "PrivatePhones"),
        "email/emailAddress": lambda entity: _first(entity, "Emails"),
        **_address("personAddress", "Street"),
    },
    "project": {
        "projectId": _plain("ProjectId"),
        "name": _plain("Name"),
        "number": _plain("ProjectNumber"),
        "type": _item("ProjectType"),
        "status": _item("ProjectStatus"),
        "completed": _plain("Completed"),
        "associateId": _item("Associate", "AssociateId"),
        "description": _plain("Description"),
        "updatedDate": _plain("UpdatedDate"),
        "updatedBy": _item("UpdatedBy", "AssociateId"),
        "registeredDate": _plain("CreatedDate"),
        "endDate": _plain("EndDate"),
        "projectUrl/URLAddress": lambda entity: _first(entity, "Urls"),
    },
}
KEYS = {"contact": "contactId", "person": "personId", "project": "projectId"}
ROW_TYPES = {
    "contact": lambda entity: "contact",
    "person": lambda entity: "retiredPerson" if entity.get("Retired") else "person",
    "project": lambda entity: "FindProject",
}
"""The row type of a project is not documented; this one is not the entity's name."""


def rows(name: str, entities: Sequence[Entity], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of a query. Raises BadQuery."""
    columns = COLUMNS[name]
    wanted = [one.strip() for one in query["$select"].split(",")]
    kept = [one for one in entities if _Filter(columns, query.get("$filter", "")).holds(one)]
    types = query.get("$entities")
    if types:
        asked = set(types.split(","))
        kept = [one for one in kept if ROW_TYPES[name](one) in asked]
    for order in reversed([one for one in query.get("$orderby", "").split(",") if one]):
        column, _, direction = order.strip().partition(" ")
        kept = sorted(kept, key=_column(columns, column), reverse=direction == "desc")
    kept = list(kept)[: int(query.get("$top", "20"))]
    full = query.get("$mode") == "Full"
    return [_row(name, columns, wanted, one, full=full) for one in kept]


def _row(name: str, columns: Any, wanted: Sequence[str], entity: Entity, *, full: bool) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for column in wanted:
        value = _column(columns, column)(entity)
        raw, shown = value if isinstance(value, tuple) else (value, "" if value is None else str(value))
        cells[column] = (
            {"RawValue": raw, "DisplayValue": shown, "LinkHint": ""}
            if full
            else shown
            if isinstance(value, tuple)
            else raw
        )
    key = str(columns[KEYS[name]](entity))
    head = {"PrimaryKey": key, "EntityName": ROW_TYPES[name](entity)}
    return {**head, "StyleHint": "", "Column": cells} if full else {**head, **cells}


def _column(columns: Mapping[str, Callable[[Entity], Any]], name: str) -> Callable[[Entity], Any]:
    if name not in columns:
        raise BadQuery(f"no column {name}")
    return columns[name]


class _Filter:
    def __init__(self, columns: Mapping[str, Callable[[Entity], Any]], text: str) -> None:
        self._columns = columns
        self._parts = _PART.findall(text)
        self._place = 0
        self._conditions: list[Callable[[Entity], bool]] = []
        self._joint = "and"
        while self._place < len(self._parts):
            if self._conditions:
                self._joint = self._take().lower()
                if self._joint not in ("and", "or"):
                    raise BadQuery(f"no joint {self._joint}")
            self._conditions.append(self._one())

    def holds(self, entity: Entity) -> bool:
        if not self._conditions:
            return True
        return (any if self._joint == "or" else all)(one(entity) for one in self._conditions)

    def _take(self) -> str:
        self._place += 1
        return str(self._parts[self._place - 1])

    def _one(self) -> Callable[[Entity], bool]:
        column, operator = _column(self._columns, self._take()), self._take()
        values = [self._literal(self._take())] if self._parts[self._place] != "(" else self._set()

        def value(entity: Entity) -> Any:
            found = column(entity)
            return found[0] if isinstance(found, tuple) else found

        return lambda entity: _holds(value(entity), operator, values)

    def _set(self) -> list[Any]:
        self._take()
        found: list[Any] = []
        while (part := self._take()) != ")":
            if part != ",":
                found.append(self._literal(part))
        return found

    @staticmethod
    def _literal(text: str) -> Any:
        if text.startswith("'"):
            return text[1:-1].replace("''", "'")
        return {"true": True, "false": False}.get(text) if text in ("true", "false") else int(text)


def _holds(held: Any, operator: str, values: Sequence[Any]) -> bool:
    first = values[0]
    if operator == "afterTime":
        return held is not None and str(held)[:19] > first
    if operator in ("oneOf", "associateIsOneOf"):
        return held in values
    if operator == "set":
        return bool(held) is first
    if operator in ("eq", "gt", "lt", "ge", "le"):
        numbers = {"eq": held == first, "gt": (held or 0) > first, "lt": (held or 0) < first}
        return numbers.get(operator, False)
    text = str(held or "").casefold()
    tests = {
        "is": text == str(first).casefold(),
        "begins": text.startswith(str(first).casefold()),
        "contains": str(first).casefold() in text,
    }
    if operator not in tests:
        raise BadQuery(f"no operator {operator}")
    return tests[operator]
