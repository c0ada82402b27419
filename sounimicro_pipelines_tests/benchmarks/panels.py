"""The panels under fifty readers: answers a second and how long they take, beside an answer of constant bytes.

The server is the product's own process on a published store; readers and server share the machine. No answer is asked
for twice in a row: so many parties and screens are read that most answers are made anew.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx

from sounimicro_pipelines.store import open_store
from sounimicro_pipelines.warehouse.publish import TieOut, publish
from sounimicro_pipelines_tests.benchmarks.harness import Comparison, Figures, Scale, bench
from sounimicro_pipelines_tests.benchmarks.readers import Answers
from sounimicro_pipelines_tests.panels import world

PARTIES = {"small": 300, "full": 2000}
SECONDS = {"small": 3.0, "full": 10.0}
COPIES = 6
"""How many times the items and invoices of the model customer each party has."""
FIRST = 10_000
VIEWS = ("open-items", "statement", "invoices", "orders")
CONSTANT = "/static/icon.svg"


@bench("panels")
def panels(scale: Scale) -> Sequence[Comparison]:
    """JSON and HTML for fifty readers, against constant bytes of the same server, and while a publish runs."""
    found: list[Comparison] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        parties = PARTIES[scale]
        marts = folder / "demo.duckdb"
        _make(marts, parties)
        url = f"sqlite:///{folder / 'store.db'}"
        _publish(marts, url, "r1")
        query = [f"company=demo&role=customer&party={FIRST + number}" for number in range(parties)]
        json_paths = [f"/api/v1/{view}?{one}" for one in query for view in VIEWS]
        html_paths = [f"/panel/company?{one}&tab={view}" for one in query for view in VIEWS]
        with _served(url, folder) as address:
            constant = _read(address, [CONSTANT], SECONDS[scale])
            for name, paths, a_second, p99 in (("JSON", json_paths, 1000, 60), ("HTML", html_paths, 250, 200)):
                quiet = _read(address, paths, SECONDS[scale])
                with _publishing(marts, url):
                    busy = _read(address, paths, SECONDS[scale])
                found += _compared(name, quiet, busy, constant, a_second, p99)
    return found


def _compared(
    name: str, quiet: Answers, busy: Answers, constant: Answers, a_second: int, p99: int
) -> Iterator[Comparison]:
    told = f"{quiet.a_second:.0f}/s, p50 {quiet.p50} ms, p99 {quiet.p99} ms, {quiet.size} bytes"

    def limit(what: str, ratio: float, floor: float, aim: float, *, is_limit: bool, note: str) -> Comparison:
        return Comparison(
            name=f"panels: {name} {what}",
            measure="seconds",
            ratio=round(ratio, 2),
            floor=floor,
            aim=aim,
            is_limit=is_limit,
            rounds=1,
            ours=Figures(quiet.seconds, 0, 0, quiet.count, ""),
            theirs=Figures(constant.seconds, 0, 0, constant.count, ""),
            note=note,
        )

    yield limit(f"in units of {a_second} a second", quiet.a_second / a_second, 1.0, 2.0, is_limit=False, note=told)
    yield limit(f"p99 in units of {p99} ms", quiet.p99 / p99, 1.0, 0.5, is_limit=True, note=told)
    yield limit(
        "against constant bytes of the same server",
        quiet.a_second / constant.a_second,
        0.05,
        0.5,
        is_limit=False,
        note=f"constant: {constant.a_second:.0f}/s, p99 {constant.p99} ms",
    )
    yield limit(
        "while a publish runs, against quiet",
        busy.a_second / quiet.a_second,
        0.8,
        0.95,
        is_limit=False,
        note=f"{busy.a_second:.0f}/s, p99 {busy.p99} ms while it runs",
    )


def _make(path: Path, parties: int) -> None:
    """The model customer of the panels' tests, so many times, each with so many times its items."""
    with duckdb.connect(str(path)) as db:
        db.execute(world.MARTS)
        tables = [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        for table in tables:
            columns = [row[0] for row in db.execute(f"DESCRIBE reports.{table}").fetchall()]
            owner = "scope_id" if table == "budget_actual" else "party_id"
            is_kept = f"{owner} = 79 AND " + ("scope" if table == "budget_actual" else "role") + " = 'customer'"
            if owner not in columns or not {"role", "scope"} & set(columns):
                continue
            own = [
                c for c in columns if c.endswith(("_line_id", "invoice_id", "line_id", "document_id", "matching_id"))
            ]
            times = COPIES if own else 1
            chosen = ", ".join(
                f"{FIRST} + party"
                if c == owner
                else f"{c} + 1000000 * (party * {COPIES} + copy + 1)"
                if c in own
                else c
                for c in columns
            )
            db.execute(
                f"INSERT INTO reports.{table} SELECT {chosen} FROM reports.{table},"
                f" range({parties}) AS p(party), range({times}) AS c(copy) WHERE {is_kept}"
            )


def _publish(marts: Path, url: str, run_id: str) -> None:
    store = open_store(url)
    publish(
        marts,
        store,
        company="demo",
        as_of=world.TODAY,
        fetched_at=world.FETCHED,
        run_id=run_id,
        tie_out=TieOut(True),
        publish_meta=world.META,
    )
    store.close()


def publish_again_and_again(marts: str, url: str) -> None:
    """One percent of the parties change, and are published; until killed."""
    number = 0
    while True:
        number += 1
        with duckdb.connect(marts) as db:
            db.execute(
                "UPDATE reports.open_item SET remaining_amount = remaining_amount + 0.01"
                f" WHERE party_id >= {FIRST} AND party_id % 100 = {number % 100}"
            )
        _publish(Path(marts), url, f"r{number + 1}")


@contextmanager
def _publishing(marts: Path, url: str) -> Iterator[None]:
    code = f"from {__name__} import publish_again_and_again as go; go({str(marts)!r}, {url!r})"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        time.sleep(2.0)
        yield
        assert process.poll() is None, "the publisher died"
    finally:
        process.kill()
        process.wait()


@contextmanager
def _served(url: str, folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SOUNIMICRO_", "PANELS_"))}
    environment |= {"SOUNIMICRO_HOME": str(folder), "SOUNIMICRO_DATABASE_URL": url, "PANELS_BIND": bind}
    server = subprocess.Popen([sys.executable, "-m", "sounimicro_pipelines.panels"], env=environment, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://{bind}/healthz").status_code == 200:
                    break
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield f"http://{bind}"
    finally:
        server.terminate()
        server.wait()


def _read(address: str, paths: Sequence[str], seconds: float) -> Answers:
    task = json.dumps({"address": address, "paths": list(paths), "seconds": seconds})
    command = [sys.executable, "-m", "sounimicro_pipelines_tests.benchmarks.readers"]
    done = subprocess.run(command, input=task, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The readers failed:\n{done.stderr[-4000:]}")
    return Answers(**json.loads(done.stdout))
