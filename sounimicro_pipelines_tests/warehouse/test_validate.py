"""What a raw record may look like, and that what is accepted is loaded exactly."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sounimicro_pipelines.records import ChildTable, Column, EntitySpec
from sounimicro_pipelines.warehouse import extract
from sounimicro_pipelines.warehouse.validate import Refused, Validator
from sounimicro_pipelines_tests.warehouse.registers import Register

SPEC = EntitySpec(
    entity="Thing",
    table="thing",
    route="things",
    columns=(
        Column("ID", "int", required=True),
        Column("Count", "int"),
        Column("Amount", "decimal"),
        Column("Text", "text"),
        Column("Flag", "bool"),
        Column("Day", "date"),
        Column("At", "datetime"),
        Column("Must", "text", required=True),
    ),
    children=(
        ChildTable(
            entity="Part",
            table="part",
            path="Parts",
            parent_column="ThingID",
            columns=(Column("ID", "int"), Column("Price", "decimal"), Column("ThingID", "int")),
        ),
    ),
)


def loaded(folder: Path, *rows: bytes) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Things and quarantined records after a full listing of `rows`."""
    register = Register(specs=(SPEC,), raw={"Thing": list(rows)})
    path = folder / "a.duckdb"
    path.unlink(missing_ok=True)
    (result,) = asyncio.run(extract(register, path, folder / "landing"))
    assert result.state == "ok", result.message
    with duckdb.connect(str(path)) as connection:
        columns = ", ".join(f'"{column.name}"' for column in SPEC.columns)
        things = connection.execute(f"SELECT {columns} FROM raw.thing ORDER BY ID").fetchall()
        refused = connection.execute("SELECT key, reason FROM raw._quarantine ORDER BY key").fetchall()
    return things, refused


def row(**fields: Any) -> bytes:
    return json.dumps({"ID": 1, "Must": "x"} | fields).encode()


def raw(field: str, text: str) -> bytes:
    return b'{"ID":1,"Must":"x","%b":%b}' % (field.encode(), text.encode())


ACCEPTED: list[tuple[str, str, Any]] = [
    ("Count", "7", 7),
    ("Count", "7.0", 7),
    ("Count", '"7"', 7),
    ("Count", '" 7.0 "', 7),
    ("Count", '""', None),
    ("Count", "9223372036854775807", 9223372036854775807),
    ("Amount", "12", Decimal(12)),
    ("Amount", "-0.1", Decimal("-0.1")),
    ("Amount", '"1234.5600"', Decimal("1234.56")),
    ("Amount", "1e3", Decimal(1000)),
    ("Amount", "9007199254740.993074", Decimal("9007199254740.993074")),
    ("Amount", "-4503599627370.123457", Decimal("-4503599627370.123457")),
    ("Text", '"Æ\\u0000ø"', "Æ\0ø"),
    ("Text", "50112", "50112"),
    ("Text", "50112.50", "50112.50"),
    ("Flag", "true", True),
    ("Flag", '"False"', False),
    ("Flag", "1", True),
    ("Day", '"2026-04-30"', date(2026, 4, 30)),
    ("Day", '"2026-04-30T00:00:00Z"', date(2026, 4, 30)),
    ("Day", '"2026-04-30T23:30:00+02:00"', date(2026, 4, 30)),
    ("At", '"2026-01-19T22:20:00Z"', datetime(2026, 1, 19, 22, 20)),  # noqa: DTZ001
    ("At", '"2026-01-19T22:20:00+01:00"', datetime(2026, 1, 19, 21, 20)),  # noqa: DTZ001
    ("At", '"2026-01-19T22:20:00"', datetime(2026, 1, 19, 22, 20)),  # noqa: DTZ001
    ("At", '"2026-01-19t22:20:00z"', datetime(2026, 1, 19, 22, 20)),  # noqa: DTZ001
    ("At", '"2017-04-13T11:09:56.04Z"', datetime(2017, 4, 13, 11, 9, 56, 40000)),  # noqa: DTZ001
    ("At", '"2017-04-13T11:09:56.0531234Z"', datetime(2017, 4, 13, 11, 9, 56, 53123)),  # noqa: DTZ001
]


