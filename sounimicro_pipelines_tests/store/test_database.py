"""The store opens, upgrades, refuses what is not its own, and keeps what it promised."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Engine, Integer, MetaData, create_engine, event, inspect, make_url, select, text

from sounimicro_pipelines.store import (
    Foreign,
    FromTheFuture,
    Locked,
    Store,
    StoreError,
    UnknownAddress,
    Unreachable,
    Unwritable,
    database,
    migrate,
    open_store,
)
from sounimicro_pipelines.store.types import Moment

NOW = datetime(2026, 11, 23, 5, 8, tzinfo=UTC)
COMPANY = {
    "company_key": "K1",
    "alias": "demo",
    "name": "Demo AS",
    "is_test": False,
    "active": True,
    "seen_at": NOW,
}


def test_what_was_committed_is_there_when_the_store_is_opened_again(store_url: str) -> None:
    first = open_store(store_url)
    with first.transaction() as tx:
        tx.execute(tx.tables.companies.insert(), COMPANY)
    first.close()
    second = open_store(store_url)
    with second.read() as tx:
        row = tx.row(select(tx.tables.companies))
    second.close()
    assert row is not None
    assert (row.alias, row.seen_at, row.active) == ("demo", NOW, True)


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    def write_and_fail() -> None:
        with store.transaction() as tx:
            tx.execute(tx.tables.companies.insert(), COMPANY)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with store.read() as tx:
        assert tx.rows(select(tx.tables.companies)) == []


def test_a_reader_keeps_its_picture_while_a_writer_commits(store: Store) -> None:
    with store.read() as reader:
        assert reader.rows(select(reader.tables.companies)) == []
        with store.transaction() as writer:
            writer.execute(writer.tables.companies.insert(), COMPANY)
        assert reader.rows(select(reader.tables.companies)) == []
    with store.read() as reader:
        assert len(reader.rows(select(reader.tables.companies))) == 1


def test_moments_must_be_aware(store: Store) -> None:
    with pytest.raises(Exception, match="aware"), store.transaction() as tx:
        tx.execute(tx.tables.companies.insert(), {**COMPANY, "seen_at": datetime(2026, 1, 1)})  # noqa: DTZ001


def test_many_openers_at_once_make_one_store(store_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: open_store(store_url), range(6)))
    for opened in stores:
        with opened.read() as tx:
            assert tx.rows(select(tx.tables.links)) == []
        opened.close()


def test_the_migrations_end_where_the_code_says() -> None:
    assert migrate.known_versions()[-1] == migrate.HEAD


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(store: Store) -> None:
    inspector = inspect(store.engine)
    for table in store.tables.metadata.tables.values():
        found = {c["name"]: c for c in inspector.get_columns(table.name, schema=table.schema)}
        assert set(found) == {c.name for c in table.columns}, table.name
        for column in table.columns:
            assert bool(found[column.name]["nullable"]) == bool(column.nullable), f"{table.name}.{column.name}"
        unique = {str(u["name"]) for u in inspector.get_unique_constraints(table.name, schema=table.schema)}
        indexes = {str(i["name"]) for i in inspector.get_indexes(table.name, schema=table.schema)} - unique
        assert indexes - {i for i in indexes if i.endswith("_key")} == {str(i.name) for i in table.indexes}, table.name


def test_alembic_finds_no_difference_between_the_migrations_and_the_tables(store: Store) -> None:
    tables = store.tables
    ours = {None, tables.sync_schema, tables.reports_schema}
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": store.is_postgres,  # SQLite tells a default back as it was written
                "include_schemas": True,
                "include_name": lambda name, kind, parents: kind != "schema" or name in ours,
                "version_table": f"{tables.prefix}schema_version",
                "version_table_schema": tables.sync_schema,
            },
        )
        assert context.get_current_revision() == migrate.HEAD
        assert compare_metadata(context, tables.metadata) == []
        with_one_more = MetaData(naming_convention=tables.metadata.naming_convention)
        for table in tables.metadata.tables.values():
            table.to_metadata(with_one_more)
        links = with_one_more.tables[tables.links.key]
        links.append_column(Column("forgotten", Integer))
        assert [one[0] for one in compare_metadata(context, with_one_more)] == ["add_column"]


@pytest.mark.parametrize("nth", [1, 12, 40])
def test_a_migration_that_fails_in_the_middle_leaves_nothing_of_it(store_url: str, nth: int) -> None:
    """And the store is made whole by the next that opens it."""
    made = 0

    def fail(connection: Any, cursor: Any, statement: str, *others: object) -> None:
        nonlocal made
        made += statement.lstrip().upper().startswith("CREATE")
        if made == nth:
            raise RuntimeError(f"the {nth}th thing cannot be made")

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(RuntimeError, match=f"the {nth}th thing"):
            open_store(store_url)
    finally:
        event.remove(Engine, "before_cursor_execute", fail)
    address = make_url(store_url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg2")
    engine = create_engine(address)
    inspector = inspect(engine)
    mine = [name for name in inspector.get_schema_names() if name in ("sync", "reports", "main")]
    assert [name for schema in mine for name in inspector.get_table_names(schema=schema)] == []
    engine.dispose()
    store = open_store(store_url)
    with store.transaction() as tx:
        tx.execute(tx.tables.companies.insert(), COMPANY)
    store.close()


def test_every_table_says_what_it_is_for(store: Store) -> None:
    assert all(table.comment for table in store.tables.metadata.tables.values())


@pytest.mark.postgres
def test_postgres_carries_the_tables_documentation(postgres_url: str) -> None:
    store = open_store(postgres_url)
    assert "One CRM record" in str(inspect(store.engine).get_table_comment("links", schema="sync")["text"])
    store.close()


def test_a_store_of_a_newer_release_is_refused(store_url: str) -> None:
    store = open_store(store_url)
    name = "sync.schema_version" if store.is_postgres else "sync_schema_version"
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {name} SET version_num = '9999'"))
    store.close()
    with pytest.raises(FromTheFuture, match="newer release"):
        open_store(store_url)


def test_a_sqlite_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE photos (id INTEGER)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(Foreign, match="another program"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear customer, this is a letter and no database at all. " * 50)
    with pytest.raises(Foreign, match="no SQLite database"):
        open_store(f"sqlite:///{path}")


@pytest.mark.postgres
def test_a_postgres_schema_of_another_program_is_refused(postgres_url: str) -> None:
    store = open_store(postgres_url)
    with store.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA sync CASCADE"))
        connection.execute(text("DROP SCHEMA reports CASCADE"))
        connection.execute(text("CREATE SCHEMA reports CREATE TABLE monthly (id int)"))
    store.close()
    with pytest.raises(Foreign, match="reports"):
        open_store(postgres_url)


def test_a_locked_file_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    path = tmp_path / "store.db"
    open_store(f"sqlite:///{path}").close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(Locked, match="locked by another process"), store.transaction():
        pass
    with store.read() as tx:
        assert tx.rows(select(tx.tables.links)) == []
    store.close()
    holder.close()


def test_a_new_file_that_somebody_holds_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    path = tmp_path / "store.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Locked):
        open_store(f"sqlite:///{path}")
    holder.close()


def test_a_folder_in_place_of_the_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="is a folder"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_parent_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="cannot be made"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'below' / 'store.db'}")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="wants a file system that nobody may write")
def test_an_unwritable_place_is_one_clear_error() -> None:
    with pytest.raises(Unwritable):
        open_store("sqlite:////proc/self/store.db")


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    many = [{**COMPANY, "company_key": f"K{number}" * 20, "alias": f"a{number}"} for number in range(500)]
    with pytest.raises(Unwritable, match="full"), store.transaction() as tx:
        tx.execute(tx.tables.companies.insert(), many)
    store.close()


def test_a_password_with_an_at_sign_is_asked_for_in_another_spelling_and_not_shown() -> None:
    with pytest.raises(UnknownAddress) as caught:
        open_store("postgresql://sou:one#p@canary@127.0.0.1:1/so")
    told = f"{caught.value} {caught.value.message} {caught.value.remedy}"
    assert "%40" in told
    assert "canary" not in told


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:"])
def test_an_address_of_no_known_kind_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UnknownAddress, match="sqlite:///path"):
        open_store(url)


@pytest.mark.postgres
def test_a_server_that_does_not_answer_is_one_clear_error_without_the_password(postgres_address: str) -> None:
    with pytest.raises(Unreachable) as caught:
        open_store("postgresql://someone:hemmelig@127.0.0.1:1/nowhere")
    assert "hemmelig" not in str(caught.value)
    with pytest.raises(Unreachable, match="no database"):
        open_store(postgres_address.replace("/postgres", "/does_not_exist"))
    with pytest.raises(Unreachable, match="refuses the user name or password") as caught:
        open_store(make_url(postgres_address).set(username="nobody_known").render_as_string(hide_password=False))
    assert "SOUNIMICRO_DATABASE_URL" in caught.value.remedy


def test_errors_carry_a_remedy() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("oracle://x")
    assert caught.value.remedy


def test_writers_wait_for_each_other_and_lose_nothing(store: Store) -> None:
    feeds = store.tables.feeds
    with store.transaction() as tx:
        tx.execute(feeds.insert(), {"name": "n", "failures": 0})

    def add(_: int) -> None:
        with store.transaction() as tx:
            tx.execute(feeds.update().values(failures=feeds.c.failures + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    with store.read() as tx:
        assert tx.scalar(select(feeds.c.failures)) == 40


def test_link_ids_are_never_used_again(store: Store) -> None:
    """The journal names links by id long after they are gone."""
    links = store.tables.links
    row = {
        "rule": "customer",
        "tenant": "T",
        "crm_entity": "contact",
        "company_key": "K",
        "role": "customer",
        "erp_entity": "Customer",
        "generation": 1,
        "origin": "matched",
        "created_at": NOW,
        "created_by": "sync",
    }
    seen = []
    for number in range(3):
        with store.transaction() as tx:
            tx.execute(links.insert(), {**row, "crm_id": number, "erp_id": number})
            seen.append(tx.scalar(select(links.c.id)))
            tx.execute(links.delete())
    assert len(set(seen)) == 3


@pytest.mark.parametrize("version", migrate.known_versions())
def test_an_old_store_is_upgraded_without_loss(store_url: str, version: str) -> None:
    """Every table of the old version gets rows; all of them are there, unchanged, in the new one."""
    made, old = _of_version(store_url, version)
    before = {}
    with made.engine.begin() as connection:
        for table in old.sorted_tables:
            if "schema_version" not in table.name:
                connection.execute(table.insert().values({c.name: _sample(c) for c in table.columns}))
                wanted = text(f"SELECT {', '.join(c.name for c in table.columns)} FROM {table.fullname}")
                before[table.fullname] = wanted, tuple(connection.execute(wanted).one())
    migrate.upgrade(made.engine, made.tables, "here")
    with made.engine.connect() as connection:
        for name, (wanted, row) in before.items():
            assert tuple(connection.execute(wanted).one()) == row, name
    made.close()


def test_an_unfinished_create_of_an_old_store_still_knows_what_it_has_sent(store_url: str) -> None:
    made, _ = _of_version(store_url, "0002")
    sent = {"customer.name": {"crm": "Ny AS", "erp": "Ny AS"}}
    first = {"name": "Ny AS", "org_number": "961589304", "sent": sent}
    with made.engine.begin() as connection:
        for table, column, said in (
            (made.tables.intents, "body", {**first, "answers": {"customer.name": "Ny AS"}}),
            (made.tables.links, "data", {"sent": sent, "erp_relation": 7}),
        ):
            row = {c.name: _sample(c) for c in table.columns if c.name != "org_number"}
            connection.execute(table.insert().values(row | {column: said}))
    migrate.upgrade(made.engine, made.tables, "here")
    with made.read() as tx:
        assert tx.scalar(select(made.tables.intents.c.body)) == {
            "attempts": [first],
            "answers": {"customer.name": "Ny AS"},
        }
        assert tx.scalar(select(made.tables.links.c.data)) == {"made_of": [sent], "erp_relation": 7}
    made.close()


def _of_version(store_url: str, version: str) -> tuple[Store, MetaData]:
    """An empty store as an old version made it, and its tables."""
    made = open_store(store_url)
    engine, tables = made.engine, made.tables
    schemas = [s for s in (tables.sync_schema, tables.reports_schema) if s] or [None]
    old = MetaData()
    with engine.begin() as connection:
        for schema in schemas:
            for name in inspect(connection).get_table_names(schema=schema):
                connection.exec_driver_sql(
                    f'DROP TABLE {schema + "." if schema else ""}"{name}" {"CASCADE" if schema else ""}'
                )
    migrate.upgrade(engine, tables, "here", target=version)
    with engine.connect() as connection:
        for schema in schemas:
            old.reflect(connection, schema=schema)
    return made, old


def _sample(column: Column[Any]) -> Any:
    kind = str(column.type).upper()
    if isinstance(column.type, Moment):
        return NOW
    if "BOOL" in kind:
        return True
    if "TIMESTAMP" in kind:
        return NOW
    if kind == "DATE":
        return NOW.date()
    if "JSON" in kind:
        return {"value": 1}
    return 1 if any(part in kind for part in ("INT", "NUMERIC")) else "x"


@pytest.mark.postgres
def test_a_user_that_may_not_create_is_one_clear_error(postgres_url: str) -> None:
    admin = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")
    name = str(make_url(postgres_url).database)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE ROLE reader_{name} LOGIN"))
    url = make_url(postgres_url).set(username=f"reader_{name}").render_as_string(hide_password=False)
    try:
        with pytest.raises(Unwritable, match="may not create schemas"):
            open_store(url)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP ROLE reader_{name}"))
        admin.dispose()


_WRITE_AND_DIE = """
import os, sys
from sounimicro_pipelines.store import open_store
store = open_store(sys.argv[1])
with store.transaction() as tx:
    tx.execute(tx.tables.feeds.insert(), {"name": "before", "failures": 0})
