"""The invoices that the extraction is measured with: some 1.3 KB each with 1 to 10 lines, the same for every side."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sounimicro_pipelines.records import EntitySpec
from sounimicro_pipelines.unimicro.entities import spec_of

HEAD = (
    "ID InvoiceNumber InvoiceType CustomerID CustomerName InvoiceDate PaymentDueDate DeliveryDate OurReference"
    " YourReference Requisition CurrencyCodeID CurrencyExchangeRate TaxExclusiveAmount TaxInclusiveAmount"
    " VatTotalsAmount RestAmount StatusCode PaymentID JournalEntryID Credited Deleted CreatedAt UpdatedAt InvoiceCity"
    " InvoicePostalCode DefaultDimensionsID DefaultSellerID"
)
LINE = (
    "ID CustomerInvoiceID SortIndex ProductID ItemText NumberOfItems PriceExVat VatPercent SumTotalExVat SumVat"
    " SumTotalIncVat StatusCode Deleted UpdatedAt"
)
_FIRST = datetime(2025, 1, 1, 6, tzinfo=UTC)


def invoice_spec() -> EntitySpec:
    """The product's own invoice spec, cut to the fields that the measured records carry."""
    spec = spec_of("CustomerInvoice")
    lines = spec.children[0]
    lines = replace(lines, columns=tuple(column for column in lines.columns if column.name in LINE.split()))
    columns = tuple(column for column in spec.columns if column.name in HEAD.split())
    return replace(spec, columns=columns, children=(lines,), page_size=1000)


def render(count: int, *, changed_percent: float = 0.0, seed: int = 1) -> list[bytes]:
    """`count` invoices with ids from 1 as JSON; with a share of them changed against the same seed without."""
    chance = random.Random(seed)
    change = random.Random(seed + 1)
    line_id = 0
    found = []
    for key in range(1, count + 1):
        created = _FIRST + timedelta(seconds=97 * key)
        day = created.date()
        lines = []
        total = 0
        for place in range(min(10, 1 + int(chance.expovariate(0.55)))):
            line_id += 1
            pieces, price = chance.randint(1, 20), chance.randint(500, 500000)
            total += pieces * price
            lines.append({
                "ID": line_id, "CustomerInvoiceID": key, "SortIndex": place + 1, "ProductID": chance.randint(1, 4000),
                "ItemText": f"Vare {chance.randint(1, 4000)}, levert", "NumberOfItems": float(pieces),
                "PriceExVat": price / 100, "VatPercent": 25.0, "SumTotalExVat": pieces * price / 100,
                "SumVat": pieces * price / 400, "SumTotalIncVat": pieces * price / 80, "StatusCode": 41302,
                "Deleted": False, "UpdatedAt": None,
            })  # fmt: skip
        is_changed = change.random() * 100 < changed_percent
        stamp = f"{created:%Y-%m-%dT%H:%M:%S}.{key % 1000:03}Z"
        found.append(json.dumps({
            "ID": key, "InvoiceNumber": str(50000 + key), "InvoiceType": 0, "CustomerID": chance.randint(1, 50000),
            "CustomerName": f"Kunde {chance.randint(1, 50000)} Mekaniske Verksted AS", "InvoiceDate": str(day),
            "PaymentDueDate": str(day + timedelta(days=14)), "DeliveryDate": str(day), "OurReference": "Kari Selger",
            "YourReference": "Ola Vik", "Requisition": f"PO-{chance.randint(1000, 99999)}", "CurrencyCodeID": 1,
            "CurrencyExchangeRate": 1.0, "TaxExclusiveAmount": total / 100, "TaxInclusiveAmount": total / 80,
            "VatTotalsAmount": total / 400, "RestAmount": 0.0 if key % 3 else total / 80,
            "StatusCode": 42004 if key % 3 else 42002, "PaymentID": f"{key:013}", "JournalEntryID": 4410 + key,
            "Credited": False, "Deleted": False, "CreatedAt": stamp,
            "UpdatedAt": f"{created + timedelta(days=30):%Y-%m-%dT%H:%M:%S}Z" if is_changed else None,
            "InvoiceCity": "BERGEN", "InvoicePostalCode": f"{chance.randint(1, 9999):04}",
            "DefaultDimensionsID": chance.randint(1, 900), "DefaultSellerID": chance.randint(1, 40), "Items": lines,
        }, ensure_ascii=False, separators=(",", ":")).encode())  # fmt: skip
    return found
