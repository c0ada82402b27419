"""The other CRM: a tenant without the optional routes, with lists, users and ids of its own."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines_tests.elsewhere import archive
from sounimicro_pipelines_tests.wire import Call, Reply, Wire

TENANT = "Cust90210"
SECRET = "secret-canary-90210"
SYSTEM_TOKEN = "Sync-canaryTOKEN90210"
OURS, KARI, PER = 501, 502, 503
ROUTES = {"Contact": "contact", "Person": "person", "Project": "project"}
NO_DATE = "0001-01-01T00:00:00"
LISTS: dict[str, dict[int, str]] = {
    "category": {7001: 'NO:"Leverandør";US:"Supplier"', 7002: 'NO:"Avtalekunde";US:"Key account"', 7003: "Prospekt"},
    "business": {8010: "Bygg", 8011: "Reiseliv"},
    "country": {578: "Norway", 752: "Sweden"},
    "projectstatus": {61: "I arbeid", 62: "Ferdig"},
    "projecttype": {71: "Oppdrag"},
    "perspos": {81: "Leder"},
    "associate": {OURS: "INTEGRASJON", KARI: "KARI", PER: "PER"},
}
GROUPS = {7001: "Other", 7002: "Customer", 7003: "PotentialCustomer"}
_PREFIX = "http://schemes.superoffice.net/identity/"


class Crm(Wire):
    """`people_*` act as users.

    `allots_number`: the tenant gives new companies a number in Number2 itself. `shows_deleted`: what has been deleted
    softly is still answered, unmarked. `demands_org_number`: it takes no company without one.
    """

    def __init__(
        self,
        clock: Clock,
        app_key: rsa.RSAPrivateKey,
        *,
        allots_number: bool = False,
        shows_deleted: bool = False,
        demands_org_number: bool = False,
    ) -> None:
        self.clock = clock
        self.allots_number = allots_number
        self.shows_deleted = shows_deleted
        self.demands_org_number = demands_org_number
        self.hooks: list[dict[str, Any]] = []
        self.entities: dict[str, dict[int, dict[str, Any]]] = {"contact": {}, "person": {}, "project": {}}
        self.keys: dict[tuple[str, ...], str] = {}
        """Foreign keys: (app, device, identifier, key, table, record) → value."""
        self.devices: set[tuple[str, ...]] = set()
        self.written: list[tuple[str, str, int, list[str]]] = []
        """(verb, entity, id, JSON pointers or fields) of every write that took effect."""
        self._app_key, self._idp_key = app_key, rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._next = {"contact": 2_000_000_017, "person": 1_999_999_000, "project": 90_001}
        self._numbers = 345_001
        self._tickets: set[str] = set()
        super().__init__(self._reply)

    @property
    def api(self) -> str:
        return f"/{TENANT}/api/v1"

    # -- people

    def people_make(self, name: str, **values: Any) -> int:
        """A record as somebody has made it by hand."""
        entity = copy.deepcopy(self._blank(name))
        _merge(entity, values)
        return self._save_new(name, entity, by=KARI)

    def people_edit(self, name: str, record: int, **values: Any) -> None:
        entity = self.entities[name][record]
        _merge(entity, values)
        self._stamp(entity, PER)

    def people_delete(self, name: str, record: int) -> None:
        self.entities[name][record]["_deleted"] = self._now()

    def delivery(self, event: str, record: int) -> tuple[dict[str, str], bytes]:
        """What the tenant's hook would send: spelt in its own way, without what the vendor calls optional."""
        body = {
            "PrimaryKey": record,
            "Event": event,
            "Entity": event.partition(".")[0],
            "EventId": f"{event}-{record}-{self.clock.now().timestamp()}",
            "Timestamp": self.clock.now().isoformat(),
            "ContextIdentifier": TENANT.upper(),
            "NewIn2027": {"nested": [1]},
        }
        raw = json.dumps(body, indent=1).encode()
        digest = hmac.new(self.hooks[0]["Secret"].encode(), raw, hashlib.sha256).digest()
        return {"X-Superoffice-Signature": base64.b64encode(digest).decode()}, raw

    # -- the wire

    def _reply(self, call: Call) -> Reply:
        if call.path == f"/api/state/{TENANT}":
            return Reply(
                {
                    "ContextIdentifier": TENANT,
                    "Endpoint": f"{self.url}/{TENANT}/",
                    "State": "OnlineMaintenance",
                    "IsRunning": True,
                    "ValidUntil": (self.clock.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
                }
            )
        if call.path == "/login/.well-known/openid-configuration":
            return Reply({"issuer": self.url, "jwks_uri": f"{self.url}/login/.well-known/jwks"})
        if call.path == "/login/.well-known/jwks":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._idp_key.public_key()))
            return Reply({"keys": [{**key, "use": "sig"}]})
        if call.path == "/Login/api/PartnerSystemUser/Authenticate":
            return Reply(self._authenticate(call.json))
        scheme, _, ticket = call.headers.get("authorization", "").partition(" ")
        if scheme != "SOTicket" or ticket not in self._tickets or call.headers.get("so-apptoken") != SECRET:
            return _error(401, "SoUnauthorizedException")
        if not call.path.startswith(self.api + "/"):
            return _error(421, "Wrong subdomain used to access tenant")
        if "application/json" not in call.headers.get("accept", ""):
            return Reply(b"<xml/>", 200, {"Content-Type": "application/xml"})
        try:
            return self._route(call, [part for part in call.path.removeprefix(self.api).split("/") if part])
        except archive.BadQuery as error:
            return _error(400, str(error))

    def _authenticate(self, sent: Mapping[str, Any]) -> Any:
        plain, _, signature = sent["SignedSystemToken"].rpartition(".")
        self._app_key.public_key().verify(
            base64.b64decode(signature), plain.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        token, _, minute = plain.rpartition(".")
        told = datetime.strptime(minute, "%Y%m%d%H%M").replace(tzinfo=self.clock.now().tzinfo)
        fits = token == SYSTEM_TOKEN and abs(told - self.clock.now()) < timedelta(minutes=5)
        if not fits or sent["ApplicationToken"] != SECRET or sent["ContextIdentifier"] != TENANT:
            return {"IsSuccessful": False, "Token": None, "ErrorMessage": "no"}
        ticket = f"7T:canary{len(self._tickets)}=="
        self._tickets.add(ticket)
        claims = {
            "iss": "SuperOffice AS",
            "aud": "spn:777",
            "iat": int(self.clock.now().timestamp()),
            _PREFIX + "serial": "777",
            _PREFIX + "ctx": TENANT,
            _PREFIX + "ticket": ticket,
        }
        return {"IsSuccessful": True, "Token": jwt.encode(claims, self._idp_key, "RS256"), "ErrorMessage": None}

    def _route(self, call: Call, parts: list[str]) -> Reply:
        head, *rest = parts
        if head == "User" and rest == ["currentPrincipal"]:
            return Reply(
                {"UserType": "SystemAssociate", "Associate": "INTEGRASJON", "AssociateId": OURS, "PersonId": 0}
            )
        if head == "MDOList" and rest and rest[0].lower() in LISTS:
            return Reply(self._list(rest[0].lower(), call))
        if head == "List" and len(rest) == 2 and rest[0].lower() in LISTS and rest[1] == "Items":
            return Reply(self._list(rest[0].lower(), call))
        if head == "ForeignApp":
            return self._foreign(call, rest)
        if head == "Webhook":
            return self._webhook(call, rest)
        name = ROUTES.get(head)
        if name is None:
            return _error(404, "SoNotFoundException")
        if call.method == "GET" and not rest:
            living = [one for one in self.entities[name].values() if not one.get("_deleted")]
            every = list(self.entities[name].values()) if "eleted" in call.query.get("$filter", "") else living
            return Reply({"odata.metadata": "", "odata.nextLink": None, "value": archive.rows(name, every, call.query)})
        if call.method == "GET" and rest == ["default"]:
            return Reply(self._blank(name))
        if call.method == "POST" and not rest:
            return self._create(name, call.json)
        if len(rest) != 1 or not rest[0].isdigit():
            return _error(404, "SoNotFoundException")
        held = self.entities[name].get(int(rest[0]))
        if held is None or (held.get("_deleted") and not self.shows_deleted):
            return _error(404, "SoNotFoundException")
        if call.method == "PATCH":
            return self._patch(name, held, call)
        if call.method == "PUT":
            self.written.append(("PUT", name, int(rest[0]), sorted(call.json)))
        return self._shown(name, held, with_keys=call.query.get("fk") == "true")

    def _list(self, name: str, call: Call) -> list[dict[str, Any]]:
        spoken = "accept-language" in call.headers
        items = []
        for number, text in LISTS[name].items():
            shown = text.split('"')[1] if spoken and '"' in text else text
            items.append(
                {"Id": number, "Name": shown, "ToolTip": "", "Deleted": False, "Rank": number, "ChildItems": []}
            )
        return [{"Id": -2147483647, "Name": "", "StyleHint": "separator"}, *items]

    def _create(self, name: str, sent: dict[str, Any]) -> Reply:
        entity = self._blank(name)
        _merge(entity, {k: v for k, v in sent.items() if v is not None})
        wrong = not entity.get("Name") if name != "person" else not entity["Firstname"]
        if name == "contact":
            wrong = wrong or {
                entity["Category"]["Id"] in LISTS["category"],
                entity["Business"]["Id"] in LISTS["business"],
            } != {True}
            wrong = wrong or (self.demands_org_number and not entity["OrgNr"])
        if name == "person":
            wrong = wrong or not (entity.get("Contact") or {}).get("ContactId")
        if wrong:
            return _error(400, "SoValidationException")
        record = self._save_new(name, entity, by=OURS)
        self.written.append(("POST", name, record, sorted(sent)))
        return self._shown(name, self.entities[name][record])

    def _patch(self, name: str, held: dict[str, Any], call: Call) -> Reply:
        condition = call.headers.get("if-unmodified-since")
        changed = datetime.fromisoformat(held["UpdatedDate"]).replace(microsecond=0)
        if condition and changed > parsedate_to_datetime(condition):
            return _error(412, "SoPreconditionException")
        work = copy.deepcopy(held)
        pointers = []
        for one in call.json:
            steps = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].strip("/").split("/")]
            if one["op"] == "test":
                if _look(work, steps) != one["value"]:
                    return _error(409, "test failed")
            elif one["op"] in ("add", "replace"):
                pointers.append(one["path"])
                _set(work, steps, one["value"])
            else:
                return _error(400, "unsupported operation")
        if pointers:
            held.clear()
            held.update(work)
            self._settle(name, held)
            self._stamp(held, OURS)
            self.written.append(("PATCH", name, self._id(name, held), pointers))
        return self._shown(name, held)

    def _webhook(self, call: Call, parts: list[str]) -> Reply:
        if call.method == "POST":
            self.hooks.append({"WebhookId": 900 + len(self.hooks), **call.json})
        held = next((one for one in self.hooks if parts and one["WebhookId"] == int(parts[0])), None)
        if call.method == "PATCH" and held is not None:
            held |= call.json
        hidden = [{name: value for name, value in one.items() if name != "Secret"} for one in self.hooks]
        return Reply(hidden[-1] if call.method == "POST" else hidden)

    def _foreign(self, call: Call, parts: list[str]) -> Reply:
        if "Key" in parts:
            at = parts.index("Key")
            device, rest = tuple(parts[:at]), parts[at + 1 :]
            if device not in self.devices:
                return _error(404, "SoNotFoundException")
            if call.method in ("POST", "PUT"):
                sent = call.json
                place = (*device, sent["Key"], sent["TableName"], str(sent["RecordId"]))
                self.keys[place] = sent["Value"]
                self.written.append((call.method, "ForeignKey", sent["RecordId"], [sent["Key"]]))
                return Reply(_key(place, sent["Value"]))
            if len(rest) == 2:
                value = call.query["keyValue"]
                found = [p for p, v in self.keys.items() if v == value and p[:-1] == (*device, *rest)]
                return Reply(_key(found[0], value) if found else None)
            place = (*device, *rest)
            if call.method == "DELETE":
                self.written.append(("DELETE", "ForeignKey", int(rest[2]), [rest[0]]))
                return Reply(None, 204) if self.keys.pop(place, None) else _error(404, "SoNotFoundException")
            return Reply(_key(place, self.keys[place])) if place in self.keys else _error(404, "SoNotFoundException")
        if call.method in ("POST", "PUT"):
            self.devices.add(tuple(parts))
        return Reply({"Name": parts[-1]}) if tuple(parts) in self.devices else _error(404, "SoNotFoundException")

    # -- what stands there

    def _blank(self, name: str) -> dict[str, Any]:
        common: dict[str, Any] = {
            "UpdatedBy": {"AssociateId": 0},
            "CreatedBy": {"AssociateId": 0},
            "UpdatedDate": NO_DATE,
            "CreatedDate": NO_DATE,
            "Description": "",
            "Urls": [],
            "ActiveErpLinks": 0,
            "CustomFields": {"SuperOffice:3": "", "SuperOffice:4": "[I:0]"},
            "UserDefinedFields": {"SuperOffice:3": "", "SuperOffice:4": "[I:0]"},
            "ExtraFields": {},
        }
        if name == "contact":
            number = ""
            if self.allots_number:
                self._numbers += 1
                number = f"K-{self._numbers}"
            return {
                "ContactId": 0,
                **dict.fromkeys(("Name", "Department", "OrgNr", "Number1"), ""),
                "Number2": number,
                "Emails": [],
                "Phones": [],
                "Faxes": [],
                "Associate": {"AssociateId": KARI, "FullName": "Kari Nes"},
                "Business": {"Id": 8010, "Value": "Bygg"},
                "Category": {"Id": 7001, "Value": "Leverandør", "CategoryGroup": "Other"},
                "Country": {"CountryId": 578, "Name": "Norway", "TwoLetterISOCountry": "NO"},
                "NoMailing": False,
                "Xstop": False,
                "Deleted": 0,
                "Address": {"LocalizedAddress": [], "Street": _no_address(), "Postal": _no_address(), "Formatted": ""},
                **common,
            }
        if name == "person":
            return {
                "PersonId": 0,
                **dict.fromkeys(("Firstname", "MiddleName", "Lastname", "Mrmrs", "Title", "PersonNumber"), ""),
                **{f"{kind}Phones": [] for kind in ("Office", "Mobile", "Private", "Other")},
                "Emails": [],
                "Position": None,
                "Contact": None,
                "Country": {"CountryId": 578},
                "Retired": False,
                "IsAssociate": False,
                "Address": {"LocalizedAddress": [], "Street": _no_address(), "Postal": None, "Formatted": ""},
                **common,
            }
        return {
            "ProjectId": 0,
            "Name": "",
            "ProjectNumber": "",
            "ProjectMembers": [],
            "Associate": {"AssociateId": KARI},
            "ProjectStatus": {"Id": 61, "Value": "I arbeid"},
            "ProjectType": {"Id": 71, "Value": "Oppdrag"},
            "Completed": False,
            "EndDate": "2028-06-30T00:00:00",
            **common,
        }

    def _save_new(self, name: str, entity: dict[str, Any], *, by: int) -> int:
        record = self._next[name]
        self._next[name] += 7
        entity[_ids(name)] = record
        self._settle(name, entity)
        self._stamp(entity, by)
        entity["CreatedBy"], entity["CreatedDate"] = entity["UpdatedBy"], entity["UpdatedDate"]
        self.entities[name][record] = entity
        return record

    def _settle(self, name: str, entity: dict[str, Any]) -> None:
        """What the tenant makes of what was saved: stripped phones, city in capitals, group and name of a category."""
        for value in entity.values():
            for one in value if isinstance(value, list) else ():
                if isinstance(one, dict) and "Value" in one:
                    one["StrippedValue"] = one["Value"].replace(" ", "")
                    one.setdefault("Description", "")
                    one |= {"TableRight": None, "FieldProperties": {}}
        for part in ("Street", "Postal"):
            address = (entity.get("Address") or {}).get(part)
            if address and address.get("City"):
                address["City"] = address["City"].upper()
        if name == "contact":
            number = entity["Category"]["Id"]
            entity["Category"] = {"Id": number, "Value": LISTS["category"][number], "CategoryGroup": GROUPS[number]}
        if name == "person" and entity.get("Contact"):
            company = self.entities["contact"].get(entity["Contact"]["ContactId"], {})
            entity["Contact"] = {"ContactId": entity["Contact"]["ContactId"], "Name": company.get("Name")}
            entity["Contact"]["IsOwnerContact"] = False

    def _shown(self, name: str, held: Mapping[str, Any], *, with_keys: bool = False) -> Reply:
        entity = {k: v for k, v in copy.deepcopy(dict(held)).items() if not k.startswith("_")}
        for stamp in ("UpdatedDate", "CreatedDate"):
            entity[stamp] = entity[stamp].replace("+00:00", "Z")
        entity["TableRight"], entity["FieldProperties"] = {"Mask": "FULL", "Reason": ""}, {}
        record = str(self._id(name, held))
        if with_keys:
            for (app, device, _, key, table, row), value in self.keys.items():
                if (table, row) == (name, record):
                    entity["ExtraFields"][f"{app}.{device}.{key}"] = value
        entity["_Links"] = {"Self": f"{self.url}{self.api}/{name.capitalize()}/{record}"}
        changed = datetime.fromisoformat(held["UpdatedDate"])
        return Reply(entity, headers={"Last-Modified": format_datetime(changed, usegmt=True)})

    def _id(self, name: str, entity: Mapping[str, Any]) -> int:
        return int(entity[_ids(name)])

    def _now(self) -> str:
        return self.clock.now().isoformat(timespec="microseconds")

    def _stamp(self, entity: dict[str, Any], by: int) -> None:
        entity["UpdatedDate"], entity["UpdatedBy"] = self._now(), {"AssociateId": by}


