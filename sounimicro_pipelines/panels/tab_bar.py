"""The tabs over a company panel: ERP first, then the figures of one customer or supplier."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.tabs import DEFAULT_TAB, TABS
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Transaction, companies, links

ERP = "erp"
IN_CRM = "/panel/in-crm"
_ENTITIES = {"customer": "Customer", "supplier": "Supplier"}


@dataclass(frozen=True, slots=True)
class TabLink:
    """One tab as it stands in the bar."""

    text: str
    href: str
    is_current: bool


def tab_for(name: str, role: str | None) -> str:
    """The tab of that name, or the first one where a party of that role has no such tab."""
    return name if name in TABS and TABS[name].only_for in (None, role) else DEFAULT_TAB


def crm_record(tx: Transaction, subject: Subject | None) -> tuple[str, int] | None:
    """Tenant and id of the CRM company that a party is linked with."""
    company = companies.by_alias(tx, subject.company) if subject is not None else None
    if subject is None or company is None:
        return None
    link = links.for_erp(tx, company.company_key, _ENTITIES[subject.role], subject.party_id)
    return None if link is None or link.crm_entity != "contact" else (link.tenant, link.crm_id)


def erp_link(tx: Transaction, address: Address, subject: Subject | None) -> str | None:
    """Where the ERP tab leads: to the CRM record that is named, or that the party is linked with. None without one."""
    if address.crm is not None:
        return address.to(tab=ERP)
    record = crm_record(tx, subject)
    return address.to(tab=ERP, tenant=record[0], id=record[1]) if record is not None else None


def tab_bar(
    words: Words, address: Address, subject: Subject | None, tables: Collection[str], current: str, erp: str | None
) -> list[TabLink]:
    """ERP, where `erp` leads somewhere, and every tab whose `tables` are published for the subject."""
    found = [TabLink(words("tabs.erp"), erp, current == ERP)] if erp is not None else []
    if subject is not None:
        found += [
            TabLink(words(f"tabs.{name}"), address.to(tab=name), name == current)
            for name, entry in TABS.items()
            if set(entry.tables) <= set(tables) and entry.only_for in (None, subject.role)
        ]
    return found
