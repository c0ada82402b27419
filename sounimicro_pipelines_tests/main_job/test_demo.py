"""`sounimicro demo` as a newcomer starts it: its own printed addresses, opened in a real browser, and its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sounimicro_pipelines.store import open_store, reports

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(os.name != "posix", reason="stopped by a signal that this system does not have"),
]
PATIENCE = 600.0
"""Seconds until the last line must be printed: many times what it takes, for machines that do other things as well."""


@dataclass
class Demo:
    """A demo that runs; `lines` is what it has said."""

    process: subprocess.Popen[str]
    home: Path
    lines: list[str] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + PATIENCE
        while not any(text in line for line in self.lines):
            assert self.process.poll() is None, "\n".join(self.lines)
            assert time.monotonic() < until, "\n".join(self.lines)
            time.sleep(0.1)

    def addresses(self, beginning: str) -> list[str]:
        found = [re.search(r"http://\S+", line) for line in self.lines if line.startswith(beginning)]
        assert found, "\n".join(self.lines)
        return [one[0] for one in found if one is not None]

    def processes(self) -> list[int]:
        """Those of the demo that are alive: all of them run in its session."""
        listed = subprocess.run(["ps", "-eo", "pid=,sid=,stat="], capture_output=True, text=True, check=True)
        rows = [line.split() for line in listed.stdout.splitlines()]
        return [int(pid) for pid, session, state in rows if int(session) == self.process.pid and state[0] != "Z"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-u", "-m", "sounimicro_pipelines.cli", "demo", "--parties", "12"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SOUNI", "DAGSTER"))}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "SOUNIMICRO_HOME": str(folder / "data"), "UNIMICRO_API_URL": "https://not.used.example"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    demo = Demo(process, folder / "data" / "demo")
    listener = threading.Thread(target=demo.listen, daemon=True)
    listener.start()
    try:
        demo.wait_for("Stop with Ctrl-C")
        yield demo
    finally:
        for pid in demo.processes():
            os.kill(pid, signal.SIGKILL)
        process.wait()
        listener.join(5)


def _when_up(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(address, timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < until, f"{address} does not answer"
        time.sleep(0.2)


def _published(home: Path, table: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of the party that an address names."""
    store = open_store(f"sqlite:///{home / 'state' / 'sounimicro.db'}")
    try:
        with store.read() as tx:
            where = {"company": asked["company"], "role": asked["role"], "party_id": int(asked["party"])}
            return [dict(row) for row in reports.read_rows(tx, table, where)]
    finally:
        store.close()


def _amount(text: str) -> Decimal:
    """As Norwegian readers write it: `−1 234,50`, with whatever kind of blank."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text).replace("\u2212", "-").replace(",", ".")
    return Decimal(plain)


def test_the_printed_addresses_show_the_open_items_of_their_parties(demo: Demo, chromium: Any) -> None:
    addresses = demo.addresses("Åpne poster")
    _when_up(addresses[0])
    page = chromium.new_context(locale="nb-NO").new_page()
    page.set_default_timeout(PATIENCE * 1000)
    overdue = 0
    for address in addresses:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["tab"] == "open-items"
        items = _published(demo.home, "open_item", asked)
        (party,) = _published(demo.home, "party", asked)
        page.goto(address)
        body = page.inner_text("body")
        assert party["name"] in body
        assert page.locator("table.grid tbody tr").count() == len(items)
        shown = {_amount(found) for found in re.findall(r"[\u2212-]?\d[\d\s\u00a0\u202f]*,\d\d", body)}
        assert {Decimal(item["remaining_amount"]) for item in items} <= shown
        tiles = {
            name: _amount(page.inner_text(f"#{name}")) for name in ("balance", "overdue", "not-due", "unallocated")
        }
        assert tiles == {
            "balance": Decimal(party["balance"]),
            "overdue": Decimal(party["overdue_amount"]),
            "not-due": Decimal(party["open_amount"]) - Decimal(party["overdue_amount"]),
            "unallocated": Decimal(party["unallocated_amount"]),
        }
        numbers = page.inner_text("table.grid") if items else ""
        assert all(item["document_number"] in numbers for item in items if item["document_number"])
        late = [item for item in items if item["is_overdue"]]
        page.goto(address + "&view=overdue")
        assert page.locator("table.grid tbody tr").count() == len(late)
        overdue += len(late)
    assert overdue
    page.context.close()


def test_the_crm_shows_the_panel_on_the_card_of_the_company(demo: Demo, chromium: Any) -> None:
    (card,), (setup,) = demo.addresses("CRM, "), demo.addresses("Oppsett")
    _when_up(demo.addresses("Åpne poster")[0])
    page = chromium.new_context(locale="nb-NO").new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(card)
    name = page.inner_text("h1")
    assert name == "ABB Installasjon AS"
    panel = page.frame_locator("iframe")
    panel.locator(".choices a").first.click()
    panel.get_by_role("link", name="Kontoutskrift").click()
    assert panel.locator("h1").inner_text() == name
    panel.get_by_role("link", name="ERP", exact=True).click()
    panel.get_by_role("button", name="Synkroniser nå").first.wait_for()
    assert page.goto(setup).status == 200
    page.context.close()


def test_dagster_answers_at_its_printed_address_with_the_run_of_the_main_job(demo: Demo) -> None:
    (address,) = demo.addresses("Dagster:")
    _when_up(address)
    query = {"query": "{ runsOrError(limit: 10) { ... on Runs { results { status } } } }"}
    answer = httpx.post(f"{address.rstrip('/')}/graphql", json=query, timeout=60, trust_env=False).json()
    assert "SUCCESS" in {run["status"] for run in answer["data"]["runsOrError"]["results"]}


def test_one_interrupt_ends_it_and_leaves_no_process(demo: Demo) -> None:
    assert len(demo.processes()) > 1
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(PATIENCE) == 0
    until = time.monotonic() + 20
    while demo.processes() and time.monotonic() < until:
        time.sleep(0.1)
    assert demo.processes() == []
    assert not any("Traceback" in line or "Warning" in line for line in demo.lines)
