"""Our markers on the CRM's records: foreign app → device → key (vendor reference 4.2), written idempotently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sounimicro_pipelines.superoffice.failures import SYSTEM, FieldProblem, FilterIgnored, ValueTooLong
from sounimicro_pipelines.superoffice.locks import LoopLock
from sounimicro_pipelines.superoffice.session import Session
from sounimicro_pipelines.superoffice.values import as_int, member
from sounimicro_pipelines.transport import AccessDenied, NotFound, PreconditionFailed, ServerFailed, ValidationFailed

MAX_LENGTH: Final = 239


@dataclass(frozen=True, slots=True)
class Device:
    """Where keys of one kind hang: application, device, the device's identifier."""

    app: str
    device: str
    identifier: str

    @property
    def segments(self) -> tuple[str, str, str, str]:
        return ("ForeignApp", self.app, self.device, self.identifier)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A key on a record. `table` is contact, person or project."""

    key: str
    value: str
    table: str
    record_id: int


class ForeignKeys:
    """Foreign keys of one tenant. The table has no uniqueness: check both directions before trusting one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ensured: set[Device] = set()
        self._lock = LoopLock()

    async def ensure(self, device: Device) -> None:
        """Create the application and the device where they are missing; nothing happens when they are there."""
        async with self._lock:
            if device in self._ensured:
                return
            await self._ensure(("ForeignApp", device.app), "ForeignApp")
            await self._ensure(device.segments, "ForeignApp device")
            self._ensured.add(device)

    async def get(self, device: Device, key: str, table: str, record_id: int) -> str | None:
        """The value on a record, None where there is none."""
        call = "GET ForeignApp key"
        segments = (*device.segments, "Key", key, table, record_id)
        answer = await self._optional(segments, call)
        value = member(answer, "Value")
        if value in (None, ""):
            return None
        record, named = as_int(member(answer, "RecordId")), member(answer, "TableName")
        if record not in (None, record_id) or (isinstance(named, str) and named.lower() not in ("", table.lower())):
            raise FilterIgnored(SYSTEM, call)
        return str(value)

    async def find(self, device: Device, key: str, table: str, value: str) -> ForeignKey | None:
        """The record that carries a value, None where none does. Raises FilterIgnored for another value's record."""
        call = "GET ForeignApp key by value"
        answer = await self._optional((*device.segments, "Key", key, table), call, {"keyValue": value})
        answers = answer if isinstance(answer, list) else [answer]
        found = [one for raw in answers if (one := _foreign_key(raw)) is not None]
        if any(one.value != value or one.table.lower() != table.lower() for one in found):
            raise FilterIgnored(SYSTEM, call)
        return found[0] if found else None

    async def put(self, device: Device, key: str, table: str, record_id: int, value: str) -> bool:
        """Give a record a value; False when it had it already."""
        for what in (key, value):
            if len(what) > MAX_LENGTH:
                raise ValueTooLong("ForeignKey", len(what), MAX_LENGTH)
        if not key or not value:
            raise FieldProblem("ForeignKey", "wants a name and a value")
        await self.ensure(device)
        held = await self.get(device, key, table, record_id)
        if held == value:
            return False
        await self._session.json(
            "POST" if held is None else "PUT",
            (*device.segments, "Key"),
            call="save ForeignApp key",
            json={"Key": key, "Value": value, "TableName": table, "RecordId": record_id},
        )
        return True

    async def remove(self, device: Device, key: str, table: str, record_id: int) -> None:
        """Take the key off a record; nothing happens when it is not there."""
        try:
            await self._session.json(
                "DELETE",
                (*device.segments, "Key", key, table, record_id),
                call="DELETE ForeignApp key",
                repeatable=True,
            )
        except NotFound:
            return

    async def all_of(self, device: Device, table: str) -> list[ForeignKey] | None:
        """Every key of a device on one table, or None where the tenant cannot tell (4.2, agents)."""
        try:
            answer = await self._session.json(
                "POST",
                ("Agents", "ForeignSystem", "GetDeviceKeysOnDeviceIdentifierTable"),
                call="POST ForeignSystem/GetDeviceKeysOnDeviceIdentifierTable",
                json={
                    "ApplicationName": device.app,
                    "DeviceName": device.device,
                    "DeviceIdentifier": device.identifier,
                    "TableName": table,
                },
                repeatable=True,
            )
        except (NotFound, AccessDenied, ValidationFailed):
            return None
        if not isinstance(answer, list):
            return None
        return [one for raw in answer if (one := _foreign_key(raw)) is not None and one.table.lower() == table.lower()]

    async def _ensure(self, segments: tuple[str, ...], what: str) -> None:
        try:
            if await self._optional(segments, f"GET {what}"):
                return
        except ValidationFailed:
            pass
        try:
            await self._session.json("POST", segments, call=f"POST {what}")
        except (PreconditionFailed, ValidationFailed, ServerFailed):
            # Another process may have made it meanwhile; how a second one is refused is not documented.
            if not await self._optional(segments, f"GET {what}"):
                raise

    async def _optional(
        self, segments: tuple[str | int, ...], call: str, query: Mapping[str, str] | None = None
    ) -> Any:
        try:
            return await self._session.json("GET", segments, call=call, query=query)
        except NotFound:
            return None


def keys_on(entity: Mapping[str, Any], app: str) -> dict[tuple[str, str], str]:
    """(device, key) → value, of one application, from an entity that was read with `fk=true` (4.2)."""
    extra = member(entity, "ExtraFields")
    found: dict[tuple[str, str], str] = {}
    prefix = f"{app}.".lower()
    for name, value in (extra if isinstance(extra, dict) else {}).items():
        if not isinstance(name, str) or not name.lower().startswith(prefix) or not isinstance(value, str):
            continue
        device, dot, key = name[len(prefix) :].rpartition(".")
        if dot and device and key and value:
            found[device, key] = value
    return found


def _foreign_key(raw: Any) -> ForeignKey | None:
    value, record = member(raw, "Value"), as_int(member(raw, "RecordId"))
    if value in (None, "") or not record:
        return None
    return ForeignKey(
        key=str(member(raw, "Key") or ""),
        value=str(value),
        table=str(member(raw, "TableName") or ""),
        record_id=record,
    )
