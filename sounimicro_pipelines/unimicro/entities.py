"""What is read in bulk from the ERP: one spec per entity, parents before children (reference, section 6).

Lines of documents come with their head by `expand=Items`, so that a head and its lines are of one moment; the lines'
own stamps are polled to find heads that must be read again. Lists are trimmed by `select` only where nothing is
expanded. Required is what the ERP always fills; a record without it is quarantined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from sounimicro_pipelines.records import ChildTable, Column, EntitySpec
from sounimicro_pipelines.unimicro.model import entity as model_of

PAGE_PLAIN = 1000
PAGE_EXPANDED = 500
"""The vendor documents no maximum; 1000 and 200 to 500 with expands are what others use (reference, 2.5)."""


def table_name(entity: str) -> str:
    """`CustomerInvoiceItem` → `customer_invoice_item`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", entity).lower()


def _columns(entity: str, *required: str) -> tuple[Column, ...]:
    return tuple(
        Column(name=one.name, kind=one.kind, required=one.required or one.name in required, personal=one.personal)
        for one in model_of(entity).fields.values()
    )


def _child(
    entity: str,
    path: str,
    parent_column: str,
    *,
    touch: Literal["route", "statistics", "none"],
    required: tuple[str, ...] = (),
) -> ChildTable:
    return ChildTable(
        entity=entity,
        table=table_name(entity),
        path=path,
        columns=_columns(entity, *required),
        parent_column=parent_column,
        touch=touch,
        touch_route=model_of(entity).route if touch == "route" else "",
    )


def _spec(
    entity: str,
    *children: ChildTable,
    required: tuple[str, ...] = (),
    single: bool = False,
) -> EntitySpec:
    expand = tuple(child.path for child in children)
    return EntitySpec(
        entity=entity,
        table=table_name(entity),
        route=model_of(entity).route,
        columns=_columns(entity, *required),
        children=children,
        expand=expand,
        select=not expand and not single,
        page_size=PAGE_EXPANDED if expand else PAGE_PLAIN,
        optional=entity not in ESSENTIAL,
        options={"single": "1"} if single else {},
    )


ESSENTIAL = {
    "Customer",
    "Supplier",
    "BusinessRelation",
    "Account",
    "JournalEntryLine",
    "CustomerInvoice",
    "SupplierInvoice",
}
"""Without one of these the figures would be wrong; without another register they only lack what it holds."""

LEDGER = "JournalEntryLine"
"""The register of posted lines, with which all figures tie out."""

SPECS: tuple[EntitySpec, ...] = (
    _spec("CompanySettings", single=True),
    _spec("CurrencyCode", required=("Code",)),
    _spec("User"),
    _spec("NumberSeries"),
    _spec("Terms"),
    _spec("VatType", _child("VatTypePercentage", "VatTypePercentages", "VatTypeID", touch="none")),
    _spec("AccountGroup"),
    _spec("FinancialYear", required=("Year",)),
    _spec("Period", required=("No", "AccountYear")),
    _spec("JournalEntryType"),
    _spec("Department"),
    _spec(
        "BusinessRelation",
        _child("Address", "Addresses", "BusinessRelationID", touch="statistics"),
        _child("Phone", "Phones", "BusinessRelationID", touch="statistics"),
        _child("Email", "Emails", "BusinessRelationID", touch="statistics"),
    ),
    _spec("Customer"),
    _spec("Supplier"),
    _spec("Contact"),
    _spec("Project"),
    _spec("Dimensions"),
    _spec("Seller"),
    _spec("SellerLink"),
    _spec("Account", required=("AccountNumber",)),
    _spec("Product"),
    _spec("CustomerQuote", _child("CustomerQuoteItem", "Items", "CustomerQuoteID", touch="route")),
    _spec("CustomerOrder", _child("CustomerOrderItem", "Items", "CustomerOrderID", touch="route")),
    _spec("CustomerInvoice", _child("CustomerInvoiceItem", "Items", "CustomerInvoiceID", touch="route")),
    _spec("CustomerInvoiceReminder"),
    _spec("SupplierInvoice", _child("SupplierInvoiceItem", "Items", "SupplierInvoiceID", touch="statistics")),
    _spec("JournalEntry"),
    _spec("JournalEntryLine"),
    _spec("PostPost", required=("Amount",)),
    _spec("Payment"),
    _spec("Budget"),
    _spec("BudgetEntry"),
    _spec("File", _child("FileEntityLink", "EntityLinks", "FileID", touch="statistics")),
)


def spec_of(entity: str, specs: Sequence[EntitySpec] = SPECS) -> EntitySpec:
    """The spec of an entity by its vendor name. Raises KeyError when it is not read in bulk."""
    for spec in specs:
        if spec.entity == entity:
            return spec
    raise KeyError(entity)
