"""What may happen to a company between two builds: ordinary trade, corrections, deletions, renames, another setup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random

from sounimicro_pipelines_tests.reports.ledgers import Company, Party, Record, add_parties

Change = Callable[[Company, list[Party]], None]


def change(company: Company, parties: list[Party], random: Random, count: int) -> list[str]:
    """Applies some changes; answers their names. What changed is with `company.take_changes()`."""
    company.random = random
    for party in parties:
        party.random = random
    picked = random.choices(CHANGES, k=count)
    for one in picked:
        one(company, parties)
    return [one.__name__ for one in picked]


def _new_party(company: Company, parties: list[Party]) -> None:
    random = company.random
    parties += add_parties(company, [random.randrange(2**32)])
    company.random = random


def _more_trade(company: Company, parties: list[Party]) -> None:
    company.random.choice(parties).trade()


def _pay_something(company: Company, parties: list[Party]) -> None:
    for party in company.random.sample(parties, min(3, len(parties))):
        for line in company.records["JournalEntryLine"]:
            if (
                line.get("SubAccountID") == party.account
                and line["RestAmount"] * party.sign > 0
                and not line["Deleted"]
            ):
                rest = abs(line["RestAmount"])
                moment = line["FinancialDate"] + timedelta(days=company.random.randint(0, 40))
                party.match(line, party._payment(rest, moment), rest, moment)
                break


def _unmatch(company: Company, parties: list[Party]) -> None:
    pair = company.pick("PostPost")
    if pair is None or pair["Deleted"]:
        return
    pair["Deleted"] = True
    company.touch("PostPost", pair)
    for name in ("JournalEntryLine1ID", "JournalEntryLine2ID"):
        line = company.records["JournalEntryLine"][pair[name] - 1]
        line["RestAmount"] += abs(pair["Amount"]).copy_sign(line["Amount"])
        company.touch("JournalEntryLine", line)


def _correct_amount(company: Company, parties: list[Party]) -> None:
    """A voucher booked late in another period and with another amount on both sides."""
    line = company.pick("JournalEntryLine")
    if line is None or line["Deleted"] or line["StatusCode"] == 31004:
        return
    for one in company.records["JournalEntryLine"]:
        if one["JournalEntryID"] == line["JournalEntryID"]:
            one["FinancialDate"] -= timedelta(days=40)
            one["Amount"] *= 2
            if one.get("SubAccountID"):
                one["RestAmount"] += one["Amount"] / 2
            company.touch("JournalEntryLine", one)


def _move_to_another_party(company: Company, parties: list[Party]) -> None:
    line = company.pick("JournalEntryLine")
    if line is not None and line.get("SubAccountID"):
        line["SubAccountID"] = company.random.choice(parties).account
        company.touch("JournalEntryLine", line)


def _delete_something(company: Company, parties: list[Party]) -> None:
    entity = company.random.choice(
        [
            "CustomerInvoice",
            "SupplierInvoice",
            "CustomerOrder",
            "CustomerQuote",
            "JournalEntryLine",
            "SellerLink",
            "CustomerInvoiceReminder",
            "File",
            "BudgetEntry",
            "Customer",
            "Project",
            "Product",
            "PostPost",
        ]
    )
    record = company.pick(entity)
    if record is not None:
        record["Deleted"] = not record.get("Deleted")
        company.touch(entity, record)


def _rename_something(company: Company, parties: list[Party]) -> None:
    entity, field = company.random.choice(
        [
            ("BusinessRelation", "Name"),
            ("Product", "Name"),
            ("Product", "PartName"),
            ("Seller", "Name"),
            ("Account", "AccountName"),
            ("Project", "Name"),
            ("File", "Name"),
            ("Department", "Name"),
            ("CurrencyCode", "Code"),
        ]
    )
    record = company.pick(entity)
    if record is not None:
        record[field] = f"{record[field]}x"
        company.touch(entity, record)


def _another_customer_of_a_document(company: Company, parties: list[Party]) -> None:
    entity = company.random.choice(["CustomerInvoice", "CustomerOrder", "CustomerQuote"])
    record, customers = company.pick(entity), [party.id for party in parties if party.role == "customer"]
    if record is not None and customers:
        record["CustomerID"] = company.random.choice(customers)
        company.touch(entity, record)


def _status_of_a_document(company: Company, parties: list[Party]) -> None:
    entity, codes = company.random.choice(
        [
            ("CustomerInvoice", [42001, 42002, 42004, 42006, 42007]),
            ("SupplierInvoice", [30101, 30104, 30108]),
            ("CustomerOrder", [41001, 41002, 41003, 41005]),
            ("Budget", [47001, 47002]),
            ("Customer", [30001, 90001]),
            ("JournalEntryLine", [None, 31001, 31004]),
        ]
    )
    record = company.pick(entity)
    if record is not None:
        record["StatusCode"] = company.random.choice(codes)
        company.touch(entity, record)


def _lines_of_a_document(company: Company, parties: list[Party]) -> None:
    entity = company.random.choice(["CustomerInvoice", "SupplierInvoice", "CustomerOrder", "CustomerQuote"])
    record = company.pick(entity)
    if record is not None and record.get("Items"):
        if company.random.random() < 0.4:
            record["Items"].pop()
        else:
            item = company.random.choice(record["Items"])
            item["ProductID"] = company.random.choice([None, 1, 2, 3])
            item["NumberOfItems"] = Decimal(company.random.randint(1, 9))
            item["DimensionsID"] = company.random.choice([None, 1, 2, 3])
        company.touch(entity, record)


def _dimensions(company: Company, parties: list[Party]) -> None:
    record = company.pick("Dimensions")
    if record is not None:
        record["ProjectID"] = company.random.choice([None, 0, 1, 2, 3])
        record["DepartmentID"] = company.random.choice([None, 0, 1, 2, 3])
        company.touch("Dimensions", record)


def _sub_account(company: Company, parties: list[Party]) -> None:
    account: Record = company.records["Account"][company.random.choice(parties).account - 1]
    other = company.random.choice(parties)
    account["CustomerID"], account["SupplierID"] = (other.id, None) if other.role == "customer" else (None, other.id)
    company.touch("Account", account)


def _account_class(company: Company, parties: list[Party]) -> None:
    account = company.records["Account"][company.random.choice([4, 5, 6, 7])]
    account["TopLevelAccountGroupID"] = company.random.choice([None, 3, 4, 6])
    company.touch("Account", account)


def _period(company: Company, parties: list[Party]) -> None:
    period = company.pick("Period")
    if period is not None:
        period["No"] = company.random.choice([period["No"], 12, 13])
        company.touch("Period", period)


def _budget(company: Company, parties: list[Party]) -> None:
    entry = company.pick("BudgetEntry")
    if entry is not None:
        entry["Amount"] += 100
        entry["AccountID"] = company.random.choice([5, 7])
        entry["PeriodNumber"] = company.random.randint(1, 12)
        company.touch("BudgetEntry", entry)


def _terms(company: Company, parties: list[Party]) -> None:
    company.records["Terms"][0]["CreditDays"] += 1
    company.touch("Terms", company.records["Terms"][0])


def _seller_share(company: Company, parties: list[Party]) -> None:
    share = company.pick("SellerLink")
    if share is not None:
        share["Percent"] = company.random.choice([0, 10, 60])
        share["CustomerInvoiceID"] = (company.pick("CustomerInvoice") or {"ID": None})["ID"]
        company.touch("SellerLink", share)


def _reminder_of_another_invoice(company: Company, parties: list[Party]) -> None:
    reminder, invoice = company.pick("CustomerInvoiceReminder"), company.pick("CustomerInvoice")
    if reminder is not None and invoice is not None:
        reminder["CustomerInvoiceID"] = invoice["ID"]
        company.touch("CustomerInvoiceReminder", reminder)


def _file_links(company: Company, parties: list[Party]) -> None:
    file = company.pick("File")
    if file is not None and file["EntityLinks"]:
        file["EntityLinks"].pop()
        company.touch("File", file)


CHANGES: list[Change] = [
    _new_party,
    _more_trade,
    _more_trade,
    _pay_something,
    _pay_something,
    _unmatch,
    _correct_amount,
    _move_to_another_party,
    _delete_something,
    _delete_something,
    _rename_something,
    _rename_something,
    _another_customer_of_a_document,
    _status_of_a_document,
    _status_of_a_document,
    _lines_of_a_document,
    _dimensions,
    _sub_account,
    _account_class,
    _period,
    _budget,
    _terms,
    _seller_share,
    _reminder_of_another_invoice,
    _file_links,
]
