"""The ERP's fields as rules name them: which paths there are, reading them from a record, the body that writes them.

A path walks relations by dots and may pick an element of an array: `Info.Name`, `Info.InvoiceAddress.PostalCode`,
`Info.Phones[Type=150102].Number`, `Info.Emails[first].EmailAddress`. A body holds IDs and the changed fields alone;
other elements of an array are left out, which leaves them untouched (vendor reference 5.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.records import Kind
from sounimicro_pipelines.unimicro.model import Field, UnknownName, entity, resolve
from sounimicro_pipelines.unimicro.phones import phone_parts, whole_number

Scalar = str | int | float | Decimal | bool | date | datetime | None
Record = Mapping[str, Any]
GuidOf = Callable[[str], str]
"""The `_createguid` for the object at a place, such as `Info.InvoiceAddress`; the same place gives the same guid."""

_STEP = re.compile(r"(\w+)(?:\[(?:(first)|(\w+)=([\w.-]+))\])?")
_STRUCTURE = re.compile(
    r"(^|\.)(ID|BusinessRelationID|InfoID|ParentBusinessRelationID|Default(Contact|Email|Phone|BankAccount)ID"
    r"|(Invoice|Shipping)AddressID|DimensionsID|WorkPlaceAddressID|\w*NumberSeriesID)$"
)
_WRITABLE_RELATIONS = frozenset(
    ("Info", "InvoiceAddress", "ShippingAddress", "DefaultPhone", "DefaultEmail", "Phones", "Emails", "Addresses")
)
_READ_WITH = {
    "Phones": "DefaultPhone",
    "Emails": "DefaultEmail",
}
_POINTERS = {"Info": ("BusinessRelationID", "InfoID")}
"""The columns that point to an object, where they are not its name with ID."""

_REQUIRED = {("Customer", "Info.Name"), ("Supplier", "Info.Name"), ("Contact", "Info.Name"), ("Project", "Name")}
_RULED = ("Customer", "Supplier", "Contact", "Project")


class CannotBuild(SounimicroError):
    """A write that the ERP's model has no place for."""


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What is known of one field. `max_length` is None when unknown; `list_name` names the register an ID points to."""

    entity: str
    path: str
    kind: Kind
    writable: bool
    required: bool = False
    max_length: int | None = None
    list_name: str | None = None
    personal: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    many: bool = False
    first: bool = False
    where: tuple[str, str] | None = None
    entity: str = ""

    @property
    def label(self) -> str:
        if self.where:
            return f"{self.name}[{self.where[0]}={self.where[1]}]"
        return f"{self.name}[first]" if self.first else self.name


@dataclass(frozen=True, slots=True)
class Holder:
    """An object on the way to a field: its entity, the path that leads to its own fields, and itself.

    `field` is the field's name in the object that holds it, "" in those before.
    """

    entity: str
    prefix: str
    record: Record
    field: str = ""

    @property
    def id(self) -> int:
        return int(self.record.get("ID") or 0)


class FieldRegistry:
    """The fields of the ERP's entities that rules are about: Customer, Supplier, Contact and Project."""

    entities: tuple[str, ...] = _RULED

    def find(self, entity_name: str, path: str) -> FieldInfo | None:
        """The field of that path, or None when there is none."""
        try:
            steps, field = _parse(entity_name, path)
        except UnknownName:
            return None
        writable = (
            not field.read_only
            and not _STRUCTURE.search(path)
            and all(step.name in _WRITABLE_RELATIONS for step in steps)
        )
        return FieldInfo(
            entity=entity_name,
            path=path,
            kind=field.kind,
            writable=writable,
            required=(entity_name, path) in _REQUIRED,
            max_length=field.length or None,
            list_name=_list_of(field),
            personal=field.personal or field.name in ("Number", "EmailAddress"),
        )

    def suggest(self, entity_name: str, path: str) -> str:
        """Why there is no such field, with the nearest valid names; "" when there is one."""
        try:
            _parse(entity_name, path)
        except UnknownName as error:
            return str(error)
        return ""

    def fields(self, entity_name: str) -> list[FieldInfo]:
        """Every field that a rule may name, without the paths that pick other elements of an array."""
        found: list[FieldInfo] = []
        for prefix, at in _places(entity_name):
            for name in entity(at).fields:
                info = self.find(entity_name, f"{prefix}{name}")
                if info is not None:
                    found.append(info)
        return found

    def expand(self, entity_name: str, paths: Iterable[str]) -> tuple[str, ...]:
        """The relations that a read must ask for, so that these paths can be read and written."""
        wanted: dict[str, None] = {}
        for path in paths:
            steps, _ = _parse(entity_name, path)
            names = [step.name for step in steps]
            if names:
                wanted[".".join(names)] = None
                if names[-1] in _READ_WITH:
                    wanted[".".join([*names[:-1], _READ_WITH[names[-1]]])] = None
        return tuple(wanted)

    def read(self, entity_name: str, record: Record, path: str) -> Scalar:
        """The value at a path; None when it or an object on the way is missing.

        A phone's number comes with its country code in front, unless it carries one itself.
        """
        steps, field = _parse(entity_name, path)
        holder = _walk(record, steps)
        if holder is None:
            return None
        value: Scalar = holder.get(field.name)
        if steps and _is_phone(steps[-1]) and field.name == "Number":
            return whole_number(value, holder.get("CountryCode"))
        if field.kind == "date" and isinstance(value, str):
            return value[:10]
        if field.kind == "decimal" and isinstance(value, int | float) and not isinstance(value, bool):
            return Decimal(str(value))
        return value

    def holders(self, entity_name: str, record: Record, path: str) -> list[Holder]:
        """The objects on the way to a field: the record itself, and as far on as there are any."""
        steps, field = _parse(entity_name, path)
        found = [Holder(entity_name, "", record, field.name if not steps else "")]
        for place, step in enumerate(steps, start=1):
            at = _pick(found[-1].record, step)
            if at is None:
                break
            label = f"{found[-1].prefix}{step.label}."
            found.append(Holder(step.entity, label, at, field.name if place == len(steps) else ""))
        return found

    def tells(self, entity_name: str, record: Record, path: str) -> bool:
        """Whether the answer holds the field, blank though it may be; an object that was not expanded does not."""
        steps, _ = _parse(entity_name, path)
        at = record
        for step in steps:
            if step.name not in at and step.many:
                return False
            found = _pick(at, step)
            if found is None:
                points = [at.get(name) for name in _POINTERS.get(step.name, (f"{step.name}ID",))]
                return step.many or bool(at.get(step.name)) or not any(points)
            at = found
        return True

    def patch(
        self, entity_name: str, record: Record, changes: Mapping[str, Scalar], guid: GuidOf, *, whole: bool = False
    ) -> dict[str, Any]:
        """The PUT body that changes these paths of a record that was just read.

        Objects on the way carry their ID; one that does not exist yet is created with `guid`. With `whole` every
        scalar that was read is sent along. Raises CannotBuild for a field that cannot be written.
        """
        body: dict[str, Any] = _scalars(record, entity_name) if whole else {"ID": record["ID"]}
        for path, value in changes.items():
            self._place(entity_name, record, body, path, value, guid, whole=whole)
        return body

    def create(self, entity_name: str, values: Mapping[str, Scalar], guid: GuidOf) -> dict[str, Any]:
        """The POST body of a new record: filled fields only, a guid on each object."""
        body: dict[str, Any] = {"_createguid": guid("")}
        for path, value in values.items():
            if value is None or value == "":
                continue
            self._place(entity_name, {}, body, path, value, guid, whole=False, creating=True)
        return body

    def _place(
        self,
        entity_name: str,
        record: Record,
        body: dict[str, Any],
        path: str,
        value: Scalar,
        guid: GuidOf,
        *,
        whole: bool,
        creating: bool = False,
    ) -> None:
        info = self.find(entity_name, path)
        if info is None or not (info.writable or (creating and _settable_on_create(path))):
            raise CannotBuild(f"The ERP's field {path} of {entity_name} cannot be written.")
        steps, field = _parse(entity_name, path)
        at_body, at_record, place = body, record, ""
        for step in steps:
            place = f"{place}.{step.label}" if place else step.label
            existing = _pick(at_record, step) if at_record else None
            at_body = _child(at_body, step, existing, guid(place), whole=whole)
            at_record = existing or {}
        if steps and _is_phone(steps[-1]) and field.name == "Number":
            at_body.update(phone_parts(value, at_record))
        else:
            try:
                at_body[field.name] = _wire(value, field)
            except (ValueError, ArithmeticError):
                raise CannotBuild(
                    f"The ERP's field {path} of {entity_name} takes a number.", remedy="Give a number."
                ) from None