def test_documented_spellings_of_a_value_are_accepted_exactly(tmp_path: Path) -> None:
    rows = [
        f'{{"ID": {key}, "Must": "x", "Unknown": {{"a": [1]}}, "{field}": {text}}}'.encode()
        for key, (field, text, _) in enumerate(ACCEPTED)
    ]
    things, refused = loaded(tmp_path, *rows)
    assert refused == []
    names = [column.name for column in SPEC.columns]
    for (field, text, value), thing in zip(ACCEPTED, things, strict=True):
        assert thing[names.index(field)] == value, f"{field}: {text}"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (row(Must=None), "Must: missing"),
        (b'{"ID":1}', "Must: missing"),
        (row(Count=1000500.7), "Count: expected a whole number, got a fraction"),
        (row(Count="abc"), "Count: expected a number, got other text"),
        (raw("Count", "12345678901234567890"), "Count: the number is too large"),
        (row(Count=True), "Count: expected a number, got true or false"),
        (raw("Amount", "10000000000000"), "Amount: the amount is 10 000 000 000 000 or more"),
        (raw("Amount", "-1e13"), "Amount: the amount is 10 000 000 000 000 or more"),
        (row(Amount="NaN"), "Amount: expected a number, got other text"),
        (row(Text={"a": 1}), "Text: expected text, got an object"),
        (row(Text=True), "Text: expected text, got true or false"),
        (row(Flag="perhaps"), "Flag: expected true or false, got text"),
        (row(Day="30.04.2026"), "Day: expected a date as YYYY-MM-DD"),
        (row(Day="2026-02-30"), "Day: expected a date as YYYY-MM-DD"),
        (row(At="yesterday"), "At: expected a time in ISO 8601"),
        (row(Parts={"ID": 1}), "Parts: expected a list, got an object"),
        (row(Parts=[{"ID": 1}, 5]), "Parts[1]: expected an object, got a number"),
        (row(Parts=[{"ID": 1, "Price": "dyr"}]), "Parts[0].Price: expected a number, got other text"),
        (row(Parts=[{"Price": 1}]), "Parts[0].ID: missing"),
    ],
)
def test_other_values_are_refused_with_field_and_problem_but_no_value(record: bytes, reason: str) -> None:
    validator = Validator(SPEC)
    assert validator.strict(record + b"\n") is None
    with pytest.raises(Refused) as caught:
        validator.one(record)
    assert (caught.value.reason, caught.value.key) == (reason, 1)


@pytest.mark.parametrize(
    "record", [b'{"ID":1', b"", b'"text"', b"{\xff}", b'{"Must":"x"}', b'{"ID":"Kari","Must":"x"}']
)
def test_a_record_without_a_readable_key_is_refused(record: bytes) -> None:
    with pytest.raises(Refused) as caught:
        Validator(SPEC).one(record)
    assert caught.value.key is None
    assert "Kari" not in caught.value.reason


def test_what_the_database_refuses_after_all_is_found_and_set_aside(tmp_path: Path) -> None:
    rows = [row(ID=key, Amount=key, Parts=[{"ID": key}]) for key in range(1, 6)]
    rows[2] = b'{"ID":3,"ID":3,"Must":"x","At":"2026-01-19t22:20:00z"}'
    things, refused = loaded(tmp_path, *rows)
    assert [thing[0] for thing in things] == [1, 2, 3, 4, 5]
    assert refused == []


def test_a_child_always_belongs_to_the_record_that_it_came_with(tmp_path: Path) -> None:
    loaded(tmp_path, row(ID=5, Parts=[{"ID": 1, "ThingID": None}, {"ID": 2, "ThingID": 99}]))
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        assert connection.execute("SELECT ID, ThingID FROM raw.part ORDER BY ID").fetchall() == [(1, 5), (2, 5)]


