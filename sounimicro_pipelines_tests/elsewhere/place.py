"""Both other servers with an installation that knows them by its settings alone, on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.installation import Installation
from sounimicro_pipelines.rules import RULE_NAMES
from sounimicro_pipelines.settings import load_settings
from sounimicro_pipelines.store import issues, links
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.engine import drain
from sounimicro_pipelines.sync.feeds import poll
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.sync.run_report import RunReport
from sounimicro_pipelines.sync.world import World
from sounimicro_pipelines_tests.elsewhere.crm import SECRET, SYSTEM_TOKEN, TENANT, Crm
from sounimicro_pipelines_tests.elsewhere.erp import KEY, Erp
from sounimicro_pipelines_tests.main_job.plant import environment
from sounimicro_pipelines_tests.unimicro.fake_erp import CLIENT_ID, PASSWORD, write_p12

BEGIN = datetime(2026, 11, 10, 7, 30, tzinfo=UTC)
T = TypeVar("T")


@lru_cache(maxsize=1)
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Elsewhere:
    """`do` runs work in a world of its own, as one run."""

    crm: Crm
    erp: Erp
    clock: ManualClock
    folder: Path
    _runs: int = 0

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SOUNIMICRO_HOME": str(self.folder / "home"),
            "SOUNIMICRO_COMPANIES": f"fjell={KEY.upper()}",
            "SOUNIMICRO_GO_LIVE": "fjell",
            "SOUNIMICRO_REQUESTS_PER_SECOND": "0",
            "SUPEROFFICE_ENVIRONMENT_URL": self.crm.url,
            "SUPEROFFICE_TENANT": TENANT,
            "SUPEROFFICE_CLIENT_ID": "client-90210",
            "SUPEROFFICE_CLIENT_SECRET": SECRET,
            "SUPEROFFICE_SYSTEM_USER_TOKEN": SYSTEM_TOKEN,
            "SUPEROFFICE_PRIVATE_KEY_FILE": str(self.folder / "app.pem"),
            "UNIMICRO_API_URL": self.erp.url,
            "UNIMICRO_CLIENT_ID": CLIENT_ID,
            "UNIMICRO_CERTIFICATE_FILE": str(self.folder / "client.p12"),
            "UNIMICRO_CERTIFICATE_PASSWORD": PASSWORD,
        }

    def do(self, work: Callable[[World], Awaitable[T]], *, by: str = "sync") -> T:
        """Some work in a run of its own."""

        async def opened(connection: Connection) -> T:
            return await work(await self._world(connection, by))

        return self.connected(opened)

    def connected(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Work on both systems, opened as the product opens them: by the settings."""

        async def opened(installation: Installation) -> T:
            async with installation.sync_connection() as connection:
                return await work(connection)

        with environment(self.environment):
            installation = Installation(load_settings(env_file=None), self.clock)
            try:
                return asyncio.run(opened(installation))
            finally:
                installation.store.close()

    async def _world(self, connection: Connection, by: str = "sync") -> World:
        self._runs += 1
        return await connection.world(run_id=f"run-{self._runs}", by=by)

    def settle(
        self, rounds: int = 5, seconds: float = 400.0, rules: Sequence[str] = RULE_NAMES, at_once: int = 1
    ) -> list[dict[str, RunReport]]:
        """Every feed read and every list worked off, again and again, with time between."""

        async def again_and_again(connection: Connection) -> list[dict[str, RunReport]]:
            told = []
            for _ in range(rounds):
                reports = {}
                for rule in rules:
                    world = await self._world(connection)
                    await poll(world, rule, now_due=True)
                    reports[rule] = await drain(world, rule, at_once=at_once)
                told.append(reports)
                self.clock.advance(seconds)
            return told

        return self.connected(again_and_again)

    def open_issues(self) -> list[Issue]:
        async def listed(connection: Connection) -> list[Issue]:
            with connection.store.read() as tx:
                return issues.listing(tx, state="open", limit=200)

        return self.connected(listed)

    def linked(self, entity: str, erp_id: int) -> Link | None:
        async def looked_up(connection: Connection) -> Link | None:
            with connection.store.read() as tx:
                return links.for_erp(tx, KEY, entity, erp_id)

        return self.connected(looked_up)

    def linked_in(self, connection: Connection, entity: str, crm_id: int) -> list[Link]:
        with connection.store.read() as tx:
            return links.for_crm(tx, TENANT, entity, crm_id)

    def writes(self) -> int:
        return len(self.crm.written) + len(self.erp.written)


@contextmanager
def elsewhere(
    folder: Path, *, crm: dict[str, Any] | None = None, erp: dict[str, Any] | None = None
) -> Iterator[Elsewhere]:
    clock = ManualClock(BEGIN)
    folder.mkdir(parents=True, exist_ok=True)
    pem = app_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "app.pem").write_bytes(pem)
    write_p12(folder / "client.p12", days=3650)
    place = Elsewhere(Crm(clock, app_key(), **(crm or {})), Erp(clock, **(erp or {})), clock, folder)
    try:
        yield place
    finally:
        place.crm.close()
        place.erp.close()
