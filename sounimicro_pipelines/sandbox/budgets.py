"""What the sellers expect of each customer: a budget file, since the ERP holds none per customer."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore

MONTHS = 12
_STEP = Decimal(500)


def write_budget(store: CompanyStore, file: Path, today: date) -> int:
    """Writes a CSV of customer_number, year, period, amount (excl. VAT) for last year and this; answers its rows.

    Each month is a twelfth of what the customer was invoiced in all those months, to the nearest 500: some months come
    out above it and some below.
    """
    sold: dict[int, Decimal] = defaultdict(Decimal)
    years = (today.year - 1, today.year)
    months = MONTHS + today.month
    for invoice in store.rows("CustomerInvoice"):
        day = str(invoice.get("InvoiceDate") or "")[:10]
        if invoice["CustomerID"] and day[:4] in map(str, years):
            sold[invoice["CustomerID"]] += Decimal(str(invoice.get("TaxExclusiveAmount") or 0))
    rows = 0
    with file.open("w", encoding="utf-8", newline="") as opened:
        out = csv.writer(opened)
        out.writerow(("customer_number", "year", "period", "amount"))
        for customer in store.rows("Customer"):
            amount = (sold[customer["ID"]] / months / _STEP).quantize(Decimal(1), ROUND_HALF_UP) * _STEP
            if amount <= 0:
                continue
            for year in years:
                for period in range(1, MONTHS + 1):
                    out.writerow((customer["CustomerNumber"], year, period, amount))
                    rows += 1
    return rows
