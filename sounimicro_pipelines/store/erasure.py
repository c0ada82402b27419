"""Forgetting: the values of an erased person leave the store; ids and a tombstone remain."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, delete, null, or_, select, update

from sounimicro_pipelines.store.database import Transaction


def forget_record(
    tx: Transaction,
    *,
    tenant: str,
    crm: tuple[str, int] | None = None,
    erp: tuple[str, str, int] | None = None,
) -> int:
    """Empty every value kept about a CRM record (entity, id) or an ERP record (CompanyKey, entity, id).

    Baselines go; values in history, conflicts, issues and intents are emptied. Where only the ERP record is named the
    CRM's lives on, and what has given way there stays. Answers how many rows it touched. The link itself is ended by
    the caller.
    """
    tables = tx.tables

    def about(table: Table) -> ColumnElement[bool]:
        ways: list[ColumnElement[bool]] = []
        if crm is not None:
            ways.append((table.c.tenant == tenant) & (table.c.crm_entity == crm[0]) & (table.c.crm_id == crm[1]))
        if erp is not None:
            ways.append((table.c.company_key == erp[0]) & (table.c.erp_entity == erp[1]) & (table.c.erp_id == erp[2]))
        if not ways:
            raise ValueError("name a CRM or an ERP record")
        return or_(*ways)

    touched = tx.change(
        delete(tables.baselines).where(
            tables.baselines.c.link_id.in_(select(tables.links.c.id).where(about(tables.links)))
        )
    )
    touched += tx.change(
        update(tables.history).where(about(tables.history)).values(old_value=null(), new_value=null(), source_by=None)
    )
    sides = ("erp",) if crm is None else ("crm", "erp")
    emptied = {name: null() for side in sides for name in (f"baseline_{side}", f"{side}_value")}
    touched += tx.change(update(tables.conflicts).where(about(tables.conflicts)).values(emptied))
    touched += tx.change(update(tables.issues).where(about(tables.issues)).values(details=null()))
    touched += tx.change(update(tables.intents).where(about(tables.intents)).values(body={}, outcome=null()))
    touched += tx.change(update(tables.links).where(about(tables.links)).values(data=null(), org_number=null()))
    return touched
