"""A row that differs by a cent has other hashes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest

from sounimicro_pipelines.warehouse.hashes import described, row_hashes
from sounimicro_pipelines.warehouse.reports.replaced import replace


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create table figure (account bigint, actual decimal(19, 2), variance decimal(19, 2))")
        yield connection


def test_no_two_amounts_near_zero_have_the_same_hashes(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("insert into figure select 1, n / 100, n / 100 from range(-2000, 2000) as all_of(n)")
    one, two = row_hashes("f", described(connection.execute("from figure limit 0").description))
    found = connection.execute(f"select count(distinct ({one}, {two})) from figure as f").fetchone()
    assert found == (4000,)


@pytest.mark.parametrize(("was", "becomes"), [("-0.01", "0.00"), ("0.00", "-0.01")])
def test_a_cent_that_comes_or_goes_is_written(connection: duckdb.DuckDBPyConnection, was: str, becomes: str) -> None:
    connection.execute("insert into figure values (3, ?, ?)", [Decimal(was)] * 2)
    connection.execute(
        "create temp table made as select account, ?::decimal(19, 2) as actual, actual as variance from figure",
        [Decimal(becomes)],
    )
    connection.execute("update made set variance = actual")
    columns = described(connection.execute("from figure limit 0").description)
    replace(connection, "figure", columns, "made", [""], "changes")
    assert connection.execute("from figure").fetchall() == [(3, Decimal(becomes), Decimal(becomes))]
