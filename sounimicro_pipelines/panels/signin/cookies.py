"""The cookies of a session: one for our own windows, one for frames inside the CRM.

A frame inside another site gets `SameSite=None; Secure; Partitioned`: browsers keep it apart for each site that frames
us, and send it there alone. Over plain http, which is for this machine alone, browsers take no such cookie: there one
`SameSite=Lax` cookie without `Secure` serves both, since every port of a loopback address is the same site. It goes to
every port of that address, so do not sign in there on a machine that you share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sounimicro_pipelines.panels.signin.configuration import SignInSettings
from sounimicro_pipelines.panels.signin.sessions import LONGEST

WINDOW: Final = "__Host-panels"
FRAME: Final = "__Host-panels-frame"
LOOPBACK: Final = "panels_session"
BROWSER: Final = "__Host-panels-sign-in"
LOOPBACK_BROWSER: Final = "panels_sign_in"
SIGN_IN_SECONDS: Final = 600
_LONGEST_SECONDS: Final = int(LONGEST.total_seconds())


class Cookies:
    """What to send, and what to look for, at one public address."""

    def __init__(self, settings: SignInSettings) -> None:
        self._encrypted = settings.is_encrypted

    def tokens(self, cookies: Mapping[str, str]) -> list[tuple[str, str]]:
        """Names and values of the session cookies that a browser sent, the frame's own first."""
        names = (FRAME, WINDOW) if self._encrypted else (LOOPBACK,)
        return [(name, cookies[name]) for name in names if cookies.get(name)]

    def for_frame(self, token: str) -> str:
        if not self._encrypted:
            return self.for_window(token)
        return f"{FRAME}={token}; {_life(_LONGEST_SECONDS)}; HttpOnly; Secure; SameSite=None; Partitioned"

    def for_window(self, token: str) -> str:
        name, secure = (WINDOW, "; Secure") if self._encrypted else (LOOPBACK, "")
        return f"{name}={token}; {_life(_LONGEST_SECONDS)}; HttpOnly{secure}; SameSite=Lax"

    def renewed(self, name: str, token: str) -> str:
        """The cookie of that name with another token."""
        return self.for_frame(token) if name == FRAME else self.for_window(token)

    def ended(self) -> list[str]:
        """Takes every session cookie back."""
        if not self._encrypted:
            return [f"{LOOPBACK}=; {_life(0)}; HttpOnly; SameSite=Lax"]
        return [
            f"{FRAME}=; {_life(0)}; HttpOnly; Secure; SameSite=None; Partitioned",
            f"{WINDOW}=; {_life(0)}; HttpOnly; Secure; SameSite=Lax",
        ]

    def for_sign_in(self, browser: str) -> str:
        """Ties a sign-in to the browser it began in, until it comes back from the identity provider."""
        name, secure = (BROWSER, "; Secure") if self._encrypted else (LOOPBACK_BROWSER, "")
        return f"{name}={browser}; {_life(SIGN_IN_SECONDS)}; HttpOnly{secure}; SameSite=Lax"

    def browser(self, cookies: Mapping[str, str]) -> str:
        return cookies.get(BROWSER if self._encrypted else LOOPBACK_BROWSER, "")


def _life(seconds: int) -> str:
    return f"Path=/; Max-Age={seconds}"
