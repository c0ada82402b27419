"""The statistics endpoint: wrapping, names of columns, joins, grouping, and its errors."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sounimicro_pipelines_tests.sandbox.unimicro.conftest import Erp


def test_answers_are_wrapped_unless_asked_otherwise(reading: Erp) -> None:
    wrapped = reading.call("GET", "/api/statistics", model="Customer", select="count(ID) as N").json()
    assert wrapped["Success"] is True
    assert wrapped["Data"] == reading.statistics(model="customer", select="count(ID) as N").json()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "invoices"}, "Model 'invoices' not found"),
        ({"model": "Eventplan"}, "Model 'Eventplan' is not allowed in statistics."),
        ({"model": "Customer", "select": "soundex(ID) as X"}, "Invalid function: soundex"),
    ],
)
def test_an_error_is_200_when_wrapped_and_400_when_not(reading: Erp, parameters: dict[str, str], message: str) -> None:
    wrapped = reading.call("GET", "/api/statistics", **parameters)
    assert (wrapped.status_code, wrapped.json()["Success"], wrapped.json()["Message"]) == (200, False, message)
    bare = reading.statistics(**parameters)
    assert (bare.status_code, bare.json()) == (400, message)


def test_columns_without_alias_get_the_vendors_names(reading: Erp) -> None:
    row = reading.statistics(model="Customer", select="ID,CustomerNumber,Info.Name,StatusCode", expand="Info").json()[0]
    assert set(row) == {"CustomerID", "CustomerNumber", "InfoName", "CustomerStatusCode"}
    row = reading.statistics(model="CustomerInvoice", select="count(id),sum(RestAmount)").json()[0]
    assert set(row) == {"countid", "sumRestAmount"}


def test_an_alias_after_a_blank_is_lost(reading: Erp) -> None:
    row = reading.statistics(model="CustomerInvoice", select="count(ID) as N, month(InvoiceDate) as Mo").json()[0]
    assert set(row) == {"N", "monthInvoiceDate"}


def test_identical_rows_collapse_unless_told_not_to(reading: Erp) -> None:
    collapsed = reading.statistics(model="JournalEntryLine", select="StatusCode as S").json()
    every = reading.statistics(model="JournalEntryLine", select="StatusCode as S", distinct="false").json()
    assert len(collapsed) < 10 < len(every) == len(reading.sandbox.erp.rows(1, "JournalEntryLine"))


def test_the_count_header_comes_with_top_and_loses_what_is_skipped(reading: Erp) -> None:
    total = int(reading.statistics(model="Customer", select="ID as ID", top=1).headers["count"])
    skipped = reading.statistics(model="Customer", select="ID as ID", orderby="ID", top=2, skip=3)
    assert int(skipped.headers["count"]) == total - 3
    assert [row["allPagesRowIndex"] for row in skipped.json()] == [4, 5]
    assert "count" not in reading.statistics(model="Customer", select="ID as ID").headers


def test_open_posts_per_customer_join_three_tables(reading: Erp) -> None:
    rows = reading.statistics(
        model="JournalEntryLine",
        select="Customer.ID as CustomerID,Customer.CustomerNumber as CustomerNumber,Info.Name as Name,"
        "SubAccount.ID as SubAccountID,sum(RestAmount) as Open,count(ID) as Lines",
        expand="SubAccount,SubAccount.Customer,SubAccount.Customer.Info",
        filter="isnull(StatusCode,0) ne 31004 and SubAccount.CustomerID gt 0 and "
        "(StatusCode eq 31001 or StatusCode eq 31002)",
        orderby="Customer.CustomerNumber",
    ).json()
    assert rows == sorted(rows, key=lambda row: row["CustomerNumber"])
    lines = reading.sandbox.erp.rows(1, "JournalEntryLine")
    first = rows[0]
    wanted = sum(
        line["RestAmount"]
        for line in lines
        if line.get("SubAccountID") == first["SubAccountID"] and line.get("StatusCode") in (31001, 31002)
    )
    assert Decimal(str(first["Open"])) == wanted


def test_isnull_keeps_the_lines_without_status_and_ne_drops_them(reading: Erp) -> None:
    kept = reading.statistics(
        model="JournalEntryLine", select="count(ID) as N", filter="isnull(StatusCode,0) ne 31004"
    ).json()
    dropped = reading.statistics(model="JournalEntryLine", select="count(ID) as N", filter="StatusCode ne 31004").json()
    assert kept[0]["N"] > dropped[0]["N"] + 500


def test_case_month_and_year_group_a_project_result(reading: Erp) -> None:
    project = reading.sandbox.erp.rows(1, "Project")[0]["ID"]
    rows = reading.statistics(
        model="JournalEntryLine",
        expand="Dimensions.Project,Account.TopLevelAccountGroup",
        filter=f"Project.ID eq {project} and TopLevelAccountGroup.GroupNumber gt 2",
        select="sum(casewhen(TopLevelAccountGroup.GroupNumber eq 3,JournalEntryLine.Amount,0)) as Income,"
        "sum(casewhen(TopLevelAccountGroup.GroupNumber gt 3,JournalEntryLine.Amount,0)) as Cost,"
        "year(FinancialDate) as Yr,month(FinancialDate) as Mo",
        orderby="year(FinancialDate),month(FinancialDate)",
    ).json()
    months = [(row["Yr"], row["Mo"]) for row in rows]
    assert months == sorted(set(months)) != []


def test_a_left_join_keeps_rows_without_partner(reading: Erp) -> None:
    rows = reading.statistics(
        model="Customer", select="ID as ID,count(CustomerOrders.ID) as Orders", expand="CustomerOrders", orderby="ID"
    ).json()
    assert len(rows) == len(reading.sandbox.erp.rows(1, "Customer"))


def test_having_works_on_the_group_and_in_on_a_list(reading: Erp) -> None:
    rows = reading.statistics(
        model="CustomerInvoice",
        select="CustomerID as C,count(ID) as N",
        filter="StatusCode in (42002,42004)",
        having="count(ID) gt 5",
    ).json()
    assert rows
    assert all(row["N"] > 5 for row in rows)


def test_an_explicit_join_finds_who_wrote(erp: Erp) -> None:
    customer = erp.get("customers", top=1)[0]["ID"]
    erp.sandbox.erp.edit(1, "Customer", customer, {"WebUrl": "www.ny.example"})
    rows = erp.statistics(
        model="AuditLog",
        join="auditlog.createdby eq user.globalidentity",
        select="EntityID as ID,Field as Field,NewValue as New,user.DisplayName as Who",
    ).json()
    assert {"ID": customer, "Field": "WebUrl", "New": "www.ny.example", "Who": "Kari Selger"} in rows


def test_older_deployments_wrap_always(erp: Erp) -> None:
    erp.sandbox.erp.options.wrap_always = True
    assert erp.statistics(model="Customer", select="count(ID) as N").json()["Success"] is True
