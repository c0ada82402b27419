"""Sales documents: quotes, orders, their transfer to invoices, issuing and crediting invoices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.accounts import Posting
from sounimicro_pipelines.sandbox.unimicro.pricing import Pricing
from sounimicro_pipelines.sandbox.unimicro.store import Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, four, money
from sounimicro_pipelines.sandbox.world.numbers import kid

ITEM_OF = {
    "CustomerQuote": "CustomerQuoteItem",
    "CustomerOrder": "CustomerOrderItem",
    "CustomerInvoice": "CustomerInvoiceItem",
}
_INVOICE, _CREDIT_NOTE = 8, 11


class Sales(Pricing):
    """Sales documents of one company."""

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
            if not net:
                continue
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
            elif line["RestAmount"] == line["Amount"]:
                values["StatusCode"] = 42002
            elif invoice["StatusCode"] != 42007:
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
