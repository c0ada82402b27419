"""The products that are sold, and how they are booked."""

from __future__ import annotations

from decimal import Decimal

from sounimicro_pipelines.sandbox.unimicro.accounts import Books
from sounimicro_pipelines.sandbox.unimicro.store import Row
from sounimicro_pipelines.sandbox.unimicro.values import money

PRODUCTS = (
    ("P40", "Pumpe 40", "stk", 4000, 1),
    ("P60", "Pumpe 60", "stk", 6250, 1),
    ("K16", "Kabel 16 mm²", "m", 89, 1),
    ("K25", "Kabel 25 mm²", "m", 132, 1),
    ("S100", "Sikringsskap 100 A", "stk", 8450, 1),
    ("S63", "Sikringsskap 63 A", "stk", 5290, 1),
    ("L1", "LED-armatur 40 W", "stk", 689, 1),
    ("L2", "LED-armatur 60 W", "stk", 949, 1),
    ("V12", "Ventil 12", "stk", 312, 1),
    ("V20", "Ventil 20", "stk", 487, 1),
    ("F8", "Frekvensomformer 8 kW", "stk", 12400, 1),
    ("M3", "Motor 3 kW", "stk", 5120, 1),
    ("R50", "Rør 50 mm", "m", 146, 1),
    ("T1", "Montering", "t", 1000, 2),
    ("T2", "Service", "t", 1150, 2),
    ("T3", "Prosjektledelse", "t", 1390, 2),
    ("K1", "Kjøring", "km", 12, 2),
    ("M15", "Kantinevarer", "stk", 58, 3),
    ("D1", "Dokumentasjon, avgiftsfri", "stk", 450, 4),
    ("X1", "Reservedelspakke", "sett", 2349, 1),
)
"""Number, name, unit, price, and kind: 1 goods, 2 services, 3 middle VAT rate, 4 no VAT."""


_ACCOUNT = {1: 3000, 2: 3010, 3: 3020, 4: 3100}
_VAT = {1: 3, 2: 3, 3: 4, 4: 5}


def stock(books: Books) -> list[Row]:
    """Adds the products to a company."""
    return [
        books.store.insert(
            "Product",
            {
                "PartName": number,
                "Name": name,
                "Type": 2 if kind == 2 else 1,
                "PriceExVat": money(price),
                "PriceIncVat": money(Decimal(price) * Decimal("1.25")),
                "CostPrice": money(Decimal(price) * Decimal("0.62")),
                "Unit": unit,
                "VatTypeID": _VAT[kind],
                "AccountID": books.account(_ACCOUNT[kind]),
                "StatusCode": 35001,
            },
        )
        for number, name, unit, price, kind in PRODUCTS
    ]
