"""Calls within one ERP company: read, search, create, update, actions, and what the installation tells of itself.

Every call carries the key of the company that the client was made for, so that companies cannot mix.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import httpx

from sounimicro_pipelines.transport import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    Unavailable,
    VendorError,
    decode_json,
)
from sounimicro_pipelines.unimicro.answers import NO_CONTENT
from sounimicro_pipelines.unimicro.bodies import check_body
from sounimicro_pipelines.unimicro.companies import Company
from sounimicro_pipelines.unimicro.expressions import Expression, where
from sounimicro_pipelines.unimicro.model import entity as model_of
from sounimicro_pipelines.unimicro.model import walk_relations
from sounimicro_pipelines.unimicro.model_tables import NEVER_KEPT
from sounimicro_pipelines.unimicro.query import FilterIgnored, Query

if TYPE_CHECKING:
    from sounimicro_pipelines.unimicro.client import UnimicroClient

SYSTEM = "Unimicro"
Record: TypeAlias = dict[str, Any]
T = TypeVar("T")

_NEVER_KEPT = frozenset(NEVER_KEPT.values())
_NOT_OFFERED = frozenset({400, 401, 403, 404, 405, 501})
"""How installations answer an optional route that they do not have."""


class CompanyClient:
    """Calls within one ERP company."""

    def __init__(self, client: UnimicroClient, company: Company) -> None:
        self.client = client
        self.company = company
        self.clock = client.clock
        self.transport = client.new_transport()

    async def get(self, entity: str, record_id: int, *, expand: Sequence[str] = ()) -> Record:
        """One record, with its relations expanded. Raises NotFound, also when it is marked as deleted."""
        call = f"GET {model_of(entity).route}/ID"
        for path in expand:
            walk_relations(entity, path.split("."))
        params = {"hateoas": "false"}
        if expand:
            params["expand"] = ",".join(expand)
        answer = await self.send("GET", f"{_route(entity)}/{record_id}", call=call, params=params)
        record = _without(_record(answer, call))
        if str(record.get("ID")) != str(record_id):
            raise FilterIgnored(SYSTEM, call, status=200, detail="it is another record")
        if _is_deleted(record):
            raise NotFound(SYSTEM, call, status=200, detail="the record is deleted")
        return record

    async def find(self, query: Query) -> list[Record]:
        """At most `query.top` records, in the query's order, without deleted ones; re-checked against the filter."""
        return [row for row in await self._page(query) if not _is_deleted(row)]

    async def list_all(self, query: Query) -> AsyncIterator[Record]:
        """All records of the query in order of ID, page by page, without deleted ones; re-checked."""
        last = 0
        while True:
            rows = await self._page(query.after(last))
            if not rows:
                return
            for row in rows:
                if not _is_deleted(row):
                    yield row
            last = _last_id(rows, last, f"GET {query.route}")

    async def _page(self, query: Query) -> Sequence[Record]:
        call = f"GET {query.route}"

        def decode(response: httpx.Response) -> Sequence[Record]:
            rows = [] if response.status_code == NO_CONTENT else decode_json(response, call, SYSTEM)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise BadAnswer(SYSTEM, call, status=response.status_code, detail="it is no list of records")
            return [_without(row) for row in rows]

        rows = await self.exchange("GET", query.route, call=call, decode=decode, params=query.params())
        query.check(rows, SYSTEM)
        return rows

    async def create(self, entity: str, body: Mapping[str, Any], *, guid: str | uuid.UUID) -> Record:
        """Create a record; `guid` makes a repeat fail instead of making a second one (reference, 5.2).

        Answers the record as the ERP returned it; it always has its ID. Raises ValidationFailed, and errors with
        `effect_unknown` when the record may exist all the same.
        """
        check_body(entity, body, update=False)
        call = f"POST {model_of(entity).route}"
        answer = await self.send(
            "POST",
            _route(entity),
            call=call,
            params={"hateoas": "false"},
            json={**body, "_createguid": str(guid)},
            headers=self._year(),
        )
        record = _record(answer, call)
        if not record.get("ID"):
            raise BadAnswer(SYSTEM, call, detail="it does not tell the new record's ID", effect_unknown=True)
        return _without(record)

    async def update(
        self, entity: str, record_id: int, body: Mapping[str, Any], *, whole: bool = False
    ) -> Record | None:
        """Write the fields in `body` (and children by their ID, new ones with `_createguid`); others stay untouched.

        `whole`: the body holds objects as they were read, with what the ERP alone sets. Answers the record as the ERP
        returned it, None when it returned none. Raises as `create`.
        """
        check_body(entity, body, update=True, whole=whole)
        call = f"PUT {model_of(entity).route}/ID"
        answer = await self.send(
            "PUT",
            f"{_route(entity)}/{record_id}",
            call=call,
            params={"hateoas": "false"},
            json={**body, "ID": record_id},
            headers=self._year(),
        )
        return _without(answer) if isinstance(answer, dict) else None

    async def action(
        self,
        method: Literal["GET", "POST", "PUT"],
        entity: str,
        name: str,
        *,
        record_id: int | None = None,
        params: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Any:
        """An action of an entity or a record (reference, 5.3). The verb differs per action.

        Raises ValueError for one that would send something to a customer.
        """
        model = model_of(entity)
        if name.lower().startswith(("distribute", "send")):
            raise ValueError(f"the action {name} sends something to a customer")
        path = _route(entity) if record_id is None else f"{_route(entity)}/{record_id}"
        return await self.send(
            method,
            path,
            call=f"{method} {model.route}?action={name}",
            params={"action": name, **(params or {})},
            json=body,
            headers=self._year() if method != "GET" else None,
        )

    async def current_user(self) -> Record | None:
        """The user that the token stands for, None where the installation does not tell."""
        return await self._optional_record("users?action=current-session", "users", {"action": "current-session"})

    async def audit(self, entity: str, record_id: int, *, since: datetime | None = None) -> list[Record] | None:
        """Changes of one record, field by field, oldest first; None where there is no audit log (reference, 4.3)."""
        concerned: Expression = where("EntityType").eq(entity) & where("EntityID").eq(record_id)
        if since is not None:
            concerned = concerned & where("CreatedAt").gt(since)
        try:
            return [row async for row in self.list_all(Query("AuditLog", concerned, top=500))]
        except VendorError as error:
            if error.status in _NOT_OFFERED or isinstance(error, FilterIgnored):
                return None
            raise

    async def fields_of(self, entity: str) -> set[str] | None:
        """Field names by the installation's own metadata, None where it does not tell (reference, 1.1)."""
        try:
            answer = await self.send("GET", f"/api/metadata/{entity}/types", call="GET metadata", root="")
        except VendorError as error:
            if error.status in _NOT_OFFERED:
                return None
            raise
        if isinstance(answer, dict):
            inner = answer.get("Fields") or answer.get("Properties") or answer
            return set(inner) if isinstance(inner, dict) else _names(inner)
        return _names(answer)

    async def _optional_record(self, call: str, path: str, params: Mapping[str, str]) -> Record | None:
        try:
            answer = await self.send("GET", path, call=f"GET {call}", params=params)
        except VendorError as error:
            if error.status in _NOT_OFFERED:
                return None
            raise
        return answer if isinstance(answer, dict) else None

    async def send(self, method: str, path: str, *, call: str, root: str = "/api/biz/", **parts: Any) -> Any:
        """Any call within the company, its answer decoded; `root` is put before the path."""
        return await self.exchange(
            method, path, call=call, root=root, decode=lambda response: decode_json(response, call, SYSTEM), **parts
        )

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        call: str,
        decode: Callable[[httpx.Response], T],
        root: str = "/api/biz/",
        headers: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> T:
        """Any call within the company, its answer as `decode` reads it."""
        tokens = await self.client.token_source()
        return await self.transport.exchange(
            method,
            f"{self.client.settings.api_url}{root}{path}",
            call=call,
            decode=decode,
            headers={**(headers or {}), "CompanyKey": self.company.key},
            authorize=tokens.authorizer(),
            **parts,
        )

    async def explain_refusal(self, error: AuthenticationFailed | NotFound, *, optional: bool) -> VendorError:
        """What a 401 or 404 on a list means: the ERP gives both for a route that it does not have (reference, 5.4).

        Answers the error to raise: the credentials' own when they are refused everywhere, else that the route is
        missing: Unavailable where we can do without, NotFound with a remedy where we cannot.
        """
        if isinstance(error, AuthenticationFailed):
            try:
                usable = await self.client.companies()
            except VendorError:
                return error
            if self.company.key.lower() not in {one.key.lower() for one in usable}:
                return AccessDenied(
                    SYSTEM,
                    error.call,
                    status=error.status,
                    detail=f"the client may not use the company «{self.company.alias}»",
                    remedy="Check SOUNIMICRO_COMPANIES, and that the company has activated the integration.",
                )
        if optional:
            return Unavailable(SYSTEM, error.call, status=error.status)
        return NotFound(
            SYSTEM,
            error.call,
            status=error.status,
            detail="the ERP does not know this address, or not this company",
            remedy="Check UNIMICRO_API_URL and the CompanyKey, and that the client has the scope and licence for it.",
        )

    def _year(self) -> dict[str, str]:
        """The financial year by which the ERP chooses number series on writes (reference, 1.3)."""
        return {"Year": str(self.clock.today().year)}


def _route(entity: str) -> str:
    route = model_of(entity).route
    if not route:
        raise ValueError(f"{entity} has no route of its own")
    return route


def _record(answer: Any, call: str) -> Record:
    if not isinstance(answer, dict):
        raise BadAnswer(SYSTEM, call, detail="it is no record", effect_unknown=not call.startswith("GET"))
    return answer


def _without(record: Record) -> Record:
    for name in _NEVER_KEPT & record.keys():
        del record[name]
    for value in record.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                _without(part)
    return record


def _is_deleted(row: Mapping[str, Any]) -> bool:
    return str(row.get("Deleted")).lower() in ("true", "1")


def _last_id(rows: Sequence[Mapping[str, Any]], last: int, call: str) -> int:
    try:
        found = int(rows[-1].get("ID") or 0)
    except (TypeError, ValueError):
        found = 0
    if found <= last:
        raise FilterIgnored(SYSTEM, call, status=200, detail="the rows do not go on")
    return found


def _names(rows: Any) -> set[str] | None:
    if not isinstance(rows, list):
        return None
    names = {row if isinstance(row, str) else row.get("Name") or row.get("FieldName") for row in rows}
    return {str(name) for name in names if name} or None
