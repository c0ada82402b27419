"""Everything that is read from the environment, in one place.

`Settings()` reads the process environment and `.env`. Groups of settings are asked for where they are needed
(`settings.require_unimicro()`), so that a command which needs only one system does not demand the other's. Every
missing or wrong value becomes one line that says what is needed and where to get it.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sounimicro_pipelines.errors import SettingsError

_ALIAS = re.compile(r"[a-z0-9_-]{1,40}")
_NOT_AN_ALIAS = frozenset(
    ("all", "budget_register", "intermediate", "main", "raw", "reports", "reports_state", "staging", "system", "temp")
)
"""Every company, the schemas of a warehouse file, and DuckDB's own: a file of that name could not be told from them."""

_WHERE = {
    "SUPEROFFICE_ENVIRONMENT_URL": "the sign-in address of the CRM environment, such as https://sod.superoffice.com",
    "SUPEROFFICE_TENANT": "the tenant's id, such as Cust12345, shown under Settings and maintenance in the CRM",
    "SUPEROFFICE_CLIENT_ID": "the application's client id, from the SuperOffice Developer Portal",
    "SUPEROFFICE_CLIENT_SECRET": "the application's client secret, from the SuperOffice Developer Portal",
    "SUPEROFFICE_SYSTEM_USER_TOKEN": "the tenant's system user token, received when an administrator approved the app",
    "SUPEROFFICE_PRIVATE_KEY_FILE": "the application's private key (PEM or RSAKeyValue XML), from the Developer Portal",
    "UNIMICRO_API_URL": "the ERP's address, such as https://test.unimicro.no",
    "UNIMICRO_CLIENT_ID": "the server client's id, from the Unimicro developer portal",
    "UNIMICRO_CERTIFICATE_FILE": "the server client's .p12 certificate, from the Unimicro developer portal",
    "UNIMICRO_CERTIFICATE_PASSWORD": "the password that came with the .p12 certificate",
}


@dataclass(frozen=True, slots=True)
class SuperOfficeSettings:
    """What the CRM client needs."""

    environment_url: str
    tenant: str
    client_id: str
    client_secret: SecretStr
    system_user_token: SecretStr
    private_key_file: Path


@dataclass(frozen=True, slots=True)
class UnimicroSettings:
    """What the ERP client needs. `identity_url` and `files_url` are discovered when None."""

    api_url: str
    identity_url: str | None
    files_url: str | None
    client_id: str
    certificate_file: Path
    certificate_password: SecretStr
    scope: str


