"""Texts are complete in both languages; numbers and dates are as the reader expects."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from sounimicro_pipelines.panels.words import catalogue, choose_language, words

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def test_both_languages_have_the_same_texts_with_the_same_parameters() -> None:
    norwegian, english = catalogue("nb"), catalogue("en")
    assert set(norwegian) == set(english)
    for key, text in norwegian.items():
        assert _parameters(text) == _parameters(english[key]), key
        assert text.strip(), key


def _parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_price_has_at_least_two_decimals() -> None:
    shown = [words("nb").price(Decimal(text)) for text in ("76.000000", "0.125000", "1200.5")]
    assert shown == ["76,00", "0,125", f"1{NBSP}200,50"]


def test_a_large_count_is_written_as_numbers_are() -> None:
    assert words("nb")("table.count", count=9837) == f"9{NBSP}837 rader"
    assert words("en")("table.count", count=9837) == "9,837 rows"


def test_templates_hold_no_text_of_their_own() -> None:
    from sounimicro_pipelines.panels import pages

    folder = pages.__spec__.origin
    assert folder is not None
    from pathlib import Path

    for path in (Path(folder).parent / "templates").glob("*.html"):
        bare = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}|<[^>]*>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.findall(r"[A-Za-zÆØÅæøå]{2,}", bare), path.name


@pytest.mark.parametrize(
    ("value", "norwegian", "english"),
    [
        ("1234.5", f"1{NBSP}234,50", "1,234.50"),
        ("-1234567.89", f"{MINUS}1{NBSP}234{NBSP}567,89", "-1,234,567.89"),
        ("0", "0,00", "0.00"),
        ("-0.001", "0,00", "0.00"),
        ("0.005", "0,01", "0.01"),
        ("12345678901234567.89", f"12{NBSP}345{NBSP}678{NBSP}901{NBSP}234{NBSP}567,89", "12,345,678,901,234,567.89"),
    ],
)
def test_money_is_written_as_the_language_does(value: str, norwegian: str, english: str) -> None:
    assert words("nb").money(Decimal(value)) == norwegian
    assert words("en").money(Decimal(value)) == english


def test_money_agrees_with_the_locale_data() -> None:
    from babel.numbers import format_decimal

    for value in ("1", "-1", "999.99", "1000", "-1234567.5"):
        norwegian = format_decimal(Decimal(value), format="#,##0.00", locale="nb_NO").replace("-", MINUS)
        assert words("nb").money(Decimal(value)) == norwegian
        assert words("en").money(Decimal(value)) == format_decimal(Decimal(value), format="#,##0.00", locale="en_GB")


def test_quantities_have_no_needless_zeros() -> None:
    assert words("nb").quantity(Decimal("2.500000")) == "2,5"
    assert words("nb").quantity(Decimal("1000.000000")) == f"1{NBSP}000"
    assert words("nb").quantity(Decimal("0.000001")) == "0,000001"


def test_days_and_moments_are_oslo_days() -> None:
    assert words("nb").date(date(2026, 5, 17)) == "17.05.2026"
    assert words("en").date(date(2026, 5, 17)) == "17 May 2026"
    assert words("nb").moment(datetime(2026, 6, 30, 22, 30, tzinfo=UTC)) == "01.07.2026 kl. 00:30"


def test_age_is_said_in_words() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    ages = [timedelta(0), timedelta(minutes=1), timedelta(minutes=59), timedelta(hours=3), timedelta(days=5)]
    assert [words("nb").age(now - age, now) for age in ages] == [
        "akkurat nå",
        "for 1 minutt siden",
        "for 59 minutter siden",
        "for 3 timer siden",
        "for 5 døgn siden",
    ]
    assert words("en").age(now - timedelta(hours=1), now) == "1 hour ago"


def test_the_language_is_what_the_address_or_the_browser_says_else_norwegian() -> None:
    assert choose_language("en", "nb") == "en"
    assert choose_language(None, "de-DE, en-GB;q=0.8, nb;q=0.5") == "en"
    assert choose_language(None, "nn-NO") == "nb"
    assert choose_language("xx", None) == "nb"
    assert choose_language("US", "nb-NO") == "en", "as the CRM names its languages"
    assert choose_language("NO", "en-GB") == "nb"


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert words("nb").or_raw("kinds", "strange_kind") == "strange kind"
