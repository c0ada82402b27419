"""The ERP's webhooks: event plans kept as we want them, and checks of what arrives (reference, 4.4).

A delivery is only a hint to look sooner; what it says about the record is never used.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from pydantic import SecretStr

from sounimicro_pipelines.errors import SounimicroError
from sounimicro_pipelines.unimicro.company import CompanyClient, Record
from sounimicro_pipelines.unimicro.expressions import where
from sounimicro_pipelines.unimicro.query import Query

SIGNATURE_HEADERS = ("unimicro-signature", "softrig-signature")
"""The documented name and the observed one."""

WINDOW = timedelta(seconds=300)
WEBHOOK_PLAN = 0
_ID = re.compile(r"[0-9]{1,10}")
"""An id is an int32."""
_SIGNATURE = re.compile(r"\s*t=(\d{1,15})\s*,\s*v1=([0-9a-fA-F]{64})\s*")


class BadEvent(SounimicroError):
    """A delivery that is not the ERP's, is too old, or cannot be read."""


class BadSignature(BadEvent):
    """It is not signed with our key."""


class TooOld(BadEvent):
    """It was signed with our key, but too long ago, or in the future."""


class Unreadable(BadEvent):
    """It is signed, but tells of no record."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a record. `message_id` tells repeats of one delivery, "" when the ERP gives none."""

    kind: Literal["Create", "Update", "Delete"]
    entity: str
    entity_id: int
    company_key: str
    message_id: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The event plan as we want it: every change of these entities, told to one address."""

    name: str
    entities: tuple[str, ...]
    endpoint: str
    operations: str = "CUD"


def receive(headers: Mapping[str, str], body: bytes, key: SecretStr, now: datetime) -> Event:
    """The event of a delivery whose signature is right and at most five minutes old. Raises BadEvent."""
    signed_at = verify(headers, body, key, now)
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Unreadable("The delivery is no JSON.") from None
    said = said if isinstance(said, dict) else {}
    entity = said.get("EntityName") or said.get("EntityType")
    inner = said.get("Entity")
    number = said.get("EntityID") or (inner.get("ID") if isinstance(inner, dict) else None)
    company, kind = said.get("CompanyKey"), str(said.get("EventType") or "").capitalize()
    if not isinstance(entity, str) or not isinstance(company, str) or not _ID.fullmatch(str(number or "")):
        raise Unreadable("The delivery names no record or no company.")
    if kind not in ("Create", "Update", "Delete"):
        raise Unreadable("The delivery is of an unknown kind.")
    message_id = str(said.get("MessageID") or "")
    return Event(kind, entity, int(str(number)), company, message_id, signed_at)  # type: ignore[arg-type]


def verify(headers: Mapping[str, str], body: bytes, key: SecretStr, now: datetime) -> datetime:
    """When the delivery was signed. Raises BadEvent unless a signature over the raw body is right and fresh."""
    lower = {name.lower(): value for name, value in headers.items()}
    present = [lower[name] for name in SIGNATURE_HEADERS if name in lower]
    if not present:
        raise BadSignature("The delivery carries no signature.")
    if not key.get_secret_value():
        raise BadSignature("There is no key to check the signature with.", remedy="Set UNIMICRO_WEBHOOK_SIGNING_KEY.")
    for value in present:
        match = _SIGNATURE.fullmatch(value)
        if match is None:
            continue
        stamp, given = match.groups()
        wanted = hmac.new(key.get_secret_value().encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, given.lower()):
            continue
        age = now.timestamp() - int(stamp)
        if abs(age) > WINDOW.total_seconds():
            raise TooOld("The delivery was signed too long ago.")
        return now - timedelta(seconds=age)
    raise BadSignature("The delivery's signature is wrong.")


async def ensure_plan(
    company: CompanyClient, plan: Plan, key: SecretStr, *, new_key: bool = False
) -> Literal["ok", "created", "repaired"]:
    """Make the event plan of that name as wanted; it is found by its name, so that there is never a second one.

    `new_key` says that the signing key has changed since it was written.

    Whether the ERP tells the signing key in force is not documented; it is written along with every repair. Raises
    AccessDenied when the client has not the right to manage event plans.
    """
    wanted = {
        "Name": plan.name,
        "Active": True,
        "PlanType": WEBHOOK_PLAN,
        "ModelFilter": ",".join(plan.entities),
        "OperationFilter": plan.operations,
    }
    present = await plans(company, plan.name)
    if not present:
        body = {**wanted, "SigningKey": key.get_secret_value(), "Subscribers": [_subscriber(plan, new=True)]}
        await company.create("Eventplan", body, guid=uuid.uuid4())
        return "created"
    first = present[0]
    subscribers = [one for one in first.get("Subscribers") or () if isinstance(one, dict)]
    ours = next((one for one in subscribers if one.get("Name") == plan.name), None)
    as_wanted = all(_same(first.get(name), value) for name, value in wanted.items() if name != "PlanType")
    as_wanted = as_wanted and not new_key and first.get("SigningKey") in (None, "", key.get_secret_value())
    if as_wanted and ours is not None and ours.get("Endpoint") == plan.endpoint and ours.get("Active"):
        return "ok"
    child = {**_subscriber(plan, new=ours is None), "ID": ours["ID"] if ours is not None else 0}
    body = {**wanted, "SigningKey": key.get_secret_value(), "Subscribers": [child]}
    await company.update("Eventplan", int(first["ID"]), body)
    return "repaired"


async def plans(company: CompanyClient, name: str) -> list[Record]:
    """Event plans of that name, the oldest first."""
    query = Query("Eventplan", where("Name").eq(name), expand=("Subscribers",), order_by=("ID",), top=50)
    return [row for row in await company.find(query) if row.get("Name") == name]


def _subscriber(plan: Plan, *, new: bool) -> dict[str, Any]:
    guid = {"_createguid": str(uuid.uuid4())} if new else {}
    return {"Name": plan.name, "Endpoint": plan.endpoint, "Active": True, **guid}


def _same(present: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return bool(present) is wanted
    return str("" if present is None else present).replace(" ", "") == str(wanted).replace(" ", "")
