"""A threaded HTTP server whose connections break as told: answers lost before or after the effect, refusals, web pages.

What arrived is kept word for word, so that a test can say what was sent and what was not.
"""

from __future__ import annotations

import json
import random
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Trouble = Literal["lost_before", "lost_after", "throttled", "error", "error_after", "page", "page_after", "cut"]
WITHOUT_EFFECT: tuple[Trouble, ...] = ("lost_before", "throttled", "error", "page")
WITH_EFFECT: tuple[Trouble, ...] = ("lost_after", "error_after", "page_after", "cut")
PAGE = b"<!DOCTYPE html><html><body>Bad gateway</body></html>"


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw_path: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass
class Reply:
    """`body` is sent as JSON unless it is bytes; of the last `cut` bytes the head tells, but they are not sent."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0


@dataclass
class Weather:
    """What goes wrong: scripted troubles first, then `share` of the calls that match, from a seed."""

    scripted: list[tuple[Trouble, str]] = field(default_factory=list)
    share: float = 0.0
    seed: int = 0
    matching: str = "."
    played: list[tuple[Trouble, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)

    def strikes(self, line: str) -> Trouble | None:
        kind = next((one for one in self.scripted if re.search(one[1], line)), None)
        if kind is not None:
            self.scripted.remove(kind)
        elif self.share and re.search(self.matching, line) and self._draw.random() < self.share:
            kind = (self._draw.choice(WITHOUT_EFFECT + WITH_EFFECT), line)
        if kind is None:
            return None
        self.played.append((kind[0], line))
        return kind[0]


class Wire:
    """Serves `answer` on a free port of this machine, one call at a time."""

    def __init__(self, answer: Callable[[Call], Reply]) -> None:
        self.calls: list[Call] = []
        self.weather = Weather()
        self._answer = answer
        self._lock = threading.RLock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16

            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else b""
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, unquote(parts.path), query, headers, body, parts.path)
                trouble, reply = outer._take(call)
                if trouble in ("lost_before", "lost_after"):
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                content = reply.body if isinstance(reply.body, bytes) else _encoded(reply.body)
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                left_off = len(content) - len(content) // 2 if trouble == "cut" else reply.cut
                self.wfile.write(content[: len(content) - left_off])
                self.close_connection = self.close_connection or left_off > 0

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, call: Call) -> tuple[Trouble | None, Reply]:
        with self._lock:
            self.calls.append(call)
            trouble = self.weather.strikes(f"{call.method} {call.path}")
            if trouble == "throttled":
                return trouble, Reply({"Message": "Too many"}, 429, {"Retry-After": "1"})
            if trouble == "error":
                return trouble, Reply({"Message": "Something went wrong"}, 500)
            if trouble == "page":
                return trouble, Reply(PAGE, 200, {"Content-Type": "text/html"})
            if trouble == "lost_before":
                return trouble, Reply()
            reply = self._answer(call)
            if trouble == "error_after":
                return trouble, Reply({"Message": "Something went wrong"}, 500)
            if trouble == "page_after":
                return trouble, Reply(PAGE, 200, {"Content-Type": "text/html"})
            return trouble, reply


def _encoded(body: Any) -> bytes:
    return b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
