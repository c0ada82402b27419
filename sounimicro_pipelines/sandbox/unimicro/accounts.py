"""Bookkeeping on a company's store: number series, sub-ledger accounts, vouchers whose lines sum to zero, matchings.

The seed, the write actions and the living world all book through this one class, so the ledger always balances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.seed.chart import add_year, journal_series
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, four, money

OPEN, PARTLY_MARKED, MARKED, CREDITED = 31001, 31002, 31003, 31004

INVOICE_PAYMENT, SUPPLIER_PAYMENT = 9, 7


@dataclass(slots=True)
class Posting:
    """One line to be booked. `amount` in base currency, debit positive; `more` holds further fields of the line."""

    account: int
    amount: Decimal
    sub_account: int | None = None
    more: Mapping[str, Any] | None = None


class Books:
    """Books on one company."""

    def __init__(self, store: CompanyStore) -> None:
        self.store = store
        self._accounts: dict[int, int] = {}
        self._dimensions: dict[tuple[int | None, int | None], int] = {}
        self._periods: dict[tuple[int, int], tuple[int, int]] = {}
        self._years: dict[int, tuple[int, int]] = {}

    def account(self, number: int) -> int:
        """The id of a general ledger account."""
        found = self._accounts.get(number)
        if found is None:
            rows = self.store.find("Account", AccountNumber=number)
            found = self._accounts[number] = next(row["ID"] for row in rows if "AccountGroupID" in row)
        return found

    def sub_account(self, *, customer: int | None = None, supplier: int | None = None) -> int:
        """The id of a customer's or supplier's account in the sub-ledger."""
        rows = (
            self.store.find("Account", CustomerID=customer)
            if customer
            else self.store.find("Account", SupplierID=supplier)
        )
        return int(rows[0]["ID"])

    def take_number(self, series: str, *, at_least: int = 0) -> int:
        """The next number of a series, which moves on. With `at_least` the series is only moved up to there."""
        row = self.store.find("NumberSeries", Name=series)[0]
        return self._take(row, at_least)

    def _take(self, row: Row, at_least: int = 0) -> int:
        number = int(row["NextNumber"])
        following = max(number, at_least) if at_least else number + 1
        if following != number:
            self.store.change("NumberSeries", row["ID"], {"NextNumber": following})
        return number

    def add_customer(self, values: Mapping[str, Any]) -> Row:
        """A customer with the next number (none for a lead, status 20001) and its sub-ledger account."""
        return self.number_customer(self.store.insert("Customer", {"StatusCode": 30001, **values}))

    def number_customer(self, row: Row) -> Row:
        """Gives a customer its number and account, unless it is a lead or has them already."""
        return self._number(row, "Customer", lead=row.get("StatusCode") == 20001)

    def add_supplier(self, values: Mapping[str, Any]) -> Row:
        """A supplier with the next number and its sub-ledger account."""
        return self.number_supplier(self.store.insert("Supplier", {"StatusCode": 30001, **values}))

    def number_supplier(self, row: Row) -> Row:
        """Gives a supplier its number and account, unless it has them already."""
        return self._number(row, "Supplier", lead=False)

    def _number(self, row: Row, entity: str, *, lead: bool) -> Row:
        if lead or row.get(f"{entity}Number") is not None:
            return row
        chosen = self.store.get("NumberSeries", row.get("SubAccountNumberSeriesID"))
        series = chosen or self.store.find("NumberSeries", Name=f"{entity} Account number series")[0]
        number = self._take(series)
        values = {f"{entity}Number": number, "SubAccountNumberSeriesID": series["ID"]}
        numbered = self.store.change(entity, row["ID"], values, touch=False)
        self._ledger_account(numbered, f"{entity}ID", number, series)
        return numbered

    def _ledger_account(self, party: Row, key: str, number: int, series: Row) -> None:
        relation = self.store.get("BusinessRelation", party.get("BusinessRelationID")) or {}
        self.store.insert(
            "Account",
            {
                "AccountNumber": number,
                "AccountName": relation.get("Name"),
                "AccountID": series["MainAccountID"],
                key: party["ID"],
                "UsePostPost": True,
                "Active": True,
                "Visible": True,
                "CurrencyCodeID": party.get("CurrencyCodeID", 1),
            },
        )

    def dimensions(self, project: int | None, department: int | None) -> int | None:
        """The id of a combination of dimensions, made when it is new."""
        if project is None and department is None:
            return None
        found = self._dimensions.get((project, department))
        if found is not None:
            return found
        candidates = (
            self.store.find("Dimensions", ProjectID=project)
            if project
            else self.store.find("Dimensions", DepartmentID=department)
        )
        for row in candidates:
            others = [key for key in row if key.endswith("ID") and key not in ("ID", "ProjectID", "DepartmentID")]
            if row.get("ProjectID") == project and row.get("DepartmentID") == department and not others:
                self._dimensions[project, department] = row["ID"]
                return int(row["ID"])
        row = self.store.insert("Dimensions", {"ProjectID": project, "DepartmentID": department})
        known_project, known_department = self.store.get("Project", project), self.store.get("Department", department)
        self.store.insert(
            "DimensionsInfo",
            {
                "DimensionsID": row["ID"],
                "ProjectName": (known_project or {}).get("Name"),
                "ProjectNumber": (known_project or {}).get("ProjectNumber"),
                "DepartmentName": (known_department or {}).get("Name"),
                "DepartmentNumber": (known_department or {}).get("DepartmentNumber"),
            },
        )
        self._dimensions[project, department] = row["ID"]
        return int(row["ID"])

    def period(self, day: date) -> tuple[int, int]:
        """Ids of the accounting period and the VAT term of a day; the year is opened when it is new."""
        known = self._periods.get((day.year, day.month))
        if known is not None:
            return known
        if not self.store.find("FinancialYear", Year=day.year):
            add_year(self.store, day.year)
        rows = self.store.table("Period").with_key("AccountYear", day.year)
        month = next(row["ID"] for row in rows if row["PeriodSeriesID"] == 1 and row["No"] == day.month)
        term = next(row["ID"] for row in rows if row["PeriodSeriesID"] == 2 and row["No"] == (day.month + 1) // 2)
        self._periods[day.year, day.month] = (month, term)
        return month, term

    def year(self, year: int) -> tuple[int, int]:
        """Ids of a financial year and of its voucher series, both made when missing."""
        known = self._years.get(year)
        if known is None:
            self.period(date(year, 1, 1))
            series = journal_series(self.store, year)
            known = self._years[year] = (int(self.store.find("FinancialYear", Year=year)[0]["ID"]), series)
        return known

    def post(
        self, kind: int, day: date, text: str, postings: Sequence[Posting], common: Mapping[str, Any] | None = None
    ) -> tuple[Row, list[Row]]:
        """Books a voucher of a journal entry type. Raises ValueError when its lines do not sum to zero."""
        total = sum((posting.amount for posting in postings), ZERO)
        if total != 0:
            raise ValueError(f"voucher «{text}» sums to {total}")
        month, term = self.period(day)
        year_id, series_id = self.year(day.year)
        number = self._take(self.store.table("NumberSeries").rows[series_id])
        label = f"{number}-{day.year}"
        entry = self.store.insert(
            "JournalEntry",
            {
                "JournalEntryNumber": label,
                "JournalEntryNumberNumeric": number,
                "FinancialYearID": year_id,
                "Description": text,
                "NumberSeriesID": series_id,
                "IsExternal": False,
            },
        )
        shared = {
            "JournalEntryID": entry["ID"],
            "JournalEntryNumber": label,
            "JournalEntryNumberNumeric": number,
            "JournalEntryTypeID": kind,
            "FinancialDate": day.isoformat(),
            "RegisteredDate": day.isoformat(),
            "VatDate": day.isoformat(),
            "PeriodID": month,
            "VatPeriodID": term,
            "CurrencyCodeID": 1,
            "CurrencyExchangeRate": four(1),
            "Description": text,
            **(common or {}),
        }
        lines = []
        for posting in postings:
            in_ledger = posting.sub_account is not None
            amount = money(posting.amount)
            values = {
                **shared,
                "AccountID": self.account(posting.account),
                "SubAccountID": posting.sub_account,
                "Amount": amount,
                "AmountCurrency": amount,
                "RestAmount": amount if in_ledger else ZERO,
                "RestAmountCurrency": amount if in_ledger else ZERO,
                "StatusCode": OPEN if in_ledger else None,
                **(posting.more or {}),
            }
            if in_ledger and "RestAmountCurrency" not in (posting.more or {}):
                values["RestAmountCurrency"] = values["AmountCurrency"]
            lines.append(self.store.insert("JournalEntryLine", values))
        return entry, lines

    def match(self, first: int, second: int, amount: Decimal, day: date, currency_amount: Decimal | None = None) -> Row:
        """Pairs two lines of opposite sign for `amount` (positive) and lowers what remains of both."""
        foreign = amount if currency_amount is None else currency_amount
        line = self.store.get("JournalEntryLine", first) or {}
        row = self.store.insert(
            "PostPost",
            {
                "JournalEntryLine1ID": first,
                "JournalEntryLine2ID": second,
                "Amount": money(amount),
                "AmountCurrency": money(foreign),
                "Date": day.isoformat(),
                "CurrencyCodeID": line.get("CurrencyCodeID"),
                "CurrencyExchangeRate": line.get("CurrencyExchangeRate"),
                "StatusCode": None,
            },
        )
        for line_id in (first, second):
            self._lower(line_id, amount, foreign)
        return row

    def unmatch(self, matching_id: int) -> None:
        """Undoes a pairing: it is soft-deleted, and what it had closed is open again."""
        row = self.store.table("PostPost").rows[matching_id]
        self.store.remove("PostPost", matching_id)
        for key in ("JournalEntryLine1ID", "JournalEntryLine2ID"):
            line = self.store.table("JournalEntryLine").rows[row[key]]
            sign = 1 if line["Amount"] > 0 else -1
            rest = money(line["RestAmount"] + sign * row["Amount"])
            foreign = money(line["RestAmountCurrency"] + sign * row["AmountCurrency"])
            status = OPEN if rest == line["Amount"] else PARTLY_MARKED
            values = {"RestAmount": rest, "RestAmountCurrency": foreign, "StatusCode": status}
            self.store.change("JournalEntryLine", line["ID"], values)

    def _lower(self, line_id: int, amount: Decimal, foreign: Decimal) -> None:
        line = self.store.get("JournalEntryLine", line_id)
        if line is None:
            raise ValueError(f"no journal entry line {line_id}")
        sign = 1 if line["Amount"] > 0 else -1
        rest, rest_foreign = line["RestAmount"] - sign * amount, line["RestAmountCurrency"] - sign * foreign
        if rest * sign < 0:
            raise ValueError(f"line {line_id} would be matched beyond its amount")
        self.store.change(
            "JournalEntryLine",
            line_id,
            {
                "RestAmount": money(rest),
                "RestAmountCurrency": money(rest_foreign),
                "StatusCode": MARKED if rest == 0 else PARTLY_MARKED,
            },
        )
