"""Kept answers never outlive the figures behind them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from sounimicro_pipelines.panels.cache import SECONDS, AnswerCache
from sounimicro_pipelines.store import Store
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


def test_answers_grow_old_and_the_least_wanted_go_first() -> None:
    clock = world.clock()
    cache = AnswerCache(clock, max_bytes=25)
    cache.put("a", b"0123456789")
    cache.put("b", b"0123456789")
    assert cache.get("a") == b"0123456789"
    cache.put("c", b"0123456789")
    assert cache.get("b") is None
    assert cache.get("a") is not None
    clock.advance(SECONDS + 1)
    assert cache.get("a") is None


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
