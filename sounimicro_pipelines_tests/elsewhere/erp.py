"""The other ERP: one company without audit log, session or statistics of children, with series and ids of its own."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines_tests.unimicro.fake_erp import Filter
from sounimicro_pipelines_tests.wire import Call, Reply, Wire

KEY = "c0ffee00-1111-4222-8333-444455556666"
US, ANNE = "0a0a0a0a-0000-4000-8000-000000000001", "0b0b0b0b-0000-4000-8000-000000000002"
WITHOUT_A_WORD = {"budgets", "departments", "teams"}
"""Registers whose emptiness is told by an answer without a body."""
ROUTES = {
    "customers": "Customer",
    "suppliers": "Supplier",
    "business-relations": "BusinessRelation",
    "contacts": "Contact",
    "projects": "Project",
}
EMPTY = {
    "accounts",
    "accountgroups",
    "sellers",
    "sellerlinks",
    "terms",
    "currencycodes",
    "users",
    "products",
    "vattypes",
    "quotes",
    "quoteitems",
    "orders",
    "orderitems",
    "invoices",
    "invoiceitems",
    "invoicereminders",
    "supplierinvoices",
    "financialyears",
    "periodes",
    "journalentries",
    "journalentrylines",
    "journalentrytypes",
    "postposts",
    "payments",
    "budgets",
    "budgetentries",
    "departments",
    "dimensions",
    "files",
    "companysettings",
    "number-series",
    "number-series-types",
    "teams",
    "productcategories",
    "unitofmeasures",
    "statuslogs",
}
"""Registers that this company has and that hold nothing."""
ONE = {
    ("Customer", "Info"): ("BusinessRelation", "BusinessRelationID"),
    ("Supplier", "Info"): ("BusinessRelation", "BusinessRelationID"),
    ("Contact", "Info"): ("BusinessRelation", "InfoID"),
    ("Project", "ProjectCustomer"): ("Customer", "ProjectCustomerID"),
    ("BusinessRelation", "DefaultPhone"): ("Phone", "DefaultPhoneID"),
    ("BusinessRelation", "DefaultEmail"): ("Email", "DefaultEmailID"),
    ("BusinessRelation", "InvoiceAddress"): ("Address", "InvoiceAddressID"),
    ("BusinessRelation", "ShippingAddress"): ("Address", "ShippingAddressID"),
}
MANY = {
    ("BusinessRelation", "Phones"): "Phone",
    ("BusinessRelation", "Emails"): "Email",
    ("BusinessRelation", "Addresses"): "Address",
}
FIELDS = {
    "Customer": "CustomerNumber OrgNumber BusinessRelationID IsPrivate DefaultSellerID CreditDays PaymentTermsID "
    "DeliveryTermsID CurrencyCodeID CustomerGroupID SubAccountNumberSeriesID WebUrl GLN DontSendReminders",
    "Supplier": "SupplierNumber OrgNumber BusinessRelationID CreditDays CurrencyCodeID SelfEmployed WebUrl GLN",
    "BusinessRelation": "Name DefaultContactID DefaultEmailID DefaultPhoneID InvoiceAddressID ShippingAddressID",
    "Contact": "InfoID ParentBusinessRelationID Role Comment",
    "Project": "ProjectNumber ProjectNumberNumeric Name Description ProjectCustomerID ProjectLeadName StartDate "
    "EndDate PlannedStartdate PlannedEnddate Amount Visible",
    "Phone": "BusinessRelationID Number CountryCode Type Description",
    "Email": "BusinessRelationID EmailAddress Type Description",
    "Address": "BusinessRelationID AddressLine1 AddressLine2 AddressLine3 PostalCode City Region Country CountryCode",
}
COMMON = ("ID", "StatusCode", "CreatedAt", "CreatedBy", "UpdatedAt", "UpdatedBy", "Deleted", "CustomValues")
START = {"Customer": 30001, "Supplier": 30001, "Project": 42201}


class Refused(Exception):
    """A write that the ERP does not take, with the body of its answer."""

    def __init__(self, body: Any) -> None:
        super().__init__("refused")
        self.body = body


class Erp(Wire):
    """`people_*` act as users.

    `lag`: seconds during which a new row is in no list. `wipes`: fields that a PUT empties when they are left out.
    """

    def __init__(self, clock: Clock, *, lag: float = 0.0, wipes: Iterable[str] = ()) -> None:
        self.clock = clock
        self.lag = lag
        self.wipes = set(wipes)
        self.tables: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in FIELDS}
        self.written: list[tuple[str, str, int, list[str]]] = []
        """(verb, entity, id, fields) of every object that a write has touched."""
        self.ignored: list[str] = []
        """Filters that named what is not there, so that everything was answered."""
        self.actions: list[str] = []
        self._guids: set[str] = set()
        self._tokens: set[str] = set()
        self._series = {"Customer": 700_410, "Supplier": 990_007, "Project": 31}
        self._next = {name: 2_100_000_000 + 10_000_000 * place for place, name in enumerate(FIELDS, start=1)}
        super().__init__(self._reply)

    # -- people

    def people_make(self, entity: str, **values: Any) -> int:
        row = self._insert(entity, _with_guids(values), ANNE, [])
        return int(row["ID"])

    def people_edit(self, entity: str, record: int, **values: Any) -> None:
        row = self.tables[entity][record]
        row |= values
        row["UpdatedAt"], row["UpdatedBy"] = self._now(), ANNE

    def people_delete(self, entity: str, record: int) -> None:
        self.people_edit(entity, record, Deleted=True)

    def shown(self, entity: str, record: int) -> dict[str, Any]:
        """A record with all that hangs on it."""
        expand = ["Info", *(f"Info.{name}" for (_, name) in (*ONE, *MANY) if name != "Info" and name[0] in "DISPEA")]
        return self._expanded(entity, self.tables[entity][record], [] if entity == "Project" else expand)

    # -- the wire

    def _reply(self, call: Call) -> Reply:
        if call.path == "/api/endpoints":
            return Reply({"AppFramework": self.url, "Identity": f"{self.url}/id/", "Files": f"{self.url}/files"})
        if call.path == "/id/.well-known/openid-configuration":
            return Reply({"token_endpoint": f"{self.url}/id/connect/token"})
        if call.path == "/id/connect/token":
            token = uuid.uuid4().hex
            self._tokens.add(token)
            return Reply({"access_token": token})
        if call.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return Reply("Authorization has been denied for this request", 401)
        if call.path == "/api/init/companies":
            return Reply([{"ID": 77, "CompanyKey": KEY, "CompanyName": "Fjell & Fjord AS", "StatusCode": 10}])
        if call.headers.get("companykey") != KEY:
            return Reply({"Message": "No access"}, 403)
        if call.path == "/api/statistics":
            return Reply(f"Model '{call.query.get('model')}' is not allowed in statistics.", 400)
        route, _, record = call.path.removeprefix("/api/biz/").partition("/")
        if "action" in call.query:
            self.actions.append(f"{call.method} {route}?action={call.query['action']}")
            return Reply("Authorization has been denied for this request", 401)
        if route == "companysettings" and record:
            return Reply({"ID": 1, "CompanyName": "Fjell & Fjord AS", "BaseCurrencyCodeID": 1, "Deleted": False})
        if route in EMPTY and call.method == "GET":
            return Reply(None, 204) if route in WITHOUT_A_WORD else Reply([])
        entity = ROUTES.get(route)
        if entity is None:
            return Reply("Authorization has been denied for this request", 401)
        try:
            return self._record(entity, record, call) if record or call.method != "GET" else self._list(entity, call)
        except Refused as error:
            return Reply(error.body, 400)

    def _record(self, entity: str, record: str, call: Call) -> Reply:
        if call.method == "POST" and not record:
            row = self._insert(entity, call.json, US, self.written)
            return Reply(self._expanded(entity, row, ["Info"] if entity != "Project" else []), 201)
        row = self.tables[entity].get(int(record)) if record.isdigit() else None  # type: ignore[assignment]
        if row is None or row["Deleted"]:
            return Reply({"Message": "not found"}, 404)
        if call.method == "PUT":
            self._update(entity, row, call.json, self.written)
            return Reply(None, 204)
        if call.method != "GET":
            return Reply({"Message": "not allowed"}, 405)
        return Reply(self._expanded(entity, row, _words(call.query.get("expand"))))

    def _list(self, entity: str, call: Call) -> Reply:
        since = self.clock.now() - timedelta(seconds=self.lag)
        rows = [
            row
            for row in self.tables[entity].values()
            if not row["Deleted"] and (row["CreatedBy"] != US or datetime.fromisoformat(row["CreatedAt"]) <= since)
        ]
        if "filter" in call.query:
            wanted = _Here(call.query["filter"])
            wanted.erp, wanted.entity = self, entity
            if all(self._known(entity, name) for name in wanted.names):
                rows = [row for row in rows if wanted.test({"": row})]
            else:
                self.ignored.append(f"{entity}: {call.query['filter']}")
        if call.query.get("orderby") == "ID":
            rows.sort(key=lambda row: row["ID"])
        expand, select = _words(call.query.get("expand")), _words(call.query.get("select"))
        found = [self._expanded(entity, row, expand) for row in rows[: int(call.query.get("top", "100"))]]
        if select and not expand:
            kept = {"ID", "Deleted", "CustomValues", *select}
            found = [{name: value for name, value in row.items() if name in kept} for row in found]
        return Reply(found)

    # -- what stands there

    def _known(self, entity: str, path: str) -> bool:
        *walk, last = path.split(".")
        for name in walk:
            entity = ONE.get((entity, name), (MANY.get((entity, name), ""), ""))[0]
        return bool(entity) and (last in COMMON or last in FIELDS[entity].split())

    def value(self, entity: str, row: Mapping[str, Any] | None, path: str) -> Any:
        head, _, rest = path.partition(".")
        if row is None or not rest:
            return None if row is None else row.get(head)
        target, pointer = ONE[entity, head]
        return self.value(target, self.tables[target].get(row.get(pointer) or 0), rest)

    def _expanded(self, entity: str, row: Mapping[str, Any], expand: Iterable[str]) -> dict[str, Any]:
        shown = {name: value for name, value in row.items() if not name.startswith("_")}
        deeper: dict[str, list[str]] = {}
        for path in expand:
            head, _, rest = path.partition(".")
            deeper.setdefault(head, []).extend([rest] if rest else [])
        for head, rest in deeper.items():
            if (entity, head) in ONE:
                target, pointer = ONE[entity, head]
                found = self.tables[target].get(row.get(pointer) or 0)
                shown[head] = self._expanded(target, found, rest) if found else None
            elif (entity, head) in MANY:
                target = MANY[entity, head]
                children = self.tables[target].values()
                mine = [one for one in children if one["BusinessRelationID"] == row["ID"] and not one["Deleted"]]
                shown[head] = [self._expanded(target, one, rest) for one in mine]
        return shown

    def _insert(self, entity: str, sent: Mapping[str, Any], by: str, journal: list[Any]) -> dict[str, Any]:
        self._check(entity, sent)
        guid = sent.get("_createguid")
        if guid in self._guids:
            raise Refused({"Message": "The row exists already."})
        row: dict[str, Any] = dict.fromkeys((*COMMON, *FIELDS[entity].split()))
        row |= {"ID": self._next[entity], "Deleted": False, "CustomValues": {}, "StatusCode": START.get(entity)}
        row |= {"CreatedAt": self._now(), "CreatedBy": by}
        children = [(n, v) for n, v in sent.items() if (entity, n) in ONE or (entity, n) in MANY]
        plain = {n: v for n, v in sent.items() if n in FIELDS[entity].split() or n == "StatusCode"}
        row |= plain
        self._next[entity] += 3
        if entity in self._series:
            number = self._series[entity]
            self._series[entity] += 1
            row[f"{entity}Number"] = row[f"{entity}Number"] or (f"P/{number}" if entity == "Project" else number)
        if guid:
            self._guids.add(guid)
        self.tables[entity][row["ID"]] = row
        for name, value in children:
            self._child(entity, row, name, value, by, journal)
        journal.append(("POST", entity, row["ID"], sorted(plain)))
        return row

    def _update(self, entity: str, row: dict[str, Any], sent: Mapping[str, Any], journal: list[Any]) -> None:
        self._check(entity, sent, row)
        plain = {n: v for n, v in sent.items() if n in FIELDS[entity].split() or n == "StatusCode"}
        wiped = {n: None for n in self.wipes if n in row and n not in sent}
        if any(row.get(name) != value for name, value in {**plain, **wiped}.items()):
            row |= {**plain, **wiped, "UpdatedAt": self._now(), "UpdatedBy": US}
        if plain:
            journal.append(("PUT", entity, row["ID"], sorted(plain)))
        for name, value in sent.items():
            if (entity, name) in ONE or (entity, name) in MANY:
                self._child(entity, row, name, value, US, journal)

    def _child(self, entity: str, row: dict[str, Any], name: str, value: Any, by: str, journal: list[Any]) -> None:
        target = ONE.get((entity, name), (MANY.get((entity, name), ""), ""))[0]
        for sent in value if isinstance(value, list) else [value]:
            if sent is None:
                continue
            if sent.get("ID"):
                self._update(target, self.tables[target][sent["ID"]], sent, journal)
                continue
            if "_createguid" not in sent:
                raise Refused({"Message": "Creating new entities in a PUT is not allowed unless _createguid is given."})
            if entity == "BusinessRelation":
                sent = {**sent, "BusinessRelationID": row["ID"]}
            made = self._insert(target, sent, by, journal)
            if (entity, name) in ONE:
                row[ONE[entity, name][1]] = made["ID"]

    def _check(self, entity: str, sent: Mapping[str, Any], row: Mapping[str, Any] | None = None) -> None:
        """Names, and what must be filled; wrong ones come back in the body, at the depth where they stand."""
        echo = copy.deepcopy(dict(sent))
        if not _marked(entity, sent, echo, new=row is None):
            return
        raise Refused(echo)

    def _now(self) -> str:
        return re.sub(r"0+$", "", f"{self.clock.now():%Y-%m-%dT%H:%M:%S.%f}").rstrip(".") + "Z"


def _marked(entity: str, sent: Mapping[str, Any], echo: dict[str, Any], *, new: bool) -> bool:
    results: dict[str, Any] = {}
    known = {*COMMON, *FIELDS[entity].split(), "_createguid"}
    for name, value in sent.items():
        target = ONE.get((entity, name), (MANY.get((entity, name), ""), ""))[0]
        if target:
            for place, child in enumerate(value if isinstance(value, list) else [value]):
                at = echo[name][place] if isinstance(value, list) else echo[name]
                if child is not None and _marked(target, child, at, new=not child.get("ID")):
                    results.setdefault("", [])
        elif name not in known:
            results[name] = [{"Message": f"{name} is unknown", "EntityType": entity, "Level": 30}]
    if entity == "BusinessRelation" and (new or "Name" in sent) and not sent.get("Name"):
        results["Name"] = [{"Message": "Name is required", "EntityType": entity, "Level": 30}]
    if entity == "Address" and len(sent.get("AddressLine1") or "") > 60:
        results["AddressLine1"] = [{"Message": "Too long", "EntityType": entity, "Level": 30}]
    if results:
        echo["_validationResults"] = {name: value for name, value in results.items() if name}
    return bool(results)


def _words(text: str | None) -> list[str]:
    return [one for one in (text or "").split(",") if one]


def _with_guids(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the ERP's own screens send: every new object with a guid."""
    found: dict[str, Any] = {"_createguid": str(uuid.uuid4())}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found[name] = _with_guids(value)
        elif isinstance(value, list):
            found[name] = [_with_guids(one) if isinstance(one, Mapping) else one for one in value]
        else:
            found[name] = value
    return found


class _Here(Filter):
    """The documented filter syntax over the rows of this ERP."""

    erp: Erp
    entity: str

    def __init__(self, text: str) -> None:
        super().__init__(text)
        bare = re.sub(r"'(?:[^']|'')*'", "''", text)
        words = re.findall(r"[A-Za-z][\w.]*", bare)
        reserved = {"and", "or", "not", "eq", "ne", "gt", "ge", "lt", "le", "contains", "startswith", "endswith"}
        self.names = [word for word in words if word.lower() not in reserved | {"true", "false", "null"}]

    def value(self, row: Any, path: str) -> Any:  # type: ignore[override]
        return self.erp.value(self.entity, row[""], path)
