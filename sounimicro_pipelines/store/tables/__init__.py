"""The tables of what must survive, and what each is for.

On SQLite their names carry the prefix `sync_`; on Postgres they live in schema `sync`. Which of the two holds is
known by the transaction: `tx.tables.links`. The published report tables are not declared here: the publisher makes
them from the marts, and only `published` and `report_groups`, its own bookkeeping, are known beforehand.

Conventions: `company_key` is the ERP's CompanyKey ('' where the matter is the CRM's alone); `crm_entity` is contact,
person or project; `erp_entity` is the vendor's entity name; `side` is 'crm' or 'erp'; `by` is 'sync', 'crm:<associate
id>', 'erp:<user id>', 'person:<session actor>' or 'cli'; values of fields are JSON in their normalised form.
"""

from __future__ import annotations

from sounimicro_pipelines.store.tables.linked import LinkedTables
from sounimicro_pipelines.store.tables.ruled import RuledTables
from sounimicro_pipelines.store.tables.served import ServedTables
from sounimicro_pipelines.store.tables.worked import WorkedTables


class StoreTables(LinkedTables, WorkedTables, RuledTables, ServedTables):
    """Every table of the store, for one of the two kinds of database."""

    def __init__(self, *, prefix: str, sync_schema: str | None, reports_schema: str | None) -> None:
        super().__init__(prefix=prefix, sync_schema=sync_schema, reports_schema=reports_schema)
        self._registers()
        self._agreement()
        self._work()
        self._trouble()
        self._rules()
        self._web()
        self._reports()


SQLITE = StoreTables(prefix="sync_", sync_schema=None, reports_schema=None)
POSTGRES = StoreTables(prefix="", sync_schema="sync", reports_schema="reports")
