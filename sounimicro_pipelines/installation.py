"""One installation of the product: its settings, where its files are, and how its clients and store are opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.settings import Settings, load_settings
from sounimicro_pipelines.store import Store, Transaction, issues, open_store, runs
from sounimicro_pipelines.store import companies as company_rows
from sounimicro_pipelines.superoffice import SuperOfficeClient
from sounimicro_pipelines.transport import Limits
from sounimicro_pipelines.unimicro.client import UnimicroClient
from sounimicro_pipelines.unimicro.companies import Company, Skipped, choose

if TYPE_CHECKING:
    from sounimicro_pipelines.sync.opening import Connection
    from sounimicro_pipelines.sync.registers import Files

__all__ = ["Company", "HomeUnusable", "Installation", "Skipped", "UnknownCompany"]


class HomeUnusable(SounimicroError):
    """The data folder cannot be made or written to."""

    exit_code = 2


class UnknownCompany(SounimicroError):
    """A company was named that is not among those in use."""

    exit_code = 2


@dataclass(frozen=True)
class Installation:
    """Everything that a door needs to get at the rooms. Clients are opened anew by whoever needs them."""

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    opened: Store | None = None
    """A store that is open already; without one it is opened as the settings say."""

    @classmethod
    def of_this_process(cls) -> Installation:
        """By the environment and `.env`. Raises SettingsError."""
        return cls(load_settings())

    @cached_property
    def store(self) -> Store:
        """The store, migrated to this version. Raises StoreError."""
        return self.opened or open_store(self.settings.database_url)

    @property
    def limits(self) -> Limits:
        return Limits(
            max_in_flight=self.settings.sounimicro_max_in_flight,
            requests_per_second=self.settings.sounimicro_requests_per_second,
        )

    def prepare_home(self) -> None:
        """Makes the data folders, readable by their owner alone. Raises HomeUnusable."""
        settings = self.settings
        for folder in (
            settings.home,
            settings.warehouse_dir,
            settings.landing_dir,
            settings.state_dir,
            settings.dagster_home,
            settings.log_dir,
            self.dbt_dir,
        ):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except (FileExistsError, NotADirectoryError):
                raise HomeUnusable(
                    f"The data folder {folder} cannot be made: there is a file in its place.",
                    remedy="Move the file away, or name another folder in SOUNIMICRO_HOME.",
                ) from None
            except OSError as error:
                raise HomeUnusable(
                    f"The data folder {folder} cannot be made: {error.strerror}.",
                    remedy="Give this user the right to it, free some space, or name another in SOUNIMICRO_HOME.",
                ) from None

    def superoffice(self) -> SuperOfficeClient:
        """A client for the CRM tenant, to be closed by the caller. Raises SettingsError."""
        return SuperOfficeClient(self.settings.require_superoffice(), limits=self.limits, clock=self.clock)

    def unimicro(self) -> UnimicroClient:
        """A client for the ERP, to be closed by the caller. Raises SettingsError."""
        return UnimicroClient(self.settings.require_unimicro(), limits=self.limits, clock=self.clock)

    async def companies(self, client: UnimicroClient) -> tuple[list[Company], list[Skipped]]:
        """The ERP companies in use, remembered in the store, and those skipped with the reason.

        One that was in use and may not be used any more is told as an issue until it may be again.
        """
        with self.store.read() as tx:
            rows = company_rows.all_companies(tx, active_only=False)
        known = [Company(row.alias, row.company_key, row.name, row.organization_number, row.is_test) for row in rows]
        used, skipped = choose(await client.companies(), self.settings, known)
        seen_at = self.clock.now()
        with self.store.transaction() as tx:
            withdrawn = {one.company.key: one.company for one in skipped if one.why == "withdrawn"}
            for company in known:
                if company.key not in withdrawn:
                    issues.solve(tx, _withdrawn(company), now=seen_at)
            for company in withdrawn.values():
                _tell_withdrawn(tx, company, seen_at)
            company_rows.remember(
                tx,
                [
                    company_rows.CompanyRow(
                        company_key=company.key,
                        alias=company.alias,
                        name=company.name,
                        organization_number=company.organization_number,
                        is_test=company.is_test,
                        active=True,
                        seen_at=seen_at,
                    )
                    for company in used
                ],
            )
        return used, skipped

    async def company(self, client: UnimicroClient, alias: str) -> Company:
        """The company in use under an alias. Raises UnknownCompany, naming those that are."""
        used, _ = await self.companies(client)
        for company in used:
            if company.alias == alias:
                return company
        raise UnknownCompany(
            f"There is no company «{alias}» in use.",
            remedy=f"Companies in use: {', '.join(company.alias for company in used)}.",
        )

    def is_live(self, company: Company | company_rows.CompanyRow) -> bool:
        """Whether the sync may write for a company, by the settings or by its accepted go-live report."""
        if {"all", company.alias} & self.settings.go_live:
            return True
        key = company.key if isinstance(company, Company) else company.company_key
        with self.store.read() as tx:
            return runs.is_live(tx, self.settings.require_superoffice().tenant, key)

    @asynccontextmanager
    async def sync_connection(self) -> AsyncIterator[Connection]:
        """Both systems open for the sync, with the companies in use.

        Raises SettingsError and the VendorError family.
        """
        from sounimicro_pipelines.sync.opening import Connection  # heavy, and most commands do without it

        async with self.superoffice() as crm, self.unimicro() as erp:
            used, _ = await self.companies(erp)
            yield Connection(self.store, crm, erp, used, clock=self.clock, go_live=self.settings.go_live)

    @property
    def dbt_dir(self) -> Path:
        """Where dbt keeps its manifest and logs."""
        return self.settings.home / "dbt"

    def erp_file(self, alias: str) -> Path:
        """The warehouse of one ERP company."""
        return self.settings.warehouse_dir / f"{alias}.duckdb"

    def warehouse_files(self, companies: Sequence[Company]) -> Files:
        """The warehouse files of the tenant and of these companies."""
        from sounimicro_pipelines.sync.registers import Files  # heavy, and most commands do without it

        return Files(self.crm_file, {one.key: self.erp_file(one.alias) for one in companies})

    @property
    def crm_file(self) -> Path:
        """The warehouse of the CRM tenant; the dot keeps it apart from every company's alias."""
        return self.settings.warehouse_dir / f"crm.{self.settings.require_superoffice().tenant.lower()}.duckdb"


def _withdrawn(company: Company) -> str:
    return f"company:{company.key}"


def _tell_withdrawn(tx: Transaction, company: Company, now: datetime) -> None:
    issues.report(
        tx,
        fingerprint=_withdrawn(company),
        kind="accessdenied",
        cause=f"Unimicro: the client may not use the company «{company.alias}» any more; the others go on without it.",
        remedy="Check that the company has the integration activated for this client in Unimicro, or take it out of "
        "SOUNIMICRO_COMPANIES.",
        now=now,
        side="erp",
        company_key=company.key,
    )
