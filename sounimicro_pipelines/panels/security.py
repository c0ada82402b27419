"""Where the server may listen, and the headers of every answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.panels.signin.configuration import lacking, sign_in_settings
from sounimicro_pipelines.settings import Settings, is_loopback

_ANCESTOR = re.compile(r"https://(\*\.)?[A-Za-z0-9.-]+(:\d+)?")
_PERMISSIONS = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()"


def bind_address(settings: Settings) -> tuple[str, int]:
    """Host and port to listen at.

    Raises SettingsError for anything but this machine while nobody can sign in: whoever reaches the server then sees
    the figures. With sign-in, the address that people use must be known.
    """
    host, _, port = settings.panels_bind.rpartition(":")
    host = host.strip("[]")
    problems: list[str] = []
    if not host or not port.isdigit() or int(port) > 65535:
        problems.append(f"PANELS_BIND: «{settings.panels_bind}» is no address; it should look like 127.0.0.1:8420.")
    elif sign_in_settings(settings) is None:
        problems += _without_sign_in(settings, host)
    elif not is_loopback(host) and settings.panels_public_url is None:
        problems.append("PANELS_PUBLIC_URL is missing: the https address at which people's browsers find the panels.")
    problems += [
        f"PANELS_FRAME_ANCESTORS: «{part}» is no origin; it should look like https://online.superoffice.com."
        for part in _ancestors(settings)
        if not _is_ancestor(part)
    ]
    if problems:
        raise SettingsError(problems)
    return host, int(port)


def _without_sign_in(settings: Settings, host: str) -> list[str]:
    problems: list[str] = []
    if not is_loopback(host):
        problems.append(
            f"PANELS_BIND: «{host}» can be reached by others, and nobody can sign in yet; use 127.0.0.1, or set what"
            " sign-in needs."
        )
    if settings.panels_public_url is not None and not is_loopback(urlsplit(settings.panels_public_url).hostname):
        problems.append(
            "PANELS_PUBLIC_URL: nobody can sign in yet, so the panels are for this machine alone; leave it out, or set"
            " what sign-in needs."
        )
    return [*problems, *lacking(settings)] if problems else []


class Framing:
    """Where pages may be framed: by ourselves, by the CRM as far as its addresses are known, and as the settings say.

    `learned` tells the origins of the CRM's pages that have been found out by now; a tenant may move.
    """

    def __init__(self, settings: Settings, learned: Callable[[], Sequence[str]] = tuple) -> None:
        named = [part for part in _ancestors(settings) if _is_ancestor(part)]
        self._fixed = tuple(dict.fromkeys(("'self'", *named, *_origin_of(settings.superoffice_environment_url))))
        self._learned = learned

    def ancestors(self) -> str:
        """The sources of `frame-ancestors`."""
        return " ".join(dict.fromkeys((*self._fixed, *filter(_is_ancestor, self._learned()))))

    def policy(self) -> str:
        """Nothing but ourselves is loaded or called."""
        return (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self';"
            " connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-src 'self';"
            f" frame-ancestors {self.ancestors()}"
        )


class Guard:
    """Refuses host names that are not ours (a foreign page cannot reach us through a name of its own), and adds the
    headers that keep a browser from doing anything but showing the page. An answer's own headers are left to it."""

    def __init__(self, app: ASGIApp, *, framing: Framing, public_host: str = "", is_encrypted: bool = False) -> None:
        self._app = app
        self._framing = framing
        self._public_host = public_host
        self._fixed = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": _PERMISSIONS,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        if is_encrypted:
            self._fixed["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._is_ours(Headers(scope=scope).get("host", "")):
            words = "This server answers to its own address alone."
            await PlainTextResponse(words, 421)(scope, receive, self._wrap(send))
            return
        await self._app(scope, receive, self._wrap(send))

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return is_loopback(name) or (bool(self._public_host) and name == self._public_host)

    def _wrap(self, send: Send) -> Callable[[Message], Awaitable[None]]:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", self._framing.policy())
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
            await send(message)

        return sending


def _origin_of(url: str | None) -> tuple[str, ...]:
    parts = urlsplit(url or "")
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    return (origin,) if _is_ancestor(origin) else ()


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
