"""Whether people sign in, by the settings: on when the CRM's settings and a session secret are there, else what lacks.

Without sign-in whoever reaches the server sees every figure, so it then serves this machine alone (`security.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.settings import Settings, SuperOfficeSettings, is_loopback

CALLBACK_PATH = "/auth/callback"
SHORTEST_SECRET = 32


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """What sign-in needs. `origin` is where browsers find us, without a slash at its end."""

    superoffice: SuperOfficeSettings
    secret: str = field(repr=False)
    origin: str

    @property
    def tenant(self) -> str:
        return self.superoffice.tenant

    @property
    def host(self) -> str:
        """The host name that browsers ask for, in lower case."""
        return (urlsplit(self.origin).hostname or "").lower()

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers reach us by https; plain http is for this machine alone."""
        return self.origin.startswith("https:")

    @property
    def redirect_uri(self) -> str:
        """Where the identity provider sends people back; registered with the vendor word for word."""
        return f"{self.origin}{CALLBACK_PATH}"


def sign_in_settings(settings: Settings) -> SignInSettings | None:
    """What sign-in needs, None when something lacks (`lacking`).

    Raises SettingsError for a session secret that can be guessed or a public address that cannot be one.
    """
    if lacking(settings):
        return None
    secret = settings.panels_session_secret.get_secret_value() if settings.panels_session_secret else ""
    problems = _secret_problems(secret) + _address_problems(settings.panels_public_url)
    if problems:
        raise SettingsError(problems)
    origin = settings.panels_public_url or f"http://{settings.panels_bind}"
    return SignInSettings(settings.require_superoffice(), secret, origin.rstrip("/").lower())


def lacking(settings: Settings) -> list[str]:
    """A line for each setting that must be set before people can sign in."""
    problems: list[str] = []
    if settings.panels_session_secret is None:
        problems.append(
            f"PANELS_SESSION_SECRET is missing: at least {SHORTEST_SECRET} random characters, such as"
            ' python3 -c "import secrets; print(secrets.token_urlsafe(48))" prints.'
        )
    try:
        settings.require_superoffice()
    except SettingsError as error:
        problems += error.problems
    return problems


def _secret_problems(secret: str) -> list[str]:
    if len(secret) >= SHORTEST_SECRET and len(set(secret)) >= SHORTEST_SECRET // 4:
        return []
    return [f"PANELS_SESSION_SECRET can be guessed: use at least {SHORTEST_SECRET} random characters."]


def _address_problems(url: str | None) -> list[str]:
    if url is None:
        return []
    parts = urlsplit(url)
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username or not parts.hostname:
        return [f"PANELS_PUBLIC_URL: «{url}» should be an address without a path, such as https://panels.example.no."]
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)):
        return []
    return [f"PANELS_PUBLIC_URL: «{url}» is not encrypted; use https (http is accepted for this machine alone)."]
