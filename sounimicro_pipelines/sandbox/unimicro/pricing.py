"""What documents cost: lines, totals, and what a head takes over from its customer.

Amounts in company currency and in the document's own stand side by side; a line's sums are rounded to øre, a head's
totals are the sums of its lines plus the header's rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.accounts import Books
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, four, money

NOK = 1
_HUNDRED = Decimal(100)


class Pricing:
    """Computes lines and heads on one company."""

    def __init__(self, store: CompanyStore, books: Books) -> None:
        self.store = store
        self.books = books

    def line(
        self,
        product: Row | None,
        quantity: Decimal,
        price: Decimal,
        *,
        discount: Decimal | int = 0,
        rate: Decimal = Decimal(1),
    ) -> dict[str, Any]:
        """The fields of a line. `price` is per unit without VAT in the document's currency; `rate` converts to NOK."""
        vat_type = (product or {}).get("VatTypeID", 3)
        percent = self.vat_percent(vat_type) if rate == 1 else ZERO
        net = money(price * quantity * (_HUNDRED - discount) / _HUNDRED)
        vat = money(net * percent / _HUNDRED)
        own_net, own_vat = money(net * rate), money(vat * rate)
        cost = (product or {}).get("CostPrice", ZERO)
        return {
            "ProductID": (product or {}).get("ID"),
            "ItemText": (product or {}).get("Name", "Arbeid etter avtale"),
            "NumberOfItems": four(quantity),
            "Unit": (product or {}).get("Unit", "stk"),
            "PriceExVat": four(price * rate),
            "PriceIncVat": four(price * rate * (_HUNDRED + percent) / _HUNDRED),
            "PriceExVatCurrency": four(price),
            "Discount": money(price * quantity * rate - own_net) if discount else ZERO,
            "DiscountCurrency": money(price * quantity - net) if discount else ZERO,
            "DiscountPercent": four(discount),
            "VatTypeID": vat_type if rate == 1 else 6,
            "VatPercent": four(percent),
            "SumTotalExVat": own_net,
            "SumVat": own_vat,
            "SumTotalIncVat": own_net + own_vat,
            "SumTotalExVatCurrency": net,
            "SumVatCurrency": vat,
            "SumTotalIncVatCurrency": net + vat,
            "CostPrice": cost,
            "SumCostPrice": money(cost * quantity),
            "ContributionMargin": own_net - money(cost * quantity),
            "AccountID": (product or {}).get("AccountID") if rate == 1 else self.books.account(3100),
            "CurrencyCodeID": NOK if rate == 1 else 2,
            "CurrencyExchangeRate": four(rate),
        }

    def vat_percent(self, vat_type: int) -> Decimal:
        rows = self.store.table("VatTypePercentage").with_key("VatTypeID", vat_type)
        return Decimal(rows[0]["VatPercent"]) if rows else ZERO

    def totals(self, lines: Sequence[Mapping[str, Any]], *, round_to_kroner: bool = False) -> dict[str, Any]:
        """A head's totals from its lines."""
        net = sum((line["SumTotalExVat"] for line in lines), ZERO)
        vat = sum((line["SumVat"] for line in lines), ZERO)
        net_own = sum((line["SumTotalExVatCurrency"] for line in lines), ZERO)
        vat_own = sum((line["SumVatCurrency"] for line in lines), ZERO)
        gross = net + vat
        rounding = money(gross.quantize(Decimal(1)) - gross) if round_to_kroner else ZERO
        cost = sum((line["SumCostPrice"] for line in lines), ZERO)
        return {
            "TaxExclusiveAmount": net,
            "VatTotalsAmount": vat,
            "TaxInclusiveAmount": gross + rounding,
            "TaxExclusiveAmountCurrency": net_own,
            "VatTotalsAmountCurrency": vat_own,
            "TaxInclusiveAmountCurrency": net_own + vat_own + rounding,
            "PayableRoundingAmount": rounding,
            "PayableRoundingCurrencyAmount": rounding,
            "CostPriceAmount": cost,
            "ContributionMarginAmount": net - cost,
            "ContributionPercent": four((net - cost) * 100 / net) if net else ZERO,
        }

    def head(self, customer: Row) -> dict[str, Any]:
        """What a document takes over from its customer."""
        relation = self.store.get("BusinessRelation", customer["BusinessRelationID"]) or {}
        address = self.store.get("Address", relation.get("InvoiceAddressID")) or {}
        shipping = self.store.get("Address", relation.get("ShippingAddressID")) or address
        seller = self.store.get("Seller", customer.get("DefaultSellerID")) or {}
        email = self.store.get("Email", relation.get("DefaultEmailID")) or {}
        contact = self.store.get("Contact", relation.get("DefaultContactID")) or {}
        person = self.store.get("BusinessRelation", contact.get("InfoID")) or {}
        terms = self.store.get("Terms", customer.get("PaymentTermsID")) or {}
        return {
            "CustomerID": customer["ID"],
            "CustomerName": relation.get("Name"),
            "CustomerOrgNumber": customer.get("OrgNumber"),
            "EmailAddress": email.get("EmailAddress"),
            "OurReference": seller.get("Name"),
            "YourReference": person.get("Name"),
            "SalesPerson": seller.get("Name"),
            "DefaultSellerID": customer.get("DefaultSellerID"),
            "CreditDays": customer.get("CreditDays"),
            "PaymentTermsID": customer.get("PaymentTermsID"),
            "PaymentTerm": terms.get("Name"),
            "InvoiceReceiverName": relation.get("Name"),
            "InvoiceAddressLine1": address.get("AddressLine1"),
            "InvoicePostalCode": address.get("PostalCode"),
            "InvoiceCity": address.get("City"),
            "InvoiceCountry": address.get("Country"),
            "InvoiceCountryCode": address.get("CountryCode"),
            "ShippingAddressLine1": shipping.get("AddressLine1"),
            "ShippingPostalCode": shipping.get("PostalCode"),
            "ShippingCity": shipping.get("City"),
            "CurrencyCodeID": NOK,
            "CurrencyExchangeRate": four(1),
        }
