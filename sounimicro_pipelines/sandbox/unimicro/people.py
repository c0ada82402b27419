"""What people do in the ERP, for tests and the living world: edit, add, delete, invoice, pay; and operator levers.

Everything goes through the same rules and leaves the same trail as an API client's writes, but in a person's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.documents import attach_invoice
from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES, EntityDef
from sounimicro_pipelines.sandbox.unimicro.query import related
from sounimicro_pipelines.sandbox.unimicro.seed.company import SeededCompany
from sounimicro_pipelines.sandbox.unimicro.server import Company, ErpServer, Interposed
from sounimicro_pipelines.sandbox.unimicro.store import PERSON, CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import coerce, money

CompanyName = int | str
"""A company by its number in the register (from 1) or by its CompanyKey."""


class ErpPeople:
    """The ERP as its users and its operator hold it. `options` of the server may be changed at any time."""

    def __init__(self, server: ErpServer, seeded: Mapping[int, SeededCompany]) -> None:
        self.server = server
        self.seeded = dict(seeded)

    @property
    def options(self) -> Any:
        """The server's switches, see ErpOptions."""
        return self.server.options

    def company(self, which: CompanyName) -> Company:
        """The company with its store and engines. Raises KeyError."""
        if isinstance(which, int):
            return self.server.companies[self.seeded[which].store.key.lower()]
        return self.server.companies[which.lower()]

    def store(self, which: CompanyName) -> CompanyStore:
        """The company's rows."""
        return self.company(which).store

    def key(self, which: CompanyName) -> str:
        """The CompanyKey."""
        return self.company(which).facts.key

    # finding

    def read(self, company: CompanyName, entity: str, row_id: int, expand: str = "") -> dict[str, Any]:
        """A record as an answer would carry it. Raises KeyError when there is none."""
        held = self.company(company)
        with held.store.lock:
            row = held.store.table(entity).rows[row_id]
            return held.query.one(ENTITIES[entity], row, {"expand": expand} if expand else {})

    def rows(self, company: CompanyName, entity: str, *, deleted: bool = False) -> list[Row]:
        """All rows of an entity by id (copies, sparse)."""
        store = self.store(company)
        with store.lock:
            table = store.table(entity)
            return [
                dict(table.rows[row_id]) for row_id in table.ids if deleted or not table.rows[row_id].get("Deleted")
            ]

    def customer_id(self, company: int, party: int) -> int:
        """The customer that the register's party is in a company. Raises KeyError."""
        return self.seeded[company].parties.customers[party]

    def supplier_id(self, company: int, party: int) -> int:
        """The supplier that the register's party is in a company. Raises KeyError."""
        return self.seeded[company].parties.suppliers[party]

    def contact_id(self, company: int, individual: int) -> int:
        """The contact that the register's person is in a company. Raises KeyError."""
        return self.seeded[company].parties.contacts[individual]

    def project_id(self, company: int, venture: int) -> int:
        """The project that the register's venture is in a company. Raises KeyError."""
        return self.seeded[company].parties.projects[venture]

    # what people do

    def edit(self, company: CompanyName, entity: str, row_id: int, changes: Mapping[str, Any]) -> None:
        """Changes fields. A dotted path goes through relations to one (`Info.InvoiceAddress.AddressLine1`);
        `Info.Phones[Type=150102].Number` picks a child. Only the row that holds the field gets a new stamp.

        Raises KeyError for an unknown row, field or child."""
        store = self.store(company)
        with self._acting(store):
            for path, value in changes.items():
                target, found, name = self._walk(store, ENTITIES[entity], store.table(entity).rows[row_id], path)
                definition = target.field(name)
                if definition is None:
                    raise KeyError(f"{entity} has no field {path}")
                store.change(target.name, found["ID"], {definition.name: coerce(value, definition)})

    def add(self, company: CompanyName, entity: str, values: Mapping[str, Any]) -> int:
        """A new record, with nested children as in a POST. Returns its id. Raises Refused."""
        held = self.company(company)
        return int(held.writer.create(ENTITIES[entity], dict(values), PERSON)["ID"])

    def spoil(self, company: CompanyName, entity: str, row_id: int, values: Mapping[str, Any]) -> None:
        """Makes a record carry values of a wrong type, as no real one should. Stamped like any edit."""
        store = self.store(company)
        with self._acting(store):
            store.change(entity, row_id, values)

    def delete(self, company: CompanyName, entity: str, row_id: int) -> None:
        """Soft delete, without asking whether the record is in use."""
        store = self.store(company)
        with self._acting(store):
            store.remove(entity, row_id)

    def invoice(self, company: CompanyName, customer_id: int, net: Decimal | int, *, day: date | None = None) -> int:
        """Issues an invoice of one line with 25 % VAT. Returns its id."""
        held = self.company(company)
        sales, store = held.writer.sales, held.store
        issued = day or store.clock.today()
        with self._acting(store):
            customer = store.table("Customer").rows[customer_id]
            line = sales.line(None, Decimal(1), money(net))
            line["AccountID"] = sales.books.account(3000)
            draft, _ = sales.document(
                "CustomerInvoice",
                {**sales.head(customer), "InvoiceType": 0, "StatusCode": 42001},
                [line],
                item_status=41301,
            )
            attach_invoice(store, sales.issue(draft["ID"], issued), voucher=False)
            return int(draft["ID"])

    def pay(
        self, company: CompanyName, invoice_id: int, amount: Decimal | int | None = None, *, day: date | None = None
    ) -> None:
        """A customer pays an invoice in NOK: what remains, or an amount. What is too much stays open on account."""
        held = self.company(company)
        with self._acting(held.store):
            invoice = held.store.table("CustomerInvoice").rows[invoice_id]
            wanted = invoice["RestAmount"] if amount is None else money(amount)
            held.actions.flows.receive(
                invoice["CustomerID"], wanted, day or held.store.clock.today(), invoice_id=invoice_id
            )

    def credit(self, company: CompanyName, invoice_id: int, *, day: date | None = None) -> int:
        """Credits an invoice whole. Returns the credit note's id."""
        held = self.company(company)
        with self._acting(held.store):
            return int(held.writer.sales.credit(invoice_id, day or held.store.clock.today())["ID"])

    def interpose(self, method: str, path: str, action: Callable[[], None], times: int = 1) -> None:
        """Lets something happen just before a business request is served, such as a person's edit between a client's
        read and its write. `path` is a regular expression searched in the URL's path."""
        self.server.interposed.append(Interposed(method, re.compile(path), action, times))

    # the operator's levers

    def revoke_tokens(self) -> None:
        """Every access token handed out so far is refused from now on."""
        self.server.identity.revoke_all()

    def deny(self, entity: str, company: CompanyName | None = None) -> None:
        """The client loses the right to an entity, in one company or in all."""
        key = "" if company is None else self.key(company)
        self.server.options.denied.setdefault(key, set()).add(entity)

    def allow(self, entity: str, company: CompanyName | None = None) -> None:
        """The client gets a right back."""
        key = "" if company is None else self.key(company)
        self.server.options.denied.get(key, set()).discard(entity)

    def withdraw_company(self, company: CompanyName) -> None:
        """The client may not use a company any more: not listed, 403."""
        self.server.options.no_company_access.add(self.key(company))

    @contextmanager
    def _acting(self, store: CompanyStore) -> Iterator[None]:
        with store.transaction(PERSON):
            yield

    def _walk(self, store: CompanyStore, entity: EntityDef, row: Row, path: str) -> tuple[EntityDef, Row, str]:
        head, _, tail = path.partition(".")
        if not tail:
            return entity, row, head
        name, _, choice = head.partition("[")
        relation = entity.relation(name)
        if relation is None:
            raise KeyError(f"{entity.name} has no relation {name}")
        found = related(store, relation, row)
        if choice:
            field, _, wanted = choice.rstrip("]").partition("=")
            found = [child for child in found if str(child.get(field)) == wanted]
        if not found:
            raise KeyError(f"{entity.name} {row['ID']} has no {head}")
        return self._walk(store, ENTITIES[relation.target], found[0], tail)
