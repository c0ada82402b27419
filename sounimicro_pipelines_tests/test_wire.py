"""Requests over plain sockets: every framing of a body, connections that die, and what may not be sent."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sounimicro_pipelines.transport import Limits, Retries, Transport, VendorError, make_http
from sounimicro_pipelines.transport.direct import DirectTransport
from sounimicro_pipelines.transport.wire import BLOCK_BYTES, HEAD_LIMIT, HELD_BYTES
from sounimicro_pipelines_tests.certificates import make_certificate

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def exchange(talk: Talk, use: Callable[[httpx.AsyncClient, str], Awaitable[Any]], **options: Any) -> tuple[Any, int]:
    """What `use` makes of a server that runs `talk` once for each connection; and how many there were."""

    async def work() -> tuple[Any, int]:
        connections = 0
        tasks = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            task = asyncio.current_task()
            tasks.add(task)
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
        place = "https://localhost" if options.get("ssl") else "http://127.0.0.1"
        try:
            async with make_http(4) as http:
                return await use(http, f"{place}:{server.sockets[0].getsockname()[1]}/"), connections
        finally:
            server.close()
            for task in tasks:
                if task is not None:
                    task.cancel()

    return asyncio.run(asyncio.wait_for(work(), 120))


def answering(*parts: bytes, pause: float = 0.0, stay: bool = True) -> Talk:
    """Answers each request with the parts; closes after the first unless it is to `stay`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                if pause:
                    await asyncio.sleep(pause)
            if not stay:
                return

    return talk


async def _twice(http: httpx.AsyncClient, url: str) -> bytes:
    first, second = await http.get(url), await http.get(url)
    assert first.content == second.content
    return second.content


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((OK,), b"{}"),
        ((b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 5\r\n\r", b"\n12", b"345"), b"12345"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"), b"abcde"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", OK), b"{}"),
        ((b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,), b"{}"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), b""),
    ],
)
def test_a_whole_answer_is_read_and_its_connection_used_again(parts: tuple[bytes, ...], body: bytes) -> None:
    assert exchange(answering(*parts, pause=0.01), _twice) == (body, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n{}",
    ],
)
def test_an_answer_that_ends_with_its_connection_is_whole_and_the_next_call_opens_another(answer: bytes) -> None:
    assert exchange(answering(answer, stay=False), _twice) == (b"{}", 2)


def test_what_a_server_sends_beyond_its_answer_is_never_taken_for_the_next_one() -> None:
    assert exchange(answering(OK + OK), _twice) == (b"{}", 2)


def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(b'{"ID": 1}' * 1000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    assert exchange(answering(head + packed), _twice) == (b'{"ID": 1}' * 1000, 1)


def test_a_connection_that_the_server_closed_while_idle_is_not_used() -> None:
    async def use(http: httpx.AsyncClient, url: str) -> int:
        await http.post(url, content=b"x")
        # The end has come, but the event loop has not seen it when the next call starts.
        for _ in range(3):
            await asyncio.sleep(0)
        return (await http.post(url, content=b"x")).status_code

    assert exchange(answering(OK, stay=False), use) == (200, 2)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"HTTP/1.1 200 OK\r\nContent-",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n{", b"x" * 5000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n",),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (HEAD_LIMIT // 5),),
    ],
)
def test_a_broken_answer_is_a_transport_error_and_never_a_failed_connect(parts: tuple[bytes, ...]) -> None:
    async def use(http: httpx.AsyncClient, url: str) -> None:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await http.post(url, content=b"x")

    exchange(answering(*parts, stay=False), use)


def test_a_connection_that_is_reset_after_sending_leaves_the_effect_of_a_write_unknown() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        handle = writer.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def use(http: httpx.AsyncClient, url: str) -> bool:
        transport = Transport("ERP", limits=Limits(1, 0), http=http, retries=Retries(attempts=3))
        with pytest.raises(VendorError) as caught:
            await transport.request("POST", url, call="POST orders", json={"a": 1})
        return caught.value.effect_unknown

    assert exchange(talk, use) == (True, 1)


