"""Single values: languages, stamps, days and user-defined fields."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from sounimicro_pipelines.superoffice.values import (
    as_bool,
    as_int,
    day_to_wire,
    decode_udef,
    encode_udef,
    http_date,
    in_language,
    parse_day,
    parse_moment,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('NO:"Leverandør";US:"Supplier"', "Leverandør"),
        ('US:"Vendor";NO:"Leverandør";', "Leverandør"),
        ('US:"Vendor";GE:"Lieferant"', "Vendor"),
        ('GE:"Lieferant"', "Lieferant"),
        ('NO:"Bar "Havna"";US:"x"', 'Bar "Havna"'),
        ("Kunde", "Kunde"),
        ('Avtale:"A"', 'Avtale:"A"'),
        ("", ""),
        (None, ""),
    ],
)
def test_one_language_is_taken_from_a_name_in_several(text: str | None, shown: str) -> None:
    assert in_language(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T08:14:07Z",
        "2026-03-02T08:14:07",
        "2026-03-02T09:14:07+01:00",
        "[DT:03/02/2026 08:14:07.0000000]",
        "2026-03-02T08:14:07.0000000Z",
    ],
)
def test_stamps_are_utc_in_every_form(text: str) -> None:
    assert parse_moment(text) == datetime(2026, 3, 2, 8, 14, 7, tzinfo=UTC)


def test_seven_digits_of_a_second_are_read() -> None:
    assert parse_moment("2026-03-02T09:14:07.8912039+01:00") == datetime(2026, 3, 2, 8, 14, 7, 891203, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "", None, "soon", 7, "2026-99-01"])
def test_no_stamp_is_none(text: object) -> None:
    assert parse_moment(text) is None
    assert parse_day(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-31T00:00:00",
        "2026-12-31",
        "2026-12-30T23:00:00Z",
        "2026-12-31T00:00:00+01:00",
        "2026-12-31T12:00:00",
        "2026-12-31T11:00:00Z",
        "[D:12/31/2026 00:00:00.0000000]",
        "[D:12/31/2026]",
    ],
)
def test_a_day_is_the_same_day_in_every_form(text: str) -> None:
    assert parse_day(text) == date(2026, 12, 31)


def test_a_day_that_is_sent_is_that_day_in_any_zone() -> None:
    for day in (date(2026, 12, 31), date(2026, 7, 1), date(2026, 3, 29), date(2026, 10, 25)):
        sent = datetime.fromisoformat(day_to_wire(day))
        for hours in (-11, -5, 0, 1, 2, 11):
            assert sent.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=hours))).date() == day
        assert parse_day(day_to_wire(day)) == day


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "[I:3]"),
        (Decimal("4.43"), "[F:4.43]"),
        (date(1999, 5, 5), "[D:05/05/1999 00:00:00.0000000]"),
        (True, "True"),
        ("UM-20017", "UM-20017"),
        (datetime(2026, 3, 2, 8, 14, 7, tzinfo=UTC), "[DT:03/02/2026 08:14:07.0000000]"),
    ],
)
def test_user_defined_values_go_there_and_back(value: object, text: str) -> None:
    assert encode_udef(value) == text
    assert decode_udef(text) == value


def test_blank_user_defined_values_are_none() -> None:
    for text in ("", None, "[D:01/01/0001 00:00:00.0000000]", "[I:x]", "[F:]"):
        assert decode_udef(text) is None
    assert encode_udef(None) == ""


def test_numbers_and_truth_come_in_several_forms() -> None:
    assert [as_int(v) for v in (7, "7", "[I:7]", 7.0, "x", None, "7.5")] == [7, 7, 7, 7, None, None, None]
    assert [as_bool(v) for v in (True, "True", "[I:1]", 0, "no", None)] == [True, True, True, False, None, None]


def test_http_dates_are_whole_seconds_in_gmt() -> None:
    assert http_date(datetime(2026, 3, 2, 8, 14, 7, 891203, tzinfo=UTC)) == "Mon, 02 Mar 2026 08:14:07 GMT"
