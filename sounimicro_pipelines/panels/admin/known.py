"""What the two systems call people and the items of their lists. The store keeps numbers alone; names are asked for
when a page is shown, and what cannot be had now stays a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sounimicro_pipelines.panels.admin.frame import Desk
from sounimicro_pipelines.panels.admin.naming import who
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.rules import RULE_NAMES, RuleError, load_rules
from sounimicro_pipelines.store import Transaction, companies
from sounimicro_pipelines.sync.opening import plain_registries

_KINDS = {"crm": "associate", "associate": "associate", "crm:associate": "associate", "erp": "user", "user": "user"}
"""How histories name people → how the lists of people do."""
Place = tuple[str, str, str, str]
"""Rule, field key, side, and CompanyKey ("" for the CRM)."""


@dataclass(frozen=True, slots=True)
class Known:
    """Names of people (`associate:12`, `user:…`) and of list items, by where these stand."""

    words: Words
    people: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[Place, Mapping[str, str]] = field(default_factory=dict)

    def who(self, by: str | None) -> str:
        """A person by name, or in words; "" for nobody known."""
        kind, _, number = (by or "").removeprefix("person:").rpartition(":")
        return self.people.get(f"{_KINDS.get(kind)}:{number}") or who(self.words, by)

    def value(self, rule: str | None, key: str | None, side: str | None, company_key: str, value: Any) -> str:
        """A field's value as people know it: an item by its name. "" for none."""
        if value is None:
            return ""
        names = self.items.get((rule or "", key or "", side or "", company_key if side == "erp" else ""))
        return str(value) if names is None else names.get(str(value), "" if str(value) == "0" else str(value))


async def known(desk: Desk) -> Known:
    """The names of everybody, and of the items of every list that a rule keeps in step."""
    tenant = desk.panels.tenant
    keys, fields = await desk.panels.read(_list_fields)
    items: dict[Place, Mapping[str, str]] = {}
    for rule, key, crm_list, erp_list in fields:
        if crm_list and (found := await tenant.crm_items(crm_list, also_deleted=True)):
            items[rule, key, "crm", ""] = found
        for company_key in keys if erp_list else ():
            if found := await tenant.erp_items(company_key, erp_list):
                items[rule, key, "erp", company_key] = found
    return replace(await people(desk), items=items)


async def people(desk: Desk) -> Known:
    """The names of everybody alone."""
    return Known(desk.words, await desk.panels.tenant.people() or {})


def _list_fields(tx: Transaction) -> tuple[list[str], list[tuple[str, str, str, str]]]:
    """CompanyKeys in use, and the fields that a rule keeps in step and that hold an item: rule, key and both lists."""
    registries = plain_registries()
    try:
        rules = load_rules(tx, registries)
    except RuleError:
        return [], []
    found = []
    for name in RULE_NAMES:
        rule = rules.get(name)
        for one in rule.fields:
            if not (one.crm and one.erp):
                continue
            in_crm = registries.crm.find(rule.crm, one.crm[0])
            in_erp = registries.erp.find(rule.erp[0], one.erp[0])
            lists = (getattr(in_crm, "list_name", None) or "", getattr(in_erp, "list_name", None) or "")
            if any(lists):
                found.append((str(name), one.key, *lists))
    return [one.company_key for one in companies.all_companies(tx)], found