def test_a_child_that_stands_in_two_records_is_kept_once(tmp_path: Path) -> None:
    loaded(tmp_path, row(ID=1, Parts=[{"ID": 7, "Price": 1}]), row(ID=2, Parts=[{"ID": 7, "Price": 2}]))
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        assert connection.execute("SELECT ThingID, Price FROM raw.part").fetchall() == [(2, 2)]


moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001
zones = st.sampled_from([None, UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=5, minutes=30))])
amounts = st.decimals(min_value=-(10**13) + 1, max_value=10**13 - 1, places=6)
things = st.fixed_dictionaries(
    {
        "Count": st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
        "Amount": st.none() | amounts,
        "Text": st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
        "Flag": st.none() | st.booleans(),
        "Day": st.none() | st.dates(),
        "At": st.none() | st.tuples(moments, zones).map(lambda pair: pair[0].replace(tzinfo=pair[1])),
        "quote": st.booleans(),
        "day_as_time": st.booleans(),
    }
)


def spelled(key: int, thing: dict[str, Any]) -> bytes:
    def amount(value: Decimal | None) -> str:
        return "null" if value is None else (f'"{value}"' if thing["quote"] else f"{value}")

    day = thing["Day"].isoformat() if thing["Day"] else None
    if day and thing["day_as_time"]:
        day += "T00:00:00Z"
    parts = {
        "ID": str(key),
        "Must": '"x"',
        "Count": json.dumps(str(thing["Count"]) if thing["quote"] and thing["Count"] is not None else thing["Count"]),
        "Amount": amount(thing["Amount"]),
        "Text": json.dumps(thing["Text"], ensure_ascii=thing["quote"]),
        "Flag": json.dumps(thing["Flag"]),
        "Day": json.dumps(day),
        "At": json.dumps(thing["At"].isoformat() if thing["At"] else None),
        "Parts": f'[{{"ID": {key}, "Price": {amount(thing["Amount"])}}}]',
    }
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in parts.items()) + "}").encode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(things, min_size=1, max_size=8))
def test_every_value_that_is_accepted_is_loaded_exactly(tmp_path: Path, generated: list[dict[str, Any]]) -> None:
    stored, refused = loaded(tmp_path, *(spelled(key, thing) for key, thing in enumerate(generated, 1)))
    assert refused == []
    for key, (thing, found) in enumerate(zip(generated, stored, strict=True), 1):
        at = thing["At"]
        at = at if at is None or at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
        expected = (key, thing["Count"], thing["Amount"], thing["Text"], thing["Flag"], thing["Day"], at, "x")
        assert found == expected
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        prices = connection.execute("SELECT Price FROM raw.part ORDER BY ID").fetchall()
    assert [price for (price,) in prices] == [thing["Amount"] for thing in generated]


def test_a_changed_spec_gets_its_columns_and_is_listed_anew(tmp_path: Path) -> None:
    path, landing = tmp_path / "a.duckdb", tmp_path / "landing"
    rows = [row(ID=key, Count=key, Extra=f"e{key}") for key in range(1, 4)]
    asyncio.run(extract(Register(specs=(SPEC,), raw={"Thing": rows}), path, landing))
    wider = replace(SPEC, columns=(*SPEC.columns, Column("Extra", "text")))
    register = Register(specs=(wider,), raw={"Thing": rows})
    (result,) = asyncio.run(extract(register, path, landing))
    assert (result.mode, result.changed) == ("full", 3)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT Extra FROM raw.thing ORDER BY ID").fetchall() == [("e1",), ("e2",), ("e3",)]
    other = replace(SPEC, columns=tuple(replace(c, kind="text") if c.name == "Count" else c for c in SPEC.columns))
    (result,) = asyncio.run(extract(Register(specs=(other,), raw={"Thing": rows}), path, landing))
    assert result.changed == 3
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT Count FROM raw.thing ORDER BY ID").fetchall() == [("1",), ("2",), ("3",)]
