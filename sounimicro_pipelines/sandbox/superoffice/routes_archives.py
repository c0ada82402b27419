"""Searching (section 3): the entities' own lists, `/Archive/…`, sub-archives of a record, the dynamic archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from sounimicro_pipelines.sandbox.superoffice.archives import Archives, Page, Query
from sounimicro_pipelines.sandbox.superoffice.dynamic import DynamicArchive
from sounimicro_pipelines.sandbox.superoffice.errors import not_found
from sounimicro_pipelines.sandbox.superoffice.fields import ENTITIES
from sounimicro_pipelines.sandbox.superoffice.providers import Provider
from sounimicro_pipelines.sandbox.superoffice.rights import READ, mask_number
from sounimicro_pipelines.sandbox.superoffice.routing import Answer, Call, Router
from sounimicro_pipelines.sandbox.superoffice.state import CrmState
from sounimicro_pipelines.sandbox.superoffice.tables import Row

_PROVIDER_OF = {"contact": "simplecontact", "person": "person", "project": "findproject"}


class ArchiveRoutes:
    """The archive routes of one tenant."""

    def __init__(self, state: CrmState) -> None:
        self.state = state
        self.archives = Archives(state.db, state.options, state.user_fields, self._visible, self._mask)
        self.dynamic = DynamicArchive(state.db, state.options)

    def add_routes(self, router: Router) -> None:
        for table, provider in _PROVIDER_OF.items():
            router.add("GET", ENTITIES[table].name, self._list(self.archives.providers[provider]))
        router.add("GET", "Contact/{id:int}/Persons", self._persons)
        router.add("GET", "Contact/{id:int}/Projects", self._projects)
        router.add("GET", "Project/{id:int}/ProjectMembers", self._members)
        router.add("GET", "Archive/dynamic", self._dynamic)
        router.add("GET", "Archive/{provider}$metadata", self._metadata)
        router.add("GET", "Archive/{provider}", self._archive)

    def _visible(self, associate_id: int, table: str, key: int) -> bool:
        return self.state.sentry.may(self.state.db, associate_id, table, key, READ)

    def _mask(self, associate_id: int, table: str, key: int) -> int:
        return mask_number(self.state.sentry.rights(self.state.db, associate_id, table, key))

    def _provider(self, name: str) -> Provider:
        found = self.archives.providers.get(name.lower())
        if found is None:
            raise not_found(f"archive provider '{name}'")
        return found

    def _list(self, provider: Provider) -> Callable[[Call], Answer]:
        return lambda call: self._run(call, provider)

    def _archive(self, call: Call) -> Answer:
        return self._run(call, self._provider(call.text("provider")))

    def _metadata(self, call: Call) -> Answer:
        provider = self._provider(call.text("provider"))
        return Answer({"Name": provider.name, "Columns": self.archives.metadata(provider)})

    def _run(self, call: Call, provider: Provider, within: Callable[[Row], bool] | None = None) -> Answer:
        query = Query.from_parameters(call.query)
        page = self.archives.run(provider, query, call.manner, call.moment, within)
        return self._page(call, query, page)

    def _dynamic(self, call: Call) -> Answer:
        if not self.state.options.dynamic_archive:
            raise not_found("archive provider 'dynamic'")
        query = Query.from_parameters(call.query)
        return self._page(call, query, self.dynamic.run(query, call.manner, call.moment))

    def _page(self, call: Call, query: Query, page: Page) -> Answer:
        call.read(len(page.rows))
        following = None
        if page.more:
            options = {**call.query, "$skip": str(query.skip + (query.top or self.state.options.default_top))}
            following = f"{call.base}/{call.path.partition('/api/')[1].strip('/')}/{call.path.partition('/api/')[2]}"
            following += "?" + urlencode(options)
        body: dict[str, Any] = {
            "odata.metadata": f"{call.base}/api/v1/Archive/$metadata",
            "odata.nextLink": following,
            "value": page.rows,
        }
        return Answer(body)

    def _persons(self, call: Call) -> Answer:
        key = call.number("id")
        self.state.records.get(ENTITIES["contact"], key)
        return self._run(call, self._provider("person"), lambda row: row["contact_id"] == key)

    def _projects(self, call: Call) -> Answer:
        key = call.number("id")
        self.state.records.get(ENTITIES["contact"], key)
        members = self.state.db["projectmember"].where("contact_id", key)
        projects = {row["project_id"] for row in members}
        return self._run(call, self._provider("findproject"), lambda row: row["project_id"] in projects)

    def _members(self, call: Call) -> Answer:
        key = call.number("id")
        self.state.records.get(ENTITIES["project"], key)
        members = {row["person_id"] for row in self.state.db["projectmember"].where("project_id", key)}
        return self._run(call, self._provider("person"), lambda row: row["person_id"] in members)
