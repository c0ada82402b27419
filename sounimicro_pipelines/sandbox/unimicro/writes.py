"""POST, PUT and DELETE: nested children, `_createguid`, validation, numbers and totals that the server allots.

A payload is saved as one: either all of it or nothing. What is left out of a PUT is untouched, what is null is cleared.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sounimicro_pipelines.sandbox.unimicro.accounts import Books
from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES, SYSTEM_FIELDS, EntityDef, Relation
from sounimicro_pipelines.sandbox.unimicro.replies import Refused
from sounimicro_pipelines.sandbox.unimicro.sales import ITEM_OF, Sales
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore, Row
from sounimicro_pipelines.sandbox.unimicro.values import ZERO, BadValue, coerce

REQUIRED: dict[str, tuple[str, ...]] = {
    "BusinessRelation": ("Name",),
    "Project": ("Name",),
    "Product": ("Name", "PartName"),
    "Department": ("Name",),
    "Seller": ("Name",),
    "CustomerOrder": ("CustomerID",),
    "CustomerInvoice": ("CustomerID",),
}
NEEDS_ONE: dict[str, tuple[str, str]] = {
    "Customer": ("BusinessRelationID", "Info"),
    "Supplier": ("BusinessRelationID", "Info"),
    "Contact": ("InfoID", "Info"),
}
ALLOTTED = frozenset(
    {"CustomerNumber", "SupplierNumber", "OrderNumber", "QuoteNumber", "InvoiceNumber", "RestAmount", "JournalEntryID"}
)
"""Fields that the server sets: a caller's value is not taken over in a PUT."""

_FIRST_STATUS = {
    "Customer": 30001,
    "Supplier": 30001,
    "Project": 42201,
    "Product": 35001,
    "CustomerQuote": 40101,
    "CustomerOrder": 41001,
    "CustomerOrderItem": 41101,
    "CustomerInvoice": 42001,
    "CustomerInvoiceItem": 41301,
    "Budget": 47001,
    "SupplierInvoice": 30101,
}


class _Invalid(Exception):
    """A validation failure; the results have been written into the echoed payload."""


class Writer:
    """Saves payloads into one company's store."""

    def __init__(self, store: CompanyStore, books: Books, sales: Sales, *, put_clears_omitted: bool = False) -> None:
        self.store = store
        self.books = books
        self.sales = sales
        self.put_clears_omitted = put_clears_omitted

    def create(self, entity: EntityDef, payload: Any, actor: str) -> Row:
        """A new record with its children. Raises Refused."""
        return self._save(entity, payload, None, actor)

    def update(self, entity: EntityDef, row_id: int, payload: Any, actor: str) -> Row:
        """Changes a record and what is nested in the payload. Raises Refused."""
        row = self.store.get(entity.name, row_id)
        if row is None or row.get("Deleted"):
            raise Refused(404, {"Message": "No HTTP resource was found that matches the request URI"})
        if isinstance(payload, Mapping) and _identity(payload) not in (0, row_id):
            raise Refused(400, {"Message": "The ID in the body does not match the ID in the URL"})
        return self._save(entity, payload, row_id, actor)

    def delete(self, entity: EntityDef, row_id: int, actor: str) -> None:
        """Soft delete. Registers in use are refused, of documents only drafts may go. Raises Refused."""
        row = self.store.get(entity.name, row_id)
        if row is None or row.get("Deleted"):
            raise Refused(404, {"Message": "No HTTP resource was found that matches the request URI"})
        if entity.name == "CustomerInvoice" and row.get("StatusCode") != 42001:
            raise Refused(400, {"Message": "Only drafts of invoices can be deleted"})
        if entity.name in ("Customer", "Supplier") and self._in_use(entity.name, row_id):
            raise Refused(400, {"Message": f"{entity.name} is in use and cannot be deleted"})
        with self.store.transaction(actor):
            self.store.remove(entity.name, row_id)

    def _in_use(self, entity: str, row_id: int) -> bool:
        documents = (
            ("CustomerInvoice", "CustomerOrder", "CustomerQuote") if entity == "Customer" else ("SupplierInvoice",)
        )
        return any(self.store.find(name, **{f"{entity}ID": row_id}) for name in documents)

    def _save(self, entity: EntityDef, payload: Any, row_id: int | None, actor: str) -> Row:
        if not isinstance(payload, dict):
            raise Refused(400, {"Message": "The request is invalid: an object is expected"})
        save = _Save(self, put=row_id is not None)
        try:
            with self.store.transaction(actor):
                saved = save.record(entity, payload, row_id, {})
                save.totals()
        except _Invalid:
            raise Refused(400, _echo(payload)) from None
        self.store.guids.update(save.guids)
        return self.store.table(entity.name).rows[saved]