def _settable_on_create(path: str) -> bool:
    return path in ("ParentBusinessRelationID", "SubAccountNumberSeriesID")


def _parse(entity_name: str, path: str) -> tuple[list[_Step], Field]:
    if entity_name not in _RULED:
        raise UnknownName(f"Rules know no ERP entity «{entity_name}».", remedy=f"Use one of {', '.join(_RULED)}.")
    parts = _split(path)
    plain: list[str] = []
    steps: list[_Step] = []
    for part in parts[:-1]:
        found = _STEP.fullmatch(part)
        if found is None:
            raise UnknownName(f"«{part}» in «{path}» is no step of a path.", remedy="Write Name or Name[Field=value].")
        name, first, key, value = found.groups()
        plain.append(name)
        steps.append(_Step(name, first=bool(first), where=(key, value) if key else None))
    resolved = resolve(entity_name, ".".join([*plain, parts[-1]]))
    for index, relation in enumerate(resolved.steps):
        step = steps[index]
        if relation.many and not (step.first or step.where):
            raise UnknownName(
                f"«{relation.name}» in «{path}» has several elements.",
                remedy=f"Pick one, such as {relation.name}[first] or {relation.name}[Type=150102].",
            )
        if not relation.many and (step.first or step.where):
            raise UnknownName(
                f"«{relation.name}» in «{path}» is one object, not a list.", remedy="Leave the brackets out."
            )
        if step.where and step.where[0] not in entity(relation.entity).fields:
            raise UnknownName(f"{relation.entity} has no field «{step.where[0]}» (in «{path}»).")
        steps[index] = _Step(step.name, relation.many, step.first, step.where, relation.entity)
    return steps, resolved.field


