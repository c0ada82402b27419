"""One simulated tenant: its data, credentials, webhooks and levers, and what people do in it.

`CrmState` is what a test holds. Its verbs (`edit`, `create`, `delete`, …) act as a person who works in the CRM; the
HTTP side acts as an API client through the same rules. Everything is guarded by one lock, so both may run at once.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.sandbox.journal import Action, Write, WriteJournal
from sounimicro_pipelines.sandbox.superoffice.carriers import Carriers
from sounimicro_pipelines.sandbox.superoffice.credentials import Credentials
from sounimicro_pipelines.sandbox.superoffice.fields import ENTITIES, USER_FIELDS, Entity, UserField
from sounimicro_pipelines.sandbox.superoffice.options import Application, CrmOptions, Identity
from sounimicro_pipelines.sandbox.superoffice.records import Actor, Records
from sounimicro_pipelines.sandbox.superoffice.rights import SYSTEM_TYPE, Sentry
from sounimicro_pipelines.sandbox.superoffice.saving import Saver
from sounimicro_pipelines.sandbox.superoffice.tables import Database, Row
from sounimicro_pipelines.sandbox.superoffice.webhooks import Hook, Webhooks
from sounimicro_pipelines.sandbox.superoffice.wire import RAW, Manner

_COMPUTED = re.compile(
    r"(UpdatedDate|UpdatedBy|CreatedDate|CreatedBy|StrippedValue|Formatted|LocalizedAddress|FullName|FormalName"
    r"|UserDefinedFields|ExtraFields|DisplayText|DisplayTooltip|TableRight|FieldProperties|Persons|ProjectmemberId)"
)


@dataclass(slots=True)
class Metering:
    """What the vendor bills: calls, and records read (an entity is one, a list or page each of its rows)."""

    calls: Counter[str] = field(default_factory=Counter)
    records: int = 0

    @property
    def total(self) -> int:
        return sum(self.calls.values())

    def clear(self) -> None:
        self.calls.clear()
        self.records = 0


@dataclass(frozen=True, slots=True)
class Backup:
    """The tenant's data at one moment."""

    database: Database
    numbers: dict[str, int]


@dataclass(slots=True)
class _Interposed:
    method: str
    path: re.Pattern[str]
    action: Callable[[], None]
    times: int


