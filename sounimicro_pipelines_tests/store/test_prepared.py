"""A prepared statement does what SQLAlchemy does with it, within the same transaction, and fails in the same words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sounimicro_pipelines.store import Locked, Store, Transaction, database, open_store
from sounimicro_pipelines.store.prepared import Prepared
from sounimicro_pipelines.store.statements import find, find_one

NOW = datetime(2026, 11, 23, 5, 8, 0, 125, tzinfo=UTC)
IN_OSLO = NOW.astimezone(timezone(timedelta(hours=1)))
FEED = {"name": "crm:contact", "watermark": IN_OSLO, "cursor": {"seen": ["Ærø", 1, None]}, "failures": 2}
COMPANY = {"alias": "demo", "name": "Demo AS", "is_test": True, "active": False, "seen_at": NOW}


def add_feed(tx: Transaction) -> Prepared:
    table = tx.tables.feeds
    return Prepared(insert(table).values({name: bindparam("v_" + name, type_=table.c[name].type) for name in FEED}))


def test_every_type_travels_as_by_sqlalchemy(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.change(add_feed(tx), {"v_" + name: value for name, value in FEED.items()}) == 1
        tx.execute(tx.tables.companies.insert(), {"company_key": "K1", **COMPANY})
    with store.read() as tx:
        for table in (tx.tables.feeds, tx.tables.companies):
            statement = select(table)
            (known,) = tx.rows(statement)
            (found,) = tx.rows(Prepared(statement))
            assert found._asdict() == dict(known._mapping)
        feed = find_one(tx, tx.tables.feeds, name="crm:contact")
        assert feed is not None
        assert (feed.watermark, feed.watermark.tzinfo, feed.cursor) == (NOW, UTC, FEED["cursor"])
        assert find_one(tx, tx.tables.companies, active=False, is_test=True, seen_at=NOW) is not None
        assert find(tx, tx.tables.companies, active=True) == []


def test_a_value_may_be_used_twice_and_others_be_fixed(store: Store) -> None:
    with store.transaction() as tx:
        table = tx.tables.feeds
        for name in ("a", "b", "c"):
            tx.execute(table.insert(), {"name": name, "state": "failed" if name == "c" else "ok"})
        same = or_(table.c.name == bindparam("the_name"), table.c.message == bindparam("the_name"))
        found = Prepared(select(table.c.name.label("called")).where(same, table.c.state == "ok").limit(bindparam("n")))
        assert [row.called for row in tx.rows(found, {"the_name": "a", "n": 5})] == ["a"]
        assert tx.rows(found, {"the_name": "a", "n": 0}) == []
        assert tx.scalar(found, {"the_name": "b", "n": 1}) == "b"
        assert tx.row(found, {"the_name": "c", "n": 1}) is None
        assert tx.scalar(found, {"the_name": "c", "n": 1}) is None
        emptied = Prepared(update(table).where(table.c.state == bindparam("was")).values(holder=None, failures=7))
        assert tx.change(emptied, {"was": "ok"}) == 2
        assert {row.name: row.failures for row in find(tx, table)} == {"a": 7, "b": 7, "c": 0}


def test_a_list_of_values_is_refused(store: Store) -> None:
    with store.read() as tx, pytest.raises(TypeError, match="not known by name"):
        tx.rows(Prepared(select(tx.tables.feeds).where(tx.tables.feeds.c.name.in_(["a", "b"]))))


@pytest.mark.parametrize("first", ["prepared", "sqlalchemy"])
def test_both_ways_share_one_transaction(store: Store, first: str) -> None:
    values = {"v_" + name: value for name, value in FEED.items()}
    ways: list[Callable[[Transaction], Any]] = [
        lambda tx: tx.change(add_feed(tx), values),
        lambda tx: tx.execute(tx.tables.feeds.insert(), {"name": "other"}),
    ]

    def write(fail: bool) -> None:
        with store.transaction() as tx:
            for way in ways if first == "prepared" else reversed(ways):
                way(tx)
            assert len(find(tx, tx.tables.feeds)) == len(tx.rows(select(tx.tables.feeds))) == 2
            if fail:
                raise LookupError

    with pytest.raises(LookupError):
        write(fail=True)
    with store.read() as tx:
        assert find(tx, tx.tables.feeds) == []
    write(fail=False)
    with store.read() as tx:
        assert len(find(tx, tx.tables.feeds)) == 2


def test_a_broken_constraint_is_sqlalchemys_error_and_an_attempt_lets_the_transaction_go_on(store: Store) -> None:
    values = {"v_" + name: value for name, value in FEED.items()}

    def twice() -> None:
        with store.transaction() as tx:
            tx.change(add_feed(tx), values)
            tx.change(add_feed(tx), values)

    with pytest.raises(IntegrityError):
        twice()
    with store.transaction() as tx:
        assert find(tx, tx.tables.feeds) == []
        tx.change(add_feed(tx), values)
        with pytest.raises(IntegrityError), tx.attempt():
            tx.change(add_feed(tx), values)
        tx.execute(tx.tables.feeds.insert(), {"name": "other"})
    with store.read() as tx:
        assert len(find(tx, tx.tables.feeds)) == 2


def test_a_locked_store_is_told_as_such_when_a_reading_transaction_writes(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    other = open_store(str(sqlite_store.engine.url))
    with sqlite_store.transaction(), pytest.raises(Locked), other.read() as tx:
        tx.change(add_feed(tx), {"v_" + name: value for name, value in FEED.items()})
    other.close()
