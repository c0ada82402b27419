"""Whom an ERP tab is about, who may look at it, and who may change it. What an address says is a hint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from sounimicro_pipelines.panels.address import Address
from sounimicro_pipelines.panels.errors import BadRequest, Forbidden, NotFound, SystemDown
from sounimicro_pipelines.panels.signin.viewer import Viewer
from sounimicro_pipelines.panels.walls import viewer_of
from sounimicro_pipelines.panels.words import Words
from sounimicro_pipelines.store import Transaction, companies, links
from sounimicro_pipelines.store.companies import CompanyRow
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.addresses import CrmAddress

if TYPE_CHECKING:
    from sounimicro_pipelines.panels.app import Panels

PATHS = {"/panel/company": "contact", "/panel/person": "person", "/panel/project": "project"}
PANELS = {entity: path for path, entity in PATHS.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """One CRM record, as one viewer looks at it. `tenant` is ours, as the settings write it.

    `may_change`: whether the CRM lately said that the viewer may change it; requests ask anew.
    """

    panels: Panels
    address: Address
    words: Words
    viewer: Viewer
    tenant: str
    record: CrmAddress
    may_change: bool

    @property
    def by(self) -> str:
        """How runs and histories name the viewer."""
        return self.viewer.actor

    def sees(self, alias: str) -> bool:
        """Whether an ERP company is for this viewer."""
        return self.panels.walls.sees_company(self.viewer, alias)

    def companies(self, tx: Transaction) -> list[CompanyRow]:
        """The ERP companies in use that are for this viewer, by alias."""
        return [one for one in companies.all_companies(tx) if self.sees(one.alias)]

    def links(self, tx: Transaction, record: CrmAddress | None = None) -> list[tuple[Link, CompanyRow]]:
        """The record's links (or those of another record) into companies that are for this viewer, oldest first."""
        of = record or self.record
        rows = {one.company_key: one for one in companies.all_companies(tx, active_only=False) if self.sees(one.alias)}
        found = links.for_crm(tx, self.tenant, of.entity, of.id)
        return [(link, rows[link.company_key]) for link in found if link.company_key in rows]

    def at(self, **parts: object) -> str:
        """An address of this record's ERP tab."""
        return self.address.to(**{"tab": "erp", "party": None, **parts})

    def company(self, tx: Transaction) -> CompanyRow:
        """The ERP company that the address names. Raises BadRequest, NotFound."""
        alias = self.address.company
        if alias is None:
            raise BadRequest("no_place")
        found = companies.by_alias(tx, alias)
        if found is None or not found.active:
            raise NotFound("unknown_company")
        return found


async def case_of(request: Request, address: Address, words: Words, *, change: bool = False) -> Case:
    """The record that the address names, checked for this viewer, to be shown or with `change` to be changed.

    Raises BadRequest, Forbidden and SystemDown.
    """
    panels: Panels = request.app.state.panels
    viewer, entity = viewer_of(request), PATHS[address.path]
    await panels.walls.admit(request, address, entity)
    if address.crm is None:
        raise BadRequest("no_crm_record")
    tenant, record_id = address.crm
    return await admitted(request, words, address, viewer, tenant, CrmAddress(entity, record_id), change=change)


async def admitted(
    request: Request,
    words: Words,
    address: Address,
    viewer: Viewer,
    tenant: str,
    record: CrmAddress,
    *,
    change: bool,
) -> Case:
    """A record by its name, checked for this viewer. Raises Forbidden and SystemDown."""
    panels: Panels = request.app.state.panels
    ours = panels.settings.superoffice_tenant or ""
    if not ours:
        raise SystemDown("erp_not_set_up")
    if tenant.casefold() != ours.casefold():
        raise Forbidden("not_readable")
    await panels.walls.require_record(request, record.entity, record.id, tenant=tenant, change=change)
    may_change = viewer.is_local or (await panels.walls.access(request, record.entity, record.id)).may_update
    return Case(panels, address, words, viewer, ours, record, may_change)
