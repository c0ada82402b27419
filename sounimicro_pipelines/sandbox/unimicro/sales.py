"""Sales documents: lines and totals, quotes, orders, their transfer to invoices, issuing and crediting invoices.

Amounts in company currency and in the document's own stand side by side; a line's sums are rounded to øre, a head's
totals are the sums of its lines plus the header's rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.accounts import Books, Posting
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, four, money
from sounimicro_pipelines.sandbox.world.numbers import kid

ITEM_OF = {
    "CustomerQuote": "CustomerQuoteItem",
    "CustomerOrder": "CustomerOrderItem",
    "CustomerInvoice": "CustomerInvoiceItem",
}
NOK = 1
_INVOICE, _CREDIT_NOTE = 8, 11
_HUNDRED = Decimal(100)


class Sales:
    """Sales documents of one company."""

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

    def document(
        self,
        entity: str,
        values: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]],
        *,
        item_status: int | None,
        sellers: Sequence[tuple[int, int]] = (),
        round_to_kroner: bool = False,
    ) -> tuple[Row, list[Row]]:
        """A head with its lines and sellers (seller id and percent). Returns head and lines."""
        totals = self.totals(lines, round_to_kroner=round_to_kroner)
        head = self.store.insert(entity, {**values, **totals})
        items = [
            self.store.insert(
                ITEM_OF[entity],
                {
                    f"{entity}ID": head["ID"],
                    "SortIndex": place,
                    "StatusCode": item_status,
                    "DimensionsID": values.get("DefaultDimensionsID"),
                    **line,
                },
            )
            for place, line in enumerate(lines, start=1)
        ]
        for seller, percent in sellers:
            amount = money(totals["TaxExclusiveAmount"] * percent / 100)
            self.store.insert(
                "SellerLink",
                {"SellerID": seller, "Percent": four(percent), "Amount": amount, f"{entity}ID": head["ID"]},
            )
        return head, items

    def issue(self, invoice_id: int, day: date) -> Row:
        """Draft → invoiced: number, KID, due date and voucher. Works for credit notes too."""
        store = self.store
        invoice = store.table("CustomerInvoice").rows[invoice_id]
        credit = invoice.get("InvoiceType") == 1
        number = str(self.books.take_number("Customer Invoice number series"))
        due = day if credit else day + timedelta(days=invoice.get("CreditDays") or 0)
        reference = kid(f"{int(number):08d}{invoice['CustomerID']:06d}")
        text = f"{'Kreditnota' if credit else 'Faktura'} {number}"
        items = store.find("CustomerInvoiceItem", CustomerInvoiceID=invoice_id)
        gross, gross_own = invoice["TaxInclusiveAmount"], invoice["TaxInclusiveAmountCurrency"]
        currency = {
            "CurrencyCodeID": invoice["CurrencyCodeID"],
            "CurrencyExchangeRate": invoice["CurrencyExchangeRate"],
        }
        postings = [
            Posting(
                1500,
                gross,
                self.books.sub_account(customer=invoice["CustomerID"]),
                {
                    "InvoiceNumber": number,
                    "PaymentID": reference,
                    "DueDate": due.isoformat(),
                    "CustomerInvoiceID": invoice_id,
                    "AmountCurrency": gross_own,
                    **currency,
                },
            ),
            *self._income(items),
        ]
        rounding = invoice.get("PayableRoundingAmount") or ZERO
        if rounding:
            postings.append(Posting(3740, -rounding))
        entry, _ = self.books.post(
            _CREDIT_NOTE if credit else _INVOICE,
            day,
            text,
            postings,
            {"InvoiceNumber": number, "DimensionsID": invoice.get("DefaultDimensionsID")},
        )
        for item in items:
            store.change("CustomerInvoiceItem", item["ID"], {"StatusCode": 41302}, touch=False)
        return store.change(
            "CustomerInvoice",
            invoice_id,
            {
                "InvoiceNumber": number,
                "PaymentID": reference,
                "InvoiceDate": day.isoformat(),
                "PaymentDueDate": due.isoformat(),
                "DeliveryDate": invoice.get("DeliveryDate") or day.isoformat(),
                "RestAmount": gross,
                "RestAmountCurrency": gross_own,
                "JournalEntryID": entry["ID"],
                "StatusCode": 42002,
            },
        )

    def _income(self, items: Sequence[Row]) -> list[Posting]:
        """The income and VAT lines: one per account, VAT type and dimensions, and one per VAT account."""
        income: dict[tuple[int, int, int | None], list[Row]] = {}
        for item in items:
            key = (item.get("AccountID") or self.books.account(3000), item["VatTypeID"], item.get("DimensionsID"))
            income.setdefault(key, []).append(item)
        postings: list[Posting] = []
        vat: dict[int, Decimal] = {}
        for (account, vat_type, dimensions), rows in income.items():
            net = sum((row["SumTotalExVat"] for row in rows), ZERO)
            tax = sum((row["SumVat"] for row in rows), ZERO)
            more = {
                "VatTypeID": vat_type,
                "VatPercent": rows[0]["VatPercent"],
                "TaxBasisAmount": -net,
                "DimensionsID": dimensions,
            }
            number = self.store.table("Account").rows[account]["AccountNumber"]
            postings.append(Posting(number, -net, None, more))
            if tax:
                kind = self.store.table("VatType").rows[vat_type]
                goal = self.store.table("Account").rows[kind["OutgoingAccountID"]]["AccountNumber"]
                vat[goal] = vat.get(goal, ZERO) - tax
        return postings + [Posting(account, amount) for account, amount in vat.items()]

    def credit(self, invoice_id: int, day: date, *, share: Decimal = Decimal(1)) -> Row:
        """Credits an issued invoice, wholly or a share of each line's quantity, and matches what is still open."""
        draft = self.credit_draft(invoice_id, share=share)
        note = self.issue(draft["ID"], day)
        original, credit = self.receivable(invoice_id), self.receivable(note["ID"])
        amount = min(original["RestAmount"], -credit["RestAmount"])
        if amount > 0:
            rate = original["CurrencyExchangeRate"]
            self.books.match(credit["ID"], original["ID"], amount, day, money(amount / rate) if rate != 1 else None)
        invoice = self.store.table("CustomerInvoice").rows[invoice_id]
        credited = (invoice.get("CreditedAmount") or ZERO) - note["TaxInclusiveAmount"]
        whole = credited >= invoice["TaxInclusiveAmount"]
        self.store.change(
            "CustomerInvoice",
            invoice_id,
            {
                "Credited": whole,
                "CreditedAmount": credited,
                "CreditedAmountCurrency": money(credited / invoice["CurrencyExchangeRate"]),
                "StatusCode": 42006 if whole else 42007,
            },
        )
        self.refresh(invoice_id, keep_status=True)
        return self.refresh(note["ID"])

    def credit_draft(self, invoice_id: int, *, share: Decimal = Decimal(1)) -> Row:
        """A draft credit note of an invoice: the same lines with negative quantities."""
        store = self.store
        invoice = store.table("CustomerInvoice").rows[invoice_id]
        rate = invoice["CurrencyExchangeRate"]
        lines = []
        for item in store.find("CustomerInvoiceItem", CustomerInvoiceID=invoice_id):
            product = store.get("Product", item.get("ProductID"))
            line = self.line(
                product,
                -item["NumberOfItems"] * share,
                item["PriceExVatCurrency"],
                discount=item["DiscountPercent"],
                rate=Decimal(rate),
            )
            kept = {"ItemText": item.get("ItemText"), "DimensionsID": item.get("DimensionsID")}
            lines.append({**line, **kept, "AccountID": item.get("AccountID"), "OrderItemId": item.get("OrderItemId")})
        copied = {
            name: value
            for name, value in invoice.items()
            if name.startswith(
                (
                    "Customer",
                    "Invoice",
                    "Default",
                    "Currency",
                    "Our",
                    "Your",
                    "Sales",
                    "Credit",
                    "Payment",
                    "Requisition",
                    "Email",
                )
            )
            and name
            not in (
                "InvoiceNumber",
                "InvoiceDate",
                "PaymentDueDate",
                "PaymentID",
                "Credited",
                "CreditedAmount",
                "CreditedAmountCurrency",
            )
        }
        links = store.table("SellerLink").with_key("CustomerInvoiceID", invoice_id)
        draft, _ = self.document(
            "CustomerInvoice",
            {**copied, "InvoiceType": 1, "InvoiceReferenceID": invoice_id, "StatusCode": 42001},
            lines,
            item_status=41301,
            sellers=[(link["SellerID"], int(link["Percent"])) for link in links if not link.get("Deleted")],
            round_to_kroner=bool(invoice.get("PayableRoundingAmount")),
        )
        return draft

    def receivable(self, invoice_id: int) -> Row:
        """The line of an issued invoice in the customer ledger."""
        lines = self.store.table("JournalEntryLine").with_key("CustomerInvoiceID", invoice_id)
        return next(line for line in lines if line.get("SubAccountID"))

    def refresh(self, invoice_id: int, *, paid_on: date | None = None, keep_status: bool = False) -> Row:
        """Makes an invoice's rest and status follow its ledger line."""
        line = self.receivable(invoice_id)
        invoice = self.store.table("CustomerInvoice").rows[invoice_id]
        values: dict[str, Any] = {"RestAmount": line["RestAmount"], "RestAmountCurrency": line["RestAmountCurrency"]}
        if paid_on is not None:
            values["LastPaymentDate"] = paid_on.isoformat()
        if not keep_status and invoice["StatusCode"] != 42006:
            if line["RestAmount"] == 0:
                values["StatusCode"] = 42004
            elif line["RestAmount"] != line["Amount"] and invoice["StatusCode"] != 42007:
                values["StatusCode"] = 42003
        return self.store.change("CustomerInvoice", invoice_id, values)

    def order_rest(self, order_id: int) -> dict[str, Any]:
        """What an order has left to invoice, in its currency, and the status that follows."""
        items = self.store.find("CustomerOrderItem", CustomerOrderID=order_id)
        net = gross = ZERO
        for item in items:
            if item["StatusCode"] != 41102:
                continue
            done = sum(
                (line["NumberOfItems"] for line in self.store.find("CustomerInvoiceItem", OrderItemId=item["ID"])), ZERO
            )
            left = max(ZERO, item["NumberOfItems"] - done)
            share = left / item["NumberOfItems"] if item["NumberOfItems"] else ZERO
            net += money(item["SumTotalExVatCurrency"] * share)
            gross += money(item["SumTotalIncVatCurrency"] * share)
        statuses = {item["StatusCode"] for item in items}
        values: dict[str, Any] = {"RestExclusiveAmountCurrency": net, "RestAmountCurrency": gross}
        if 41103 in statuses:
            values["StatusCode"] = 41003 if 41102 in statuses else 41004
        return values

    def transfer(self, order_id: int, quantities: Mapping[int, Decimal | None], day: date) -> Row:
        """Order lines → a draft invoice. A quantity of None transfers the whole line; another leaves a line that is
        not fully covered registered."""
        store = self.store
        order = store.table("CustomerOrder").rows[order_id]
        lines = []
        for item_id, wanted in quantities.items():
            item = store.table("CustomerOrderItem").rows[item_id]
            quantity = item["NumberOfItems"] if wanted is None else wanted
            line = self.line(
                store.get("Product", item.get("ProductID")),
                quantity,
                item["PriceExVatCurrency"],
                discount=item["DiscountPercent"],
                rate=Decimal(order["CurrencyExchangeRate"]),
            )
            kept = {name: item.get(name) for name in ("ItemText", "DimensionsID", "AccountID")}
            lines.append({**line, **kept, "OrderItemId": item_id})
            if quantity >= item["NumberOfItems"]:
                store.change("CustomerOrderItem", item_id, {"StatusCode": 41103})
        head = {
            name: value
            for name, value in order.items()
            if name.startswith(
                (
                    "Customer",
                    "Invoice",
                    "Shipping",
                    "Default",
                    "Currency",
                    "Our",
                    "Your",
                    "Sales",
                    "Credit",
                    "Payment",
                    "Requisition",
                    "Email",
                )
            )
        }
        links = store.table("SellerLink").with_key("CustomerOrderID", order_id)
        draft, items = self.document(
            "CustomerInvoice",
            {**head, "InvoiceType": 0, "StatusCode": 42001, "DeliveryDate": day.isoformat()},
            lines,
            item_status=41301,
            sellers=[(link["SellerID"], int(link["Percent"])) for link in links if not link.get("Deleted")],
        )
        for item in items:
            store.insert(
                "Tracelink",
                {
                    "SourceEntityName": "CustomerOrderItem",
                    "SourceInstanceID": item["OrderItemId"],
                    "DestinationEntityName": "CustomerInvoiceItem",
                    "DestinationInstanceID": item["ID"],
                    "Date": day.isoformat(),
                },
            )
        store.change("CustomerOrder", order_id, self.order_rest(order_id))
        return draft
