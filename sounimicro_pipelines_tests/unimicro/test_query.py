from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.unimicro.expressions import Any_, Expression, chunks, fold, render, stamped_after, test, where
from sounimicro_pipelines.unimicro.model import UnknownName
from sounimicro_pipelines.unimicro.query import FilterIgnored, Query, QueryError
from sounimicro_pipelines_tests.unimicro.fake_erp import Filter

evaluate = test
evaluate.__test__ = False  # type: ignore[attr-defined]
MOMENT = datetime(2026, 11, 23, 9, 30, 5, 999_000, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (where("OrgNumber").eq("999888777"), "OrgNumber eq '999888777'"),
        (where("Info.Name").contains("O'Brien"), "contains(Info.Name,'O''Brien')"),
        (where("CustomerNumber").eq(100079), "CustomerNumber eq 100079"),
        (where("IsPrivate").eq(True), "IsPrivate eq true"),
        (stamped_after(MOMENT), "(CreatedAt gt '2026-11-23T08:30:05Z' or UpdatedAt gt '2026-11-23T08:30:05Z')"),
        (where("ID").gt(5) & where("ID").le(9), "ID gt 5 and ID le 9"),
        (where("ID").one_of([1, 2]) & where("ID").gt(1), "(ID eq 1 or ID eq 2) and ID gt 1"),
        (where("ID").eq(1) & where("ID").gt(0) | where("ID").eq(7), "((ID eq 1 and ID gt 0) or ID eq 7)"),
        (where("Info.InvoiceAddress.City").startswith("B"), "startswith(Info.InvoiceAddress.City,'B')"),
        (where("AcceptableDelta4CustomerPayment").ge(Decimal("1E+2")), "AcceptableDelta4CustomerPayment ge 100"),
    ],
)
def test_filters_are_written_as_the_vendor_documents(expression: Expression, text: str) -> None:
    assert render(expression, "Customer") == text


@pytest.mark.parametrize(
    "expression",
    [
        where("Nme").eq("x"),
        where("Info.Nme").eq("x"),
        where("Inf.Name").eq("x"),
        where("Info").eq("x"),
        where("SocialSecurityNumber").eq("x"),
        where("ID eq 1 or ID").gt(0),
        where("").eq(1),
    ],
)
def test_an_unknown_name_is_never_sent(expression: Expression) -> None:
    with pytest.raises(UnknownName):
        Query("Customer", expression)


@pytest.mark.parametrize(
    "expression",
    [
        where("CustomerNumber").eq("100079"),
        where("OrgNumber").eq(999888777),
        where("CustomerNumber").eq(True),
        where("CreatedAt").gt("2026-01-01"),
        where("CreatedAt").gt(date(2026, 1, 1)),
        where("CreatedAt").gt(datetime(2026, 1, 1)),  # noqa: DTZ001
        where("IsPrivate").eq(1),
        where("CustomerNumber").contains("1"),
        where("OrgNumber").contains(""),
        where("OrgNumber").eq("a\nb"),
        where("AcceptableDelta4CustomerPayment").eq(1.5),  # type: ignore[arg-type]
        where("AcceptableDelta4CustomerPayment").eq(Decimal("NaN")),
        Any_(()),
    ],
)
def test_a_value_of_the_wrong_kind_is_never_sent(expression: Expression) -> None:
    with pytest.raises(QueryError):
        Query("Customer", expression)


def test_an_or_chain_holds_at_most_thirty() -> None:
    assert len(where("ID").one_of(range(30)).parts) == 30
    with pytest.raises(QueryError):
        where("ID").one_of(range(31))
    with pytest.raises(QueryError):
        where("ID").one_of([])
    long = where("ID").one_of(range(30)) | where("ID").eq(99)
    with pytest.raises(QueryError):
        Query("Customer", long)
    assert [len(part) for part in chunks(list(range(65)))] == [30, 30, 5]


def test_the_parameters_are_those_documented_and_never_an_empty_filter() -> None:
    plain = Query("Customer").params()
    assert plain == {"top": "500", "hateoas": "false"}
    query = Query(
        "Customer",
        where("OrgNumber").eq("1"),
        select=("CustomerNumber", "Info.Name"),
        expand=("Info.DefaultPhone",),
        order_by=("CustomerNumber desc",),
        top=7,
    )
    assert query.params() == {
        "filter": "OrgNumber eq '1'",
        "select": "ID,CustomerNumber,Info.Name,OrgNumber",
        "expand": "Info.DefaultPhone",
        "orderby": "CustomerNumber desc",
        "top": "7",
        "hateoas": "false",
    }
    assert query.after(5).params()["filter"] == "OrgNumber eq '1' and ID gt 5"
    assert query.after(5).params()["orderby"] == "ID"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Query("Customer", select=("Info.Name",)),
        lambda: Query("Phone"),
        lambda: Query("Customer", top=0),
    ],
)
def test_a_query_that_the_erp_would_misread_is_refused(make: Any) -> None:
    with pytest.raises(QueryError):
        make()


