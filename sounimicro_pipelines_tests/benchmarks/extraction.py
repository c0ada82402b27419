"""Extraction of invoices with their lines: against dlt, against DuckDB alone, and its memory.

Both readers get 50 to 100 ms latency from the same server. Ours has 16 calls in flight and no rate limit; dlt's
rest_api source pages one resource in sequence and is tuned as it was found fastest (parquet files).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb

from sounimicro_pipelines_tests.benchmarks.harness import (
    Comparison,
    Figures,
    Scale,
    bench,
    compare,
    in_process,
    measured,
)
from sounimicro_pipelines_tests.benchmarks.invoice_server import invoice_server
from sounimicro_pipelines_tests.benchmarks.invoices import invoice_spec

ROWS = {"small": 60_000, "full": 300_000}
SHARE = {"small": 0.4, "full": 1.0}
"""What must hold of the full scale's ratios: at the small one the fixed costs of a run weigh more."""
_HERE = __name__
_TYPES = {
    "int": "BIGINT",
    "decimal": "DECIMAL(19,6)",
    "text": "VARCHAR",
    "bool": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}
_CHECK = """
SELECT (SELECT concat_ws(' ', count(*), sum({id}), sum(round({gross} * 10000)::HUGEINT)) FROM {heads})
    || ' / ' || (SELECT concat_ws(' ', count(*), sum({id}), sum(round({price} * 100)::HUGEINT)) FROM {lines})
"""


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@bench("extraction")
def extraction(scale: Scale) -> Sequence[Comparison]:
    """First load: wall time against dlt, CPU against DuckDB reading the same NDJSON, peak memory."""
    found = []
    rows = ROWS[scale]
    with _folder() as folder, invoice_server(rows, folder) as address:
        again = partial(in_process, f"{_HERE}:ours_first", address=address)
        mine: list[Figures] = []

        def ours() -> Figures:
            mine.append(again())
            return mine[-1]

        ndjson = str(folder / "invoices.ndjson")
        found.append(
            compare(
                "extraction CPU against DuckDB reading the same NDJSON",
                ours=ours,
                theirs=partial(in_process, f"{_HERE}:duckdb_tables", ndjson=ndjson),
                measure="cpu_seconds",
                floor=3.0 / SHARE[scale],
                aim=2.0,
                is_limit=True,
                rounds=2,
                note="heads and lines into two tables on both sides",
            )
        )
        found.append(
            compare(
                "extraction CPU against DuckDB reading the same NDJSON, nested",
                ours=ours,
                theirs=partial(in_process, f"{_HERE}:duckdb_nested", ndjson=ndjson),
                measure="cpu_seconds",
                floor=4.5 / SHARE[scale],
                aim=3.0,
                is_limit=True,
                rounds=2,
                note="DuckDB alone writes one table with the lines nested",
            )
        )
        found.append(
            compare(
                "extraction against dlt",
                ours=ours,
                theirs=partial(in_process, f"{_HERE}:dlt_first", address=address),
                floor=12.0 * SHARE[scale],
                aim=20.0,
                rounds=1,
            )
        )
        peak = max(mine, key=lambda figures: figures.peak_mb)
        found.append(
            Comparison(
                name="extraction peak memory in units of 500 MB",
                measure="peak_mb",
                ratio=round(peak.peak_mb / 500, 2),
                floor=1.0,
                aim=0.8,
                is_limit=True,
                rounds=len(mine),
                ours=peak,
                theirs=Figures(0, 0, 500, peak.work, peak.checksum),
            )
        )
    return found


@bench("resync")
def resync(scale: Scale) -> Sequence[Comparison]:
    """A second full listing with one percent changed: CPU a record against dlt's merge."""
    with _folder() as folder, invoice_server(ROWS[scale], folder) as address:
        return [
            compare(
                "re-sync with 1 % changed against dlt merge",
                ours=partial(in_process, f"{_HERE}:ours_second", address=address),
                theirs=partial(in_process, f"{_HERE}:dlt_second", address=address),
                measure="cpu_seconds",
                floor=40.0 * SHARE[scale],
                aim=80.0,
                rounds=1,
            )
        ]


def ours_first(address: str) -> Figures:
    with _folder() as folder:
        return _ours(address, "first", folder)


def ours_second(address: str) -> Figures:
    with _folder() as folder:
        _ours(address, "first", folder)
        return _ours(address, "second", folder)


