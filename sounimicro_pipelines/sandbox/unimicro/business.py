"""The business routes `/api/biz/{route}[/{id}]`: finds entity and operation, and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from sounimicro_pipelines.sandbox.unimicro import links
from sounimicro_pipelines.sandbox.unimicro.actions import NO_CONTENT
from sounimicro_pipelines.sandbox.unimicro.model import BY_ROUTE, ENTITIES, EntityDef
from sounimicro_pipelines.sandbox.unimicro.query import Ignored
from sounimicro_pipelines.sandbox.unimicro.replies import Refused, answer, json_body
from sounimicro_pipelines.sandbox.unimicro.store import API_USER, Row

if TYPE_CHECKING:
    from sounimicro_pipelines.sandbox.unimicro.server import Company, ErpServer

_NOT_FOUND = {"Message": "No HTTP resource was found that matches the request URI"}
_OPTIONAL_ENTITIES = frozenset({"AuditLog"})


class Business:
    """Handles `/api/biz`. One instance serves all companies of a server."""

    def __init__(self, server: ErpServer) -> None:
        self.server = server

    async def handle(self, request: Request) -> Response:
        company = self.server.company_of(request)
        body = await request.body()
        entity, row_id, rest = self._target(request.path_params["route"])
        if self.server.options.is_denied(company.facts.key, entity.name):
            raise Refused(403, {"Message": f"You do not have permission to access {entity.name}"})
        if entity.name in _OPTIONAL_ENTITIES and not self.server.options.audit:
            raise Refused(404, _NOT_FOUND)
        self.server.before_request(request.method, request.url.path)
        with company.store.lock:
            return self._serve(request, company, entity, row_id, rest, body)

    def _serve(
        self, request: Request, company: Company, entity: EntityDef, row_id: int | None, rest: list[str], body: bytes
    ) -> Response:
        parameters = dict(request.query_params)
        action = next((value for name, value in parameters.items() if name.lower() == "action"), None)
        if request.method == "GET" and action is not None:
            return self._question(company, entity, row_id, action, parameters)
        if request.method == "GET":
            if rest:
                return self._sub_route(company, entity, row_id, rest, parameters)
            return self._read(company, entity, row_id, parameters)
        company.trail.request = f"{request.method} {request.url.path}" + (f"?action={action}" if action else "")
        before = self.server.journal.mark()
        try:
            response = self._write(request.method, company, entity, row_id, action, parameters, json_body(body))
        except Refused as refusal:
            company.trail.refused(entity.name, row_id or 0, refusal.status)
            raise
        finally:
            company.trail.request = ""
        if self.server.journal.mark() == before:
            company.trail.untouched(entity.name, row_id or 0)
        return response

    def _write(
        self,
        method: str,
        company: Company,
        entity: EntityDef,
        row_id: int | None,
        action: str | None,
        parameters: dict[str, str],
        payload: Any,
    ) -> Response:
        actions, writer = company.actions, company.writer
        if action is not None and method == "POST" and row_id is not None:
            return self._result(company, entity, actions.move(entity, row_id, action, API_USER))
        if action is not None and method == "PUT":
            result = actions.command(entity, row_id, action, parameters, payload, API_USER)
            return self._result(company, entity, result)
        if action is not None:
            raise Refused(404, _NOT_FOUND)
        if method in entity.verbs:
            if method == "POST" and row_id is None:
                row = writer.create(entity, payload, API_USER)
                return answer(self._saved(company, entity, row, payload), 201)
            if method == "PUT" and row_id is not None:
                row = writer.update(entity, row_id, payload, API_USER)
                return answer(self._saved(company, entity, row, payload))
            if method == "DELETE" and row_id is not None:
                writer.delete(entity, row_id, API_USER)
                return Response(status_code=204)
        raise Refused(405, {"Message": f"The requested resource does not support http method '{method}'."})

    def _saved(self, company: Company, entity: EntityDef, row: Row, payload: Any) -> dict[str, Any]:
        """A saved record with the relations that the payload carried."""
        return company.query.one(entity, row, {"expand": ",".join(_relations(entity, payload))})

    def _result(self, company: Company, entity: EntityDef, result: Any) -> Response:
        if result is NO_CONTENT:
            return Response(status_code=204)
        if isinstance(result, list):
            return answer([company.query.render(entity, row) for row in result])
        if result.get("InvoiceType") is not None:
            return answer(company.query.one(ENTITIES["CustomerInvoice"], result, {"expand": "Items"}))
        return answer(company.query.render(entity, result))

    def _question(
        self, company: Company, entity: EntityDef, row_id: int | None, action: str, parameters: dict[str, str]
    ) -> Response:
        if entity.name == "File" and action.lower() == "download":
            row = company.store.get("File", row_id)
            if row is None:
                raise Refused(404, _NOT_FOUND)
            key = company.facts.key
            return answer(f"{self.server.files_url}/api/download?id={row['StorageReference']}&key={key}")
        if action.lower() == "current-session" and not self.server.options.metadata:
            raise Refused(404, _NOT_FOUND)
        result = company.actions.question(entity, row_id, action, parameters)
        if isinstance(result, list):
            return answer([company.query.render(entity, row) for row in result])
        return answer(result["data"] if set(result) == {"data"} else company.query.render(entity, result))

    def _target(self, path: str) -> tuple[EntityDef, int | None, list[str]]:
        """The entity a path means, the id in it, and what follows. Raises Refused."""
        parts = [part for part in path.split("/") if part]
        entity = BY_ROUTE.get(parts[0].lower()) if parts else None
        if entity is None:
            raise Refused(self.server.options.unknown_path_status, _NOT_FOUND)
        if len(parts) == 1:
            return entity, None, []
        if parts[1].isdigit():
            return entity, int(parts[1]), parts[2:]
        return entity, None, parts[1:]

    def _read(self, company: Company, entity: EntityDef, row_id: int | None, parameters: dict[str, str]) -> Response:
        if parameters.get("filter") == "":
            raise Refused(500, {"Message": "An error has occurred."})
        asked = parameters.get("hateoas", str(self.server.options.links_unasked))
        hateoas = asked.lower() == "true"
        try:
            if row_id is not None:
                row = company.store.get(entity.name, row_id)
                if row is None:
                    raise Refused(404, _NOT_FOUND)
                record = company.query.one(entity, row, parameters)
                return answer(links.add(entity, row, record, self.server.api_url) if hateoas else record)
            rows, total = company.query.page(entity, parameters)
        except Ignored as problem:
            raise Refused(400, {"Message": str(problem)}) from None
        if hateoas:
            store = company.store
            rows = [
                links.add(entity, store.get(entity.name, row["ID"]) or {}, row, self.server.api_url) for row in rows
            ]
        return answer(rows, headers={"count": str(total)} if "top" in parameters else None)

    def _sub_route(
        self, company: Company, entity: EntityDef, row_id: int | None, rest: list[str], parameters: dict[str, str]
    ) -> Response:
        """`files/{type}/{id}`, `contacts/{id}/addresses`, `accounts/{id}/subaccounts`, `orderitems/{id}/tracelinks`."""
        store = company.store
        found: list[dict[str, Any]]
        match entity.name, row_id, rest:
            case "File", None, [kind, number] if number.isdigit():
                files = [
                    store.get("File", link["FileID"])
                    for link in store.find("FileEntityLink", EntityID=int(number))
                    if link["EntityType"].lower() == kind.lower()
                ]
                target, found = entity, [file for file in files if file and not file.get("Deleted")]
            case "Contact", int(), ["addresses"]:
                contact = store.get("Contact", row_id)
                target = ENTITIES["Address"]
                found = store.find("Address", BusinessRelationID=contact.get("InfoID")) if contact else []
            case "Account", int(), ["subaccounts"]:
                target, found = entity, store.find("Account", AccountID=row_id)
            case "CustomerOrderItem", int(), ["tracelinks"]:
                target = ENTITIES["Tracelink"]
                found = store.find("Tracelink", SourceInstanceID=row_id, SourceEntityName="CustomerOrderItem")
            case _:
                raise Refused(self.server.options.unknown_path_status, _NOT_FOUND)
        return answer([company.query.one(target, row, parameters) for row in found])


def _relations(entity: EntityDef, payload: Any, prefix: str = "") -> list[str]:
    """Paths of the relations that a payload carries objects for."""
    if not isinstance(payload, dict):
        return []
    paths = []
    for name, value in payload.items():
        relation = entity.relation(name)
        if relation is None or not value:
            continue
        path = f"{prefix}{relation.name}"
        paths.append(path)
        target = ENTITIES[relation.target]
        for child in value if isinstance(value, list) else [value]:
            paths += _relations(target, child, f"{path}.")
    return list(dict.fromkeys(paths))
