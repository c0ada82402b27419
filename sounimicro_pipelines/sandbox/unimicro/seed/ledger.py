"""The rest of the ledger: opening balances, monthly wages and rent, VAT settlements, corrections, and the budgets."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from sounimicro_pipelines.clock import OSLO
from sounimicro_pipelines.sandbox.unimicro.accounts import CREDITED, Books, Posting
from sounimicro_pipelines.sandbox.unimicro.documents import attach_voucher
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, money, stamp

_PAYMENT_IN, _PAYMENT_OUT, _VAT_REPORT, _SYSTEM_CORRECTION = 1, 2, 16, 23
_INCOMING, _OPENING = 25, 26


class Ledger:
    """Books what is neither a sale nor a purchase."""

    def __init__(self, store: CompanyStore, books: Books, rng: random.Random) -> None:
        self.store = store
        self.books = books
        self.rng = rng

    def opening(self, day: date) -> None:
        """Opening balance, and what some customers owed already: open lines without any status."""
        with self.store.at(_moment(day, 7)):
            capital = money(2_400_000)
            self.books.post(
                _OPENING,
                day,
                "Åpningsbalanse",
                [Posting(1920, capital), Posting(1200, money(850_000)), Posting(2000, -money(3_250_000))],
            )
            for customer in self._customers():
                if self.rng.random() < 0.12:
                    amount = money(Decimal(self.rng.randint(50_000, 900_000)) / 100)
                    more = {
                        "InvoiceNumber": f"G{self.rng.randint(1000, 9999)}",
                        "DueDate": (day + timedelta(days=10)).isoformat(),
                        "StatusCode": None,
                    }
                    account = self.books.sub_account(customer=customer["ID"])
                    self.books.post(
                        _INCOMING,
                        day,
                        "Inngående saldo",
                        [Posting(1500, amount, account, more), Posting(2050, -amount)],
                    )

    def month(self, day: date) -> None:
        """Wages, employer's tax, rent and bank charges of a month, and every second month the VAT of a term."""
        with self.store.at(_moment(day, 16)):
            wages = money(self.rng.randint(280_000, 340_000))
            tax = money(wages * Decimal("0.31"))
            employer = money(wages * Decimal("0.141"))
            for department, share in ((1, Decimal("0.5")), (2, Decimal("0.3")), (3, Decimal("0.2"))):
                part, part_tax = money(wages * share), money(tax * share)
                more = {"DimensionsID": self.books.dimensions(None, department)}
                self.books.post(
                    _PAYMENT_OUT,
                    day,
                    f"Lønn {day:%m.%Y}",
                    [Posting(5000, part, None, more), Posting(2600, -part_tax), Posting(1920, part_tax - part)],
                )
            self.books.post(
                _PAYMENT_OUT,
                day,
                f"Arbeidsgiveravgift {day:%m.%Y}",
                [Posting(5400, employer), Posting(2770, -employer)],
            )
            rent = money(42_500)
            entry, _ = self.books.post(
                _PAYMENT_OUT, day, f"Husleie {day:%m.%Y}", [Posting(6300, rent), Posting(1920, -rent)]
            )
            attach_voucher(self.store, entry)
            charge = money(Decimal(self.rng.randint(8_000, 40_000)) / 100)
            self.books.post(_PAYMENT_OUT, day, "Bankgebyr", [Posting(7770, charge), Posting(1920, -charge)])
            if day.month % 2 == 0:
                self._vat(day)

    def _vat(self, day: date) -> None:
        balances = {2700: ZERO, 2701: ZERO, 2710: ZERO}
        for number in balances:
            lines = self.store.table("JournalEntryLine").with_key("AccountID", self.books.account(number))
            balances[number] = sum((line["Amount"] for line in lines), ZERO)
        owed = sum(balances.values(), ZERO)
        postings = [Posting(number, -amount) for number, amount in balances.items() if amount]
        if postings:
            self.books.post(_VAT_REPORT, day, f"Mva-oppgjør {day:%m.%Y}", [*postings, Posting(2740, owed)])

    def correction(self, day: date) -> None:
        """A voucher on a customer's account that was wrong and has been reversed: both are marked as credited."""
        customers = [row["ID"] for row in self._customers()]
        if not customers:
            return
        account = self.books.sub_account(customer=self.rng.choice(customers))
        amount = money(self.rng.randint(500, 9000))
        with self.store.at(_moment(day, 12)):
            _, wrong = self.books.post(
                _SYSTEM_CORRECTION, day, "Feilført", [Posting(1500, amount, account), Posting(3000, -amount)]
            )
            _, right = self.books.post(
                _SYSTEM_CORRECTION,
                day,
                f"Korrigert bilag {wrong[0]['JournalEntryNumber']}",
                [Posting(1500, -amount, account), Posting(3000, amount)],
            )
            self.books.match(wrong[0]["ID"], right[0]["ID"], amount, day)
            for old, new in zip(wrong, right, strict=True):
                self._credited(old, {"ReferenceCreditPostID": new["ID"]})
                self._credited(new, {"OriginalReferencePostID": old["ID"]})

    def _customers(self) -> list[Row]:
        return [row for row in self.store.rows("Customer") if row.get("CustomerNumber")]

    def _credited(self, line: Row, more: dict[str, int]) -> None:
        self.store.change("JournalEntryLine", line["ID"], {"StatusCode": CREDITED, **more})

    def budgets(self, first: int, last: int, projects: list[int]) -> None:
        """An active budget a year, with department and project shares; a deleted entry and a draft must not count."""
        for year in range(first, last + 1):
            with self.store.at(_moment(date(year, 1, 2), 10)):
                budget = self.store.insert(
                    "Budget", {"Name": f"Budsjett {year}", "AccountingYear": year, "StatusCode": 47002}
                )
                for period in range(1, 13):
                    self._budget_month(budget["ID"], period, projects)
                wrong = self._entry(budget["ID"], 3000, 1, money(-777_777), None)
                self.store.remove("BudgetEntry", wrong["ID"])
                draft = self.store.insert(
                    "Budget", {"Name": f"Utkast {year}", "AccountingYear": year, "StatusCode": 47001}
                )
                self._entry(draft["ID"], 3000, 1, money(-999_999), None)

    def _budget_month(self, budget: int, period: int, projects: list[int]) -> None:
        plan = (
            (3000, -310_000, 1),
            (3000, -120_000, 2),
            (3010, -150_000, 2),
            (4300, 120_000, None),
            (5000, 155_000, 1),
            (5000, 93_000, 2),
            (5000, 62_000, 3),
            (5400, 44_000, None),
            (6300, 42_500, None),
            (6800, 6_000, 3),
            (7320, 9_000, None),
        )
        for account, amount, department in plan:
            swing = Decimal(self.rng.randint(90, 110)) / 100
            self._entry(budget, account, period, money(amount * swing), self.books.dimensions(None, department))
        for project in projects[:3]:
            self._entry(budget, 3000, period, money(-25_000), self.books.dimensions(project, None))
            self._entry(budget, 4300, period, money(9_000), self.books.dimensions(project, None))

    def _entry(self, budget: int, account: int, period: int, amount: Decimal, dimensions: int | None) -> Row:
        return self.store.insert(
            "BudgetEntry",
            {
                "BudgetID": budget,
                "AccountID": self.books.account(account),
                "PeriodNumber": period,
                "Amount": amount,
                "DimensionsID": dimensions,
            },
        )


def _moment(day: date, hour: int) -> str:
    return stamp(datetime.combine(day, time(hour), OSLO))