def _ids(name: str) -> str:
    return f"{name.capitalize()}Id"


def _no_address() -> dict[str, str]:
    return dict.fromkeys(("Address1", "Address2", "Address3", "City", "County", "State", "Zipcode", "Formatted"), "")


def _error(status: int, words: str) -> Reply:
    return Reply({"Error": True, "ErrorType": words, "ErrorMessage": words, "ErrorSource": ""}, status)


def _key(place: tuple[str, ...], value: str) -> dict[str, Any]:
    return {"Key": place[3], "Value": value, "TableName": place[4], "RecordId": int(place[5])}


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        held = into.get(name)
        if isinstance(held, dict) and isinstance(value, Mapping):
            _merge(held, value)
        else:
            into[name] = copy.deepcopy(value)


def _look(entity: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(entity, list):
            entity = entity[int(step)] if int(step) < len(entity) else None
        else:
            entity = next((v for k, v in (entity or {}).items() if k.lower() == step.lower()), None)
    return dict(entity.items()) if isinstance(entity, dict) else entity


def _set(entity: Any, steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        entity = entity[int(step)] if isinstance(entity, list) else entity[step]
    held = entity.get(steps[-1]) if isinstance(entity, dict) else None
    if steps[-1] in ("CustomFields", "UserDefinedFields") and isinstance(held, dict):
        held.update(value)
    else:
        entity[steps[-1]] = copy.deepcopy(value)