class _Save:
    """One save: remembers the guids it has seen, so that an object that is referenced twice is made once."""

    def __init__(self, writer: Writer, *, put: bool) -> None:
        self.writer = writer
        self.store = writer.store
        self.put = put
        self.guids: dict[str, tuple[str, int]] = {}
        self.documents: set[tuple[str, int]] = set()

    def record(self, entity: EntityDef, payload: dict[str, Any], row_id: int | None, extra: Mapping[str, Any]) -> int:
        """Saves one object of the payload with what is nested in it; returns its id."""
        given = {name.lower(): value for name, value in payload.items()}
        if row_id is None:
            known = self._by_guid(given.get("_createguid"), entity, payload)
            if known is not None:
                return known
        values = {**self._scalars(entity, payload, given, new=row_id is None), **extra}
        self._validate(entity, payload, given, values, new=row_id is None)
        if row_id is None:
            values.setdefault("StatusCode", _FIRST_STATUS.get(entity.name))
            row_id = int(self.store.insert(entity.name, values)["ID"])
            self._remember(given.get("_createguid"), entity, row_id)
            new = True
        else:
            if self.writer.put_clears_omitted:
                values = {**self._omitted(entity, given), **values}
            self.store.change(entity.name, row_id, values)
            new = False
        self._relations(entity, given, row_id, new=new)
        if new:
            self._allot(entity, row_id)
        if entity.name in ITEM_OF:
            self.documents.add((entity.name, row_id))
        elif entity.name in ITEM_OF.values():
            owner = next(head for head, item in ITEM_OF.items() if item == entity.name)
            parent = self.store.table(entity.name).rows[row_id].get(f"{owner}ID")
            if parent:
                self.documents.add((owner, parent))
        return row_id

    def _omitted(self, entity: EntityDef, given: Mapping[str, Any]) -> dict[str, Any]:
        keys = {relation.key for relation in entity.relations.values() if relation.kind == "one"}
        return {
            definition.name: None
            for lowered, definition in entity.fields.items()
            if lowered not in given and definition.name not in SYSTEM_FIELDS | ALLOTTED | keys | {"StatusCode"}
        }

    def _scalars(
        self, entity: EntityDef, payload: dict[str, Any], given: Mapping[str, Any], *, new: bool
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in given.items():
            definition = entity.field(name)
            if definition is None or definition.name in SYSTEM_FIELDS:
                continue
            if definition.name == "StatusCode" and not (new and value in (20001, 30001)):
                continue
            if definition.name in ALLOTTED:
                continue
            try:
                kept = coerce(value, definition)
            except BadValue as problem:
                raise Refused(400, {"Message": f"The request is invalid. {problem}"}) from None
            if definition.length and isinstance(kept, str) and len(kept) > definition.length:
                _complain(
                    payload, entity, definition.name, f"{definition.name} can be at most {definition.length} characters"
                )
            values[definition.name] = kept
        return values

    def _validate(
        self,
        entity: EntityDef,
        payload: dict[str, Any],
        given: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        new: bool,
    ) -> None:
        for name in REQUIRED.get(entity.name, ()):
            nested = name.removesuffix("ID").lower() if name.endswith("ID") else ""
            missing = name in values or new
            if missing and not values.get(name) and not given.get(nested):
                _complain(payload, entity, name, f"{name} is required")
        if new and entity.name in NEEDS_ONE:
            key, relation = NEEDS_ONE[entity.name]
            if not values.get(key) and not given.get(relation.lower()):
                _complain(payload, entity, key, f"{relation} is required")
        if entity.name in ITEM_OF.values() and "discountpercent" in given and given["discountpercent"] is None:
            _complain(payload, entity, "DiscountPercent", "DiscountPercent must have a value")
        for relation_def in entity.relations.values():
            value = values.get(relation_def.key) if relation_def.kind == "one" else None
            if value is not None and self.store.get(relation_def.target, value) is None:
                raise Refused(500, {"Message": f"An error has occurred. Foreign key {relation_def.key} is not valid."})

    def _relations(self, entity: EntityDef, given: Mapping[str, Any], row_id: int, *, new: bool) -> None:
        keys: dict[str, Any] = {}
        for relation in entity.relations.values():
            value = given.get(relation.name.lower())
            if value is None:
                continue
            if relation.kind == "one" and isinstance(value, dict):
                keys[relation.key] = self._one(entity, relation, value, row_id)
            elif relation.kind == "many" and isinstance(value, list):
                for child in value:
                    if isinstance(child, dict):
                        self._child(relation, child, row_id)
        if keys:
            self.store.change(entity.name, row_id, keys, touch=not new)

    def _one(self, entity: EntityDef, relation: Relation, value: dict[str, Any], owner: int) -> int:
        target = ENTITIES[relation.target]
        child = _identity(value)
        back = next(
            (one.key for one in entity.relations.values() if one.kind == "many" and one.target == relation.target), None
        )
        if child:
            self._existing(target, child)
            return self.record(target, value, child, {})
        self._may_create(value)
        return self.record(target, value, None, {back: owner} if back and entity.name == "BusinessRelation" else {})

    def _child(self, relation: Relation, value: dict[str, Any], owner: int) -> None:
        target = ENTITIES[relation.target]
        child = _identity(value)
        if child:
            self._existing(target, child)
            if value.get("Deleted") is True:
                self.store.remove(target.name, child)
            else:
                self.record(target, value, child, {})
            return
        self._may_create(value)
        self.record(target, value, None, {relation.key: owner})

    def _existing(self, target: EntityDef, row_id: int) -> None:
        if self.store.get(target.name, row_id) is None:
            raise Refused(500, {"Message": f"An error has occurred. {target.name} {row_id} does not exist."})

    def _may_create(self, value: Mapping[str, Any]) -> None:
        if self.put and not value.get("_createguid"):
            raise Refused(
                400, {"Message": "Creating new entities in a PUT is not allowed unless _createguid is given."}
            )

    def _by_guid(self, guid: Any, entity: EntityDef, payload: dict[str, Any]) -> int | None:
        if not guid:
            return None
        key = str(guid).lower()
        if key in self.store.guids:
            raise Refused(400, {"Message": f"An entity with _createguid {key} has already been created."})
        if key in self.guids:
            kind, row_id = self.guids[key]
            if kind != entity.name:
                raise Refused(400, {"Message": f"_createguid {key} is used for two different entities."})
            return row_id
        return None

    def _remember(self, guid: Any, entity: EntityDef, row_id: int) -> None:
        if guid:
            self.guids[str(guid).lower()] = (entity.name, row_id)

    def _allot(self, entity: EntityDef, row_id: int) -> None:
        """Numbers that a new record gets."""
        row, books = self.store.table(entity.name).rows[row_id], self.writer.books
        match entity.name:
            case "Customer":
                books.number_customer(row)
            case "Supplier":
                books.number_supplier(row)
            case "Project" if not row.get("ProjectNumber"):
                number = books.take_number("Project number series")
                values = {"ProjectNumber": str(number), "ProjectNumberNumeric": number}
                self.store.change("Project", row_id, values, touch=False)
            case "CustomerQuote" | "CustomerOrder":
                kind = entity.name.removeprefix("Customer")
                number = books.take_number(f"Customer {kind} number series")
                self.store.change(entity.name, row_id, {f"{kind}Number": number}, touch=False)

    def totals(self) -> None:
        """Sums of the documents that were saved, as the server computes them."""
        for entity, row_id in sorted(self.documents):
            sales, rows = self.writer.sales, self.store.table(entity).rows
            items = self.store.find(ITEM_OF[entity], **{f"{entity}ID": row_id})
            rate = Decimal(rows[row_id].get("CurrencyExchangeRate") or 1)
            for item in items:
                product = self.store.get("Product", item.get("ProductID")) or {}
                price = item["PriceExVat"] if "PriceExVat" in item else product.get("PriceExVat", ZERO)
                line = sales.line(
                    product or None,
                    item.get("NumberOfItems") or ZERO,
                    Decimal(price) / rate,
                    discount=item.get("DiscountPercent") or ZERO,
                    rate=rate,
                )
                kept = {name: item[name] for name in ("ItemText", "Unit", "AccountID", "VatTypeID") if name in item}
                self.store.change(ITEM_OF[entity], item["ID"], {**line, **kept}, touch=False)
            items = self.store.find(ITEM_OF[entity], **{f"{entity}ID": row_id})
            head = rows[row_id]
            defaults = {"CurrencyExchangeRate": Decimal("1.0000"), "CurrencyCodeID": 1}
            values = {name: value for name, value in defaults.items() if head.get(name) is None}
            if entity == "CustomerOrder":
                values |= {name: value for name, value in sales.order_rest(row_id).items() if name != "StatusCode"}
            self.store.change(entity, row_id, {**values, **sales.totals(items)}, touch=False)


def _identity(value: Mapping[str, Any]) -> int:
    for name in ("ID", "Id", "id"):
        if value.get(name):
            try:
                return int(value[name])
            except (TypeError, ValueError):
                raise Refused(400, {"Message": "The request is invalid: ID"}) from None
    return 0


def _complain(payload: dict[str, Any], entity: EntityDef, field: str, message: str) -> None:
    results = payload.setdefault("_validationResults", {})
    results.setdefault(field, []).append({"Message": message, "EntityType": entity.name, "Level": 30})
    raise _Invalid


def _echo(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as it comes back from a failed validation: without the write-only guids, ids filled with 0."""
    echoed: dict[str, Any] = {"ID": payload.get("ID", 0)}
    for name, value in payload.items():
        if name == "_createguid":
            continue
        if isinstance(value, dict) and name != "_validationResults":
            echoed[name] = _echo(value)
        elif isinstance(value, list):
            echoed[name] = [_echo(one) if isinstance(one, dict) else one for one in value]
        else:
            echoed[name] = value
    return echoed
