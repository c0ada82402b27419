"""What a linked record is called for when nobody can be asked: as the two systems agreed last, else in the figures."""

from __future__ import annotations

from sounimicro_pipelines.store import Transaction, baselines, companies, reports
from sounimicro_pipelines.store.links import Link

_NAMES = ("Name", "Firstname+MiddleName+Lastname", "Lastname")
_PARTY_ROLES = {"Customer": "customer", "Supplier": "supplier"}


def kept_name(tx: Transaction, link: Link) -> str:
    """The name, "" where no name is kept."""
    agreed = baselines.get(tx, link.id)
    found = next((str(agreed.crm[one]) for one in _NAMES if agreed.crm.get(one)), "") if agreed else ""
    return found or _published_name(tx, link)


def _published_name(tx: Transaction, link: Link) -> str:
    company = companies.by_key(tx, link.company_key)
    role = _PARTY_ROLES.get(link.erp_entity)
    if company is None or role is None or "party" not in reports.published(tx, company.alias):
        return ""
    where = {"company": company.alias, "role": role, "party_id": link.erp_id}
    rows = reports.read_rows(tx, "party", where, limit=1)
    return str(rows[0].get("name") or "") if rows else ""