def test_unknown_expands_orders_and_selects_are_refused() -> None:
    for options in ({"expand": ("Infos",)}, {"order_by": ("Nme",)}, {"select": ("Nme",)}):
        with pytest.raises(UnknownName):
            Query("Customer", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "row", "fits"),
    [
        (where("OrgNumber").eq("999"), {"OrgNumber": "999"}, True),
        (where("OrgNumber").eq("999"), {"OrgNumber": "998"}, False),
        (where("OrgNumber").eq("999"), {"OrgNumber": None}, False),
        (where("OrgNumber").eq("999"), {}, None),
        (where("OrgNumber").ne("999"), {"OrgNumber": None}, None),
        (where("CustomerNumber").eq(7), {"CustomerNumber": "7"}, True),
        (where("CustomerNumber").gt(7), {"CustomerNumber": 7}, False),
        (where("Info.Name").contains("blå"), {"Info": {"Name": "Den BLÅ port"}}, True),
        (where("Info.Name").contains("blaa"), {"Info": {"Name": "Den blå port"}}, True),
        (where("Info.Name").startswith("cafe"), {"Info": {"Name": "Café Nord"}}, True),
        (where("Info.Name").endswith("AS"), {"Info": {"Name": "Nord as "}}, True),
        (where("Info.Name").eq("x"), {"Info": None}, False),
        (where("Info.Name").eq("x"), {"BusinessRelationID": 3}, None),
        (where("IsPrivate").eq(False), {"IsPrivate": 0}, True),
        (stamped_after(MOMENT), {"CreatedAt": "2026-11-23T08:30:05Z", "UpdatedAt": None}, True),
        (stamped_after(MOMENT), {"CreatedAt": "2026-11-23T08:30:04.9Z", "UpdatedAt": None}, False),
        (stamped_after(MOMENT), {"CreatedAt": None, "UpdatedAt": "2026-11-23T10:00:00+01:00"}, True),
        (stamped_after(MOMENT), {"CreatedAt": None, "UpdatedAt": None}, False),
        (where("ID").eq(1) & where("OrgNumber").eq("9"), {"ID": 2}, False),
        (where("ID").eq(1) & where("OrgNumber").eq("9"), {"ID": 1}, None),
    ],
)
def test_a_row_is_judged_by_what_it_shows(expression: Expression, row: dict[str, Any], fits: bool | None) -> None:
    assert evaluate(expression, "Customer", row) is fits


def test_a_filter_over_an_array_holds_when_one_element_fits() -> None:
    linked = where("EntityLinks.EntityType").eq("CustomerInvoice")
    assert evaluate(linked, "File", {"EntityLinks": [{"EntityType": "X"}, {"EntityType": "CustomerInvoice"}]}) is True
    assert evaluate(linked, "File", {"EntityLinks": [{"EntityType": "X"}]}) is False
    assert evaluate(linked, "File", {"EntityLinks": []}) is False


def test_a_date_is_compared_by_its_day_in_both_forms() -> None:
    due = where("PaymentDueDate").le(date(2026, 4, 30))
    assert render(due, "CustomerInvoice") == "PaymentDueDate le '2026-04-30'"
    for value in ("2026-04-30", "2026-04-30T00:00:00Z"):
        assert evaluate(due, "CustomerInvoice", {"PaymentDueDate": value}) is True


def test_a_row_that_contradicts_the_filter_is_a_hard_error_without_its_values() -> None:
    query = Query("Customer", where("OrgNumber").eq("kanari-1"))
    query.check([{"ID": 1, "OrgNumber": "KANARI-1"}, {"ID": 2}], "Unimicro")
    with pytest.raises(FilterIgnored, match="GET customers was answered with rows that were not asked for") as caught:
        query.check([{"ID": 1, "OrgNumber": "kanari-2"}], "Unimicro")
    assert "kanari" not in str(caught.value)
    assert "doctor" in caught.value.remedy


@given(
    names=st.lists(st.text("abÅåøÆO' %_", min_size=1, max_size=6), min_size=1, max_size=6),
    wanted=st.text("abÅåøÆO' %_", min_size=1, max_size=4),
)
def test_what_the_erp_finds_by_the_rendered_text_passes_the_check(names: list[str], wanted: str) -> None:
    for condition in (where("OrgNumber").eq(wanted), where("OrgNumber").contains(wanted)):
        found = Filter(render(condition, "Customer"))
        rows = [{"ID": 1, "OrgNumber": name} for name in names]
        kept = [row for row in rows if found.test(row)]
        Query("Customer", condition).check(kept, "Unimicro")


def test_text_is_folded_as_the_database_does() -> None:
    assert fold("BLÅBÆR  Øl ") == fold("blaabaer øl")
    assert fold("Åse") != fold("Ase")


def test_moments_are_sent_in_utc_whole_seconds() -> None:
    at = datetime(2026, 1, 19, 22, 20, 0, tzinfo=UTC)
    assert render(where("UpdatedAt").gt(at), "Customer") == "UpdatedAt gt '2026-01-19T22:20:00Z'"
