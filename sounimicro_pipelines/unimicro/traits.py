"""What the sync wants to know of a record besides its fields: what it is recognised by, its status, who touched it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sounimicro_pipelines.unimicro.expressions import parse_moment
from sounimicro_pipelines.unimicro.fields import FieldRegistry
from sounimicro_pipelines.unimicro.phones import whole_number

_PARTY_STATUS: Final[Mapping[int, str]] = {20001: "pending", 30001: "active", 50001: "inactive", 90001: "deleted"}
_PROJECT_STATUS: Final[Mapping[int, str]] = {
    42201: "registered",
    42202: "offer",
    42203: "in_progress",
    42204: "completed",
    42205: "discarded",
}
NUMBERS: Final[Mapping[str, str]] = {
    "Customer": "CustomerNumber",
    "Supplier": "SupplierNumber",
    "Project": "ProjectNumber",
}
"""The number that people know a record by."""

RECOGNISED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "Customer": (
        "Info",
        "Info.InvoiceAddress",
        "Info.ShippingAddress",
        "Info.DefaultPhone",
        "Info.DefaultEmail",
        "Info.Phones",
        "Info.Emails",
    ),
    "Supplier": (
        "Info",
        "Info.InvoiceAddress",
        "Info.ShippingAddress",
        "Info.DefaultPhone",
        "Info.DefaultEmail",
        "Info.Phones",
        "Info.Emails",
    ),
    "Contact": ("Info", "Info.InvoiceAddress", "Info.DefaultPhone", "Info.DefaultEmail", "Info.Phones", "Info.Emails"),
    "Project": (),
}
"""The relations that `traits_of` reads; a list may be read with the first of them alone."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Everything as it stands on the record. `country` is what the address says, "" when it says nothing."""

    name: str
    org_number: str = ""
    number: str = ""
    postcode: str = ""
    street: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    parent: int | None = None
    relation: int | None = None
    country: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stamp:
    """When an object was changed last, or made, and by whom (the user's global identity); None where it tells not."""

    at: datetime | None
    by: str | None


def traits_of(entity_name: str, record: Mapping[str, Any]) -> Traits:
    """The traits of a record, as far as it was read."""
    if entity_name == "Project":
        status = _PROJECT_STATUS.get(_number(record.get("StatusCode")), str(record.get("StatusCode") or "registered"))
        return Traits(
            name=_text(record.get("Name")),
            number=_text(record.get("ProjectNumber")),
            parent=_number(record.get("ProjectCustomerID")) or None,
            facts={"status": status},
        )
    info = _living(record.get("Info"))
    address = _living(info.get("InvoiceAddress"))
    if not (address.get("PostalCode") or address.get("AddressLine1")):
        address = _living(info.get("ShippingAddress")) or address
    common: dict[str, Any] = {
        "name": _text(info.get("Name")),
        "postcode": _text(address.get("PostalCode")),
        "street": _text(address.get("AddressLine1")),
        "phones": _each(
            whole_number(one.get("Number"), one.get("CountryCode")) or ""
            for one in _elements(info, "DefaultPhone", "Phones")
        ),
        "emails": _each(_text(one.get("EmailAddress")) for one in _elements(info, "DefaultEmail", "Emails")),
        "country": _text(address.get("CountryCode")) or _text(address.get("Country")),
    }
    if entity_name == "Contact":
        return Traits(**common, parent=_number(record.get("ParentBusinessRelationID")) or None)
    facts = {"status": status_word(record)}
    if entity_name == "Customer":
        facts["group"] = str(_number(record.get("CustomerGroupID")) or "")
    web = _text(record.get("WebUrl"))
    return Traits(
        **common,
        org_number=_text(record.get("OrgNumber")),
        number=_text(record.get(NUMBERS[entity_name])),
        urls=(web,) if web else (),
        relation=_number(record.get("BusinessRelationID")) or None,
        facts=facts,
    )


def status_word(record: Mapping[str, Any]) -> str:
    """A customer's or supplier's status in words; one without a status is in use."""
    code = _number(record.get("StatusCode"))
    return _PARTY_STATUS.get(code, str(code)) if code else "active"


def is_gone(entity_name: str, record: Mapping[str, Any]) -> bool:
    """Whether people have deleted the record: marked as deleted, or a party with the status deleted (6.2)."""
    if str(record.get("Deleted")).lower() in ("true", "1"):
        return True
    return entity_name in ("Customer", "Supplier") and status_word(record) == "deleted"


def stamp_of(record: Mapping[str, Any]) -> Stamp:
    """An object's own stamps; one that was never changed has only those of its making (reference, 4.1)."""
    updated = parse_moment(record.get("UpdatedAt"))
    at = updated or parse_moment(record.get("CreatedAt"))
    by = record.get("UpdatedBy") if updated else record.get("CreatedBy")
    return Stamp(at, str(by) if by else None)


def created_by(record: Mapping[str, Any]) -> str | None:
    """Who made the record."""
    return str(record["CreatedBy"]) if record.get("CreatedBy") else None


def created_at(record: Mapping[str, Any]) -> datetime | None:
    """When the record was made, in UTC."""
    return parse_moment(record.get("CreatedAt"))


def newest_stamp(registry: FieldRegistry, entity_name: str, record: Mapping[str, Any], paths: Iterable[str]) -> str:
    """The newest stamp among the record and the objects that hold these paths, "" when none has any."""
    holders = [record, *(one.record for path in paths for one in registry.holders(entity_name, record, path))]
    moments = [stamp.at for stamp in map(stamp_of, holders) if stamp.at is not None]
    return max(moments).isoformat() if moments else ""


def _elements(info: Mapping[str, Any], default: str, listed: str) -> list[Mapping[str, Any]]:
    found = {id(one): one for one in (_living(info.get(default)), *map(_living, info.get(listed) or ())) if one}
    return list(found.values())


def _living(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) and not value.get("Deleted") else {}


def _each(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0