class Settings(BaseSettings):
    """The product's settings; names and meaning are listed in README."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)

    sounimicro_home: Path = Path(".sounimicro")
    sounimicro_database_url: SecretStr | None = None
    sounimicro_companies: str = ""
    sounimicro_include_test_companies: bool = False
    sounimicro_go_live: str = ""
    sounimicro_company_groups: str = ""
    sounimicro_max_in_flight: int = Field(default=4, ge=1, le=32)
    sounimicro_requests_per_second: float = Field(default=20.0, ge=0)
    sounimicro_poll_erp_seconds: int = Field(default=30, ge=1)
    sounimicro_poll_crm_seconds: int = Field(default=60, ge=1)
    sounimicro_poll_children_seconds: int = Field(default=300, ge=1)
    sounimicro_landing_days: int = Field(default=14, ge=0)
    sounimicro_history_months: int = Field(default=24, ge=1)
    sounimicro_notify_url: str | None = None
    sounimicro_notify_email: str | None = None
    sounimicro_smtp_url: SecretStr | None = None

    superoffice_environment_url: str | None = None
    superoffice_tenant: str | None = None
    superoffice_client_id: str | None = None
    superoffice_client_secret: SecretStr | None = None
    superoffice_system_user_token: SecretStr | None = None
    superoffice_private_key_file: Path | None = None
    superoffice_webhook_secret: SecretStr | None = None

    unimicro_api_url: str | None = None
    unimicro_identity_url: str | None = None
    unimicro_files_url: str | None = None
    unimicro_client_id: str | None = None
    unimicro_certificate_file: Path | None = None
    unimicro_certificate_password: SecretStr | None = None
    unimicro_scope: str = "AppFramework"
    unimicro_webhook_signing_key: SecretStr | None = None

    panels_public_url: str | None = None
    panels_bind: str = "127.0.0.1:8420"
    panels_session_secret: SecretStr | None = None
    panels_frame_ancestors: str = ""
    dagster_bind: str = "127.0.0.1:3000"

    @property
    def home(self) -> Path:
        return self.sounimicro_home.expanduser().resolve()

    @property
    def warehouse_dir(self) -> Path:
        return self.home / "warehouse"

    @property
    def landing_dir(self) -> Path:
        return self.home / "landing"

    @property
    def state_dir(self) -> Path:
        return self.home / "state"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def log_dir(self) -> Path:
        return self.home / "logs"

    @property
    def database_url(self) -> str:
        """The store's address; SQLite under the home folder when nothing else is said."""
        if self.sounimicro_database_url is not None:
            return self.sounimicro_database_url.get_secret_value()
        return f"sqlite:///{(self.state_dir / 'sounimicro.db').as_posix()}"

    @property
    def company_aliases(self) -> dict[str, str]:
        """CompanyKey in lower case → alias, for the companies that are named; empty when all are meant.

        Raises SettingsError with a line for each entry that is no `alias=CompanyKey`.
        """
        aliases: dict[str, str] = {}
        problems: list[str] = []
        for entry in _comma_list(self.sounimicro_companies):
            alias, _, key = entry.rpartition("=")
            alias, key = alias.strip() or key.strip().lower(), key.strip().lower()
            if not _ALIAS.fullmatch(alias):
                problems.append(f"SOUNIMICRO_COMPANIES: «{alias}» is no alias; use 1 to 40 of a–z, 0–9, - and _.")
            elif alias in _NOT_AN_ALIAS:
                problems.append(f"SOUNIMICRO_COMPANIES: «{alias}» has a meaning of its own here; choose another alias.")
            elif alias in aliases.values():
                problems.append(f"SOUNIMICRO_COMPANIES: the alias «{alias}» stands twice; give each company its own.")
            elif key in aliases:
                problems.append(f"SOUNIMICRO_COMPANIES: the CompanyKey of «{alias}» stands twice; leave one out.")
            else:
                aliases[key] = alias
        if problems:
            raise SettingsError(problems)
        return aliases

    @property
    def go_live(self) -> frozenset[str]:
        """Aliases for which the sync may write without an accepted report; holds `all` when every one may."""
        return frozenset(_comma_list(self.sounimicro_go_live))

    @property
    def company_groups(self) -> dict[str, frozenset[int]]:
        """Alias → ids of the CRM user groups that may see the company; a company that is not named is for all.

        Raises SettingsError with a line for each entry that is no `alias=group,group`.
        """
        groups: dict[str, frozenset[int]] = {}
        problems: list[str] = []
        for entry in (part.strip() for part in self.sounimicro_company_groups.split(";")):
            alias, _, named = (part.strip() for part in entry.partition("="))
            ids = _comma_list(named)
            if not entry:
                continue
            if not _ALIAS.fullmatch(alias):
                problems.append(f"SOUNIMICRO_COMPANY_GROUPS: «{alias}» is no alias of SOUNIMICRO_COMPANIES.")
            elif alias in groups:
                problems.append(f"SOUNIMICRO_COMPANY_GROUPS: the company «{alias}» stands twice; give it one list.")
            elif not ids or not all(group.isascii() and group.isdigit() for group in ids):
                problems.append(
                    f"SOUNIMICRO_COMPANY_GROUPS: «{entry}» should look like nord=1,4: a company's alias, and the"
                    " numbers of CRM user groups."
                )
            else:
                groups[alias] = frozenset(map(int, ids))
        if problems:
            raise SettingsError(problems)
        return groups

    def require_superoffice(self) -> SuperOfficeSettings:
        """Raises SettingsError listing what is missing or wrong."""
        problems = self._missing(
            "superoffice_environment_url",
            "superoffice_tenant",
            "superoffice_client_id",
            "superoffice_client_secret",
            "superoffice_system_user_token",
            "superoffice_private_key_file",
        )
        problems += _url_problems("SUPEROFFICE_ENVIRONMENT_URL", self.superoffice_environment_url)
        problems += _file_problems("SUPEROFFICE_PRIVATE_KEY_FILE", self.superoffice_private_key_file)
        problems += _header_problems("SUPEROFFICE_CLIENT_SECRET", self.superoffice_client_secret)
        if problems:
            raise SettingsError(problems)
        return SuperOfficeSettings(
            environment_url=(self.superoffice_environment_url or "").rstrip("/"),
            tenant=self.superoffice_tenant or "",
            client_id=self.superoffice_client_id or "",
            client_secret=self.superoffice_client_secret or SecretStr(""),
            system_user_token=self.superoffice_system_user_token or SecretStr(""),
            private_key_file=self.superoffice_private_key_file or Path(),
        )

    def require_unimicro(self) -> UnimicroSettings:
        """Raises SettingsError listing what is missing or wrong."""
        problems = self._missing(
            "unimicro_api_url", "unimicro_client_id", "unimicro_certificate_file", "unimicro_certificate_password"
        )
        problems += _url_problems("UNIMICRO_API_URL", self.unimicro_api_url)
        problems += _url_problems("UNIMICRO_IDENTITY_URL", self.unimicro_identity_url)
        problems += _url_problems("UNIMICRO_FILES_URL", self.unimicro_files_url)
        problems += _file_problems("UNIMICRO_CERTIFICATE_FILE", self.unimicro_certificate_file)
        if problems:
            raise SettingsError(problems)
        return UnimicroSettings(
            api_url=(self.unimicro_api_url or "").rstrip("/"),
            identity_url=self.unimicro_identity_url.rstrip("/") if self.unimicro_identity_url else None,
            files_url=self.unimicro_files_url.rstrip("/") if self.unimicro_files_url else None,
            client_id=self.unimicro_client_id or "",
            certificate_file=self.unimicro_certificate_file or Path(),
            certificate_password=self.unimicro_certificate_password or SecretStr(""),
            scope=self.unimicro_scope,
        )

    def _missing(self, *fields: str) -> list[str]:
        return [
            f"{field.upper()} is missing: {_WHERE[field.upper()]}." for field in fields if getattr(self, field) is None
        ]


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """The settings of this process. Raises SettingsError with a line for each value that cannot be read."""
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as error:
        raise SettingsError(
            [f"{str(part['loc'][0]).upper()}: {part['msg']}." for part in error.errors(include_input=False)]
        ) from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise SettingsError([f"{env_file} in the working directory cannot be read ({reason})."]) from None
    _ = settings.company_aliases, settings.company_groups
    return settings


