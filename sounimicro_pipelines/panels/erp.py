"""The ERP as the panels ask it: one client, opened when it is first needed, that does not let a person wait long."""

from __future__ import annotations

import httpx

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.errors import SettingsError
from sounimicro_pipelines.settings import Settings
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.transport import Limits, Retries
from sounimicro_pipelines.unimicro.client import UnimicroClient
from sounimicro_pipelines.unimicro.companies import Company
from sounimicro_pipelines.unimicro.company import CompanyClient

RETRIES = Retries(attempts=3, base=0.2, cap=1.0, retry_after_cap=2.0)
TIMEOUT = httpx.Timeout(connect=3.0, read=20.0, write=10.0, pool=None)


class Erp:
    """The ERP by the settings; its companies by what the store knows of them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: UnimicroClient | None = None

    @property
    def client(self) -> UnimicroClient:
        """The client for all companies. Raises SettingsError when the ERP's settings are incomplete."""
        if self._client is None:
            limits = Limits(self._settings.sounimicro_max_in_flight, self._settings.sounimicro_requests_per_second)
            self._client = UnimicroClient(
                self._settings.require_unimicro(), limits=limits, clock=self._clock, retries=RETRIES, timeout=TIMEOUT
            )
        return self._client

    def company(self, row: CompanyRow) -> CompanyClient:
        """The client for one company. Raises SettingsError when the ERP's settings are incomplete."""
        return self.client.company(Company(row.alias, row.company_key, row.name, row.organization_number))

    def company_or_none(self, row: CompanyRow) -> CompanyClient | None:
        try:
            return self.company(row)
        except SettingsError:
            return None

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
