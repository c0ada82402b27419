"""Names of the two systems' lists and people, asked for now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.rules.model import Rule, RuleField
from sounimicro_pipelines.sync.opening import Connection
from sounimicro_pipelines.transport import VendorError
from sounimicro_pipelines.unimicro.company import CompanyClient
from sounimicro_pipelines.unimicro.lists import Item, items_of, people_of

T = TypeVar("T")
LIFE = timedelta(minutes=10)


class Lookups:
    """Kept for ten minutes. A list that cannot be read now is missing: whoever asks shows the ids then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[datetime, object]] = {}

    async def items(self, connection: Connection, company_key: str, rule: Rule, one: RuleField) -> tuple[Item, ...]:
        """What a field may hold in one company; empty where it is no list, or one that cannot be read."""
        if not one.erp:
            return ()
        info = connection.registries.erp.find(rule.erp[0], one.erp[0])
        name = getattr(info, "list_name", None)
        company = _company(connection, company_key)
        if name is None or company is None:
            return ()
        found = await self._ask((company_key, name), lambda: items_of(company, name))
        return found or ()

    async def crm_items(self, connection: Connection, rule: Rule, one: RuleField) -> tuple[Item, ...]:
        """What a field may hold in the CRM, deleted items too; empty where it is no list that can be read."""
        name = getattr(connection.registries.crm.find(rule.crm, one.crm[0]), "list_name", None) if one.crm else None
        if name is None:
            return ()
        found = await self._ask(("", name), lambda: connection.crm.lists.items(name))
        return tuple(Item(str(item.id), item.full_name or item.name) for item in found or ())

    async def people(self, connection: Connection, company_keys: set[str]) -> Mapping[str, str]:
        """Names by how histories name people: `associate:12` in the CRM, `user:…` in the ERP."""
        found: dict[str, str] = {}
        associates = await self._ask(("", "associate"), lambda: connection.crm.lists.items("associate"))
        for one in associates or ():
            found[f"associate:{one.id}"] = one.full_name or one.name
        for key in sorted(company_keys):
            company = _company(connection, key)
            if company is not None:
                people = await self._ask((key, "people"), lambda of=company: people_of(of))  # type: ignore[misc]
                found |= {f"user:{identity}": name for identity, name in (people or {}).items() if name}
        return found

    async def _ask(self, key: tuple[str, str], read: Callable[[], Awaitable[T]]) -> T | None:
        kept = self._kept.get(key)
        now = self._clock.now()
        if kept is not None and now - kept[0] < LIFE:
            return kept[1]  # type: ignore[return-value]
        try:
            found = await read()
        except VendorError:
            return None
        self._kept[key] = (now, found)
        return found


def _company(connection: Connection, company_key: str) -> CompanyClient | None:
    one = next((each for each in connection.companies if each.key == company_key), None)
    return connection.erp.company(one) if one is not None else None
