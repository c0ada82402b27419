"""The CRM as a client sees it: entities read, created and patched with conditions; never PUT, never deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from sounimicro_pipelines.clock import Clock, SystemClock
from sounimicro_pipelines.settings import SuperOfficeSettings
from sounimicro_pipelines.superoffice.archive import Archive, Row
from sounimicro_pipelines.superoffice.auth import SystemUser
from sounimicro_pipelines.superoffice.changing import Manners, change
from sounimicro_pipelines.superoffice.custom_fields import read_custom_fields
from sounimicro_pipelines.superoffice.entity import ENTITIES, Entity, Principal
from sounimicro_pipelines.superoffice.failures import SYSTEM, UnknownName, own_words
from sounimicro_pipelines.superoffice.feeds import Feeds, provider_of
from sounimicro_pipelines.superoffice.field_table import FieldInfo
from sounimicro_pipelines.superoffice.fields import FieldRegistry, Scalar
from sounimicro_pipelines.superoffice.foreign_keys import ForeignKeys
from sounimicro_pipelines.superoffice.links import record_url
from sounimicro_pipelines.superoffice.lists import Lists
from sounimicro_pipelines.superoffice.oidc import Tokens, UserSession, UserSignIn
from sounimicro_pipelines.superoffice.query import Query, Where
from sounimicro_pipelines.superoffice.session import JSON_PATCH, Session
from sounimicro_pipelines.superoffice.tenant import TenantAddress
from sounimicro_pipelines.superoffice.tokens import IdentityProvider
from sounimicro_pipelines.superoffice.values import LANGUAGE, as_bool, as_int, member
from sounimicro_pipelines.superoffice.web_panels import WebPanels
from sounimicro_pipelines.superoffice.webhooks import Webhooks
from sounimicro_pipelines.transport import AccessDenied, BadAnswer, Limits, NotFound, Transport, ValidationFailed


class SuperOfficeClient:
    """One tenant of the CRM, as the system user (or as a person, see `oidc.py`). Close it with `async with`.

    Raises SettingsError at once when the private key cannot be read; every call raises the VendorError family.
    """

    def __init__(
        self,
        settings: SuperOfficeSettings,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        http: httpx.AsyncClient | None = None,
        transport: Transport | None = None,
        language: str = LANGUAGE,
    ) -> None:
        self.tenant = settings.tenant
        self.clock = clock or SystemClock()
        self.transport = transport or Transport(SYSTEM, limits=limits, clock=self.clock, http=http, explain=own_words)
        self.identity = IdentityProvider(settings.environment_url, self.transport, self.clock)
        self.user = SystemUser(settings, self.transport, self.clock, self.identity)
        self.address = TenantAddress(settings.environment_url, settings.tenant, self.transport, self.clock)
        self.session = Session(self.address, self.user, self.transport, self.clock, language=language)
        self.archive = Archive(self.session)
        self.feeds = Feeds(self.archive)
        self.lists = Lists(self.session)
        self.foreign_keys = ForeignKeys(self.session)
        self.people = UserSignIn(settings, self.transport, self.clock, self.identity)
        self.webhooks = Webhooks(self.session)
        self.web_panels = WebPanels(self.session)
        self.fields = FieldRegistry()
        self._manners = Manners()
        self._principal: Principal | None = None

    async def __aenter__(self) -> SuperOfficeClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self.transport.aclose()

    def as_person(self, tokens: Tokens) -> UserSession:
        """The tenant's API with the rights of somebody who has signed in; for `read_entity` and `read_principal`."""
        return self.people.session(self.address, tokens)

    async def principal(self) -> Principal:
        """Who we are; asked once. Our associate id tells our own changes from people's."""
        if self._principal is None:
            self._principal = await read_principal(self.session)
        return self._principal

    async def read(self, entity: str, record_id: int, *, foreign_keys: bool = False) -> Entity:
        """An entity, soft-deleted ones included. Raises NotFound when it is gone."""
        return await read_entity(self.session, entity, record_id, foreign_keys=foreign_keys)

    async def find(self, entity: str, record_id: int, *, foreign_keys: bool = False) -> Entity | None:
        """An entity that lives; None when it is gone or soft-deleted."""
        try:
            found = await self.read(entity, record_id, foreign_keys=foreign_keys)
        except NotFound:
            return None
        return None if found.deleted else found

    async def default(self, entity: str) -> dict[str, Any]:
        """A blank entity with the tenant's preferences; may take a number from a counter, so only before a create."""
        route = _route(entity)
        call = f"GET {route}/default"
        answer = await self.session.json("GET", (route, "default"), call=call)
        if not isinstance(answer, dict):
            raise BadAnswer(SYSTEM, call, detail="it is no entity")
        return answer

    async def create(self, entity: str, data: Mapping[str, Any]) -> Entity:
        """Create an entity from `default` with values filled in (`carriers.py`).

        Not idempotent: an error with `effect_unknown` means that it may exist; search before repeating.
        """
        route = _route(entity)
        call = f"POST {route}"
        answer, response = await self.session.request("POST", (route,), call=call, json=dict(data))
        return _entity(entity, answer, response, call, written=True)

    async def patch(
        self, entity: str, record_id: int, operations: Sequence[Mapping[str, Any]], *, condition: str | None = None
    ) -> Entity:
        """Apply JSON Patch operations, `test` among them (2.2). `condition` is an Entity's `condition`.

        Raises PreconditionFailed when the record has changed (409, 412), NotFound when it is gone.
        """
        route = _route(entity)
        call = f"PATCH {route}"
        answer, response = await self.session.request(
            "PATCH",
            (route, record_id),
            call=call,
            json=[dict(operation) for operation in operations],
            content_type=JSON_PATCH,
            headers={"If-Unmodified-Since": condition} if condition else None,
        )
        if not isinstance(answer, dict) or as_int(answer.get(f"{route}Id")) is None:
            return await self.read(entity, record_id)
        return _entity(entity, answer, response, call, written=True)

    async def change(self, before: Entity, changes: Mapping[str, Scalar]) -> Entity:
        """Change fields by their paths, only if they and the record are still as in `before` (`changing.py`).

        Raises PreconditionFailed when they are not, FieldProblem and ValueTooLong before anything is sent.
        """
        return await change(self.fields, self._manners, self.read, self.patch, before, changes)

    async def custom_fields(self, entity: str) -> list[FieldInfo] | None:
        """The tenant's user-defined fields of an entity, None where it does not tell."""
        return await read_custom_fields(self.session, entity, _route(entity))

    async def is_owner_contact(self, contact_id: int) -> bool:
        """Whether a company is the CRM owner's own, which is never to be synchronized (2.4); asked of its persons."""
        where = (Where("contactId", "eq", contact_id),)
        rows = await self.archive.page(Query(provider_of("person"), (), where, top=1))
        for row in rows:
            person = await self.find("person", row.key)
            if person is not None:
                return bool(as_bool(member(person.data.get("Contact"), "IsOwnerContact")))
        return False

    async def missing_columns(self, entity: str) -> list[str] | None:
        """Columns we ask for that the tenant's archive does not have; None where it does not tell (3.1)."""
        provider = provider_of(entity)
        try:
            answer = await self.session.json(
                "GET", ("Archive", f"{provider.name}$metadata"), call=f"GET {provider.name} metadata"
            )
        except (NotFound, AccessDenied, ValidationFailed):
            return None
        known = {name.casefold() for name in _names(answer)}
        return [name for name in provider.columns if name.casefold() not in known] if known else None

    async def load_fields(self) -> FieldRegistry:
        """The field registry with the tenant's user-defined fields; from now on `fields` is it."""
        found = {name: await self.custom_fields(name) for name in ENTITIES}
        self.fields = FieldRegistry({name: infos for name, infos in found.items() if infos is not None})
        return self.fields

    async def record_url(self, entity: str, record_id: int) -> str:
        """The address that opens a record in the CRM's own client."""
        return record_url(await self.address.current(), entity, record_id)

    async def validate(self, entity: str, data: Mapping[str, Any]) -> dict[str, str]:
        """What the CRM finds wrong with an entity before it is saved: field → problem; empty when nothing is."""
        route = _route(entity)
        answer = await self.session.json(
            "POST", (route, "Validate"), call=f"POST {route}/Validate", json=dict(data), repeatable=True
        )
        return {str(name): str(problem) for name, problem in answer.items()} if isinstance(answer, dict) else {}

    async def search(self, entity: str, *where: Where, select: Sequence[str] = (), full: bool = False) -> list[Row]:
        """Every row of an entity's archive for which all restrictions hold."""
        query = Query(provider_of(entity), tuple(select), where, full=full)
        return [row async for rows in self.archive.pages(query) for row in rows]

    async def created_since(self, entity: str, since: datetime, *where: Where) -> list[Entity]:
        """What we ourselves have registered since a moment, read whole: the search after an unknown create."""
        provider = provider_of(entity)
        column = provider.registered or provider.changed or provider.key
        ours = (await self.principal()).associate_id
        found = []
        async for rows in self.archive.pages_since(Query(provider, (), where), column, since):
            for row in rows:
                candidate = await self.find(entity, row.key, foreign_keys=True)
                if candidate is not None and candidate.created_by in (ours, None):
                    found.append(candidate)
        return found


