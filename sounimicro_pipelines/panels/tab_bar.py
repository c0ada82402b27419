"""The tabs over a company panel: ERP first, then the figures of one customer or supplier."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.tabs import TABS
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Transaction, companies, links

ERP = "erp"
_ENTITIES = {"customer": "Customer", "supplier": "Supplier"}


@dataclass(frozen=True, slots=True)
class TabLink:
    """One tab as it stands in the bar."""

    text: str
    href: str
    is_current: bool


def erp_link(tx: Transaction, address: Address, subject: Subject | None) -> str | None:
    """Where the ERP tab leads: to the CRM record that is named, or that the party is linked with. None without one."""
    if address.crm is not None:
        return address.to(tab=ERP)
    company = companies.by_alias(tx, subject.company) if subject is not None else None
    if subject is None or company is None:
        return None
    link = links.for_erp(tx, company.company_key, _ENTITIES[subject.role], subject.party_id)
    if link is None or link.crm_entity != "contact":
        return None
    return address.to(tab=ERP, tenant=link.tenant, id=link.crm_id)


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
