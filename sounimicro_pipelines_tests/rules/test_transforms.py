"""Each named transform: what it compares as equal, what it writes, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sounimicro_pipelines.rules import Context, ItemMap
from sounimicro_pipelines.rules.person_names import join_name, split_name
from sounimicro_pipelines.rules.transforms import TRANSFORMS, CannotWrite
from sounimicro_pipelines.rules.values import Raw, Side

PLAIN = Context()

SAME: list[tuple[str, Raw, Raw]] = [
    ("text", (" Fjordlys  AS ",), ("Fjordlys AS",)),
    ("text", (None,), ("",)),
    ("tolerant_text", ("BERGEN",), ("Bergen",)),
    ("tolerant_text", ("5003 ",), ("50 03",)),
    ("address", ("Postboks 123, Sentrum",), ("POSTBOKS 123  sentrum.",)),
    ("email", ("Post@Fjordlys.NO",), ("post@fjordlys.no",)),
    ("url", ("https://www.fjordlys.no/",), ("www.Fjordlys.no",)),
    ("org_number", ("NO 923 609 016 MVA",), ("923609016",)),
    ("org_number", ("923.609.016",), ("923 609 016",)),
    ("phone", ("55 10 20 30",), ("+4755102030",)),
    ("phone", ("0047 90011222",), ("+47 900 11 222",)),
    ("phone", ("(+47) 90 01 12 22",), ("90011222",)),
    ("person_name", ("Ola", "", "Vik"), ("Ola Vik",)),
    ("person_name", ("Anne", "Marie", "von Krogh"), ("Anne Marie von Krogh",)),
    ("country", (578,), ("NO",)),
    ("country", (None,), ("Norge",)),
    ("country", ("SWE",), ("Sverige",)),
    ("date", (date(2026, 12, 31),), ("2026-12-31T00:00:00",)),
    ("date", (datetime(2026, 12, 30, 23, 0, tzinfo=UTC),), ("2026-12-31",)),
    ("date", ("0001-01-01T00:00:00",), (None,)),
    ("date", ("31.12.2026",), ("2026-12-31T00:00:00Z",)),
    ("integer", (14,), ("14",)),
    ("decimal", ("1 000,50",), ("1000.5",)),
    ("boolean", (None,), ("False",)),
    ("long_text", ("a \r\nb\n",), ("a\nb",)),
]


@pytest.mark.parametrize(("name", "crm", "erp"), SAME)
def test_what_says_the_same_compares_as_equal(name: str, crm: Raw, erp: Raw) -> None:
    transform = TRANSFORMS[name]
    assert transform.read("crm", crm, PLAIN).key == transform.read("erp", erp, PLAIN).key


DIFFERENT: list[tuple[str, Raw, Raw]] = [
    ("text", ("Fjordlys AS",), ("Fjordlys as",)),
    ("address", ("Postboks 123",), ("Postboks 123 Sentrum",)),
    ("phone", ("90011222",), ("+46 90011222",)),
    ("country", ("SE",), ("",)),
    ("date", ("2026-12-31",), ("2027-01-01",)),
    ("email", ("a@b.no",), ("",)),
]


@pytest.mark.parametrize(("name", "crm", "erp"), DIFFERENT)
def test_what_differs_compares_as_different(name: str, crm: Raw, erp: Raw) -> None:
    transform = TRANSFORMS[name]
    assert transform.read("crm", crm, PLAIN).key != transform.read("erp", erp, PLAIN).key


@pytest.mark.parametrize(
    ("name", "value"),
    [("org_number", "923609017"), ("org_number", "12345"), ("phone", "12"), ("phone", "ring sentralbordet"),
     ("email", "post(at)fjordlys.no"), ("country", "Atlantis"), ("date", "snart"), ("integer", "14 dager")],
)  # fmt: skip
def test_an_invalid_value_carries_a_problem_that_does_not_quote_it(name: str, value: str) -> None:
    reading = TRANSFORMS[name].read("crm", (value,), PLAIN)
    assert reading.problem is not None
    assert reading.text
    assert value not in reading.problem.cause + reading.problem.remedy


def test_a_foreign_organisation_number_is_kept_as_text() -> None:
    transform = TRANSFORMS["org_number"]
    assert transform.read("crm", ("SE 556703-7485",), PLAIN).problem is None
    assert transform.read("crm", ("556703-7485",), Context(country="SE")).problem is None
    assert transform.read("crm", ("556703-7485",), PLAIN).problem is not None


def test_phones_are_written_as_each_side_has_them() -> None:
    transform = TRANSFORMS["phone"]
    reading = transform.read("erp", ("+47 90011222",), PLAIN)
    assert transform.write("crm", reading, ("",), PLAIN) == ("+47 90 01 12 22",)
    assert transform.write("erp", reading, ("",), PLAIN) == ("+4790011222",)
    with_extension = transform.read("crm", ("+47 55 10 20 30 ext. 12",), PLAIN)
    assert transform.read("erp", transform.write("erp", with_extension, ("",), PLAIN), PLAIN) == with_extension


@pytest.mark.parametrize(
    ("name", "now", "parts"),
    [
        ("Ola Vik", ("", "", ""), ("Ola", "", "Vik")),
        ("Anne Marie Hansen", ("", "", ""), ("Anne Marie", "", "Hansen")),
        ("Anne Marie Berg", ("Anne", "Marie", "Hansen"), ("Anne", "Marie", "Berg")),
        ("Jan van der Meer", ("", "", ""), ("Jan", "", "van der Meer")),
        ("Kari Holm Nielsen", ("Kari", "", "Holm Nielsen"), ("Kari", "", "Holm Nielsen")),
        ("Kari Anne Holm Nielsen", ("Kari", "", "Holm Nielsen"), ("Kari Anne", "", "Holm Nielsen")),
        ("Ola", ("", "", ""), ("Ola", "", "")),
        ("von Krogh", ("", "", ""), ("von", "", "Krogh")),
        ("", ("Ola", "", "Vik"), ("", "", "")),
    ],
)
def test_a_name_is_split_by_its_last_word_and_what_stands_there(
    name: str, now: tuple[str, str, str], parts: tuple[str, str, str]
) -> None:
    assert split_name(name, now) == parts


_WORD = st.text(alphabet="abcdefgæøåÆØÅ-", min_size=1, max_size=8)


@given(st.lists(_WORD, max_size=5), st.tuples(_WORD, st.one_of(st.just(""), _WORD), _WORD))
def test_a_split_name_joins_to_the_same_name(words: list[str], now: tuple[str, str, str]) -> None:
    assert join_name(split_name(" ".join(words), now)) == join_name(words)


def test_list_items_compare_by_what_they_are_mapped_to() -> None:
    items = ItemMap(
        "payment_terms",
        pairs=frozenset({("1", "14"), ("2", "14"), ("3", "30"), ("3", "31")}),
        ways_back=frozenset({("1", "14"), ("3", "30")}),
    )
    context = Context(items=items)
    transform = TRANSFORMS["list"]

    def key(side: Side, item: str) -> str:
        return transform.read(side, (item,), context).key

    assert key("crm", "1") == key("crm", "2") == key("erp", "14")
    assert key("crm", "3") == key("erp", "30") == key("erp", "31") != key("crm", "1")
    assert transform.write("crm", transform.read("erp", ("14",), context), ("",), context) == ("1",)
    assert transform.write("erp", transform.read("crm", ("3",), context), ("",), context) == ("30",)
    unmapped = transform.read("erp", (99,), context)
    assert unmapped.problem is not None
    assert unmapped.problem.kind == "unmapped_list_item"


def test_several_counterparts_without_a_way_back_are_refused() -> None:
    context = Context(items=ItemMap("seller", pairs=frozenset({("1", "14"), ("2", "14")})))
    transform = TRANSFORMS["list"]
    with pytest.raises(CannotWrite):
        transform.write("crm", transform.read("erp", ("14",), context), ("",), context)


def test_a_project_is_dated_by_its_end_or_else_its_planned_end() -> None:
    transform = TRANSFORMS["date"]
    assert transform.read("erp", (None, "2026-11-30"), PLAIN).text == "2026-11-30"
    assert transform.read("erp", ("2026-12-01", "2026-11-30"), PLAIN).text == "2026-12-01"
    new = transform.read("crm", ("2027-01-15",), PLAIN)
    assert transform.write("erp", new, (None, "2026-11-30"), PLAIN) == ("", "2027-01-15")
    assert transform.write("erp", new, (None, None), PLAIN) == ("2027-01-15", "")


LOSSLESS = [name for name, transform in TRANSFORMS.items() if transform.lossless and name not in ("list",)]
SAMPLES = [
    "",
    "Fjordlys AS",
    "923609016",
    "+47 900 11 222",
    "post@fjordlys.no",
    "2026-12-31",
    "14",
    "true",
    "NO",
    "x  y",
]


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_value_survives_the_way_over_and_back(name: str) -> None:
    transform = TRANSFORMS[name]
    for sample in SAMPLES:
        crm: Raw = (sample, "", "")[: max(transform.crm_parts)]
        reading = transform.read("crm", crm, PLAIN)
        if reading.problem is not None:
            continue
        there = transform.write("erp", reading, ("",), PLAIN)
        assert transform.read("erp", there, PLAIN).key == reading.key
        back = transform.write("crm", transform.read("erp", there, PLAIN), crm, PLAIN)
        assert transform.read("crm", back, PLAIN).key == reading.key


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "list"])
def test_what_a_baseline_keeps_reads_the_same_again(name: str) -> None:
    transform = TRANSFORMS[name]
    for sample in (*SAMPLES, "not valid at all"):
        reading = transform.read("crm", (sample,), PLAIN)
        assert transform.read("crm", (reading.text,), PLAIN) == reading
        assert transform.read("erp", (reading.text,), PLAIN).key == reading.key
