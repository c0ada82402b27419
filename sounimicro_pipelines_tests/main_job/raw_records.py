"""The sandbox's own rows in the shape of the vendor's JSON, for the plain-Python oracle: children in their parents."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sounimicro_pipelines.sandbox import Sandbox

REGISTERS = (
    "Account", "AccountGroup", "Budget", "BudgetEntry", "BusinessRelation", "CompanySettings", "CurrencyCode",
    "Customer", "CustomerInvoice", "CustomerInvoiceReminder", "CustomerOrder", "CustomerQuote", "Department",
    "Dimensions", "File", "JournalEntryLine", "Period", "PostPost", "Product", "Project", "Seller", "SellerLink",
    "Supplier", "SupplierInvoice", "Terms",
)  # fmt: skip
CHILDREN = {
    ("CustomerInvoice", "Items"): ("CustomerInvoiceItem", "CustomerInvoiceID"),
    ("CustomerOrder", "Items"): ("CustomerOrderItem", "CustomerOrderID"),
    ("CustomerQuote", "Items"): ("CustomerQuoteItem", "CustomerQuoteID"),
    ("SupplierInvoice", "Items"): ("SupplierInvoiceItem", "SupplierInvoiceID"),
    ("File", "EntityLinks"): ("FileEntityLink", "FileID"),
}


def raw_records(sandbox: Sandbox, company: int) -> dict[str, list[dict[str, Any]]]:
    """Every register that the reports are made from, deleted rows included."""
    erp = sandbox.erp
    records = {name: erp.rows(company, name, deleted=True) for name in REGISTERS}
    for (parent, path), (entity, key) in CHILDREN.items():
        children = defaultdict(list)
        for row in erp.rows(company, entity, deleted=True):
            children[row[key]].append(row)
        for row in records[parent]:
            row[path] = children[row["ID"]]
    return records
