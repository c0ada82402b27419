"""A fast stand-in for the ERP's invoice list, so that the readers are measured and not the server.

`GET /first/api/biz/invoices` and `/second/…` (one percent changed) answer `filter=ID gt a and ID le b`, `orderby`,
`top` and `skip` from rendered bytes; a token endpoint accepts everybody. Latency is even between 50 and 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sounimicro_pipelines_tests.benchmarks.invoices import render

LATENCY = (0.05, 0.1)


class Listing:
    """Records with ids from 1 without a gap, one behind the other in memory."""

    def __init__(self, records: list[bytes]) -> None:
        self._bytes = memoryview(b",".join(records))
        self._starts = [0, *accumulate(len(record) + 1 for record in records)]
        self._count = len(records)

    def answer(self, query: dict[str, list[str]]) -> list[bytes | memoryview]:
        condition = query.get("filter", [""])[0]
        top = int(query.get("top", ["1000"])[0])
        above = re.search(r"\bID gt (\d+)", condition)
        up_to = re.search(r"\bID le (\d+)", condition)
        first = int(above[1]) if above else 0
        first += int(query.get("skip", ["0"])[0])
        last = min(int(up_to[1]) if up_to else self._count, self._count, first + top)
        if query.get("orderby", [""])[0].lower().endswith("desc"):
            first, last = self._count - 1, self._count
        if first >= last:
            return [b"[]"]
        return [b"[", self._bytes[self._starts[first] : self._starts[last] - 1], b"]"]


class Connection(asyncio.Protocol):
    def __init__(self, listings: dict[str, Listing], with_latency: bool) -> None:
        self._listings = listings
        self._with_latency = with_latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            self._received = self._received[size:]
            target = head.split(b" ", 2)[1].decode()
            host = re.search(rb"host: (\S+)", head, re.IGNORECASE)
            parts = self._answer(target, host[1].decode() if host else "")
            if self._with_latency:
                asyncio.get_running_loop().call_later(random.uniform(*LATENCY), self._send, parts)
            else:
                self._send(parts)

    def _answer(self, target: str, host: str) -> list[bytes | memoryview]:
        address = urlsplit(target)
        steps = address.path.strip("/").split("/")
        if steps[-1] == "openid-configuration":
            return [f'{{"token_endpoint": "http://{host}/token"}}'.encode()]
        if steps[-1] == "token":
            return [b'{"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}']
        if steps[-1] == "invoices" and steps[0] in self._listings:
            return self._listings[steps[0]].answer(parse_qs(address.query))
        return []

    def _send(self, parts: list[bytes | memoryview]) -> None:
        if self._transport.is_closing():
            return
        status = b"200 OK" if parts else b"404 Not Found"
        size = sum(map(len, parts))
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, size)
        self._transport.writelines([head, *parts])


@contextmanager
def invoice_server(count: int, folder: Path, *, with_latency: bool = True) -> Iterator[str]:
    """Serves `count` invoices from a process of its own; its address. They stand in `folder`/invoices.ndjson too."""
    command = [sys.executable, "-m", __name__, str(count), str(folder / "invoices.ndjson")]
    with subprocess.Popen(command + ([] if with_latency else ["--no-latency"]), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def _serve(count: int, ndjson: Path, with_latency: bool) -> None:
    first = render(count)
    ndjson.write_bytes(b"\n".join(first) + b"\n")
    listings = {"first": Listing(first), "second": Listing(render(count, changed_percent=1))}
    del first
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(listings, with_latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("count", type=int)
    options.add_argument("ndjson", type=Path)
    options.add_argument("--no-latency", action="store_true")
    chosen = options.parse_args()
    asyncio.run(_serve(chosen.count, chosen.ndjson, not chosen.no_latency))
