"""What every company has before its first customer: chart of accounts, VAT, years, periods, terms, number series."""

from __future__ import annotations

import calendar
from datetime import date
from decimal import Decimal

from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore
from sounimicro_pipelines.sandbox.unimicro.values import four
from sounimicro_pipelines.sandbox.world.register import ErpCompany

TOP_GROUPS = {
    "1": "Eiendeler",
    "2": "Egenkapital og gjeld",
    "3": "Salgs- og driftsinntekter",
    "4": "Varekostnad",
    "5": "Lønnskostnad",
    "6": "Annen driftskostnad",
    "7": "Annen driftskostnad, fortsatt",
    "8": "Finansposter",
}

ACCOUNTS = {
    1200: "Maskiner og anlegg",
    1460: "Varelager",
    1500: "Kundefordringer",
    1579: "Andre fordringer",
    1920: "Bankinnskudd",
    1950: "Skattetrekkskonto",
    2000: "Aksjekapital",
    2050: "Annen egenkapital",
    2400: "Leverandørgjeld",
    2600: "Forskuddstrekk",
    2700: "Utgående merverdiavgift, høy sats",
    2701: "Utgående merverdiavgift, middels sats",
    2710: "Inngående merverdiavgift, høy sats",
    2740: "Oppgjørskonto merverdiavgift",
    2770: "Skyldig arbeidsgiveravgift",
    2930: "Skyldig lønn",
    3000: "Salgsinntekt, avgiftspliktig",
    3010: "Salgsinntekt tjenester, avgiftspliktig",
    3020: "Salgsinntekt, middels sats",
    3100: "Salgsinntekt, avgiftsfri",
    3740: "Øreavrunding",
    3950: "Purregebyr",
    4300: "Innkjøp av varer for videresalg",
    4500: "Fremmedytelser",
    5000: "Lønn til ansatte",
    5400: "Arbeidsgiveravgift",
    6300: "Leie lokaler",
    6340: "Lys og varme",
    6540: "Inventar",
    6800: "Kontorrekvisita",
    6900: "Telefon",
    7000: "Drivstoff",
    7140: "Reisekostnad",
    7320: "Reklamekostnad",
    7500: "Forsikringspremie",
    7770: "Bank- og kortgebyr",
    7830: "Tap på fordringer",
    8050: "Renteinntekt",
    8060: "Valutagevinst (agio)",
    8150: "Rentekostnad",
    8160: "Valutatap (disagio)",
}

VAT_TYPES: tuple[tuple[str, str, bool, str, int | None], ...] = (
    ("0", "Ingen avgiftsbehandling", False, "0", None),
    ("1", "Inngående avgift, høy sats", False, "25", 2710),
    ("3", "Utgående avgift, høy sats", True, "25", 2700),
    ("31", "Utgående avgift, middels sats", True, "15", 2701),
    ("5", "Innenlands salg uten avgift", True, "0", None),
    ("52", "Salg til utlandet, avgiftsfritt", True, "0", None),
)
"""Code, name, whether it is output VAT, percent, and the account that the VAT itself goes to."""

CURRENCIES = (
    ("NOK", "Norske kroner", "kr", "1"),
    ("EUR", "Euro", "€", "11.6215"),
    ("SEK", "Svenske kroner", "kr", "1.0450"),
    ("USD", "US-dollar", "$", "10.7340"),
)

PAYMENT_TERMS = ((14, "14 dager netto"), (20, "20 dager netto"), (30, "30 dager netto"), (0, "Kontant"))
DELIVERY_TERMS = ("Fritt levert", "Ex works")

DEPARTMENTS = (("1", "Installasjon"), ("2", "Service"), ("3", "Administrasjon"))

JOURNAL_ENTRY_TYPES = (
    "PaymentIn PaymentOut Invoice Creditnote Reminder SupplierInvoice SupplierInvoicePayment CustomerInvoice "
    "CustomerInvoicePayment CustomerInvoiceReminder CustomerInvoiceCreditNote CustomerInvoiceReminderPayment "
    "CustomerInvoiceAccounting SupplierInvoiceCreditNote SupplierInvoiceAccounting VatReport VatReportPayment "
    "TaxDraw TaxDrawPayment Aga AgaPayment SAFTimport SystemCorrection Asset IncomingBalance OpeningBalance"
)