def terminal_language() -> str:
    """The language of whoever sits at the terminal, as the system's own settings say: `nb`, or else `en`."""
    said = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "nb" if said.lower().startswith(("nb", "no", "nn")) else "en"


def is_loopback(host: str | None) -> bool:
    """Whether a host name means this machine alone."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _comma_list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _url_problems(name: str, url: str | None) -> list[str]:
    if url is None:
        return []
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return []
    if parts.scheme == "http" and is_loopback(parts.hostname):
        return []
    if parts.scheme == "http" and parts.hostname:
        return [f"{name}: «{url}» is not encrypted; use https (http is accepted for this machine alone)."]
    return [f"{name}: «{url}» is no address; it should look like https://host."]


def _header_problems(name: str, secret: SecretStr | None) -> list[str]:
    """A secret that is sent in a header of every call; a copied line break or look-alike letter would spoil each."""
    value = "" if secret is None else secret.get_secret_value()
    if value.isascii() and value.isprintable() and value == value.strip():
        return []
    return [f"{name} holds a space, a line break or a letter that no such secret has; copy it again: {_WHERE[name]}."]


def _file_problems(name: str, path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        there = path.is_file()
    except OSError as error:
        return [f"{name}: {path} cannot be reached ({error.strerror}); it should hold {_WHERE[name]}."]
    return [] if there else [f"{name}: there is no file at {path}; it should hold {_WHERE[name]}."]
