"""Money in and out: customers' payments, supplier invoices and their payments, reminders and collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.accounts import Posting
from sounimicro_pipelines.sandbox.unimicro.pricing import NOK
from sounimicro_pipelines.sandbox.unimicro.sales import Sales
from sounimicro_pipelines.sandbox.unimicro.store import Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, four, money

_CUSTOMER_PAYMENT, _SUPPLIER_INVOICE, _SUPPLIER_PAYMENT, _REMINDER, _SUPPLIER_CREDIT = 9, 6, 7, 10, 14
_BANK, _RECEIVABLES, _PAYABLES, _INPUT_VAT = 1920, 1500, 2400, 2710


class MoneyFlows:
    """Payments and purchases of one company."""

    def __init__(self, sales: Sales) -> None:
        self.sales = sales
        self.store = sales.store
        self.books = sales.books

    def receive(
        self, customer_id: int, amount: Decimal, day: date, *, invoice_id: int | None = None, match: bool = True
    ) -> Row:
        """Money from a customer in NOK. Matched with the invoice as far as it goes; the rest stays open on account."""
        customer = self.store.table("Customer").rows[customer_id]
        invoice = self.store.get("CustomerInvoice", invoice_id) or {}
        payment = self._payment(customer, amount, day, {"CustomerInvoiceID": invoice_id if match else None}, invoice)
        text = f"Innbetaling {invoice.get('InvoiceNumber', '')}".strip()
        entry, lines = self.books.post(
            _CUSTOMER_PAYMENT,
            day,
            text,
            [
                Posting(_BANK, amount),
                Posting(
                    _RECEIVABLES,
                    -amount,
                    self.books.sub_account(customer=customer_id),
                    {"InvoiceNumber": invoice.get("InvoiceNumber") if match else None, "DueDate": None},
                ),
            ],
            {"PaymentReferenceID": payment["ID"]},
        )
        self.store.change("Payment", payment["ID"], {"JournalEntryID": entry["ID"]}, touch=False)
        if match and invoice_id is not None:
            self.allocate(lines[1]["ID"], invoice_id, day)
        return lines[1]

    def withdraw(self, payment_line: int, invoice_id: int) -> None:
        """Undoes the matchings between a payment line and an invoice: the payment was meant for something else."""
        receivable = self.sales.receivable(invoice_id)
        for pairing in self.store.find("PostPost", JournalEntryLine1ID=payment_line):
            if pairing["JournalEntryLine2ID"] == receivable["ID"]:
                self.books.unmatch(pairing["ID"])
        self.sales.refresh(invoice_id)

    def allocate(self, payment_line: int, invoice_id: int, day: date) -> None:
        """Matches an open payment line with an invoice, as far as both go."""
        line = self.store.table("JournalEntryLine").rows[payment_line]
        receivable = self.sales.receivable(invoice_id)
        amount = min(receivable["RestAmount"], -line["RestAmount"])
        if amount > 0:
            self.books.match(payment_line, receivable["ID"], amount, day)
            self.sales.refresh(invoice_id, paid_on=day)

    def receive_currency(self, invoice_id: int, day: date, rate: Decimal) -> Row:
        """Payment in full of an invoice in foreign currency at another rate: the difference is agio or disagio."""
        invoice = self.store.table("CustomerInvoice").rows[invoice_id]
        receivable = self.sales.receivable(invoice_id)
        foreign, booked = receivable["RestAmountCurrency"], receivable["RestAmount"]
        received = money(foreign * rate)
        customer = self.store.table("Customer").rows[invoice["CustomerID"]]
        currency = {"CurrencyCodeID": invoice["CurrencyCodeID"], "CurrencyExchangeRate": four(rate)}
        payment = self._payment(customer, received, day, {"CustomerInvoiceID": invoice_id}, invoice, foreign, currency)
        gain = received - booked
        postings = [
            Posting(_BANK, received, None, {"AmountCurrency": foreign, **currency}),
            Posting(
                _RECEIVABLES,
                -booked,
                self.books.sub_account(customer=customer["ID"]),
                {
                    "AmountCurrency": -foreign,
                    "CurrencyCodeID": invoice["CurrencyCodeID"],
                    "CurrencyExchangeRate": invoice["CurrencyExchangeRate"],
                    "InvoiceNumber": invoice["InvoiceNumber"],
                },
            ),
        ]
        if gain:
            postings.append(Posting(8060 if gain > 0 else 8160, -gain))
        entry, lines = self.books.post(
            _CUSTOMER_PAYMENT,
            day,
            f"Innbetaling {invoice['InvoiceNumber']} i valuta",
            postings,
            {"PaymentReferenceID": payment["ID"]},
        )
        self.store.change("Payment", payment["ID"], {"JournalEntryID": entry["ID"]}, touch=False)
        self.books.match(lines[1]["ID"], receivable["ID"], booked, day, foreign)
        self.sales.refresh(invoice_id, paid_on=day)
        return lines[1]

    def _payment(
        self,
        party: Row,
        amount: Decimal,
        day: date,
        more: Mapping[str, Any],
        document: Mapping[str, Any],
        foreign: Decimal | None = None,
        currency: Mapping[str, Any] | None = None,
        *,
        incoming: bool = True,
    ) -> Row:
        relation = self.store.get("BusinessRelation", party["BusinessRelationID"]) or {}
        return self.store.insert(
            "Payment",
            {
                "Amount": money(amount),
                "AmountCurrency": money(amount if foreign is None else foreign),
                "BusinessRelationID": party["BusinessRelationID"],
                "InvoiceNumber": document.get("InvoiceNumber"),
                "PaymentID": document.get("PaymentID"),
                "PaymentDate": day.isoformat(),
                "IsCustomerPayment": incoming,
                "AutoJournal": True,
                "Debtor": relation.get("Name"),
                "CurrencyCodeID": NOK,
                "CurrencyExchangeRate": four(1),
                "StatusCode": 44006,
                **(currency or {}),
                **more,
            },
        )

    def remind(self, invoice_id: int, day: date, step: int, *, fee: bool = False) -> Row:
        """A reminder: step 1 and 2 by letter, step 3 to debt collection. A fee is booked on the customer's account."""
        invoice = self.store.table("CustomerInvoice").rows[invoice_id]
        due = day + timedelta(days=14)
        amount = money(35) if fee else ZERO
        row = self.store.insert(
            "CustomerInvoiceReminder",
            {
                "CustomerInvoiceID": invoice_id,
                "ReminderNumber": step,
                "RunNumber": day.toordinal() % 1000,
                "RemindedDate": day.isoformat(),
                "DueDate": due.isoformat(),
                "ReminderFee": amount,
                "InterestFee": ZERO,
                "ReminderFeeCurrency": amount,
                "RestAmount": amount,
                "RestAmountCurrency": amount,
                "CurrencyCodeID": NOK,
                "CurrencyExchangeRate": four(1),
                "Title": "Inkassovarsel" if step == 3 else f"Purring {step}",
                "EmailAddress": invoice.get("EmailAddress"),
                "Notified": True,
                "StatusCode": 42106 if step == 3 else 42102,
            },
        )
        if amount:
            self.books.post(
                _REMINDER,
                day,
                f"Purregebyr faktura {invoice['InvoiceNumber']}",
                [
                    Posting(
                        _RECEIVABLES,
                        amount,
                        self.books.sub_account(customer=invoice["CustomerID"]),
                        {"InvoiceNumber": invoice["InvoiceNumber"], "DueDate": due.isoformat()},
                    ),
                    Posting(3950, -amount),
                ],
            )
        collector = 42502 if step == 3 else 42501
        self.store.change("CustomerInvoice", invoice_id, {"CollectorStatusCode": collector})
        return row

    def supplier_invoice(
        self,
        supplier: Row,
        number: str,
        day: date,
        costs: Sequence[tuple[int, Decimal, int | None]],
        *,
        status: int = 30104,
        credit_of: int | None = None,
        project: int | None = None,
    ) -> Row:
        """A supplier's invoice or credit note; costs are (account, net amount, dimensions). Booked when journaled."""
        sign = -1 if credit_of else 1
        net = sum((money(amount) for _, amount, _ in costs), ZERO) * sign
        vat = sum((money(amount * Decimal("0.25")) for _, amount, _ in costs), ZERO) * sign
        gross = net + vat
        due = day + timedelta(days=supplier.get("CreditDays") or 30)
        relation = self.store.get("BusinessRelation", supplier["BusinessRelationID"]) or {}
        row = self.store.insert(
            "SupplierInvoice",
            {
                "SupplierID": supplier["ID"],
                "InvoiceNumber": number,
                "InvoiceType": 1 if credit_of else 0,
                "InvoiceOriginType": 1,
                "InvoiceReferenceID": credit_of,
                "InvoiceDate": day.isoformat(),
                "FinancialDate": day.isoformat() if status == 30104 else None,
                "PaymentDueDate": due.isoformat(),
                "DeliveryDate": day.isoformat(),
                "PaymentID": f"{supplier['ID']:05d}{number[-6:]}",
                "PaymentStatus": 30109,
                "TaxExclusiveAmount": net,
                "VatTotalsAmount": vat,
                "TaxInclusiveAmount": gross,
                "TaxExclusiveAmountCurrency": net,
                "VatTotalsAmountCurrency": vat,
                "TaxInclusiveAmountCurrency": gross,
                "RestAmount": gross,
                "RestAmountCurrency": gross,
                "CurrencyCodeID": NOK,
                "CurrencyExchangeRate": four(1),
                "CreditDays": supplier.get("CreditDays"),
                "SupplierOrgNumber": supplier.get("OrgNumber"),
                "InvoiceReceiverName": relation.get("Name"),
                "DefaultDimensionsID": costs[0][2],
                "ProjectID": project,
                "StatusCode": status,
            },
        )
        for place, (account, amount, dimensions) in enumerate(costs, start=1):
            line_net, line_vat = money(amount) * sign, money(amount * Decimal("0.25")) * sign
            self.store.insert(
                "SupplierInvoiceItem",
                {
                    "SupplierInvoiceID": row["ID"],
                    "SortIndex": place,
                    "ItemText": (self.store.get("Account", self.books.account(account)) or {}).get("AccountName"),
                    "NumberOfItems": four(sign),
                    "PriceExVat": four(amount),
                    "PriceExVatCurrency": four(amount),
                    "DiscountPercent": ZERO,
                    "VatTypeID": 2,
                    "VatPercent": four(25),
                    "SumTotalExVat": line_net,
                    "SumVat": line_vat,
                    "SumTotalIncVat": line_net + line_vat,
                    "SumTotalExVatCurrency": line_net,
                    "SumVatCurrency": line_vat,
                    "SumTotalIncVatCurrency": line_net + line_vat,
                    "DimensionsID": dimensions,
                },
            )
        return self.journal(row["ID"], day, costs) if status == 30104 else row

    def journal(self, invoice_id: int, day: date, costs: Sequence[tuple[int, Decimal, int | None]]) -> Row:
        """Books a supplier's invoice."""
        row = self.store.table("SupplierInvoice").rows[invoice_id]
        credit = row["InvoiceType"] == 1
        sign = -1 if credit else 1
        postings = [
            Posting(
                _PAYABLES,
                -row["TaxInclusiveAmount"],
                self.books.sub_account(supplier=row["SupplierID"]),
                {
                    "InvoiceNumber": row["InvoiceNumber"],
                    "PaymentID": row.get("PaymentID"),
                    "DueDate": row["PaymentDueDate"],
                    "SupplierInvoiceID": invoice_id,
                },
            ),
            *(
                Posting(
                    account,
                    money(amount) * sign,
                    None,
                    {
                        "VatTypeID": 2,
                        "VatPercent": four(25),
                        "TaxBasisAmount": money(amount) * sign,
                        "DimensionsID": kind,
                    },
                )
                for account, amount, kind in costs
            ),
        ]
        if row["VatTotalsAmount"]:
            postings.append(Posting(_INPUT_VAT, row["VatTotalsAmount"]))
        entry, _ = self.books.post(
            _SUPPLIER_CREDIT if credit else _SUPPLIER_INVOICE,
            day,
            f"{'Kreditnota' if credit else 'Inngående faktura'} {row['InvoiceNumber']}",
            postings,
            {"InvoiceNumber": row["InvoiceNumber"]},
        )
        return self.store.change(
            "SupplierInvoice",
            invoice_id,
            {"JournalEntryID": entry["ID"], "FinancialDate": day.isoformat(), "StatusCode": 30104},
            touch=False,
        )

    def payable(self, invoice_id: int) -> Row:
        """The line of a journaled supplier invoice in the supplier ledger."""
        lines = self.store.table("JournalEntryLine").with_key("SupplierInvoiceID", invoice_id)
        return next(line for line in lines if line.get("SubAccountID"))

    def pay_supplier(self, invoice_id: int, amount: Decimal, day: date) -> Row:
        """Money to a supplier for one invoice."""
        invoice = self.store.table("SupplierInvoice").rows[invoice_id]
        supplier = self.store.table("Supplier").rows[invoice["SupplierID"]]
        payment = self._payment(supplier, amount, day, {"SupplierInvoiceID": invoice_id}, invoice, incoming=False)
        entry, lines = self.books.post(
            _SUPPLIER_PAYMENT,
            day,
            f"Utbetaling {invoice['InvoiceNumber']}",
            [
                Posting(
                    _PAYABLES,
                    amount,
                    self.books.sub_account(supplier=supplier["ID"]),
                    {"InvoiceNumber": invoice["InvoiceNumber"]},
                ),
                Posting(_BANK, -amount),
            ],
            {"PaymentReferenceID": payment["ID"]},
        )
        self.store.change("Payment", payment["ID"], {"JournalEntryID": entry["ID"]}, touch=False)
        self.match_supplier(lines[0]["ID"], invoice_id, day)
        return lines[0]

    def match_supplier(self, line_id: int, invoice_id: int, day: date) -> None:
        """Matches an open debit line (a payment or a credit note) with a supplier's invoice."""
        payable = self.payable(invoice_id)
        line = self.store.table("JournalEntryLine").rows[line_id]
        amount = min(-payable["RestAmount"], line["RestAmount"])
        if amount <= 0:
            return
        self.books.match(payable["ID"], line_id, amount, day)
        self.refresh_supplier(invoice_id)

    def refresh_supplier(self, invoice_id: int) -> Row:
        """Makes a supplier invoice's rest and payment status follow its ledger line."""
        line = self.payable(invoice_id)
        rest = -line["RestAmount"]
        return self.store.change(
            "SupplierInvoice",
            invoice_id,
            {
                "RestAmount": rest,
                "RestAmountCurrency": rest,
                "PaymentStatus": 30112 if rest == 0 else 30111 if rest != -line["Amount"] else 30109,
            },
        )
