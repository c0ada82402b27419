"""Generated companies: registers, and trade of every kind that the definitions speak of, honest to the øre.

Honest means that vouchers balance and that what remains is the amount less its matchings, so that everything must tie
out. Everything else is as odd as the vendor allows: deleted rows, null statuses, missing due dates, zero for no id.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

Record = dict[str, Any]

FIRST_DAY = date(2024, 1, 1)
ODD_DAYS = [
    date(2024, 2, 29),
    date(2025, 3, 30),
    date(2025, 10, 26),
    date(2026, 3, 29),
    date(2025, 12, 31),
    date(2026, 1, 1),
]
CENT = Decimal("0.01")


def ore(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


class Company:
    """Records by entity, growing party by party. `changed` collects what was added or altered since `take_changes`."""

    def __init__(self, random: Random, *, broken_year: bool = False) -> None:
        self.random = random
        self.records: dict[str, list[Record]] = defaultdict(list)
        self._changed: dict[str, dict[int, Record]] = defaultdict(dict)
        self._last_id: dict[str, int] = defaultdict(int)
        self._registers(broken_year)

    def add(self, entity: str, **fields: Any) -> Record:
        record = {"ID": self.next_id(entity), **fields}
        self.records[entity].append(record)
        return self.touch(entity, record)

    def touch(self, entity: str, record: Record) -> Record:
        self._changed[entity][record["ID"]] = record
        return record

    def next_id(self, entity: str) -> int:
        self._last_id[entity] += 1
        return self._last_id[entity]

    def take_changes(self) -> dict[str, list[Record]]:
        changes = {entity: list(rows.values()) for entity, rows in self._changed.items()}
        self._changed.clear()
        return changes

    def some_day(self) -> date:
        if self.random.random() < 0.15:
            return self.random.choice(ODD_DAYS)
        return FIRST_DAY + timedelta(days=self.random.randrange(900))

    def pick(self, entity: str) -> Record | None:
        return self.random.choice(self.records[entity]) if self.records[entity] else None

    def no_id(self) -> int | None:
        return self.random.choice([None, 0])

    def _registers(self, broken_year: bool) -> None:
        self.add("CurrencyCode", Code="NOK")
        self.add("CurrencyCode", Code="EUR")
        self.add("CompanySettings", BaseCurrencyCodeID=1)
        for number in "12345678":
            self.add("AccountGroup", GroupNumber=number)
        for number, name, group in (
            (1500, "Kundefordringer", 1),
            (1920, "Bank", 1),
            (2400, "Leverandørgjeld", 2),
            (2700, "Mva", 2),
            (3000, "Salg", 3),
            (3100, "Salg fritt", None),
            (4300, "Varekjøp", 4),
            (6800, "Kontor", 6),
            (8060, "Agio", 8),
            (8160, "Disagio", 8),
        ):
            self.add("Account", AccountNumber=number, AccountName=name, TopLevelAccountGroupID=group)
        for year in (2024, 2025, 2026):
            self._periods(year, broken_year)
        for place in range(4):
            self.add("Seller", Name=f"Selger {place}", Deleted=place == 3)
        for place in range(5):
            self.add("Product", PartName=f"P{place}", Name=f"Vare {place}", Deleted=place == 4)
        for place in range(3):
            self.add("Department", DepartmentNumber=str(place), Name=f"Avdeling {place}")
        for place in range(3):
            self.add(
                "Project",
                ProjectNumber=f"P-{place}",
                Name=f"Prosjekt {place}",
                StatusCode=42201 + place,
                ProjectCustomerID=self.no_id(),
                StartDate="2025-01-01",
                PlannedEnddate="2026-06-30",
                EndDate="2026-05-01" if place else None,
                Deleted=False,
            )
        self.add("Dimensions", ProjectID=1, DepartmentID=0)
        self.add("Dimensions", ProjectID=2, DepartmentID=1)
        self.add("Dimensions", ProjectID=None, DepartmentID=2)
        self.add("Terms", CreditDays=21, TermsType=1)
        self._budgets()

    def _periods(self, year: int, broken_year: bool) -> None:
        start = date(year, 7, 1) if broken_year else date(year, 1, 1)
        for number in range(1, 13):
            month = (start.month - 1 + number - 1) % 12 + 1
            first = date(start.year + (start.month - 1 + number - 1) // 12, month, 1)
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            self._period(year, number, first, last, 1)
        self._period(year, 13, last, last, 1)
        for number in range(1, 7):
            first = date(year, number * 2 - 1, 1)
            last = (first + timedelta(days=62)).replace(day=1) - timedelta(days=1)
            self._period(year, number, first, last, 2)

    def _period(self, year: int, number: int, first: date, last: date, series: int) -> None:
        self.add("Period", No=number, AccountYear=year, FromDate=first, ToDate=last, PeriodSeriesID=series)

    def _budgets(self) -> None:
        for year, status in ((2025, 47002), (2026, 47002), (2026, 47001)):
            budget = self.add("Budget", Name=f"Budsjett {year}", AccountingYear=year, StatusCode=status)
            for _ in range(self.random.randrange(12)):
                self.add(
                    "BudgetEntry",
                    BudgetID=budget["ID"],
                    AccountID=self.random.choice([1, 5, 6, 7, 8]),
                    DimensionsID=self.random.choice([None, 0, 1, 2, 3]),
                    PeriodNumber=self.random.randint(1, 12),
                    Amount=Decimal(self.random.randint(-200000, 50000)),
                    Deleted=self.random.random() < 0.1,
                )


class Party:
    """One customer or supplier of a company, with its sub-ledger account."""

    def __init__(self, company: Company, role: str) -> None:
        self.company, self.random, self.role = company, company.random, role
        self.sign = 1 if role == "customer" else -1
        random = self.random
        relation = company.add("BusinessRelation", Name=f"Part {company.next_id('name')} AS")
        common = {
            "BusinessRelationID": relation["ID"],
            "StatusCode": random.choice([30001, 30001, 50001, None]),
            "OrgNumber": random.choice([None, " 999888777", "911222333"]),
            "Deleted": False,
            "CreditDays": random.choice([None, 0, 14, 30]),
            "CurrencyCodeID": random.choice([None, 0, 1, 2]),
        }
        if role == "customer":
            self.record = company.add(
                "Customer",
                **common,
                PaymentTermsID=random.choice([None, 1]),
                DefaultSellerID=random.choice([None, 0, 1, 2]),
            )
            self.record["CustomerNumber"] = 100000 + self.record["ID"]
        else:
            self.record = company.add("Supplier", **common)
            self.record["SupplierNumber"] = 200000 + self.record["ID"]
        self.id: int = self.record["ID"]
        owner = (
            {"CustomerID": self.id, "SupplierID": 0} if role == "customer" else {"CustomerID": 0, "SupplierID": self.id}
        )
        self.account: int = company.add(
            "Account", AccountNumber=300000 + company.next_id("sub"), AccountName="Reskontro", **owner
        )["ID"]
        self.control = 1 if role == "customer" else 3

    def trade(self) -> None:
        """A little of everything, by chance."""
        for _ in range(self.random.choice([0, 1, 1, 2, 3, 5])):
            kind = self.random.random()
            if kind < 0.62:
                self.invoice_and_settle()
            elif kind < 0.72:
                self.unallocated_payment()
            elif kind < 0.80:
                self.credited_voucher()
            elif kind < 0.88:
                self.manual_entry()
            elif self.role == "customer":
                self.order()
            else:
                self.odd_document()
        if self.role == "customer" and self.random.random() < 0.4:
            self.order()
        if self.role == "customer" and self.random.random() < 0.2:
            self.quote()

    def voucher(self, lines: list[Record], moment: date) -> int:
        """Posts balanced lines; the first is the party's. Amounts in the ledger's sign."""
        voucher = self.company.add("JournalEntry")["ID"]
        number = f"{voucher}-{moment.year}"
        for place, line in enumerate(lines):
            posted = {
                "JournalEntryID": voucher,
                "JournalEntryNumber": number,
                "FinancialDate": moment,
                "PeriodID": self._period(moment),
                "StatusCode": None,
                "RestAmount": 0,
                "AmountCurrency": line["Amount"],
                "RestAmountCurrency": line.get("RestAmount", 0),
                "CurrencyCodeID": 1,
                "Deleted": False,
                "Description": f"Linje {place}",
            } | line
            line.update(self.company.add("JournalEntryLine", **posted))
        return voucher

    def post(self, amount: Decimal, moment: date, counter: int, **fields: Any) -> Record:
        """A voucher of two lines; answers the party's. `amount` in the reports' sign."""
        line: Record = {
            "AccountID": self.control,
            "SubAccountID": self.account,
            "Amount": self.sign * amount,
            "RestAmount": self.sign * amount,
            "StatusCode": self.random.choice([31001, None]),
            **fields,
        }
        dimensions = self.random.choice([None, 0, None, 1, 2, 3])
        self.voucher([line, {"AccountID": counter, "Amount": -self.sign * amount, "DimensionsID": dimensions}], moment)
        return line

    def match(self, one: Record, two: Record, amount: Decimal, moment: date) -> None:
        """Pairs two lines; `amount` without sign. The amount's own sign and the order of the lines vary."""
        first, second = (one, two) if self.random.random() < 0.5 else (two, one)
        signed = amount if self.random.random() < 0.7 else -amount
        self.company.add(
            "PostPost",
            JournalEntryLine1ID=first["ID"],
            JournalEntryLine2ID=second["ID"],
            Amount=signed,
            AmountCurrency=signed,
            CurrencyCodeID=self.random.choice([None, 0, 1, 2]),
            Date=moment,
            Deleted=False,
        )
        for line in (one, two):
            stored = self.stored("JournalEntryLine", line["ID"])
            stored["RestAmount"] -= amount.copy_sign(stored["Amount"])
            stored["StatusCode"] = 31003 if not stored["RestAmount"] else 31002
            self.company.touch("JournalEntryLine", stored)

    def stored(self, entity: str, key: int) -> Record:
        return self.company.records[entity][key - 1]

    def document(
        self, net: Decimal, *, credit_of: Record | None = None, order_items: list[Record] | None = None
    ) -> Record:
        """An invoice (or a credit note, with a negative net) with lines and its voucher."""
        company, random = self.company, self.random
        moment = company.some_day()
        items, exact_net, exact_vat = self._items(net, order_items)
        rounding = ore(Decimal(random.choice([0, 0, 0, "0.25", "-0.40"])))
        total_net, vat = ore(exact_net), ore(exact_vat)
        gross = ore(exact_net + exact_vat) + rounding
        gross = gross if random.random() < 0.7 else total_net + vat + rounding
        head: Record = {
            "InvoiceNumber": str(50000 + company.next_id("number")),
            "InvoiceType": 1 if credit_of or net < 0 else random.choice([0, 0, None]),
            "InvoiceReferenceID": credit_of["ID"] if credit_of else company.no_id(),
            "InvoiceDate": moment,
            "PaymentDueDate": moment + timedelta(days=random.choice([0, 14, 30])),
            "TaxExclusiveAmount": total_net,
            "VatTotalsAmount": vat,
            "TaxInclusiveAmount": gross,
            "PayableRoundingAmount": rounding,
            "RestAmount": gross,
            "RestAmountCurrency": gross,
            "TaxExclusiveAmountCurrency": total_net,
            "TaxInclusiveAmountCurrency": gross,
            "VatTotalsAmountCurrency": vat,
            "CurrencyCodeID": random.choice([1, 1, 0, None]),
            "Deleted": False,
            "DefaultDimensionsID": random.choice([None, 0, 1, 2, 3]),
            "Requisition": random.choice([None, "", "PO-1", "PO-2"]),
            "OurReference": "Vår",
            "YourReference": None,
            "PaymentID": None,
            "Items": items,
        }
        if self.role == "customer":
            status = random.choice([42002, 42003, 42004, 42005, 42007, None])
            invoice = company.add(
                "CustomerInvoice",
                **head,
                CustomerID=self.id,
                StatusCode=status,
                DefaultSellerID=random.choice([None, 0, 1, 2, 4]),
                CollectorStatusCode=random.choice([None, None, None, 42501, 42502, 42503, 42505]),
            )
            self._shares(invoice)
            self._reminders(invoice)
            reference = {"CustomerInvoiceID": invoice["ID"], "SupplierInvoiceID": 0}
        else:
            invoice = company.add(
                "SupplierInvoice",
                **head,
                SupplierID=self.id,
                StatusCode=random.choice([30102, 30103, 30104, 40001, None]),
                PaymentStatus=random.choice([None, 30109, 30111, 30112]),
            )
            reference = {"CustomerInvoiceID": None, "SupplierInvoiceID": invoice["ID"]}
        types = {"customer": (8, 11, 3, 13), "supplier": (6, 14, 3, 15)}[self.role]
        kind = random.choice([types[0] if net >= 0 else types[1], types[2] if net >= 0 else 4, types[3], None])
        due = random.choice([invoice["PaymentDueDate"], invoice["PaymentDueDate"], None, date(2099, 12, 31)])
        counter, dimensions = (5, 6) if self.role == "customer" else (7, 8), random.choice([None, 1, 2, 3])
        line: Record = {
            "AccountID": self.control,
            "SubAccountID": self.account,
            "Amount": self.sign * gross,
            "RestAmount": self.sign * gross,
            "DueDate": due,
            "JournalEntryTypeID": kind,
            "DimensionsID": dimensions,
            "InvoiceNumber": random.choice([invoice["InvoiceNumber"], None]),
            "StatusCode": random.choice([31001, None]),
            **reference,
        }
        lines = [
            line,
            {"AccountID": random.choice(counter), "Amount": -self.sign * total_net, "DimensionsID": dimensions},
            {"AccountID": 4, "Amount": -self.sign * (gross - total_net)},
        ]
        invoice["JournalEntryID"] = self.voucher(lines, moment)
        invoice["_line"] = line
        if random.random() < 0.3:
            self._file(invoice)
        return invoice

    def invoice_and_settle(self) -> None:
        random = self.random
        invoice = self.document(Decimal(random.randint(1, 500000)) / 100)
        line, gross = invoice["_line"], invoice["TaxInclusiveAmount"]
        way = random.random()
        if gross <= 0:  # a small one whose discount or return is more than the rest: nobody pays that
            return
        moment = invoice["InvoiceDate"] + timedelta(days=random.randint(-5, 60))
        if way < 0.35:
            self.match(line, self._payment(gross, moment), gross, moment)
        elif way < 0.55:
            part = ore(gross * Decimal(random.randint(1, 99)) / 100)
            if part:
                self.match(line, self._payment(part, moment), part, moment)
        elif way < 0.65:
            over = gross + Decimal(random.randint(1, 10000)) / 100
            self.match(line, self._payment(over, moment), gross, moment)
        elif way < 0.75:
            self._credit(invoice)
        elif way < 0.82:
            gain = Decimal(random.randint(1, 500)) / 100
            payment = self._payment(gross + gain, moment, CurrencyCodeID=2, AmountCurrency=ore((gross + gain) / 11))
            agio = self.post(gain, moment, 9, JournalEntryTypeID=None)
            self.match(line, payment, gross, moment)
            self.match(agio, payment, gain, moment)

    def unallocated_payment(self) -> None:
        self._payment(Decimal(self.random.randint(1, 100000)) / 100, self.company.some_day())
        if self.random.random() < 0.2:
            self.post(Decimal(500), self.company.some_day(), 2, JournalEntryTypeID=self.random.choice([1, 2]))

    def manual_entry(self) -> None:
        amount = Decimal(self.random.randint(-50000, 50000)) / 100
        self.post(amount, self.company.some_day(), 8, JournalEntryTypeID=self.random.choice([None, 5, 10, 25]))

    def credited_voucher(self) -> None:
        """A line and the one that takes it back: both credited, no matching, nothing remains."""
        amount = Decimal(self.random.randint(1, 90000)) / 100
        line = self.post(amount, self.company.some_day(), 5, StatusCode=31004, RestAmount=0)
        self.post(
            -amount, self.company.some_day(), 5, StatusCode=31004, RestAmount=0, OriginalReferencePostID=line["ID"]
        )

    def odd_document(self) -> None:
        """Documents that must be left out: drafts, rejected ones, deleted ones; nothing of them is posted."""
        company, random = self.company, self.random
        head = {
            "TaxExclusiveAmount": 100,
            "TaxInclusiveAmount": 125,
            "VatTotalsAmount": 25,
            "InvoiceDate": "2026-01-05",
        }
        if self.role == "customer":
            company.add(
                "CustomerInvoice",
                **head,
                CustomerID=self.id,
                **random.choice([{"StatusCode": 42001}, {"StatusCode": 90001}, {"StatusCode": 42002, "Deleted": True}]),
            )
            company.add("CustomerInvoice", **head, CustomerID=random.choice([None, 0]), StatusCode=42002)
        else:
            company.add(
                "SupplierInvoice",
                **head,
                SupplierID=self.id,
                **random.choice(
                    [
                        {"StatusCode": 30101},
                        {"StatusCode": 30108},
                        {"StatusCode": 90001},
                        {"StatusCode": 30104, "Deleted": True},
                    ]
                ),
            )
            company.add("SupplierInvoice", **head, SupplierID=random.choice([None, 0]), StatusCode=30102)

    def order(self) -> Record:
        """An order with lines in every status, some invoiced in part, wholly, too much, or credited afterwards."""
        company, random = self.company, self.random
        status = random.choice([41001, 41002, 41003, 41003, 41004, 41005, None])
        order = self._sales_document(
            "CustomerOrder",
            OrderNumber=random.choice([None, 20000 + company.next_id("order")]),
            OrderDate=company.some_day(),
            StatusCode=status,
        )
        delivered: list[Record] = []
        for item in order["Items"]:
            item["StatusCode"] = random.choice([41101, 41102, 41102, 41103, 41104, None])
            if item["ProductID"] and random.random() < 0.6:
                share = random.choice([Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal("1.5")])
                delivered.append(
                    {
                        "OrderItemId": item["ID"],
                        "NumberOfItems": item["NumberOfItems"] * share,
                        "ProductID": item["ProductID"],
                    }
                )
        if delivered:
            invoice = self.document(Decimal(1000), order_items=delivered)
            chance = random.random()
            if chance < 0.15:
                invoice["StatusCode"] = 42006
            elif chance < 0.25:
                invoice["Deleted"] = True
                self._unpost(invoice)
            elif chance < 0.4:
                self._credit(
                    invoice,
                    Decimal("0.5"),
                    order_items=[item | {"NumberOfItems": -item["NumberOfItems"] / 2} for item in delivered],
                )
        company.touch("CustomerOrder", order)
        return order

    def quote(self) -> None:
        self._sales_document(
            "CustomerQuote",
            QuoteNumber=30000 + self.company.next_id("quote"),
            QuoteDate=self.company.some_day(),
            StatusCode=self.random.choice([40101, 40102, 40105, 40107, None]),
        )

    def _sales_document(self, entity: str, **fields: Any) -> Record:
        random = self.random
        items, net, vat = self._items(Decimal(random.randint(0, 300000)) / 100, None, entity=f"{entity}Item")
        return self.company.add(
            entity,
            CustomerID=self.id,
            Items=items,
            TaxExclusiveAmount=ore(net),
            TaxInclusiveAmount=ore(net + vat),
            DefaultSellerID=random.choice([None, 0, 1, 4]),
            DefaultDimensionsID=random.choice([None, 0, 1, 2, 3]),
            Requisition=random.choice([None, "", "PO-1", " PO-2 "]),
            OurReference="Vår",
            CurrencyCodeID=random.choice([0, 1, 2]),
            DeliveryDate=random.choice([None, "2026-02-28"]),
            Deleted=random.random() < 0.05,
            **fields,
        )

    def _items(
        self, net: Decimal, order_items: list[Record] | None, entity: str = ""
    ) -> tuple[list[Record], Decimal, Decimal]:
        random = self.random
        entity = entity or ("CustomerInvoiceItem" if self.role == "customer" else "SupplierInvoiceItem")
        count = len(order_items) if order_items else random.choice([0, 1, 1, 2, 3, 3])
        items, exact_net, exact_vat = [], Decimal(0), Decimal(0)
        for place in range(count):
            quantity = Decimal(random.choice([1, 2, 3, "2.5", "0.333333"]))
            line_net = (net / count).quantize(Decimal("0.0001"))
            vat = (line_net * Decimal(random.choice([0, "0.15", "0.25"]))).quantize(Decimal("0.0001"))
            items.append(
                {
                    "ID": self.company.next_id(entity),
                    "SortIndex": place,
                    "ProductID": random.choice([None, 0, 1, 2, 3, 5]),
                    "ItemText": f"Tekst {place}",
                    "NumberOfItems": quantity,
                    "Unit": "stk",
                    "PriceExVat": (line_net / quantity).quantize(Decimal("0.0001")),
                    "DiscountPercent": 0,
                    "SumTotalExVat": line_net,
                    "SumVat": vat,
                    "SumTotalIncVat": line_net + vat,
                    "SumTotalExVatCurrency": line_net,
                    "SumTotalIncVatCurrency": line_net + vat,
                    "DimensionsID": random.choice([None, 0, 1, 2, 3]),
                    "Deleted": False,
                }
            )
            if order_items:
                items[-1].update(order_items[place])
            exact_net, exact_vat = exact_net + line_net, exact_vat + vat
        if items and random.random() < 0.1:
            items.append(items[0] | {"ID": self.company.next_id(entity), "Deleted": True, "OrderItemId": None})
        if not items and net and entity.endswith("InvoiceItem"):
            exact_net, exact_vat = net, ore(net / 4)
        return items, exact_net, exact_vat

    def _payment(self, amount: Decimal, moment: date, **fields: Any) -> Record:
        kind = self.random.choice([9 if self.role == "customer" else 7, 1, 12 if self.role == "customer" else 2])
        return self.post(-amount, moment, 2, JournalEntryTypeID=kind, **fields)

    def _credit(self, invoice: Record, share: Decimal = Decimal(1), order_items: list[Record] | None = None) -> None:
        note = self.document(
            -ore(abs(invoice["TaxExclusiveAmount"]) * share) or Decimal(-1), credit_of=invoice, order_items=order_items
        )
        if share == 1:
            invoice["StatusCode"] = 42006 if self.role == "customer" else invoice["StatusCode"]
        line, counter = self.stored("JournalEntryLine", invoice["_line"]["ID"]), note["_line"]
        amount = min(abs(line["RestAmount"]), abs(note["TaxInclusiveAmount"]))
        if amount and line["RestAmount"] * counter["Amount"] < 0:
            self.match(line, counter, amount, note["InvoiceDate"])

    def _unpost(self, invoice: Record) -> None:
        for line in self.company.records["JournalEntryLine"]:
            if line["JournalEntryID"] == invoice["JournalEntryID"]:
                line["Deleted"] = True
                self.company.touch("JournalEntryLine", line)

    def _shares(self, invoice: Record) -> None:
        random = self.random
        splits = random.choice(
            [[], [], [(1, 100)], [(1, 50), (2, 50)], [(1, 33), (2, 33), (3, 34)], [(2, 0)], [(1, 30), (1, 30), (2, 20)]]
        )
        for seller, percent in splits:
            self.company.add(
                "SellerLink",
                SellerID=seller,
                Percent=percent,
                CustomerInvoiceID=invoice["ID"],
                Deleted=random.random() < 0.1,
            )

    def _reminders(self, invoice: Record) -> None:
        for number in range(self.random.choice([0, 0, 0, 1, 2])):
            self.company.add(
                "CustomerInvoiceReminder",
                CustomerInvoiceID=invoice["ID"],
                ReminderNumber=number + 1,
                RemindedDate=f"2026-0{number + 2}-01",
                StatusCode=self.random.choice([42101, 42102, 42104, 42105, 42106]),
                Deleted=self.random.random() < 0.1,
            )

    def _file(self, invoice: Record) -> None:
        entity = "CustomerInvoice" if self.role == "customer" else "SupplierInvoice"
        links = [
            (entity, invoice["ID"], False),
            ("JournalEntry", invoice["JournalEntryID"], True),
            (entity, invoice["ID"], True),
        ]
        file = self.company.next_id("FileEntityLinkParent")
        self.company.add(
            "File",
            Name=f"{file}.pdf",
            ContentType="application/pdf",
            Size=10 + file,
            StorageReference=f"ref-{file}",
            Deleted=self.random.random() < 0.1,
            EntityLinks=[
                {
                    "ID": self.company.next_id("FileEntityLink"),
                    "EntityType": kind,
                    "EntityID": key,
                    "IsAttachment": attached,
                }
                for kind, key, attached in links[: self.random.randint(1, 3)]
            ],
        )

    def _period(self, moment: date) -> int | None:
        """The ledger's period of a day; now and then none, zero, an unknown one or period 13."""
        chance = self.random.random()
        if chance < 0.08:
            return self.random.choice([None, 0, 99999])
        fitting = [
            period["ID"]
            for period in self.company.records["Period"]
            if period["PeriodSeriesID"] == 1 and period["FromDate"] <= moment <= period["ToDate"]
        ]
        return self.random.choice(fitting) if fitting else None


def add_parties(company: Company, seeds: list[int]) -> list[Party]:
    """One party for each seed, with trade of its own."""
    parties = []
    for seed in seeds:
        company.random = Random(seed)
        party = Party(company, "customer" if seed % 3 else "supplier")
        party.trade()
        parties.append(party)
    return parties
