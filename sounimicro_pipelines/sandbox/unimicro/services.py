"""The API beside the business routes: statistics, model metadata, and the files service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from sounimicro_pipelines.sandbox.unimicro.documents import content_of
from sounimicro_pipelines.sandbox.unimicro.model import BY_LOWER_NAME, ENTITIES, EntityDef
from sounimicro_pipelines.sandbox.unimicro.replies import Refused, answer
from sounimicro_pipelines.sandbox.unimicro.statistics import StatisticsError

if TYPE_CHECKING:
    from sounimicro_pipelines.sandbox.unimicro.server import ErpServer

_TYPES = {"i": "Int32", "n": "Decimal", "s": "String", "b": "Boolean", "d": "LocalDate", "dt": "DateTime"}


class Services:
    """Handles everything that is company-scoped and not `/api/biz`."""

    def __init__(self, server: ErpServer) -> None:
        self.server = server

    async def statistics(self, request: Request) -> Response:
        """GET /api/statistics."""
        company = self.server.company_of(request)
        parameters = dict(request.query_params)
        wrapped = self.server.options.wrap_always or parameters.get("wrap", "true").lower() != "false"
        entity = BY_LOWER_NAME.get(parameters.get("model", "").lower())
        if entity is not None and self.server.options.is_denied(company.facts.key, entity.name):
            raise Refused(403, {"Message": f"You do not have permission to access {entity.name}"})
        try:
            if entity is not None and entity.name == "AuditLog" and not self.server.options.audit:
                raise StatisticsError(f"Model '{parameters['model']}' not found")
            with company.store.lock:
                rows, total = company.statistics.run(parameters)
        except StatisticsError as problem:
            if wrapped:
                return answer({"Data": None, "Success": False, "Message": str(problem)})
            return answer(str(problem), 400)
        headers = {}
        if parameters.get("top", "").isdigit():
            skip = int(parameters["skip"]) if parameters.get("skip", "").isdigit() else 0
            headers["count"] = str(max(0, total - skip))
        if wrapped:
            body = {"Data": rows, "Success": True, "Message": None, "Columns": [], "Count": total}
            return answer(body, headers=headers)
        return answer(rows, headers=headers)

    async def all_models(self, request: Request) -> Response:
        """GET /api/metadata/allmodels."""
        self._metadata(request)
        return answer([self._model(entity) for entity in ENTITIES.values()])

    async def model_types(self, request: Request) -> Response:
        """GET /api/metadata/{Model}/types: field name → type."""
        entity = self._metadata(request)
        return answer({field.name: _TYPES[field.type] for field in entity.fields.values()})

    async def new_entity(self, request: Request) -> Response:
        """GET /api/metadata/{model}/new: an empty entity with defaults."""
        return answer({**self._metadata(request).blank, "ID": 0})

    def _metadata(self, request: Request) -> EntityDef:
        self.server.company_of(request)
        if not self.server.options.metadata:
            raise Refused(self.server.options.unknown_path_status, {"Message": "Not found"})
        entity = BY_LOWER_NAME.get(request.path_params.get("model", "customer").lower())
        if entity is None:
            raise Refused(404, {"Message": "Not found"})
        return entity

    def _model(self, entity: EntityDef) -> dict[str, Any]:
        return {
            "Name": entity.name,
            "Route": entity.route,
            "Fields": {
                field.name: {"Name": field.name, "Type": _TYPES[field.type], "MaxLength": field.length or None}
                for field in entity.fields.values()
            },
            "Relations": [
                {"Name": relation.name, "RelatedModel": relation.target, "Multiple": relation.kind == "many"}
                for relation in entity.relations.values()
            ],
        }

    async def download(self, request: Request) -> Response:
        """GET {files}/api/download?id={StorageReference}; the company key travels as `key` or in the header `Key`."""
        key = (request.query_params.get("key") or request.headers.get("key") or "").lower()
        hidden = {denied.lower() for denied in self.server.options.no_company_access}
        company = self.server.companies.get(key)
        if company is None or key in hidden:
            raise Refused(403, {"Message": "You do not have access to this company"})
        with company.store.lock:
            found = content_of(company.store, request.query_params.get("id", ""))
        if found is None:
            raise Refused(404, {"Message": "The file was not found"})
        file, content = found
        manner = "inline" if request.query_params.get("attachment", "").lower() == "false" else "attachment"
        return Response(
            content,
            media_type=file["ContentType"],
            headers={"content-disposition": f"{manner}; filename*=UTF-8''{quote(file['Name'])}"},
        )