STATUSES = {
    "Customer": {20001: "Pending", 30001: "Active", 50001: "Inactive", 90001: "Deleted"},
    "Supplier": {20001: "Pending", 30001: "Active", 50001: "Inactive", 90001: "Deleted"},
    "CustomerQuote": {
        40101: "Draft",
        40102: "Registered",
        40103: "ShippedToCustomer",
        40104: "CustomerAccepted",
        40105: "TransferredToOrder",
        40106: "TransferredToInvoice",
        40107: "Completed",
    },
    "CustomerOrder": {
        41001: "Draft",
        41002: "Registered",
        41003: "PartlyTransferredToInvoice",
        41004: "TransferredToInvoice",
        41005: "Completed",
    },
    "CustomerOrderItem": {41101: "Draft", 41102: "Registered", 41103: "TransferredToInvoice", 41104: "Completed"},
    "CustomerInvoice": {
        42001: "Draft",
        42002: "Invoiced",
        42003: "PartlyPaid",
        42004: "Paid",
        42005: "Sold",
        42006: "Credited",
        42007: "PartlyCredited",
    },
    "CustomerInvoiceItem": {41301: "Draft", 41302: "Invoiced"},
    "SupplierInvoice": {
        30101: "Draft",
        30102: "ForApproval",
        30103: "Approved",
        30104: "Journaled",
        30108: "Rejected",
    },
    "JournalEntryLine": {31001: "Open", 31002: "PartlyMarked", 31003: "Marked", 31004: "Credited"},
    "Project": {
        42201: "Registered",
        42202: "OfferPhase",
        42203: "InProgress",
        42204: "Completed",
        42205: "Discarded",
    },
    "Budget": {47001: "Draft", 47002: "Active"},
}

SERIES = (
    ("Customer Account number series", "Customer", "CustomerNumber", 100_001, 199_999, 1500),
    ("Supplier Account number series", "Supplier", "SupplierNumber", 200_001, 299_999, 2400),
    ("Customer Quote number series", "CustomerQuote", "QuoteNumber", 10_001, 19_999, None),
    ("Customer Order number series", "CustomerOrder", "OrderNumber", 20_001, 49_999_999, None),
    ("Customer Invoice number series", "CustomerInvoice", "InvoiceNumber", 50_001, 99_999_999, None),
    ("Project number series", "Project", "ProjectNumberNumeric", 1_001, 99_999, None),
    ("Department number series", "Department", "DepartmentNumberNumeric", 1, 999, None),
)


def seed_chart(store: CompanyStore, company: ErpCompany, start: date, today: date) -> None:
    """Everything from the chart to the number series; financial years from the year of `start` to that of `today`."""
    _accounts(store)
    _vat(store)
    for iso, name, short, rate in CURRENCIES:
        row = store.insert("CurrencyCode", {"Code": iso, "Name": name, "ShortCode": short})
        if iso != "NOK":
            store.insert(
                "Currency",
                {
                    "FromCurrencyCodeID": row["ID"],
                    "ToCurrencyCodeID": 1,
                    "ExchangeRate": four(rate),
                    "Factor": 1,
                    "FromDate": start.isoformat(),
                },
            )
    for days, name in PAYMENT_TERMS:
        store.insert("Terms", {"Name": name, "CreditDays": days, "TermsType": 1})
    for name in DELIVERY_TERMS:
        store.insert("Terms", {"Name": name, "CreditDays": 0, "TermsType": 2})
    for place, kind in enumerate(JOURNAL_ENTRY_TYPES.split(), start=1):
        store.insert("JournalEntryType", {"Number": place, "Name": kind, "MainName": kind, "DisplayName": kind})
    for entity, codes in STATUSES.items():
        for code, name in codes.items():
            store.insert("Status", {"StatusCode": code, "Description": name, "EntityType": entity, "System": True})
    for number, name in DEPARTMENTS:
        store.insert(
            "Department",
            {"DepartmentNumber": number, "DepartmentNumberNumeric": int(number), "Name": name, "Visible": True},
        )
    store.insert("DimensionSettings", {"Dimension": 5, "Label": "Sted", "IsActive": True})
    for number, name in (("A", "Verksted"), ("B", "Felt")):
        store.insert("Dimension5", {"Number": number, "Name": name, "Visible": True})
    _series(store, start, today)
    for year in range(start.year, today.year + 1):
        add_year(store, year)
    _settings(store, company, start)


def add_year(store: CompanyStore, year: int) -> None:
    """A financial year with its twelve periods and six VAT terms."""
    store.insert("FinancialYear", {"Year": year, "ValidFrom": f"{year}-01-01", "ValidTo": f"{year}-12-31"})
    for month in range(1, 13):
        last = calendar.monthrange(year, month)[1]
        store.insert(
            "Period",
            {
                "No": month,
                "Name": f"Periode {month}",
                "AccountYear": year,
                "FromDate": f"{year}-{month:02d}-01",
                "ToDate": f"{year}-{month:02d}-{last:02d}",
                "PeriodSeriesID": 1,
            },
        )
    for term in range(1, 7):
        last = calendar.monthrange(year, term * 2)[1]
        store.insert(
            "Period",
            {
                "No": term,
                "Name": f"Termin {term}",
                "AccountYear": year,
                "FromDate": f"{year}-{term * 2 - 1:02d}-01",
                "ToDate": f"{year}-{term * 2:02d}-{last:02d}",
                "PeriodSeriesID": 2,
            },
        )


