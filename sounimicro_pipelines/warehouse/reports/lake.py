"""The reports in a DuckLake: the same models, on a Postgres catalogue and files that several machines can reach.

A company has a catalogue schema and a folder of its own in the lake, as it has a file of its own without one. Its raw
tables are carried there from its warehouse file; dbt then builds the target `lake`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from pathlib import Path

import duckdb

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.warehouse.budget import fill_register, read_register
from sounimicro_pipelines.warehouse.connection import Warehouse
from sounimicro_pipelines.warehouse.hashes import described, row_hashes
from sounimicro_pipelines.warehouse.reports.by_dbt import build_by_dbt
from sounimicro_pipelines.warehouse.reports.finished import identities, last_build
from sounimicro_pipelines.warehouse.reports.project import LOCK, prepare_manifest
from sounimicro_pipelines.warehouse.reports.result import CheckResult

EXTENSIONS = ("ducklake", "postgres_scanner")
MEMORY_LIMIT = "1GB"


class LakeUnusable(SounimicroError):
    """The lake's extensions are not installed, or its catalogue or files cannot be reached."""


@dataclass(frozen=True, slots=True)
class Lake:
    """One company's part of a lake.

    `catalogue` is a Postgres address as libpq knows them, `data` a folder (or an address of object storage) for all
    companies, `extensions` a folder of our own into which DuckDB unpacks what the wheels brought.
    """

    company: str
    catalogue: str = field(repr=False)
    data: str
    extensions: Path

    @property
    def data_path(self) -> str:
        return f"{self.data.rstrip('/')}/{self.company}/"

    @property
    def environment(self) -> dict[str, str]:
        """What dbt's profile reads."""
        return {
            "SOUNIMICRO_LAKE_CATALOGUE": self.catalogue,
            "SOUNIMICRO_LAKE_DATA": self.data_path,
            "SOUNIMICRO_LAKE_SCHEMA": self.company,
            "SOUNIMICRO_LAKE_EXTENSIONS": str(self.extensions),
        }


@dataclass(frozen=True, slots=True)
class LakeRun:
    """A finished build: whether it was a full refresh, raw tables that were carried over, the figures' identities."""

    is_full: bool
    carried: tuple[str, ...]
    checks: tuple[CheckResult, ...]


def build_in_lake(
    db_path: Path,
    lake: Lake,
    *,
    as_of: date,
    target: Path,
    full_refresh: bool = False,
    budget_register: Path | None = None,
    clock: Clock | None = None,
) -> LakeRun:
    """Brings a company's part of the lake to what its warehouse file holds, and builds the reports there.

    Only raw tables that changed are carried, and only what was touched is built; the parameters are those of
    `build_reports`. Raises LakeUnusable, ReportBuildFailed, ReportProjectBroken, and what `Warehouse` raises when the
    file cannot be used.
    """
    clock = clock or SystemClock()
    with LOCK:
        install_extensions(lake)
        carried = carry_raw(db_path, lake)
        prepared = prepare_manifest(target)
        log = prepared.target / "logs"
        log.mkdir(parents=True, exist_ok=True)
        with lake_connection(lake) as connection:
            if budget_register is not None:
                fill_register(connection, read_register(budget_register))
            last = last_build(connection)
        is_full = full_refresh or last is None or not last.is_of(prepared.digest, lake.company)
        build_by_dbt(
            prepared,
            db_path,
            company=lake.company,
            as_of=as_of,
            build=max(int(clock.now().timestamp() * 1_000_000), (last.build if last else 0) + 1),
            is_full=is_full,
            log=log,
            memory_limit=MEMORY_LIMIT,
            data_tests=False,
            lake=lake.environment,
        )
        with lake_connection(lake) as connection:
            return LakeRun(is_full, carried, identities(connection))


def install_extensions(lake: Lake) -> None:
    """Unpacks the extensions of the installed wheels; does nothing when they are there. Raises LakeUnusable."""
    lake.extensions.mkdir(parents=True, exist_ok=True, mode=0o700)
    with duckdb.connect(config={"extension_directory": str(lake.extensions)}) as connection:
        for name in EXTENSIONS:
            try:
                package = importlib.import_module(f"duckdb_extension_{name}")
            except ImportError:
                raise LakeUnusable(
                    f"DuckDB's extension {name} is not installed.",
                    remedy="Install the product with its extra: pip install -c constraints.txt -e '.[lake]'.",
                ) from None
            inside = f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"
            with resources.as_file(resources.files(package) / inside) as file:
                if not file.is_file():
                    raise LakeUnusable(
                        f"DuckDB's extension {name} is of another version than DuckDB {duckdb.__version__}.",
                        remedy="Install the versions that constraints.txt names.",
                    )
                connection.execute(f"install {_text(str(file))}")


@contextmanager
def lake_connection(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose current database is the company's part of the lake. Raises LakeUnusable."""
    connection = duckdb.connect(config={"extension_directory": str(lake.extensions)})
    try:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        try:
            for name in EXTENSIONS:
                connection.load_extension(name)
            connection.execute(
                f"attach {_text('ducklake:postgres:' + lake.catalogue)} as lake"
                f" (data_path {_text(lake.data_path)}, metadata_schema {_text(lake.company)})"
            )
        except duckdb.Error as error:
            reason = str(error).replace(lake.catalogue, "…").splitlines()[0]
            raise LakeUnusable(
                f"The lake of «{lake.company}» cannot be opened: {reason}",
                remedy="Check the catalogue's address and rights, and the folder of its data.",
            ) from None
        connection.execute("use lake")
        yield connection
    finally:
        connection.close()


def carry_raw(db_path: Path, lake: Lake) -> tuple[str, ...]:
    """Replaces each raw table of the lake that differs from the file's, all in one transaction; their names."""
    with Warehouse(db_path):  # says what is wrong with the file, and waits for whoever holds it
        pass
    with lake_connection(lake) as connection:
        connection.execute(f"attach {_text(str(db_path))} as file (read_only)")
        here = _states(connection, "file")
        there = _states(connection, "lake")
        changed = tuple(name for name in sorted(here) if here[name] != there.get(name))
        connection.execute("begin")
        connection.execute("create schema if not exists lake.raw")
        for name in changed:
            connection.execute(f'create or replace table lake.raw."{name}" as from file.raw."{name}"')
        connection.execute("commit")
        return changed


def _states(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, object]:
    """What each raw table holds, in short."""
    names = connection.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = 'raw'", [database]
    ).fetchall()
    states: dict[str, object] = {}
    for (name,) in names:
        table = f'"{database}".raw."{name}"'
        one, two = row_hashes("r", described(connection.execute(f"from {table} limit 0").description))
        states[name] = connection.execute(
            f"select count(*), sum({one}::hugeint), sum({two}::hugeint) from {table} as r"
        ).fetchone()
    return states


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