async def read_entity(session: Session, entity: str, record_id: int, *, foreign_keys: bool = False) -> Entity:
    """An entity as a session's user may see it, soft-deleted ones included; see `SuperOfficeClient.read`."""
    route = _route(entity)
    call = f"GET {route}"
    answer, response = await session.request(
        "GET", (route, record_id), call=call, query={"fk": "true"} if foreign_keys else None
    )
    if answer is None:
        raise NotFound(SYSTEM, call, status=response.status_code)
    found = _entity(entity, answer, response, call)
    if found.id != record_id:
        raise BadAnswer(SYSTEM, call, detail="it is another record")
    return found


async def read_principal(session: Session) -> Principal:
    """Who a session's credentials belong to."""
    call = "GET User/currentPrincipal"
    answer = await session.json("GET", ("User", "currentPrincipal"), call=call)
    associate = as_int(member(answer, "AssociateId"))
    if associate is None:
        raise BadAnswer(SYSTEM, call, detail="it names no associate")
    rights = member(answer, "FunctionRights")
    return Principal(
        associate_id=associate,
        login=str(member(answer, "Associate") or ""),
        full_name=str(member(answer, "FullName") or ""),
        person_id=as_int(member(answer, "PersonId")),
        contact_id=as_int(member(answer, "ContactId")),
        group_id=as_int(member(answer, "GroupId")),
        user_type=str(member(answer, "UserType") or ""),
        tenant=str(member(answer, "DatabaseContextIdentifier") or ""),
        function_rights=frozenset(str(right) for right in rights) if isinstance(rights, list) else frozenset(),
    )


def _names(metadata: Any) -> list[str]:
    """The columns' names, whether they are the answer, its `value` or its `Columns`."""
    for listed in (metadata, member(metadata, "value"), member(metadata, "Columns"), member(metadata, "columns")):
        if isinstance(listed, list):
            return [name for one in listed if isinstance(name := member(one, "Name"), str)]
    return []


def _route(entity: str) -> str:
    try:
        return ENTITIES[entity]
    except KeyError:
        raise UnknownName("entity", entity, "The CRM's client") from None


def _entity(name: str, answer: Any, response: httpx.Response, call: str, *, written: bool = False) -> Entity:
    record_id = as_int(member(answer, f"{ENTITIES[name]}Id"))
    if not isinstance(answer, dict) or not record_id:
        raise BadAnswer(SYSTEM, call, detail="it is no entity", status=response.status_code, effect_unknown=written)
    return Entity(name, record_id, answer, response.headers.get("last-modified"), written)