def _accounts(store: CompanyStore) -> None:
    tops: dict[str, int] = {}
    for digit, title in TOP_GROUPS.items():
        row = store.insert(
            "AccountGroup", {"GroupNumber": digit, "Name": title, "AccountGroupSetID": 1, "Summable": True}
        )
        tops[digit] = row["ID"]
    groups: dict[str, int] = {}
    for account, name in ACCOUNTS.items():
        group = str(account)[:2]
        if group not in groups:
            values = {"GroupNumber": group, "Name": f"Gruppe {group}", "MainGroupID": tops[group[0]], "Summable": True}
            groups[group] = store.insert("AccountGroup", {**values, "AccountGroupSetID": 1})["ID"]
        store.insert(
            "Account",
            {
                "AccountNumber": account,
                "AccountName": name,
                "AccountGroupID": groups[group],
                "TopLevelAccountGroupID": tops[group[0]],
                "UsePostPost": account in (1500, 2400),
                "Active": True,
                "Visible": True,
                "Locked": False,
                "LockManualPosts": False,
                "SystemAccount": account in (1500, 2400, 2740),
                "CurrencyCodeID": 1,
            },
        )


def _vat(store: CompanyStore) -> None:
    for code, name, output, percent, account in VAT_TYPES:
        own = store.find("Account", AccountNumber=account)[0]["ID"] if account else None
        row = store.insert(
            "VatType",
            {
                "VatCode": code,
                "Name": name,
                "OutputVat": output,
                "OutgoingAccountID": own if output else None,
                "IncomingAccountID": None if output else own,
                "Visible": True,
                "Locked": True,
                "InUse": True,
            },
        )
        store.insert(
            "VatTypePercentage",
            {"VatTypeID": row["ID"], "VatPercent": four(Decimal(percent)), "ValidFrom": "2016-01-01"},
        )


def _series(store: CompanyStore, start: date, today: date) -> None:
    for name, entity, field, first, last, account in SERIES:
        kind = store.insert(
            "NumberSeriesType",
            {
                "Name": name,
                "EntityType": entity,
                "EntityField": field,
                "Yearly": False,
                "CanHaveSeveralActiveSeries": account is not None,
                "System": True,
            },
        )
        task = store.insert("NumberSeriesTask", {"Name": entity, "EntityType": entity})
        store.insert(
            "NumberSeries",
            {
                "Name": name,
                "DisplayName": name,
                "FromNumber": first,
                "ToNumber": last,
                "NextNumber": first,
                "AccountYear": 0,
                "MainAccountID": store.find("Account", AccountNumber=account)[0]["ID"] if account else None,
                "NumberSeriesTypeID": kind["ID"],
                "NumberSeriesTaskID": task["ID"],
                "IsDefaultForTask": True,
                "Disabled": False,
                "Empty": False,
                "System": True,
                "NumberLock": True,
            },
        )
    store.insert(
        "NumberSeriesType",
        {"Name": "JournalEntry number series", "EntityType": "JournalEntry", "Yearly": True, "System": True},
    )
    for year in range(start.year, today.year + 1):
        journal_series(store, year)


def journal_series(store: CompanyStore, year: int) -> int:
    """The id of a year's voucher series, made when missing."""
    found = store.find("NumberSeries", AccountYear=year, Name="JournalEntry number series")
    if found:
        return int(found[0]["ID"])
    kind = store.find("NumberSeriesType", Name="JournalEntry number series")[0]
    return int(
        store.insert(
            "NumberSeries",
            {
                "Name": "JournalEntry number series",
                "DisplayName": f"Bilag {year}",
                "FromNumber": 1,
                "ToNumber": 99_999_999,
                "NextNumber": 1,
                "AccountYear": year,
                "NumberSeriesTypeID": kind["ID"],
                "IsDefaultForTask": True,
                "System": True,
            },
        )["ID"]
    )


def _settings(store: CompanyStore, company: ErpCompany, start: date) -> None:
    store.insert(
        "CompanySettings",
        {
            "CompanyName": company.name,
            "OrganizationNumber": company.org_number,
            "BaseCurrencyCodeID": 1,
            "CustomerAccountID": store.find("Account", AccountNumber=1500)[0]["ID"],
            "SupplierAccountID": store.find("Account", AccountNumber=2400)[0]["ID"],
            "CustomerCreditDays": 14,
            "AccountingLockedDate": f"{start.year}-12-31",
            "VatLockedDate": f"{start.year}-12-31",
            "StoreDistributedInvoice": True,
            "MergeAttachments": False,
            "PresetCustomerInvoiceNumber": False,
            "SaveCustomersFromQuoteAsLead": True,
            "HideInActiveCustomers": False,
            "RoundingType": 2,
            "RoundingNumberOfDecimals": 2,
            "ShowNumberOfDecimals": 2,
            "TaxMandatory": True,
            "Localization": "no",
        },
    )