with store.transaction() as tx:
    tx.execute(tx.tables.feeds.insert(), {"name": "during", "failures": 0})
    os.kill(os.getpid(), 9)
"""


def test_a_process_that_is_killed_leaves_whole_transactions(store_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WRITE_AND_DIE, store_url], env=os.environ.copy(), check=False, capture_output=True
    )
    assert done.returncode == -9, done.stderr.decode()
    store = open_store(store_url)
    with store.read() as tx:
        assert [row.name for row in tx.rows(select(tx.tables.feeds))] == ["before"]
    store.close()


_MIGRATE_AND_DIE = """
import os, sys
from sounimicro_pipelines.store import migrate, open_store
run = migrate._run_alembic
def dying(*arguments):
    run(*arguments)
    os.kill(os.getpid(), 9)
migrate._run_alembic = dying
open_store(sys.argv[1])
"""


def test_a_migration_that_is_killed_leaves_the_version_that_was(store_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MIGRATE_AND_DIE, store_url], env=os.environ.copy(), check=False, capture_output=True
    )
    assert done.returncode == -9, done.stderr.decode()
    store = open_store(store_url)
    with store.read() as tx:
        assert tx.rows(select(tx.tables.links)) == []
    store.close()


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    entered, leave = threading.Event(), threading.Event()

    def write() -> None:
        with store.transaction() as tx:
            tx.execute(tx.tables.companies.insert(), COMPANY)
            entered.set()
            leave.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    entered.wait(10)
    with store.read() as tx:
        assert tx.rows(select(tx.tables.companies)) == []
    leave.set()
    writer.join()
