"""The items of the ERP's lists, by the names that the field registry gives them (`FieldInfo.list_name`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sounimicro_pipelines.transport import AccessDenied, NotFound
from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines.unimicro.expressions import where
from sounimicro_pipelines.unimicro.query import Query


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its id, which is what a field holds, and its name."""

    id: str
    name: str


_PAYMENT, _DELIVERY = 1, 2
_LISTS: Final[Mapping[str, tuple[str, str, int | None]]] = {
    "payment_terms": ("Terms", "Name", _PAYMENT),
    "delivery_terms": ("Terms", "Name", _DELIVERY),
    "seller": ("Seller", "Name", None),
    "currency": ("CurrencyCode", "Code", None),
    "vat_type": ("VatType", "Name", None),
    "user": ("User", "DisplayName", None),
}
"""List → entity, the field that names an item, and the type of terms (vendor reference 6.16)."""


async def items_of(company: CompanyClient, name: str) -> tuple[Item, ...] | None:
    """The items of a list by name; None for a list that is not known, or that our user may not read."""
    if name not in _LISTS:
        return None
    entity, label, kind = _LISTS[name]
    columns = (label, "TermsType") if kind is not None else (label,)
    condition = where("TermsType").eq(kind) if kind is not None else None
    try:
        rows = [row async for row in company.list_all(Query(entity, condition, select=columns))]
    except (AccessDenied, NotFound):
        return None
    return tuple(sorted((_item(row, label) for row in rows), key=lambda item: item.name.casefold()))


def _item(row: Mapping[str, Any], label: str) -> Item:
    number = str(row["ID"])
    return Item(number, str(row.get(label) or "").strip() or number)


async def people_of(company: CompanyClient) -> Mapping[str, str]:
    """Names by the identity with which the ERP signs changes; empty where our user may not read them."""
    query = Query("User", select=("DisplayName", "GlobalIdentity"))
    try:
        rows = [row async for row in company.list_all(query)]
    except (AccessDenied, NotFound):
        return {}
    return {str(row["GlobalIdentity"]): str(row.get("DisplayName") or "") for row in rows if row.get("GlobalIdentity")}