class CrmState:
    """A tenant. `journal` receives every write; `clock` owns all time but the network's."""

    def __init__(
        self,
        options: CrmOptions,
        application: Application,
        identity: Identity,
        *,
        clock: Clock | None = None,
        journal: WriteJournal | None = None,
        fields: Sequence[UserField] = USER_FIELDS,
    ) -> None:
        self.options = options
        self.application = application
        self.identity = identity
        self.clock: Clock = clock or SystemClock()
        self.journal = journal or WriteJournal()
        self.user_fields = list(fields)
        self.lock = threading.RLock()
        self.db = Database()
        self.sentry = Sentry()
        self.metering = Metering()
        self.webhooks = Webhooks(options, self.clock)
        self.webhooks.on_usage = self._note_usage
        self.credentials = Credentials(options, application, self.clock)
        self.tenant_state = "Running"
        self.carriers = Carriers(self.db, options, self.user_fields)
        self.records = Records(
            self.db, options, self.clock, self.carriers, Saver(self.db, options, self.user_fields), self.webhooks
        )
        self._interposed: list[_Interposed] = []

    # -- what people do -------------------------------------------------------------------------------------------

    def read(self, entity: str, key: int, manner: Manner = RAW) -> dict[str, Any]:
        """The record as JSON, in UTC and Norwegian. Raises ApiError 404."""
        with self.lock:
            kind = ENTITIES[entity]
            return self.carriers.entity(kind, self.records.get(kind, key), manner)

    def edit(self, entity: str, key: int, changes: Mapping[str, Any] | list[Any], associate: int | None = None) -> None:
        """A person changes a record: a merge patch (or JSON Patch array) in API property names."""
        self.patch(ENTITIES[entity], key, changes, RAW, self._person(associate))

    def create(self, entity: str, values: Mapping[str, Any], associate: int | None = None) -> int:
        """A person makes a record, starting from the tenant's defaults. Returns its id."""
        kind, actor = ENTITIES[entity], self._person(associate)
        with self.lock:
            document = self.carriers.entity(kind, self.records.default(kind, actor), RAW)
            for name, value in values.items():
                current = document.get(name)
                both = isinstance(current, dict) and isinstance(value, Mapping)
                document[name] = {**(current or {}), **value} if both and name != "Address" else value
            return self.insert(kind, document, RAW, actor)

    def delete(self, entity: str, key: int, associate: int | None = None) -> None:
        """Soft for `contact` and `person`, final for `project`."""
        self.remove(ENTITIES[entity], key, self._person(associate))

    def undelete(self, entity: str, key: int, associate: int | None = None) -> None:
        with self.recorded("update", ENTITIES[entity], key, self._person(associate)) as actor:
            self.records.undelete(ENTITIES[entity], key, actor)

    def erase(self, entity: str, key: int, associate: int | None = None) -> None:
        """Gone at once, as a privacy request makes a person."""
        with self.recorded("delete", ENTITIES[entity], key, self._person(associate)) as actor:
            row = self.db[entity].get(key)
            if row is not None:
                self.records.remove(ENTITIES[entity], row, actor)

    def merge(self, entity: str, source: int, destination: int, associate: int | None = None) -> None:
        """Merge `source` into `destination`; the source's id vanishes."""
        self.merge_records(ENTITIES[entity], source, destination, self._person(associate))

    def move_person(self, person: int, contact: int, associate: int | None = None) -> None:
        self.move_record(person, contact, self._person(associate))

    def purge(self) -> None:
        """Remove for good what was deleted 14 days ago. The HTTP side does so before each request."""
        with self.lock:
            self.records.purge(Actor(self.system_associate))

    # -- what operators do ----------------------------------------------------------------------------------------

    def backup(self) -> Backup:
        with self.lock:
            numbers = {name: series.next_number for name, series in self.options.numbers.items()}
            return Backup(self.db.copy(), numbers)

    def restore(self, backup: Backup) -> None:
        """Rewind all data to a backup; ids given out since then will be given out again."""
        with self.lock:
            self.db.tables = backup.database.copy().tables
            for name, number in backup.numbers.items():
                self.options.numbers[name].next_number = number

    def move_tenant(self) -> str:
        """Move the tenant to another host; the old one answers 421 from now on. Returns the new host name."""
        with self.lock:
            self.options.host_number += 1
            return self.host

    def set_tenant_state(self, state: str) -> None:
        """`Running`, `OfflineMaintenance` (the API is down), `OnlineMaintenance`, `Suspended`, … (section 1.1)."""
        self.tenant_state = state

    def expire_credentials(self) -> None:
        """Every ticket and access token is refused from now on."""
        self.credentials.revoke()

    def interpose(self, method: str, path: str, action: Callable[[], None], times: int = 1) -> None:
        """Run `action` just before the next requests of that method whose path matches the regular expression."""
        self._interposed.append(_Interposed(method.upper(), re.compile(path), action, times))

    def before_request(self, method: str, path: str) -> None:
        """Called by the HTTP side for every API request."""
        for item in self._interposed:
            if item.times > 0 and item.method in (method, "*") and item.path.search(path):
                item.times -= 1
                item.action()

    # -- identities -----------------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The numbered host that serves the tenant's data; the first path segment here."""
        return f"{self.options.host_prefix}{self.options.host_number}"

    @property
    def is_running(self) -> bool:
        return self.tenant_state in ("Running", "OnlineMaintenance")

    @property
    def system_associate(self) -> int:
        """The system user's associate id."""
        return next((row["associate_id"] for row in self.db["associate"] if row["type"] == SYSTEM_TYPE), 0)

    def users(self) -> list[Row]:
        """Associates who can sign in."""
        return [row for row in self.db["associate"] if row["type"] == 0 and not row["deleted"]]

    def _person(self, associate: int | None) -> Actor:
        users = self.users()
        return Actor(associate if associate is not None else (users[0]["associate_id"] if users else 0))

    # -- writes, each journalled ----------------------------------------------------------------------------------

    def insert(self, entity: Entity, document: Mapping[str, Any], manner: Manner, actor: Actor) -> int:
        with self.lock:
            row = self.records.create(entity, document, manner, actor)
            key = int(row[entity.pk])
            self.written("create", entity.table, key, {}, self._snapshot(entity, key), actor)
            return key

    def patch(self, entity: Entity, key: int, body: Any, manner: Manner, actor: Actor) -> None:
        with self.recorded("update", entity, key, actor):
            self.records.patch(entity, key, body, manner, actor)

    def put(
        self,
        entity: Entity,
        key: int,
        document: Mapping[str, Any],
        manner: Manner,
        actor: Actor,
        *,
        whole: bool = True,
    ) -> None:
        with self.recorded("update", entity, key, actor):
            self.records.replace(entity, key, document, manner, actor, whole=whole)

    def remove(self, entity: Entity, key: int, actor: Actor) -> None:
        with self.recorded("delete", entity, key, actor):
            self.records.delete(entity, key, actor)

    def merge_records(self, entity: Entity, source: int, destination: int, actor: Actor) -> None:
        with self.recorded("delete", entity, source, actor), self.recorded("update", entity, destination, actor):
            self.records.merge(entity, source, destination, actor)

    def move_record(self, person: int, contact: int, actor: Actor) -> None:
        with self.recorded("update", ENTITIES["person"], person, actor):
            self.records.move(person, contact, actor)

    @contextmanager
    def recorded(self, action: Action, entity: Entity, key: int, actor: Actor) -> Iterator[Actor]:
        """Hold the lock over a change to one entity, and journal what it did."""
        with self.lock:
            before = self._snapshot(entity, key)
            yield actor
            after = self._snapshot(entity, key)
            if action == "update":
                names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
                before = {name: before[name] for name in sorted(names & before.keys())}
                after = {name: after[name] for name in sorted(names & after.keys())}
            self.written(action, entity.table, key, before, {} if action == "delete" else after, actor)

    def written(
        self, action: Action, entity: str, key: int, before: Mapping[str, Any], after: Mapping[str, Any], actor: Actor
    ) -> None:
        """Put one write in the journal."""
        scope, now = self.options.tenant, self.clock.now()
        self.journal.record(
            Write(now, "crm", actor.via, scope, action, entity, key, dict(before), dict(after), actor.request)
        )

    def _snapshot(self, entity: Entity, key: int) -> dict[str, Any]:
        """A record flattened to `Address.Postal.City` paths, without what is computed."""
        row = self.db[entity.table].get(key)
        return {} if row is None else dict(_flatten(self.carriers.entity(entity, row, RAW), ""))

    def _note_usage(self, hook: Hook) -> None:
        with self.lock:
            values = {
                "total_calls": hook.total_calls,
                "total_errors": hook.total_errors,
                "consecutive_errors": hook.consecutive_errors,
            }
            rows = self.db["webhook_usage"].where("webhook_id", hook.webhook_id)
            if rows:
                self.db["webhook_usage"].update(rows[0]["webhook_usage_id"], values)
            else:
                self.db["webhook_usage"].insert({"webhook_id": hook.webhook_id, **values})


def _flatten(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            if not _COMPUTED.search(name):
                yield from _flatten(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flatten(item, f"{path}.{number}")
    else:
        yield path, value
