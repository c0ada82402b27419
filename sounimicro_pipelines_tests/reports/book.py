"""A company written by hand: exactly the parties, documents and postings that a case wants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sounimicro_pipelines_tests.reports.ledgers import Company, Party, Record


class Book:
    """Writes exactly what a case wants."""

    def __init__(self) -> None:
        self.company = Company(Random(0))
        for entity in ("Budget", "BudgetEntry"):
            self.company.records[entity].clear()
        self.parties: dict[str, Party] = {}

    def party(self, name: str, role: str = "customer") -> Party:
        self.parties[name] = party = Party(self.company, role)
        party.record.update({"CreditDays": 14, "StatusCode": 30001, "DefaultSellerID": 1})
        return party

    def invoice(self, party: Party, moment: date, items: Sequence[Record], *, due: int = 14, **fields: Any) -> Record:
        """An invoice over items of (net, vat), posted with its voucher; the header is the exact sum, rounded."""
        add = self.company.add
        net = sum((item["SumTotalExVat"] for item in items), Decimal(0)).quantize(Decimal("0.01"))
        gross = sum((item["SumTotalExVat"] + item["SumVat"] for item in items), Decimal(0)).quantize(Decimal("0.01"))
        rounding = fields.get("PayableRoundingAmount", Decimal(0))
        entity, key = (
            ("CustomerInvoice", "CustomerID") if party.role == "customer" else ("SupplierInvoice", "SupplierID")
        )
        head: Record = {
            key: party.id, "StatusCode": 42002 if party.role == "customer" else 30104, "InvoiceDate": moment,
            "InvoiceType": 0 if gross >= 0 else 1, "PaymentDueDate": moment + timedelta(days=due),
            "TaxExclusiveAmount": net, "VatTotalsAmount": gross - net, "TaxInclusiveAmount": gross + rounding,
            "RestAmount": gross + rounding, "DefaultSellerID": 1, "Items": list(items), "Deleted": False,
        }  # fmt: skip
        document = add(entity, **head | fields)
        document["InvoiceNumber"] = str(10000 + document["ID"])
        line = party.post(
            gross + rounding, moment, 5, JournalEntryTypeID=8 if party.role == "customer" else 6,
            DueDate=document["PaymentDueDate"], **{f"{entity}ID": document["ID"]},
        )  # fmt: skip
        document["_line"], document["JournalEntryID"] = line, line["JournalEntryID"]
        return document

    def item(self, net: str, vat: str = "0", **fields: Any) -> Record:
        amount, tax = Decimal(net), Decimal(vat)
        return {
            "ID": self.company.next_id("CustomerInvoiceItem"), "ProductID": 1, "NumberOfItems": 1, "ItemText": "Vare",
            "SumTotalExVat": amount, "SumVat": tax, "SumTotalIncVat": amount + tax, "Deleted": False,
        } | fields  # fmt: skip

    def payment(self, party: Party, amount: str, moment: date, **fields: Any) -> Record:
        kind = 9 if party.role == "customer" else 7
        return party.post(-Decimal(amount), moment, 2, JournalEntryTypeID=kind, **fields)
