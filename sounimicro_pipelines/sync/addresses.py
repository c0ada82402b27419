"""How people name a record: `crm:contact:1041`, `erp:<company>:Customer:79`. Nothing else reads or writes this form."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.rules.model import CRM_ENTITY, ERP_ENTITIES
from sounimicro_pipelines.store import Transaction, companies, links
from sounimicro_pipelines.store.issues import Issue
from sounimicro_pipelines.store.links import Link

CRM_ENTITIES = tuple(dict.fromkeys(CRM_ENTITY.values()))
ERP_RECORDS = tuple(dict.fromkeys(entity for entities in ERP_ENTITIES.values() for entity in entities))
_FORMS = "Write crm:contact:1041 (or person, project), or erp:<company>:Customer:79 (or Supplier, Contact, Project)."


class BadAddress(SounimicroError):
    """A text that names no record."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class CrmAddress:
    """A record of the CRM tenant."""

    entity: str
    id: int

    def __str__(self) -> str:
        return f"crm:{self.entity}:{self.id}"


@dataclass(frozen=True, slots=True)
class ErpAddress:
    """A record of one ERP company, which people know by its alias."""

    company_key: str
    entity: str
    id: int
    alias: str = ""

    def __str__(self) -> str:
        return f"erp:{self.alias or self.company_key}:{self.entity}:{self.id}"


Address = CrmAddress | ErpAddress


def parse_address(tx: Transaction, text: str) -> Address:
    """The record that a text names; a company may be named by its alias or its CompanyKey. Raises BadAddress."""
    parts = [part.strip() for part in text.strip().split(":")]
    system = parts[0].casefold()
    if system == "crm" and len(parts) == 3:
        return CrmAddress(_entity(parts[1], CRM_ENTITIES, "CRM"), _number(parts[2], text))
    if system == "erp" and len(parts) == 4:
        company_key, alias = company_of(tx, parts[1])
        return ErpAddress(company_key, _entity(parts[2], ERP_RECORDS, "ERP"), _number(parts[3], text), alias)
    raise BadAddress(f"«{text}» names no record.", remedy=_FORMS)


def parse_crm_address(tx: Transaction, text: str) -> CrmAddress:
    """The CRM record that a text names. Raises BadAddress, also for a record of the ERP."""
    found = parse_address(tx, text)
    if isinstance(found, ErpAddress):
        raise BadAddress(f"«{text}» is a record of the ERP; here one of the CRM is needed.", remedy=_FORMS)
    return found


def company_of(tx: Transaction, name: str) -> tuple[str, str]:
    """CompanyKey and alias of a company in use, by either. Raises BadAddress, naming those that there are."""
    known = companies.all_companies(tx)
    for one in known:
        if name.casefold() in (one.alias.casefold(), one.company_key.casefold()):
            return one.company_key, one.alias
    aliases = [one.alias for one in known]
    raise BadAddress(
        f"There is no company «{name}» in use.",
        remedy=_nearest(name, aliases) or f"Companies in use: {', '.join(aliases) or 'none yet'}.",
    )


def about_issue(issue: Issue, aliases: Mapping[str, str]) -> str:
    """The record that an issue is about, the CRM's where there is one; else the company, or "" for what has neither."""
    if issue.crm_id is not None:
        return str(CrmAddress(str(issue.crm_entity), issue.crm_id))
    key = issue.company_key or ""
    if issue.erp_id is None:
        return f"erp:{aliases[key]}" if key in aliases else ""
    return str(ErpAddress(key, str(issue.erp_entity), issue.erp_id, aliases.get(key, "")))


def links_at(tx: Transaction, tenant: str, address: Address) -> list[Link]:
    """The links of a record, oldest first."""
    if isinstance(address, CrmAddress):
        return links.for_crm(tx, tenant, address.entity, address.id)
    found = links.for_erp(tx, address.company_key, address.entity, address.id)
    return [] if found is None else [found]


def _entity(name: str, known: Iterable[str], system: str) -> str:
    for one in known:
        if name.casefold() == one.casefold():
            return one
    known = list(known)
    raise BadAddress(
        f"The {system} has no «{name}» that is synchronized.",
        remedy=_nearest(name, known) or f"It has {', '.join(known)}.",
    )


def _number(text: str, whole: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise BadAddress(f"«{whole}» does not end with a record's id.", remedy=_FORMS)


def _nearest(name: str, known: Iterable[str]) -> str:
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"Did you mean {folded[near[0]]}?" if near else ""
