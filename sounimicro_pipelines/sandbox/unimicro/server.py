"""The simulated ERP as a whole: its companies, its options, and its HTTP face."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.sandbox.journal import WriteJournal
from sounimicro_pipelines.sandbox.keys import SandboxKeys
from sounimicro_pipelines.sandbox.unimicro import web_client
from sounimicro_pipelines.sandbox.unimicro.accounts import Books
from sounimicro_pipelines.sandbox.unimicro.actions import Actions
from sounimicro_pipelines.sandbox.unimicro.business import Business
from sounimicro_pipelines.sandbox.unimicro.events import Announcer, Deliverer
from sounimicro_pipelines.sandbox.unimicro.identity import Identity, TokenRefused
from sounimicro_pipelines.sandbox.unimicro.model import ENTITIES
from sounimicro_pipelines.sandbox.unimicro.options import ErpOptions
from sounimicro_pipelines.sandbox.unimicro.query import Query
from sounimicro_pipelines.sandbox.unimicro.replies import Refused, answer, unauthorized
from sounimicro_pipelines.sandbox.unimicro.sales import Sales
from sounimicro_pipelines.sandbox.unimicro.services import Services
from sounimicro_pipelines.sandbox.unimicro.statistics import Statistics
from sounimicro_pipelines.sandbox.unimicro.store import CompanyStore
from sounimicro_pipelines.sandbox.unimicro.trail import Trail
from sounimicro_pipelines.sandbox.unimicro.writes import Writer
from sounimicro_pipelines.sandbox.world.register import ErpCompany


@dataclass
class Company:
    """One company with its rows and everything that reads and writes them."""

    id: int
    facts: ErpCompany
    store: CompanyStore
    query: Query
    statistics: Statistics
    writer: Writer
    actions: Actions
    trail: Trail

    def listing(self, spelling: str) -> dict[str, Any]:
        """The entry in the companies list."""
        name = "CompanyName" if spelling == "CompanyKey" else "Name"
        return {
            "ID": self.id,
            spelling: self.facts.key,
            name: self.facts.name,
            "OrganizationNumber": self.facts.org_number,
            "ClientNumber": self.id,
            "IsTest": self.facts.is_test,
            "IsTemplate": False,
            "IsGlobalTemplate": False,
            "StatusCode": 10,
            "FileFlowEmail": None,
            "LastActivity": None,
        }


@dataclass(slots=True)
class Interposed:
    """Something that happens just before a request that matches is served."""

    method: str
    path: re.Pattern[str]
    action: Callable[[], None]
    times: int


@dataclass
class ErpServer:
    """Everything the ERP's HTTP face needs. `urls` is filled in when the ports are known."""

    keys: SandboxKeys
    clock: Clock
    journal: WriteJournal
    client_id: str
    options: ErpOptions = field(default_factory=ErpOptions)
    companies: dict[str, Company] = field(default_factory=dict)
    api_url: str = ""
    identity_url: str = ""
    files_url: str = ""
    identity: Identity = field(init=False)
    deliverer: Deliverer = field(init=False)
    interposed: list[Interposed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deliverer = Deliverer(self.options, lambda: int(self.clock.now().timestamp()))

    def start(self, api_url: str, identity_url: str, files_url: str) -> None:
        """Tells the server under which addresses it is reached."""
        self.api_url, self.identity_url, self.files_url = api_url, identity_url, files_url
        self.identity = Identity(identity_url, api_url, self.client_id, self.keys, self.clock, self.options)

    def add_company(self, facts: ErpCompany, store: CompanyStore) -> Company:
        """Makes a company known under its key."""
        query = Query(store, self.options.query)
        books = Books(store)
        writer = Writer(store, books, Sales(store, books), put_clears_omitted=self.options.put_clears_omitted)
        trail = Trail(store, self.journal, self.client_id)
        Announcer(store, self.deliverer, lambda entity, row: query.render(ENTITIES[entity], row))
        company = Company(4020 + facts.index, facts, store, query, Statistics(store), writer, Actions(writer), trail)
        self.companies[facts.key.lower()] = company
        return company

    def before_request(self, method: str, path: str) -> None:
        """Lets happen what was interposed before this request."""
        for waiting in list(self.interposed):
            if waiting.method == method and waiting.times > 0 and waiting.path.search(path):
                waiting.times -= 1
                waiting.action()

    def company_of(self, request: Request) -> Company:
        """The company that a request names in its CompanyKey header. Raises Refused."""
        key = request.headers.get("companykey", "").strip().lower()
        if not key:
            raise Refused(400, {"Message": "CompanyKey header is missing"})
        company = self.companies.get(key)
        if company is None or key in {denied.lower() for denied in self.options.no_company_access}:
            raise Refused(403, {"Message": "You do not have access to this company"})
        return company

    def application(self) -> Starlette:
        """The ASGI application of API, identity and files in one."""
        business, services = Business(self), Services(self)
        anything = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        routes = [
            Route("/", web_client.screen),
            Route("/identity/.well-known/openid-configuration", self._discovery),
            Route("/identity/.well-known/openid-configuration/jwks", self._jwks),
            Route("/identity/connect/token", self._token, methods=["POST"]),
            Route("/api/endpoints", self._endpoints),
            Route("/api/init/companies", self._guarded(self._companies)),
            Route("/api/biz/{route:path}", self._guarded(business.handle), methods=anything),
            Route("/api/statistics", self._guarded(services.statistics)),
            Route("/api/metadata/allmodels", self._guarded(services.all_models)),
            Route("/api/metadata/{model}/types", self._guarded(services.model_types)),
            Route("/api/metadata/{model}/new", self._guarded(services.new_entity)),
            Route("/files/api/download", self._guarded(services.download)),
            Route("/{rest:path}", self._guarded(self._unknown), methods=anything),
        ]
        return Starlette(routes=routes)

    async def _discovery(self, request: Request) -> Response:
        return answer(self.identity.discovery())

    async def _jwks(self, request: Request) -> Response:
        return answer(self.identity.jwks())

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        try:
            return answer(self.identity.token({name: str(value) for name, value in form.items()}))
        except TokenRefused as problem:
            return answer({"error": problem.error}, 400)

    async def _endpoints(self, request: Request) -> Response:
        if not self.options.endpoints_published:
            return answer({"Message": "Not found"}, 404)
        return answer(
            {
                "AppFramework": self.api_url,
                "Identity": self.identity_url,
                "Files": self.files_url,
                "Job": f"{self.api_url}/job",
                "Integration": f"{self.api_url}/integration",
                "License": f"{self.api_url}/license",
                "Frontend": self.api_url,
                "SignalR": "",
            }
        )

    async def _companies(self, request: Request) -> Response:
        hidden = {key.lower() for key in self.options.no_company_access}
        return answer(
            [
                company.listing(self.options.company_spelling)
                for key, company in self.companies.items()
                if key not in hidden
            ]
        )

    async def _unknown(self, request: Request) -> Response:
        if self.options.unknown_path_status == 401:
            return unauthorized()
        return answer({"Message": "No HTTP resource was found that matches the request URI"}, 404)

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """A handler behind the token check, with refusals turned into answers."""

        async def guarded(request: Request) -> Response:
            if not self.identity.accepts(request.headers.get("authorization")):
                return unauthorized()
            try:
                return await handler(request)
            except Refused as refusal:
                return answer(refusal.body, refusal.status)

        return guarded
