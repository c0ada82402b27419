"""Where the server may listen, and the headers of every answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.settings import Settings, is_loopback

_ANCESTOR = re.compile(r"https://(\*\.)?[A-Za-z0-9.-]+(:\d+)?")
_PERMISSIONS = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()"


def bind_address(settings: Settings) -> tuple[str, int]:
    """Host and port to listen at.

    Raises SettingsError for anything but this machine: without sign-in, whoever reaches the server sees the figures.
    """
    host, _, port = settings.panels_bind.rpartition(":")
    host = host.strip("[]")
    problems: list[str] = []
    if not host or not port.isdigit() or int(port) > 65535:
        problems.append(f"PANELS_BIND: «{settings.panels_bind}» is no address; it should look like 127.0.0.1:8420.")
    elif not is_loopback(host):
        problems.append(
            f"PANELS_BIND: «{host}» can be reached by others, and the panels have no sign-in yet; use 127.0.0.1."
        )
    if settings.panels_public_url is not None and not is_loopback(urlsplit(settings.panels_public_url).hostname):
        problems.append(
            "PANELS_PUBLIC_URL: the panels have no sign-in yet and are for this machine alone; leave it out, or use"
            " http://localhost and a port."
        )
    problems += [
        f"PANELS_FRAME_ANCESTORS: «{part}» is no origin; it should look like https://online.superoffice.com."
        for part in _ancestors(settings)
        if not _is_ancestor(part)
    ]
    if problems:
        raise SettingsError(problems)
    return host, int(port)


def content_security_policy(settings: Settings) -> str:
    """Nothing but ourselves is loaded or called; framed by the CRM alone, and by ourselves."""
    ancestors = " ".join(["'self'", *(part for part in _ancestors(settings) if _is_ancestor(part))])
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
        f" form-action 'self'; base-uri 'none'; object-src 'none'; frame-src 'self'; frame-ancestors {ancestors}"
    )


class Guard:
    """Refuses hosts that are not this machine (a foreign page cannot reach us through a name of its own), and adds the
    headers that keep a browser from doing anything but showing the page."""

    def __init__(self, app: ASGIApp, *, policy: str) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not _is_this_machine(Headers(scope=scope).get("host", "")):
            await PlainTextResponse("This server answers on this machine alone.", 421)(scope, receive, self._wrap(send))
            return
        await self._app(scope, receive, self._wrap(send))

    def _wrap(self, send: Send) -> Callable[[Message], Awaitable[None]]:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Permissions-Policy"] = _PERMISSIONS
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return sending


def _is_this_machine(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname)
    except ValueError:
        return False


def _ancestors(settings: Settings) -> list[str]:
    return settings.panels_frame_ancestors.replace(",", " ").split()


def _is_ancestor(part: str) -> bool:
    if part == "'self'" or _ANCESTOR.fullmatch(part):
        return True
    parts = urlsplit(part)
    return (
        parts.scheme == "http"
        and is_loopback(parts.hostname)
        and not parts.path
        and "'" not in part
        and ";" not in part
    )
