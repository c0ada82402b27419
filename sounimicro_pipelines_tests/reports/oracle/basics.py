"""Raw records by entity and id, and how a single value is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

Record = Mapping[str, Any]
ZERO = Decimal("0.00")
CENT = Decimal("0.01")
MICRO = Decimal("0.000001")


def ore(value: Any) -> Decimal:
    """To the øre, half away from zero; a missing value is none."""
    return Decimal(str(value or 0)).quantize(CENT, ROUND_HALF_UP)


def micro(value: Any) -> Decimal:
    return Decimal(str(value or 0)).quantize(MICRO, ROUND_HALF_UP)


def ident(value: Any) -> int | None:
    """An internal id; 0 means none."""
    return int(value) if value else None


def day(value: Any) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None


def text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


class World:
    """One company's records. Registers keep deleted rows for their names; `live` leaves them out."""

    def __init__(self, records: Mapping[str, Sequence[Record]], as_of: date) -> None:
        self.records = records
        self.as_of = as_of

    def all(self, entity: str) -> Sequence[Record]:
        return self.records.get(entity, ())

    def live(self, entity: str) -> list[Record]:
        return [one for one in self.all(entity) if not one.get("Deleted")]

    def children(self, entity: str, name: str) -> Iterable[tuple[Record, Record]]:
        for parent in self.all(entity):
            for child in parent.get(name) or ():
                if not child.get("Deleted"):
                    yield parent, child

    @cached_property
    def by_id(self) -> dict[str, dict[int, Record]]:
        return {entity: {one["ID"]: one for one in rows} for entity, rows in self.records.items()}

    def get(self, entity: str, key: Any) -> Record | None:
        return self.by_id.get(entity, {}).get(key) if key else None

    def name(self, entity: str, key: Any, field: str = "Name") -> Any:
        found = self.get(entity, key)
        return found.get(field) if found else None

    @cached_property
    def own_currency(self) -> str | None:
        settings = sorted(self.live("CompanySettings"), key=lambda one: one["ID"])
        return self.name("CurrencyCode", settings[0].get("BaseCurrencyCodeID"), "Code") if settings else None

    def currency(self, key: Any) -> str | None:
        code = self.name("CurrencyCode", key, "Code")
        return code if code is not None else self.own_currency

    @cached_property
    def sub_ledger(self) -> dict[int, tuple[str, int, int]]:
        """Sub-ledger account → role, party, sign."""
        found: dict[int, tuple[str, int, int]] = {}
        for account in self.all("Account"):
            if ident(account.get("CustomerID")):
                found[account["ID"]] = ("customer", account["CustomerID"], 1)
            elif ident(account.get("SupplierID")):
                found[account["ID"]] = ("supplier", account["SupplierID"], -1)
        return found

    def account_class(self, account: Record) -> str | None:
        """First digit of the Norwegian chart."""
        for group_id in (account.get("TopLevelAccountGroupID"), account.get("AccountGroupID")):
            number = text((self.name("AccountGroup", group_id, "GroupNumber") or "").strip())
            if number:
                return number[0]
        return str(account["AccountNumber"])[0]

    def dimension(self, key: Any, field: str) -> int | None:
        return ident(self.name("Dimensions", key, field))

    @cached_property
    def calendar(self) -> dict[date, tuple[int, int]]:
        """Day → financial year and period by the periods 1 to 12: the shortest, then the first series.

        Thirty years before and ten years behind them are as the same day of the nearest known year is.
        """
        candidates: dict[date, list[tuple[int, int, int, int, int]]] = defaultdict(list)
        for period in self.live("Period"):
            first, last = day(period.get("FromDate")), day(period.get("ToDate"))
            if first is None or last is None or not 1 <= period["No"] <= 12 or not 0 <= (last - first).days <= 400:
                continue
            series = period.get("PeriodSeriesID")
            rank = ((last - first).days, series if series is not None else 10**9, period["ID"])
            for ordinal in range(first.toordinal(), last.toordinal() + 1):
                candidates[date.fromordinal(ordinal)].append((*rank, period["AccountYear"], period["No"]))
        own = {one: (best[3], best[4]) for one, many in candidates.items() for best in [min(many)]}
        if not own:
            return own
        first, last = min(own), max(own)
        before = range(_moved(first, -30).toordinal(), first.toordinal())
        behind = range(last.toordinal() + 1, _moved(last, 10).toordinal() + 1)
        found = dict(own)
        for ordinal in (*before, *behind):
            outside = date.fromordinal(ordinal)
            years = (first if outside < first else last).year - outside.year
            while not first <= _moved(outside, years) <= last and abs(years) <= 31:
                years += 1 if outside < first else -1
            if (known := own.get(_moved(outside, years))) is not None:
                found[outside] = (known[0] - years, known[1])
        return found

    def period_of(self, moment: date | None, period_id: Any = None) -> tuple[int | None, int | None]:
        period = self.get("Period", period_id)
        if period is not None and not period.get("Deleted"):
            return period["AccountYear"], period["No"]
        if moment is None:
            return None, None
        return self.calendar.get(moment, (moment.year, moment.month))


def _moved(moment: date, years: int) -> date:
    """The same day of another year; the last of February where there is no 29th."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