def _ours(address: str, listing: str, folder: Path) -> Figures:
    from pydantic import SecretStr

    from sounimicro_pipelines.settings import UnimicroSettings
    from sounimicro_pipelines.transport import Limits
    from sounimicro_pipelines.unimicro.bulk import UnimicroBulkReader
    from sounimicro_pipelines.unimicro.client import UnimicroClient
    from sounimicro_pipelines.unimicro.companies import Company
    from sounimicro_pipelines.warehouse import extract
    from sounimicro_pipelines_tests.unimicro.fake_erp import PASSWORD, write_p12

    path = folder / "bench.duckdb"
    settings = UnimicroSettings(
        api_url=f"{address}/{listing}",
        identity_url=address,
        files_url=address,
        client_id="bench",
        certificate_file=write_p12(folder / "client.p12", days=3650),
        certificate_password=SecretStr(PASSWORD),
        scope="AppFramework",
    )

    async def work() -> int:
        async with UnimicroClient(settings, limits=Limits(max_in_flight=16, requests_per_second=0)) as client:
            reader = UnimicroBulkReader(client.company(Company("bench", "bench", "Bench")), [invoice_spec()])
            (result,) = await extract(reader, path, folder / "landing", mode="full")
            assert result.state == "ok", result.message
            return result.rows

    figures = measured(lambda: (asyncio.run(work()), ""))
    with duckdb.connect(str(path)) as connection:
        return _with_checksum(figures, connection, "raw.customer_invoice", "raw.customer_invoice_item")


def duckdb_tables(ndjson: str) -> Figures:
    """The same NDJSON into heads and lines by DuckDB alone: no validation, no digests, no network."""
    spec = invoice_spec()
    lines = spec.children[0]
    scalars = ", ".join(f"'{column.name}': '{_TYPES[column.kind]}'" for column in spec.columns)
    fields = ", ".join(f'"{column.name}" {_TYPES[column.kind]}' for column in lines.columns)

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        read = f"read_json('{ndjson}', format = 'newline_delimited', maximum_object_size = 2097152, columns ="
        connection.execute(f"CREATE TABLE heads AS SELECT * FROM {read} {{{scalars}}})")
        connection.execute(
            "CREATE TABLE lines AS SELECT unnest(Items, recursive := true)"
            f" FROM {read} {{'Items': 'STRUCT({fields})[]'}})"
        )

    return _duckdb_alone(work, "heads", "lines")


def duckdb_nested(ndjson: str) -> Figures:
    """The same NDJSON into one table with the lines nested, by DuckDB alone."""
    spec = invoice_spec()
    columns = ", ".join(f"'{column.name}': '{_TYPES[column.kind]}'" for column in spec.columns)
    fields = ", ".join(f'"{column.name}" {_TYPES[column.kind]}' for column in spec.children[0].columns)

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(
            f"CREATE TABLE heads AS SELECT * FROM read_json('{ndjson}', format = 'newline_delimited',"
            f" maximum_object_size = 2097152, columns = {{{columns}, 'Items': 'STRUCT({fields})[]'}})"
        )

    return _duckdb_alone(work, "heads", "(SELECT unnest(Items, recursive := true) FROM heads)")


def dlt_first(address: str) -> Figures:
    with _folder() as folder:
        return _dlt(address, "first", folder, "replace")


def dlt_second(address: str) -> Figures:
    with _folder() as folder:
        _dlt(address, "first", folder, "merge")
        return _dlt(address, "second", folder, "merge")


def _dlt(address: str, listing: str, folder: Path, disposition: str) -> Figures:
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__LOG_LEVEL": "ERROR",
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    }
    import dlt
    from dlt.sources.rest_api import rest_api_source

    path = folder / "dlt.duckdb"
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(path)),
        dataset_name="raw",
    )

    def work() -> int:
        source = rest_api_source({
            "client": {
                "base_url": f"{address}/{listing}/api/biz/",
                "paginator": {
                    "type": "offset",
                    "limit": 1000,
                    "limit_param": "top",
                    "offset_param": "skip",
                    "total_path": None,
                    "stop_after_empty_page": True,
                },
            },
            "resources": [{
                "name": "invoices",
                "primary_key": "ID",
                "write_disposition": disposition,
                "endpoint": {"path": "invoices", "params": {"expand": "Items", "orderby": "ID"}},
            }],
        })  # fmt: skip
        pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
        return pipeline.last_trace.last_normalize_info.row_counts["invoices"]

    figures = measured(lambda: (work(), ""))
    with duckdb.connect(str(path)) as connection:
        return _with_checksum(
            figures,
            connection,
            "raw.invoices",
            "raw.invoices__items",
            gross="tax_inclusive_amount",
            price="price_ex_vat",
        )


def _duckdb_alone(work: object, heads: str, lines: str) -> Figures:
    assert callable(work)
    with _folder() as folder:
        connection = duckdb.connect(str(folder / "alone.duckdb"))
        connection.execute("SET TimeZone = 'UTC'")

        def load() -> tuple[int, str]:
            nonlocal connection
            work(connection)
            connection.close()
            return 0, ""

        figures = measured(load)
        connection = duckdb.connect(str(folder / "alone.duckdb"))
        return _with_checksum(figures, connection, heads, lines)


def _with_checksum(
    figures: Figures,
    connection: duckdb.DuckDBPyConnection,
    heads: str,
    lines: str,
    gross: str = "TaxInclusiveAmount",
    price: str = "PriceExVat",
) -> Figures:
    query = _CHECK.format(id="ID", heads=heads, lines=lines, gross=gross, price=price)
    (checksum,) = connection.execute(query).fetchone() or ("",)
    (rows,) = connection.execute(f"SELECT count(*) FROM {heads}").fetchone() or (0,)
    return Figures(figures.seconds, figures.cpu_seconds, figures.peak_mb, rows, checksum)
