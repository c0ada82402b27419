"""How pages of the administration name records, fields, companies and people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sounimicro_pipelines.panels.address import Address
from sounimicro_pipelines.panels.admin.frame import Desk
from sounimicro_pipelines.panels.erp_tab.record import PANELS
from sounimicro_pipelines.panels.errors import NotFound
from sounimicro_pipelines.panels.field_names import field_name
from sounimicro_pipelines.panels.kept_names import kept_name
from sounimicro_pipelines.panels.tab_bar import ERP
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.rules import RULE_NAMES, RuleError, RuleSet, load_rules
from sounimicro_pipelines.store import Transaction, companies, links
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.opening import plain_registries


@dataclass(frozen=True, slots=True)
class Named:
    """A record as people know it: its name, "" where none is kept, and which record it is in either system.

    `href` leads to its ERP tab; None for one that is not in the CRM.
    """

    name: str
    where: str
    href: str | None = None


def company_rows(desk: Desk, tx: Transaction) -> Mapping[str, CompanyRow]:
    """The ERP companies that the reader may see, by CompanyKey."""
    rows = companies.all_companies(tx, active_only=False)
    return {one.company_key: one for one in rows if desk.panels.walls.sees_company(desk.viewer, one.alias)}


def hidden_companies(desk: Desk, tx: Transaction) -> frozenset[str]:
    """CompanyKeys of the companies that are not for the reader."""
    rows = companies.all_companies(tx, active_only=False)
    return frozenset(one.company_key for one in rows if not desk.panels.walls.sees_company(desk.viewer, one.alias))


async def company_in_use(desk: Desk, alias: str) -> CompanyRow:
    """The company that an address names. Raises NotFound when none is in use, Forbidden when it is for others."""
    desk.panels.walls.require_company(desk.viewer, alias)
    rows = await desk.panels.read(lambda tx: company_rows(desk, tx))
    found = next((row for row in rows.values() if row.alias == alias and row.active), None)
    if found is None:
        raise NotFound("unknown_company")
    return found


def who(words: Words, by: str | None) -> str:
    """A person or program as histories name it, in words; "" for nobody known."""
    text = (by or "").removeprefix("person:")
    if not text:
        return ""
    kind, _, number = text.rpartition(":")
    if kind in ("crm", "associate", "crm:associate"):
        return words("who.crm", number=number)
    if kind in ("erp", "user"):
        return words("who.erp", number=number if len(number) <= 12 else f"…{number[-6:]}")
    return words.or_raw("who", text)


def named(words: Words, tx: Transaction, link: Link, alias: str) -> Named:
    """A linked record: the name that it had when the two systems agreed last."""
    crm = words(f"records.{link.crm_entity}", id=link.crm_id)
    erp = words(f"records.{link.erp_entity}", id=link.erp_id)
    href = _erp_tab(words, link.tenant, link.crm_entity, link.crm_id)
    return Named(kept_name(tx, link), words("records.pair", crm=crm, erp=erp, company=alias), href)


def _erp_tab(words: Words, tenant: str, entity: str | None, number: int | None) -> str | None:
    """Where a record of the CRM has its ERP tab."""
    if entity not in PANELS or number is None:
        return None
    whom = {"tenant": tenant, "id": str(number), "lang": words.language}
    return Address(PANELS[entity], whom).to(tab=ERP)


def named_by(
    words: Words,
    tx: Transaction,
    tenant: str,
    alias: str,
    *,
    link_id: int | None = None,
    crm: tuple[str | None, int | None] = (None, None),
    erp: tuple[str | None, int | None] = (None, None),
) -> Named:
    """What an issue or a line of the history is about; "" and "" when it is about no record."""
    link = links.get(tx, link_id) if link_id is not None else None
    if link is not None:
        return named(words, tx, link, alias)
    there = [words(f"records.{entity}", id=number) for entity, number in (crm, erp) if entity and number is not None]
    href = _erp_tab(words, tenant, *crm)
    if len(there) == 2:
        return Named("", words("records.pair", crm=there[0], erp=there[1], company=alias), href)
    if crm[1] is not None:
        return Named("", words("records.in_crm", record=there[0]), href)
    return Named("", words("records.in_erp", record=there[0], company=alias) if there else "")


class FieldNames:
    """The words for fields by the key that issues, conflicts and histories name them by."""

    def __init__(self, tx: Transaction, words: Words) -> None:
        self._words = words
        try:
            self._rules: RuleSet | None = load_rules(tx, plain_registries())
        except RuleError:
            # A stored rule that cannot be used is told of elsewhere; its fields keep their paths for names here.
            self._rules = None

    def __call__(self, rule: str | None, key: str | None) -> str:
        if not key:
            return ""
        found = self._rules.get(rule).field(key) if self._rules is not None and rule in RULE_NAMES else None
        if found is None:
            return field_name(self._words, key.split("+"), ())
        return field_name(self._words, found.crm, found.erp)


def asked_page(desk: Desk) -> int:
    """The page of a list that the address asks for."""
    text = desk.request.query_params.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def turning(desk: Desk, path: str, page: int, more: bool, **query: str | None) -> dict[str, Any]:
    """Where newer and older entries of a list stand, for `parts.turn`; `more`: whether any are older."""
    return {
        "newer_href": desk.to(path, page=page - 1, **query) if page > 1 else None,
        "older_href": desk.to(path, page=page + 1, **query) if more else None,
    }


def run_href(desk: Desk) -> str | None:
    """Where the run is told of that the page before has started, if there was one."""
    run = desk.request.query_params.get("run", "")
    return desk.to("/admin/runs/one", run=run) if run and len(run) <= 80 else None
