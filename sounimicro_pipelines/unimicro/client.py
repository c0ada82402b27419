"""The ERP client: one `UnimicroClient` per installation, with its hosts, its token and a client for each company."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.settings import UnimicroSettings, is_loopback
from sounimicro_pipelines.transport import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    Limits,
    NotFound,
    Retries,
    ServerFailed,
    Transport,
    ValidationFailed,
)
from sounimicro_pipelines.unimicro.answers import explain
from sounimicro_pipelines.unimicro.auth import Certificate, TokenSource, load_certificate
from sounimicro_pipelines.unimicro.companies import Company, parse_companies
from sounimicro_pipelines.unimicro.company import SYSTEM, CompanyClient, Record

__all__ = ["SYSTEM", "CompanyClient", "Hosts", "Record", "UnimicroClient"]


_BROKEN = frozenset({500, 501})
"""What does not pass by waiting: an installation without that list may answer so."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Addresses of the installation's services, without a closing slash. `files` is None when nobody names it."""

    api: str
    identity: str
    files: str | None


class UnimicroClient:
    """One installation of the ERP: its hosts, its token, its companies. Use as an async context manager."""

    def __init__(
        self,
        settings: UnimicroSettings,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        retries: Retries | None = None,
        timeout: httpx.Timeout | float | None = None,
    ) -> None:
        """`limits` hold for each company. Raises SettingsError when the certificate cannot be used."""
        self.settings = settings
        self.clock = clock or SystemClock()
        self._limits = limits or Limits()
        self._retries = retries
        self._timeout = timeout
        self._certificate: Certificate = load_certificate(
            settings.certificate_file, settings.certificate_password, self.clock
        )
        self._common = self.new_transport()
        self._companies: dict[str, CompanyClient] = {}
        self._hosts: Hosts | None = None
        self._token: TokenSource | None = None

    async def __aenter__(self) -> UnimicroClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for company in self._companies.values():
            await company.transport.aclose()
        await self._common.aclose()

    @property
    def certificate(self) -> Certificate:
        return self._certificate

    def new_transport(self) -> Transport:
        """A transport of its own limit scope."""
        return Transport(
            SYSTEM,
            limits=self._limits,
            clock=self.clock,
            retries=self._retries,
            timeout=self._timeout,
            explain=explain,
        )

    async def hosts(self) -> Hosts:
        """Addresses by the settings, the rest by the installation's own list (reference, 1.1).

        Raises BadAnswer when the sign-in service is named by neither.
        """
        if self._hosts is None:
            api, identity, files = self.settings.api_url, self.settings.identity_url, self.settings.files_url
            if identity is None or files is None:
                listed = await self._endpoints(required=identity is None)
                identity, files = identity or listed.get("identity"), files or listed.get("files")
            if identity is None:
                raise BadAnswer(
                    SYSTEM, "GET endpoints", detail="it names no sign-in service", remedy="Set UNIMICRO_IDENTITY_URL."
                )
            self._hosts = Hosts(api, identity, files)
        return self._hosts

    async def _endpoints(self, *, required: bool) -> dict[str, str]:
        try:
            listed = await self._common.request_json(
                "GET", f"{self.settings.api_url}/api/endpoints", call="GET endpoints"
            )
        except (NotFound, AuthenticationFailed, AccessDenied, ValidationFailed, BadAnswer) as error:
            if required:
                error.remedy = "Check UNIMICRO_API_URL, or set UNIMICRO_IDENTITY_URL and UNIMICRO_FILES_URL."
                raise
            return {}
        except ServerFailed as error:
            if required or error.status not in _BROKEN:
                raise
            return {}
        if not isinstance(listed, dict):
            return {}
        return {
            str(name).lower(): value.rstrip("/")
            for name, value in listed.items()
            if isinstance(value, str) and may_be_called(value)
        }

    async def token_source(self) -> TokenSource:
        """The one source of tokens, shared by all companies."""
        hosts = await self.hosts()
        if self._token is None:
            self._token = TokenSource(
                self._common,
                identity_url=hosts.identity,
                client_id=self.settings.client_id,
                certificate=self._certificate,
                scope=self.settings.scope,
                clock=self.clock,
            )
        return self._token

    async def companies(self) -> list[Company]:
        """All companies that the client may act on."""
        call = "GET companies"
        tokens = await self.token_source()
        rows = await self._common.request_json(
            "GET", f"{self.settings.api_url}/api/init/companies", call=call, authorize=tokens.authorizer()
        )
        if not isinstance(rows, list):
            raise BadAnswer(SYSTEM, call, status=200, detail="it is no list", remedy="Check UNIMICRO_API_URL.")
        return parse_companies(row for row in rows if isinstance(row, dict))

    def company(self, company: Company) -> CompanyClient:
        """The client for one company; the same object each time."""
        known = self._companies.get(company.key)
        if known is None:
            known = self._companies[company.key] = CompanyClient(self, company)
        return known


def may_be_called(url: str) -> bool:
    """Tokens and company keys go to these addresses: never unencrypted, but to this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    )
