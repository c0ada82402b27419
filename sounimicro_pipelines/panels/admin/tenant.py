"""What the rules' pages ask the two systems for: the tenant's own fields, and the items of lists.

A page is shown whether they answer or not; what was not answered is None, and the page says so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.panels.engine import Engine
from sounimicro_pipelines.rules import Registries
from sounimicro_pipelines.superoffice import person_names
from sounimicro_pipelines.sync.opening import Connection, plain_registries
from sounimicro_pipelines.unimicro.contact_names import contact_names
from sounimicro_pipelines.unimicro.lists import items_of

KEPT = timedelta(minutes=5)
KEPT_FAILURE = timedelta(seconds=20)
PATIENCE = 5.0
"""Seconds that a page waits for what it can do without."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that rules may name. `complete`: the tenant's user-defined ones are among them."""

    registries: Registries
    complete: bool


class Tenant:
    """One for all visitors, with what was answered lately."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[datetime, Any]] = {}

    async def fields(self) -> Fields:
        """The fields of both systems; as the vendors document them where the CRM does not answer."""

        async def load(connection: Connection) -> Registries:
            return Registries(await connection.crm.load_fields(), connection.registries.erp)

        found = await self._ask(("fields",), load)
        return Fields(plain_registries(), False) if found is None else Fields(found, True)

    async def crm_items(self, name: str, *, also_deleted: bool = False) -> Mapping[str, str] | None:
        """Id → name of the items of one of the CRM's lists, those that are in use."""

        async def load(connection: Connection) -> dict[str, str]:
            items = await connection.crm.lists.items(name)
            return {str(one.id): one.full_name or one.name for one in items if also_deleted or not one.deleted}

        found: Mapping[str, str] | None = await self._ask(("crm", name, str(also_deleted)), load)
        return found

    async def people(self) -> Mapping[str, str] | None:
        """Names by how histories name people: `associate:12` in the CRM, `user:…` in the ERP; who has left, too."""

        async def load(connection: Connection) -> Mapping[str, str] | None:
            keys = {one.key for one in connection.companies}
            return await self._engine.lookups.people(connection, keys) or None

        found: Mapping[str, str] | None = await self._ask(("people",), load)
        return found

    async def persons(self, company_key: str, crm: Collection[int], erp: Collection[int]) -> Mapping[str, str] | None:
        """Names of persons in the CRM (`crm:12`) and of contact persons in a company (`erp:34`)."""

        async def load(connection: Connection) -> dict[str, str]:
            company = next((one for one in connection.companies if one.key == company_key), None)
            ours = await person_names(connection.crm.archive, crm)
            theirs = await contact_names(connection.erp.company(company), erp) if company is not None else {}
            return {f"crm:{key}": name for key, name in ours.items()} | {
                f"erp:{key}": name for key, name in theirs.items()
            }

        key = ("persons", company_key, *(f"crm:{one}" for one in sorted(crm)), *(f"erp:{one}" for one in sorted(erp)))
        found: Mapping[str, str] | None = await self._ask(key, load)
        return found

    async def erp_items(self, company_key: str, name: str) -> Mapping[str, str] | None:
        """Id → name of the items of one of the ERP's lists in a company."""

        async def load(connection: Connection) -> dict[str, str] | None:
            company = next((one for one in connection.companies if one.key == company_key), None)
            items = None if company is None else await items_of(connection.erp.company(company), name)
            return None if items is None else {one.id: one.name for one in items}

        found: Mapping[str, str] | None = await self._ask(("erp", company_key, name), load)
        return found

    async def _ask(self, key: tuple[str, ...], load: Callable[[Connection], Awaitable[Any]]) -> Any:
        now = self._clock.now()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < (KEPT_FAILURE if kept[1] is None else KEPT):
            return kept[1]
        try:
            found = await self._engine.ask(load, seconds=PATIENCE)
        except SounimicroError as error:
            _log.warning("The setup pages do without %s: %s", key[0], type(error).__name__)
            found = None
        self._kept[key] = (now, found)
        return found
