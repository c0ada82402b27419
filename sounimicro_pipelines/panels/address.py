"""What a panel's address says: whom it is about, which tab and view. Everything in it is a hint to be checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from sounimicro_pipelines.panels.errors import BadRequest

ROLES = ("customer", "supplier")
_ALIAS = re.compile(r"[a-z0-9_-]{1,40}")
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,40}")
_WORD = re.compile(r"[a-z0-9_-]{1,40}")
_MAX_ID = 2**63 - 1
_LONGEST = 200
_WHOM = ("tenant", "id", "company", "role", "party", "lang")
_THING = ("invoice", "voucher", "document", "type", "project", "account", "product", "line")
_AS_SHOWN = ("period", "from", "to", "year", "q", "sort", "dir", "page")
_VIEW = ("tab", "view", *_THING, *_AS_SHOWN)
"""What an address says of the view that is shown."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A customer or supplier of one ERP company."""

    company: str
    role: str
    party_id: int


class Address:
    """The query of a panel's address, read and checked piece by piece. Raises BadRequest for what cannot be meant."""

    def __init__(self, path: str, query: Mapping[str, str]) -> None:
        self.path = path
        self._query = {key: value.strip() for key, value in query.items()}
        for key, value in self._query.items():
            if len(value) > _LONGEST or "\0" in value:
                raise BadRequest("too_long", name=key[:40])

    def __str__(self) -> str:
        return self._build(self._query)

    def get(self, name: str) -> str | None:
        return self._query.get(name) or None

    def word(self, name: str, default: str) -> str:
        value = self.get(name)
        if value is None:
            return default
        if not _WORD.fullmatch(value):
            raise BadRequest("not_a_choice", name=name)
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.word(name, default)
        if value not in choices:
            raise BadRequest("not_a_choice", name=name)
        return value

    def identifier(self, name: str) -> int | None:
        """A whole number from 1."""
        value = self.get(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or not 0 < int(value) <= _MAX_ID:
            raise BadRequest("not_a_number", name=name)
        return int(value)

    def day(self, name: str) -> date | None:
        value = self.get(name)
        if value is None:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise BadRequest("not_a_date", name=name) from None

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self.identifier(name)
        return default if value is None else max(lowest, min(value, highest))

    @property
    def company(self) -> str | None:
        value = self.get("company")
        if value is not None and not _ALIAS.fullmatch(value):
            raise BadRequest("not_a_company")
        return value

    @property
    def role(self) -> str | None:
        value = self.get("role")
        if value is not None and value not in ROLES:
            raise BadRequest("not_a_role")
        return value

    @property
    def crm(self) -> tuple[str, int] | None:
        """Tenant and id of the CRM record, when the address names it so."""
        tenant, record = self.get("tenant"), self.identifier("id")
        if tenant is None and record is None:
            return None
        if tenant is None or record is None or not _TENANT.fullmatch(tenant):
            raise BadRequest("not_a_record")
        return tenant, record

    def subject(self) -> Subject | None:
        """The party, when the address names company, role and party itself."""
        company, role, party = self.company, self.role, self.identifier("party")
        if company is None or role is None or party is None:
            return None
        return Subject(company, role, party)

    def here(self, **changes: Any) -> str:
        """This address with some parts changed; None leaves a part out."""
        parts = {**self._query, **changes}
        return self._build(parts)

    def to(self, **parts: Any) -> str:
        """An address about the same record, with nothing else carried over."""
        if parts.keys().isdisjoint(_WHOM):
            return f"{self._whom}{_joined(parts)}".rstrip("?&")
        kept = {name: self._query[name] for name in _WHOM if self._query.get(name)}
        return self._build({**kept, **parts})

    @cached_property
    def _whom(self) -> str:
        """How every address about the same record begins."""
        kept = _joined({name: self._query[name] for name in _WHOM if self._query.get(name)})
        return f"{self.path}?{kept}&" if kept else f"{self.path}?"

    @cached_property
    def trail(self) -> str | None:
        """This view in one word, for the `via` of views that are opened from it; None when it takes too many."""
        shown = {name: self._query[name] for name in _VIEW if self._query.get(name)}
        whole = _joined({**shown, "via": self.get("via")})
        return next((trail for trail in (whole, _joined(shown)) if 0 < len(trail) <= _LONGEST), None)

    def back(self, **otherwise: Any) -> str:
        """The view that this one was opened from, as it was shown there; `otherwise` when that is not known."""
        kept = {name: value for name, value in parse_qsl(self.get("via") or "") if name in (*_VIEW, "via")}
        return self.to(**(kept if "tab" in kept else otherwise))

    def opened(self, tab: str) -> Address:
        """The same address, which says that it shows `tab`."""
        return self if self.get("tab") == tab else Address(self.path, {**self._query, "tab": tab})

    def at(self, path: str) -> Address:
        """The same query at another path."""
        return Address(path, self._query)

    def _build(self, parts: Mapping[str, Any]) -> str:
        given = _joined(parts)
        return f"{self.path}?{given}" if given else self.path


def _joined(parts: Mapping[str, Any]) -> str:
    """The query of an address, without what is not said."""
    return "&".join(f"{key}={_quoted(str(value))}" for key, value in parts.items() if value is not None and value != "")


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    """A page holds hundreds of addresses, made of few different parts."""
    return quote_plus(value)
