"""Kept answers never outlive the figures behind them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sounimicro_pipelines.panels.address import Subject
from sounimicro_pipelines.panels.cache import FETCHED, SECONDS, AnswerCache
from sounimicro_pipelines.panels.figures.open_items import open_items
from sounimicro_pipelines.panels.figures.party import Version
from sounimicro_pipelines.panels.figures.projects import projects
from sounimicro_pipelines.store import Store, Transaction
from sounimicro_pipelines.warehouse.publish import TieOut, publish
from sounimicro_pipelines_tests.panels import world
from sounimicro_pipelines_tests.panels.conftest import client_of

ABB = {"company": "demo", "role": "customer", "party": "79"}


def test_a_new_publish_is_shown_at_once(tmp_path: Path, store: Store) -> None:
    client = client_of(store, tmp_path)
    for _ in range(2):
        assert "30411" in client.get("/panel/company", params=ABB).text
        assert client.get("/api/v1/open-items", params=ABB).json()["count"] == 5
    with duckdb.connect(str(tmp_path / "demo.duckdb")) as db:
        db.execute("DELETE FROM reports.open_item WHERE document_number = '30411'")
    publish(
        tmp_path / "demo.duckdb",
        store,
        company="demo",
        as_of=world.TODAY,
        fetched_at=world.FETCHED + timedelta(minutes=1),
        run_id="r2",
        tie_out=TieOut(True),
        publish_meta=world.META,
    )
    assert "30411" not in client.get("/panel/company", params=ABB).text
    assert client.get("/api/v1/open-items", params=ABB).json()["count"] == 4


def test_languages_and_parties_are_kept_apart(tmp_path: Path, sqlite_store: Store) -> None:
    client = client_of(sqlite_store, tmp_path)
    pages = {
        client.get("/panel/company", params=query, headers={"accept-language": language}).text
        for query in (ABB, {**ABB, "party": "80"}, {**ABB, "role": "supplier", "party": "12"})
        for language in ("nb", "en")
    }
    assert len(pages) == 6


class Asking:
    """Somebody who asks a cache for what a function makes, and counts how often it does."""

    def __init__(self, store: Store, cache: AnswerCache) -> None:
        self.store, self.cache, self.made = store, cache, 0

    def __call__(self, read: Callable[[Transaction, Subject], object], key: str = "a", party: int = 79) -> bytes:
        subject = Subject("demo", "customer", party)

        def make(version: Version) -> bytes:
            self.made += 1
            return f"{read(tx, subject)} {FETCHED}".encode()

        with self.store.read() as tx:
            body, version = self.cache.answer(tx, subject, key, ("party",), make)
        return body.replace(FETCHED.encode(), version.fetched_at.isoformat().encode())


def _publish_again(folder: Path, store: Store, change: str, **said: Any) -> None:
    with duckdb.connect(str(folder / "demo.duckdb")) as db:
        db.execute(change)
    publish(
        folder / "demo.duckdb",
        store,
        **{
            "company": "demo",
            "as_of": world.TODAY,
            "fetched_at": world.FETCHED + timedelta(minutes=5),
            "run_id": "r2",
            "tie_out": TieOut(True),
            "publish_meta": world.META,
            **said,
        },
    )


OTHERS = "UPDATE reports.open_item SET text = 'Ny' WHERE party_id = 81"
OWN = "UPDATE reports.open_item SET remaining_amount = remaining_amount + 1 WHERE party_id = 79"


def test_a_publish_of_others_figures_leaves_an_answer_but_for_when_it_was_fetched(tmp_path: Path, store: Store) -> None:
    world.publish_world(tmp_path, store)
    ask = Asking(store, AnswerCache(world.clock()))
    first = ask(open_items)
    _publish_again(tmp_path, store, OTHERS)
    second = ask(open_items)
    assert ask.made == 1
    assert b"09:30:00" in first
    assert second == first.replace(b"09:30:00", b"09:35:00")


@pytest.mark.parametrize(
    ("change", "said"),
    [(OWN, {}), (OTHERS, {"tie_out": TieOut(False, "1.00")}), (OTHERS, {"as_of": date(2026, 11, 24)})],
)
def test_an_answer_goes_with_its_party_s_rows_the_verdict_and_the_day(
    tmp_path: Path, store: Store, change: str, said: dict[str, Any]
) -> None:
    world.publish_world(tmp_path, store)
    ask = Asking(store, AnswerCache(world.clock()))
    ask(open_items)
    _publish_again(tmp_path, store, change, **said)
    for _ in range(2):
        ask(open_items)
    assert ask.made == 2


def test_an_answer_that_holds_others_rows_is_good_for_one_publish(tmp_path: Path, sqlite_store: Store) -> None:
    world.publish_world(tmp_path, sqlite_store)
    ask = Asking(sqlite_store, AnswerCache(world.clock()))
    for _ in range(2):
        ask(projects)
    assert ask.made == 1
    _publish_again(tmp_path, sqlite_store, OTHERS)
    ask(projects)
    assert ask.made == 2


def test_answers_grow_old_and_the_least_wanted_go_first(tmp_path: Path, sqlite_store: Store) -> None:
    world.publish_world(tmp_path, sqlite_store)
    clock = world.clock()
    ask = Asking(sqlite_store, AnswerCache(clock, max_bytes=2 * len(FETCHED) + 16))
    for key in ("a", "b", "a", "c", "a"):
        ask(lambda tx, subject: 1, key)
    assert ask.made == 3
    ask(lambda tx, subject: 1, "b")
    assert ask.made == 4
    clock.advance(SECONDS + 1)
    ask(lambda tx, subject: 1, "b")
    assert ask.made == 5


def test_what_is_read_of_a_party_is_published_by_party() -> None:
    """Else the digests of a party's rows would not tell of a change in them."""
    keyed = {
        path.stem: re.findall(r"'(\w+)'", match[1])
        for path in sorted((Path(__file__).parents[2] / "dbt_reports" / "models" / "marts").glob("*.sql"))
        if (match := re.search(r"'key': \[(.*?)\]", path.read_text(encoding="utf-8")))
    }
    assert len(keyed) > 10
    assert keyed.keys() >= world.META.keys()
    by_party = {name for name, key in keyed.items() if {"role", "party_id"} <= set(key)}
    assert by_party == {name for name, (key, _) in world.META.items() if {"role", "party_id"} <= set(key)}
    for name in keyed.keys() - by_party:
        assert name in NOT_BY_PARTY, f"{name}: is it read by role and party?"


NOT_BY_PARTY = {
    "voucher_line", "budget_actual", "accounting_period", "project", "project_line", "document_file", "tie_out",
}  # fmt: skip
"""Read by other columns than a party's; `_own_tables` then finds them so."""


def test_facts_stand_with_their_version_and_failures_are_not_kept() -> None:
    cache, made = AnswerCache(world.clock()), []

    def make() -> int:
        made.append(len(made))
        if len(made) == 1:
            raise LookupError
        return made[-1]

    with pytest.raises(LookupError):
        cache.known("v1", "fact", make)
    assert [cache.known("v1", "fact", make) for _ in range(2)] == [1, 1]
    assert cache.known("v2", "fact", make) == 2
    assert [cache.known(None, "fact", make) for _ in range(2)] == [3, 4]
