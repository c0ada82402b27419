"""A register in memory that answers as a vendor's bulk reader does, for the tests of the warehouse."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sounimicro_pipelines.clock import UTC
from sounimicro_pipelines.records import ChildTable, Column, EntitySpec, Held, RecordPage

STAMPS = (Column("CreatedAt", "datetime"), Column("UpdatedAt", "datetime"), Column("Deleted", "bool"))
CUSTOMER = EntitySpec(
    entity="Customer",
    table="customer",
    route="customers",
    columns=(
        Column("ID", "int", required=True),
        Column("CustomerNumber", "int"),
        Column("Name", "text", required=True, personal=True),
        Column("CreditLimit", "decimal"),
        Column("Since", "date"),
        Column("Info.Web", "text", column="Web"),
        *STAMPS,
    ),
)
INVOICE = EntitySpec(
    entity="Invoice",
    table="invoice",
    route="invoices",
    columns=(Column("ID", "int", required=True), Column("Amount", "decimal"), Column("InvoiceDate", "date"), *STAMPS),
    children=(
        ChildTable(
            entity="InvoiceItem",
            table="invoice_item",
            path="Items",
            parent_column="InvoiceID",
            columns=(
                Column("ID", "int", required=True),
                Column("Text", "text", personal=True),
                Column("Price", "decimal"),
                Column("UpdatedAt", "datetime"),
            ),
        ),
    ),
    expand=("Items",),
    select=False,
)
CODE = EntitySpec(
    entity="Code",
    table="code",
    route="codes",
    columns=(Column("ID", "int", required=True), Column("Code", "text")),
    created=None,
    updated=None,
    deleted=None,
    optional=True,
)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _newest(record: dict[str, Any]) -> datetime | None:
    own = [record.get("UpdatedAt"), record.get("CreatedAt")]
    own += [part.get("UpdatedAt") for part in record.get("Items") or []]
    found = [datetime.fromisoformat(value) for value in own if isinstance(value, str) and value.endswith("Z")]
    return max(found, default=None)


@dataclass
class Register:
    """Records by entity and key. What is put in `raw` is sent as it is. `trouble` is raised by that entity."""

    specs: Sequence[EntitySpec] = (CUSTOMER, INVOICE, CODE)
    records: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    raw: dict[str, list[bytes]] = field(default_factory=dict)
    gone: dict[str, list[int] | None] = field(default_factory=dict)
    trouble: dict[str, Callable[[], Exception]] = field(default_factory=dict)
    trouble_after: int = 0
    page_size: int = 3
    asked: list[tuple[str, str, datetime | None]] = field(default_factory=list)

    def put(self, entity: str, **record: Any) -> None:
        self.records.setdefault(entity, {})[record["ID"]] = record

    def full(self, spec: EntitySpec, held: Held | None = None) -> AsyncIterator[RecordPage]:
        self.asked.append((spec.entity, "full", None))
        return self._pages(spec, list(self.records.get(spec.entity, {}).values()))

    def changed(self, spec: EntitySpec, since: datetime) -> AsyncIterator[RecordPage]:
        self.asked.append((spec.entity, "changed", since))
        found = [r for r in self.records.get(spec.entity, {}).values() if (_newest(r) or since) > since]
        return self._pages(spec, found)

    async def deleted(self, spec: EntitySpec, since: datetime) -> Sequence[int] | None:
        return self.gone.get(spec.entity)

    async def _pages(self, spec: EntitySpec, records: list[dict[str, Any]]) -> AsyncIterator[RecordPage]:
        rows = [(json.dumps(record).encode(), _newest(record)) for record in records]
        rows += [(row, None) for row in self.raw.get(spec.entity, [])]
        if spec.entity in self.trouble and self.trouble_after == 0:
            raise self.trouble[spec.entity]()
        for number, start in enumerate(range(0, len(rows), self.page_size), 1):
            part = rows[start : start + self.page_size]
            stamps = [moment for _, moment in part if moment is not None]
            yield RecordPage([row for row, _ in part], sum(len(row) for row, _ in part), max(stamps, default=None))
            if spec.entity in self.trouble and number >= self.trouble_after:
                raise self.trouble[spec.entity]()