def _split(path: str) -> list[str]:
    return re.findall(r"[^.\[\]]+(?:\[[^\]]*\])?", path) or [path]


def _places(entity_name: str) -> list[tuple[str, str]]:
    places = [("", entity_name)]
    if entity_name == "Project":
        return places
    info = "Info."
    places.append((info, "BusinessRelation"))
    for name, target in (
        ("InvoiceAddress", "Address"),
        ("ShippingAddress", "Address"),
        ("DefaultPhone", "Phone"),
        ("DefaultEmail", "Email"),
        ("Phones[Type=150101]", "Phone"),
        ("Phones[Type=150102]", "Phone"),
    ):
        places.append((f"{info}{name}.", target))
    return places


def _walk(record: Record, steps: list[_Step]) -> Record | None:
    at: Record | None = record
    for step in steps:
        at = _pick(at, step) if at else None
    return at


def _pick(record: Record, step: _Step) -> Record | None:
    value = record.get(step.name)
    if not step.many:
        return value if isinstance(value, Mapping) and not value.get("Deleted") else None
    elements = [one for one in value or () if isinstance(one, Mapping) and not one.get("Deleted")]
    default = record.get(_READ_WITH.get(step.name, ""))
    if isinstance(default, Mapping) and not default.get("Deleted"):
        if step.first:
            return default
        if all(one.get("ID") != default.get("ID") for one in elements):
            elements.append(default)
    elements.sort(key=lambda one: int(one.get("ID") or 0))
    if step.where:
        key, wanted = step.where
        elements = [one for one in elements if str(one.get(key)) == wanted]
    return elements[0] if elements else None


def _child(body: dict[str, Any], step: _Step, existing: Record | None, guid: str, *, whole: bool) -> dict[str, Any]:
    if existing is not None:
        start = _scalars(existing, step.entity) if whole else {"ID": existing["ID"]}
    else:
        start = {"ID": 0, "_createguid": guid} if body.get("ID") else {"_createguid": guid}
        if step.where:
            start[step.where[0]] = int(step.where[1]) if step.where[1].isdigit() else step.where[1]
    if not step.many:
        child: dict[str, Any] = body.setdefault(step.name, start)
        return child
    children: list[dict[str, Any]] = body.setdefault(step.name, [])
    for one in children:
        if one.get("ID") == start.get("ID") and one.get("_createguid") == start.get("_createguid"):
            return one
    children.append(start)
    return start


def _scalars(record: Record, entity_name: str) -> dict[str, Any]:
    relations = entity(entity_name).relations
    found = {
        name: value
        for name, value in record.items()
        if not isinstance(value, Mapping | list) and not name.startswith("_") and name not in relations
    }
    return found | ({"CustomValues": record["CustomValues"]} if record.get("CustomValues") else {})


def _wire(value: Scalar, field: Field) -> Any:
    if value is None or value == "":
        return None if field.kind != "text" else ""
    if field.kind == "int":
        return int(str(value))
    if field.kind == "decimal":
        return Decimal(str(value))
    if field.kind == "bool":
        return value if isinstance(value, bool) else str(value).casefold() == "true"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _is_phone(step: _Step) -> bool:
    return step.name in ("Phones", "DefaultPhone")


def _list_of(field: Field) -> str | None:
    return {
        "PaymentTermsID": "payment_terms",
        "DeliveryTermsID": "delivery_terms",
        "DefaultSellerID": "seller",
        "CurrencyCodeID": "currency",
        "CustomerGroupID": "customer_group",
        "VatTypeID": "vat_type",
        "ProjectApproverID": "user",
        "ProjectCustomerID": "customer",
        "StatusCode": "status",
    }.get(field.name)
