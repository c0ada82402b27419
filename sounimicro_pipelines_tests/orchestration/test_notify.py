"""Telling people about a failed run, over real sockets."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from sounimicro_pipelines.clock import SystemClock
from sounimicro_pipelines.orchestration.notify import Notice, NotTold, send
from sounimicro_pipelines.settings import Settings

NOTICE = Notice("The run of figures failed", "No access.", "figures", "nord", "abc", "http://127.0.0.1:3000/runs/abc")


def _settings(**values: object) -> Settings:
    return Settings(_env_file=None).model_copy(update=values)


@contextmanager
def _listening(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index, misc]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_an_address_is_told_what_failed_and_where_to_look() -> None:
    got: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None: ...

    with _listening(HTTPServer(("127.0.0.1", 0), Receiver)) as port:
        send(NOTICE, _settings(sounimicro_notify_url=f"http://127.0.0.1:{port}/hook"), clock=SystemClock())
    assert got[0]["company"] == "nord"
    assert got[0]["text"] == "The run of figures failed: No access. http://127.0.0.1:3000/runs/abc"


def test_an_e_mail_is_handed_to_the_mail_server() -> None:
    lines: list[str] = []

    class Mail(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            in_data = False
            for raw in self.rfile:
                line = raw.decode().rstrip("\r\n")
                lines.append(line)
                if in_data:
                    if line == ".":
                        in_data = False
                        self.wfile.write(b"250 ok\r\n")
                elif line.upper() == "DATA":
                    in_data = True
                    self.wfile.write(b"354 go on\r\n")
                elif line.upper() == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    with _listening(socketserver.TCPServer(("127.0.0.1", 0), Mail)) as port:
        send(
            NOTICE,
            _settings(
                sounimicro_notify_email="drift@firma.example",
                sounimicro_smtp_url=SecretStr(f"smtp://127.0.0.1:{port}"),
            ),
            clock=SystemClock(),
        )
    assert "Subject: sounimicro: The run of figures failed" in lines
    assert "To: drift@firma.example" in lines
    assert "Company: nord" in lines


def test_a_notice_that_does_not_get_through_names_the_settings_to_check(tmp_path: Path) -> None:
    with pytest.raises(NotTold, match="SOUNIMICRO_NOTIFY_URL"):
        send(NOTICE, _settings(sounimicro_notify_url="http://127.0.0.1:9/hook"), clock=SystemClock())


def test_nobody_is_told_when_nobody_is_named() -> None:
    send(NOTICE, _settings(), clock=SystemClock())
