"""What was published of each group of rows, by its digest; and which build and which publish it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete

from sounimicro_pipelines.store.database import Transaction
from sounimicro_pipelines.store.reports.driver import fetched, many, mark

_BUILDS = "builds of tables"
"""Where it stands, beside the groups of tables, which build is published; no table can be called that."""
_CLAIM = "claim of a publish"
"""Where it stands which publish writes a company's first version; no table can be called that either."""


@dataclass(frozen=True, slots=True)
class PublishedBuild:
    """A build of a company's reports as it was published: its number, and the shape in which its rows were compared."""

    shape: str
    build: int


def digests(tx: Transaction, company: str, table_name: str, keys: Sequence[str] | None = None) -> dict[str, str]:
    """Group → digest, as last published: of the groups named, or of all."""
    one = mark(tx)
    of_table = f"SELECT group_key, digest FROM {groups_table(tx)}"  # noqa: S608 - our own name
    whose = f" WHERE company = {one} AND table_name = {one}"
    if keys is None:  # SQLite would read those of all tables, in the order in which they lie
        by = "" if tx.is_postgres else f" INDEXED BY {tx.tables.prefix}report_groups_of_table"
        _, rows = fetched(tx, f"{of_table}{by}{whose}", (company, table_name))
        return dict(rows)
    among = " AND group_key = ANY(%s)" if tx.is_postgres else " AND group_key IN (SELECT value FROM json_each(?))"
    named = [*keys] if tx.is_postgres else json.dumps([*keys])
    _, rows = fetched(tx, f"{of_table}{whose}{among}", (company, table_name, named))
    return dict(rows)


def digests_of_party(
    tx: Transaction, company: str, role: str, party_id: int, tables: Iterable[str]
) -> dict[str, str | None]:
    """Table → digest of the party's rows, of tables with `role` and `party_id` in their key; None for no rows."""
    found: dict[str, str | None] = dict.fromkeys(tables)
    if found:
        one = mark(tx)
        _, rows = fetched(
            tx,
            f"SELECT table_name, digest FROM {groups_table(tx)} WHERE company = {one} AND group_key = {one}"  # noqa: S608
            f" AND table_name IN ({', '.join(one for _ in found)})",
            (company, f'["{role}",{int(party_id)}]', *found),
        )
        found.update(rows)
    return found


def set_digests(tx: Transaction, company: str, table_name: str, changed: Mapping[str, tuple[str, int]]) -> None:
    """Note the digest and row count of groups that were written."""
    values = ", ".join(mark(tx) for _ in range(5))
    many(
        tx,
        f"INSERT INTO {groups_table(tx)} (company, table_name, group_key, digest, rows) "  # noqa: S608 - our own name
        f"VALUES ({values}) ON CONFLICT (company, table_name, group_key) "
        "DO UPDATE SET digest = excluded.digest, rows = excluded.rows",
        [(company, table_name, key, digest, rows) for key, (digest, rows) in changed.items()],
    )


def drop_digests(tx: Transaction, company: str, table_name: str, keys: Sequence[str] | None = None) -> None:
    """Forget groups: those named, or all of the company's."""
    table = tx.tables.report_groups
    statement = delete(table).where(table.c.company == company, table.c.table_name == table_name)
    if keys is None:
        tx.execute(statement)
        return
    for start in range(0, len(keys), 500):
        tx.execute(statement.where(table.c.group_key.in_(keys[start : start + 500])))


def published_builds(tx: Transaction, company: str) -> dict[str, PublishedBuild]:
    """Table → which build of the reports stands in it for a company, where that was said."""
    said = {name: one.partition(" ") for name, one in digests(tx, company, _BUILDS).items()}
    return {name: PublishedBuild(shape, int(build)) for name, (shape, _, build) in said.items() if build}


def set_published_builds(tx: Transaction, company: str, builds: Mapping[str, PublishedBuild]) -> None:
    """Say which build stands in each table; of the company's other tables nothing is known from now on."""
    drop_digests(tx, company, _BUILDS)
    set_digests(tx, company, _BUILDS, {name: (f"{one.shape} {one.build}", 0) for name, one in builds.items()})


def claim(tx: Transaction, company: str) -> str:
    """The publish that writes the company's first version, or wrote it last; empty when there was none."""
    return digests(tx, company, _CLAIM, [_CLAIM]).get(_CLAIM, "")


def set_claim(tx: Transaction, company: str, said: str) -> None:
    """Let one publish write the company's first version, and whoever did so before know that it is not theirs now."""
    set_digests(tx, company, _CLAIM, {_CLAIM: (said, 0)})


def groups_table(tx: Transaction) -> str:
    """The name in SQL of the table of groups."""
    schema = tx.tables.sync_schema
    return f"{schema}.report_groups" if schema else f"{tx.tables.prefix}report_groups"
