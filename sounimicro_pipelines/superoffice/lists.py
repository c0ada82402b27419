"""The CRM's lists and users, read through its MDO lists and kept for a while (vendor reference 2.8, 8.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sounimicro_pipelines.superoffice.archive import Archive
from sounimicro_pipelines.superoffice.failures import SYSTEM
from sounimicro_pipelines.superoffice.locks import LoopLock
from sounimicro_pipelines.superoffice.providers import SIMPLE_CONTACT
from sounimicro_pipelines.superoffice.query import Query, Where
from sounimicro_pipelines.superoffice.session import Session
from sounimicro_pipelines.superoffice.values import as_bool, as_int, in_language, member
from sounimicro_pipelines.transport import AccessDenied, BadAnswer, NotFound, ValidationFailed

CATEGORY_GROUPS: Final = ("Customer", "PotentialCustomer", "Partner", "Lost", "Other")
"""What a category means whatever the tenant calls it (2.3)."""

_LIFE = timedelta(minutes=10)
_SEPARATOR = -2147483647
_NOT_TOLD = (NotFound, AccessDenied, ValidationFailed)


@dataclass(frozen=True, slots=True)
class ListItem:
    """An item of a list. `group` is a category's fixed meaning, None where neither list nor companies tell it."""

    id: int
    name: str
    tooltip: str = ""
    rank: int | None = None
    deleted: bool = False
    type: str = ""
    full_name: str = ""
    group: str | None = None


class Lists:
    """The tenant's lists. Ids and names are the tenant's own; map by id."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: dict[str, tuple[datetime, tuple[ListItem, ...]]] = {}
        self._learnt: dict[int, str | None] = {}
        self._lock = LoopLock()

    def forget(self) -> None:
        """Read the lists anew the next time, as after a `list.*` webhook."""
        self._kept.clear()
        self._learnt.clear()

    async def items(self, name: str) -> tuple[ListItem, ...]:
        """The items of an MDO list such as `category`, `business`, `projectstatus`, `associate`, deleted ones too.

        Raises NotFound for a list the tenant does not have.
        """
        async with self._lock:
            now = self._session.clock.now()
            kept = self._kept.get(name)
            if kept is not None and now - kept[0] < _LIFE:
                return kept[1]
            items = await self._read(name)
            self._kept[name] = (now, items)
            return items

    async def named(self, name: str, text: str) -> ListItem | None:
        """The one item with this name, case aside, deleted ones only where no other has it; None when several have."""
        wanted = text.strip().casefold()
        same = [item for item in await self.items(name) if wanted in (item.name.casefold(), item.full_name.casefold())]
        found = [item for item in same if not item.deleted] or same
        return found[0] if len(found) == 1 else None

    async def _read(self, name: str) -> tuple[ListItem, ...]:
        call = f"GET MDOList/{name}"
        answer = await self._session.json("GET", ("MDOList", name), call=call, query={"flat": "True"})
        items = _items(answer, call)
        if name.lower() != "category":
            return items
        groups = await self._category_groups(items)
        return tuple(replace(item, group=groups.get(item.id) or item.group) for item in items)

    async def _category_groups(self, items: Sequence[ListItem]) -> Mapping[int, str | None]:
        try:
            answer = await self._session.json("GET", ("List", "Category", "Items"), call="GET List/Category/Items")
            told = {item.id: item.group for item in _items(answer, "GET List/Category/Items")}
        except (*_NOT_TOLD, BadAnswer):
            told = {}
        silent = [item.id for item in items if not (item.group or told.get(item.id)) and not item.deleted]
        return {**told, **{category: await self._learn_group(category) for category in silent}}

    async def _learn_group(self, category: int) -> str | None:
        """A category's group as a company of that category shows it: only there is it documented (2.3, 2.8)."""
        if category not in self._learnt:
            query = Query(SIMPLE_CONTACT, (), (Where("category", "oneOf", category),), top=1)
            self._learnt[category] = None
            try:
                for row in await Archive(self._session).page(query):
                    answer = await self._session.json("GET", ("Contact", row.key), call="GET Contact")
                    group = member(member(answer, "Category"), "CategoryGroup")
                    self._learnt[category] = group if isinstance(group, str) and group else None
            except _NOT_TOLD:
                pass
        return self._learnt[category]


def _items(answer: Any, call: str) -> tuple[ListItem, ...]:
    listed = answer if isinstance(answer, list) else member(answer, "value") or member(answer, "Items")
    if not isinstance(listed, list):
        raise BadAnswer(SYSTEM, call, detail="it holds no list of items")
    return tuple(item for raw in _flat(listed) if (item := _item(raw)) is not None)


def _flat(listed: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for raw in listed:
        flat.append(raw)
        children = member(raw, "ChildItems")
        if isinstance(children, list):
            flat.extend(_flat(children))
    return flat


def _item(raw: Any) -> ListItem | None:
    number = None
    for name in ("Id", "CategoryId", "AssociateId"):
        number = as_int(member(raw, name)) if number is None else number
    if number is None or number == _SEPARATOR or str(member(raw, "StyleHint")).lower() == "separator":
        return None
    group = member(raw, "CategoryGroup")
    return ListItem(
        id=number,
        name=in_language(_string(member(raw, "Name")) or _string(member(raw, "Value"))),
        tooltip=in_language(_string(member(raw, "Tooltip"))),
        rank=as_int(member(raw, "Rank")),
        deleted=bool(as_bool(member(raw, "Deleted"))),
        type=_string(member(raw, "Type")),
        full_name=in_language(_string(member(raw, "FullName"))),
        group=group if isinstance(group, str) and group else None,
    )


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