def test_a_large_body_comes_in_parts_and_the_server_waits_for_the_reader() -> None:
    size = 8 * HELD_BYTES  # more than both ends of a loopback connection hold by themselves
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"a" * 65536)
            await writer.drain()
            sent += 65536

    async def use(http: httpx.AsyncClient, url: str) -> tuple[int, list[int]]:
        async with http.stream("GET", url) as response:
            parts = response.aiter_raw()
            first = len(await anext(parts))
            await asyncio.sleep(0.3)
            before = sent
            return before, [first] + [len(part) async for part in parts]

    (before, parts), _ = exchange(talk, use)
    assert sum(parts) == size
    assert max(parts) == BLOCK_BYTES
    assert before < size


def test_bytes_that_drip_in_prolong_the_wait_and_silence_ends_it() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

    async def patient(http: httpx.AsyncClient, url: str) -> bytes:
        return (await http.get(url, timeout=httpx.Timeout(5, read=0.3))).content

    assert exchange(answering(head, b"1", b"2", b"3", b"4", b"5", pause=0.1), patient)[0] == b"12345"

    async def silent(http: httpx.AsyncClient, url: str) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(url, timeout=httpx.Timeout(5, read=0.1))

    exchange(answering(head, b"1", pause=0.5), silent)


def test_a_call_that_is_given_up_leaves_no_connection_and_its_place_to_the_next() -> None:
    async def use(http: httpx.AsyncClient, url: str) -> int:
        for _ in range(6):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await http.get(url)
        return 6

    assert exchange(answering(b"HTTP/1.1 200", pause=5), use) == (6, 6)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b"])
def test_a_header_that_would_break_out_is_refused_before_anything_is_sent(value: str) -> None:
    async def use(http: httpx.AsyncClient, url: str) -> None:
        with pytest.raises(httpx.LocalProtocolError):
            await http.get(url, headers={"X-One": value})

    assert exchange(answering(OK), use)[1] == 0


def test_the_body_of_a_request_arrives_whole_also_without_a_length() -> None:
    received = b""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        received = await reader.readuntil(b"0\r\n\r\n")
        writer.write(OK)

    async def use(http: httpx.AsyncClient, url: str) -> int:
        async def body() -> Any:
            yield b"abc"
            yield b""
            yield b"de"

        return (await http.post(url, content=body())).status_code

    assert exchange(talk, use)[0] == 200
    assert received.endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


def test_no_body_is_waited_for_where_only_the_head_was_asked() -> None:
    async def use(http: httpx.AsyncClient, url: str) -> str:
        return (await http.head(url)).headers["content-length"]

    assert exchange(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"), use)[0] == "7"


def test_a_server_whose_certificate_is_not_trusted_is_refused_and_one_that_is_trusted_is_spoken_to(
    tmp_path: Path,
) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=certificate)

    async def use(http: httpx.AsyncClient, url: str) -> bytes:
        with pytest.raises(httpx.ConnectError):
            await http.get(url)
        direct = DirectTransport(trusting, connections=1, keep_alive=4)
        async with httpx.AsyncClient(transport=direct) as trusted:
            return await _twice(trusted, url)

    assert exchange(answering(OK), use, ssl=server)[0] == b"{}"


def test_where_a_proxy_is_set_other_hosts_are_reached_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = head.split(b" ")[1]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def use(http: httpx.AsyncClient, url: str) -> tuple[bytes, bytes]:
        monkeypatch.setenv("http_proxy", url)
        async with make_http() as proxied:
            return (await proxied.get("http://erp.example/a")).content, (await proxied.get(url + "b")).content

    assert exchange(talk, use)[0] == (b"http://erp.example/a", b"/b")


def test_a_loop_that_does_not_race_addresses_connects_all_the_same() -> None:
    """The panels' server brings a loop of its own, which knows fewer options of a connection than asyncio's."""
    uvloop = pytest.importorskip("uvloop")

    async def work() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answering(OK, stay=False)(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            async with make_http(4) as http:
                return (await http.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")).content
        finally:
            server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(work()) == b"{}"
